//! Decides when an agent has failed often enough to be left alone for a while.
//!
//! The breaker never touches a message: it rules on delegations and learns from outcomes. There is one for the agent
//! and one for each capability; a delegation is refused if the agent's or any required one is open. What a trip was
//! for, and until when, is decided once and recorded; a rebuild carries it out and asks nothing again.
//! See `docs/glossary.md` for *closed*, *open*, *half-open*, *isolated*, and `docs/semantics.md` section 8 for the rules.
//!
//! - `settings` the numbers, `evidence` and `trigger` when a closed breaker trips and what it says
//! - `gate` the four states and the moves between them
//! - `memory` the fold of all facts, `work` what is let in and not settled
//! - `decision` which moves follow from a fact, `turn` how they are carried out, `fact` how they are recorded

use bailiwick_protocols::{
    AgentFact, Capability, Delegation, Directive, Limits, Recovery, Refusal, Reversibility, Ruling, Timestamp,
};

use super::{
    Scene, SeatFailure, SupervisorPolicy,
    restart::{RestartSettings, is_failure},
    take_up, write_down,
};

mod decision;
mod evidence;
mod fact;
mod gate;
mod memory;
mod settings;
#[cfg(test)]
mod tests;
mod trigger;
mod turn;
mod work;

pub use settings::BreakerSettings;

use gate::State;
use memory::Memory;
use settings::Rules;

/// The name of the policy in a stack and on its facts.
const NAME: &str = "circuit_breaker";

/// Which breaker: that of one capability, or (`None`) that of the whole agent.
type Key = Option<Capability>;

/// Refuses work for an agent, or for one of its capabilities, that has failed too often.
#[derive(Clone, PartialEq, Debug)]
pub struct CircuitBreaker {
    /// What it was built with; binds from the next `Stack` fact on.
    configured: Rules,
    memory: Memory,
}

impl CircuitBreaker {
    /// Closed, without a past. `restart` says how many restarts in which time are too many.
    pub fn new(settings: BreakerSettings, restart: RestartSettings) -> Self {
        let configured = Rules { breaker: settings, restart };
        Self { configured, memory: Memory::new(configured) }
    }

    /// The same with the settings that a `Stack` fact recorded of it; `None` if they are something else.
    pub(super) fn recorded(settings: &serde_json::Value) -> Option<Self> {
        let Rules { breaker, restart } = serde::Deserialize::deserialize(settings).ok()?;
        Some(Self::new(breaker, restart))
    }
}

impl Default for CircuitBreaker {
    fn default() -> Self {
        Self::new(BreakerSettings::default(), RestartSettings::default())
    }
}

impl SupervisorPolicy for CircuitBreaker {
    fn name(&self) -> &'static str {
        NAME
    }

    fn rule(&self, asked: &Delegation, _: &Scene<'_>) -> Ruling {
        let mut probes = false;
        let mut refusals = Vec::new();
        for key in work::guards(&asked.needs) {
            let Some(breaker) = self.memory.breakers.get(&key) else { continue };
            match breaker.gate.state {
                State::Closed => {}
                State::Open { until, .. } => refusals.push(Refusal::BreakerOpen { capability: key, until }),
                State::Isolated => refusals.push(Refusal::Isolated),
                State::HalfOpen { out, .. } if out.is_none_or(|probe| probe == asked.id) && self.may_probe(asked) => {
                    probes = true;
                }
                State::HalfOpen { .. } => refusals.push(Refusal::Probing { capability: key }),
            }
        }
        match refusals.into_iter().max_by_key(gravest) {
            Some(refusal) => Ruling::Refuse(refusal),
            None if probes => {
                let mut alone = Limits::default();
                alone.depth = Some(0);
                Ruling::Narrow(alone)
            }
            None => Ruling::Pass,
        }
    }

    fn decide(&self, fact: &AgentFact, scene: &Scene<'_>) -> Vec<Directive> {
        let turns = match fact {
            AgentFact::Settled { settlement } => self.after_settlement(settlement.delegation, scene),
            AgentFact::Violation { tried, .. } => self.after_violation(tried, scene),
            AgentFact::SeatDown { why, .. } if is_failure(why) => self.after_fall(scene),
            AgentFact::Due { policy, token } if policy == NAME => self.after_wake(*token),
            AgentFact::Released { by } => self.after_release(by),
            // The rest is remembered, if at all, and weighed when work is settled.
            _ => Vec::new(),
        };
        let ended = match fact {
            AgentFact::Settled { .. } | AgentFact::SeatDown { .. } => fact.delegation(),
            _ => None,
        };
        self.directives(turns, ended, scene)
    }

    fn apply(&mut self, fact: &AgentFact, at: Timestamp) {
        self.memory.apply(fact, at);
    }

    fn recover(&self, failure: &SeatFailure, scene: &Scene<'_>) -> Option<Recovery> {
        if !is_failure(&failure.why) {
            return None;
        }
        let gate = &self.memory.agent().gate;
        match gate.state {
            State::Open { until, .. } => Some(Recovery::Quarantine { until }),
            // Nothing is let in that would need a seat, and no quarantine may outlast the release.
            State::Isolated => None,
            // Asked before the trip that this fall causes is carried out: the same draw gives the same time.
            State::Closed | State::HalfOpen { .. } if self.has_too_many_falls(scene) => {
                Some(Recovery::Quarantine { until: self.until(gate, scene) })
            }
            // Seats fall: the restart policy replaces them.
            State::Closed | State::HalfOpen { .. } => None,
        }
    }

    fn standing(&self, _: Timestamp) -> Option<Refusal> {
        match self.memory.agent().gate.state {
            State::Open { until, .. } => Some(Refusal::BreakerOpen { capability: None, until }),
            State::Isolated => Some(Refusal::Isolated),
            State::HalfOpen { out: Some(_), .. } => Some(Refusal::Probing { capability: None }),
            // A half-open agent waits for a probe, and what one pair says depends on the task.
            State::HalfOpen { out: None, .. } | State::Closed => None,
        }
    }

    fn settings(&self) -> serde_json::Value {
        serde_json::to_value(self.configured).unwrap_or_default()
    }

    fn memory(&self) -> Option<Vec<u8>> {
        write_down(&self.memory)
    }

    fn remember(&mut self, memory: &[u8]) -> bool {
        take_up(&mut self.memory, memory)
    }
}

/// The worst of several refusals: what no waiting mends, then what lasts longest.
fn gravest(refusal: &Refusal) -> (u8, Timestamp) {
    let until = match refusal {
        Refusal::BreakerOpen { until, .. } => *until,
        _ => Timestamp::default(),
    };
    (refusal.gravity(), until)
}

impl CircuitBreaker {
    fn rules(&self) -> &BreakerSettings {
        &self.memory.rules.breaker
    }

    fn may_probe(&self, asked: &Delegation) -> bool {
        asked.criticality <= self.rules().probe_criticality_max && asked.reversibility != Reversibility::Low
    }
}
