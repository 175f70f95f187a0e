//! Stories about team files: what is accepted, what is refused, and in which words.

use std::path::{Path, PathBuf};

use super::*;

mod accepted;
mod malformed;
pub(super) mod schema;
mod stories;

/// The folder of the example whose schemas these tests borrow.
fn example() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/teams/repo-audit")
}

/// What the environment says in these tests.
fn environment(name: &str) -> Option<String> {
    (name == "CITY").then(|| "Oslo".to_owned())
}

fn parse(text: &str, inputs: &Inputs) -> Result<TeamFile, Problems> {
    TeamFile::parse(text, example(), inputs, &environment)
}

/// A small sound team, with more text behind it.
fn small(more: &str) -> Result<TeamFile, Problems> {
    let text = format!(
        "version = 1\nname = \"small\"\ngoal = \"Do it\"\n\
         [agents.ada]\ncapabilities = [\"write\"]\ncommand = [\"cat\"]\n{more}"
    );
    parse(&text, &Inputs::new("."))
}

/// What is said about a small team with more text behind it, which starts on line 7.
fn told(more: &str) -> String {
    small(more).map_or_else(|problems| problems.to_string(), |team| format!("accepted: {team:?}"))
}
