//! Many seeds on all cores, and what is said about those that break a law.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

use bailiwick_tests::simulator::{Broken, Tally};

/// A run that takes this long does not end.
const HANGS: Duration = Duration::from_secs(120);

/// After so many failures there is enough to look at.
const ENOUGH: usize = 10;

/// A number from the environment.
pub fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name}={text} is not a number")))
}

/// Runs the kept seeds, then those from 0 to `seeds`.
pub fn many(kept: &[u64], seeds: u64, run: fn(u64) -> Result<Tally, Broken>) -> (Tally, Vec<Broken>) {
    let all: Arc<[u64]> = kept.iter().copied().chain(0..seeds).collect();
    let next = Arc::new(AtomicU64::new(0));
    #[allow(clippy::disallowed_methods, reason = "threads of this test report to the one that waits for them")]
    let (ended, ends) = mpsc::channel();
    let threads = thread::available_parallelism().map_or(1, usize::from);
    for _ in 0..threads {
        let (all, next, ended) = (all.clone(), next.clone(), ended.clone());
        thread::spawn(move || {
            while let Some(seed) = all.get(next.fetch_add(1, Ordering::Relaxed) as usize) {
                if ended.send((*seed, run(*seed))).is_err() {
                    return;
                }
            }
        });
    }
    drop(ended);
    let (mut tally, mut broken, mut open) = (Tally::default(), Vec::new(), all.to_vec());
    while broken.len() < ENOUGH {
        match ends.recv_timeout(HANGS) {
            Ok((seed, end)) => {
                open.retain(|other| *other != seed);
                match end {
                    Ok(one) => tally.add(&one),
                    Err(this) => broken.push(this),
                }
            }
            Err(mpsc::RecvTimeoutError::Timeout) => {
                let first: Vec<_> = open.iter().take(threads).collect();
                panic!("a run does not end; it is one of the seeds {first:?}");
            }
            Err(mpsc::RecvTimeoutError::Disconnected) => break,
        }
    }
    broken.sort_by_key(|broken| broken.seed);
    (tally, broken)
}

/// Prints what happened.
///
/// # Panics
/// If a law was broken, with the command that runs the first such seed alone.
pub fn report(tally: &Tally, broken: &[Broken], variable: &str, test: &str) {
    println!("{tally}");
    for Broken { seed, law, .. } in broken {
        println!("seed {seed}: {}", law.chars().take(400).collect::<String>());
    }
    if let Some(Broken { seed, law, .. }) = broken.first() {
        panic!(
            "{} seeds break a law; run one alone with\n{variable}={seed} cargo test -p bailiwick-tests --test \
             simulation {test} -- --nocapture\nseed {seed}: {law}",
            broken.len()
        );
    }
}
