//! The rules everybody starts with: floor, direct, plan. Semantics section 3.

use bailiwick_protocols::{
    Goal, Reversibility,
    event::{Route, RouteRule},
};

use super::{RouteScene, Routed, Router};

/// From this trust on an agent is given simple work without a plan.
pub const FLOOR_TRUST: f64 = 0.7;

/// Simple work that can be undone goes to whoever is trusted; the rest to one agent that can do it all, else to a plan.
#[derive(Clone, Copy, Debug, Default)]
pub struct StandardRouter;

impl Router for StandardRouter {
    fn route(&self, goal: &Goal, scene: &RouteScene) -> Routed {
        let by = |route, rule| Routed { route, rules: vec![rule] };
        let simple = goal.settings.complexity.unwrap_or(3) <= 2
            && goal.settings.reversibility.unwrap_or_default() == Reversibility::High;
        if simple && scene.is_trusted() {
            return by(Route::Floor, RouteRule::Floor);
        }
        // Without needs everybody qualifies; a planner, where there is one, then knows better what the goal takes.
        if goal.needs.is_empty() && scene.has_planner {
            return by(Route::Plan, RouteRule::PlannerSet);
        }
        if scene.able.is_empty() {
            return by(Route::Plan, RouteRule::NobodyHoldsAll);
        }
        by(Route::Direct, RouteRule::OneAgentCan)
    }
}
