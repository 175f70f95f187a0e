//! What a later version wrote: passed over where it says so, and a clear end of reading where it does not.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use bailiwick::{
    Error,
    actors::audit_log::journal::{Journal, JournalError, Reading},
    event_line::event_line,
    history,
    prelude::*,
    protocols::{Event, GoalId, Json, Recorded, Stream, event::Skipped},
};
use bailiwick_journal::{JournalReader, SqliteJournal};
use rusqlite::Connection;
use serde_json::json;
use tempfile::TempDir;

/// A journal with a goal that ended and one whose process died, and in each kind of stream a last row of a kind that
/// does not exist yet.
struct Future {
    _folder: TempDir,
    path: PathBuf,
    open: GoalId,
    before: Vec<Arc<Recorded>>,
}

async fn start(path: &Path, answers: bool) -> Result<Bailiwick, Error> {
    let ada = agent_fn("ada", ["sum"], move |task| async move {
        if task.goal() == "later" && !answers {
            std::future::pending::<()>().await;
        }
        Ok(Output::text("4"))
    });
    Bailiwick::builder().agent(ada).journal(SqliteJournal::open(path)?).start().await
}

async fn written_by_a_later_version() -> Future {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("team.db");
    let bailiwick = start(&path, false).await.unwrap();
    bailiwick.submit(Goal::new("2 + 2").verify(Verify::equals("4"))).await.unwrap().await.unwrap();
    let open = bailiwick.submit(Goal::new("later")).await.unwrap();
    let mut events = open.events();
    while events.next().await.unwrap().event.kind() != "task_started" {}
    bailiwick.halt().await.unwrap();
    let journal = SqliteJournal::open(&path).unwrap();
    let epoch = journal.begin().unwrap().epoch;
    let before = journal.read(Reading::All).unwrap();
    let streams = [Stream::Goal(open.goal_id()), before.iter().find_map(of_agent).unwrap(), Stream::Runtime];
    let dreams = streams.into_iter().zip(1..).map(|(stream, next)| {
        let last = before.iter().rfind(|event| event.stream == stream).unwrap();
        let body = Json(json!({ "Agent": { "Dreamt": { "of": "sheep" } } }));
        let event = Event::Skipped(Skipped { kind: "dreamt".to_owned(), version: 3, body });
        Arc::new(Recorded { seq: before.len() as u64 + next, ver: last.ver + 1, event, ..(**last).clone() })
    });
    journal.append(epoch, dreams.collect()).await.unwrap();
    Future { _folder: folder, path, open: open.goal_id(), before }
}

fn of_agent(event: &Arc<Recorded>) -> Option<Stream> {
    matches!(event.stream, Stream::Agent { .. }).then(|| event.stream.clone())
}

/// Changes a column of a record and makes the chain fit again, as the one who wrote it would have.
fn rewrite(path: &Path, seq: u64, set: &str) {
    let sqlite = Connection::open(path).unwrap();
    sqlite.execute(&format!("UPDATE events SET {set} WHERE seq = ?1"), [seq]).unwrap();
    let mut before = [0; 32];
    let mut select = sqlite.prepare("SELECT * FROM events ORDER BY seq").unwrap();
    let mut rows = select.query([]).unwrap();
    while let Some(row) = rows.next().unwrap() {
        let number = |column| row.get::<_, u64>(column).unwrap();
        let flags = number("large") | number("skippable") << 1;
        let mut hasher = blake3::Hasher::new();
        hasher.update(&before);
        for number in [number("seq"), number("ver"), number("at"), number("v"), number("epoch"), flags] {
            hasher.update(&number.to_le_bytes());
        }
        for column in ["stream", "kind", "cause", "trace", "body"] {
            let text: Option<String> = row.get(column).unwrap();
            hasher.update(&text.as_ref().map_or(u64::MAX, |text| text.len() as u64).to_le_bytes());
            hasher.update(text.unwrap_or_default().as_bytes());
        }
        before = *hasher.finalize().as_bytes();
        sqlite.execute("UPDATE events SET hash = ?1 WHERE seq = ?2", (before, number("seq"))).unwrap();
    }
    let head = "UPDATE meta SET value = (SELECT max(seq) FROM events) || ' ' || ?1 WHERE key = 'head'";
    sqlite.execute(head, [blake3::Hash::from_bytes(before).to_hex().as_str()]).unwrap();
}

