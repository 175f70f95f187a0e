//! What retention lets go of, what it keeps, and that the rest is as sound as before.

use std::{
    collections::{BTreeSet, HashMap},
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use bailiwick::{
    ResumeError,
    actors::audit_log::journal::{Claim, Journal, JournalError, Reading},
    history,
    prelude::*,
    protocols::{
        AgentFact, Cost, Event, GoalEvent, GoalId, Json, Outcome, PolicyFact, Recorded, Stream, Timestamp, Usage,
    },
};
use bailiwick_journal::{JournalReader, SqliteJournal};
use rusqlite::Connection;
use tempfile::TempDir;

/// Every goal of the fixture ended longer ago, and none of a test has.
const A_MINUTE: Duration = Duration::from_secs(60);

/// The journal of 0.1.0: four goals that ended, one that is open.
fn old() -> (TempDir, PathBuf) {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/0.1.0.db");
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("team.db");
    fs::copy(from, &to).unwrap();
    (folder, to)
}

fn read(path: &Path) -> Vec<Arc<Recorded>> {
    JournalReader::open(path).unwrap().read(Reading::All).unwrap()
}

fn pruned(path: &Path, age: Duration) -> Result<(), JournalError> {
    SqliteJournal::open(path)?.retain(age).begin().map(drop)
}

fn ended(events: &[Arc<Recorded>]) -> BTreeSet<GoalId> {
    let is_over = |own: &[Arc<Recorded>]| own.iter().any(|event| event.event.kind() == "goal_settled");
    history::goals(events).into_iter().filter(|(_, own)| is_over(own)).map(|(goal, _)| goal).collect()
}

fn seqs(events: &[Arc<Recorded>]) -> Vec<u64> {
    events.iter().map(|event| event.seq).collect()
}

#[test]
fn nothing_goes_unless_it_is_asked_for() {
    let (_folder, path) = old();
    let before = read(&path);

    SqliteJournal::open(&path).unwrap().begin().unwrap();

    assert_eq!(read(&path), before);
    assert_eq!(JournalReader::open(&path).unwrap().removed().unwrap(), []);
}

#[test]
fn goals_that_ended_long_ago_go_and_everything_else_is_as_it_was_and_as_sound() {
    let (_folder, path) = old();
    let before = read(&path);
    let gone = ended(&before);
    let is_kept = |event: &&Arc<Recorded>| !matches!(event.stream, Stream::Goal(goal) if gone.contains(&goal));
    let kept: Vec<_> = before.iter().filter(is_kept).cloned().collect();

    pruned(&path, A_MINUTE).unwrap();

    let reader = JournalReader::open(&path).unwrap();
    assert_eq!(read(&path), kept);
    assert_eq!((gone.len(), history::goals(&kept).len()), (4, 1), "the open one stays");
    assert_eq!(reader.removed().unwrap().iter().map(|removed| removed.goal).collect::<BTreeSet<_>>(), gone);
    assert_eq!(history::breakers(&kept), history::breakers(&before));
    assert_eq!(history::lessons(&kept), history::lessons(&before));
    let verified = reader.verify().unwrap();
    assert_eq!((verified.records, verified.removed), (kept.len() as u64, (before.len() - kept.len()) as u64));
    // Every reader agrees, wherever it begins.
    for after in 0..=before.len() as u64 {
        let due: Vec<u64> = seqs(&kept).into_iter().filter(|seq| *seq > after).collect();
        assert_eq!(seqs(&reader.read(Reading::After(after)).unwrap()), due, "after {after}");
    }
    for stream in before.iter().map(|event| &event.stream).collect::<BTreeSet<_>>() {
        let due: Vec<_> = kept.iter().filter(|event| event.stream == *stream).cloned().collect();
        assert_eq!(reader.read(Reading::Stream(stream)).unwrap(), due, "{stream}");
    }
}

#[tokio::test]
async fn a_team_goes_on_over_what_is_left_and_a_later_removal_joins_the_first() {
    let (_folder, path) = old();
    let gone = ended(&read(&path));
    let open = *history::goals(&read(&path)).keys().find(|goal| !gone.contains(goal)).unwrap();
    let dan = agent_fn("dan", ["wait"], |_| async { Ok(Output::text("at last")) });
    let journal = SqliteJournal::open(&path).unwrap().retain(A_MINUTE);

    let bailiwick = Bailiwick::builder().name("fixture").agent(dan).journal(journal).start().await.unwrap();
    let report = bailiwick.resume(open).await.unwrap().await.unwrap();
    let unknown = bailiwick.resume(*gone.first().unwrap()).await.err();
    bailiwick.submit(Goal::new("one more").needs_capability("wait")).await.unwrap().await.unwrap();
    bailiwick.shutdown().await.unwrap();

    assert_eq!((report.outcome_word(), report.attempts()), ("unverified", 2));
    assert!(matches!(unknown, Some(ResumeError::Unknown(_))), "{unknown:?}");
    let reader = JournalReader::open(&path).unwrap();
    let first = reader.verify().unwrap();
    assert_eq!(history::goals(&read(&path)).len(), 2);
    pruned(&path, Duration::ZERO).unwrap();
    let second = reader.verify().unwrap();
    assert_eq!(history::goals(&read(&path)).len(), 0);
    assert_eq!((reader.removed().unwrap().len(), second.records + second.removed), (6, first.records + first.removed));
    let gaps: Vec<(u64, u64)> = Connection::open(&path)
        .unwrap()
        .prepare("SELECT first, last FROM gaps ORDER BY last")
        .unwrap()
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    assert!(gaps.windows(2).all(|two| two[0].1 + 1 < two[1].0), "what follows each other is one run: {gaps:?}");
}

#[test]
fn what_is_missing_without_being_told_is_damage_as_before() {
    let (_folder, path) = old();
    pruned(&path, A_MINUTE).unwrap();
    let sound = fs::read(&path).unwrap();
    let harm = [
        "DELETE FROM events WHERE seq = (SELECT min(seq) FROM events)",
        "DELETE FROM events WHERE seq = (SELECT max(seq) FROM events)",
        "DELETE FROM events WHERE seq = (SELECT first - 1 FROM gaps ORDER BY last LIMIT 1)",
        "DELETE FROM gaps WHERE last = (SELECT min(last) FROM gaps)",
        "DELETE FROM gaps",
        "UPDATE gaps SET first = first - 1",
        "UPDATE gaps SET first = first + 1",
        "UPDATE gaps SET last = last + 1 WHERE last = (SELECT max(last) FROM gaps)",
        "UPDATE gaps SET last = last - 1 WHERE last = (SELECT min(last) FROM gaps)",
        "UPDATE gaps SET hash = zeroblob(32) WHERE last = (SELECT min(last) FROM gaps)",
        "INSERT INTO gaps SELECT seq, seq, hash FROM events ORDER BY seq LIMIT 1",
    ];

    for harm in harm {
        fs::write(&path, &sound).unwrap();
        let sqlite = Connection::open(&path).unwrap();
        assert!(sqlite.execute(harm, []).unwrap() > 0, "{harm}");
        drop(sqlite);

        let found = JournalReader::open(&path).unwrap().verify();

        assert!(matches!(found, Err(JournalError::Damaged { .. })), "{harm}: {found:?}");
        let begun = SqliteJournal::open(&path).unwrap().retain(A_MINUTE).begin();
        assert!(matches!(begun, Err(JournalError::Damaged { .. })), "{harm}: {begun:?}");
    }
}

#[test]
fn a_removal_that_fails_half_way_has_removed_nothing() {
    let (_folder, path) = old();
    let before = read(&path);
    let last = ended(&before).iter().filter_map(|goal| last_of(&before, *goal)).max().unwrap();
    // The first opening brings the file to this schema.
    SqliteJournal::open(&path).unwrap();
    let sqlite = Connection::open(&path).unwrap();
    let stop = format!(
        "CREATE TRIGGER stop BEFORE DELETE ON events WHEN old.seq = {last} BEGIN SELECT RAISE(ABORT, 'no'); END"
    );
    sqlite.execute(&stop, []).unwrap();

    let error = pruned(&path, A_MINUTE).unwrap_err();

    assert!(error.to_string().contains("no"), "{error}");
    assert_eq!(read(&path), before);
    let reader = JournalReader::open(&path).unwrap();
    assert_eq!((reader.removed().unwrap().len(), reader.verify().unwrap().removed), (0, 0));
    sqlite.execute("DROP TRIGGER stop", []).unwrap();
    pruned(&path, A_MINUTE).unwrap();
    assert_eq!(reader.removed().unwrap().len(), 4);
}

fn last_of(events: &[Arc<Recorded>], goal: GoalId) -> Option<u64> {
    events.iter().rfind(|event| event.stream == Stream::Goal(goal)).map(|event| event.seq)
}

/// Goals of which nothing is recorded but that they ended, at these times.
async fn ends(path: &Path, at: &[Timestamp]) -> Vec<GoalId> {
    let journal = SqliteJournal::open(path).unwrap();
    let epoch = journal.begin().unwrap().epoch;
    let goal = |number: usize| format!("0198a000-0000-7000-8000-00000000000{number}").parse().unwrap();
    let goals: Vec<GoalId> = (1..=at.len()).map(goal).collect();
    let settled = || GoalEvent::GoalSettled {
        outcome: Outcome::Verified,
        code: None,
        output: None,
        usage: Usage::default(),
        cost: Cost::FREE,
    };
    let events = goals.iter().zip(at).zip(1..).map(|((goal, at), seq)| {
        let (stream, event) = (Stream::Goal(*goal), Event::Goal(settled()));
        Arc::new(Recorded { seq, stream, ver: 1, at: *at, cause: None, trace: None, event })
    });
    journal.append(epoch, events.collect()).await.unwrap();
    goals
}

#[tokio::test]
async fn a_fact_of_a_policy_that_is_called_like_the_end_of_a_goal_ends_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("team.db");
    ends(&path, &[Timestamp::from_millis(1); 2]).await;
    let journal = SqliteJournal::open(&path).unwrap().retain(A_MINUTE);
    let epoch = journal.begin().unwrap().epoch;
    let fact = PolicyFact::new("own", "goal_settled", 1);
    let (stream, event) = ("agent/team/ada".parse().unwrap(), Event::Agent(AgentFact::Policy(fact)));
    let at = Timestamp::from_millis(2);
    let own = Recorded { seq: 3, stream, ver: 1, at, cause: None, trace: None, event };
    journal.append(epoch, vec![Arc::new(own.clone()), Arc::new(Recorded { seq: 4, ver: 2, ..own })]).await.unwrap();

    let live = journal.read(Reading::Live { after: &HashMap::new() }).unwrap();
    drop(journal);
    pruned(&path, A_MINUTE).unwrap();

    assert_eq!(seqs(&live), [3, 4]);
    assert_eq!(seqs(&read(&path)), [3, 4]);
}

