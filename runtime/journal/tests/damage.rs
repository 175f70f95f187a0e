//! Damage of every kind is told of and never repaired, and what was readable stays readable.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use bailiwick::{
    Error,
    actors::audit_log::{
        journal::{Journal, JournalError, Reading},
        snapshot::Snapshot,
    },
    prelude::*,
    protocols::{Event, GoalEvent, Recorded, RuntimeEvent, Stream},
};
use bailiwick_journal::{JournalReader, SCHEMA, SqliteJournal};
use rusqlite::{Connection, types::Value};
use tempfile::TempDir;
use tokio::sync::Semaphore;

/// A folder with the journal of a few goals in it, closed.
async fn recorded(goals: usize) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("team.db");
    let long = "long ".repeat(20_000);
    let bailiwick = Bailiwick::builder()
        .agent(agent_fn("ada", ["sum"], move |task| {
            let output = if task.goal() == "long" { long.clone() } else { "4".to_owned() };
            async move { Ok(Output::text(output)) }
        }))
        .journal(SqliteJournal::open(&path).unwrap())
        .start()
        .await
        .unwrap();
    for goal in 0..goals {
        let text = if goal == 0 { "long" } else { "2 + 2" };
        bailiwick.submit(Goal::new(text).verify(Verify::regex("."))).await.unwrap().await.unwrap();
    }
    bailiwick.shutdown().await.unwrap();
    (folder, path)
}

fn read(path: &Path) -> Result<Vec<Arc<Recorded>>, JournalError> {
    JournalReader::open(path)?.read(Reading::All)
}

