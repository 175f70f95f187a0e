//! What must hold of the streams of any run, simulated or real, read from their first event.
//!
//! `agent` reads one supervisor's stream, `goal` one goal's, and here both are held against each other: what one says
//! the other did, the other says too.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use bailiwick_actors::directory::Entry;
use bailiwick_protocols::{AgentName, DelegationId, GoalId, Output, Recorded, SettlementKind, TaskId};

use super::{Tally, house::law};

pub mod agent;
pub mod goal;

/// Everything that was recorded.
pub struct Streams {
    /// The streams of all goals, each settled.
    pub goals: Vec<(GoalId, Vec<Arc<Recorded>>)>,
    /// The streams of all agents.
    pub agents: Vec<(Arc<Entry>, Vec<Arc<Recorded>>)>,
}

/// Reads everything again.
///
/// # Errors
/// The first law that is broken.
pub fn check(streams: &Streams) -> Result<Tally, String> {
    let mut tally = Tally::default();
    let mut admissions: BTreeMap<DelegationId, (AgentName, agent::Admission)> = BTreeMap::new();
    let mut versions = BTreeMap::new();
    for (entry, recorded) in &streams.agents {
        in_order(recorded)?;
        versions.insert(entry.name.clone(), recorded.len() as u64);
        for (id, admission) in agent::read(entry, recorded)? {
            *tally.settlements.entry(admission.settlement.kind).or_default() += 1;
            let before = admissions.insert(id, (entry.name.clone(), admission));
            law!(before.is_none(), "{id} was let in by two agents");
        }
        count(&mut tally, recorded);
    }
    for (id, recorded) in &streams.goals {
        in_order(recorded)?;
        for event in recorded {
            if let Some(cause) = &event.cause
                && let bailiwick_protocols::Stream::Agent { agent, .. } = &cause.stream
            {
                let known = versions.get(agent).copied().unwrap_or(0);
                law!(cause.ver <= known, "goal {id} names version {} of {agent}, which has {known}", cause.ver);
            }
        }
        let story = goal::read(*id, recorded)?;
        *tally.goals.entry(story.outcome).or_default() += 1;
        across(&story, &mut admissions)?;
        count(&mut tally, recorded);
    }
    let unknown: Vec<_> = admissions.iter().filter(|(_, (_, admission))| admission.begun.is_some()).collect();
    law!(unknown.is_empty(), "a seat worked on what no goal knows: {unknown:?}");
    Ok(tally)
}

fn in_order(recorded: &[Arc<Recorded>]) -> Result<(), String> {
    for (place, event) in recorded.iter().enumerate() {
        law!(event.ver == place as u64 + 1, "{} has version {} at place {place}", event.stream, event.ver);
    }
    let sorted = recorded.windows(2).all(|pair| pair[0].seq < pair[1].seq && pair[0].at <= pair[1].at);
    law!(sorted, "a stream is not in order");
    Ok(())
}

fn count(tally: &mut Tally, recorded: &[Arc<Recorded>]) {
    for event in recorded {
        match tally.events.get_mut(event.event.kind()) {
            Some(count) => *count += 1,
            None => drop(tally.events.insert(event.event.kind().to_owned(), 1)),
        }
    }
}

/// Holds a goal's story against what supervisors say of its admissions, and takes those out that it knows.
fn across(
    story: &goal::Story,
    admissions: &mut BTreeMap<DelegationId, (AgentName, agent::Admission)>,
) -> Result<(), String> {
    for (id, asked) in &story.asked {
        let Some((agent, admission)) = admissions.remove(id) else {
            law!(asked.attempt_ended.is_none(), "{id} had an attempt that nobody let in");
            continue;
        };
        let (delegation, settlement) = (&admission.delegation, &admission.settlement);
        law!(agent == asked.agent, "{id} was let in by {agent}, and asked of {}", asked.agent);
        law!(
            (delegation.attempt, delegation.mandate.slice())
                == (asked.attempt, story.mandate.slice().meet(asked.slice)),
            "{id} is not what was asked: attempt {} with {:?}",
            delegation.attempt,
            delegation.mandate.slice()
        );
        law!(
            story.mandate.bounds(&delegation.mandate),
            "no child mandate above its parent: {id} holds {:?} under {:?}",
            delegation.mandate,
            story.mandate
        );
        inputs(story, asked, &delegation.brief.inputs, id)?;
        match (&asked.attempt_ended, admission.begun) {
            (Some(ended), Some(_)) => {
                law!(*ended == settlement.ended(), "{id} ended as {ended:?} and was settled as {settlement:?}");
            }
            (None, None) => {}
            (ended, begun) => return Err(format!("{id} began {begun:?}, and its attempt ended {ended:?}")),
        }
        law!(
            admission.settled_at < story.settled_seq,
            "nothing is carried out after the end of its goal: {id} was settled later"
        );
    }
    Ok(())
}

/// Dependants have all outputs of what they need, and those that there are of what they merely wait for.
fn inputs(
    story: &goal::Story,
    asked: &goal::Asked,
    brought: &BTreeMap<TaskId, Output>,
    id: &DelegationId,
) -> Result<(), String> {
    let spec = &story.specs[&asked.task];
    let listed: BTreeSet<&TaskId> = spec.after.iter().chain(&spec.optional_after).collect();
    let expected: BTreeMap<TaskId, Output> =
        listed.into_iter().filter_map(|task| Some((task.clone(), story.outputs.get(task)?.clone()))).collect();
    law!(*brought == expected, "dependants have all their inputs: {id} has {:?}", brought.keys().collect::<Vec<_>>());
    let missing: Vec<_> = spec.after.iter().filter(|task| !brought.contains_key(*task)).collect();
    law!(missing.is_empty(), "no dependant of a failure runs: {id} lacks {missing:?}");
    Ok(())
}

/// The kinds of settlements, all of which a large run must show.
pub const KINDS: [SettlementKind; 8] = [
    SettlementKind::Reported,
    SettlementKind::Failed,
    SettlementKind::TimedOut,
    SettlementKind::Expired,
    SettlementKind::Revoked,
    SettlementKind::Crashed,
    SettlementKind::Lost,
    SettlementKind::Returned,
];
