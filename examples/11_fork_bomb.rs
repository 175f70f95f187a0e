//! Six agents that hand everything on to each other, twice, without end: they meet the limits, and the goal ends.
//!
//! ```text
//! unverified: 40 tasks, 40 attempts
//!    3 x more than 40 tasks
//!   37 x no depth left to delegate
//! ```

use std::collections::BTreeMap;

use bailiwick::{
    prelude::*,
    protocols::{Bounds, NotDelegated},
    testing::Stage,
};
use futures::future::join_all;

/// Asks for two copies of its task at once, again and again, until it is refused.
fn bomb(name: &str) -> AgentSpec {
    agent_fn(name, ["explode"], |task: AgentContext| async move {
        for round in 0.. {
            let copy = |side: &str| {
                let part = Task::new("copy", "explode").needs_capability("explode").retries(0);
                task.delegate(format!("{side}-{round}"), part)
            };
            for answer in join_all([copy("left"), copy("right")]).await {
                if let Err(NotDelegated::Refused(refusal)) = answer {
                    return Ok(Output::text(refusal.to_string()));
                }
            }
        }
        unreachable!("there is a limit to everything")
    })
}

#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() -> Result<(), bailiwick::Error> {
    let stage = (1..=6).fold(Stage::seeded(1), |stage, n| stage.agent(bomb(&format!("bomb-{n}")))).open().await;

    let goal = Goal::new("explode").needs_capability("explode").retries(0);
    let report = stage.run(goal.bounds(Bounds { tasks: 40, depth: 3, fan_out: 2 })).await;

    println!("{}: {} tasks, {} attempts", report.outcome_word(), report.tasks.len(), report.attempts());
    let mut said: BTreeMap<String, usize> = BTreeMap::new();
    for task in &report.tasks {
        let ended = task.output.as_ref().map_or_else(|| task.outcome_word().to_owned(), ToString::to_string);
        *said.entry(ended).or_default() += 1;
    }
    for (said, times) in said {
        println!("  {times:2} x {said}");
    }
    stage.into_bailiwick().shutdown().await
}
