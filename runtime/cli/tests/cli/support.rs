//! What the tests share: a team file in a folder of its own, and the end of the program.

use std::{
    fmt, fs,
    io::Read,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread::{JoinHandle, sleep, spawn},
    time::Duration,
};

use serde_json::Value;
use tempfile::TempDir;

/// A team file in a folder of its own.
pub(crate) struct Team {
    pub(crate) folder: TempDir,
}

impl Team {
    pub(crate) fn new(text: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("team.toml"), format!("version = 1\nname = \"team\"\n{text}")).unwrap();
        Self { folder }
    }

    /// One task, `goal`, for one agent with these keys.
    pub(crate) fn of_one(agent: &str, rest: &str) -> Self {
        let mut top = String::from("goal = \"Say hello\"\nneeds = [\"speak\"]\n");
        top += &format!("{rest}\n[agents.ada]\ncapabilities = [\"speak\"]\n{agent}\n");
        Self::new(&top)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bailiwick"));
        // Whatever it starts is known by the folder it stands in, or by its home.
        let folder = self.folder.path();
        command.args(args).current_dir(folder).env("HOME", folder).stdin(Stdio::null());
        for unset in ["XDG_DATA_HOME", "NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "RUST_BACKTRACE"] {
            command.env_remove(unset);
        }
        command
    }

    pub(crate) fn start(&self, args: &[&str]) -> Child {
        self.command(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// Runs it to its end, which has to come within 30 s.
    pub(crate) fn bailiwick(&self, args: &[&str]) -> Ended {
        end(self.start(args), 30_000)
    }

    pub(crate) fn run(&self, more: &[&str]) -> Ended {
        self.bailiwick(&[&["run", "team.toml"], more].concat())
    }

    /// Waits until the events file tells of this.
    pub(crate) fn until(&self, kind: &str) {
        let told = format!("\"kind\":\"{kind}\"");
        for _ in 0..1_000 {
            if self.read("events.jsonl").contains(&told) {
                return;
            }
            sleep(Duration::from_millis(10));
        }
        panic!("no {kind} after 10 s: {}", self.read("events.jsonl"));
    }
}

/// How the program ended.
pub(crate) struct Ended {
    pub(crate) status: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ended {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|why| panic!("{why}: {self:?}"))
    }
}

/// Much of it is of no help in a failed test.
impl fmt::Debug for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let clip = |text: &str| text.chars().take(4_000).collect::<String>();
        write!(f, "exit {:?}\nstdout: {}\nstderr: {}", self.status, clip(&self.stdout), clip(&self.stderr))
    }
}

/// Waits for the end, which has to come within so many milliseconds.
pub(crate) fn end(mut child: Child, limit_ms: u32) -> Ended {
    let (stdout, stderr) = (drain(child.stdout.take()), drain(child.stderr.take()));
    let ended = (0..limit_ms / 10).find_map(|_| {
        sleep(Duration::from_millis(10));
        child.try_wait().unwrap()
    });
    let status = ended.unwrap_or_else(|| {
        child.kill().unwrap();
        child.wait().unwrap()
    });
    let told = Ended { status: status.code(), stdout: stdout.join().unwrap(), stderr: stderr.join().unwrap() };
    assert!(ended.is_some(), "no end after {limit_ms} ms: {told:?}");
    told
}

/// Reads along, for a full pipe would stop the program.
fn drain(pipe: Option<impl Read + Send + 'static>) -> JoinHandle<String> {
    spawn(move || {
        let mut text = String::new();
        pipe.into_iter().for_each(|mut pipe| {
            pipe.read_to_string(&mut text).unwrap();
        });
        text
    })
}

pub(crate) fn signal(signal: &str, pid: impl ToString) -> bool {
    let kill = Command::new("kill").args([signal, &pid.to_string()]).stderr(Stdio::null()).status();
    kill.unwrap().success()
}

pub(crate) fn keys(value: &Value) -> Vec<&str> {
    let mut keys: Vec<_> = value.as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}

/// The processes that stand in this folder or have it in their environment, and run.
pub(crate) fn left_in(folder: &Path) -> Vec<String> {
    let folder = folder.canonicalize().unwrap();
    let marked = |process: &Path| {
        let environment = fs::read(process.join("environ")).unwrap_or_default();
        let mark = folder.as_os_str().as_encoded_bytes();
        environment.windows(mark.len()).any(|window| window == mark)
            || fs::read_link(process.join("cwd")).is_ok_and(|cwd| cwd.starts_with(&folder))
    };
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten().map(|entry| entry.path());
    let numbered = |path: &PathBuf| path.file_name().is_some_and(|name| name.as_encoded_bytes()[0].is_ascii_digit());
    let ours = processes.filter(numbered).filter(|process| marked(process));
    ours.map(|process| String::from_utf8_lossy(&fs::read(process.join("cmdline")).unwrap_or_default()).into()).collect()
}

/// Says that no process is left, which the system may take a moment to see.
pub(crate) fn nobody_is_left_in(folder: &Path) {
    for _ in 0..100 {
        if left_in(folder).is_empty() {
            return;
        }
        sleep(Duration::from_millis(10));
    }
    panic!("processes are left: {:?}", left_in(folder));
}

/// The keys of the JSON object that `run --json` promises.
pub(crate) const PROMISED: [&str; 16] = [
    "attempts",
    "breakers",
    "code",
    "cost_micro_usd",
    "duration_ms",
    "goal",
    "goal_id",
    "outcome",
    "output",
    "reassignments",
    "route",
    "tasks",
    "trace_id",
    "trust",
    "usage",
    "version",
];
/// The keys of each task in it.
pub(crate) const PROMISED_OF_A_TASK: [&str; 8] =
    ["agent", "attempts", "code", "goal", "id", "outcome", "output", "refusals"];
/// The keys of each attempt in that.
pub(crate) const PROMISED_OF_AN_ATTEMPT: [&str; 9] =
    ["agent", "attempt", "code", "cost_micro_usd", "duration_ms", "error", "outcome", "usage", "verdict"];

/// Says that the object of `run --json` has every key it promises, down to the attempts.
pub(crate) fn keeps_its_promises(json: &Value) {
    assert_eq!(keys(json), PROMISED);
    for task in json["tasks"].as_array().unwrap() {
        assert_eq!(keys(task), PROMISED_OF_A_TASK);
        for attempt in task["attempts"].as_array().unwrap() {
            assert_eq!(keys(attempt), PROMISED_OF_AN_ATTEMPT);
        }
    }
}

/// The task of this id in the object of `run --json`.
pub(crate) fn task<'a>(json: &'a Value, id: &str) -> &'a Value {
    json["tasks"].as_array().unwrap().iter().find(|task| task["id"] == id).unwrap_or_else(|| panic!("no task {id}"))
}
