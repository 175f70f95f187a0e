//! Whom to ask, as a table: the score, near ties, and the one draw in twenty that goes to the least known.

use std::collections::BTreeMap;

use bailiwick_protocols::{Output, Task, TrustRecord, TrustScore};

use super::*;
use crate::agents::agent_fn;
use crate::{
    address::{Address, Post},
    directory::Standing,
    trust_tracker::models::Asymmetric,
    world::Dice,
};

/// An agent as the directory shows it.
#[derive(Clone, Copy)]
struct Seen {
    name: &'static str,
    capabilities: &'static [&'static str],
    trust: f64,
    evidence: f64,
    seats: u32,
    busy: u32,
    usd: f64,
}

const ADA: Seen = Seen { name: "ada", capabilities: &["read"], trust: 0.5, evidence: 4.0, seats: 1, busy: 0, usd: 0.0 };

fn directory(agents: &[Seen]) -> Directory {
    let (directory, post) = (Directory::default(), Post::direct());
    for seen in agents {
        let spec = agent_fn(seen.name, seen.capabilities.iter().copied(), |_| async { Ok(Output::text("seen")) })
            .max_concurrent(seen.seats)
            .cost_usd_per_task(seen.usd);
        let entry = Entry::new(&spec, 0, Address::vacant(&post), Arc::new(Asymmetric::default()));
        let start = TrustRecord::start(TrustScore::new(seen.trust), Timestamp::default());
        let record = TrustRecord { successes: seen.evidence, ..start };
        let trust: BTreeMap<_, _> = seen.capabilities.iter().map(|&capability| (capability.into(), record)).collect();
        entry.publish(Standing { trust, ..Standing::default() });
        entry.publish_load(seen.busy, seen.busy);
        directory.insert(Arc::new(entry));
    }
    directory
}

fn task(criticality: u8, reversibility: Reversibility) -> TaskSpec {
    let task = Task::new("read", "Read it").needs_capability("read");
    task.criticality(criticality).reversibility(reversibility).resolve(&Default::default())
}

/// One choice: who, and why; with everybody who could be asked again afterwards.
fn chosen(directory: &Directory, spec: &TaskSpec, exploration: f64, dice: &Dice) -> (String, ChosenBy) {
    let wanted = Wanted { task: spec, only: None, spent: &BTreeSet::new(), refused: &[], trust_min: 0.0 };
    let settings = ChoiceSettings { exploration, ..ChoiceSettings::default() };
    match choose(directory, &settings, &wanted, None, Timestamp::default(), || dice.unit()) {
        (Choice::Ask(asked), _) => (asked.entry.name.to_string(), asked.by),
        _ => panic!("somebody can be asked"),
    }
}

/// Enough that a share of 0.05 can be told from none and from twice as much.
const CHOICES: u32 = 3_000;

/// The shares of that many seeded choices.
fn shares(directory: &Directory, spec: &TaskSpec, exploration: f64) -> BTreeMap<(String, ChosenBy), f64> {
    let dice = Dice::seeded(7);
    let mut counts: BTreeMap<_, u32> = BTreeMap::new();
    for _ in 0..CHOICES {
        *counts.entry(chosen(directory, spec, exploration, &dice)).or_default() += 1;
    }
    counts.into_iter().map(|(chosen, count)| (chosen, f64::from(count) / f64::from(CHOICES))).collect()
}

fn close(share: f64, expected: f64) -> bool {
    // Five standard deviations.
    (share - expected).abs() < 5.0 * (expected * (1.0 - expected) / f64::from(CHOICES)).sqrt().max(1e-9)
}

