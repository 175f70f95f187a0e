//! Virtual time: what happens next, and how messages travel, in order for each pair and late by a drawn delay.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap, HashMap},
};

use bailiwick_protocols::Timestamp;

use super::draws::Draws;

/// Who sends or receives.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[allow(missing_docs, reason = "the actors of the tree")]
pub enum Who {
    Edge,
    Root,
    Agents,
    Coordinator,
    Tracker,
    Pool,
    Desk(usize),
    Goal(usize),
    /// Seats are numbered over all agents and lives.
    Seat(u64),
}

/// The queue of everything that will happen.
pub struct Post<M> {
    due: BinaryHeap<Reverse<(Timestamp, u64)>>,
    mail: BTreeMap<u64, M>,
    last: HashMap<(Who, Who), Timestamp>,
    next: u64,
    delay_max: u64,
}

impl<M> Post<M> {
    /// Nothing will happen yet. Messages take up to `delay_max` milliseconds.
    pub fn new(delay_max: u64) -> Self {
        Self { due: BinaryHeap::new(), mail: BTreeMap::new(), last: HashMap::new(), next: 0, delay_max }
    }

    /// Something happens at this time, behind what already happens then.
    pub fn at(&mut self, at: Timestamp, mail: M) {
        self.due.push(Reverse((at, self.next)));
        self.mail.insert(self.next, mail);
        self.next += 1;
    }

    /// A message sets out.
    pub fn send(&mut self, now: Timestamp, (from, to): (Who, Who), draws: &mut Draws, mail: M) {
        let drawn = Timestamp::from_millis(now.as_millis() + draws.below(self.delay_max + 1));
        let at = self.last.get(&(from, to)).map_or(drawn, |last| drawn.max(*last));
        self.last.insert((from, to), at);
        self.at(at, mail);
    }

    /// What happens next, and when.
    #[allow(clippy::should_implement_trait, reason = "time passes by it; nobody iterates over it")]
    pub fn next(&mut self) -> Option<(Timestamp, M)> {
        let Reverse((at, number)) = self.due.pop()?;
        Some((at, self.mail.remove(&number)?))
    }
}
