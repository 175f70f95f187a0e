//! Sections 5, 8 and 13: a trip, what it does to whom, and how it ends, as goals see it.

use bailiwick::{
    prelude::*,
    protocols::{Code, Event, GoalEvent, policy::breaker},
    report::BreakerState,
    testing::Stage,
};
use bailiwick_tests::*;

fn sum() -> Goal {
    Goal::new("2 + 2").needs_capability("sum").verify(Verify::equals("4"))
}

fn wrong_then_right(wrong: usize) -> AgentSpec {
    let replies = std::iter::repeat_n(ScriptedReply::output("5"), wrong).chain([ScriptedReply::output("4")]);
    scripted("ada", ["sum"], replies)
}

fn states(play: &Play) -> Vec<(Option<String>, BreakerState)> {
    let all = play.bailiwick().breakers();
    all.iter().map(|one| (one.capability.as_ref().map(ToString::to_string), one.state)).collect()
}

#[tokio::test(start_paused = true)]
async fn three_failures_in_a_row_open_the_pair_and_the_goal_hears_it_in_one_batch_with_its_cause() {
    let play = open(Stage::seeded(1).agent(says("ada", "sum", "5"))).await;

    let report = play.run(sum()).await;

    let events = play.events(&report);
    let last: Vec<&str> = kinds(&events).into_iter().rev().take(8).rev().collect();
    assert_eq!(
        last,
        [
            "task_started",
            "verification_failed",
            "trust_updated",
            "trust_circuit_break",
            "attempt_ended",
            "escalated",
            "task_failed",
            "goal_settled",
        ]
    );
    let trip = events.iter().find(|e| e.event.kind() == "trust_circuit_break").unwrap();
    let Event::Goal(GoalEvent::TrustCircuitBreak { capability, until, reason, .. }) = &trip.event else { panic!() };
    assert_eq!((capability.as_ref().unwrap().as_str(), reason.as_str()), ("sum", "3 failures in a row"));
    let open = until.unwrap().since(trip.at);
    assert!(open >= secs(24) - ms(200) && open <= secs(36), "30 s and a fifth either way: {open:?}");
    assert_eq!(states(&play), [(Some("sum".to_owned()), BreakerState::Open)]);
    assert_eq!(report.breakers.len(), 1);

    // In the agent's stream the trip stands right behind the settlement that caused it, before anybody was told.
    let facts = play.agent_stream("ada");
    let opened = facts.iter().position(|fact| fact.event.kind() == breaker::OPENED).unwrap();
    assert_eq!(facts[opened - 1].event.kind(), "settled");
    assert_eq!(facts[opened + 1].event.kind(), "wake_set");
    assert!(facts[opened].seq < trip.seq);
}

#[tokio::test(start_paused = true)]
async fn a_task_left_with_only_open_breakers_is_refused_at_once() {
    let play = open(prompt(2).agent(says("ada", "sum", "5"))).await;
    play.run(sum()).await;

    let report = play.run(sum()).await;

    assert_eq!((report.outcome_word(), report.code), ("refused", Some(Code::Unavailable)));
    assert_eq!((report.attempts(), report.duration()), (0, ms(0)), "it does not wait for the half-open");
    assert!(report.task("goal").unwrap().refusals[0].refusal.to_string().starts_with("breaker open for sum until"));
}

#[tokio::test(start_paused = true)]
async fn an_open_pair_says_nothing_about_what_else_the_agent_can_do() {
    let ada = scripted("ada", ["sum", "say", "sing", "draw", "fly"], [ScriptedReply::output("5")]);
    let play = open(Stage::seeded(3).agent(ada)).await;
    play.run(sum()).await;

    let other = play.run(Goal::new("x").needs_capability("say")).await;

    assert_eq!(other.outcome_word(), "unverified");
}

