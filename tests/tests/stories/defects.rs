//! The defects known from the systems this runtime replaces: each of these stories would end badly there.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use bailiwick::{prelude::*, testing::Stage};
use bailiwick_tests::*;

#[tokio::test(start_paused = true)]
async fn verification_failure_never_becomes_success() {
    let play = open(Stage::seeded(1).agent(says("ada", "sum", "5"))).await;

    let report = play.run(Goal::new("2 + 2").needs_capability("sum").retries(1).verify(Verify::equals("4"))).await;

    assert_eq!(report.outcome_word(), "not_verified");
    assert_eq!(attempts(&report, "goal"), ["ada not_verified", "ada not_verified"]);
    assert!(report.verified().is_err(), "there is an output, and it is not to be believed");
    let kinds = play.events(&report).iter().map(|e| e.event.kind().to_owned()).collect::<Vec<_>>();
    assert!(!kinds.contains(&"task_completed".to_owned()) && !kinds.contains(&"verification_passed".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn dependants_of_a_failure_do_not_run() {
    let witness = Witness::new();
    let team = Stage::seeded(2).agent(fails("ada", "search")).agent(witness.scripted(
        "bo",
        "write",
        [ScriptedReply::output("a report")],
    ));
    let play = open(team).await;

    let goal = Goal::new("report")
        .task(task("search", "search").retries(0))
        .task(task("write", "write").after(["search"]))
        .task(task("print", "write").after(["write"]));
    let report = play.run(goal).await;

    assert_eq!(witness.calls(), 0);
    let words: Vec<_> = report.tasks.iter().map(|task| task.outcome_word()).collect();
    assert_eq!(words, ["failed", "skipped", "skipped"]);
    assert_eq!(report.outcome_word(), "failed");
}

#[tokio::test(start_paused = true)]
async fn outputs_are_handed_over() {
    let witness = Witness::new();
    let team = Stage::seeded(3).agent(says("ada", "search", "3 sources")).agent(witness.agent(
        "bo",
        "write",
        |task| async move {
            let notes = task.input("search")?.as_text()?.to_owned();
            Ok(Output::text(format!("report from {notes}")).into())
        },
    ));
    let play = open(team).await;

    let goal = Goal::new("report").task(task("search", "search")).task(task("write", "write").after(["search"]));
    let report = play.run(goal).await;

    assert_eq!(report.output(), Some(&Output::text("report from 3 sources")));
    assert_eq!(witness.seen()[0].inputs, [("search".to_owned(), Output::text("3 sources"))]);
}

#[tokio::test(start_paused = true)]
async fn eight_chains_of_four_steps_finish_on_the_critical_path() {
    // Every chain has one long step, each at another place: behind every barrier somebody would wait for a long one.
    let agent = agent_fn("ada", ["step"], |task| async move {
        let (chain, step) = task.task().as_str().split_once('-').map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
        let (chain, step): (u64, u64) = (chain.parse()?, step.parse()?);
        tokio::time::sleep(if (chain + step) % 4 == 0 { ms(800) } else { ms(100) }).await;
        Ok(Output::text(task.task().as_str()))
    });
    let play = open(prompt(4).agent(agent.max_concurrent(8))).await;

    let mut goal = Goal::new("eight chains");
    for chain in 0..8 {
        for step in 0..4 {
            let this = task(&format!("{chain}-{step}"), "step");
            goal = goal.task(if step == 0 { this } else { this.after([format!("{chain}-{}", step - 1)]) });
        }
    }
    let report = play.run(goal).await;

    // 800 + 3 x 100; batches would take 4 x 800.
    assert_eq!(report.duration(), ms(1_100));
    assert_eq!(report.attempts(), 32);
}

#[tokio::test(start_paused = true)]
async fn one_panicking_function_verifier_does_not_sink_the_goal() {
    let team = Stage::seeded(5)
        .agent(says("ada", "sum", "4"))
        .with(|builder| builder.verifier(verify_fn("angry", |_: &Work| -> bool { panic!("I do not like it") })));
    let play = open(team).await;

    let goal = Goal::new("sums")
        .task(task("checked", "sum").verify(Verify::any([Verify::function("angry"), Verify::equals("4")])))
        .task(task("doubted", "sum").verify(Verify::function("angry")))
        .task(task("last", "sum").verify(Verify::equals("4")).optional_after(["checked", "doubted"]));
    let report = play.run(goal).await;

    let words: Vec<_> = report.tasks.iter().map(|task| task.outcome_word()).collect();
    assert_eq!(words, ["verified", "not_verified", "verified"]);
    assert_eq!(report.outcome_word(), "verified");
    assert_eq!(report.task("doubted").unwrap().attempts.len(), 1, "nobody is to blame, so nobody tries again");
}

#[tokio::test(start_paused = true)]
async fn a_panicking_or_slow_subscriber_harms_nobody() {
    let team = prompt(6).agent(slow("ada", "sum", "4", ms(10)));
    let play = open(team).await;

    let run = play.submit(Goal::new("2 + 2").needs_capability("sum").verify(Verify::equals("4"))).await;
    let mut angry = run.events();
    let angry = tokio::spawn(async move {
        angry.next().await;
        panic!("a subscriber gives up");
    });
    let mut slow = run.events();
    let slow = tokio::spawn(async move {
        let mut seen = Vec::new();
        while let Some(event) = slow.next().await {
            tokio::time::sleep(secs(60)).await;
            seen.push(event.event.kind().to_owned());
        }
        seen
    });
    let mut last = run.events();
    let report = play.end_of(run).await;

    assert_eq!(report.duration(), ms(10), "nobody waited for them");
    assert_eq!(report.outcome_word(), "verified");
    assert!(angry.await.is_err());
    let all: Vec<String> = play.events(&report).iter().map(|e| e.event.kind().to_owned()).collect();
    assert_eq!(slow.await.unwrap(), all, "the slow one misses nothing");
    let mut late = Vec::new();
    while let Some(event) = last.next().await {
        late.push(event.event.kind().to_owned());
    }
    assert_eq!(late, all, "a late one gets the past");
    play.check().await;
}

#[tokio::test(start_paused = true)]
async fn a_limit_of_one_seat_is_never_exceeded() {
    let witness = Witness::new();
    let play =
        open(Stage::seeded(7).agent(witness.scripted("ada", "sum", [ScriptedReply::output("4").after(ms(20))]))).await;

    let goal = |name: &str| (0..20).fold(Goal::new(name), |goal, n| goal.task(task(&format!("t{n}"), "sum")));
    let runs = futures::future::join_all((0..5).map(|n| play.submit(goal(&format!("g{n}"))))).await;
    for run in runs {
        assert_eq!(play.end_of(run).await.outcome_word(), "unverified");
    }

    assert_eq!((witness.calls(), witness.most()), (100, 1));
    play.check().await;
}

#[tokio::test(start_paused = true)]
async fn a_plan_listed_in_any_order_is_accepted() {
    let names = ["c", "a", "d", "b"];
    for turn in 0..names.len() {
        let play = open(Stage::seeded(8).agent(echo("ada", "step"))).await;
        let mut order = names;
        order.rotate_left(turn);

        let step = |id: &str| match id {
            "a" => task("a", "step"),
            "b" => task("b", "step").after(["a"]),
            "c" => task("c", "step").after(["a"]),
            _ => task("d", "step").after(["b", "c"]),
        };
        let report = play.run(order.iter().fold(Goal::new("diamond"), |goal, id| goal.task(step(id)))).await;

        assert_eq!(report.output(), Some(&Output::text("d")), "{order:?}");
        let ran = chosen_tasks(&play, &report);
        assert_eq!((ran[0].as_str(), ran[3].as_str()), ("a", "d"), "{order:?}");
    }
}

fn chosen_tasks(play: &Play, report: &GoalReport) -> Vec<String> {
    let events = play.events(report);
    told(&events).filter(|e| e.kind() == "task_assigned").filter_map(|e| Some(e.task()?.to_string())).collect()
}

#[tokio::test(start_paused = true)]
async fn a_hung_closure_is_stopped_at_its_timeout_and_its_late_result_changes_nothing() {
    let late = Arc::new(AtomicBool::new(false));
    let flag = late.clone();
    let hung = agent_fn("ada", ["sum"], move |task| {
        let flag = flag.clone();
        async move {
            if task.attempt() == 1 {
                tokio::time::sleep(secs(100)).await;
                flag.store(true, Ordering::SeqCst);
                return Ok(Output::text("too late"));
            }
            Ok(Output::text("4"))
        }
    });
    let play = open(prompt(9).agent(hung)).await;

    let goal = Goal::new("2 + 2").needs_capability("sum").timeout(secs(10)).verify(Verify::equals("4"));
    let report = play.run(goal).await;
    tokio::time::sleep(secs(200)).await;

    assert_eq!(attempts(&report, "goal"), ["ada failed", "ada verified"]);
    let first = &report.task("goal").unwrap().attempts[0];
    assert_eq!(first.error().unwrap().code, bailiwick::protocols::Code::Timeout);
    assert_eq!(first.duration, secs(12), "its timeout, and a grace of 2 s in which it did not listen");
    assert!(!late.load(Ordering::SeqCst), "the closure was dropped where it stood");
    assert_eq!(report.output(), Some(&Output::text("4")));
    play.check().await;
}

#[tokio::test(start_paused = true)]
async fn the_next_attempt_always_sees_the_trust_of_the_last() {
    for seed in 0..20 {
        let replies = ["x", "4", "x", "4", "4", "x", "x", "4"].map(ScriptedReply::output);
        let play = open(Stage::seeded(seed).agent(scripted("ada", ["sum"], replies))).await;

        let mut goal = Goal::new("sums");
        for n in 0..4 {
            goal = goal.task(task(&format!("t{n}"), "sum").verify(Verify::equals("4")));
        }
        let report = play.run(goal).await;

        let events = play.events(&report);
        let mut trust = 500;
        for (before, after) in trust_moves(&events) {
            assert_eq!(before, trust, "seed {seed}: acted on yesterday's trust");
            trust = after;
        }
        // What the choice saw is what the last lesson left, whenever it began after it.
        let facts = play.agent_stream("ada");
        let (mut known, mut settled) = (0.5, true);
        for fact in bailiwick_tests::facts(&facts) {
            match fact {
                AgentFact::Started { .. } => assert!(std::mem::take(&mut settled), "seed {seed}: begun unsettled"),
                AgentFact::Settled { settlement } => {
                    settled = true;
                    for lesson in &settlement.lessons {
                        assert_eq!(lesson.before.get(), known);
                        known = lesson.after.score.get();
                    }
                }
                _ => {}
            }
        }
    }
}
