//! Each way in which an admission ends has one outcome, one code and one fault, and only a verdict verifies.

use std::collections::BTreeSet;

use bailiwick_protocols::{
    Code, Cost, DelegationId, Failure, Fault, GoalId, Outcome, Output, Refusal, Settlement, SettlementKind, Timestamp,
    Usage, Verdict,
    outcome::{CanceledBy, RevokeReason},
};
use proptest::{prelude::*, strategy::ValueTree, test_runner::TestRunner};

use super::arbitrary::{self, CODES, FAULTS, KINDS, tried};

/// A settlement of this kind about which nothing else is said.
fn settled(kind: SettlementKind) -> Settlement {
    Settlement {
        delegation: DelegationId { goal: GoalId::new(uuid::Uuid::nil()), number: 1 },
        kind,
        output: None,
        verdict: None,
        failure: None,
        refusal: None,
        revoked: None,
        usage: Usage::default(),
        cost: Cost::FREE,
        uncertain: false,
        debrief: None,
        checkpoint: None,
        lessons: Vec::new(),
        trips: Vec::new(),
        started: None,
        ended: Timestamp::from_millis(0),
    }
}

fn reported(verdict: Option<Verdict>) -> Settlement {
    Settlement { output: Some(Output::text("4")), verdict, ..settled(SettlementKind::Reported) }
}

fn failed(failure: Failure) -> Settlement {
    Settlement { failure: Some(failure), ..settled(SettlementKind::Failed) }
}

fn revoked(why: RevokeReason) -> Settlement {
    Settlement { revoked: Some(why), ..settled(SettlementKind::Revoked) }
}

#[test]
fn every_settlement_has_the_outcome_code_and_fault_of_the_table() {
    use SettlementKind as K;
    let unavailable = Failure::new(Code::Unavailable, Fault::Provider, "429");
    let bad_json = Settlement { failure: Some(Failure::invalid_output("not JSON")), ..reported(None) };
    let canceled = |by| revoked(RevokeReason::Canceled(by));
    let returned = Settlement { refusal: Some(Refusal::MandateExpired), ..settled(K::Returned) };
    let table = [
        (reported(Some(Verdict::pass("contains", 1.0, ""))), "verified", None, Fault::Unknown),
        (reported(None), "unverified", None, Fault::Unknown),
        (reported(Some(Verdict::fail("contains", 0.0, ""))), "not_verified", Some("VERIFICATION_FAILED"), Fault::Agent),
        (reported(Some(Verdict::abstain("judge", ""))), "not_verified", Some("VERIFICATION_FAILED"), Fault::Unknown),
        (bad_json, "failed", Some("INVALID_OUTPUT"), Fault::Agent),
        (failed(Failure::agent("exit status 1")), "failed", Some("AGENT_ERROR"), Fault::Agent),
        (failed(Failure::agent("no such program").final_here()), "failed", Some("AGENT_ERROR"), Fault::Agent),
        (failed(unavailable), "failed", Some("UNAVAILABLE"), Fault::Provider),
        (settled(K::Failed), "failed", Some("AGENT_ERROR"), Fault::Agent),
        (settled(K::TimedOut), "failed", Some("TIMEOUT"), Fault::Agent),
        (settled(K::Crashed), "failed", Some("AGENT_ERROR"), Fault::Agent),
        (settled(K::Lost), "failed", Some("LOST"), Fault::Runtime),
        (settled(K::Expired), "expired", Some("EXPIRED"), Fault::Delegator),
        (returned, "refused", Some("UNAUTHORIZED"), Fault::Unknown),
        (settled(K::Returned), "refused", Some("UNAVAILABLE"), Fault::Unknown),
        (revoked(RevokeReason::Trip), "failed", Some("UNAVAILABLE"), Fault::Unknown),
        (revoked(RevokeReason::Policy("tides".into())), "failed", Some("UNAVAILABLE"), Fault::Unknown),
        (settled(K::Revoked), "failed", Some("UNAVAILABLE"), Fault::Unknown),
        (canceled(CanceledBy::Caller("enough".into())), "canceled", Some("CANCELED"), Fault::Delegator),
        (canceled(CanceledBy::Parent), "canceled", Some("CANCELED"), Fault::Delegator),
        (canceled(CanceledBy::Shutdown), "canceled", Some("CANCELED"), Fault::Delegator),
        (revoked(RevokeReason::ParentEnded), "canceled", Some("CANCELED"), Fault::Delegator),
        (revoked(RevokeReason::Deadline), "expired", Some("EXPIRED"), Fault::Delegator),
        (revoked(RevokeReason::Budget), "budget_exhausted", Some("BUDGET_EXHAUSTED"), Fault::Delegator),
    ];

    for (settlement, outcome, code, fault) in &table {
        let ended = settlement.ended();
        let row = (ended.outcome.as_str(), ended.outcome.code().map(Code::as_str), ended.fault);
        assert_eq!(row, (*outcome, *code, *fault), "{settlement:?}");
    }
    let kinds: BTreeSet<_> = table.iter().map(|(settlement, ..)| settlement.kind).collect();
    assert_eq!(kinds, KINDS.into(), "every kind stands in the table");
}

