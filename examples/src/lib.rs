//! What the numbered examples share: one way to print a report. The examples themselves lie beside this folder.
//!
//! The Rust in the README and in the guides is compiled and run here as well, so that what they show is true.

use bailiwick::GoalReport;

/// Prints what became of a goal, without what differs from run to run: every attempt, every refusal, every trust moved.
///
/// `report.summary()` tells more, with times and as a tree.
pub fn show(report: &GoalReport) {
    println!("{}: {}", report.outcome_word(), report.goal);
    for task in &report.tasks {
        for attempt in &task.attempts {
            let ended = attempt.outcome.as_ref().map_or_else(|| "running".to_owned(), ToString::to_string);
            println!("  {} #{} by {}: {ended}", task.id, attempt.attempt, attempt.agent);
        }
        for refused in &task.refusals {
            println!("  {} turned away by {}: {}", task.id, refused.agent, refused.refusal);
        }
    }
    let mut trust = report.trust.clone();
    trust.sort_by(|a, b| a.agent.cmp(&b.agent));
    for moved in trust {
        println!("  trust in {}: {:.2} -> {:.2}", moved.agent, moved.before.get(), moved.after.get());
    }
}

#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
pub struct Readme;

#[cfg(doctest)]
#[doc = include_str!("../../docs/guides/write-an-agent.md")]
pub struct WriteAnAgent;

#[cfg(doctest)]
#[doc = include_str!("../../docs/guides/write-a-policy.md")]
pub struct WriteAPolicy;

#[cfg(doctest)]
#[doc = include_str!("../../docs/guides/write-a-verifier.md")]
pub struct WriteAVerifier;

#[cfg(doctest)]
#[doc = include_str!("../../docs/guides/test-on-a-stage.md")]
pub struct TestOnAStage;

#[cfg(doctest)]
#[doc = include_str!("../../docs/testing.md")]
pub struct Testing;

#[cfg(doctest)]
#[doc = include_str!("../../docs/guides/write-a-planner.md")]
pub struct WriteAPlanner;

#[cfg(doctest)]
#[doc = include_str!("../../docs/guides/write-a-trust-model.md")]
pub struct WriteATrustModel;

#[cfg(doctest)]
#[doc = include_str!("../../docs/guides/change-the-team.md")]
pub struct ChangeTheTeam;
