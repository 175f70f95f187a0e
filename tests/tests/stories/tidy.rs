//! The rules of the house that no compiler knows: what lies where, what names what, and that papers tell the truth.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Files longer than [`LINES_MAX`], for now. A file on this list is one to be split, not one to grow.
const LONG: &[&str] = &[
    "actors/src/agent_supervisor/desk.rs",
    "actors/src/goal/state.rs",
    "actors/src/goal/step.rs",
    "actors/src/messages.rs",
    "actors/src/verifiers/tests.rs",
    "protocols/tests/laws/arbitrary.rs",
    "tests/src/simulator/house.rs",
];

/// Whoever scrolls to remember where they are has found two ideas.
const LINES_MAX: usize = 500;

/// What lies at the top; tool settings are dotted.
const TOP: &[&str] = &["Cargo.toml", "runtime", "actors", "protocols", "examples", "tests", "docs"];
/// What tools and readers expect to find beside it.
const EXPECTED: &[&str] = &["Cargo.lock", "README.md", "LICENSE-APACHE", "LICENSE-MIT"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate lies in the workspace")
}

/// Every file of the project, relative to its root: what git knows of, or without git whatever lies here.
fn files() -> Vec<String> {
    let listed = Command::new("git").arg("-C").arg(root()).args(["ls-files", "-z"]).output();
    let listed = listed.ok().filter(|output| output.status.success() && !output.stdout.is_empty());
    match listed {
        Some(output) => {
            let names = String::from_utf8(output.stdout).expect("names are UTF-8");
            // What was deleted and not yet staged is listed, and not there.
            names.split_terminator('\0').map(str::to_owned).filter(|name| root().join(name).exists()).collect()
        }
        None => walk(root()),
    }
}

fn walk(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder of the project can be read").flatten() {
        let path = entry.path();
        match entry.file_name().to_str() {
            Some("target" | ".git") => {}
            _ if path.is_dir() => found.extend(walk(&path)),
            _ => found.push(path.strip_prefix(root()).expect("below the root").display().to_string()),
        }
    }
    found
}

