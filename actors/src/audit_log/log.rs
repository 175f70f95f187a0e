//! The log: one sequence of events in many streams, appended through a shared handle by each stream's one writer.
//!
//! `append` returns a position at once and never waits for a disk. The AuditLog actor carries what was appended to the
//! journal and moves the durable mark; whatever leaves the process waits for that mark in its actor's outbox.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use bailiwick_protocols::{Cause, Event, GoalId, Recorded, Stream, Timestamp, Traceparent};
use tokio::sync::{Notify, watch};

use super::{
    held::Held,
    journal::{Begun, Journal, JournalError, Reading},
    snapshot::Snapshot,
};

/// Where a batch stands: the last position in the log, and the version of its first event in the stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Position {
    /// Of the last event, in the whole log.
    pub seq: u64,
    /// Of the first event, in its stream.
    pub first_ver: u64,
}

/// The log's handle. Cheap to clone.
#[derive(Clone)]
pub struct Log(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    journal: Arc<dyn Journal>,
    begun: Begun,
    immediate: bool,
    durable: watch::Sender<Mark>,
    work: Notify,
}

#[derive(Default)]
struct State {
    seq: u64,
    streams: HashMap<Stream, Held>,
    pending: Vec<Arc<Recorded>>,
    waiting: Vec<(u64, Box<dyn FnOnce() + Send>)>,
    tails: Vec<Weak<Mutex<Backlog>>>,
}

/// How far the log is durable, or why it never will be any further.
#[derive(Clone, PartialEq, Debug, Default)]
struct Mark {
    seq: u64,
    failed: Option<JournalError>,
}

impl Log {
    /// Opens a log over a journal: its owner from here on. What the journal holds of goals that ended stays there, and
    /// so does what a sound snapshot stands for.
    ///
    /// # Errors
    /// If the journal is owned by somebody else, or cannot be read or written.
    pub fn open(journal: Arc<dyn Journal>) -> Result<Self, JournalError> {
        let begun = journal.begin()?;
        let mut state = State { seq: begun.last_seq, ..State::default() };
        let bases = sound(&*journal);
        // The event it was taken at is read with those that follow: it says whether this is the same history.
        let after = bases.iter().map(|base| (base.stream.clone(), base.ver.saturating_sub(1))).collect();
        for recorded in journal.read(Reading::Live { after: &after })? {
            state.streams.entry(recorded.stream.clone()).or_default().events.push(recorded);
        }
        for base in bases {
            let held = state.streams.entry(base.stream.clone()).or_default();
            let stream = base.stream.clone();
            if !held.stand_on(Arc::new(base)) {
                tracing::warn!(%stream, "snapshot of another history: its stream is read from the beginning");
                held.events = journal.read(Reading::Stream(&stream))?;
            }
        }
        state.streams.retain(|_, held| held.head() > 0);
        let (durable, _) = watch::channel(Mark { seq: state.seq, failed: None });
        let immediate = journal.is_immediate();
        Ok(Self(Arc::new(Shared { state: Mutex::new(state), journal, begun, immediate, durable, work: Notify::new() })))
    }

