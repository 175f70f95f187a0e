//! Seats start no faster than a hundred in a second, over all agents of a runtime.

use std::collections::VecDeque;

use bailiwick::{prelude::*, testing::Stage};
use bailiwick_protocols::{Event, RuntimeEvent};

#[tokio::test(start_paused = true)]
async fn a_crowd_of_seats_starts_a_hundred_a_second_and_everything_is_done() {
    let busy = |name: &'static str| {
        agent_fn(name, [name], |_| async {
            tokio::time::sleep(std::time::Duration::from_secs(30)).await;
            Ok(Output::text("done"))
        })
        .max_concurrent(150)
    };
    let stage = Stage::seeded(1).agent(busy("a")).agent(busy("b")).without_delays().open().await;
    let tasks = |need: &str| (0..125).map(move |n| Task::new(format!("{need}{n}").as_str(), "x")).collect::<Vec<_>>();
    let mut goal = Goal::new("x");
    for need in ["a", "b"] {
        goal = tasks(need).into_iter().fold(goal, |goal, task| goal.task(task.needs_capability(need)));
    }

    let began = stage.now();
    let report = stage.run(goal).await;

    assert_eq!(report.outcome_word(), "unverified", "{}", report.summary());
    let mut starts: Vec<_> = ["a", "b"]
        .into_iter()
        .flat_map(|agent| {
            let all = stage.agent_stream(agent);
            let started = all.into_iter().filter(|e| matches!(e.event, Event::Agent(AgentFact::SeatStarted { .. })));
            started.map(|e| e.at).skip(1).collect::<Vec<_>>()
        })
        .collect();
    starts.sort();
    assert_eq!(starts.len(), 248, "each agent's first is not counted");
    let mut second = VecDeque::new();
    for at in starts {
        second.push_back(at);
        while second.front().is_some_and(|first| at.since(*first).as_millis() >= 1000) {
            second.pop_front();
        }
        assert!(second.len() <= 100, "{} in one second", second.len());
    }
    let all = second.back().unwrap().since(began);
    assert!((2000..4000).contains(&all.as_millis()), "{all:?}");
    let restarted = stage.stream(&bailiwick_protocols::Stream::Runtime);
    assert!(!restarted.iter().any(|e| matches!(e.event, Event::Runtime(RuntimeEvent::ActorRestarted { .. }))));
}
