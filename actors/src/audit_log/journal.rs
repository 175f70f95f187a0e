//! Where the log is kept: what a journal promises, whoever implements it.
//!
//! A journal has one owner at a time, and every opening is a new *epoch*: an owner that was superseded cannot append any
//! more. A batch says by its own numbers what it expects: the position it follows, and the version of each stream.
//! `bailiwick::testing::conformance` tries every implementation against what stands here.

use std::{collections::HashMap, sync::Arc};

use bailiwick_protocols::{AgentName, Event, GoalEvent, GoalId, Json, Recorded, Stream, Timestamp};
use futures::future::BoxFuture;

use super::snapshot::Snapshot;

/// Where the log is kept. One implementation in memory beside this file; durable ones elsewhere.
pub trait Journal: Send + Sync + 'static {
    /// Begins the next epoch: whoever owned the journal before cannot append any more.
    ///
    /// # Errors
    /// If somebody else owns it, or it cannot be read or written.
    fn begin(&self) -> Result<Begun, JournalError>;

    /// Keeps a batch, all of it or nothing; ready when it would survive whatever this journal promises to survive.
    ///
    /// # Errors
    /// [`JournalError::Conflict`] if the epoch is over, the batch does not follow the last position, or a version does
    /// not follow its stream's last one. Any other error: it cannot be kept, and the runtime ends loudly.
    fn append(&self, epoch: u64, batch: Vec<Arc<Recorded>>) -> BoxFuture<'static, Result<(), JournalError>>;

    /// Reads what was kept, in order.
    ///
    /// # Errors
    /// If it cannot be read, or is damaged.
    fn read(&self, what: Reading<'_>) -> Result<Vec<Arc<Recorded>>, JournalError>;

    /// Claims an effect on the outside world, before it is had.
    ///
    /// # Errors
    /// As for [`append`](Journal::append).
    fn claim(&self, epoch: u64, key: String) -> BoxFuture<'static, Result<Claim, JournalError>>;

    /// Keeps the result of a claimed effect: whoever claims the key again is given it.
    ///
    /// # Errors
    /// As for [`append`](Journal::append).
    fn fulfil(&self, epoch: u64, key: String, result: Json) -> BoxFuture<'static, Result<(), JournalError>>;

    /// Keeps a snapshot in the place of the one it kept of that stream before. It may lose it, and may keep none at all:
    /// what was folded once can be folded again. It must not give out another one, or a changed one.
    ///
    /// # Errors
    /// [`JournalError::Conflict`] if the epoch is over. Any other: it is not kept, and nothing else changes.
    fn keep_snapshot(&self, _epoch: u64, _snapshot: Snapshot) -> BoxFuture<'static, Result<(), JournalError>> {
        Box::pin(std::future::ready(Ok(())))
    }

    /// The snapshot kept last of each stream that has one.
    ///
    /// # Errors
    /// If they cannot be read.
    fn snapshots(&self) -> Result<Vec<Snapshot>, JournalError> {
        Ok(Vec::new())
    }

    /// Gives the journal back: nothing more is kept, and another owner may open it. It can still be read.
    fn close(&self) {}

    /// Whether an event is kept the moment it is appended, so that nobody needs to wait.
    fn is_immediate(&self) -> bool {
        false
    }

    /// Whether what is kept outlives the process, so that unfinished goals can be resumed in another one.
    fn is_durable(&self) -> bool {
        false
    }

    /// What other processes have asked of the owner and is not [`taken`](Journal::take) yet.
    ///
    /// # Errors
    /// If it cannot be read.
    fn inbox(&self) -> Result<Vec<(u64, Command)>, JournalError> {
        Ok(Vec::new())
    }

    /// The command is carried out and recorded: it is not given out again.
    ///
    /// # Errors
    /// If that cannot be kept.
    fn take(&self, _number: u64) -> Result<(), JournalError> {
        Ok(())
    }
}

/// A new epoch, and where the journal stands at its beginning.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Begun {
    /// Counted from 1 over the life of the journal.
    pub epoch: u64,
    /// The last position.
    pub last_seq: u64,
    /// When the last event happened: time goes on from there, whatever the wall clock says.
    pub last_at: Timestamp,
}

