//! `init` and the standard variables, over gRPC: each run is a process of its own, for the environment is the process's.

use std::process::Stdio;

use bailiwick::{prelude::*, telemetry::SHUTDOWN};

use super::{
    grpc::GrpcCollector,
    http::{HttpCollector, Manner},
    seen::{Seen, text},
};

const PROCESS: &str = "environment::the_other_process_runs_a_goal_as_its_environment_says";

/// The other process: its one agent is a program that says which `TRACEPARENT` it was given.
#[tokio::test]
async fn the_other_process_runs_a_goal_as_its_environment_says() {
    // Among the tests nobody has set anything.
    let Ok(caller) = std::env::var("CALLER") else { return };
    let telemetry = bailiwick::telemetry::init().expect("the environment asks for what can be done");
    let says = CommandSpec::new(["sh", "-c", "printf %s $TRACEPARENT"]);
    let says = says.reply(bailiwick::actors::agents::command::ReplyFormat::Text);
    let team = Bailiwick::builder().agent(command("ada", ["speak"], says)).start().await.expect("a sound team");
    let goal = Goal::new("hello").needs_capability("speak");
    let goal = if caller.is_empty() { goal } else { goal.continue_trace(caller) };
    let report = team.submit(goal).await.expect("there is room").await.expect("the runtime goes on");
    println!("<{}>", report.output.as_ref().and_then(|said| said.as_text().ok()).unwrap_or_default());
    team.shutdown().await.expect("it ends well");
    let begun = tokio::time::Instant::now();
    telemetry.shutdown().await;
    println!("[{}]", begun.elapsed().as_millis());
}

/// What a collector sees of that process, and which `TRACEPARENT` its program was given.
async fn run(caller: &str, variables: &[(&str, &str)]) -> (GrpcCollector, Seen, String) {
    let collector = GrpcCollector::start(Manner::Answers).await;
    let this = std::env::current_exe().expect("the test runs from a file");
    let mut other = tokio::process::Command::new(this);
    other.args(["--exact", PROCESS, "--nocapture"]).env("CALLER", caller).envs(variables.iter().copied());
    other.env("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.endpoint).env("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc");
    let output = other.stdin(Stdio::null()).output().await.expect("it starts");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    let between = |open, close| Some(said.split_once(open)?.1.split_once(close)?.0.to_owned());
    let told = between('<', '>').unwrap_or_else(|| panic!("it says nothing: {said}"));
    let mut seen = collector.seen();
    let millis = between('[', ']').and_then(|millis| millis.parse().ok()).expect("it says how long its end took");
    seen.ended = std::time::Duration::from_millis(millis);
    (collector, seen, told)
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_names_and_attributes_are_those_of_the_environment() {
    let (collector, seen, told) = run(
        "",
        &[
            ("OTEL_EXPORTER_OTLP_HEADERS", "x-token=sesame"),
            ("OTEL_SERVICE_NAME", "shop"),
            ("OTEL_RESOURCE_ATTRIBUTES", "service.instance.id=one,host.id=two"),
        ],
    )
    .await;

    seen.assert_whole();
    assert_eq!(collector.token.lock().expect("nobody panicked").as_deref(), Some("sesame"));
    let resource = &seen.resources["shop"];
    assert_eq!(resource.get("service.instance.id").map(text).as_deref(), Some("one"));
    assert_eq!(resource.get("host.id").map(text).as_deref(), Some("two"));
    assert!(seen.resources.contains_key("shop-agent-ada"), "{:?}", seen.resources.keys());
    assert!(told.ends_with("-01"), "its program may tell of itself: {told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trace_that_is_not_sampled_is_not_told_and_programs_know_it() {
    let (_, seen, told) = run("", &[("OTEL_TRACES_SAMPLER", "always_off")]).await;

    assert_eq!(seen.spans.len(), 0);
    assert!(told.ends_with("-00"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_whose_trace_is_continued_decides_whether_it_is_told() {
    let (_, seen, told) = run("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00", &[]).await;
    assert_eq!(seen.spans.len(), 0);
    assert!(told.starts_with("00-0af7651916cd43dd8448eb211c80319c-") && told.ends_with("-00"), "{told}");

    let (_, seen, told) = run("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", &[]).await;
    assert_eq!(seen.named("invoke_agent").len(), 1);
    assert!(told.ends_with("-01"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_signal_goes_where_and_how_its_own_variables_say() {
    let numbers = HttpCollector::start(Manner::Answers);

    let (collector, seen, _) = run(
        "",
        &[
            ("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", &format!("{}/v1/metrics", numbers.endpoint)),
            ("OTEL_EXPORTER_OTLP_METRICS_PROTOCOL", "http/protobuf"),
            ("OTEL_EXPORTER_OTLP_METRICS_HEADERS", "x-token=numbers"),
            ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "x-token=spans"),
        ],
    )
    .await;

    seen.assert_whole();
    assert_eq!(seen.metric_requests, 0, "numbers go elsewhere");
    assert_eq!(collector.token.lock().expect("nobody panicked").as_deref(), Some("spans"));
    let elsewhere = numbers.seen();
    assert_eq!(
        elsewhere.value("bailiwick.goals", "outcome=unverified team=team"),
        Some(1.0),
        "{:#?}",
        elsewhere.values
    );
    assert!(elsewhere.spans.is_empty());
    let headers = numbers.headers.lock().expect("nobody panicked").to_ascii_lowercase();
    assert!(headers.contains("x-token: numbers"), "{headers}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signal_whose_collector_never_answers_costs_the_other_nothing_and_each_has_its_own_time() {
    let silent = HttpCollector::start(Manner::NeverAnswers);
    let elsewhere = |signal: &str| {
        let variable = |what: &str| format!("OTEL_EXPORTER_OTLP_{signal}_{what}");
        let endpoint = format!("{}/v1/{}", silent.endpoint, signal.to_ascii_lowercase());
        [
            (variable("ENDPOINT"), endpoint),
            (variable("PROTOCOL"), "http/protobuf".to_owned()),
            (variable("TIMEOUT"), "50".to_owned()),
        ]
    };

    for signal in ["METRICS", "TRACES"] {
        let said = elsewhere(signal);
        let (_, seen, _) = run("", &said.each_ref().map(|(key, value)| (key.as_str(), value.as_str()))).await;

        assert_eq!(seen.metric_requests > 0, signal == "TRACES", "{signal}");
        assert_eq!(!seen.spans.is_empty(), signal == "METRICS", "{signal}");
        assert!(
            seen.ended < SHUTDOWN,
            "{signal}: it was given up after 50 ms, and nothing else was waited for: {:?}",
            seen.ended
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_arrive_where_nobody_takes_traces() {
    let (_, seen, _) = run("", &[("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://127.0.0.1:9")]).await;

    assert_eq!(seen.spans.len(), 0);
    assert_eq!(seen.value("bailiwick.goals", "outcome=unverified team=team"), Some(1.0), "{:#?}", seen.values);
}