#[tokio::test]
async fn one_byte_of_any_stored_record_is_enough_to_be_found_out() {
    let (_folder, path) = recorded(2).await;
    let whole = read(&path).unwrap();
    let sqlite = Connection::open(&path).unwrap();
    let columns = ["stream", "ver", "at", "kind", "v", "cause", "trace", "epoch", "body", "large", "skippable", "hash"];
    let mut flips = 0;

    for event in &whole {
        for column in columns {
            let select = format!("SELECT {column} FROM events WHERE seq = ?1");
            let was: Value = sqlite.query_row(&select, [event.seq], |row| row.get(0)).unwrap();
            let Some(flipped) = flip(&was, flips) else { continue };
            let update = format!("UPDATE OR IGNORE events SET {column} = ?1 WHERE seq = ?2");
            if sqlite.execute(&update, (&flipped, event.seq)).unwrap() == 0 {
                continue;
            }
            flips += 1;

            match read(&path) {
                Err(JournalError::Damaged { record, .. }) if column != "hash" => {
                    assert_eq!(record, event.seq, "{column}")
                }
                Err(JournalError::Damaged { .. }) => {}
                other => panic!("{column} of record {}: {:?}", event.seq, other.map(|events| events.len())),
            }
            let (before, damage) = JournalReader::open(&path).unwrap().readable(Reading::All);
            assert!(damage.is_some() && whole.starts_with(&before) && before.len() + 1 >= event.seq as usize);
            sqlite.execute(&update, (&was, event.seq)).unwrap();
        }
    }
    let payload: (String, String) =
        sqlite.query_row("SELECT hash, body FROM payloads", [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    let flipped = payload.1.replacen('l', "m", 1);
    sqlite.execute("UPDATE payloads SET body = ?1", [flipped]).unwrap();
    assert!(matches!(read(&path), Err(JournalError::Damaged { .. })));
    sqlite.execute("UPDATE payloads SET body = ?1", [payload.1]).unwrap();
    sqlite.execute("DELETE FROM events WHERE seq = (SELECT max(seq) FROM events)", []).unwrap();
    assert!(matches!(read(&path), Err(JournalError::Damaged { .. })), "a record is missing at the end");

    assert!(flips > 200, "{flips}");
}

/// The value with one bit changed; which one depends on the turn.
fn flip(value: &Value, turn: usize) -> Option<Value> {
    Some(match value {
        Value::Integer(number) => Value::Integer(number ^ (1 << (turn % 3))),
        Value::Text(text) => {
            let mut bytes = text.clone().into_bytes();
            let place = turn * 31 % bytes.len().max(1);
            // Still text, another letter.
            *bytes.get_mut(place).filter(|byte| byte.is_ascii_alphanumeric())? ^= 1;
            Value::Text(String::from_utf8(bytes).ok()?)
        }
        Value::Blob(bytes) => {
            let mut bytes = bytes.clone();
            let place = turn % bytes.len();
            bytes[place] ^= 1;
            Value::Blob(bytes)
        }
        _ => return None,
    })
}

#[tokio::test]
async fn whatever_byte_of_the_file_is_flipped_nothing_false_is_ever_read() {
    let (folder, path) = recorded(3).await;
    let whole = read(&path).unwrap();
    let bytes = fs::read(&path).unwrap();
    let copy = folder.path().join("flipped.db");
    let (mut found, mut harmless) = (0, 0);

    for turn in 0..600 {
        let place = turn * 7_919 % bytes.len();
        let mut flipped = bytes.clone();
        flipped[place] ^= 1 << (turn % 8);
        fs::write(&copy, &flipped).unwrap();

        let (events, damage) = match JournalReader::open(&copy) {
            Ok(journal) => journal.readable(Reading::All),
            Err(error) => (Vec::new(), Some(error)),
        };

        assert!(whole.starts_with(&events), "byte {place}: something false was read");
        match damage {
            Some(_) => found += 1,
            // Space that no record uses, or an index.
            None => {
                assert_eq!(events.len(), whole.len(), "byte {place}: records went missing without a word");
                harmless += 1;
            }
        }
        assert_eq!(fs::read(&copy).unwrap(), flipped, "reading changes nothing");
    }
    println!("of 600 flipped bytes {found} were found, {harmless} stand where no record is");
    assert!(found > 100);
}

#[tokio::test]
async fn of_a_file_that_is_cut_off_nothing_false_is_read_and_nobody_writes_into_it() {
    let (folder, path) = recorded(3).await;
    let whole = read(&path).unwrap();
    let bytes = fs::read(&path).unwrap();
    let copy = folder.path().join("cut.db");
    let mut readable = Vec::new();

    for cut in 1..40 {
        let left = &bytes[..bytes.len() * cut / 40];
        fs::write(&copy, left).unwrap();

        let (events, damage) = match JournalReader::open(&copy) {
            Ok(journal) => journal.readable(Reading::All),
            Err(error) => (Vec::new(), Some(error)),
        };
        let owned = SqliteJournal::open(&copy).and_then(|journal| journal.begin());

        assert!(whole.starts_with(&events) && damage.is_some(), "cut {cut}");
        assert!(owned.is_err(), "cut {cut}: {owned:?}");
        assert!(fs::read(&copy).unwrap() == left, "cut {cut}: the file was changed");
        readable.push(events.len());
    }

    // What stands before the cut can be read.
    assert!(readable.is_sorted() && readable[0] == 0 && readable[38] > 0, "{readable:?}");
}

/// The fixture's journal is of an older schema: it is made a newer one only if it is sound.
#[test]
fn a_damaged_file_of_an_older_schema_is_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("team.db");
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/0.1.0.db");
    fs::copy(fixture, &path).unwrap();
    let sqlite = Connection::open(&path).unwrap();
    sqlite.execute("UPDATE events SET at = at + 1 WHERE seq = 9", []).unwrap();
    sqlite.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    drop(sqlite);
    let damaged = fs::read(&path).unwrap();

    let error = SqliteJournal::open(&path).err();

    assert!(matches!(error, Some(JournalError::Damaged { record: 9, .. })), "{error:?}");
    assert!(fs::read(&path).unwrap() == damaged, "nothing in it was changed");
}

/// Its goal has ended, and the agent's past may stand in a snapshot: nobody else would read it at a start.
#[tokio::test]
async fn a_damaged_payload_is_found_at_the_start_and_nothing_is_written_behind_it() {
    for damage in ["UPDATE payloads SET body = replace(body, 'long', 'lung')", "DELETE FROM payloads"] {
        let (_folder, path) = recorded(1).await;
        let first = JournalReader::open(&path).unwrap().readable(Reading::All).0;
        assert_eq!(Connection::open(&path).unwrap().execute(damage, []), Ok(1), "{damage}");
        let damaged = fs::read(&path).unwrap();
        let readable = JournalReader::open(&path).unwrap().readable(Reading::All).0.len() as u64;

        let begun = SqliteJournal::open(&path).unwrap().begin();

        let Err(JournalError::Damaged { record, .. }) = &begun else { panic!("{damage}: {begun:?}") };
        assert!(*record == readable + 1 && *record < first.len() as u64, "{damage}: record {record}");
        assert!(fs::read(&path).unwrap() == damaged, "{damage}: the file was changed");
    }
}

#[tokio::test]
async fn a_torn_tail_recovers_an_exact_prefix() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("team.db");
    let bailiwick = Bailiwick::builder()
        .agent(agent_fn("ada", ["sum"], |_| async { Ok(Output::text("4")) }))
        .journal(SqliteJournal::open(&path).unwrap())
        .start()
        .await
        .unwrap();
    for _ in 0..10 {
        bailiwick.submit(Goal::new("2 + 2")).await.unwrap().await.unwrap();
    }
    // As power would leave it: the file, and a log of which the end was never written.
    let (file, log) = (fs::read(&path).unwrap(), fs::read(folder.path().join("team.db-wal")).unwrap());
    bailiwick.shutdown().await.unwrap();
    let whole = read(&path).unwrap();
    let torn = tempfile::tempdir().unwrap();
    let copy = torn.path().join("torn.db");
    let mut lengths = Vec::new();

    for cut in 0..=40 {
        fs::write(&copy, &file).unwrap();
        fs::write(torn.path().join("torn.db-wal"), &log[..log.len() * cut / 40]).unwrap();
        let _ = fs::remove_file(torn.path().join("torn.db-shm"));
        let Ok(journal) = SqliteJournal::open(&copy) else { panic!("cut {cut} cannot be opened") };
        let begun = journal.begin().unwrap();
        let events = journal.read(Reading::All).unwrap();

        assert_eq!(begun.last_seq, events.len() as u64);
        assert!(whole.starts_with(&events), "cut {cut}");
        lengths.push(events.len());
    }

    assert!(lengths.is_sorted(), "{lengths:?}");
    assert!(lengths[0] < 10 && *lengths.last().unwrap() > 100, "{lengths:?}");
}

