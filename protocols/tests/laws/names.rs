//! Things are called what the documents call them, and a name that is written is read as the same name.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use bailiwick_protocols::{
    AgentFact, Capability, Event, GoalEvent, GoalId, PolicyFact, Stream, Timestamp, Traceparent, policy::breaker,
};
use proptest::{prelude::*, strategy::ValueTree, test_runner::TestRunner};
use serde::Serialize;

use super::arbitrary::{self, tried};

/// The kinds of a goal's stream, as the documents name them.
const GOAL_KINDS: [&str; 31] = [
    "agent_selected",
    "attempt_ended",
    "attempt_retried",
    "budget_stopped",
    "budget_warned",
    "cancel_requested",
    "child_added",
    "child_reopened",
    "deadline_passed",
    "delegation_refused",
    "escalated",
    "goal_parked",
    "goal_resumed",
    "goal_settled",
    "goal_submitted",
    "judge_asked",
    "plan_rejected",
    "plan_requested",
    "route_chosen",
    "synthesised",
    "task_assigned",
    "task_completed",
    "task_decomposed",
    "task_failed",
    "task_reassigned",
    "task_skipped",
    "task_started",
    "trust_circuit_break",
    "trust_updated",
    "verification_failed",
    "verification_passed",
];

/// The names of the systems this runtime replaces. The two that come with the lens are not among them yet.
const SEED: [&str; 11] = [
    "escalated",
    "task_assigned",
    "task_completed",
    "task_decomposed",
    "task_failed",
    "task_reassigned",
    "task_started",
    "trust_circuit_break",
    "trust_updated",
    "verification_failed",
    "verification_passed",
];

/// What a strategy draws in many tries, with the same chance every time.
fn drawn<T: std::fmt::Debug>(strategy: BoxedStrategy<T>, tries: usize) -> impl Iterator<Item = T> {
    let mut runner = TestRunner::deterministic();
    (0..tries).map(move |_| strategy.new_tree(&mut runner).expect("it can be drawn").current())
}

/// The name of the variant in the code, in snake case.
fn snake_case(event: &impl Serialize) -> String {
    let written = serde_json::to_value(event).expect("it can be written");
    let name = written.as_str().or(written.as_object().and_then(|one| one.keys().next()).map(|key| &**key));
    let mut snake = String::new();
    for letter in name.expect("a variant has a name").chars() {
        if letter.is_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.extend(letter.to_lowercase());
    }
    snake
}

#[test]
fn every_goal_event_is_called_what_the_documents_call_it() {
    let kinds: BTreeMap<String, &str> =
        drawn(arbitrary::goal_event(), 1_500).map(|event| (snake_case(&event), event.kind())).collect();

    assert!(kinds.iter().all(|(variant, kind)| variant == kind), "{kinds:?}");
    assert_eq!(kinds.into_values().collect::<Vec<_>>(), GOAL_KINDS);
}

#[test]
fn every_name_of_the_seed_is_kept() {
    let kept: BTreeSet<&str> = drawn(arbitrary::goal_event(), 1_500).filter_map(|event| event.seed_name()).collect();

    assert_eq!(kept, SEED.into());
    assert!(SEED.iter().all(|name| GOAL_KINDS.contains(name)));
}

#[test]
fn every_fact_of_an_agent_is_called_what_the_documents_call_it() {
    let kinds: BTreeSet<String> = drawn(arbitrary::agent_fact(), 1_500)
        .filter(|fact| !matches!(fact, AgentFact::Policy(_)))
        .inspect(|fact| {
            let restarted = matches!(fact, AgentFact::SeatStarted { restart: true, .. });
            assert_eq!(fact.kind(), if restarted { "seat_restarted".to_owned() } else { snake_case(fact) });
        })
        .map(|fact| fact.kind().to_owned())
        .collect();

    let named = [
        "admitted",
        "ceasing",
        "charged",
        "checkpointed",
        "due",
        "examined",
        "forgotten",
        "narrowed",
        "noted",
        "parked",
        "part_refused",
        "policy_out",
        "process_started",
        "progressed",
        "recovering",
        "released",
        "reported",
        "resumed",
        "seat_down",
        "seat_restarted",
        "seat_started",
        "settled",
        "stack",
        "started",
        "threads_left",
        "tool_called",
        "tool_returned",
        "transferred",
        "turned_away",
        "violation",
        "wake_set",
    ];
    assert_eq!(kinds.iter().map(String::as_str).collect::<Vec<_>>(), named);
}

