//! What the papers show to copy is sound: every team file in them loads, every JSON object parses.

use std::{collections::BTreeSet, fs};

use bailiwick::{Inputs, TeamFile};
use serde_json::Value;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// The fenced blocks of a page in one language.
fn blocks(page: &str, language: &str) -> Vec<String> {
    let text = fs::read_to_string(format!("{ROOT}/{page}")).unwrap_or_else(|error| panic!("{page}: {error}"));
    let open = format!("```{language}\n");
    text.split("\n```\n").filter_map(|part| part.split_once(open.as_str())).map(|(_, block)| block.to_owned()).collect()
}

#[test]
fn every_team_file_in_the_papers_loads() {
    for (page, inputs) in [("README.md", vec![]), ("docs/team-file.md", vec!["path=schemas"])] {
        let found = blocks(page, "toml");
        assert_eq!(found.len(), 1, "{page}");

        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("schemas")).unwrap();
        fs::write(folder.path().join("schemas/inventory.json"), r#"{"type": "object"}"#).unwrap();
        let file = folder.path().join("team.toml");
        fs::write(&file, &found[0]).unwrap();
        let inputs = inputs.into_iter().fold(Inputs::new(folder.path()), |inputs, pair| inputs.pair(pair));

        if let Err(problems) = TeamFile::load(&file, &inputs) {
            panic!("{page}: {problems}");
        }
    }
}

#[test]
fn every_json_object_in_the_papers_parses() {
    let mut objects = 0;
    for page in ["docs/program-agents.md", "docs/command-line.md"] {
        for block in blocks(page, "json") {
            if let Err(error) = serde_json::from_str::<Value>(&block) {
                panic!("{page}: {error} in\n{block}");
            }
            objects += 1;
        }
    }
    assert!(objects >= 5, "{objects}");
}

#[test]
fn what_a_run_prints_has_exactly_the_promised_keys() {
    let promised: Value = serde_json::from_str(&blocks("docs/command-line.md", "json")[0]).unwrap();

    let printed = bailiwick::GoalReport::default().to_json();

    let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<BTreeSet<_>>();
    assert_eq!(keys(&printed), keys(&promised));
}