#[tokio::test]
async fn a_newer_schema_and_what_is_no_journal_are_told_and_left_alone() {
    let (folder, path) = recorded(1).await;
    Connection::open(&path).unwrap().pragma_update(None, "user_version", 99).unwrap();
    let newer = fs::read(&path).unwrap();
    let text = folder.path().join("notes.txt");
    fs::write(&text, "these are notes, and they are long enough to be no header of SQLite at all\n".repeat(20))
        .unwrap();
    let other = folder.path().join("other.db");
    Connection::open(&other).unwrap().execute("CREATE TABLE mine (x)", []).unwrap();

    let error = SqliteJournal::open(&path).err().unwrap();

    assert!(matches!(error, JournalError::Newer { found: 99, known: SCHEMA, .. }), "{error}");
    assert_eq!(fs::read(&path).unwrap(), newer);
    for file in [&text, &other] {
        let before = fs::read(file).unwrap();
        let error = SqliteJournal::open(file).err().unwrap();
        assert!(error.to_string().contains("is not a journal"), "{error}");
        assert_eq!(fs::read(file).unwrap(), before);
    }
}

#[tokio::test]
async fn a_full_disk_ends_the_runtime_loudly_and_every_goal_can_be_resumed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("team.db");
    // Nobody writes before both goals are accepted.
    let accepted = Arc::new(Semaphore::new(0));
    let ada = || {
        let accepted = accepted.clone();
        agent_fn("ada", ["write"], move |task| {
            let accepted = accepted.clone();
            async move {
                drop(accepted.acquire().await);
                Ok(Output::text(format!("{} {}", task.task(), "x".repeat(10_000))))
            }
        })
        .max_concurrent(4)
    };
    let bailiwick = Bailiwick::builder()
        .agent(ada())
        .journal(SqliteJournal::open_limited(&path, 120).unwrap())
        .start()
        .await
        .unwrap();
    let mut goal = Goal::new("fill it");
    for number in 0..60 {
        goal = goal.task(Task::new(format!("t{number}"), "write").needs_capability("write"));
    }
    let runs = [bailiwick.submit(goal.clone()).await.unwrap(), bailiwick.submit(goal).await.unwrap()];
    let ids = runs.each_ref().map(RunHandle::goal_id);
    accepted.close();

    for run in runs {
        let error = run.await.err().unwrap();
        assert!(matches!(error, Error::Journal(JournalError::Full(_))), "{error}");
    }
    drop(bailiwick);

    let kept = read(&path).unwrap();
    assert!(kept.iter().any(|event| event.stream == Stream::Goal(ids[0])));
    let journal = loop {
        // The runtime lets go of it as soon as its last task ends.
        match SqliteJournal::open(&path) {
            Err(JournalError::Owned { .. }) => tokio::time::sleep(std::time::Duration::from_millis(20)).await,
            opened => break opened.unwrap(),
        }
    };
    let bailiwick = Bailiwick::builder().agent(ada()).journal(journal).start().await.unwrap();
    for id in ids {
        let report = bailiwick.resume(id).await.unwrap().await.unwrap();
        assert_eq!((report.outcome_word(), report.tasks.len()), ("unverified", 60));
    }
    assert!(read(&path).unwrap().starts_with(&kept));
    bailiwick.shutdown().await.unwrap();
}

