//! A router and a planner of your own: a list is planned, anything else goes straight to one agent; a plan that makes no
//! sense is sent back with the reason, and mended.
//!
//! ```text
//! 1 + 2: route direct
//! 1 + 2; 3 + 4; 5 + 6: route plan
//! unverified: 1 + 2
//!   goal #1 by ada: unverified
//! "3"
//! planner, round 1
//! planner, round 2: task `sum1` comes after `sum0`, which is not in the plan
//! unverified: 1 + 2; 3 + 4; 5 + 6
//!   sum1 #1 by ada: unverified
//!   sum2 #1 by ada: unverified
//!   sum3 #1 by ada: unverified
//! "11"
//! ```

use bailiwick::prelude::*;
use bailiwick_examples::show;

/// Lists are planned; the rest is left to the standard rules. Asked once a goal, and what it says is recorded.
fn by_shape(goal: &Goal, scene: &RouteScene) -> Routed {
    if goal.text.contains(';') { Routed::new(Route::Plan, "it is a list") } else { StandardRouter.route(goal, scene) }
}

/// Splits at semicolons. It is told what was wrong with its last plan, at most twice.
struct Splitter;

impl Planner for Splitter {
    async fn plan(&self, request: PlanRequest) -> Result<Plan, String> {
        match &request.problem {
            None => println!("planner, round {}", request.round),
            Some(problem) => println!("planner, round {}: {problem}", request.round),
        }
        // The first task comes after none; this planner has to be told.
        let first = if request.problem.is_some() { 1 } else { 0 };
        let parts = request.goal.text.split(';').map(str::trim).zip(1..);
        Ok(Plan::of(parts.map(|(part, number)| {
            let task = Task::new(format!("sum{number}"), part).needs_capability("sum");
            if number > first { task.after([format!("sum{}", number - 1)]) } else { task }
        })))
    }
}

#[tokio::main]
async fn main() -> Result<(), bailiwick::Error> {
    let team = Bailiwick::builder()
        .agent(agent_fn("ada", ["sum"], |task: AgentContext| async move {
            let numbers: Result<Vec<i64>, _> = task.goal().split('+').map(|number| number.trim().parse()).collect();
            Ok(Output::text(numbers?.iter().sum::<i64>().to_string()))
        }))
        .router(by_shape)
        .planner(Splitter);
    let goals = ["1 + 2", "1 + 2; 3 + 4; 5 + 6"].map(|text| Goal::new(text).needs_capability("sum"));
    for goal in &goals {
        let preview = team.preview(goal)?;
        println!("{}: route {}", goal.text, preview.route.as_str());
    }

    let bailiwick = team.start().await?;
    for goal in goals {
        let report = bailiwick.submit(goal).await?.await?;
        show(&report);
        println!("{:?}", report.output().map(ToString::to_string).unwrap_or_default());
    }
    bailiwick.shutdown().await
}
