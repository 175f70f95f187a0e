//! Section 11 as far as a goal's outcome depends on it: what is reserved, charged and stopped.

use bailiwick::{
    prelude::*,
    protocols::{Code, GoalEvent, SettlementKind},
    testing::Stage,
};
use bailiwick_tests::*;

fn chain(count: usize) -> Goal {
    (0..count).fold(Goal::new("chain"), |goal, n| {
        let this = task(&format!("t{n}"), "sum");
        goal.task(if n == 0 { this } else { this.after([format!("t{}", n - 1)]) })
    })
}

fn words(report: &GoalReport) -> Vec<&str> {
    report.tasks.iter().map(|task| task.outcome_word()).collect()
}

#[tokio::test(start_paused = true)]
async fn when_no_next_slice_fits_the_goal_ends_with_what_it_has() {
    let witness = Witness::new();
    let ada = witness.scripted("ada", "sum", [ScriptedReply::output("4")]).cost_usd_per_task(0.4);
    let play = open(Stage::seeded(1).agent(ada)).await;

    let report = play.run(chain(4).budget(usd_micro(1_000_000))).await;

    assert_eq!((report.outcome_word(), report.code), ("budget_exhausted", Some(Code::BudgetExhausted)));
    assert_eq!(words(&report)[..2], ["unverified", "unverified"], "partial results stay");
    assert_eq!(witness.calls(), 2);
    assert_eq!(report.cost, Cost::Known(800_000), "who declares a price and reports none is charged it");
    assert_eq!(report.task("t1").unwrap().output, Some(Output::text("4")));
}

#[tokio::test(start_paused = true)]
async fn what_is_in_flight_ends_and_is_settled_before_the_goal_is() {
    let ada = slow("ada", "sum", "4", secs(10)).cost_usd_per_task(0.5).max_concurrent(4);
    let play = open(prompt(2).agent(ada)).await;

    let goal = (0..3).fold(Goal::new("wide"), |goal, n| goal.task(task(&format!("t{n}"), "sum")));
    let report = play.run(goal.budget(usd_micro(1_000_000))).await;

    assert_eq!(words(&report), ["unverified", "unverified", "budget_exhausted"], "parallel work cannot overdraw");
    assert_eq!((report.duration(), report.cost), (secs(10), Cost::Known(1_000_000)));
}

#[tokio::test(start_paused = true)]
async fn four_fifths_of_the_budget_warn_once() {
    let ada = says("ada", "sum", "4").cost_usd_per_task(0.2);
    let play = open(Stage::seeded(3).agent(ada)).await;

    let report = play.run(chain(5).budget(usd_micro(1_000_000))).await;

    assert_eq!(report.outcome_word(), "unverified", "exactly enough is enough");
    let events = play.events(&report);
    let warned: Vec<_> = told(&events)
        .filter_map(|event| match event {
            GoalEvent::BudgetWarned { committed, budget } => Some((committed.micro_usd, budget.micro_usd)),
            _ => None,
        })
        .collect();
    assert_eq!(warned, [(Some(800_000), Some(1_000_000))]);
}

#[tokio::test(start_paused = true)]
async fn what_is_charged_above_the_slice_counts() {
    let ada = scripted("ada", ["sum"], [ScriptedReply::output("4").cost_usd(0.9)]).cost_usd_per_task(0.1);
    let play = open(Stage::seeded(4).agent(ada)).await;

    let report = play.run(chain(3).budget(usd_micro(1_000_000))).await;

    assert_eq!(report.outcome_word(), "budget_exhausted");
    assert_eq!((words(&report)[0], report.cost), ("unverified", Cost::Known(1_800_000)));
    assert_eq!(report.attempts(), 2, "0.9 and a slice of 0.1 still fitted");
}

#[tokio::test(start_paused = true)]
async fn tokens_are_a_budget_of_their_own() {
    let usage = Usage { input_tokens: 300, output_tokens: 100, ..Usage::default() };
    let ada = scripted("ada", ["sum"], [ScriptedReply::output("4").usage(usage)]);
    let play = open(Stage::seeded(5).agent(ada)).await;

    let slice = |tokens| Slice { micro_usd: None, tokens: Some(tokens) };
    let goal = (0..4).fold(Goal::new("chain"), |goal, n| {
        let this = task(&format!("t{n}"), "sum").budget(slice(400));
        goal.task(if n == 0 { this } else { this.after([format!("t{}", n - 1)]) })
    });
    let report = play.run(goal.budget(slice(1_000))).await;

    assert_eq!(report.outcome_word(), "budget_exhausted");
    assert_eq!((report.usage.tokens(), report.attempts()), (800, 2));
}

#[tokio::test(start_paused = true)]
async fn failed_attempts_and_retries_count_each_once() {
    let replies = [ScriptedReply::output("5").cost_usd(0.1), ScriptedReply::error("boom").cost_usd(0.2)];
    let last = [ScriptedReply::output("4").cost_usd(0.3)];
    let play = open(Stage::seeded(6).agent(scripted("ada", ["sum"], replies.into_iter().chain(last)))).await;

    let report = play.run(Goal::new("x").needs_capability("sum").verify(Verify::equals("4"))).await;

    let costs: Vec<_> = report.task("goal").unwrap().attempts.iter().map(|attempt| attempt.cost).collect();
    assert_eq!(costs, [Cost::Known(100_000), Cost::Known(200_000), Cost::Known(300_000)]);
    assert_eq!(report.cost, Cost::Known(600_000));
}

#[tokio::test(start_paused = true)]
async fn in_doubt_it_counts_as_spent_and_is_marked_uncertain() {
    let ada = scripted("ada", ["sum"], [ScriptedReply::hang(), ScriptedReply::output("4")]).cost_usd_per_task(0.1);
    let play = open(Stage::seeded(7).agent(ada)).await;

    let run = play.submit(Goal::new("x").needs_capability("sum")).await;
    tokio::time::sleep(secs(1)).await;
    play.kill_supervisor("ada");
    let report = play.end_of(run).await;
    play.check().await;

    assert_eq!(report.cost, Cost::Known(200_000));
    let facts = play.agent_stream("ada");
    let uncertain: Vec<(SettlementKind, bool)> = bailiwick_tests::facts(&facts)
        .filter_map(|fact| match fact {
            AgentFact::Settled { settlement } => Some((settlement.kind, settlement.uncertain)),
            _ => None,
        })
        .collect();
    assert_eq!(uncertain, [(SettlementKind::Lost, true), (SettlementKind::Reported, false)]);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_costs_nothing_and_zero_left_is_zero() {
    let ada = says("ada", "sum", "4").cost_usd_per_task(0.5);
    let play = open(Stage::seeded(8).agent(ada).agent(says("bo", "free", "4"))).await;

    let refused = task("t", "sum").permissions(permissions(&["a.b:c"]));
    let report = play.run(Goal::new("x").task(refused).budget(usd_micro(500_000))).await;
    assert_eq!((report.outcome_word(), report.cost), ("refused", Cost::FREE));

    let broke = play.run(Goal::new("x").needs_capability("sum").budget(usd_micro(0))).await;
    assert_eq!((broke.outcome_word(), broke.attempts()), ("budget_exhausted", 0));
    let free = play.run(Goal::new("x").needs_capability("free").budget(usd_micro(0))).await;
    assert_eq!(free.outcome_word(), "unverified", "what costs nothing needs no money");
}
