//! Many goals at once, and many after each other: bounded, and nobody's events are lost while somebody reads them.

use bailiwick::{SubmitError, prelude::*, testing::Stage};

fn quick() -> AgentSpec {
    agent_fn("ada", ["any"], |_| async { Ok(Output::text("done")) }).max_concurrent(4)
}

#[tokio::test(start_paused = true)]
async fn a_report_can_be_had_long_after_a_thousand_others_have_finished() {
    let stage = Stage::seeded(1).agent(quick()).without_delays().open().await;
    let early = stage.submit(Goal::new("early")).await;

    for n in 0..1_100 {
        stage.run(Goal::new(format!("later {n}"))).await;
    }

    assert_eq!(early.await.unwrap().outcome_word(), "unverified");
}

#[tokio::test(start_paused = true)]
async fn beyond_four_thousand_live_goals_another_is_turned_away_at_once() {
    let stage = Stage::seeded(2).agent(scripted("ada", ["any"], [ScriptedReply::hang()])).without_delays().open().await;
    let goal = || Goal::new("wait").timeout(std::time::Duration::from_secs(3_600));
    let mut runs = Vec::new();
    for _ in 0..4_000 {
        runs.push(stage.submit(goal()).await);
    }

    let refused = stage.bailiwick().submit(goal()).await;

    assert!(matches!(refused, Err(SubmitError::Refused(Refusal::Overloaded))), "{:?}", refused.err());
}
