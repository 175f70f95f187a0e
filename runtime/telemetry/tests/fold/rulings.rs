//! What policies ruled at the door, on the admission of what was let in and of what was turned away.

use bailiwick::{
    prelude::*,
    protocols::Permissions,
    telemetry::{
        names::{attribute as a, event, span as s},
        span::Span,
    },
    testing::Stage,
};

use super::{is_whole, said, spans};

/// The admissions of a goal of this one task, among agents that may read and agents that may write.
async fn doors(task: Task) -> Vec<Span> {
    let may = |texts: &[&str]| Permissions::parse(texts.iter().copied()).expect("they are written well");
    let done = |name: &str| agent_fn(name, ["work"], |_| async { Ok(Output::text("done")) });
    let reader = done("reader").permissions(may(&["fs.read:repo/*"]));
    let writer = done("writer").permissions(may(&["fs.read:repo/*", "fs.write:out/*"])).cost_usd_per_task(0.9);
    let stage = Stage::seeded(3).agent(reader).agent(writer).open().await;
    stage.run(Goal::new("work").task(task.needs_capability("work"))).await;
    let all = spans(&stage.log(), 0);
    is_whole(&all);
    all.into_iter().filter(|span| span.name == s::ADMISSION).collect()
}

fn is_among(span: &Span, key: &str, words: &str) -> bool {
    said(&span.attributes, key).is_some_and(|list| list.contains(words))
}

#[tokio::test(start_paused = true)]
async fn what_was_let_in_with_less_than_it_asked_for_says_who_took_it_and_what_was_left() {
    let doors = doors(Task::new("t", "look")).await;

    let [door] = &doors[..] else { panic!("{doors:#?}") };
    assert_eq!(said(&door.attributes, a::AGENT).as_deref(), Some("reader"));
    assert_eq!(said(&door.attributes, a::RULING).as_deref(), Some("admitted"));
    assert!(is_among(door, a::RULINGS, "attenuation: narrows, may do fs.read:repo/*; may grant fs.read:repo/*"));
    for policy in ["attenuation", "circuit_breaker", "admission", "budget"] {
        assert!(is_among(door, a::POLICIES, policy), "{policy}: {door:#?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_let_in_as_it_asked_was_asked_about_all_the_same() {
    let write = Permissions::parse(["fs.write:out/*"]).expect("it is one");

    let doors = doors(Task::new("t", "write").permissions(write)).await;

    let let_in = doors.iter().find(|door| is_among(door, a::RULING, "admitted")).expect("the writer may");
    assert_eq!(said(&let_in.attributes, a::AGENT).as_deref(), Some("writer"));
    assert_eq!(said(&let_in.attributes, a::RULINGS), None, "nobody took anything away");
    assert!(is_among(let_in, a::POLICIES, "attenuation"));
    let depth = let_in.attributes.iter().find(|known| known.key.as_str() == a::DEPTH).map(|known| &known.value);
    assert_eq!(depth, Some(&opentelemetry::Value::I64(3)));
}

#[tokio::test(start_paused = true)]
async fn what_was_turned_away_says_by_whom_and_why_where_it_happened() {
    let write = Permissions::parse(["fs.write:out/*"]).expect("it is one");

    let doors = doors(Task::new("t", "write").permissions(write)).await;

    let door = doors.iter().find(|door| is_among(door, a::RULING, "refused")).expect("the reader is asked first");
    assert_eq!(said(&door.attributes, a::AGENT).as_deref(), Some("reader"));
    assert_eq!(said(&door.attributes, a::POLICY).as_deref(), Some("attenuation"));
    assert_eq!(said(&door.attributes, a::CODE).as_deref(), Some("UNAUTHORIZED"));
    assert!(is_among(door, a::REASON, "fs.write:out/*"), "{door:#?}");
    assert!(is_among(door, a::RULINGS, "attenuation: narrows, may do fs.read:repo/*"));
    let [refused] = &door.events[..] else { panic!("{:#?}", door.events) };
    assert_eq!(refused.name, event::REFUSED);
    assert_eq!(said(&refused.attributes, a::POLICY).as_deref(), Some("attenuation"));
}
