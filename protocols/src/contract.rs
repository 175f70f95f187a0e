//! What counts as done: the checks an output must pass and the shape it must have.
//!
//! A contract is a plain spec. It is compiled, and refused if it cannot be, when a goal is accepted.

use std::{cell::Cell, time::Duration};

use serde::{Deserialize, Deserializer, Serialize, de::Error as _};

use crate::Json;

/// What counts as done for a task or a goal.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Contract {
    /// The check on the content.
    pub verify: Verify,
    /// The shape of the output.
    pub output: OutputSpec,
}

impl Contract {
    /// Whether a passing verdict can be had at all: `Verify::None` asks for no check.
    pub fn asks_for_check(&self) -> bool {
        self.verify != Verify::None
    }
}

/// One check, or several joined. Three-valued: a check passes, fails or abstains.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Verify {
    /// No check is asked for: the outcome is `Unverified`.
    #[default]
    None,
    /// The text contains this.
    Contains(String),
    /// The text equals this; JSON is compared as a value.
    Equals(Json),
    /// A linear-time regular expression finds a match in the text.
    Regex(String),
    /// The output is valid against this JSON Schema (2020-12).
    Schema(Json),
    /// A function registered under this name passes it.
    Function(String),
    /// A panel of judges is persuaded.
    Judge(JudgeSpec),
    /// All pass; the score is the least.
    #[serde(deserialize_with = "nested")]
    All(Vec<Verify>),
    /// At least one passes; the score is the greatest.
    #[serde(deserialize_with = "nested")]
    Any(Vec<Verify>),
    /// It fails; the score is one minus its score; an abstention stays one.
    #[serde(deserialize_with = "nested")]
    Not(Box<Verify>),
}

/// How deep checks may stand inside checks: 32. What is nested deeper cannot be read.
pub const VERIFY_DEPTH_MAX: u32 = 32;

/// Reads checks inside a check, and refuses when they go too deep: a few bytes must not exhaust the stack.
fn nested<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<T, D::Error> {
    thread_local! {
        static DEPTH: Cell<u32> = const { Cell::new(0) };
    }
    struct Level;
    impl Drop for Level {
        fn drop(&mut self) {
            DEPTH.set(DEPTH.get() - 1);
        }
    }
    if DEPTH.get() == VERIFY_DEPTH_MAX {
        return Err(D::Error::custom(format_args!("checks are nested more than {VERIFY_DEPTH_MAX} deep")));
    }
    DEPTH.set(DEPTH.get() + 1);
    let _level = Level;
    T::deserialize(deserializer)
}

impl Verify {
    /// The text contains this.
    pub fn contains(text: impl Into<String>) -> Self {
        Verify::Contains(text.into())
    }

    /// The output equals this.
    pub fn equals(value: impl Into<Json>) -> Self {
        Verify::Equals(value.into())
    }

    /// The regular expression (linear time, no look-around) finds a match in the text.
    pub fn regex(pattern: impl Into<String>) -> Self {
        Verify::Regex(pattern.into())
    }

    /// The output is valid against this JSON Schema (2020-12).
    pub fn schema(schema: impl Into<Json>) -> Self {
        Verify::Schema(schema.into())
    }

    /// The function registered under this name passes it.
    pub fn function(name: impl Into<String>) -> Self {
        Verify::Function(name.into())
    }

    /// Three judges are asked whether this holds.
    pub fn judge(criterion: impl Into<String>) -> Self {
        Verify::Judge(JudgeSpec::new(criterion))
    }

    /// All of these pass.
    pub fn all(checks: impl IntoIterator<Item = Verify>) -> Self {
        Verify::All(checks.into_iter().collect())
    }

    /// At least one of these passes.
    pub fn any(checks: impl IntoIterator<Item = Verify>) -> Self {
        Verify::Any(checks.into_iter().collect())
    }

    /// This fails.
    #[allow(clippy::should_implement_trait, reason = "it reads as the word of the team file")]
    pub fn not(check: Verify) -> Self {
        Verify::Not(Box::new(check))
    }

    /// Every leaf below and including this check.
    pub fn leaves(&self) -> Vec<&Verify> {
        match self {
            Verify::All(checks) | Verify::Any(checks) => checks.iter().flat_map(Verify::leaves).collect(),
            Verify::Not(check) => check.leaves(),
            leaf => vec![leaf],
        }
    }
}

/// What a panel of judges is asked.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct JudgeSpec {
    /// The criterion, given to every judge word for word.
    pub criterion: String,
    /// How many judges, 1.. (3).
    pub judges: u8,
    /// The score from which one judge passes, 0.0..=1.0 (0.7).
    pub threshold: f64,
    /// The share of those who answered that must pass, 0.0..=1.0 (0.66).
    pub consensus: f64,
    /// A model or agent to ask instead of the team's judges.
    pub model: Option<String>,
}

impl JudgeSpec {
    /// Asks three judges with the default threshold and consensus.
    pub fn new(criterion: impl Into<String>) -> Self {
        Self { criterion: criterion.into(), judges: 3, threshold: 0.7, consensus: 0.66, model: None }
    }

    /// Asks this many judges.
    pub fn judges(mut self, judges: u8) -> Self {
        self.judges = judges;
        self
    }

    /// One judge passes from this score, 0.0..=1.0.
    pub fn threshold(mut self, threshold: f64) -> Self {
        self.threshold = threshold;
        self
    }

    /// This share of those who answered must pass, 0.0..=1.0.
    pub fn consensus(mut self, consensus: f64) -> Self {
        self.consensus = consensus;
        self
    }
}

/// The shape an output must have.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct OutputSpec {
    /// The format; `None` takes what comes.
    pub format: Option<OutputFormat>,
    /// The schema of a structured output.
    pub schema: Option<Json>,
    /// The most characters the text may have.
    pub max_length: Option<usize>,
}

/// How the content of an output is to be read.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum OutputFormat {
    /// Plain text.
    Text,
    /// A JSON value.
    Json,
    /// Markdown text.
    Markdown,
    /// A JSON value valid against the schema of the output spec.
    Structured,
}

impl OutputFormat {
    /// Whether the content is a JSON value rather than a string.
    pub const fn is_json(self) -> bool {
        matches!(self, OutputFormat::Json | OutputFormat::Structured)
    }

    /// The word of the JSON interfaces: `text`, `json`, `markdown`, `structured`.
    pub const fn as_str(self) -> &'static str {
        match self {
            OutputFormat::Text => "text",
            OutputFormat::Json => "json",
            OutputFormat::Markdown => "markdown",
            OutputFormat::Structured => "structured",
        }
    }
}

/// How long one verification may take before it abstains: 30 s.
pub const VERIFICATION_TIMEOUT: Duration = Duration::from_secs(30);
