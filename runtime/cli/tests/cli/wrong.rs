//! What is wrong is told before anything starts: all of it, where it stands, and what to do.

use std::fs;

use crate::support::Team;

/// What is wrong, line by line: the words behind each are looked for in what is said about that line.
const WRONG: &[(&str, &[&str])] = &[
    ("version = 2", &["/version", "version = 1"]),
    ("name = \"team\"", &[]),
    ("goall = \"x\"", &["/goall", "did you mean `goal`"]),
    ("goal = 7", &["/goal", "a string"]),
    ("[inputs.path]", &[]),
    ("type = \"pth\"", &["/inputs/path/type", "did you mean `path`"]),
    ("requird = true", &["/inputs/path/requird", "did you mean `required`"]),
    ("[defaults]", &[]),
    ("timeout = \"20 parsecs\"", &["/defaults/timeout", "20s"]),
    ("retries = -1", &["/defaults/retries", "0 or more"]),
    ("[limits]", &[]),
    ("tasks = 0", &["/limits/tasks", "1 or more"]),
    ("[agents.ada]", &[]),
    ("capabilities = []", &["/agents/ada/capabilities", "at least one"]),
    ("command = []", &["/agents/ada/command", "list the program"]),
    ("permissions = [\"fs.read\"]", &["/agents/ada/permissions/0", "fs.read:repo/*"]),
    ("max_concurent = 2", &["/agents/ada/max_concurent", "did you mean `max_concurrent`"]),
    ("api_key = \"hunter2\"", &["/agents/ada/api_key", "api_key_env"]),
    ("[agents.bo]", &["/agents/bo", "keep one of"]),
    ("capabilities = [\"a\"]", &[]),
    ("scripted = [{ outputt = \"x\" }]", &["/agents/bo/scripted/0/outputt", "did you mean `output`"]),
    ("command = [\"sh\"]", &[]),
    ("[[tasks]]", &[]),
    ("id = \"a\"", &[]),
    ("goal = \"\"", &["/tasks/0/goal", "blank"]),
    ("needs = [\"aa\"]", &["/tasks/0/needs/0", "did you mean `a`"]),
    ("after = [\"b\"]", &["/tasks/0/after/0", "a -> b -> a"]),
    ("verify = { regex = \"(\" }", &["/tasks/0/verify/regex", "unclosed"]),
    ("complexity = 9", &["/tasks/0/complexity", "from 1 to 5"]),
    ("[[tasks]]", &[]),
    ("id = \"b\"", &[]),
    ("goal = \"y\"", &[]),
    ("after = [\"a\", \"zz\"]", &["/tasks/1/after/1", "`zz`"]),
    ("verify = { contians = \"x\" }", &["/tasks/1/verify/contians", "did you mean `contains`"]),
    ("[[tasks]]", &[]),
    ("id = \"b\"", &["/tasks/2/id", "choose another id"]),
    ("goal = \"z\"", &[]),
    ("verify = { schema = \"missing.json\" }", &["/tasks/2/verify/schema", "missing.json"]),
    ("[verify]", &[]),
    ("judge = \"is it good\"", &["/verify/judge", "[judges]"]),
    ("[policy]", &[]),
    ("weights = { capability = 1.35 }", &["/policy/weights/capability", "from 0 to 1"]),
];

