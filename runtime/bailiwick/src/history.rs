//! What a journal tells when nobody runs: goals, teams, trust and breakers as folds of its events. Nothing is decided here.

use std::{collections::BTreeMap, sync::Arc};

use bailiwick_actors::{
    policies::{circuit_breaker::CircuitBreaker, stack::Stack},
    trust_tracker::{ledger::TrustLedger, models::TrustModel},
};
use bailiwick_protocols::{
    AgentName, Capability, DelegationId, Event, GoalId, Lesson, Recorded, RuntimeEvent, Stream, Timestamp,
};

use crate::{
    report::{BreakerStanding, BreakerState},
    runtime::TrustReading,
};

mod anew;
mod replay;
mod snapshots;
mod why;

pub use anew::{Anew, Change, Changed, Costs, anew};
pub use replay::{Replay, replay};
pub use snapshots::{Compared, compare as compare_snapshots};
pub use why::why;

/// The events of each goal.
pub fn goals(events: &[Arc<Recorded>]) -> BTreeMap<GoalId, Vec<Arc<Recorded>>> {
    let mut goals: BTreeMap<GoalId, Vec<Arc<Recorded>>> = BTreeMap::new();
    for event in events {
        if let Stream::Goal(goal) = event.stream {
            goals.entry(goal).or_default().push(event.clone());
        }
    }
    goals
}

/// The team file that was in force when the last thing happened to a goal; `None` for a team put together in code.
pub fn team_of(events: &[Arc<Recorded>], goal: GoalId) -> Option<&RuntimeEvent> {
    let last = events.iter().rposition(|event| event.stream == Stream::Goal(goal))?;
    let stated = |event: &'_ Arc<Recorded>| matches!(event.event, Event::Runtime(RuntimeEvent::TeamStated { .. }));
    match &events[..last].iter().rfind(|event| stated(event))?.event {
        Event::Runtime(stated) => Some(stated),
        _ => None,
    }
}

/// The team file that was told last.
pub fn last_team(events: &[Arc<Recorded>]) -> Option<&RuntimeEvent> {
    events.iter().rev().find_map(|event| match &event.event {
        Event::Runtime(stated @ RuntimeEvent::TeamStated { .. }) => Some(stated),
        _ => None,
    })
}

/// The breakers that are not closed, as the agents' streams left them.
pub fn breakers(events: &[Arc<Recorded>]) -> Vec<BreakerStanding> {
    use bailiwick_actors::policies::stack::BreakerState as State;
    let mut stacks: BTreeMap<AgentName, (u32, Stack)> = BTreeMap::new();
    for recorded in events {
        let (Stream::Agent { agent, generation, .. }, Event::Agent(fact)) = (&recorded.stream, &recorded.event) else {
            continue;
        };
        let fresh = || (*generation, Stack::new(vec![Box::new(CircuitBreaker::default())]));
        let known = stacks.entry(agent.clone()).or_insert_with(fresh);
        if known.0 < *generation {
            *known = fresh();
        }
        known.1.apply(fact, recorded.at);
    }
    let mut all = Vec::new();
    for (agent, (_, stack)) in stacks {
        for (capability, state) in stack.breakers() {
            let state = match state {
                State::HalfOpen => BreakerState::HalfOpen,
                State::Isolated => BreakerState::Isolated,
                _ => BreakerState::Open,
            };
            all.push(BreakerStanding { agent: agent.clone(), capability: capability.clone(), state });
        }
    }
    all
}

/// What was learned about whom, and from what.
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub struct Taught {
    /// When.
    pub at: Timestamp,
    /// About whom.
    pub agent: AgentName,
    /// From which delegation.
    pub delegation: DelegationId,
    /// What.
    pub lesson: Lesson,
}

/// Every lesson, in order.
pub fn lessons(events: &[Arc<Recorded>]) -> Vec<Taught> {
    let mut all = Vec::new();
    for recorded in events {
        let (Stream::Agent { agent, .. }, Event::Agent(fact)) = (&recorded.stream, &recorded.event) else { continue };
        let Some(delegation) = fact.delegation() else { continue };
        all.extend(fact.lessons().iter().map(|lesson| Taught {
            at: recorded.at,
            agent: agent.clone(),
            delegation,
            lesson: lesson.clone(),
        }));
    }
    all
}

/// The trust in every agent on each of its capabilities, as its lessons left it and idle time since.
pub fn trust(events: &[Arc<Recorded>], model: &Arc<dyn TrustModel>, now: Timestamp) -> Vec<TrustReading> {
    let mut ledger = TrustLedger::new(model.clone());
    let mut known: BTreeMap<AgentName, (u32, Vec<Capability>)> = BTreeMap::new();
    for recorded in events {
        match (&recorded.stream, &recorded.event) {
            (Stream::Agent { agent, generation, .. }, Event::Agent(fact)) => {
                ledger.apply(agent, *generation, fact.lessons());
            }
            (_, Event::Runtime(RuntimeEvent::AgentAdded { agent, generation, capabilities })) => {
                known.insert(agent.clone(), (*generation, capabilities.clone()));
            }
            _ => {}
        }
    }
    let mut all = Vec::new();
    for (agent, (generation, capabilities)) in known {
        let records = ledger.records(&agent, generation);
        all.extend(capabilities.into_iter().map(|capability| TrustReading {
            score: ledger.score(&agent, generation, &capability, now),
            evidence: records.get(&capability).map_or(0.0, |record| record.evidence()),
            agent: agent.clone(),
            capability,
        }));
    }
    all
}

/// The wall clock, for reading what idle time has done since.
pub fn now() -> Timestamp {
    bailiwick_actors::world::Clock::system(Timestamp::default()).now()
}
