//! Each of the eight triggers fires by ordinary facts under the default settings, and every way leads back to closed.

use std::time::Duration;

use bailiwick_protocols::{AgentFact, Delegation, Directive, Recovery, Refusal, Ruling, event::SeatEnd};

use super::{
    super::{BreakerSettings, CircuitBreaker, gate::State},
    story::{
        Ends::{
            self, Abstained, Canceled, Crashed, Lost, NotVerified, Provider, Returned, TimedOut, Unverified, Verified,
        },
        Story,
    },
};
use crate::policies::{
    SeatFailure, SupervisorPolicy,
    given::{goal, id},
    restart::RestartSettings,
};

const DAY: u64 = 24 * 3600;

/// The agent earned trust above 0.9 and then fails one task twice.
fn loses_much_in_one_task() -> Story {
    let mut story = Story::new();
    story.carries_all("search", &[Verified; 17]);
    let asked = story.ask("search");
    story.carries(&asked, NotVerified);
    let again = Delegation { id: id(1000), attempt: 2, ..asked };
    story.carries(&again, NotVerified);
    story
}

/// One of three outcomes is a failure, and the rest is not checked: trust only falls.
fn falls_below_all_trust() -> Story {
    let mut story = Story::new();
    for _ in 0..5 {
        story.carries_all("search", &[NotVerified, Unverified, Unverified]);
    }
    story.carries_all("search", &[NotVerified]);
    story
}

fn fails_every_other_time() -> Story {
    let mut story = Story::new();
    story.carries_all("search", &[NotVerified, Verified, NotVerified, Verified, NotVerified]);
    story
}

fn takes_its_time(seconds: u64) -> Story {
    let mut story = Story::new();
    for _ in 0..5 {
        let asked = story.ask("search");
        story.begin(&asked);
        story.wait(seconds);
        story.end(&asked, Verified);
    }
    story
}

fn fails_three_times_in_a_row() -> Story {
    let mut story = Story::new();
    story.carries_all("search", &[NotVerified, TimedOut, Crashed]);
    story
}

fn tries_what_it_may_not() -> Story {
    let mut story = Story::new();
    let asked = story.ask("search");
    story.begin(&asked);
    story.tries(asked.id);
    story.end(&asked, NotVerified);
    story
}

fn falls_six_times_in_a_minute() -> Story {
    let mut story = Story::new();
    for seat in 1..=6 {
        story.falls(seat);
        story.wait(9);
    }
    story
}

fn opens_two_of_three_capabilities() -> Story {
    let mut story = Story::new();
    story.carries_all("search", &[NotVerified; 3]);
    story.carries_all("write", &[NotVerified; 3]);
    story
}

/// Carries out default tasks (criticality 3, reversibility medium) well, whenever it is let.
fn recovers(story: &mut Story) {
    for _ in 0..40 {
        story.wait(10);
        for needs in ["search", "write", "sum", ""] {
            let asked = story.ask(needs);
            if !matches!(story.rules(&asked), Ruling::Refuse(_)) {
                story.carries(&asked, Verified);
            }
        }
    }
}

#[test]
fn each_of_the_eight_triggers_can_be_reached_and_left_again() {
    type Tell = fn() -> Story;
    let stories: [(&str, &str, Tell); 8] = [
        ("trust_drop", "search", loses_much_in_one_task),
        ("trust_below", "search", falls_below_all_trust),
        ("failure_rate", "search", fails_every_other_time),
        ("slow_rate", "search", || takes_its_time(49)),
        ("failures_in_row", "search", fails_three_times_in_a_row),
        ("violation", "", tries_what_it_may_not),
        ("restarts", "", falls_six_times_in_a_minute),
        ("capabilities_open", "", opens_two_of_three_capabilities),
    ];
    for (trigger, opened, tell) in stories {
        let mut story = tell();
        assert_eq!(story.triggers().last().map(String::as_str), Some(trigger));
        assert!(story.is_open(opened), "{trigger} opens {opened:?}");
        assert_eq!(story.is_open(""), opened.is_empty(), "{trigger} opens the agent only where it should");

        recovers(&mut story);

        for key in ["", "search", "write", "sum"] {
            assert!(story.is_closed(key), "after {trigger}, {key:?} is {:?}", story.state(key));
        }
    }
}