    /// The epoch of this opening, and where the journal stood then.
    pub fn begun(&self) -> Begun {
        self.0.begun
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing under this lock can panic half-way.
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Appends a batch to a stream. Only the stream's one writer calls this.
    pub fn append(
        &self,
        stream: &Stream,
        at: Timestamp,
        trace: Option<Traceparent>,
        events: impl IntoIterator<Item = (Event, Option<Cause>)>,
    ) -> Position {
        let mut state = self.state();
        let State { seq, streams, pending, tails, .. } = &mut *state;
        let kept = match streams.get_mut(stream) {
            Some(kept) => kept,
            None => streams.entry(stream.clone()).or_default(),
        };
        let first_ver = kept.head() + 1;
        for (ver, (event, cause)) in (first_ver..).zip(events) {
            *seq += 1;
            let recorded = Arc::new(Recorded { seq: *seq, stream: stream.clone(), ver, at, cause, trace, event });
            kept.events.push(recorded.clone());
            if !tails.is_empty() {
                tails.retain(|tail| Backlog::hand_on(tail, &recorded));
            }
            if !self.0.immediate {
                pending.push(recorded);
            }
        }
        let position = Position { seq: *seq, first_ver };
        if self.0.immediate {
            // Before anybody can read the position: nobody calls back whoever waits for what is kept already.
            self.0.durable.send_modify(|mark| mark.seq = position.seq);
        } else {
            drop(state);
            self.0.work.notify_one();
        }
        position
    }

    /// The position of the last event.
    pub fn last_seq(&self) -> u64 {
        self.state().seq
    }

    /// Whether everything up to this position is durable.
    pub fn is_durable(&self, seq: u64) -> bool {
        self.0.durable.borrow().seq >= seq
    }

    /// Calls back once everything up to this position is durable; at once if it is. Never, if the journal fails.
    pub fn when_durable(&self, seq: u64, call: impl FnOnce() + Send + 'static) {
        let mut state = self.state();
        if self.is_durable(seq) {
            drop(state);
            call();
        } else {
            state.waiting.push((seq, Box::new(call)));
        }
    }

    /// What is appended and not yet handed to the journal.
    pub(super) fn take_pending(&self) -> Vec<Arc<Recorded>> {
        std::mem::take(&mut self.state().pending)
    }

    /// Waits until something is appended that a journal must keep.
    pub(super) async fn work(&self) {
        self.0.work.notified().await;
    }

    /// Where it is kept.
    pub fn journal(&self) -> &Arc<dyn Journal> {
        &self.0.journal
    }

    /// Brings a stream back into memory that was left in the journal because its goal had ended.
    ///
    /// # Errors
    /// If the journal cannot be read.
    pub fn recall(&self, stream: &Stream) -> Result<(), JournalError> {
        if self.state().streams.contains_key(stream) {
            return Ok(());
        }
        let events = self.0.journal.read(Reading::Stream(stream))?;
        if !events.is_empty() {
            // Somebody else may have been faster; the journal says the same to both.
            self.state().streams.entry(stream.clone()).or_insert(Held { base: None, events });
        }
        Ok(())
    }

    /// A batch was kept, in this time; whoever follows the log is told.
    pub(super) fn note_append(&self, took: Duration) {
        for tail in &self.state().tails {
            if let Some(tail) = tail.upgrade() {
                Backlog::of(&tail).note_append(took);
            }
        }
    }

    /// What stands for the beginning of a stream that is not held in memory.
    pub fn base(&self, stream: &Stream) -> Option<Arc<Snapshot>> {
        self.state().streams.get(stream).and_then(|held| held.base.clone())
    }

    /// Brings a whole stream into memory: its snapshot is of no use to whoever folds it.
    ///
    /// # Errors
    /// If the journal cannot be read.
    pub fn unfold(&self, stream: &Stream) -> Result<(), JournalError> {
        let Some(base) = self.base(stream) else { return Ok(()) };
        tracing::warn!(%stream, ver = base.ver, "snapshot does not fit: its stream is folded from the beginning");
        let past = self.past(&base)?;
        if let Some(held) = self.state().streams.get_mut(stream)
            && held.base.take().is_some()
        {
            held.events.splice(..0, past);
        }
        Ok(())
    }

    /// A whole stream from its first event, durable or not, for whoever tells of it. Blocks while it reads from the journal
    /// what a snapshot stands for.
    ///
    /// # Errors
    /// If the journal cannot be read.
    pub fn whole(&self, stream: &Stream) -> Result<Vec<Arc<Recorded>>, JournalError> {
        let Some(held) = self.state().streams.get(stream).cloned() else { return Ok(Vec::new()) };
        let Some(base) = held.base else { return Ok(held.events) };
        Ok(self.past(&base)?.into_iter().chain(held.events).collect())
    }

    /// The events that a snapshot stands for.
    fn past(&self, base: &Snapshot) -> Result<Vec<Arc<Recorded>>, JournalError> {
        let mut past = self.0.journal.read(Reading::Stream(&base.stream))?;
        past.retain(|event| event.ver <= base.ver);
        Ok(past)
    }

    /// Keeps a snapshot in the background, once everything it was folded from is durable: up to `seq`. Nobody waits for
    /// it, and if it cannot be kept, that is traced and changes nothing.
    pub fn keep_snapshot(&self, seq: u64, make: impl FnOnce() -> Option<Snapshot> + Send + 'static) {
        let (journal, epoch) = (self.0.journal.clone(), self.0.begun.epoch);
        self.when_durable(seq, move || {
            tokio::spawn(async move {
                let Some(snapshot) = make() else { return };
                let (stream, ver) = (snapshot.stream.clone(), snapshot.ver);
                match journal.keep_snapshot(epoch, snapshot).await {
                    Ok(()) => tracing::debug!(%stream, ver, "snapshot kept"),
                    Err(error) => tracing::warn!(%stream, ver, %error, "snapshot not kept"),
                }
            });
        });
    }

    /// Moves the durable mark and calls back whoever waited for it.
    pub(super) fn mark_durable(&self, seq: u64) {
        let due = {
            let mut state = self.state();
            self.0.durable.send_modify(|mark| mark.seq = mark.seq.max(seq));
            let (due, later) = std::mem::take(&mut state.waiting).into_iter().partition(|(at, _)| *at <= seq);
            state.waiting = later;
            let due: Vec<(u64, Box<dyn FnOnce() + Send>)> = due;
            due
        };
        for (_, call) in due {
            call();
        }
    }

    /// The journal failed: nothing will be durable any more.
    pub(super) fn fail(&self, error: JournalError) {
        self.0.durable.send_modify(|mark| mark.failed = Some(error));
    }

    /// Why the journal failed, if it did.
    pub fn failure(&self) -> Option<JournalError> {
        self.0.durable.borrow().failed.clone()
    }

    /// Waits until the journal fails.
    pub async fn failed(&self) -> JournalError {
        let mut mark = self.0.durable.subscribe();
        let failed = mark.wait_for(|mark| mark.failed.is_some()).await.map(|mark| mark.failed.clone());
        // The sender lives in `self`, so the wait ends only with a failure.
        failed.ok().flatten().unwrap_or_else(|| JournalError::Other("closed".to_owned()))
    }

    /// One stream from its first event, or from its [`base`](Log::base) on; durable or not: what its writer folds.
    pub fn stream(&self, stream: &Stream) -> Vec<Arc<Recorded>> {
        self.since(stream, 0)
    }

    /// What the log holds of a stream after a version.
    pub fn since(&self, stream: &Stream, ver: u64) -> Vec<Arc<Recorded>> {
        self.state().streams.get(stream).map(|held| held.since(ver)).unwrap_or_default()
    }

    /// The version of the last event of a stream, durable or not; 0 before the first.
    pub fn head(&self, stream: &Stream) -> u64 {
        self.state().streams.get(stream).map_or(0, Held::head)
    }

    /// The last event of a stream, durable or not; `None` if there is none, or if the log has let go of it.
    pub fn last(&self, stream: &Stream) -> Option<Arc<Recorded>> {
        self.state().streams.get(stream).and_then(|held| held.events.last()).cloned()
    }

    /// The names of all streams.
    pub fn streams(&self) -> Vec<Stream> {
        let mut names: Vec<_> = self.state().streams.keys().cloned().collect();
        names.sort();
        names
    }

    /// Lets go of a finished goal's events in memory; a journal keeps them.
    pub fn forget(&self, goal: GoalId) {
        self.state().streams.remove(&Stream::Goal(goal));
    }

    /// A tail of all streams, from the first event the log still holds; at most `limit` events are kept for it.
    ///
    /// What a snapshot stands for comes first, read from the journal: whoever follows tells of breakers and trust as they
    /// came to be. It blocks for as long as that takes.
    pub fn tail(&self, limit: usize) -> Tail {
        let bases: Vec<_> = self.state().streams.values().filter_map(|held| held.base.clone()).collect();
        let read = |base: Arc<Snapshot>| {
            let stream = base.stream.clone();
            let past = self.past(&base).inspect_err(|error| tracing::error!(%stream, %error, "past cannot be read"));
            Some((stream, past.ok()?))
        };
        let before: HashMap<Stream, Vec<Arc<Recorded>>> = bases.into_iter().filter_map(read).collect();
        let mut state = self.state();
        // Where a snapshot was given up in the meantime, its past is held already.
        let folded = state.streams.iter().filter(|(_, held)| held.base.is_some());
        let folded = folded.filter_map(|(stream, _)| before.get(stream)).flatten();
        let held = state.streams.values().flat_map(|held| &held.events);
        let mut past: Vec<_> = folded.chain(held).cloned().collect();
        past.sort_unstable_by_key(|recorded| recorded.seq);
        let missed = past.len().saturating_sub(limit);
        let events = past.split_off(missed).into();
        let backlog = Backlog { events, limit, missed: missed as u64, appends: VecDeque::new() };
        let backlog = Arc::new(Mutex::new(backlog));
        state.tails.push(Arc::downgrade(&backlog));
        Tail { log: self.clone(), backlog, past: state.seq }
    }

    /// A cursor on one stream, from its first event.
    pub fn cursor(&self, stream: Stream) -> Cursor {
        Cursor { mark: self.0.durable.subscribe(), log: self.clone(), stream, next: 0 }
    }
}

/// The snapshots of a journal whose seal is whole. One that cannot be read is as good as none.
fn sound(journal: &dyn Journal) -> Vec<Snapshot> {
    let found = journal.snapshots().inspect_err(|error| tracing::warn!(%error, "snapshots cannot be read"));
    let is_sound = |snapshot: &Snapshot| {
        let is_sound = snapshot.folded().is_some();
        if !is_sound {
            tracing::warn!(stream = %snapshot.stream, "snapshot is damaged, or of another version: it is not used");
        }
        is_sound
    };
    found.unwrap_or_default().into_iter().filter(is_sound).collect()
}

/// A reader of one stream that pulls at its own pace: it misses nothing and delays nobody.
pub struct Cursor {
    log: Log,
    stream: Stream,
    next: usize,
    mark: watch::Receiver<Mark>,
}

impl Cursor {
    /// Whether nothing more is appended by now.
    pub fn is_at_end(&self) -> bool {
        self.log.state().streams.get(&self.stream).is_none_or(|held| held.events.len() <= self.next)
    }

