//! A start reads the snapshots and what came after them, and goes on as one that read everything.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bailiwick::{
    actors::{
        agent_supervisor::{
            books::Books,
            facts,
            snapshot::{Written, note_settled},
        },
        audit_log::{
            journal::{Begun, Claim, Journal, JournalError, Reading},
            log::Log,
            memory::MemoryJournal,
            snapshot::Snapshot,
        },
        policies::{PolicySettings, TrustView, default_stack, stack::Stack},
        trust_tracker::models::Asymmetric,
    },
    prelude::*,
    protocols::{GoalId, Json, Recorded, Stream},
    testing::Stage,
};
use futures::future::BoxFuture;

use super::cast::{Calls, Thirds, agents, goal, mood, play, same, team};

/// A journal that remembers what it was asked to read, and what it was given to keep.
#[derive(Clone, Default)]
pub struct Watched {
    inner: MemoryJournal,
    /// The streams that were read from their first event though a snapshot of them was there.
    pub read_whole: Arc<Mutex<Vec<Stream>>>,
    /// The versions up to which streams were known when the start read the rest.
    pub known: Arc<Mutex<HashMap<Stream, u64>>>,
    /// Versions of snapshots in the order they came, each with the last version that was kept of its stream by then.
    pub snapshots: Arc<Mutex<Vec<(Stream, u64, u64)>>>,
    /// Whether there is no room for a snapshot.
    pub full: bool,
    /// Whether the past of a stream cannot be read any more.
    pub torn: Arc<AtomicBool>,
}

impl Watched {
    /// Holds a log, and these snapshots of it.
    pub async fn holding(log: Vec<Arc<Recorded>>, snapshots: impl IntoIterator<Item = Snapshot>) -> Self {
        let inner = MemoryJournal::holding(log).unwrap();
        let epoch = inner.begin().unwrap().epoch;
        for snapshot in snapshots {
            inner.keep_snapshot(epoch, snapshot).await.unwrap();
        }
        Self { inner, ..Self::default() }
    }

    /// Acknowledges late, as a disk would.
    pub fn late() -> Self {
        Self { inner: MemoryJournal::late(Duration::from_millis(1)), ..Self::default() }
    }
}

impl Journal for Watched {
    fn begin(&self) -> Result<Begun, JournalError> {
        self.inner.begin()
    }
    fn append(&self, epoch: u64, batch: Vec<Arc<Recorded>>) -> BoxFuture<'static, Result<(), JournalError>> {
        self.inner.append(epoch, batch)
    }
    fn read(&self, what: Reading<'_>) -> Result<Vec<Arc<Recorded>>, JournalError> {
        match what {
            Reading::Live { after } => *self.known.lock().unwrap() = after.clone(),
            Reading::Stream(_) if self.torn.load(Ordering::Relaxed) => {
                return Err(JournalError::Damaged { record: 1, why: "torn".to_owned() });
            }
            Reading::Stream(stream) => self.read_whole.lock().unwrap().push(stream.clone()),
            _ => {}
        }
        self.inner.read(what)
    }
    fn claim(&self, epoch: u64, key: String) -> BoxFuture<'static, Result<Claim, JournalError>> {
        self.inner.claim(epoch, key)
    }
    fn fulfil(&self, epoch: u64, key: String, result: Json) -> BoxFuture<'static, Result<(), JournalError>> {
        self.inner.fulfil(epoch, key, result)
    }
    fn keep_snapshot(&self, epoch: u64, snapshot: Snapshot) -> BoxFuture<'static, Result<(), JournalError>> {
        let kept = self.inner.read(Reading::Stream(&snapshot.stream)).unwrap().len() as u64;
        self.snapshots.lock().unwrap().push((snapshot.stream.clone(), snapshot.ver, kept));
        if self.full {
            return Box::pin(std::future::ready(Err(JournalError::Full("not for this".to_owned()))));
        }
        self.inner.keep_snapshot(epoch, snapshot)
    }
    fn snapshots(&self) -> Result<Vec<Snapshot>, JournalError> {
        self.inner.snapshots()
    }
}

pub fn stream_of(agent: &str) -> Stream {
    Stream::Agent { team: "stage".into(), agent: agent.into(), generation: 0 }
}

/// The empty books of an agent on that Stage.
pub fn empty(spec: &AgentSpec) -> Books {
    books(spec, true)
}

/// The empty books of an agent whose team has no policies of its own.
pub fn under_default(spec: &AgentSpec) -> Books {
    books(spec, false)
}

