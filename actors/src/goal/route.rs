//! Which road a goal takes: floor, direct or plan, and the rules that fired. Semantics section 3.

use bailiwick_protocols::{
    Goal, Reversibility, Timestamp,
    event::{Route, RouteRule},
    task::RouteWish,
};

use crate::directory::Directory;

/// From this trust on an agent is given simple work without a plan.
pub const FLOOR_TRUST: f64 = 0.7;

/// The road, and the rules that fired in order.
pub fn route(
    goal: &Goal,
    directory: &Directory,
    partial: bool,
    has_planner: bool,
    now: Timestamp,
) -> (Route, Vec<RouteRule>) {
    let mut rules = Vec::new();
    if !goal.tasks.is_empty() {
        if goal.route != RouteWish::Direct {
            return (Route::Plan, vec![RouteRule::BroughtTasks]);
        }
        rules.push(RouteRule::TasksDropped);
    }
    match goal.route {
        RouteWish::Direct => {
            rules.push(RouteRule::DirectAsked);
            return (Route::Direct, rules);
        }
        RouteWish::Plan if has_planner => {
            rules.push(RouteRule::PlanAsked);
            return (Route::Plan, rules);
        }
        RouteWish::Plan => rules.extend([RouteRule::PlanAsked, RouteRule::NoPlanner]),
        RouteWish::Auto => {}
    }
    let able = directory.capable(&goal.needs, partial);
    let simple = goal.settings.complexity.unwrap_or(3) <= 2
        && goal.settings.reversibility.unwrap_or_default() == Reversibility::High;
    if simple && able.iter().any(|entry| entry.trust(&goal.needs, now).get() >= FLOOR_TRUST) {
        rules.push(RouteRule::Floor);
        return (Route::Floor, rules);
    }
    // Without needs everybody qualifies; a planner, where there is one, then knows better what the goal takes.
    if goal.needs.is_empty() && has_planner {
        rules.push(RouteRule::PlannerSet);
        return (Route::Plan, rules);
    }
    if !able.is_empty() {
        rules.push(RouteRule::OneAgentCan);
        return (Route::Direct, rules);
    }
    rules.push(RouteRule::NobodyHoldsAll);
    if has_planner {
        return (Route::Plan, rules);
    }
    if !rules.contains(&RouteRule::NoPlanner) {
        rules.push(RouteRule::NoPlanner);
    }
    (Route::Direct, rules)
}
