//! What every journal must do, tried out: run it against your own before you trust it with goals.
//!
//! ```
//! use bailiwick::{actors::audit_log::memory::MemoryJournal, testing::conformance};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), conformance::Broken> {
//! conformance::holds(|| conformance::Shared::of(MemoryJournal::default())).await
//! # }
//! ```

use std::{collections::HashMap, future::Future, sync::Arc, time::Duration};

use bailiwick_actors::audit_log::{
    journal::{Claim, Command, Journal, JournalError, Reading},
    snapshot::Snapshot,
};
use bailiwick_protocols::{
    AgentFact, Event, GoalEvent, GoalId, Json, Outcome, Output, Recorded, RuntimeEvent, Stream, Timestamp,
    outcome::CanceledBy,
};

/// A place where a journal is kept: it outlives the journals that are opened on it.
pub trait Place {
    /// Opens the journal that is kept here.
    ///
    /// # Errors
    /// If it cannot be opened.
    fn open(&mut self) -> Result<Arc<dyn Journal>, JournalError>;

    /// The machine stops: all that was not kept for good is gone. What was open before is not used any more.
    fn crash(&mut self);

    /// Leaves a command for the owner, as another process does. False where no other process can: then nothing is
    /// promised about an inbox.
    ///
    /// # Errors
    /// If it cannot be left.
    fn leave(&mut self, _command: &Command) -> Result<bool, JournalError> {
        Ok(false)
    }
}

/// A journal that promises nothing beyond its process: a crash leaves it as it is.
pub struct Shared(Arc<dyn Journal>);

impl Shared {
    /// Opens this journal again and again.
    pub fn of(journal: impl Journal) -> Self {
        Self(Arc::new(journal))
    }
}

impl Place for Shared {
    fn open(&mut self) -> Result<Arc<dyn Journal>, JournalError> {
        Ok(self.0.clone())
    }
    fn crash(&mut self) {}
}

/// A promise that a journal does not keep.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the journal breaks a promise: {promise}: {seen}")]
pub struct Broken {
    /// What it promises.
    pub promise: &'static str,
    /// What was seen instead.
    pub seen: String,
}

/// Tries every promise on an empty place of its own.
///
/// # Errors
/// The first promise that is not kept.
pub async fn holds<P: Place>(mut empty: impl FnMut() -> P) -> Result<(), Broken> {
    tried("what is acknowledged survives a crash, as it was", survives(empty())).await?;
    tried("every opening is a new epoch, and ends the one before", epochs(empty())).await?;
    tried("a batch that does not follow is refused whole", conflicts(empty())).await?;
    tried("every way of reading agrees with the others", readings(empty())).await?;
    tried("large and odd contents come back as they were", contents(empty())).await?;
    tried("an effect is claimed once, and its result kept", claims(empty())).await?;
    tried("of each stream the last snapshot is given out as it was, or none", snapshots(empty())).await?;
    tried("a command waits in the inbox until it is taken", inbox(empty())).await
}

async fn tried(promise: &'static str, trial: impl Future<Output = Result<(), String>>) -> Result<(), Broken> {
    let limit = Duration::from_secs(60);
    match tokio::time::timeout(limit, trial).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(seen)) => Err(Broken { promise, seen }),
        Err(_) => Err(Broken { promise, seen: "no answer".to_owned() }),
    }
}

/// Opens it and begins an epoch.
fn begin(place: &mut impl Place) -> Result<(Arc<dyn Journal>, u64), String> {
    let journal = place.open().map_err(said)?;
    let begun = journal.begin().map_err(said)?;
    Ok((journal, begun.epoch))
}

fn said(error: JournalError) -> String {
    error.to_string()
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, found: &T, expected: &T) -> Result<(), String> {
    if found == expected { Ok(()) } else { Err(format!("{what}: found {found:?}, expected {expected:?}")) }
}

fn at(seq: u64) -> Timestamp {
    Timestamp::from_millis(1_767_225_600_000 + seq)
}

