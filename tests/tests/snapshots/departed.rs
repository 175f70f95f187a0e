//! An agent that left the team: what a snapshot tells of it is not forgotten.

use std::sync::Arc;

use bailiwick::{
    prelude::*,
    protocols::{Event, Recorded},
    testing::Stage,
};

use super::starts::{Watched, goal_of, snapshot_at, stream_of, under_default};

fn payer(name: &'static str) -> AgentSpec {
    agent_fn(name, ["pay"], |_| async { Ok(Output::text("paid")) })
}

/// The log of a payment up to the settlement by somebody, and the snapshot of all that they did.
async fn paid_by(name: &'static str) -> (Vec<Arc<Recorded>>, bailiwick::actors::audit_log::snapshot::Snapshot) {
    let stage = Stage::seeded(1).agent(payer(name)).open().await;
    stage
        .run(Goal::new("pay").task(Task::new("pay", "pay the bill").needs_capability("pay").effects(Effects::Once)))
        .await;
    let log = stage.log();
    let is_settled = |recorded: &Arc<Recorded>| matches!(recorded.event, Event::Agent(AgentFact::Settled { .. }));
    let end = log.iter().position(is_settled).unwrap() + 1;
    let own: Vec<_> = log[..end].iter().filter(|event| event.stream == stream_of(name)).cloned().collect();
    (log[..end].to_vec(), snapshot_at(under_default(&payer(name)), &own).unwrap())
}

#[tokio::test(start_paused = true)]
async fn what_an_agent_had_done_that_left_the_team_since_is_served_though_a_snapshot_stands_for_all_of_it() {
    let (log, snapshot) = paid_by("ada").await;
    let id = goal_of(&log).unwrap();
    let journal = Watched::holding(log, [snapshot]).await;

    let stage = Stage::seeded(1).agent(payer("bo")).with(|builder| builder.journal(journal.clone())).open().await;
    let report = stage.bailiwick().resume(id).await.unwrap().await.unwrap();

    assert!(journal.known.lock().unwrap().contains_key(&stream_of("ada")));
    assert_eq!((report.outcome_word(), report.output), ("unverified", Some(Output::text("paid"))));
    assert!(!stage.agent_stream("bo").iter().any(|event| event.event.kind() == "admitted"), "nobody pays again");
}
