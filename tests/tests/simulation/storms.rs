//! A thousand storms on the real tree. A seed that breaks a law is printed with the command that runs it alone:
//!
//! ```text
//! BAILIWICK_STORM=42 cargo test -p bailiwick-tests --test simulation storms -- --nocapture
//! ```
//!
//! `BAILIWICK_STORMS=10000` runs more of them.

use bailiwick_tests::simulator::storm;

use super::many::{many, number, report};

/// Seeds that broke a law once. They run first, for ever.
const KEPT: &[u64] = &[0, 29, 39, 47, 63, 73, 102, 249, 274, 285, 329, 399, 3926];

/// How many run beside them.
const STORMS: u64 = 1_000;

#[test]
fn storms_on_the_real_tree_keep_every_law() {
    if let Some(seed) = number("BAILIWICK_STORM") {
        match storm(seed) {
            Ok(tally) => println!("storm {seed} keeps every law\n{tally}"),
            Err(broken) => panic!("{broken}"),
        }
        return;
    }

    let (tally, broken) = many(KEPT, number("BAILIWICK_STORMS").unwrap_or(STORMS), storm);

    report(&tally, &broken, "BAILIWICK_STORM", "storms");
    assert!(tally.settlements.len() >= 7, "a thousand storms show nearly every kind of settlement");
}
