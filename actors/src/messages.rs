//! Every message between actors, on one page, in the order of the road.
//!
//! ```text
//! submit -> Coordinator -> GoalActor --Delegate--> AgentSupervisor --Carry--> seat (--Started--> GoalActor)
//!        --Report--> AgentSupervisor --Examine--> verdict --Learn--> TrustTracker --Learned--> AgentSupervisor
//!        --Settled--> GoalActor -> result
//! ```
//!
//! Each travels in an [`Envelope`](crate::address::Envelope) that carries origin and incarnation, cause, traceparent and
//! parent delegation. Each names its **bound**: what keeps a mailbox from filling with it.

use std::sync::{Arc, Weak};

use bailiwick_protocols::{
    AgentName, Capability, Cost, Delegated, Delegation, DelegationId, Goal, GoalId, Json, Lesson, Mandate, Output,
    Refusal, Report, Settlement, Task, TaskId, Timestamp, Usage, Verdict,
    event::{JudgeSeat, SeatEnd},
    outcome::{CanceledBy, RevokeReason},
    trust::Evidence,
};
use serde_json::{Map, Value};
use tokio::sync::oneshot;

use crate::{
    agents::Assignment,
    agents_root::{ChangeRefused, TeamChange},
    directory::Permit,
    edge::Place,
    planners::PlanAnswer,
    tools::Need,
    verifiers::{CompiledContract, JudgeAnswer, Work},
};

/// To the Coordinator.
#[derive(Debug)]
pub enum CoordinatorMessage {
    /// Take a goal. Bound: the places of live goals.
    Submit {
        /// The goal, already checked.
        goal: Box<AcceptedGoal>,
        /// Its right to live, taken at the edge.
        place: Place,
        /// Answered once it is recorded, or refused.
        reply: oneshot::Sender<Result<(), Refusal>>,
    },
    /// A goal ended. Bound: one a goal.
    Ended {
        /// Which.
        goal: GoalId,
    },
    /// Cancel a goal. Bound: one for each caller.
    Cancel {
        /// Which; `None` is all of them.
        goal: Option<GoalId>,
        /// Who wants it.
        by: CanceledBy,
        /// Nothing new starts, what runs may end.
        graceful: bool,
    },
    /// Take up a goal that does not live where its stream ends. Bound: one for each caller.
    Resume {
        /// Which.
        goal: GoalId,
        /// Answered once that is recorded; dropped if there is nothing to resume.
        reply: oneshot::Sender<Result<(), Refusal>>,
    },
    /// Let what runs end, start nothing new, and rest. Bound: one for each caller.
    Park {
        /// Which; `None` is all of them.
        goal: Option<GoalId>,
    },
    /// Say when no goal lives. Bound: one for each caller.
    WhenIdle {
        /// Answered then.
        reply: oneshot::Sender<()>,
    },
    /// An actor that goals talk to was replaced: they send again what they have open. Bound: one a replacement.
    Sweep,
}

/// A goal that passed all checks, on its way to its GoalActor.
#[derive(Debug)]
pub struct AcceptedGoal {
    /// Its id.
    pub id: GoalId,
    /// What is wanted.
    pub goal: Arc<Goal>,
    /// The authority all its work derives from.
    pub mandate: Mandate,
}

