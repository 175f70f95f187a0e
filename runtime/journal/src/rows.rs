//! One event as one row, and back.

use std::{collections::HashMap, path::Path, sync::Arc};

use bailiwick_actors::audit_log::journal::JournalError;
use bailiwick_protocols::{
    Event, Json, Recorded, Timestamp,
    event::{Skipped, UPCASTERS},
};
use rusqlite::{Connection, OptionalExtension, Statement, params};
use serde::Deserialize;
use serde_json::Value;

use crate::{
    chain::{self, Hash},
    errors,
    payload::{self, INLINE_MAX, Payloads},
    retention::{self, Gap},
};

/// A row of `events`.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Row {
    pub(crate) seq: u64,
    pub(crate) stream: String,
    pub(crate) ver: u64,
    pub(crate) at: u64,
    pub(crate) kind: String,
    pub(crate) v: u32,
    pub(crate) cause: Option<String>,
    pub(crate) trace: Option<String>,
    pub(crate) epoch: u64,
    pub(crate) body: String,
    pub(crate) large: bool,
    pub(crate) skippable: bool,
    pub(crate) hash: Hash,
}

/// The columns in the order of [`Row`].
pub(crate) const COLUMNS: &str =
    "e.seq, e.stream, e.ver, e.at, e.kind, e.v, e.cause, e.trace, e.epoch, e.body, e.large, e.skippable, e.hash";

impl Row {
    /// Writes an event as the row that follows `before`. Its large parts are added to `taken`.
    ///
    /// # Errors
    /// If it cannot be written as JSON.
    pub(crate) fn of(
        recorded: &Recorded,
        epoch: u64,
        before: &Hash,
        taken: &mut Payloads,
    ) -> Result<Self, JournalError> {
        let wrong = |error: serde_json::Error| JournalError::Other(format!("record {}: {error}", recorded.seq));
        let mut body = match &recorded.event {
            // As it was found.
            Event::Skipped(skipped) => skipped.body.to_string(),
            event => serde_json::to_string(event).map_err(wrong)?,
        };
        let large = body.len() > INLINE_MAX;
        if large {
            let small = payload::take_out(parse::<Value>(&body).map_err(wrong)?, taken);
            body = small.to_string();
        }
        let mut row = Self {
            seq: recorded.seq,
            stream: recorded.stream.to_string(),
            ver: recorded.ver,
            at: recorded.at.as_millis(),
            kind: recorded.event.kind().to_owned(),
            v: recorded.event.version(),
            cause: recorded.cause.as_ref().map(serde_json::to_string).transpose().map_err(wrong)?,
            trace: recorded.trace.map(|trace| trace.to_string()),
            epoch,
            body,
            large,
            skippable: recorded.event.is_skippable(),
            hash: chain::START,
        };
        row.hash = chain::hash(before, &row);
        Ok(row)
    }

    /// Reads the columns of a row, whatever stands in them.
    pub(crate) fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            seq: row.get(0)?,
            stream: row.get(1)?,
            ver: row.get(2)?,
            at: row.get(3)?,
            kind: row.get(4)?,
            v: row.get(5)?,
            cause: row.get(6)?,
            trace: row.get(7)?,
            epoch: row.get(8)?,
            body: row.get(9)?,
            large: flag(10, row.get(10)?)?,
            skippable: flag(11, row.get(11)?)?,
            hash: row.get(12)?,
        })
    }

    /// What adds a row to the table.
    pub(crate) const INSERT: &str = "INSERT INTO events (seq, stream, ver, at, kind, v, cause, trace, epoch, body, \
                                     large, skippable, hash) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, \
                                     ?12, ?13)";

    /// Adds the row to the table.
    pub(crate) fn insert(&self, into: &mut Statement<'_>) -> rusqlite::Result<()> {
        let Row { seq, stream, ver, at, kind, v, cause, trace, epoch, body, large, skippable, hash } = self;
        into.execute(params![seq, stream, ver, at, kind, v, cause, trace, epoch, body, large, skippable, hash])
            .map(drop)
    }
}

