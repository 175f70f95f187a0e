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
}

impl Verdict {
    /// The contract is met.
    pub fn pass(method: impl Into<String>, score: f64, details: impl Into<String>) -> Self {
        Self { passed: true, abstained: false, score: unit(score), method: method.into(), details: details.into() }
    }

    /// The contract is not met.
    pub fn fail(method: impl Into<String>, score: f64, details: impl Into<String>) -> Self {
        Self { passed: false, abstained: false, score: unit(score), method: method.into(), details: details.into() }
    }

    /// Nothing could be found out: never a pass.
    pub fn abstain(method: impl Into<String>, details: impl Into<String>) -> Self {
        Self { passed: false, abstained: true, score: 0.0, method: method.into(), details: details.into() }
    }
}

fn unit(score: f64) -> f64 {
    if score.is_nan() { 0.0 } else { score.clamp(0.0, 1.0) }
}
