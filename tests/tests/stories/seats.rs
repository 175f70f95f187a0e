//! Section 14 as far as goals meet it: seats are replaced, let go, and never more than there may be.

use bailiwick::{
    prelude::*,
    protocols::{GoalEvent, event::SeatEnd},
    testing::Stage,
};
use bailiwick_tests::*;

#[tokio::test(start_paused = true)]
async fn seats_start_when_work_waits_and_go_after_thirty_idle_seconds() {
    let play = open(prompt(1).agent(slow("ada", "sum", "4", secs(1)).max_concurrent(3))).await;
    let count = |kind: &str| play.agent_stream("ada").iter().filter(|fact| fact.event.kind() == kind).count();
    assert_eq!(count("seat_started"), 0);

    let goal = (0..2).fold(Goal::new("x"), |goal, n| goal.task(task(&format!("t{n}"), "sum")));
    play.run(goal.clone()).await;
    assert_eq!((count("seat_started"), count("seat_down")), (2, 0));
    tokio::time::sleep(secs(40)).await;
    assert_eq!(count("seat_down"), 2);

    let facts = play.agent_stream("ada");
    let idle = facts_of(&facts).filter(|fact| matches!(fact, AgentFact::SeatDown { why: SeatEnd::Idle, .. })).count();
    assert_eq!(idle, 2);
    play.run(goal).await;
    assert_eq!(count("seat_started"), 4, "and come again when they are wanted");
}

fn facts_of(events: &[std::sync::Arc<bailiwick::protocols::Recorded>]) -> impl Iterator<Item = &AgentFact> {
    facts(events)
}

#[tokio::test(start_paused = true)]
async fn a_panic_takes_its_attempt_only() {
    let ada = agent_fn("ada", ["sum"], |task| async move {
        tokio::time::sleep(secs(1)).await;
        if task.goal() == "t0" && task.attempt() == 1 {
            panic!("not my day")
        }
        tokio::time::sleep(secs(1)).await;
        Ok(Output::text(task.goal()))
    });
    let play = open(prompt(2).agent(ada.max_concurrent(4))).await;

    let goal = (0..4).fold(Goal::new("x"), |goal, n| goal.task(task(&format!("t{n}"), "sum")));
    let report = play.run(goal).await;

    let attempts: Vec<usize> = report.tasks.iter().map(|task| task.attempts.len()).collect();
    assert_eq!(attempts, [2, 1, 1, 1]);
    assert_eq!(report.outcome_word(), "unverified");
}

#[tokio::test(start_paused = true)]
async fn a_seat_of_a_canceled_goal_did_not_fail() {
    let play = open(prompt(3).agent(scripted("ada", ["sum"], [ScriptedReply::hang()]))).await;

    for _ in 0..8 {
        let run = play.submit(Goal::new("x").needs_capability("sum")).await;
        tokio::time::sleep(secs(1)).await;
        run.cancel("enough");
        play.end_of(run).await;
    }

    assert!(play.bailiwick().breakers().is_empty(), "eight seats went down, none by its own fault");
    let facts = play.agent_stream("ada");
    let dismissed =
        facts_of(&facts).filter(|fact| matches!(fact, AgentFact::SeatDown { why: SeatEnd::Dismissed, .. })).count();
    assert_eq!(dismissed, 8);
    play.check().await;
}

#[tokio::test(start_paused = true)]
async fn while_a_seat_is_being_killed_its_place_is_not_given_away() {
    let witness = Witness::new();
    let replies = [ScriptedReply::hang(), ScriptedReply::output("4").after(ms(100))];
    let play = open(Stage::seeded(4).agent(witness.scripted("ada", "sum", replies))).await;

    let goal = (0..5).fold(Goal::new("x"), |goal, n| goal.task(task(&format!("t{n}"), "sum").timeout(secs(2))));
    let report = play.run(goal).await;

    assert_eq!(report.outcome_word(), "unverified");
    assert_eq!(witness.most(), 1);
    let events = play.events(&report);
    let ended = told(&events).filter(|event| matches!(event, GoalEvent::AttemptEnded { .. })).count();
    assert_eq!(ended, 6);
}
