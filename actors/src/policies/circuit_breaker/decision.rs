//! Which breakers move because of a fact. Asked live only; every answer is recorded.

use bailiwick_protocols::{DelegationId, Tried};

use super::{
    BreakerSettings, CircuitBreaker, Key, Scene,
    gate::State,
    memory::Breaker,
    trigger::Trigger,
    turn::{Trips, Turn},
};

/// Shares that ought to be equal differ by less than this after a multiplication.
const ROUNDING: f64 = 1e-9;

impl CircuitBreaker {
    pub(super) fn after_settlement(&self, settled: DelegationId, scene: &Scene<'_>) -> Vec<Turn> {
        let turn = |(key, Breaker { gate, evidence }): (&Key, &Breaker)| match gate.state {
            State::Closed if evidence.last == Some(settled) => {
                evidence.fired.clone().map(|fired| Turn::Open(key.clone(), fired))
            }
            State::HalfOpen { judged: Some((probe, success)), passed, .. } if probe == settled => match success {
                false => Some(Turn::Open(key.clone(), Trigger::probe_failed())),
                true if passed >= self.rules().probes => {
                    Some(Turn::Close(key.clone(), Trigger::probes_succeeded(passed), Trips::Kept))
                }
                true => None,
            },
            // A straggler from before the trip, or work that this breaker does not guard.
            State::Closed | State::HalfOpen { .. } | State::Open { .. } | State::Isolated => None,
        };
        let mut turns: Vec<Turn> = self.memory.breakers.iter().filter_map(turn).collect();
        turns.extend(self.when_pairs_open(&turns, scene));
        turns
    }

    /// Opens the whole agent when enough of its capabilities are open, those that open now included.
    fn when_pairs_open(&self, turns: &[Turn], scene: &Scene<'_>) -> Option<Turn> {
        let opening: Vec<Key> = turns
            .iter()
            .filter_map(|turn| match turn {
                Turn::Open(key, _) => Some(key.clone()),
                _ => None,
            })
            .collect();
        // The agent's breaker is not closed, or opens anyway, or no pair joins those that are open.
        if !self.memory.agent().gate.is_closed() || opening.contains(&None) || opening.is_empty() {
            return None;
        }
        let (open, of) = (self.memory.open(scene.capabilities, &opening), scene.capabilities.len());
        let is_share = |open: usize, of: usize| open as f64 >= self.rules().capabilities_share * of as f64 - ROUNDING;
        let enough = open >= self.rules().capabilities_min && is_share(open, of);
        enough.then(|| Turn::Open(None, Trigger::capabilities_open(open, of)))
    }

    pub(super) fn after_violation(&self, tried: &Tried, scene: &Scene<'_>) -> Vec<Turn> {
        let BreakerSettings { violations_isolate, violations_within, .. } = *self.rules();
        let count = self.memory.violations(scene.now);
        match self.memory.agent().gate.state {
            // It cannot be shut off further.
            State::Isolated => Vec::new(),
            State::Closed | State::HalfOpen { .. } | State::Open { .. } if count >= violations_isolate => {
                vec![Turn::Isolate(Trigger::violations(count, violations_within, tried))]
            }
            State::Closed | State::HalfOpen { .. } => vec![Turn::Open(None, Trigger::violation(tried))],
            // Work from before the trip that tries something for the first time: the agent is open already.
            State::Open { .. } => Vec::new(),
        }
    }

    pub(super) fn after_fall(&self, scene: &Scene<'_>) -> Vec<Turn> {
        match self.memory.agent().gate.state {
            State::Closed | State::HalfOpen { .. } if self.has_too_many_falls(scene) => {
                let within = self.memory.rules.restart.within;
                vec![Turn::Open(None, Trigger::restarts(self.memory.restarts(), within))]
            }
            State::Closed | State::HalfOpen { .. } => Vec::new(),
            // The seats of stragglers fall: nothing is let in, and what falls now says nothing about later.
            State::Open { .. } | State::Isolated => Vec::new(),
        }
    }

    pub(super) fn has_too_many_falls(&self, scene: &Scene<'_>) -> bool {
        self.memory.restarts() > self.memory.rules.restart.limit(scene.seats)
    }

    pub(super) fn after_wake(&self, due: u32) -> Vec<Turn> {
        let turn = |(key, breaker): (&Key, &Breaker)| match breaker.gate.state {
            State::Open { token, .. } if token == due => Some(Turn::HalfOpen(key.clone(), Trigger::woken())),
            // A wake of an opening that is over: it was released, or opened anew in the meantime.
            State::Open { .. } | State::Closed | State::HalfOpen { .. } | State::Isolated => None,
        };
        self.memory.breakers.iter().filter_map(turn).collect()
    }

    pub(super) fn after_release(&self, by: &str) -> Vec<Turn> {
        let shut = self.memory.breakers.iter().filter(|(_, breaker)| !breaker.gate.is_closed());
        shut.map(|(key, _)| Turn::Close(key.clone(), Trigger::released(by), Trips::Forgotten)).collect()
    }
}