#[test]
fn the_score_weighs_capability_trust_availability_and_cost() {
    let table = [
        // Everything is as good as it can be.
        (Seen { trust: 1.0, ..ADA }, 1.0),
        // A new agent: 0.35 + 0.30 x 0.5 + 0.20 + 0.15.
        (ADA, 0.85),
        (Seen { trust: 0.0, ..ADA }, 0.70),
        (Seen { busy: 1, ..ADA }, 0.65),
        (Seen { seats: 4, busy: 3, ..ADA }, 0.70),
        // More in flight than seats is no less than none free.
        (Seen { seats: 2, busy: 9, ..ADA }, 0.65),
        // A tenth of a cent halves the term of cost.
        (Seen { usd: 0.001, ..ADA }, 0.775),
        (Seen { usd: 0.01, ..ADA }, 0.70 + 0.15 / 11.0),
        // What else it can do does not count.
        (Seen { capabilities: &["write", "read"], ..ADA }, 0.85),
    ];

    for (seen, score) in table {
        let directory = directory(&[seen]);
        let entry = directory.get(&"ada".into()).unwrap();
        let terms = entry.terms(&["read".into()], &Weights::default(), Timestamp::default());
        assert!((terms.score - score).abs() < 1e-9, "{}: {terms:?}, not {score}", terms.score);
    }
}

#[test]
fn a_term_of_capability_is_what_is_held_of_what_is_required_where_one_is_enough() {
    let directory = directory(&[ADA]);
    let entry = directory.get(&"ada".into()).unwrap();
    let term = |needs: &[&str]| {
        let needs: Vec<_> = needs.iter().map(|&need| need.into()).collect();
        entry.terms(&needs, &Weights::default(), Timestamp::default()).capability
    };

    assert_eq!([term(&["read"]), term(&["read", "write"]), term(&[])], [1.0, 0.5, 1.0]);
}

#[test]
fn the_better_score_is_asked_however_the_dice_fall() {
    let directory = directory(&[ADA, Seen { name: "bo", trust: 0.6, ..ADA }]);

    let shares = shares(&directory, &task(3, Reversibility::Medium), 0.05);

    assert_eq!(shares.into_iter().collect::<Vec<_>>(), [(("bo".to_owned(), ChosenBy::Score), 1.0)]);
}

#[test]
fn near_ties_are_drawn_evenly_and_by_what_is_in_flight_first() {
    // 0.30 x 0.06 is 0.018, and near; another 0.018 is not.
    let agents = [
        Seen { name: "ada", trust: 0.62, ..ADA },
        Seen { name: "bo", trust: 0.56, ..ADA },
        Seen { name: "cy", trust: 0.50, ..ADA },
    ];
    let spec = task(3, Reversibility::Medium);

    let idle = shares(&directory(&agents), &spec, 0.05);
    let mut loaded = agents;
    (loaded[0].seats, loaded[0].busy) = (100, 1);
    let loaded = shares(&directory(&loaded), &spec, 0.05);

    assert_eq!(idle.len(), 2, "{idle:?}");
    for name in ["ada", "bo"] {
        assert!(close(idle[&(name.to_owned(), ChosenBy::NearTie)], 0.5), "{idle:?}");
    }
    assert_eq!(loaded.into_keys().collect::<Vec<_>>(), [("bo".to_owned(), ChosenBy::NearTie)]);
}

#[test]
fn two_hundredths_are_near_and_more_is_not() {
    let near = |difference: f64| {
        let better = Seen { name: "bo", trust: 0.5 + difference / 0.30, ..ADA };
        shares(&directory(&[ADA, better]), &task(3, Reversibility::Medium), 0.0).len() == 2
    };

    assert!(near(0.0) && near(0.019) && near(0.02));
    assert!(!near(0.020_01) && !near(0.03));
}

#[test]
fn the_same_seed_draws_the_same() {
    let directory = directory(&[ADA, Seen { name: "bo", ..ADA }, Seen { name: "cy", ..ADA }]);
    let spec = task(1, Reversibility::High);
    let draw = |seed| {
        let dice = Dice::seeded(seed);
        (0..50).map(|_| chosen(&directory, &spec, 0.05, &dice)).collect::<Vec<_>>()
    };

    assert_eq!(draw(1), draw(1));
    assert_ne!(draw(1), draw(2));
}

