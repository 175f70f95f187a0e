//! How a breaker opens, lets probes in, closes, and what leaves it as it is.

use std::time::Duration;

use bailiwick_protocols::{
    AgentFact, Delegation, Directive, Limits, PolicyFact, Refusal, Reversibility, Ruling, event::SeatEnd, outcome::Trip,
};

use super::{
    super::{BreakerSettings, CircuitBreaker, NAME, gate::State},
    story::{
        Ends::{Lost, NotVerified, Unverified, Verified},
        Story, tried,
    },
};
use crate::policies::{
    SupervisorPolicy,
    given::{admitted, settled},
    restart::RestartSettings,
    stack::{BreakerState, Stack},
};

fn tripped() -> Story {
    let mut story = Story::new();
    story.carries_all("search", &[NotVerified; 3]);
    assert!(story.is_open("search"));
    story
}

fn half_open() -> Story {
    let mut story = tripped();
    story.wait(30);
    assert!(story.is_half_open("search"));
    story
}

fn alone() -> Ruling {
    let mut limits = Limits::default();
    limits.depth = Some(0);
    Ruling::Narrow(limits)
}

fn probing() -> Ruling {
    Ruling::Refuse(Refusal::Probing { capability: Some("search".into()) })
}

#[test]
fn an_open_pair_refuses_what_needs_it_and_nothing_else() {
    let mut story = tripped();
    let State::Open { until, .. } = story.state("search") else { unreachable!() };

    let refusal = Refusal::BreakerOpen { capability: Some("search".into()), until };
    let (both, other, none) = (story.ask("write search"), story.ask("write"), story.ask(""));
    assert_eq!(story.rules(&both), Ruling::Refuse(refusal));
    assert_eq!(story.rules(&other), Ruling::Pass);
    assert_eq!(story.rules(&none), Ruling::Pass);
    assert_eq!(story.breaker.standing(story.now), None, "others may still ask");
}

#[test]
fn of_two_open_pairs_the_one_that_stays_open_longer_is_told() {
    for (first, second) in [("search", "write"), ("write", "search")] {
        let mut story = Story::able_to(&["search", "write", "a", "b", "c"]);
        story.carries_all(first, &[NotVerified; 3]);
        story.wait(10);
        story.carries_all(second, &[NotVerified; 3]);

        let State::Open { until, .. } = story.state(second) else { panic!("{second} is open") };
        let both = story.ask("search write");
        let longer = Refusal::BreakerOpen { capability: Some(second.into()), until };
        assert_eq!(story.rules(&both), Ruling::Refuse(longer));
    }
}

#[test]
fn only_the_end_of_a_probe_itself_is_weighed() {
    let mut story = half_open();
    let (probe, other) = (story.ask("search"), story.ask("search"));
    let failed = settled(story.settlement(&probe, NotVerified));
    // Recorded, and what follows was lost with the process.
    for fact in [admitted(&probe), AgentFact::Started { delegation: probe.id, seat: 1 }, failed.clone()] {
        story.breaker.apply(&fact, story.now);
    }

    let straggler = settled(story.settlement(&other, NotVerified));

    assert_eq!(story.breaker.decide(&straggler, &story.scene(&[])), []);
    assert_ne!(story.breaker.decide(&failed, &story.scene(&[])), []);
}

#[test]
fn an_open_agent_refuses_everything_and_says_so_to_anybody() {
    let mut story = Story::new();
    story.carries_all("", &[NotVerified; 3]);
    let State::Open { until, .. } = story.state("") else { unreachable!() };

    let asked = story.ask("sum");
    let refusal = Refusal::BreakerOpen { capability: None, until };
    assert_eq!(story.rules(&asked), Ruling::Refuse(refusal.clone()));
    assert_eq!(story.breaker.standing(story.now), Some(refusal));

    story.wait(30);
    assert_eq!(story.breaker.standing(story.now), None, "it waits for a probe");
    story.begin(&asked);
    assert_eq!(story.breaker.standing(story.now), Some(Refusal::Probing { capability: None }));
}

