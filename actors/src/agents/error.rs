//! Why an agent could not answer, with what it consumed before.

use bailiwick_protocols::{Cost, Failure, Report, Usage};

/// Why an agent could not answer. Any error becomes one by `?`: code `AGENT_ERROR`, retryable.
#[derive(Clone, Debug, PartialEq)]
pub struct AgentError {
    failure: Failure,
    usage: Usage,
    cost: Cost,
}

impl AgentError {
    /// The agent failed.
    pub fn new(message: impl Into<String>) -> Self {
        Self::of(Failure::agent(message))
    }

    /// The agent failed in this way. (`From` is taken by every standard error.)
    pub fn of(failure: Failure) -> Self {
        Self { failure, usage: Usage::default(), cost: Cost::FREE }
    }

    /// The same agent is not to be asked again for this task.
    pub fn not_retryable(mut self) -> Self {
        self.failure.retryable = false;
        self
    }

    /// Adds what was consumed before the failure.
    pub fn charge(mut self, usage: Usage, cost: Cost) -> Self {
        self.usage += usage;
        self.cost += cost;
        self
    }

    /// The report that says so.
    pub fn into_report(self) -> Report {
        Report::failed(self.failure).charge(self.usage, self.cost)
    }
}

impl<E: std::error::Error> From<E> for AgentError {
    fn from(error: E) -> Self {
        let mut message = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            message.push_str(&format!(": {cause}"));
            source = cause.source();
        }
        AgentError::new(message)
    }
}
