//! Tool calls: how long each took, side by side if they were, and what was stopped with its attempt.

use std::time::Duration;

use bailiwick::{
    actors::tools::{Need, Tool},
    prelude::*,
    protocols::Permissions,
    telemetry::{names::attribute as a, span::Span},
    testing::Stage,
};
use serde_json::{Map, Value, json};

use super::{is_whole, spans};

/// Sleeps as long as it is told; longer than a minute it cannot.
struct Sleep;

impl Tool for Sleep {
    fn name(&self) -> &str {
        "sleep"
    }

    fn needs(&self, _: &Map<String, Value>) -> Result<Need, String> {
        Ok(Need { resource: "time".to_owned(), verb: "pass".to_owned(), path: "here".to_owned() })
    }

    async fn run(&self, args: Map<String, Value>) -> Result<Value, String> {
        let seconds = args.get("seconds").and_then(Value::as_u64).unwrap_or_default();
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        if seconds > 60 { Err("too long".to_owned()) } else { Ok(json!(seconds)) }
    }
}

/// The tool calls of an agent that sleeps as long as each of these at once.
async fn calls(seconds: &'static [u64], timeout: Duration) -> Vec<Span> {
    let permissions = || Permissions::parse(["time.pass:here"]).expect("it is one");
    let ada = agent_fn("ada", ["work"], move |task| async move {
        let calls = seconds.iter().map(|seconds| task.tool("sleep", json!({ "seconds": seconds })));
        futures::future::join_all(calls).await;
        Ok(Output::text("done"))
    });
    let stage = Stage::seeded(6).agent(ada.permissions(permissions())).with(|builder| builder.tool(Sleep)).open().await;
    let task = Task::new("t", "sleep").needs_capability("work").permissions(permissions()).timeout(timeout).retries(0);
    stage.run(Goal::new("sleep").task(task)).await;
    let all = spans(&stage.log(), 0);
    is_whole(&all);
    let mut calls: Vec<Span> = all.into_iter().filter(|span| span.name == "execute_tool sleep").collect();
    calls.sort_by_key(|span| span.end);
    calls
}

#[tokio::test(start_paused = true)]
async fn each_call_lasts_from_its_ruling_until_it_comes_back() {
    let calls = calls(&[9, 2, 70], Duration::from_secs(300)).await;

    let took: Vec<u64> = calls.iter().map(|span| span.end.since(span.start).as_secs()).collect();
    assert_eq!(took, [2, 9, 70]);
    let failed = |span: &Span| span.attributes.iter().any(|known| known.key.as_str() == a::OUTCOME);
    assert_eq!(calls.iter().map(failed).collect::<Vec<_>>(), [false, false, true]);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_stopped_ends_with_its_attempt() {
    let calls = calls(&[3, 30], Duration::from_secs(10)).await;

    let took: Vec<u64> = calls.iter().map(|span| span.end.since(span.start).as_secs()).collect();
    assert!(took[0] == 3 && (10..=12).contains(&took[1]), "{took:?}");
}