#[test]
fn a_trip_is_recorded_then_woken_then_calls_back_what_may_do_harm() {
    let mut story = Story::new();
    story.carries_all("search", &[NotVerified; 2]);
    let harmless = story.ask("search");
    let grave = Delegation { criticality: 4, ..story.ask("search") };
    let lasting = Delegation { reversibility: Reversibility::Low, ..story.ask("write search") };
    let elsewhere = Delegation { criticality: 5, ..story.ask("write") };
    let waiting = Delegation { criticality: 5, ..story.ask("search") };
    let last = Delegation { criticality: 5, ..story.ask("search") };
    for asked in [&harmless, &grave, &lasting, &elsewhere, &last] {
        story.begin(asked);
    }
    story.tell([admitted(&waiting)]);

    let directives = story.end(&last, NotVerified);

    assert!(matches!(directives[..2], [Directive::Record(_), Directive::Wake { .. }]));
    assert_eq!(story.revoked, [grave.id, lasting.id], "what waits is ruled again, what ended has ended");
}

#[test]
fn a_straggler_from_before_the_trip_changes_nothing_whenever_it_ends() {
    let mut story = Story::new();
    story.carries_all("search", &[NotVerified; 2]);
    let stragglers: Vec<Delegation> = (0..8).map(|_| story.ask("search")).collect();
    stragglers.iter().for_each(|asked| story.begin(asked));
    story.wait(1);
    story.carries_all("search", &[NotVerified]);
    let open = story.state("search");

    story.end(&stragglers[0], NotVerified);
    story.end(&stragglers[1], Verified);
    assert_eq!(story.state("search"), open);

    story.wait(30);
    let half_open = story.state("search");
    story.end(&stragglers[2], NotVerified);
    story.end(&stragglers[3], Verified);
    assert_eq!(story.state("search"), half_open);

    let (probe, other) = (story.ask("search"), story.ask("search"));
    story.begin(&probe);
    story.end(&stragglers[4], Verified);
    assert_eq!(story.rules(&other), probing(), "the probe is still out");
    story.end(&probe, Verified);

    story.carries_all("search", &[Verified; 2]);
    assert!(story.is_closed("search"));
    for straggler in &stragglers[5..] {
        story.end(straggler, NotVerified);
    }
    assert!(story.is_closed("search"), "three failures of long ago are not three in a row now");
}

#[test]
fn one_probe_at_a_time_that_may_do_no_harm_and_asks_nobody() {
    let mut story = half_open();
    let probe = story.ask("search");
    let grave = Delegation { criticality: 4, ..story.ask("search") };
    let lasting = Delegation { reversibility: Reversibility::Low, ..story.ask("search") };
    let second = story.ask("search");

    assert_eq!(story.rules(&probe), alone());
    assert_eq!(story.rules(&grave), probing());
    assert_eq!(story.rules(&lasting), probing());

    story.tell([admitted(&probe)]);
    assert_eq!(story.rules(&second), probing());
    assert_eq!(story.rules(&probe), alone(), "asked again for its seat, it is the same probe");

    story.tell([AgentFact::Started { delegation: probe.id, seat: 1 }]);
    story.end(&probe, Verified);
    assert_eq!(story.rules(&second), alone());
}

#[test]
fn work_that_waited_through_the_opening_is_a_probe_once_it_begins() {
    let mut story = Story::new();
    story.carries_all("search", &[NotVerified; 2]);
    let waited = story.ask("search");
    story.tell([admitted(&waited)]);
    story.wait(1);
    story.carries_all("search", &[NotVerified]);
    story.wait(30);

    assert_eq!(story.rules(&waited), alone());
    story.tell([AgentFact::Started { delegation: waited.id, seat: 1 }]);

    let other = story.ask("search");
    assert_eq!(story.rules(&other), probing());
    story.end(&waited, NotVerified);
    assert!(story.is_open("search"));
}

#[test]
fn three_successes_in_a_row_close_it_checked_or_not() {
    let mut story = half_open();

    story.carries_all("search", &[Verified, Unverified]);
    assert!(story.is_half_open("search"));
    story.carries_all("search", &[Unverified]);

    assert!(story.is_closed("search"));
    assert_eq!(story.moves().last().map(|(kind, ..)| kind.as_str()), Some("breaker_closed"));
}

#[test]
fn a_probe_that_is_lost_says_nothing_and_leaves_room_for_the_next() {
    let mut story = half_open();

    story.carries_all("search", &[Verified, Lost, Verified, Lost]);
    assert!(story.is_half_open("search"));
    story.carries_all("search", &[Verified]);

    assert!(story.is_closed("search"));
}

#[test]
fn one_failed_probe_opens_it_again_for_twice_as_long() {
    let mut story = tripped();
    let mut waits = vec![story.open_for("search")];

    for _ in 0..7 {
        story.wait(1800);
        story.carries_all("search", &[Verified, NotVerified]);
        waits.push(story.open_for("search"));
    }

    assert_eq!(waits, [30, 60, 120, 240, 480, 960, 1800, 1800].map(|seconds| seconds * 1000));
}

