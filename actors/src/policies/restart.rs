//! How fast a seat that went down is replaced: the first at once, then slower and slower.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How crashed seats are replaced.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RestartSettings {
    /// The pause before the second restart within the window; it doubles with each (200 ms).
    pub backoff_min: Duration,
    /// The longest pause (30 s).
    pub backoff_max: Duration,
    /// Restarts within the window after which the breaker opens; `None` is max(5, seats / 10).
    pub max: Option<u32>,
    /// The window (60 s).
    pub within: Duration,
}

impl Default for RestartSettings {
    fn default() -> Self {
        Self {
            backoff_min: Duration::from_millis(200),
            backoff_max: Duration::from_secs(30),
            max: None,
            within: Duration::from_secs(60),
        }
    }
}