    /// The next durable event; waits for it. `None` if the journal failed.
    ///
    /// # Cancel safety
    /// Safe: nothing is skipped.
    pub async fn next(&mut self) -> Option<Arc<Recorded>> {
        loop {
            let durable = self.mark.borrow_and_update().clone();
            let found = {
                let state = self.log.state();
                state.streams.get(&self.stream).and_then(|held| held.events.get(self.next)).cloned()
            };
            match found {
                Some(event) if event.seq <= durable.seq => {
                    self.next += 1;
                    return Some(event);
                }
                _ if durable.failed.is_some() => return None,
                _ => self.mark.changed().await.ok()?,
            }
        }
    }
}

/// What one tail has not taken yet.
struct Backlog {
    events: VecDeque<Arc<Recorded>>,
    limit: usize,
    missed: u64,
    /// How long each batch took that was kept since.
    appends: VecDeque<Duration>,
}

/// The most appends of which a tail is told how long they took; of more, the latest.
const APPENDS_MAX: usize = 4_096;

impl Backlog {
    fn of(backlog: &Mutex<Backlog>) -> MutexGuard<'_, Backlog> {
        // Nothing under this lock can panic half-way.
        backlog.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note_append(&mut self, took: Duration) {
        if self.appends.len() == APPENDS_MAX {
            self.appends.pop_front();
        }
        self.appends.push_back(took);
    }

