//! What policies ruled at the door, on the admission of what was let in and of what was turned away.

use std::time::Duration;

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

#[tokio::test(start_paused = true)]
async fn what_waited_for_a_seat_and_was_ruled_out_again_says_so_on_its_delegation_beside_its_wait() {
    let ada = scripted("ada", ["work"], [ScriptedReply::error("boom").after(Duration::from_secs(1))]);
    let stage = Stage::seeded(3).agent(ada).open().await;
    let task = |id: &str| Task::new(id, "do it").needs_capability("work").retries(0);
    stage.run(Goal::new("four").task(task("a")).task(task("b")).task(task("c")).task(task("d"))).await;

    let all = spans(&stage.log(), 0);
    is_whole(&all);
    let given_back = |span: &&Span| span.name == s::DELEGATION && is_among(span, a::RULING, "refused");
    let [back] = all.iter().filter(given_back).collect::<Vec<_>>()[..] else { panic!("{all:#?}") };
    assert_eq!(said(&back.attributes, a::POLICY).as_deref(), Some("circuit_breaker"));
    assert_eq!(said(&back.attributes, a::SETTLEMENT).as_deref(), Some("returned"));
    let [refused] = &back.events[..] else { panic!("{:#?}", back.events) };
    assert_eq!(refused.name, event::REFUSED);
    assert!(said(&refused.attributes, a::REASON).is_some_and(|why| why.starts_with("breaker open for work")));
    let below: Vec<_> = all.iter().filter(|span| span.parent == back.context.span).collect();
    let names: Vec<_> = below.iter().map(|span| span.name.as_ref()).collect();
    assert_eq!(names, [s::ADMISSION, s::WAIT], "it was let in, waited, and was never begun");
    assert!(is_among(below[0], a::RULING, "admitted") && is_among(below[1], a::WAIT_FOR, "seat"));
    assert!(below[1].end.since(below[1].start) >= Duration::from_secs(3), "three others failed before it");
}
