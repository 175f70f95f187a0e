//! What a journal may let go of, if somebody asks for it: the streams of goals that ended long ago.
//!
//! Agents, trust, breakers and the runtime are folds of their own streams, and those stay whole. Where records are gone
//! the chain keeps the last hash of each run of them: what is left is checked as before, and a record that is missing
//! anywhere else is damage as before.

use std::collections::HashSet;

use bailiwick_protocols::Timestamp;
use rusqlite::{Connection, OptionalExtension};

use crate::{chain::Hash, payload};

/// What is to be removed when a journal is begun: the goals that ended before a time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Retention {
    pub(crate) before: Timestamp,
    pub(crate) now: Timestamp,
}

/// A run of records that are gone, and the hash the chain goes on from.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Gap {
    pub(crate) first: u64,
    pub(crate) last: u64,
    pub(crate) hash: Hash,
}

/// The runs that end at a position or after it, in order.
pub(crate) fn gaps(connection: &Connection, after: u64) -> rusqlite::Result<Vec<Gap>> {
    let mut select = connection.prepare_cached("SELECT first, last, hash FROM gaps WHERE last >= ?1 ORDER BY last")?;
    let gaps = select.query_map([after], |row| Ok(Gap { first: row.get(0)?, last: row.get(1)?, hash: row.get(2)? }))?;
    gaps.collect()
}

/// Goals that ended before a time, all of whose effects are known. The goal of the last record stays: there the chain
/// ends.
const ENDED: &str = "
INSERT OR IGNORE INTO removed_goals
SELECT substr(e.stream, 6), ?2 FROM events AS e
WHERE e.kind = 'goal_settled' AND e.stream GLOB 'goal/*' AND e.at < ?1
  AND e.stream <> (SELECT stream FROM events ORDER BY seq DESC LIMIT 1)
  AND NOT EXISTS (SELECT 1 FROM claims AS c WHERE c.result IS NULL
                  AND c.key >= substr(e.stream, 6) || '/' AND c.key < substr(e.stream, 6) || '0')";

const THEIRS: &str = "stream IN (SELECT 'goal/' || goal FROM removed_goals)";

/// Removes what belongs to goals that ended before a time. Within a transaction: all of it or nothing.
pub(crate) fn remove(connection: &Connection, retention: Retention) -> rusqlite::Result<()> {
    if connection.execute(ENDED, [retention.before.as_millis(), retention.now.as_millis()])? == 0 {
        return Ok(());
    }
    let mut runs = gaps(connection, 0)?;
    let mut select = connection.prepare(&format!("SELECT seq, hash FROM events WHERE {THEIRS}"))?;
    let theirs = select.query_map([], |row| Ok(Gap { first: row.get(0)?, last: row.get(0)?, hash: row.get(1)? }))?;
    for gap in theirs {
        runs.push(gap?);
    }
    connection.execute("DELETE FROM gaps", [])?;
    let mut insert = connection.prepare("INSERT INTO gaps (first, last, hash) VALUES (?1, ?2, ?3)")?;
    for Gap { first, last, hash } in joined(runs) {
        insert.execute((first, last, hash))?;
    }
    connection.execute(&format!("DELETE FROM events WHERE {THEIRS}"), [])?;
    let claims = "DELETE FROM claims WHERE substr(key, 1, instr(key, '/') - 1) IN (SELECT goal FROM removed_goals)";
    connection.execute(claims, [])?;
    let named = named(connection)?;
    let mut select = connection.prepare("SELECT hash FROM payloads")?;
    let kept: Vec<String> = select.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    for payload in kept.iter().filter(|payload| !named.contains(*payload)) {
        connection.execute("DELETE FROM payloads WHERE hash = ?1", [payload])?;
    }
    Ok(())
}

/// Runs that follow each other are one.
fn joined(mut runs: Vec<Gap>) -> Vec<Gap> {
    runs.sort_unstable_by_key(|run| run.first);
    let mut joined: Vec<Gap> = Vec::new();
    for run in runs {
        match joined.last_mut() {
            Some(before) if before.last + 1 == run.first => *before = Gap { first: before.first, ..run },
            _ => joined.push(run),
        }
    }
    joined
}

/// The payloads that what is left names, directly or within another payload.
fn named(connection: &Connection) -> rusqlite::Result<HashSet<String>> {
    let mut named = HashSet::new();
    let mut select = connection.prepare("SELECT body FROM events WHERE large = 1")?;
    let mut rows = select.query([])?;
    let mut within: Vec<String> = Vec::new();
    while let Some(row) = rows.next()? {
        within.extend(payload::named(row.get_ref(0)?.as_str()?));
    }
    let mut find = connection.prepare("SELECT body FROM payloads WHERE hash = ?1")?;
    while let Some(name) = within.pop() {
        if let Some(text) = find.query_row([&name], |row| row.get::<_, String>(0)).optional()?
            && named.insert(name)
        {
            within.extend(payload::named(&text));
        }
    }
    Ok(named)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_that_follow_each_other_are_one_and_go_on_from_the_last_hash() {
        let run = |first, last| Gap { first, last, hash: [last as u8; 32] };

        let joined = joined(vec![run(9, 9), run(2, 4), run(5, 5), run(8, 8), run(12, 20)]);

        assert_eq!(joined, [run(2, 5), run(8, 9), run(12, 20)]);
    }
}
