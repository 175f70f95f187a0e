//! What is written down keeps the shape that its form promises, in every part of it.

use std::{
    collections::BTreeMap,
    sync::{Arc, LazyLock},
};

use bailiwick_protocols::{
    AgentFact, Brief, Code, Contract, Cost, Delegation, Failure, Feedback, Json, JudgeSpec, Judged, Lesson, Limits,
    Mandate, Output, OutputFormat, OutputSpec, Permissions, PolicyFact, Refusal, Report, Settlement, SettlementKind,
    Slice, TrustRecord, TrustScore, Usage, Verdict, Verify, Vote,
    event::{CeaseReason, SeatEnd},
    outcome::{RevokeReason, Trip},
    policy::breaker,
    trust::{Evidence, Gravity},
};
use serde_json::json;

use super::*;
use crate::{
    agents::agent_fn,
    policies::{
        PolicySettings, TrustView, default_stack,
        given::{admitted, delegation, id, second, settled, settlement},
        stack::Stack,
    },
    trust_tracker::models::Asymmetric,
};

static VERDICT: LazyLock<Verdict> = LazyLock::new(|| {
    let (judge, perspective) = ("bo".to_owned(), "strict".to_owned());
    let judged = Judged { judge, seat: 1, perspective, vote: Vote::Failed, score: Some(0.2), reason_chars: 7 };
    Verdict { judges: [judged].into(), ..Verdict::fail("judge", 0.2, "no sources") }
});

const USAGE: Usage = Usage {
    input_tokens: 1,
    output_tokens: 2,
    cache_read_tokens: 3,
    cache_write_tokens: 4,
    reasoning_tokens: 5,
    calls: 6,
};

fn value(text: &str) -> Json {
    Json(json!({ "value": text }))
}

/// A delegation in which nothing is left out.
fn full_delegation() -> Delegation {
    let plain = delegation(1);
    let held = Permissions::parse(["fs.write:out/*"]).expect("it is a permission");
    let slice = Slice { micro_usd: Some(7), tokens: Some(8) };
    let mut limits = Limits::default();
    limits.expires = Some(second(80));
    let output = OutputSpec { format: Some(OutputFormat::Json), schema: Some(value("schema")), max_length: Some(9) };
    let message = "it failed".to_owned();
    let brief = Brief {
        inputs: [("plan".into(), Output::json(json!(["a"])))].into(),
        params: [("lang".to_owned(), value("en"))].into(),
        documents: vec![value("paper")],
        constraints: vec!["short".to_owned()],
        output: output.clone(),
        feedback: Some(Feedback { attempt: 1, code: Some(Code::AgentError), verdict: Some(VERDICT.clone()), message }),
        checkpoint: Some(value("half")),
        metadata: [("key".to_owned(), value("free"))].into(),
        ..(*plain.brief).clone()
    };
    let mut judge = JudgeSpec::new("good");
    judge.model = Some("bo".to_owned());
    Delegation {
        brief: Arc::new(brief),
        contract: Arc::new(Contract { verify: Verify::All(vec![Verify::Judge(judge)]), output }),
        required: held.clone(),
        mandate: Mandate::root(held, slice, Some(second(99)), 4).hand_on(Some(id(9)), &limits),
        parent: Some(id(9)),
        lineage: Arc::from(["lead".into()]),
        ..plain
    }
}

/// A settlement in which nothing is left out.
fn full_settlement() -> Settlement {
    let after = TrustRecord { score: TrustScore::new(0.4), at: second(3), successes: 1.0, failures: 2.0 };
    let evidence = Evidence::Failure(Gravity::Breach);
    let lesson = Lesson { capability: "search".into(), evidence, before: TrustScore::new(0.5), after };
    let capability = Some("search".into());
    Settlement {
        output: Some(Output::text("3 sources")),
        verdict: Some(VERDICT.clone()),
        failure: Some(Failure { stderr: Some("no route".to_owned()), ..Failure::agent("it failed") }),
        refusal: Some(Refusal::Probing { capability: capability.clone() }),
        revoked: Some(RevokeReason::Policy("rule".to_owned())),
        usage: USAGE,
        cost: Cost::Known(7),
        debrief: Some(value("hard")),
        checkpoint: Some(value("half")),
        lessons: vec![lesson],
        trips: vec![Trip { capability, until: Some(second(60)), reason: "3 in a row".to_owned() }],
        started: Some(second(1)),
        ..settlement(id(2), SettlementKind::Failed)
    }
}

