//! Disks that take no more: the program ends loudly, what was readable stays readable, and every goal goes on later.

use std::{
    fs,
    os::unix::{
        fs::{MetadataExt, PermissionsExt},
        process::CommandExt,
    },
    process::{Command, Stdio},
};

use serde_json::json;

use crate::support::{Ended, Team, end, nobody_is_left_in};

/// Twelve steps of 20 KB each.
fn twelve_steps() -> Team {
    let mut text = String::from("goal = \"Twelve steps\"\n[agents.ada]\ncapabilities = [\"step\"]\nreply = \"text\"\n");
    text += "command = [\"sh\", \"-c\", \"head -c 20000 /dev/zero | tr '\\\\0' x\"]\n";
    (1..=12).for_each(|n| text += &format!("[[tasks]]\nid = \"t{n}\"\ngoal = \"Step\"\nneeds = [\"step\"]\n"));
    Team::new(&text)
}

/// Runs the program where no file may grow beyond so many blocks of 512 bytes: the system refuses to write more.
fn where_files_end(team: &Team, blocks: u32, args: &[&str]) -> Ended {
    let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"");
    let mut command = Command::new("sh");
    command.args(["-c", &script, env!("CARGO_BIN_EXE_bailiwick")]).args(args);
    command.current_dir(team.folder.path()).env("HOME", team.folder.path()).env_remove("XDG_DATA_HOME");
    end(command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap(), 30_000)
}

const JOURNAL: [&str; 2] = ["--journal", "j.db"];

fn asked(team: &Team, args: &[&str]) -> Ended {
    team.bailiwick(&[args, &JOURNAL].concat())
}

#[test]
fn where_the_file_cannot_grow_the_run_ends_loudly_and_goes_on_from_there_when_it_can() {
    let mut done = Vec::new();
    for blocks in [300, 700, 1_500, 3_000] {
        let team = twelve_steps();

        let ended = where_files_end(&team, blocks, &["run", "team.toml", "--journal", "j.db"]);

        assert_eq!((ended.status, ended.stdout.as_str()), (Some(1), ""), "{blocks} blocks: {ended:?}");
        assert!(ended.stderr.contains("cannot be written"), "{blocks} blocks: {ended:?}");
        assert!(ended.stderr.contains("everything that was acknowledged is kept"), "{ended:?}");
        nobody_is_left_in(team.folder.path());
        assert_eq!(asked(&team, &["audit", "verify"]).status, Some(0), "{blocks} blocks");
        let runs = asked(&team, &["runs", "--json"]).json()["runs"].clone();
        assert_eq!(runs[0]["standing"], "interrupted", "{blocks} blocks: {runs}");
        let goal = runs[0]["goal_id"].as_str().unwrap();
        let before = asked(&team, &["events", goal, "--jsonl"]).stdout;
        done.push(before.matches("\"kind\":\"task_completed\"").count());

        let resumed = asked(&team, &["resume", goal, "--json"]);

        assert_eq!(resumed.status, Some(0), "{blocks} blocks: {resumed:?}");
        let tasks = resumed.json()["tasks"].as_array().unwrap().clone();
        assert_eq!(tasks.iter().filter(|task| task["outcome"] == "unverified").count(), 12, "{blocks} blocks");
        assert!(asked(&team, &["events", goal, "--jsonl"]).stdout.starts_with(&before), "what was told stays told");
        assert_eq!(asked(&team, &["audit", "verify"]).status, Some(0), "{blocks} blocks");
    }
    assert!(done.iter().any(|done| (1..12).contains(done)), "it ended in the middle of the work: {done:?}");
}

#[test]
fn where_there_is_no_room_for_a_goal_nothing_is_started() {
    // At the journal's first page, and where it begins and the goal has no room.
    for blocks in [1, 200] {
        let team = twelve_steps();

        let ended = where_files_end(&team, blocks, &["run", "team.toml", "--journal", "j.db"]);

        assert_eq!((ended.status, ended.stdout.as_str()), (Some(1), ""), "{blocks} blocks: {ended:?}");
        assert!(ended.stderr.contains("cannot be written"), "{blocks} blocks: {ended:?}");
        assert_eq!(asked(&team, &["run", "team.toml"]).status, Some(0), "what was begun is no obstacle");
    }
}