/// A story of `count` events in three streams, from position `after` + 1 on.
fn story(after: u64, count: u64) -> Vec<Arc<Recorded>> {
    let goal = Stream::Goal(goal());
    let agent = Stream::Agent { team: "team".into(), agent: "ada".into(), generation: 0 };
    let event = |seq: u64| {
        let (stream, event) = match seq % 3 {
            0 => (goal.clone(), Event::Goal(GoalEvent::DeadlinePassed)),
            1 => (agent.clone(), Event::Agent(AgentFact::Noted { what: format!("note {seq}") })),
            _ => (Stream::Runtime, Event::Runtime(RuntimeEvent::RuntimeStopped { why: format!("{seq}") })),
        };
        // Each stream has every third event.
        let ver = seq.div_ceil(3);
        Arc::new(Recorded { seq, stream, ver, at: at(seq), cause: None, trace: None, event })
    };
    (after + 1..=after + count).map(event).collect()
}

fn goal() -> GoalId {
    "0192f0c1-7b4e-7c3a-9d5e-0123456789ab".parse().unwrap_or_else(|_| unreachable!("a UUID"))
}

async fn survives(mut place: impl Place) -> Result<(), String> {
    let mut expected = Vec::new();
    for round in 0..3 {
        let (journal, epoch) = begin(&mut place)?;
        same("kept before", &journal.read(Reading::All).map_err(said)?, &expected)?;
        for batch in story(round * 9, 9).chunks(3) {
            journal.append(epoch, batch.to_vec()).await.map_err(said)?;
            expected.extend_from_slice(batch);
        }
        drop(journal);
        place.crash();
    }
    let journal = place.open().map_err(said)?;
    same("kept after all", &journal.read(Reading::All).map_err(said)?, &expected)?;
    let begun = journal.begin().map_err(said)?;
    same("last position", &begun.last_seq, &27)?;
    same("last time", &begun.last_at, &at(27))
}

async fn epochs(mut place: impl Place) -> Result<(), String> {
    let (journal, first) = begin(&mut place)?;
    journal.append(first, story(0, 3)).await.map_err(said)?;
    let second = journal.begin().map_err(said)?.epoch;
    if second <= first {
        return Err(format!("epoch {second} came after {first}"));
    }
    match journal.append(first, story(3, 3)).await {
        Err(JournalError::Conflict(_)) => {}
        other => return Err(format!("a stale owner's append gave {other:?}")),
    }
    match journal.claim(first, "key".to_owned()).await {
        Err(JournalError::Conflict(_)) => {}
        other => return Err(format!("a stale owner's claim gave {other:?}")),
    }
    journal.append(second, story(3, 3)).await.map_err(said)?;
    same("kept", &journal.read(Reading::All).map_err(said)?, &story(0, 6))?;
    drop(journal);
    place.crash();
    let (_, third) = begin(&mut place)?;
    if third > second { Ok(()) } else { Err(format!("after a crash epoch {third} came after {second}")) }
}

async fn conflicts(mut place: impl Place) -> Result<(), String> {
    let (journal, epoch) = begin(&mut place)?;
    journal.append(epoch, story(0, 6)).await.map_err(said)?;
    let next = story(6, 3);
    let wrong = |change: &dyn Fn(&mut Recorded)| {
        let mut batch = next.clone();
        let mut last = Recorded::clone(&batch[2]);
        change(&mut last);
        batch[2] = Arc::new(last);
        batch
    };
    let cases = [
        ("a gap", story(7, 3)),
        ("a repetition", story(3, 3)),
        ("a version too high", wrong(&|event| event.ver += 1)),
        ("a version too low", wrong(&|event| event.ver -= 1)),
        ("a position too high", wrong(&|event| event.seq += 1)),
    ];
    for (what, batch) in cases {
        match journal.append(epoch, batch).await {
            Err(JournalError::Conflict(_)) => {}
            other => return Err(format!("{what} gave {other:?}")),
        }
        same(what, &journal.read(Reading::All).map_err(said)?, &story(0, 6))?;
    }
    journal.append(epoch, next).await.map_err(said)?;
    same("kept", &journal.read(Reading::All).map_err(said)?, &story(0, 9))
}

