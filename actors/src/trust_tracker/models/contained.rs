//! A model that panics teaches nothing, and takes nobody with it.
//!
//! A score is read wherever an agent is chosen, so a panic in a user's arithmetic would end goals, supervisors and the
//! tracker alike, again and again. What a panic leaves instead changes nothing: the record as it was, or the start value.

use std::panic::{AssertUnwindSafe, catch_unwind};

use bailiwick_protocols::{Timestamp, TrustRecord, TrustScore, trust::Evidence};

use super::TrustModel;

/// Any model, its panics caught. Each is told to `tracing` as an error.
pub struct Contained<M>(pub M);

impl<M: TrustModel> Contained<M> {
    fn or<T>(&self, instead: T, ask: impl FnOnce(&M) -> T) -> T {
        catch_unwind(AssertUnwindSafe(|| ask(&self.0))).unwrap_or_else(|panic| {
            let said = crate::panic_text(&*panic);
            tracing::error!(panic = said, "the trust model panicked: nothing is learned");
            instead
        })
    }
}

impl<M: TrustModel> TrustModel for Contained<M> {
    fn name(&self) -> &'static str {
        self.or("panicked", M::name)
    }

    fn start(&self) -> TrustScore {
        self.or(TrustScore::START, M::start)
    }

    fn decayed(&self, record: &TrustRecord, now: Timestamp) -> TrustRecord {
        self.or(*record, |model| model.decayed(record, now))
    }

    fn learn(&self, record: &TrustRecord, evidence: Evidence, now: Timestamp) -> TrustRecord {
        self.or(*record, |model| model.learn(record, evidence, now))
    }
}
