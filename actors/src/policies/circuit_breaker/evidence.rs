//! What speaks against an agent, or one of its capabilities, while its breaker is closed: the first five triggers.

use std::collections::{BTreeMap, VecDeque};

use bailiwick_protocols::{DelegationId, GoalId, TaskId};
use serde::{Deserialize, Serialize};

use super::{settings::BreakerSettings, trigger::Trigger};

/// Numbers that ought to be equal differ by less than this after a few additions.
const ROUNDING: f64 = 1e-9;

/// One outcome that counts: a success or a failure of the agent's own.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Outcome {
    pub delegation: DelegationId,
    pub task: TaskId,
    pub failed: bool,
    pub slow: bool,
    /// What its lessons did to the trust that this breaker watches; `None` where they did nothing.
    pub lesson: Option<Taught>,
}

/// Trust before and after an outcome, each 0.0..=1.0.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Taught {
    pub before: f64,
    pub after: f64,
}

#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
struct Remembered {
    failed: bool,
    slow: bool,
}

/// The recent past of one breaker. A trip begins it anew.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub(super) struct Evidence {
    /// The last outcomes, newest last.
    recent: VecDeque<Remembered>,
    /// Failures in a row.
    row: u32,
    /// Trust lost in tasks that have not succeeded, until their goal is forgotten.
    lost: BTreeMap<GoalId, BTreeMap<TaskId, f64>>,
    /// The outcome that was counted last.
    pub last: Option<DelegationId>,
    /// What fired and waits for its trip to be recorded.
    pub fired: Option<Trigger>,
}

impl Evidence {
    /// Counts an outcome, and notes what fired first.
    pub fn count(&mut self, outcome: &Outcome, settings: &BreakerSettings) {
        self.last = Some(outcome.delegation);
        self.recent.push_back(Remembered { failed: outcome.failed, slow: outcome.slow });
        while self.recent.len() > settings.window.max(1) {
            self.recent.pop_front();
        }
        self.row = if outcome.failed { self.row.saturating_add(1) } else { 0 };
        let lost = self.lose(outcome);
        if self.fired.is_none() {
            self.fired = self.firing(outcome, lost, settings);
        }
    }

    /// Drops what was kept for the tasks of a goal.
    pub fn forget(&mut self, goal: GoalId) {
        self.lost.remove(&goal);
    }

    /// Adds up what one task cost in trust, over all its attempts; returns the sum.
    fn lose(&mut self, outcome: &Outcome) -> f64 {
        let goal = outcome.delegation.goal;
        if !outcome.failed {
            // The task is done: nothing more can be lost in it.
            if let Some(tasks) = self.lost.get_mut(&goal) {
                tasks.remove(&outcome.task);
                if tasks.is_empty() {
                    self.lost.remove(&goal);
                }
            }
            return 0.0;
        }
        let Some(Taught { before, after }) = outcome.lesson else { return 0.0 };
        let lost = self.lost.entry(goal).or_default().entry(outcome.task.clone()).or_default();
        *lost += before - after;
        *lost
    }

    /// The first of the five triggers that holds, in the order of the table.
    fn firing(&self, outcome: &Outcome, lost: f64, settings: &BreakerSettings) -> Option<Trigger> {
        let count = |this: fn(&Remembered) -> bool| self.recent.iter().filter(|seen| this(seen)).count();
        let of = self.recent.len();
        let is_share = |count: usize, rate: f64| {
            of >= settings.outcomes_min.max(1) && count as f64 >= rate * of as f64 - ROUNDING && count > 0
        };
        let (failed, slow) = (count(|seen| seen.failed), count(|seen| seen.slow));
        match outcome.lesson {
            _ if lost > settings.trust_drop + ROUNDING => Some(Trigger::trust_drop(lost, &outcome.task)),
            // A success may leave trust low; it does not trip for having raised it.
            Some(taught) if outcome.failed && taught.after < settings.trust_below - ROUNDING => {
                Some(Trigger::trust_below(taught.after, settings.trust_below))
            }
            _ if is_share(failed, settings.failure_rate) => Some(Trigger::failure_rate(failed, of)),
            _ if is_share(slow, settings.slow_rate) => Some(Trigger::slow_rate(slow, of, settings.slow_after)),
            _ if outcome.failed && self.row >= settings.failures_in_row => Some(Trigger::failures_in_row(self.row)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policies::given::id;

    fn outcome(number: u32, failed: bool) -> Outcome {
        Outcome { delegation: id(number), task: "task".into(), failed, slow: false, lesson: None }
    }

    /// The word of what fires after these outcomes.
    fn fired(outcomes: impl IntoIterator<Item = Outcome>, settings: &BreakerSettings) -> Option<String> {
        let mut evidence = Evidence::default();
        outcomes.into_iter().for_each(|outcome| evidence.count(&outcome, settings));
        evidence.fired.map(|fired| fired.word.to_string())
    }

    #[test]
    fn a_window_of_five_holds_five() {
        let settings = BreakerSettings { window: 5, outcomes_min: 5, failures_in_row: 9, ..BreakerSettings::default() };

        let half = [true, false, true, false, true].into_iter().zip(1..).map(|(failed, n)| outcome(n, failed));

        assert_eq!(fired(half, &settings).as_deref(), Some("failure_rate"));
    }

    #[test]
    fn a_rate_of_nothing_needs_one_failure_all_the_same() {
        let settings = BreakerSettings { failure_rate: 0.0, slow_rate: 0.0, ..BreakerSettings::default() };

        assert_eq!(fired((1..9).map(|n| outcome(n, false)), &settings), None);
        assert_eq!(fired((1..9).map(|n| outcome(n, n == 8)), &settings).as_deref(), Some("failure_rate"));
    }

    #[test]
    fn trust_on_the_edge_is_on_the_good_side_of_it() {
        let settings = BreakerSettings::default();
        let taught = |before, after| Outcome { lesson: Some(Taught { before, after }), ..outcome(1, true) };
        let (drop, below) = (settings.trust_drop, settings.trust_below);

        for lost in [drop, drop + ROUNDING] {
            assert_eq!(fired([taught(lost, 0.0)], &BreakerSettings { trust_below: 0.0, ..settings }), None, "{lost}");
        }
        for left in [below, below - ROUNDING] {
            assert_eq!(fired([taught(left + 0.1, left)], &settings), None, "{left}");
        }
        assert_eq!(fired([taught(0.2, below - 2.0 * ROUNDING)], &settings).as_deref(), Some("trust_below"));
    }
}
