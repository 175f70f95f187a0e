//! Ten thousand simulated runs. A seed that breaks a law is printed with the command that runs it alone:
//!
//! ```text
//! BAILIWICK_SEED=4711 cargo test -p bailiwick-tests --test simulation simulated -- --nocapture
//! ```
//!
//! `BAILIWICK_SEEDS=100000` runs more of them.

use std::sync::{
    Mutex,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use bailiwick_tests::simulator::{Broken, Tally, laws, simulate};

/// Seeds that broke a law once. They run first, for ever.
const KEPT: &[u64] = &[637, 7051];

/// How many run beside them.
const SEEDS: u64 = 10_000;

fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name}={text} is not a number")))
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
    let seeds = number("BAILIWICK_SEEDS").unwrap_or(SEEDS);

    let (tally, broken) = many(seeds);

    println!("{seeds} seeds: {tally}");
    for Broken { seed, law, .. } in &broken {
        println!("seed {seed}: {}", law.chars().take(400).collect::<String>());
    }
    if let Some(Broken { seed, law, .. }) = broken.first() {
        panic!(
            "{} seeds break a law; run one alone with\nBAILIWICK_SEED={seed} cargo test -p bailiwick-tests --test \
             simulation simulated -- --nocapture\nseed {seed}: {law}",
            broken.len()
        );
    }
    for kind in laws::KINDS {
        let count = tally.settlements.get(&kind).copied().unwrap_or(0);
        assert!(count > 0, "no run shows a settlement that is {kind:?}");
    }
}

/// Runs the kept seeds and this many others on all cores; stops soon after ten have failed.
fn many(seeds: u64) -> (Tally, Vec<Broken>) {
    let (next, enough) = (AtomicU64::new(0), AtomicBool::new(false));
    let all = Mutex::new((Tally::default(), Vec::new()));
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let work = || {
        let mut tally = Tally::default();
        while !enough.load(Ordering::Relaxed) {
            let place = next.fetch_add(1, Ordering::Relaxed);
            let seed = match KEPT.get(place as usize) {
                Some(seed) => *seed,
                None if place - KEPT.len() as u64 >= seeds => break,
                None => place - KEPT.len() as u64,
            };
            match simulate(seed, false) {
                Ok(one) => tally.add(&one),
                Err(broken) => {
                    let mut all = all.lock().expect("nobody panics with it");
                    all.1.push(broken);
                    enough.store(all.1.len() >= 10, Ordering::Relaxed);
                }
            }
        }
        all.lock().expect("nobody panics with it").0.add(&tally);
    };
    std::thread::scope(|scope| (0..threads).for_each(|_| drop(scope.spawn(work))));
    let (tally, mut broken) = all.into_inner().expect("nobody panicked with it");
    broken.sort_by_key(|broken| broken.seed);
    (tally, broken)
}
