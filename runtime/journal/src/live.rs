//! What a start reads: the streams that live, each from where its snapshot ends.

use std::{collections::HashMap, path::Path, sync::Arc};

use bailiwick_actors::audit_log::journal::JournalError;
use bailiwick_protocols::{Recorded, Stream};
use rusqlite::Connection;

use crate::{
    errors,
    rows::{self, Decoder},
};

/// The names of all streams but those of goals that ended. It jumps from name to name: the rows between are not looked at.
const STREAMS: &str = "\
WITH RECURSIVE names(name) AS (
    SELECT min(stream) FROM events
    UNION ALL
    SELECT (SELECT min(stream) FROM events WHERE stream > name) FROM names WHERE name IS NOT NULL
)
SELECT name FROM names
WHERE name IS NOT NULL
  AND NOT (name GLOB 'goal/*' AND EXISTS (SELECT 1 FROM events WHERE stream = name AND kind = 'goal_settled'))";

/// Reads them, in the order of the log, each row checked against the one before it.
///
/// # Errors
/// The first bad record of a stream.
pub(crate) fn read(
    connection: &Connection,
    path: &Path,
    after: &HashMap<Stream, u64>,
) -> Result<Vec<Arc<Recorded>>, JournalError> {
    let wrong = |error: rusqlite::Error| errors::of_sqlite(path, &error);
    let mut select = connection.prepare(STREAMS).map_err(wrong)?;
    let names: Vec<String> = select.query_map([], |row| row.get(0)).and_then(Iterator::collect).map_err(wrong)?;
    let after: HashMap<String, u64> = after.iter().map(|(stream, ver)| (stream.to_string(), *ver)).collect();
    let mut decoder = Decoder::new(connection, path);
    let mut events = Vec::new();
    for name in names {
        let known = after.get(&name).copied().unwrap_or(0);
        rows::scan_stream(connection, path, &name, known, |row| {
            events.push(decoder.event(row)?);
            Ok(())
        })?;
    }
    events.sort_unstable_by_key(|event| event.seq);
    Ok(events)
}
