//! What a goal's stream tells.

use std::{sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};

use super::{Candidate, ChosenBy, PassedOver, Route, RouteRule};
use crate::{
    AgentName, Capability, Code, Cost, DelegationId, Goal, Json, Mandate, Output, Refusal, Slice, TaskId, TaskSpec,
    TeamName, Timestamp, TrustScore, Usage, Verdict,
    outcome::{CanceledBy, Ended, Outcome, RefusedBy, SkippedBecause},
    time::millis,
};

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
        #[serde(rename = "duration_ms", with = "millis")]
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

/// What the systems this runtime replaces called the same.
const SEED_NAMES: &[&str] = &[
    "task_decomposed",
    "task_assigned",
    "task_started",
    "task_completed",
    "task_failed",
    "verification_passed",
    "verification_failed",
    "trust_updated",
    "trust_circuit_break",
    "task_reassigned",
    "escalated",
];

impl GoalEvent {
    /// The kind in snake case; the seed's name where there is one.
    pub const fn kind(&self) -> &'static str {
        match self {
            GoalEvent::GoalSubmitted { .. } => "goal_submitted",
            GoalEvent::RouteChosen { .. } => "route_chosen",
            GoalEvent::PlanRequested { .. } => "plan_requested",
            GoalEvent::PlanRejected { .. } => "plan_rejected",
            GoalEvent::TaskDecomposed { .. } => "task_decomposed",
            GoalEvent::AgentSelected { .. } => "agent_selected",
            GoalEvent::DelegationRefused { .. } => "delegation_refused",
            GoalEvent::ChildAdded { .. } => "child_added",
            GoalEvent::JudgeAsked { .. } => "judge_asked",
            GoalEvent::ChildReopened { .. } => "child_reopened",
            GoalEvent::TaskAssigned { .. } => "task_assigned",
            GoalEvent::TaskStarted { .. } => "task_started",
            GoalEvent::VerificationPassed { .. } => "verification_passed",
            GoalEvent::VerificationFailed { .. } => "verification_failed",
            GoalEvent::TrustUpdated { .. } => "trust_updated",
            GoalEvent::TrustCircuitBreak { .. } => "trust_circuit_break",
            GoalEvent::AttemptEnded { .. } => "attempt_ended",
            GoalEvent::AttemptRetried { .. } => "attempt_retried",
            GoalEvent::TaskReassigned { .. } => "task_reassigned",
            GoalEvent::Escalated { .. } => "escalated",
            GoalEvent::TaskCompleted { .. } => "task_completed",
            GoalEvent::TaskFailed { .. } => "task_failed",
            GoalEvent::TaskSkipped { .. } => "task_skipped",
            GoalEvent::BudgetWarned { .. } => "budget_warned",
            GoalEvent::BudgetStopped { .. } => "budget_stopped",
            GoalEvent::CancelRequested { .. } => "cancel_requested",
            GoalEvent::DeadlinePassed => "deadline_passed",
            GoalEvent::GoalParked => "goal_parked",
            GoalEvent::GoalResumed => "goal_resumed",
            GoalEvent::Synthesised { .. } => "synthesised",
            GoalEvent::GoalSettled { .. } => "goal_settled",
        }
    }

    /// The name the event had in the systems this runtime replaces, where there is one.
    pub fn seed_name(&self) -> Option<&'static str> {
        Some(self.kind()).filter(|kind| SEED_NAMES.contains(kind))
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
