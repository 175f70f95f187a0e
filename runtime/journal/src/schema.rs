//! The tables, the views for people, and how an older file becomes a newer one.

use std::path::Path;

use bailiwick_actors::audit_log::journal::JournalError;
use rusqlite::{Connection, TransactionBehavior};

use crate::errors;

/// What leads from each schema to the next.
const MIGRATIONS: &[&str] = &[FROM_NOTHING, SKIPPABLE_KINDS, RETENTION, crate::snapshots::TABLE];

/// The newest schema known here.
pub const SCHEMA: u32 = MIGRATIONS.len() as u32;

/// Marks a SQLite file as a journal: `bwlk`.
const APPLICATION: u32 = 0x6277_6c6b;

const FROM_NOTHING: &str = r#"
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
INSERT INTO meta VALUES ('epoch', '0');

-- One row an event, in the order of the log. `hash` covers the row and the hash of the row before.
CREATE TABLE events (
    seq INTEGER PRIMARY KEY,
    stream TEXT NOT NULL,
    ver INTEGER NOT NULL,
    at INTEGER NOT NULL,             -- milliseconds since 1970, UTC
    kind TEXT NOT NULL,
    v INTEGER NOT NULL,              -- version of the kind's body
    cause TEXT,                      -- JSON: stream and ver
    trace TEXT,
    epoch INTEGER NOT NULL,
    body TEXT NOT NULL,              -- JSON
    large INTEGER NOT NULL,          -- whether parts of the body stand in `payloads`, as {"$payload": hash}
    hash BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX versions ON events (stream, ver);
CREATE INDEX ended ON events (stream) WHERE kind = 'goal_settled';

-- What is larger than 64 KiB, once for each content.
CREATE TABLE payloads (hash TEXT PRIMARY KEY, body TEXT NOT NULL) STRICT, WITHOUT ROWID;

-- What other processes ask of the owner.
CREATE TABLE inbox (number INTEGER PRIMARY KEY AUTOINCREMENT, command TEXT NOT NULL, taken INTEGER) STRICT;

-- Effects on the outside world, by idempotency key; without a result they may have been had.
CREATE TABLE claims (key TEXT PRIMARY KEY, epoch INTEGER NOT NULL, result TEXT) STRICT, WITHOUT ROWID;

CREATE VIEW timeline AS
SELECT seq, strftime('%Y-%m-%dT%H:%M:%fZ', at / 1000.0, 'unixepoch') AS at, stream, ver, kind,
       (SELECT json_extract(e.value, '$.task') FROM json_each(json_extract(body, '$.Goal')) AS e) AS task,
       (SELECT json_extract(e.value, '$.agent') FROM json_each(json_extract(body, '$.Goal')) AS e) AS agent,
       body
FROM events ORDER BY seq;

CREATE VIEW goals AS
SELECT substr(s.stream, 6) AS goal,
       strftime('%Y-%m-%dT%H:%M:%fZ', s.at / 1000.0, 'unixepoch') AS submitted,
       json_extract(s.body, '$.Goal.GoalSubmitted.goal.text') AS text,
       CASE WHEN e.seq IS NULL THEN NULL
            WHEN json_type(e.body, '$.Goal.GoalSettled.outcome') = 'text' THEN json_extract(e.body, '$.Goal.GoalSettled.outcome')
            ELSE (SELECT key FROM json_each(e.body, '$.Goal.GoalSettled.outcome')) END AS outcome,
       (SELECT count(*) FROM events n WHERE n.stream = s.stream) AS events
FROM events s LEFT JOIN events e ON e.stream = s.stream AND e.kind = 'goal_settled'
WHERE s.kind = 'goal_submitted';
"#;

const SKIPPABLE_KINDS: &str = "
-- Whether a version that does not know the kind may pass over the row.
ALTER TABLE events ADD COLUMN skippable INTEGER NOT NULL DEFAULT 0;
";

const RETENTION: &str = "
-- Runs of records that retention removed: the chain goes on behind each from the hash of its last one.
CREATE TABLE gaps (last INTEGER PRIMARY KEY, first INTEGER NOT NULL, hash BLOB NOT NULL) STRICT;

-- The goals they belonged to.
CREATE TABLE removed_goals (goal TEXT PRIMARY KEY, at INTEGER NOT NULL) STRICT, WITHOUT ROWID;
";

/// How a file from before [`SKIPPABLE_KINDS`] is read as if it had come after, without changing it.
const AS_SKIPPABLE_KINDS: &str = "
PRAGMA temp_store = MEMORY;
CREATE TEMP VIEW events AS
SELECT seq, stream, ver, at, kind, v, cause, trace, epoch, body, large, 0 AS skippable, hash FROM main.events;
";

/// The same for one from before [`RETENTION`].
const AS_RETENTION: &str = "
PRAGMA temp_store = MEMORY;
CREATE TEMP TABLE gaps (last INTEGER PRIMARY KEY, first INTEGER, hash BLOB);
CREATE TEMP TABLE removed_goals (goal TEXT PRIMARY KEY, at INTEGER);
";

/// Makes a connection keep what it acknowledges, and brings the file to the newest schema.
///
/// # Errors
/// If the file is newer than this version, is something else, or cannot be written so.
pub(crate) fn prepare(connection: &mut Connection, path: &Path) -> Result<(), JournalError> {
    let wrong = |error: rusqlite::Error| errors::of_sqlite(path, &error);
    check(connection, path)?;
    let mode: String =
        connection.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0)).map_err(wrong)?;
    connection.pragma_update(None, "synchronous", "full").map_err(wrong)?;
    connection.pragma_update(None, "fullfsync", true).map_err(wrong)?;
    let synchronous: i64 = connection.pragma_query_value(None, "synchronous", |row| row.get(0)).map_err(wrong)?;
    // Without both, what is acknowledged may be lost with the machine's power.
    if mode != "wal" || synchronous != 2 {
        let said =
            format!("{}: this file system keeps no write-ahead log (mode {mode}): use a local one", path.display());
        return Err(JournalError::Other(said));
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(wrong)?;
    let from = version(&transaction).map_err(wrong)?;
    for (script, schema) in MIGRATIONS.iter().zip(1..).skip(from as usize) {
        transaction.execute_batch(script).map_err(wrong)?;
        transaction.pragma_update(None, "user_version", schema).map_err(wrong)?;
        transaction.pragma_update(None, "application_id", APPLICATION).map_err(wrong)?;
    }
    transaction.commit().map_err(wrong)
}