#[test]
fn every_runtime_event_is_called_what_the_documents_call_it() {
    let kinds: BTreeMap<String, &str> =
        drawn(arbitrary::runtime_event(), 200).map(|event| (snake_case(&event), event.kind())).collect();

    assert!(kinds.iter().all(|(variant, kind)| variant == kind), "{kinds:?}");
    let named =
        ["actor_restarted", "agent_added", "agent_removed", "runtime_started", "runtime_stopped", "team_stated"];
    assert_eq!(kinds.into_values().collect::<Vec<_>>(), named);
}

#[test]
fn breakers_speak_through_policy_facts_with_the_documented_names() {
    let names = [breaker::OPENED, breaker::HALF_OPENED, breaker::CLOSED, breaker::ISOLATED];

    assert_eq!(names, ["trust_circuit_break", "breaker_half_opened", "breaker_closed", "breaker_isolated"]);
    for name in names {
        let event = Event::Agent(AgentFact::Policy(PolicyFact::new("circuit_breaker", name, 1)));
        assert_eq!((event.kind(), event.version()), (name, 1));
    }
}

#[test]
fn only_what_is_for_people_alone_may_be_passed_over() {
    let skippable: BTreeSet<String> = drawn(arbitrary::event(), 3_000)
        .filter(|event| event.is_skippable() && !matches!(event, Event::Skipped(_)))
        .map(|event| event.kind().to_owned())
        .collect();

    assert_eq!(skippable, ["actor_restarted", "noted", "progressed", "tool_returned"].map(str::to_owned).into());
}

#[test]
fn the_versions_of_kinds_that_changed_are_those_the_documents_tell() {
    let changed: BTreeMap<String, u32> = drawn(arbitrary::event(), 3_000)
        .filter(|event| event.version() != 1 && !matches!(event, Event::Skipped(_)))
        .map(|event| (event.kind().to_owned(), event.version()))
        .collect();

    assert_eq!(
        changed,
        [("attempt_ended", 2), ("tool_called", 2), ("violation", 2)].map(|(kind, v)| (kind.to_owned(), v)).into()
    );
}

#[test]
fn an_event_says_what_it_is_about() {
    for event in drawn(arbitrary::goal_event(), 600) {
        let written = serde_json::to_value(&event).expect("it can be written");
        let body = written.as_object().and_then(|one| one.values().next()).cloned().unwrap_or_default();
        let agent = body.get("agent").or(body.get("from")).and_then(|agent| agent.as_str());

        // A part of a task is told whole, with its id in it.
        let task = body.get("task").map(|task| task.get("id").unwrap_or(task));
        assert_eq!(event.task().map(|task| task.as_str()), task.and_then(|task| task.as_str()));
        if !matches!(event, GoalEvent::GoalSubmitted { .. }) {
            assert_eq!(event.agent().map(|agent| agent.as_str()), agent);
        }
        let attempt = body.get("attempt").and_then(|attempt| attempt.as_u64());
        assert_eq!(event.attempt().map(u64::from), attempt);
    }
}

#[test]
fn streams_are_named_after_whom_they_belong_to() {
    let agent = |generation| Stream::Agent { team: "crew".into(), agent: "ada".into(), generation };
    let goal = GoalId::new(uuid::Uuid::from_u128(0x42));

    assert_eq!(agent(0).to_string(), "agent/crew/ada");
    assert_eq!(agent(2).to_string(), "agent/crew/ada/2");
    assert_eq!(Stream::Goal(goal).to_string(), "goal/00000000-0000-0000-0000-000000000042");
    assert_eq!(Stream::Runtime.to_string(), "runtime");
    for text in [
        "",
        "goal",
        "goal/",
        "goal/7",
        "goal/x/y",
        "agent",
        "agent/crew",
        "agent//ada",
        "agent/crew/",
        "agent/crew/ada/",
        "agent/crew/ada/x",
        "agent/crew/ada/-1",
        "agent/crew/ada/1/2",
        "runtime/",
        "Runtime",
        " runtime",
    ] {
        assert!(text.parse::<Stream>().is_err(), "{text:?} is no stream");
    }
}

#[test]
fn a_point_in_time_is_written_with_milliseconds_and_read_again() {
    let new_year = Timestamp::from_millis(1_767_225_600_000);

    assert_eq!(new_year.to_string(), "2026-01-01T00:00:00.000Z");
    assert_eq!("2026-01-01T00:00:00.000Z".parse::<Timestamp>().expect("it is RFC 3339"), new_year);
    assert_eq!("2026-01-01T01:00:00+01:00".parse::<Timestamp>().expect("it is RFC 3339"), new_year);
    assert_eq!(Timestamp::from_millis(1).to_string(), "1970-01-01T00:00:00.001Z");
    assert!("yesterday".parse::<Timestamp>().is_err());
    assert!(!Timestamp::from_millis(u64::MAX).to_string().is_empty());
}

