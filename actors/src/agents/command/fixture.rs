//! A task as a seat would hand it to an agent, for tests of agents.

use std::{sync::Arc, time::Duration};

use bailiwick_protocols::{
    Brief, Contract, Delegation, DelegationId, Effects, GoalId, Limits, Mandate, OutputSpec, Permissions,
    Reversibility, Slice, Timestamp, Traceparent,
};
use tokio::sync::watch;

use crate::address::{Address, Post};
use crate::{
    agents::{AgentContext, Assignment, Claims},
    audit_log::{log::Log, memory::MemoryJournal},
    world::Clock,
};

/// A brief with nothing but a goal.
pub(crate) fn brief() -> Brief {
    Brief {
        task: "report".into(),
        goal: "Write the report".into(),
        inputs: Default::default(),
        params: Default::default(),
        documents: Vec::new(),
        constraints: Vec::new(),
        output: OutputSpec::default(),
        feedback: None,
        checkpoint: None,
        metadata: Default::default(),
    }
}

/// The second attempt at this brief, with 60 s to go. Sending `true` asks it to stop.
pub(crate) fn task(brief: Brief) -> (AgentContext, watch::Sender<bool>) {
    let goal = GoalId::new(uuid::Uuid::from_u128(7));
    let permissions = Permissions::parse(["fs.read:repo/*"]).unwrap();
    let delegation = Delegation {
        id: DelegationId { goal, number: 4 },
        task: brief.task.clone(),
        agent: "writer".into(),
        attempt: 2,
        retry: true,
        brief: Arc::new(brief),
        contract: Arc::new(Contract::default()),
        needs: Arc::from(["write.report".into()]),
        required: Permissions::none(),
        mandate: Mandate::root(permissions, Slice::UNLIMITED, None, 4).hand_on(None, &Limits::default()),
        priority: 3,
        criticality: 3,
        reversibility: Reversibility::Medium,
        effects: Effects::Idempotent,
        timeout: Duration::from_secs(60),
        parent: None,
        lineage: Arc::from([]),
        idempotency_key: "goal-7/report".into(),
        traceparent: Traceparent { trace: 10, span: 11, flags: 1 },
    };
    let started = Timestamp::from_millis(1_000_000_000_000);
    let assignment =
        Assignment { delegation: Arc::new(delegation), started, must_end: started + Duration::from_secs(60) };
    let (stop, canceled) = watch::channel(false);
    let log = Log::open(Arc::new(MemoryJournal::default())).expect("memory can be opened");
    (
        AgentContext::new(
            Arc::new(assignment),
            canceled,
            Address::vacant(&Post::direct()),
            Arc::default(),
            crate::agents::Peers::new(Vec::new),
            Clock::starting_at(started),
            Claims::of(&log),
        ),
        stop,
    )
}