/// A flag is 0 or 1: whatever else stands there was not written here, and the hash would not tell it from 1.
fn flag(column: usize, number: i64) -> rusqlite::Result<bool> {
    match number {
        0 => Ok(false),
        1 => Ok(true),
        other => Err(rusqlite::Error::IntegralValueOutOfRange(column, other)),
    }
}

/// Reads JSON however deep it is: what was written was in memory before.
pub(crate) fn parse<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, serde_json::Error> {
    let mut reader = serde_json::Deserializer::from_str(text);
    reader.disable_recursion_limit();
    let value = T::deserialize(&mut reader)?;
    reader.end()?;
    Ok(value)
}

/// Makes events of rows; finds large parts in the file, each once.
pub(crate) struct Decoder<'a> {
    connection: &'a Connection,
    path: &'a Path,
    parts: HashMap<String, Value>,
}

impl<'a> Decoder<'a> {
    pub(crate) fn new(connection: &'a Connection, path: &'a Path) -> Self {
        Self { connection, path, parts: HashMap::new() }
    }

    /// The event of a row whose hash was checked. What cannot be read and is marked as skippable is passed over.
    ///
    /// # Errors
    /// If a large part is missing or changed, or this version does not know such an event.
    pub(crate) fn event(&mut self, row: Row) -> Result<Arc<Recorded>, JournalError> {
        let unreadable =
            |why: String| JournalError::Unreadable { record: row.seq, kind: row.kind.clone(), version: row.v, why };
        let event = match self.known(&row, &unreadable) {
            Err(JournalError::Unreadable { .. }) if row.skippable => {
                let body = Json(self.whole(&row)?);
                Event::Skipped(Skipped { kind: row.kind.clone(), version: row.v, body })
            }
            known => known?,
        };
        let cause = row.cause.as_deref().map(parse).transpose();
        Ok(Arc::new(Recorded {
            seq: row.seq,
            stream: row.stream.parse().map_err(|error| unreadable(format!("{error}")))?,
            ver: row.ver,
            at: Timestamp::from_millis(row.at),
            cause: cause.map_err(|error| unreadable(error.to_string()))?,
            trace: row.trace.as_deref().and_then(bailiwick_protocols::Traceparent::parse),
            event,
        }))
    }

    /// The event of a row, if this version knows it.
    fn known(&mut self, row: &Row, unreadable: &dyn Fn(String) -> JournalError) -> Result<Event, JournalError> {
        if row.v == UPCASTERS.version(&row.kind) && !row.large {
            return parse(&row.body).map_err(|error| unreadable(error.to_string()));
        }
        let whole = self.whole(row)?;
        let body = UPCASTERS.upcast(&row.kind, row.v, whole).map_err(|error| unreadable(error.to_string()))?;
        Event::deserialize(body).map_err(|error| unreadable(error.to_string()))
    }

    /// The body of a row with its large parts in it.
    fn whole(&mut self, row: &Row) -> Result<Value, JournalError> {
        let damaged = |error: serde_json::Error| JournalError::Damaged { record: row.seq, why: error.to_string() };
        let body: Value = parse(&row.body).map_err(damaged)?;
        if !row.large {
            return Ok(body);
        }
        payload::put_back(body, &mut |name| self.part(row.seq, name))
    }

    /// Checks the large parts of a row without making an event of it.
    ///
    /// # Errors
    /// If one is missing or changed.
    pub(crate) fn check(&mut self, row: &Row) -> Result<(), JournalError> {
        if row.large { self.whole(row).map(drop) } else { Ok(()) }
    }

    fn part(&mut self, seq: u64, name: &str) -> Result<Value, JournalError> {
        if let Some(part) = self.parts.get(name) {
            return Ok(part.clone());
        }
        let damaged = |why: &str| JournalError::Damaged { record: seq, why: format!("its payload {name} {why}") };
        let text: Option<String> = self
            .connection
            .prepare_cached("SELECT body FROM payloads WHERE hash = ?1")
            .and_then(|mut select| select.query_row([name], |row| row.get(0)).optional())
            .map_err(|error| errors::of_sqlite(self.path, &error))?;
        let text = text.ok_or_else(|| damaged("is missing"))?;
        if payload::name(&text) != name {
            return Err(damaged("is not what was written"));
        }
        let part: Value = parse(&text).map_err(|_| damaged("is not JSON"))?;
        self.parts.insert(name.to_owned(), part.clone());
        Ok(part)
    }
}