#[tokio::test]
async fn a_kind_from_the_future_that_is_marked_skippable_is_passed_over_and_everything_else_is_right() {
    let future = written_by_a_later_version().await;
    let reader = JournalReader::open(&future.path).unwrap();
    let last = future.before.len() as u64 + 3;
    // Rows as the later version would have left them: the test and the journal agree on the chain.
    rewrite(&future.path, last, "v = 3");

    let events = reader.read(Reading::All).unwrap();
    let trust = history::trust(&events, &Bailiwick::builder().model_of_trust(), history::now());
    let replay = history::replay(&events, future.open);
    let bailiwick = start(&future.path, true).await.unwrap();
    let report = bailiwick.resume(future.open).await.unwrap().await.unwrap();
    bailiwick.shutdown().await.unwrap();

    assert!(events.starts_with(&future.before));
    assert!(events.iter().map(|event| event.seq).eq(1..=last));
    assert_eq!(events.iter().filter(|event| event.event.kind() == "dreamt").count(), 3);
    let line = event_line(events.last().unwrap());
    assert_eq!((&line["kind"], &line["v"], &line["data"]), (&json!("dreamt"), &json!(3), &json!({ "of": "sheep" })));
    assert_eq!(trust.len(), 1);
    assert!(trust[0].score.get() > 0.54, "the lesson before the unknown row counts: {:?}", trust[0].score);
    assert_eq!(replay.differences, Vec::<String>::new());
    assert_eq!(report.outcome_word(), "unverified");
    // The runtime went on behind the rows it did not know: their versions count.
    let whole = reader.read(Reading::All).unwrap();
    assert!(whole.starts_with(&events) && whole.len() > events.len());
    let mut versions: Vec<u64> = whole.iter().filter(|e| e.stream == Stream::Runtime).map(|e| e.ver).collect();
    versions.dedup();
    assert!(versions.iter().copied().eq(1..=versions.len() as u64), "{versions:?}");
    let verified = reader.verify().unwrap();
    assert_eq!((verified.records, verified.removed), (whole.len() as u64, 0));
}

#[tokio::test]
async fn a_kind_from_the_future_that_is_not_marked_ends_the_reading_with_its_name() {
    let future = written_by_a_later_version().await;
    let record = future.before.len() as u64 + 1;
    rewrite(&future.path, record, "skippable = 0");

    let (events, error) = JournalReader::open(&future.path).unwrap().readable(Reading::All);
    let verified = JournalReader::open(&future.path).unwrap().verify().unwrap_err();
    let started = start(&future.path, true).await.err().unwrap();

    let JournalError::Unreadable { kind, version, record: found, .. } = error.as_ref().unwrap() else {
        panic!("{error:?}")
    };
    assert_eq!((kind.as_str(), *version, *found), ("dreamt", 3, record));
    assert_eq!(events, future.before, "what stands before it can be read");
    assert_eq!(Some(&verified), error.as_ref());
    assert!(started.to_string().contains(&format!("record {record} (dreamt, version 3)")), "{started}");
}

#[tokio::test]
async fn a_known_kind_in_a_version_from_the_future_ends_the_reading_too() {
    let future = written_by_a_later_version().await;
    let settled = future.before.iter().find(|event| event.event.kind() == "attempt_ended").unwrap().seq;
    rewrite(&future.path, settled, "v = 9");

    let (events, error) = JournalReader::open(&future.path).unwrap().readable(Reading::All);

    assert!(future.before.starts_with(&events) && events.len() as u64 == settled - 1);
    let error = error.unwrap().to_string();
    assert!(error.contains(&format!("record {settled} (attempt_ended, version 9)")), "{error}");
    assert!(error.contains("knows its body up to version 2"), "{error}");
}
