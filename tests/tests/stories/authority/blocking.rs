//! Agents that block their thread, in real time: virtual time stands still while a thread works.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bailiwick::prelude::*;
use bailiwick_actors::policies::threads::THREADS_MAX;
use bailiwick_protocols::NotDelegated;

#[tokio::test]
async fn a_function_that_blocks_works_hands_on_and_panics_like_any_agent() {
    let boss = agent_blocking("boss", ["lead"], |task: AgentContext| {
        let part = task.wait(task.delegate("part", Task::new("x", "x").needs_capability("dig")));
        let text = part?.output()?.as_text()?.to_owned();
        Ok::<_, AgentError>(Output::text(format!("{text} on {:?}", std::thread::current().name().is_some())))
    });
    let falls = agent_blocking("falls", ["fall"], |_| -> Result<Output, AgentError> { panic!("it fell") });
    let digger = scripted("digger", ["dig"], [ScriptedReply::output("dug")]);
    let team = Bailiwick::builder().agent(boss).agent(falls).agent(digger).start().await.unwrap();

    let led = team.submit(Goal::new("x").needs_capability("lead")).await.unwrap().await.unwrap();
    let fallen = team.submit(Goal::new("x").needs_capability("fall").retries(0)).await.unwrap().await.unwrap();

    assert_eq!(led.output().map(ToString::to_string).as_deref(), Some("dug on true"), "{}", led.summary());
    assert!(fallen.summary().to_string().contains("panic: it fell"), "{}", fallen.summary());
    team.shutdown().await.unwrap();
}

#[tokio::test]
async fn who_leaves_eight_threads_behind_is_left_alone_until_they_end() {
    let open = Arc::new(AtomicBool::new(false));
    let gate = open.clone();
    let stuck = agent_blocking("stuck", ["wait"], move |_| {
        while !gate.load(Ordering::Relaxed) {
            std::thread::park_timeout(Duration::from_millis(5));
        }
        Ok::<_, AgentError>(Output::text("at last"))
    })
    .max_concurrent(THREADS_MAX);
    let team = Bailiwick::builder().agent(stuck).start().await.unwrap();
    // A breaker would speak first; what is told here is the policy's own word.
    let task = |n: u32| Task::new(format!("t{n}").as_str(), "x").timeout(Duration::from_millis(50)).retries(0);
    let goal = (0..THREADS_MAX).fold(Goal::new("x"), |goal, n| goal.task(task(n)));

    let report = team.submit(goal).await.unwrap().await.unwrap();
    let left = |word: &str| {
        let said = team.breakers();
        format!("{word}: {said:?}")
    };
    assert_eq!(report.attempts(), THREADS_MAX as usize, "{}", left("all were tried"));
    team.release("stuck", "a test");
    // That a thread was left behind is heard of after the attempt's end; who comes in between is tried as well.
    let brief = || Goal::new("x").timeout(Duration::from_millis(50)).retries(0);
    let says_so = |report: &GoalReport| report.summary().to_string().contains("threads still run work that was killed");
    let mut isolated = team.submit(brief()).await.unwrap().await.unwrap();
    for _ in 0..40 {
        if isolated.outcome_word() == "refused" && says_so(&isolated) {
            break;
        }
        team.release("stuck", "a test");
        isolated = team.submit(brief()).await.unwrap().await.unwrap();
    }
    open.store(true, Ordering::Relaxed);
    let mut free = team.submit(Goal::new("x")).await.unwrap().await.unwrap();
    for _ in 0..100 {
        if free.outcome_word() == "unverified" {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
        team.release("stuck", "a test");
        free = team.submit(Goal::new("x")).await.unwrap().await.unwrap();
    }

    assert_eq!(isolated.outcome_word(), "refused", "{}", isolated.summary());
    assert!(says_so(&isolated), "{}", isolated.summary());
    assert_eq!(free.output().map(ToString::to_string).as_deref(), Some("at last"), "{}", free.summary());
    team.shutdown().await.unwrap();
}

#[tokio::test]
async fn whoever_listens_when_told_to_stop_leaves_no_thread_behind() {
    let listens = agent_blocking("listens", ["wait"], |task: AgentContext| {
        while !task.is_canceled() {
            std::thread::park_timeout(Duration::from_millis(5));
        }
        Err::<Output, _>(AgentError::new("stopped"))
    });
    let threads = listens.agent.threads().unwrap();
    let team = Bailiwick::builder().agent(listens).start().await.unwrap();

    let goal = Goal::new("x").timeout(Duration::from_millis(50)).retries(0);
    let report = team.submit(goal).await.unwrap().await.unwrap();

    assert_eq!(report.to_json()["code"], "TIMEOUT", "{}", report.summary());
    assert_eq!(format!("{threads:?}"), "Threads(0)");
    team.shutdown().await.unwrap();
}

#[test]
fn what_a_refused_part_says_is_an_error_like_any_other() {
    // `?` in a blocking function turns it into the agent's own error.
    let error: AgentError = NotDelegated::Refused(Refusal::Draining).into();

    assert_eq!(error, AgentError::new("draining"));
}
