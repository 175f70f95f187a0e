//! Fold = live: beside every supervisor and goal stands a fold of its facts, and both must never differ.

use std::{collections::BTreeMap, sync::Arc};

use bailiwick_actors::{
    agent_supervisor::{
        books::{Books, Flight},
        facts,
        snapshot::{Written, note_settled},
    },
    policies::Scene,
};
use bailiwick_protocols::{Delegation, Recorded, Timestamp};

/// Whether two books know the same; if not, in what they differ.
pub fn difference(live: &Books, folded: &Books, now: Timestamp) -> Option<String> {
    let flights = live.flights.len() == folded.flights.len()
        && live.flights.iter().zip(&folded.flights).all(|((a, f), (b, g))| a == b && same_flight(f, g));
    let settled = live.settled.len() == folded.settled.len()
        && live.settled.iter().zip(&folded.settled).all(|((a, s), (b, t))| a == b && (Arc::ptr_eq(s, t) || s == t));
    let parts = [
        ("flights", flights),
        ("order", live.order == folded.order),
        ("settled", settled),
        ("trust", live.trust.records == folded.trust.records),
        ("wakes", live.wakes == folded.wakes),
        ("recover_at", live.recover_at == folded.recover_at),
        ("lives", live.lives == folded.lives),
        ("breakers", live.stack.breakers() == folded.stack.breakers()),
        ("standing", live.stack.standing(now) == folded.stack.standing(now)),
    ];
    let wrong: Vec<&str> = parts.iter().filter(|(_, same)| !same).map(|(name, _)| *name).collect();
    (!wrong.is_empty())
        .then(|| format!("{wrong:?} differ\n  live:   {}\n  folded: {}", live.digest(now), folded.digest(now)))
}

/// The books of a stream by a snapshot from the middle of it, and the tail; `None` where nothing happened yet.
pub fn from_the_middle(empty: impl Fn() -> Books, events: &[Arc<Recorded>]) -> Option<Books> {
    let (begun, tail) = events.split_at(events.len().div_ceil(2));
    let (mut before, mut settled_at) = (empty(), BTreeMap::new());
    facts(begun).for_each(|(fact, at)| drop(before.apply(fact, at)));
    note_settled(&mut settled_at, begun);
    let snapshot = Written::of(&before, &settled_at)?.seal(begun.last()?).ok()?;
    let mut books = empty();
    if Written::read(&snapshot).is_some_and(|written| written.fill(&mut books)) {
        facts(tail).for_each(|(fact, at)| drop(books.apply(fact, at)));
    }
    Some(books)
}

fn same_flight(a: &Flight, b: &Flight) -> bool {
    let report = match (&a.report, &b.report) {
        (None, None) => true,
        (Some((r, at)), Some((s, also))) => at == also && (Arc::ptr_eq(r, s) || r == s),
        _ => false,
    };
    report
        && (Arc::ptr_eq(&a.delegation, &b.delegation) || a.delegation == b.delegation)
        && (a.place, a.started, a.usage, a.cost, a.violated) == (b.place, b.started, b.usage, b.cost, b.violated)
        && (&a.ceasing, &a.examined, &a.crashed) == (&b.ceasing, &b.examined, &b.crashed)
}

/// Whether two stacks of policies would rule alike on this, as a first asking and as a retry.
pub fn rules_alike(live: &Books, folded: &Books, asked: &Delegation, scene: &Scene<'_>) -> bool {
    [false, true].into_iter().all(|retry| {
        let asked = Delegation { retry, ..asked.clone() };
        live.stack.rule(&asked, scene) == folded.stack.rule(&asked, scene)
    })
}