async fn readings(mut place: impl Place) -> Result<(), String> {
    let (journal, epoch) = begin(&mut place)?;
    let mut all = story(0, 9);
    journal.append(epoch, all.clone()).await.map_err(said)?;
    let of = |events: &[Arc<Recorded>], stream: &Stream| -> Vec<Arc<Recorded>> {
        events.iter().filter(|event| event.stream == *stream).cloned().collect()
    };
    for stream in [Stream::Goal(goal()), Stream::Runtime] {
        let read = journal.read(Reading::Stream(&stream)).map_err(said)?;
        same("one stream", &read, &of(&all, &stream))?;
    }
    same("the tail", &journal.read(Reading::After(4)).map_err(said)?, &all[4..].to_vec())?;
    same("no tail", &journal.read(Reading::After(9)).map_err(said)?, &Vec::new())?;
    let live = |after: &HashMap<Stream, u64>| journal.read(Reading::Live { after }).map_err(said);
    same("an open goal is live", &live(&HashMap::new())?, &all)?;
    let known: HashMap<Stream, u64> = [(Stream::Runtime, 1), (Stream::Goal(goal()), 3)].into();
    let unknown: Vec<_> = all.iter().filter(|e| known.get(&e.stream).is_none_or(|ver| e.ver > *ver)).cloned().collect();
    same("what comes after a version", &live(&known)?, &unknown)?;

    let settled = GoalEvent::GoalSettled {
        outcome: Outcome::Canceled { by: CanceledBy::Shutdown },
        code: None,
        output: None,
        usage: Default::default(),
        cost: Default::default(),
    };
    let end = Recorded {
        seq: 10,
        stream: Stream::Goal(goal()),
        ver: 4,
        at: at(10),
        cause: None,
        trace: None,
        event: Event::Goal(settled),
    };
    all.push(Arc::new(end));
    journal.append(epoch, all[9..].to_vec()).await.map_err(said)?;
    let lives: Vec<_> = all.iter().filter(|event| event.stream != Stream::Goal(goal())).cloned().collect();
    same("a goal that ended is not live", &live(&HashMap::new())?, &lives)?;
    same("it can still be read", &journal.read(Reading::Stream(&Stream::Goal(goal()))).map_err(said)?.len(), &4)
}

async fn contents(mut place: impl Place) -> Result<(), String> {
    let (journal, epoch) = begin(&mut place)?;
    let long: String = "grüße\u{0}\"'\\\n".repeat(20_000);
    let deep = (0..200).fold(serde_json::json!("core"), |inner, _| serde_json::json!([inner]));
    let rows: Vec<_> = (0..9_000).map(|row| serde_json::json!({ "row": row, "half": f64::from(row) / 3.0 })).collect();
    let outputs = [
        Output::text(long.clone()),
        Output::json(serde_json::json!({ "$payload": "not one", "long": long, "again": { "$payload": [] } })),
        Output::json(serde_json::json!(rows)),
        Output::json(deep),
        Output::text(""),
    ];
    let events: Vec<_> = outputs
        .into_iter()
        .zip(1..)
        .map(|(output, seq)| {
            let task = "a/b c".into();
            let event = Event::Goal(GoalEvent::TaskCompleted { task, outcome: Outcome::Verified, output });
            let stream = Stream::Goal(goal());
            Arc::new(Recorded { seq, stream, ver: seq, at: at(seq), cause: None, trace: None, event })
        })
        .collect();
    journal.append(epoch, events.clone()).await.map_err(said)?;
    drop(journal);
    place.crash();
    let read = place.open().map_err(said)?.read(Reading::All).map_err(said)?;
    for (found, expected) in read.iter().zip(&events) {
        if found != expected {
            return Err(format!("record {} came back different", expected.seq));
        }
    }
    same("number of records", &read.len(), &events.len())
}

async fn claims(mut place: impl Place) -> Result<(), String> {
    let (journal, epoch) = begin(&mut place)?;
    let claim = |journal: Arc<dyn Journal>, epoch, key: &'static str| async move {
        journal.claim(epoch, key.to_owned()).await.map_err(said)
    };
    same("the first claim", &claim(journal.clone(), epoch, "a").await?, &Claim::New)?;
    same("another key", &claim(journal.clone(), epoch, "b").await?, &Claim::New)?;
    let result = Json(serde_json::json!({ "ticket": 7 }));
    journal.fulfil(epoch, "a".to_owned(), result.clone()).await.map_err(said)?;
    drop(journal);
    place.crash();
    let (journal, epoch) = begin(&mut place)?;
    same("a fulfilled claim", &claim(journal.clone(), epoch, "a").await?, &Claim::Done(result))?;
    same("a claim that was left", &claim(journal.clone(), epoch, "b").await?, &Claim::Uncertain)?;
    same("a new claim", &claim(journal, epoch, "c").await?, &Claim::New)
}