#[tokio::test(start_paused = true)]
async fn a_task_that_requires_nothing_counts_for_the_agent_and_its_standing_is_seen_before_anybody_is_asked() {
    let play = open(Stage::seeded(4).agent(says("ada", "sum", "5"))).await;
    let any = || Goal::new("x").verify(Verify::equals("4"));
    play.run(any()).await;
    assert_eq!(states(&play), [(None, BreakerState::Open)]);

    let report = play.run(any()).await;

    let events = play.events(&report);
    assert!(!kinds(&events).contains(&"agent_selected"), "hopeless work is not offered");
    assert_eq!((report.outcome_word(), report.code), ("refused", Some(Code::Unavailable)));
    assert_eq!(report.task("goal").unwrap().refusals.len(), 1, "and who said so is listed");
}

#[tokio::test(start_paused = true)]
async fn the_next_agent_is_asked_while_one_is_open() {
    let play =
        open(Stage::seeded(5).agent(says("ada", "sum", "5")).agent(says("bo", "sum", "4").cost_usd_per_task(1.0)))
            .await;
    play.run(sum()).await;

    let report = play.run(sum()).await;

    assert_eq!(attempts(&report, "goal"), ["bo verified"]);
}

#[tokio::test(start_paused = true)]
async fn when_its_time_is_over_probes_are_let_in_and_three_successes_close_it() {
    let play = open(Stage::seeded(6).agent(wrong_then_right(3))).await;
    play.run(sum()).await;

    tokio::time::sleep(secs(40)).await;
    assert_eq!(states(&play), [(Some("sum".to_owned()), BreakerState::HalfOpen)], "woken by nobody's work");
    for _ in 0..3 {
        assert!(!states(&play).is_empty());
        assert_eq!(play.run(sum()).await.outcome_word(), "verified");
    }

    assert!(states(&play).is_empty());
    let facts = play.agent_stream("ada");
    let moves: Vec<&str> = kinds(&facts).into_iter().filter(|kind| kind.contains("break")).collect();
    assert_eq!(moves, ["trust_circuit_break", "breaker_half_opened", "breaker_closed"]);
}

#[tokio::test(start_paused = true)]
async fn one_failed_probe_opens_it_again_and_for_longer() {
    let play = open(Stage::seeded(7).agent(says("ada", "sum", "5"))).await;
    play.run(sum()).await;
    tokio::time::sleep(secs(40)).await;

    let report = play.run(sum()).await;

    assert_eq!(report.attempts(), 1, "the probe failed and nobody is let in behind it");
    let events = play.events(&report);
    let until = told(&events)
        .find_map(|event| match event {
            GoalEvent::TrustCircuitBreak { until, .. } => *until,
            _ => None,
        })
        .unwrap();
    let open = until.since(events.last().unwrap().at);
    assert!(open > secs(47) && open <= secs(72), "60 s and a fifth either way: {open:?}");
}

#[tokio::test(start_paused = true)]
async fn while_half_open_one_probe_at_a_time_and_nothing_critical() {
    let witness = Witness::new();
    let replies = std::iter::repeat_n(ScriptedReply::output("5"), 3).chain([ScriptedReply::output("4").after(secs(1))]);
    let play = open(Stage::seeded(8).agent(witness.scripted("ada", "sum", replies).max_concurrent(4))).await;
    play.run(sum()).await;
    tokio::time::sleep(secs(40)).await;

    let critical = play.run(sum().criticality(4)).await;
    assert_eq!(critical.outcome_word(), "refused");
    let low = play.run(sum().reversibility(Reversibility::Low)).await;
    assert_eq!(low.outcome_word(), "refused");
    let probe = play.submit(sum()).await;
    tokio::time::sleep(ms(500)).await;
    let second = play.run_to_its_end(sum()).await;
    assert_eq!((second.outcome_word(), second.code), ("refused", Some(Code::Unavailable)));
    assert_eq!(play.end_of(probe).await.outcome_word(), "verified");
    assert_eq!(witness.most(), 1);
    play.check().await;
}

