//! What journals remember: runs that were interrupted and go on, and what can be asked of them afterwards.

use std::{fs, process::Command, thread::sleep, time::Duration};

use serde_json::{Value, json};

use crate::support::{Ended, Team, end, left_in, nobody_is_left_in, signal, task};

/// Two steps; each says that it ran, and the first takes as long as a file is missing.
const TWO_STEPS: &str = r#"
goal = "Two steps"
[agents.ada]
capabilities = ["step"]
command = ["sh", "-c", "echo ran >> $(cat); while [ -e team.toml ] && [ ! -e go ]; do sleep 0.05; done; echo done"]
reply = "text"
[[tasks]]
id = "first"
goal = "First"
needs = ["step"]
verify = { contains = "done" }
[[tasks]]
id = "second"
goal = "Second"
needs = ["step"]
after = ["first"]
verify = { contains = "done" }
"#;

/// A team of two steps whose program notes each start in `log`.
fn two_steps() -> Team {
    let team = Team::new(&TWO_STEPS.replace("echo ran >> $(cat)", "echo ran >> log"));
    fs::write(team.path("log"), "").unwrap();
    team
}

fn starts(team: &Team) -> usize {
    team.read("log").lines().count()
}

fn runs(team: &Team, more: &[&str]) -> Value {
    let ended = team.bailiwick(&[&["runs", "--json"], more].concat());
    assert_eq!(ended.status, Some(0), "{ended:?}");
    ended.json()["runs"].clone()
}

