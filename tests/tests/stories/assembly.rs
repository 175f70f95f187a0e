//! Section 3, rule 5: how the outputs of the final tasks become one.

use std::sync::{Arc, Mutex};

use bailiwick::{
    actors::planners::{SynthesisRequest, Synthesiser},
    prelude::*,
    testing::{Stage, StageBuilder},
};
use bailiwick_tests::*;
use serde_json::json;

fn team(seed: u64) -> StageBuilder {
    let markdown = agent_fn("mark", ["markdown"], |_| async { Ok(Output::markdown("# M")) });
    Stage::seeded(seed)
        .agent(echo("ada", "text"))
        .agent(scripted("jo", ["json"], [ScriptedReply::output(json!({ "n": 1 }))]))
        .agent(markdown)
        .agent(fails("bad", "fail"))
}

/// Joins with a plus, and remembers what it was asked.
#[derive(Clone, Default)]
struct Plus(Arc<Mutex<Vec<SynthesisRequest>>>);

impl Synthesiser for Plus {
    async fn synthesise(&self, request: SynthesisRequest) -> Result<Output, String> {
        let texts: Vec<_> = request.outputs.iter().map(|(_, output)| output.to_string()).collect();
        let mended = if request.round > 1 { "# Title " } else { "" };
        self.0.lock().unwrap().push(request);
        Ok(Output::text(format!("{mended}{}", texts.join(" + "))))
    }
}

#[tokio::test(start_paused = true)]
async fn one_final_task_stands_as_it_is() {
    let play = open(team(1)).await;

    let goal = Goal::new("x").task(task("a", "text")).task(task("b", "json").after(["a"]));
    assert_eq!(play.run(goal).await.output(), Some(&Output::json(json!({ "n": 1 }))));
}

#[tokio::test(start_paused = true)]
async fn several_texts_are_joined_by_a_blank_line_in_plan_order_whoever_was_first() {
    let team = Stage::seeded(2).agent(slow("late", "late", "first", secs(1))).agent(says("soon", "soon", "second"));
    let play = open(team).await;

    let report = play.run(Goal::new("x").task(task("a", "late")).task(task("b", "soon"))).await;

    assert_eq!(report.output(), Some(&Output::text("first\n\nsecond")));
}

#[tokio::test(start_paused = true)]
async fn markdown_among_texts_makes_markdown() {
    let play = open(team(3)).await;

    let report = play.run(Goal::new("x").task(task("a", "text")).task(task("b", "markdown"))).await;

    assert_eq!(report.output(), Some(&Output::markdown("a\n\n# M")));
}

#[tokio::test(start_paused = true)]
async fn any_json_among_them_makes_an_object_by_task_id() {
    let play = open(team(4)).await;

    let report = play.run(Goal::new("x").task(task("a", "text")).task(task("b", "json"))).await;

    assert_eq!(report.output(), Some(&Output::json(json!({ "a": "a", "b": { "n": 1 } }))));
}

#[tokio::test(start_paused = true)]
async fn a_task_that_another_one_only_would_like_is_not_final() {
    let play = open(team(5)).await;

    let goal = Goal::new("x").task(task("a", "text")).task(task("b", "text").optional_after(["a"]));

    assert_eq!(play.run(goal).await.output(), Some(&Output::text("b")));
}

#[tokio::test(start_paused = true)]
async fn there_is_no_output_unless_all_final_tasks_completed() {
    let play = open(team(6)).await;

    let report = play.run(Goal::new("x").task(task("a", "text")).task(task("bad", "fail").retries(0))).await;

    assert_eq!(report.output(), None);
    assert_eq!(report.task("a").unwrap().output, Some(Output::text("a")), "what there is can be had task by task");
}

#[tokio::test(start_paused = true)]
async fn a_synthesiser_joins_several_and_leaves_one_alone() {
    let plus = Plus::default();
    let play = open(team(7).with(|b| b.synthesiser(plus.clone()))).await;

    let alone = play.run(Goal::new("x").task(task("a", "text"))).await;
    assert_eq!(alone.output(), Some(&Output::text("a")));
    assert!(plus.0.lock().unwrap().is_empty());

    let joined = play.run(Goal::new("x").task(task("a", "text")).task(task("b", "text"))).await;
    assert_eq!(joined.output(), Some(&Output::text("a + b")));
}

#[tokio::test(start_paused = true)]
async fn a_synthesiser_is_asked_once_more_with_the_verdict() {
    let plus = Plus::default();
    let play = open(team(8).with(|b| b.synthesiser(plus.clone()))).await;
    let two = || Goal::new("x").task(task("a", "text")).task(task("b", "text"));

    let mended = play.run(two().verify(Verify::contains("# Title"))).await;
    assert_eq!((mended.outcome_word(), mended.output()), ("verified", Some(&Output::text("# Title a + b"))));
    {
        let asked = plus.0.lock().unwrap();
        assert_eq!(asked.len(), 2);
        assert!(asked[0].verdict.is_none());
        assert!(asked[1].verdict.as_ref().is_some_and(|verdict| !verdict.passed));
    }

    let beyond = play.run(two().verify(Verify::contains("# Summary"))).await;
    assert_eq!(beyond.outcome_word(), "not_verified");
    assert_eq!(plus.0.lock().unwrap().len(), 4, "once more, and no more");
}

#[tokio::test(start_paused = true)]
async fn a_synthesiser_that_panics_fails_the_goal_with_its_words() {
    struct Angry;
    impl Synthesiser for Angry {
        async fn synthesise(&self, _: SynthesisRequest) -> Result<Output, String> {
            panic!("I will not join these")
        }
    }
    let play = open(team(9).with(|b| b.synthesiser(Angry))).await;

    let report = play.run(Goal::new("x").task(task("a", "text")).task(task("b", "text"))).await;

    assert_eq!(report.outcome_word(), "failed");
    assert!(report.outcome().unwrap().to_string().contains("I will not join these"));
}

#[tokio::test(start_paused = true)]
async fn the_goals_contract_is_checked_on_what_was_assembled() {
    let play = open(team(10)).await;

    let goal = Goal::new("x").task(task("a", "text")).task(task("b", "json"));
    let schema = json!({ "required": ["a", "b"], "properties": { "b": { "required": ["n"] } } });
    let report = play.run(goal.verify(Verify::schema(schema))).await;

    assert_eq!(report.outcome_word(), "verified");
    assert!(report.verdict.is_some_and(|verdict| verdict.passed));
}
