//! The owner's side: a journal in one SQLite file.

use std::{
    fs::OpenOptions,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, mpsc},
    thread::JoinHandle,
    time::Duration,
};

use bailiwick_actors::{
    audit_log::{
        journal::{Begun, Claim, Command, Journal, JournalError, Reading},
        snapshot::Snapshot,
    },
    world::Clock,
};
use bailiwick_protocols::{Json, Recorded, Timestamp};
use futures::future::BoxFuture;
use rusqlite::Connection;
use tokio::sync::oneshot;

use crate::{
    errors,
    lock::Ownership,
    reader::{self, JournalReader},
    retention::Retention,
    schema, snapshots,
    writer::{Job, Writer},
};

/// How long a connection waits for another process that is just writing.
pub(crate) const BUSY: Duration = Duration::from_secs(5);

/// A journal in one SQLite file, owned by this process until it is dropped.
///
/// What is acknowledged is on the disk: write-ahead log, `synchronous=FULL`. Waiting appends share one commit.
///
/// # Examples
/// ```
/// use bailiwick::prelude::*;
/// use bailiwick_journal::SqliteJournal;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), bailiwick::Error> {
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("team.db");
/// let bailiwick = Bailiwick::builder()
///     .agent(agent_fn("ada", ["sum"], |_| async { Ok(Output::text("4")) }))
///     .journal(SqliteJournal::open(&path)?)
///     .start()
///     .await?;
/// let report = bailiwick.submit(Goal::new("2 + 2")).await?.await?;
/// # assert_eq!(report.outcome_word(), "unverified");
/// bailiwick.shutdown().await
/// # }
/// ```
pub struct SqliteJournal {
    path: PathBuf,
    retain: Option<Duration>,
    owning: Mutex<Option<Owning>>,
    reading: Mutex<Connection>,
}

/// What only the owner has.
struct Owning {
    jobs: mpsc::Sender<Job>,
    thread: JoinHandle<()>,
    ownership: Ownership,
}

impl SqliteJournal {
    /// Opens a journal, or begins one, and takes it for this process.
    ///
    /// # Errors
    /// [`JournalError::Owned`] if a living process has it; [`JournalError::Newer`] if a newer version wrote it; and if the
    /// file is not a journal, or cannot be written.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, JournalError> {
        Self::open_with(path.as_ref(), None)
    }

    /// Opens a journal that may not grow beyond so many pages of 4 KiB: as on a disk that is nearly full.
    ///
    /// # Errors
    /// As for [`open`](SqliteJournal::open).
    pub fn open_limited(path: impl AsRef<Path>, pages_max: u32) -> Result<Self, JournalError> {
        Self::open_with(path.as_ref(), Some(pages_max))
    }

    fn open_with(path: &Path, pages_max: Option<u32>) -> Result<Self, JournalError> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options.open(path).map_err(|error| errors::of_io(path, &error))?;
        // However it is reached, it has one lock.
        let path = path.canonicalize().map_err(|error| errors::of_io(path, &error))?;
        let ownership = Ownership::take(&path)?;

        let wrong = |error: rusqlite::Error| errors::of_sqlite(&path, &error);
        let mut connection = Connection::open(&path).map_err(wrong)?;
        connection.busy_timeout(BUSY).map_err(wrong)?;
        // An older file is made a newer one only if all of it is sound.
        if (1..schema::SCHEMA).contains(&schema::version(&connection).map_err(wrong)?) {
            JournalReader::open(&path)?.verify()?;
        }
        schema::prepare(&mut connection, &path)?;
        if let Some(pages) = pages_max {
            connection.pragma_update(None, "max_page_count", pages).map_err(wrong)?;
        }
        let reading = reader::connect(&path)?;
        let (jobs, waiting) = mpsc::channel();
        let writer = Writer::new(connection, path.clone());
        let thread = std::thread::Builder::new().name("journal".to_owned());
        let thread = thread.spawn(move || writer.run(&waiting)).map_err(|error| errors::of_io(&path, &error))?;
        let owning = Mutex::new(Some(Owning { jobs, thread, ownership }));
        Ok(Self { path, retain: None, owning, reading: Mutex::new(reading) })
    }

    /// Lets go of goals that ended longer ago than this, each time a runtime begins with the journal. Off unless asked
    /// for.
    ///
    /// What goes is the stream of a goal all of whose effects are known, with what only it names of large contents. The
    /// streams of agents and of the runtime stay, so trust, breakers and what is open are as before.
    pub fn retain(mut self, ended: Duration) -> Self {
        self.retain = Some(ended);
        self
    }

    /// Where it is kept.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn ask<T: Send + 'static>(
        &self,
        job: impl FnOnce(oneshot::Sender<Result<T, JournalError>>) -> Job,
    ) -> BoxFuture<'static, Result<T, JournalError>> {
        let (done, answer) = oneshot::channel();
        self.send(job(done));
        Box::pin(async move { answer.await.unwrap_or_else(|_| Err(gone())) })
    }

    fn wait<T>(&self, job: impl FnOnce(mpsc::Sender<Result<T, JournalError>>) -> Job) -> Result<T, JournalError> {
        let (done, answer) = mpsc::channel();
        self.send(job(done));
        answer.recv().unwrap_or_else(|_| Err(gone()))
    }

    fn send(&self, job: Job) {
        // A writer that has gone drops the job, and with it the answer: that is told as `gone`.
        if let Some(owning) = &*self.owning.lock().unwrap_or_else(PoisonError::into_inner) {
            let _ = owning.jobs.send(job);
        }
    }
}

