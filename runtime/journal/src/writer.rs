//! The one thread that writes: it takes whatever waits, and commits it at once.

use std::{
    path::PathBuf,
    sync::{Arc, mpsc},
};

use bailiwick_actors::audit_log::{
    journal::{Begun, Claim, Heads, JournalError},
    snapshot::Snapshot,
};
use bailiwick_protocols::{Json, Recorded, Timestamp};
use rusqlite::{Connection, OptionalExtension, TransactionBehavior};
use tokio::sync::oneshot;

use crate::{
    chain::{self, Hash},
    errors,
    payload::Payloads,
    retention::{self, Retention},
    rows::{self, Decoder, Row},
    snapshots,
};

/// The most jobs in one commit.
const GROUP_MAX: usize = 256;

/// What the writer is asked, and whom it answers.
pub(crate) enum Job {
    Begin { retention: Option<Retention>, done: mpsc::Sender<Result<Begun, JournalError>> },
    Append { epoch: u64, batch: Vec<Arc<Recorded>>, done: oneshot::Sender<Result<(), JournalError>> },
    Claim { epoch: u64, key: String, done: oneshot::Sender<Result<Claim, JournalError>> },
    Fulfil { epoch: u64, key: String, result: Json, done: oneshot::Sender<Result<(), JournalError>> },
    Take { number: u64, done: mpsc::Sender<Result<(), JournalError>> },
    Snapshot { epoch: u64, snapshot: Snapshot, done: oneshot::Sender<Result<(), JournalError>> },
}

/// What the thread holds.
pub(crate) struct Writer {
    connection: Connection,
    path: PathBuf,
    heads: Heads,
    last: Hash,
    /// The first failure: after it nothing is written any more.
    broken: Option<JournalError>,
}

/// What is told once the commit is on the disk.
type Answer = Box<dyn FnOnce(Option<&JournalError>)>;

impl Writer {
    pub(crate) fn new(connection: Connection, path: PathBuf) -> Self {
        Self { connection, path, heads: Heads::default(), last: chain::START, broken: None }
    }

    /// Works until nobody is left to ask.
    pub(crate) fn run(mut self, jobs: &mpsc::Receiver<Job>) {
        while let Ok(job) = jobs.recv() {
            let more = std::iter::from_fn(|| jobs.try_recv().ok()).take(GROUP_MAX);
            let group = std::iter::once(job).chain(more);
            let (snapshots, group): (Vec<Job>, Vec<Job>) = group.partition(|job| matches!(job, Job::Snapshot { .. }));
            self.commit(group);
            // Nobody waits for these: each after everybody else, and for itself.
            snapshots.into_iter().for_each(|job| self.commit(vec![job]));
        }
        if self.broken.is_some() {
            return;
        }
        // One file is easier to carry about than three. If it cannot be done now, the next opening does it.
        let _ = self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
    }

    /// Does a group of jobs in one transaction. A job that conflicts is refused alone; any other failure is everybody's.
    fn commit(&mut self, group: Vec<Job>) {
        let mut answers: Vec<Answer> = Vec::new();
        let matters = !matches!(group[..], [] | [Job::Snapshot { .. }]);
        let failure = match self.broken.clone() {
            Some(broken) => {
                answers.extend(group.into_iter().map(Job::refusal));
                Err(broken)
            }
            None if group.is_empty() => Ok(()),
            None => self.write(group, &mut answers),
        };
        if let Err(error) = &failure
            && matters
        {
            self.broken = Some(error.clone());
        }
        for answer in answers {
            answer(failure.as_ref().err());
        }
    }

