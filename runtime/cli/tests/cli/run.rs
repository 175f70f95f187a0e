//! `bailiwick run` and `check`: what is printed where, and the exit status it ends with.

use std::{path::PathBuf, thread::sleep, time::Duration};

use serde_json::{Value, json};

use crate::support::{Team, end, keeps_its_promises, keys, nobody_is_left_in, signal};

/// Hangs.
const HANGS: &str = r#"command = ["sh", "-c", "exec sleep 60"]
reply = "text""#;

#[test]
fn a_verified_output_is_on_stdout_and_the_summary_on_stderr() {
    let team = Team::of_one(r#"scripted = [{ output = "hello" }]"#, r#"verify = { contains = "hello" }"#);

    let ended = team.run(&[]);

    assert_eq!((ended.status, ended.stdout.as_str()), (Some(0), "hello\n"), "{ended:?}");
    assert!(ended.stderr.contains("verified") && ended.stderr.contains("ada"), "{ended:?}");
    assert!(!ended.stderr.contains('\u{1b}'), "no terminal, no colours: {ended:?}");
}

#[test]
fn an_output_that_nobody_was_to_check_is_good_enough() {
    let team = Team::of_one(r#"scripted = [{ output = "hello" }]"#, "");

    let ended = team.run(&["--json"]);

    assert_eq!(ended.status, Some(0), "{ended:?}");
    assert_eq!(ended.json()["outcome"], "unverified");
}

#[test]
fn an_output_that_does_not_meet_its_contract_fails_the_goal() {
    let rest = "verify = { contains = \"goodbye\" }\n[defaults]\nretries = 0";
    let team = Team::of_one(r#"scripted = [{ output = "hello" }]"#, rest);

    let ended = team.run(&["--json"]);

    assert_eq!(ended.status, Some(1), "{ended:?}");
    let json = ended.json();
    assert_eq!((&json["outcome"], &json["code"]), (&json!("not_verified"), &json!("VERIFICATION_FAILED")));
    assert_eq!(json["tasks"][0]["attempts"][0]["verdict"]["passed"], false);
    assert!(ended.stderr.contains("next: "), "{ended:?}");
}

#[test]
fn a_hung_program_is_stopped_at_its_timeout_and_none_is_left() {
    let team = Team::of_one(HANGS, "[defaults]\nretries = 0\ntimeout = \"500ms\"");

    let ended = team.run(&["--json"]);

    assert_eq!(ended.status, Some(1), "{ended:?}");
    assert_eq!(ended.json()["tasks"][0]["attempts"][0]["error"]["code"], "TIMEOUT");
    nobody_is_left_in(team.folder.path());
}

#[test]
fn the_wall_of_the_goal_ends_it_whoever_set_it() {
    let in_file = Team::of_one(HANGS, "[budget]\nwall = \"500ms\"").run(&[]);
    let by_flag = Team::of_one(HANGS, "[budget]\nwall = \"10m\"").run(&["--timeout", "500ms", "--json"]);

    assert_eq!((in_file.status, in_file.stdout.as_str()), (Some(5), ""), "{in_file:?}");
    assert_eq!(by_flag.status, Some(5), "{by_flag:?}");
    assert_eq!(by_flag.json()["outcome"], "expired");
}

#[test]
fn a_program_that_is_not_there_fails_its_attempt() {
    let team = Team::of_one(r#"command = ["no-such-program-here"]"#, "");

    let ended = team.run(&["--json"]);

    assert_eq!(ended.status, Some(1), "{ended:?}");
    let attempts = &ended.json()["tasks"][0]["attempts"];
    assert_eq!(attempts[0]["error"]["code"], "AGENT_ERROR");
    assert_eq!(attempts.as_array().unwrap().len(), 1, "the same agent is not asked again");
    assert!(ended.stderr.contains("no-such-program-here"), "{ended:?}");
}

#[test]
fn a_panic_of_an_agent_is_its_failure_and_not_a_defect_of_the_program() {
    let team = Team::of_one("scripted = [{ panic = true }]", "[defaults]\nretries = 0");

    let ended = team.run(&["--json"]);

    assert_eq!(ended.status, Some(1), "{ended:?}");
    assert_eq!(ended.json()["tasks"][0]["attempts"][0]["error"]["code"], "AGENT_ERROR");
    assert!(!ended.stderr.contains("panicked at"), "{ended:?}");
}

#[test]
fn a_missing_permission_refuses_the_goal_and_names_what_is_missing() {
    let text = r#"
goal = "Write it down"
[agents.ada]
capabilities = ["write"]
scripted = [{ output = "done" }]
permissions = ["fs.read:docs/*"]
[[tasks]]
id = "write"
goal = "Write"
needs = ["write"]
permissions = ["fs.write:out/*"]
"#;

    let ended = Team::new(text).run(&["--json"]);

    assert_eq!(ended.status, Some(4), "{ended:?}");
    let json = ended.json();
    assert_eq!((&json["outcome"], &json["code"]), (&json!("refused"), &json!("UNAUTHORIZED")));
    let task = &json["tasks"][0];
    assert_eq!((&task["attempts"], &task["agent"]), (&json!([]), &Value::Null));
    assert_eq!((&task["refusals"][0]["agent"], &task["refusals"][0]["code"]), (&json!("ada"), &json!("UNAUTHORIZED")));
    assert!(task["refusals"][0]["reason"].as_str().unwrap().contains("fs.write:out/*"), "{task}");
}

#[test]
fn a_capability_that_nobody_has_is_named_before_anything_runs() {
    let team = Team::new(
        r#"
goal = "Say hello"
[agents.ada]
capabilities = ["speak"]
command = ["sh", "-c", "touch ran; echo hello"]
reply = "text"
[[tasks]]
id = "hello"
goal = "Say it"
needs = ["speek"]
"#,
    );

    let ended = team.run(&["--events", "events.jsonl"]);

    assert_eq!((ended.status, ended.stdout.as_str()), (Some(2), ""), "{ended:?}");
    assert!(ended.stderr.contains("speek") && ended.stderr.contains("speak"), "{ended:?}");
    assert!(!team.path("ran").exists() && !team.path("events.jsonl").exists());
}

#[test]
fn wrong_usage_and_unusable_files_end_with_2_and_leave_stdout_empty() {
    let good = r#"scripted = [{ output = "hello" }]"#;
    let team = Team::of_one(good, "");
    let wrong: &[&[&str]] = &[
        &[],
        &["resume", "some-goal"],
        &["run"],
        &["run", "no-such-file.toml"],
        &["run", "team.toml", "--journal", "no/such/folder/j.db"],
        &["run", "team.toml", "--journal", "team.toml"],
        &["show", "some-goal"],
        &["runs", "--journal", "no-such.db"],
        &["run", "team.toml", "--input", "path=."],
        &["run", "team.toml", "--input", "path"],
        &["run", "team.toml", "--timeout", "soon"],
        &["run", "team.toml", "   "],
        &["run", "team.toml", "--json", "--events", "no/such/folder/events.jsonl"],
        &["run", "team.toml", "--events", "team.toml"],
        &["check", "no-such-file.toml", "--json"],
    ];

    for args in wrong {
        let ended = team.bailiwick(args);
        assert_eq!((ended.status, ended.stdout.as_str()), (Some(2), ""), "{args:?}: {ended:?}");
        assert!(!ended.stderr.is_empty(), "{args:?}");
    }
    for text in ["goal = [", "goal = \"x\"\ncolour = 1\n[agents.ada]\ncapabilities = [\"a\"]\nscripted = []"] {
        let ended = Team::new(text).run(&["--json"]);
        assert_eq!((ended.status, ended.stdout.as_str()), (Some(2), ""), "{text}: {ended:?}");
        // Where it stands, and what to do.
        assert!(ended.stderr.contains("team.toml:") && ended.stderr.contains("next: "), "{ended:?}");
    }
}

#[test]
fn code_that_only_another_program_has_is_refused_with_the_way_out() {
    let ended = Team::of_one(r#"handler = "speaker""#, "").run(&[]);

    assert_eq!((ended.status, ended.stdout.as_str()), (Some(2), ""), "{ended:?}");
    assert!(ended.stderr.contains("speaker") && ended.stderr.contains("from_team"), "{ended:?}");
}

#[test]
fn check_says_what_a_file_holds_or_everything_that_is_wrong_with_it() {
    let sound = Team::of_one(r#"scripted = [{ output = "hello" }]"#, "");
    let with_code = Team::of_one(r#"handler = "speaker""#, "");
    let unsound = Team::of_one("scripted = []\ncolour = 1", "");

    let (ok, ok_json) = (sound.bailiwick(&["check", "team.toml"]), sound.bailiwick(&["check", "team.toml", "--json"]));
    let (bad, code) =
        (unsound.bailiwick(&["check", "team.toml", "--json"]), with_code.bailiwick(&["check", "team.toml"]));

    assert_eq!((ok.status, ok.stdout.as_str(), ok.stderr.as_str()), (Some(0), "ok: 1 agent, 0 tasks\n", ""));
    assert_eq!(ok_json.json(), json!({ "version": 1, "ok": true, "problems": [] }));
    assert_eq!((bad.status, bad.stdout.as_str()), (Some(2), ""), "{bad:?}");
    let problems: Value = serde_json::from_str(&bad.stderr).unwrap();
    assert_eq!(problems["ok"], false);
    assert_eq!(keys(&problems["problems"][0]), ["column", "help", "line", "message", "pointer"]);
    assert!(problems["problems"].as_array().unwrap().len() >= 2, "all problems at once: {problems}");
    assert!(code.status == Some(0) && code.stdout.contains("from_team"), "{code:?}");
}

#[test]
fn the_json_object_has_every_promised_key() {
    let text = r#"
goal = "Count and tell"
[agents.ada]
capabilities = ["count"]
scripted = [{ output = "many" }, { output = "3" }]
[agents.bo]
capabilities = ["tell"]
scripted = [{ output = "There are 3" }]
[[tasks]]
id = "count"
goal = "Count"
needs = ["count"]
verify = { regex = "^[0-9]+$" }
[[tasks]]
id = "tell"
goal = "Tell"
needs = ["tell"]
after = ["count"]
verify = { contains = "3" }
"#;

    let ended = Team::new(text).run(&["--json", "--seed", "7"]);

    assert_eq!(ended.status, Some(0), "{ended:?}");
    let json = ended.json();
    keeps_its_promises(&json);
    assert_eq!((&json["version"], &json["outcome"], &json["code"]), (&json!(1), &json!("verified"), &Value::Null));
    assert_eq!((&json["route"], &json["attempts"]), (&json!("plan"), &json!(3)));
    assert_eq!(json["output"], json!({ "format": "text", "content": "There are 3" }));
    assert_eq!((&json["cost_micro_usd"], &json["reassignments"]), (&json!(0), &json!(0)));
    assert_eq!(json["trace_id"].as_str().unwrap().len(), 32);
    for key in ["input_tokens", "output_tokens", "calls"] {
        assert_eq!(json["usage"][key], 0);
    }
    let count = &json["tasks"][0];
    let outcomes = [&count["attempts"][0]["outcome"], &count["attempts"][1]["outcome"]];
    assert_eq!(outcomes, [&json!("not_verified"), &json!("verified")]);
    let verdict = &count["attempts"][0]["verdict"];
    assert_eq!(keys(verdict), ["abstained", "details", "method", "passed", "score"]);
    // 0.5, a failure, and a success: one pair, from first to last.
    let trust: Vec<_> = json["trust"].as_array().unwrap().iter().filter(|pair| pair["agent"] == "ada").collect();
    assert_eq!(trust.len(), 1, "{json}");
    assert_eq!((&trust[0]["capability"], &trust[0]["before"]), (&json!("count"), &json!(0.5)));
    assert!((trust[0]["after"].as_f64().unwrap() - 0.46).abs() < 1e-3, "{json}");
}

#[test]
fn the_events_file_holds_the_stream_of_the_goal_line_by_line() {
    let team = Team::of_one(r#"scripted = [{ output = "hello" }]"#, r#"verify = { contains = "hello" }"#);

    let ended = team.run(&["--json", "--events", "events.jsonl"]);

    assert_eq!(ended.status, Some(0), "{ended:?}");
    let text = team.read("events.jsonl");
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let goal = &ended.json()["goal_id"];
    for (line, gseq) in lines.iter().zip(1_u64..) {
        let promised = [
            "agent", "at", "attempt", "cause", "data", "goal", "gseq", "kind", "seq", "stream", "task", "trace", "v",
            "ver",
        ];
        assert_eq!(keys(line), promised);
        assert_eq!((&line["gseq"], &line["ver"], &line["goal"]), (&json!(gseq), &json!(gseq), goal));
        assert_eq!(line["stream"].as_str(), Some(format!("goal/{}", goal.as_str().unwrap()).as_str()));
        assert!(line["data"].is_object(), "{line}");
    }
    assert!(lines.windows(2).all(|pair| pair[0]["seq"].as_u64() < pair[1]["seq"].as_u64()));
    let kinds: Vec<_> = lines.iter().map(|line| line["kind"].as_str().unwrap()).collect();
    assert_eq!((kinds.first(), kinds.last()), (Some(&"goal_submitted"), Some(&"goal_settled")));
    for kind in ["task_decomposed", "task_assigned", "task_started", "verification_passed", "task_completed"] {
        assert!(kinds.contains(&kind), "{kind} is missing: {kinds:?}");
    }
}

#[test]
fn events_that_cannot_be_written_do_not_disturb_the_goal_and_are_told() {
    if !PathBuf::from("/dev/full").exists() {
        return;
    }
    let team = Team::of_one(r#"scripted = [{ output = "hello" }]"#, "");

    let ended = team.run(&["--events", "/dev/full"]);

    assert_eq!((ended.status, ended.stdout.as_str()), (Some(1), "hello\n"), "{ended:?}");
    assert!(ended.stderr.contains("/dev/full is incomplete"), "{ended:?}");
}

#[test]
fn a_reader_who_has_gone_is_no_error() {
    let team = Team::of_one(r#"scripted = [{ delay = "300ms", output = "hello" }]"#, "");
    let mut child = team.start(&["run", "team.toml", "--json"]);

    drop(child.stdout.take());
    let ended = end(child, 30_000);

    assert_eq!(ended.status, Some(0), "{ended:?}");
    assert!(!ended.stderr.contains("panic") && !ended.stderr.contains("error"), "{ended:?}");
}

#[test]
fn colours_are_forced_and_forbidden() {
    let team = Team::of_one(r#"scripted = [{ output = "hello" }]"#, "");

    let forced = team.run(&["--color", "always"]);
    let plain = team.run(&["--color=never"]);

    assert!(forced.stderr.contains('\u{1b}') && !plain.stderr.contains('\u{1b}'), "{forced:?} {plain:?}");
    assert_eq!((forced.stdout.as_str(), plain.stdout.as_str()), ("hello\n", "hello\n"));
}

/// Two steps; the first takes a second.
const TWO_STEPS: &str = r#"
goal = "Two steps"
[agents.ada]
capabilities = ["step"]
command = ["sh", "-c", "sleep 1; echo done"]
reply = "text"
[[tasks]]
id = "first"
goal = "First"
needs = ["step"]
[[tasks]]
id = "second"
goal = "Second"
needs = ["step"]
after = ["first"]
"#;

#[test]
fn at_the_first_ctrl_c_nothing_new_starts_and_what_runs_is_recorded() {
    let team = Team::new(TWO_STEPS);
    let child = team.start(&["run", "team.toml", "--json", "--events", "events.jsonl"]);
    team.until("task_started");

    assert!(signal("-INT", child.id()));
    let ended = end(child, 10_000);

    assert_eq!(ended.status, Some(130), "{ended:?}");
    let json = ended.json();
    assert_eq!((&json["outcome"], &json["code"]), (&json!("parked"), &json!(null)));
    assert_eq!(json["tasks"][0]["attempts"][0]["outcome"], "unverified", "{json}");
    assert_eq!(json["tasks"][1]["attempts"], json!([]), "{json}");
    assert!(ended.stderr.contains("nothing new starts") && ended.stderr.contains("bailiwick resume "), "{ended:?}");
    assert!(team.read("events.jsonl").contains("goal_parked"));
}

#[test]
fn the_second_ctrl_c_ends_everything_within_three_seconds() {
    let team = Team::of_one(HANGS, "");
    let child = team.start(&["run", "team.toml", "--json", "--events", "events.jsonl"]);
    team.until("task_started");

    assert!(signal("-INT", child.id()));
    sleep(Duration::from_millis(300));
    assert!(signal("-INT", child.id()));
    let ended = end(child, 3_000);

    assert_eq!((ended.status, &ended.json()["outcome"]), (Some(130), &json!("parked")), "{ended:?}");
    nobody_is_left_in(team.folder.path());
}

#[test]
fn sigterm_ends_everything_within_three_seconds_also_what_ignores_it() {
    let stubborn = r#"command = ["sh", "-c", "trap '' TERM INT; while :; do sleep 1; done"]"#;
    let team = Team::of_one(stubborn, "");
    let child = team.start(&["run", "team.toml", "--events", "events.jsonl"]);
    team.until("task_started");
    sleep(Duration::from_millis(300));

    assert!(signal("-TERM", child.id()));
    let ended = end(child, 3_000);

    assert_eq!((ended.status, ended.stdout.as_str()), (Some(143), ""), "{ended:?}");
    nobody_is_left_in(team.folder.path());
}
