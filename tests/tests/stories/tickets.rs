//! Section 4, tickets, and section 14: what happens when everybody is full.

use bailiwick::{prelude::*, testing::Stage};
use bailiwick_tests::*;

#[tokio::test(start_paused = true)]
async fn more_tasks_than_permits_wait_on_one_ticket_and_all_are_done() {
    let witness = Witness::new();
    let play =
        open(Stage::seeded(1).agent(witness.scripted("ada", "a", [ScriptedReply::output("ok").after(ms(3))]))).await;

    let goal = (0..150).fold(Goal::new("many"), |goal, n| goal.task(task(&format!("t{n}"), "a")));
    let report = play.run(goal).await;

    assert_eq!(report.outcome_word(), "unverified");
    assert_eq!((witness.calls(), witness.most()), (150, 1));
    assert_eq!(report.attempts(), 150, "each was tried once; being full is no refusal that is listed");
    assert!(report.tasks.iter().all(|task| task.refusals.is_empty()));
}

#[tokio::test(start_paused = true)]
async fn a_full_agent_holds_one_permit_for_each_running_and_sixty_four_waiting() {
    let play = open(prompt(2).agent(slow("ada", "a", "ok", secs(1)).max_concurrent(3))).await;
    assert_eq!(play.entry("ada").unwrap().permits.free(), 67);

    let run = play.submit((0..100).fold(Goal::new("many"), |goal, n| goal.task(task(&format!("t{n}"), "a")))).await;
    tokio::time::sleep(ms(500)).await;
    let entry = play.entry("ada").unwrap();
    assert_eq!((entry.permits.free(), entry.in_flight()), (0, 67));

    assert_eq!(play.end_of(run).await.outcome_word(), "unverified");
    play.check().await;
}

#[tokio::test(start_paused = true)]
async fn a_goal_of_one_is_not_kept_waiting_behind_a_goal_of_two_hundred_and_fifty_six() {
    for seed in 0..2 {
        let play = open(prompt(seed).agent(slow("ada", "a", "ok", ms(100)).max_concurrent(2))).await;
        let large = (0..256).fold(Goal::new("large"), |goal, n| goal.task(task(&format!("t{n}"), "a")));

        let large = play.submit(large).await;
        tokio::time::sleep(secs(1)).await;
        let small = play.submit(Goal::new("small").needs_capability("a")).await;
        let small = play.end_of(small).await;

        // 66 permits were out when it came; behind them stood its ticket, next to one of the large goal.
        let bound = ms(100) * 66 / 2 + ms(100) * 4;
        assert!(small.duration() <= bound, "seed {seed}: waited {:?}", small.duration());
        assert_eq!(play.end_of(large).await.outcome_word(), "unverified");
        play.check().await;
    }
}

#[tokio::test(start_paused = true)]
async fn room_is_given_in_proportion_to_priority() {
    let witness = Witness::new();
    let ada = witness.scripted("ada", "a", [ScriptedReply::output("ok").after(ms(200))]);
    let play = open(Stage::seeded(3).agent(ada)).await;
    let goal = |name: &str, priority: u8| {
        (0..200).fold(Goal::new(name).priority(priority), |goal, n| goal.task(task(&format!("{name}{n}"), "a")))
    };

    // The first fills the house; the others find it full and take a ticket each.
    let first = play.submit(goal("first", 3)).await;
    tokio::time::sleep(ms(100)).await;
    let heavy = play.submit(goal("heavy", 4)).await;
    let light = play.submit(goal("light", 1)).await;
    for run in [first, heavy, light] {
        assert_eq!(play.end_of(run).await.outcome_word(), "unverified");
    }

    // In the stretch where all three wait, service goes 3 : 4 : 1.
    let seen = witness.seen();
    let stretch = &seen[70..230];
    let share = |name: &str| stretch.iter().filter(|seen| seen.task.starts_with(name)).count();
    let shares = [share("first"), share("heavy"), share("light")];
    for (share, wanted) in shares.into_iter().zip([60_i64, 80, 20]) {
        assert!((share as i64 - wanted).abs() <= 6, "{shares:?}");
    }
    play.check().await;
}

#[tokio::test(start_paused = true)]
async fn what_waits_for_one_agent_goes_on_when_another_took_what_waited_before_it() {
    // Tasks that either may do stand in the queue before tasks that only ada may do. Room at ada may find its task
    // served by bo: the permit must then go to whoever waits behind it.
    for seed in 0..6 {
        let team = Stage::seeded(seed)
            .agent(scripted("ada", ["both", "only"], [ScriptedReply::output("ok").after(ms(7))]))
            .agent(scripted("bo", ["both"], [ScriptedReply::output("ok").after(ms(5))]).max_concurrent(4));
        let play = open(team).await;

        let goal = (0..80).fold(Goal::new("mixed"), |goal, n| {
            goal.task(task(&format!("b{n}"), "both")).task(task(&format!("o{n}"), "only"))
        });
        let report = play.run(goal).await;

        assert_eq!(report.outcome_word(), "unverified", "seed {seed}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_goal_that_ends_gives_its_tickets_back() {
    let play = open(Stage::seeded(4).agent(slow("ada", "a", "ok", ms(50)))).await;
    let many = |name: &str| (0..100).fold(Goal::new(name), |goal, n| goal.task(task(&format!("t{n}"), "a")));

    let first = play.submit(many("first")).await;
    let second = play.submit(many("second")).await;
    tokio::time::sleep(secs(1)).await;
    first.cancel("enough");
    assert_eq!(play.end_of(first).await.outcome_word(), "canceled");
    assert_eq!(play.end_of(second).await.outcome_word(), "unverified");

    play.check().await;
}
