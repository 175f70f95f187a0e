//! The limits of the standard variables, as a collector notices them.

use std::time::Duration;

use bailiwick::{
    prelude::*,
    telemetry::{Settings, Telemetry, names::metric as m, settings::Transport},
};

use super::{grpc::GrpcCollector, http::Manner};

fn set(variables: &'static [(&str, &str)], collector: &GrpcCollector) -> Telemetry {
    let get = |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
    let settings = Settings::from_lookup(get).expect("it can be done").to(&collector.endpoint, Transport::Grpc);
    Telemetry::over_otlp(settings).expect("it can be addressed")
}

/// Runs this many goals of two spans and more, one after the other.
async fn run(telemetry: &Telemetry, goals: usize) {
    let agent = agent_fn("ada", ["speak"], |_| async { Ok(Output::text("hello")) });
    let team = Bailiwick::builder().agent(agent).start().await.expect("a sound team");
    team.followed_by(telemetry);
    for _ in 0..goals {
        let goal = Goal::new("hello").needs_capability("speak");
        team.submit(goal).await.expect("there is room").await.expect("the runtime goes on");
    }
    team.shutdown().await.expect("it ends well");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_holds_no_more_spans_than_a_batch() {
    let (small, usual) = (GrpcCollector::start(Manner::Answers).await, GrpcCollector::start(Manner::Answers).await);
    for (collector, telemetry) in
        [(&small, set(&[("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "3")], &small)), (&usual, set(&[], &usual))]
    {
        run(&telemetry, 20).await;
        let summary = telemetry.shutdown_within(Duration::from_secs(10)).await;
        assert_eq!((summary.dropped, collector.seen().roots().len()), (0, 20), "{summary:?}");
    }

    assert!(small.seen().largest <= 3, "{}", small.seen().largest);
    assert!(usual.seen().largest > 3, "{}", usual.seen().largest);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_finds_no_room_in_the_queue_is_dropped_and_counted() {
    let collector = GrpcCollector::start(Manner::AnswersAfter(Duration::from_millis(400))).await;
    let telemetry = set(&[("OTEL_BSP_MAX_QUEUE_SIZE", "8")], &collector);

    run(&telemetry, 50).await;
    let summary = telemetry.shutdown_within(Duration::from_secs(20)).await;

    let seen = collector.seen();
    assert!(summary.dropped > 0, "{summary:?}");
    assert_eq!(summary.exported as usize, seen.spans.len());
    assert_eq!(seen.value(m::SPANS_DROPPED, ""), Some(summary.dropped as f64), "{:#?}", seen.values);
}

#[tokio::test(flavor = "multi_thread")]
async fn spans_are_gathered_for_as_long_as_the_delay_says() {
    let collector = GrpcCollector::start(Manner::Answers).await;
    let telemetry = set(&[("OTEL_BSP_SCHEDULE_DELAY", "3600000"), ("OTEL_METRIC_EXPORT_INTERVAL", "100")], &collector);

    run(&telemetry, 1).await;
    // The exporter has looked for longer than its usual delay of a second.
    while collector.seen().metric_requests < 20 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }

    assert_eq!(collector.seen().value(m::GOALS, "outcome=unverified team=team"), Some(1.0), "it knows of the goal");
    assert_eq!(collector.seen().spans.len(), 0);
    telemetry.shutdown().await;
    assert_eq!(collector.seen().roots().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_is_given_up_when_its_time_is_over_and_its_spans_are_sent_again() {
    let collector = GrpcCollector::start(Manner::NeverAnswers).await;
    let telemetry = set(&[("OTEL_BSP_EXPORT_TIMEOUT", "500")], &collector);

    run(&telemetry, 1).await;
    let noticed = async {
        while telemetry.summary().error.is_none() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };

    tokio::time::timeout(Duration::from_secs(8), noticed).await.expect("it is long over, and 30 s are not");
    let summary = telemetry.summary();
    assert_eq!((summary.exported, summary.dropped), (0, 0), "what was not taken is kept");
    collector.now(Manner::Answers);
    let summary = telemetry.shutdown_within(Duration::from_secs(10)).await;
    let seen = collector.seen();
    seen.assert_whole();
    assert_eq!((summary.exported, summary.dropped), (seen.spans.len() as u64, 0), "{summary:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn spans_that_no_collector_took_before_the_end_are_counted_as_dropped() {
    let (answers, silent) =
        (GrpcCollector::start(Manner::Answers).await, GrpcCollector::start(Manner::NeverAnswers).await);
    let mut told = Vec::new();
    for collector in [&answers, &silent] {
        let telemetry = set(&[("OTEL_BSP_EXPORT_TIMEOUT", "500"), ("OTEL_METRICS_EXPORTER", "none")], collector);
        run(&telemetry, 1).await;
        told.push(telemetry.shutdown_within(Duration::from_secs(10)).await);
    }

    assert_eq!((told[1].exported, told[1].dropped), (0, told[0].exported), "{told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn events_that_come_too_fast_are_missed_and_counted() {
    let collector = GrpcCollector::start(Manner::Answers).await;
    let mut settings = super::settings().to(&collector.endpoint, Transport::Grpc);
    settings.events_max = 3;
    let telemetry = Telemetry::over_otlp(settings).expect("it can be addressed");

    run(&telemetry, 10).await;
    let summary = telemetry.shutdown_within(Duration::from_secs(10)).await;

    assert!(summary.missed > 0, "{summary:?}");
    assert_eq!(collector.seen().value(m::EVENTS_MISSED, ""), Some(summary.missed as f64));
}