/// Where the chain ends, as the last commit said.
pub(crate) fn head(connection: &Connection) -> rusqlite::Result<(u64, Hash)> {
    let said: Option<String> =
        connection.query_row("SELECT value FROM meta WHERE key = 'head'", [], |row| row.get(0)).optional()?;
    let read = |said: &str| {
        let (seq, hash) = said.split_once(' ')?;
        Some((seq.parse().ok()?, *blake3::Hash::from_hex(hash).ok()?.as_bytes()))
    };
    // One that cannot be read fits no record.
    Ok(said.map_or((0, chain::START), |said| read(&said).unwrap_or((u64::MAX, chain::START))))
}

/// Notes where the chain ends.
pub(crate) fn set_head(connection: &Connection, seq: u64, hash: &Hash) -> rusqlite::Result<()> {
    let said = format!("{seq} {}", blake3::Hash::from_bytes(*hash).to_hex());
    connection.prepare_cached("INSERT OR REPLACE INTO meta VALUES ('head', ?1)")?.execute([said]).map(drop)
}

/// Visits the rows after a position in order, each checked against the one before, up to the end.
///
/// # Errors
/// The first bad record; what came before it was visited. Whatever `visit` says.
pub(crate) fn scan(
    connection: &Connection,
    path: &Path,
    after: u64,
    visit: impl FnMut(Row) -> Result<(), JournalError>,
) -> Result<(), JournalError> {
    // One snapshot for all of it, beside an owner who goes on.
    let snapshot = connection.unchecked_transaction().map_err(|error| errors::of_sqlite(path, &error))?;
    self::visit(&snapshot, path, after, visit)
}

/// [`scan`] within a transaction.
pub(crate) fn visit(
    snapshot: &Connection,
    path: &Path,
    after: u64,
    mut visit: impl FnMut(Row) -> Result<(), JournalError>,
) -> Result<(), JournalError> {
    let wrong = |error: rusqlite::Error| errors::of_sqlite(path, &error);
    let (end, end_hash) = head(snapshot).map_err(wrong)?;
    let gaps = retention::gaps(snapshot, after).map_err(wrong)?;
    let mut gaps = gaps.into_iter().peekable();
    let (mut before, mut due) = (chain::START, after);
    if let Some(Gap { last, hash, .. }) = gaps.next_if(|gap| gap.first <= after) {
        (before, due) = (hash, last);
    } else if after > 0 {
        let found = snapshot
            .query_row("SELECT hash FROM events WHERE seq = ?1", [after], |row| row.get::<_, Hash>(0))
            .optional()
            .map_err(|error| unreadable(path, after, &error))?;
        match found {
            Some(hash) => before = hash,
            None if after >= end => return Ok(()),
            None => return Err(JournalError::Damaged { record: after, why: "it is missing".to_owned() }),
        }
    }
    let select = format!("SELECT {COLUMNS} FROM events AS e WHERE e.seq > ?1 ORDER BY e.seq");
    let mut select = snapshot.prepare(&select).map_err(wrong)?;
    let mut rows = select.query([after]).map_err(wrong)?;
    loop {
        due += 1;
        if let Some(Gap { last, hash, .. }) = gaps.next_if(|gap| gap.first == due) {
            (before, due) = (hash, last + 1);
        }
        let row = match rows.next() {
            Ok(Some(row)) => Row::read(row).map_err(|error| unreadable(path, due, &error))?,
            Ok(None) => break,
            Err(error) => return Err(unreadable(path, due, &error)),
        };
        chain::check(&before, due, &row)?;
        before = row.hash;
        visit(row)?;
    }
    if due - 1 != end.max(after) || (end > 0 && end >= after && before != end_hash) {
        let why = format!("the records end here, and the last commit was {end}");
        return Err(JournalError::Damaged { record: due, why });
    }
    Ok(())
}