/// Facts after which each option is there, and each list and map has an entry: a flight that met with everything, one
/// that waits, and settled ones.
fn facts_of_everything() -> Vec<AgentFact> {
    let one = id(1);
    let report =
        Report { debrief: Some(value("hard")), ..Report::of(Output::text("3 sources")).charge(USAGE, Cost::FREE) };
    let trip =
        json!({ "capability": "write", "until": 60_000, "reason": "tried", "trigger": "row", "trips": 1, "token": 2 });
    let mut facts = vec![admitted(&full_delegation())];
    for number in 2..=4 {
        facts.push(admitted(&delegation(number)));
        facts.push(AgentFact::Started { delegation: id(number), seat: number });
    }
    facts.extend([
        settled(full_settlement()),
        settled(settlement(id(3), SettlementKind::Failed)),
        settled(settlement(id(4), SettlementKind::Failed)),
        admitted(&delegation(5)),
        AgentFact::Started { delegation: one, seat: 1 },
        AgentFact::Parked { delegation: one },
        AgentFact::Resumed { delegation: one },
        AgentFact::Parked { delegation: one },
        AgentFact::Transferred { delegation: one, name: "part".into() },
        AgentFact::ProcessStarted { delegation: one, pid: 77, born: "then".to_owned() },
        AgentFact::Checkpointed { delegation: one, state: value("half") },
        AgentFact::Charged { delegation: one, usage: USAGE, cost: Cost::Known(7) },
        AgentFact::Reported { delegation: one, report: Arc::new(report) },
        AgentFact::Examined { delegation: one, verdict: Some(VERDICT.clone()), round: 1 },
        AgentFact::Ceasing { delegation: one, why: CeaseReason::Revoked(RevokeReason::Deadline) },
        AgentFact::SeatDown { seat: 1, delegation: Some(one), why: SeatEnd::Crashed("out of memory".to_owned()) },
        AgentFact::WakeSet { policy: "circuit_breaker".to_owned(), at: second(60), token: 2 },
        AgentFact::Policy(PolicyFact::new("circuit_breaker", breaker::OPENED, trip)),
        AgentFact::PolicyOut { policy: "budget".to_owned(), panic: "divided by zero".to_owned() },
        AgentFact::ThreadsLeft { threads: 1 },
        AgentFact::Recovering { at: second(70) },
    ]);
    facts
}

/// Whoever changes what is written down sees this go red: raise `FORM`, unless only a default setting changed, and
/// write the new hash here.
#[test]
fn what_is_written_down_has_the_shape_that_its_form_promises() {
    let spec = agent_fn("ada", ["search"], |_| async { Ok(Output::text("3 sources")) });
    let stack = Stack::new(default_stack(&spec, &PolicySettings::default()));
    let trust = TrustView { records: BTreeMap::new(), model: Arc::new(Asymmetric::default()) };
    let mut books = Books::new(stack, trust);
    for (fact, at) in facts_of_everything().iter().zip(0..) {
        books.apply(fact, second(at));
    }

    let written = Written::of(&books, &[(id(2), 2)].into()).expect("every policy says what it knows");
    let frame = codec::encode(&written).expect("it is small");

    let flight = &written.flights[&id(1)];
    assert!(
        flight.report.is_some() && flight.examined.is_some() && flight.parked.is_some() && flight.crashed.is_some()
    );
    assert!(flight.transferred.is_some() && flight.process.is_some() && flight.ceasing.is_some(), "{flight:?}");
    assert!(!written.order.is_empty() && !written.wakes.is_empty() && !written.trust.is_empty(), "{written:?}");
    let shape = blake3::hash(&frame).to_hex();
    assert_eq!((crate::audit_log::snapshot::FORM, &shape[..16]), (1, "d744b359525bffd4"));
}