    fn write(&mut self, group: Vec<Job>, answers: &mut Vec<Answer>) -> Result<(), JournalError> {
        let Self { connection, path, heads, last, .. } = self;
        let wrong = |error: rusqlite::Error| errors::of_sqlite(path, &error);
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate);
        let transaction = match transaction.map_err(wrong) {
            Ok(transaction) => transaction,
            Err(error) => {
                group.into_iter().for_each(|job| answers.push(job.refusal()));
                return Err(error);
            }
        };
        let mut failure = Ok(());
        for job in group {
            if failure.is_err() {
                answers.push(job.refusal());
                continue;
            }
            let mut scene = Scene { connection: &transaction, heads, last };
            let (answer, result) = scene.work(job, path);
            answers.push(answer);
            failure = result;
        }
        failure?;
        transaction.commit().map_err(wrong)
    }
}

impl Job {
    /// Tells that it was not done, because something else failed.
    fn refusal(self) -> Answer {
        Box::new(move |failure| {
            let failure = failure.cloned().unwrap_or_else(|| JournalError::Other("not done".to_owned()));
            // Whoever does not wait any more does not want to know.
            match self {
                Job::Begin { done, .. } => drop(done.send(Err(failure))),
                Job::Append { done, .. } | Job::Fulfil { done, .. } | Job::Snapshot { done, .. } => {
                    drop(done.send(Err(failure)));
                }
                Job::Claim { done, .. } => drop(done.send(Err(failure))),
                Job::Take { done, .. } => drop(done.send(Err(failure))),
            }
        })
    }
}

/// One transaction at work.
struct Scene<'a> {
    connection: &'a Connection,
    heads: &'a mut Heads,
    last: &'a mut Hash,
}

