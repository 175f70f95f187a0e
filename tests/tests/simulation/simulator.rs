//! Ten thousand simulated runs. A seed that breaks a law is printed with the command that runs it alone:
//!
//! ```text
//! BAILIWICK_SEED=4711 cargo test -p bailiwick-tests --test simulation simulated -- --nocapture
//! ```
//!
//! `BAILIWICK_SEEDS=100000` runs more of them.

use bailiwick_tests::simulator::{laws, simulate, simulate_judges};

use super::many::{many, number, report};

/// Seeds that broke a law once. They run first, for ever.
const KEPT: &[u64] = &[258, 514, 637, 1055, 1063, 2443, 3168, 6948, 7051, 10_051, 10_062, 10_135, 30_783];

/// How many run beside them.
const SEEDS: u64 = 10_000;

/// How many run with agents as judges: most examinations are theirs then.
const JUDGED: u64 = 3_000;

#[test]
fn runs_whose_judges_are_agents_keep_every_law() {
    if let Some(seed) = number("BAILIWICK_JUDGED_SEED") {
        match simulate_judges(seed, true) {
            Ok(tally) => println!("seed {seed} keeps every law\n{tally}"),
            Err(broken) => panic!("{broken}"),
        }
        return;
    }

    let (tally, broken) = many(&[], JUDGED, |seed| simulate_judges(seed, false));

    report(&tally, &broken, "BAILIWICK_JUDGED_SEED", "judges");
    for kind in ["judge_asked", "verification_passed", "verification_failed"] {
        assert!(tally.events.get(kind).is_some_and(|count| *count > 100), "too few runs show {kind}: {tally}");
    }
}

#[test]
fn simulated_runs_keep_every_law() {
    if let Some(seed) = number("BAILIWICK_SEED") {
        match simulate(seed, true) {
            Ok(tally) => println!("seed {seed} keeps every law\n{tally}"),
            Err(broken) => panic!("{broken}"),
        }
        return;
    }

    let (tally, broken) = many(KEPT, number("BAILIWICK_SEEDS").unwrap_or(SEEDS), |seed| simulate(seed, false));

    report(&tally, &broken, "BAILIWICK_SEED", "simulated");
    for kind in laws::KINDS {
        let count = tally.settlements.get(&kind).copied().unwrap_or(0);
        assert!(count > 0, "no run shows a settlement that is {kind:?}");
    }
}
