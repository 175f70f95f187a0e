//! What comes back from a seat: an output or a failure, with what it consumed. Not yet a result: it has no verdict.

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::{Cost, Failure, Json, OutputFormat, Usage};

/// The most bytes an output may have: 2 MB. More is `INVALID_OUTPUT`.
pub const OUTPUT_BYTES_MAX: usize = 2_000_000;

/// What an agent produced.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Output {
    /// How the content is to be read.
    pub format: OutputFormat,
    /// A JSON value for `json` and `structured`, else a string.
    pub content: Json,
}

/// An output is not text.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the output is {0:?}, not text: use `content` for its JSON value")]
pub struct NotText(pub OutputFormat);

/// An output is not what a Rust type reads.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the output is no {wanted}: {why}")]
pub struct NotOfType {
    /// The Rust type.
    pub wanted: &'static str,
    /// What is wrong, and where.
    pub why: String,
}

impl Output {
    /// Plain text.
    pub fn text(text: impl Into<String>) -> Self {
        Self { format: OutputFormat::Text, content: Json(Value::String(text.into())) }
    }

    /// Markdown text.
    pub fn markdown(text: impl Into<String>) -> Self {
        Self { format: OutputFormat::Markdown, content: Json(Value::String(text.into())) }
    }

    /// A JSON value.
    pub fn json(value: impl Into<Value>) -> Self {
        Self { format: OutputFormat::Json, content: Json(value.into()) }
    }

    /// The text of a text or markdown output.
    ///
    /// # Errors
    /// If the output is JSON.
    pub fn as_text(&self) -> Result<&str, NotText> {
        match (&self.content.0, self.format.is_json()) {
            (Value::String(text), false) => Ok(text),
            _ => Err(NotText(self.format)),
        }
    }

    /// The output as a Rust type: JSON as it is, a text as the JSON it holds, else as a string.
    ///
    /// # Errors
    /// If it is something else; names the field.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, NotOfType> {
        let wrong = |error: serde_json::Error| NotOfType { wanted: std::any::type_name::<T>(), why: error.to_string() };
        let text = self.as_text().ok();
        match text.and_then(|text| serde_json::from_str(text).ok()) {
            Some(parsed) => Ok(parsed),
            None => T::deserialize(self.content.value()).map_err(|error| match text.map(serde_json::from_str::<T>) {
                Some(Err(inside)) if inside.is_data() => wrong(inside),
                _ => wrong(error),
            }),
        }
    }

    /// What text checks see: the text, or compact JSON with sorted keys.
    pub fn checked_text(&self) -> std::borrow::Cow<'_, str> {
        match self.as_text() {
            Ok(text) => text.into(),
            Err(_) => self.content.canonical().into(),
        }
    }
}

impl std::fmt::Display for Output {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.as_text() {
            Ok(text) => f.write_str(text),
            Err(_) if f.alternate() => write!(f, "{:#}", self.content.0),
            Err(_) => write!(f, "{}", self.content.0),
        }
    }
}

/// What a seat reports about one attempt.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Report {
    /// The output, or why there is none.
    pub result: Result<Output, Failure>,
    /// What the attempt consumed, its children's share not included.
    pub usage: Usage,
    /// What that costs.
    pub cost: Cost,
    /// What the agent says about its work, for people and later lenses; never checked.
    pub debrief: Option<Json>,
}

impl Report {
    /// A report of an output that cost nothing.
    pub fn of(output: Output) -> Self {
        Self { result: Ok(output), usage: Usage::default(), cost: Cost::FREE, debrief: None }
    }

    /// A report of a failure that cost nothing.
    pub fn failed(failure: Failure) -> Self {
        Self { result: Err(failure), usage: Usage::default(), cost: Cost::FREE, debrief: None }
    }

    /// Adds what the attempt consumed.
    pub fn charge(mut self, usage: Usage, cost: Cost) -> Self {
        self.usage += usage;
        self.cost += cost;
        self
    }
}

/// What an agent gets back from a part of its work that somebody else did.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Delegated {
    /// The task it became: `<parent>/<name>`.
    pub task: crate::TaskId,
    /// Who did it last, if anybody did.
    pub agent: Option<crate::AgentName>,
    /// How it ended.
    pub outcome: crate::Outcome,
    /// What came out, if it completed.
    pub output: Option<Output>,
    /// The last verdict, if a check was asked and made.
    pub verdict: Option<crate::Verdict>,
    /// What it consumed, its own children included.
    pub usage: Usage,
    /// The same in money.
    pub cost: Cost,
}

impl Delegated {
    /// The output, if the part completed: verified, or unverified where no check was asked.
    ///
    /// # Errors
    /// How it ended instead.
    pub fn output(&self) -> Result<&Output, NotDelegated> {
        match &self.output {
            Some(output) if self.outcome.is_completed() => Ok(output),
            _ => Err(NotDelegated::Ended { task: self.task.clone(), outcome: Box::new(self.outcome.clone()) }),
        }
    }
}

/// A part of the work was not done by somebody else.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NotDelegated {
    /// It was turned away before anybody was asked.
    #[error("{0}")]
    Refused(crate::Refusal),
    /// It ended otherwise.
    #[error("{task}: {outcome}")]
    Ended {
        /// The task it became.
        task: crate::TaskId,
        /// How it ended.
        outcome: Box<crate::Outcome>,
    },
}

impl From<Output> for Report {
    fn from(output: Output) -> Self {
        Report::of(output)
    }
}
