//! Stories about pictures: what is drawn, and that no name can draw anything else.

use serde_json::json;

use super::*;

/// An event as it stands in the file.
fn line(kind: &str, task: Option<&str>, attempt: Option<u32>, data: &Value) -> String {
    let agent = attempt.map(|_| "ada");
    let event = json!({ "goal": "g-1", "kind": kind, "task": task, "agent": agent, "attempt": attempt, "data": data });
    format!("{event}\n")
}

fn failed(code: &str) -> Value {
    json!({ "failed": { "cause": { "code": code, "message": "no" } } })
}

/// Two tasks and a report; one fails first, the other for good.
fn story() -> String {
    let task = |id: &str, after: &[&str], optional: &[&str]| json!({ "id": id, "goal": format!("Do {id}"), "after": after, "optional_after": optional });
    let tasks = [task("report", &["count"], &["history"]), task("count", &[], &[]), task("history", &[], &[])];
    let ended = |outcome: &Value| json!({ "ended": { "outcome": outcome, "fault": "agent" } });
    [
        line("goal_submitted", None, None, &json!({ "goal": { "text": "Audit it" } })),
        line("task_decomposed", None, None, &json!({ "tasks": tasks })),
        line("task_started", Some("count"), Some(1), &json!({})),
        line("attempt_ended", Some("count"), Some(1), &ended(&json!({ "not_verified": { "verdict": {} } }))),
        line("task_started", Some("count"), Some(2), &json!({})),
        line("attempt_ended", Some("count"), Some(2), &ended(&json!("verified"))),
        line("task_completed", Some("count"), None, &json!({ "outcome": "verified" })),
        line("something_new", Some("count"), None, &json!({ "outcome": "odd" })),
        line("attempt_ended", Some("history"), Some(1), &ended(&failed("TIMEOUT"))),
        line("task_failed", Some("history"), None, &json!({ "outcome": failed("TIMEOUT") })),
        line("task_started", Some("report"), Some(1), &json!({})),
    ]
    .concat()
}

#[test]
fn a_flowchart_shows_tasks_attempts_and_outcomes() {
    let mermaid = Picture::of_lines(&story()).unwrap().mermaid();

    let expected = r##"---
title: "Audit it (running)"
---
flowchart LR
    t0["report<br/>Do report<br/>ada: running"]:::open
    t1["count<br/>Do count<br/>1 ada: not verified<br/>2 ada: verified"]:::good
    t2["history<br/>Do history<br/>ada: failed TIMEOUT"]:::bad
    t1 --> t0
    t2 -.-> t0
    classDef good fill:#e3f5e6,stroke:#2e7d32,color:#1a1a1a
    classDef bad fill:#fde7e7,stroke:#c62828,color:#1a1a1a
    classDef doubtful fill:#fdf4dc,stroke:#a66a00,color:#1a1a1a
    classDef skipped fill:#f2f2f2,stroke:#8a8a8a,color:#1a1a1a
    classDef open fill:#ffffff,stroke:#555555,color:#1a1a1a
"##;
    assert_eq!(mermaid, expected);
}

#[test]
fn graphviz_is_told_the_same() {
    let dot = Picture::of_lines(&story()).unwrap().dot();

    let expected = r##"digraph goal {
    label="Audit it (running)";
    labelloc=t;
    rankdir=LR;
    node [shape=box, style="rounded,filled", fontname="sans-serif"];
    t0 [label="report\nDo report\nada: running", fillcolor="#ffffff", color="#555555"];
    t1 [label="count\nDo count\n1 ada: not verified\n2 ada: verified", fillcolor="#e3f5e6", color="#2e7d32"];
    t2 [label="history\nDo history\nada: failed TIMEOUT", fillcolor="#fde7e7", color="#c62828"];
    t1 -> t0;
    t2 -> t0 [style=dashed];
}
"##;
    assert_eq!(dot, expected);
}

