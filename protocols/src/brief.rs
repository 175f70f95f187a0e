//! What an agent is told about one attempt.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Code, Json, Output, OutputSpec, TaskId, Verdict, task::Metadata};

/// What the previous attempt was found to lack.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Feedback {
    /// The number of that attempt.
    pub attempt: u32,
    /// How it ended.
    pub code: Option<Code>,
    /// What verification found, if it came to that.
    pub verdict: Option<Verdict>,
    /// The same in one sentence.
    pub message: String,
}

/// What an agent is told. The goal text never changes between attempts; what to mend stands in `feedback`.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Brief {
    /// The task.
    pub task: TaskId,
    /// What to do, in words.
    pub goal: String,
    /// The outputs of the tasks it comes after.
    pub inputs: BTreeMap<TaskId, Output>,
    /// The named values of the goal.
    pub params: BTreeMap<String, Json>,
    /// Documents handed along.
    pub documents: Vec<Json>,
    /// Constraints in words.
    pub constraints: Vec<String>,
    /// The shape the output must have.
    pub output: OutputSpec,
    /// What the previous attempt lacked, if there was one.
    pub feedback: Option<Feedback>,
    /// What the previous attempt kept for this one, if it kept anything.
    pub checkpoint: Option<Json>,
    /// Free values of the task.
    pub metadata: Metadata,
}
