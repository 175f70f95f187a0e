//! A snapshot that is damaged, of another form, history or stack is as good as none.

use std::{collections::BTreeMap, sync::Arc};

use bailiwick::{
    actors::{
        agent_supervisor::books::Books,
        audit_log::snapshot::Snapshot,
        policies::{PolicySettings, TrustView, default_stack, stack::Stack},
        trust_tracker::models::Asymmetric,
    },
    prelude::*,
    protocols::{Recorded, Stream},
};

use super::{
    cast::{Calls, Thirds, agents, goal, same, team},
    starts::{Watched, can_end_between, empty, go_on, goal_of, snapshot_at, snapshots, start, stream_of},
};

/// A log that ends in the middle of its goal, and the same goal's log to its end.
async fn killed() -> (Vec<Arc<Recorded>>, Vec<Arc<Recorded>>) {
    let stage = team(&Calls::default()).open().await;
    stage.run(goal()).await;
    let log = stage.log();
    let middle = (log.len() / 2..log.len()).find(|end| can_end_between(&log[end - 1], &log[*end])).unwrap();
    (log[..middle].to_vec(), log)
}

fn of(log: &[Arc<Recorded>], stream: &Stream) -> Vec<Arc<Recorded>> {
    log.iter().filter(|event| event.stream == *stream).cloned().collect()
}

fn spec(name: &str) -> AgentSpec {
    agents(&Calls::default()).into_iter().find(|spec| &*spec.name == name).unwrap()
}

/// The books of Ada under another stack.
fn under(settings: &PolicySettings, own: bool) -> Books {
    let mut stack = default_stack(&spec("ada"), settings);
    if own {
        stack.push(Box::new(Thirds::default()));
    }
    Books::new(Stack::new(stack), TrustView { records: BTreeMap::new(), model: Arc::new(Asymmetric::default()) })
}

/// Goes on from the middle with this snapshot in the journal, and finds everything as it is without one. Tells of which
/// streams the start took it that they were known, and which it then read from the beginning.
async fn is_as_good_as_none(what: &str, prefix: &[Arc<Recorded>], snapshot: Snapshot) -> (Vec<Stream>, Vec<Stream>) {
    let id = goal_of(prefix).unwrap();
    let watched = Watched::holding(prefix.to_vec(), [snapshot]).await;

    let stage = start(watched.clone()).await;
    let known = watched.known.lock().unwrap().keys().cloned().collect();
    let read_whole = watched.read_whole.lock().unwrap().clone();
    let log = go_on(&stage, id).await;
    let expected = go_on(&start(Watched::holding(prefix.to_vec(), []).await).await, id).await;

    same(&log, &expected, what);
    (known, read_whole)
}

#[tokio::test(start_paused = true)]
async fn a_damaged_one_and_one_of_another_form_are_not_even_tried() {
    let (prefix, _) = killed().await;
    let sound = snapshots(&prefix, 11).into_iter().find(|one| one.stream == stream_of("ada")).unwrap();
    let mut flipped = sound.clone();
    *flipped.body.last_mut().unwrap() ^= 1;
    let cut = Snapshot { body: sound.body[..sound.body.len() / 2].to_vec(), ..sound.clone() };
    let other = Snapshot { form: sound.form + 1, ..sound.clone() };
    let moved = Snapshot { stream: stream_of("bob"), ..sound };

    for (what, useless) in [("flipped", flipped), ("cut", cut), ("another form", other), ("another stream", moved)] {
        let (known, _) = is_as_good_as_none(what, &prefix, useless).await;
        assert_eq!(known, [], "{what}");
    }
}

#[tokio::test(start_paused = true)]
async fn one_that_is_ahead_of_the_journal_or_of_another_history_is_thrown_away() {
    let (prefix, log) = killed().await;
    let ada = stream_of("ada");
    let (kept, all) = (of(&prefix, &ada), of(&log, &ada));
    assert!(all.len() > kept.len() + 1);
    let ahead = snapshot_at(empty(&spec("ada")), &all[..kept.len() + 2]).unwrap();
    // As many events, and the last one was another.
    let mut other = kept.clone();
    let last = Recorded { at: Timestamp::from_millis(7), ..Recorded::clone(kept.last().unwrap()) };
    *other.last_mut().unwrap() = Arc::new(last);
    let other = snapshot_at(empty(&spec("ada")), &other).unwrap();

    for (what, useless) in [("ahead", ahead), ("another history", other)] {
        let found = is_as_good_as_none(what, &prefix, useless).await;
        assert_eq!(found, (vec![ada.clone()], vec![ada.clone()]), "{what}");
    }
}

#[tokio::test(start_paused = true)]
async fn one_of_other_policies_or_of_other_settings_is_thrown_away() {
    let (prefix, _) = killed().await;
    let events = of(&prefix, &stream_of("ada"));
    let mut strict = PolicySettings::default();
    strict.breaker.failures_in_row = 2;
    let fewer = snapshot_at(under(&PolicySettings::default(), false), &events).unwrap();
    let stricter = snapshot_at(under(&strict, true), &events).unwrap();

    for (what, useless) in [("one policy fewer", fewer), ("another setting", stricter)] {
        let found = is_as_good_as_none(what, &prefix, useless).await;
        assert_eq!(found, (vec![stream_of("ada")], vec![stream_of("ada")]), "{what}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_sealed_well_and_is_nobodys_books_is_thrown_away() {
    let (prefix, _) = killed().await;
    let events = of(&prefix, &stream_of("ada"));
    let nonsense = Snapshot::seal(&events[4], b"\x01no books at all");

    let found = is_as_good_as_none("nonsense", &prefix, nonsense).await;

    assert_eq!(found, (vec![stream_of("ada")], vec![stream_of("ada")]));
}
