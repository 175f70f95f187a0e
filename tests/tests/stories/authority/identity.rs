//! Nobody acts in the name of another attempt, and nobody fills the log by talking.

use std::sync::{Arc, Mutex};

use bailiwick::{prelude::*, testing::Stage};
use bailiwick_protocols::NotDelegated;
use bailiwick_tests::{facts, open};

#[tokio::test(start_paused = true)]
async fn what_an_ended_attempt_still_wants_is_not_done_in_the_name_of_the_next() {
    let kept: Arc<Mutex<Option<AgentContext>>> = Arc::default();
    let shelf = kept.clone();
    let ada = agent_fn("ada", ["work"], move |task: AgentContext| {
        let old = shelf.lock().unwrap().replace(task.clone());
        async move {
            let Some(old) = old else { return Ok(Output::text("first")) };
            old.charge(Usage::default(), Cost::from_usd(5.0));
            let part = old.delegate("part", Task::new("part", "x").needs_capability("dig")).await;
            let refused = matches!(part, Err(NotDelegated::Refused(Refusal::Draining)));
            Ok(Output::text(if refused { "turned away" } else { "done in its name" }))
        }
    });
    let digger = agent_fn("digger", ["dig"], |_| async { Ok(Output::text("dug")) });
    let play = open(Stage::seeded(1).agent(ada).agent(digger)).await;
    let work = || Goal::new("x").needs_capability("work");

    let first = play.run(work()).await;
    let second = play.run(work()).await;

    assert_eq!(second.output().unwrap().to_string(), "turned away", "{}", second.summary());
    assert_eq!((first.cost, second.cost), (Cost::FREE, Cost::FREE), "neither is charged for it");
    assert_eq!(second.tasks.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn who_talks_without_end_is_noted_a_thousand_times_and_pays_for_all_of_it() {
    let ada = agent_fn("ada", ["work"], |task: AgentContext| async move {
        for n in 0..5_000 {
            task.progress(format!("note {n}"));
            task.charge(Usage::default(), Cost::Known(1));
        }
        Ok(Output::text("done"))
    });
    let play = open(Stage::seeded(2).agent(ada)).await;

    let report = play.run(Goal::new("x").needs_capability("work")).await;

    let stream = play.agent_stream("ada");
    let notes = |fact: &&AgentFact| matches!(fact, AgentFact::Progressed { .. } | AgentFact::Charged { .. });
    assert_eq!(facts(&stream).filter(notes).count(), 1_000);
    assert_eq!(report.cost, Cost::Known(5_000));
}
