//! The numbers of the circuit breaker. Each default is a promise of `docs/semantics.md`, section 8.

use std::time::Duration;

use bailiwick_protocols::time::millis;
use serde::{Deserialize, Serialize};

use crate::policies::{backoff, restart::RestartSettings};

const HOUR: Duration = Duration::from_secs(3600);

/// When a breaker trips, how long it stays open, and what closes it again.
///
/// Spans of time are written as whole milliseconds.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct BreakerSettings {
    /// Trust lost within one task, over all its attempts here: strictly more trips, 0.0..=1.0 (0.3).
    pub trust_drop: f64,
    /// A failure that leaves trust below this trips, 0.0..=1.0 (0.15).
    pub trust_below: f64,
    /// Failures in a row that trip, 1.. (3).
    pub failures_in_row: u32,
    /// How many of the last outcomes both rates look at, 1.. (20).
    pub window: usize,
    /// Outcomes below which no rate trips, 1.. (5).
    pub outcomes_min: usize,
    /// The share of failures that trips, 0.0..=1.0 (0.5).
    pub failure_rate: f64,
    /// The share of slow attempts that trips, 0.0..=1.0 (0.8).
    pub slow_rate: f64,
    /// The share of its timeout beyond which an attempt is slow, 0.0..=1.0 (0.8).
    pub slow_after: f64,
    /// Violations of a mandate that isolate the agent; one alone opens it, 2.. (2).
    pub violations_isolate: usize,
    /// The window in which they count (24 h).
    #[serde(with = "millis")]
    pub violations_within: Duration,
    /// The share of its capabilities that, open, open the whole agent, 0.0..=1.0 (0.5).
    pub capabilities_share: f64,
    /// Open capabilities below which that share means nothing, 1.. (2).
    pub capabilities_min: usize,
    /// How long the first trip keeps it open; doubled with each further one (30 s).
    #[serde(with = "millis")]
    pub open: Duration,
    /// The longest it stays open, jitter included (30 min).
    #[serde(with = "millis")]
    pub open_max: Duration,
    /// The share by which that time is spread either way, 0.0..=1.0 (0.2).
    pub jitter: f64,
    /// How long it must have been closed for earlier trips to be forgotten (1 h).
    #[serde(with = "millis")]
    pub trips_forgotten: Duration,
    /// Successful probes in a row that close it, 1.. (3).
    pub probes: u32,
    /// The highest criticality a probe may have, 1..=5 (3).
    pub probe_criticality_max: u8,
    /// The criticality from which a trip calls running work back, 1..=5 (4); reversibility low always does.
    pub revoke_criticality_min: u8,
}

impl Default for BreakerSettings {
    fn default() -> Self {
        Self {
            trust_drop: 0.3,
            trust_below: 0.15,
            failures_in_row: 3,
            window: 20,
            outcomes_min: 5,
            failure_rate: 0.5,
            slow_rate: 0.8,
            slow_after: 0.8,
            violations_isolate: 2,
            violations_within: HOUR * 24,
            capabilities_share: 0.5,
            capabilities_min: 2,
            open: Duration::from_secs(30),
            open_max: HOUR / 2,
            jitter: backoff::JITTER,
            trips_forgotten: HOUR,
            probes: 3,
            probe_criticality_max: 3,
            revoke_criticality_min: 4,
        }
    }
}

/// Everything a breaker goes by: its own numbers, and when restarts become too many.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
pub(super) struct Rules {
    #[serde(flatten)]
    pub breaker: BreakerSettings,
    pub restart: RestartSettings,
}

/// The same without the flattening that makes them one flat object in JSON: frames cannot say that.
pub(super) mod plain {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::Rules;

    pub fn serialize<S: Serializer>(rules: &Rules, serializer: S) -> Result<S::Ok, S::Error> {
        (&rules.breaker, &rules.restart).serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Rules, D::Error> {
        let (breaker, restart) = Deserialize::deserialize(deserializer)?;
        Ok(Rules { breaker, restart })
    }
}
