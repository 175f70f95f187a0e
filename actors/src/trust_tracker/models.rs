//! How evidence becomes trust. To join the family, implement `TrustModel` and give it to the builder.

use bailiwick_protocols::{Timestamp, TrustRecord, TrustScore, trust::Evidence};

pub mod asymmetric;
pub mod beta;
pub mod contained;

pub use asymmetric::Asymmetric;
pub use beta::Beta;
pub use contained::Contained;

/// How evidence becomes trust: pure arithmetic on one record. A panic in it teaches nothing ([`Contained`]).
pub trait TrustModel: Send + Sync + 'static {
    /// The name in settings: `asymmetric`, `beta`.
    fn name(&self) -> &'static str;

    /// What an agent nothing is known about starts with.
    fn start(&self) -> TrustScore;

    /// The record as it reads at `now`: idle time applied, nothing learned. Reading a reading changes nothing.
    fn decayed(&self, record: &TrustRecord, now: Timestamp) -> TrustRecord;

    /// The record after one more piece of evidence. Decay is applied first, so that a failure never raises a score.
    fn learn(&self, record: &TrustRecord, evidence: Evidence, now: Timestamp) -> TrustRecord;
}

#[cfg(test)]
mod tests;
