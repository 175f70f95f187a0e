//! Every journal is tried against the same promises; a store that drops what it acknowledged breaks the first one.

use std::{
    fs,
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};

use bailiwick::{
    actors::audit_log::{
        journal::{Begun, Claim, Command, Journal, JournalError, Reading},
        memory::MemoryJournal,
        snapshot::Snapshot,
    },
    protocols::{Json, Recorded},
    testing::conformance::{self, Place, Shared},
};
use bailiwick_journal::{JournalReader, SqliteJournal};
use futures::future::BoxFuture;
use tempfile::TempDir;

/// A folder with a journal in it. A crash goes on with what the files hold at that moment, nothing closed and nothing
/// written after it.
struct Folder {
    folder: TempDir,
    open: Option<Arc<dyn Journal>>,
}

impl Folder {
    fn empty() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), open: None }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("journal.db")
    }
}

impl Place for Folder {
    fn open(&mut self) -> Result<Arc<dyn Journal>, JournalError> {
        let journal: Arc<dyn Journal> = Arc::new(SqliteJournal::open(self.path())?);
        self.open = Some(journal.clone());
        Ok(journal)
    }

    fn crash(&mut self) {
        let after = tempfile::tempdir().unwrap();
        for name in ["journal.db", "journal.db-wal"] {
            let from = self.folder.path().join(name);
            if from.exists() {
                fs::copy(from, after.path().join(name)).unwrap();
            }
        }
        self.folder = after;
        self.open = None;
    }

    fn leave(&mut self, command: &Command) -> Result<bool, JournalError> {
        JournalReader::open(self.path())?.send(command).map(|_| true)
    }
}

/// A store that acknowledges at once and forgets in a crash whatever it has not got round to syncing.
#[derive(Clone, Default)]
struct Forgetful {
    synced: Arc<Mutex<Vec<Arc<Recorded>>>>,
    now: Arc<Mutex<MemoryJournal>>,
}

impl Place for Forgetful {
    fn open(&mut self) -> Result<Arc<dyn Journal>, JournalError> {
        Ok(Arc::new(self.clone()))
    }
    fn crash(&mut self) {
        *self.now.lock().unwrap() = MemoryJournal::holding(self.synced.lock().unwrap().clone()).unwrap();
    }
}

impl Forgetful {
    fn now(&self) -> MemoryJournal {
        self.now.lock().unwrap().clone()
    }
}

impl Journal for Forgetful {
    fn begin(&self) -> Result<Begun, JournalError> {
        self.now().begin()
    }
    fn append(&self, epoch: u64, batch: Vec<Arc<Recorded>>) -> BoxFuture<'static, Result<(), JournalError>> {
        // The one before is on the disk by now; this one is not.
        *self.synced.lock().unwrap() = self.now().read(Reading::All).unwrap();
        self.now().append(epoch, batch)
    }
    fn read(&self, what: Reading<'_>) -> Result<Vec<Arc<Recorded>>, JournalError> {
        self.now().read(what)
    }
    fn claim(&self, epoch: u64, key: String) -> BoxFuture<'static, Result<Claim, JournalError>> {
        self.now().claim(epoch, key)
    }
    fn fulfil(&self, epoch: u64, key: String, result: Json) -> BoxFuture<'static, Result<(), JournalError>> {
        self.now().fulfil(epoch, key, result)
    }
}

#[tokio::test]
async fn sqlite_keeps_every_promise() {
    conformance::holds(Folder::empty).await.unwrap();
}

#[tokio::test]
async fn memory_keeps_every_promise() {
    conformance::holds(|| Shared::of(MemoryJournal::default())).await.unwrap();
}

#[tokio::test]
async fn late_memory_keeps_every_promise() {
    conformance::holds(|| Shared::of(MemoryJournal::late(Duration::from_millis(3)))).await.unwrap();
}

#[tokio::test]
async fn a_store_that_drops_unsynced_writes_is_found_out() {
    let broken = conformance::holds(Forgetful::default).await.unwrap_err();

    assert_eq!(broken.promise, "what is acknowledged survives a crash, as it was");
}

/// Keeps the log well, and of each stream the snapshot that it was given first.
#[derive(Clone, Default)]
struct Stubborn {
    log: MemoryJournal,
    first: Arc<Mutex<Vec<Snapshot>>>,
}

impl Journal for Stubborn {
    fn begin(&self) -> Result<Begun, JournalError> {
        self.log.begin()
    }
    fn append(&self, epoch: u64, batch: Vec<Arc<Recorded>>) -> BoxFuture<'static, Result<(), JournalError>> {
        self.log.append(epoch, batch)
    }
    fn read(&self, what: Reading<'_>) -> Result<Vec<Arc<Recorded>>, JournalError> {
        self.log.read(what)
    }
    fn claim(&self, epoch: u64, key: String) -> BoxFuture<'static, Result<Claim, JournalError>> {
        self.log.claim(epoch, key)
    }
    fn fulfil(&self, epoch: u64, key: String, result: Json) -> BoxFuture<'static, Result<(), JournalError>> {
        self.log.fulfil(epoch, key, result)
    }
    fn keep_snapshot(&self, _: u64, snapshot: Snapshot) -> BoxFuture<'static, Result<(), JournalError>> {
        let mut first = self.first.lock().unwrap();
        if first.iter().all(|kept| kept.stream != snapshot.stream) {
            first.push(snapshot);
        }
        Box::pin(std::future::ready(Ok(())))
    }
    fn snapshots(&self) -> Result<Vec<Snapshot>, JournalError> {
        Ok(self.first.lock().unwrap().clone())
    }
}

#[tokio::test]
async fn a_store_that_gives_out_an_older_snapshot_is_found_out() {
    let broken = conformance::holds(|| Shared::of(Stubborn::default())).await.unwrap_err();

    assert_eq!(broken.promise, "of each stream the last snapshot is given out as it was, or none");
}
