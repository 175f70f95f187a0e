//! Section 5: what follows an attempt, row by row of the table.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use bailiwick::{
    prelude::*,
    protocols::{Code, Failure, Fault, GoalEvent, SettlementKind},
    testing::StageBuilder,
};
use bailiwick_tests::*;
use serde_json::json;

/// Two agents who can do the same; ada is cheaper and is asked first.
fn ada_and_bo(seed: u64, ada: AgentSpec, bo: AgentSpec) -> StageBuilder {
    prompt(seed).agent(ada).agent(bo.cost_usd_per_task(0.01))
}

fn ok(name: &str) -> AgentSpec {
    says(name, "sum", "4")
}

fn erring(name: &str, failure: Failure) -> AgentSpec {
    agent_fn(name, ["sum"], move |_| {
        let failure = failure.clone();
        async move { Err::<Output, _>(AgentError::of(failure)) }
    })
}

fn sum() -> Goal {
    Goal::new("2 + 2").needs_capability("sum").verify(Verify::equals("4"))
}

/// Who tried and how it ended, and whether it moved the trust in ada.
async fn tried(team: StageBuilder, goal: Goal) -> (Play, GoalReport, Vec<String>, bool) {
    let play = open(team).await;
    let report = play.run(goal).await;
    let tried = attempts(&report, "goal");
    let blamed = report.trust.iter().any(|change| change.agent == *"ada" && change.after < change.before);
    (play, report, tried, blamed)
}

fn times_of(word: &str, count: usize, then: &str) -> Vec<String> {
    let mut all = vec![word.to_owned(); count];
    all.push(then.to_owned());
    all
}

#[tokio::test(start_paused = true)]
async fn a_failed_verdict_is_retried_twice_at_once_and_then_reassigned() {
    let (play, report, tried, blamed) = tried(ada_and_bo(1, says("ada", "sum", "5"), ok("bo")), sum()).await;

    assert_eq!(tried, times_of("ada not_verified", 3, "bo verified"));
    assert!(blamed);
    assert_eq!(report.duration(), ms(0), "a failed verdict needs no back-off");
    assert_eq!(report.reassignments, 1);
    let numbers: Vec<u32> = report.task("goal").unwrap().attempts.iter().map(|attempt| attempt.attempt).collect();
    assert_eq!(numbers, [1, 2, 3, 4], "attempts are counted over all agents");
    drop(play);
}

#[tokio::test(start_paused = true)]
async fn retries_are_granted_on_each_agent_anew() {
    let (_, report, tried, _) =
        tried(ada_and_bo(2, says("ada", "sum", "5"), says("bo", "sum", "6")), sum().retries(1)).await;

    assert_eq!(tried, ["ada not_verified", "ada not_verified", "bo not_verified", "bo not_verified"]);
    assert_eq!((report.outcome_word(), report.code), ("not_verified", Some(Code::VerificationFailed)));
    assert!(report.task("goal").unwrap().escalated.is_some());
    assert_eq!(report.reassignments, 1, "nobody was left for a second one");
}

#[tokio::test(start_paused = true)]
async fn after_three_reassignments_the_task_escalates() {
    // Far enough apart that nobody is nearly equal to anybody.
    let prices = [0.0, 0.0003, 0.001, 0.003, 0.02, 1.0];
    let team = prices
        .iter()
        .enumerate()
        .fold(prompt(3), |team, (n, price)| team.agent(says(&format!("a{n}"), "sum", "5").cost_usd_per_task(*price)));

    let play = open(team).await;
    let report = play.run(sum().retries(0)).await;

    assert_eq!(attempts(&report, "goal"), [0, 1, 2, 3].map(|n| format!("a{n} not_verified")));
    assert_eq!(report.reassignments, 3);
    let escalated = report.task("goal").unwrap().escalated.clone().unwrap();
    assert!(escalated.starts_with("no reassignment is left"), "{escalated}");
    let events = play.events(&report);
    assert_eq!(kinds(&events).iter().filter(|kind| **kind == "escalated").count(), 1);
    assert_eq!(report.outcome_word(), "not_verified", "the task's outcome is its last attempt's");
}

