//! What an agent's stream tells: the facts its supervisor and its policies live by.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{
    Capability, Cost, Delegation, DelegationId, GoalId, Json, Lesson, PolicyFact, PolicyRuling, Refusal, Report,
    Settlement, TaskId, Timestamp, Tried, Usage, Verdict, outcome::RevokeReason,
};

/// What an agent's stream tells: the facts its supervisor and its policies live by.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub enum AgentFact {
    /// The policies and settings that bind from here on; the first fact of an incarnation.
    Stack {
        /// The names of the policies, in order.
        policies: Vec<String>,
        /// Their settings.
        settings: Json,
        /// What the agent can do.
        capabilities: Vec<Capability>,
        /// How many run at once.
        seats: u32,
        /// Counted from 0: how often the supervisor was started before.
        incarnation: u32,
    },
    /// A delegation was let in, with its mandate as narrowed.
    Admitted {
        /// The delegation.
        delegation: Arc<Delegation>,
    },
    /// Policies took something away from what a delegation asked for; it is let in with what is left.
    Narrowed {
        /// Which delegation.
        delegation: DelegationId,
        /// The rulings that took something away.
        rulings: Vec<PolicyRuling>,
    },
    /// A delegation was turned away at the door. One that found it merely full is not told one by one.
    TurnedAway {
        /// Which delegation.
        delegation: DelegationId,
        /// The task it was for.
        task: TaskId,
        /// What it was told.
        refusal: Refusal,
        /// What each policy ruled that did not simply let it pass.
        rulings: Vec<PolicyRuling>,
    },
    /// A seat began.
    Started {
        /// Which delegation.
        delegation: DelegationId,
        /// Which seat, from 1.
        seat: u32,
    },
    /// A seat waits for the children of its delegation; its permit is given back.
    Parked {
        /// Which delegation.
        delegation: DelegationId,
    },
    /// A parked seat goes on.
    Resumed {
        /// Which delegation.
        delegation: DelegationId,
    },
    /// The agent asked for a part of its work to be done by somebody else and was refused.
    PartRefused {
        /// In which delegation.
        delegation: DelegationId,
        /// The name it gave the part.
        name: TaskId,
        /// What it was told.
        refusal: Refusal,
    },
    /// The agent gave its task away: the part's result will be the task's, and its own report is refused.
    Transferred {
        /// In which delegation.
        delegation: DelegationId,
        /// The name of the part that the task became.
        name: TaskId,
    },
    /// Work was told to stop: grace runs, then the seat is killed.
    Ceasing {
        /// Which delegation.
        delegation: DelegationId,
        /// Why.
        why: CeaseReason,
    },
    /// A tool call was let through.
    ToolCalled {
        /// In which delegation.
        delegation: DelegationId,
        /// Which tool.
        tool: String,
        /// The permission it needed.
        needs: String,
        /// Which call of the attempt, from 1; 0 where version 1 did not count.
        call: u32,
    },
    /// A tool call came back. One that is stopped with its attempt does not.
    ToolReturned {
        /// In which delegation.
        delegation: DelegationId,
        /// Which call of the attempt, from 1.
        call: u32,
        /// Whether the tool failed.
        failed: bool,
    },
    /// The agent says how far it is.
    Progressed {
        /// In which delegation.
        delegation: DelegationId,
        /// What it says.
        note: String,
    },
    /// The agent keeps something for its next attempt.
    Checkpointed {
        /// In which delegation.
        delegation: DelegationId,
        /// What it keeps.
        state: Json,
    },
    /// Something was consumed before the report.
    Charged {
        /// By which delegation.
        delegation: DelegationId,
        /// How much.
        usage: Usage,
        /// The same in money.
        cost: Cost,
    },
    /// A report came back: it has no verdict yet.
    Reported {
        /// Of which delegation.
        delegation: DelegationId,
        /// What came back.
        report: Arc<Report>,
    },
    /// Verification has found something.
    Examined {
        /// Of which delegation.
        delegation: DelegationId,
        /// What was found; `None` where no check was asked.
        verdict: Option<Verdict>,
        /// Counted from 1: an abstention is examined once more.
        round: u32,
    },
    /// The one settlement of an admission, with its lessons.
    Settled {
        /// What it settles, and how.
        settlement: Arc<Settlement>,
    },
    /// The goal ended: its settlements need not be told again.
    Forgotten {
        /// Which goal.
        goal: GoalId,
    },
    /// A seat started.
    SeatStarted {
        /// Which, from 1.
        seat: u32,
        /// Whether it replaces one that went down.
        restart: bool,
    },
    /// A seat went down.
    SeatDown {
        /// Which, from 1.
        seat: u32,
        /// What it was carrying.
        delegation: Option<DelegationId>,
        /// Why.
        why: SeatEnd,
    },
    /// Seats start again no earlier than this.
    Recovering {
        /// When.
        at: Timestamp,
    },
    /// How many threads still run work of this agent that was killed: nothing can stop them from outside.
    ThreadsLeft {
        /// How many.
        threads: u32,
    },
    /// The agent tried something outside its mandate.
    Violation {
        /// In which delegation.
        delegation: DelegationId,
        /// What it tried.
        tried: Tried,
    },
    /// A wake a policy asked for has come.
    Due {
        /// Which policy.
        policy: String,
        /// Which of its wakes.
        token: u32,
    },
    /// A policy will be woken.
    WakeSet {
        /// Which policy.
        policy: String,
        /// When.
        at: Timestamp,
        /// Which of its wakes.
        token: u32,
    },
    /// Somebody released the agent's breakers.
    Released {
        /// Who.
        by: String,
    },
    /// A policy panicked in `apply` and refuses everything until released.
    PolicyOut {
        /// Which policy.
        policy: String,
        /// What it said.
        panic: String,
    },
    /// A program runs in a process group of its own: a resume ends it first, if it has survived.
    ProcessStarted {
        /// In which delegation.
        delegation: DelegationId,
        /// The id of the process and of its group.
        pid: u32,
        /// When the system says it started, so that no stranger is taken for it.
        born: String,
    },
    /// Something happened that a person should know.
    Noted {
        /// What.
        what: String,
    },
    /// A fact of one policy.
    Policy(PolicyFact),
}

