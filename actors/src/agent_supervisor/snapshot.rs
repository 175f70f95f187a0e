//! What a supervisor knows, written down: its books and what its policies have learned, so that a rebuild folds only what
//! came after.
//!
//! A snapshot is taken every so many events, and only if every policy of the stack says what it has learned. It is used
//! by the same stack with the same settings only; whoever else finds it folds the stream from its first event.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use bailiwick_protocols::{
    AgentFact, Capability, DelegationId, Event, GoalId, Recorded, Settlement, Stream, Timestamp, TrustRecord, codec,
};
use serde::{Deserialize, Serialize};

use super::books::{Books, Flight};
use crate::{
    audit_log::{journal::JournalError, log::Log, snapshot::Snapshot},
    policies::stack::StackMemory,
};

/// After how many events of its stream an agent's supervisor takes a snapshot: 1 000.
pub const EVENTS: u64 = 1_000;

/// The books of a supervisor and the memory of its policies, as plain data.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Written {
    stack: StackMemory,
    /// What is admitted and not settled.
    pub flights: BTreeMap<DelegationId, Flight>,
    order: BTreeMap<u64, DelegationId>,
    settled: BTreeMap<DelegationId, Arc<Settlement>>,
    /// In which version each of those was recorded.
    pub settled_at: BTreeMap<DelegationId, u64>,
    /// What verdicts taught.
    pub trust: BTreeMap<Capability, TrustRecord>,
    wakes: BTreeMap<(Timestamp, String, u32), ()>,
    recover_at: Timestamp,
    threads_left: u32,
    lives: u32,
    admissions: u64,
}

impl Written {
    /// Writes books down; `None` if one of the policies does not say what it has learned.
    pub fn of(books: &Books, settled_at: &BTreeMap<DelegationId, u64>) -> Option<Self> {
        let settled = books.settled.clone();
        Some(Self {
            stack: books.stack.memory()?,
            flights: books.flights.clone(),
            order: books.order.clone(),
            settled_at: settled_at
                .iter()
                .filter(|(id, _)| settled.contains_key(id))
                .map(|(id, at)| (*id, *at))
                .collect(),
            settled,
            trust: books.trust.records.clone(),
            wakes: books.wakes.clone(),
            recover_at: books.recover_at,
            threads_left: books.threads_left,
            lives: books.lives,
            admissions: books.admissions,
        })
    }

    /// Fills empty books. False if they are those of another stack: they are of no use any more.
    pub fn fill(self, books: &mut Books) -> bool {
        if !books.stack.remember(&self.stack) {
            return false;
        }
        (books.flights, books.order, books.settled) = (self.flights, self.order, self.settled);
        (books.trust.records, books.wakes) = (self.trust, self.wakes);
        (books.recover_at, books.threads_left) = (self.recover_at, self.threads_left);
        (books.lives, books.admissions) = (self.lives, self.admissions);
        true
    }

    /// Seals it, as taken at this event.
    ///
    /// # Errors
    /// If it is larger than a frame may be.
    pub fn seal(&self, last: &Recorded) -> Result<Snapshot, codec::CodecError> {
        Ok(Snapshot::seal(last, &codec::encode(self)?))
    }

    /// Reads a snapshot; `None` if it is not sound, or not one of a supervisor.
    pub fn read(snapshot: &Snapshot) -> Option<Self> {
        codec::decode(snapshot.folded()?).ok()
    }

    /// The goals that may still ask for something that was admitted.
    pub fn goals(&self) -> BTreeSet<GoalId> {
        self.flights.keys().chain(self.settled.keys()).map(|id| id.goal).collect()
    }

    /// In what two differ, as far as their stacks have the same policies.
    pub fn differing(&self, other: &Written) -> Vec<&str> {
        let mut parts = self.stack.differing(&other.stack);
        let same = [
            ("flights", (&self.flights, &self.order) == (&other.flights, &other.order)),
            ("settlements", (&self.settled, &self.settled_at) == (&other.settled, &other.settled_at)),
            ("trust", self.trust == other.trust),
            ("wakes", (&self.wakes, self.recover_at) == (&other.wakes, other.recover_at)),
            ("counts", {
                let counts = |this: &Written| (this.threads_left, this.lives, this.admissions);
                counts(self) == counts(other)
            }),
        ];
        parts.extend(same.iter().filter(|(_, same)| !same).map(|(part, _)| *part));
        parts
    }
}

/// What stands for the beginning of an agent's stream. A snapshot that cannot be read was brought back by
/// [`give_up_unreadable`] before anybody asks.
pub fn read(log: &Log, stream: &Stream) -> Option<Written> {
    log.base(stream).and_then(|base| Written::read(&base))
}

/// Has the log hold the whole of each agent's stream whose snapshot cannot be read.
///
/// # Errors
/// If the journal cannot be read.
pub fn give_up_unreadable(log: &Log) -> Result<(), JournalError> {
    let is_useless = |stream: &Stream| log.base(stream).is_some_and(|base| Written::read(&base).is_none());
    log.streams().iter().filter(|stream| is_useless(stream)).try_for_each(|stream| log.unfold(stream))
}

/// Adds the versions in which these events settle something.
pub fn note_settled(settled_at: &mut BTreeMap<DelegationId, u64>, events: &[Arc<Recorded>]) {
    settled_at.extend(events.iter().filter_map(|recorded| match &recorded.event {
        Event::Agent(AgentFact::Settled { settlement }) => Some((settlement.delegation, recorded.ver)),
        _ => None,
    }));
}

/// When the next snapshot of a stream is due.
#[derive(Default)]
pub(super) struct Pace {
    /// After how many events; 0 is never.
    every: u64,
    /// The last event that was counted.
    head: u64,
    /// The last one that a snapshot was taken at, or tried.
    taken: u64,
    /// Where what is settled and remembered was recorded, up to `taken`.
    pub settled_at: BTreeMap<DelegationId, u64>,
}

impl Pace {
    /// Goes on from the snapshot that stands in the log, if there is one.
    pub fn from(every: u64, log: &Log, stream: &Stream) -> Self {
        // A journal that keeps at once keeps nothing beyond its process: nobody would ever read a snapshot of it.
        let every = if log.journal().is_immediate() { 0 } else { every };
        let taken = log.base(stream).map_or(0, |base| base.ver);
        let settled_at = read(log, stream).map(|written| written.settled_at).unwrap_or_default();
        Self { every, head: log.head(stream), taken, settled_at }
    }

    /// Counts what was recorded, and takes a snapshot if it is time. It is written in the background.
    pub fn recorded(&mut self, count: usize, log: &Log, stream: &Stream, books: &Books) {
        self.head += count as u64;
        if self.every == 0 || self.head - self.taken < self.every {
            return;
        }
        let recent = log.since(stream, self.taken);
        self.taken = self.head;
        note_settled(&mut self.settled_at, &recent);
        self.settled_at.retain(|id, _| books.settled.contains_key(id));
        // Else one of the policies does not say what it has learned: there is no snapshot, and nothing is lost by that.
        let (Some(written), Some(last)) = (Written::of(books, &self.settled_at), recent.last().cloned()) else {
            return;
        };
        log.keep_snapshot(last.seq, move || {
            let sealed = written.seal(&last);
            sealed.inspect_err(|error| tracing::warn!(stream = %last.stream, %error, "snapshot not taken")).ok()
        });
    }
}

#[cfg(test)]
mod tests;
