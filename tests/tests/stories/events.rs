//! Section 13: what is told, in which order, with which cause, and to whom.

use bailiwick::{
    event_line::event_line,
    prelude::*,
    protocols::Stream as LogStream,
    testing::{Stage, Timeline},
};
use bailiwick_tests::*;

fn sum() -> Goal {
    Goal::new("2 + 2").needs_capability("sum").verify(Verify::equals("4"))
}

#[tokio::test(start_paused = true)]
async fn a_plain_goal_is_told_in_eleven_events() {
    let play = open(Stage::seeded(1).agent(says("ada", "sum", "4"))).await;

    let report = play.run(sum()).await;

    let events = play.events(&report);
    assert_eq!(
        kinds(&events),
        [
            "goal_submitted",
            "route_chosen",
            "task_decomposed",
            "agent_selected",
            "task_assigned",
            "task_started",
            "verification_passed",
            "trust_updated",
            "attempt_ended",
            "task_completed",
            "goal_settled",
        ]
    );
    play.timeline(&report).is(golden("one_task"));
}

#[tokio::test(start_paused = true)]
async fn a_refusal_a_retry_and_a_reassignment_are_told_as_they_happened() {
    let locked = says("ada", "sum", "4");
    let wrong = says("bo", "sum", "5").permissions(permissions(&["fs.read:a"])).cost_usd_per_task(0.001);
    let right = says("cy", "sum", "4").permissions(permissions(&["fs.read:a"])).cost_usd_per_task(1.0);
    let play = open(Stage::seeded(2).agent(locked).agent(wrong).agent(right)).await;

    let sum = task("sum", "sum").permissions(permissions(&["fs.read:a"])).retries(1).verify(Verify::equals("4"));
    let report = play.run(Goal::new("2 + 2").task(sum)).await;

    play.timeline(&report).is(golden("refused_retried_reassigned"));
    Timeline::of(&play.agent_stream("bo")).is(golden("the_agent_that_was_wrong_twice"));
}

#[tokio::test(start_paused = true)]
async fn a_diamond_with_a_failure_inside_is_told_as_it_happened() {
    let play = open(
        prompt(3).agent(says("ada", "sum", "4")).agent(slow("bo", "slow", "4", ms(50))).agent(fails("cy", "fail")),
    )
    .await;

    let goal = Goal::new("diamond")
        .task(task("top", "sum").verify(Verify::equals("4")))
        .task(task("left", "slow").after(["top"]))
        .task(task("right", "fail").after(["top"]).retries(0))
        .task(task("bottom", "sum").after(["left"]).optional_after(["right"]))
        .task(task("beside", "sum").after(["right"]));
    let report = play.run(goal).await;

    play.timeline(&report).is(golden("diamond_with_a_failure"));
}

#[tokio::test(start_paused = true)]
async fn a_trip_is_told_to_the_agents_stream_first() {
    let play = open(prompt(4).agent(says("ada", "sum", "5"))).await;

    let report = play.run(sum()).await;

    play.timeline(&report).is(golden("a_trip"));
    Timeline::of(&play.agent_stream("ada")).is(golden("a_trip_at_the_agent"));
}

#[tokio::test(start_paused = true)]
async fn the_same_seed_tells_the_same_story_and_another_seed_may_not() {
    let tell = |seed| async move {
        let team = Stage::seeded(seed)
            .agent(scripted("ada", ["sum"], ["5", "4", "4", "5", "4"].map(ScriptedReply::output)))
            .agent(scripted("bo", ["sum"], ["4", "5"].map(ScriptedReply::output)));
        let play = open(team).await;
        let goal = (0..8)
            .fold(Goal::new("sums"), |goal, n| goal.task(task(&format!("t{n}"), "sum").verify(Verify::equals("4"))));
        let report = play.run(goal).await;
        let lines: Vec<String> = play.events(&report).iter().map(|e| format!("{} {}", e.at, e.event.kind())).collect();
        (play.timeline(&report).to_string(), lines)
    };

    let first = tell(7).await;
    assert_eq!(first, tell(7).await);
    let mut others = Vec::new();
    for seed in 8..16 {
        others.push(tell(seed).await.0);
    }
    assert!(others.iter().any(|other| *other != first.0), "delays show more than one interleaving");
}

#[tokio::test(start_paused = true)]
async fn an_event_says_where_it_stands_and_what_led_to_it() {
    let play = open(Stage::seeded(5).agent(says("ada", "sum", "4"))).await;

    let report = play.run(sum()).await;

    for (index, event) in play.events(&report).iter().enumerate() {
        let line = event_line(event);
        assert_eq!(line["gseq"], index as u64 + 1);
        assert_eq!(line["goal"], report.goal_id.to_string());
        assert!(line["seq"].as_u64().is_some() && line["trace"].is_string());
        assert_eq!(line["v"], if event.event.kind() == "attempt_ended" { 2 } else { 1 });
        if ["task_started", "trust_updated", "verification_passed", "attempt_ended"].contains(&event.event.kind()) {
            assert_eq!((&line["task"], &line["agent"]), (&"goal".into(), &"ada".into()));
            assert_eq!(line["cause"]["stream"], "agent/stage/ada");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_subscriber_that_comes_late_gets_the_past_first_and_then_the_rest() {
    let play = open(prompt(6).agent(slow("ada", "sum", "4", secs(10)))).await;
    let run = play.submit(sum()).await;
    tokio::time::sleep(secs(5)).await;

    let events = run.events();
    let seen: Vec<String> = events.map(|event| event.event.kind().to_owned()).collect().await;

    let report = play.end_of(run.clone()).await;
    assert_eq!(seen, play.events(&report).iter().map(|e| e.event.kind().to_owned()).collect::<Vec<_>>());
    let again: Vec<_> = run.events().collect().await;
    assert_eq!(again.len(), seen.len(), "and once more after the end");
    play.check().await;
}

#[tokio::test(start_paused = true)]
async fn a_subscriber_that_leaves_is_not_missed() {
    let play = open(Stage::seeded(7).agent(says("ada", "sum", "4"))).await;
    let run = play.submit(sum()).await;

    drop(run.events());
    let mut events = run.events();
    events.next().await;
    drop(events);

    assert_eq!(play.end_of(run).await.outcome_word(), "verified");
    play.check().await;
}

#[tokio::test(start_paused = true)]
async fn the_runtime_tells_who_joined_and_who_was_replaced() {
    use bailiwick::actors::root::Child;
    let play = open(Stage::seeded(8).agent(says("ada", "sum", "4")).agent(says("bo", "sum", "4"))).await;

    play.kill(Child::TrustTracker);
    tokio::time::sleep(secs(1)).await;

    let runtime = play.stream(&LogStream::Runtime);
    assert_eq!(kinds(&runtime), ["runtime_started", "agent_added", "agent_added", "actor_restarted"]);
}

#[tokio::test(start_paused = true)]
async fn a_goal_continues_the_trace_of_a_caller_it_is_told_to_trust() {
    let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let told = agent_fn("ada", ["sum"], |task| async move { Ok(Output::text(task.traceparent())) });
    let play = open(Stage::seeded(9).agent(told)).await;

    let report = play.run(Goal::new("x").needs_capability("sum").continue_trace(parent)).await;

    let at_the_agent = report.output().unwrap().as_text().unwrap().to_owned();
    assert!(at_the_agent.starts_with("00-0af7651916cd43dd8448eb211c80319c-"), "{at_the_agent}");
    assert_ne!(at_the_agent, parent, "each attempt is a span of its own");
}
