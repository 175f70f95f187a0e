//! Which road a goal takes where it leaves that open. To join the family, implement `Router` and give it to the builder.

use std::panic::{AssertUnwindSafe, catch_unwind};

use bailiwick_protocols::{
    AgentName, Goal, Timestamp,
    event::{Route, RouteRule},
    task::RouteWish,
    trust::TrustScore,
};

pub mod standard;

use standard::{FLOOR_TRUST, StandardRouter};

use crate::directory::Directory;

/// Decides which road a goal takes that brings no tasks and asks for no road of its own.
///
/// It is asked once, within the goal's own actor, so it answers from what it is shown and waits for nothing; the answer
/// is recorded. A panic in it leaves the decision to [`StandardRouter`].
pub trait Router: Send + Sync + 'static {
    /// The road, and why.
    fn route(&self, goal: &Goal, scene: &RouteScene) -> Routed;
}

impl<F: Fn(&Goal, &RouteScene) -> Routed + Send + Sync + 'static> Router for F {
    fn route(&self, goal: &Goal, scene: &RouteScene) -> Routed {
        self(goal, scene)
    }
}

/// What a router sees of its team.
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub struct RouteScene {
    /// Who could do the whole goal alone, by name.
    pub able: Vec<Able>,
    /// Whether there is a planner; without one nothing is planned.
    pub has_planner: bool,
}

impl RouteScene {
    /// A scene, for the tests of a router.
    pub fn new(able: impl IntoIterator<Item = Able>, has_planner: bool) -> Self {
        Self { able: able.into_iter().collect(), has_planner }
    }

    /// What there is for a goal now. Who holds some of what it needs is a candidate where the team says so, and still
    /// cannot do the goal alone.
    pub fn of(goal: &Goal, directory: &Directory, has_planner: bool, now: Timestamp) -> Self {
        let able = directory.capable(&goal.needs, false).into_iter();
        let able = able.map(|entry| Able { agent: entry.name.clone(), trust: entry.trust(&goal.needs, now) });
        Self::new(able, has_planner)
    }

    /// Whether somebody able is trusted enough for the floor: 0.7.
    pub fn is_trusted(&self) -> bool {
        self.able.iter().any(|able| able.trust.get() >= FLOOR_TRUST)
    }
}

/// An agent that holds all capabilities a goal needs.
#[derive(Clone, PartialEq, Debug)]
pub struct Able {
    /// Who.
    pub agent: AgentName,
    /// Its trust over these capabilities, 0.0..=1.0.
    pub trust: TrustScore,
}

/// A road, and the rules that led to it.
#[derive(Clone, PartialEq, Debug)]
pub struct Routed {
    /// The road.
    pub route: Route,
    /// The rules, in the order they fired.
    pub rules: Vec<RouteRule>,
}

impl Routed {
    /// A road, and the reason for it in words; they stand in `route_chosen`.
    pub fn new(route: Route, because: impl Into<String>) -> Self {
        Self { route, rules: vec![RouteRule::Router(because.into())] }
    }
}

/// The road of a goal, and the rules that fired in order: first what the goal itself says, then the router.
///
/// A road that is not there is not taken: no plan without a planner, no floor without somebody trusted.
pub fn route(goal: &Goal, scene: &RouteScene, router: &dyn Router) -> Routed {
    let mut rules = Vec::new();
    if !goal.tasks.is_empty() {
        if goal.route != RouteWish::Direct {
            return Routed { route: Route::Plan, rules: vec![RouteRule::BroughtTasks] };
        }
        rules.push(RouteRule::TasksDropped);
    }
    match goal.route {
        RouteWish::Direct => {
            rules.push(RouteRule::DirectAsked);
            return Routed { route: Route::Direct, rules };
        }
        RouteWish::Plan if scene.has_planner => {
            rules.push(RouteRule::PlanAsked);
            return Routed { route: Route::Plan, rules };
        }
        RouteWish::Plan => {
            rules.extend([RouteRule::PlanAsked, RouteRule::NoPlanner]);
            return Routed { route: Route::Direct, rules };
        }
        RouteWish::Auto => {}
    }
    let said = catch_unwind(AssertUnwindSafe(|| router.route(goal, scene))).unwrap_or_else(|_| {
        rules.push(RouteRule::Router("the router panicked".to_owned()));
        StandardRouter.route(goal, scene)
    });
    rules.extend(said.rules);
    let route = match said.route {
        Route::Plan if !scene.has_planner => {
            rules.push(RouteRule::NoPlanner);
            Route::Direct
        }
        Route::Floor if !scene.is_trusted() => Route::Direct,
        road => road,
    };
    Routed { route, rules }
}

#[cfg(test)]
mod tests;
