//! fold(all) = snapshot + fold(tail), at every index of recorded streams.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use bailiwick::{
    actors::{
        agent_supervisor::{
            books::Books,
            facts,
            snapshot::{Written, note_settled},
        },
        policies::{PolicySettings, TrustView, default_stack, stack::Stack, threads::ThreadsLeft},
        trust_tracker::{
            ledger::TrustLedger,
            models::{Asymmetric, TrustModel},
        },
    },
    prelude::*,
    protocols::{Event, Recorded, Stream},
};

use super::cast::{Calls, Thirds, agents, play, team};

fn model() -> Arc<dyn TrustModel> {
    Arc::new(Asymmetric::default())
}

/// Empty books of an agent of the team, with one more policy than it has: a thread is never left behind on a Stage.
fn empty(spec: &AgentSpec) -> Books {
    let mut stack = default_stack(spec, &PolicySettings::default());
    stack.push(Box::new(Thirds::default()));
    stack.push(Box::new(ThreadsLeft::default()));
    Books::new(Stack::new(stack), TrustView { records: BTreeMap::new(), model: model() })
}

fn fold(books: &mut Books, events: &[Arc<Recorded>]) {
    for (fact, at) in facts(events) {
        books.apply(fact, at);
    }
}

/// Facts that a Stage does not bring about, at the end of a stream.
fn with_more(mut events: Vec<Arc<Recorded>>) -> Vec<Arc<Recorded>> {
    let last = events.last().unwrap().clone();
    for (threads, ver) in [9, 2].into_iter().zip(last.ver + 1..) {
        let event = Event::Agent(AgentFact::ThreadsLeft { threads });
        events.push(Arc::new(Recorded { seq: last.seq + ver, ver, event, ..Recorded::clone(&last) }));
    }
    events
}

#[tokio::test(start_paused = true)]
async fn at_every_index_a_snapshot_and_the_tail_are_the_fold_of_all() {
    let stage = team(&Calls::default()).open().await;
    let log = play(&stage).await;
    let mut kinds = BTreeSet::new();
    let mut indices = 0;

    for spec in agents(&Calls::default()) {
        let events = with_more(stage.agent_stream(&spec.name));
        kinds.extend(events.iter().map(|event| event.event.kind().to_owned()));
        let (mut whole, mut settled_at) = (empty(&spec), BTreeMap::new());
        fold(&mut whole, &events);
        note_settled(&mut settled_at, &events);
        let whole = Written::of(&whole, &settled_at).unwrap();
        let mut learned = TrustLedger::new(model());
        facts(&events).for_each(|(fact, _)| learned.apply(&spec.name, 0, fact.lessons()));

        let (mut begun, mut settled_at) = (empty(&spec), BTreeMap::new());
        for (index, last) in events.iter().enumerate() {
            fold(&mut begun, std::slice::from_ref(last));
            note_settled(&mut settled_at, std::slice::from_ref(last));
            let snapshot = Written::of(&begun, &settled_at).unwrap().seal(last).unwrap();
            assert!(snapshot.stands_on(last));

            let written = Written::read(&snapshot).expect("it is sound");
            let (mut books, mut settled_at) = (empty(&spec), written.settled_at.clone());
            let mut ledger = TrustLedger::new(model());
            ledger.take(&spec.name, 0, written.trust.clone());
            assert!(written.fill(&mut books), "it is the same stack");
            fold(&mut books, &events[index + 1..]);
            note_settled(&mut settled_at, &events[index + 1..]);
            facts(&events[index + 1..]).for_each(|(fact, _)| ledger.apply(&spec.name, 0, fact.lessons()));

            let ended = Written::of(&books, &settled_at).unwrap();
            assert_eq!(ended, whole, "{} after event {}: {:?}", spec.name, index + 1, ended.differing(&whole));
            assert!(ledger.iter().eq(learned.iter()), "{} after event {}", spec.name, index + 1);
            indices += 1;
        }
    }

    for kind in [
        "trust_circuit_break",
        "breaker_half_opened",
        "breaker_closed",
        "breaker_isolated",
        "released",
        "seat_restarted",
        "seat_down",
        "charged",
        "parked",
        "resumed",
        "violation",
        "forgotten",
        "third",
        "threads_left",
    ] {
        assert!(kinds.contains(kind), "nothing of the kind {kind} happened: {kinds:?}");
    }
    let retries = log.iter().filter(|event| event.event.kind() == "attempt_retried").count();
    assert!(retries > 2 && indices > 300, "{retries} retries, {indices} indices");
    println!(
        "{indices} snapshots in {} streams",
        stage.streams().iter().filter(|s| matches!(s, Stream::Agent { .. })).count()
    );
}
