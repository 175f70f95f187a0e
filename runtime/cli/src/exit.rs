//! The exit status, and the two ways to it: the outcome of a goal, or something that stopped the program before.

use bailiwick::{
    GoalReport,
    protocols::{Code, Outcome},
};

use crate::{paint, panics};

/// How the program ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Exit {
    /// Verified, or unverified where no check was asked.
    Done,
    /// Failed, not verified, canceled.
    Failed,
    /// Usage or configuration: nothing was started.
    Usage,
    /// Parked: it can be resumed.
    Parked,
    /// Refused.
    Refused,
    /// The deadline passed, or the budget is exhausted.
    Exhausted,
    /// A defect of this program.
    Bug,
    /// Its terminal went away.
    HungUp,
    /// Ctrl-C.
    Interrupted,
    /// SIGTERM.
    Terminated,
}

impl Exit {
    /// The exit status.
    pub(crate) const fn code(self) -> u8 {
        match self {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::Parked => 3,
            Exit::Refused => 4,
            Exit::Exhausted => 5,
            Exit::Bug => 70,
            Exit::HungUp => 129,
            Exit::Interrupted => 130,
            Exit::Terminated => 143,
        }
    }

    /// By the outcome of a goal. One that has none although its stream ended is our own defect.
    pub(crate) const fn of(outcome: Option<&Outcome>) -> Exit {
        match outcome {
            Some(Outcome::Verified | Outcome::Unverified) => Exit::Done,
            Some(Outcome::Refused { .. }) => Exit::Refused,
            Some(Outcome::Expired | Outcome::BudgetExhausted) => Exit::Exhausted,
            Some(_) => Exit::Failed,
            None => Exit::Bug,
        }
    }
}

/// Why the program stops before it has an outcome.
#[derive(Debug)]
pub(crate) struct Stop {
    pub(crate) exit: Exit,
    what: String,
    next: String,
}

impl Stop {
    /// Usage or configuration: nothing was started.
    pub(crate) fn usage(what: impl Into<String>, next: impl Into<String>) -> Self {
        Self { exit: Exit::Usage, what: what.into(), next: next.into() }
    }

    /// The world does not let us.
    pub(crate) fn failed(what: impl Into<String>, next: impl Into<String>) -> Self {
        Self { exit: Exit::Failed, what: what.into(), next: next.into() }
    }

    /// A defect of this program.
    pub(crate) fn bug(what: impl std::fmt::Display) -> Self {
        let panic = panics::last().map(|panic| format!("; the last panic seen: {panic}")).unwrap_or_default();
        Self {
            exit: Exit::Bug,
            what: format!("bailiwick itself failed: {what}{panic}"),
            next: "this is a defect: run it again with `--events FILE` and RUST_BACKTRACE=1, and report both"
                .to_owned(),
        }
    }

    /// Says it on stderr, with what to do next.
    pub(crate) fn tell(&self) {
        paint::error(&self.what, &self.next);
    }
}

/// What to do about an outcome that is not a success.
pub(crate) fn advice(report: &GoalReport) -> Option<&'static str> {
    Some(match report.outcome()? {
        Outcome::Verified | Outcome::Unverified => return None,
        Outcome::NotVerified { .. } => {
            "read what the check found; mend the agent, or the `verify` it did not meet, and run again"
        }
        Outcome::Refused { .. } | Outcome::Failed { .. } => by_code(report.code),
        Outcome::Expired => "give it more time: `--timeout`, and `wall` under [budget] in the team file",
        Outcome::BudgetExhausted => "raise [budget] in the team file, or ask for less",
        Outcome::Canceled { .. } => "run it again",
        _ => "`--json` tells every attempt",
    })
}

fn by_code(code: Option<Code>) -> &'static str {
    match code {
        Some(Code::Timeout) => "raise `timeout` of the task or under [defaults], or find out what the agent waits for",
        Some(Code::Unauthorized) => {
            "grant what is missing: `permissions` of the agent and `grants` under [mandate], or require less"
        }
        Some(Code::InvalidOutput) => {
            "run the agent's command by hand and read what it prints on stdout: see `reply` in the team file"
        }
        Some(Code::AgentError) => "run the agent's command by hand; `--json` quotes the last lines of its stderr",
        Some(Code::AgentNotFound) => "give an agent the capability that is missing",
        Some(Code::Unavailable | Code::Overloaded | Code::Lost) => {
            "run it again later; `--json` tells who refused and why"
        }
        Some(Code::ContextTooLarge) => "hand over less: fewer documents, or shorter outputs",
        _ => "`--json` tells every attempt",
    }
}

#[cfg(test)]
mod tests {
    use bailiwick::protocols::{
        Failure, Refusal, Verdict,
        outcome::{CanceledBy, SkippedBecause},
    };

    use super::*;

    #[test]
    fn every_outcome_has_its_exit_status() {
        let verdict = Verdict::fail("contains", 0.0, "missing");
        let exits = [
            (Outcome::Verified, 0),
            (Outcome::Unverified, 0),
            (Outcome::NotVerified { verdict }, 1),
            (Outcome::Failed { cause: Failure::agent("boom") }, 1),
            (Outcome::Canceled { by: CanceledBy::Shutdown }, 1),
            (Outcome::Skipped { because: SkippedBecause::GoalEnded }, 1),
            (Outcome::Refused { refusal: Refusal::Isolated }, 4),
            (Outcome::Expired, 5),
            (Outcome::BudgetExhausted, 5),
        ];

        for (outcome, status) in exits {
            assert_eq!(Exit::of(Some(&outcome)).code(), status, "{outcome}");
        }
        assert_eq!(Exit::of(None).code(), 70);
    }

    #[test]
    fn signals_end_with_the_status_a_shell_expects() {
        let codes = [Exit::HungUp, Exit::Interrupted, Exit::Terminated].map(Exit::code);

        assert_eq!(codes, [128 + 1, 128 + 2, 128 + 15]);
    }

    #[test]
    fn whatever_is_not_a_success_says_what_to_do_next() {
        let mut report = GoalReport::default();
        assert_eq!(advice(&report), None);
        for outcome in [Outcome::Expired, Outcome::BudgetExhausted, Outcome::Failed { cause: Failure::agent("boom") }] {
            report.outcome = Some(outcome);
            assert!(advice(&report).is_some());
        }
        report.outcome = Some(Outcome::Verified);
        assert_eq!(advice(&report), None);
    }
}
