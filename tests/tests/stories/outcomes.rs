//! Section 2: how goals end, and what decides.

use bailiwick::{
    prelude::*,
    protocols::{Code, Failure, Fault},
    testing::Stage,
};
use bailiwick_tests::*;

/// A team in which each capability ends in its own way.
fn team(seed: u64) -> bailiwick::testing::StageBuilder {
    Stage::seeded(seed)
        .agent(says("good", "good", "4"))
        .agent(fails("bad", "fail"))
        .agent(says("wrong", "wrong", "5"))
        .agent(says("locked", "locked", "4"))
}

/// A task that ends in the way of its id.
fn ending(id: &str) -> Task {
    match id {
        "verified" => task(id, "good").verify(Verify::equals("4")),
        "unverified" => task(id, "good"),
        "failed" => task(id, "fail").retries(0),
        "not_verified" => task(id, "wrong").retries(0).verify(Verify::equals("4")),
        "refused" => task(id, "locked").permissions(permissions(&["fs.write:out"])),
        other => panic!("{other} is not told here"),
    }
}

async fn outcome_of(tasks: &[&str]) -> (String, Option<Code>) {
    let play = open(team(1)).await;
    let report = play.run(tasks.iter().fold(Goal::new("ends"), |goal, id| goal.task(ending(id)))).await;
    for id in tasks {
        assert_eq!(report.task(id).unwrap().outcome_word(), *id);
    }
    (report.outcome_word().to_owned(), report.code)
}