fn books(spec: &AgentSpec, own: bool) -> Books {
    let mut stack = default_stack(spec, &PolicySettings::default());
    if own {
        stack.push(Box::new(Thirds::default()));
    }
    Books::new(Stack::new(stack), TrustView { records: BTreeMap::new(), model: Arc::new(Asymmetric::default()) })
}

/// What a supervisor would have kept at an event of its stream, if its empty books are these.
pub fn snapshot_at(mut books: Books, events: &[Arc<Recorded>]) -> Option<Snapshot> {
    let last = events.last()?;
    facts(events).for_each(|(fact, at)| drop(books.apply(fact, at)));
    let mut settled_at = BTreeMap::new();
    note_settled(&mut settled_at, events);
    Written::of(&books, &settled_at)?.seal(last).ok()
}

/// A snapshot of every agent's stream, each somewhere in what is there of it.
pub fn snapshots(log: &[Arc<Recorded>], turn: usize) -> Vec<Snapshot> {
    let at_some_event = |spec: AgentSpec| {
        let stream = stream_of(&spec.name);
        let events: Vec<_> = log.iter().filter(|event| event.stream == stream).cloned().collect();
        let length = turn * 31 % (events.len() + 1);
        snapshot_at(empty(&spec), &events[..length])
    };
    agents(&Calls::default()).into_iter().filter_map(at_some_event).collect()
}

/// Starts on this journal.
pub async fn start(journal: impl Journal) -> Stage {
    let hold = |builder: bailiwick::Builder| builder.journal(journal).hold_open_goals().snapshot_every(0);
    team(&Calls::default()).with(hold).open().await
}

/// Lets the goal come to its end, everybody being what their whole stream says. Gives all that was recorded.
pub async fn go_on(stage: &Stage, id: GoalId) -> Vec<Arc<Recorded>> {
    stage.audit().await.unwrap();
    stage.bailiwick().resume(id).await.unwrap().await.unwrap();
    stage.audit().await.unwrap();
    stage.log()
}

pub fn goal_of(log: &[Arc<Recorded>]) -> Option<GoalId> {
    log.iter().find_map(|event| match event.stream {
        Stream::Goal(id) => Some(id),
        _ => None,
    })
}

/// Whether a crash can leave the log like this: what one actor records in one turn is kept as a whole.
pub fn can_end_between(before: &Recorded, after: &Recorded) -> bool {
    before.stream != after.stream || before.at != after.at
}

#[tokio::test(start_paused = true)]
async fn wherever_it_was_killed_a_start_from_snapshots_goes_on_event_for_event_like_one_from_the_beginning() {
    let stage = team(&Calls::default()).open().await;
    stage.run(goal()).await;
    let log = stage.log();
    let mut stops = 0;

    for end in (1..log.len()).filter(|end| can_end_between(&log[end - 1], &log[*end])).step_by(2) {
        let prefix = log[..end].to_vec();
        let Some(id) = goal_of(&prefix) else { continue };
        let taken = snapshots(&prefix, end);
        let expected: HashMap<Stream, u64> = taken.iter().map(|one| (one.stream.clone(), one.ver - 1)).collect();
        let watched = Watched::holding(prefix.clone(), taken).await;

        let with = start(watched.clone()).await;
        assert_eq!(*watched.known.lock().unwrap(), expected, "stopped after event {end}");
        assert_eq!(*watched.read_whole.lock().unwrap(), [], "stopped after event {end}: the snapshots were used");
        let went_on = go_on(&with, id).await;
        let without = start(Watched::holding(prefix, []).await).await;
        let from_the_beginning = go_on(&without, id).await;

        same(&went_on, &from_the_beginning, &format!("stopped after event {end}"));
        assert_eq!(with.bailiwick().trust(), without.bailiwick().trust(), "stopped after event {end}");
        stops += usize::from(!expected.is_empty());
    }

    println!("{stops} stops in a log of {} events", log.len());
    assert!(stops > 60, "only {stops} stops");
}

