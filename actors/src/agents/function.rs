//! A closure as an agent: the lightest way to be one.

use std::{future::Future, marker::PhantomData, sync::Arc};

use bailiwick_protocols::{AgentName, Capability, Report};

use super::{Agent, AgentContext, AgentError, AgentSpec};

/// A closure as an agent; made by [`agent_fn`].
pub struct FunctionAgent<F, Fut, R> {
    function: F,
    _answers: PhantomData<fn() -> (Fut, R)>,
}

impl<F, Fut, R> Agent for FunctionAgent<F, Fut, R>
where
    F: Fn(AgentContext) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<R, AgentError>> + Send + 'static,
    R: Into<Report> + 'static,
{
    async fn run(&self, task: AgentContext) -> Result<Report, AgentError> {
        (self.function)(task).await.map(Into::into)
    }
}

/// Makes an agent of a closure that answers with an [`Output`](bailiwick_protocols::Output) or a [`Report`].
pub fn agent_fn<C, F, Fut, R>(
    name: impl Into<AgentName>,
    capabilities: impl IntoIterator<Item = C>,
    function: F,
) -> AgentSpec
where
    C: Into<Capability>,
    F: Fn(AgentContext) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<R, AgentError>> + Send + 'static,
    R: Into<Report> + 'static,
{
    AgentSpec::new(name, capabilities, Arc::new(FunctionAgent { function, _answers: PhantomData }))
}
