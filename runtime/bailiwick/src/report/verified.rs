//! Only a verdict makes a result: the one way from a report to an output that may be believed.

use bailiwick_protocols::{Outcome, Output};

use super::GoalReport;

/// Why the output of a goal is not to be believed, or why there is none.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NotVerified {
    /// The goal has not ended.
    #[error("the goal still runs: await its handle first")]
    Running,
    /// There is an output and nobody was asked to check it.
    #[error("nobody checked the output: give the goal or its tasks a `verify`, or take `output()` as it is")]
    Unverified,
    /// It ended otherwise.
    #[error("{0}: `summary()` tells every attempt")]
    Ended(Box<Outcome>),
    /// Its tasks were verified, and none of them left an output.
    #[error("the goal was verified and has no output: `summary()` tells what its tasks gave")]
    NoOutput,
}

pub(super) fn verified(report: &GoalReport) -> Result<&Output, NotVerified> {
    believed(report.outcome.as_ref(), report.output.as_ref())
}

/// The output that an outcome lets through.
pub(super) fn believed<'a>(outcome: Option<&Outcome>, output: Option<&'a Output>) -> Result<&'a Output, NotVerified> {
    match outcome {
        None => Err(NotVerified::Running),
        Some(Outcome::Verified) => output.ok_or(NotVerified::NoOutput),
        Some(Outcome::Unverified) => Err(NotVerified::Unverified),
        Some(other) => Err(NotVerified::Ended(Box::new(other.clone()))),
    }
}

#[cfg(test)]
mod tests {
    use bailiwick_protocols::{Failure, Verdict};

    use super::*;

    #[test]
    fn only_a_verified_goal_gives_its_output_away() {
        let ended = |outcome| GoalReport { outcome: Some(outcome), output: Some(Output::text("3")), ..<_>::default() };
        let why = |outcome| ended(outcome).verified().unwrap_err().to_string();

        assert_eq!(ended(Outcome::Verified).verified(), Ok(&Output::text("3")));
        assert!(why(Outcome::Unverified).starts_with("nobody checked the output"));
        let verdict = Verdict::fail("contains", 0.0, "`# Audit` is missing");
        assert!(why(Outcome::NotVerified { verdict }).starts_with("not verified: `# Audit` is missing"));
        assert!(why(Outcome::Failed { cause: Failure::agent("boom") }).starts_with("failed, AGENT_ERROR: boom"));
    }
}
