//! Everything that is not a message: time, chance, the log, and where agents' code runs.
//!
//! The only file that reads a clock or draws a number. On the Stage all of it is virtual and seeded.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};

use bailiwick_protocols::Timestamp;
use rand::{Rng, RngExt, SeedableRng, rngs::StdRng};

/// The current time: wall time at the start plus what has elapsed since, so it never runs backwards.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    epoch: Timestamp,
    origin: tokio::time::Instant,
}

impl Clock {
    /// Reads the wall clock once. Time goes on from `past` at least, wherever the wall clock has jumped since.
    pub fn system(past: Timestamp) -> Self {
        #[allow(clippy::disallowed_methods, reason = "the one place where wall time enters")]
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Self::starting_at((Timestamp::default() + since).max(past))
    }

    /// Starts at a given time; with tokio's paused time, a virtual clock.
    pub fn starting_at(epoch: Timestamp) -> Self {
        Self { epoch, origin: tokio::time::Instant::now() }
    }

    /// Now.
    pub fn now(&self) -> Timestamp {
        self.epoch + self.origin.elapsed()
    }

    /// How long this clock has run, as exactly as the machine can tell: for how long something took.
    pub fn elapsed(&self) -> Duration {
        self.origin.elapsed()
    }

    /// Waits until a point in time; at once if it has passed.
    pub async fn sleep_until(&self, at: Timestamp) {
        tokio::time::sleep_until(self.origin + at.since(self.epoch)).await;
    }
}

/// Chance: one generator for the whole runtime, seeded on request.
#[derive(Clone)]
pub struct Dice(Arc<Mutex<StdRng>>);

impl Dice {
    /// Seeded: the same draws in the same order.
    pub fn seeded(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(StdRng::seed_from_u64(seed))))
    }

    /// Seeded by the operating system.
    pub fn random() -> Self {
        #[allow(clippy::disallowed_methods, reason = "the one place where chance enters")]
        Self::seeded(rand::random())
    }

    fn with<T>(&self, draw: impl FnOnce(&mut StdRng) -> T) -> T {
        // A panic while drawing leaves the generator usable.
        draw(&mut self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
    }

    /// A draw in 0.0..1.0.
    pub fn unit(&self) -> f64 {
        self.with(|rng| rng.random())
    }

    /// 64 random bits.
    pub fn bits(&self) -> u64 {
        self.with(|rng| rng.next_u64())
    }

    /// A version 7 UUID for this time.
    pub fn uuid(&self, now: Timestamp) -> uuid::Uuid {
        let random = self.with(|rng| rng.random::<[u8; 10]>());
        uuid::Builder::from_unix_timestamp_millis(now.as_millis(), &random).into_uuid()
    }

    /// A seed for another generator.
    pub fn fork(&self) -> Dice {
        Dice::seeded(self.bits())
    }
}

/// Where agents' code runs: a runtime of its own, so that code which never awaits cannot stop a supervisor.
#[derive(Clone, Debug)]
pub struct Spawner(tokio::runtime::Handle);

impl Spawner {
    /// Spawns on this runtime.
    pub fn on(handle: tokio::runtime::Handle) -> Self {
        Self(handle)
    }

    /// Starts a task there.
    pub fn spawn<F>(&self, future: F) -> tokio::task::JoinHandle<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        self.0.spawn(future)
    }

    /// Starts a task there that is aborted when the guard is dropped.
    pub fn spawn_guarded<F>(&self, future: F) -> AbortOnDrop
    where
        F: Future<Output = ()> + Send + 'static,
    {
        AbortOnDrop::of(&self.spawn(future))
    }
}

/// A task that ends with its holder.
#[derive(Debug)]
pub struct AbortOnDrop(tokio::task::AbortHandle);

impl AbortOnDrop {
    /// Ties a task to its holder.
    pub fn of<T>(task: &tokio::task::JoinHandle<T>) -> Self {
        Self(task.abort_handle())
    }
}

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Seats that one runtime starts within any second, the first of each agent not counted: 100.
pub const STARTS_MAX: usize = 100;

/// The seats started of late, over all agents: a storm of restarts must not starve what works.
#[derive(Clone, Default)]
pub struct Starts(Arc<Mutex<VecDeque<Timestamp>>>);

impl Starts {
    /// Starts one more seat.
    ///
    /// # Errors
    /// When to ask again, if there were [`STARTS_MAX`] within the last second.
    pub fn take(&self, now: Timestamp) -> Result<(), Timestamp> {
        const SECOND: Duration = Duration::from_secs(1);
        // A panic while counting leaves the count usable.
        let mut starts = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        while starts.front().is_some_and(|at| *at + SECOND <= now) {
            starts.pop_front();
        }
        match starts.front() {
            Some(first) if starts.len() >= STARTS_MAX => Err(*first + SECOND),
            _ => {
                starts.push_back(now);
                Ok(())
            }
        }
    }
}

/// How long work that was told to stop has before it is killed: 2 s.
pub const GRACE: Duration = Duration::from_secs(2);

/// What every actor is given beside its mailbox.
#[derive(Clone)]
pub struct World {
    /// Time.
    pub clock: Clock,
    /// Chance.
    pub dice: Dice,
    /// What happened.
    pub log: crate::audit_log::log::Log,
    /// Where agents' code runs.
    pub spawner: Spawner,
    /// How fast seats may start.
    pub starts: Starts,
    /// How messages travel.
    pub post: crate::address::Post,
}