#[test]
fn the_defaults_are_promises() {
    let settings = BreakerSettings::default();

    assert_eq!((settings.trust_drop, settings.trust_below, settings.failures_in_row), (0.3, 0.15, 3));
    assert_eq!((settings.window, settings.outcomes_min, settings.failure_rate), (20, 5, 0.5));
    assert_eq!((settings.slow_rate, settings.slow_after), (0.8, 0.8));
    assert_eq!((settings.violations_isolate, settings.violations_within), (2, Duration::from_secs(DAY)));
    assert_eq!((settings.capabilities_share, settings.capabilities_min), (0.5, 2));
    assert_eq!((settings.open, settings.open_max), (Duration::from_secs(30), Duration::from_secs(1800)));
    assert_eq!((settings.jitter, settings.trips_forgotten, settings.probes), (0.2, Duration::from_secs(3600), 3));
    assert_eq!((settings.probe_criticality_max, settings.revoke_criticality_min), (3, 4));
}

#[test]
fn settings_that_name_little_leave_the_rest_as_it_is() {
    let settings: BreakerSettings =
        serde_json::from_str(r#"{"failures_in_row": 5, "open": 1000}"#).expect("it is JSON");

    assert_eq!((settings.failures_in_row, settings.open, settings.window), (5, Duration::from_secs(1), 20));
}

#[test]
fn exactly_three_tenths_of_trust_may_be_lost_in_a_task() {
    let settings = BreakerSettings { trust_drop: 0.5 - 0.5 * 0.8 * 0.8, ..BreakerSettings::default() };
    let mut story = Story::of(CircuitBreaker::new(settings, RestartSettings::default()));
    let asked = story.ask("search");
    story.carries(&asked, NotVerified);
    story.carries(&Delegation { id: id(1000), ..asked }, NotVerified);

    assert!(story.is_closed("search"), "strictly more trips");
}

#[test]
fn what_is_lost_in_many_tasks_is_not_lost_in_one() {
    let mut story = Story::new();
    story.carries_all("search", &[Verified; 17]);

    story.carries_all("search", &[NotVerified, NotVerified]);

    assert!(story.is_closed("search"));
}

#[test]
fn four_outcomes_are_too_few_for_a_rate() {
    let mut story = Story::new();

    story.carries_all("search", &[NotVerified, Verified, NotVerified, NotVerified]);

    assert!(story.is_closed("search"));
}

#[test]
fn a_rate_looks_at_the_last_twenty_outcomes() {
    let mut story = Story::new();
    story.carries_all("search", &[Verified]);
    for _ in 0..9 {
        story.carries_all("search", &[Verified, NotVerified]);
    }
    story.carries_all("search", &[Verified]);
    assert!(story.is_closed("search"), "nine of twenty");

    story.carries_all("search", &[NotVerified]);

    assert_eq!(story.triggers(), ["failure_rate"], "ten of twenty, the first outcome is forgotten");
}

#[test]
fn a_rate_looks_no_further_back() {
    let mut story = Story::new();
    story.carries_all("search", &[NotVerified, NotVerified, Verified, Verified, Verified]);
    for _ in 0..7 {
        story.carries_all("search", &[Verified, NotVerified]);
    }
    story.carries_all("search", &[Verified, NotVerified, NotVerified]);

    assert!(story.is_closed("search"), "eleven of all twenty-two, nine of the last twenty");
}

#[test]
fn a_success_does_not_trip_for_the_little_trust_it_leaves() {
    let mut story = Story::new();
    story.carries_all("search", &[NotVerified; 3]);
    for _ in 0..9 {
        story.wait(1800);
        story.carries_all("search", &[NotVerified]);
    }
    story.wait(1800);
    story.carries_all("search", &[Unverified; 3]);
    assert!(story.is_closed("search"));

    let asked = story.ask("search");
    let settlement = story.settlement(&asked, Verified);
    assert!(settlement.lessons[0].after.score.get() < 0.15);
    story.begin(&asked);
    story.tell([crate::policies::given::settled(settlement)]);

    assert!(story.is_closed("search"));
}

#[test]
fn an_attempt_at_four_fifths_of_its_timeout_is_not_slow() {
    assert!(takes_its_time(48).is_closed("search"));
}

#[test]
fn neither_queue_nor_children_are_the_agents_own_time() {
    let mut story = Story::new();
    for _ in 0..5 {
        let asked = story.ask("search");
        story.tell([crate::policies::given::admitted(&asked)]);
        story.wait(50);
        story.tell([AgentFact::Started { delegation: asked.id, seat: 1 }]);
        story.wait(20);
        story.tell([AgentFact::Parked { delegation: asked.id }]);
        story.wait(35);
        story.tell([AgentFact::Resumed { delegation: asked.id }]);
        story.wait(4);
        story.end(&asked, Verified);
    }

    assert!(story.is_closed("search"));
}

#[test]
fn an_unchecked_success_ends_a_row_of_failures() {
    let mut story = Story::new();

    story.carries_all("search", &[Verified, Verified, Verified, NotVerified, NotVerified, Unverified, NotVerified]);

    assert!(story.is_closed("search"));
}

#[test]
fn what_was_not_the_agents_fault_counts_neither_way() {
    let mut story = Story::new();

    story.carries_all("search", &[NotVerified, NotVerified]);
    story.carries_all("search", &[Provider, Abstained, Lost, Returned, Canceled]);
    assert!(story.is_closed("search"));

    story.carries_all("search", &[NotVerified]);
    assert_eq!(story.triggers(), ["failures_in_row"], "nor does it end a row");
}

#[test]
fn a_task_that_needs_nothing_counts_for_the_agent() {
    let mut story = Story::new();

    story.carries_all("", &[NotVerified; 3]);

    assert!(story.is_open(""));
    assert!(story.is_closed("search"));
}

#[test]
fn a_task_counts_for_everything_it_needs_and_once_for_each() {
    let mut story = Story::new();
    story.carries_all("search search write", &[NotVerified, NotVerified]);
    assert!(story.is_closed("search"));

    story.carries_all("search search write", &[NotVerified]);

    assert!(story.is_open("search") && story.is_open("write") && story.is_closed("sum"));
    assert_eq!(story.triggers(), ["failures_in_row", "failures_in_row", "capabilities_open"]);
}

#[test]
fn two_violations_in_a_day_isolate_the_agent_until_it_is_released() {
    let mut story = tries_what_it_may_not();
    story.wait(3600);
    story.tries(id(1));
    let asked = story.ask("search");
    story.wait(100 * DAY);
    assert_eq!(story.state(""), State::Isolated);
    assert_eq!(story.rules(&asked), Ruling::Refuse(Refusal::Isolated));
    assert_eq!(story.breaker.standing(story.now), Some(Refusal::Isolated));

    story.tell([AgentFact::Released { by: "eve".into() }]);
    assert_eq!(story.rules(&asked), Ruling::Pass);
}

#[test]
fn what_was_released_is_not_held_against_the_agent() {
    let mut story = tries_what_it_may_not();
    story.tell([AgentFact::Released { by: "eve".into() }]);
    story.wait(1);

    story.tries(id(1));

    assert!(story.is_open(""), "it is the first again");
}

#[test]
fn a_violation_exactly_a_day_after_the_first_is_the_first_again() {
    let mut story = Story::new();
    story.tries(id(1));
    story.wait(DAY);

    story.tries(id(1));

    assert_ne!(story.state(""), State::Isolated);
}

#[test]
fn a_violation_a_day_after_the_first_opens_and_does_not_isolate() {
    let mut story = tries_what_it_may_not();
    recovers(&mut story);
    story.wait(DAY);

    story.tries(id(1));

    assert_eq!(story.triggers(), ["violation", "violation"]);
    assert!(story.is_open(""));
}

#[test]
fn the_fall_that_is_too_many_quarantines_until_the_recorded_time() {
    let mut story = Story::new();
    story.draw = 0.9;
    for seat in 1..=5 {
        assert_eq!(story.falls(seat), None, "so many are borne");
    }

    let answer = story.falls(6);

    let State::Open { until, .. } = story.state("") else { panic!("it opens") };
    assert_eq!(answer, Some(Recovery::Quarantine { until }));
}

#[test]
fn an_isolated_agent_has_no_quarantine_that_could_outlast_its_release() {
    let mut story = tries_what_it_may_not();
    story.tries(id(1));

    assert_eq!(story.falls(1), None);
}

#[test]
fn asked_before_the_trip_is_carried_out_the_answer_is_the_same() {
    let mut early = Story::new();
    let fact = AgentFact::SeatDown { seat: 1, delegation: None, why: SeatEnd::Killed };
    for _ in 0..6 {
        early.breaker.apply(&fact, early.now);
    }
    let failure = SeatFailure { seat: 1, why: SeatEnd::Killed };

    let answer = early.breaker.recover(&failure, &early.scene(&[]));

    let wake = early.breaker.decide(&fact, &early.scene(&[])).into_iter().find_map(|directive| match directive {
        Directive::Wake { at, .. } => Some(at),
        _ => None,
    });
    assert_eq!(answer, wake.map(|until| Recovery::Quarantine { until }));
}

#[test]
fn what_the_fallen_seat_carried_is_not_called_back_too() {
    let mut story = Story::new();
    let carried = Delegation { criticality: 5, ..story.ask("search") };
    let other = Delegation { criticality: 5, ..story.ask("search") };
    story.begin(&carried);
    story.begin(&other);
    for seat in 2..=6 {
        story.falls(seat);
    }

    story.tell([AgentFact::SeatDown { seat: 1, delegation: Some(carried.id), why: SeatEnd::Killed }]);

    assert_eq!(story.revoked, [other.id]);
}

#[test]
fn more_seats_may_fall_and_settings_may_say_otherwise() {
    let mut many = Story::new();
    many.seats = 80;
    for seat in 1..=8 {
        many.falls(seat);
    }
    assert!(many.is_closed(""));
    many.falls(9);
    assert!(many.is_open(""));

    let strict = RestartSettings { max: Some(1), within: Duration::from_secs(5), ..RestartSettings::default() };
    let mut strict = Story::of(CircuitBreaker::new(BreakerSettings::default(), strict));
    strict.falls(1);
    strict.wait(5);
    strict.falls(1);
    assert!(strict.is_closed(""), "the first fall is out of the window");
    strict.falls(1);
    assert!(strict.is_open(""));
}

#[test]
fn one_open_capability_of_two_is_not_the_agent() {
    let mut story = Story::able_to(&["search", "write"]);
    story.carries_all("search", &[NotVerified; 3]);

    assert!(story.is_open("search") && story.is_closed(""));
}

#[test]
fn half_of_its_capabilities_are_the_agent_and_two_of_five_are_not() {
    for (others, opens) in
        [(&["search", "write", "sum", "plan"][..], true), (&["search", "write", "a", "b", "c"], false)]
    {
        let mut story = Story::able_to(others);

        story.carries_all("search", &[NotVerified; 3]);
        story.carries_all("write", &[NotVerified; 3]);

        assert_eq!(story.is_open(""), opens, "two of {}", others.len());
    }
}

#[test]
fn memory_stays_small_whatever_happens() {
    let mut story = Story::new();
    let ends = [Verified, NotVerified, Verified, Unverified, TimedOut, Verified, Verified, Ends::Provider];
    for n in 0..3000 {
        let asked = story.ask(["search", "write", "sum", "search write"][n % 4]);
        if !matches!(story.rules(&asked), Ruling::Refuse(_)) {
            story.carries(&asked, ends[n % ends.len()]);
        }
        story.wait(7);
        story.recorded.clear();
    }
    let with_tasks = format!("{:?}", story.breaker).len();

    story.tell([AgentFact::Forgotten { goal: goal() }]);

    let without = format!("{:?}", story.breaker).len();
    assert!(without < with_tasks, "the tasks of a forgotten goal are forgotten");
    assert!(without < 10_000, "{without} characters tell it all");
}