/// To a GoalActor.
#[derive(Debug)]
pub enum GoalMessage {
    /// Begin: a new goal, or what the stream holds. Bound: one a life.
    Begin {
        /// The goal, unless it is in the stream.
        new: Option<Box<AcceptedGoal>>,
        /// What to do about what is in the stream.
        resume: Option<Resume>,
        /// Answered once the submission is recorded.
        reply: Option<oneshot::Sender<Result<(), Refusal>>>,
    },
    /// The planner answered. Bound: one at a time.
    Planned {
        /// To which asking.
        round: u32,
        /// What it said.
        answer: PlanAnswer,
    },
    /// A seat began. Bound: one an admission.
    Started {
        /// Which delegation.
        delegation: DelegationId,
        /// When.
        at: Timestamp,
    },
    /// The supervisor turned it away. Bound: one an asking.
    Refused {
        /// Which delegation.
        delegation: DelegationId,
        /// Why.
        refusal: Refusal,
    },
    /// The one settlement of an admission. Bound: one an admission, or an asking again.
    Settled {
        /// What it settles, and how.
        settlement: Arc<Settlement>,
    },
    /// There is room: here is the permit the ticket waited for. Bound: one a ticket.
    Room {
        /// Whose supervisor calls back.
        agent: AgentName,
        /// The permit.
        permit: Permit,
    },
    /// The goal's own contract was examined in the pool. Bound: one at a time.
    Examined {
        /// What was found.
        verdict: Verdict,
        /// Counted from 1.
        round: u32,
    },
    /// The synthesiser answered. Bound: one at a time.
    Synthesised {
        /// To which asking.
        round: u32,
        /// What it made, or why not.
        result: Result<Output, String>,
        /// What it consumed.
        usage: Usage,
        /// The same in money.
        cost: Cost,
    },
    /// An agent wants a part of its task done by somebody else; its supervisor has checked and narrowed. Bound: live
    /// children of a delegation.
    Ask {
        /// The delegation whose agent asks.
        from: DelegationId,
        /// The name it gives the part.
        name: TaskId,
        /// The part.
        task: Box<Task>,
        /// The authority handed on.
        mandate: Mandate,
        /// The agents already waiting in this chain, outermost first.
        lineage: Arc<[AgentName]>,
    },
    /// An attempt was told to stop while it waits for parts: they end with it. Idempotent. Bound: one an admission, or an
    /// asking again.
    CallOff {
        /// The delegation whose agent asked for them.
        from: DelegationId,
    },
    /// An examination wants an agent of the team as a judge. Idempotent by seat. Bound: one a seat of a panel.
    Judge {
        /// Which seat of which panel.
        seat: JudgeSeat,
        /// Who is to sit there.
        agent: AgentName,
        /// The whole question in words.
        question: String,
    },
    /// End it. Bound: one a caller.
    Cancel {
        /// Who wants it.
        by: CanceledBy,
        /// Nothing new starts, what runs may end.
        graceful: bool,
    },
    /// Let what runs end, start nothing new, and rest. Bound: one a caller.
    Park,
    /// An actor it talks to was replaced: send again what is open. Bound: one a replacement.
    Sweep,
    /// Something is due. Bound: one timer.
    Tick,
    /// The log is durable as far as the outbox waits for. Bound: one at a time.
    Durable,
    /// Compare what you know with the fold of your stream; the answer names what differs. Bound: one a caller.
    Audit {
        /// Answered at once.
        reply: oneshot::Sender<Result<(), String>>,
    },
}

/// What a goal that is taken up from its stream is to do.
#[derive(Debug)]
pub enum Resume {
    /// Go on.
    GoOn,
    /// End, without anybody being asked any more.
    Cancel(CanceledBy),
}