#[tokio::test(start_paused = true)]
async fn a_verdict_that_abstained_twice_goes_to_nobody_else() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let shrug = verify_fn("shrug", move |_: &Work| {
        count.fetch_add(1, Ordering::SeqCst);
        Err::<bool, _>("I cannot tell")
    });
    let team = ada_and_bo(4, ok("ada"), ok("bo")).with(|b| b.verifier(shrug));

    let goal = Goal::new("x").needs_capability("sum").verify(Verify::function("shrug"));
    let (_, report, tried, blamed) = tried(team, goal).await;

    assert_eq!(tried, ["ada not_verified"]);
    assert_eq!(asked.load(Ordering::SeqCst), 2, "an abstention is examined once more");
    assert!(!blamed && report.trust.is_empty());
    assert!(report.task("goal").unwrap().escalated.as_ref().unwrap().contains("abstained twice"));
}

#[tokio::test(start_paused = true)]
async fn a_verdict_that_abstained_once_may_still_pass() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let moody = verify_fn("moody", move |_: &Work| match count.fetch_add(1, Ordering::SeqCst) {
        0 => Err("not now"),
        _ => Ok(true),
    });
    let team = ada_and_bo(5, ok("ada"), ok("bo")).with(|b| b.verifier(moody));

    let (_, report, tried, _) =
        tried(team, Goal::new("x").needs_capability("sum").verify(Verify::function("moody"))).await;

    assert_eq!((tried, report.outcome_word()), (vec!["ada verified".to_owned()], "verified"));
}

#[tokio::test(start_paused = true)]
async fn a_timeout_is_retried_and_reassigned_and_counts_against_the_agent() {
    let ada = scripted("ada", ["sum"], [ScriptedReply::hang()]);
    let (_, report, tried, blamed) = tried(ada_and_bo(6, ada, ok("bo")), sum().timeout(secs(1)).retries(1)).await;

    assert_eq!(tried, ["ada failed", "ada failed", "bo verified"]);
    let first = report.task("goal").unwrap().attempts[0].error().unwrap().clone();
    assert_eq!((first.code, first.fault), (Code::Timeout, Fault::Agent));
    assert!(blamed);
}

#[tokio::test(start_paused = true)]
async fn an_agent_that_heeds_the_timeout_needs_no_grace() {
    let polite = agent_fn("ada", ["sum"], |task| async move {
        task.canceled().await;
        assert!(task.is_canceled());
        Ok(Output::text("4"))
    });
    let (_, report, tried, _) = tried(ada_and_bo(7, polite, ok("bo")), sum().timeout(secs(1)).retries(0)).await;

    assert_eq!(tried, ["ada failed", "bo verified"], "what comes after the timeout is no result");
    assert_eq!(report.duration(), secs(1));
}

#[tokio::test(start_paused = true)]
async fn panics_and_declared_errors_are_the_agents_failures() {
    for (seed, reply, said) in
        [(8, ScriptedReply::panic(), "the script says panic"), (9, ScriptedReply::error("boom"), "boom")]
    {
        let ada = scripted("ada", ["sum"], [reply]);
        let (_, report, tried, blamed) = tried(ada_and_bo(seed, ada, ok("bo")), sum()).await;

        assert_eq!(tried, times_of("ada failed", 3, "bo verified"));
        let error = report.task("goal").unwrap().attempts[0].error().unwrap().clone();
        assert_eq!((error.code, error.fault), (Code::AgentError, Fault::Agent));
        assert!(error.message.contains(said), "{error}");
        assert!(blamed);
    }
}

#[tokio::test(start_paused = true)]
async fn an_error_that_is_not_retryable_goes_straight_to_the_next_agent() {
    let ada = scripted("ada", ["sum"], [ScriptedReply::error("never").not_retryable()]);
    let (_, _, tried, blamed) = tried(ada_and_bo(10, ada, ok("bo")), sum()).await;

    assert_eq!(tried, ["ada failed", "bo verified"]);
    assert!(blamed);
}

