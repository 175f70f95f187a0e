//! What a supervisor's policies say: rulings on what is asked, directives after facts, recovery after failures.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{DelegationId, Json, Limits, Refusal, Timestamp, outcome::RevokeReason, time::millis};

/// What a policy rules on one delegation. The gravest of all rulings wins; `Narrow`s are met together.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Ruling {
    /// It may pass as it is.
    Pass,
    /// It may pass with no more authority than this.
    Narrow(Limits),
    /// A person decides first.
    Hold(ApprovalRequest),
    /// It may not pass.
    Refuse(Refusal),
}

/// What one policy of a stack rules.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct PolicyRuling {
    /// Which policy.
    pub policy: String,
    /// What it rules.
    pub ruling: Ruling,
}

/// What a person is asked before a delegation may pass.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct ApprovalRequest {
    /// The policy that asks.
    pub policy: String,
    /// What is asked, for people.
    pub question: String,
}

/// A fact only one policy understands. Each policy is shown only its own.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct PolicyFact {
    /// The policy that recorded it.
    pub policy: String,
    /// What kind of fact it is, in that policy's words.
    pub kind: String,
    /// The fact.
    pub body: Json,
}

impl PolicyFact {
    /// A fact of the policy with this name.
    pub fn new(policy: impl Into<String>, kind: impl Into<String>, body: impl Into<Json>) -> Self {
        Self { policy: policy.into(), kind: kind.into(), body: body.into() }
    }
}

/// What a policy wants done because of a fact.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Directive {
    /// Record this fact; it is then applied, live and in every rebuild.
    Record(PolicyFact),
    /// Record `Due { token }` when this time has come.
    Wake {
        /// When.
        at: Timestamp,
        /// Which of the policy's wakes it is.
        token: u32,
    },
    /// Call this admitted delegation back, with everything it delegated.
    Revoke(DelegationId, RevokeReason),
    /// Tell a person.
    Escalate {
        /// What happened.
        reason: String,
    },
}

/// What follows when a seat went down. Ordered by gravity: the gravest answer wins.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Recovery {
    /// A new seat, after this long.
    Restart {
        /// Zero is at once.
        #[serde(with = "millis")]
        after: Duration,
    },
    /// No new seat before this time.
    Quarantine {
        /// When seats may start again.
        until: Timestamp,
    },
    /// Never again.
    Retire,
}

/// The kinds of policy facts by which any policy tells that it opened or closed a breaker.
///
/// The body of each is a [`Trip`](crate::outcome::Trip): the supervisor publishes what they say, whoever records them.
pub mod breaker {
    /// It opened; the seed's name for a trip.
    pub const OPENED: &str = "trust_circuit_break";
    /// It lets one probe through at a time.
    pub const HALF_OPENED: &str = "breaker_half_opened";
    /// It closed.
    pub const CLOSED: &str = "breaker_closed";
    /// It opened until somebody releases it.
    pub const ISOLATED: &str = "breaker_isolated";
}
