//! An agent fails, loses trust, is left alone for a while, and earns its way back.
//!
//! ```text
//! verified: cheap fails three times, dear does it
//!   sum #1 by cheap: failed, AGENT_ERROR: boom
//!   sum #2 by cheap: failed, AGENT_ERROR: boom
//!   sum #3 by cheap: failed, AGENT_ERROR: boom
//!   sum #4 by dear: verified
//!   trust in cheap: 0.50 -> 0.26
//!   trust in dear: 0.50 -> 0.55
//!   breaker of cheap: open
//!
//! verified: cheap lets nobody in
//!   sum #1 by dear: verified
//!   sum turned away by cheap: breaker open for sum until 2026-01-01T00:00:35.457Z
//!   trust in dear: 0.55 -> 0.60
//!   breaker of cheap: open
//!
//! verified: probe 1
//!   sum #1 by cheap: verified
//!   trust in cheap: 0.26 -> 0.33
//!   breaker of cheap: half_open
//!
//! verified: probe 2
//!   sum #1 by cheap: verified
//!   trust in cheap: 0.33 -> 0.40
//!   breaker of cheap: half_open
//!
//! verified: probe 3
//!   sum #1 by cheap: verified
//!   trust in cheap: 0.40 -> 0.46
//!   no breaker is open
//!
//! ```

use std::time::Duration;

use bailiwick::{prelude::*, testing::Stage};
use bailiwick_examples::show;

// A Stage runs the real tree in virtual time: the 40 s below pass at once.
#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() -> Result<(), bailiwick::Error> {
    let boom = || ScriptedReply::error("boom");
    // It costs nothing, and so it is asked first. Three failures in a row open its breaker for 30 s.
    let cheap = scripted("cheap", ["sum"], [boom(), boom(), boom(), ScriptedReply::output("4")]);
    let dear = scripted("dear", ["sum"], [ScriptedReply::output("4")]).cost_usd_per_task(0.01);
    let stage = Stage::seeded(1).agent(cheap).agent(dear).open().await;

    run(&stage, "cheap fails three times, dear does it").await;
    run(&stage, "cheap lets nobody in").await;

    // Then it is half-open: one probe at a time, and three that succeed in a row close it.
    tokio::time::sleep(Duration::from_secs(40)).await;
    for probe in 1..=3 {
        run(&stage, &format!("probe {probe}")).await;
    }
    stage.into_bailiwick().shutdown().await
}

async fn run(stage: &Stage, name: &str) {
    let sum = Task::new("sum", "2 + 2").needs_capability("sum").verify(Verify::equals("4"));
    show(&stage.run(Goal::new(name).task(sum)).await);
    match stage.bailiwick().breakers().first() {
        Some(breaker) => println!("  breaker of {}: {}\n", breaker.agent, breaker.state.as_str()),
        None => println!("  no breaker is open\n"),
    }
}
