//! What can go wrong with the runtime itself. That a goal did not succeed is a report, not an error.

use bailiwick_protocols::{AgentName, Refusal};

/// The runtime cannot start, has ended, or an answer is not to be believed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The team cannot be started; all problems at once.
    #[error("the team cannot be started:\n  {}", .0.join("\n  "))]
    Invalid(Vec<String>),
    /// A goal was not accepted.
    #[error(transparent)]
    Submit(#[from] SubmitError),
    /// The team was not changed.
    #[error(transparent)]
    Team(#[from] TeamError),
    /// A goal cannot be resumed.
    #[error(transparent)]
    Resume(#[from] ResumeError),
    /// The runtime ended before the goal did.
    #[error("the runtime ended: {0}")]
    Ended(String),
    /// The journal cannot be opened.
    #[error(transparent)]
    Journal(#[from] bailiwick_actors::audit_log::journal::JournalError),
    /// Threads for agents cannot be had.
    #[error("no runtime for agents: {0}")]
    Threads(#[from] std::io::Error),
    /// The goal has no output that is to be believed.
    #[error(transparent)]
    NotVerified(#[from] crate::report::NotVerified),
    /// An output is not of the type asked for.
    #[error(transparent)]
    NotOfType(#[from] bailiwick_protocols::report::NotOfType),
    /// An output is not text.
    #[error(transparent)]
    NotText(#[from] bailiwick_protocols::report::NotText),
}

/// A goal cannot be resumed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ResumeError {
    /// The journal knows of no such goal.
    #[error("there is no goal {0}")]
    Unknown(bailiwick_protocols::GoalId),
    /// It was turned away: too many goals live.
    #[error("turned away: {0}")]
    Refused(Refusal),
    /// The journal cannot be read or written.
    #[error(transparent)]
    Journal(#[from] bailiwick_actors::audit_log::journal::JournalError),
    /// The runtime ended.
    #[error("the runtime ended: {0}")]
    Ended(String),
}

/// A goal was not accepted; nothing of it started.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SubmitError {
    /// Something is wrong with it; all problems at once.
    #[error("{}", .0.join("; "))]
    Invalid(Vec<String>),
    /// It was turned away: too many goals live.
    #[error("turned away: {0}")]
    Refused(Refusal),
    /// The journal cannot keep it: the runtime ended.
    #[error("the runtime ended: {0}")]
    Journal(bailiwick_actors::audit_log::journal::JournalError),
    /// The runtime ended.
    #[error("the runtime ended: {0}")]
    Ended(String),
}

/// The team was not changed; everybody is as before.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TeamError {
    /// Nobody of this name is in the team.
    #[error("nobody is called `{agent}`: there is {}", present(.there_is))]
    Unknown {
        /// The name.
        agent: AgentName,
        /// Who is in the team.
        there_is: Vec<AgentName>,
    },
    /// Somebody of this name is in the team.
    #[error("somebody is called `{agent}` already: replace it, or give the new one another name")]
    Duplicate {
        /// The name.
        agent: AgentName,
    },
    /// It can do nothing.
    #[error("agent `{agent}` can do nothing: give it at least one capability")]
    NoCapability {
        /// The name.
        agent: AgentName,
    },
    /// Something else is wrong with it; all problems at once.
    #[error("{}", .0.join("; "))]
    Invalid(Vec<String>),
    /// Its supervisor did not start.
    #[error("the supervisor of `{agent}` did not start: {why}")]
    NotStarted {
        /// The name.
        agent: AgentName,
        /// Why.
        why: String,
    },
    /// The runtime ended.
    #[error("the runtime ended: {0}")]
    Ended(String),
}

fn present(names: &[AgentName]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    if names.is_empty() { "nobody".to_owned() } else { names.join(", ") }
}
