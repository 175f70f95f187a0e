//! A public storm over the zoo: a thousand goals among faulty agents, and every law holds.
//!
//! `BAILIWICK_ZOO_STORMS=100` runs a hundred of them.

use bailiwick::{
    prelude::*,
    testing::{Stage, zoo::Animal},
};

use super::many::number;

/// Two agents that work, and one animal of each kind beside them.
fn team(seed: u64) -> bailiwick::testing::StageBuilder {
    let works = |name| {
        agent_fn(name, ["dig", "say", "sum"], |task: AgentContext| async move {
            tokio::time::sleep(std::time::Duration::from_millis(150)).await;
            Ok(Report::of(Output::text(format!("done: {}", task.goal()))).charge(Usage::default(), Cost::Known(7)))
        })
        .max_concurrent(4)
    };
    // In virtual time a thread that blocks stops the clock for everybody.
    let animals = Animal::ALL.into_iter().filter(|animal| *animal != Animal::Blocks);
    animals
        .zip(["dig", "say", "sum"].into_iter().cycle())
        .fold(Stage::seeded(seed).agent(works("ada")).agent(works("bo")), |stage, (animal, can)| {
            stage.agent(animal.agent([can]))
        })
}

#[tokio::test(start_paused = true)]
async fn a_thousand_goals_among_a_zoo_of_faulty_agents_leak_nothing_and_cost_what_their_leaves_cost() {
    hush();
    for seed in 1..=number("BAILIWICK_ZOO_STORMS").unwrap_or(1) {
        let stage = team(seed).open().await;

        let aftermath = stage.storm(seed).await.unwrap_or_else(|broken| panic!("{broken}"));

        println!("{seed}: {aftermath}");
        assert_eq!(aftermath.goals, 1_000);
        assert!(aftermath.outcomes.len() > 2 && aftermath.deaths > 20, "a storm: {aftermath}");
        assert!(aftermath.cost.micro_usd() > Some(0), "somebody was paid: {aftermath}");
    }
}

/// Animals that panic are not worth a line on a terminal.
fn hush() {
    let told = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if !panic.payload().downcast_ref::<&str>().is_some_and(|said| said.starts_with("the animal")) {
            told(panic);
        }
    }));
}