/// To an AgentSupervisor.
#[derive(Debug)]
pub enum SupervisorMessage {
    /// Fold the stream and begin. Bound: one a life.
    Begin,
    /// Ask the agent. Idempotent by id. Bound: the permit, or the admission it asks about.
    Delegate {
        /// What is asked.
        delegation: Arc<Delegation>,
        /// Its contract, compiled.
        contract: Arc<CompiledContract>,
        /// The right to ask; `None` when something already asked is asked again.
        permit: Option<Permit>,
        /// Whether the goal has more work for this agent than it has permits: it takes a ticket.
        more: bool,
    },
    /// All permits are taken: call back when there is room. Bound: one a goal.
    Ticket {
        /// Who waits.
        goal: GoalId,
        /// Its priority, 1..=5.
        weight: u8,
    },
    /// A seat's attempt ended. Bound: one an admission.
    Report {
        /// Which delegation.
        delegation: DelegationId,
        /// What came back.
        report: Box<Report>,
    },
    /// The pool examined a report. Bound: one an admission and round.
    Examined {
        /// Which delegation.
        delegation: DelegationId,
        /// What was found.
        verdict: Verdict,
        /// Counted from 1.
        round: u32,
    },
    /// The lessons of a verdict. Bound: one an admission.
    Learned {
        /// Which delegation.
        delegation: DelegationId,
        /// What was learned.
        lessons: Vec<Lesson>,
    },
    /// Call admitted work back. Bound: one an admission.
    Revoke {
        /// Which delegation.
        delegation: DelegationId,
        /// Why.
        reason: RevokeReason,
        /// Leave it alone if its seat has begun.
        only_waiting: bool,
    },
    /// The goal ended: its settlements need not be told again. Bound: one a goal.
    Forget {
        /// Which.
        goal: GoalId,
    },
    /// An agent wants a part of its task done by somebody else. Bound: live children of a delegation.
    Ask {
        /// The delegation whose agent asks.
        from: DelegationId,
        /// The name it gives the part.
        name: TaskId,
        /// The part.
        task: Box<Task>,
        /// Answered with the result, or why not.
        reply: AskReply,
    },
    /// An agent at work wants something ruled or recorded. Bound: what one agent asks for at a time.
    Use {
        /// In which delegation.
        from: DelegationId,
        /// What.
        request: Request,
    },
    /// What became of a part that was handed on. Bound: one a child.
    Answer {
        /// The delegation whose agent asked.
        from: DelegationId,
        /// The name it gave the part.
        name: TaskId,
        /// The result, or why there is none.
        answer: Box<Result<Delegated, Refusal>>,
    },
    /// A seat went down. Bound: one a seat.
    SeatDown {
        /// Which, from 1.
        seat: u32,
        /// Why.
        why: SeatEnd,
    },
    /// A permit came home while tickets wait. Bound: one a permit.
    PermitHome,
    /// Close the breakers. Bound: one a caller.
    Release {
        /// Who wants it.
        by: String,
    },
    /// So many threads still run work that was killed. Bound: one a thread, and one when it ends.
    ThreadsLeft {
        /// How many.
        threads: u32,
    },
    /// The tracker or the pool was replaced: send again what is open there. Bound: one a replacement.
    Sweep,
    /// Something is due. Bound: one timer.
    Tick,
    /// The log is durable as far as the outbox waits for. Bound: one at a time.
    Durable,
    /// Compare what you know with the fold of your stream; the answer names what differs. Bound: one a caller.
    Audit {
        /// Answered at once.
        reply: oneshot::Sender<Result<(), String>>,
    },
}

/// To a seat.
#[derive(Debug)]
pub enum SeatMessage {
    /// Carry this out. Bound: one at a time.
    Carry {
        /// What.
        assignment: Arc<Assignment>,
    },
    /// The assignment's task ended. Bound: one at a time.
    Done {
        /// Which delegation.
        delegation: DelegationId,
        /// What it gave, or what it said when it panicked.
        result: Result<Box<Report>, String>,
    },
    /// Stop what you carry; grace runs. Bound: one an assignment.
    Cease,
    /// The agent wants something ruled or recorded. Bound: the notes of an attempt, and what it may ask for at a time.
    Use {
        /// In which delegation: of what is not carried any more, nothing is heard.
        from: DelegationId,
        /// What.
        request: Request,
    },
    /// The agent asks for a part of its work to be done by somebody else. Bound: what an attempt may ask for at a time.
    Ask {
        /// In which delegation: of what is not carried any more, nothing is heard.
        from: DelegationId,
        /// The name it gives the part.
        name: TaskId,
        /// The part.
        task: Box<Task>,
        /// Answered with the result, or why not.
        reply: AskReply,
    },
}

/// What an agent at work wants ruled or recorded by its own supervisor.
#[derive(Debug)]
pub enum Request {
    /// Use a tool: ruled on against the task's mandate.
    Tool {
        /// Which.
        tool: String,
        /// The permission the call needs.
        need: Need,
        /// Its arguments.
        args: Map<String, Value>,
        /// Which call of the attempt, from 1.
        call: u32,
        /// Answered once it is recorded, or refused.
        reply: oneshot::Sender<Result<(), Refusal>>,
    },
    /// A tool that was let through came back.
    ToolReturned {
        /// Which call of the attempt, from 1.
        call: u32,
        /// Whether it failed.
        failed: bool,
    },
    /// Give the whole task away.
    Transfer {
        /// The name of the part that it becomes.
        name: TaskId,
        /// The part.
        task: Box<Task>,
        /// Answered once it is recorded, or refused.
        reply: oneshot::Sender<Result<(), Refusal>>,
    },
    /// Something was consumed.
    Charge {
        /// How much.
        usage: Usage,
        /// The same in money.
        cost: Cost,
    },
    /// A program runs for it.
    Process {
        /// The id of the process and of its group.
        pid: u32,
        /// When the system says it started.
        born: String,
    },
    /// It says how far it is.
    Progress {
        /// What it says.
        note: String,
    },
    /// It keeps something for its next attempt.
    Checkpoint {
        /// What it keeps.
        state: Json,
    },
}