    /// Keeps an event for a tail; false if the tail is gone.
    fn hand_on(tail: &Weak<Mutex<Backlog>>, recorded: &Arc<Recorded>) -> bool {
        let Some(tail) = tail.upgrade() else { return false };
        let mut backlog = Backlog::of(&tail);
        if backlog.events.len() < backlog.limit {
            backlog.events.push_back(recorded.clone());
        } else {
            backlog.missed += 1;
        }
        true
    }
}

/// A reader of all streams in the order of the log. It takes what has come whenever it likes, wakes nobody and delays
/// nobody; who does not take for too long misses the newest and is told how many.
pub struct Tail {
    log: Log,
    backlog: Arc<Mutex<Backlog>>,
    past: u64,
}

impl Tail {
    /// Takes up to `most` durable events that have come since, and how many were missed for want of room.
    pub fn take(&self, most: usize) -> (Vec<Arc<Recorded>>, u64) {
        let durable = self.log.0.durable.borrow().seq;
        let mut backlog = Backlog::of(&self.backlog);
        let ready = backlog.events.iter().take(most).take_while(|recorded| recorded.seq <= durable).count();
        let taken = backlog.events.drain(..ready).collect();
        (taken, std::mem::take(&mut backlog.missed))
    }

    /// The position up to which events were in the log before the tail was there.
    pub fn past(&self) -> u64 {
        self.past
    }

    /// How many events wait to be taken, durable or not.
    pub fn waiting(&self) -> usize {
        Backlog::of(&self.backlog).events.len()
    }

    /// How long the journal took to keep each batch since this was asked last: none if it keeps at once.
    pub fn appends(&self) -> Vec<Duration> {
        Backlog::of(&self.backlog).appends.drain(..).collect()
    }
}

#[cfg(test)]
mod tests {
    use bailiwick_protocols::RuntimeEvent;

    use super::*;
    use crate::audit_log::memory::MemoryJournal;

    /// A goal once hung for ever: its last position was another writer's, read before that writer had moved the mark,
    /// and a journal that keeps at once calls nobody back.
    #[test]
    fn what_a_journal_keeps_at_once_is_durable_before_anybody_can_know_of_it() {
        const EVENTS: u64 = 50_000;
        let log = Log::open(Arc::new(MemoryJournal::default())).expect("memory can be read");
        let writer = log.clone();
        let writing = std::thread::spawn(move || {
            for _ in 0..EVENTS {
                let event = Event::Runtime(RuntimeEvent::RuntimeStopped { why: String::new() });
                writer.append(&Stream::Runtime, Timestamp::default(), None, [(event, None)]);
            }
        });

        while log.last_seq() < EVENTS {
            let seq = log.last_seq();
            assert!(log.is_durable(seq), "position {seq} is known and not durable");
        }

        writing.join().expect("the writer goes on");
    }
}
