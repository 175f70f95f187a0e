//! Which road a goal took and whom it asked, with the reasons.

use serde::{Deserialize, Serialize};

use crate::AgentName;

/// Why the goal took this road: the rules of semantics section 3, in the order they fired.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RouteRule {
    /// Rule 0: it brought tasks.
    BroughtTasks,
    /// `--route direct` dropped the tasks it brought.
    TasksDropped,
    /// Rule 1: simple, reversible, and a trusted agent can do it.
    Floor,
    /// Rule 2: one agent holds all capabilities.
    OneAgentCan,
    /// `--route direct` was asked for.
    DirectAsked,
    /// `--route plan` was asked for.
    PlanAsked,
    /// Rule 3: nobody holds all capabilities.
    NobodyHoldsAll,
    /// A planner is set, and the goal states no capabilities of its own.
    PlannerSet,
    /// No planner is set: one agent does it, or nobody.
    NoPlanner,
    /// The planner's answers could not be accepted.
    PlanUnusable,
    /// The team's own router said so, and why.
    Router(String),
}

/// The road finally taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Route {
    /// Below the complexity floor: straight to the best trusted agent.
    Floor,
    /// One agent does it all.
    Direct,
    /// A DAG of tasks.
    Plan,
}

impl Route {
    /// The word of the JSON interfaces.
    pub const fn as_str(self) -> &'static str {
        match self {
            Route::Floor => "floor",
            Route::Direct => "direct",
            Route::Plan => "plan",
        }
    }
}

/// The four terms of the score, each 0.0..=1.0, and their weighted sum.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Terms {
    /// Capability: 1 if all required are held.
    pub capability: f64,
    /// Trust: mean over the required capabilities, decayed.
    pub trust: f64,
    /// Availability: free seats / seats.
    pub availability: f64,
    /// Cost: 1 / (1 + 1000 x USD per task).
    pub cost: f64,
    /// The weighted sum.
    pub score: f64,
}

/// An agent that could have been chosen.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Candidate {
    /// Who.
    pub agent: AgentName,
    /// Its terms.
    pub terms: Terms,
}

/// Why an agent was not a candidate.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct PassedOver {
    /// Who.
    pub agent: AgentName,
    /// Why, for people.
    pub because: String,
}

/// How the choice among the candidates fell.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ChosenBy {
    /// The best score.
    Score,
    /// Nearly equal scores: fewest in flight, then a draw.
    NearTie,
    /// The least-known, to learn about it.
    Exploration,
    /// The same agent again.
    Retry,
    /// The task names it.
    Named,
}
