//! The edge of the runtime: how many goals may live, and how many were turned away.
//!
//! A place is taken before anything is sent, so that a flood of submissions costs no message, no event and no memory.

use std::sync::{
    Arc,
    atomic::{AtomicU64, AtomicUsize, Ordering},
};

/// Goals that may live at once.
pub const LIVE_MAX: usize = 4_000;

/// The places of live goals. Cheap to clone.
#[derive(Clone, Default, Debug)]
pub struct Places(Arc<Counts>);

#[derive(Default, Debug)]
struct Counts {
    taken: AtomicUsize,
    overloaded: AtomicU64,
    invalid: AtomicU64,
}

/// The right of one goal to live. Comes home by being dropped.
#[derive(Debug)]
pub struct Place(Arc<Counts>);

impl Places {
    /// Takes a place; `None`, and counted, if [`LIVE_MAX`] are taken.
    pub fn take(&self) -> Option<Place> {
        let one_more = |taken| (taken < LIVE_MAX).then_some(taken + 1);
        if self.0.taken.fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_more).is_err() {
            self.0.overloaded.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        Some(Place(self.0.clone()))
    }

    /// The place of a goal that lives already, whatever the limit: its actor is started again.
    pub fn keep(&self) -> Place {
        self.0.taken.fetch_add(1, Ordering::SeqCst);
        Place(self.0.clone())
    }

    /// How many are taken.
    pub fn taken(&self) -> usize {
        self.0.taken.load(Ordering::SeqCst)
    }

    /// How often somebody was turned away for want of a place.
    pub fn turned_away(&self) -> u64 {
        self.0.overloaded.load(Ordering::Relaxed)
    }

    /// Counts a submission that something is wrong with.
    pub fn count_invalid(&self) {
        self.0.invalid.fetch_add(1, Ordering::Relaxed);
    }

    /// How often somebody was turned away, by reason.
    pub fn turned_away_for(&self) -> [(&'static str, u64); 2] {
        [("overloaded", self.turned_away()), ("invalid", self.0.invalid.load(Ordering::Relaxed))]
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.taken.fetch_sub(1, Ordering::SeqCst);
    }
}
