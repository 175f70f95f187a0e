//! Where snapshots are kept: one row a stream, outside the chain, because nothing depends on them.
//!
//! Each is written in a transaction of its own, after whatever waits for an acknowledgement: where there is no room for
//! it, it is not kept, and the log goes on.

use std::path::Path;

use bailiwick_actors::audit_log::{journal::JournalError, snapshot::Snapshot};
use rusqlite::Connection;

use crate::errors;

/// The step of the schema that makes the table.
pub(crate) const TABLE: &str = r#"
-- What was folded of a stream up to a version: rebuildable, sealed, used by the version that wrote it alone.
CREATE TABLE IF NOT EXISTS snapshots (
    stream TEXT PRIMARY KEY,
    ver INTEGER NOT NULL,
    form INTEGER NOT NULL,
    body BLOB NOT NULL
) STRICT, WITHOUT ROWID;
"#;

/// Keeps one in the place of the one before.
///
/// # Errors
/// If it cannot be written. What was written before is as it was.
pub(crate) fn keep(connection: &Connection, path: &Path, snapshot: &Snapshot) -> Result<(), JournalError> {
    let Snapshot { stream, ver, form, body } = snapshot;
    connection
        .prepare_cached("INSERT OR REPLACE INTO snapshots VALUES (?1, ?2, ?3, ?4)")
        .and_then(|mut insert| insert.execute((stream.to_string(), ver, form, body)))
        .map(drop)
        .map_err(|error| errors::of_sqlite(path, &error))
}

/// All there are. A row that cannot be read is as good as none.
///
/// # Errors
/// If the table cannot be read.
pub(crate) fn read(connection: &Connection, path: &Path) -> Result<Vec<Snapshot>, JournalError> {
    let wrong = |error: rusqlite::Error| errors::of_sqlite(path, &error);
    // A reader may be there before an owner that knows of snapshots.
    let tables: u32 = connection
        .query_row("SELECT count(*) FROM sqlite_master WHERE name = 'snapshots'", [], |row| row.get(0))
        .map_err(wrong)?;
    if tables == 0 {
        return Ok(Vec::new());
    }
    let mut select = connection.prepare("SELECT stream, ver, form, body FROM snapshots").map_err(wrong)?;
    let row = |row: &rusqlite::Row<'_>| {
        let stream: String = row.get(0)?;
        Ok(stream.parse().ok().zip(Some((row.get(1)?, row.get(2)?, row.get(3)?))))
    };
    let rows = select.query_map([], row).map_err(wrong)?;
    let snapshot = |(stream, (ver, form, body))| Snapshot { stream, ver, form, body };
    Ok(rows.filter_map(|row| row.ok().flatten().map(snapshot)).collect())
}