#[tokio::test(start_paused = true)]
async fn invalid_output_is_tried_once_more_with_the_field_at_fault() {
    let witness = Witness::new();
    let ada = witness.scripted("ada", "sum", [ScriptedReply::output(json!({ "total": "four" }))]);
    let bo = scripted("bo", ["sum"], [ScriptedReply::output(json!({ "total": 4 }))]);
    let mut shape = bailiwick::protocols::OutputSpec::default();
    let schema = json!({ "type": "object", "properties": { "total": { "type": "integer" } }, "required": ["total"] });
    shape.schema = Some(schema.into());

    let goal = Goal::new("2 + 2").needs_capability("sum").output(shape).retries(5);
    let (_, report, tried, blamed) = tried(ada_and_bo(11, ada, bo), goal).await;

    assert_eq!(tried, ["ada failed", "ada failed", "bo unverified"], "once more, whatever `retries` allows");
    let error = report.task("goal").unwrap().attempts[0].error().unwrap().clone();
    assert_eq!(error.code, Code::InvalidOutput);
    let feedback = witness.seen()[1].feedback.clone().unwrap();
    assert_eq!(feedback.code, Some(Code::InvalidOutput));
    assert!(feedback.message.contains("/total"), "{}", feedback.message);
    assert!(blamed);
    assert_eq!(report.duration(), ms(0), "at once");
}

#[tokio::test(start_paused = true)]
async fn too_large_an_output_is_invalid() {
    let (_, report, tried, blamed) =
        tried(ada_and_bo(12, says("ada", "sum", &"4".repeat(2_000_001)), ok("bo")), sum()).await;

    assert_eq!(tried, ["ada failed", "ada failed", "bo verified"]);
    let error = report.task("goal").unwrap().attempts[0].error().unwrap().clone();
    assert_eq!(error.code, Code::InvalidOutput);
    assert!(error.message.contains("2000001 bytes, more than 2000000"), "{error}");
    assert!(blamed);
}

#[tokio::test(start_paused = true)]
async fn a_providers_failure_is_retried_after_a_pause_and_is_nobodys_shame() {
    let busy = Failure::new(Code::Unavailable, Fault::Provider, "429 too many requests");
    let (play, report, tried, blamed) = tried(ada_and_bo(13, erring("ada", busy), ok("bo")), sum()).await;

    assert_eq!(tried, times_of("ada failed", 3, "bo verified"));
    assert!(!blamed);
    assert!(play.bailiwick().breakers().is_empty(), "only the agent's own failures speak to its breaker");
    assert!(report.duration() >= ms(240), "two pauses: {:?}", report.duration());
}

#[tokio::test(start_paused = true)]
async fn pauses_double_and_are_spread_by_a_fifth() {
    let mut spread = Vec::new();
    for seed in 0..20 {
        let (play, report, ..) = tried(prompt(seed).agent(fails("ada", "sum")), sum()).await;
        let events = play.events(&report);
        let started = times(&events, "task_started");
        assert_eq!(started.len(), 3);
        for (n, pair) in started.windows(2).enumerate() {
            let pause = pair[1] - pair[0];
            let base = ms(100 << n);
            assert!(pause >= base.mul_f64(0.8) && pause <= base.mul_f64(1.2) + ms(1), "seed {seed}: {pause:?}");
        }
        spread.push(started[1]);
    }
    assert!(spread.iter().any(|pause| *pause < ms(92)) && spread.iter().any(|pause| *pause > ms(108)));
}

