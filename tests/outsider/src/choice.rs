//! Stories about who is asked: the best by score, and now and then, where little is at stake, the least known.

use bailiwick::{
    prelude::*,
    protocols::{Event, GoalEvent, event::ChosenBy},
    testing::Stage,
};

fn agent_called(name: &str) -> AgentSpec {
    scripted(name, ["sum"], [ScriptedReply::output("4")])
}

/// Ada is cheap and has done well three times; of bo nothing is known.
async fn ada_is_known(exploration: f64) -> Stage {
    let bo = agent_called("bo").cost_usd_per_task(1.0);
    let stage = Stage::seeded(1).agent(agent_called("ada")).agent(bo).with(|b| b.exploration(exploration));
    let stage = stage.open().await;
    for _ in 0..3 {
        assert_eq!(chosen(&stage, goal(3, Reversibility::Medium)).await, ("ada".to_owned(), ChosenBy::Score));
    }
    stage
}

fn goal(criticality: u8, reversibility: Reversibility) -> Goal {
    let goal = Goal::new("2 + 2").needs_capability("sum").verify(Verify::equals("4"));
    goal.criticality(criticality).reversibility(reversibility)
}

/// Who was asked, and why.
async fn chosen(stage: &Stage, goal: Goal) -> (String, ChosenBy) {
    let report = stage.run(goal).await;
    assert_eq!((report.outcome_word(), report.attempts()), ("verified", 1));
    let stream = stage.goal_stream(report.goal_id);
    let selected = stream.iter().find_map(|recorded| match &recorded.event {
        Event::Goal(GoalEvent::AgentSelected { agent, chosen_by, .. }) => Some((agent.to_string(), *chosen_by)),
        _ => None,
    });
    selected.expect("somebody was asked")
}

#[tokio::test(start_paused = true)]
async fn where_little_is_at_stake_the_least_known_is_tried_as_often_as_the_builder_says() {
    for criticality in [1, 2] {
        let always = ada_is_known(1.0).await;
        let never = ada_is_known(0.0).await;

        let explored = chosen(&always, goal(criticality, Reversibility::High)).await;
        let best = chosen(&never, goal(criticality, Reversibility::High)).await;

        assert_eq!(explored, ("bo".to_owned(), ChosenBy::Exploration));
        assert_eq!(best, ("ada".to_owned(), ChosenBy::Score));
    }
}

#[tokio::test(start_paused = true)]
async fn where_a_mistake_would_cost_nobody_is_tried_out() {
    let stage = ada_is_known(1.0).await;
    for (criticality, reversibility) in [
        (3, Reversibility::High),
        (5, Reversibility::High),
        (1, Reversibility::Medium),
        (1, Reversibility::Low),
        (2, Reversibility::Medium),
    ] {
        let asked = chosen(&stage, goal(criticality, reversibility)).await;

        assert_eq!(asked, ("ada".to_owned(), ChosenBy::Score), "{criticality}, {reversibility:?}");
    }
}
