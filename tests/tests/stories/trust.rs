//! Section 7: what verdicts teach, to the digit.

use bailiwick::{
    prelude::*,
    protocols::{Code, Failure, Fault},
    testing::Stage,
};
use bailiwick_tests::*;

fn score(play: &Play, agent: &str, capability: &str) -> f64 {
    let all = play.bailiwick().trust();
    let found = all.iter().find(|reading| reading.agent == *agent && reading.capability == *capability);
    found.expect("it is in the team").score.get()
}

fn sum() -> Goal {
    Goal::new("2 + 2").needs_capability("sum").verify(Verify::equals("4"))
}

#[tokio::test(start_paused = true)]
async fn a_verified_success_moves_trust_from_a_half_to_fifty_five() {
    let play = open(Stage::seeded(1).agent(says("ada", "sum", "4"))).await;
    assert_eq!(score(&play, "ada", "sum"), 0.5);

    let report = play.run(sum()).await;

    assert_eq!(trust_moves(&play.events(&report)), [(500, 550)]);
    assert_eq!(score(&play, "ada", "sum"), 0.55);
    assert_eq!((report.trust[0].before.get(), report.trust[0].after.get()), (0.5, 0.55));
}

#[tokio::test(start_paused = true)]
async fn a_failure_costs_a_fifth_and_the_success_after_it_wins_a_tenth_of_the_rest() {
    let replies = ["5", "4"].map(ScriptedReply::output);
    let play = open(Stage::seeded(2).agent(scripted("ada", ["sum"], replies))).await;

    let report = play.run(sum()).await;

    assert_eq!(trust_moves(&play.events(&report)), [(500, 400), (400, 460)]);
    assert!((score(&play, "ada", "sum") - 0.46).abs() < 1e-9);
}

