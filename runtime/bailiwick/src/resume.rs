//! Goals that outlive their process: which are open, how they go on, and what is ended before they do.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    time::Duration,
};

use bailiwick_actors::{
    agent_supervisor::{books::Flight, snapshot},
    agents::command::survivors::{self, Survivor},
    audit_log::{journal::Command, log::Log},
    messages::{AgentsMessage, CoordinatorMessage},
    switchboard::Switchboard,
    world::World,
};
use bailiwick_protocols::{
    AgentFact, DelegationId, Event, GoalEvent, GoalId, Recorded, RuntimeEvent, Stream, Timestamp, outcome::CanceledBy,
};
use tokio::sync::oneshot;

use crate::{Bailiwick, ResumeError, RunHandle};

/// How often other processes are heard.
const LISTEN: Duration = Duration::from_millis(150);

/// How long a command may take until what follows from it is recorded.
const FOLLOWS: Duration = Duration::from_millis(20);

/// A goal that has not ended.
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub struct OpenGoal {
    /// Which.
    pub goal_id: GoalId,
    /// What is wanted, in words.
    pub goal: String,
    /// How it stands.
    pub standing: Standing,
    /// When it was submitted.
    pub submitted: Timestamp,
}

/// How a goal stands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[non_exhaustive]
pub enum Standing {
    /// It is at work.
    Running,
    /// Its process ended under it.
    Interrupted,
    /// It was brought to rest, to be resumed.
    Parked,
    /// It has ended.
    Ended,
}

impl Standing {
    /// The word of the JSON interfaces.
    pub const fn as_str(self) -> &'static str {
        match self {
            Standing::Running => "running",
            Standing::Interrupted => "interrupted",
            Standing::Parked => "parked",
            Standing::Ended => "ended",
        }
    }

    /// How a goal stands by the last event of its stream, and whether it has an owner that lives.
    pub fn of(last: &Event, owned: bool) -> Self {
        match last {
            Event::Goal(GoalEvent::GoalSettled { .. }) => Standing::Ended,
            Event::Goal(GoalEvent::GoalParked) => Standing::Parked,
            _ if owned => Standing::Running,
            _ => Standing::Interrupted,
        }
    }
}

impl Bailiwick {
    /// The goals that have not ended, oldest first.
    pub fn open_goals(&self) -> Vec<OpenGoal> {
        let log = &self.world.log;
        let open = |stream| {
            let Stream::Goal(goal_id) = stream else { return None };
            let events = log.stream(&stream);
            let (first, last) = (events.first()?, events.last()?);
            let standing = Standing::of(&last.event, self.lines.goals.contains_key(&goal_id));
            let Event::Goal(GoalEvent::GoalSubmitted { goal, .. }) = &first.event else { return None };
            (standing != Standing::Ended).then(|| OpenGoal {
                goal_id,
                goal: goal.text.clone(),
                standing,
                submitted: first.at,
            })
        };
        let mut all: Vec<OpenGoal> = log.streams().into_iter().filter_map(open).collect();
        all.sort_by_key(|goal| (goal.submitted, goal.goal_id));
        all
    }

    /// Ends a goal and everything of it that runs; one that waits to be resumed ends without anybody being asked.
    pub fn cancel(&self, goal: GoalId, why: impl Into<String>) {
        let (goal, by) = (Some(goal), CanceledBy::Caller(why.into()));
        self.lines.coordinator.tell_from_edge(CoordinatorMessage::Cancel { goal, by, graceful: false });
    }

    /// Takes a goal up where its journal ends: what completed is not done again, what may have been lost follows its
    /// `effects`. A goal at work is only handed out again, and one that ended gives its report.
    ///
    /// # Errors
    /// If the journal knows of no such goal, too many goals live, or the runtime ended.
    pub async fn resume(&self, goal: GoalId) -> Result<RunHandle, ResumeError> {
        let stream = Stream::Goal(goal);
        self.world.log.recall(&stream)?;
        let run = RunHandle::new(goal, &self.world, &self.lines);
        let Some(last) = self.world.log.last(&stream) else { return Err(ResumeError::Unknown(goal)) };
        if Standing::of(&last.event, false) == Standing::Ended {
            return Ok(run);
        }
        let (reply, recorded) = oneshot::channel();
        let mut ended = self.lines.ended();
        self.lines.coordinator.tell_from_edge(CoordinatorMessage::Resume { goal, reply });
        tokio::select! {
            recorded = recorded => match recorded {
                Ok(Ok(())) => Ok(run),
                Ok(Err(refusal)) => Err(ResumeError::Refused(refusal)),
                // It ended in the meantime, or its actor died and is started again: the stream tells.
                Err(_) => Ok(run),
            },
            why = ended.wait_for(Option::is_some) => {
                let ended = || ResumeError::Ended(why.ok().and_then(|why| why.clone()).unwrap_or_default());
                Err(self.world.log.failure().map_or_else(ended, ResumeError::Journal))
            }
        }
    }
}

