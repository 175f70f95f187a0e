//! The rules a supervisor lives by: each is a `SupervisorPolicy`, and its stack decides together.
//!
//! Deciding is not applying. `rule` and `decide` look and say; only `apply` changes a policy, from recorded facts,
//! the same live and in a rebuild. To join the family, implement the trait and add it to the builder.

use std::collections::BTreeMap;

use bailiwick_protocols::{
    AgentFact, AgentName, Capability, Delegation, Directive, Recovery, Refusal, Ruling, Timestamp, TrustRecord,
    TrustScore, codec, event::SeatEnd,
};
use serde::{Deserialize, Serialize};

use crate::{agents::AgentSpec, trust_tracker::models::TrustModel};

pub mod admission;
pub mod attenuation;
pub mod backoff;
pub mod budget;
pub mod circuit_breaker;
pub mod deadline;
#[cfg(test)]
pub(crate) mod given;
pub mod lineage;
pub mod recorded;
pub mod restart;
pub mod stack;
pub mod threads;

/// Makes the policies of a supervisor, anew for each of its lives.
pub type PolicyStack = std::sync::Arc<dyn Fn(&AgentSpec) -> Vec<Box<dyn SupervisorPolicy>> + Send + Sync>;

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

    /// Everything that `apply` has changed, written down: a rebuild may begin with it instead of the first fact.
    ///
    /// `None`, which is safe for every policy: it does not say, and its supervisor is always rebuilt from the beginning.
    /// A policy that `apply` does not change writes nothing: `Some(Vec::new())`.
    ///
    /// It is given back by the same version of Bailiwick to policies of the same names with the same
    /// [`settings`](SupervisorPolicy::settings); that their code is the same nobody sees. So whoever changes what `apply`
    /// does, or what these bytes mean, puts a number into `settings` and raises it; and whatever `apply` uses of what the
    /// policy was made with stands in `settings` too.
    fn memory(&self) -> Option<Vec<u8>> {
        None
    }

    /// Takes up, fresh, what [`memory`](SupervisorPolicy::memory) wrote. False if it cannot: then facts are applied from the
    /// beginning, to another value.
    fn remember(&mut self, memory: &[u8]) -> bool {
        memory.is_empty()
    }
}

/// What a policy has learned as bytes: for those whose memory is one plain value.
fn write_down(memory: &impl Serialize) -> Option<Vec<u8>> {
    codec::encode(memory).ok()
}

/// Reads what [`write_down`] wrote into its place. False if it is something else.
fn take_up<T: serde::de::DeserializeOwned>(place: &mut T, memory: &[u8]) -> bool {
    codec::decode(memory).map(|read| *place = read).is_ok()
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

/// The settings of the default policies, for every agent of a team.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct PolicySettings {
    /// When an agent is left alone.
    pub breaker: circuit_breaker::BreakerSettings,
    /// How many retries an agent is granted.
    pub admission: admission::AdmissionSettings,
}

/// Returns the policies every supervisor lives by, in order. Those of a team's own come behind them.
pub fn default_stack(spec: &AgentSpec, settings: &PolicySettings) -> Vec<Box<dyn SupervisorPolicy>> {
    let mut stack: Vec<Box<dyn SupervisorPolicy>> = vec![
        Box::new(deadline::Deadline),
        Box::new(lineage::Lineage::new(spec.exclusive)),
        Box::new(circuit_breaker::CircuitBreaker::new(settings.breaker, spec.restart)),
        Box::new(admission::Admission::new(settings.admission)),
        Box::new(attenuation::Attenuation::new(spec.permissions.clone())),
        Box::new(budget::Budget::default()),
        Box::new(restart::RestartPolicy::new(spec.restart)),
    ];
    if spec.agent.threads().is_some() {
        stack.push(Box::new(threads::ThreadsLeft::default()));
    }
    stack
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bailiwick_protocols::{Output, Slice, policy::breaker};

    use super::{
        given::{admitted, delegation, mandate, scene, second},
        stack::{Stack, StackRuling},
        *,
    };
    use crate::agents::agent_fn;

    fn stack() -> Stack {
        let spec = agent_fn("ada", ["search"], |_| async { Ok(Output::text("3 sources")) });
        Stack::new(default_stack(&spec, &PolicySettings::default()))
    }

    /// One seat goes down; what follows is recorded and applied as a supervisor does it.
    fn falls(stack: &mut Stack, at: Timestamp) -> (Vec<AgentFact>, Option<Recovery>) {
        let why = SeatEnd::Crashed("boom".into());
        let fact = AgentFact::SeatDown { seat: 1, delegation: None, why: why.clone() };
        stack.apply(&fact, at);
        let facts = stack.decide(&fact, &scene(at)).facts;
        for fact in &facts {
            stack.apply(fact, at);
        }
        (facts, stack.recover(&SeatFailure { seat: 1, why }, &scene(at)))
    }

    #[test]
    fn the_default_stack_is_seven_policies_in_order_and_names_its_settings() {
        let names = ["deadline", "lineage", "circuit_breaker", "admission", "attenuation", "budget", "restart"];
        assert_eq!(stack().names(), names);

        let settings = stack().settings();
        assert_eq!(settings["circuit_breaker"]["failures_in_row"], 3);
        assert_eq!(settings["circuit_breaker"]["open"], 30_000);
        assert_eq!(settings["admission"]["retry_tokens"], 10.0);
        assert_eq!(settings["lineage"]["exclusive"], false);
    }

    #[test]
    fn ordinary_work_is_let_in() {
        assert!(matches!(stack().rule(&delegation(1), &scene(second(0))), StackRuling::Admit(_)));
    }

    #[test]
    fn of_several_refusals_the_gravest_is_told() {
        let mut stack = stack();
        for n in 0..6 {
            falls(&mut stack, second(n));
        }
        let ordinary = delegation(1);
        let late = Delegation { mandate: mandate(Slice::UNLIMITED, Some(second(5))), ..ordinary.clone() };
        let cycle = Delegation { lineage: [AgentName::new("ada")].into(), ..late.clone() };

        let refusal = |asked| match stack.rule(asked, &scene(second(6))) {
            StackRuling::Refuse(refusal) => refusal,
            other => panic!("it ought to be refused: {other:?}"),
        };
        assert!(matches!(refusal(&ordinary), Refusal::BreakerOpen { capability: None, .. }));
        assert_eq!(refusal(&late), Refusal::DeadlinePassed);
        assert!(matches!(refusal(&cycle), Refusal::Cycle { .. }));
    }

    #[test]
    fn a_seat_that_keeps_falling_is_replaced_slower_and_slower_and_then_not_at_all() {
        let mut stack = stack();
        stack.apply(&admitted(&delegation(1)), second(0));

        let answers: Vec<_> = (0..6).map(|n| falls(&mut stack, second(n))).collect();

        let waits = [0, 200, 400, 800, 1600].map(|millis| Recovery::Restart { after: Duration::from_millis(millis) });
        assert_eq!(answers[..5].iter().map(|(_, answer)| *answer).collect::<Vec<_>>(), waits.map(Some));
        let (facts, answer) = &answers[5];
        assert!(matches!(&facts[0], AgentFact::Policy(fact) if fact.kind == breaker::OPENED));
        let AgentFact::WakeSet { at: until, .. } = facts[1] else { panic!("a trip sets its wake") };
        assert_eq!(*answer, Some(Recovery::Quarantine { until }));
        assert!(stack.standing(second(6)).is_some());
    }
}
