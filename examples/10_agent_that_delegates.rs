//! An agent asks two others at once and a person in between, and makes one answer of it.
//!
//! ```text
//! editor asks at goal: which year?
//! verified: write about a year
//!   goal #1 by editor: verified
//!   goal/ask-04398437 #1 by person: unverified
//!   goal/facts #1 by searcher: unverified
//!   goal/figures #1 by counter: not verified: nothing in the text matches `\d`
//!   goal/figures #2 by counter: verified
//!   trust in counter: 0.50 -> 0.46
//!   trust in editor: 0.50 -> 0.55
//! The facts of 1999 are known. There were 12.
//! ```

use bailiwick::{prelude::*, testing::Stage};
use bailiwick_examples::show;

#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() -> Result<(), bailiwick::Error> {
    let editor = agent_fn("editor", ["edit"], |task: AgentContext| async move {
        // A person is asked first. The same question is answered once, however many attempts ask it.
        let year = task.ask("which year?").await?;
        // Then two parts at once. While the editor waits, its place is somebody else's.
        let facts = Task::new("facts", format!("facts of {year}")).needs_capability("search");
        let figures =
            Task::new("figures", format!("figures of {year}")).needs_capability("count").verify(Verify::regex(r"\d"));
        let (facts, figures) = tokio::try_join!(task.delegate("facts", facts), task.delegate("figures", figures))?;
        // How a part ended, well or badly, is in the answer: `output()` is an error if badly.
        Ok(Output::text(format!("{} {}", facts.output()?.as_text()?, figures.output()?.as_text()?)))
    });
    let searcher = agent_fn("searcher", ["search"], |task: AgentContext| async move {
        Ok(Output::text(format!("The {} are known.", task.goal())))
    });
    // Its first answer has no number in it, and does not pass: it is asked again.
    let counter =
        scripted("counter", ["count"], [ScriptedReply::output("Many."), ScriptedReply::output("There were 12.")]);
    let stage = Stage::seeded(1)
        .agent(editor)
        .agent(searcher)
        .agent(counter)
        .with(|builder| {
            builder.answers(|question| async move {
                println!("{} asks at {}: {}", question.asker, question.task, question.text);
                Ok("1999".to_owned())
            })
        })
        .open()
        .await;

    let report =
        stage.run(Goal::new("write about a year").needs_capability("edit").verify(Verify::contains("12"))).await;

    show(&report);
    println!("{}", report.verified()?);
    stage.into_bailiwick().shutdown().await
}