#[tokio::test]
async fn whoever_asks_after_the_disk_was_full_is_told_why_nothing_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let journal = SqliteJournal::open_limited(folder.path().join("team.db"), 40).unwrap();
    let epoch = journal.begin().unwrap().epoch;
    let noted = |why: String| {
        let event = Event::Runtime(RuntimeEvent::RuntimeStopped { why });
        let at = Timestamp::from_millis(1);
        vec![Arc::new(Recorded { seq: 1, stream: Stream::Runtime, ver: 1, at, cause: None, trace: None, event })]
    };
    let full = |kept: &Result<(), JournalError>| matches!(kept, Err(JournalError::Full(_)));

    let first = journal.append(epoch, noted("x".repeat(1 << 20))).await;
    let later = journal.append(epoch, noted("small".to_owned())).await;
    let claimed = journal.claim(epoch, "key".to_owned()).await.map(drop);
    let taken = journal.take(1);

    assert!([&first, &later, &claimed, &taken].into_iter().all(full), "{first:?} {later:?} {claimed:?} {taken:?}");
}

#[tokio::test]
async fn a_snapshot_that_finds_no_room_is_not_kept_and_the_log_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("team.db");
    let journal = SqliteJournal::open_limited(&path, 60).unwrap();
    let epoch = journal.begin().unwrap().epoch;
    let note = |seq: u64| {
        let event = Event::Runtime(RuntimeEvent::RuntimeStopped { why: "a note".to_owned() });
        let at = Timestamp::from_millis(seq);
        Arc::new(Recorded { seq, stream: Stream::Runtime, ver: seq, at, cause: None, trace: None, event })
    };
    journal.append(epoch, vec![note(1)]).await.unwrap();
    let small = Snapshot::seal(&note(1), b"small");
    journal.keep_snapshot(epoch, small.clone()).await.unwrap();

    let large = journal.keep_snapshot(epoch, Snapshot::seal(&note(1), &vec![7; 1 << 20])).await;
    let appended = journal.append(epoch, vec![note(2)]).await;

    assert!(matches!(large, Err(JournalError::Full(_))), "{large:?}");
    assert_eq!(appended, Ok(()));
    assert_eq!(journal.snapshots().unwrap(), [small]);
    drop(journal);
    assert_eq!(read(&path).unwrap(), [note(1), note(2)]);
    assert_eq!(JournalReader::open(&path).unwrap().verify().map(|verified| verified.records), Ok(2));
}

