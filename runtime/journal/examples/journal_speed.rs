//! How fast a durable journal is beside the one in memory, and how long a resume takes.
//!
//! ```text
//! $ cargo run --release -p bailiwick-journal --example journal_speed
//! memory   1 goal at once    ... delegations/s
//! sqlite   1 goal at once    ...
//! resume   10 000 events     ... ms
//! start    an agent of 100 000 events   ... ms with its snapshot, ... ms without
//! ```

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bailiwick::{
    Error,
    actors::audit_log::{
        journal::{Journal, Reading},
        memory::MemoryJournal,
    },
    prelude::*,
    protocols::Stream,
};
use bailiwick_journal::{JournalReader, SqliteJournal};
use futures::future::join_all;
use tokio::time::Instant;

#[tokio::main]
async fn main() -> Result<(), Error> {
    let folder = tempfile::tempdir()?;
    for at_once in [1, 8, 64] {
        let goals = 40 * at_once.min(16);
        let memory = delegations(MemoryJournal::default(), goals, at_once).await?;
        let path = folder.path().join(format!("{at_once}.db"));
        let sqlite = delegations(SqliteJournal::open(&path)?, goals, at_once).await?;
        println!("memory  {at_once:>3} at once  {memory:>9.0} delegations/s");
        println!("sqlite  {at_once:>3} at once  {sqlite:>9.0} delegations/s, all on the disk");
    }
    println!("resume  one goal of 10 000 events  {:?}", resume(&folder.path().join("long.db"), 1, 830).await?);
    println!("resume  1 000 goals of 100 events  {:?}", resume(&folder.path().join("many.db"), 1_000, 8).await?);
    long_lived(&folder.path().join("old.db")).await
}

/// An agent that has done much and whose goals have ended: how long a start takes with its snapshot, and without.
async fn long_lived(path: &Path) -> Result<(), Error> {
    delegations(SqliteJournal::open(path)?, 1_280, 64).await?;
    let reader = JournalReader::open(path)?;
    let events = reader.read(Reading::All)?;
    let of_agents = events.iter().filter(|event| matches!(event.stream, Stream::Agent { .. })).count();
    let bytes: usize = reader.snapshots()?.iter().map(|snapshot| snapshot.body.len()).sum();
    println!("start   {} events, {of_agents} of them an agent's; its snapshot has {bytes} bytes", events.len());
    drop((reader, events));
    for what in ["snapshot", "chain alone", "nothing"] {
        if what == "nothing" {
            rusqlite::Connection::open(path)
                .and_then(|file| file.execute("DELETE FROM snapshots", []))
                .map_err(std::io::Error::other)?;
        }
        let begun = Instant::now();
        let journal = SqliteJournal::open(path)?;
        if what == "chain alone" {
            journal.begin()?;
            println!("        {what:<13} {:?}", begun.elapsed());
            continue;
        }
        let bailiwick = team().journal(journal).start().await?;
        bailiwick.submit(goal(1)).await?.await?;
        println!("        from {what:<8} {:?}, its first goal's end included", begun.elapsed());
        bailiwick.halt().await?;
    }
    Ok(())
}

fn team() -> bailiwick::Builder {
    let ada = agent_fn("ada", ["work"], |task| async move { Ok(Output::text(format!("done {}", task.task()))) });
    Bailiwick::builder().agent(ada.max_concurrent(64))
}

/// Ten tasks a goal, so many goals, so many of them at once.
async fn delegations(journal: impl Journal, goals: usize, at_once: usize) -> Result<f64, Error> {
    let bailiwick = Arc::new(team().journal(journal).start().await?);
    let begun = Instant::now();
    let lanes = (0..at_once).map(|_| {
        let bailiwick = bailiwick.clone();
        async move {
            for _ in 0..goals / at_once {
                bailiwick.submit(goal(10)).await?.await?;
            }
            Ok::<(), Error>(())
        }
    });
    for lane in join_all(lanes).await {
        lane?;
    }
    Ok((goals * 10) as f64 / begun.elapsed().as_secs_f64())
}

fn goal(tasks: usize) -> Goal {
    let verify = || Verify::contains("done");
    let task = |number: usize| Task::new(format!("t{number}"), "do it").needs_capability("work").verify(verify());
    (0..tasks).map(task).fold(Goal::new("work"), |goal, task| goal.task(task))
}

/// Records goals up to their last task but one, then measures from opening the file to the last goal's end.
async fn resume(path: &Path, goals: usize, tasks: usize) -> Result<Duration, Error> {
    let waiting = Arc::new(AtomicUsize::new(0));
    let eve = {
        let waiting = waiting.clone();
        agent_fn("eve", ["wait"], move |_| {
            waiting.fetch_add(1, Ordering::Relaxed);
            async {
                tokio::time::sleep(Duration::from_secs(3_600)).await;
                Ok(Output::text("done"))
            }
        })
    };
    let journal = SqliteJournal::open(path)?;
    let bailiwick = team().agent(eve.max_concurrent(2_000)).journal(journal).start().await?;
    let mut ids = Vec::new();
    for _ in 0..goals {
        let names = (0..tasks).map(|number| format!("t{number}"));
        let mut goal = goal(tasks).task(Task::new("last", "wait").needs_capability("wait").after(names));
        goal.bounds.tasks = 4_096;
        ids.push(bailiwick.submit(goal).await?.goal_id());
    }
    while waiting.load(Ordering::Relaxed) < goals {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    bailiwick.halt().await?;

    let begun = Instant::now();
    let journal = SqliteJournal::open(path)?;
    let events = journal.read(Reading::All)?.len();
    let read = begun.elapsed();
    drop(journal);
    let begun = Instant::now();
    let eve = agent_fn("eve", ["wait"], |_| async { Ok(Output::text("done")) }).max_concurrent(64);
    let bailiwick = team().agent(eve).journal(SqliteJournal::open(path)?).start().await?;
    let started = begun.elapsed();
    for id in ids {
        bailiwick.resume(id).await?.await?;
    }
    println!("        {events} events; read alone {read:?}; started after {started:?}");
    let all = begun.elapsed();
    bailiwick.shutdown().await?;
    Ok(all)
}
