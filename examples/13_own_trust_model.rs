//! A trust model of your own: every success earns the same, a failure costs a quarter, and nothing is forgotten.
//!
//! ```text
//! verified: once
//!   goal #1 by ada: verified
//!   trust in ada: 0.40 -> 0.55
//! verified: twice
//!   goal #1 by ada: verified
//!   trust in ada: 0.55 -> 0.70
//! verified: a slip
//!   goal #1 by ada: not verified: expected "4", found "5"
//!   goal #2 by ada: verified
//!   trust in ada: 0.70 -> 0.68
//! ```

use bailiwick::prelude::*;
use bailiwick_examples::show;

/// What a new agent starts with, and what is given for each success.
struct Grudge {
    start: TrustScore,
    gain: f64,
}

/// Pure arithmetic on one record. A score is always within 0..=1; `TrustScore::new` sees to it.
impl TrustModel for Grudge {
    fn name(&self) -> &'static str {
        "grudge"
    }

    fn start(&self) -> TrustScore {
        self.start
    }

    /// It never forgets: idle time changes nothing.
    fn decayed(&self, record: &TrustRecord, _now: Timestamp) -> TrustRecord {
        *record
    }

    fn learn(&self, record: &TrustRecord, evidence: Evidence, now: Timestamp) -> TrustRecord {
        let (score, at) = (record.score.get(), now.max(record.at));
        match evidence {
            Evidence::Success => TrustRecord {
                score: TrustScore::new(score + self.gain),
                at,
                successes: record.successes + 1.0,
                ..*record
            },
            // Graver failures weigh more: 0 ordinary, 1 a breach, 3 a violation.
            Evidence::Failure(gravity) => {
                let score = TrustScore::new(score * 3.0 / (4.0 + gravity.weight()));
                TrustRecord { score, at, failures: record.failures + 1.0, ..*record }
            }
        }
    }
}

#[tokio::main]
async fn main() -> Result<(), bailiwick::Error> {
    let replies = ["4", "4", "5", "4"].map(ScriptedReply::output);
    let bailiwick = Bailiwick::builder()
        .agent(scripted("ada", ["sum"], replies))
        .trust_model(Grudge { start: TrustScore::new(0.4), gain: 0.15 })
        .start()
        .await?;

    for text in ["once", "twice", "a slip"] {
        let goal = Goal::new(text).needs_capability("sum").verify(Verify::equals("4"));
        show(&bailiwick.submit(goal).await?.await?);
    }
    bailiwick.shutdown().await
}