/// Where the answer to an agent's question goes; it never leaves the process of the seat.
pub type AskReply = oneshot::Sender<Result<Delegated, Refusal>>;

/// To the TrustTracker.
#[derive(Debug)]
pub enum TrackerMessage {
    /// Fold the lessons of all agent streams. Bound: one a life.
    Begin,
    /// A supervisor begins another life: what it was taught and did not record is void. Bound: one a life.
    Refold {
        /// Whose.
        agent: AgentName,
        /// Of which generation.
        generation: u32,
    },
    /// Learn from a verdict. Idempotent by delegation. Bound: one an admission.
    Learn {
        /// Which delegation.
        delegation: DelegationId,
        /// Who did the work.
        agent: AgentName,
        /// Of which generation.
        generation: u32,
        /// What the task required.
        needs: Arc<[Capability]>,
        /// What it teaches.
        evidence: Evidence,
    },
}

/// To the VerifierPool.
#[derive(Debug)]
pub enum PoolMessage {
    /// Examine an output. Idempotent by asker and round. Bound: one an admission and round.
    Examine {
        /// For whom.
        asker: Asker,
        /// Against what.
        contract: Arc<CompiledContract>,
        /// What, and what it was made for.
        work: Work,
        /// Counted from 1.
        round: u32,
        /// Dead once nobody wants the verdict: what arrives then is not begun.
        wanted: Weak<()>,
    },
    /// A worker found something, or was lost. Bound: one a leaf.
    Found {
        /// In which examination.
        asker: Asker,
        /// Which round.
        round: u32,
        /// Which leaf.
        leaf: usize,
        /// What it found.
        verdict: Verdict,
    },
    /// A worker wants an agent of the team as a judge. Bound: one a seat of a panel.
    Ask {
        /// In which examination.
        asker: Asker,
        /// Which round.
        round: u32,
        /// Which leaf.
        leaf: u32,
        /// Which seat of its panel.
        seat: u32,
        /// Who is to sit there.
        agent: AgentName,
        /// The whole question in words.
        question: String,
        /// Answered when the goal says what came of it.
        reply: oneshot::Sender<JudgeAnswer>,
    },
    /// What an agent said as a judge, or why nothing. Bound: one a seat, or an asking again.
    Judged {
        /// In which examination.
        asker: Asker,
        /// Which seat of which panel.
        seat: JudgeSeat,
        /// What it said.
        answer: JudgeAnswer,
    },
    /// An examination took too long. Bound: one an examination.
    TimeUp {
        /// Which examination.
        asker: Asker,
        /// Which round.
        round: u32,
    },
}

/// Who wants an examination.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Asker {
    /// A supervisor, about a report.
    Report {
        /// Whose supervisor.
        agent: AgentName,
        /// Which delegation.
        delegation: DelegationId,
    },
    /// A goal, about its assembled output.
    Goal(GoalId),
}

/// To Root.
#[derive(Debug)]
pub enum RootMessage {
    /// An agent joined: note it. Bound: one a change.
    Joined {
        /// Who.
        agent: AgentName,
        /// Counted from 0.
        generation: u32,
        /// What it can do.
        capabilities: Vec<Capability>,
    },
    /// An agent left, or its generation was replaced: note it. Bound: one a change.
    Left {
        /// Who.
        agent: AgentName,
        /// Counted from 0.
        generation: u32,
    },
}

/// To Agents.
#[derive(Debug)]
pub enum AgentsMessage {
    /// Change who is in the team. Bound: one a caller.
    Change {
        /// How.
        change: TeamChange,
        /// Answered once it is done with the generation that joined or left, or why not.
        reply: oneshot::Sender<Result<u32, ChangeRefused>>,
    },
    /// A generation that drained has nothing left to do. Bound: one a generation.
    Drained {
        /// Whose.
        agent: AgentName,
        /// Counted from 0.
        generation: u32,
    },
    /// The tracker or the pool was replaced. Bound: one a replacement.
    Sweep,
    /// Close an agent's breakers. Bound: one a caller.
    Release {
        /// Whose.
        agent: AgentName,
        /// Who wants it.
        by: String,
    },
}
