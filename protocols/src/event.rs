//! What happened, as facts in streams. Every actor's state is the fold of its own stream and of nothing else.
//!
//! A goal's stream tells the story of the goal (`GoalEvent`), an agent's that of its supervisor (`AgentFact`), the
//! runtime's that of starts and stops (`RuntimeEvent`). What an actor learns from another it writes into its own
//! stream, with the cause. A derive here is a promise to every old journal.

use std::{fmt, str::FromStr, sync::Arc, time::Duration};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use crate::{
    AgentName, Capability, Code, Cost, Delegation, DelegationId, Goal, GoalId, Json, Lesson, Mandate, Output,
    PolicyFact, PolicyRuling, Refusal, Report, Settlement, Slice, TaskId, TaskSpec, TeamName, Timestamp, Traceparent,
    TrustScore, Usage, Verdict,
    outcome::{CanceledBy, Ended, Outcome, RefusedBy, RevokeReason, SkippedBecause},
    time::millis,
};

/// The name of a stream: who writes it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stream {
    /// `goal/<id>`: written by its GoalActor.
    Goal(GoalId),
    /// `agent/<team>/<name>[/generation]`: written by its AgentSupervisor.
    Agent {
        /// The team.
        team: TeamName,
        /// The agent.
        agent: AgentName,
        /// Counted from 0, raised when the agent is replaced; 0 is not written.
        generation: u32,
    },
    /// `runtime`: written by Root.
    Runtime,
}

/// The text is not the name of a stream.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("`{0}` is not the name of a stream")]
pub struct NotAStream(pub String);

impl fmt::Display for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Stream::Goal(id) => write!(f, "goal/{id}"),
            Stream::Agent { team, agent, generation: 0 } => write!(f, "agent/{team}/{agent}"),
            Stream::Agent { team, agent, generation } => write!(f, "agent/{team}/{agent}/{generation}"),
            Stream::Runtime => f.write_str("runtime"),
        }
    }
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Stream {
    type Err = NotAStream;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || NotAStream(text.to_owned());
        let parts: Vec<_> = text.split('/').collect();
        match parts[..] {
            ["runtime"] => Ok(Stream::Runtime),
            ["goal", id] => id.parse().map(Stream::Goal).map_err(|_| wrong()),
            ["agent", team, agent] if !team.is_empty() && !agent.is_empty() => {
                Ok(Stream::Agent { team: team.into(), agent: agent.into(), generation: 0 })
            }
            ["agent", team, agent, generation] if !team.is_empty() && !agent.is_empty() => {
                let generation = generation.parse().map_err(|_| wrong())?;
                Ok(Stream::Agent { team: team.into(), agent: agent.into(), generation })
            }
            _ => Err(wrong()),
        }
    }
}

impl Serialize for Stream {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Stream {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

/// The event that led to this one: a version in another stream.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Cause {
    /// The stream it stands in.
    pub stream: Stream,
    /// Its version there.
    pub ver: u64,
}

/// One event as the log keeps it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Recorded {
    /// The position in the whole log, from 1.
    pub seq: u64,
    /// The stream.
    pub stream: Stream,
    /// The version in the stream, from 1.
    pub ver: u64,
    /// When.
    pub at: Timestamp,
    /// What led to it, if that stands in another stream.
    pub cause: Option<Cause>,
    /// The trace it belongs to.
    pub trace: Option<Traceparent>,
    /// What happened.
    pub event: Event,
}

/// What happened, in the words of the stream's writer.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[allow(clippy::large_enum_variant, reason = "events live behind an Arc; a box would be one more allocation each")]
#[non_exhaustive]
pub enum Event {
    /// In a goal's stream.
    Goal(GoalEvent),
    /// In an agent's stream.
    Agent(AgentFact),
    /// In the runtime's stream.
    Runtime(RuntimeEvent),
}

impl Event {
    /// The kind in snake case; the seed's name where there is one.
    pub fn kind(&self) -> &str {
        match self {
            Event::Goal(event) => event.kind(),
            Event::Agent(fact) => fact.kind(),
            Event::Runtime(event) => event.kind(),
        }
    }

    /// The version of the kind's body; raised when its shape changes.
    pub const fn version(&self) -> u32 {
        1
    }
}

