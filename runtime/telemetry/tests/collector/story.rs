//! The demo as a collector sees it.

use bailiwick::telemetry::settings::Transport;
use opentelemetry_proto::tonic::common::v1::any_value::Value;

use super::{
    demo, exported,
    grpc::{GrpcCollector, Manner},
    http::HttpCollector,
    seen::{Seen, SeenSpan, text},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_goal_is_one_readable_trace() {
    let collector = GrpcCollector::start(Manner::Answers).await;

    let (reports, summary) =
        exported(&collector.endpoint, Transport::Grpc, demo::team(&collector.endpoint), [demo::goal()]).await;

    let seen = collector.seen();
    assert_eq!(reports[0].outcome_word(), "unverified", "{}", reports[0].summary());
    assert_eq!((summary.dropped, summary.exported as usize + 1), (0, seen.spans.len()), "and one of the program's own");
    is_the_demo(&seen, &reports[0]);
    let attempts = seen.metrics.get("bailiwick.delegations").expect("metrics came too");
    assert_eq!(attempts, &["agent", "outcome", "team"]);
    assert!(seen.metrics.values().flatten().all(|label| !label.contains("goal")), "no goal is a label");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_over_http() {
    let collector = HttpCollector::start();

    let team = demo::team(&format!("{}?http", collector.endpoint));
    let (reports, summary) = exported(&collector.endpoint, Transport::Http, team, [demo::goal()]).await;

    let seen = collector.seen();
    assert_eq!(summary.dropped, 0, "{summary:?}");
    is_the_demo(&seen, &reports[0]);
    assert!(seen.metrics.contains_key("bailiwick.trust"));
}

fn is_the_demo(seen: &Seen, report: &bailiwick::GoalReport) {
    seen.assert_whole();
    let root = seen.roots()[0];
    assert_eq!(root.trace, report.trace_id.expect("it has a trace").to_be_bytes());
    assert_eq!(root.name, "invoke_workflow demo");
    services(seen);
    attempts(seen, report);
    events(seen);
    judges(seen);
    types(seen);
}

fn services(seen: &Seen) {
    for service in ["bailiwick", "bailiwick-supervisor", "bailiwick-verifier", "bailiwick-agent-boss", "other-program"]
    {
        assert!(seen.resources.contains_key(service), "{service} is missing in {:?}", seen.resources.keys());
    }
    for key in ["host.name", "host.id", "service.instance.id"] {
        assert!(seen.resources["bailiwick"].contains_key(key), "{key} is missing");
    }
    // The program's own span hangs below the attempt it was told of.
    let own = seen.named("work in another process")[0];
    assert_eq!(seen.by_id(&own.parent).map(|span| span.name.as_str()), Some("invoke_agent other"));
    // What was handed on hangs below the attempt that wanted it.
    let dig = seen
        .spans
        .iter()
        .find(|span| span.name == "bailiwick.task" && span.says("bailiwick.task.id").ends_with("/dig"));
    let parent = dig.and_then(|dig| seen.by_id(&dig.parent)).map(|span| span.name.as_str());
    assert_eq!(parent, Some("invoke_agent boss"));
}

/// Red are the attempts that failed, and nothing else; who tries again says whom it follows.
fn attempts(seen: &Seen, report: &bailiwick::GoalReport) {
    let attempts = seen.named("invoke_agent");
    assert_eq!(attempts.len(), report.attempts(), "exactly one span an attempt");
    for span in &seen.spans {
        let failed = span.name.starts_with("invoke_agent")
            && !["verified", "unverified"].contains(&span.says("bailiwick.outcome").as_str());
        assert_eq!(span.error.is_some(), failed, "{} {:?}", span.name, span.attributes);
    }
    let of = |agent: &str, n: &str| {
        let found =
            attempts.iter().find(|span| span.says("gen_ai.agent.name") == agent && span.says("bailiwick.attempt") == n);
        (*found.unwrap_or_else(|| panic!("attempt {n} of {agent} is missing"))).clone()
    };
    let (first, second, third) = (of("unsure", "1"), of("unsure", "2"), of("unsure", "3"));
    assert_eq!(first.error.as_deref(), Some("AGENT_ERROR: boom"));
    assert_eq!(second.error.as_deref(), Some("VERIFICATION_FAILED: contains did not pass"));
    assert!(first.links.is_empty());
    assert_eq!(second.links, [(first.id, "retries".to_owned())]);
    assert_eq!(third.links, [(second.id, "retries".to_owned())]);
    assert_eq!(of("steady", "4").links, [(of("flaky", "3").id, "reassigned".to_owned())]);
}

fn events(seen: &Seen) {
    let place = |name: &str| -> Vec<String> {
        let with = seen.spans.iter().filter(|span| span.events_named(name).next().is_some());
        with.map(|span| span.name.clone()).collect()
    };
    for (event, on) in [
        ("gen_ai.evaluation.result", "bailiwick.verification"),
        ("bailiwick.agent_selected", "bailiwick.task"),
        ("bailiwick.trust_updated", "bailiwick.delegation"),
        ("bailiwick.breaker_opened", "bailiwick.delegation"),
        ("bailiwick.attempt_retried", "bailiwick.task"),
        ("bailiwick.task_reassigned", "bailiwick.task"),
    ] {
        let on_these = place(event);
        assert!(!on_these.is_empty(), "{event} is nowhere");
        assert!(on_these.iter().all(|name| name == on), "{event} is on {on_these:?}");
    }
    for span in &seen.spans {
        for (name, at, _) in &span.events {
            assert!((span.start..=span.end).contains(at), "{name} lies outside of `{}`", span.name);
        }
    }
    let opened = seen.spans.iter().find(|span| span.events_named("bailiwick.breaker_opened").next().is_some());
    let opened = opened.map(|span| (span.says("bailiwick.agent"), span.says("bailiwick.attempt")));
    assert_eq!(opened, Some(("flaky".to_owned(), "3".to_owned())), "the third failure in a row trips");
    let chosen = seen.named("bailiwick.task")[0].events_named("bailiwick.agent_selected").next();
    let chosen = &chosen.expect("somebody was chosen").2;
    assert!(matches!(chosen.get("bailiwick.score"), Some(Value::DoubleValue(_))), "{chosen:?}");
    let labels = |name: &str| {
        let judged = seen.spans.iter().flat_map(|span| span.events_named("gen_ai.evaluation.result"));
        judged.filter(|(.., said)| said.get("gen_ai.evaluation.name").map(text).as_deref() == Some(name)).count()
    };
    assert_eq!((labels("contains"), labels("judge")), (2, 1), "the first attempt had nothing to examine");
}

/// Two judges were asked, and each is told of before their panel, on the examination of what they judged.
fn judges(seen: &Seen) {
    let of_check = |span: &&SeenSpan| span.says("bailiwick.task.id") == "check";
    let check = seen.named("bailiwick.verification").into_iter().find(of_check).expect("it was examined");
    let keys = ["gen_ai.evaluation.name", "bailiwick.judge", "gen_ai.evaluation.score.label"];
    let told = check.events_named("gen_ai.evaluation.result");
    let (words, scores): (Vec<_>, Vec<_>) = told
        .map(|(.., said)| (keys.map(|key| said.get(key).map(text).unwrap_or_default()), said.get(SCORE).cloned()))
        .unzip();
    let two = [["judge.charitable", "judge-1", "passed"], ["judge.strict", "judge-2", "passed"]];
    assert_eq!(words, [two[0], two[1], ["judge", "", "passed"]].map(|row| row.map(str::to_owned)));
    assert_eq!(scores, [0.9, 0.9, 1.0].map(|score| Some(Value::DoubleValue(score))));
}

const SCORE: &str = "gen_ai.evaluation.score.value";

/// Whole numbers are whole numbers; plain spans of the runtime are no operations of a model.
fn types(seen: &Seen) {
    for span in &seen.spans {
        for (key, value) in &span.attributes {
            if let Value::StringValue(word) = value {
                assert!(word.parse::<i64>().is_err(), "{key} = `{word}` on `{}` is a string", span.name);
            }
            let plain = span.name.starts_with("bailiwick.");
            assert!(!(plain && key.starts_with("gen_ai.")), "{key} on `{}`", span.name);
        }
    }
    let deep =
        seen.named("bailiwick.admission").into_iter().find_map(|span| span.attributes.get("bailiwick.mandate.depth"));
    assert!(matches!(deep, Some(Value::IntValue(_))), "{deep:?}");
}