/// What the journal gives out, by stream.
fn kept(journal: &Arc<dyn Journal>) -> Result<HashMap<Stream, Snapshot>, String> {
    let all = journal.snapshots().map_err(said)?;
    let count = all.len();
    let kept: HashMap<_, _> = all.into_iter().map(|snapshot| (snapshot.stream.clone(), snapshot)).collect();
    same("one snapshot a stream", &kept.len(), &count)?;
    Ok(kept)
}

async fn snapshots(mut place: impl Place) -> Result<(), String> {
    let (journal, epoch) = begin(&mut place)?;
    let story = story(0, 9);
    journal.append(epoch, story.clone()).await.map_err(said)?;
    same("none before the first", &kept(&journal)?.len(), &0)?;
    let odd: Vec<u8> = (0..70_000_u32).map(|byte| byte.wrapping_mul(byte) as u8).collect();
    let (goal, agent) = (Snapshot::seal(&story[5], b""), Snapshot::seal(&story[6], &odd));
    // The last one stands, even if it was taken before the one it replaces.
    let (newer, older) = (Snapshot::seal(&story[7], b"newer"), Snapshot::seal(&story[4], b"older"));
    for snapshot in [&newer, &agent, &older, &goal] {
        journal.keep_snapshot(epoch, snapshot.clone()).await.map_err(said)?;
    }
    let last = |kept: &HashMap<Stream, Snapshot>| {
        for (stream, found) in kept {
            let expected = [&goal, &agent, &older].into_iter().rfind(|snapshot| snapshot.stream == *stream);
            if expected != Some(found) {
                return Err(format!(
                    "{stream}: found {} bytes of version {}, another was kept last",
                    found.body.len(),
                    found.ver
                ));
            }
        }
        Ok(())
    };
    let before = kept(&journal)?;
    last(&before)?;
    let stale = journal.begin().map(|_| epoch).map_err(said)?;
    match journal.keep_snapshot(stale, newer.clone()).await {
        Err(JournalError::Conflict(_)) => {}
        other if !before.is_empty() => return Err(format!("a stale owner's snapshot gave {other:?}")),
        _ => {}
    }
    last(&kept(&journal)?)?;
    same("the log", &journal.read(Reading::All).map_err(said)?, &story)?;
    drop(journal);
    place.crash();
    last(&kept(&begin(&mut place)?.0)?)
}

async fn inbox(mut place: impl Place) -> Result<(), String> {
    let (journal, _) = begin(&mut place)?;
    same("an inbox nobody wrote to", &journal.inbox().map_err(said)?, &Vec::new())?;
    let by = || "somebody".to_owned();
    let commands = [Command::Cancel { goal: goal(), by: by() }, Command::Release { agent: "ada".into(), by: by() }];
    for command in &commands {
        if !place.leave(command).map_err(said)? {
            return Ok(());
        }
    }
    let waiting = |journal: &Arc<dyn Journal>| journal.inbox().map_err(said);
    let told = |waiting: &[(u64, Command)]| waiting.iter().map(|(_, command)| command.clone()).collect::<Vec<_>>();
    let first = waiting(&journal)?;
    same("what was left, in order", &told(&first), &commands.to_vec())?;
    same("asked again", &waiting(&journal)?, &first)?;
    journal.take(first[0].0).map_err(said)?;
    same("one is taken", &waiting(&journal)?, &first[1..].to_vec())?;
    drop(journal);
    place.crash();
    let (journal, _) = begin(&mut place)?;
    same("the next owner finds the rest", &waiting(&journal)?, &first[1..].to_vec())?;
    journal.take(first[1].0).map_err(said)?;
    same("all are taken", &waiting(&journal)?, &Vec::new())
}