#[test]
fn everything_wrong_with_a_team_file_is_told_at_once_with_line_pointer_and_suggestion() {
    let team = Team::new("");
    let text: String = WRONG.iter().map(|(line, _)| format!("{line}\n")).collect();
    fs::write(team.path("team.toml"), text).unwrap();

    let (run, check) = (team.run(&["--events", "events.jsonl"]), team.bailiwick(&["check", "team.toml"]));

    assert_eq!((run.status, run.stdout.as_str()), (Some(2), ""), "{run:?}");
    assert_eq!((check.status, check.stdout.as_str(), &check.stderr), (Some(2), "", &run.stderr), "{check:?}");
    assert!(!team.path("events.jsonl").exists(), "nothing was started");
    for ((line, words), number) in WRONG.iter().zip(1..) {
        // What is said of a line goes on, indented, below its place.
        let place = format!("team.toml:{number}:");
        let said: String = blocks(&run.stderr).into_iter().filter(|block| block.starts_with(&place)).collect();
        assert_eq!(said.is_empty(), words.is_empty(), "line {number}, {line}: {said}");
        for word in *words {
            assert!(said.contains(word), "line {number}, {line}: no {word} in {said}");
        }
    }
    assert!(run.stderr.trim_end().lines().last().unwrap().starts_with("next: "), "{}", run.stderr);
    assert!(!run.stderr.contains("hunter2"), "a secret is not repeated: {}", run.stderr);
}

/// Lines with the indented ones that follow them.
fn blocks(text: &str) -> Vec<String> {
    let mut blocks: Vec<String> = Vec::new();
    for line in text.lines() {
        match blocks.last_mut() {
            Some(block) if line.starts_with(' ') => block.push_str(line),
            _ => blocks.push(line.to_owned()),
        }
    }
    blocks
}

const TAKES_A_FOLDER: &str = r#"
goal = "Look"
[inputs.path]
type = "path"
required = true
help = "folder to look at"
[inputs.words]
type = "string"
[agents.ada]
capabilities = ["look"]
command = ["sh", "-c", "touch ran"]
"#;

#[test]
fn inputs_that_are_missing_unknown_twice_or_unusable_start_nothing() {
    let wrong: &[(&[&str], &str)] = &[
        (&[], "folder to look at"),
        (&["--input", "path="], "path"),
        (&["--input", "path=no/such/folder"], "no/such/folder"),
        (&["--input", "path=.", "--input", "pth=."], "did you mean `path`"),
        (&["--input", "path=.", "--input", "path=/"], "path"),
        (&["--input", "path"], "path"),
        (&["--input", "=."], ""),
    ];
    let team = Team::new(TAKES_A_FOLDER);

    for (args, words) in wrong {
        let ended = team.run(args);
        assert_eq!((ended.status, ended.stdout.as_str()), (Some(2), ""), "{args:?}: {ended:?}");
        assert!(ended.stderr.contains(words) && ended.stderr.contains("next: "), "{args:?}: {ended:?}");
        assert!(!team.path("ran").exists(), "{args:?}");
    }
}

#[test]
fn what_later_versions_have_is_refused_and_never_ignored() {
    let team = Team::of_one(r#"scripted = [{ output = "hello" }]"#, "");
    let commands = ["show", "events", "resume", "cancel", "replay", "why", "audit", "models"];
    let flags: [&[&str]; 1] = [&["--jsonl"]];

    for command in commands {
        let ended = team.bailiwick(&[command]);
        assert_eq!((ended.status, ended.stdout.as_str()), (Some(2), ""), "{command}: {ended:?}");
    }
    for flag in flags {
        let ended = team.run(flag);
        assert_eq!((ended.status, ended.stdout.as_str()), (Some(2), ""), "{flag:?}: {ended:?}");
        assert!(ended.stderr.contains(flag[0].split('=').next().unwrap()), "{flag:?}: {ended:?}");
    }
}

#[test]
fn a_file_that_is_no_text_or_no_file_is_told_as_such() {
    let team = Team::new("");
    fs::write(team.path("binary.toml"), b"version = 1\nname = \"\xff\"\n").unwrap();
    fs::write(team.path("empty.toml"), "").unwrap();

    for file in ["binary.toml", "empty.toml", "missing.toml", "."] {
        let ended = team.bailiwick(&["run", file]);
        assert_eq!((ended.status, ended.stdout.as_str()), (Some(2), ""), "{file}: {ended:?}");
        assert!(ended.stderr.contains("next: "), "{file}: {ended:?}");
    }
}