fn millis(age: Duration) -> u64 {
    u64::try_from(age.as_millis()).unwrap_or(u64::MAX)
}

fn gone() -> JournalError {
    JournalError::Other("its writer has ended".to_owned())
}

impl Journal for SqliteJournal {
    fn begin(&self) -> Result<Begun, JournalError> {
        let now = Clock::system(Timestamp::default()).now();
        let before = |age: Duration| Timestamp::from_millis(now.as_millis().saturating_sub(millis(age)));
        let retention = self.retain.map(|age| Retention { before: before(age), now });
        self.wait(|done| Job::Begin { retention, done })
    }

    fn append(&self, epoch: u64, batch: Vec<Arc<Recorded>>) -> BoxFuture<'static, Result<(), JournalError>> {
        self.ask(|done| Job::Append { epoch, batch, done })
    }

    fn read(&self, what: Reading<'_>) -> Result<Vec<Arc<Recorded>>, JournalError> {
        let connection = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        let mut events = Vec::new();
        reader::read(&connection, &self.path, what, |event| events.push(event))?;
        Ok(events)
    }

    fn claim(&self, epoch: u64, key: String) -> BoxFuture<'static, Result<Claim, JournalError>> {
        self.ask(|done| Job::Claim { epoch, key, done })
    }

    fn fulfil(&self, epoch: u64, key: String, result: Json) -> BoxFuture<'static, Result<(), JournalError>> {
        self.ask(|done| Job::Fulfil { epoch, key, result, done })
    }

    fn keep_snapshot(&self, epoch: u64, snapshot: Snapshot) -> BoxFuture<'static, Result<(), JournalError>> {
        self.ask(|done| Job::Snapshot { epoch, snapshot, done })
    }

    fn snapshots(&self) -> Result<Vec<Snapshot>, JournalError> {
        let connection = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        snapshots::read(&connection, &self.path)
    }

    fn close(&self) {
        let owning = self.owning.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(Owning { jobs, thread, ownership }) = owning {
            drop(jobs);
            // A panic of the writer was told to everybody who waited for it.
            let _ = thread.join();
            // Last: whoever takes it finds the file at rest.
            drop(ownership);
        }
    }

    fn is_durable(&self) -> bool {
        true
    }

    fn inbox(&self) -> Result<Vec<(u64, Command)>, JournalError> {
        let connection = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        reader::inbox(&connection, &self.path)
    }

    fn take(&self, number: u64) -> Result<(), JournalError> {
        self.wait(|done| Job::Take { number, done })
    }
}

impl Drop for SqliteJournal {
    fn drop(&mut self) {
        self.close();
    }
}
