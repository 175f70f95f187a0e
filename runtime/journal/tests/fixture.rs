//! The journal of each release is read, replayed, decided anew and gone on with by every later version.

use std::{fs, path::Path, time::Duration};

use bailiwick::{
    event_line::event_line,
    history,
    prelude::*,
    protocols::{Event, GoalEvent},
    team_file::TeamRules,
};
use bailiwick_actors::audit_log::journal::{Journal, Reading};
use bailiwick_journal::{JournalReader, SqliteJournal};
use rusqlite::{Connection, OpenFlags, types::Type};
use serde_json::json;

/// Every release that is out, and the next one.
const RELEASES: [&str; 1] = ["0.1.0"];

fn copied(release: &str) -> (tempfile::TempDir, std::path::PathBuf) {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/fixtures/{release}.db"));
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("team.db");
    fs::copy(&from, &to).unwrap_or_else(|error| panic!("{}: {error}", from.display()));
    (folder, to)
}

#[tokio::test]
async fn the_journal_of_every_release_folds_to_what_it_says_and_its_open_goal_goes_on() {
    for release in RELEASES {
        let (_folder, path) = copied(release);
        let reader = JournalReader::open(&path).unwrap();
        assert!(reader.verify().unwrap().records > 100, "{release}");
        let events = reader.read(Reading::All).unwrap();
        let mut words = Vec::new();
        for (goal, own) in history::goals(&events) {
            let replay = history::replay(&events, goal);
            assert_eq!(replay.differences, Vec::<String>::new(), "{release}");
            words.push((goal, bailiwick::GoalReport::from_events(&own, Vec::new()).outcome_word()));
        }
        let outcomes: Vec<_> = words.iter().map(|(_, word)| *word).collect();
        assert_eq!(outcomes[..4], ["verified", "not_verified", "unverified", "canceled"], "{release}");
        assert_eq!(history::breakers(&events).len(), 1, "{release}");
        let anew = history::anew(&events, &TeamRules::default());
        assert_eq!((anew.delegations, anew.changes), (9, Vec::new()), "{release}");

        let bailiwick = Bailiwick::builder()
            .name("fixture")
            .agent(agent_fn("dan", ["wait"], |_| async { Ok(Output::text("at last")) }))
            .journal(SqliteJournal::open(&path).unwrap())
            .start()
            .await
            .unwrap();
        let report = bailiwick.resume(words[4].0).await.unwrap().await.unwrap();

        assert_eq!((report.outcome_word(), report.attempts()), ("unverified", 2), "{release}");
        bailiwick.shutdown().await.unwrap();
        let later = JournalReader::open(&path).unwrap().read(Reading::All).unwrap();
        assert!(later.starts_with(&events), "{release}: what was recorded stays as it is");
    }
}

/// As `events GOAL --follow` reads while `resume` makes the file a newer one.
#[test]
fn who_reads_an_older_journal_goes_on_reading_when_its_owner_makes_it_a_newer_one() {
    let (_folder, path) = copied("0.1.0");
    let reader = JournalReader::open(&path).unwrap();
    let before = reader.read(Reading::All).unwrap();
    assert_eq!(reader.removed(), Ok(Vec::new()));

    let owner = SqliteJournal::open(&path).unwrap().retain(Duration::ZERO);
    owner.begin().unwrap();

    let left = reader.read(Reading::All).unwrap();
    assert_eq!(left, owner.read(Reading::All).unwrap());
    assert!(left.len() < before.len() && left.iter().all(|event| before.contains(event)));
    assert_eq!(reader.removed().unwrap().len(), 4, "the goals that have ended");
    assert_eq!(reader.verify().unwrap().removed, (before.len() - left.len()) as u64);
}

/// Version 1 of `attempt_ended` said `duration`; the journal of 0.1.0 has eight of them.
#[test]
fn an_old_body_is_read_as_what_it_meant_and_stays_as_it_was_written() {
    let (_folder, path) = copied("0.1.0");
    let before = fs::read(&path).unwrap();
    let sqlite = Connection::open_with_flags(&path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let select =
        "SELECT v, json_extract(body, '$.Goal.AttemptEnded.duration') FROM events WHERE kind = 'attempt_ended'";
    let written: Vec<(u32, u64)> = sqlite
        .prepare(select)
        .unwrap()
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();

    let events = JournalReader::open(&path).unwrap().read(Reading::All).unwrap();

    let read: Vec<(u32, u64)> = events
        .iter()
        .filter_map(|event| match &event.event {
            Event::Goal(GoalEvent::AttemptEnded { duration, .. }) => Some((1, duration.as_millis() as u64)),
            _ => None,
        })
        .collect();
    assert_eq!((read.len(), &read), (8, &written));
    assert!(read.iter().any(|(_, millis)| *millis > 0), "{read:?}");
    let line =
        events.iter().find(|event| event.event.kind() == "attempt_ended").map(|event| event_line(event)).unwrap();
    assert_eq!((&line["v"], &line["data"]["duration_ms"]), (&json!(2), &json!(read[0].1)));
    assert_eq!(fs::read(&path).unwrap(), before);
}

/// What `docs/journal.md` shows to type into the stock shell.
fn queries() -> Vec<String> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/journal.md");
    let page = fs::read_to_string(page).unwrap();
    let query = |line: &str| Some(line.strip_prefix("sqlite3 -readonly team.db \"")?.strip_suffix('"')?.to_owned());
    page.lines().filter_map(query).collect()
}

#[test]
fn every_query_of_the_papers_finds_something() {
    let (_folder, path) = copied("0.1.0");
    let sqlite = Connection::open(&path).unwrap();

    let found: Vec<usize> = queries()
        .iter()
        .map(|query| {
            let mut select = sqlite.prepare(query).unwrap_or_else(|error| panic!("{query}: {error}"));
            let first = |row: &rusqlite::Row<'_>| Ok(row.get_ref(0)?.data_type() != Type::Null);
            let rows = select.query_map([], first).unwrap().map(Result::unwrap);
            rows.filter(|is_told| *is_told).count()
        })
        .collect();

    assert_eq!(found.len(), 4);
    assert!(found.iter().all(|rows| *rows > 0), "{found:?}");
    assert_eq!(found[0], 5, "as many goals as there are");
}