#[test]
fn parts_that_were_handed_on_hang_on_their_whole_and_what_was_skipped_is_told() {
    let mut text = story();
    text += &line(
        "child_added",
        Some("part"),
        None,
        &json!({ "task": { "id": "part", "goal": "A part" }, "parent": "count" }),
    );
    text += &line("task_skipped", Some("report"), None, &json!({ "because": "needed" }));
    text += &line("goal_settled", None, None, &json!({ "outcome": failed("TIMEOUT") }));

    let dot = Picture::of_lines(&text).unwrap().dot();

    assert!(dot.contains("    t1 -> t3 [style=dotted, arrowhead=odot];\n"), "{dot}");
    assert!(dot.contains("label=\"part\\nA part\\nwaits\""), "{dot}");
    assert!(dot.contains("ada: running\\nskipped\""), "{dot}");
    assert!(dot.contains("label=\"Audit it (failed TIMEOUT)\";"), "{dot}");
}

/// Ids and texts that would end a label, a line or a block, or be read as an order.
const AWKWARD: &[&str] = &[
    "end",
    "a\"]:::bad; t0 --> t1",
    "a\\",
    "a\\\"",
    "\\N\\G",
    "a\nb\r\tc",
    "<script>alert(1)</script>",
    "&quot;&lt;",
    "#quot;",
    "%%{init: {}}%%",
    "`**bold**`",
    "- a list",
    "1. a list",
    "subgraph x",
    "naïve 日本語",
    "\u{202e}reversed",
    "",
    "   ",
    "}; digraph {",
];

#[test]
fn no_name_is_more_than_a_name() {
    for name in AWKWARD {
        let tasks = json!([{ "id": name, "goal": name, "after": [], "optional_after": [] }]);
        let goal = json!({ "goal": { "text": name } });
        let text = line("goal_submitted", None, None, &goal)
            + &line("task_decomposed", None, None, &json!({ "tasks": tasks }));
        let picture = Picture::of_lines(&text).unwrap();
        let (mermaid, dot) = (picture.mermaid(), picture.dot());

        // One node, one line: nothing was added, and every quote is one of ours.
        assert_eq!(mermaid.lines().count(), 10, "{name:?}: {mermaid}");
        let node = mermaid.lines().nth(4).unwrap();
        assert!(node.starts_with("    t0[\"") && node.ends_with("\"]:::open"), "{name:?}: {node}");
        let label = node.trim_start_matches("    t0[\"").trim_end_matches("\"]:::open").replace("<br/>", "");
        assert!(!label.contains(['"', '<', '>', '&', '`', '*', '[', ']', '%', '\\', '{', '}']), "{name:?}: {label}");
        assert_eq!(dot.lines().count(), 7, "{name:?}: {dot}");
        let unescaped = dot.replace("\\\\", "").replace("\\\"", "");
        assert_eq!(unescaped.lines().nth(5).unwrap().matches('"').count(), 6, "{name:?}: {dot}");
    }
}

#[test]
fn a_line_that_is_being_written_is_left_out_and_one_that_is_no_event_is_told() {
    let half = story() + "{\"goal\":\"g-1\",\"ki";
    let torn = story() + "{\"goal\":\"g-1\",\"ki\n";
    let other = story() + &line("task_started", Some("count"), Some(1), &json!({})).replace("g-1", "g-2");

    assert!(Picture::of_lines(&half).is_ok());
    assert!(matches!(Picture::of_lines(&torn), Err(PictureError::Malformed { line: 12, .. })));
    assert_eq!(Picture::of_lines(&other).unwrap_err(), PictureError::AnotherGoal { line: 12, goal: "g-2".to_owned() });
    for none in ["", "\n", "{}\n"] {
        assert_eq!(Picture::of_lines(none).unwrap_err(), PictureError::NoTasks);
    }
    assert!(Picture::of_lines("[]\n").is_err());
}