fn removed(path: &Path) -> Vec<GoalId> {
    JournalReader::open(path).unwrap().removed().unwrap().iter().map(|removed| removed.goal).collect()
}

#[tokio::test]
async fn age_counts_from_the_end_of_a_goal_and_the_end_of_the_chain_stays() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("team.db");
    let long_ago = Timestamp::from_millis(1);
    let goals = ends(&path, &[long_ago, history::now(), long_ago]).await;

    pruned(&path, A_MINUTE).unwrap();

    assert_eq!(removed(&path), goals[..1]);
    assert_eq!(seqs(&read(&path)), [2, 3], "the chain ends with the last one");
}

#[tokio::test]
async fn an_effect_that_may_have_been_had_keeps_its_goal() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("team.db");
    let goals = ends(&path, &[Timestamp::from_millis(1); 3]).await;
    let journal = SqliteJournal::open(&path).unwrap();
    let epoch = journal.begin().unwrap().epoch;
    let keys = [0, 1].map(|goal: usize| format!("{}/pay/invoice", goals[goal]));
    for key in keys.clone() {
        journal.claim(epoch, key).await.unwrap();
    }
    journal.fulfil(epoch, keys[0].clone(), Json("paid".into())).await.unwrap();
    drop(journal);

    pruned(&path, A_MINUTE).unwrap();

    assert_eq!(removed(&path), goals[..1]);
    let journal = SqliteJournal::open(&path).unwrap();
    let epoch = journal.begin().unwrap().epoch;
    assert_eq!(journal.claim(epoch, keys[1].clone()).await.unwrap(), Claim::Uncertain);
    let claims: u32 =
        Connection::open(&path).unwrap().query_row("SELECT count(*) FROM claims", [], |r| r.get(0)).unwrap();
    assert_eq!(claims, 1, "what was paid for a goal that is gone is not kept either");
}

