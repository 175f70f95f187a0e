//! The facts a breaker records: each a [`Trip`] that anybody can read, with what the breaker itself needs beside it.

use bailiwick_protocols::{Capability, PolicyFact, Timestamp, outcome::Trip, policy::breaker};
use serde::{Deserialize, Serialize};

use super::{gate::Seen, trigger::Trigger};

/// One transition of one breaker, as the body of its fact.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(super) struct Move {
    #[serde(flatten)]
    pub trip: Trip,
    /// The trigger as one word.
    #[serde(default)]
    pub trigger: String,
    /// Trips remembered from here on, this one included: the next opening lasts 2^trips times the first.
    #[serde(default)]
    pub trips: u32,
    /// The token of the wake that ends this opening; 0 where there is none.
    #[serde(default)]
    pub token: u32,
}

impl Move {
    /// A transition of this breaker for this reason.
    pub fn new(capability: Option<Capability>, until: Option<Timestamp>, why: Trigger, trips: u32, token: u32) -> Self {
        Self { trip: Trip { capability, until, reason: why.reason }, trigger: why.word.into_owned(), trips, token }
    }

    /// The fact that tells it.
    pub fn fact(&self, kind: &'static str) -> PolicyFact {
        // Plain strings and numbers: there is nothing in it that JSON cannot say.
        PolicyFact::new(super::NAME, kind, serde_json::to_value(self).unwrap_or_default())
    }

    /// Reads a fact; `None` if it is none of the breaker's four kinds or does not say what such a kind must.
    pub fn read(fact: &PolicyFact) -> Option<(Seen, Move)> {
        let recorded: Move = serde_json::from_value(fact.body.0.clone()).ok()?;
        let seen = match fact.kind.as_str() {
            breaker::OPENED => Seen::Opened { until: recorded.trip.until?, token: recorded.token },
            breaker::HALF_OPENED => Seen::HalfOpened,
            breaker::CLOSED => Seen::Closed,
            breaker::ISOLATED => Seen::Isolated,
            _ => return None,
        };
        Some((seen, recorded))
    }
}
