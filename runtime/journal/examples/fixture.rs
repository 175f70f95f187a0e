//! Writes the journal that a release is remembered by; `tests/fixture.rs` reads it in every later version.
//!
//! ```text
//! $ cargo run -p bailiwick-journal --example fixture -- runtime/journal/tests/fixtures/0.1.0.db
//! 5 goals, one of them open
//! ```
//!
//! Run it once before a release, and never for a release that is out.

use std::time::Duration;

use bailiwick::{Error, prelude::*};
use bailiwick_journal::SqliteJournal;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let file = std::env::args().nth(1).unwrap_or_else(|| "fixture.db".to_owned());
    let replies = ["5", "4", "5", "5", "5"].map(ScriptedReply::output);
    let bailiwick = Bailiwick::builder()
        .name("fixture")
        .seed(1)
        .agent(scripted("ada", ["sum"], replies))
        .agent(agent_fn("bo", ["tell"], |task| async move {
            task.checkpoint("begun");
            Ok(Output::text("long ".repeat(14_000)))
        }))
        .agent(agent_fn("cy", ["lead"], |task| async move {
            let part = task.delegate("part", Task::new("", "tell it").needs_capability("tell")).await;
            part.map(|_| Output::text("told")).map_err(|refusal| AgentError::new(refusal.to_string()))
        }))
        .agent(agent_fn("dan", ["wait"], |_| async {
            tokio::time::sleep(Duration::from_secs(3_600)).await;
            Ok(Output::text("late"))
        }))
        .journal(SqliteJournal::open(&file)?)
        .start()
        .await?;
    let sum = || Goal::new("2 + 2").needs_capability("sum").verify(Verify::equals("4"));
    bailiwick.submit(sum()).await?.await?;
    bailiwick.submit(sum()).await?.await?;
    bailiwick.submit(Goal::new("lead").needs_capability("lead")).await?.await?;
    let canceled = bailiwick.submit(Goal::new("never").needs_capability("wait")).await?;
    canceled.cancel("not wanted");
    canceled.await?;
    bailiwick.submit(Goal::new("open").needs_capability("wait")).await?;
    tokio::time::sleep(Duration::from_millis(100)).await;
    bailiwick.halt().await?;
    println!("5 goals, one of them open");
    Ok(())
}
