//! A backup as `docs/journal.md` tells to make one: taken while the owner writes, sound, and a goal goes on from it.

use std::{path::Path, sync::Arc, time::Duration};

use bailiwick::{actors::audit_log::journal::Reading, prelude::*, protocols::Recorded};
use bailiwick_journal::{JournalReader, SqliteJournal};
use rusqlite::{Connection, OpenFlags, backup::Backup};

async fn start(path: &Path, answers: bool) -> Bailiwick {
    let ada = agent_fn("ada", ["sum"], move |task| async move {
        if task.goal() == "later" && !answers {
            std::future::pending::<()>().await;
        }
        Ok(Output::text("4 ".repeat(2_000)))
    });
    Bailiwick::builder().agent(ada.max_concurrent(4)).journal(SqliteJournal::open(path).unwrap()).start().await.unwrap()
}

/// What the stock shell does for `.backup`: a hundred pages at a time, and once more from the beginning where somebody
/// wrote in between.
fn backup(from: &Path, to: &Path) {
    let from = Connection::open_with_flags(from, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let mut to = Connection::open(to).unwrap();
    Backup::new(&from, &mut to).unwrap().run_to_completion(100, Duration::ZERO, None).unwrap();
}

fn read(path: &Path) -> Vec<Arc<Recorded>> {
    JournalReader::open(path).unwrap().read(Reading::All).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_taken_beside_a_writing_owner_is_sound_and_its_open_goal_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let [path, copy, small] = ["team.db", "copy.db", "small.db"].map(|name| folder.path().join(name));
    let bailiwick = start(&path, false).await;
    let open = bailiwick.submit(Goal::new("later")).await.unwrap();
    for _ in 0..20 {
        bailiwick.submit(Goal::new("before")).await.unwrap().await.unwrap();
    }
    let taking = tokio::task::spawn_blocking({
        let (path, copy) = (path.clone(), copy.clone());
        move || backup(&path, &copy)
    });
    let mut beside = 0;
    while !taking.is_finished() || beside == 0 {
        bailiwick.submit(Goal::new("beside")).await.unwrap().await.unwrap();
        beside += 1;
    }
    taking.await.unwrap();
    let goal = open.goal_id();
    bailiwick.halt().await.unwrap();
    let whole = read(&path);

    let copied = read(&copy);
    let verified = JournalReader::open(&copy).unwrap().verify().unwrap();
    let bailiwick = start(&copy, true).await;
    let report = bailiwick.resume(goal).await.unwrap().await.unwrap();
    bailiwick.shutdown().await.unwrap();
    Connection::open(&path).unwrap().execute("VACUUM INTO ?1", [small.to_str()]).unwrap();

    assert_eq!(verified.records, copied.len() as u64);
    assert!(whole.starts_with(&copied) && copied.len() > 200, "{} of {}", copied.len(), whole.len());
    assert_eq!(report.outcome_word(), "unverified");
    assert_eq!(read(&small), whole);
    assert_eq!(JournalReader::open(&small).unwrap().verify().unwrap().records, whole.len() as u64);
}
