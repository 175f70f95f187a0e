//! `runs prune`: what it lets go of, who may do it, and what is said of it afterwards.

use serde_json::json;

use crate::support::{Team, end};

const JOURNAL: &str = ".local/share/bailiwick/team.db";

fn greeter() -> Team {
    Team::of_one("scripted = [ { output = \"hello\" } ]", "verify = { contains = \"hello\" }")
}

#[test]
fn what_was_pruned_is_said_to_be_gone_and_what_was_learned_from_it_stays() {
    let team = greeter();
    let goal = team.run(&["--json"]).json()["goal_id"].as_str().unwrap().to_owned();
    team.run(&[]);
    let trust = team.bailiwick(&["trust", "--json"]).json();
    let young = team.bailiwick(&["runs", "prune", "--older-than", "30d"]);

    let pruned = team.bailiwick(&["runs", "prune", "--older-than", "0s"]);

    assert_eq!(young.status, Some(0), "{young:?}");
    assert!(young.stdout.trim_end().ends_with("team.db: 0 goals removed"), "{young:?}");
    assert_eq!(pruned.status, Some(0), "{pruned:?}");
    assert!(pruned.stdout.trim_end().ends_with("team.db: 2 goals removed"), "{pruned:?}");
    assert_eq!(team.bailiwick(&["runs", "--json"]).json()["runs"], json!([]));
    let asked: [&[&str]; 7] = [
        &["show", &goal],
        &["events", &goal],
        &["why", &goal, "goal"],
        &["replay", &goal],
        &["resume", &goal],
        &["cancel", &goal],
        &["graph", &goal, "--format", "dot"],
    ];
    for asked in asked {
        let told = team.bailiwick(asked);
        let due = format!("goal {goal} is no longer kept: retention removed it at ");
        assert_eq!((told.status, told.stdout.as_str()), (Some(2), ""), "{told:?}");
        assert!(told.stderr.contains(&due), "{told:?}");
    }
    assert_eq!(team.bailiwick(&["trust", "--json"]).json()["trust"][0]["evidence"], trust["trust"][0]["evidence"]);
    let history = team.bailiwick(&["trust", "--history"]);
    assert_eq!(history.stdout.matches("(its goal is no longer kept)").count(), 2, "{history:?}");
    let audit = team.bailiwick(&["audit", "verify"]);
    assert_eq!(audit.status, Some(0), "{audit:?}");
    assert!(audit.stdout.contains(" records, sound; ") && audit.stdout.contains(" removed by retention"), "{audit:?}");

    // The team goes on, and its next goal is kept.
    assert_eq!(team.run(&[]).status, Some(0));
    let history = team.bailiwick(&["trust", "--history", "--json"]).json();
    let kept: Vec<_> =
        history["history"].as_array().unwrap().iter().map(|lesson| lesson["goal_kept"].clone()).collect();
    assert_eq!(kept, [false, false, true]);
}

#[test]
fn beside_a_living_owner_and_without_an_age_nothing_is_pruned() {
    let team = Team::of_one(
        "command = [\"sh\", \"-c\", \"test -e ran && sleep 60; touch ran; echo hello\"]\nreply = \"text\"",
        "",
    );
    let nothing = team.bailiwick(&["runs", "prune", "--older-than", "1d"]);
    assert_eq!((nothing.status, nothing.stdout.as_str()), (Some(0), ""), "{nothing:?}");
    assert!(nothing.stderr.contains("there is no journal yet"), "{nothing:?}");
    team.run(&[]);
    let mut owner = team.start(&["run", "team.toml", "--events", "events.jsonl"]);
    team.until("task_started");

    let (named, all) = (
        &["runs", "prune", "--older-than", "0s", "--journal", JOURNAL][..],
        &["runs", "prune", "--older-than", "0s"][..],
    );
    let refused = [named, all].map(|asked| team.bailiwick(asked));
    let wrong = ["30", "30days", "-1d"].map(|age| team.bailiwick(&["runs", "prune", &format!("--older-than={age}")]));
    let ageless = team.bailiwick(&["runs", "prune"]);
    let absent = team.bailiwick(&["runs", "prune", "--older-than", "1d", "--journal", "absent.db"]);
    owner.kill().unwrap();
    end(owner, 10_000);

    for refused in refused {
        assert_eq!((refused.status, refused.stdout.as_str()), (Some(1), ""), "{refused:?}");
        assert!(refused.stderr.contains("is owned by bailiwick"), "{refused:?}");
    }
    for wrong in wrong.into_iter().chain([ageless, absent]) {
        assert_eq!((wrong.status, wrong.stdout.as_str()), (Some(2), ""), "{wrong:?}");
    }
    assert!(!team.path("absent.db").exists());
    assert_eq!(team.bailiwick(&["runs", "--json"]).json()["runs"].as_array().unwrap().len(), 2);
}
