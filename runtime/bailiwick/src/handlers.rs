//! Code that a team file refers to by name: agents behind `handler`, checks behind `function`.

use std::{collections::BTreeMap, sync::Arc};

use bailiwick_actors::{
    agents::{Agent, AgentContext, AgentError, DynAgent, agent_fn},
    verifiers::VerifierSpec,
};
use bailiwick_protocols::Report;

/// Code by name, for [`Bailiwick::from_team`](crate::Bailiwick::from_team).
#[derive(Clone, Default)]
pub struct Handlers {
    pub(crate) agents: BTreeMap<String, Arc<dyn DynAgent>>,
    pub(crate) functions: Vec<VerifierSpec>,
}

impl Handlers {
    /// None.
    pub fn new() -> Self {
        Self::default()
    }

    /// Registers a type as the code behind `handler = "name"`.
    pub fn agent(mut self, name: impl Into<String>, agent: impl Agent) -> Self {
        self.agents.insert(name.into(), Arc::new(agent));
        self
    }

    /// Registers a closure as the code behind `handler = "name"`.
    pub fn agent_fn<F, Fut, R>(mut self, name: impl Into<String>, function: F) -> Self
    where
        F: Fn(AgentContext) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<R, AgentError>> + Send + 'static,
        R: Into<Report> + 'static,
    {
        let name = name.into();
        let agent = agent_fn(name.as_str(), [""; 0], function).agent;
        self.agents.insert(name, agent);
        self
    }

    /// Registers a check behind `{ function = "name" }`.
    pub fn verifier(mut self, spec: VerifierSpec) -> Self {
        self.functions.push(spec);
        self
    }
}