#[test]
fn one_draw_in_twenty_asks_the_least_known_where_little_is_at_stake() {
    // The least known is also the worst: only exploration would ask it.
    let agents = [
        Seen { name: "ada", trust: 0.9, evidence: 40.0, ..ADA },
        Seen { name: "bo", trust: 0.7, evidence: 9.0, ..ADA },
        Seen { name: "cy", trust: 0.5, evidence: 0.0, ..ADA },
    ];
    let directory = directory(&agents);
    let explored = ("cy".to_owned(), ChosenBy::Exploration);

    for criticality in 1..=5 {
        for reversibility in [Reversibility::High, Reversibility::Medium, Reversibility::Low] {
            let shares = shares(&directory, &task(criticality, reversibility), 0.05);
            let share = shares.get(&explored).copied().unwrap_or_default();
            let expected = if criticality <= 2 && reversibility == Reversibility::High { 0.05 } else { 0.0 };
            assert!(close(share, expected), "criticality {criticality}, {reversibility:?}: {shares:?}");
            assert!(shares.keys().all(|(name, _)| name != "bo"), "{shares:?}");
        }
    }
}

#[test]
fn exploration_is_as_frequent_as_it_is_set_and_never_without_a_choice() {
    let two = directory(&[Seen { trust: 0.9, ..ADA }, Seen { name: "bo", evidence: 0.0, ..ADA }]);
    let alone = directory(&[ADA]);
    let spec = task(1, Reversibility::High);
    let explored = |directory, exploration| {
        let shares = shares(directory, &spec, exploration);
        shares.iter().filter(|((_, by), _)| *by == ChosenBy::Exploration).map(|(_, share)| share).sum::<f64>()
    };

    assert_eq!((explored(&two, 0.0), explored(&two, 1.0)), (0.0, 1.0));
    assert!(close(explored(&two, 0.25), 0.25));
    assert_eq!(explored(&alone, 1.0), 0.0);
}

#[test]
fn the_same_agent_again_is_never_an_exploration() {
    let directory = directory(&[ADA, Seen { name: "bo", evidence: 0.0, trust: 0.9, ..ADA }]);
    let (spec, ada) = (task(1, Reversibility::High), "ada".into());
    let wanted = Wanted { task: &spec, only: Some(&ada), spent: &BTreeSet::new(), refused: &[], trust_min: 0.0 };
    let settings = ChoiceSettings { exploration: 1.0, ..ChoiceSettings::default() };

    let (choice, _) = choose(&directory, &settings, &wanted, None, Timestamp::default(), || 0.0);

    let Choice::Ask(asked) = choice else { panic!("it can be asked") };
    assert_eq!((asked.entry.name.as_str(), asked.by), ("ada", ChosenBy::Retry));
}

#[test]
fn an_explored_agent_that_is_full_leaves_the_task_to_the_best() {
    let directory = directory(&[Seen { trust: 0.9, ..ADA }, Seen { name: "bo", evidence: 0.0, ..ADA }]);
    let bo = directory.get(&"bo".into()).unwrap();
    let _held: Vec<_> = std::iter::from_fn(|| bo.permits.take()).collect();

    let chosen = chosen(&directory, &task(1, Reversibility::High), 1.0, &Dice::seeded(1));

    assert_eq!(chosen, ("ada".to_owned(), ChosenBy::Score));
}

#[test]
fn below_three_tenths_nobody_is_chosen() {
    let hopeless = Seen { trust: 0.0, busy: 1, usd: 1_000.0, ..ADA };
    let spec = task(3, Reversibility::Medium);
    let settings = ChoiceSettings {
        weights: Weights { capability: 0.2, trust: 0.4, availability: 0.2, cost: 0.2 },
        ..ChoiceSettings::default()
    };
    let wanted = Wanted { task: &spec, only: None, spent: &BTreeSet::new(), refused: &[], trust_min: 0.0 };

    let (choice, _) = choose(&directory(&[hopeless]), &settings, &wanted, None, Timestamp::default(), || 0.0);

    let Choice::Nobody(said) = choice else { panic!("a score of 0.2 was chosen") };
    assert!(said[0].refusal.to_string().contains("0.20"), "{said:?}");
}
