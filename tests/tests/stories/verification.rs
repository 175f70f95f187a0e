//! Section 6: what verdicts are made of, where they are made, and what never becomes one.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use bailiwick::{
    prelude::*,
    protocols::{Code, OutputSpec},
    testing::Stage,
};
use bailiwick_tests::*;
use serde_json::json;

fn verdict_of(report: &GoalReport) -> Verdict {
    report.task("goal").unwrap().attempts[0].verdict.clone().expect("a check was asked")
}

async fn checked(reply: ScriptedReply, verify: Verify) -> (Verdict, String) {
    let team = Stage::seeded(1)
        .agent(scripted("ada", ["sum"], [reply]))
        .with(|b| b.verifier(verify_fn("yes", |_: &Work| true)))
        .with(|b| b.verifier(verify_fn("no", |_: &Work| false)))
        .with(|b| b.verifier(verify_fn("shrug", |_: &Work| Err::<bool, _>("who knows"))))
        .with(|b| b.verifier(verify_fn("half", |_: &Work| Verdict::pass("function", 0.5, "half"))));
    let play = open(team).await;
    let report = play.run(Goal::new("x").needs_capability("sum").retries(0).verify(verify)).await;
    (verdict_of(&report), report.outcome_word().to_owned())
}

#[tokio::test(start_paused = true)]
async fn every_form_of_check_passes_and_fails() {
    let text = || ScriptedReply::output("total: 4");
    let data = || ScriptedReply::output(json!({ "b": 1, "a": [4] }));
    let schema = |kind: &str| Verify::schema(json!({ "type": "object", "properties": { "b": { "type": kind } } }));
    let table = [
        (text(), Verify::contains("4"), true),
        (text(), Verify::contains("5"), false),
        (text(), Verify::equals("total: 4"), true),
        (text(), Verify::equals("4"), false),
        (text(), Verify::regex(r"(?m)^total: \d$"), true),
        (text(), Verify::regex(r"^\d$"), false),
        // Text checks see compact JSON with sorted keys.
        (data(), Verify::contains(r#"{"a":[4],"b":1}"#), true),
        (data(), Verify::equals(json!({ "a": [4], "b": 1 })), true),
        (data(), schema("integer"), true),
        (data(), schema("string"), false),
        // A text is parsed as JSON, else taken as the string itself.
        (ScriptedReply::output("{\"b\": 1}"), schema("integer"), true),
        (text(), Verify::schema(json!({ "type": "string" })), true),
        (text(), schema("integer"), false),
        (text(), Verify::function("yes"), true),
        (text(), Verify::function("no"), false),
        (text(), Verify::all([Verify::contains("4"), Verify::function("yes")]), true),
        (text(), Verify::all([Verify::contains("4"), Verify::function("no")]), false),
        (text(), Verify::any([Verify::contains("5"), Verify::function("yes")]), true),
        (text(), Verify::any([Verify::contains("5"), Verify::function("no")]), false),
        (text(), Verify::not(Verify::contains("5")), true),
        (text(), Verify::not(Verify::function("yes")), false),
    ];

    for (reply, verify, passes) in table {
        let (verdict, outcome) = checked(reply, verify.clone()).await;
        assert_eq!((verdict.passed, verdict.abstained), (passes, false), "{verify:?}: {verdict:?}");
        assert_eq!(outcome, if passes { "verified" } else { "not_verified" }, "{verify:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn checks_are_three_valued_and_scores_join() {
    let shrug = || Verify::function("shrug");
    // passed, abstained, score
    let table = [
        (Verify::not(shrug()), false, true, None),
        (Verify::all([shrug(), Verify::contains("5")]), false, false, Some(0.0)),
        (Verify::all([shrug(), Verify::contains("4")]), false, true, None),
        (Verify::any([shrug(), Verify::contains("4")]), true, false, Some(1.0)),
        (Verify::any([shrug(), Verify::contains("5")]), false, true, None),
        (Verify::all([Verify::function("half"), Verify::contains("4")]), true, false, Some(0.5)),
        (Verify::any([Verify::function("half"), Verify::contains("4")]), true, false, Some(1.0)),
        (Verify::not(Verify::function("no")), true, false, Some(1.0)),
    ];

    for (verify, passed, abstained, score) in table {
        let (verdict, _) = checked(ScriptedReply::output("4"), verify.clone()).await;
        assert_eq!((verdict.passed, verdict.abstained), (passed, abstained), "{verify:?}: {verdict:?}");
        if let Some(score) = score {
            assert_eq!(verdict.score, score, "{verify:?}: {verdict:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_function_that_panics_or_errs_abstains() {
    let team = |spec| Stage::seeded(2).agent(says("ada", "sum", "4")).with(|b| b.verifier(spec));
    let specs = [
        verify_fn("f", |_: &Work| -> bool { panic!("I break") }),
        verify_async("f", |_| async { if true { panic!("I break") } else { true } }),
        verify_fn("f", |_: &Work| Err::<bool, _>("I break")),
        verify_async("f", |_| async { Err::<bool, _>("I break") }),
    ];

    for spec in specs {
        let play = open(team(spec)).await;
        let report = play.run(Goal::new("x").needs_capability("sum").verify(Verify::function("f"))).await;
        let verdict = verdict_of(&report);
        assert!(verdict.abstained && verdict.details.contains("I break"), "{verdict:?}");
        assert_eq!(report.outcome_word(), "not_verified");
        assert!(report.trust.is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn a_verification_has_thirty_seconds_then_abstains_and_is_made_once_more() {
    let calls = Arc::new(AtomicUsize::new(0));
    let count = calls.clone();
    let silent = verify_async("silent", move |_| {
        count.fetch_add(1, Ordering::SeqCst);
        std::future::pending::<bool>()
    });
    let play = open(prompt(3).agent(says("ada", "sum", "4")).with(|b| b.verifier(silent))).await;

    let report = play.run(Goal::new("x").needs_capability("sum").verify(Verify::function("silent"))).await;

    assert_eq!(calls.load(Ordering::SeqCst), 2);
    assert_eq!(report.duration(), secs(60));
    assert!(verdict_of(&report).details.contains("no answer within 30 s"));
}

#[tokio::test(start_paused = true)]
async fn a_function_is_shown_the_output_and_what_it_was_made_for() {
    let shown = Arc::new(Mutex::new(Vec::new()));
    let seen = shown.clone();
    let look = verify_fn("look", move |work: &Work| {
        let inputs: Vec<String> = work.inputs().keys().map(ToString::to_string).collect();
        seen.lock().unwrap().push(format!("{} | {} | {}", work.goal(), work.text(), inputs.join(",")));
        true
    });
    let play = open(Stage::seeded(4).agent(echo("ada", "sum")).with(|b| b.verifier(look))).await;

    let goal = Goal::new("the goal")
        .verify(Verify::function("look"))
        .task(task("a", "sum"))
        .task(task("b", "sum").after(["a"]).verify(Verify::function("look")));
    let report = play.run(goal).await;

    assert_eq!(report.outcome_word(), "verified");
    assert_eq!(*shown.lock().unwrap(), ["b | b | a", "the goal | b | "]);
}

#[tokio::test(start_paused = true)]
async fn pure_checks_need_no_pool_and_functions_do() {
    let messages = |verify: Verify| async move {
        let team = prompt(5).agent(says("ada", "sum", "4"));
        let play = team.with(|b| b.verifier(verify_fn("yes", |_: &Work| true))).open().await;
        play.run(Goal::new("x").needs_capability("sum").verify(verify)).await;
        play.messages()
    };

    let pure = messages(Verify::equals("4")).await;
    let pooled = messages(Verify::function("yes")).await;

    assert_eq!(pooled - pure, 2, "there and back again");
}

#[tokio::test(start_paused = true)]
async fn a_large_output_is_checked_in_the_pool_with_the_same_verdict_and_the_same_events() {
    let long = "x".repeat(300 * 1024) + "4";
    let events_of = |text: String| async move {
        let play = open(Stage::seeded(6).agent(says("ada", "sum", &text))).await;
        let report = play.run(Goal::new("x").needs_capability("sum").verify(Verify::regex("4$"))).await;
        let events = play.events(&report);
        (kinds(&events).join(" "), report.outcome_word())
    };

    assert_eq!(events_of("4".to_owned()).await, events_of(long).await);
}

#[tokio::test(start_paused = true)]
async fn the_shape_of_an_output_is_checked_before_what_it_says() {
    let shape = |format, max_length| OutputSpec { format, max_length, ..OutputSpec::default() };
    let json = Some(OutputFormat::Json);
    let text = Some(OutputFormat::Text);
    let markdown = Some(OutputFormat::Markdown);
    let table = [
        (ScriptedReply::output("{\"a\":1}"), shape(json, None), Ok(Output::json(json!({ "a": 1 })))),
        (ScriptedReply::output("a: 1"), shape(json, None), Err("it is not JSON")),
        (ScriptedReply::output("# a"), shape(markdown, None), Ok(Output::markdown("# a"))),
        (ScriptedReply::output(json!([1])), shape(text, None), Err("text is asked for")),
        (ScriptedReply::output("four"), shape(None, Some(4)), Ok(Output::text("four"))),
        (ScriptedReply::output("fünf!"), shape(None, Some(4)), Err("5 characters, more than 4")),
    ];

    for (reply, spec, wanted) in table {
        let play = open(Stage::seeded(7).agent(scripted("ada", ["sum"], [reply]))).await;
        let goal = Goal::new("x").needs_capability("sum").output(spec.clone());
        let report = play.run(goal).await;
        match wanted {
            Ok(output) => assert_eq!(report.output(), Some(&output), "{spec:?}"),
            Err(why) => {
                let error = report.task("goal").unwrap().attempts[0].error().unwrap().clone();
                assert_eq!(error.code, Code::InvalidOutput, "{spec:?}");
                assert!(error.message.contains(why), "{error}");
                assert!(report.task("goal").unwrap().attempts[0].verdict.is_none(), "nobody looked at it");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_verifier_that_never_returns_keeps_its_thread_and_nobody_else_waiting() {
    // Two tasks at once: one with a verifier that takes long, one with a pure check.
    let sleepy = verify_async("sleepy", |_| async {
        tokio::time::sleep(secs(20)).await;
        true
    });
    let play = open(prompt(8).agent(says("ada", "sum", "4").max_concurrent(2)).with(|b| b.verifier(sleepy))).await;

    let goal = Goal::new("x")
        .task(task("long", "sum").verify(Verify::function("sleepy")))
        .task(task("short", "sum").verify(Verify::equals("4")));
    let report = play.run(goal).await;

    let events = play.events(&report);
    assert_eq!(times(&events, "task_completed"), [ms(0), secs(20)]);
}