fn read(name: &str) -> String {
    fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn rust() -> impl Iterator<Item = (String, String)> {
    files().into_iter().filter(|name| name.ends_with(".rs")).map(|name| (name.clone(), read(&name)))
}

/// The lines that are code: comments may name what they explain.
fn code(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter(|line| !line.trim_start().starts_with("//"))
}

fn none(what: &str, found: Vec<String>) {
    assert!(found.is_empty(), "{what}:\n  {}", found.join("\n  "));
}

#[test]
fn every_file_opens_with_its_answer() {
    let silent = rust().filter(|(_, text)| !text.starts_with("//! ")).map(|(name, _)| name).collect();

    none("these say nothing before they begin", silent);
}

#[test]
fn one_file_holds_one_idea() {
    let long = rust()
        .filter(|(name, text)| text.lines().count() > LINES_MAX && !LONG.contains(&name.as_str()))
        .map(|(name, text)| format!("{name}: {} lines", text.lines().count()))
        .collect();

    none(&format!("longer than {LINES_MAX} lines; split them, or list them in tidy.rs"), long);
}

#[test]
fn the_top_level_is_seven_names() {
    let strange = files()
        .iter()
        .filter_map(|name| name.split('/').next())
        .filter(|name| !name.starts_with('.') && !TOP.contains(name) && !EXPECTED.contains(name))
        .map(str::to_owned)
        .collect::<BTreeSet<_>>();

    none("these do not belong at the top", strange.into_iter().collect());
}

#[test]
fn protocols_knows_no_clock_no_chance_and_no_waiting() {
    let absent = ["async ", ".await", "tokio", "ractor", "Instant", "SystemTime", "rand::", "std::fs", "std::net"];
    let found = rust()
        .filter(|(name, _)| name.starts_with("protocols/src/"))
        .flat_map(|(name, text)| {
            let named = |word: &&&str| code(&text).any(|line| line.contains(**word));
            absent.iter().filter(named).map(|word| format!("{name}: {word}")).collect::<Vec<_>>()
        })
        .collect();

    none("protocols is types and laws only", found);
}

#[test]
fn no_test_lies_where_nobody_runs_it() {
    let all = files();
    // Cargo finds what lies directly in `tests/` and every folder with a `main.rs`; the rest has to be named there.
    let unknown = all
        .iter()
        .filter_map(|name| name.strip_prefix("tests/tests/")?.split_once('/'))
        .filter_map(|(folder, file)| Some((folder, file.strip_suffix(".rs")?)))
        .filter(|(_, stem)| *stem != "main" && !stem.contains('/'))
        .filter(|(folder, stem)| {
            let above = [format!("tests/tests/{folder}/main.rs"), format!("tests/tests/{folder}.rs")];
            let named = |file: &String| {
                read(file)
                    .lines()
                    .any(|line| line == format!("mod {stem};") || line.contains(&format!("{folder}/{stem}.rs")))
            };
            !above.iter().filter(|file| all.contains(file)).any(named)
        })
        .map(|(folder, stem)| format!("tests/tests/{folder}/{stem}.rs"))
        .collect();

    none("name these in the main.rs beside them", unknown);
}

#[test]
fn bincode_is_named_in_one_file() {
    let naming = rust().filter(|(name, text)| {
        // Rules of the house may name what they forbid.
        name != "tests/tests/stories/tidy.rs" && code(text).any(|line| line.contains("bincode::"))
    });

    assert_eq!(naming.map(|(name, _)| name).collect::<Vec<_>>(), ["protocols/src/codec.rs"]);
}

#[test]
fn dependencies_run_one_way() {
    let upwards =
        [("protocols/Cargo.toml", vec!["bailiwick-actors", "bailiwick."]), ("actors/Cargo.toml", vec!["bailiwick."])];
    let found = upwards
        .iter()
        .flat_map(|(file, above)| {
            let text = read(file);
            let names = |name: &&&str| text.lines().any(|line| line.starts_with(**name));
            above.iter().filter(names).map(|name| format!("{file} names {name}")).collect::<Vec<_>>()
        })
        .collect();

    none("protocols <- actors <- runtime <- examples, tests", found);
}

#[test]
fn nothing_speaks_of_the_machine_it_was_written_on() {
    // Put together here, so that this file does not find itself.
    let homes = ["home", "root", "Users"].map(|folder| format!("/{folder}/"));
    let texts = files().into_iter().filter_map(|name| Some((fs::read_to_string(root().join(&name)).ok()?, name)));
    let found = texts.filter(|(text, _)| homes.iter().any(|home| text.contains(home))).map(|(_, name)| name).collect();
    none("these name somebody's folder", found);

    let elsewhere = read("Cargo.lock")
        .lines()
        .filter(|line| {
            line.starts_with("source") && !line.contains("registry+https://github.com/rust-lang/crates.io-index")
        })
        .map(str::to_owned)
        .collect();
    none("these come from somewhere else than crates.io", elsewhere);
}

#[test]
fn the_commands_of_the_readme_are_those_that_are_checked() {
    let (readme, ci) = (read("README.md"), read(".ci/run"));
    let commands = blocks(&readme, "sh").next().expect("the README has its two commands").to_owned();

    assert_eq!(commands.lines().count(), 2, "{commands}");
    for command in commands.lines() {
        assert!(ci.lines().any(|line| line == format!("run {command}")), ".ci/run does not run `{command}`");
    }
}

#[test]
fn an_example_opens_with_what_it_prints() {
    let mut examples = 0;
    for (name, text) in rust().filter(|(name, _)| numbered(name)) {
        examples += 1;
        let stem = name.trim_start_matches("examples/").trim_end_matches(".rs");
        let head: String = text
            .lines()
            .take_while(|line| line.starts_with("//!"))
            .map(|line| format!("{}\n", line.trim_start_matches("//!").strip_prefix(' ').unwrap_or_default()))
            .collect();
        let promised = blocks(&head, "text").next().unwrap_or_else(|| panic!("{name} does not show what it prints"));

        let printed = read(&format!("examples/expected/{stem}.txt"));
        let printed: Vec<_> = printed.trim_end().lines().map(str::trim_end).collect();

        assert_eq!(promised.trim_end().lines().collect::<Vec<_>>(), printed, "{name}");
    }
    assert!(examples >= 6, "{examples} examples");
}

fn numbered(name: &str) -> bool {
    name.strip_prefix("examples/").is_some_and(|name| name.starts_with(|first: char| first.is_ascii_digit()))
}

#[test]
fn links_lead_somewhere() {
    let mut broken = Vec::new();
    for name in files().into_iter().filter(|name| name.ends_with(".md")) {
        let text = read(&name);
        let folder = Path::new(&name).parent().map(PathBuf::from).unwrap_or_default();
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let path = link.split('#').next().unwrap_or_default();
            if path.is_empty() || path.contains("://") || root().join(&folder).join(path).exists() {
                continue;
            }
            broken.push(format!("{name}: {link}"));
        }
    }

    none("these lead nowhere", broken);
}

#[test]
fn papers_name_files_that_are_there() {
    let mut gone = Vec::new();
    for name in files().into_iter().filter(|name| name.ends_with(".md")) {
        let text = read(&name);
        // What stands between backticks is every second piece, fenced blocks aside.
        let inline: String = text.split("```").step_by(2).collect();
        for path in inline.split('`').skip(1).step_by(2).filter(|path| is_path(path)) {
            gone.extend(
                spelled_out(path).filter(|path| !root().join(path).exists()).map(|path| format!("{name}: {path}")),
            );
        }
    }

    none("these are not there", gone);
}

fn is_path(text: &str) -> bool {
    let inside = TOP.iter().any(|top| text.strip_prefix(top).is_some_and(|rest| rest.starts_with('/')));
    inside && !text.contains([' ', '*', '<']) && !text.contains("..")
}

/// `a/{b,c}.rs` is two paths.
fn spelled_out(path: &str) -> impl Iterator<Item = String> {
    let (before, choices, after) =
        match path.split_once('{').and_then(|(before, rest)| Some((before, rest.split_once('}')?))) {
            Some((before, (choices, after))) => (before, choices, after),
            None => (path, "", ""),
        };
    choices.split(',').map(|choice| format!("{before}{choice}{after}")).collect::<Vec<_>>().into_iter()
}

/// The fenced blocks of a page in one language.
fn blocks<'a>(page: &'a str, language: &str) -> impl Iterator<Item = &'a str> {
    let open = format!("```{language}\n");
    page.split("\n```\n").filter_map(move |part| part.split_once(open.as_str()).map(|(_, block)| block))
}
