//! What others decide: who listens there, which traces are wanted, and whose trace it is.

use std::{collections::BTreeMap, time::Duration};

use bailiwick::{
    prelude::*,
    telemetry::{Settings, Telemetry, settings::Transport, sink::Discard},
};

use super::{exported, grpc::GrpcCollector, http::Manner, seen::Seen, settings};

fn team() -> bailiwick::Builder {
    let agent = agent_fn("ada", ["speak"], |_| async { Ok(Output::text("hello")) });
    Bailiwick::builder().seed(11).agent(agent.max_concurrent(8))
}

fn goal() -> Goal {
    Goal::new("hello").needs_capability("speak").verify(Verify::contains("hello"))
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_protocol_whatever_listens_there_is_found_out_for_each_signal() {
    let collector = GrpcCollector::start(Manner::Answers).await;
    let mut either = settings();
    either.endpoint = Some(collector.endpoint.clone());
    assert_eq!((either.transports.len(), either.metric_transports.len()), (2, 2));

    let summary = told(either, [goal()]).await;

    assert_eq!(summary.dropped, 0, "{summary:?}");
    collector.seen().assert_whole();
    assert!(collector.seen().metrics.contains_key("bailiwick.goals"));
}

/// Runs these goals while they are exported.
async fn told(settings: Settings, goals: impl IntoIterator<Item = Goal>) -> bailiwick::telemetry::Summary {
    let telemetry = Telemetry::over_otlp(settings).expect("it can be addressed");
    let team = team().start().await.expect("a sound team");
    team.followed_by(&telemetry);
    for goal in goals {
        team.submit(goal).await.expect("there is room").await.expect("the runtime goes on");
    }
    team.shutdown().await.expect("it ends well");
    telemetry.shutdown_within(Duration::from_secs(10)).await
}

/// What a collector sees of these goals under this sampler.
async fn sampled(sampler: &'static str, ratio: &'static str, goals: impl IntoIterator<Item = Goal>) -> Seen {
    let collector = GrpcCollector::start(Manner::Answers).await;
    let said = move |name: &str| match name {
        "OTEL_TRACES_SAMPLER" => Some(sampler.to_owned()),
        "OTEL_TRACES_SAMPLER_ARG" => Some(ratio.to_owned()),
        _ => None,
    };
    let settings = Settings::from_lookup(said).expect("it is a sampler").to(&collector.endpoint, Transport::Grpc);
    let summary = told(settings, goals).await;
    assert_eq!(summary.dropped, 0, "{summary:?}");
    collector.seen()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sampler_that_is_off_sends_nothing() {
    let seen = sampled("always_off", "", [goal()]).await;

    assert!(seen.spans.is_empty());
    assert!(seen.metrics.contains_key("bailiwick.goals"), "numbers are not sampled");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trace_is_sampled_as_a_whole_or_not_at_all() {
    const GOALS: usize = 60;

    let seen = sampled("traceidratio", "0.5", std::iter::repeat_with(goal).take(GOALS)).await;

    let mut traces: BTreeMap<&[u8], Vec<&str>> = BTreeMap::new();
    for span in &seen.spans {
        traces.entry(&span.trace).or_default().push(&span.name);
    }
    assert!((10..=50).contains(&traces.len()), "{} of {GOALS}", traces.len());
    for names in traces.into_values() {
        assert_eq!(names.iter().filter(|name| name.starts_with("invoke_workflow")).count(), 1, "{names:?}");
        assert_eq!(names.iter().filter(|name| name.starts_with("invoke_agent")).count(), 1, "{names:?}");
    }
    assert_eq!(
        seen.value("bailiwick.goals", "outcome=verified team=team"),
        Some(GOALS as f64),
        "numbers are not sampled"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_who_is_obeyed_decides_before_any_ratio() {
    let told = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let silent = "00-0bf7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";

    let seen = sampled("parentbased_traceidratio", "0.0", [goal().continue_trace(told), goal()]).await;
    let traces: Vec<_> = seen.named("invoke_workflow").into_iter().map(|root| root.trace[0]).collect();
    assert_eq!(traces, [0x0a], "its trace is told, and of its own accord nothing");

    let seen = sampled("parentbased_traceidratio", "1.0", [goal().continue_trace(silent)]).await;
    assert!(seen.spans.is_empty(), "its trace is not told");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_callers_trace_is_linked_and_not_obeyed_unless_asked() {
    let caller = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let id = 0xb7ad_6b71_6920_3331_u64.to_be_bytes();
    let collector = GrpcCollector::start(Manner::Answers).await;

    exported(&collector.endpoint, Transport::Grpc, team(), [goal().traceparent(caller)]).await;

    let seen = collector.seen();
    seen.assert_whole();
    assert_eq!(seen.roots()[0].links, [(id.to_vec(), "caller".to_owned())]);

    let collector = GrpcCollector::start(Manner::Answers).await;
    exported(&collector.endpoint, Transport::Grpc, team(), [goal().continue_trace(caller)]).await;

    let seen = collector.seen();
    let root = seen.named("invoke_workflow")[0];
    assert_eq!((&root.parent[..], &root.trace[..2]), (&id[..], &[0x0a, 0xf7][..]));
}

#[tokio::test(flavor = "multi_thread")]
async fn programs_of_a_team_are_told_what_its_own_exporters_make_of_a_trace() {
    let by = |sampler: &'static str| {
        let settings = Settings::from_lookup(|name| (name == "OTEL_TRACES_SAMPLER").then(|| sampler.to_owned()));
        Telemetry::into_sink(settings.expect("it is a sampler"), Discard).expect("a thread can be started")
    };
    let (all, none) = (by("always_on"), by("always_off"));
    for (followers, told) in [(&[][..], "01"), (&[&none][..], "00"), (&[&all][..], "01"), (&[&none, &all][..], "01")] {
        let says = agent_fn("ada", ["speak"], |task: AgentContext| async move { Ok(Output::text(task.traceparent())) });
        let team = Bailiwick::builder().agent(says).start().await.expect("a sound team");
        followers.iter().for_each(|telemetry| team.followed_by(telemetry));
        let goal = Goal::new("hello").needs_capability("speak");

        let report = team.submit(goal).await.expect("there is room").await.expect("the runtime goes on");

        let said = report.output().expect("it said it").as_text().expect("it is one");
        assert!(said.ends_with(told), "{} follow: {said}", followers.len());
        team.shutdown().await.expect("it ends well");
    }
}