/// What to read.
#[derive(Clone, Copy, Debug)]
pub enum Reading<'a> {
    /// Everything.
    All,
    /// What a start needs: everything but the goals that ended, and of these streams only what comes after a version.
    Live {
        /// Up to which version each is known already; of a stream that is not in it everything is read.
        after: &'a HashMap<Stream, u64>,
    },
    /// One stream from its first event.
    Stream(&'a Stream),
    /// Everything after a position: for whoever follows.
    After(u64),
}

/// Whether an effect was had already.
#[derive(Clone, PartialEq, Debug)]
pub enum Claim {
    /// Nobody claimed it before: have it, then say what it gave.
    New,
    /// It was had, and this is what it gave.
    Done(Json),
    /// It was claimed and nothing more is known: it may have been had.
    Uncertain,
}

/// What another process may ask of the owner.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Command {
    /// Cancel a goal.
    Cancel {
        /// Which.
        goal: GoalId,
        /// Who wants it.
        by: String,
    },
    /// Close an agent's breakers.
    Release {
        /// Whose.
        agent: AgentName,
        /// Who wants it.
        by: String,
    },
}

/// The journal could not keep or read events.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JournalError {
    /// Somebody else owns the journal by now, or two write one stream.
    #[error("journal: conflict: {0}")]
    Conflict(String),
    /// A living process owns it.
    #[error("journal: {journal} is owned by {owner}")]
    Owned {
        /// The journal.
        journal: String,
        /// The owner, for people.
        owner: String,
    },
    /// A newer version wrote it.
    #[error("journal: {journal} has schema {found}, this version knows {known}: use a newer bailiwick")]
    Newer {
        /// The journal.
        journal: String,
        /// Its schema.
        found: u32,
        /// The newest one known here.
        known: u32,
    },
    /// A record is not what was written.
    #[error("journal: record {record} is damaged: {why}")]
    Damaged {
        /// The position of the first bad record.
        record: u64,
        /// What is wrong with it.
        why: String,
    },
    /// A record is of a kind, or of a version of its kind, that this version does not know.
    #[error("journal: record {record} ({kind}, version {version}) cannot be read by this version: {why}")]
    Unreadable {
        /// The position of the record.
        record: u64,
        /// Its kind.
        kind: String,
        /// The version of the kind's body.
        version: u32,
        /// What is not known.
        why: String,
    },
    /// No room is left.
    #[error("journal: no room is left: {0}")]
    Full(String),
    /// It may be read and not written.
    #[error("journal: cannot be written: {0}")]
    ReadOnly(String),
    /// Anything else.
    #[error("journal: {0}")]
    Other(String),
}

/// Where the streams stand: what a batch must follow. The same for every implementation.
#[derive(Clone, Debug, Default)]
pub struct Heads {
    seq: u64,
    streams: HashMap<Stream, u64>,
}

impl Heads {
    /// Takes one kept event into account.
    pub fn saw(&mut self, stream: &Stream, seq: u64, ver: u64) {
        self.seq = seq;
        match self.streams.get_mut(stream) {
            Some(head) => *head = ver,
            None => drop(self.streams.insert(stream.clone(), ver)),
        }
    }

    /// The last position.
    pub fn seq(&self) -> u64 {
        self.seq
    }

    /// Moves on by a batch, if every number follows; else nothing changes.
    ///
    /// # Errors
    /// Says which number does not follow.
    pub fn follow(&mut self, batch: &[Arc<Recorded>]) -> Result<(), JournalError> {
        let mut next = self.seq;
        let mut moved: HashMap<&Stream, u64> = HashMap::new();
        for recorded in batch {
            next += 1;
            let head = moved
                .entry(&recorded.stream)
                .or_insert_with(|| self.streams.get(&recorded.stream).copied().unwrap_or(0));
            *head += 1;
            if recorded.seq != next {
                return Err(JournalError::Conflict(format!("event {} comes where {next} is due", recorded.seq)));
            }
            if recorded.ver != *head {
                let (stream, ver) = (&recorded.stream, recorded.ver);
                return Err(JournalError::Conflict(format!("{stream} has version {ver} where {head} is due")));
            }
        }
        let moved: Vec<(Stream, u64)> = moved.into_iter().map(|(stream, ver)| (stream.clone(), ver)).collect();
        self.streams.extend(moved);
        self.seq = next;
        Ok(())
    }
}

/// Whether this is the last event of a goal.
pub fn ends_goal(event: &Event) -> bool {
    matches!(event, Event::Goal(GoalEvent::GoalSettled { .. }))
}
