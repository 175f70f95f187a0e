//! How much an agent's word is believed, per capability, and the lesson a verdict teaches.

use serde::{Deserialize, Serialize};

use crate::{Capability, Timestamp};

/// A score in 0.0..=1.0. Whatever lies outside is clamped; NaN becomes 0.
#[derive(Clone, Copy, PartialEq, PartialOrd, Debug, Serialize, Deserialize)]
#[serde(from = "f64", into = "f64")]
pub struct TrustScore(f64);

impl TrustScore {
    /// What a new agent starts with (seed).
    pub const START: TrustScore = TrustScore(0.5);

    /// Clamps a number into a score.
    pub fn new(score: f64) -> Self {
        if score.is_nan() { Self(0.0) } else { Self(score.clamp(0.0, 1.0)) }
    }

    /// The score, 0.0..=1.0.
    pub const fn get(self) -> f64 {
        self.0
    }
}

impl Default for TrustScore {
    fn default() -> Self {
        Self::START
    }
}

impl From<f64> for TrustScore {
    fn from(score: f64) -> Self {
        Self::new(score)
    }
}

impl From<TrustScore> for f64 {
    fn from(score: TrustScore) -> f64 {
        score.0
    }
}

/// How bad a failure was, for trust: `loss = 0.2 s (1 + weight)`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub enum Gravity {
    /// An ordinary failure; weight 0.
    Ordinary,
    /// A breach of contract at criticality 4 or 5; weight 1.
    Breach,
    /// A try outside the mandate; weight 3.
    Violation,
}

impl Gravity {
    /// The weight in the formula of semantics section 7: 0, 1 or 3.
    pub const fn weight(self) -> f64 {
        match self {
            Gravity::Ordinary => 0.0,
            Gravity::Breach => 1.0,
            Gravity::Violation => 3.0,
        }
    }
}

/// What a settled delegation says about the agent.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Evidence {
    /// A verified success.
    Success,
    /// A failure that was the agent's own.
    Failure(Gravity),
}

/// What was learned about one agent and one capability from one settlement.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Lesson {
    /// The capability that is credited or blamed.
    pub capability: Capability,
    /// What taught it.
    pub evidence: Evidence,
    /// The score before, with idle decay applied.
    pub before: TrustScore,
    /// The record after, as it is kept from now on.
    pub after: TrustRecord,
}

/// What is kept about one agent and one capability.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct TrustRecord {
    /// The score at `at`.
    pub score: TrustScore,
    /// When the score was last moved.
    pub at: Timestamp,
    /// Verified successes, decayed by the model if it decays evidence.
    pub successes: f64,
    /// Failures of the agent's own, decayed by the model if it decays evidence.
    pub failures: f64,
}

impl TrustRecord {
    /// The record of an agent nothing is known about.
    pub const fn start(score: TrustScore, at: Timestamp) -> Self {
        Self { score, at, successes: 0.0, failures: 0.0 }
    }

    /// How much evidence stands behind the score.
    pub fn evidence(&self) -> f64 {
        self.successes + self.failures
    }
}