#[tokio::test]
async fn a_damaged_snapshot_is_no_damage_to_the_journal() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("team.db");
    let start = || {
        let ada = agent_fn("ada", ["sum"], |_| async { Ok(Output::text("4")) });
        Bailiwick::builder().agent(ada).journal(SqliteJournal::open(&path).unwrap()).snapshot_every(5).start()
    };
    let sum = || Goal::new("2 + 2").verify(Verify::equals("4"));
    let bailiwick = start().await.unwrap();
    for _ in 0..3 {
        bailiwick.submit(sum()).await.unwrap().await.unwrap();
    }
    bailiwick.shutdown().await.unwrap();
    let sqlite = Connection::open(&path).unwrap();
    let whole = JournalReader::open(&path).unwrap().snapshots().unwrap();
    assert_eq!(whole.len(), 1);

    let damages = [
        "UPDATE snapshots SET body = zeroblob(length(body))",
        "UPDATE snapshots SET ver = ver + 1",
        "UPDATE snapshots SET form = 99",
        "UPDATE snapshots SET stream = 'agent/team/eve'",
        "UPDATE snapshots SET stream = 'nobody'",
        "DELETE FROM snapshots",
    ];
    for (damage, verdicts) in damages.into_iter().zip(4..) {
        assert_eq!(sqlite.execute(damage, []), Ok(1), "{damage}");
        let bailiwick = start().await.unwrap();
        bailiwick.submit(sum()).await.unwrap().await.unwrap();
        assert_eq!(bailiwick.trust()[0].evidence, f64::from(verdicts), "{damage}");
        bailiwick.shutdown().await.unwrap();
        sqlite.execute("DELETE FROM snapshots", []).unwrap();
        let snapshot = &whole[0];
        let row = (snapshot.stream.to_string(), snapshot.ver, snapshot.form, &snapshot.body);
        sqlite.execute("INSERT INTO snapshots VALUES (?1, ?2, ?3, ?4)", row).unwrap();
    }
    assert!(JournalReader::open(&path).unwrap().verify().is_ok());
}

#[tokio::test]
async fn the_stock_shell_reads_goals_and_a_timeline() {
    let (_folder, path) = recorded(2).await;
    let sqlite = Connection::open(&path).unwrap();

    let goals: Vec<(String, String)> = sqlite
        .prepare("SELECT text, outcome FROM goals ORDER BY submitted, goal")
        .unwrap()
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    let tasks: i64 = sqlite
        .query_row("SELECT count(*) FROM timeline WHERE task = 'goal' AND agent = 'ada'", [], |r| r.get(0))
        .unwrap();

    assert_eq!(goals, [("long".to_owned(), "verified".to_owned()), ("2 + 2".to_owned(), "verified".to_owned())]);
    assert!(tasks > 4, "{tasks}");
}

#[test]
fn the_lock_dies_with_its_owner_and_names_it_while_it_lives() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("team.db");
    let first = SqliteJournal::open(&path).unwrap();

    let second = SqliteJournal::open(&path).err().unwrap();

    let JournalError::Owned { owner, .. } = &second else { panic!("{second}") };
    assert!(owner.contains(&std::process::id().to_string()), "{owner}");
    drop(first);
    assert!(SqliteJournal::open(&path).is_ok());
}

#[tokio::test]
async fn an_owner_whose_lock_was_taken_away_stops_as_soon_as_the_next_one_begins() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("team.db");
    let ada = || agent_fn("ada", ["sum"], |_| async { Ok(Output::text("4")) });
    let start = |journal| Bailiwick::builder().agent(ada()).journal(journal).start();
    let first = start(SqliteJournal::open(&path).unwrap()).await.unwrap();
    first.submit(Goal::new("before")).await.unwrap().await.unwrap();
    fs::remove_file(folder.path().join("team.db.lock")).unwrap();
    let second = start(SqliteJournal::open(&path).unwrap()).await.unwrap();

    let stale = match first.submit(Goal::new("too late")).await {
        Ok(run) => run.await.map(|report| report.outcome_word().to_owned()).map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    };
    let report = second.submit(Goal::new("after")).await.unwrap().await.unwrap();

    assert!(stale.as_ref().is_err_and(|error| error.contains("another process took the journal")), "{stale:?}");
    assert_eq!(report.outcome_word(), "unverified");
    second.shutdown().await.unwrap();
    let texts: Vec<_> = read(&path)
        .unwrap()
        .iter()
        .filter_map(|event| match &event.event {
            Event::Goal(GoalEvent::GoalSubmitted { goal, .. }) => Some(goal.text.clone()),
            _ => None,
        })
        .collect();
    assert_eq!(texts, ["before", "after"]);
}
