//! What became of a goal: the fold of the goal's stream, and nothing else.
//!
//! A report can be had at any time: while the goal runs it has no outcome yet. The only thing that does not stand in
//! the stream are the breakers, which are told to it.

mod fold;
mod json;
pub mod summary;
pub mod task;
#[cfg(test)]
pub(crate) mod testing;
pub mod tree;
pub mod units;
mod verified;

use std::sync::Arc;

use bailiwick_protocols::{
    AgentName, Capability, Code, Cost, GoalId, Outcome, Output, Recorded, Timestamp, TrustScore, Usage, Verdict,
    event::Route,
};

use serde::de::DeserializeOwned;

pub use self::{
    summary::Summary,
    task::{AttemptReport, TaskReport, TaskStanding},
    verified::NotVerified,
};

/// What became of a goal, or what has become of it so far.
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub struct GoalReport {
    /// Which goal.
    pub goal_id: GoalId,
    /// What was wanted, in words.
    pub goal: String,
    /// How it ended; `None` while it runs.
    pub outcome: Option<Outcome>,
    /// Whether it rests until it is resumed.
    pub parked: bool,
    /// The code of the first task that decided, if the goal did not succeed.
    pub code: Option<Code>,
    /// The assembled output.
    pub output: Option<Output>,
    /// What was found on the goal's own contract, if it was examined.
    pub verdict: Option<Verdict>,
    /// The road finally taken.
    pub route: Option<Route>,
    /// In plan order.
    pub tasks: Vec<TaskReport>,
    /// Whose trust changed, in the order in which it first did.
    pub trust: Vec<TrustChange>,
    /// The breakers that are not closed.
    pub breakers: Vec<BreakerStanding>,
    /// Everything consumed, judges and planner included.
    pub usage: Usage,
    /// The same in money.
    pub cost: Cost,
    /// How often a task went to another agent.
    pub reassignments: u32,
    /// When the goal was submitted.
    pub started: Option<Timestamp>,
    /// When the last thing happened to it.
    pub until: Option<Timestamp>,
    /// The trace it belongs to.
    pub trace_id: Option<u128>,
}

/// How the trust in one agent, for one capability, moved over the whole goal.
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub struct TrustChange {
    /// Whose.
    pub agent: AgentName,
    /// On what.
    pub capability: Capability,
    /// Before the first change.
    pub before: TrustScore,
    /// After the last one.
    pub after: TrustScore,
}

/// What a breaker lets through.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[non_exhaustive]
pub enum BreakerState {
    /// Everything.
    Closed,
    /// Nothing, until its time has come.
    Open,
    /// One probe at a time.
    HalfOpen,
    /// Nothing, until somebody releases it.
    Isolated,
}

impl BreakerState {
    /// The word of the JSON interfaces: `half_open`.
    pub const fn as_str(self) -> &'static str {
        match self {
            BreakerState::Closed => "closed",
            BreakerState::Open => "open",
            BreakerState::HalfOpen => "half_open",
            BreakerState::Isolated => "isolated",
        }
    }
}

/// How one breaker stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BreakerStanding {
    /// Whose.
    pub agent: AgentName,
    /// For which capability; `None` is the whole agent.
    pub capability: Option<Capability>,
    /// What it lets through.
    pub state: BreakerState,
}

impl GoalReport {
    /// Folds the stream of one goal; events of other streams say nothing here. Closed breakers are left out.
    pub fn from_events(events: &[Arc<Recorded>], breakers: Vec<BreakerStanding>) -> Self {
        let mut report = Self::default();
        for event in events {
            report.apply(event);
        }
        report.with_breakers(breakers)
    }

    /// Tells it how the breakers stand. Closed ones are left out.
    pub fn with_breakers(mut self, breakers: Vec<BreakerStanding>) -> Self {
        self.breakers = breakers;
        self.breakers.retain(|breaker| breaker.state != BreakerState::Closed);
        self
    }

    /// Ends the report as canceled, whatever the stream may still say: for a caller who cannot wait for it.
    pub fn into_canceled(mut self, why: &str) -> Self {
        self.cancel(why);
        self
    }

    /// Leaves the report of a goal that can be resumed as it is by now: for a caller who cannot wait for it.
    pub fn into_parked(mut self) -> Self {
        self.parked = self.outcome.is_none();
        self
    }

    /// How the goal ended; `None` while it runs.
    pub fn outcome(&self) -> Option<&Outcome> {
        self.outcome.as_ref()
    }

    /// The outcome as one word of the JSON interfaces; without one `parked` or `running`.
    pub fn outcome_word(&self) -> &'static str {
        let without = if self.parked { "parked" } else { "running" };
        self.outcome.as_ref().map_or(without, Outcome::as_str)
    }

    /// The assembled output, verified or not.
    pub fn output(&self) -> Option<&Output> {
        self.output.as_ref()
    }

    /// The output, if its contract was checked and met.
    ///
    /// # Errors
    /// Says why the output is not to be believed, or why there is none.
    pub fn verified(&self) -> Result<&Output, NotVerified> {
        verified::verified(self)
    }

    /// The output as a Rust type, if its contract was checked and met. What was not checked is had by
    /// `report.output()` and [`Output::parse`].
    ///
    /// # Errors
    /// Says why the output is not to be believed, why there is none, or that it is no `T`.
    pub fn output_as<T: DeserializeOwned>(&self) -> Result<T, crate::Error> {
        Ok(self.verified()?.parse()?)
    }

    /// The task with this id.
    pub fn task(&self, id: &str) -> Option<&TaskReport> {
        self.tasks.iter().find(|task| task.id == *id)
    }

    /// Attempts of all tasks; judges are not among them.
    pub fn attempts(&self) -> usize {
        self.tasks.iter().map(|task| task.attempts.len()).sum()
    }

    /// From the submission to the end, or to the last thing that happened.
    pub fn duration(&self) -> std::time::Duration {
        match (self.started, self.until) {
            (Some(started), Some(until)) => until.since(started),
            _ => std::time::Duration::ZERO,
        }
    }

    /// The object that `bailiwick run --json` prints.
    pub fn to_json(&self) -> serde_json::Value {
        json::goal(self)
    }

    /// A page for people: the task tree with agents, attempts and verdicts, time, cost, trust and breakers.
    pub fn summary(&self) -> Summary {
        Summary::of(self)
    }
}

impl Default for GoalReport {
    /// The report of a goal of which nothing is known yet: what the fold starts from.
    fn default() -> Self {
        Self {
            goal_id: "00000000-0000-0000-0000-000000000000".parse().expect("the nil UUID is a UUID"),
            goal: String::new(),
            outcome: None,
            parked: false,
            code: None,
            output: None,
            verdict: None,
            route: None,
            tasks: Vec::new(),
            trust: Vec::new(),
            breakers: Vec::new(),
            usage: Usage::default(),
            cost: Cost::FREE,
            reassignments: 0,
            started: None,
            until: None,
            trace_id: None,
        }
    }
}