/// Ends the programs of attempts that nobody waits for any more, before their work is given out again.
pub(crate) async fn end_survivors(log: &Log) {
    let mut open: BTreeMap<DelegationId, (bool, Survivor)> = BTreeMap::new();
    for stream in log.streams() {
        if matches!(stream, Stream::Agent { .. }) {
            open.extend(snapshot::read(log, &stream).into_iter().flat_map(|written| written.flights).map(survivor));
            log.stream(&stream).iter().for_each(|recorded| note(&mut open, recorded));
        }
    }
    let left: Vec<Survivor> = open.into_values().filter_map(|(begun, survivor)| begun.then_some(survivor)).collect();
    if left.is_empty() {
        return;
    }
    let ended = tokio::task::spawn_blocking(move || survivors::end(&left)).await.unwrap_or_default();
    if ended > 0 {
        tracing::warn!(ended, "programs of a runtime that died were ended");
    }
}

/// What a snapshot tells of an attempt: whether it had begun, and its program.
fn survivor((id, flight): (DelegationId, Flight)) -> (DelegationId, (bool, Survivor)) {
    let traceparent = flight.delegation.traceparent.to_string();
    (id, (flight.started.is_some(), Survivor { traceparent, process: flight.process }))
}

fn note(open: &mut BTreeMap<DelegationId, (bool, Survivor)>, recorded: &Recorded) {
    let Event::Agent(fact) = &recorded.event else { return };
    let Some(id) = fact.delegation() else { return };
    if let AgentFact::Admitted { delegation } = fact {
        let traceparent = delegation.traceparent.to_string();
        open.insert(id, (false, Survivor { traceparent, process: None }));
        return;
    }
    match (fact, open.entry(id)) {
        (AgentFact::Settled { .. }, Entry::Occupied(entry)) => drop(entry.remove()),
        (AgentFact::Started { .. }, Entry::Occupied(mut entry)) => entry.get_mut().0 = true,
        (AgentFact::ProcessStarted { pid, born, .. }, Entry::Occupied(mut entry)) => {
            entry.get_mut().1.process = Some((*pid, born.clone()));
        }
        _ => {}
    }
}

/// Whether the team is not the one the journal was told of last.
pub(crate) fn is_new(log: &Log, stated: &RuntimeEvent) -> bool {
    let said = log.stream(&Stream::Runtime);
    let last = said.iter().rev().find_map(|recorded| match &recorded.event {
        Event::Runtime(event @ RuntimeEvent::TeamStated { .. }) => Some(event),
        _ => None,
    });
    last != Some(stated)
}

/// Hears what other processes leave in the journal's inbox, until the runtime ends. What was carried out and not crossed
/// off, because the process ended in between, is carried out again: that changes nothing a second time.
pub(crate) fn hear_commands(world: &World, lines: &Switchboard) {
    let (world, lines) = (world.clone(), lines.clone());
    tokio::spawn(async move {
        let mut ended = lines.ended();
        let work = async {
            loop {
                tokio::time::sleep(LISTEN).await;
                let journal = world.log.journal().clone();
                let heard = tokio::task::spawn_blocking(move || journal.inbox()).await;
                let Ok(Ok(commands)) = heard else { continue };
                if commands.is_empty() {
                    continue;
                }
                let numbers: Vec<u64> = commands.iter().map(|(number, _)| *number).collect();
                commands.into_iter().for_each(|(_, command)| carry_out(&lines, command));
                // What follows from it is recorded within the time of a few messages.
                tokio::time::sleep(FOLLOWS).await;
                let (kept, all) = oneshot::channel();
                world.log.when_durable(world.log.last_seq(), move || {
                    let _ = kept.send(());
                });
                let journal = world.log.journal().clone();
                if all.await.is_ok() {
                    let crossed_off = move || numbers.into_iter().try_for_each(|number| journal.take(number));
                    // If it fails, so does the next append, and that is told.
                    drop(tokio::task::spawn_blocking(crossed_off).await);
                }
            }
        };
        tokio::select! {
            () = work => {}
            _ = ended.wait_for(Option::is_some) => {}
        }
    });
}

fn carry_out(lines: &Switchboard, command: Command) {
    match command {
        Command::Cancel { goal, by } => {
            let (goal, by) = (Some(goal), CanceledBy::Caller(by));
            lines.coordinator.tell_from_edge(CoordinatorMessage::Cancel { goal, by, graceful: false });
        }
        Command::Release { agent, by } => lines.agents.tell_from_edge(AgentsMessage::Release { agent, by }),
        // From a newer version: it waits for one that knows it.
        _ => {}
    }
}