#[test]
fn the_time_is_spread_by_the_draw_and_never_beyond_half_an_hour() {
    let mut story = Story::new();
    story.draw = 1.0;
    story.carries_all("search", &[NotVerified; 3]);
    assert_eq!(story.open_for("search"), 36_000);

    for _ in 0..8 {
        story.wait(1800);
        story.carries_all("search", &[NotVerified]);
    }
    assert_eq!(story.open_for("search"), 1_800_000);
}

#[test]
fn an_hour_closed_makes_earlier_trips_forgotten() {
    let again_after = |seconds| {
        let mut story = half_open();
        story.carries_all("search", &[Verified; 3]);
        story.wait(seconds);
        story.carries_all("search", &[NotVerified; 3]);
        story.open_for("search")
    };

    // The three failures take a second each.
    assert_eq!(again_after(3596), 60_000);
    assert_eq!(again_after(3597), 30_000);
}

#[test]
fn a_closed_breaker_starts_with_nothing_held_against_it() {
    let mut story = half_open();
    story.carries_all("search", &[Verified; 3]);

    story.carries_all("search", &[NotVerified; 2]);

    assert!(story.is_closed("search"));
}

#[test]
fn the_wake_of_an_opening_that_is_over_wakes_nobody() {
    let mut story = tripped();
    let stale = story.wakes.clone();
    story.tell([AgentFact::Released { by: "eve".into() }]);
    assert!(story.is_closed("search"));
    story.carries_all("search", &[NotVerified; 3]);

    for (_, token) in stale {
        story.tell([AgentFact::Due { policy: NAME.into(), token }]);
    }

    assert!(story.is_open("search"), "the second opening has a wake of its own");
    story.wait(30);
    assert!(story.is_half_open("search"));
}

#[test]
fn what_another_policy_records_in_its_words_moves_nothing() {
    let mut story = Story::new();
    let opened = tripped().recorded.into_iter().find_map(|(fact, ..)| match fact {
        AgentFact::Policy(fact) => Some(fact),
        _ => None,
    });
    let opened = opened.expect("a trip is recorded");

    story.breaker.apply(&AgentFact::Policy(PolicyFact { policy: "lunch".into(), ..opened.clone() }), story.now);
    assert!(story.is_closed("search"));
    story.breaker.apply(&AgentFact::Policy(opened), story.now);
    assert!(story.is_open("search"));
}

#[test]
fn the_wake_of_another_policy_is_not_its_own() {
    let mut story = tripped();
    let token = story.wakes[0].1;

    story.tell([AgentFact::Due { policy: "lunch".into(), token }]);

    assert!(story.is_open("search"));
}

#[test]
fn two_breakers_that_open_at_once_have_a_wake_each() {
    let mut story = Story::new();

    story.carries_all("search write", &[NotVerified; 3]);
    assert_eq!(story.wakes.len(), 3);

    story.wait(30);
    assert!(["", "search", "write"].iter().all(|key| story.is_half_open(key)));
}

#[test]
fn a_release_closes_everything_and_forgets_the_trips() {
    let mut story = tripped();
    story.wait(30);
    story.carries_all("search", &[NotVerified]);

    story.tell([AgentFact::Released { by: "eve".into() }]);

    assert!(story.is_closed("search"));
    assert_eq!(story.moves().last().map(|(_, _, why)| why.as_str()), Some("released"));
    // A release opens the gate; trust must be earned.
    story.carries_all("search", &[Verified; 10]);
    story.carries_all("search", &[NotVerified; 3]);
    assert_eq!(story.open_for("search"), 30_000);
}

#[test]
fn isolation_outlasts_a_trip_of_the_same_batch() {
    let mut story = Story::new();
    let asked = story.ask("search");
    story.begin(&asked);
    for seat in 1..=5 {
        story.falls(seat);
    }

    let violation = AgentFact::Violation { delegation: asked.id, tried: tried() };
    let fall = AgentFact::SeatDown { seat: 6, delegation: None, why: SeatEnd::Killed };
    story.tell([violation.clone(), violation, fall]);

    assert_eq!(story.triggers(), ["restarts"], "the fall found it closed");
    story.wait(1800);
    assert_eq!(story.state(""), State::Isolated, "nor does the wake of that trip end it");
}

