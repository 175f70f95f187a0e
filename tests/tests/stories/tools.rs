//! Tools are reached by one road, ruled by the supervisor against the mandate of the task.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use bailiwick::{prelude::*, testing::Stage};
use bailiwick_actors::tools::{Need, Tool, ToolError};
use bailiwick_protocols::Event;
use serde_json::{Map, Value, json};

/// Counts how often it ran.
struct Note(Arc<AtomicU32>);

impl Tool for Note {
    fn name(&self) -> &str {
        "note"
    }

    fn needs(&self, args: &Map<String, Value>) -> Result<Need, String> {
        let path = args.get("path").and_then(Value::as_str).ok_or("`path` is missing")?;
        Ok(Need { resource: "fs".into(), verb: "write".into(), path: path.into() })
    }

    async fn run(&self, _: Map<String, Value>) -> Result<Value, String> {
        Ok(json!(self.0.fetch_add(1, Ordering::SeqCst) + 1))
    }
}

fn writer() -> AgentSpec {
    agent_fn("writer", ["write"], |task: AgentContext| async move {
        let path = task.param("path").cloned().unwrap_or_default();
        match task.tool("note", json!({ "path": path.value() })).await {
            Ok(times) => Ok(Output::text(format!("written {times}"))),
            Err(ToolError::Refused(refusal)) => Ok(Output::text(format!("refused {}", refusal.code()))),
            Err(other) => Ok(Output::text(other.to_string())),
        }
    })
    .permissions(Permissions::parse(["fs.write:out/*"]).unwrap())
}

fn goal(path: &str) -> Goal {
    Goal::new("write").needs_capability("write").param("path", path).verify(Verify::regex("."))
}

#[tokio::test(start_paused = true)]
async fn a_call_within_the_mandate_is_recorded_and_done() {
    let times = Arc::new(AtomicU32::new(0));
    let stage = Stage::seeded(1).agent(writer()).with(|b| b.tool(Note(times.clone()))).open().await;

    let report = stage.run(goal("out/report.md")).await;

    assert_eq!(report.output().map(ToString::to_string).as_deref(), Some("written 1"));
    let stream = stage.agent_stream("writer");
    let told: Vec<_> = stream.iter().map(|e| e.event.kind()).filter(|kind| kind.starts_with("tool")).collect();
    assert_eq!(told, ["tool_called", "tool_returned"]);
}

#[tokio::test(start_paused = true)]
async fn a_try_outside_the_mandate_does_nothing_costs_trust_and_opens_the_breaker() {
    let times = Arc::new(AtomicU32::new(0));
    let stage = Stage::seeded(2).agent(writer()).with(|b| b.tool(Note(times.clone()))).open().await;

    let report = stage.run(goal("etc/passwd")).await;

    assert_eq!(report.output().map(ToString::to_string).as_deref(), Some("refused UNAUTHORIZED"));
    assert_eq!(times.load(Ordering::SeqCst), 0);
    assert!(stage.agent_stream("writer").iter().any(|e| e.event.kind() == "violation"));
    let trust = &stage.bailiwick().trust()[0];
    assert!((trust.score.get() - 0.1).abs() < 1e-9, "0.5 - 0.2 x 0.5 x (1 + 3): {trust:?}");
    assert_eq!(report.to_json()["breakers"][0]["capability"], Value::Null, "{}", report.summary());
}

#[tokio::test(start_paused = true)]
async fn a_tool_that_is_not_there_and_bad_arguments_are_values() {
    let agent = agent_fn("writer", ["write"], |task: AgentContext| async move {
        let unknown = task.tool("nothing", json!({})).await.unwrap_err();
        let bad = task.tool("note", json!({})).await.unwrap_err();
        Ok(Output::text(format!("{unknown} / {bad}")))
    });
    let stage = Stage::seeded(3).agent(agent).with(|b| b.tool(Note(Arc::default()))).open().await;

    let report = stage.run(goal("x")).await;

    let said = report.output().map(ToString::to_string).unwrap_or_default();
    assert_eq!(said, "there is no tool `nothing`; there is note / bad arguments: `path` is missing");
}

#[tokio::test(start_paused = true)]
async fn an_attempt_keeps_something_for_the_next_and_says_how_far_it_is() {
    let agent = agent_fn("writer", ["write"], |task: AgentContext| async move {
        match task.kept() {
            Some(kept) => Ok(Output::text(format!("went on from {kept}"))),
            None => {
                task.progress("half");
                task.checkpoint(json!({ "page": 7 }));
                Err(AgentError::new("tired"))
            }
        }
    });
    let stage = Stage::seeded(4).agent(agent).open().await;

    let report = stage.run(goal("x")).await;

    assert_eq!(report.output().map(ToString::to_string).as_deref(), Some(r#"went on from {"page":7}"#));
    let noted = |e: &Event| matches!(e, Event::Agent(AgentFact::Progressed { note, .. }) if note == "half");
    assert!(stage.agent_stream("writer").iter().any(|e| noted(&e.event)));
}
