//! Who dies with whom: whoever is killed while work runs, everything finishes, settled once, and nobody is called twice
//! unless the runtime says that an attempt was lost.

use bailiwick::{actors::root::Child, prelude::*, protocols::Code, testing::Stage};
use bailiwick_tests::*;

/// Work for everybody: two agents, functions in the pool, inputs and a goal's contract.
fn goal(n: u64) -> Goal {
    let check = || Verify::function("check");
    let mut goal = Goal::new(format!("goal {n}")).verify(Verify::all([Verify::contains("join"), check()]));
    for step in 0..6 {
        let need = if step % 2 == 0 { "sum" } else { "say" };
        let this = task(&format!("t{step}"), need).effects(Effects::None);
        goal = goal.task(if step % 3 == 0 { this.verify(check()) } else { this.verify(Verify::contains("t")) });
    }
    goal.task(task("join", "sum").after(["t0", "t1", "t2", "t3", "t4", "t5"]).verify(Verify::contains("join")))
}

/// Runs three goals, kills somebody again and again, and counts what was called and what was lost.
async fn killing(seed: u64, kill: impl Fn(&Play, u64), apart: u64) {
    let witness = Witness::new();
    let work = |task: AgentContext| async move {
        tokio::time::sleep(ms(120)).await;
        Ok(Output::text(task.goal()).into())
    };
    let check = verify_async("check", |_| async {
        tokio::time::sleep(ms(60)).await;
        true
    });
    let team = Stage::seeded(seed)
        .agent(witness.agent("ada", "sum", work).max_concurrent(2))
        .agent(witness.agent("bo", "say", work))
        .with(|b| b.verifier(check));
    let play = open(team).await;

    let mut runs = Vec::new();
    for n in 0..3 {
        runs.push(play.submit(goal(n)).await);
    }
    for turn in 0..3 {
        // At most three deaths in thirty seconds are borne by a parent.
        tokio::time::sleep(ms(150 + 61 * seed + apart * turn)).await;
        kill(&play, turn);
    }
    let mut reports = Vec::new();
    for run in runs {
        reports.push(play.end_of(run).await);
    }
    play.check().await;

    let mut lost = 0;
    for report in &reports {
        assert_eq!(report.outcome_word(), "verified", "seed {seed}: {}", report.summary());
        for task in &report.tasks {
            let attempts = task.attempts.len();
            let lost_here =
                task.attempts.iter().filter(|a| a.error().is_some_and(|error| error.code == Code::Lost)).count();
            assert_eq!(attempts, lost_here + 1, "seed {seed}: {} was tried again without being lost", task.id);
            lost += lost_here;
        }
    }
    let called = witness.calls();
    assert!(called >= 21 && called <= 21 + lost, "seed {seed}: {called} calls, {lost} lost");
}

#[tokio::test(start_paused = true)]
async fn a_supervisor_is_killed_while_work_runs() {
    for seed in 0..12 {
        killing(seed, |play, turn| play.kill_supervisor(if turn % 2 == 0 { "ada" } else { "bo" }), 300).await;
    }
}

#[tokio::test(start_paused = true)]
async fn the_actor_of_a_goal_is_killed_while_work_runs() {
    for seed in 0..12 {
        killing(
            seed,
            |play, _| {
                for goal in play.live_goals() {
                    play.kill_goal(goal);
                }
            },
            300,
        )
        .await;
    }
}

#[tokio::test(start_paused = true)]
async fn the_coordinator_is_killed_while_work_runs() {
    for seed in 0..12 {
        killing(seed, |play, _| play.kill(Child::Coordinator), 300).await;
    }
}

#[tokio::test(start_paused = true)]
async fn the_tracker_is_killed_while_work_runs_and_no_lesson_is_lost() {
    for seed in 0..12 {
        killing(seed, |play, _| play.kill(Child::TrustTracker), 170).await;
    }
}

#[tokio::test(start_paused = true)]
async fn the_pool_is_killed_while_work_runs() {
    for seed in 0..12 {
        killing(seed, |play, _| play.kill(Child::VerifierPool), 170).await;
    }
}

#[tokio::test(start_paused = true)]
async fn the_supervisor_of_all_supervisors_is_killed_while_work_runs() {
    for seed in 0..12 {
        killing(seed, |play, _| play.kill(Child::Agents), 300).await;
    }
}

#[tokio::test(start_paused = true)]
async fn everybody_sends_again_what_is_open_and_nothing_happens_twice() {
    for seed in 0..6 {
        killing(seed, |play, _| play.sweep(), 100).await;
    }
}

#[tokio::test(start_paused = true)]
async fn no_lesson_is_lost_however_often_the_tracker_dies() {
    for seed in 0..20 {
        let play = open(Stage::seeded(seed).agent(says("ada", "sum", "4").max_concurrent(2))).await;
        let goal = (0..12)
            .fold(Goal::new("sums"), |goal, n| goal.task(task(&format!("t{n}"), "sum").verify(Verify::equals("4"))));

        let run = play.submit(goal).await;
        for turn in 0..3 {
            tokio::time::sleep(ms(190 + 31 * seed + 97 * turn)).await;
            play.kill(Child::TrustTracker);
        }
        let report = play.end_of(run).await;
        play.check().await;

        assert_eq!(report.outcome_word(), "verified");
        let reading = &play.bailiwick().trust()[0];
        let wanted = 1.0 - 0.5 * 0.9_f64.powi(12);
        assert!(
            (reading.score.get() - wanted).abs() < 1e-9,
            "seed {seed}: {} after twelve successes",
            reading.score.get()
        );
        assert_eq!(reading.evidence, 12.0, "seed {seed}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_core_actor_that_keeps_dying_ends_the_runtime_loudly() {
    let play = open(Stage::seeded(1).agent(scripted("ada", ["sum"], [ScriptedReply::hang()]))).await;
    let run = play.submit(Goal::new("x").needs_capability("sum").timeout(secs(3600))).await;

    for _ in 0..5 {
        tokio::time::sleep(secs(2)).await;
        play.kill(Child::VerifierPool);
    }
    let error = run.await.expect_err("nobody is there to end it").to_string();

    assert!(error.contains("VerifierPool keeps dying"), "{error}");
    let next = play.bailiwick().submit(Goal::new("y")).await.expect_err("nor to take another").to_string();
    assert!(next.contains("the runtime ended"), "{next}");
}

#[tokio::test(start_paused = true)]
async fn a_planner_that_was_asked_is_asked_again_when_its_goal_died_with_the_question() {
    struct Slow(std::sync::Arc<std::sync::atomic::AtomicUsize>);
    impl Planner for Slow {
        async fn plan(&self, _: PlanRequest) -> Result<Plan, String> {
            self.0.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            tokio::time::sleep(secs(5)).await;
            Ok(Plan::of([task("t", "sum")]))
        }
    }
    let asked = std::sync::Arc::<std::sync::atomic::AtomicUsize>::default();
    let planner = Slow(asked.clone());
    let play = open(Stage::seeded(2).agent(says("ada", "sum", "4")).with(|b| b.planner(planner))).await;

    let run = play.submit(Goal::new("x")).await;
    tokio::time::sleep(secs(2)).await;
    play.kill_goal(run.goal_id());
    let report = play.end_of(run).await;
    play.check().await;

    assert_eq!(report.outcome_word(), "unverified");
    assert_eq!(asked.load(std::sync::atomic::Ordering::SeqCst), 2);
}