#[test]
fn while_the_agent_is_open_its_stragglers_open_no_capability() {
    let mut story = Story::new();
    let stragglers = [(); 6].map(|()| story.ask("search"));
    for asked in &stragglers {
        story.begin(asked);
    }
    story.wait(1);
    story.tries(stragglers[0].id);

    for asked in &stragglers[..3] {
        story.end(asked, NotVerified);
    }
    assert!(story.is_open("") && story.is_closed("search"));

    story.wait(30);
    story.carries_all("write", &[Verified; 3]);
    for asked in &stragglers[3..] {
        story.end(asked, NotVerified);
    }
    assert!(story.is_closed("") && story.is_closed("search"));
}

#[test]
fn an_agent_that_opens_for_itself_while_pairs_are_open_opens_once() {
    let mut story = tripped();
    story.wait(30);
    story.carries_all("write", &[NotVerified; 3]);
    story.wait(30);
    story.carries_all("write", &[NotVerified]);
    story.wait(60);
    story.carries_all("write", &[NotVerified]);
    assert!(story.is_closed(""), "a half-open capability is not an open one");
    story.carries_all("search", &[NotVerified]);
    assert!(story.is_open(""));
    story.wait(30);
    story.carries_all("", &[Verified; 3]);
    assert!(story.is_closed("") && story.is_open("search") && story.is_open("write"));
    let before = story.triggers().len();

    story.carries_all("", &[NotVerified; 3]);

    assert_eq!(story.triggers().split_off(before), ["failures_in_row"]);
}

#[test]
fn a_release_and_a_wake_of_one_batch_leave_it_closed_and_two_wakes_half_open() {
    let due = |story: &Story| AgentFact::Due { policy: NAME.into(), token: story.wakes[0].1 };
    let mut twice = tripped();
    let mut released = tripped();

    let batch = [due(&twice), due(&twice)];
    twice.tell(batch);
    let batch = [AgentFact::Released { by: "eve".into() }, due(&released)];
    released.tell(batch);

    assert!(twice.is_half_open("search"));
    assert!(released.is_closed("search"));
}

#[test]
fn several_settlements_in_one_batch_trip_as_one_would() {
    let mut story = Story::new();
    let asked = [story.ask("search"), story.ask("search"), story.ask("search")];
    asked.iter().for_each(|asked| story.begin(asked));
    story.wait(1);

    let batch = asked.map(|asked| settled(story.settlement(&asked, NotVerified)));
    story.tell(batch);

    assert_eq!(story.triggers(), ["failures_in_row"]);
    assert_eq!(story.open_for("search"), 30_000);
}

#[test]
fn every_transition_can_be_read_as_a_trip_and_is_published_by_the_stack() {
    let mut story = half_open();
    story.carries_all("search", &[NotVerified]);
    let mut stack = Stack::new(vec![Box::new(CircuitBreaker::default())]);

    let mut published = Vec::new();
    for (fact, at, _) in &story.recorded {
        stack.apply(fact, *at);
        if let AgentFact::Policy(fact) = fact {
            let trip: Trip = serde_json::from_value(fact.body.0.clone()).expect("a trip");
            assert_eq!(trip.capability, Some("search".into()));
            assert!(!trip.reason.is_empty());
            published.push(stack.breakers().get(&trip.capability).copied());
        }
    }

    assert_eq!(published, [BreakerState::Open, BreakerState::HalfOpen, BreakerState::Open].map(Some));
}

#[test]
fn changed_settings_bind_from_the_next_stack_fact_on_and_rewrite_nothing() {
    let patient = BreakerSettings { failures_in_row: 4, open: Duration::from_secs(300), ..BreakerSettings::default() };
    let patient = CircuitBreaker::new(patient, RestartSettings::default());
    let stack = |settings: serde_json::Value| AgentFact::Stack {
        policies: vec![NAME.into()],
        settings: serde_json::json!({ NAME: settings }).into(),
        capabilities: Vec::new(),
        seats: 1,
        incarnation: 0,
    };
    let before = stack(CircuitBreaker::default().settings());
    let after = stack(patient.settings());

    let mut story = Story::of(patient);
    story.tell([before]);
    story.carries_all("search", &[NotVerified; 3]);
    assert_eq!(story.open_for("search"), 30_000, "that was the rule then");

    story.tell([after, AgentFact::Released { by: "eve".into() }]);
    story.carries_all("search", &[Verified; 10]);
    story.carries_all("search", &[NotVerified; 3]);
    assert!(story.is_closed("search"));
    story.carries_all("search", &[NotVerified]);
    assert_eq!(story.open_for("search"), 300_000);
}
