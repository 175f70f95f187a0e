//! What verification found: passed, failed, or abstained. Never one boolean.

use serde::{Deserialize, Serialize};

/// The finding on one output against one contract.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Verdict {
    /// Whether the contract is met. Never together with `abstained`.
    pub passed: bool,
    /// Whether nothing could be found out either way.
    pub abstained: bool,
    /// How well it is met, 0.0..=1.0.
    pub score: f64,
    /// The check that decided: `contains`, `schema`, `all`, `judge` ...
    pub method: String,
    /// What was found, for people and for the next attempt.
    pub details: String,
    /// What each judge that was asked said; empty if none was, and in records older than this field.
    #[serde(default)]
    pub judges: Box<[Judged]>,
}

/// A verdict as agents, their programs and readers of reports are told it: what each judge said stands in the details, in
/// words, and who judged stays in the log and the trace.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct ToldVerdict<'a> {
    /// Whether the contract is met.
    pub passed: bool,
    /// Whether nothing could be found out either way.
    pub abstained: bool,
    /// How well it is met, 0.0..=1.0.
    pub score: f64,
    /// The check that decided.
    pub method: &'a str,
    /// What was found.
    pub details: &'a str,
}

/// What one judge of a panel said. Its words are not here: they stand in the verdict's details.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Judged {
    /// Who was asked: an agent, a judge by its name, or `judge-2` where it was given none.
    pub judge: String,
    /// The seat it was asked for, from 1.
    pub seat: u32,
    /// From where it looked: `charitable`, `strict` ...
    pub perspective: String,
    /// What its answer came to.
    pub vote: Vote,
    /// Its score, 0.0..=1.0; none if it gave none that can be used.
    pub score: Option<f64>,
    /// How many characters its reason has.
    pub reason_chars: u32,
}

/// What the answer of one judge came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Vote {
    /// Its score reaches the threshold.
    Passed,
    /// Its score does not.
    Failed,
    /// It gave no answer that can be used.
    Abstained,
    /// It may not judge this; the next judge took its seat, if there was one that may.
    Recused,
}

impl Vote {
    /// As one lowercase word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Vote::Passed => "passed",
            Vote::Failed => "failed",
            Vote::Abstained => "abstained",
            Vote::Recused => "recused",
        }
    }
}

impl Verdict {
    /// The contract is met.
    pub fn pass(method: impl Into<String>, score: f64, details: impl Into<String>) -> Self {
        Self::found(true, score, method, details)
    }

    /// The contract is not met.
    pub fn fail(method: impl Into<String>, score: f64, details: impl Into<String>) -> Self {
        Self::found(false, score, method, details)
    }

    /// Nothing could be found out: never a pass.
    pub fn abstain(method: impl Into<String>, details: impl Into<String>) -> Self {
        Self { abstained: true, ..Self::found(false, 0.0, method, details) }
    }

    /// What of it is told to whoever did the work or asked for it.
    pub fn told(&self) -> ToldVerdict<'_> {
        let Self { passed, abstained, score, method, details, judges: _ } = self;
        ToldVerdict { passed: *passed, abstained: *abstained, score: *score, method, details }
    }

    fn found(passed: bool, score: f64, method: impl Into<String>, details: impl Into<String>) -> Self {
        let (method, details) = (method.into(), details.into());
        Self { passed, abstained: false, score: unit(score), method, details, judges: Box::default() }
    }
}

fn unit(score: f64) -> f64 {
    if score.is_nan() { 0.0 } else { score.clamp(0.0, 1.0) }
}
