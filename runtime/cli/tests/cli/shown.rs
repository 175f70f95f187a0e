//! `plan`, `graph`, `schema` and `completions`: what is shown before and after a run, and that nothing is started.

use std::{fs, io::Write as _, process::Stdio};

use serde_json::{Value, json};

use crate::support::{Team, keys};

/// Three agents, of whom one may not do the second task, and a handler that only another program has.
const TEAM: &str = r#"
goal = "Read and write"
[inputs.path]
type = "path"
required = true
[agents.ada]
capabilities = ["read"]
command = ["sh", "-c", "touch ran; echo {input.path}"]
reply = "text"
[agents.bo]
capabilities = ["write"]
handler = "writer"
[agents.cy]
capabilities = ["write"]
scripted = [{ output = "written" }]
permissions = ["fs.write:out/*"]
cost_usd_per_task = 0.004
[[tasks]]
id = "read"
goal = "Read it"
needs = ["read"]
verify = { function = "is_read" }
[[tasks]]
id = "write"
goal = "Write it"
needs = ["write"]
after = ["read"]
permissions = ["fs.write:out/*"]
verify = { function = "is_read" }
"#;

#[test]
fn a_plan_names_the_candidates_of_each_task_with_their_terms_and_starts_nothing() {
    let team = Team::new(TEAM);

    let ended = team.bailiwick(&["plan", "team.toml", "--json"]);

    assert_eq!((ended.status, ended.stderr.as_str()), (Some(0), ""), "{ended:?}");
    let json = ended.json();
    assert_eq!(keys(&json), ["goal", "route", "rules", "tasks", "team", "version"]);
    assert_eq!((&json["version"], &json["team"], &json["route"]), (&json!(1), &json!("team"), &json!("plan")));
    let write = &json["tasks"][1];
    assert_eq!(keys(write), ["after", "candidates", "goal", "id", "needs", "optional_after", "passed_over"]);
    assert_eq!((&write["after"], &write["needs"]), (&json!(["read"]), &json!(["write"])));
    assert_eq!(
        write["candidates"],
        json!([{ "agent": "cy", "capability": 1.0, "trust": 0.5, "availability": 1.0, "cost": 0.2, "score": 0.73 }])
    );
    let over: Vec<_> = write["passed_over"].as_array().unwrap().iter().map(|over| &over["agent"]).collect();
    assert_eq!(over, ["bo", "ada"]);
    assert!(!team.path("ran").exists());
}

#[test]
fn a_plan_for_people_is_a_tree_and_takes_another_goal() {
    let ended = Team::new(TEAM).bailiwick(&["plan", "team.toml", "Only this"]);

    let expected = "\
Only this
  team team · 2 tasks · route plan: the goal brings its tasks

task     needs  candidate  score  capability  trust  availability  cost
write    write  cy          0.73        1.00   0.50          1.00  0.20
│                          not bo: missing fs.write:out/*
└─ read  read   ada         0.85        1.00   0.50          1.00  1.00
";
    assert_eq!((ended.status, ended.stdout.as_str()), (Some(0), expected), "{ended:?}");
}

#[test]
fn a_plan_that_cannot_be_made_is_wrong_usage() {
    let nameless = Team::new("[agents.ada]\ncapabilities = [\"a\"]\ncommand = [\"true\"]");
    let unsound = Team::new("goal = \"x\"\ncolour = 1\n[agents.ada]\ncapabilities = [\"a\"]\ncommand = [\"true\"]");

    for ended in [nameless.bailiwick(&["plan", "team.toml"]), unsound.bailiwick(&["plan", "team.toml", "--json"])] {
        assert_eq!((ended.status, ended.stdout.as_str()), (Some(2), ""), "{ended:?}");
        assert!(ended.stderr.contains("next: "), "{ended:?}");
    }
}

#[test]
fn a_run_is_drawn_from_its_events() {
    let team = Team::of_one(
        r#"scripted = [{ output = "nonsense" }, { output = "hello" }]"#,
        r#"verify = { contains = "hello" }"#,
    );
    assert_eq!(team.run(&["--events", "events.jsonl"]).status, Some(0));

    let mermaid = team.bailiwick(&["graph", "--events", "events.jsonl", "--format", "mermaid"]);
    let dot = team.bailiwick(&["graph", "--events", "events.jsonl", "--format", "dot"]);

    let node = r#"    t0["goal<br/>Say hello<br/>1 ada: not verified<br/>2 ada: verified"]:::good"#;
    assert!(mermaid.status == Some(0) && mermaid.stdout.contains(node), "{mermaid:?}");
    let node = r#"    t0 [label="goal\nSay hello\n1 ada: not verified\n2 ada: verified", "#;
    assert!(dot.status == Some(0) && dot.stdout.contains(node), "{dot:?}");
    graphviz_reads(&dot.stdout);
}

/// Asks Graphviz itself, where there is one.
fn graphviz_reads(text: &str) {
    let mut graphviz = std::process::Command::new("dot");
    let Ok(mut child) = graphviz.arg("-Tplain").stdin(Stdio::piped()).stdout(Stdio::null()).spawn() else { return };
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
}

#[test]
fn what_cannot_be_drawn_is_told_with_the_way_out() {
    let team = Team::new("");
    fs::write(team.path("text"), "no event\n").unwrap();
    fs::write(team.path("empty"), "").unwrap();
    let wrong: &[(&[&str], &str)] = &[
        (&["some-goal"], "no goal some-goal"),
        (&["--events", "missing"], "missing"),
        (&["--events", "text"], "line 1"),
        (&["--events", "empty"], "no event"),
        (&["--events", "."], "cannot be read"),
    ];

    for (args, words) in wrong {
        let ended = team.bailiwick(&[&["graph", "--format", "dot"], *args].concat());
        assert_eq!((ended.status, ended.stdout.as_str()), (Some(2), ""), "{args:?}: {ended:?}");
        assert!(ended.stderr.contains(words) && ended.stderr.contains("next: "), "{args:?}: {ended:?}");
    }
}

#[test]
fn the_schema_of_team_files_is_json_as_it_stands() {
    let ended = Team::new("").bailiwick(&["schema"]);

    assert_eq!(ended.status, Some(0), "{ended:?}");
    let schema: Value = ended.json();
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    assert_eq!(schema["additionalProperties"], false);
}

#[test]
fn every_shell_gets_its_completions() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let ended = Team::new("").bailiwick(&["completions", shell]);

        assert_eq!((ended.status, ended.stderr.as_str()), (Some(0), ""), "{ended:?}");
        assert!(ended.stdout.contains("bailiwick") && ended.stdout.contains("graph"), "{shell}");
    }
}
