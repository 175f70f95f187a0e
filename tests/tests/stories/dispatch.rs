//! Section 3, rule 4: a task starts the moment its own inputs are complete.

use bailiwick::{prelude::*, testing::Stage};
use bailiwick_tests::*;

#[tokio::test(start_paused = true)]
async fn a_task_starts_the_moment_its_own_inputs_are_complete() {
    let witness = Witness::new();
    let team = prompt(1)
        .agent(slow("quick", "quick", "q", ms(10)))
        .agent(slow("slow", "slow", "s", ms(500)))
        .agent(witness.scripted("ada", "join", [ScriptedReply::output("j").after(ms(5))]).max_concurrent(4));
    let play = open(team).await;
    let start = tokio::time::Instant::now();

    let goal = Goal::new("no barriers")
        .task(task("quick", "quick"))
        .task(task("slow", "slow"))
        .task(task("after-quick", "join").after(["quick"]))
        .task(task("after-both", "join").after(["quick", "slow"]));
    let report = play.run(goal).await;

    let began: Vec<_> = witness.seen().iter().map(|seen| (seen.task.to_string(), seen.at - start)).collect();
    assert_eq!(began, [("after-quick".to_owned(), ms(10)), ("after-both".to_owned(), ms(500))]);
    assert_eq!(report.duration(), ms(505));
}

#[tokio::test(start_paused = true)]
async fn optional_inputs_are_waited_for_and_come_when_there_are_any() {
    let witness = Witness::new();
    let team = Stage::seeded(2).agent(says("good", "good", "4")).agent(fails("bad", "fail")).agent(witness.scripted(
        "ada",
        "join",
        [ScriptedReply::output("j")],
    ));
    let play = open(team).await;

    let goal = Goal::new("joins")
        .task(task("needed", "good"))
        .task(task("good", "good"))
        .task(task("bad", "fail").retries(0))
        .task(task("beyond", "good").after(["bad"]))
        .task(task("join", "join").after(["needed"]).optional_after(["good", "bad", "beyond"]));
    let report = play.run(goal).await;

    let seen = witness.seen();
    let names: Vec<&str> = seen[0].inputs.iter().map(|(id, _)| id.as_str()).collect();
    assert_eq!(names, ["good", "needed"], "what failed or was skipped is left out");
    assert_eq!(report.task("beyond").unwrap().outcome_word(), "skipped");
    assert_eq!(report.outcome_word(), "unverified");
}

#[tokio::test(start_paused = true)]
async fn what_failed_its_check_is_no_input() {
    let witness = Witness::new();
    let team = Stage::seeded(3).agent(says("wrong", "sum", "5")).agent(witness.scripted(
        "ada",
        "join",
        [ScriptedReply::output("j")],
    ));
    let play = open(team).await;

    let wrong = task("wrong", "sum").retries(0).verify(Verify::equals("4"));
    let goal = Goal::new("joins").task(wrong).task(task("join", "join").optional_after(["wrong"]));
    play.run(goal).await;

    assert!(witness.seen()[0].inputs.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_task_is_named_by_whom_it_was_skipped_for() {
    let play = open(Stage::seeded(4).agent(fails("bad", "fail")).agent(says("ada", "join", "j"))).await;

    let goal = Goal::new("skips").task(task("bad", "fail").retries(0)).task(task("join", "join").after(["bad"]));
    let report = play.run(goal).await;

    assert_eq!(report.task("join").unwrap().outcome.as_ref().unwrap().to_string(), "skipped: bad did not complete");
}

#[tokio::test(start_paused = true)]
async fn params_documents_and_constraints_reach_the_agent() {
    let told = agent_fn("ada", ["tell"], |task| async move {
        let path = task.param("path").map(|path| path.0.to_string()).unwrap_or_default();
        let brief = task.brief();
        Ok(Output::text(format!("{path} {:?} {:?}", brief.documents, brief.constraints)))
    });
    let play = open(Stage::seeded(5).agent(told)).await;

    let goal = Goal::new("tell").param("path", "/here").task(task("tell", "tell").document("d").constraint("c"));
    let report = play.run(goal).await;

    assert_eq!(report.output().unwrap().as_text().unwrap(), r#""/here" ["d"] ["c"]"#);
}
