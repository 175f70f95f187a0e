//! What can sit on a seat: the `Agent` trait, what an agent is given, and what it may answer.
//!
//! An agent never holds an actor reference. It gets an [`AgentContext`]: what it is told, how long it has, and the
//! one road upwards, which its own supervisor rules.

use std::{
    collections::BTreeMap,
    fmt,
    future::Future,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use bailiwick_protocols::{
    AgentName, Brief, Capability, Cost, Delegated, Delegation, Feedback, Json, Mandate, NotDelegated, Output,
    Permissions, Refusal, Report, Task, TaskId, Timestamp, Usage, Verify,
};
use futures::future::BoxFuture;
use ractor::{ActorCell, ActorId};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::{oneshot, watch};

use self::notes::Notes;
use crate::{
    address::{Address, Envelope, Origin},
    messages::{Request, SeatMessage},
    tools::{ToolError, Tools},
    world::Clock,
};

pub mod actor;
pub mod blocking;
pub mod command;
pub mod delegate_tool;
pub mod effect;
pub mod error;
pub mod function;
pub mod notes;
pub mod peers;
pub mod question;
pub mod scripted;
pub mod typed;

pub use actor::{AgentMessage, AgentReply, agent_actor};
pub use blocking::{Threads, agent_blocking};
pub use effect::{Claims, NotHad};
pub use error::AgentError;
pub use function::{FunctionAgent, agent_fn};
pub use notes::NOTES_MAX;
pub use peers::{Peer, Peers};
pub use question::{NotAnswered, Question, answers};
pub use typed::InputError;
#[cfg(feature = "schema")]
pub use typed::agent_typed;

/// Somebody who carries out tasks. One value serves all seats of the agent.
pub trait Agent: Send + Sync + 'static {
    /// Carries out one attempt. Dropped when the attempt is killed; a panic fails this attempt only.
    ///
    /// # Errors
    /// Whatever keeps the agent from answering; by default the attempt may be retried.
    fn run(&self, task: AgentContext) -> impl Future<Output = Result<Report, AgentError>> + Send;
}

/// Any agent behind a pointer: every [`Agent`], and actors.
pub trait DynAgent: Send + Sync + 'static {
    /// What one seat holds: most agents are one value for all seats, a tenant lives in its own. Runs no code of the
    /// agent.
    fn seat(self: Arc<Self>, seat: ActorCell) -> Arc<dyn Seated>;

    /// The threads that its work blocks, if it runs on any.
    fn threads(&self) -> Option<Threads> {
        None
    }
}

/// What a seat holds, from its start to its end.
pub trait Seated: Send + Sync + 'static {
    /// Carries out one attempt. `Err` says what the agent died of: the seat goes down with it.
    fn carry(self: Arc<Self>, task: AgentContext) -> BoxFuture<'static, Result<Report, String>>;

    /// An actor that the seat monitors has ended. Returns whether it was the tenant.
    fn ended(&self, _who: ActorId, _how: &TenantEnd) -> bool {
        false
    }

    /// The seat ends.
    fn close(&self) {}
}

/// How a tenant ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum TenantEnd {
    /// By itself.
    Stopped(Option<String>),
    /// It panicked, failed or was killed.
    Failed(String),
}

impl fmt::Display for TenantEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TenantEnd::Stopped(None) => f.write_str("the actor stopped without an answer"),
            TenantEnd::Stopped(Some(reason)) => write!(f, "the actor stopped without an answer: {reason}"),
            TenantEnd::Failed(why) => write!(f, "the actor died: {why}"),
        }
    }
}

impl<A: Agent> DynAgent for A {
    fn seat(self: Arc<Self>, _: ActorCell) -> Arc<dyn Seated> {
        self
    }
}

impl<A: Agent> Seated for A {
    fn carry(self: Arc<Self>, task: AgentContext) -> BoxFuture<'static, Result<Report, String>> {
        Box::pin(async move { Ok(self.run(task).await.unwrap_or_else(AgentError::into_report)) })
    }
}

