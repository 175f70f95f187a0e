//! A task that its agent gives away: the part is the task from then on.

use std::time::Duration;

use bailiwick::{prelude::*, testing::Stage};
use bailiwick_protocols::NotDelegated;

fn goal() -> Goal {
    Goal::new("lead").needs_capability("lead")
}

/// Gives its task to whoever can dig, and says something else itself.
fn giver() -> AgentSpec {
    agent_fn("giver", ["lead"], |task: AgentContext| async move {
        task.transfer("digging", Task::new("x", "dig").needs_capability("dig")).await?;
        Ok(Output::text("mine"))
    })
}

fn digger(said: &str) -> AgentSpec {
    scripted("digger", ["dig"], [ScriptedReply::output(said).after(Duration::from_secs(5))])
}

fn kinds(stage: &Stage, agent: &str) -> Vec<String> {
    stage.agent_stream(agent).iter().map(|recorded| recorded.event.kind().to_owned()).collect()
}

#[tokio::test(start_paused = true)]
async fn the_result_of_the_part_is_the_tasks_and_the_first_agents_report_is_refused() {
    let stage = Stage::seeded(1).agent(giver()).agent(digger("dug")).open().await;

    let report = stage.run(goal().verify(Verify::equals("dug"))).await;

    assert_eq!(report.outcome_word(), "verified", "{}", report.summary());
    assert_eq!(report.output().map(ToString::to_string).as_deref(), Some("dug"));
    assert_eq!(report.attempts(), 2);
    let trust = stage.bailiwick().trust();
    let of = |agent: &str| trust.iter().find(|reading| reading.agent.as_str() == agent).unwrap().score.get();
    assert_eq!(of("giver"), 0.5, "it is not its work");
    assert!(kinds(&stage, "giver").contains(&"transferred".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn the_tasks_own_contract_is_checked_on_the_parts_result() {
    let stage = Stage::seeded(2).agent(giver()).agent(digger("stones")).open().await;

    let report = stage.run(goal().retries(0).verify(Verify::equals("gold"))).await;

    assert_eq!(report.outcome_word(), "not_verified", "{}", report.summary());
    assert_eq!(report.task("goal/digging").unwrap().outcome_word(), "unverified");
    let trust = stage.bailiwick().trust();
    assert!(trust.iter().all(|reading| reading.score.get() == 0.5), "nobody's own check failed: {trust:?}");
}

#[tokio::test(start_paused = true)]
async fn a_part_that_fails_fails_the_task_and_blames_nobody_else() {
    let broken = scripted("digger", ["dig"], [ScriptedReply::error("the spade broke").not_retryable()]);
    let stage = Stage::seeded(3).agent(giver()).agent(broken).open().await;

    let report = stage.run(goal()).await;

    assert_eq!(report.outcome_word(), "failed", "{}", report.summary());
    let text = report.summary().to_string();
    assert!(text.contains("given away as digging: the spade broke"), "{text}");
    let attempts = &report.task("goal").unwrap().attempts;
    assert_eq!(attempts.len(), 1, "it is not tried again by who gave it away: {text}");
}

#[tokio::test(start_paused = true)]
async fn whoever_stays_after_giving_its_task_away_is_dismissed_and_the_seat_is_free_again() {
    let stays = agent_fn("giver", ["lead"], |task: AgentContext| async move {
        if task.goal() == "again" {
            return Ok(Output::text("free"));
        }
        task.transfer("digging", Task::new("x", "dig").needs_capability("dig")).await?;
        std::future::pending::<()>().await;
        Ok(Output::text("never"))
    });
    let stage = Stage::seeded(4).agent(stays).agent(digger("dug")).open().await;

    let first = stage.run(goal()).await;
    let second = stage.run(Goal::new("again").needs_capability("lead")).await;

    assert_eq!(first.output().map(ToString::to_string).as_deref(), Some("dug"), "{}", first.summary());
    assert_eq!(second.output().map(ToString::to_string).as_deref(), Some("free"), "{}", second.summary());
    let entry = stage.entry("giver").unwrap();
    assert_eq!((entry.permits.free(), entry.in_flight()), (65, 0));
}

#[tokio::test(start_paused = true)]
async fn what_is_not_allowed_is_refused_and_the_task_stays_with_its_agent() {
    let tries = agent_fn("giver", ["lead"], |task: AgentContext| async move {
        let refused = |said: Result<(), NotDelegated>| said.err().map(|said| said.to_string()).unwrap_or_default();
        let much = Permissions::parse(["fs.read:*"]).unwrap();
        let beyond = refused(task.transfer("a", Task::new("x", "x").permissions(much)).await);
        let slow = task.delegate("b", Task::new("x", "x").needs_capability("dig"));
        let busy = async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            refused(task.transfer("c", Task::new("x", "x")).await)
        };
        let (slow, busy) = tokio::join!(slow, busy);
        slow?;
        Ok(Output::text(format!("{beyond}; {busy}")))
    });
    let stage = Stage::seeded(5).agent(tries).agent(digger("dug")).open().await;

    let report = stage.run(goal()).await;

    assert_eq!(
        report.output().map(ToString::to_string).as_deref(),
        Some("missing fs.read:*; invalid: parts of the task are still open: wait for them")
    );
}

#[tokio::test(start_paused = true)]
async fn whoever_has_given_its_task_away_uses_nothing_more() {
    let greedy = agent_fn("giver", ["lead"], |task: AgentContext| async move {
        task.transfer("digging", Task::new("x", "dig").needs_capability("dig")).await?;
        assert!(task.is_canceled() || !task.is_canceled());
        let more = task.delegate("more", Task::new("x", "x").needs_capability("dig")).await;
        let twice = task.transfer("digging", Task::new("x", "dig")).await;
        assert!(more.is_err() && twice.is_err(), "{more:?} {twice:?}");
        task.charge(Usage { calls: 7, ..Usage::default() }, Cost::FREE);
        Ok(Output::text("mine"))
    });
    let stage = Stage::seeded(6).agent(greedy).agent(digger("dug")).open().await;

    let report = stage.run(goal()).await;

    assert_eq!(report.output().map(ToString::to_string).as_deref(), Some("dug"), "{}", report.summary());
    assert!(!kinds(&stage, "giver").contains(&"seat_down".to_owned()), "nothing panicked");
}

#[tokio::test(start_paused = true)]
async fn a_goal_that_is_canceled_ends_what_was_given_away() {
    let hangs = scripted("digger", ["dig"], [ScriptedReply::hang()]);
    let stage = Stage::seeded(7).agent(giver()).agent(hangs).open().await;

    let run = stage.submit(goal()).await;
    tokio::time::sleep(Duration::from_secs(10)).await;
    run.cancel("enough");
    let report = run.await.unwrap();

    assert_eq!(report.outcome_word(), "canceled", "{}", report.summary());
    assert_eq!(report.task("goal/digging").unwrap().outcome_word(), "canceled");
    for agent in ["giver", "digger"] {
        tokio::time::sleep(Duration::from_secs(60)).await;
        assert_eq!(stage.entry(agent).unwrap().in_flight(), 0, "{agent}");
    }
}
