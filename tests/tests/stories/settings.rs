//! Section 1: what a task inherits, and what it is without a word.

use bailiwick::{
    prelude::*,
    protocols::{Delegation, GoalEvent, TaskSpec},
    testing::Stage,
};
use bailiwick_tests::*;

fn spec(play: &Play, report: &GoalReport, id: &str) -> TaskSpec {
    let events = play.events(report);
    let found = told(&events).find_map(|event| match event {
        GoalEvent::TaskDecomposed { tasks, .. } => tasks.iter().find(|task| task.id == *id).map(|t| (**t).clone()),
        _ => None,
    });
    found.expect("the task is in the plan")
}

fn delegation(play: &Play, agent: &str) -> Delegation {
    let events = play.agent_stream(agent);
    let found = facts(&events).find_map(|fact| match fact {
        AgentFact::Admitted { delegation } => Some((**delegation).clone()),
        _ => None,
    });
    found.expect("somebody was let in")
}

#[tokio::test(start_paused = true)]
async fn without_a_word_a_task_is_of_the_middle_kind() {
    let play = open(Stage::seeded(1).agent(echo("ada", "sum"))).await;

    let report = play.run(Goal::new("2 + 2").task(task("sum", "sum"))).await;

    let spec = spec(&play, &report, "sum");
    assert_eq!([spec.priority, spec.complexity, spec.criticality], [3, 3, 3]);
    assert_eq!((spec.reversibility, spec.effects), (Reversibility::Medium, Effects::Idempotent));
    assert_eq!((spec.retries, spec.timeout), (2, secs(60)));
    assert!(spec.required.is_empty() && spec.metadata.is_empty() && !spec.contract.asks_for_check());
}

#[tokio::test(start_paused = true)]
async fn what_a_task_says_itself_goes_before_what_its_goal_says() {
    let play = open(Stage::seeded(2).agent(echo("ada", "sum").permissions(permissions(&["fs.read:a"])))).await;

    let goal = Goal::new("sums")
        .priority(5)
        .complexity(4)
        .criticality(2)
        .reversibility(Reversibility::High)
        .effects(Effects::None)
        .retries(7)
        .timeout(secs(5))
        .metadata("owner", "goal")
        .metadata("ticket", 7)
        .permissions(permissions(&["fs.read:a"]))
        .task(task("heir", "sum"))
        .task(
            task("own", "sum")
                .priority(1)
                .complexity(5)
                .criticality(5)
                .reversibility(Reversibility::Medium)
                .effects(Effects::Once)
                .retries(0)
                .timeout(secs(9))
                .metadata("owner", "task"),
        );
    let report = play.run(goal).await;

    let heir = spec(&play, &report, "heir");
    assert_eq!([heir.priority, heir.complexity, heir.criticality], [5, 3, 2], "complexity is one less");
    assert_eq!((heir.reversibility, heir.effects), (Reversibility::High, Effects::None));
    assert_eq!((heir.retries, heir.timeout), (7, secs(5)));
    assert_eq!(heir.metadata["owner"], "goal".into());
    assert!(heir.required.is_empty(), "a ceiling is not a requirement");
    let own = spec(&play, &report, "own");
    assert_eq!([own.priority, own.complexity, own.criticality], [1, 5, 5]);
    assert_eq!((own.reversibility, own.effects), (Reversibility::Medium, Effects::Once));
    assert_eq!((own.retries, own.timeout), (0, secs(9)));
    assert_eq!((&own.metadata["owner"], &own.metadata["ticket"]), (&"task".into(), &7.into()));
}

#[tokio::test(start_paused = true)]
async fn a_task_of_the_simplest_goal_is_as_simple() {
    let play = open(Stage::seeded(3).agent(echo("ada", "sum"))).await;

    let report = play.run(Goal::new("sum").complexity(1).task(task("sum", "sum"))).await;

    assert_eq!(spec(&play, &report, "sum").complexity, 1);
}

#[tokio::test(start_paused = true)]
async fn the_one_task_of_a_direct_goal_has_the_goals_own_keys() {
    let play = open(Stage::seeded(4).agent(echo("ada", "sum"))).await;

    let report = play.run(Goal::new("sum").needs_capability("sum").complexity(4).constraint("be quick")).await;

    let goal = spec(&play, &report, "goal");
    assert_eq!((goal.goal.as_str(), goal.complexity), ("sum", 4), "it has no parent that would make it simpler");
    assert_eq!(goal.constraints, ["be quick"]);
}

#[tokio::test(start_paused = true)]
async fn a_timeout_counts_from_the_seat_and_the_deadline_from_the_submission() {
    let witness = Witness::new();
    let play = open(prompt(5).agent(witness.scripted("ada", "sum", [ScriptedReply::output("4").after(secs(6))]))).await;

    let goal = Goal::new("sums")
        .deadline_in(secs(20))
        .timeout(secs(10))
        .task(task("first", "sum"))
        .task(task("second", "sum"))
        .task(task("third", "sum"));
    let report = play.run(goal).await;

    // 6 s of waiting did not count for the second; for the third only 8 s were left of the goal's 20.
    let remaining: Vec<_> = witness.seen().iter().map(|seen| seen.remaining).collect();
    assert_eq!(remaining, [secs(10), secs(10), secs(8)]);
    assert_eq!(report.outcome_word(), "unverified");
    assert_eq!(delegation(&play, "ada").timeout, secs(10));
}

#[tokio::test(start_paused = true)]
async fn settings_outside_their_range_and_blank_names_are_refused_all_at_once() {
    let play = open(Stage::seeded(6).agent(echo("ada", "sum"))).await;

    let goal = Goal::new("sums")
        .task(task("a", "sum").priority(0).complexity(6).criticality(9))
        .task(Task::new("b", " ").needs_capability(" "));
    let error = play.bailiwick().submit(goal).await.expect_err("it is not acceptable").to_string();

    for part in ["priority is 0", "complexity is 6", "criticality is 9", "`b` has no goal", "`b` needs a blank"] {
        assert!(error.contains(part), "{part} is missing in: {error}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_contract_that_can_never_be_checked_is_refused_when_the_goal_is_submitted() {
    let play = open(Stage::seeded(7).agent(echo("ada", "sum"))).await;
    let refused = [
        (Verify::regex(""), "the pattern is empty"),
        (Verify::regex("(a"), "the pattern is invalid"),
        (Verify::regex("(?=a)"), "look-around"),
        (Verify::schema(serde_json::json!({ "type": "nonsense" })), "the schema is invalid"),
        (Verify::function("nobody"), "there is no function `nobody`"),
        (Verify::judge("is it good"), "there is nobody to judge"),
        (Verify::all([]), "there is nothing inside"),
    ];

    for (verify, why) in refused {
        let error = play.bailiwick().submit(Goal::new("sum").verify(verify.clone())).await.err();
        let error = error.unwrap_or_else(|| panic!("{verify:?} was accepted")).to_string();
        assert!(error.contains(why), "{why} is missing in: {error}");
        let of_task = Goal::new("sum").task(task("sum", "sum").verify(verify.clone()));
        let error = play.bailiwick().submit(of_task).await.expect_err("nor as a task's").to_string();
        assert!(error.contains("task `sum`"), "{error}");
    }
}
