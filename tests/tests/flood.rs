//! A million submissions against a hung agent: turned away at once, at no cost, and nothing accepted is lost.
//!
//! Alone in its binary, because it measures the memory of the process.

use std::sync::Arc;

use bailiwick::{SubmitError, actors::edge::LIVE_MAX, prelude::*, testing::Stage};
use bailiwick_tests::secs;
use tokio::sync::Semaphore;

const SUBMISSIONS: usize = 1_000_000;
const MIB: usize = 1024 * 1024;

/// The resident memory of this process in bytes.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux tells");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("it is always there");
    let kib: usize = line.split_whitespace().nth(1).and_then(|word| word.parse().ok()).expect("a number");
    kib * 1024
}

#[cfg(target_os = "linux")]
#[tokio::test(start_paused = true)]
async fn a_million_submissions_are_turned_away_at_once_at_no_cost_and_what_was_accepted_is_done() {
    let gate = Arc::new(Semaphore::new(0));
    let closed = gate.clone();
    let hung = agent_fn("hung", ["wait"], move |_| {
        let gate = closed.clone();
        async move {
            let _pass = gate.acquire().await;
            Ok(Output::text("at last"))
        }
    });
    let stage = Stage::seeded(1).agent(hung).without_delays().open().await;
    let goal = || Goal::new("wait").needs_capability("wait").timeout(secs(365 * 24 * 3600));

    let empty = resident();
    let mut runs = Vec::new();
    let first = loop {
        match stage.bailiwick().submit(goal()).await {
            Ok(run) => runs.push(run),
            Err(error) => break error,
        }
    };
    let (full, recorded, messages) = (resident(), stage.log().len(), stage.messages());
    for _ in runs.len() + 1..SUBMISSIONS {
        let answer = stage.bailiwick().submit(goal()).await;
        assert!(matches!(answer, Err(SubmitError::Refused(Refusal::Overloaded))), "{:?}", answer.err());
    }
    let flooded = resident();

    assert!(matches!(first, SubmitError::Refused(Refusal::Overloaded)), "{first}");
    assert_eq!(runs.len(), LIVE_MAX);
    let a_goal = full.saturating_sub(empty) / LIVE_MAX;
    println!("{a_goal} bytes a goal accepted, {} MiB more afterwards", flooded.saturating_sub(full) / MIB);
    assert!(a_goal < 32 * 1024, "{a_goal} bytes a goal");
    assert!(flooded < full + 64 * MIB, "{full} bytes became {flooded}");
    assert_eq!(stage.bailiwick().turned_away(), (SUBMISSIONS - LIVE_MAX) as u64, "all of them are counted");
    assert_eq!(stage.log().len(), recorded, "and none is recorded");
    assert_eq!(stage.messages(), messages, "nor said to anybody");

    gate.add_permits(LIVE_MAX);
    for run in runs {
        assert_eq!(run.await.expect("the runtime lives").outcome_word(), "unverified");
    }
    assert_eq!(stage.bailiwick().live_goals(), 0);
}
