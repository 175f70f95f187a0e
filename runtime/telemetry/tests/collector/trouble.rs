//! Collectors that are absent, refuse, come late or never answer: no goal is delayed by them, and none fails.

use std::time::Duration;

use bailiwick::{
    prelude::*,
    telemetry::{SHUTDOWN, Settings, Telemetry, settings::Transport},
};
use tokio::time::Instant;

use super::{
    exported,
    grpc::{GrpcCollector, Manner},
    settings,
};

fn team() -> bailiwick::Builder {
    let agent = agent_fn("ada", ["speak"], |_| async { Ok(Output::text("hello")) });
    Bailiwick::builder().agent(agent.max_concurrent(8))
}

fn goal() -> Goal {
    Goal::new("hello").needs_capability("speak").verify(Verify::contains("hello"))
}

/// How long the goal took, how long the end of the exporter, and what became of the spans.
async fn timed(endpoint: &str, transport: Transport) -> (Duration, Duration, bailiwick::telemetry::Summary) {
    let telemetry = Telemetry::over_otlp(settings().to(endpoint, transport)).expect("it can be addressed");
    let team = team().start().await.expect("a sound team");
    team.followed_by(&telemetry);
    let begun = Instant::now();
    let report = team.submit(goal()).await.expect("there is room").await.expect("the runtime goes on");
    let took = begun.elapsed();
    assert_eq!(report.outcome_word(), "verified");
    let begun = Instant::now();
    let summary = telemetry.shutdown().await;
    let ending = begun.elapsed();
    team.shutdown().await.expect("it ends well");
    (took, ending, summary)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_is_absent_harms_nobody() {
    for transport in [Transport::Grpc, Transport::Http] {
        let (took, ending, summary) = timed("http://127.0.0.1:9", transport).await;

        assert!(took < Duration::from_secs(1) && ending < SHUTDOWN, "{took:?} {ending:?}");
        assert!(summary.exported == 0 && summary.dropped >= 5 && summary.error.is_some(), "{summary:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_refuses_harms_nobody() {
    let collector = GrpcCollector::start(Manner::Refuses).await;

    let (took, ending, summary) = timed(&collector.endpoint, Transport::Grpc).await;

    assert!(took < Duration::from_secs(1) && ending < SHUTDOWN, "{took:?} {ending:?}");
    assert!(summary.dropped >= 5, "{summary:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_answers_late_gets_everything() {
    let collector = GrpcCollector::start(Manner::AnswersAfter(Duration::from_millis(300))).await;

    let (reports, summary) = exported(&collector.endpoint, Transport::Grpc, team(), [goal()]).await;

    assert_eq!(reports[0].outcome_word(), "verified");
    assert_eq!(summary.dropped, 0, "{summary:?}");
    collector.seen().assert_whole();
}

/// The current-thread runtime is the one on which the SDK's own shutdown hangs.
#[tokio::test]
async fn a_collector_that_never_answers_is_given_up_in_time_on_one_thread() {
    let collector = std::thread::spawn(|| {
        // It listens and says nothing: connections wait in its backlog.
        std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free")
    });
    let collector = collector.join().expect("it is bound");
    let endpoint = format!("http://{}", collector.local_addr().expect("it is bound"));
    for transport in [Transport::Grpc, Transport::Http] {
        let (took, ending, summary) = timed(&endpoint, transport).await;

        assert!(took < Duration::from_secs(1), "{took:?}");
        assert!(ending < SHUTDOWN + Duration::from_millis(500), "{ending:?}");
        assert!(summary.dropped >= 5, "{summary:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_accepts_calls_and_never_answers_is_given_up_in_time() {
    let collector = GrpcCollector::start(Manner::NeverAnswers).await;

    let (took, ending, summary) = timed(&collector.endpoint, Transport::Grpc).await;

    assert!(took < Duration::from_secs(1), "{took:?}");
    assert!(ending < SHUTDOWN + Duration::from_millis(500), "{ending:?}");
    assert!(summary.dropped >= 5 && summary.error.is_some(), "{summary:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_protocol_whatever_listens_there_is_found_out() {
    let collector = GrpcCollector::start(Manner::Answers).await;
    let mut either = settings();
    either.endpoint = Some(collector.endpoint.clone());
    assert_eq!(either.transports.len(), 2);

    let telemetry = Telemetry::over_otlp(either).expect("it can be addressed");
    let team = team().start().await.expect("a sound team");
    team.followed_by(&telemetry);
    team.submit(goal()).await.expect("there is room").await.expect("the runtime goes on");
    team.shutdown().await.expect("it ends well");
    let summary = telemetry.shutdown_within(Duration::from_secs(10)).await;

    assert_eq!(summary.dropped, 0, "{summary:?}");
    collector.seen().assert_whole();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sampler_that_is_off_sends_nothing() {
    let collector = GrpcCollector::start(Manner::Answers).await;
    let off = |name: &str| (name == "OTEL_TRACES_SAMPLER").then(|| "always_off".to_owned());
    let off = Settings::from_lookup(off).expect("it is a sampler").to(&collector.endpoint, Transport::Grpc);

    let telemetry = Telemetry::over_otlp(off).expect("it can be addressed");
    let team = team().start().await.expect("a sound team");
    team.followed_by(&telemetry);
    team.submit(goal()).await.expect("there is room").await.expect("the runtime goes on");
    team.shutdown().await.expect("it ends well");
    telemetry.shutdown().await;

    assert!(collector.seen().spans.is_empty());
    assert!(collector.seen().metrics.contains_key("bailiwick.goals"), "numbers are not sampled");
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
