//! Handing work on as a JSON tool call: only to whom one may really reach, with an answer a program can read.

use std::time::Duration;

use bailiwick::{prelude::*, testing::Stage};
use bailiwick_protocols::NotDelegated;
use serde_json::{Value, json};

fn permissions(texts: &[&str]) -> Permissions {
    Permissions::parse(texts).unwrap()
}

/// Says what `look` sees of its context.
fn boss<T: Into<Value>>(look: impl Fn(&AgentContext) -> T + Send + Sync + 'static) -> AgentSpec {
    let look = std::sync::Arc::new(look);
    agent_fn("boss", ["lead"], move |task: AgentContext| {
        let look = look.clone();
        async move { Ok(Output::json(look(&task).into())) }
    })
}

/// Calls the tool with these arguments, in turn, and says what came back.
fn caller(calls: impl Into<Vec<Value>>) -> AgentSpec {
    let calls: Vec<Value> = calls.into();
    agent_fn("boss", ["lead"], move |task: AgentContext| {
        let calls = calls.clone();
        async move {
            let mut said = Vec::new();
            for call in calls {
                said.push(task.call_delegate_tool(call).await);
            }
            Ok(Output::json(said))
        }
    })
}

fn echo(name: &'static str) -> AgentSpec {
    agent_fn(name, ["echo"], |task: AgentContext| async move { Ok(Output::text(format!("done: {}", task.goal()))) })
}

fn lead() -> Goal {
    Goal::new("lead").needs_capability("lead")
}

async fn said(stage: &Stage) -> Value {
    let report = stage.run(lead().retries(0)).await;
    report.output().unwrap_or_else(|| panic!("{}", report.summary())).content.value().clone()
}

#[tokio::test(start_paused = true)]
async fn the_tool_names_whom_the_caller_may_reach_and_says_why_the_others_are_absent() {
    let boss = boss(|task| {
        let tool = task.delegate_tool().expect("bo can be reached");
        let names = tool.input_schema.value()["properties"]["agentName"]["enum"].clone();
        let why = |agent: &str| task.why_absent(agent).map(|refusal| format!("{}: {refusal}", refusal.code()));
        json!({ "name": tool.name, "enum": names, "required": tool.input_schema.value()["required"],
                "bo": why("bo"), "boss": why("boss"), "stranger": why("stranger"), "clerk": why("clerk") })
    })
    .permissions(permissions(&["fs.read:*"]));
    let clerk = echo("clerk").permissions(permissions(&["fs.write:*"]));
    let reader = echo("reader").permissions(permissions(&["fs.read:docs/*"]));
    let stage = Stage::seeded(1).agent(boss).agent(echo("bo")).agent(clerk).agent(reader).open().await;

    assert_eq!(
        said(&stage).await,
        json!({ "name": "delegate_to_agent", "enum": ["bo", "reader"], "required": ["agentName", "task"],
                "bo": null, "boss": "CYCLE: cycle boss -> boss", "stranger": "AGENT_NOT_FOUND: nobody is called stranger",
                "clerk": "UNAUTHORIZED: missing fs.write:*" })
    );
}

