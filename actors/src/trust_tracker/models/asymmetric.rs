//! Trust that is hard to win and easy to lose: the default model, and the one of the systems this runtime replaces.

use std::time::Duration;

use bailiwick_protocols::{Timestamp, TrustRecord, TrustScore, time::millis, trust::Evidence};
use serde::{Deserialize, Serialize};

use super::TrustModel;

/// A success moves the score up by a share of what is missing, a failure down by a larger share of what there is.
///
/// ```text
/// success  s += success_rate (1 - s)
/// failure  s -= failure_rate s (1 + weight)      weight 0 ordinary, 1 breach, 3 violation
/// idle     after `idle`, `decay_per_hour` an hour toward 0.5, never past it
/// ```
/// Semantics section 7. Evidence is counted beside the score and does not decay.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Asymmetric {
    /// What a new agent starts with, 0.0..=1.0 (0.5).
    pub start: TrustScore,
    /// The share of the missing trust that a success wins, 0.0..=1.0 (0.1).
    pub success_rate: f64,
    /// The share of its trust that an ordinary failure loses, 0.0..=1.0 (0.2).
    pub failure_rate: f64,
    /// How long a score stands without new evidence (72 h).
    #[serde(with = "millis")]
    pub idle: Duration,
    /// What it then moves toward 0.5 in an hour, 0.0.. (0.01).
    pub decay_per_hour: f64,
}

impl Default for Asymmetric {
    fn default() -> Self {
        Self {
            start: TrustScore::START,
            success_rate: 0.1,
            failure_rate: 0.2,
            idle: Duration::from_secs(72 * 3600),
            decay_per_hour: 0.01,
        }
    }
}

impl TrustModel for Asymmetric {
    fn name(&self) -> &'static str {
        "asymmetric"
    }

    fn start(&self) -> TrustScore {
        self.start
    }

    fn decayed(&self, record: &TrustRecord, now: Timestamp) -> TrustRecord {
        let idle = now.since(record.at);
        let Some(fading) = idle.checked_sub(self.idle) else { return *record };
        let step = (self.decay_per_hour * fading.as_secs_f64() / 3600.0).max(0.0);
        let score = record.score.get();
        let score = if score > 0.5 { (score - step).max(0.5) } else { (score + step).min(0.5) };
        // The time that is used up moves `at` along, so that two readings fade as far as one.
        TrustRecord { score: TrustScore::new(score), at: record.at + fading, ..*record }
    }

    fn learn(&self, record: &TrustRecord, evidence: Evidence, now: Timestamp) -> TrustRecord {
        let faded = self.decayed(record, now);
        let score = faded.score.get();
        let at = now.max(record.at);
        match evidence {
            Evidence::Success => {
                let score = TrustScore::new(score + self.success_rate * (1.0 - score));
                TrustRecord { score, at, successes: faded.successes + 1.0, ..faded }
            }
            Evidence::Failure(gravity) => {
                let score = TrustScore::new(score - self.failure_rate * score * (1.0 + gravity.weight()));
                TrustRecord { score, at, failures: faded.failures + 1.0, ..faded }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use bailiwick_protocols::trust::Gravity;

    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    fn record(score: f64) -> TrustRecord {
        TrustRecord::start(TrustScore::new(score), Timestamp::from_millis(0))
    }

    fn hour(hours: u32) -> Timestamp {
        Timestamp::from_millis(0) + HOUR * hours
    }

    fn close(score: TrustScore, to: f64) {
        assert!((score.get() - to).abs() < 1e-9, "{} is not {to}", score.get());
    }

    #[test]
    fn the_defaults_are_promises() {
        let model = Asymmetric::default();

        assert_eq!((model.start.get(), model.success_rate, model.failure_rate), (0.5, 0.1, 0.2));
        assert_eq!((model.idle, model.decay_per_hour), (HOUR * 72, 0.01));
    }

    #[test]
    fn a_success_wins_a_tenth_of_what_is_missing_and_a_failure_loses_a_fifth_of_what_there_is() {
        let model = Asymmetric::default();

        close(model.learn(&record(0.5), Evidence::Success, hour(0)).score, 0.55);
        close(model.learn(&record(0.5), Evidence::Failure(Gravity::Ordinary), hour(0)).score, 0.4);
    }

    #[test]
    fn a_breach_weighs_twice_and_a_violation_four_times() {
        let model = Asymmetric::default();

        close(model.learn(&record(0.5), Evidence::Failure(Gravity::Breach), hour(0)).score, 0.3);
        close(model.learn(&record(0.5), Evidence::Failure(Gravity::Violation), hour(0)).score, 0.1);
    }

    #[test]
    fn two_failures_take_nine_tenths_below_the_drop_that_trips_a_breaker() {
        let model = Asymmetric::default();
        let failure = Evidence::Failure(Gravity::Ordinary);

        let twice = model.learn(&model.learn(&record(0.9), failure, hour(0)), failure, hour(0));

        close(twice.score, 0.576);
        assert_eq!(twice.failures, 2.0);
    }

    #[test]
    fn three_days_of_silence_change_nothing_and_then_every_hour_a_hundredth() {
        let model = Asymmetric::default();

        close(model.decayed(&record(0.9), hour(72)).score, 0.9);
        close(model.decayed(&record(0.9), hour(82)).score, 0.8);
        close(model.decayed(&record(0.1), hour(82)).score, 0.2);
        close(model.decayed(&record(0.9), hour(10_000)).score, 0.5);
        close(model.decayed(&record(0.1), hour(10_000)).score, 0.5);
    }

    #[test]
    fn decay_comes_before_the_failure() {
        let model = Asymmetric::default();

        let after = model.learn(&record(0.9), Evidence::Failure(Gravity::Ordinary), hour(82));

        close(after.score, 0.64);
        assert_eq!(after.at, hour(82));
    }
}
