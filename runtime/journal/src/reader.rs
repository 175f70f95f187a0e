//! Everybody else's side: reads a journal beside its living owner, and leaves commands for it.

use std::{
    cell::{Ref, RefCell},
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use bailiwick_actors::audit_log::{
    journal::{Command, JournalError, Reading},
    snapshot::Snapshot,
};
use bailiwick_protocols::{GoalId, Recorded, Timestamp};
use rusqlite::{Connection, OpenFlags, OptionalExtension};

use crate::{
    errors, live,
    lock::Ownership,
    rows::{self, Decoder},
    schema, snapshots,
    sqlite::BUSY,
};

/// What a check of a whole journal found: nothing wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Verified {
    /// How many records there are.
    pub records: u64,
    /// How many there were that retention removed.
    pub removed: u64,
}

/// A goal that retention removed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Removed {
    /// Which.
    pub goal: GoalId,
    /// When it was removed.
    pub at: Timestamp,
}

/// Reads a journal that this process does not own.
pub struct JournalReader {
    opened: RefCell<Opened>,
    path: PathBuf,
}

/// A connection that sees the file as one of the newest schema, and of which schema it was then.
struct Opened {
    connection: Connection,
    schema: u32,
}

impl Opened {
    fn new(path: &Path) -> Result<Self, JournalError> {
        let connection = connect(path)?;
        schema::check(&connection, path)?;
        let wrong = |error: rusqlite::Error| errors::of_sqlite(path, &error);
        let schema = schema::version(&connection).map_err(wrong)?;
        if schema == 0 {
            return Err(JournalError::Other(format!("{} is empty: nothing was recorded yet", path.display())));
        }
        schema::bridge(&connection).map_err(wrong)?;
        Ok(Self { connection, schema })
    }
}

impl JournalReader {
    /// Opens a journal for reading; nothing in it is changed.
    ///
    /// # Errors
    /// If there is no such file, it is not a journal, or a newer version wrote it.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, JournalError> {
        let path = path.as_ref();
        let path = path.canonicalize().map_err(|error| errors::of_io(path, &error))?;
        Ok(Self { opened: RefCell::new(Opened::new(&path)?), path })
    }

    /// The connection; another one if an owner made the file a newer one since, for the old one looks past what is new.
    fn connection(&self) -> Result<Ref<'_, Connection>, JournalError> {
        let opened = self.opened.borrow();
        let found = schema::version(&opened.connection).map_err(|error| errors::of_sqlite(&self.path, &error))?;
        if found == opened.schema {
            return Ok(Ref::map(opened, |opened| &opened.connection));
        }
        drop(opened);
        self.opened.replace(Opened::new(&self.path)?);
        Ok(Ref::map(self.opened.borrow(), |opened| &opened.connection))
    }

    /// Where it is kept.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads what was kept, in order.
    ///
    /// # Errors
    /// If it is damaged.
    pub fn read(&self, what: Reading<'_>) -> Result<Vec<Arc<Recorded>>, JournalError> {
        match self.readable(what) {
            (events, None) => Ok(events),
            (_, Some(error)) => Err(error),
        }
    }

    /// Reads as far as it can be read, and says what ends it, if that is not the end.
    pub fn readable(&self, what: Reading<'_>) -> (Vec<Arc<Recorded>>, Option<JournalError>) {
        let mut events = Vec::new();
        let ended =
            self.connection().and_then(|connection| read(&connection, &self.path, what, |event| events.push(event)));
        (events, ended.err())
    }

    /// The goals that retention removed, oldest first by their ids.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn removed(&self) -> Result<Vec<Removed>, JournalError> {
        let wrong = |error: rusqlite::Error| errors::of_sqlite(&self.path, &error);
        let connection = self.connection()?;
        let mut select = connection.prepare("SELECT goal, at FROM removed_goals ORDER BY goal").map_err(wrong)?;
        let rows = select.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get(1)?))).map_err(wrong)?;
        let rows: Vec<(String, u64)> = rows.collect::<Result<_, _>>().map_err(wrong)?;
        let removed =
            |(goal, at): (String, u64)| Some(Removed { goal: goal.parse().ok()?, at: Timestamp::from_millis(at) });
        Ok(rows.into_iter().filter_map(removed).collect())
    }

    /// What was folded of each stream, sealed or not: to be compared with the fold.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn snapshots(&self) -> Result<Vec<Snapshot>, JournalError> {
        snapshots::read(&*self.connection()?, &self.path)
    }

    /// Checks every record that is left and the file itself.
    ///
    /// # Errors
    /// The first bad record.
    pub fn verify(&self) -> Result<Verified, JournalError> {
        let connection = self.connection()?;
        let mut decoder = Decoder::new(&connection, &self.path);
        let (mut last, mut records) = (0, 0);
        rows::scan(&connection, &self.path, 0, |row| {
            (last, records) = (row.seq, records + 1);
            decoder.check(&row)?;
            decoder.event(row).map(drop)
        })?;
        let said: String = connection
            .query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))
            .map_err(|error| errors::of_sqlite(&self.path, &error))?;
        if said != "ok" {
            return Err(JournalError::Damaged {
                record: last + 1,
                why: format!("all records are sound, the file is not: {said}"),
            });
        }
        let removed = "SELECT coalesce(sum(last - first + 1), 0) FROM gaps";
        let removed = connection.query_row(removed, [], |row| row.get(0));
        Ok(Verified { records, removed: removed.map_err(|error| errors::of_sqlite(&self.path, &error))? })
    }

    /// The living owner, for people.
    pub fn owner(&self) -> Option<String> {
        Ownership::owner(&self.path)
    }

    /// Leaves a command for the owner, this one or the next; returns its number.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn send(&self, command: &Command) -> Result<u64, JournalError> {
        let wrong = |error: rusqlite::Error| errors::of_sqlite(&self.path, &error);
        let connection = Connection::open_with_flags(&self.path, OpenFlags::SQLITE_OPEN_READ_WRITE).map_err(wrong)?;
        connection.busy_timeout(BUSY).map_err(wrong)?;
        let text = serde_json::to_string(command).map_err(|error| JournalError::Other(error.to_string()))?;
        connection.execute("INSERT INTO inbox (command) VALUES (?1)", [text]).map_err(wrong)?;
        Ok(u64::try_from(connection.last_insert_rowid()).unwrap_or_default())
    }

    /// Whether the owner has carried a command out.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn is_taken(&self, number: u64) -> Result<bool, JournalError> {
        let select = "SELECT taken IS NOT NULL FROM inbox WHERE number = ?1";
        let taken = self.connection()?.query_row(select, [number], |row| row.get(0)).optional();
        Ok(taken.map_err(|error| errors::of_sqlite(&self.path, &error))?.unwrap_or(true))
    }
}

