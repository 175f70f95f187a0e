//! A replay tells whether a snapshot is the fold of what it stands for.

use bailiwick::{
    actors::{agent_supervisor::snapshot::Written, audit_log::snapshot::Snapshot},
    history,
    protocols::TrustScore,
};

use super::{
    cast::{Calls, play, team},
    starts::{snapshots, stream_of},
};

#[tokio::test(start_paused = true)]
async fn a_replay_finds_every_snapshot_that_is_not_the_fold_and_passes_over_what_no_start_would_use() {
    let log = play(&team(&Calls::default()).open().await).await;
    let sound = snapshots(&log, 11);

    let all = history::compare_snapshots(&log, &sound);
    assert_eq!((all.snapshots, all.differences), (sound.len(), vec![]));
    assert_eq!(all.own.into_iter().collect::<Vec<_>>(), ["thirds"], "its code is not here");
    assert_eq!(sound.len(), 5);

    let ada = sound.iter().find(|one| one.stream == stream_of("ada")).unwrap();
    let last = log.iter().find(|event| event.stream == ada.stream && event.ver == ada.ver).unwrap();
    let mut written = Written::read(ada).unwrap();
    written.trust.values_mut().for_each(|record| record.score = TrustScore::new(0.99));
    written.flights.clear();
    written.settled_at.clear();
    let wrong = history::compare_snapshots(&log, &[written.seal(last).unwrap()]);
    let said: Vec<&str> = wrong.differences.iter().filter_map(|said| said.rsplit(": ").next()).collect();
    assert_eq!(said, ["flights", "settlements", "trust"], "{:?}", wrong.differences);

    let mut flipped = ada.clone();
    *flipped.body.last_mut().unwrap() ^= 1;
    let ahead = history::compare_snapshots(&log[..last.seq as usize - 1], std::slice::from_ref(ada));
    let other = history::compare_snapshots(&log, &[flipped, Snapshot { form: 99, ..ada.clone() }]);
    assert_eq!((ahead.snapshots, other.snapshots), (0, 0));
    assert_eq!((ahead.differences, other.differences), (vec![], vec![]));
}
