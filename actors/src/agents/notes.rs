//! What an agent says beside its answer: bounded, so that one who talks without end fills nobody's mailbox.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicU32, Ordering},
};

use bailiwick_protocols::{Cost, Report, Usage};
use tokio::sync::{Semaphore, SemaphorePermit};

/// Notes of one attempt that are recorded: progress, checkpoints, charges.
pub const NOTES_MAX: u32 = 1_000;

/// Parts and tools that one attempt may have asked for and not heard of; the next one waits its turn.
pub const OPEN_MAX: usize = 1_024;

/// What one attempt has said. Clones count together.
#[derive(Clone)]
pub struct Notes(Arc<Said>);

struct Said {
    notes: AtomicU32,
    owed: Mutex<(Usage, Cost)>,
    turns: Semaphore,
}

impl Default for Notes {
    fn default() -> Self {
        let (notes, owed) = (AtomicU32::new(0), Mutex::new((Usage::default(), Cost::FREE)));
        Self(Arc::new(Said { notes, owed, turns: Semaphore::new(OPEN_MAX) }))
    }
}

impl Notes {
    /// Whether one more note is recorded.
    pub fn one_more(&self) -> bool {
        let count = |said| (said < NOTES_MAX).then_some(said + 1);
        self.0.notes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, count).is_ok()
    }

    /// Puts a charge aside until the report.
    pub fn owe(&self, usage: Usage, cost: Cost) {
        let mut owed = self.0.owed.lock().unwrap_or_else(PoisonError::into_inner);
        owed.0 += usage;
        owed.1 += cost;
    }

    /// Adds to a report what was put aside.
    pub fn settle(&self, report: Report) -> Report {
        let (usage, cost) = *self.0.owed.lock().unwrap_or_else(PoisonError::into_inner);
        report.charge(usage, cost)
    }

    /// Waits until the attempt may ask for one more thing.
    pub async fn turn(&self) -> Option<SemaphorePermit<'_>> {
        // It is never closed.
        self.0.turns.acquire().await.ok()
    }
}
