//! What work consumed (`Usage`, the fact) and what that costs (`Cost`, perhaps unknown).

use std::ops;

use serde::{Deserialize, Serialize};

/// Tokens and calls that a piece of work consumed. All counts are totals.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Usage {
    /// Tokens sent to models.
    pub input_tokens: u64,
    /// Tokens received from models.
    pub output_tokens: u64,
    /// Tokens served from a model's prompt cache.
    pub cache_read_tokens: u64,
    /// Tokens written into a model's prompt cache.
    pub cache_write_tokens: u64,
    /// Tokens spent on reasoning that is not shown.
    pub reasoning_tokens: u64,
    /// Model calls.
    pub calls: u64,
}

impl Usage {
    /// Input and output tokens together: what a token budget counts.
    pub const fn tokens(&self) -> u64 {
        self.input_tokens.saturating_add(self.output_tokens)
    }
}

impl ops::Add for Usage {
    type Output = Usage;
    fn add(self, other: Usage) -> Usage {
        Usage {
            input_tokens: self.input_tokens.saturating_add(other.input_tokens),
            output_tokens: self.output_tokens.saturating_add(other.output_tokens),
            cache_read_tokens: self.cache_read_tokens.saturating_add(other.cache_read_tokens),
            cache_write_tokens: self.cache_write_tokens.saturating_add(other.cache_write_tokens),
            reasoning_tokens: self.reasoning_tokens.saturating_add(other.reasoning_tokens),
            calls: self.calls.saturating_add(other.calls),
        }
    }
}

impl ops::AddAssign for Usage {
    fn add_assign(&mut self, other: Usage) {
        *self = *self + other;
    }
}

/// Money, in integer micro-USD (1 USD = 1 000 000). `Unknown` is not zero and stays unknown in a sum.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Cost {
    /// This many micro-USD.
    Known(u64),
    /// Nobody knows the price.
    Unknown,
}

impl Cost {
    /// Nothing was charged.
    pub const FREE: Cost = Cost::Known(0);

    /// Converts US dollars, rounded to the nearest micro-USD; what is negative or not finite is unknown.
    pub fn from_usd(usd: f64) -> Cost {
        let micro = (usd * 1e6).round();
        if micro.is_finite() && (0.0..9e18).contains(&micro) { Cost::Known(micro as u64) } else { Cost::Unknown }
    }

    /// The amount in micro-USD, if it is known.
    pub const fn micro_usd(self) -> Option<u64> {
        match self {
            Cost::Known(micro) => Some(micro),
            Cost::Unknown => None,
        }
    }
}

impl Default for Cost {
    fn default() -> Self {
        Cost::FREE
    }
}

impl ops::Add for Cost {
    type Output = Cost;
    fn add(self, other: Cost) -> Cost {
        match (self, other) {
            (Cost::Known(a), Cost::Known(b)) => Cost::Known(a.saturating_add(b)),
            _ => Cost::Unknown,
        }
    }
}

impl ops::AddAssign for Cost {
    fn add_assign(&mut self, other: Cost) {
        *self = *self + other;
    }
}