#[tokio::test]
async fn large_contents_go_with_the_last_record_that_names_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("team.db");
    let ada = agent_fn("ada", ["write"], |task| async move {
        let length = if task.task().as_str() == "whole" { 80_000 } else { 40_000 };
        Ok(Output::text(task.task().as_str().repeat(length / 5)))
    });
    let bailiwick = Bailiwick::builder().agent(ada).journal(SqliteJournal::open(&path).unwrap()).start().await.unwrap();
    let task = |id: &str| Task::new(id, "write").needs_capability("write");
    // Two halves are joined in the goal's stream only; what is whole stands in the agent's stream too.
    for goal in [Goal::new("halves").task(task("left_")).task(task("right")), Goal::new("one").task(task("whole"))] {
        bailiwick.submit(goal).await.unwrap().await.unwrap();
    }
    bailiwick.shutdown().await.unwrap();
    let payloads = || -> Vec<String> {
        let sqlite = Connection::open(&path).unwrap();
        let mut select = sqlite.prepare("SELECT substr(body, 2, 5) FROM payloads ORDER BY 1").unwrap();
        select.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
    };
    assert_eq!(payloads(), ["left_", "whole"]);

    pruned(&path, Duration::ZERO).unwrap();

    assert_eq!(payloads(), ["whole"]);
    assert_eq!(removed(&path).len(), 2);
    JournalReader::open(&path).unwrap().verify().unwrap();
}
