//! Attempts that do not come to their own end: each is red, and the trace keeps one root.

use std::time::Duration;

use bailiwick::{
    prelude::*,
    telemetry::{
        names::{event, span as s},
        span::Span,
    },
    testing::Stage,
};

use super::{is_whole, spans};

/// Runs one task of one agent, does something to the Stage after a second, and hands back the trace.
async fn trace_of(agent: bailiwick::actors::agents::AgentSpec, then: impl FnOnce(&Stage)) -> Vec<Span> {
    let stage = Stage::seeded(2).agent(agent).open().await;
    let task = Task::new("t", "do it").needs_capability("work").timeout(Duration::from_secs(5)).retries(0);
    let run = stage.submit(Goal::new("work").task(task)).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    then(&stage);
    run.await.expect("the runtime goes on");
    let all = spans(&stage.log(), 0);
    is_whole(&all);
    all
}

/// The codes of what is red among the attempts, in order, and how many attempts there were.
fn red(all: &[Span]) -> (Vec<&str>, usize) {
    let attempts = || all.iter().filter(|span| span.name.starts_with(s::ATTEMPT));
    (attempts().filter_map(|span| Some(span.error.as_ref()?.0.as_str())).collect(), attempts().count())
}

/// Works for ten seconds at its first attempt, and for one at the next.
fn slow() -> bailiwick::actors::agents::AgentSpec {
    agent_fn("ada", ["work"], |task| async move {
        tokio::time::sleep(Duration::from_secs(if task.attempt() == 1 { 10 } else { 1 })).await;
        Ok(Output::text("done"))
    })
}

#[tokio::test(start_paused = true)]
async fn the_attempt_of_a_seat_that_is_killed_is_red() {
    let all = trace_of(slow(), |stage| stage.kill_seats("ada")).await;

    assert_eq!(red(&all), (vec!["AGENT_ERROR"], 1));
    assert_eq!(
        all.iter().find(|span| span.is_root()).and_then(|root| root.error.as_ref()).map(|e| &*e.0),
        Some("AGENT_ERROR")
    );
}

#[tokio::test(start_paused = true)]
async fn the_attempt_of_an_agent_that_panics_is_red() {
    let all = trace_of(scripted("ada", ["work"], [ScriptedReply::panic()]), |_| {}).await;

    assert_eq!(red(&all), (vec!["AGENT_ERROR"], 1));
}

#[tokio::test(start_paused = true)]
async fn the_attempt_that_is_out_of_time_is_red_and_says_why() {
    let all = trace_of(scripted("ada", ["work"], [ScriptedReply::hang()]), |_| {}).await;

    assert_eq!(red(&all), (vec!["TIMEOUT"], 1));
    let attempt = all.iter().find(|span| span.name.starts_with(s::ATTEMPT)).expect("there was one");
    assert_eq!(attempt.events.iter().map(|said| &*said.name).collect::<Vec<_>>(), [event::CEASING, event::SEAT_DOWN]);
    let grace = Duration::from_secs(2);
    assert_eq!(attempt.end.since(attempt.start), Duration::from_secs(5) + grace, "until it was killed");
}

#[tokio::test(start_paused = true)]
async fn the_attempt_whose_supervisor_dies_is_red_and_the_one_after_it_is_not() {
    let all = trace_of(slow(), |stage| stage.kill_supervisor("ada")).await;

    assert_eq!(red(&all), (vec!["LOST"], 2));
    assert_eq!(all.iter().filter(|span| span.error.is_some()).count(), 1, "the goal was mended");
}

#[tokio::test(start_paused = true)]
async fn a_canceled_attempt_is_nobodys_failure() {
    let stage = Stage::seeded(2).agent(slow()).open().await;
    let run = stage.submit(Goal::new("work").needs_capability("work")).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    run.cancel("never mind");
    run.await.expect("the runtime goes on");

    let all = spans(&stage.log(), 0);
    is_whole(&all);
    assert_eq!(red(&all), (vec![], 1));
    assert!(all.iter().all(|span| span.error.is_none()));
}
