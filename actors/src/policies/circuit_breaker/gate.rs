//! One breaker: closed, open, half-open or isolated, and the moves between them.
//!
//! Every move is a recorded fact; a gate only carries it out. What it finds by itself is which delegation is the probe
//! and how probes ended, and that is a fold of facts as well.

use bailiwick_protocols::{DelegationId, Timestamp};
use serde::{Deserialize, Serialize};

use super::{fact::Move, settings::BreakerSettings};

/// Where a breaker stands.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub(super) enum State {
    /// It lets everything in.
    Closed,
    /// It refuses everything until its wake comes.
    Open { until: Timestamp, token: u32 },
    /// It lets one probe in at a time.
    HalfOpen {
        /// The probe that is under way.
        out: Option<DelegationId>,
        /// Probes that succeeded in a row.
        passed: u32,
        /// The probe that ended last, and whether it succeeded.
        judged: Option<(DelegationId, bool)>,
    },
    /// It refuses everything until somebody releases it.
    Isolated,
}

/// What a breaker sees.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Seen {
    /// It was recorded that it opens.
    Opened { until: Timestamp, token: u32 },
    /// It was recorded that it lets probes in.
    HalfOpened,
    /// It was recorded that it closes.
    Closed,
    /// It was recorded that it is isolated.
    Isolated,
    /// A delegation it guards was let in, or began.
    LetIn(DelegationId),
    /// A delegation it guards ended: as a success, as a failure, or as neither.
    Ended(DelegationId, Option<bool>),
}

impl State {
    fn after(self, seen: Seen) -> State {
        use State::{Closed, HalfOpen, Isolated, Open};
        match (self, seen) {
            (_, Seen::Isolated) => Isolated,
            // Time does not end isolation, so neither does a trip recorded beside it.
            (Isolated, Seen::Opened { .. } | Seen::HalfOpened) => Isolated,
            // Opened anew while open: two facts of one batch found reasons. The later wake counts.
            (Closed | Open { .. } | HalfOpen { .. }, Seen::Opened { until, token }) => Open { until, token },
            (Open { .. }, Seen::HalfOpened) => HalfOpen { out: None, passed: 0, judged: None },
            // The wake of an opening that is over: somebody released it, or it is half-open already.
            (Closed | HalfOpen { .. }, Seen::HalfOpened) => self,
            (_, Seen::Closed) => Closed,

            (HalfOpen { out: None, passed, judged }, Seen::LetIn(probe)) => {
                HalfOpen { out: Some(probe), passed, judged }
            }
            // A probe is let in and then begins: the same one. Nobody else is let in meanwhile.
            (HalfOpen { out: Some(_), .. }, Seen::LetIn(_)) => self,
            // Closed guards nothing, and behind the other two only what was let in before the trip begins.
            (Closed | Open { .. } | Isolated, Seen::LetIn(_)) => self,

            (HalfOpen { out: Some(probe), passed, .. }, Seen::Ended(ended, success)) if probe == ended => {
                match success {
                    Some(true) => HalfOpen { out: None, passed: passed + 1, judged: Some((probe, true)) },
                    Some(false) => HalfOpen { out: None, passed: 0, judged: Some((probe, false)) },
                    // Lost, called back or abstained: it says nothing, and another may probe.
                    None => HalfOpen { out: None, passed, judged: None },
                }
            }
            // A straggler from before the trip says nothing about the agent now.
            (HalfOpen { .. } | Open { .. } | Isolated, Seen::Ended(..)) => self,
            // What ends while closed is evidence, and counted there.
            (Closed, Seen::Ended(..)) => self,
        }
    }
}

/// A breaker with what it remembers of its trips.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(super) struct Gate {
    pub state: State,
    /// Which breaker of this agent it is; tells its wakes from those of the others.
    slot: u32,
    /// How often it opened; tells its wakes from one another.
    openings: u32,
    /// Trips that are remembered.
    trips: u32,
    /// When it last opened.
    opened: Option<Timestamp>,
    /// When it last closed.
    closed: Option<Timestamp>,
}

impl Gate {
    /// Closed, without a past.
    pub fn new(slot: u32) -> Self {
        Self { state: State::Closed, slot, openings: 0, trips: 0, opened: None, closed: None }
    }

    /// Carries out what was seen.
    pub fn see(&mut self, seen: Seen) {
        self.state = self.state.after(seen);
    }

    /// Carries out a recorded move.
    pub fn carry_out(&mut self, seen: Seen, recorded: &Move, at: Timestamp) {
        self.see(seen);
        self.trips = recorded.trips;
        match seen {
            Seen::Opened { .. } | Seen::Isolated => {
                self.openings = self.openings.wrapping_add(1);
                self.opened = Some(at);
            }
            Seen::Closed => self.closed = Some(at),
            _ => {}
        }
    }

    pub fn is_closed(&self) -> bool {
        self.state == State::Closed
    }

    pub fn is_open(&self) -> bool {
        matches!(self.state, State::Open { .. })
    }

    /// Whether work that was let in then was let in before the last trip.
    pub fn is_straggler(&self, admitted: Timestamp) -> bool {
        self.opened.is_some_and(|opened| admitted <= opened)
    }

    /// The trips that still count: none once it has been closed for long enough.
    pub fn trips(&self, settings: &BreakerSettings, now: Timestamp) -> u32 {
        let long = |closed: Timestamp| now.since(closed) >= settings.trips_forgotten;
        if self.is_closed() && self.closed.is_some_and(long) { 0 } else { self.trips }
    }

    /// The token of the next opening's wake: no two breakers of an agent share one.
    pub fn token(&self) -> u32 {
        (self.slot << 16) + (self.openings & 0xffff)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_openings_of_an_agent_share_a_wake_until_one_has_opened_65_536_times() {
        let token = |slot, openings| Gate { openings, ..Gate::new(slot) }.token();

        assert_eq!([token(0, 0), token(0, 3), token(2, 3), token(2, 0x1_0003)], [0, 3, 0x2_0003, 0x2_0003]);
    }
}
