//! Refuses work that would wait for itself, and keeps an exclusive agent from handing work on.
//!
//! How deep a holder may still go stands in its mandate and is checked where a part is asked for, by the requester's
//! own supervisor: `hand_on` stops at depth 0, and a mandate of depth 0 says only that this agent may not delegate.

use bailiwick_protocols::{Delegation, Limits, Refusal, Ruling};
use serde_json::json;

use super::{Scene, SupervisorPolicy};

/// Refuses cycles; narrows an exclusive agent to depth 0.
#[derive(Clone, Copy, Debug, Default)]
pub struct Lineage {
    exclusive: bool,
}

impl Lineage {
    /// An exclusive agent may not hand parts of its work on.
    pub const fn new(exclusive: bool) -> Self {
        Self { exclusive }
    }
}

impl SupervisorPolicy for Lineage {
    fn name(&self) -> &'static str {
        "lineage"
    }

    fn rule(&self, asked: &Delegation, scene: &Scene<'_>) -> Ruling {
        if asked.lineage.contains(scene.agent) {
            let path = asked.lineage.iter().chain([scene.agent]).cloned().collect();
            return Ruling::Refuse(Refusal::Cycle { path });
        }
        if self.exclusive {
            let mut limits = Limits::default();
            limits.depth = Some(0);
            return Ruling::Narrow(limits);
        }
        Ruling::Pass
    }

    fn settings(&self) -> serde_json::Value {
        json!({ "exclusive": self.exclusive })
    }

    fn memory(&self) -> Option<Vec<u8>> {
        Some(Vec::new())
    }
}

#[cfg(test)]
mod tests {
    use bailiwick_protocols::AgentName;

    use super::*;
    use crate::policies::given::{delegation, scene, second};

    fn ruling(policy: Lineage, lineage: &[&str]) -> Ruling {
        let asked = Delegation { lineage: lineage.iter().copied().map(AgentName::from).collect(), ..delegation(1) };
        policy.rule(&asked, &scene(second(0)))
    }

    #[test]
    fn an_agent_that_already_waits_in_the_chain_closes_a_cycle() {
        let path = ["bo", "ada", "cy", "ada"].map(AgentName::from).to_vec();

        assert_eq!(ruling(Lineage::default(), &["bo", "ada", "cy"]), Ruling::Refuse(Refusal::Cycle { path }));
    }

    #[test]
    fn a_chain_of_others_may_be_as_long_as_its_mandates_allow() {
        assert_eq!(ruling(Lineage::default(), &["a", "b", "c", "d", "e", "f"]), Ruling::Pass);
    }

    #[test]
    fn an_exclusive_agent_works_and_hands_nothing_on() {
        let Ruling::Narrow(limits) = ruling(Lineage::new(true), &["bo"]) else { panic!("it is narrowed") };

        assert_eq!(limits.depth, Some(0));
    }
}
