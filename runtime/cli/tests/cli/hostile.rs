//! Programs that misbehave: each fails its own attempt with the reason, and harms nobody else.

use std::{fs, os::unix::fs::PermissionsExt, time::Instant};

use serde_json::Value;

use crate::support::{Ended, Team, keeps_its_promises, left_in, nobody_is_left_in, task};

/// How a program misbehaves, and what its attempt is told to have ended with: the code, and words of the reason.
struct Misbehaviour {
    id: &'static str,
    argv: &'static [&'static str],
    code: &'static str,
    reason: &'static str,
}

const fn shell(
    id: &'static str,
    argv: &'static [&'static str],
    code: &'static str,
    reason: &'static str,
) -> Misbehaviour {
    Misbehaviour { id, argv, code, reason }
}

const MISBEHAVIOURS: &[Misbehaviour] = &[
    shell("hangs", &["sh", "-c", "exec sleep 60"], "TIMEOUT", ""),
    shell("ignores-sigterm", &["sh", "-c", "trap '' TERM INT HUP; while :; do sleep 1; done"], "TIMEOUT", ""),
    shell("hangs-with-children", &["sh", "-c", "sleep 60 & sleep 60 & (sleep 60 & wait) & wait"], "TIMEOUT", ""),
    shell("floods-stdout", &["sh", "-c", "exec yes 'all work and no play'"], "INVALID_OUTPUT", "8388608 bytes"),
    shell("floods-stderr", &["sh", "-c", "exec yes >&2"], "TIMEOUT", ""),
    shell("invalid-utf-8", &["sh", "-c", r#"printf '{"output":"\377\376"}'"#], "INVALID_OUTPUT", "UTF-8"),
    shell("half-an-object", &["sh", "-c", r#"printf '{"output":"hel'"#], "INVALID_OUTPUT", "JSON"),
    shell("two-objects", &["sh", "-c", r#"echo '{"output":1}{"output":2}'"#], "INVALID_OUTPUT", "JSON"),
    shell("silent", &["true"], "INVALID_OUTPUT", "JSON"),
    shell("another-shape", &["sh", "-c", r#"echo '{"ouput":"hello"}'"#], "INVALID_OUTPUT", "ou"),
    shell("exit-status", &["sh", "-c", "echo 'disk full' >&2; exit 3"], "AGENT_ERROR", "3"),
    shell("kills-itself", &["sh", "-c", "kill -9 $$"], "AGENT_ERROR", "signal"),
    shell("missing", &["no-such-program-anywhere"], "AGENT_ERROR", "no-such-program-anywhere"),
    shell("missing-path", &["./no/such/program"], "AGENT_ERROR", "no/such/program"),
    shell("not-executable", &["./plain-file"], "AGENT_ERROR", "plain-file"),
    shell("a-folder", &["./folder"], "AGENT_ERROR", "folder"),
];

fn agent(id: &str, argv: &[&str]) -> String {
    // A JSON list of strings is a TOML one, too.
    let argv = serde_json::to_string(argv).unwrap();
    format!("[agents.{id}]\ncapabilities = [\"{id}\"]\ncommand = {argv}\nenv = [\"PATH\", \"HOME\"]\n")
}

fn asked(id: &str, after: &[&str]) -> String {
    format!("[[tasks]]\nid = \"{id}\"\ngoal = \"Do it\"\nneeds = [\"{id}\"]\nafter = {after:?}\n")
}

/// All of them at once, beside a chain of two honest tasks.
fn everybody() -> Team {
    let mut text = String::from("goal = \"Survive\"\n[defaults]\nretries = 0\ntimeout = \"1500ms\"\n");
    let honest = r#"cat >/dev/null; echo '{"output":"honest"}'"#;
    for id in ["first", "second"] {
        text += &agent(id, &["sh", "-c", honest]);
    }
    text += &(asked("first", &[]) + &asked("second", &["first"]));
    for Misbehaviour { id, argv, .. } in MISBEHAVIOURS {
        text += &(agent(id, argv) + &asked(id, &[]));
    }
    let team = Team::new(&text);
    fs::write(team.path("plain-file"), "#!/bin/sh\necho '{\"output\":1}'\n").unwrap();
    fs::set_permissions(team.path("plain-file"), fs::Permissions::from_mode(0o644)).unwrap();
    fs::create_dir(team.path("folder")).unwrap();
    team
}

#[test]
fn whatever_programs_do_is_told_of_their_own_attempt_and_the_others_go_on() {
    let team = everybody();

    let ended = team.run(&["--json"]);

    assert_eq!(ended.status, Some(1), "{ended:?}");
    let json = ended.json();
    keeps_its_promises(&json);
    assert_eq!(task(&json, "second")["output"]["content"], "honest");
    for Misbehaviour { id, code, reason, .. } in MISBEHAVIOURS {
        let task = task(&json, id);
        let attempts = task["attempts"].as_array().unwrap();
        assert_eq!((&task["outcome"], &task["code"], attempts.len()), (&"failed".into(), &(*code).into(), 1), "{task}");
        let error = &attempts[0]["error"];
        assert_eq!(error["code"], *code, "{task}");
        assert!(error["message"].as_str().unwrap().contains(reason), "{id}: {error}");
    }
    let error = |id| task(&json, id)["attempts"][0]["error"].clone();
    assert!(error("exit-status")["stderr"].as_str().unwrap().contains("disk full"), "{}", error("exit-status"));
    nobody_is_left_in(team.folder.path());
}

#[test]
fn a_process_that_is_left_would_be_seen() {
    if !std::path::Path::new("/proc/self/cwd").exists() {
        return;
    }
    let team = Team::new("");
    let mut child = std::process::Command::new("sleep").arg("60").current_dir(team.folder.path()).spawn().unwrap();

    assert_eq!(left_in(team.folder.path()).len(), 1);

    child.kill().unwrap();
    child.wait().unwrap();
    nobody_is_left_in(team.folder.path());
}

#[test]
fn an_attempt_ends_with_its_program_whatever_its_children_hold_open() {
    let script = r#"sleep 60 & echo '{"output":"mine"}'"#;
    let team = Team::new(&format!("goal = \"Fork\"\n{}{}", agent("forks", &["sh", "-c", script]), asked("forks", &[])));
    let begin = Instant::now();

    let ended = team.run(&["--json"]);

    assert_eq!(ended.status, Some(0), "{ended:?}");
    assert_eq!(ended.json()["output"]["content"], "mine");
    assert!(begin.elapsed().as_secs() < 20, "it waited for the child");
    nobody_is_left_in(team.folder.path());
}

/// A task that hands 1.5 MB to a program which does this.
fn after_much(script: &str) -> Ended {
    let much =
        r#"awk 'BEGIN { printf "{\"output\":\""; for (i = 0; i < 150000; i++) printf "0123456789"; print "\"}" }'"#;
    let agents = agent("talks", &["sh", "-c", much]) + &agent("listens", &["sh", "-c", script]);
    let tasks = asked("talks", &[]) + &asked("listens", &["talks"]);
    Team::new(&format!("goal = \"Listen\"\n[defaults]\nretries = 0\ntimeout = \"10s\"\n{agents}{tasks}"))
        .run(&["--json"])
}

#[test]
fn a_program_need_not_read_what_it_is_handed() {
    let scripts = [
        r#"echo '{"output":"deaf"}'"#,
        r#"exec <&-; sleep 0.1; echo '{"output":"deaf"}'"#,
        r#"head -c 10 >/dev/null; echo '{"output":"deaf"}'"#,
        r#"echo '{"output":"deaf"}'; exec >&-; exec 2>&-; sleep 0.1"#,
    ];

    for script in scripts {
        let ended = after_much(script);
        assert_eq!(ended.status, Some(0), "{script}: {ended:?}");
        assert_eq!(ended.json()["output"]["content"], "deaf", "{script}");
    }
}

#[test]
fn a_program_that_reads_all_of_it_gets_all_of_it() {
    let ended = after_much(r#"printf '{"output":%s}' "$(wc -c)""#);

    let read = ended.json()["output"]["content"].as_u64();
    assert!(ended.status == Some(0) && read.is_some_and(|bytes| bytes > 1_500_000), "{read:?}");
}

#[test]
fn a_program_is_told_only_of_the_variables_it_was_granted() {
    let script = r#"printf '{"output":"%s"}' "$(env | cut -d= -f1 | sort | tr '\n' ' ')""#;
    let text =
        format!("goal = \"Tell\"\n[agents.ada]\ncapabilities = [\"tell\"]\ncommand = {:?}\n", ["sh", "-c", script]);
    let team = Team::new(&text);
    let mut command = team.command(&["run", "team.toml", "--json"]);
    let output = command.env("SECRET_TOKEN", "hunter2").output().unwrap();

    let json: Value = serde_json::from_slice(&output.stdout).unwrap();

    let told = json["output"]["content"].as_str().unwrap();
    assert!(told.contains("PATH") && told.contains("TRACEPARENT"), "{told}");
    assert!(!told.contains("SECRET_TOKEN") && !told.contains("HOME"), "{told}");
}