/// One stream after a version, each row checked against the one before it in the log.
///
/// # Errors
/// The first bad record.
pub(crate) fn scan_stream(
    connection: &Connection,
    path: &Path,
    stream: &str,
    after: u64,
    mut visit: impl FnMut(Row) -> Result<(), JournalError>,
) -> Result<(), JournalError> {
    let wrong = |error: rusqlite::Error| errors::of_sqlite(path, &error);
    let select = format!(
        "SELECT {COLUMNS}, coalesce(b.hash, g.hash) FROM events AS e LEFT JOIN events AS b ON b.seq = e.seq - 1 \
         LEFT JOIN gaps AS g ON g.last = e.seq - 1 WHERE e.stream = ?1 AND e.ver > ?2 ORDER BY e.ver"
    );
    let mut select = connection.prepare_cached(&select).map_err(wrong)?;
    let mut rows = select.query((stream, after)).map_err(wrong)?;
    let mut due = after;
    while let Some(found) = rows.next().map_err(wrong)? {
        due += 1;
        let row = Row::read(found).map_err(|error| unreadable(path, due, &error))?;
        let before: Option<Hash> = found.get(13).map_err(|error| unreadable(path, row.seq, &error))?;
        chain::check(&before.unwrap_or(chain::START), row.seq, &row)?;
        if row.ver != due || row.stream != stream {
            return Err(JournalError::Damaged {
                record: row.seq,
                why: format!("version {due} of {stream} is missing"),
            });
        }
        visit(row)?;
    }
    Ok(())
}

/// A record that SQLite cannot read is damaged; that it cannot reach the file at all is something else.
fn unreadable(path: &Path, record: u64, error: &rusqlite::Error) -> JournalError {
    use rusqlite::ErrorCode as E;
    match error.sqlite_error_code() {
        None | Some(E::DatabaseCorrupt | E::NotADatabase | E::TypeMismatch) => {
            JournalError::Damaged { record, why: error.to_string() }
        }
        _ => errors::of_sqlite(path, error),
    }
}

#[cfg(test)]
mod tests {
    use bailiwick_protocols::{RuntimeEvent, Stream};

    use super::*;

    fn row() -> Row {
        let event = Event::Runtime(RuntimeEvent::RuntimeStopped { why: "asked".to_owned() });
        let at = Timestamp::from_millis(1);
        let recorded = Recorded { seq: 41, stream: Stream::Runtime, ver: 1, at, cause: None, trace: None, event };
        Row::of(&recorded, 1, &chain::START, &mut Payloads::new()).unwrap()
    }

    fn decoded(row: Row) -> Result<Arc<Recorded>, JournalError> {
        let connection = Connection::open_in_memory().unwrap();
        Decoder::new(&connection, Path::new("team.db")).event(row)
    }

    fn dreamt() -> Row {
        Row { kind: "dreamt".to_owned(), body: r#"{"Runtime":{"Dreamt":{"of":"sheep"}}}"#.to_owned(), ..row() }
    }

    #[test]
    fn an_unknown_kind_and_a_newer_body_stop_the_reader_and_are_not_called_damage() {
        let (unknown, newer) = (decoded(dreamt()).unwrap_err(), decoded(Row { v: 2, ..row() }).unwrap_err());

        let (unknown, newer) = (unknown.to_string(), newer.to_string());
        let due = "record 41 (dreamt, version 1) cannot be read by this version: unknown variant";
        assert!(unknown.contains(due), "{unknown}");
        let due = "record 41 (runtime_stopped, version 2) cannot be read by this version: this version knows its body \
                   up to version 1";
        assert!(newer.contains(due), "{newer}");
    }

    #[test]
    fn what_is_skippable_and_unknown_keeps_its_place_and_is_written_again_as_it_was() {
        let stored = Row { skippable: true, v: 7, ..dreamt() };

        let event = decoded(stored.clone()).unwrap();

        assert_eq!((event.event.kind(), event.event.version(), event.seq), ("dreamt", 7, 41));
        let again = Row::of(&event, 1, &chain::START, &mut Payloads::new()).unwrap();
        assert_eq!(Row { hash: again.hash, ..stored }, again);
    }
}