#[test]
fn a_traceparent_that_is_not_exactly_one_is_refused() {
    let trace = "0af7651916cd43dd8448eb211c80319c";
    let span = "b7ad6b7169203331";
    let good = format!("00-{trace}-{span}-01");
    assert_eq!(Traceparent::parse(&good).map(|parent| parent.to_string()), Some(good.clone()));

    let refused = [
        String::new(),
        "00".into(),
        "---".into(),
        format!("00-{trace}-{span}"),
        format!("00-{trace}-{span}-01-"),
        format!("00-{trace}-{span}-01-more"),
        format!("0-{trace}-{span}-01"),
        format!("000-{trace}-{span}-01"),
        format!("ff-{trace}-{span}-01"),
        format!("FF-{trace}-{span}-01"),
        format!("00-{}-{span}-01", trace.to_uppercase()),
        format!("00-{trace}-{}-01", span.to_uppercase()),
        format!("00-{trace}-{span}-0A"),
        format!("00-{}-{span}-01", "0".repeat(32)),
        format!("00-{trace}-{}-01", "0".repeat(16)),
        format!("00-{}-{span}-01", &trace[1..]),
        format!("00-{trace}0-{span}-01"),
        format!("00-{trace}-{}-01", &span[1..]),
        format!("00-{trace}-{span}0-01"),
        format!("00-{trace}-{span}-1"),
        format!("00-{trace}-{span}-001"),
        format!("00-+{}-{span}-01", &trace[1..]),
        format!(" {good}"),
        format!("{good} "),
        good.replace('-', "_"),
        format!("00-{}é-{span}-01", &trace[2..]),
    ];
    for text in refused {
        assert_eq!(Traceparent::parse(&text), None, "{text:?}");
    }
    let later = format!("cc-{trace}-{span}-01-what-the-future-brings");
    assert!(Traceparent::parse(&later).is_some(), "a later version may say more");
}

#[test]
fn a_traceparent_is_its_header_where_people_read_it() {
    let text = r#""00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01""#;

    let parent: Traceparent = serde_json::from_str(text).expect("it is a traceparent");

    assert_eq!(serde_json::to_string(&parent).expect("it can be written"), text);
    assert!(serde_json::from_str::<Traceparent>(r#""00-0-0-00""#).is_err());
}

#[test]
fn a_child_span_is_not_zero_even_where_the_numbers_cancel_out() {
    // The mixing maps nothing but zero to zero, and this span with number 0 is mixed from zero.
    let parent = Traceparent { trace: 1, span: 0x9e37_79b9_7f4a_7c15, flags: 1 };

    assert_eq!(parent.child(0).span, 1);
}

#[test]
fn a_blank_capability_is_one_of_white_space_only() {
    assert!(["", " ", "\t\n", "\u{2003}"].into_iter().all(|blank| Capability::from(blank).is_blank()));
    assert!(!Capability::from(" web.search ").is_blank());
}

proptest! {
    #![proptest_config(tried(512))]

    #[test]
    fn a_stream_is_read_as_it_was_written(stream in arbitrary::stream()) {
        prop_assert_eq!(stream.to_string().parse::<Stream>(), Ok(stream));
    }

    #[test]
    fn a_traceparent_is_read_as_it_was_written(parent in arbitrary::traceparent()) {
        prop_assert_eq!(Traceparent::parse(&parent.to_string()), Some(parent));
    }

    #[test]
    fn no_text_whatsoever_panics_a_reader_of_names(text in "\\PC{0,60}", marks in "[0-9a-f-]{50,60}") {
        for text in [&text, &marks] {
            let _ = Traceparent::parse(text);
            let _ = text.parse::<Stream>();
            let _ = text.parse::<Timestamp>();
            let _ = text.parse::<GoalId>();
        }
    }

    #[test]
    fn child_spans_differ_are_not_zero_and_stay_in_their_trace(parent in arbitrary::traceparent(), from: u64) {
        let children: Vec<_> = (0..32).map(|step| parent.child(from.wrapping_add(step))).collect();

        prop_assert!(children.iter().all(|child| child.span != 0));
        prop_assert!(children.iter().all(|child| (child.trace, child.flags) == (parent.trace, parent.flags)));
        prop_assert_eq!(children.iter().map(|child| child.span).collect::<HashSet<_>>().len(), 32);
        prop_assert_eq!(parent.child(from), children[0]);
    }

    #[test]
    fn a_point_in_this_era_is_read_as_it_was_written(millis in 0..253_402_300_799_999_u64) {
        let point = Timestamp::from_millis(millis);
        prop_assert_eq!(point.to_string().parse::<Timestamp>().ok(), Some(point));
    }

    #[test]
    fn a_goal_id_is_read_as_it_was_written(goal in arbitrary::goal_id()) {
        prop_assert_eq!(goal.to_string().parse::<GoalId>().ok(), Some(goal));
    }
}
