//! Kills runs with `kill -9`, at random and at named points, and in the middle of a write to their journal, also while
//! they recover, and counts what is lost.
//!
//! Ten seconds of it in every test run; `BAILIWICK_KILL_SECONDS=3600 cargo test -p bailiwick-cli --test kill -- --nocapture`
//! is an hour. The seed of a round that fails is printed; `BAILIWICK_KILL_SEED=N` begins with it.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "programs know no virtual time, and no runtime waits here"
)]

use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Arc,
    thread::sleep,
    time::{Duration, Instant},
};

use bailiwick::{
    actors::audit_log::journal::Reading,
    history,
    protocols::{Event, GoalEvent, Recorded},
};
use bailiwick_journal::JournalReader;
use serde_json::{Value, json};
use tempfile::TempDir;

/// Seven steps, with snapshots so often that every start has some. Each notes that it began, leaves somebody behind in its group, and has one effect by its key.
const TEAM: &str = r#"
version = 1
name = "kill"
goal = "Seven steps"
[defaults]
timeout = "20s"
[journal]
snapshot_every = 8
[agents.ada]
capabilities = ["step"]
command = ["sh", "step.sh"]
reply = "text"
max_concurrent = 2
[agents.bob]
capabilities = ["step"]
command = ["sh", "step.sh"]
reply = "text"
"#;

const STEP: &str = r#"
key=$(sed -n 's/.*"idempotency_key":"\([^"]*\)".*/\1/p')
task=${key##*/}
echo "$task" >> began
sleep 60 > /dev/null 2>&1 &
sleep 0.03
mkdir "effects/$(echo "$key" | tr / _)" 2> /dev/null
echo "done $task"
"#;

const TASKS: [(&str, &[&str]); 7] =
    [("a", &[]), ("b", &[]), ("c", &["a"]), ("d", &["a", "b"]), ("e", &["c"]), ("f", &["c", "d"]), ("g", &["e", "f"])];

/// Where a run is killed as soon as its journal tells of this.
const NAMED: [&str; 12] = [
    "runtime_started",
    "goal_submitted",
    "agent_selected",
    "admitted",
    "started",
    "process_started",
    "reported",
    "settled",
    "attempt_ended",
    "task_completed",
    "goal_resumed",
    "goal_settled",
];

/// What the system kills with where a file would grow beyond its limit.
const SIGXFSZ: i32 = 25;

/// The counts that are promised.
#[derive(Default, Debug)]
struct Counts {
    goals: u32,
    kills: u32,
    kills_in_recovery: u32,
    kills_in_a_write: u32,
    seconds_owners: u32,
    acknowledged: usize,
    acknowledged_lost: usize,
    completed: usize,
    completed_run_again: usize,
    effects_twice: usize,
    orphans: usize,
    results_that_differ: usize,
    snapshots: usize,
    snapshots_that_differ: usize,
}

/// A small generator: the same seed gives the same round, as far as the machine allows.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % limit
    }
}

struct Round {
    folder: TempDir,
    dice: Dice,
}