/// Why the goal took this road: the rules of semantics section 3, in the order they fired.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RouteRule {
    /// Rule 0: it brought tasks.
    BroughtTasks,
    /// `--route direct` dropped the tasks it brought.
    TasksDropped,
    /// Rule 1: simple, reversible, and a trusted agent can do it.
    Floor,
    /// Rule 2: one agent holds all capabilities.
    OneAgentCan,
    /// `--route direct` was asked for.
    DirectAsked,
    /// `--route plan` was asked for.
    PlanAsked,
    /// Rule 3: nobody holds all capabilities.
    NobodyHoldsAll,
    /// A planner is set, and the goal states no capabilities of its own.
    PlannerSet,
    /// No planner is set: one agent does it, or nobody.
    NoPlanner,
    /// The planner's answers could not be accepted.
    PlanUnusable,
    /// The team's own router said so, and why.
    Router(String),
}

/// The road finally taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Route {
    /// Below the complexity floor: straight to the best trusted agent.
    Floor,
    /// One agent does it all.
    Direct,
    /// A DAG of tasks.
    Plan,
}

impl Route {
    /// The word of the JSON interfaces.
    pub const fn as_str(self) -> &'static str {
        match self {
            Route::Floor => "floor",
            Route::Direct => "direct",
            Route::Plan => "plan",
        }
    }
}

/// The four terms of the score, each 0.0..=1.0, and their weighted sum.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Terms {
    /// Capability: 1 if all required are held.
    pub capability: f64,
    /// Trust: mean over the required capabilities, decayed.
    pub trust: f64,
    /// Availability: free seats / seats.
    pub availability: f64,
    /// Cost: 1 / (1 + 1000 x USD per task).
    pub cost: f64,
    /// The weighted sum.
    pub score: f64,
}

/// An agent that could have been chosen.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Candidate {
    /// Who.
    pub agent: AgentName,
    /// Its terms.
    pub terms: Terms,
}

/// Why an agent was not a candidate.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct PassedOver {
    /// Who.
    pub agent: AgentName,
    /// Why, for people.
    pub because: String,
}

/// How the choice among the candidates fell.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ChosenBy {
    /// The best score.
    Score,
    /// Nearly equal scores: fewest in flight, then a draw.
    NearTie,
    /// The least-known, to learn about it.
    Exploration,
    /// The same agent again.
    Retry,
    /// The task names it.
    Named,
}

