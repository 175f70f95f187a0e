//! Deadlines, cancellation, draining, shutdown: what ends when, and that nothing is called afterwards.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use bailiwick::{
    prelude::*,
    protocols::{Code, Outcome},
    testing::Stage,
};
use bailiwick_tests::*;

fn many(count: usize) -> Goal {
    (0..count).fold(Goal::new("many"), |goal, n| goal.task(task(&format!("t{n}"), "sum")))
}

#[tokio::test(start_paused = true)]
async fn at_the_deadline_everything_ends_as_expired() {
    let witness = Witness::new();
    let play = open(prompt(1).agent(witness.scripted("ada", "sum", [ScriptedReply::output("4").after(secs(4))]))).await;

    let report = play.run(many(5).deadline_in(secs(10))).await;

    assert_eq!((report.outcome_word(), report.code), ("expired", Some(Code::Expired)));
    let words: Vec<_> = report.tasks.iter().map(|task| task.outcome_word()).collect();
    assert_eq!(words, ["unverified", "unverified", "expired", "expired", "expired"]);
    assert_eq!(witness.calls(), 3);
    assert!(report.duration() >= secs(10) && report.duration() <= secs(12), "10 s and at most a grace of 2");
    assert!(report.trust.is_empty(), "the deadline is the goal's, not the agent's");
    tokio::time::sleep(secs(100)).await;
    assert_eq!(witness.calls(), 3);
}

#[tokio::test(start_paused = true)]
async fn the_deadline_bounds_back_off_and_verification_too() {
    let silent = verify_async("silent", |_| std::future::pending::<bool>());
    let team = prompt(2).agent(says("ada", "sum", "4")).agent(fails("bo", "fail")).with(|b| b.verifier(silent));
    let play = open(team).await;

    let goal = Goal::new("x").task(task("verify", "sum").verify(Verify::function("silent")));
    let report = play.run(goal.deadline_in(secs(5))).await;
    assert_eq!((report.outcome_word(), report.duration()), ("expired", secs(5)));

    let goal = Goal::new("x").task(task("retry", "fail").retries(9));
    let report = play.run(goal.deadline_in(ms(50))).await;
    assert_eq!((report.outcome_word(), report.duration()), ("expired", ms(50)));
}

#[tokio::test(start_paused = true)]
async fn a_deadline_that_passes_while_nobody_has_begun_starts_nothing() {
    let witness = Witness::new();
    let play =
        open(prompt(3).agent(witness.scripted("ada", "sum", [ScriptedReply::output("4").after(secs(30))]))).await;
    let first = play.submit(many(1)).await;
    tokio::time::sleep(ms(10)).await;

    let late = play.run_to_its_end(many(3).deadline_in(secs(5))).await;

    assert_eq!((late.outcome_word(), late.attempts()), ("expired", 0));
    assert_eq!(play.end_of(first).await.outcome_word(), "unverified");
    assert_eq!(witness.calls(), 1);
    play.check().await;
}