/// An agent as it joins a team: who it is, what it can do, what it may touch, and the code behind it.
#[derive(Clone)]
#[non_exhaustive]
pub struct AgentSpec {
    /// Unique in the team.
    pub name: AgentName,
    /// What it can do; at least one, none blank.
    pub capabilities: Vec<Capability>,
    /// Caps(B): the most it may ever hold. `None` holds nothing.
    pub permissions: Permissions,
    /// How many attempts run at once, 1.. (1).
    pub max_concurrent: u32,
    /// Whether it may not hand parts of its work on (false).
    pub exclusive: bool,
    /// What one task costs, as far as the agent declares it (0).
    pub cost_per_task: Cost,
    /// What its outputs are examined against where a task asks for no check.
    pub produces: Verify,
    /// How crashed seats are replaced.
    pub restart: crate::policies::restart::RestartSettings,
    /// The code.
    pub agent: Arc<dyn DynAgent>,
}

impl fmt::Debug for AgentSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, capabilities, .. } = self;
        f.debug_struct("AgentSpec").field("name", name).field("capabilities", capabilities).finish_non_exhaustive()
    }
}

impl AgentSpec {
    /// An agent with the defaults: no permissions, one at a time, free.
    pub fn new<C: Into<Capability>>(
        name: impl Into<AgentName>,
        capabilities: impl IntoIterator<Item = C>,
        agent: Arc<dyn DynAgent>,
    ) -> Self {
        Self {
            name: name.into(),
            capabilities: capabilities.into_iter().map(Into::into).collect(),
            permissions: Permissions::none(),
            max_concurrent: 1,
            exclusive: false,
            cost_per_task: Cost::FREE,
            produces: Verify::None,
            restart: Default::default(),
            agent,
        }
    }

    /// Sets the most the agent may ever hold.
    pub fn permissions(mut self, permissions: Permissions) -> Self {
        self.permissions = permissions;
        self
    }

    /// Says what its outputs are examined against where a task asks for no check, and so what it can be believed for.
    pub fn produces(mut self, check: Verify) -> Self {
        self.produces = check;
        self
    }

    /// Sets how many attempts run at once.
    pub fn max_concurrent(mut self, seats: u32) -> Self {
        self.max_concurrent = seats;
        self
    }

    /// Forbids it to hand parts of its work on.
    pub fn exclusive(mut self) -> Self {
        self.exclusive = true;
        self
    }

    /// Declares what one task costs, in US dollars.
    pub fn cost_usd_per_task(mut self, usd: f64) -> Self {
        self.cost_per_task = Cost::from_usd(usd);
        self
    }

    /// Sets how crashed seats are replaced.
    pub fn restart(mut self, restart: crate::policies::restart::RestartSettings) -> Self {
        self.restart = restart;
        self
    }
}

/// Makes an agent of a type that implements [`Agent`].
pub fn agent<C: Into<Capability>>(
    name: impl Into<AgentName>,
    capabilities: impl IntoIterator<Item = C>,
    agent: impl Agent,
) -> AgentSpec {
    AgentSpec::new(name, capabilities, Arc::new(agent))
}

/// What a seat is given: plain data, so that a seat can be elsewhere.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Assignment {
    /// What is asked, with the mandate as narrowed.
    pub delegation: Arc<Delegation>,
    /// When the seat began.
    pub started: Timestamp,
    /// When the attempt must have ended: its timeout or the deadline, whichever comes first.
    pub must_end: Timestamp,
}

/// What an agent is given for one attempt: the brief, its authority, its time, and the road upwards.
#[derive(Clone)]
pub struct AgentContext {
    assignment: Arc<Assignment>,
    canceled: watch::Receiver<bool>,
    seat: Address<SeatMessage>,
    tools: Arc<Tools>,
    peers: Peers,
    clock: Clock,
    notes: Notes,
    claims: Claims,
    /// How often each part was asked for by `call_delegate_tool`.
    calls: Arc<Mutex<BTreeMap<String, u32>>>,
    /// Tool calls so far.
    used: Arc<AtomicU32>,
}

/// The task has no such input: the team file or `after` does not name it, or it did not complete.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("no input from task `{task}`; there is {present}")]
pub struct MissingInput {
    /// The input asked for.
    pub task: TaskId,
    /// The inputs there are.
    pub present: String,
}