#[tokio::test(start_paused = true)]
async fn a_supervisor_takes_a_snapshot_every_so_many_events_once_they_are_kept_and_its_successor_begins_there() {
    let journal = Watched::late();
    let stage = team(&Calls::default()).with(|b| b.journal(journal.clone()).snapshot_every(20)).open().await;
    let log = play(&stage).await;
    let (trust, open) = (stage.bailiwick().trust(), stage.bailiwick().breakers());
    stage.into_bailiwick().shutdown().await.unwrap();

    let taken = std::mem::take(&mut *journal.snapshots.lock().unwrap());
    assert!(taken.len() > 10, "{taken:?}");
    for (stream, ver, kept) in &taken {
        assert!(ver <= kept, "{stream}: a snapshot of event {ver} came when {kept} were kept");
        let before = taken.iter().filter(|(of, at, _)| of == stream && at < ver).map(|(_, at, _)| *at).max();
        assert!((20..40).contains(&(ver - before.unwrap_or(0))), "{stream}: {ver} after {before:?}");
    }

    let later = team(&Calls::default()).with(|b| b.journal(journal.clone()).snapshot_every(20)).open().await;
    let known: BTreeSet<Stream> = journal.known.lock().unwrap().keys().cloned().collect();
    assert_eq!(known, taken.into_iter().map(|(stream, ..)| stream).collect());
    assert_eq!(*journal.read_whole.lock().unwrap(), [], "nobody's past was read");
    later.audit().await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!((later.bailiwick().trust(), later.bailiwick().breakers()), (trust, open));
    assert_eq!(later.run(mood("late")).await.outcome_word(), "verified");
    let of_ada: Vec<_> = log.into_iter().filter(|event| event.stream == stream_of("ada")).collect();
    assert!(later.agent_stream("ada").starts_with(&of_ada), "whoever wants to read all of it can");
}

#[tokio::test(start_paused = true)]
async fn whoever_follows_the_log_is_told_of_what_a_snapshot_stands_for_too() {
    let stage = team(&Calls::default()).open().await;
    let log = play(&stage).await;
    let journal = Watched::holding(log.clone(), snapshots(&log, 11)).await;

    let (told, missed) = Log::open(Arc::new(journal)).unwrap().tail(100_000).take(100_000);

    let of_agents = |event: &&Arc<Recorded>| matches!(event.stream, Stream::Agent { .. });
    let (told, log): (Vec<_>, Vec<_>) =
        (told.iter().filter(of_agents).collect(), log.iter().filter(of_agents).collect());
    assert_eq!((told, missed), (log, 0), "breakers and trust come to be as they did");
}

#[tokio::test(start_paused = true)]
async fn where_there_is_no_room_for_a_snapshot_nothing_else_happens() {
    let full = Watched { full: true, ..Watched::late() };
    let never = team(&Calls::default()).with(|b| b.journal(Watched::late()).snapshot_every(0)).open().await;
    let expected = play(&never).await;

    let stage = team(&Calls::default()).with(|b| b.journal(full.clone()).snapshot_every(20)).open().await;
    let log = play(&stage).await;

    assert!(full.snapshots.lock().unwrap().len() > 10, "it was tried");
    same(&log, &expected, "no room");
}

#[tokio::test(start_paused = true)]
async fn whoever_asks_for_a_past_that_cannot_be_read_is_told_so_and_gets_no_half_of_it() {
    let stage = team(&Calls::default()).open().await;
    let log = play(&stage).await;
    let journal = Watched::holding(log.clone(), snapshots(&log, 11)).await;
    let stage = team(&Calls::default()).with(|b| b.journal(journal.clone())).open().await;
    let of_sly = log.iter().filter(|event| event.stream == stream_of("sly")).count();
    let again = Goal::new("again").task(Task::new("try", "try it").needs_capability("try").retries(0));
    let id = stage.run(again).await.goal_id;
    assert!(stage.bailiwick().history("sly", 0).unwrap().len() > of_sly);
    let explained = stage.bailiwick().explain(id, "try").unwrap().unwrap();
    assert!(!explained.trips.is_empty(), "{explained}");

    journal.torn.store(true, Ordering::Relaxed);

    let torn = JournalError::Damaged { record: 1, why: "torn".to_owned() };
    assert_eq!(stage.bailiwick().history("sly", 0).err(), Some(torn.clone()));
    assert_eq!(stage.bailiwick().explain(id, "try"), Err(torn));
}

#[tokio::test(start_paused = true)]
async fn a_supervisor_that_dies_is_rebuilt_from_the_snapshot_its_process_began_with() {
    let stage = team(&Calls::default()).open().await;
    let log = play(&stage).await;
    let journal = Watched::holding(log.clone(), snapshots(&log, 11)).await;
    let stage = team(&Calls::default()).with(|b| b.journal(journal.clone())).open().await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let before = stage.bailiwick().trust();

    for agent in ["ada", "moody"] {
        stage.kill_supervisor(agent);
    }
    stage.kill(bailiwick::actors::root::Child::TrustTracker);
    tokio::time::sleep(Duration::from_secs(1)).await;

    assert_eq!(*journal.read_whole.lock().unwrap(), [], "nobody's past was read");
    stage.audit().await.unwrap();
    assert_eq!(stage.bailiwick().trust(), before);
    assert_eq!(stage.run(mood("late")).await.outcome_word(), "verified");
    stage.audit().await.unwrap();
}