/// A connection that changes nothing. Where even its bookkeeping beside the file may not be written, the file is taken
/// to be at rest, unless a log lies beside it: what was acknowledged last stands there.
pub(crate) fn connect(path: &Path) -> Result<Connection, JournalError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let look = |connection: &Connection| {
        connection.busy_timeout(BUSY)?;
        let tables = || connection.query_row("SELECT count(*) FROM sqlite_master", [], |row| row.get::<_, u32>(0));
        match tables() {
            // A file that is cut off is refused whole unless this is said; every record read from it is checked anyway.
            Err(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseCorrupt) => {
                connection.pragma_update(None, "writable_schema", true)?;
                tables()
            }
            tables => tables,
        }
    };
    let connection = Connection::open_with_flags(path, flags).and_then(|found| look(&found).map(|_| found));
    let connection = match connection {
        Err(error)
            if matches!(
                error.sqlite_error_code(),
                Some(rusqlite::ErrorCode::CannotOpen | rusqlite::ErrorCode::ReadOnly)
            ) =>
        {
            refuse_half(path)?;
            let escaped: String = path.to_string_lossy().bytes().map(escape).collect();
            let uri = format!("file:{escaped}?immutable=1");
            Connection::open_with_flags(uri, flags).and_then(|found| look(&found).map(|_| found))
        }
        connection => connection,
    };
    connection.map_err(|error| errors::of_sqlite(path, &error))
}

fn refuse_half(path: &Path) -> Result<(), JournalError> {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    match fs::metadata(&log) {
        Ok(found) if found.len() > 0 => Err(JournalError::ReadOnly(format!(
            "{} has its newest records in the log beside it, {}, which cannot be read without writing: copy both to where \
             they can be written",
            path.display(),
            Path::new(&log).display()
        ))),
        _ => Ok(()),
    }
}

fn escape(byte: u8) -> String {
    match byte {
        b'/' | b'-' | b'_' | b'.' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    }
}

/// Reads in order, checking every record it passes.
pub(crate) fn read(
    connection: &Connection,
    path: &Path,
    what: Reading<'_>,
    mut visit: impl FnMut(Arc<Recorded>),
) -> Result<(), JournalError> {
    let mut decoder = Decoder::new(connection, path);
    let take = |row| decoder.event(row).map(&mut visit);
    match what {
        Reading::All => rows::scan(connection, path, 0, take),
        Reading::After(seq) => rows::scan(connection, path, seq, take),
        Reading::Stream(stream) => rows::scan_stream(connection, path, &stream.to_string(), 0, take),
        Reading::Live { after } => {
            live::read(connection, path, after)?.into_iter().for_each(visit);
            Ok(())
        }
    }
}

/// The commands nobody has carried out yet.
pub(crate) fn inbox(connection: &Connection, path: &Path) -> Result<Vec<(u64, Command)>, JournalError> {
    let wrong = |error: rusqlite::Error| errors::of_sqlite(path, &error);
    let select = "SELECT number, command FROM inbox WHERE taken IS NULL ORDER BY number";
    let mut select = connection.prepare_cached(select).map_err(wrong)?;
    let rows = select.query_map([], |row| Ok((row.get(0)?, row.get::<_, String>(1)?))).map_err(wrong)?;
    let rows: Vec<(u64, String)> = rows.collect::<Result<_, _>>().map_err(wrong)?;
    // A command that this version does not know waits for one that does.
    Ok(rows.into_iter().filter_map(|(number, text)| Some((number, serde_json::from_str(&text).ok()?))).collect())
}
