//! What holds for every model of trust, whatever its arithmetic.

use bailiwick_protocols::trust::Gravity;
use proptest::prelude::*;

use super::*;

const HOUR: u64 = 3_600_000;

#[derive(Clone, Copy, Debug)]
enum Any {
    Asymmetric(Asymmetric),
    Beta(Beta),
}

impl std::ops::Deref for Any {
    type Target = dyn TrustModel;

    fn deref(&self) -> &Self::Target {
        match self {
            Any::Asymmetric(model) => model,
            Any::Beta(model) => model,
        }
    }
}

fn models() -> impl Strategy<Value = Any> {
    let asymmetric = (0.0..=1.0f64, 0.0..=1.0f64, 0.0..=0.5f64).prop_map(|(won, lost, faded)| {
        let rates = Asymmetric { success_rate: won, failure_rate: lost, ..Asymmetric::default() };
        Any::Asymmetric(Asymmetric { decay_per_hour: faded, ..rates })
    });
    // An even prior: its middle is the 0.5 that everything fades to.
    let beta = (0.1..=5.0f64)
        .prop_map(|prior| Any::Beta(Beta { prior_successes: prior, prior_failures: prior, ..Beta::default() }));
    let default = prop_oneof![Just(Any::Asymmetric(Asymmetric::default())), Just(Any::Beta(Beta::default()))];
    prop_oneof![default, asymmetric, beta]
}

fn gravities() -> impl Strategy<Value = Gravity> {
    prop_oneof![Just(Gravity::Ordinary), Just(Gravity::Breach), Just(Gravity::Violation)]
}

fn evidence() -> impl Strategy<Value = Evidence> {
    prop_oneof![Just(Evidence::Success), gravities().prop_map(Evidence::Failure)]
}

/// Pieces of evidence, each with the milliseconds that passed before it: up to 200 h.
fn histories() -> impl Strategy<Value = Vec<(u64, Evidence)>> {
    prop::collection::vec((0..200 * HOUR, evidence()), 0..30)
}

/// A record as a model itself makes them: every state a history can lead to.
fn lived(model: &dyn TrustModel, history: &[(u64, Evidence)]) -> TrustRecord {
    let born = TrustRecord::start(model.start(), Timestamp::from_millis(0));
    history.iter().fold(born, |record, (passed, evidence)| {
        model.learn(&record, *evidence, Timestamp::from_millis(record.at.as_millis() + passed))
    })
}

fn later(record: &TrustRecord, millis: u64) -> Timestamp {
    Timestamp::from_millis(record.at.as_millis() + millis)
}

proptest! {
    #[test]
    fn a_failure_never_raises_a_score(
        model in models(), history in histories(), passed in 0..1000 * HOUR, gravity in gravities(),
    ) {
        let record = lived(&*model, &history);
        let now = later(&record, passed);
        let before = model.decayed(&record, now).score;

        let after = model.learn(&record, Evidence::Failure(gravity), now).score;

        prop_assert!(after <= before, "{before:?} rose to {after:?}");
    }

    #[test]
    fn a_success_never_lowers_one(model in models(), history in histories(), passed in 0..1000 * HOUR) {
        let record = lived(&*model, &history);
        let now = later(&record, passed);

        let after = model.learn(&record, Evidence::Success, now).score;

        prop_assert!(after >= model.decayed(&record, now).score);
    }

    #[test]
    fn scores_stay_between_nought_and_one_and_evidence_is_never_negative(
        model in models(), history in histories(), passed in 0..1000 * HOUR,
    ) {
        let record = lived(&*model, &history);
        for record in [record, model.decayed(&record, later(&record, passed))] {
            prop_assert!((0.0..=1.0).contains(&record.score.get()));
            prop_assert!(record.successes >= 0.0 && record.failures >= 0.0);
        }
    }

    #[test]
    fn silence_moves_a_score_toward_the_middle_only(model in models(), history in histories(), passed in 0..1000 * HOUR) {
        let record = lived(&*model, &history);
        let (before, after) = (record.score.get(), model.decayed(&record, later(&record, passed)).score.get());

        let (near, far) = (before.min(0.5) - 1e-9, before.max(0.5) + 1e-9);
        prop_assert!((near..=far).contains(&after), "{before} went to {after}");
        prop_assert!((after - 0.5).abs() <= (before - 0.5).abs() + 1e-9);
    }

    #[test]
    fn reading_a_reading_changes_nothing(model in models(), history in histories(), passed in 0..1000 * HOUR) {
        let record = lived(&*model, &history);
        let now = later(&record, passed);
        let read = model.decayed(&record, now);

        let again = model.decayed(&read, now);

        prop_assert_eq!(again, read);
    }

    #[test]
    fn reading_on_the_way_does_not_change_where_it_leads(
        model in models(), history in histories(), first in 0..500 * HOUR, then in 0..500 * HOUR,
    ) {
        let record = lived(&*model, &history);
        let (halfway, now) = (later(&record, first), later(&record, first + then));

        let in_two = model.decayed(&model.decayed(&record, halfway), now);
        let in_one = model.decayed(&record, now);

        prop_assert!((in_two.score.get() - in_one.score.get()).abs() < 1e-6, "{in_two:?} is not {in_one:?}");
    }
}