#[tokio::test(start_paused = true)]
async fn only_transient_failures_lengthen_the_pause() {
    // wrong, boom, wrong, boom: pauses only before the third and the fifth attempt, and the second one is twice as long.
    let replies = ["wrong", "boom", "wrong", "boom", "4"].map(|word| match word {
        "boom" => ScriptedReply::error("boom"),
        word => ScriptedReply::output(word),
    });
    // Successes in between keep the breaker closed; here it is told to be patient.
    let mut patient = bailiwick::actors::policies::PolicySettings::default();
    patient.breaker.failures_in_row = 100;
    patient.breaker.trust_drop = 1.0;
    patient.breaker.outcomes_min = 100;
    let team = prompt(14).agent(scripted("ada", ["sum"], replies)).with(|b| b.policy_settings(patient));
    let (play, report, tried, _) = tried(team, sum().retries(4)).await;

    assert_eq!(tried.len(), 5);
    let started = times(&play.events(&report), "task_started");
    assert_eq!((started[1], started[3] - started[2]), (ms(0), ms(0)), "a failed verdict is retried at once");
    let pauses = [started[2] - started[1], started[4] - started[3]];
    assert!(pauses[0] >= ms(80) && pauses[0] <= ms(121), "{pauses:?}");
    assert!(pauses[1] >= ms(160) && pauses[1] <= ms(241), "{pauses:?}");
}

#[tokio::test(start_paused = true)]
async fn the_feedback_stands_in_its_own_field_and_the_goal_text_never_changes() {
    let witness = Witness::new();
    let ada = witness.agent("ada", "sum", |task| async move {
        // It mends what the verdict lacked, not because this is the second attempt.
        let told = task.feedback().map(|feedback| feedback.message.clone()).unwrap_or_default();
        Ok(Output::text(if told.contains("sources") { "the sum and its sources" } else { "the sum" }).into())
    });
    let goal = Goal::new("2 + 2").needs_capability("sum").verify(Verify::contains("sources"));
    let (_, report, tried, _) = tried(prompt(15).agent(ada), goal).await;

    assert_eq!(tried, ["ada not_verified", "ada verified"]);
    let seen = witness.seen();
    assert_eq!(seen.iter().map(|seen| seen.goal.as_str()).collect::<Vec<_>>(), ["2 + 2", "2 + 2"]);
    assert!(seen[0].feedback.is_none());
    let feedback = seen[1].feedback.clone().unwrap();
    assert_eq!((feedback.attempt, feedback.code), (1, Some(Code::VerificationFailed)));
    assert!(feedback.verdict.is_some_and(|verdict| !verdict.passed && verdict.method == "contains"));
    assert_eq!(seen[0].key, seen[1].key, "the idempotency key is the task's, never the attempt's");
    assert_eq!(report.outcome_word(), "verified");
}