#[tokio::test(start_paused = true)]
async fn the_schema_of_the_tool_is_this_and_nothing_else() {
    let boss = boss(|task| task.delegate_tool().expect("bo can be reached").input_schema.value().clone());
    let stage = Stage::seeded(7).agent(boss).agent(echo("bo")).open().await;

    assert_eq!(
        said(&stage).await,
        json!({
            "type": "object",
            "additionalProperties": false,
            "required": ["agentName", "task"],
            "properties": {
                "agentName": { "type": "string", "enum": ["bo"], "description": "bo: echo" },
                "task": { "type": "string", "minLength": 1, "description": "What to do, in words." },
                "context": {
                    "type": "object",
                    "additionalProperties": false,
                    "properties": {
                        "previousOutputs": { "type": "object", "description": "Outputs it builds on, by name." },
                        "documents": { "type": "array", "description": "Texts or JSON values it needs." },
                        "constraints": {
                            "type": "array",
                            "items": { "type": "string" },
                            "description": "What it must keep to.",
                        },
                    },
                },
                "expectedOutput": {
                    "type": "object",
                    "additionalProperties": false,
                    "properties": {
                        "format": { "type": "string", "enum": ["text", "json", "markdown", "structured"] },
                        "schema": {
                            "type": "object",
                            "description": "The JSON Schema of the output; `structured` needs one.",
                        },
                        "maxLength": { "type": "integer", "minimum": 1, "description": "In characters." },
                    },
                },
                "timeout": { "type": "integer", "minimum": 1, "default": 60_000, "description": "In milliseconds." },
            },
        })
    );
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_above_is_absent_and_so_is_everybody_at_the_last_depth() {
    let middle = agent_fn("middle", ["mid"], |task: AgentContext| async move {
        Ok(Output::json(json!({
            "reaches": task.delegate_tool().map(|tool| tool.input_schema.value()["properties"]["agentName"]["enum"].clone()),
            "boss": task.why_absent("boss").map(|refusal| refusal.to_string()),
            "bo": task.why_absent("bo").map(|refusal| refusal.to_string()),
        })))
    });
    let call = json!({ "agentName": "middle", "task": "look around" });
    let stage = Stage::seeded(2).agent(caller([call])).agent(middle).agent(echo("bo")).open().await;

    let deep = said(&stage).await;
    let bounds = bailiwick_protocols::Bounds { depth: 2, ..Default::default() };
    let flat = stage.run(lead().bounds(bounds)).await;

    assert_eq!(deep[0]["output"], json!({ "reaches": ["bo"], "boss": "cycle boss -> middle -> boss", "bo": null }));
    let flat = &flat.output().unwrap().content.value()[0]["output"];
    assert_eq!(flat["reaches"], Value::Null);
    assert_eq!(flat["bo"], "no depth left to delegate");
}

#[tokio::test(start_paused = true)]
async fn a_call_is_carried_out_with_all_that_it_hands_along() {
    let worker = agent_fn("worker", ["work"], |task: AgentContext| async move {
        let brief = task.brief();
        let seen = json!({ "goal": brief.goal, "documents": brief.documents, "constraints": brief.constraints,
                           "seconds": task.remaining().as_secs() });
        Ok(Report::of(Output::json(seen)).charge(Usage { calls: 2, ..Usage::default() }, Cost::from_usd(0.5)))
    });
    let call = json!({
        "agentName": "worker", "task": "count",
        "context": { "previousOutputs": { "search": "3 sources" }, "documents": ["a", { "b": 1 }], "constraints": ["be brief"] },
        "expectedOutput": { "format": "structured", "schema": { "required": ["goal"] }, "maxLength": 1000 },
    });
    let stage = Stage::seeded(3).agent(caller([call])).agent(worker).without_delays().open().await;

    let said = &said(&stage).await[0];

    assert_eq!(
        said["output"],
        json!({ "goal": "count", "documents": ["a", { "b": 1 }, { "previousOutputs": { "search": "3 sources" } }],
                "constraints": ["be brief"], "seconds": 60 }),
        "{said}"
    );
    assert_eq!((&said["success"], &said["agent"], &said["error"]), (&json!(true), &json!("worker"), &Value::Null));
    assert_eq!((&said["usage"]["calls"], &said["cost_micro_usd"]), (&json!(2), &json!(500_000)));
    assert_eq!(said["outcome"], "unverified");
}

#[tokio::test(start_paused = true)]
async fn a_caller_is_told_what_was_found_and_not_who_judged() {
    let judge = ScriptedJudge::new([json!({ "score": 0.9, "reason": "it shines" })]);
    let worker = echo("worker").produces(Verify::Judge(JudgeSpec::new("it is gold").judges(1)));
    let call = json!({ "agentName": "worker", "task": "count" });
    let stage = Stage::seeded(3).agent(caller([call])).agent(worker).with(|team| team.judge(judge)).open().await;

    let said = &said(&stage).await[0];

    assert_eq!(said["outcome"], "verified", "{said}");
    let verdict: Vec<_> = said["verdict"].as_object().expect("it was examined").keys().collect();
    assert_eq!(verdict, ["abstained", "details", "method", "passed", "score"], "{said}");
}

#[tokio::test(start_paused = true)]
async fn whatever_goes_wrong_comes_back_as_a_code_and_not_as_a_crash() {
    let hangs = scripted("hangs", ["hang"], [ScriptedReply::hang()]);
    let fails = scripted("fails", ["fail"], [ScriptedReply::error("no ink").not_retryable()]);
    let calls = [
        json!({ "agentName": "stranger", "task": "x" }),
        json!({ "agentName": "hangs", "task": "x", "timeout": 1000 }),
        json!({ "agentName": "fails", "task": "x" }),
        json!({ "agentName": "bo", "task": "x", "expectedOutput": { "maxLength": 3 } }),
        json!({ "agentName": "bo", "task": "x", "context": { "documents": ["y".repeat(2_000_001)] } }),
        json!({ "agentName": "bo", "task": "x", "expectedOutput": { "format": "structured" } }),
        json!({ "agentName": "bo", "task": "x", "surprise": 1 }),
        json!("bo"),
    ];
    let stage = Stage::seeded(4).agent(caller(calls)).agent(hangs).agent(fails).agent(echo("bo")).open().await;

    let said = said(&stage).await;

    let codes: Vec<_> = said
        .as_array()
        .unwrap()
        .iter()
        .map(|said| {
            assert_eq!(said["success"], false);
            (said["error"]["code"].as_str().unwrap(), said["error"]["retryable"].as_bool().unwrap())
        })
        .collect();
    assert_eq!(
        codes,
        [
            ("AGENT_NOT_FOUND", false),
            ("TIMEOUT", true),
            ("AGENT_ERROR", false),
            ("INVALID_OUTPUT", true),
            ("CONTEXT_TOO_LARGE", false),
            ("AGENT_ERROR", false),
            ("AGENT_ERROR", true),
            ("AGENT_ERROR", true),
        ],
        "{said:#}"
    );
    assert_eq!(said[2]["error"]["message"], "no ink");
}

#[tokio::test(start_paused = true)]
async fn the_same_call_twice_in_one_attempt_is_two_parts_and_again_in_the_next_attempt_the_recorded_ones() {
    let boss = agent_fn("boss", ["lead"], |task: AgentContext| async move {
        let call = json!({ "agentName": "dice", "task": "throw" });
        let first = task.call_delegate_tool(call.clone()).await;
        let second = task.call_delegate_tool(call).await;
        if task.feedback().is_none() {
            return Err(AgentError::new("tired"));
        }
        Ok(Output::json(json!([first["output"], second["output"]])))
    });
    let dice = scripted("dice", ["throw"], ["one", "two", "three"].map(ScriptedReply::output));
    let stage = Stage::seeded(5).agent(boss).agent(dice).open().await;

    let report = stage.run(lead()).await;

    assert_eq!(report.output().unwrap().content.value(), &json!(["one", "two"]), "{}", report.summary());
}

#[tokio::test(start_paused = true)]
async fn a_named_agent_and_no_other_is_asked_whatever_its_score() {
    let task = |id: &str| Task::new(id, "x").agent("poor");
    let poor = echo("poor").cost_usd_per_task(90.0);
    let stage = Stage::seeded(6).agent(echo("rich")).agent(poor).open().await;

    let report = stage.run(Goal::new("x").task(task("a")).task(task("b").needs_capability("echo"))).await;
    let unknown = stage.run(Goal::new("x").task(Task::new("c", "x").agent("nobody"))).await;
    let unable = stage.run(Goal::new("x").task(task("d").needs_capability("fly"))).await;

    assert_eq!(report.outcome_word(), "unverified", "{}", report.summary());
    for task in ["a", "b"] {
        assert_eq!(report.task(task).unwrap().attempts[0].agent.as_str(), "poor");
    }
    assert_eq!(unknown.to_json()["code"], "AGENT_NOT_FOUND");
    assert!(unknown.summary().to_string().contains("nobody is called nobody"), "{}", unknown.summary());
    assert!(unable.summary().to_string().contains("poor lacks fly"), "{}", unable.summary());
}

#[tokio::test(start_paused = true)]
async fn a_part_for_somebody_who_is_not_there_is_refused_before_anybody_is_asked() {
    let boss = agent_fn("boss", ["lead"], |task: AgentContext| async move {
        let stranger = task.delegate("one", Task::new("x", "x").agent("stranger")).await;
        let unable = task.delegate("two", Task::new("x", "x").agent("bo").needs_capability("fly")).await;
        let word = |refused: Result<_, NotDelegated>| match refused {
            Err(NotDelegated::Refused(refusal)) => format!("{}: {refusal}", refusal.code()),
            _ => "not refused".to_owned(),
        };
        Ok(Output::json(json!([word(stranger.map(drop)), word(unable.map(drop))])))
    });
    let stage = Stage::seeded(7).agent(boss).agent(echo("bo")).open().await;

    let said = said(&stage).await;

    assert_eq!(said, json!(["AGENT_NOT_FOUND: nobody is called stranger", "AGENT_NOT_FOUND: bo lacks fly"]));
}

#[tokio::test(start_paused = true)]
async fn an_agent_behind_an_open_breaker_is_absent_until_it_may_be_probed() {
    let look = boss(|task| task.why_absent("bo").map_or("present", |refusal| refusal.code().as_str()));
    let bo = scripted("bo", ["echo"], [ScriptedReply::panic()]);
    let stage = Stage::seeded(8).agent(look).agent(bo).open().await;

    let before = said(&stage).await;
    for _ in 0..2 {
        stage.run(Goal::new("x").task(Task::new("t", "x").agent("bo").retries(2))).await;
    }
    let open = said(&stage).await;
    tokio::time::sleep(Duration::from_secs(120)).await;
    let later = said(&stage).await;

    assert_eq!((before, open, later), (json!("present"), json!("UNAVAILABLE"), json!("present")));
}