/// What a goal's stream tells.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub enum GoalEvent {
    /// The goal was accepted.
    GoalSubmitted {
        /// What is wanted.
        goal: Arc<Goal>,
        /// Whose agents do it.
        team: TeamName,
        /// The authority all its work derives from.
        mandate: Mandate,
    },
    /// The road was chosen.
    RouteChosen {
        /// The road.
        route: Route,
        /// The rules that fired, in order.
        rules: Vec<RouteRule>,
    },
    /// A planner is asked, for the first time or again with the error.
    PlanRequested {
        /// Counted from 1.
        round: u32,
    },
    /// A planner's answer could not be accepted.
    PlanRejected {
        /// Counted from 1.
        round: u32,
        /// What is wrong with it.
        problem: String,
        /// What asking cost.
        usage: Usage,
        /// The same in money.
        cost: Cost,
    },
    /// The tasks are set; once a goal, on every route.
    TaskDecomposed {
        /// In plan order.
        tasks: Vec<Arc<TaskSpec>>,
        /// What planning cost.
        usage: Usage,
        /// The same in money.
        cost: Cost,
    },
    /// An agent was chosen; written before `Delegate` leaves.
    AgentSelected {
        /// The task.
        task: TaskId,
        /// The delegation that will ask it.
        delegation: DelegationId,
        /// Who.
        agent: AgentName,
        /// The number the attempt will have.
        attempt: u32,
        /// What is reserved for it.
        slice: Slice,
        /// How the choice fell.
        chosen_by: ChosenBy,
        /// The best 16 candidates.
        candidates: Vec<Candidate>,
        /// Why others were not candidates.
        passed_over: Vec<PassedOver>,
    },
    /// The chosen agent's supervisor turned it away; the attempt number is used again.
    DelegationRefused {
        /// The task.
        task: TaskId,
        /// The delegation.
        delegation: DelegationId,
        /// Who refused.
        agent: AgentName,
        /// Why.
        refusal: Refusal,
    },
    /// An agent at work handed a part of its task on; the part is a task of its own, a child.
    ChildAdded {
        /// The child, every default filled in.
        task: Arc<TaskSpec>,
        /// The task it is a part of.
        parent: TaskId,
        /// The delegation whose agent asked.
        from: DelegationId,
        /// What the part is, as a hash: the same name with another fingerprint is another part.
        fingerprint: u64,
        /// The authority handed on.
        mandate: Mandate,
        /// The agents already waiting in this chain, outermost first.
        lineage: Arc<[AgentName]>,
    },
    /// An agent of the team is asked as a judge. What follows carries the same task id; it is no attempt of the goal.
    JudgeAsked {
        /// The question as a task, every default filled in.
        task: Arc<TaskSpec>,
        /// Which seat of which panel it answers for.
        seat: JudgeSeat,
        /// The authority it has: to answer, and nothing else.
        mandate: Mandate,
    },
    /// A child that was called back with an earlier attempt of its parent is wanted again.
    ChildReopened {
        /// The child.
        task: TaskId,
        /// The delegation whose agent asks now.
        from: DelegationId,
        /// The authority handed on.
        mandate: Mandate,
    },
    /// A seat has the task.
    TaskAssigned {
        /// The task.
        task: TaskId,
        /// The delegation.
        delegation: DelegationId,
        /// Who.
        agent: AgentName,
        /// Counted 1.. per task.
        attempt: u32,
    },
    /// Work on the task began.
    TaskStarted {
        /// The task.
        task: TaskId,
        /// The delegation.
        delegation: DelegationId,
        /// Who.
        agent: AgentName,
        /// Counted 1.. per task.
        attempt: u32,
        /// When the seat began.
        started: Timestamp,
    },
    /// An output met its contract. Without a task it is the goal's own contract.
    VerificationPassed {
        /// The task; `None` for the goal.
        task: Option<TaskId>,
        /// Whose output.
        agent: Option<AgentName>,
        /// Of which attempt.
        attempt: Option<u32>,
        /// What was found.
        verdict: Verdict,
    },
    /// An output did not meet its contract, or nobody could tell.
    VerificationFailed {
        /// The task; `None` for the goal.
        task: Option<TaskId>,
        /// Whose output.
        agent: Option<AgentName>,
        /// Of which attempt.
        attempt: Option<u32>,
        /// What was found.
        verdict: Verdict,
    },
    /// A verdict moved trust.
    TrustUpdated {
        /// Of the attempt of this task.
        task: TaskId,
        /// Whose.
        agent: AgentName,
        /// On what.
        capability: Capability,
        /// Before, with decay.
        before: TrustScore,
        /// After.
        after: TrustScore,
    },
    /// This settlement opened a breaker.
    TrustCircuitBreak {
        /// The task that settled.
        task: TaskId,
        /// Whose breaker.
        agent: AgentName,
        /// The capability; `None` for the whole agent.
        capability: Option<Capability>,
        /// When it becomes half-open; `None` if only a release ends it.
        until: Option<Timestamp>,
        /// Which trigger fired.
        reason: String,
    },
    /// An attempt came to its end.
    AttemptEnded {
        /// The task.
        task: TaskId,
        /// The delegation.
        delegation: DelegationId,
        /// Who.
        agent: AgentName,
        /// Counted 1.. per task.
        attempt: u32,
        /// How it ended.
        ended: Ended,
        /// What came out, verified or not.
        output: Option<Output>,
        /// The verdict, if one was asked and made.
        verdict: Option<Verdict>,
        /// What it consumed.
        usage: Usage,
        /// The same in money.
        cost: Cost,
        /// Whether the charge is only an upper guess.
        uncertain: bool,
        /// What the agent kept for its next attempt.
        checkpoint: Option<Json>,
        /// When its seat began, if one did.
        started: Option<Timestamp>,
        /// From the seat's start to the end of the work.
        #[serde(with = "millis")]
        duration: Duration,
    },
    /// The same agent is asked again.
    AttemptRetried {
        /// The task.
        task: TaskId,
        /// Who.
        agent: AgentName,
        /// The attempt that ended.
        attempt: u32,
        /// Not before.
        at: Timestamp,
        /// Whether it counts in `retries`; a lost attempt does not.
        counted: bool,
        /// Why, for people.
        because: String,
    },
    /// Another agent is asked.
    TaskReassigned {
        /// The task.
        task: TaskId,
        /// Who is not asked any more.
        from: AgentName,
        /// Why, for people.
        because: String,
    },
    /// Nobody is left to ask.
    Escalated {
        /// The task; `None` for the goal.
        task: Option<TaskId>,
        /// Why, for people.
        reason: String,
    },
    /// The task completed; once per task, last.
    TaskCompleted {
        /// The task.
        task: TaskId,
        /// Verified or Unverified.
        outcome: Outcome,
        /// What came out.
        output: Output,
    },
    /// The task ended otherwise; once per task, last.
    TaskFailed {
        /// The task.
        task: TaskId,
        /// How.
        outcome: Outcome,
        /// Who turned it away.
        refusals: Vec<RefusedBy>,
    },
    /// The task was never tried; once per task, last.
    TaskSkipped {
        /// The task.
        task: TaskId,
        /// Why.
        because: SkippedBecause,
    },
    /// Most of the budget is spent: 80 %.
    BudgetWarned {
        /// What is spent and reserved.
        committed: Slice,
        /// The budget.
        budget: Slice,
    },
    /// No next slice fits: nothing new starts.
    BudgetStopped {
        /// What is spent and reserved.
        committed: Slice,
        /// The budget.
        budget: Slice,
    },
    /// Somebody wants the goal to end.
    CancelRequested {
        /// Who.
        by: CanceledBy,
        /// Nothing new starts, what runs may end.
        graceful: bool,
    },
    /// The goal's deadline has passed.
    DeadlinePassed,
    /// Nothing of the goal runs any more and nothing new starts, until it is resumed.
    GoalParked,
    /// The goal goes on from what is recorded, after it was parked or its process ended.
    GoalResumed,
    /// The synthesiser joined the outputs.
    Synthesised {
        /// Counted from 1; asked once more with the verdict.
        round: u32,
        /// What it made, or why not.
        result: Result<Output, String>,
        /// What it consumed.
        usage: Usage,
        /// The same in money.
        cost: Cost,
    },
    /// The goal ended; last in its stream.
    GoalSettled {
        /// How.
        outcome: Outcome,
        /// The code of the first task that decided.
        code: Option<Code>,
        /// The assembled output.
        output: Option<Output>,
        /// Everything consumed.
        usage: Usage,
        /// The same in money.
        cost: Cost,
    },
}

