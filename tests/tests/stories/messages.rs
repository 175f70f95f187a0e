//! How many messages one delegation takes: what is not sent costs nothing.

use bailiwick::{prelude::*, testing::Stage};
use bailiwick_tests::*;

/// Messages for each delegation, with what a goal takes anyway left out.
async fn each(count: u64, verify: Verify, seats: u32) -> f64 {
    let team = || {
        let ada = says("ada", "sum", "4").max_concurrent(seats);
        prompt(1).agent(ada).with(|b| b.verifier(verify_fn("yes", |_: &Work| true)))
    };
    let goal = |count: u64| {
        (0..count).fold(Goal::new("sums"), |goal, n| goal.task(task(&format!("t{n}"), "sum").verify(verify.clone())))
    };
    let mut sent = Vec::new();
    for tasks in [1, count + 1] {
        let stage: Stage = team().open().await;
        let before = stage.messages();
        stage.run(goal(tasks)).await;
        sent.push(stage.messages() - before);
    }
    (sent[1] - sent[0]) as f64 / count as f64
}

#[tokio::test(start_paused = true)]
async fn a_delegation_with_a_pure_check_takes_at_most_eight_messages() {
    let messages = each(100, Verify::equals("4"), 200).await;

    assert!(messages <= 8.0, "{messages} messages for each delegation");
}

#[tokio::test(start_paused = true)]
async fn with_the_pool_it_takes_at_most_ten() {
    let messages = each(100, Verify::function("yes"), 200).await;

    assert!(messages <= 10.0, "{messages} messages for each delegation");
}

#[tokio::test(start_paused = true)]
async fn waiting_for_a_seat_takes_no_message_and_waiting_for_room_a_few() {
    assert!(each(60, Verify::equals("4"), 1).await <= 8.0);

    let full = each(200, Verify::equals("4"), 1).await;
    assert!(full <= 10.0, "{full} messages for each delegation");
}
