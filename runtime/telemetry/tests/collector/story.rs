//! The demo as a collector sees it.

use std::collections::{BTreeMap, BTreeSet};

use bailiwick::{prelude::*, telemetry::settings::Transport};
use opentelemetry_proto::tonic::common::v1::any_value::Value;

use super::{
    demo, exported,
    grpc::GrpcCollector,
    http::{HttpCollector, Manner},
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
    let collector = HttpCollector::start(Manner::Answers);

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
    assert!(seen.resources.len() >= 4, "the architecture graph has something to show");
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

/// The span that tells of each event.
const PLACES: [(&str, &str); 6] = [
    ("gen_ai.evaluation.result", "bailiwick.verification"),
    ("bailiwick.agent_selected", "bailiwick.task"),
    ("bailiwick.attempt_retried", "bailiwick.task"),
    ("bailiwick.task_reassigned", "bailiwick.task"),
    ("bailiwick.trust_updated", "bailiwick.delegation"),
    ("bailiwick.breaker_opened", "bailiwick.delegation"),
];

fn events(seen: &Seen) {
    let happened = || seen.spans.iter().flat_map(|span| span.events.iter().map(move |(event, ..)| (event, &span.name)));
    for (event, on) in happened() {
        let place = PLACES.iter().find(|(name, _)| name == event).map(|(_, place)| *place);
        assert_eq!(place, Some(on.as_str()), "{event} is on `{on}`");
    }
    for (name, _) in PLACES {
        assert!(happened().any(|(event, _)| event == name), "{name} is nowhere");
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

/// What is counted, and never a text.
const WHOLE: [&str; 17] = [
    "bailiwick.attempt",
    "bailiwick.attempts",
    "bailiwick.cost_micro_usd",
    "bailiwick.delegation.number",
    "bailiwick.judge.reason_chars",
    "bailiwick.judge.seat",
    "bailiwick.mandate.depth",
    "bailiwick.reassignments",
    "bailiwick.round",
    "bailiwick.seat",
    "bailiwick.task.criticality",
    "bailiwick.tasks",
    "bailiwick.until_ms",
    "bailiwick.usage.calls",
    "bailiwick.usage.input_tokens",
    "bailiwick.usage.output_tokens",
    "process.pid",
];

/// Whole numbers are whole numbers; plain spans of the runtime are no operations of a model.
fn types(seen: &Seen) {
    let said = seen.spans.iter().flat_map(|span| {
        let in_events = span.events.iter().flat_map(|(.., said)| said);
        span.attributes.iter().chain(in_events).map(move |(key, value)| (span.name.as_str(), key.as_str(), value))
    });
    let resources = seen.resources.iter().filter(|(service, _)| service.starts_with("bailiwick"));
    let named =
        resources.flat_map(|(name, known)| known.iter().map(move |(key, value)| (name.as_str(), key.as_str(), value)));
    let mut counted: BTreeSet<&str> = BTreeSet::new();
    for (on, key, value) in said.chain(named) {
        match value {
            Value::StringValue(word) => assert!(word.parse::<i64>().is_err(), "{key} = `{word}` on `{on}` is a string"),
            Value::IntValue(_) => drop(counted.insert(key)),
            other => assert!(!WHOLE.contains(&key), "{key} = {other:?} on `{on}`"),
        }
    }
    // Whether anybody waited for a whole millisecond is chance.
    counted.remove("bailiwick.wait.part");
    assert_eq!(counted.into_iter().collect::<Vec<_>>(), WHOLE);
    for span in seen.spans.iter().filter(|span| span.name.starts_with("bailiwick.")) {
        let foreign = span.attributes.keys().find(|key| key.starts_with("gen_ai."));
        assert_eq!(foreign, None, "a plain span of the runtime is no operation of a model: `{}`", span.name);
    }
}

/// What failed is red, from the attempts to the goal, and nothing between them.
#[tokio::test(flavor = "multi_thread")]
async fn a_goal_that_fails_is_red_at_its_attempts_and_at_its_root() {
    let collector = GrpcCollector::start(Manner::Answers).await;
    let team = Bailiwick::builder().name("unlucky").agent(scripted("ada", ["try"], [ScriptedReply::error("boom")]));
    let goal = Goal::new("try").task(Task::new("t", "try").needs_capability("try").retries(1));

    let (reports, _) = exported(&collector.endpoint, Transport::Grpc, team, [goal]).await;

    assert_eq!(reports[0].outcome_word(), "failed");
    let seen = collector.seen();
    seen.assert_whole();
    let red: BTreeMap<&str, Vec<&str>> = seen.spans.iter().fold(BTreeMap::new(), |mut red, span| {
        red.entry(&*span.name).or_default().extend(span.error.as_deref());
        red
    });
    for (name, errors) in red {
        let all: &[&str] = match name {
            "invoke_workflow unlucky" => &["AGENT_ERROR: boom"],
            "invoke_agent ada" => &["AGENT_ERROR: boom", "AGENT_ERROR: boom"],
            _ => &[],
        };
        assert_eq!(errors, all, "{name}");
    }
}