impl GoalEvent {
    /// The kind in snake case; the seed's name where there is one.
    pub const fn kind(&self) -> &'static str {
        match self.seed_name() {
            Some(name) => name,
            None => match self {
                GoalEvent::GoalSubmitted { .. } => "goal_submitted",
                GoalEvent::RouteChosen { .. } => "route_chosen",
                GoalEvent::PlanRequested { .. } => "plan_requested",
                GoalEvent::PlanRejected { .. } => "plan_rejected",
                GoalEvent::AgentSelected { .. } => "agent_selected",
                GoalEvent::DelegationRefused { .. } => "delegation_refused",
                GoalEvent::ChildAdded { .. } => "child_added",
                GoalEvent::ChildReopened { .. } => "child_reopened",
                GoalEvent::JudgeAsked { .. } => "judge_asked",
                GoalEvent::AttemptEnded { .. } => "attempt_ended",
                GoalEvent::AttemptRetried { .. } => "attempt_retried",
                GoalEvent::TaskSkipped { .. } => "task_skipped",
                GoalEvent::BudgetWarned { .. } => "budget_warned",
                GoalEvent::BudgetStopped { .. } => "budget_stopped",
                GoalEvent::CancelRequested { .. } => "cancel_requested",
                GoalEvent::DeadlinePassed => "deadline_passed",
                GoalEvent::GoalParked => "goal_parked",
                GoalEvent::GoalResumed => "goal_resumed",
                GoalEvent::Synthesised { .. } => "synthesised",
                _ => "goal_settled",
            },
        }
    }

    /// The name the event had in the systems this runtime replaces, where there is one.
    pub const fn seed_name(&self) -> Option<&'static str> {
        Some(match self {
            GoalEvent::TaskDecomposed { .. } => "task_decomposed",
            GoalEvent::TaskAssigned { .. } => "task_assigned",
            GoalEvent::TaskStarted { .. } => "task_started",
            GoalEvent::TaskCompleted { .. } => "task_completed",
            GoalEvent::TaskFailed { .. } => "task_failed",
            GoalEvent::VerificationPassed { .. } => "verification_passed",
            GoalEvent::VerificationFailed { .. } => "verification_failed",
            GoalEvent::TrustUpdated { .. } => "trust_updated",
            GoalEvent::TrustCircuitBreak { .. } => "trust_circuit_break",
            GoalEvent::TaskReassigned { .. } => "task_reassigned",
            GoalEvent::Escalated { .. } => "escalated",
            _ => return None,
        })
    }

    /// The task it is about, if it is about one.
    pub fn task(&self) -> Option<&TaskId> {
        use GoalEvent as E;
        match self {
            E::AgentSelected { task, .. }
            | E::DelegationRefused { task, .. }
            | E::ChildReopened { task, .. }
            | E::TaskAssigned { task, .. }
            | E::TaskStarted { task, .. }
            | E::TrustUpdated { task, .. }
            | E::TrustCircuitBreak { task, .. }
            | E::AttemptEnded { task, .. }
            | E::AttemptRetried { task, .. }
            | E::TaskReassigned { task, .. }
            | E::TaskCompleted { task, .. }
            | E::TaskFailed { task, .. }
            | E::TaskSkipped { task, .. } => Some(task),
            E::ChildAdded { task, .. } | E::JudgeAsked { task, .. } => Some(&task.id),
            E::VerificationPassed { task, .. } | E::VerificationFailed { task, .. } | E::Escalated { task, .. } => {
                task.as_ref()
            }
            _ => None,
        }
    }

    /// The agent it is about, if it is about one.
    pub fn agent(&self) -> Option<&AgentName> {
        use GoalEvent as E;
        match self {
            E::AgentSelected { agent, .. }
            | E::DelegationRefused { agent, .. }
            | E::TaskAssigned { agent, .. }
            | E::TaskStarted { agent, .. }
            | E::TrustUpdated { agent, .. }
            | E::TrustCircuitBreak { agent, .. }
            | E::AttemptEnded { agent, .. }
            | E::AttemptRetried { agent, .. }
            | E::TaskReassigned { from: agent, .. } => Some(agent),
            E::VerificationPassed { agent, .. } | E::VerificationFailed { agent, .. } => agent.as_ref(),
            _ => None,
        }
    }

    /// The attempt it is about, if it is about one.
    pub fn attempt(&self) -> Option<u32> {
        use GoalEvent as E;
        match self {
            E::AgentSelected { attempt, .. }
            | E::TaskAssigned { attempt, .. }
            | E::TaskStarted { attempt, .. }
            | E::AttemptEnded { attempt, .. }
            | E::AttemptRetried { attempt, .. } => Some(*attempt),
            E::VerificationPassed { attempt, .. } | E::VerificationFailed { attempt, .. } => *attempt,
            _ => None,
        }
    }
}