impl Scene<'_> {
    /// Does one job. Returns how it is answered after the commit, and what breaks the writer.
    fn work(&mut self, job: Job, path: &std::path::Path) -> (Answer, Result<(), JournalError>) {
        let wrong = |error: rusqlite::Error| errors::of_sqlite(path, &error);
        match job {
            Job::Begin { retention, done } => {
                let begun = self.begin(path, retention);
                answered(begun, move |begun| drop(done.send(begun)))
            }
            Job::Append { epoch, batch, done } => {
                let kept = self.epoch_is(epoch, path).and_then(|()| self.append(epoch, &batch, path));
                answered(kept, move |kept| drop(done.send(kept)))
            }
            Job::Claim { epoch, key, done } => {
                let claim = self.epoch_is(epoch, path).and_then(|()| self.claim(epoch, &key).map_err(wrong));
                answered(claim, move |claim| drop(done.send(claim)))
            }
            Job::Fulfil { epoch, key, result, done } => {
                let update = "INSERT INTO claims VALUES (?1, ?2, ?3) ON CONFLICT (key) DO UPDATE SET result = ?3";
                let kept = self.epoch_is(epoch, path).and_then(|()| {
                    self.connection.execute(update, (key, epoch, result.to_string())).map(drop).map_err(wrong)
                });
                answered(kept, move |kept| drop(done.send(kept)))
            }
            Job::Snapshot { epoch, snapshot, done } => {
                let is_owner = self.epoch_is(epoch, path);
                let kept = is_owner.and_then(|()| snapshots::keep(self.connection, path, &snapshot));
                answered(kept, move |kept| drop(done.send(kept)))
            }
            Job::Take { number, done } => {
                let update = "UPDATE inbox SET taken = 1 WHERE number = ?1";
                let taken = self.connection.execute(update, [number]).map(drop).map_err(wrong);
                answered(taken, move |taken| drop(done.send(taken)))
            }
        }
    }

    /// Reads the whole chain, and every large part, before anything is written: a damaged journal stays as it is.
    fn begin(&mut self, path: &std::path::Path, retention: Option<Retention>) -> Result<Begun, JournalError> {
        let wrong = |error: rusqlite::Error| errors::of_sqlite(path, &error);
        let mut heads = Heads::default();
        let (mut last, mut last_at) = (chain::START, 0);
        let mut streams = std::collections::HashMap::new();
        rows::visit(self.connection, path, 0, |row| {
            let stream = match streams.get(&row.stream) {
                Some(stream) => stream,
                None => {
                    let name = row.stream.parse().map_err(|error| JournalError::Other(format!("{error}")))?;
                    streams.entry(row.stream.clone()).or_insert(name)
                }
            };
            heads.saw(stream, row.seq, row.ver);
            (last, last_at) = (row.hash, last_at.max(row.at));
            // For each row anew: what is large is not gathered in memory.
            Decoder::new(self.connection, path).check(&row)
        })?;
        if let Some(retention) = retention {
            retention::remove(self.connection, retention).map_err(wrong)?;
        }
        let epoch: u64 = self.epoch().map_err(wrong)? + 1;
        self.connection
            .execute("UPDATE meta SET value = ?1 WHERE key = 'epoch'", [epoch.to_string()])
            .map_err(wrong)?;
        (*self.heads, *self.last) = (heads, last);
        Ok(Begun { epoch, last_seq: self.heads.seq(), last_at: Timestamp::from_millis(last_at) })
    }

    fn epoch(&self) -> rusqlite::Result<u64> {
        let mut select =
            self.connection.prepare_cached("SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'epoch'")?;
        select.query_row([], |row| row.get(0))
    }

    fn epoch_is(&self, epoch: u64, path: &std::path::Path) -> Result<(), JournalError> {
        let now = self.epoch().map_err(|error| errors::of_sqlite(path, &error))?;
        if now == epoch {
            return Ok(());
        }
        Err(JournalError::Conflict(format!("epoch {epoch} is over, {now} has begun: another process took the journal")))
    }

    fn append(&mut self, epoch: u64, batch: &[Arc<Recorded>], path: &std::path::Path) -> Result<(), JournalError> {
        let wrong = |error: rusqlite::Error| errors::of_sqlite(path, &error);
        self.heads.follow(batch)?;
        let mut taken = Payloads::new();
        let mut insert = self.connection.prepare_cached(Row::INSERT).map_err(wrong)?;
        for recorded in batch {
            let row = Row::of(recorded, epoch, self.last, &mut taken)?;
            row.insert(&mut insert).map_err(wrong)?;
            *self.last = row.hash;
        }
        let keep = "INSERT OR IGNORE INTO payloads VALUES (?1, ?2)";
        let mut keep = self.connection.prepare_cached(keep).map_err(wrong)?;
        for (name, text) in taken {
            keep.execute((name, text)).map_err(wrong)?;
        }
        rows::set_head(self.connection, self.heads.seq(), self.last).map_err(wrong)
    }

    fn claim(&self, epoch: u64, key: &str) -> rusqlite::Result<Claim> {
        let found: Option<Option<String>> = self
            .connection
            .query_row("SELECT result FROM claims WHERE key = ?1", [key], |row| row.get(0))
            .optional()?;
        Ok(match found {
            None => {
                self.connection.execute("INSERT INTO claims (key, epoch) VALUES (?1, ?2)", (key, epoch))?;
                Claim::New
            }
            Some(None) => Claim::Uncertain,
            Some(Some(result)) => match rows::parse(&result) {
                Ok(result) => Claim::Done(Json(result)),
                Err(_) => Claim::Uncertain,
            },
        })
    }
}

/// Answers with the result, unless the commit fails. A conflict is the asker's own; any other failure is everybody's.
fn answered<T: 'static>(
    result: Result<T, JournalError>,
    tell: impl FnOnce(Result<T, JournalError>) + 'static,
) -> (Answer, Result<(), JournalError>) {
    let broken = match &result {
        Err(error) if !matches!(error, JournalError::Conflict(_)) => Err(error.clone()),
        _ => Ok(()),
    };
    let answer: Answer = Box::new(move |failure| {
        tell(match failure {
            Some(failure) if result.is_ok() => Err(failure.clone()),
            _ => result,
        });
    });
    (answer, broken)
}