#[tokio::test(start_paused = true)]
async fn the_next_agent_is_told_what_the_last_one_lacked() {
    let witness = Witness::new();
    let bo = witness.scripted("bo", "sum", [ScriptedReply::output("4")]);
    tried(ada_and_bo(16, says("ada", "sum", "5"), bo), sum().retries(0)).await;

    assert_eq!(witness.seen()[0].feedback.as_ref().map(|feedback| feedback.attempt), Some(1));
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_undone_is_never_tried_again_by_itself() {
    let replies = [
        ("not_verified", ScriptedReply::output("5")),
        ("failed", ScriptedReply::error("boom")),
        ("failed", ScriptedReply::panic()),
        ("failed", ScriptedReply::hang()),
    ];
    for (word, reply) in replies {
        let ada = scripted("ada", ["sum"], [reply]);
        let goal = sum().reversibility(Reversibility::Low).timeout(secs(1));
        let (_, report, tried, _) = tried(ada_and_bo(17, ada, ok("bo")), goal).await;

        assert_eq!(tried, [format!("ada {word}")]);
        assert!(report.task("goal").unwrap().escalated.as_ref().unwrap().contains("cannot be undone"));
    }
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_undone_may_still_be_refused_and_offered_to_the_next() {
    let bo = ok("bo").permissions(permissions(&["bank.pay:all"]));
    let play = open(ada_and_bo(18, ok("ada"), bo)).await;

    let pay = task("pay", "sum").reversibility(Reversibility::Low).permissions(permissions(&["bank.pay:all"]));
    let report = play.run(Goal::new("pay").task(pay)).await;

    assert_eq!(attempts(&report, "pay"), ["bo unverified"], "a refusal starts nothing, so nothing is repeated");
}

#[tokio::test(start_paused = true)]
async fn retry_tokens_run_out_and_the_goal_takes_the_next_agent() {
    let mut settings = bailiwick::actors::policies::PolicySettings::default();
    settings.admission.retry_tokens = 1.0;
    settings.admission.retry_per_success = 0.0;
    let team = ada_and_bo(19, says("ada", "sum", "5"), ok("bo")).with(|b| b.policy_settings(settings));
    let (play, report, tried, _) = tried(team, sum()).await;

    assert_eq!(tried, ["ada not_verified", "ada not_verified", "bo verified"]);
    let refusals = &report.task("goal").unwrap().refusals;
    assert_eq!((refusals[0].agent.as_str(), refusals[0].refusal.code()), ("ada", Code::Overloaded));
    let events = play.events(&report);
    assert!(kinds(&events).contains(&"delegation_refused"));
}

#[tokio::test(start_paused = true)]
async fn with_no_tokens_and_nobody_else_the_last_attempt_decides() {
    let mut settings = bailiwick::actors::policies::PolicySettings::default();
    settings.admission.retry_tokens = 0.0;
    let team = prompt(20).agent(says("ada", "sum", "5")).with(|b| b.policy_settings(settings));
    let (_, report, tried, _) = tried(team, sum()).await;

    assert_eq!(tried, ["ada not_verified"]);
    assert_eq!(report.outcome_word(), "not_verified", "refused only if it never had an attempt");
    assert_eq!(report.reassignments, 0);
}

#[tokio::test(start_paused = true)]
async fn a_task_that_only_met_refusals_is_refused_with_all_of_them_listed() {
    let play = open(ada_and_bo(21, ok("ada"), ok("bo"))).await;

    let locked = task("t", "sum").permissions(permissions(&["fs.write:out", "fs.read:in"]));
    let report = play.run(Goal::new("x").task(locked)).await;

    assert_eq!((report.outcome_word(), report.code, report.attempts()), ("refused", Some(Code::Unauthorized), 0));
    let refused: Vec<String> =
        report.task("t").unwrap().refusals.iter().map(|r| format!("{}: {}", r.agent, r.refusal)).collect();
    assert_eq!(refused, ["ada: missing fs.read:in, fs.write:out", "bo: missing fs.read:in, fs.write:out"]);
    assert_eq!(report.cost, Cost::FREE, "nothing started, nothing is charged");
}

/// Ada hangs until her supervisor is killed under her, then answers.
async fn lost_once(goal: Goal, times: usize) -> (GoalReport, Vec<String>, Witness) {
    let witness = Witness::new();
    let count = Arc::new(AtomicUsize::new(0));
    let ada = witness.agent("ada", "sum", move |_| {
        let turn = count.fetch_add(1, Ordering::SeqCst);
        async move {
            if turn < times {
                std::future::pending::<()>().await;
            }
            Ok(Output::text("4").into())
        }
    });
    let play = open(ada_and_bo(22, ada, ok("bo"))).await;
    let run = play.submit(goal.timeout(secs(3_600))).await;
    for _ in 0..times {
        // Apart, so that nobody thinks the supervisor keeps dying.
        tokio::time::sleep(secs(20)).await;
        play.kill_supervisor("ada");
    }
    let report = play.end_of(run).await;
    play.check().await;
    assert!(report.trust.iter().all(|change| change.after > change.before), "being lost moves no trust");
    let tried = attempts(&report, "goal");
    (report, tried, witness)
}

#[tokio::test(start_paused = true)]
async fn what_was_lost_is_asked_again_at_once_with_the_same_key() {
    for effects in [Effects::None, Effects::Idempotent] {
        let (report, tried, witness) = lost_once(sum().effects(effects).retries(0), 3).await;

        assert_eq!(tried, times_of("ada failed", 3, "ada verified"), "lost attempts do not count in `retries`");
        let first = report.task("goal").unwrap().attempts[0].error().unwrap().clone();
        assert_eq!((first.code, first.fault), (Code::Lost, Fault::Runtime));
        let keys: std::collections::BTreeSet<String> = witness.seen().iter().map(|seen| seen.key.clone()).collect();
        assert_eq!(keys.len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn what_may_happen_only_once_escalates_when_it_was_lost() {
    for goal in [sum().effects(Effects::Once), sum().reversibility(Reversibility::Low)] {
        let (report, tried, witness) = lost_once(goal, 1).await;

        assert_eq!(tried, ["ada failed"]);
        assert_eq!(witness.calls(), 1, "it may have run: nobody is called twice");
        assert_eq!((report.outcome_word(), report.code), ("failed", Some(Code::Lost)));
        assert!(report.task("goal").unwrap().escalated.as_ref().unwrap().contains("may have run"));
    }
}

#[tokio::test(start_paused = true)]
async fn after_ten_lost_attempts_the_eleventh_escalates() {
    let (report, tried, _) = lost_once(sum(), 11).await;

    assert_eq!(tried, vec!["ada failed"; 11]);
    assert!(report.task("goal").unwrap().escalated.as_ref().unwrap().contains("too many attempts were lost"));
}

#[tokio::test(start_paused = true)]
async fn what_a_trip_calls_back_goes_to_the_next_agent_unless_it_cannot_be_undone() {
    for (reversibility, wanted) in [(Reversibility::Medium, "bo verified"), (Reversibility::Low, "")] {
        // Ada has two seats: on one she hangs over something critical, on the other she fails three times.
        let ada = agent_fn("ada", ["sum"], |task| async move {
            if task.goal() == "critical" {
                std::future::pending::<()>().await;
            }
            Ok(Output::text("5"))
        });
        let play = open(ada_and_bo(23, ada.max_concurrent(2), ok("bo"))).await;

        let critical = Goal::new("critical").needs_capability("sum").criticality(5).reversibility(reversibility);
        let critical = play.submit(critical.verify(Verify::equals("4"))).await;
        tokio::time::sleep(secs(1)).await;
        play.submit(sum()).await.await.unwrap();
        let report = play.end_of(critical).await;

        let tried = attempts(&report, "goal");
        assert_eq!(tried[0], "ada failed");
        let error = report.task("goal").unwrap().attempts[0].error().unwrap().clone();
        assert_eq!((error.code, error.fault), (Code::Unavailable, Fault::Unknown));
        assert_eq!(tried.get(1).map_or("", String::as_str), wanted);
        let facts = play.agent_stream("ada");
        let revoked = bailiwick_tests::facts(&facts)
            .filter(
                |fact| matches!(fact, AgentFact::Settled { settlement } if settlement.kind == SettlementKind::Revoked),
            )
            .count();
        assert_eq!(revoked, 1);
        play.check().await;
    }
}

#[tokio::test(start_paused = true)]
async fn every_attempt_is_listed_when_a_task_fails() {
    let (play, report, tried, _) = tried(ada_and_bo(24, fails("ada", "sum"), fails("bo", "sum")), sum()).await;

    assert_eq!(tried.len(), 6);
    let events = play.events(&report);
    let ended = told(&events).filter(|event| matches!(event, GoalEvent::AttemptEnded { .. })).count();
    assert_eq!(ended, 6);
}

#[tokio::test]
async fn a_program_that_is_missing_is_not_asked_twice() {
    // Programs are tested in real time.
    let bailiwick = Bailiwick::builder()
        .agent(command("ada", ["sum"], CommandSpec::new(["no-such-program-anywhere"])))
        .agent(ok("bo").cost_usd_per_task(0.01))
        .start()
        .await
        .unwrap();

    let report = bailiwick.submit(sum()).await.unwrap().await.unwrap();

    assert_eq!(attempts(&report, "goal"), ["ada failed", "bo verified"]);
    let error = report.task("goal").unwrap().attempts[0].error().unwrap().clone();
    assert_eq!((error.code, error.fault), (Code::AgentError, Fault::Agent));
    assert!(report.trust.iter().any(|change| change.agent == *"ada" && change.after < change.before));
    bailiwick.shutdown().await.unwrap();
}