impl AgentContext {
    /// Opens an assignment for an agent. `canceled` turns true when the work is to stop.
    pub fn new(
        assignment: Arc<Assignment>,
        canceled: watch::Receiver<bool>,
        seat: Address<SeatMessage>,
        tools: Arc<Tools>,
        peers: Peers,
        clock: Clock,
        claims: Claims,
    ) -> Self {
        let (calls, used, notes) = Default::default();
        Self { assignment, canceled, seat, tools, peers, clock, notes, claims, calls, used }
    }

    /// Everything the seat was given.
    pub fn assignment(&self) -> &Assignment {
        &self.assignment
    }

    /// Everything the agent is told.
    pub fn brief(&self) -> &Brief {
        &self.assignment.delegation.brief
    }

    /// What to do, in words; the same in every attempt.
    pub fn goal(&self) -> &str {
        &self.brief().goal
    }

    /// The task.
    pub fn task(&self) -> &TaskId {
        &self.brief().task
    }

    /// Counted 1.. per task over all agents.
    pub fn attempt(&self) -> u32 {
        self.assignment.delegation.attempt
    }

    /// The output of a task this one comes after.
    ///
    /// # Errors
    /// If there is no such input.
    pub fn input(&self, task: &str) -> Result<&Output, MissingInput> {
        self.brief().inputs.get(task).ok_or_else(|| {
            let names: Vec<&str> = self.brief().inputs.keys().map(TaskId::as_str).collect();
            let present = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
            MissingInput { task: task.into(), present }
        })
    }

    /// The outputs of all tasks this one comes after.
    pub fn inputs(&self) -> &BTreeMap<TaskId, Output> {
        &self.brief().inputs
    }

    /// A named value of the goal.
    pub fn param(&self, name: &str) -> Option<&Json> {
        self.brief().params.get(name)
    }

    /// What the previous attempt was found to lack.
    pub fn feedback(&self) -> Option<&Feedback> {
        self.brief().feedback.as_ref()
    }

    /// The authority this attempt has.
    pub fn mandate(&self) -> &Mandate {
        &self.assignment.delegation.mandate
    }

    /// Stable over attempts: pass it to outside services, and what was done once is not done twice.
    pub fn idempotency_key(&self) -> &str {
        &self.assignment.delegation.idempotency_key
    }

    /// The W3C traceparent of this attempt.
    pub fn traceparent(&self) -> String {
        self.assignment.delegation.traceparent.to_string()
    }

    /// The time left until the attempt is cancelled.
    pub fn remaining(&self) -> Duration {
        self.assignment.must_end.since(self.clock.now())
    }

    /// Whether the work is to stop.
    pub fn is_canceled(&self) -> bool {
        *self.canceled.borrow()
    }

    /// Waits until the work is to stop; the seat is killed 2 s later.
    ///
    /// # Cancel safety
    /// Safe: nothing is lost by dropping it.
    pub async fn canceled(&self) {
        let mut canceled = self.canceled.clone();
        // The sender lives as long as the seat; if it is gone, so is this attempt.
        let _ = canceled.wait_for(|stop| *stop).await;
    }

    /// Has a part of the work done by somebody else, and waits for it: its own supervisor checks the request against
    /// the mandate this attempt holds and hands a narrower one on; the goal chooses whom to ask.
    ///
    /// The part is named: asked for again under the same name, by this attempt or the next one of the same task, it
    /// answers with what is already there. While an attempt waits its place is somebody else's; it goes on when all
    /// that it waits for has answered.
    ///
    /// # Errors
    /// If the request is refused. How the part ended, well or badly, is in the answer.
    ///
    /// # Cancel safety
    /// Dropping it does not call the part back; the end of the attempt does.
    pub async fn delegate(&self, name: impl Into<TaskId>, task: Task) -> Result<Delegated, NotDelegated> {
        let _turn = self.notes.turn().await;
        let (reply, answer) = oneshot::channel();
        let from = self.assignment.delegation.id;
        self.tell(SeatMessage::Ask { from, name: name.into(), task: Box::new(task), reply });
        // A dropped reply: somebody on the road died or ended.
        answer.await.unwrap_or(Err(Refusal::Draining)).map_err(NotDelegated::Refused)
    }
}

