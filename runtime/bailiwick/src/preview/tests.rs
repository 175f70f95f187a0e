//! Stories about what a team would do: whom it would ask, and why not the others.

use bailiwick_actors::agents::{AgentSpec, scripted::scripted};
use bailiwick_protocols::{Cost, Output, Reversibility, Task};

use super::*;
use crate::Bailiwick;

fn agent(name: &str, capabilities: &[&str]) -> AgentSpec {
    scripted(name, capabilities.iter().copied(), [bailiwick_actors::agents::scripted::ScriptedReply::output("done")])
}

fn permissions(texts: &[&str]) -> Permissions {
    Permissions::parse(texts).unwrap()
}

fn team() -> Builder {
    let mut dear = agent("dear", &["read", "write"]).permissions(permissions(&["fs.read:*", "fs.write:*"]));
    dear.cost_per_task = Cost::from_usd(0.004);
    Bailiwick::builder()
        .name("office")
        .agent(agent("ada", &["read"]).permissions(permissions(&["fs.read:*"])))
        .agent(agent("bo", &["read", "write"]).permissions(permissions(&["fs.read:*"])))
        .agent(dear)
}

fn goal() -> Goal {
    Goal::new("Read and write").task(Task::new("read", "Read it").needs_capability("read")).task(
        Task::new("write", "Write it")
            .needs_capability("write")
            .after(["read"])
            .permissions(permissions(&["fs.write:out/a"])),
    )
}

#[test]
fn each_task_lists_its_candidates_best_first_with_the_terms_of_their_score() {
    let preview = team().preview(&goal()).unwrap();

    let json = preview.to_json();
    assert_eq!((&json["version"], &json["team"], &json["route"]), (&json!(1), &json!("office"), &json!("plan")));
    assert_eq!(json["rules"], json!(["brought_tasks"]));
    let read = &json["tasks"][0]["candidates"];
    // 0.35 + 0.30 x 0.5 + 0.20 + 0.15, and for four tenths of a cent 0.15 / 5.
    assert_eq!(
        read[0],
        json!({ "agent": "ada", "capability": 1.0, "trust": 0.5, "availability": 1.0, "cost": 1.0, "score": 0.85 })
    );
    assert_eq!((&read[1]["agent"], &read[2]["agent"]), (&json!("bo"), &json!("dear")));
    assert_eq!((&read[2]["cost"], &read[2]["score"]), (&json!(0.2), &json!(0.73)));
}

#[test]
fn whoever_is_passed_over_is_told_why() {
    let preview = team().preview(&goal()).unwrap();

    let write = &preview.to_json()["tasks"][1];
    assert_eq!(write["candidates"].as_array().unwrap().len(), 1);
    assert_eq!(write["candidates"][0]["agent"], "dear");
    let over = write["passed_over"].as_array().unwrap();
    let because = |agent| over.iter().find(|over| over["agent"] == agent).unwrap()["because"].as_str().unwrap();
    assert_eq!(because("ada"), "lacks write");
    assert!(because("bo").contains("fs.write:out/a"), "{over:?}");
    assert_eq!(over.len(), 2);
}

#[test]
fn a_goal_without_tasks_takes_the_road_its_team_allows() {
    let one = Goal::new("Read").needs_capability("read");
    let simple = one.clone().complexity(1).reversibility(Reversibility::High);
    let nobody = one.clone().needs_capability("sing");

    let told = |goal: &Goal| {
        let preview = team().preview(goal).unwrap();
        (preview.route, preview.rules, preview.tasks[0].candidates.len())
    };
    assert_eq!(told(&one), (Route::Direct, vec![RouteRule::OneAgentCan], 3));
    // Nobody is trusted at 0.7 before anything was done.
    assert_eq!(told(&simple), (Route::Direct, vec![RouteRule::OneAgentCan], 3));
    assert_eq!(told(&nobody), (Route::Direct, vec![RouteRule::NobodyHoldsAll, RouteRule::NoPlanner], 0));
}

#[test]
fn a_goal_that_would_not_be_accepted_has_no_preview() {
    let cycle = Goal::new("Turn").task(Task::new("a", "A").after(["b"])).task(Task::new("b", "B").after(["a"]));

    let why = team().preview(&cycle).unwrap_err().to_string();

    assert!(why.contains("a -> b -> a"), "{why}");
}

#[test]
fn the_page_shows_the_tree_and_a_line_for_each_candidate() {
    let page = team().preview(&goal()).unwrap().to_string();

    let expected = "\
Read and write
  team office · 2 tasks · route plan: the goal brings its tasks

task     needs  candidate  score  capability  trust  availability  cost
write    write  dear        0.73        1.00   0.50          1.00  0.20
│                          not bo: missing fs.write:out/a
└─ read  read   ada         0.85        1.00   0.50          1.00  1.00
                bo          0.85        1.00   0.50          1.00  1.00
                dear        0.73        1.00   0.50          1.00  0.20";
    assert_eq!(page, expected, "\n{page}");
}

#[test]
fn nothing_that_is_previewed_is_run() {
    let ran = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let seen = ran.clone();
    let builder = Bailiwick::builder().agent(bailiwick_actors::agents::agent_fn("ada", ["read"], move |_| {
        seen.store(true, std::sync::atomic::Ordering::Relaxed);
        async { Ok(Output::text("read")) }
    }));

    builder.preview(&goal()).unwrap_or_else(|why| panic!("{why}"));

    assert!(!ran.load(std::sync::atomic::Ordering::Relaxed));
}