#[test]
fn a_trip_is_never_the_fault_of_whoever_was_killed_by_it() {
    // The killed agent may still say that it failed; the table says that a trip does not count against it.
    let said = Some(Failure::agent("killed"));

    for settlement in [revoked(RevokeReason::Trip), settled(SettlementKind::Lost)] {
        let ended = Settlement { failure: said.clone(), ..settlement.clone() }.ended();
        assert_eq!(ended, settlement.ended());
        assert_ne!(ended.fault, Fault::Agent);
    }
}

#[test]
fn a_timeout_keeps_what_the_program_last_wrote() {
    let slow = Failure::new(Code::Timeout, Fault::Agent, "took longer than 5 s").quoting("still waiting");

    let ended = Settlement { failure: Some(slow.clone()), ..settled(SettlementKind::TimedOut) }.ended();

    assert_eq!(ended.outcome, Outcome::Failed { cause: slow });
}

proptest! {
    #![proptest_config(tried(2048))]

    #[test]
    fn only_a_passing_verdict_on_a_report_makes_verified(settlement in arbitrary::settlement()) {
        let ended = settlement.ended();

        let passed = settlement.verdict.as_ref().is_some_and(|verdict| verdict.passed && !verdict.abstained);
        let sound = settlement.kind == SettlementKind::Reported && settlement.failure.is_none();
        prop_assert_eq!(ended.outcome == Outcome::Verified, sound && passed);
        prop_assert_eq!(ended.outcome == Outcome::Unverified, sound && settlement.verdict.is_none());
        prop_assert_eq!(ended.outcome.is_completed(), ended.outcome.code().is_none());
        prop_assert_eq!(ended.outcome.is_completed(), ended.outcome.a2a_state() == "completed");
    }

    #[test]
    fn how_it_ended_decides_whatever_else_is_said(settlement in arbitrary::settlement()) {
        use SettlementKind as K;
        let ended = settlement.ended();
        let row = (ended.outcome.as_str(), ended.outcome.code(), ended.fault);

        match (settlement.kind, &settlement.revoked) {
            (K::TimedOut, _) => prop_assert_eq!(row, ("failed", Some(Code::Timeout), Fault::Agent)),
            (K::Lost, _) => prop_assert_eq!(row, ("failed", Some(Code::Lost), Fault::Runtime)),
            (K::Failed | K::Crashed, _) => prop_assert_eq!(row.0, "failed"),
            (K::Expired, _) => prop_assert_eq!(ended.outcome, Outcome::Expired),
            (K::Returned, _) => prop_assert_eq!(row.0, "refused"),
            (K::Reported, _) => prop_assert!(["verified", "unverified", "not_verified", "failed"].contains(&row.0)),
            (K::Revoked, None | Some(RevokeReason::Trip | RevokeReason::Policy(_))) => {
                prop_assert_eq!(row, ("failed", Some(Code::Unavailable), Fault::Unknown));
            }
            (K::Revoked, Some(_)) => prop_assert_eq!(row.2, Fault::Delegator),
        }
    }

    #[test]
    fn a_verdict_made_by_its_constructors_says_one_thing_with_a_score_in_range(score: f64) {
        for verdict in [Verdict::pass("m", score, ""), Verdict::fail("m", score, ""), Verdict::abstain("m", "")] {
            prop_assert!((0.0..=1.0).contains(&verdict.score));
            prop_assert!(!(verdict.passed && verdict.abstained));
        }
    }

    #[test]
    fn what_is_unknown_stays_unknown_in_a_sum(a in arbitrary::cost(), b in arbitrary::cost()) {
        let sum = a + b;

        prop_assert_eq!(sum, b + a);
        prop_assert_eq!(sum == Cost::Unknown, a == Cost::Unknown || b == Cost::Unknown);
        prop_assert_eq!(a + Cost::FREE, a);
    }

    #[test]
    fn whatever_ends_can_be_told_to_a_person(outcome in arbitrary::outcome(), refusal in arbitrary::refusal()) {
        prop_assert!(!outcome.to_string().is_empty());
        prop_assert!(!refusal.to_string().is_empty());
    }
}

