//! How a goal ends, as far as its own stream tells: what its end is reckoned by, and a replay checks it against.

use bailiwick_protocols::{Failure, Outcome};

use super::{GoalState, Stop, TaskState};
use crate::goal::plan;

impl GoalState {
    /// The outcome that decides among the needed tasks, if one of them did not complete: precedence, then plan order.
    pub fn decisive(&self) -> Option<Outcome> {
        let rank = |outcome: &Outcome| match outcome {
            Outcome::Canceled { .. } => 6,
            Outcome::Expired => 5,
            Outcome::BudgetExhausted => 4,
            Outcome::Refused { .. } => 3,
            Outcome::Failed { .. } => 2,
            Outcome::NotVerified { .. } => 1,
            // Skipped never decides; what completed has nothing to say.
            _ => 0,
        };
        let mut worst: Option<&Outcome> = None;
        for task in self.needed() {
            if let Some(outcome) = task.outcome()
                && rank(outcome) > worst.map_or(0, rank)
            {
                worst = Some(outcome);
            }
        }
        worst.cloned()
    }

    /// The outcome by the needed tasks, and by who stopped it, without the goal's own contract.
    pub fn outcome_of_tasks(&self) -> Outcome {
        // Who cancels decides, even if everything completed in the meantime; so does the deadline if not.
        let outcome = match &self.stopping {
            Some(stop @ Stop::Canceled { .. }) => Some(stop.outcome()),
            Some(stop @ Stop::Deadline) => self.decisive().or(Some(stop.outcome())),
            _ => self.decisive(),
        };
        let is_verified = |task: &TaskState| matches!(task.outcome(), Some(Outcome::Verified));
        outcome.unwrap_or_else(|| if self.needed().all(is_verified) { Outcome::Verified } else { Outcome::Unverified })
    }

    /// How a goal of which everything has ended settles; `None` where it is its planning that ended it.
    pub fn outcome_due(&self) -> Option<Outcome> {
        if !self.planned {
            return self.stopping.as_ref().map(Stop::outcome);
        }
        let finals = plan::finals(self.plan());
        let complete = finals.iter().all(|task| self.task(&task.id).is_some_and(|task| task.output().is_some()));
        let stopped = matches!(self.stopping, Some(Stop::Canceled { .. } | Stop::Deadline));
        if !complete || stopped || self.decisive().is_some() {
            return Some(self.outcome_of_tasks());
        }
        if let Some((_, Err(said))) = &self.synthesis {
            return Some(not_joined(said));
        }
        Some(match &self.verdict {
            Some((verdict, _)) if !verdict.passed || verdict.abstained => {
                Outcome::NotVerified { verdict: verdict.clone() }
            }
            Some(_) if self.goal.contract.asks_for_check() => Outcome::Verified,
            // A shape that fits is no check that passed: then its tasks decide.
            Some(_) | None => self.outcome_of_tasks(),
        })
    }

    fn needed(&self) -> impl Iterator<Item = &TaskState> {
        let needed = plan::needed(self.plan());
        self.tasks.iter().filter(move |task| needed.contains(&task.spec.id))
    }
}

impl Stop {
    /// How whatever it stops ends.
    pub fn outcome(&self) -> Outcome {
        match self {
            Stop::Canceled { by, .. } => Outcome::Canceled { by: by.clone() },
            Stop::Deadline => Outcome::Expired,
            Stop::Budget => Outcome::BudgetExhausted,
        }
    }
}

/// The outcome of a goal whose synthesiser failed.
pub fn not_joined(said: &str) -> Outcome {
    Outcome::Failed { cause: Failure::agent(format!("the synthesiser failed: {said}")) }
}
