//! What the stories about policies begin with: ordinary delegations, facts and scenes, as plain values.

use std::{
    collections::BTreeMap,
    sync::{Arc, LazyLock},
    time::Duration,
};

use bailiwick_protocols::{
    AgentFact, AgentName, Brief, Capability, Cost, Delegation, DelegationId, Effects, GoalId, Limits, Mandate, Output,
    OutputSpec, Permissions, Reversibility, Settlement, SettlementKind, Slice, Timestamp, Traceparent, Usage, Verdict,
};

use super::{InFlight, Scene, TrustView};
use crate::trust_tracker::models::Asymmetric;

/// The agent of all stories.
pub static ADA: LazyLock<AgentName> = LazyLock::new(|| AgentName::new("ada"));

static TRUST: LazyLock<TrustView> =
    LazyLock::new(|| TrustView { records: BTreeMap::new(), model: Arc::new(Asymmetric::default()) });

static CAPABILITIES: LazyLock<Vec<Capability>> = LazyLock::new(|| vec!["search".into(), "write".into(), "sum".into()]);

/// A point in time, in seconds.
pub fn second(seconds: u64) -> Timestamp {
    Timestamp::from_millis(seconds * 1000)
}

/// The one goal of most stories.
pub fn goal() -> GoalId {
    GoalId::new(uuid::Uuid::from_u128(7))
}

/// A delegation of that goal.
pub fn id(number: u32) -> DelegationId {
    DelegationId { goal: goal(), number }
}

/// An ordinary delegation to Ada: it needs `search`, criticality 3, reversibility medium, 60 s.
pub fn delegation(number: u32) -> Delegation {
    Delegation {
        id: id(number),
        task: "find".into(),
        agent: ADA.clone(),
        attempt: 1,
        retry: false,
        brief: Arc::new(Brief {
            task: "find".into(),
            goal: "find sources".into(),
            inputs: BTreeMap::new(),
            params: BTreeMap::new(),
            documents: Vec::new(),
            constraints: Vec::new(),
            output: OutputSpec::default(),
            feedback: None,
            checkpoint: None,
            metadata: BTreeMap::new(),
        }),
        contract: Arc::default(),
        needs: Arc::from(["search".into()]),
        required: Permissions::none(),
        mandate: mandate(Slice::UNLIMITED, None),
        priority: 3,
        criticality: 3,
        reversibility: Reversibility::Medium,
        effects: Effects::Idempotent,
        timeout: Duration::from_secs(60),
        parent: None,
        lineage: Arc::from([]),
        idempotency_key: "find".into(),
        traceparent: Traceparent { trace: 1, span: 1, flags: 1 },
    }
}

/// The mandate of a goal's own delegation, four delegations deep.
pub fn mandate(slice: Slice, deadline: Option<Timestamp>) -> Mandate {
    Mandate::root(Permissions::none(), slice, deadline, 4).hand_on(None, &Limits::default())
}

/// The fact that a delegation was let in.
pub fn admitted(delegation: &Delegation) -> AgentFact {
    AgentFact::Admitted { delegation: Arc::new(delegation.clone()) }
}

/// A settlement of this kind, with nothing in it.
pub fn settlement(delegation: DelegationId, kind: SettlementKind) -> Settlement {
    Settlement {
        delegation,
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
        ended: Timestamp::default(),
    }
}

/// A settlement with a verdict, or with none where no check was asked.
pub fn reported(delegation: DelegationId, verdict: Option<Verdict>) -> Settlement {
    Settlement { output: Some(Output::text("3 sources")), verdict, ..settlement(delegation, SettlementKind::Reported) }
}

/// The fact that an admission was settled.
pub fn settled(settlement: Settlement) -> AgentFact {
    AgentFact::Settled { settlement: Arc::new(settlement) }
}

/// A scene at this time: three capabilities, one seat, a draw in the middle, nothing in flight.
pub fn scene(now: Timestamp) -> Scene<'static> {
    scene_with(now, &[])
}

/// The same with work in flight.
pub fn scene_with<'a>(now: Timestamp, in_flight: &'a [InFlight<'a>]) -> Scene<'a> {
    Scene {
        now,
        draw: 0.5,
        agent: &ADA,
        capabilities: &CAPABILITIES,
        seats: 1,
        cost_per_task: 0,
        in_flight,
        trust: &TRUST,
    }
}
