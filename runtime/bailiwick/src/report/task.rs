//! What became of one task, and of each attempt at it.

use std::{sync::Arc, time::Duration};

use bailiwick_protocols::{
    AgentName, Cost, Failure, Outcome, Output, TaskId, TaskSpec, Timestamp, Usage, Verdict, outcome::RefusedBy,
};

use serde::de::DeserializeOwned;

use super::verified;

/// What became of one task.
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub struct TaskReport {
    /// Unique within the goal.
    pub id: TaskId,
    /// What was to be done, in words.
    pub goal: String,
    /// The tasks it needed.
    pub after: Vec<TaskId>,
    /// The tasks it waited for and could do without.
    pub optional_after: Vec<TaskId>,
    /// The task it is a part of, if an agent at work handed it on.
    pub part_of: Option<TaskId>,
    /// How it ended; `None` while it waits or runs.
    pub outcome: Option<Outcome>,
    /// What came out, verified or not.
    pub output: Option<Output>,
    /// In the order in which they began.
    pub attempts: Vec<AttemptReport>,
    /// Who turned it away, and why.
    pub refusals: Vec<RefusedBy>,
    /// Why a person would have been asked, if nobody was left to ask.
    pub escalated: Option<String>,
}

/// What a task is doing now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum TaskStanding {
    /// For its inputs, or for an agent with room.
    Waiting,
    /// An attempt is under way.
    Running,
    /// An attempt has ended, and another will follow.
    Again,
    /// It is over.
    Ended,
}

impl TaskReport {
    pub(crate) fn new(spec: &Arc<TaskSpec>) -> Self {
        let mut task = Self::unknown(&spec.id);
        task.goal.clone_from(&spec.goal);
        task.after.clone_from(&spec.after);
        task.optional_after.clone_from(&spec.optional_after);
        task
    }

    /// A task of which only the name is known.
    pub(super) fn unknown(id: &TaskId) -> Self {
        Self {
            id: id.clone(),
            goal: String::new(),
            after: Vec::new(),
            optional_after: Vec::new(),
            part_of: None,
            outcome: None,
            output: None,
            attempts: Vec::new(),
            refusals: Vec::new(),
            escalated: None,
        }
    }

    /// What it is doing now.
    pub fn standing(&self) -> TaskStanding {
        match (&self.outcome, self.attempts.last()) {
            (Some(_), _) => TaskStanding::Ended,
            (None, None) => TaskStanding::Waiting,
            (None, Some(last)) if last.outcome.is_none() => TaskStanding::Running,
            (None, Some(_)) => TaskStanding::Again,
        }
    }

    /// Who made the last attempt; `None` if nobody tried.
    pub fn agent(&self) -> Option<&AgentName> {
        self.attempts.last().map(|attempt| &attempt.agent)
    }

    /// The outcome as one word of the JSON interfaces, or `running`.
    pub fn outcome_word(&self) -> &'static str {
        self.outcome.as_ref().map_or("running", Outcome::as_str)
    }

    /// The output as a Rust type, if its contract was checked and met.
    ///
    /// # Errors
    /// Says why the output is not to be believed, why there is none, or that it is no `T`.
    pub fn output_as<T: DeserializeOwned>(&self) -> Result<T, crate::Error> {
        Ok(verified::believed(self.outcome.as_ref(), self.output.as_ref())?.parse()?)
    }

    /// The time of all its attempts together.
    pub fn duration(&self) -> Duration {
        self.attempts.iter().map(|attempt| attempt.duration).sum()
    }

    /// What its attempts cost together.
    pub fn cost(&self) -> Cost {
        self.attempts.iter().fold(Cost::FREE, |sum, attempt| sum + attempt.cost)
    }
}

/// What became of one attempt.
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub struct AttemptReport {
    /// Counted 1.. per task, over all agents.
    pub attempt: u32,
    /// Who tried.
    pub agent: AgentName,
    /// How it ended; `None` while it runs.
    pub outcome: Option<Outcome>,
    /// What was found; `None` where nothing was asked.
    pub verdict: Option<Verdict>,
    /// When its seat began.
    pub started: Option<Timestamp>,
    /// From the seat's start to the end of the work.
    pub duration: Duration,
    /// What it consumed.
    pub usage: Usage,
    /// The same in money.
    pub cost: Cost,
}

impl AttemptReport {
    pub(super) fn new(attempt: u32, agent: &AgentName) -> Self {
        Self {
            attempt,
            agent: agent.clone(),
            outcome: None,
            verdict: None,
            started: None,
            duration: Duration::ZERO,
            usage: Usage::default(),
            cost: Cost::FREE,
        }
    }

    /// Why it gave no output, if it failed.
    pub fn error(&self) -> Option<&Failure> {
        match &self.outcome {
            Some(Outcome::Failed { cause }) => Some(cause),
            _ => None,
        }
    }

    /// The outcome as one word of the JSON interfaces, or `running`.
    pub fn outcome_word(&self) -> &'static str {
        self.outcome.as_ref().map_or("running", Outcome::as_str)
    }
}