/// Why work was told to stop.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub enum CeaseReason {
    /// The attempt's timeout passed.
    Timeout,
    /// It was called back.
    Revoked(RevokeReason),
}

/// Why a seat went down.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub enum SeatEnd {
    /// Nothing to do for a while.
    Idle,
    /// Its work overran its time and did not stop in the grace it was given.
    Killed,
    /// It was ended for no fault of its own: a cancellation its work did not heed in time.
    Dismissed,
    /// It panicked, or its tenant ended.
    Crashed(String),
}

impl AgentFact {
    /// The kind in snake case; where it tells what a goal's event of the seed tells, that name.
    pub fn kind(&self) -> &str {
        match self {
            AgentFact::Stack { .. } => "stack",
            AgentFact::Admitted { .. } => "admitted",
            AgentFact::Narrowed { .. } => "narrowed",
            AgentFact::TurnedAway { .. } => "turned_away",
            AgentFact::Started { .. } => "started",
            AgentFact::Parked { .. } => "parked",
            AgentFact::Resumed { .. } => "resumed",
            AgentFact::PartRefused { .. } => "part_refused",
            AgentFact::Transferred { .. } => "transferred",
            AgentFact::Ceasing { .. } => "ceasing",
            AgentFact::ToolCalled { .. } => "tool_called",
            AgentFact::ToolReturned { .. } => "tool_returned",
            AgentFact::Progressed { .. } => "progressed",
            AgentFact::Checkpointed { .. } => "checkpointed",
            AgentFact::Charged { .. } => "charged",
            AgentFact::Reported { .. } => "reported",
            AgentFact::Examined { .. } => "examined",
            AgentFact::Settled { .. } => "settled",
            AgentFact::Forgotten { .. } => "forgotten",
            AgentFact::SeatStarted { restart: true, .. } => "seat_restarted",
            AgentFact::SeatStarted { .. } => "seat_started",
            AgentFact::SeatDown { .. } => "seat_down",
            AgentFact::Recovering { .. } => "recovering",
            AgentFact::ThreadsLeft { .. } => "threads_left",
            AgentFact::Violation { .. } => "violation",
            AgentFact::Due { .. } => "due",
            AgentFact::WakeSet { .. } => "wake_set",
            AgentFact::Released { .. } => "released",
            AgentFact::PolicyOut { .. } => "policy_out",
            AgentFact::ProcessStarted { .. } => "process_started",
            AgentFact::Noted { .. } => "noted",
            AgentFact::Policy(fact) => &fact.kind,
        }
    }

    /// The delegation it is about, if it is about one.
    pub fn delegation(&self) -> Option<DelegationId> {
        match self {
            AgentFact::Admitted { delegation } => Some(delegation.id),
            AgentFact::Settled { settlement } => Some(settlement.delegation),
            AgentFact::Narrowed { delegation, .. }
            | AgentFact::TurnedAway { delegation, .. }
            | AgentFact::Started { delegation, .. }
            | AgentFact::PartRefused { delegation, .. }
            | AgentFact::Transferred { delegation, .. }
            | AgentFact::Parked { delegation }
            | AgentFact::Resumed { delegation }
            | AgentFact::Ceasing { delegation, .. }
            | AgentFact::ToolCalled { delegation, .. }
            | AgentFact::ToolReturned { delegation, .. }
            | AgentFact::Progressed { delegation, .. }
            | AgentFact::ProcessStarted { delegation, .. }
            | AgentFact::Checkpointed { delegation, .. }
            | AgentFact::Charged { delegation, .. }
            | AgentFact::Reported { delegation, .. }
            | AgentFact::Examined { delegation, .. }
            | AgentFact::Violation { delegation, .. } => Some(*delegation),
            AgentFact::SeatDown { delegation, .. } => *delegation,
            _ => None,
        }
    }

    /// What was learned, if this settles something.
    pub fn lessons(&self) -> &[Lesson] {
        match self {
            AgentFact::Settled { settlement } => &settlement.lessons,
            _ => &[],
        }
    }
}
