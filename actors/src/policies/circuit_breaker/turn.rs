//! A transition that is due, and all it takes: a fact, a wake, and calling back what may do harm.

use bailiwick_protocols::{
    Delegation, DelegationId, Directive, Reversibility, Timestamp, outcome::RevokeReason, policy::breaker,
};

use super::{BreakerSettings, CircuitBreaker, Key, Scene, fact::Move, gate::Gate, trigger::Trigger, work};
use crate::policies::backoff::doubled;

/// One transition that is due.
pub(super) enum Turn {
    Open(Key, Trigger),
    HalfOpen(Key, Trigger),
    Close(Key, Trigger, Trips),
    Isolate(Trigger),
}

/// What becomes of earlier trips when a breaker closes.
pub(super) enum Trips {
    /// Probes closed it: they count until it has been closed for long enough.
    Kept,
    /// A person closed it, and answers for that.
    Forgotten,
}

impl CircuitBreaker {
    /// When an opening now would end.
    pub(super) fn until(&self, gate: &Gate, scene: &Scene<'_>) -> Timestamp {
        let BreakerSettings { open, open_max, jitter, .. } = *self.rules();
        scene.now + doubled(open, gate.trips(self.rules(), scene.now), open_max, jitter, scene.draw)
    }

    /// What turns come to: all that is recorded, then the wakes, then what is called back.
    pub(super) fn directives(
        &self,
        turns: Vec<Turn>,
        ended: Option<DelegationId>,
        scene: &Scene<'_>,
    ) -> Vec<Directive> {
        let (mut recorded, mut wakes, mut shut) = (Vec::new(), Vec::new(), Vec::new());
        let fresh = Gate::new(0);
        for turn in turns {
            let gate = |key: &Key| self.memory.breakers.get(key).map_or(&fresh, |breaker| &breaker.gate);
            let (kind, fact) = match turn {
                Turn::Open(key, why) => {
                    let gate = gate(&key);
                    let (until, token) = (self.until(gate, scene), gate.token());
                    let trips = gate.trips(self.rules(), scene.now).saturating_add(1);
                    wakes.push(Directive::Wake { at: until, token });
                    shut.push(key.clone());
                    (breaker::OPENED, Move::new(key, Some(until), why, trips, token))
                }
                Turn::HalfOpen(key, why) => {
                    let trips = gate(&key).trips(self.rules(), scene.now);
                    (breaker::HALF_OPENED, Move::new(key, None, why, trips, 0))
                }
                Turn::Close(key, why, remembered) => {
                    let trips = match remembered {
                        Trips::Kept => gate(&key).trips(self.rules(), scene.now),
                        Trips::Forgotten => 0,
                    };
                    (breaker::CLOSED, Move::new(key, None, why, trips, 0))
                }
                Turn::Isolate(why) => {
                    let trips = gate(&None).trips(self.rules(), scene.now).saturating_add(1);
                    shut.push(None);
                    (breaker::ISOLATED, Move::new(None, None, why, trips, 0))
                }
            };
            recorded.push(Directive::Record(fact.fact(kind)));
        }
        recorded.extend(wakes);
        recorded.extend(self.recalls(&shut, ended, scene));
        recorded
    }

    /// Calls back what runs behind a breaker that shuts and may do harm; the rest may finish.
    ///
    /// What only waits is ruled again by the supervisor and given back uncharged.
    fn recalls(&self, shut: &[Key], ended: Option<DelegationId>, scene: &Scene<'_>) -> Vec<Directive> {
        let is_behind = |asked: &Delegation| work::guards(&asked.needs).iter().any(|key| shut.contains(key));
        let may_harm = |asked: &Delegation| {
            asked.reversibility == Reversibility::Low || asked.criticality >= self.rules().revoke_criticality_min
        };
        let running = scene.in_flight.iter().filter(|work| work.started.is_some()).map(|work| work.delegation);
        running
            .filter(|asked| ended != Some(asked.id) && may_harm(asked) && is_behind(asked))
            .map(|asked| Directive::Revoke(asked.id, RevokeReason::Trip))
            .collect()
    }
}
