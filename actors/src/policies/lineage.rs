//! Refuses work that would wait for itself, or that has been handed on too often.
//!
//! How deep a holder may still go stands in its mandate and is checked where the child is asked for, by the
//! requester's own supervisor: `hand_on` stops at depth 0, so a mandate of depth 0 says here only that this agent may
//! not delegate further, which is no reason to turn it away. What this end can see is the chain itself, and that is
//! what it bounds: a chain longer than the limit is refused, whatever its mandates claimed.

use bailiwick_protocols::{Delegation, Refusal, Ruling, task::Bounds};
use serde_json::json;

use super::{Scene, SupervisorPolicy};

/// Refuses cycles, and chains longer than a limit.
#[derive(Clone, Copy, Debug)]
pub struct Lineage {
    depth_max: u8,
}

impl Lineage {
    /// Allows at most this many delegations inside delegations, 0.. (4). The work a goal itself asks for is at 0.
    pub const fn new(depth_max: u8) -> Self {
        Self { depth_max }
    }
}

impl Default for Lineage {
    fn default() -> Self {
        Self::new(Bounds::default().depth)
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
        if asked.lineage.len() > usize::from(self.depth_max) {
            return Ruling::Refuse(Refusal::DepthExceeded);
        }
        Ruling::Pass
    }

    fn settings(&self) -> serde_json::Value {
        json!({ "depth_max": self.depth_max })
    }
}

#[cfg(test)]
mod tests {
    use bailiwick_protocols::{AgentName, Limits, Mandate, Permissions, Slice};

    use super::*;
    use crate::policies::given::{delegation, id, scene, second};

    fn ruling(lineage: &[&str]) -> Ruling {
        let asked = Delegation { lineage: lineage.iter().copied().map(AgentName::from).collect(), ..delegation(1) };
        Lineage::default().rule(&asked, &scene(second(0)))
    }

    #[test]
    fn an_agent_that_already_waits_in_the_chain_closes_a_cycle() {
        let path = ["bo", "ada", "cy", "ada"].map(AgentName::from).to_vec();

        assert_eq!(ruling(&["bo", "ada", "cy"]), Ruling::Refuse(Refusal::Cycle { path }));
    }

    #[test]
    fn four_may_wait_above_an_agent_and_five_may_not() {
        assert_eq!(ruling(&[]), Ruling::Pass);
        assert_eq!(ruling(&["a", "b", "c", "d"]), Ruling::Pass);
        assert_eq!(ruling(&["a", "b", "c", "d", "e"]), Ruling::Refuse(Refusal::DepthExceeded));
    }

    #[test]
    fn the_last_agent_of_the_deepest_chain_holds_depth_nought_and_may_work() {
        let root = Mandate::root(Permissions::none(), Slice::UNLIMITED, None, 4);
        let first = root.hand_on(None, &Limits::default());
        let mandate = (1..=4).fold(first, |mandate, n| mandate.hand_on(Some(id(n)), &Limits::default()));
        assert_eq!(mandate.depth(), 0);

        let lineage = ["a", "b", "c", "d"].into_iter().map(AgentName::from).collect();
        let asked = Delegation { mandate, lineage, parent: Some(id(4)), ..delegation(5) };

        assert_eq!(Lineage::default().rule(&asked, &scene(second(0))), Ruling::Pass);
    }
}
