//! Collectors that are absent, refuse, come late or never answer: no goal is delayed by them, and none fails.
//!
//! Each of them over gRPC and over HTTP, with the same assertions.

use std::time::Duration;

use bailiwick::{
    prelude::*,
    telemetry::{SHUTDOWN, Summary, Telemetry, names::metric as m, settings::Transport},
};
use tokio::time::Instant;

use super::{
    exported,
    grpc::GrpcCollector,
    http::{HttpCollector, Manner},
    seen::Seen,
    settings,
};

fn team() -> bailiwick::Builder {
    let agent = agent_fn("ada", ["speak"], |_| async { Ok(Output::text("hello")) });
    Bailiwick::builder().agent(agent.max_concurrent(8))
}

fn goal() -> Goal {
    Goal::new("hello").needs_capability("speak").verify(Verify::contains("hello"))
}

/// A collector of either kind.
enum Collector {
    Grpc(GrpcCollector),
    Http(HttpCollector),
}

impl Collector {
    async fn both(manner: Manner) -> [Collector; 2] {
        [Collector::Grpc(GrpcCollector::start(manner).await), Collector::Http(HttpCollector::start(manner))]
    }

    fn address(&self) -> (&str, Transport) {
        match self {
            Collector::Grpc(collector) => (&collector.endpoint, Transport::Grpc),
            Collector::Http(collector) => (&collector.endpoint, Transport::Http),
        }
    }

    fn seen(&self) -> Seen {
        match self {
            Collector::Grpc(collector) => collector.seen(),
            Collector::Http(collector) => collector.seen(),
        }
    }
}

/// Runs a goal with an exporter that nobody serves well: the goal does not notice, the exporter ends in time, and what
/// became of the spans is told.
async fn harms_nobody((endpoint, transport): (&str, Transport)) -> Summary {
    let telemetry = Telemetry::over_otlp(settings().to(endpoint, transport)).expect("it can be addressed");
    let team = team().start().await.expect("a sound team");
    team.followed_by(&telemetry);
    let begun = Instant::now();
    let report = team.submit(goal()).await.expect("there is room").await.expect("the runtime goes on");
    let took = begun.elapsed();
    assert_eq!(report.outcome_word(), "verified", "{transport:?}");
    assert!(took < Duration::from_secs(1), "{transport:?}: the goal took {took:?}");
    team.shutdown().await.expect("it ends well");

    let begun = Instant::now();
    let summary = telemetry.shutdown().await;
    let ending = begun.elapsed();
    assert!(ending < SHUTDOWN + Duration::from_millis(500), "{transport:?}: the end took {ending:?}");
    assert_eq!(summary.exported, 0, "{transport:?}: {summary:?}");
    assert!(summary.dropped >= 5 && summary.error.is_some(), "{transport:?}: {summary:?}");
    summary
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_is_absent_harms_nobody() {
    for transport in [Transport::Grpc, Transport::Http] {
        harms_nobody(("http://127.0.0.1:9", transport)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_refuses_harms_nobody() {
    for collector in Collector::both(Manner::Refuses).await {
        let summary = harms_nobody(collector.address()).await;

        assert_ne!(summary.error.as_deref(), Some("the collector did not answer in time"), "it did, and refused");
        assert!(collector.seen().spans.is_empty());
    }
}

/// With and without a protocol that is named: whatever is tried for the numbers then is over at once.
#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_takes_traces_only_gets_them_and_keeps_nobody_waiting() {
    for collector in Collector::both(Manner::AnswersTraces).await {
        let (endpoint, transport) = collector.address();
        let named = settings().to(endpoint, transport);
        let mut either = settings();
        either.endpoint = Some(endpoint.to_owned());
        for settings in [named, either] {
            let telemetry = Telemetry::over_otlp(settings).expect("it can be addressed");
            let team = team().start().await.expect("a sound team");
            team.followed_by(&telemetry);
            team.submit(goal()).await.expect("there is room").await.expect("the runtime goes on");
            team.shutdown().await.expect("it ends well");

            let begun = Instant::now();
            let summary = telemetry.shutdown().await;

            let ending = begun.elapsed();
            assert!(ending < SHUTDOWN / 2, "{transport:?}: the end took {ending:?}");
            assert_eq!((summary.dropped, summary.error), (0, None), "{transport:?}: nothing is wrong with that");
        }
        assert_eq!((collector.seen().roots().len(), collector.seen().metric_requests), (2, 0), "{transport:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_answers_late_gets_everything() {
    for collector in Collector::both(Manner::AnswersAfter(Duration::from_millis(300))).await {
        let (endpoint, transport) = collector.address();

        let (reports, summary) = exported(endpoint, transport, team(), [goal()]).await;

        assert_eq!(reports[0].outcome_word(), "verified");
        assert!(reports[0].duration() < Duration::from_millis(300), "{transport:?}: nobody waited for it");
        assert_eq!(summary.dropped, 0, "{transport:?}: {summary:?}");
        let seen = collector.seen();
        seen.assert_whole();
        assert_eq!(summary.exported as usize, seen.spans.len(), "{transport:?}");
        assert_eq!(seen.value(m::GOALS, "outcome=verified team=team"), Some(1.0), "{transport:?}: {:#?}", seen.values);
    }
}

/// The current-thread runtime is the one on which the SDK's own shutdown hangs.
#[tokio::test]
async fn a_collector_that_never_answers_is_given_up_in_time_on_one_thread() {
    // It listens and says nothing: connections wait in its backlog.
    let collector = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let endpoint = format!("http://{}", collector.local_addr().expect("it is bound"));
    for transport in [Transport::Grpc, Transport::Http] {
        harms_nobody((&endpoint, transport)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_accepts_calls_and_never_answers_is_given_up_in_time() {
    for collector in Collector::both(Manner::NeverAnswers).await {
        harms_nobody(collector.address()).await;
    }
}
