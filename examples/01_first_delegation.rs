//! Two agents, two tasks, one contract: what happens to a goal, event by event.
//!
//! ```text
//! goal_submitted      -
//! route_chosen        -
//! task_decomposed     -
//! agent_selected      search
//! task_assigned       search
//! task_started        search
//! verification_passed search
//! trust_updated       search
//! attempt_ended       search
//! task_completed      search
//! agent_selected      report
//! task_assigned       report
//! task_started        report
//! attempt_ended       report
//! task_completed      report
//! verification_passed -
//! goal_settled        -
//!
//! verified
//! Report from 3 sources on fusion
//! ```

use bailiwick::{event_line::event_line, prelude::*};

#[tokio::main]
async fn main() -> Result<(), bailiwick::Error> {
    let bailiwick = Bailiwick::builder()
        .agent(agent_fn("searcher", ["web.search"], |task| async move {
            Ok(Output::text(format!("3 sources on {}", task.goal())))
        }))
        .agent(agent_fn("writer", ["write"], |task| async move {
            let notes = task.input("search")?;
            Ok(Output::text(format!("Report from {}", notes.as_text()?)))
        }))
        .start()
        .await?;

    let goal = Goal::new("Report on fusion start-ups")
        .task(Task::new("search", "fusion").needs_capability("web.search").verify(Verify::regex("^[0-9]+ sources")))
        .task(Task::new("report", "write it up").needs_capability("write").after(["search"]))
        .verify(Verify::contains("sources"));
    let run = bailiwick.submit(goal).await?;

    // The stream ends with the goal. Whoever comes late is told everything from the start.
    let mut events = run.events();
    while let Some(event) = events.next().await {
        let line = event_line(&event); // the JSON that `--events FILE` writes; `{event}` is a line for people
        println!("{:<19} {}", line["kind"].as_str().unwrap_or_default(), line["task"].as_str().unwrap_or("-"));
    }

    let report = run.await?;
    println!("\n{}", report.outcome_word());
    println!("{}", report.verified()?);
    bailiwick.shutdown().await
}