#[tokio::test(start_paused = true)]
async fn after_a_cancellation_is_acknowledged_nobody_is_called_for_the_goal() {
    for seed in 0..8 {
        let (witness, examined) = (Witness::new(), Arc::new(AtomicUsize::new(0)));
        let count = examined.clone();
        let check = verify_async("check", move |_| {
            count.fetch_add(1, Ordering::SeqCst);
            async {
                tokio::time::sleep(ms(30)).await;
                true
            }
        });
        let ada = witness.scripted("ada", "sum", [ScriptedReply::output("4").after(ms(40))]).max_concurrent(3);
        let play = open(Stage::seeded(seed).agent(ada).with(|b| b.verifier(check))).await;
        let goal = (0..100).fold(Goal::new("many"), |goal, n| {
            goal.task(task(&format!("t{n}"), "sum").verify(Verify::function("check")))
        });

        let run = play.submit(goal).await;
        tokio::time::sleep(ms(300 + 53 * seed)).await;
        run.cancel("enough");
        let report = play.end_of(run).await;
        let then = (witness.calls(), examined.load(Ordering::SeqCst), witness.running());
        tokio::time::sleep(secs(600)).await;

        assert_eq!((report.outcome_word(), report.code), ("canceled", Some(Code::Canceled)), "seed {seed}");
        assert_eq!(report.outcome().unwrap().to_string(), "canceled: enough");
        let now = (witness.calls(), examined.load(Ordering::SeqCst), witness.running());
        assert_eq!(now, then, "seed {seed}: somebody was called after the end");
        assert_eq!(then.2, 0, "seed {seed}: nobody is at work any more");
        play.check().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_check_that_was_on_its_way_when_the_goal_was_canceled_is_not_made() {
    for seed in 0..60 {
        let examined = Arc::new(AtomicUsize::new(0));
        let count = examined.clone();
        let check = verify_async("check", move |_| {
            count.fetch_add(1, Ordering::SeqCst);
            async { true }
        });
        let play = open(Stage::seeded(seed).agent(says("ada", "sum", "4")).with(|b| b.verifier(check))).await;

        let goal = Goal::new("x").needs_capability("sum").verify(Verify::function("check"));
        let run = play.submit(goal).await;
        tokio::time::sleep(ms(seed)).await;
        run.cancel("enough");
        play.end_of(run).await;
        let then = examined.load(Ordering::SeqCst);
        play.check().await;

        assert_eq!(examined.load(Ordering::SeqCst), then, "seed {seed}: a check was made after the end");
    }
}

#[tokio::test(start_paused = true)]
async fn a_cancellation_is_graceful_to_who_listens_and_kills_who_does_not() {
    let polite = agent_fn("polite", ["polite"], |task| async move {
        task.canceled().await;
        Ok(Output::text("I stopped"))
    });
    let deaf = scripted("deaf", ["deaf"], [ScriptedReply::hang()]);

    let play = open(prompt(4).agent(polite).agent(deaf)).await;
    for (need, after) in [("polite", ms(0)), ("deaf", secs(2))] {
        let run = play.submit(Goal::new("x").needs_capability(need)).await;
        tokio::time::sleep(secs(1)).await;
        run.cancel("enough");
        let report = play.end_of(run).await;
        assert_eq!((report.outcome_word(), report.duration()), ("canceled", secs(1) + after));
        assert_eq!(report.output(), None, "what comes after a cancellation is no result");
    }
    play.check().await;
}

#[tokio::test(start_paused = true)]
async fn a_cancellation_just_before_the_deadline_ends_too() {
    // The deadline passes while a canceled goal waits for somebody deaf.
    let play = open(prompt(5).agent(scripted("deaf", ["sum"], [ScriptedReply::hang()]))).await;

    let run = play.submit(many(2).deadline_in(secs(10))).await;
    tokio::time::sleep(secs(9)).await;
    run.cancel("enough");
    let report = play.end_of(run).await;

    assert_eq!((report.outcome_word(), report.duration()), ("canceled", secs(11)));
    let events = play.events(&report);
    assert!(!kinds(&events).contains(&"deadline_passed"), "who cancels decides");
    play.check().await;
}

#[tokio::test(start_paused = true)]
async fn draining_lets_what_runs_end_and_starts_nothing_new() {
    let witness = Witness::new();
    let ada = witness.scripted("ada", "sum", [ScriptedReply::output("4").after(secs(10))]).max_concurrent(2);
    let play = open(prompt(6).agent(ada)).await;

    let run = play.submit(many(6)).await;
    tokio::time::sleep(secs(5)).await;
    run.drain();
    let report = play.end_of(run).await;

    let words: Vec<_> = report.tasks.iter().map(|task| task.outcome_word()).collect();
    assert_eq!(words, ["unverified", "unverified", "canceled", "canceled", "canceled", "canceled"]);
    assert_eq!((report.outcome_word(), report.duration(), witness.calls()), ("canceled", secs(10), 2));
    play.check().await;
}

#[tokio::test(start_paused = true)]
async fn what_failed_while_draining_is_not_tried_again() {
    let play = open(prompt(7).agent(scripted("ada", ["sum"], [ScriptedReply::error("boom").after(secs(10))]))).await;

    let run = play.submit(many(1)).await;
    tokio::time::sleep(secs(5)).await;
    run.drain();
    let report = play.end_of(run).await;

    assert_eq!(attempts(&report, "t0"), ["ada failed"]);
    assert_eq!(report.outcome_word(), "canceled");
    play.check().await;
}

#[tokio::test(start_paused = true)]
async fn a_drain_can_be_hurried_by_a_cancellation_and_by_the_deadline() {
    let play = open(prompt(8).agent(scripted("deaf", ["sum"], [ScriptedReply::hang()]))).await;

    let run = play.submit(many(1).timeout(secs(3600))).await;
    tokio::time::sleep(secs(5)).await;
    run.drain();
    tokio::time::sleep(secs(5)).await;
    run.cancel("enough");
    assert_eq!(play.end_of(run).await.duration(), secs(12));

    let run = play.submit(many(1).timeout(secs(3600)).deadline_in(secs(20))).await;
    tokio::time::sleep(secs(5)).await;
    run.drain();
    let report = play.end_of(run).await;
    assert_eq!((report.outcome_word(), report.duration()), ("canceled", secs(22)), "the deadline bounds everything");
    play.check().await;
}

#[tokio::test(start_paused = true)]
async fn shutdown_cancels_what_lives_and_says_who_did_it() {
    let stage = prompt(9).agent(scripted("polite", ["sum"], [ScriptedReply::hang()])).open().await;
    let run = stage.submit(many(2)).await;
    tokio::time::sleep(secs(1)).await;

    let report = tokio::spawn(run.into_future());
    stage.into_bailiwick().shutdown().await.unwrap();

    let report = report.await.unwrap().unwrap();
    assert!(matches!(report.outcome(), Some(Outcome::Canceled { .. })));
    assert_eq!(report.outcome().unwrap().to_string(), "canceled by shutdown");
}

#[tokio::test]
async fn code_that_never_awaits_cannot_be_killed_and_harms_nobody_else() {
    // In real time: a thread cannot be paused. The blocking agent keeps one thread of the agents' runtime.
    let blocking = agent_fn("stone", ["block"], |_| async {
        #[allow(clippy::disallowed_methods, reason = "code that never awaits is what the story is about")]
        std::thread::sleep(std::time::Duration::from_millis(2_600));
        Ok(Output::text("too late"))
    });
    let bailiwick = Bailiwick::builder().agent(blocking).agent(says("ada", "sum", "4")).start().await.unwrap();

    let stone = Goal::new("x").needs_capability("block").timeout(ms(50)).retries(0).verify(Verify::contains("late"));
    let stone = bailiwick.submit(stone).await.unwrap();
    let quick = bailiwick.submit(Goal::new("2 + 2").needs_capability("sum")).await.unwrap().await.unwrap();
    let stone = stone.await.unwrap();

    assert!(quick.duration() < secs(1));
    assert_eq!((stone.outcome_word(), stone.code), ("failed", Some(Code::Timeout)));
    assert!(stone.duration() < ms(2_500), "its timeout and 2 s of grace: {:?}", stone.duration());
    tokio::time::sleep(ms(700)).await;
    let after = stone.task("goal").unwrap();
    assert_eq!(after.output, None, "the late result changes nothing");
    bailiwick.shutdown().await.unwrap();
}