impl AgentContext {
    /// Gives the whole task away: from here on the part is the task, its result the task's result, checked against the
    /// task's own contract, and what this attempt still reports is refused. It has 2 s to end.
    ///
    /// # Errors
    /// If the request is refused, or parts that were handed on have not answered yet.
    ///
    /// # Cancel safety
    /// Once asked for it happens, whether it is awaited or not.
    pub async fn transfer(&self, name: impl Into<TaskId>, task: Task) -> Result<(), NotDelegated> {
        let (reply, moved) = oneshot::channel();
        self.request(Request::Transfer { name: name.into(), task: Box::new(task), reply });
        moved.await.unwrap_or(Err(Refusal::Draining)).map_err(NotDelegated::Refused)
    }

    /// Uses a tool: the only road from an agent to the world that this runtime vouches for. Its supervisor rules on
    /// the call against the mandate of this task and records it; then the tool runs inside this attempt.
    ///
    /// # Errors
    /// If there is no such tool, its arguments are wrong, the call is outside the mandate, or the tool failed.
    ///
    /// # Cancel safety
    /// Dropping it stops the tool wherever it is.
    pub async fn tool(&self, name: &str, args: Value) -> Result<Value, ToolError> {
        let Some(tool) = self.tools.get(name) else {
            let present = self.tools.keys().cloned().collect::<Vec<_>>().join(", ");
            let present = if present.is_empty() { "none".to_owned() } else { present };
            return Err(ToolError::Unknown { name: name.to_owned(), present });
        };
        let Value::Object(args) = args else {
            return Err(ToolError::Arguments("they are not an object".to_owned()));
        };
        let need = tool.needs_dyn(&args).map_err(ToolError::Arguments)?;
        let _turn = self.notes.turn().await;
        let (reply, ruled) = oneshot::channel();
        let call = self.used.fetch_add(1, Ordering::Relaxed) + 1;
        self.request(Request::Tool { tool: name.to_owned(), need, args: args.clone(), call, reply });
        ruled.await.unwrap_or(Err(Refusal::Draining)).map_err(ToolError::Refused)?;
        let returned = tool.clone().run_boxed(args).await;
        self.request(Request::ToolReturned { call, failed: returned.is_err() });
        returned.map_err(ToolError::Failed)
    }

    /// Charges something consumed so far; what the report states comes on top. What is charged after the first
    /// [`NOTES_MAX`] notes is charged with the report.
    pub fn charge(&self, usage: Usage, cost: Cost) {
        if self.notes.one_more() {
            self.request(Request::Charge { usage, cost });
        } else {
            self.notes.owe(usage, cost);
        }
    }

    /// Says how far the work is: recorded in the agent's stream, the first [`NOTES_MAX`] notes of an attempt.
    pub fn progress(&self, note: impl Into<String>) {
        if self.notes.one_more() {
            self.request(Request::Progress { note: note.into() });
        }
    }

    /// Keeps something for the next attempt at this task, should there be one: its brief carries it. Counts as a note:
    /// see [`NOTES_MAX`].
    pub fn checkpoint(&self, state: impl Into<Json>) {
        if self.notes.one_more() {
            self.request(Request::Checkpoint { state: state.into() });
        }
    }

    /// What the previous attempt kept.
    pub fn kept(&self) -> Option<&Json> {
        self.brief().checkpoint.as_ref()
    }

    /// Says that a program runs for this attempt, so that it is not left behind if the runtime dies.
    pub(crate) fn runs_process(&self, pid: u32) {
        if let Some(born) = command::survivors::born(pid) {
            self.request(Request::Process { pid, born });
        }
    }

    /// What it says beside its answer.
    pub(crate) fn notes(&self) -> Notes {
        self.notes.clone()
    }

    fn request(&self, request: Request) {
        self.tell(SeatMessage::Use { from: self.assignment.delegation.id, request });
    }

    fn tell(&self, body: SeatMessage) {
        let trace = Some(self.assignment.delegation.traceparent);
        let parent = Some(self.assignment.delegation.id);
        self.seat.tell(Envelope { origin: Origin::EDGE, cause: None, trace, parent, body });
    }
}