/// One seat of a panel: which examination it belongs to, and its place there.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct JudgeSeat {
    /// The delegation whose report is examined; `None` for the goal's own output.
    pub of: Option<DelegationId>,
    /// The examination's round, counted from 1.
    pub round: u32,
    /// Which check of the contract asks, counted from 0.
    pub leaf: u32,
    /// The seat on its panel, counted from 0.
    pub seat: u32,
}

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
        /// Which call of the attempt, from 1; 0 in journals that did not count.
        #[serde(default)]
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
        /// What it tried, for people.
        tried: String,
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
            AgentFact::TurnedAway { delegation, .. }
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

/// What the runtime's stream tells.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub enum RuntimeEvent {
    /// The runtime started.
    RuntimeStarted {
        /// The team.
        team: TeamName,
        /// Counted from 1 over the life of the journal.
        epoch: u64,
    },
    /// Which team file the team was made of, told when it is not the one told before: what a resume needs of it.
    TeamStated {
        /// The file, as its caller named it.
        file: String,
        /// The folder it lies in.
        folder: String,
        /// Its text.
        source: String,
    },
    /// An agent joined.
    AgentAdded {
        /// Who.
        agent: AgentName,
        /// Counted from 0.
        generation: u32,
        /// What it can do.
        capabilities: Vec<Capability>,
    },
    /// An agent left.
    AgentRemoved {
        /// Who.
        agent: AgentName,
        /// Counted from 0.
        generation: u32,
    },
    /// A core actor died and was started again.
    ActorRestarted {
        /// Which, as in the picture of the tree.
        actor: String,
        /// How often before.
        incarnation: u32,
        /// Why it died.
        why: String,
    },
    /// The runtime stopped, by itself or loudly.
    RuntimeStopped {
        /// Why.
        why: String,
    },
}

impl RuntimeEvent {
    /// The kind in snake case.
    pub const fn kind(&self) -> &'static str {
        match self {
            RuntimeEvent::RuntimeStarted { .. } => "runtime_started",
            RuntimeEvent::TeamStated { .. } => "team_stated",
            RuntimeEvent::AgentAdded { .. } => "agent_added",
            RuntimeEvent::AgentRemoved { .. } => "agent_removed",
            RuntimeEvent::ActorRestarted { .. } => "actor_restarted",
            RuntimeEvent::RuntimeStopped { .. } => "runtime_stopped",
        }
    }
}