#[tokio::test(start_paused = true)]
async fn what_waits_behind_a_trip_is_given_back_uncharged_and_finds_another_agent() {
    let ada = scripted("ada", ["sum"], [ScriptedReply::output("5").after(secs(1)).cost_usd(0.001)]);
    let bo = says("bo", "sum", "4").cost_usd_per_task(1.0);
    let play = open(prompt(9).agent(ada).agent(bo)).await;

    let goal = (0..6).fold(Goal::new("sums"), |goal, n| {
        goal.task(task(&format!("t{n}"), "sum").retries(0).verify(Verify::equals("4")))
    });
    let report = play.run(goal).await;

    assert_eq!(report.outcome_word(), "verified");
    let by_ada: usize = report.tasks.iter().map(|t| t.attempts.iter().filter(|a| a.agent == *"ada").count()).sum();
    assert_eq!(by_ada, 3, "the other three were ruled again when it tripped");
    let refusals: Vec<&str> =
        report.tasks.iter().flat_map(|t| &t.refusals).map(|refused| refused.agent.as_str()).collect();
    assert_eq!(refusals, ["ada", "ada", "ada"]);
}

#[tokio::test(start_paused = true)]
async fn what_runs_may_finish_behind_a_trip_and_its_verdict_can_only_lower_trust() {
    let ada = agent_fn("ada", ["sum"], |task| async move {
        if task.goal() == "slow" {
            tokio::time::sleep(secs(5)).await;
            return Ok(Output::text("4"));
        }
        Ok(Output::text("5"))
    });
    let play = open(prompt(10).agent(ada.max_concurrent(2))).await;

    let slow = play.submit(Goal::new("slow").needs_capability("sum").verify(Verify::equals("4"))).await;
    tokio::time::sleep(secs(1)).await;
    play.run_to_its_end(sum()).await;
    assert_eq!(states(&play).len(), 1);
    let slow = play.end_of(slow).await;

    assert_eq!(slow.outcome_word(), "verified", "what was begun may end, and counts as what it is");
    assert_eq!(slow.trust, [], "but it raises no trust");
    assert_eq!(states(&play)[0].1, BreakerState::Open, "it does not close the breaker");
    play.check().await;
}

#[tokio::test(start_paused = true)]
async fn what_was_begun_before_a_trip_raises_no_trust_however_late_it_ends() {
    let ada = agent_fn("ada", ["sum"], |task| async move {
        match task.goal() {
            "slow" => tokio::time::sleep(secs(300)).await,
            "wrong" => return Ok(Output::text("5")),
            _ => {}
        }
        Ok(Output::text("4"))
    });
    let play = open(prompt(14).agent(ada.max_concurrent(2))).await;
    let asked = |text: &str| Goal::new(text).needs_capability("sum").verify(Verify::equals("4")).timeout(secs(600));

    let slow = play.submit(asked("slow")).await;
    tokio::time::sleep(secs(1)).await;
    play.run_to_its_end(asked("wrong")).await;
    tokio::time::sleep(secs(60)).await;
    for _ in 0..3 {
        play.run_to_its_end(asked("right")).await;
    }
    let closed = states(&play).is_empty();
    let slow = play.end_of(slow).await;

    assert!(closed, "three probes closed it while the slow one was still at work");
    assert_eq!((slow.outcome_word(), slow.trust.len()), ("verified", 0), "{}", slow.summary());
    play.check().await;
}

#[tokio::test(start_paused = true)]
async fn somebody_can_release_it() {
    let play = open(Stage::seeded(11).agent(wrong_then_right(3))).await;
    play.run(sum()).await;
    assert_eq!(play.run(sum()).await.outcome_word(), "refused");

    play.bailiwick().release("ada", "mira");
    tokio::time::sleep(secs(1)).await;

    assert!(states(&play).is_empty());
    assert_eq!(play.run(sum()).await.outcome_word(), "verified");
}

#[tokio::test(start_paused = true)]
async fn seats_that_keep_falling_open_the_agent_instead_of_felling_the_tree() {
    let mut patient = bailiwick::actors::policies::PolicySettings::default();
    patient.breaker.failures_in_row = 100;
    patient.breaker.trust_drop = 1.0;
    patient.breaker.trust_below = 0.0;
    patient.breaker.outcomes_min = 100;
    let ada = scripted("ada", ["sum"], [ScriptedReply::panic()]);
    let play = open(Stage::seeded(12).agent(ada).with(|b| b.policy_settings(patient))).await;

    let report = play.run(sum().retries(9)).await;

    assert_eq!(report.attempts(), 6, "five restarts are borne, the sixth fall opens");
    assert_eq!(states(&play), [(None, BreakerState::Open)]);
    assert_eq!(report.outcome_word(), "failed");
}

