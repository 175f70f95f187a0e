//! The rules a supervisor lives by: each is a `SupervisorPolicy`, and its stack decides together.
//!
//! Deciding is not applying. `rule` and `decide` look and say; only `apply` changes a policy, from recorded facts,
//! the same live and in a rebuild. To join the family, implement the trait and add it to the builder.

use std::collections::BTreeMap;

use bailiwick_protocols::{
    AgentFact, AgentName, Capability, Delegation, Directive, Recovery, Refusal, Ruling, Timestamp, TrustRecord,
    TrustScore, event::SeatEnd,
};

use crate::trust_tracker::models::TrustModel;

pub mod admission;
pub mod attenuation;
pub mod budget;
pub mod circuit_breaker;
pub mod deadline;
pub mod lineage;
pub mod restart;
pub mod stack;

/// One rule a supervisor lives by. Implement what concerns you; the rest stays neutral.
pub trait SupervisorPolicy: Send + 'static {
    /// The name under which its facts are recorded: lowercase, unique in a stack.
    fn name(&self) -> &'static str;

    /// May this delegation reach the agent? Pure; asked at the door and again when a seat is free.
    fn rule(&self, asked: &Delegation, scene: &Scene<'_>) -> Ruling {
        let _ = (asked, scene);
        Ruling::Pass
    }

    /// What follows from a fact? Asked after every policy applied it; live only, never in a rebuild.
    fn decide(&self, fact: &AgentFact, scene: &Scene<'_>) -> Vec<Directive> {
        let _ = (fact, scene);
        Vec::new()
    }

    /// The only mutation; total; the same live and in a rebuild. `at` is when the fact was recorded.
    fn apply(&mut self, fact: &AgentFact, at: Timestamp) {
        let _ = (fact, at);
    }

    /// A seat went down (asked after `apply`). `None` leaves it to the others; the gravest answer wins.
    fn recover(&self, failure: &SeatFailure, scene: &Scene<'_>) -> Option<Recovery> {
        let _ = (failure, scene);
        None
    }

    /// What this policy would say to anybody now; published, so that hopeless work is not offered.
    fn standing(&self, now: Timestamp) -> Option<Refusal> {
        let _ = now;
        None
    }

    /// The settings that bind, for the `Stack` fact; JSON null if there are none.
    fn settings(&self) -> serde_json::Value {
        serde_json::Value::Null
    }
}

/// What a policy may look at while it rules or decides.
#[derive(Clone, Copy)]
pub struct Scene<'a> {
    /// Now.
    pub now: Timestamp,
    /// A fresh draw, 0.0..1.0, for jitter; what is made of it is recorded, never the draw.
    pub draw: f64,
    /// Whose supervisor this is.
    pub agent: &'a AgentName,
    /// What the agent can do.
    pub capabilities: &'a [Capability],
    /// How many run at once.
    pub seats: u32,
    /// What the agent declares for one task, in micro-USD.
    pub cost_per_task: u64,
    /// What is admitted and not settled, by id.
    pub in_flight: &'a [InFlight<'a>],
    /// What is known of the agent's trust.
    pub trust: &'a TrustView,
}

/// One admitted delegation that is not settled.
#[derive(Clone, Copy)]
pub struct InFlight<'a> {
    /// The delegation, with its mandate as narrowed.
    pub delegation: &'a Delegation,
    /// When its seat began; `None` while it waits.
    pub started: Option<Timestamp>,
}

/// The agent's trust, as its lessons left it.
pub struct TrustView {
    /// By capability; absent is the start value.
    pub records: BTreeMap<Capability, TrustRecord>,
    /// How scores decay.
    pub model: std::sync::Arc<dyn TrustModel>,
}

impl TrustView {
    /// The score on one capability now, decay applied.
    pub fn score(&self, capability: &Capability, now: Timestamp) -> TrustScore {
        match self.records.get(capability) {
            Some(record) => self.model.decayed(record, now).score,
            None => self.model.start(),
        }
    }
}

/// A seat that went down without being asked to.
#[derive(Clone, PartialEq, Debug)]
pub struct SeatFailure {
    /// Which seat, from 1.
    pub seat: u32,
    /// Why.
    pub why: SeatEnd,
}
