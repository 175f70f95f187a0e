//! Section 9 as far as a goal's own tasks meet it: what an agent is told it may do, and who is turned away.

use bailiwick::{prelude::*, protocols::Code, testing::Stage};
use bailiwick_tests::*;

fn held(witness: &Witness) -> Vec<String> {
    witness
        .seen()
        .iter()
        .map(|seen| seen.mandate.exercise().iter().map(ToString::to_string).collect::<Vec<_>>().join(" "))
        .collect()
}

#[tokio::test(start_paused = true)]
async fn an_agent_is_told_what_agent_goal_and_task_all_allow() {
    let witness = Witness::new();
    let ada = witness
        .scripted("ada", "sum", [ScriptedReply::output("4")])
        .permissions(permissions(&["fs.read:repo/*", "fs.write:out/*"]));
    let play = open(Stage::seeded(1).agent(ada)).await;

    let goal = Goal::new("x")
        .permissions(permissions(&["fs.read:repo/src/*", "net.get:*"]))
        .task(task("asks", "sum").permissions(permissions(&["fs.read:repo/src/main"])))
        .task(task("silent", "sum").after(["asks"]));
    let report = play.run(goal).await;

    assert_eq!(report.outcome_word(), "unverified");
    assert_eq!(held(&witness), ["fs.read:repo/src/main", "fs.read:repo/src/*"]);
}

#[tokio::test(start_paused = true)]
async fn what_is_missing_is_named_whoever_would_have_had_to_grant_it() {
    let may = |texts: &[&str]| permissions(texts);
    let table = [
        // what the agent may ever hold, what the goal may grant, what the task requires, what is missing
        (may(&["fs.read:*"]), None, may(&["fs.read:a", "fs.write:a"]), "missing fs.write:a"),
        (may(&["fs.read:*"]), Some(may(&["fs.read:docs/*"])), may(&["fs.read:a"]), "missing fs.read:a"),
        (may(&["fs.read:docs/*"]), None, may(&["fs.read:docs"]), "missing fs.read:docs"),
    ];

    for (caps, ceiling, required, missing) in table {
        let witness = Witness::new();
        let ada = witness.scripted("ada", "sum", [ScriptedReply::output("4")]).permissions(caps);
        let play = open(Stage::seeded(2).agent(ada)).await;
        let goal = Goal::new("x").task(task("t", "sum").permissions(required));
        let goal = match ceiling {
            Some(ceiling) => goal.permissions(ceiling),
            None => goal,
        };
        let report = play.run(goal).await;
        assert_eq!((report.outcome_word(), report.code), ("refused", Some(Code::Unauthorized)));
        assert_eq!(report.task("t").unwrap().refusals[0].refusal.to_string(), missing);
        assert_eq!(witness.calls(), 0, "nothing started");
    }
}

#[tokio::test(start_paused = true)]
async fn a_goal_that_is_one_task_requires_what_it_names() {
    let ada = || says("ada", "sum", "4").permissions(permissions(&["fs.read:docs/*"]));
    let play = open(Stage::seeded(6).agent(ada())).await;

    let allowed = play.run(Goal::new("x").needs_capability("sum").permissions(permissions(&["fs.read:docs/a"]))).await;
    let denied = play.run(Goal::new("x").needs_capability("sum").permissions(permissions(&["fs.write:out/*"]))).await;

    assert_eq!(allowed.outcome_word(), "unverified");
    assert_eq!((denied.outcome_word(), denied.code), ("refused", Some(Code::Unauthorized)));
    assert_eq!(denied.tasks[0].refusals[0].refusal.to_string(), "missing fs.write:out/*");
}

#[tokio::test(start_paused = true)]
async fn what_the_team_may_grant_can_be_less_than_what_its_agents_hold() {
    let ada = says("ada", "sum", "4").permissions(permissions(&["fs.read:*"]));
    let play = open(Stage::seeded(3).agent(ada).with(|b| b.grants(permissions(&["fs.read:docs/*"])))).await;

    let allowed = play.run(Goal::new("x").task(task("t", "sum").permissions(permissions(&["fs.read:docs/a"])))).await;
    let denied = play.run(Goal::new("x").task(task("t", "sum").permissions(permissions(&["fs.read:src/a"])))).await;

    assert_eq!((allowed.outcome_word(), denied.outcome_word()), ("unverified", "refused"));
}

#[tokio::test(start_paused = true)]
async fn the_mandate_names_slice_deadline_and_depth() {
    let witness = Witness::new();
    let ada = witness.scripted("ada", "sum", [ScriptedReply::output("4")]).cost_usd_per_task(0.25);
    let play = open(prompt(4).agent(ada)).await;

    play.run(Goal::new("x").needs_capability("sum").budget(usd_micro(1_000_000)).deadline_in(secs(30))).await;

    let mandate = witness.seen()[0].mandate.clone();
    assert_eq!(mandate.slice().micro_usd, Some(250_000), "the slice is what is reserved for this attempt");
    assert_eq!(mandate.deadline(), Some(bailiwick::testing::EPOCH + secs(30)));
    assert_eq!((mandate.depth(), mandate.parent()), (3, None));
}