#[tokio::test(start_paused = true)]
async fn a_breaker_outlives_its_supervisor() {
    let play = open(Stage::seeded(13).agent(wrong_then_right(3))).await;
    play.run(sum()).await;

    play.kill_supervisor("ada");
    tokio::time::sleep(secs(1)).await;
    assert_eq!(play.run(sum()).await.outcome_word(), "refused", "still open");
    tokio::time::sleep(secs(40)).await;

    assert_eq!(states(&play)[0].1, BreakerState::HalfOpen, "its wake was kept, too");
    assert_eq!(play.run(sum()).await.outcome_word(), "verified");
}

/// What opened, in order: the pair or the whole agent, and why.
fn trips(play: &Play, reports: &[GoalReport]) -> Vec<(Option<String>, String)> {
    let events = reports.iter().flat_map(|report| play.events(report)).collect::<Vec<_>>();
    let trips = told(&events).filter_map(|event| match event {
        GoalEvent::TrustCircuitBreak { capability, reason, .. } => {
            Some((capability.as_ref().map(ToString::to_string), reason.clone()))
        }
        _ => None,
    });
    trips.collect()
}

#[tokio::test(start_paused = true)]
async fn a_trusted_agent_that_loses_more_than_three_tenths_within_one_task_trips_at_its_second_failure() {
    let right = std::iter::repeat_n(ScriptedReply::output("4"), 11);
    let ada = scripted("ada", ["sum"], right.chain([ScriptedReply::output("5")]));
    let play = open(Stage::seeded(15).agent(ada)).await;
    for _ in 0..11 {
        assert_eq!(play.run(sum()).await.outcome_word(), "verified");
    }

    let report = play.run(sum()).await;

    assert_eq!(trust_moves(&play.events(&report)), [(843, 674), (674, 540)]);
    assert_eq!(attempts(&report, "goal"), ["ada not_verified", "ada not_verified"], "the third is not made");
    let lost = "0.304 of trust lost within the task goal".to_owned();
    assert_eq!(trips(&play, &[report]), [(Some("sum".to_owned()), lost)]);
}

#[tokio::test(start_paused = true)]
async fn an_agent_that_is_right_but_always_late_trips_at_its_fifth_outcome() {
    let play = open(prompt(16).agent(slow("ada", "sum", "4", secs(81)))).await;

    let mut reports = Vec::new();
    for _ in 0..5 {
        assert!(states(&play).is_empty());
        reports.push(play.run(sum().timeout(secs(100))).await);
    }

    assert!(reports.iter().all(|report| report.outcome_word() == "verified"));
    let slow = "5 of the last 5 attempts took more than 0.8 of their timeout".to_owned();
    assert_eq!(trips(&play, &reports), [(Some("sum".to_owned()), slow)]);
    assert_eq!(play.run(sum()).await.outcome_word(), "refused");
}

#[tokio::test(start_paused = true)]
async fn when_half_of_its_capabilities_are_open_the_whole_agent_is() {
    let ada = scripted("ada", ["sum", "say", "sing", "draw"], [ScriptedReply::output("5")]);
    let play = open(Stage::seeded(17).agent(ada)).await;
    let asked = |need: &str| Goal::new("x").needs_capability(need).verify(Verify::equals("4"));

    let sum = play.run(asked("sum")).await;
    let one = states(&play);
    let say = play.run(asked("say")).await;
    let sing = play.run(asked("sing")).await;

    assert_eq!(one, [(Some("sum".to_owned()), BreakerState::Open)], "one of four says nothing about the others");
    let row = "3 failures in a row".to_owned();
    let pair = |capability: &str| (Some(capability.to_owned()), row.clone());
    let whole = (None, "2 of 4 capabilities are open".to_owned());
    assert_eq!(trips(&play, &[sum, say]), [pair("sum"), pair("say"), whole]);
    assert_eq!((sing.outcome_word(), sing.attempts()), ("refused", 0), "{}", sing.summary());
}
