//! All that a circuit breaker knows: the fold of its agent's facts, and of nothing else.
//!
//! Bounded: a window and a few numbers for each capability, one entry for each admission in flight, trust lost in the
//! unfinished tasks of live goals, the falls of one restart window (seats start at a bounded rate), and so many
//! violations as isolate.

use std::collections::{BTreeMap, VecDeque};

use bailiwick_protocols::{
    AgentFact, Capability, DelegationId, Fault, Outcome, PolicyFact, Settlement, SettlementKind, Timestamp,
};
use serde::{Deserialize, Serialize};

use super::{
    Key,
    evidence::Evidence,
    fact::Move,
    gate::{Gate, Seen},
    settings::{self, Rules},
    work::Work,
};
use crate::policies::restart::is_failure;

/// A gate and what speaks against opening it further.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(super) struct Breaker {
    pub gate: Gate,
    pub evidence: Evidence,
}

/// The fold.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(super) struct Memory {
    /// The settings that bind since the last `Stack` fact.
    #[serde(with = "settings::plain")]
    pub rules: Rules,
    /// The agent's breaker (`None`), and one for each capability that was ever required here.
    pub breakers: BTreeMap<Key, Breaker>,
    work: BTreeMap<DelegationId, Work>,
    violations: VecDeque<Timestamp>,
    restarts: VecDeque<Timestamp>,
}

impl Memory {
    pub fn new(rules: Rules) -> Self {
        let mut memory = Self {
            rules,
            breakers: BTreeMap::new(),
            work: BTreeMap::new(),
            violations: VecDeque::new(),
            restarts: VecDeque::new(),
        };
        memory.breaker(&None);
        memory
    }

    /// The one mutation.
    pub fn apply(&mut self, fact: &AgentFact, at: Timestamp) {
        match fact {
            AgentFact::Stack { settings, .. } => {
                let bound = settings.0.get(super::NAME).cloned();
                self.rules = bound.and_then(|rules| serde_json::from_value(rules).ok()).unwrap_or(self.rules);
            }
            AgentFact::Admitted { delegation } => {
                let work = Work::new(delegation, at);
                self.let_in(delegation.id, work.guards());
                self.work.entry(delegation.id).or_insert(work);
            }
            AgentFact::Started { delegation, .. } => {
                let Some(work) = self.work.get_mut(delegation) else { return };
                work.start(at);
                // Let in before the trip and ruled in again for a free seat, it is a probe from here on.
                let guards = work.guards();
                self.let_in(*delegation, guards);
            }
            AgentFact::Parked { delegation } => self.with_work(delegation, |work| work.park(at)),
            AgentFact::Resumed { delegation } => self.with_work(delegation, |work| work.resume(at)),
            AgentFact::Settled { settlement } => self.settle(settlement),
            AgentFact::Violation { .. } => {
                self.violations.push_back(at);
                while self.violations.len() > self.rules.breaker.violations_isolate.max(1) {
                    self.violations.pop_front();
                }
            }
            AgentFact::SeatDown { why, .. } if is_failure(why) => {
                let within = self.rules.restart.within;
                self.restarts.retain(|fall| at.since(*fall) < within);
                self.restarts.push_back(at);
            }
            AgentFact::Forgotten { goal } => {
                self.breakers.values_mut().for_each(|breaker| breaker.evidence.forget(*goal));
            }
            // The breakers themselves close by the facts that follow.
            AgentFact::Released { .. } => self.violations.clear(),
            AgentFact::Policy(fact) if fact.policy == super::NAME => self.carry_out(fact, at),
            // The rest tells what a breaker does not go by: it waits for the settlement.
            _ => {}
        }
    }

    /// The agent's own breaker.
    pub fn agent(&self) -> &Breaker {
        // Made in `new` and never removed.
        &self.breakers[&None]
    }

    /// Violations within their window.
    pub fn violations(&self, now: Timestamp) -> usize {
        let within = self.rules.breaker.violations_within;
        self.violations.iter().filter(|at| now.since(**at) < within).count()
    }

    /// Seats that had gone down within their window when the last one fell, since the agent's breaker last moved.
    pub fn restarts(&self) -> u32 {
        self.restarts.len() as u32
    }

    /// How many of these capabilities are open.
    pub fn open(&self, capabilities: &[Capability], opening: &[Key]) -> usize {
        let is_open = |capability: &&Capability| {
            let key = Some((*capability).clone());
            opening.contains(&key) || self.breakers.get(&key).is_some_and(|breaker| breaker.gate.is_open())
        };
        capabilities.iter().filter(is_open).count()
    }

    fn breaker(&mut self, key: &Key) -> &mut Breaker {
        let slot = self.breakers.len() as u32;
        let fresh = || Breaker { gate: Gate::new(slot), evidence: Evidence::default() };
        self.breakers.entry(key.clone()).or_insert_with(fresh)
    }

    fn with_work(&mut self, delegation: &DelegationId, change: impl FnOnce(&mut Work)) {
        if let Some(work) = self.work.get_mut(delegation) {
            change(work);
        }
    }

    fn let_in(&mut self, delegation: DelegationId, guards: Vec<Key>) {
        for key in guards {
            self.breaker(&key).gate.see(Seen::LetIn(delegation));
        }
    }

    fn settle(&mut self, settlement: &Settlement) {
        let Some(work) = self.work.remove(&settlement.delegation) else { return };
        let success = success(settlement);
        for key in work.guards() {
            self.breaker(&key).gate.see(Seen::Ended(settlement.delegation, success));
        }
        let Some(success) = success else { return };
        // Stragglers from before a trip, of the agent or of the pair, may lower trust and nothing else.
        let speaks = |gate: &Gate| gate.is_closed() && !gate.is_straggler(work.admitted);
        if !speaks(&self.agent().gate) {
            return;
        }
        let settings = self.rules.breaker;
        for key in work.counts_for() {
            let outcome = work.outcome(settlement, !success, &key, settings.slow_after);
            let breaker = self.breaker(&key);
            if speaks(&breaker.gate) {
                breaker.evidence.count(&outcome, &settings);
            }
        }
    }

    fn carry_out(&mut self, fact: &PolicyFact, at: Timestamp) {
        let Some((seen, recorded)) = Move::read(fact) else { return };
        let key = &recorded.trip.capability;
        let breaker = self.breaker(key);
        breaker.gate.carry_out(seen, &recorded, at);
        if seen == Seen::HalfOpened {
            return;
        }
        // Opened or closed, the past is dealt with; a closed breaker is not tripped by it again.
        breaker.evidence = Evidence::default();
        if key.is_none() {
            self.restarts.clear();
        }
    }
}

/// Whether a settlement is a success, a failure of the agent's own, or neither.
fn success(settlement: &Settlement) -> Option<bool> {
    let ended = settlement.ended();
    match ended.outcome {
        Outcome::Verified | Outcome::Unverified => Some(true),
        _ if ended.fault == Fault::Agent && settlement.kind != SettlementKind::Returned => Some(false),
        // A provider's, delegator's or the runtime's fault, and what nobody can tell, counts neither way.
        _ => None,
    }
}
