//! A seeded simulator of the whole road, without actors: the real state machines of goals, supervisors, verification
//! and trust, wired through a queue of virtual time, with everything going wrong that a seed can think of.
//!
//! Goals, desks, `Gather` and the trust ledger are the plain machines of `bailiwick-actors`; what is written here is
//! what their actors do around them: who is told, who is replaced by whom, who sends again. Seats, planners and workers
//! are acted. After every step the folds of all streams are compared with the live machines and the permits are
//! counted; at the end the streams are read again from their first event and must keep the [`laws`].
//!
//! - `draws` chance, `script` what a seed stands for, `post` the queue
//! - `house` the wiring, `seat` what agents do, `shadow` fold = live
//! - `laws` what must hold of the streams of any run, simulated or real, `storm` the same scripts on the real tree

use std::{collections::BTreeMap, fmt};

use bailiwick_protocols::SettlementKind;

pub mod draws;
pub mod house;
pub mod laws;
pub mod post;
pub mod script;
pub mod seat;
pub mod shadow;
pub mod storm;

/// What happened in one run or in many.
#[derive(Clone, Default, Debug)]
pub struct Tally {
    /// Settlements by kind.
    pub settlements: BTreeMap<SettlementKind, u64>,
    /// Goals by outcome.
    pub goals: BTreeMap<&'static str, u64>,
    /// Events by kind.
    pub events: BTreeMap<String, u64>,
    /// Steps of all machines.
    pub steps: u64,
    /// Actors that died and were replaced.
    pub deaths: u64,
}

impl Tally {
    /// Adds another.
    pub fn add(&mut self, other: &Tally) {
        for (kind, count) in &other.settlements {
            *self.settlements.entry(*kind).or_default() += count;
        }
        for (outcome, count) in &other.goals {
            *self.goals.entry(outcome).or_default() += count;
        }
        for (kind, count) in &other.events {
            *self.events.entry(kind.clone()).or_default() += count;
        }
        self.steps += other.steps;
        self.deaths += other.deaths;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "steps {}, deaths {}", self.steps, self.deaths)?;
        writeln!(f, "settlements {:?}", self.settlements)?;
        writeln!(f, "goals {:?}", self.goals)?;
        write!(f, "events {:?}", self.events)
    }
}

/// A law was broken.
#[derive(Clone, Debug)]
pub struct Broken {
    /// By which seed.
    pub seed: u64,
    /// Which law, and how.
    pub law: String,
    /// The last things that happened before.
    pub before: Vec<String>,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.before {
            writeln!(f, "{line}")?;
        }
        write!(f, "seed {} breaks a law: {}", self.seed, self.law)
    }
}

/// Runs one seed to its end; with `told`, keeps what happened for a failure's report.
///
/// # Errors
/// The first law that is broken.
pub fn simulate(seed: u64, told: bool) -> Result<Tally, Broken> {
    let mut house = house::House::new(seed, told);
    house.run().map_err(|law| Broken { seed, law, before: house.told() })
}

/// The same with agents as judges.
///
/// # Errors
/// The first law that is broken.
pub fn simulate_judges(seed: u64, told: bool) -> Result<Tally, Broken> {
    let mut house = house::House::new(seed, told).with_judges(seed);
    house.run().map_err(|law| Broken { seed, law, before: house.told() })
}

/// Plays the script of one seed on the real tree, in paused time.
///
/// # Errors
/// The first law that is broken.
pub fn storm(seed: u64) -> Result<Tally, Broken> {
    storm::run(seed).map_err(|law| Broken { seed, law, before: Vec::new() })
}