/// Whether this is a journal that this version can read; an empty file may become one.
///
/// # Errors
/// If it is newer, or something else.
pub(crate) fn check(connection: &Connection, path: &Path) -> Result<(), JournalError> {
    let wrong = |error: rusqlite::Error| errors::of_sqlite(path, &error);
    let application: u32 = connection.pragma_query_value(None, "application_id", |row| row.get(0)).map_err(wrong)?;
    let tables: u32 =
        connection.query_row("SELECT count(*) FROM sqlite_master", [], |row| row.get(0)).map_err(wrong)?;
    if application != APPLICATION && (application != 0 || tables != 0) {
        return Err(JournalError::Other(format!("{} is not a journal: name another file", path.display())));
    }
    let found = version(connection).map_err(wrong)?;
    if found > SCHEMA {
        return Err(JournalError::Newer { journal: path.display().to_string(), found, known: SCHEMA });
    }
    Ok(())
}

/// Lets a connection that only reads see an older file as one of this schema; the file stays as it is.
///
/// # Errors
/// If the file cannot be read.
pub(crate) fn bridge(connection: &Connection) -> rusqlite::Result<()> {
    let lacks = |table: &str, column: &str| {
        let select = "SELECT count(*) = 0 FROM pragma_table_info(?1) WHERE name = ?2";
        connection.query_row(select, [table, column], |row| row.get::<_, bool>(0))
    };
    if lacks("events", "skippable")? {
        connection.execute_batch(AS_SKIPPABLE_KINDS)?;
    }
    if lacks("gaps", "hash")? {
        connection.execute_batch(AS_RETENTION)?;
    }
    Ok(())
}

/// The schema of a file; 0 is an empty one.
pub(crate) fn version(connection: &Connection) -> rusqlite::Result<u32> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}
