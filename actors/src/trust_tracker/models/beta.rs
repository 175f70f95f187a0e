//! Trust as the mean of a Beta distribution over decayed counts, with an interval that says how sure it is.

use std::time::Duration;

use bailiwick_protocols::{Timestamp, TrustRecord, TrustScore, time::millis, trust::Evidence};
use serde::{Deserialize, Serialize};

use super::TrustModel;

/// Counts successes and failures, forgets them by half-lives, and believes their mean.
///
/// ```text
/// counts  c(t) = c 2^(-t / half_life)
/// score   (prior_successes + successes) / (prior_successes + successes + prior_failures + failures)
/// ```
/// Source: Jøsang and Ismail, *The Beta Reputation System* (Bled 2002), with forgetting by time. A failure counts
/// 1 + weight times, so that gravity means here what it means in [`Asymmetric`](super::Asymmetric).
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Beta {
    /// Successes every agent is credited with beforehand, above 0 (1).
    pub prior_successes: f64,
    /// Failures every agent is blamed for beforehand, above 0 (1).
    pub prior_failures: f64,
    /// The time after which evidence weighs half (168 h).
    #[serde(with = "millis")]
    pub half_life: Duration,
}

/// The standard score that leaves 5 % on either side of a normal distribution.
const NINETY_PERCENT: f64 = 1.644_853_626_951_472_2;

impl Default for Beta {
    fn default() -> Self {
        Self { prior_successes: 1.0, prior_failures: 1.0, half_life: Duration::from_secs(168 * 3600) }
    }
}

impl Beta {
    /// Where the score lies with a probability of about 90 %, as (low, high), each 0.0..=1.0.
    ///
    /// The normal approximation with the variance of the Beta distribution, cut at 0 and 1: exact enough to show how
    /// little two successes prove, not to gamble on. Of the record as it stands: decay it first to read it now.
    pub fn interval(&self, record: &TrustRecord) -> (TrustScore, TrustScore) {
        let (alpha, beta) = self.shape(record);
        let total = alpha + beta;
        let mean = alpha / total;
        let spread = NINETY_PERCENT * (mean * (1.0 - mean) / (total + 1.0)).sqrt();
        (TrustScore::new(mean - spread), TrustScore::new(mean + spread))
    }

    /// The two parameters of the distribution. A prior of nothing would divide nothing by nothing.
    fn shape(&self, record: &TrustRecord) -> (f64, f64) {
        let count = |prior: f64, seen: f64| prior.max(1e-6) + seen.max(0.0);
        (count(self.prior_successes, record.successes), count(self.prior_failures, record.failures))
    }

    fn counted(&self, record: TrustRecord) -> TrustRecord {
        let (alpha, beta) = self.shape(&record);
        TrustRecord { score: TrustScore::new(alpha / (alpha + beta)), ..record }
    }
}

impl TrustModel for Beta {
    fn name(&self) -> &'static str {
        "beta"
    }

    fn start(&self) -> TrustScore {
        self.counted(TrustRecord::start(TrustScore::START, Timestamp::default())).score
    }

    fn decayed(&self, record: &TrustRecord, now: Timestamp) -> TrustRecord {
        let half_lives = now.since(record.at).as_secs_f64() / self.half_life.as_secs_f64().max(1e-3);
        let kept = 0.5f64.powf(half_lives);
        let (successes, failures) = (record.successes * kept, record.failures * kept);
        self.counted(TrustRecord { at: now.max(record.at), successes, failures, ..*record })
    }

    fn learn(&self, record: &TrustRecord, evidence: Evidence, now: Timestamp) -> TrustRecord {
        let mut record = self.decayed(record, now);
        match evidence {
            Evidence::Success => record.successes += 1.0,
            Evidence::Failure(gravity) => record.failures += 1.0 + gravity.weight(),
        }
        self.counted(record)
    }
}

#[cfg(test)]
mod tests {
    use bailiwick_protocols::trust::Gravity;

    use super::*;

    fn week(weeks: u64) -> Timestamp {
        Timestamp::from_millis(weeks * 168 * 3_600_000)
    }

    fn after(successes: u32, failures: u32) -> TrustRecord {
        let model = Beta::default();
        let evidence = std::iter::repeat_n(Evidence::Success, successes as usize)
            .chain(std::iter::repeat_n(Evidence::Failure(Gravity::Ordinary), failures as usize));
        evidence.fold(TrustRecord::start(model.start(), week(0)), |record, e| model.learn(&record, e, week(0)))
    }

    #[test]
    fn an_unknown_agent_stands_in_the_middle_and_could_be_anything() {
        let (low, high) = Beta::default().interval(&after(0, 0));

        assert_eq!(Beta::default().start(), TrustScore::START);
        assert!(low.get() < 0.1 && high.get() > 0.9, "{low:?} to {high:?}");
    }

    #[test]
    fn the_score_is_the_share_of_successes_with_one_of_each_beforehand() {
        assert_eq!(after(3, 0).score.get(), 0.8);
        assert_eq!(after(3, 5).score.get(), 0.4);
    }

    #[test]
    fn a_violation_counts_as_four_failures() {
        let model = Beta::default();

        let violated = model.learn(&after(3, 0), Evidence::Failure(Gravity::Violation), week(0));

        assert_eq!(violated.score, after(3, 4).score);
    }

    #[test]
    fn more_evidence_of_the_same_kind_makes_the_interval_narrower() {
        let width = |record| {
            let (low, high) = Beta::default().interval(&record);
            high.get() - low.get()
        };

        assert!(width(after(20, 20)) < width(after(2, 2)));
        assert!(width(after(2, 2)) < width(after(0, 0)));
    }

    #[test]
    fn a_week_halves_what_is_known() {
        let faded = Beta::default().decayed(&after(8, 0), week(1));

        assert!((faded.successes - 4.0).abs() < 1e-9);
        assert!((faded.score.get() - 5.0 / 6.0).abs() < 1e-9);
    }
}