/// The files of the journal, and whether anybody may write them and beside them.
fn writable(team: &Team, is_writable: bool) {
    let (file, folder) = if is_writable { (0o644, 0o755) } else { (0o444, 0o555) };
    for entry in fs::read_dir(team.folder.path()).unwrap().map(Result::unwrap) {
        if entry.file_name().to_string_lossy().starts_with("j.db") {
            fs::set_permissions(entry.path(), PermissionsExt::from_mode(file)).unwrap();
        }
    }
    fs::set_permissions(team.folder.path(), PermissionsExt::from_mode(folder)).unwrap();
}

/// Asks as somebody whom permissions bind: root, whom they do not bind, becomes nobody.
fn asked_by_anybody(team: &Team, args: &[&str]) -> Ended {
    let mut command = team.command(&[args, &JOURNAL].concat());
    if fs::metadata(team.folder.path()).unwrap().uid() == 0 {
        // The program itself may lie where nobody may look.
        let program = team.path("program");
        let mut other = Command::new(&program);
        other.args(command.get_args()).current_dir(team.folder.path()).env("HOME", team.folder.path());
        other.stdin(Stdio::null()).env_remove("XDG_DATA_HOME").uid(65_534).gid(65_534);
        command = other;
    }
    end(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap(), 30_000)
}

fn contents(team: &Team) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<_> = fs::read_dir(team.folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("j.db")))
        .map(|path| (path.display().to_string(), fs::read(path).unwrap()))
        .collect();
    files.sort();
    files
}

#[test]
fn a_journal_that_may_only_be_read_is_read_and_left_alone_and_its_goal_goes_on_later() {
    let team = twelve_steps();
    fs::copy(env!("CARGO_BIN_EXE_bailiwick"), team.path("program")).unwrap();
    where_files_end(&team, 1_500, &["run", "team.toml", "--journal", "j.db"]);
    let events = asked(&team, &["runs", "--json"]).json()["runs"].clone();
    let goal = events[0]["goal_id"].as_str().unwrap().to_owned();
    let told = asked(&team, &["events", &goal, "--jsonl"]).stdout;
    writable(&team, false);
    let before = contents(&team);

    let read = asked_by_anybody(&team, &["events", &goal, "--jsonl"]);
    let runs = asked_by_anybody(&team, &["runs", "--json"]);
    let audit = asked_by_anybody(&team, &["audit", "verify"]);
    let writers: [&[&str]; 4] =
        [&["run", "team.toml"], &["resume", &goal], &["cancel", &goal], &["runs", "prune", "--older-than", "0s"]];
    let refused = writers.map(|args| asked_by_anybody(&team, args));

    assert!(!told.is_empty());
    assert_eq!((read.status, &read.stdout), (Some(0), &told), "nothing that was acknowledged is left out");
    assert_eq!((runs.status, &runs.json()["runs"][0]["standing"]), (Some(0), &json!("interrupted")));
    assert_eq!(audit.status, Some(0), "{audit:?}");
    for refused in refused {
        assert_eq!((refused.status, refused.stdout.as_str()), (Some(1), ""), "{refused:?}");
        assert!(refused.stderr.contains("cannot be written"), "{refused:?}");
    }
    assert!(contents(&team) == before, "nothing was changed");
    writable(&team, true);
    assert!(fs::metadata(team.path("j.db-wal")).unwrap().len() > 0);
    fs::rename(team.path("j.db-shm"), team.path("aside")).unwrap();
    writable(&team, false);
    let half = asked_by_anybody(&team, &["events", &goal]);
    assert_eq!((half.status, half.stdout.as_str()), (Some(1), ""), "half of it is not shown as all of it: {half:?}");
    assert!(half.stderr.contains("newest records in the log beside it"), "{half:?}");

    writable(&team, true);
    let resumed = asked(&team, &["resume", &goal, "--json"]);
    assert_eq!((resumed.status, &resumed.json()["outcome"]), (Some(0), &json!("unverified")), "{resumed:?}");
}
