//! The metrics, as a collector's service for them is told: each name, its labels, and what it says of a known story.

use std::time::Duration;

use bailiwick::{
    actors::{audit_log::memory::MemoryJournal, edge::LIVE_MAX},
    prelude::*,
    protocols::{Permissions, Usage},
    telemetry::{Telemetry, names::metric as m, settings::Transport},
};

use super::{exported, grpc::GrpcCollector, http::Manner};

/// One agent that costs something and is asked twice at once, one that breaks down until its breaker opens.
fn team() -> bailiwick::Builder {
    let mut used = Usage::default();
    (used.input_tokens, used.output_tokens, used.calls) = (30, 7, 1);
    let hello = ScriptedReply::output("hello").usage(used).cost_usd(0.002).after(Duration::from_millis(30));
    let ada = scripted("ada", ["speak"], [hello]);
    let bo = scripted("bo", ["fail"], [ScriptedReply::panic()]);
    let journal = MemoryJournal::late(Duration::from_millis(1));
    Bailiwick::builder().name("shop").seed(3).agent(ada).agent(bo).journal(journal)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_number_reaches_a_collector_under_labels_that_are_no_goals() {
    let collector = GrpcCollector::start(Manner::Answers).await;
    let spoken = |id: &str| Task::new(id, "speak").needs_capability("speak").verify(Verify::contains("hello"));
    let goals = [
        Goal::new("speak twice").task(spoken("a")).task(spoken("b")),
        Goal::new("fail").task(Task::new("c", "fail").needs_capability("fail")),
        Goal::new("reach too far")
            .task(spoken("d").permissions(Permissions::parse(["fs.read:repo/*"]).expect("it is one"))),
    ];

    let (reports, _) = exported(&collector.endpoint, Transport::Grpc, team(), goals).await;

    let outcomes: Vec<_> = reports.iter().map(GoalReport::outcome_word).collect();
    assert_eq!(outcomes, ["verified", "failed", "refused"]);
    let seen = collector.seen();
    for (metric, labels, value) in [
        (m::DELEGATIONS, "agent=ada outcome=verified team=shop", Some(2.0)),
        (m::DELEGATIONS, "agent=bo outcome=failed team=shop", Some(3.0)),
        (m::REFUSALS, "agent=ada code=UNAUTHORIZED team=shop", Some(1.0)),
        (m::ATTEMPT_DURATION, "agent=ada outcome=verified team=shop", Some(2.0)),
        (m::QUEUE_WAIT, "agent=ada team=shop", Some(2.0)),
        (m::GOALS, "outcome=verified team=shop", Some(1.0)),
        (m::GOAL_DURATION, "outcome=verified team=shop", Some(1.0)),
        (m::TOKENS, "agent=ada direction=input team=shop", Some(60.0)),
        (m::TOKENS, "agent=ada direction=output team=shop", Some(14.0)),
        (m::COST, "agent=ada team=shop", Some(4_000.0)),
        (m::IN_FLIGHT, "agent=ada team=shop", Some(0.0)),
        (m::QUEUE_DEPTH, "agent=ada team=shop", Some(0.0)),
        (m::BREAKER_STATE, "agent=bo capability=fail team=shop", Some(2.0)),
    ] {
        assert_eq!(seen.value(metric, labels), value, "{metric} of {labels} in {:#?}", seen.values);
    }
    assert!(seen.value(m::TRUST, "agent=ada capability=speak team=shop").is_some_and(|trust| trust > 0.5));
    assert!(seen.value(m::RESTARTS, "agent=bo team=shop").is_some_and(|restarts| restarts >= 2.0));
    assert!(seen.value(m::JOURNAL_LATENCY, "team=shop").is_some_and(|batches| batches > 3.0));
    assert!(seen.metrics.values().flatten().all(|label| !label.contains("goal")), "{:?}", seen.metrics);
    let teamless = seen.values.keys().filter(|(_, labels)| !labels.contains("team=shop")).map(|(name, _)| name);
    assert_eq!(teamless.collect::<Vec<_>>(), Vec::<&String>::new(), "whatever is told of a team names it");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_turned_away_at_the_edge_is_counted_by_reason_and_never_recorded() {
    let collector = GrpcCollector::start(Manner::Answers).await;
    let telemetry = Telemetry::over_otlp(super::settings().to(&collector.endpoint, Transport::Grpc));
    let telemetry = telemetry.expect("it can be addressed");
    let hung = agent_fn("ada", ["speak"], |_| std::future::pending::<Result<Output, AgentError>>());
    let team = Bailiwick::builder().agent(hung).start().await.expect("a sound team");
    team.followed_by(&telemetry);
    let speak = || Goal::new("speak").needs_capability("speak");

    assert!(team.submit(speak().task(Task::new("a", "speak").after(["nobody"]))).await.is_err());
    for _ in 0..LIVE_MAX {
        team.submit(speak()).await.expect("there is room");
    }
    for _ in 0..3 {
        assert!(team.submit(speak()).await.is_err());
    }
    assert!(telemetry.flush(Duration::from_secs(10)).await);

    let seen = collector.seen();
    assert_eq!(seen.value(m::TURNED_AWAY, "reason=overloaded team=team"), Some(3.0), "{:#?}", seen.values);
    assert_eq!(seen.value(m::TURNED_AWAY, "reason=invalid team=team"), Some(1.0));
    team.halt().await.expect("it ends");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_runs_and_what_waits_is_told_while_it_does() {
    let collector = GrpcCollector::start(Manner::Answers).await;
    let telemetry = Telemetry::over_otlp(super::settings().to(&collector.endpoint, Transport::Grpc));
    let telemetry = telemetry.expect("it can be addressed");
    let gate = std::sync::Arc::new(tokio::sync::Semaphore::new(0));
    let held = gate.clone();
    let ada = agent_fn("ada", ["speak"], move |_| {
        let held = held.clone();
        async move {
            drop(held.acquire_owned().await);
            Ok(Output::text("hello"))
        }
    });
    let team = Bailiwick::builder().name("shop").agent(ada.max_concurrent(1)).start().await.expect("a sound team");
    team.followed_by(&telemetry);
    let speak = || Goal::new("speak").needs_capability("speak");
    let runs = [team.submit(speak()).await.expect("there is room"), team.submit(speak()).await.expect("there is room")];
    let levels = || {
        let seen = collector.seen();
        [m::IN_FLIGHT, m::QUEUE_DEPTH].map(|level| seen.value(level, "agent=ada team=shop"))
    };

    let both = async {
        while levels() != [Some(1.0), Some(1.0)] {
            assert!(telemetry.flush(Duration::from_secs(10)).await);
        }
    };
    let told = tokio::time::timeout(Duration::from_secs(20), both).await;

    assert!(told.is_ok(), "one runs and one waits: {:?}", levels());
    gate.add_permits(2);
    for run in runs {
        run.await.expect("the runtime goes on");
    }
    team.shutdown().await.expect("it ends well");
    telemetry.shutdown_within(Duration::from_secs(10)).await;
    assert_eq!(levels(), [Some(0.0), Some(0.0)]);
}
