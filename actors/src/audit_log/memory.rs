//! The journal in memory: kept at once, or, in its late mode, acknowledged after a while.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bailiwick_protocols::{Json, Recorded, Stream};
use futures::future::BoxFuture;

use super::{
    journal::{Begun, Claim, Heads, Journal, JournalError, Reading, ends_goal},
    snapshot::Snapshot,
};

/// Keeps events as long as the process lives. Clones share what is kept.
#[derive(Clone, Default)]
pub struct MemoryJournal {
    late: Option<Duration>,
    kept: Arc<Mutex<Kept>>,
}

#[derive(Default)]
struct Kept {
    epoch: u64,
    heads: Heads,
    events: Vec<Arc<Recorded>>,
    claims: HashMap<String, Option<Json>>,
    snapshots: HashMap<Stream, Snapshot>,
}

impl MemoryJournal {
    /// Acknowledges every batch only after this long, as a disk would.
    pub fn late(by: Duration) -> Self {
        Self { late: Some(by), kept: Arc::default() }
    }

    /// Holds what another journal kept, as after a crash.
    ///
    /// # Errors
    /// If the events do not follow each other from 1.
    pub fn holding(events: Vec<Arc<Recorded>>) -> Result<Self, JournalError> {
        let journal = Self { late: Some(Duration::ZERO), kept: Arc::default() };
        let mut kept = journal.kept();
        kept.heads.follow(&events)?;
        kept.events = events;
        drop(kept);
        Ok(journal)
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        // Nothing under this lock can panic half-way.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes what is kept, late if that is its mode, unless the epoch is over.
    fn change<T: Send + 'static>(
        &self,
        epoch: u64,
        change: impl FnOnce(&mut Kept) -> Result<T, JournalError> + Send + 'static,
    ) -> BoxFuture<'static, Result<T, JournalError>> {
        let this = self.clone();
        Box::pin(async move {
            if let Some(late) = this.late {
                tokio::time::sleep(late).await;
            }
            let mut kept = this.kept();
            if kept.epoch != epoch {
                return Err(JournalError::Conflict(format!("epoch {epoch} is over, {} has begun", kept.epoch)));
            }
            change(&mut kept)
        })
    }
}

impl Journal for MemoryJournal {
    fn begin(&self) -> Result<Begun, JournalError> {
        let mut kept = self.kept();
        kept.epoch += 1;
        let last_at = kept.events.last().map(|last| last.at).unwrap_or_default();
        Ok(Begun { epoch: kept.epoch, last_seq: kept.heads.seq(), last_at })
    }

    fn append(&self, epoch: u64, batch: Vec<Arc<Recorded>>) -> BoxFuture<'static, Result<(), JournalError>> {
        self.change(epoch, move |kept| {
            kept.heads.follow(&batch)?;
            kept.events.extend(batch);
            Ok(())
        })
    }

    fn read(&self, what: Reading<'_>) -> Result<Vec<Arc<Recorded>>, JournalError> {
        let kept = self.kept();
        let ended: HashSet<_> = kept.events.iter().filter(|e| ends_goal(&e.event)).map(|e| &e.stream).collect();
        let wanted = |event: &&Arc<Recorded>| match what {
            Reading::All => true,
            Reading::Live { after } => {
                !ended.contains(&event.stream) && after.get(&event.stream).is_none_or(|known| event.ver > *known)
            }
            Reading::Stream(stream) => event.stream == *stream,
            Reading::After(seq) => event.seq > seq,
        };
        Ok(kept.events.iter().filter(wanted).cloned().collect())
    }

    fn claim(&self, epoch: u64, key: String) -> BoxFuture<'static, Result<Claim, JournalError>> {
        self.change(epoch, move |kept| {
            Ok(match kept.claims.get(&key) {
                Some(Some(result)) => Claim::Done(result.clone()),
                Some(None) => Claim::Uncertain,
                None => {
                    kept.claims.insert(key, None);
                    Claim::New
                }
            })
        })
    }

    fn fulfil(&self, epoch: u64, key: String, result: Json) -> BoxFuture<'static, Result<(), JournalError>> {
        self.change(epoch, move |kept| {
            kept.claims.insert(key, Some(result));
            Ok(())
        })
    }

    fn keep_snapshot(&self, epoch: u64, snapshot: Snapshot) -> BoxFuture<'static, Result<(), JournalError>> {
        self.change(epoch, move |kept| {
            kept.snapshots.insert(snapshot.stream.clone(), snapshot);
            Ok(())
        })
    }

    fn snapshots(&self) -> Result<Vec<Snapshot>, JournalError> {
        Ok(self.kept().snapshots.values().cloned().collect())
    }

    fn is_immediate(&self) -> bool {
        self.late.is_none()
    }
}