#[test]
fn every_code_is_written_as_its_word_and_says_whether_trying_again_may_help() {
    let table = [
        ("AGENT_NOT_FOUND", false),
        ("TIMEOUT", true),
        ("CONTEXT_TOO_LARGE", false),
        ("INVALID_OUTPUT", true),
        ("AGENT_ERROR", true),
        ("UNAUTHORIZED", false),
        ("BUDGET_EXHAUSTED", false),
        ("DEPTH_EXCEEDED", false),
        ("CYCLE", false),
        ("CANCELED", false),
        ("VERIFICATION_FAILED", true),
        ("UNAVAILABLE", true),
        ("OVERLOADED", true),
        ("EXPIRED", false),
        ("LOST", true),
    ];

    for (code, (word, retryable)) in CODES.into_iter().zip(table) {
        assert_eq!((code.as_str(), code.retryable()), (word, retryable));
        assert_eq!(serde_json::to_value(code).expect("it can be written"), word);
        assert_eq!(code.to_string(), word);
        assert_eq!(Failure::new(code, Fault::Unknown, "").retryable, retryable);
        assert!(!Failure::new(code, Fault::Unknown, "").final_here().retryable);
    }
}

#[test]
fn every_fault_is_written_as_its_word() {
    let words = FAULTS.map(|fault| serde_json::to_value(fault).expect("it can be written"));

    assert_eq!(words, ["agent", "provider", "delegator", "runtime", "unknown"]);
}

#[test]
fn every_refusal_has_the_code_a_program_can_act_on() {
    let mut runner = TestRunner::deterministic();
    let codes: BTreeSet<(String, Code)> = (0..2_000)
        .map(|_| arbitrary::refusal().new_tree(&mut runner).expect("nothing is filtered").current())
        .map(|refusal| {
            let written = serde_json::to_value(&refusal).expect("it can be written");
            let name = written.as_str().or(written.as_object().and_then(|one| one.keys().next()).map(|key| &**key));
            (name.expect("a variant has a name").to_owned(), refusal.code())
        })
        .collect();

    let table = [
        ("BreakerOpen", Code::Unavailable),
        ("BudgetExhausted", Code::BudgetExhausted),
        ("CalledBack", Code::Canceled),
        ("Cycle", Code::Cycle),
        ("DeadlinePassed", Code::Expired),
        ("DepthExceeded", Code::DepthExceeded),
        ("Draining", Code::Unavailable),
        ("FanOutExceeded", Code::Unavailable),
        ("Full", Code::Overloaded),
        ("Incapable", Code::AgentNotFound),
        ("Invalid", Code::AgentError),
        ("Isolated", Code::Unavailable),
        ("MandateExpired", Code::Unauthorized),
        ("NameTaken", Code::AgentError),
        ("NobodyCapable", Code::AgentNotFound),
        ("NotInThisVersion", Code::Unavailable),
        ("OutsideMandate", Code::Unauthorized),
        ("Overloaded", Code::Overloaded),
        ("Policy", Code::Unavailable),
        ("Probing", Code::Unavailable),
        ("RetriesExhausted", Code::Overloaded),
        ("TooManyTasks", Code::Unavailable),
        ("TrustTooLow", Code::Unavailable),
        ("Unauthorized", Code::Unauthorized),
        ("UnknownAgent", Code::AgentNotFound),
    ];
    assert_eq!(codes, table.map(|(name, code)| (name.to_owned(), code)).into());
}

#[test]
fn a_verdict_from_before_judges_were_named_is_read_as_one_that_names_none() {
    let old = r#"{"passed":true,"abstained":false,"score":0.9,"method":"judge","details":"3 of 3"}"#;

    assert_eq!(serde_json::from_str::<Verdict>(old).unwrap(), Verdict::pass("judge", 0.9, "3 of 3"));
}
