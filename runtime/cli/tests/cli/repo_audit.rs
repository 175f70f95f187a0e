//! The main job, `examples/teams/repo-audit`, on real folders.

mod planted;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::{Value, json};

use crate::support::{Ended, Team, end, keeps_its_promises, nobody_is_left_in, task};

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// Audits a folder from a place of its own, once for the JSON object.
fn audit(folder: &Path) -> (Ended, Value) {
    let place = Team::new("");
    let child = started(&place, folder, &["--json"]);
    let ended = end(child, 120_000);
    nobody_is_left_in(place.folder.path());
    let json = ended.json();
    keeps_its_promises(&json);
    (ended, json)
}

fn started(place: &Team, folder: &Path, more: &[&str]) -> std::process::Child {
    use std::process::Stdio;
    let mut input = std::ffi::OsString::from("path=");
    input.push(folder);
    let mut command = place.command(&["run"]);
    command.arg(repository().join("examples/teams/repo-audit/team.toml")).arg("--input").arg(input).args(more);
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn report(json: &Value) -> &str {
    json["output"]["content"].as_str().unwrap()
}

fn output<'a>(json: &'a Value, id: &str) -> &'a Value {
    &task(json, id)["output"]["content"]
}

#[test]
fn an_empty_folder_is_audited_and_one_agent_mends_its_answer() {
    let empty = tempfile::tempdir().unwrap();

    let (ended, json) = audit(empty.path());

    assert_eq!((ended.status, &json["outcome"]), (Some(0), &json!("verified")), "{ended:?}");
    assert_eq!((&json["route"], &json["attempts"], &json["reassignments"]), (&json!("plan"), &json!(7), &json!(0)));
    assert!(report(&json).contains("\n- 0 TODO and 0 FIXME in 0 files\n"), "{}", report(&json));
    // The ladder: a schema that was not met, feedback, and an answer that meets it.
    let attempts = task(&json, "largest")["attempts"].as_array().unwrap();
    let [first, second] = &attempts[..] else { panic!("{attempts:?}") };
    assert_eq!((&first["outcome"], &first["code"]), (&json!("not_verified"), &json!("VERIFICATION_FAILED")));
    assert!(first["verdict"]["details"].as_str().unwrap().contains("total_bytes"), "{first}");
    assert_eq!((&second["outcome"], &second["agent"]), (&json!("verified"), &json!("scales")));
    // Trust: 0.5, less a fifth, and a tenth of what was missing to 1.
    for pair in json["trust"].as_array().unwrap() {
        let after = if pair["agent"] == "scales" { 0.46 } else { 0.55 };
        assert_eq!(pair["before"], 0.5, "{pair}");
        assert!((pair["after"].as_f64().unwrap() - after).abs() < 1e-9, "{pair}");
    }
    assert_eq!(json["trust"].as_array().unwrap().len(), 6);
    assert!(ended.stderr.contains("0.50 -> 0.46"), "{}", ended.stderr);
}

#[test]
fn the_steps_of_trust_are_in_the_events() {
    let (place, empty) = (Team::new(""), tempfile::tempdir().unwrap());

    let ended = end(started(&place, empty.path(), &["--events", "events.jsonl"]), 120_000);

    assert_eq!(ended.status, Some(0), "{ended:?}");
    assert!(ended.stdout.starts_with("# Audit of "), "{ended:?}");
    let events = place.read("events.jsonl");
    let events = events.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let steps = events.filter(|event| event["kind"] == "trust_updated" && event["agent"] == "scales");
    let steps: Vec<_> = steps.map(|step| step["data"]["after"].as_f64().unwrap()).collect();
    assert!((steps[0] - 0.40).abs() < 1e-9 && (steps[1] - 0.46).abs() < 1e-9 && steps.len() == 2, "{steps:?}");
}

#[test]
fn what_is_planted_in_awkward_places_is_found_exactly() {
    let folder = planted::Folder::new();

    let (ended, json) = audit(&folder.path);

    assert_eq!((ended.status, &json["outcome"]), (Some(0), &json!("verified")), "{ended:?}");
    folder.is_told_in(&json);
    folder.is_as_it_was();
}

#[test]
fn a_checkout_is_audited_without_what_it_ignores() {
    let folder = planted::Folder::new();
    let git = |args: &[&str]| Command::new("git").current_dir(&folder.path).args(args).output();
    if git(&["init", "--quiet"]).is_err() {
        return;
    }
    fs::write(folder.path.join(".gitignore"), "ignored/\n").unwrap();
    fs::create_dir(folder.path.join("ignored")).unwrap();
    fs::write(folder.path.join("ignored/file.rs"), "// TODO: nobody is to see this\n").unwrap();

    let (ended, json) = audit(&folder.path);

    assert_eq!((ended.status, &json["outcome"]), (Some(0), &json!("verified")), "{ended:?}");
    assert_eq!(output(&json, "inventory")["listing"], "git");
    assert_eq!(output(&json, "history")["state"], "no_commits");
    folder.is_told_in(&json);
}

#[test]
fn this_repository_is_audited() {
    let (ended, json) = audit(&repository());

    assert_eq!((ended.status, &json["outcome"]), (Some(0), &json!("verified")), "{ended:?}");
    let inventory = output(&json, "inventory");
    assert_eq!(inventory["languages"][0]["language"], "Rust", "{inventory}");
    assert_eq!(output(&json, "licences")["spdx"], json!(["Apache-2.0", "MIT"]));
    let todos = output(&json, "todos");
    let found = format!("\n- {} TODO and {} FIXME in ", todos["todo"], todos["fixme"]);
    assert!(report(&json).contains(&found), "{found}");
}

#[test]
fn a_folder_that_cannot_be_read_fails_with_the_reason() {
    let place = Team::new("");
    let file = place.path("a-file");
    fs::write(&file, "no folder\n").unwrap();

    let ended = end(started(&place, &file, &["--json"]), 60_000);

    assert_eq!(ended.status, Some(1), "{ended:?}");
    let json = ended.json();
    let inventory = &task(&json, "inventory")["attempts"];
    assert_eq!(inventory.as_array().unwrap().len(), 1, "another attempt cannot mend it: {inventory}");
    assert!(inventory[0]["error"]["message"].as_str().unwrap().contains("not a folder"), "{inventory}");
    assert_eq!(task(&json, "report")["outcome"], "skipped");
}