#[tokio::test(start_paused = true)]
async fn the_gravest_end_of_a_needed_task_decides() {
    let table: [(&[&str], &str, Option<Code>); 10] = [
        (&["verified"], "verified", None),
        (&["unverified"], "unverified", None),
        (&["verified", "unverified"], "unverified", None),
        (&["not_verified", "verified"], "not_verified", Some(Code::VerificationFailed)),
        (&["failed"], "failed", Some(Code::AgentError)),
        (&["not_verified", "failed"], "failed", Some(Code::AgentError)),
        (&["refused"], "refused", Some(Code::Unauthorized)),
        (&["failed", "refused"], "refused", Some(Code::Unauthorized)),
        (&["not_verified", "failed", "verified", "refused"], "refused", Some(Code::Unauthorized)),
        (&["unverified", "failed"], "failed", Some(Code::AgentError)),
    ];

    for (tasks, outcome, code) in table {
        assert_eq!(outcome_of(tasks).await, (outcome.to_owned(), code), "{tasks:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn expired_is_graver_than_failed_and_canceled_graver_than_expired() {
    let hang = || scripted("deaf", ["hang"], [ScriptedReply::hang()]);

    let play = open(team(2).agent(hang())).await;
    let goal = Goal::new("late").deadline_in(secs(5)).task(ending("failed")).task(task("hang", "hang"));
    let late = play.run(goal).await;
    assert_eq!((late.outcome_word(), late.code), ("expired", Some(Code::Expired)));
    assert_eq!(late.task("hang").unwrap().outcome_word(), "expired");

    let play = open(team(3).agent(hang())).await;
    let goal = Goal::new("canceled").deadline_in(secs(5)).task(ending("failed")).task(task("hang", "hang"));
    let run = play.submit(goal).await;
    tokio::time::sleep(secs(4)).await;
    run.cancel("enough");
    let canceled = play.end_of(run).await;
    assert_eq!((canceled.outcome_word(), canceled.code), ("canceled", Some(Code::Canceled)));
    play.check().await;
}

#[tokio::test(start_paused = true)]
async fn the_code_is_that_of_the_first_task_of_the_deciding_kind_in_plan_order() {
    let timid = agent_fn("timid", ["timid"], |_| async move {
        let failure = Failure::new(Code::ContextTooLarge, Fault::Delegator, "too long");
        Err::<Output, _>(AgentError::of(failure))
    });
    let play = open(team(4).agent(timid)).await;

    let report = play.run(Goal::new("ends").task(task("timid", "timid")).task(ending("failed"))).await;

    assert_eq!((report.outcome_word(), report.code), ("failed", Some(Code::ContextTooLarge)));
}

#[tokio::test(start_paused = true)]
async fn skipped_never_decides_and_neither_does_what_nobody_needs() {
    let play = open(team(5)).await;

    let skipped = Goal::new("skips").task(ending("not_verified")).task(task("next", "good").after(["not_verified"]));
    let skipped = play.run(skipped).await;
    assert_eq!(skipped.task("next").unwrap().outcome_word(), "skipped");
    assert_eq!(skipped.outcome_word(), "not_verified", "what was skipped says nothing, what it needed decides");

    let spared = Goal::new("spares").task(ending("failed")).task(ending("verified").optional_after(["failed"]));
    let spared = play.run(spared).await;
    assert_eq!(spared.task("failed").unwrap().outcome_word(), "failed");
    assert_eq!((spared.outcome_word(), spared.code), ("verified", None));
}

#[tokio::test(start_paused = true)]
async fn the_goals_own_contract_decides_over_what_its_tasks_say() {
    let play = open(team(6)).await;

    let met = play.run(Goal::new("met").verify(Verify::contains("4")).task(ending("unverified"))).await;
    assert_eq!((met.outcome_word(), met.task("unverified").unwrap().outcome_word()), ("verified", "unverified"));

    let missed = play.run(Goal::new("missed").verify(Verify::contains("9")).task(ending("verified"))).await;
    assert_eq!((missed.outcome_word(), missed.code), ("not_verified", Some(Code::VerificationFailed)));
    assert_eq!(missed.output(), Some(&Output::text("4")), "the output stays, with its verdict");

    let failed = play.run(Goal::new("failed").verify(Verify::contains("4")).task(ending("failed"))).await;
    assert_eq!(failed.outcome_word(), "failed", "without an output there is nothing to check");
    assert!(failed.verdict.is_none() && failed.output().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_goal_that_asks_only_for_a_shape_is_not_verified_by_having_it() {
    let play = open(team(7).agent(says("json", "json", "{\"sum\": 4}"))).await;
    let shape = OutputSpec { format: Some(OutputFormat::Json), ..OutputSpec::default() };

    let fits = play.run(Goal::new("shape").output(shape.clone()).task(task("sum", "json"))).await;
    assert_eq!(fits.outcome_word(), "unverified", "nobody looked at what it says");
    assert_eq!(fits.output(), Some(&Output::json(serde_json::json!({ "sum": 4 }))), "as JSON, as asked");

    let misfit = play.run(Goal::new("shape").output(shape).task(task("say", "fail").retries(0))).await;
    assert_eq!(misfit.outcome_word(), "failed");

    let short = OutputSpec { max_length: Some(3), ..OutputSpec::default() };
    let long = play.run(Goal::new("shape").output(short).task(task("sum", "json"))).await;
    assert_eq!((long.outcome_word(), long.code), ("not_verified", Some(Code::VerificationFailed)));
}

#[tokio::test(start_paused = true)]
async fn an_abstention_is_neither_success_nor_the_agents_failure() {
    let team = team(8).with(|b| b.verifier(verify_fn("shrug", |_: &Work| Err::<bool, _>("I cannot tell"))));
    let play = open(team).await;

    let goal = Goal::new("sum").needs_capability("good").verify(Verify::function("shrug"));
    let report = play.run(goal).await;

    let Some(Outcome::NotVerified { verdict }) = report.outcome() else { panic!("{:?}", report.outcome()) };
    assert!(verdict.abstained && !verdict.passed);
    assert_eq!(report.code, Some(Code::VerificationFailed));
    assert_eq!(report.attempts(), 1);
    assert!(report.trust.is_empty());
}

#[tokio::test(start_paused = true)]
async fn every_outcome_carries_usage_cost_and_what_output_there_is() {
    let usage = Usage { input_tokens: 10, output_tokens: 5, calls: 1, ..Usage::default() };
    let wrong = ScriptedReply::output("5").usage(usage).cost_usd(0.25);
    let play = open(Stage::seeded(9).agent(scripted("ada", ["sum"], [wrong]))).await;

    let goal = Goal::new("2 + 2").needs_capability("sum").retries(1).verify(Verify::equals("4"));
    let report = play.run(goal).await;

    assert_eq!(report.outcome_word(), "not_verified");
    assert_eq!((report.usage.tokens(), report.usage.calls), (30, 2), "both attempts count, each once");
    assert_eq!(report.cost, Cost::Known(500_000));
    assert_eq!(report.task("goal").unwrap().output, Some(Output::text("5")));
}