/// Kills a run -9 in the middle of its first step; returns the goal.
fn killed(team: &Team) -> String {
    let mut child = team.start(&["run", "team.toml", "--events", "events.jsonl"]);
    team.until("task_started");
    for _ in 0..200 {
        if starts(team) == 1 {
            break;
        }
        sleep(Duration::from_millis(10));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let runs = runs(team, &[]);
    assert_eq!((&runs[0]["standing"], &runs[0]["outcome"]), (&json!("interrupted"), &Value::Null), "{runs}");
    runs[0]["goal_id"].as_str().unwrap().to_owned()
}

fn status(ended: &Ended) -> Option<i32> {
    ended.status
}

#[test]
fn what_kill_9_interrupted_goes_on_without_its_team_file_and_leaves_nobody_behind() {
    let team = two_steps();
    let goal = killed(&team);
    fs::remove_file(team.path("team.toml")).unwrap();
    fs::write(team.path("go"), "").unwrap();

    let resumed = team.bailiwick(&["resume", &goal, "--json"]);

    assert_eq!(status(&resumed), Some(0), "{resumed:?}");
    let json = resumed.json();
    assert_eq!((&json["outcome"], &json["goal_id"]), (&json!("verified"), &json!(goal)));
    assert_eq!(task(&json, "first")["attempts"][0]["code"], "LOST");
    assert_eq!(starts(&team), 3, "first, first again, second");
    nobody_is_left_in(team.folder.path());

    // Once more: the stored report, and nobody is asked.
    let again = team.bailiwick(&["resume", &goal, "--json"]);
    assert_eq!((status(&again), &again.json()["outcome"]), (Some(0), &json!("verified")), "{again:?}");
    assert_eq!(starts(&team), 3);
    let shown = team.bailiwick(&["show", &goal, "--json"]);
    assert_eq!(shown.json()["tasks"], json["tasks"]);
    assert_eq!(runs(&team, &[])[0]["standing"], "ended");
}

#[test]
fn ctrl_c_parks_and_the_printed_command_goes_on() {
    let team = two_steps();
    let child = team.start(&["run", "team.toml", "--events", "events.jsonl", "--journal", "own place.db"]);
    team.until("task_started");

    assert!(signal("-INT", child.id()));
    sleep(Duration::from_millis(300));
    fs::write(team.path("go"), "").unwrap();
    let parked = end(child, 10_000);

    assert_eq!((status(&parked), parked.stdout.as_str()), (Some(130), ""), "{parked:?}");
    let journal = ["--journal", "own place.db"];
    assert_eq!(runs(&team, &journal)[0]["standing"], "parked");
    let command = parked.stderr.lines().find_map(|line| line.trim().strip_prefix("resume it with: bailiwick "));
    let script = format!("exec \"$0\" {}", command.expect("a resume command"));
    let resumed = Command::new("sh").args(["-c", &script, env!("CARGO_BIN_EXE_bailiwick")]).output().unwrap();
    assert!(resumed.status.success(), "{resumed:?}");
    assert_eq!(starts(&team), 2, "each step once");
}

#[test]
fn a_second_run_on_an_owned_journal_starts_nothing_and_names_its_owner() {
    let team = two_steps();
    let mut child = team.start(&["run", "team.toml", "--events", "events.jsonl"]);
    team.until("task_started");

    let second = team.run(&[]);
    let goal = runs(&team, &[])[0]["goal_id"].as_str().unwrap().to_owned();
    let resumed = team.bailiwick(&["resume", &goal]);
    let beside = team.run(&["--journal", "beside.db", "--timeout", "1s"]);

    assert_eq!((status(&second), second.stdout.as_str()), (Some(1), ""), "{second:?}");
    assert!(second.stderr.contains(&child.id().to_string()) && second.stderr.contains("--journal FILE"), "{second:?}");
    assert_eq!((status(&resumed), resumed.stdout.as_str()), (Some(1), ""), "{resumed:?}");
    assert!(resumed.stderr.contains(&goal) && resumed.stderr.contains(&child.id().to_string()), "{resumed:?}");
    assert_eq!(status(&beside), Some(5), "{beside:?}");
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_goal_is_canceled_at_work_and_without_an_owner() {
    let team = two_steps();
    let child = team.start(&["run", "team.toml", "--json", "--events", "events.jsonl"]);
    team.until("task_started");
    let goal = runs(&team, &[])[0]["goal_id"].as_str().unwrap().to_owned();

    let canceled = team.bailiwick(&["cancel", &goal]);
    let ended = end(child, 10_000);

    assert_eq!(status(&canceled), Some(0), "{canceled:?}");
    assert_eq!((status(&ended), &ended.json()["outcome"]), (Some(1), &json!("canceled")), "{ended:?}");

    let goal = {
        fs::remove_file(team.path("events.jsonl")).unwrap();
        fs::write(team.path("log"), "").unwrap();
        killed(&team)
    };
    let canceled = team.bailiwick(&["cancel", &goal]);
    assert_eq!(status(&canceled), Some(0), "{canceled:?}");
    let runs = runs(&team, &[]);
    assert_eq!((&runs[0]["standing"], &runs[0]["outcome"]), (&json!("ended"), &json!("canceled")), "{runs}");
    assert_eq!(starts(&team), 1, "nobody was asked again");
    nobody_is_left_in(team.folder.path());
}

/// Three programs at once: one is done soon, one has half a second, and one takes no notice of anybody.
const THREE_AT_ONCE: &str = r#"
goal = "Three at once"
[agents.quick]
capabilities = ["quick"]
command = ["sh", "-c", "sleep 60 & echo done"]
reply = "text"
[agents.late]
capabilities = ["late"]
command = ["sh", "-c", "sleep 60 & (trap '' TERM; sleep 60 & wait) & wait"]
reply = "text"
[agents.deaf]
capabilities = ["deaf"]
command = ["sh", "-c", "trap '' TERM INT HUP; sleep 60 & while :; do sleep 1; done"]
reply = "text"
[[tasks]]
id = "quick"
goal = "Be quick"
needs = ["quick"]
[[tasks]]
id = "late"
goal = "Be late"
needs = ["late"]
timeout = "500ms"
retries = 0
[[tasks]]
id = "deaf"
goal = "Hear nothing"
needs = ["deaf"]
"#;

#[test]
fn a_goal_of_which_one_program_was_late_and_another_was_canceled_leaves_none_of_their_children() {
    let team = Team::new(THREE_AT_ONCE);
    let child = team.start(&["run", "team.toml", "--json", "--events", "events.jsonl"]);
    team.until("task_failed");
    let goal = runs(&team, &[])[0]["goal_id"].as_str().unwrap().to_owned();
    assert!(!left_in(team.folder.path()).is_empty(), "one of them is still at work");

    let canceled = team.bailiwick(&["cancel", &goal]);
    let ended = end(child, 10_000);

    assert_eq!(status(&canceled), Some(0), "{canceled:?}");
    let json = ended.json();
    assert_eq!((status(&ended), &json["outcome"]), (Some(1), &json!("canceled")), "{ended:?}");
    let told = |id: &str| (task(&json, id)["outcome"].clone(), task(&json, id)["code"].clone());
    assert_eq!(told("quick"), (json!("unverified"), Value::Null), "{json}");
    assert_eq!(told("late"), (json!("failed"), json!("TIMEOUT")), "{json}");
    assert_eq!(told("deaf"), (json!("canceled"), json!("CANCELED")), "{json}");
    nobody_is_left_in(team.folder.path());
}

#[test]
fn a_journal_answers_what_happened_and_why() {
    let team = Team::new(
        r#"
        goal = "Say it"
        [journal]
        snapshot_every = 5
        [agents.ada]
        capabilities = ["speak"]
        scripted = [{ output = "nonsense" }, { output = "hello" }]
        permissions = ["fs.read:docs/*"]
        [agents.bob]
        capabilities = ["speak"]
        scripted = [{ output = "hello" }]
        permissions = ["fs.write:out/*"]
        cost_usd_per_task = 0.5
        [[tasks]]
        id = "say"
        goal = "Say hello"
        needs = ["speak"]
        verify = { contains = "hello" }
        "#,
    );
    let ran = team.run(&["--json", "--events", "events.jsonl"]);
    let goal = ran.json()["goal_id"].as_str().unwrap().to_owned();
    let ask = |args: &[&str]| {
        let ended = team.bailiwick(args);
        assert_eq!(status(&ended), Some(0), "{args:?}: {ended:?}");
        ended
    };

    assert_eq!(ask(&["events", &goal, "--jsonl"]).stdout, team.read("events.jsonl"));
    let from: Value =
        serde_json::from_str(ask(&["events", &goal, "--jsonl", "--from", "3"]).stdout.lines().next().unwrap()).unwrap();
    assert_eq!(from["gseq"], 3);
    assert!(ask(&["events", &goal, "--follow"]).stdout.contains("say: "));
    let replayed = ask(&["replay", &goal[..13]]).stdout;
    assert!(replayed.contains("fold to what is stored"), "{replayed}");
    assert!(replayed.contains("agents' snapshots: 1, each the fold of what came before it"), "{replayed}");
    assert!(ask(&["audit", "verify"]).stdout.contains("sound"));
    let why = ask(&["why", &goal, "say"]).stdout;
    for word in ["capability", "trust", "availability", "cost", "bob", "mandate", "circuit_breaker", "contains"] {
        assert!(why.contains(word), "{word}: {why}");
    }
    assert!(why.contains("ada takes authority away, by attenuation"), "what bob may do: {why}");
    let trust = ask(&["trust", "--json"]).json();
    assert_eq!(trust["trust"][0]["agent"], "ada");
    assert_eq!(ask(&["trust", "--history", "--json"]).json()["history"].as_array().unwrap().len(), 2);
    assert_eq!(ask(&["breakers", "--json"]).json()["breakers"], json!([]));
    assert_eq!(status(&team.bailiwick(&["why", &goal, "nothing"])), Some(2));
    assert_eq!(status(&team.bailiwick(&["show", "0198a000-0000-7000-8000-000000000001"])), Some(2));
}

#[test]
fn breakers_outlive_their_process_and_are_released_from_outside() {
    let team = Team::of_one(
        r#"scripted = [{ output = "nonsense" }]"#,
        "verify = { contains = \"hello\" }\n[defaults]\nretries = 3",
    );
    assert_eq!(status(&team.run(&[])), Some(1));
    assert_eq!(team.bailiwick(&["breakers", "--json"]).json()["breakers"][0]["state"], "open");
    let refused = team.run(&["--json"]);
    assert_eq!((status(&refused), &refused.json()["code"]), (Some(4), &json!("UNAVAILABLE")), "{refused:?}");

    let released = team.bailiwick(&["breakers", "release", "ada"]);

    assert_eq!(status(&released), Some(0), "{released:?}");
    assert_eq!(team.bailiwick(&["breakers", "--json"]).json()["breakers"], json!([]));
    assert_eq!(status(&team.run(&["--json"])), Some(1), "it is asked again");
}

#[test]
fn a_flipped_byte_is_named_and_what_stands_before_it_stays_readable() {
    let team = Team::of_one(r#"scripted = [{ output = "a very particular output" }]"#, "");
    let ran = team.run(&["--json", "--journal", "j.db"]);
    let goal = ran.json()["goal_id"].as_str().unwrap().to_owned();
    let mut bytes = fs::read(team.path("j.db")).unwrap();
    let needle = b"a very particular output";
    let last = bytes.windows(needle.len()).rposition(|window| window == needle).unwrap();
    bytes[last] ^= 1;
    fs::write(team.path("j.db"), &bytes).unwrap();

    let verified = team.bailiwick(&["audit", "verify", "--journal", "j.db"]);
    let events = team.bailiwick(&["events", &goal, "--journal", "j.db"]);
    let run = team.run(&["--journal", "j.db"]);

    assert_eq!((status(&verified), verified.stdout.as_str()), (Some(1), ""), "{verified:?}");
    assert!(verified.stderr.contains("record "), "{verified:?}");
    assert_eq!(status(&events), Some(1), "{events:?}");
    assert!(events.stdout.contains("submitted"), "{events:?}");
    assert_eq!((status(&run), run.stdout.as_str()), (Some(1), ""), "{run:?}");
    assert_eq!(fs::read(team.path("j.db")).unwrap(), bytes, "nothing is repaired or overwritten");
}

/// Wrong twice, then right.
const THIRD_TIME: &str = r#"
goal = "Two and two"
[agents.ada]
capabilities = ["sum"]
cost_usd_per_task = 0.01
scripted = [{ output = "5" }, { output = "5" }, { output = "4" }]
[[tasks]]
id = "sum"
goal = "2 + 2"
needs = ["sum"]
verify = { equals = "4" }
"#;

#[test]
fn a_goal_is_decided_anew_by_other_rules_without_calling_anybody() {
    let team = Team::new(THIRD_TIME);
    let run = team.bailiwick(&["run", "team.toml", "--json"]);
    assert_eq!(run.status, Some(0), "{run:?}");
    let goal = run.json()["goal_id"].as_str().unwrap().to_owned();
    fs::write(team.path("strict.toml"), "[policy.breaker]\nfailures_in_row = 2\n").unwrap();
    fs::write(team.path("wrong.toml"), "[policy.braker]\nfailures_in_row = 2\n").unwrap();

    let same = team.bailiwick(&["replay", &goal, "--policy", "team.toml"]);
    let strict = team.bailiwick(&["replay", &goal, "--policy", "strict.toml"]);
    let wrong = team.bailiwick(&["replay", &goal, "--policy", "wrong.toml"]);

    assert_eq!(status(&same), Some(0), "{same:?}");
    assert!(same.stdout.contains("nothing of it changes"), "{same:?}");
    assert_eq!(status(&strict), Some(0), "{strict:?}");
    assert!(strict.stdout.contains("trip of sum: then none; now 2 failures in a row"), "{strict:?}");
    assert!(strict.stdout.contains("refusal: then none; now breaker open for sum until"), "{strict:?}");
    assert!(strict.stdout.contains("cost: then 0.030000 USD; now 0.020000 USD"), "{strict:?}");
    assert_eq!((status(&wrong), wrong.stdout.as_str()), (Some(2), ""), "{wrong:?}");
    assert!(wrong.stderr.contains("did you mean `breaker`?"), "{wrong:?}");
}
