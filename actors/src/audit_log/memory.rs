//! The journal in memory: kept at once, or, in its late mode, acknowledged after a while.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bailiwick_protocols::Recorded;
use futures::future::BoxFuture;

use super::log::{Journal, JournalError};

/// Keeps events as long as the process lives.
#[derive(Default)]
pub struct MemoryJournal {
    late: Option<Duration>,
    kept: Arc<Mutex<Vec<Arc<Recorded>>>>,
}

impl MemoryJournal {
    /// Acknowledges every batch only after this long, as a disk would.
    pub fn late(by: Duration) -> Self {
        Self { late: Some(by), kept: Arc::default() }
    }
}

impl Journal for MemoryJournal {
    fn append(&self, batch: Vec<Arc<Recorded>>) -> BoxFuture<'static, Result<(), JournalError>> {
        let (kept, late) = (self.kept.clone(), self.late);
        Box::pin(async move {
            if let Some(late) = late {
                tokio::time::sleep(late).await;
            }
            kept.lock().unwrap_or_else(PoisonError::into_inner).extend(batch);
            Ok(())
        })
    }

    fn is_immediate(&self) -> bool {
        self.late.is_none()
    }

    fn read(&self) -> Result<Vec<Arc<Recorded>>, JournalError> {
        Ok(self.kept.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }
}
