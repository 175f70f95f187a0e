//! A searcher, an analyser and a synthesiser whose first draft fails its judge: what one bad answer costs, step by step.
//!
//! ```text
//! verified: When is there fusion power?
//!   search #1 by searcher: verified
//!   analyse #1 by analyser: verified
//!   synthesise #1 by synthesiser: not verified: 1 of 3 judges passed it: charitable 0.80; strict 0.30; complete 0.20
//!   synthesise #2 by synthesiser: verified
//!   trust in analyser: 0.50 -> 0.55
//!   trust in searcher: 0.50 -> 0.55
//!   trust in synthesiser: 0.50 -> 0.46
//! trust, step by step:
//!   search by searcher: 0.50 -> 0.55
//!   analyse by analyser: 0.50 -> 0.55
//!   synthesise by synthesiser: 0.50 -> 0.40
//!   synthesise by synthesiser: 0.40 -> 0.46
//! Fusion is coming. 3 sources agree: later than planned.
//! ```

use bailiwick::{
    prelude::*,
    protocols::{Event, GoalEvent},
};
use bailiwick_examples::show;

#[tokio::main]
async fn main() -> Result<(), bailiwick::Error> {
    let bailiwick = Bailiwick::builder()
        .agent(agent_fn("searcher", ["search"], |_| async {
            Ok(Output::json(serde_json::json!({ "sources": ["ITER", "SPARC", "Helion"] })))
        }))
        .agent(agent_fn("analyser", ["analyse"], |task| async move {
            let found = task.input("search")?.content.value();
            let count = found["sources"].as_array().map_or(0, Vec::len);
            Ok(Output::text(format!("{count} sources agree: later than planned")))
        }))
        // It does not count attempts: it reads what its last draft lacked.
        .agent(agent_fn("synthesiser", ["synthesise"], |task| async move {
            let analysis = task.input("analyse")?.as_text()?;
            Ok(Output::text(match task.feedback() {
                None => "Fusion is coming.".to_owned(),
                Some(_) => format!("Fusion is coming. {analysis}."),
            }))
        }))
        // Two judges fail the first draft, all three pass the second.
        .judge(ScriptedJudge::scoring([0.8, 0.3, 0.2, 0.9, 0.8, 0.9]))
        .start()
        .await?;

    let goal = Goal::new("When is there fusion power?")
        .task(Task::new("search", "find sources").needs_capability("search").verify(Verify::schema(
            serde_json::json!({
                "required": ["sources"],
                "properties": { "sources": { "minItems": 3 } },
            }),
        )))
        .task(
            Task::new("analyse", "compare them")
                .needs_capability("analyse")
                .after(["search"])
                .verify(Verify::contains("sources")),
        )
        .task(
            Task::new("synthesise", "answer in two sentences")
                .needs_capability("synthesise")
                .after(["analyse"])
                .verify(Verify::judge("the answer names its evidence")),
        );
    let run = bailiwick.submit(goal).await?;
    // A cursor starts at the first event, however late it is read.
    let mut events = run.events();
    let report = run.await?;

    show(&report);
    println!("trust, step by step:");
    while let Some(event) = events.next().await {
        if let Event::Goal(GoalEvent::TrustUpdated { task, agent, before, after, .. }) = &event.event {
            println!("  {task} by {agent}: {:.2} -> {:.2}", before.get(), after.get());
        }
    }
    println!("{}", report.verified()?);
    bailiwick.shutdown().await
}
