//! How a goal without tasks gets some. To join the family, implement `Planner` and give it to the builder.

use std::{future::Future, sync::Arc};

use bailiwick_protocols::{AgentName, Capability, Cost, Goal, Output, Task, TaskId, Usage, Verdict};
use futures::future::BoxFuture;

pub mod fixed;

/// Splits goals into tasks.
pub trait Planner: Send + Sync + 'static {
    /// Answers with a plan. What is wrong with it is told in the next request, at most twice.
    ///
    /// # Errors
    /// Why there is no plan, for people.
    fn plan(&self, request: PlanRequest) -> impl Future<Output = Result<Plan, String>> + Send;
}

/// What a planner is asked.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PlanRequest {
    /// What is wanted.
    pub goal: Arc<Goal>,
    /// Who there is.
    pub team: Vec<(AgentName, Vec<Capability>)>,
    /// Counted from 1.
    pub round: u32,
    /// What was wrong with the last answer.
    pub problem: Option<String>,
}

/// A plan: tasks in any order, and what making it consumed.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// The tasks.
    pub tasks: Vec<Task>,
    /// What planning consumed.
    pub usage: Usage,
    /// The same in money.
    pub cost: Cost,
}

impl Plan {
    /// A plan that cost nothing.
    pub fn of(tasks: impl IntoIterator<Item = Task>) -> Self {
        Self { tasks: tasks.into_iter().collect(), usage: Usage::default(), cost: Cost::FREE }
    }
}

/// What a planner said, or why it said nothing.
pub type PlanAnswer = Result<Plan, String>;

/// A [`Planner`] behind a pointer.
pub trait DynPlanner: Send + Sync + 'static {
    /// Answers with a plan.
    fn plan_boxed(self: Arc<Self>, request: PlanRequest) -> BoxFuture<'static, PlanAnswer>;
}

impl<P: Planner> DynPlanner for P {
    fn plan_boxed(self: Arc<Self>, request: PlanRequest) -> BoxFuture<'static, PlanAnswer> {
        Box::pin(async move { self.plan(request).await })
    }
}

/// Joins the outputs of several final tasks into one.
pub trait Synthesiser: Send + Sync + 'static {
    /// Answers with one output.
    ///
    /// # Errors
    /// Why there is none, for people.
    fn synthesise(&self, request: SynthesisRequest) -> impl Future<Output = Result<Output, String>> + Send;
}

/// What a synthesiser is asked.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SynthesisRequest {
    /// What is wanted.
    pub goal: Arc<Goal>,
    /// The outputs of the final tasks, in plan order.
    pub outputs: Vec<(TaskId, Output)>,
    /// Counted from 1.
    pub round: u32,
    /// What verification found on the last answer.
    pub verdict: Option<Verdict>,
}

/// A [`Synthesiser`] behind a pointer.
pub trait DynSynthesiser: Send + Sync + 'static {
    /// Answers with one output.
    fn synthesise_boxed(self: Arc<Self>, request: SynthesisRequest) -> BoxFuture<'static, Result<Output, String>>;
}

impl<S: Synthesiser> DynSynthesiser for S {
    fn synthesise_boxed(self: Arc<Self>, request: SynthesisRequest) -> BoxFuture<'static, Result<Output, String>> {
        Box::pin(async move { self.synthesise(request).await })
    }
}