#[tokio::test(start_paused = true)]
async fn a_breach_of_contract_in_critical_work_costs_twice_as_much() {
    for (criticality, after) in [(3, 400), (4, 300), (5, 300)] {
        let play = open(Stage::seeded(3).agent(says("ada", "sum", "5"))).await;

        let report = play.run(sum().criticality(criticality).retries(0)).await;

        assert_eq!(trust_moves(&play.events(&report)), [(500, after)], "criticality {criticality}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_error_in_critical_work_is_no_breach_of_contract() {
    let play = open(Stage::seeded(4).agent(fails("ada", "sum"))).await;

    let report = play.run(sum().criticality(5).retries(0)).await;

    assert_eq!(trust_moves(&play.events(&report)), [(500, 400)]);
}

#[tokio::test(start_paused = true)]
async fn nothing_moves_for_what_nobody_checked() {
    let play = open(Stage::seeded(5).agent(says("ada", "sum", "4"))).await;

    let report = play.run(Goal::new("x").needs_capability("sum")).await;

    assert_eq!(report.outcome_word(), "unverified");
    assert!(trust_moves(&play.events(&report)).is_empty());
    assert_eq!(score(&play, "ada", "sum"), 0.5);
}

#[tokio::test(start_paused = true)]
async fn nothing_moves_for_abstained_lost_refused_canceled_or_anothers_fault() {
    let shrug = verify_fn("shrug", |_: &Work| Err::<bool, _>("who knows"));
    let provider = agent_fn("ada", ["sum"], |_| async {
        let failure = Failure::new(Code::Unavailable, Fault::Provider, "503").final_here();
        Err::<Output, _>(AgentError::of(failure))
    });
    let team = |ada| Stage::seeded(6).agent(ada);

    let abstained = open(team(says("ada", "sum", "4")).with(|b| b.verifier(shrug))).await;
    abstained.run(Goal::new("x").needs_capability("sum").verify(Verify::function("shrug"))).await;
    let refused = open(team(says("ada", "sum", "4"))).await;
    refused.run(Goal::new("x").task(task("t", "sum").permissions(permissions(&["a.b:c"])))).await;
    let elsewhere = open(team(provider)).await;
    elsewhere.run(sum()).await;
    let canceled = open(team(scripted("ada", ["sum"], [ScriptedReply::hang()]))).await;
    let run = canceled.submit(sum()).await;
    tokio::time::sleep(secs(1)).await;
    run.cancel("enough");
    canceled.end_of(run).await;
    let lost = open(team(scripted("ada", ["sum"], [ScriptedReply::hang()]))).await;
    let run = lost.submit(sum().effects(Effects::Once)).await;
    tokio::time::sleep(secs(1)).await;
    lost.kill_supervisor("ada");
    lost.end_of(run).await;

    for play in [abstained, refused, elsewhere, canceled, lost] {
        assert_eq!(score(&play, "ada", "sum"), 0.5);
        play.check().await;
    }
}

#[tokio::test(start_paused = true)]
async fn every_required_capability_is_credited_and_no_other() {
    let ada = scripted("ada", ["sum", "say", "sing"], [ScriptedReply::output("4")]);
    let play = open(Stage::seeded(7).agent(ada)).await;

    play.run(sum().needs_capability("say")).await;

    let scores = ["sum", "say", "sing"].map(|capability| score(&play, "ada", capability));
    assert_eq!(scores, [0.55, 0.55, 0.5]);
}

#[tokio::test(start_paused = true)]
async fn a_task_that_requires_nothing_credits_each_of_the_agents_own() {
    let ada = scripted("ada", ["sum", "say"], [ScriptedReply::output("4")]);
    let play = open(Stage::seeded(8).agent(ada)).await;

    let report = play.run(Goal::new("x").verify(Verify::equals("4"))).await;

    assert_eq!(["sum", "say"].map(|capability| score(&play, "ada", capability)), [0.55, 0.55]);
    assert_eq!(report.trust.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn idle_trust_fades_toward_a_half_and_a_failure_never_raises_it() {
    let replies = std::iter::repeat_n(ScriptedReply::output("4"), 12).chain([ScriptedReply::output("5")]);
    let play = open(Stage::seeded(9).agent(scripted("ada", ["sum"], replies))).await;
    for _ in 0..12 {
        play.run(sum()).await;
    }
    let high = 1.0 - 0.5 * 0.9_f64.powi(12);
    assert!((score(&play, "ada", "sum") - high).abs() < 1e-6);

    // 72 h change nothing, the 10 h behind them a hundredth each.
    tokio::time::sleep(secs(72 * 3600)).await;
    assert!((score(&play, "ada", "sum") - high).abs() < 1e-3);
    tokio::time::sleep(secs(10 * 3600)).await;
    assert!((score(&play, "ada", "sum") - (high - 0.1)).abs() < 1e-3);

    let report = play.run(sum().retries(0)).await;
    let (before, after) = trust_moves(&play.events(&report))[0];
    assert_eq!(before, ((high - 0.1) * 1000.0).round() as u32, "decay is applied before the update");
    assert_eq!(after, ((high - 0.1) * 800.0).round() as u32);
}

#[tokio::test(start_paused = true)]
async fn evidence_is_counted_beside_the_score() {
    let replies = ["4", "5", "4"].map(ScriptedReply::output);
    let play = open(Stage::seeded(10).agent(scripted("ada", ["sum"], replies))).await;

    play.run(sum()).await;
    play.run(sum()).await;

    let reading = &play.bailiwick().trust()[0];
    assert_eq!(reading.evidence, 3.0);
}

#[tokio::test(start_paused = true)]
async fn trust_survives_the_death_of_everybody_who_knew_it() {
    use bailiwick::actors::root::Child;
    let play = open(Stage::seeded(11).agent(says("ada", "sum", "4"))).await;
    play.run(sum()).await;

    for child in [Child::TrustTracker, Child::Agents, Child::Coordinator] {
        play.kill(child);
        // Apart, so that the root does not think that they keep dying.
        tokio::time::sleep(secs(60)).await;
        let before = score(&play, "ada", "sum");
        let report = play.run(sum()).await;
        let moved = report.trust[0].clone();
        assert_eq!(moved.before.get(), before);
        assert!((moved.after.get() - (before + 0.1 * (1.0 - before))).abs() < 1e-9);
    }
}
