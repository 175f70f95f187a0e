//! Tools are reached by one road, ruled by the supervisor against the mandate of the task.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use bailiwick::{
    prelude::*,
    testing::{EPOCH, Stage},
};
use bailiwick_actors::tools::{Need, Tool, ToolError};
use bailiwick_protocols::{Event, Recorded};
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

/// Notes with each of these arguments in turn, ten seconds apart, and says what came back.
fn noting(may: &str, calls: [Value; 2]) -> AgentSpec {
    agent_fn("writer", ["write"], move |task: AgentContext| {
        let calls = calls.clone();
        async move {
            let mut said = Vec::new();
            for call in calls {
                said.push(match task.tool("note", call).await {
                    Ok(times) => format!("written {times}"),
                    Err(ToolError::Refused(refusal)) => format!("{}: {refusal}", refusal.code()),
                    Err(other) => other.to_string(),
                });
                tokio::time::sleep(Duration::from_secs(10)).await;
            }
            Ok(Output::text(said.join("; ")))
        }
    })
    .permissions(Permissions::parse([may]).unwrap())
}

/// Lets it note twice, of which the second is refused: what it said, how often it was done, what was a violation.
async fn noted(may: &str, calls: [Value; 2]) -> (String, u32, Vec<String>) {
    let times = Arc::new(AtomicU32::new(0));
    let team = Stage::seeded(5).agent(noting(may, calls)).with(|b| b.tool(Note(times.clone())));
    let stage = team.without_delays().open().await;

    let report = stage.run(goal("x")).await;

    let breaker = &report.to_json()["breakers"][0];
    assert_eq!((&breaker["agent"], &breaker["capability"]), (&json!("writer"), &Value::Null), "{}", report.summary());
    let tried = |recorded: Arc<Recorded>| match &recorded.event {
        Event::Agent(AgentFact::Violation { tried, .. }) => Some(tried.to_string()),
        _ => None,
    };
    let violations = stage.agent_stream("writer").into_iter().filter_map(tried).collect();
    (report.output().unwrap().to_string(), times.load(Ordering::SeqCst), violations)
}

#[tokio::test(start_paused = true)]
async fn an_argument_beyond_its_condition_or_left_out_is_a_try_outside_the_mandate() {
    let may = r#"fs.write:out/* where [{"argument":"size","rule":{"at_most":10.0}}]"#;

    for beyond in [json!({ "path": "out/b", "size": 11 }), json!({ "path": "out/b" })] {
        let (said, times, violations) = noted(may, [json!({ "path": "out/a", "size": 10 }), beyond]).await;

        let why = "the argument `size` does not meet its condition";
        assert_eq!(said, format!("written 1; UNAUTHORIZED: fs.write:out/b is outside the mandate: {why}"));
        assert_eq!((times, violations), (1, vec![format!("note: fs.write:out/b: {why}")]));
    }
}

#[tokio::test(start_paused = true)]
async fn a_permission_that_ends_while_its_agent_is_at_work_is_over_for_the_next_call() {
    let may = format!("fs.write:out/* until {}", (EPOCH + Duration::from_secs(10)).as_millis());
    let calls = [json!({ "path": "out/a" }), json!({ "path": "out/b" })];

    let (said, times, violations) = noted(&may, calls).await;

    assert_eq!(said, "written 1; UNAUTHORIZED: fs.write:out/b is outside the mandate: it has expired");
    assert_eq!((times, violations), (1, vec!["note: fs.write:out/b: it has expired".to_owned()]));
}

/// Whatever it lets in holds its authority for ten seconds.
struct TenSeconds;

impl SupervisorPolicy for TenSeconds {
    fn name(&self) -> &'static str {
        "ten_seconds"
    }

    fn rule(&self, _: &Delegation, scene: &Scene<'_>) -> Ruling {
        let mut limits = Limits::default();
        limits.expires = Some(scene.now + Duration::from_secs(10));
        Ruling::Narrow(limits)
    }
}

#[tokio::test(start_paused = true)]
async fn a_mandate_that_ends_while_its_agent_is_at_work_is_over_for_the_next_call() {
    let calls = [json!({ "path": "out/a" }), json!({ "path": "out/b" })];
    let times = Arc::new(AtomicU32::new(0));
    let team = Stage::seeded(6).agent(noting("fs.write:out/*", calls)).with(|b| b.tool(Note(times.clone())));
    let stage = team.with(|b| b.policy(|_| TenSeconds)).without_delays().open().await;

    let report = stage.run(goal("x")).await;

    let said = report.output().map(ToString::to_string).unwrap_or_default();
    assert_eq!(said, "written 1; UNAUTHORIZED: fs.write:out/b is outside the mandate: it has expired");
    assert_eq!(times.load(Ordering::SeqCst), 1);
    let violations = stage.agent_stream("writer").iter().filter(|e| e.event.kind() == "violation").count();
    assert_eq!(violations, 1, "authority that has ended is authority one does not have");
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