impl Round {
    fn new(seed: u64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let tasks = TASKS.iter().map(|(id, after)| {
            format!("[[tasks]]\nid = \"{id}\"\ngoal = \"Step {id}\"\nneeds = [\"step\"]\nafter = {after:?}\nverify = {{ contains = \"done\" }}\n")
        });
        fs::write(folder.path().join("team.toml"), TEAM.to_owned() + &tasks.collect::<String>()).unwrap();
        fs::write(folder.path().join("step.sh"), STEP).unwrap();
        fs::write(folder.path().join("began"), "").unwrap();
        fs::create_dir(folder.path().join("effects")).unwrap();
        Self { folder, dice: Dice(seed) }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn start(&self, args: &[&str]) -> Child {
        self.spawn(Command::new(env!("CARGO_BIN_EXE_bailiwick")), args)
    }

    /// The system kills it at the write that would take a file of it beyond so many blocks of 512 bytes: after whatever
    /// of that write still fits.
    fn start_where_files_end(&self, args: &[&str], blocks: u64) -> Child {
        let script = format!("ulimit -c 0; ulimit -f {blocks}; exec \"$0\" \"$@\"");
        let mut shell = Command::new("sh");
        shell.args(["-c", &script, env!("CARGO_BIN_EXE_bailiwick")]);
        self.spawn(shell, args)
    }

    fn spawn(&self, mut command: Command, args: &[&str]) -> Child {
        command.args(args).args(["--journal", "j.db", "--json"]).current_dir(self.folder.path());
        command.env("HOME", self.folder.path()).env_remove("XDG_DATA_HOME");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap()
    }

    /// What can be read by anybody: it was acknowledged.
    fn journal(&self) -> Vec<Arc<Recorded>> {
        JournalReader::open(self.path("j.db")).map(|journal| journal.readable(Reading::All).0).unwrap_or_default()
    }

    fn began(&self) -> BTreeMap<String, usize> {
        let mut began = BTreeMap::new();
        for task in fs::read_to_string(self.path("began")).unwrap_or_default().lines() {
            *began.entry(task.to_owned()).or_default() += 1;
        }
        began
    }

    /// Where its files end, if a write kills it: anywhere in what a whole run writes.
    fn file_end(&mut self) -> Option<u64> {
        (self.dice.below(3) == 0).then(|| 70 + self.dice.below(900))
    }

    /// Waits for a random or a named point, or for the end.
    fn until_its_time(&mut self, child: &mut Child) {
        if self.dice.below(2) == 0 {
            return sleep(Duration::from_millis(self.dice.below(700)));
        }
        let name = NAMED[self.dice.below(NAMED.len() as u64) as usize];
        let before = self.journal().iter().filter(|event| event.event.kind() == name).count();
        let wanted = before + 1 + self.dice.below(3) as usize;
        for _ in 0..400 {
            let now = self.journal().iter().filter(|event| event.event.kind() == name).count();
            if now >= wanted || child.try_wait().unwrap().is_some() {
                return;
            }
            sleep(Duration::from_millis(2));
        }
    }

    fn play(mut self, expected: &Value, counts: &mut Counts) {
        counts.goals += 1;
        let mut read: Vec<Arc<Recorded>> = Vec::new();
        let mut done: BTreeMap<String, usize> = BTreeMap::new();
        let kills = 1 + self.dice.below(4);
        let mut goal: Option<String> = None;
        for kill in 0..kills {
            let args = goal.as_ref().map_or(["run", "team.toml"], |goal| ["resume", goal]);
            let file_end = self.file_end();
            let mut child = match file_end {
                Some(blocks) => self.start_where_files_end(&args, blocks),
                None => self.start(&args),
            };
            if let Some(goal) = goal.as_ref().filter(|_| self.dice.below(4) == 0) {
                // Two who want it: one of them gets it, or both in turn.
                counts.seconds_owners += 1;
                let mut second = self.start(&["resume", goal]);
                sleep(Duration::from_millis(self.dice.below(100)));
                second.kill().unwrap();
                second.wait().unwrap();
            }
            match file_end {
                Some(_) => until_its_end(&mut child),
                None => self.until_its_time(&mut child),
            }
            let now = self.journal();
            child.kill().unwrap();
            let ended = child.wait().unwrap();
            counts.kills += 1;
            counts.kills_in_a_write += u32::from(ended.signal() == Some(SIGXFSZ));
            counts.kills_in_recovery += u32::from(kill > 0);
            self.compare(&read, &now, counts);
            read = now;
            for task in completed(&read) {
                // What was begun by now may have been begun before it completed; what comes later may not.
                done.entry(task.clone()).or_insert_with(|| self.began().get(&task).copied().unwrap_or(0));
            }
            goal = goal.or_else(|| {
                read.iter().find_map(|event| event.stream.to_string().strip_prefix("goal/").map(str::to_owned))
            });
        }
        let last = match &goal {
            Some(goal) => self.start(&["resume", goal]),
            // It died before it had promised anything.
            None => self.start(&["run", "team.toml"]),
        };
        let output = last.wait_with_output().unwrap();
        let now = self.journal();
        self.compare(&read, &now, counts);
        counts.acknowledged += now.len();
        counts.completed += done.len();
        let began = self.began();
        counts.completed_run_again += done.iter().filter(|(task, before)| began[*task] > **before).count();
        let effects = fs::read_dir(self.path("effects")).unwrap().count();
        counts.effects_twice += effects.saturating_sub(TASKS.len());
        let result: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        let found = outcome(&result);
        if found != *expected || effects != TASKS.len() {
            counts.results_that_differ += 1;
            eprintln!("{} effects, status {:?}\n{found:#}", effects, output.status);
        }
        let snapshots = JournalReader::open(self.path("j.db")).and_then(|journal| journal.snapshots()).unwrap();
        let compared = history::compare_snapshots(&now, &snapshots);
        counts.snapshots += compared.snapshots;
        counts.snapshots_that_differ += compared.differences.len();
        counts.orphans += orphans(self.folder.path());
    }

    fn compare(&self, before: &[Arc<Recorded>], after: &[Arc<Recorded>], counts: &mut Counts) {
        let lost = before.iter().zip(after).filter(|(before, after)| before != after).count();
        counts.acknowledged_lost += lost + before.len().saturating_sub(after.len());
    }
}

/// Waits until it has ended: where its files end, or because it was done before.
fn until_its_end(child: &mut Child) {
    for _ in 0..12_000 {
        if child.try_wait().unwrap().is_some() {
            return;
        }
        sleep(Duration::from_millis(5));
    }
    panic!("a run whose files may not grow goes on for a minute");
}

fn completed(events: &[Arc<Recorded>]) -> BTreeSet<String> {
    let task = |event: &Arc<Recorded>| match &event.event {
        Event::Goal(GoalEvent::TaskCompleted { task, .. }) => Some(task.to_string()),
        _ => None,
    };
    events.iter().filter_map(task).collect()
}

/// What must not depend on where it was killed.
fn outcome(report: &Value) -> Value {
    let tasks = report["tasks"].as_array().cloned().unwrap_or_default();
    let tasks: Vec<_> = tasks.iter().map(|task| json!([task["id"], task["outcome"], task["output"]])).collect();
    json!({ "outcome": report["outcome"], "output": report["output"], "tasks": tasks })
}

/// The processes that still stand in this folder.
fn orphans(folder: &Path) -> usize {
    let folder = folder.canonicalize().unwrap();
    let count = || {
        let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
        processes.filter(|process| fs::read_link(process.path().join("cwd")).is_ok_and(|cwd| cwd == folder)).count()
    };
    for _ in 0..100 {
        if count() == 0 {
            return 0;
        }
        sleep(Duration::from_millis(10));
    }
    count()
}

#[test]
fn nothing_acknowledged_is_lost_and_nothing_is_done_twice() {
    let number = |name| env::var(name).ok().and_then(|value| value.parse::<u64>().ok());
    let seconds = number("BAILIWICK_KILL_SECONDS").unwrap_or(10);
    let first = number("BAILIWICK_KILL_SEED").unwrap_or(1);
    let undisturbed = Round::new(0);
    let output = undisturbed.start(&["run", "team.toml"]).wait_with_output().unwrap();
    let expected = outcome(&serde_json::from_slice(&output.stdout).unwrap());
    assert_eq!(expected["outcome"], "verified", "{expected:#}");

    let mut counts = Counts::default();
    let end = Instant::now() + Duration::from_secs(seconds);
    for seed in first.. {
        if Instant::now() > end {
            break;
        }
        let before = (counts.acknowledged_lost, counts.completed_run_again, counts.results_that_differ, counts.orphans);
        Round::new(seed).play(&expected, &mut counts);
        let after = (counts.acknowledged_lost, counts.completed_run_again, counts.results_that_differ, counts.orphans);
        if before != after {
            eprintln!("round with BAILIWICK_KILL_SEED={seed} went wrong");
        }
    }

    println!("{counts:#?}");
    assert!(counts.kills > 0 && counts.kills_in_a_write > 0 && counts.snapshots > 0, "{counts:?}");
    let bad = [
        ("acknowledged events lost", counts.acknowledged_lost),
        ("completed tasks run again", counts.completed_run_again),
        ("duplicate effects with the key", counts.effects_twice),
        ("orphan processes", counts.orphans),
        ("results that differ", counts.results_that_differ),
        ("snapshots that differ from the fold", counts.snapshots_that_differ),
    ];
    for (what, count) in bad {
        println!("{what}: {count}");
    }
    assert!(bad.iter().all(|(_, count)| *count == 0), "{bad:?}");
}
