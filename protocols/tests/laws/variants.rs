//! Whatever can be said is drawn: a variant that `arbitrary` does not know would slip past every other law.
//!
//! The enums are open to growth, so no `match` outside their crate can list them. Their own readers can: asked for a
//! variant that is not there, they name all that are.

use std::{collections::BTreeSet, fmt::Debug};

use bailiwick_protocols::{
    AgentFact, Code, Cost, Directive, Effects, Event, Fault, GoalEvent, Outcome, OutputFormat, Recovery, Refusal,
    Reversibility, Ruling, RuntimeEvent, SettlementKind, Verify,
    event::{CeaseReason, ChosenBy, Route, RouteRule, SeatEnd},
    outcome::{CanceledBy, RevokeReason, SkippedBecause},
    permission::Rule,
    trust::Evidence,
};
use proptest::{
    prelude::*,
    sample::select,
    strategy::ValueTree,
    test_runner::{Config, TestRunner},
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use super::arbitrary as drawn;

/// The variants an enum has, by their written names.
fn named<T: DeserializeOwned + Debug>() -> BTreeSet<String> {
    let said = serde_json::from_str::<T>(r#"{"no such variant":null}"#).expect_err("there is none").to_string();
    let names = said.split_once("expected").unwrap_or_else(|| panic!("a reader that names no variants: {said}")).1;
    names.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// The variants of an enum that its strategy never draws.
fn missing<T: Serialize + DeserializeOwned + Debug>(strategy: BoxedStrategy<T>) -> BTreeSet<String> {
    let mut missing = named::<T>();
    assert!(!missing.is_empty());
    let mut runner = TestRunner::new_with_rng(
        Config::default(),
        prop::test_runner::TestRng::deterministic_rng(prop::test_runner::RngAlgorithm::ChaCha),
    );
    for _ in 0..4_000 {
        if missing.is_empty() {
            break;
        }
        let value = strategy.new_tree(&mut runner).expect("it can be drawn").current();
        match serde_json::to_value(&value).expect("it can be written") {
            Value::String(name) => missing.retain(|other| *other != name),
            Value::Object(fields) => missing.retain(|other| !fields.contains_key(other)),
            other => panic!("{other} names no variant"),
        }
    }
    missing
}

macro_rules! every_variant_is_drawn {
    ($($sentence:ident: $type:ty => $strategy:expr),* $(,)?) => {
        $(
            #[test]
            fn $sentence() {
                assert_eq!(missing::<$type>($strategy), BTreeSet::new(), "add them to arbitrary.rs");
            }
        )*
    };
}

every_variant_is_drawn! {
    every_event_is_drawn: Event => drawn::event(),
    every_goal_event_is_drawn: GoalEvent => drawn::goal_event(),
    every_agent_fact_is_drawn: AgentFact => drawn::agent_fact(),
    every_runtime_event_is_drawn: RuntimeEvent => drawn::runtime_event(),
    every_refusal_is_drawn: Refusal => drawn::refusal(),
    every_outcome_is_drawn: Outcome => drawn::outcome(),
    every_settlement_is_drawn: SettlementKind => select(&drawn::KINDS[..]).boxed(),
    every_code_is_drawn: Code => select(&drawn::CODES[..]).boxed(),
    every_fault_is_drawn: Fault => select(&drawn::FAULTS[..]).boxed(),
    every_reason_to_revoke_is_drawn: RevokeReason => drawn::revoke_reason(),
    every_reason_to_cease_is_drawn: CeaseReason => drawn::cease_reason(),
    every_canceler_is_drawn: CanceledBy => drawn::canceled_by(),
    every_reason_to_skip_is_drawn: SkippedBecause => drawn::skipped_because(),
    every_end_of_a_seat_is_drawn: SeatEnd => drawn::seat_end(),
    every_ruling_is_drawn: Ruling => drawn::ruling(),
    every_directive_is_drawn: Directive => drawn::directive(),
    every_recovery_is_drawn: Recovery => drawn::recovery(),
    every_check_is_drawn: Verify => drawn::verify(),
    every_rule_on_an_argument_is_drawn: Rule => drawn::rule(),
    every_cost_is_drawn: Cost => drawn::cost(),
    every_evidence_is_drawn: Evidence => drawn::lesson().prop_map(|lesson| lesson.evidence).boxed(),
    every_format_is_drawn: OutputFormat => drawn::output_format(),
    every_reversibility_is_drawn: Reversibility => drawn::reversibility(),
    every_effect_is_drawn: Effects => drawn::effects(),
    every_route_is_drawn: Route => drawn::route(),
    every_rule_of_a_route_is_drawn: RouteRule => drawn::route_rule(),
    every_way_to_choose_is_drawn: ChosenBy => drawn::chosen_by(),
}
