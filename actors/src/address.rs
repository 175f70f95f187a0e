//! Where an actor is reached: an address outlives the actors behind it, and all sends go through it.
//!
//! On the Stage a message arrives after a seeded virtual delay, first in first out for each pair of actors, because
//! one thread and plain order show exactly one interleaving.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError, RwLock,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
    time::Duration,
};

use bailiwick_protocols::{Cause, DelegationId, Traceparent};
use ractor::{ActorRef, Message};
use tokio::time::Instant;

use crate::world::Dice;

/// A message with everything that must never be lost on the way.
#[derive(Debug)]
pub struct Envelope<M> {
    /// Who sends, and which life of it.
    pub origin: Origin,
    /// The recorded event that led to it.
    pub cause: Option<Cause>,
    /// The trace it belongs to.
    pub trace: Option<Traceparent>,
    /// The delegation on whose behalf it is sent.
    pub parent: Option<DelegationId>,
    /// What is said.
    pub body: M,
}

/// A sender: its number and its incarnation.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Origin {
    /// Unique in the runtime.
    pub actor: u64,
    /// Counted from 0, raised by its parent on replacement.
    pub incarnation: u32,
}

impl Origin {
    /// The edge of the runtime: a caller, not an actor.
    pub const EDGE: Origin = Origin { actor: 0, incarnation: 0 };
}

/// Where an actor is reached. Cheap to clone; all clones see a replacement at once.
pub struct Address<M: Message> {
    cell: Arc<AddressCell<M>>,
}

struct AddressCell<M: Message> {
    number: u64,
    incarnation: AtomicU32,
    target: RwLock<Option<ActorRef<Envelope<M>>>>,
    post: Post,
}

impl<M: Message> Clone for Address<M> {
    fn clone(&self) -> Self {
        Self { cell: self.cell.clone() }
    }
}

impl<M: Message> Address<M> {
    /// An address nobody lives at yet.
    pub fn vacant(post: &Post) -> Self {
        let number = post.0.next.fetch_add(1, Ordering::Relaxed) + 1;
        Self {
            cell: Arc::new(AddressCell {
                number,
                incarnation: AtomicU32::new(0),
                target: RwLock::new(None),
                post: post.clone(),
            }),
        }
    }

    /// Lets an actor move in; the second and later ones raise the incarnation.
    pub fn move_in(&self, actor: ActorRef<Envelope<M>>) {
        let mut target = self.cell.target.write().unwrap_or_else(PoisonError::into_inner);
        if target.is_some() {
            self.cell.incarnation.fetch_add(1, Ordering::Release);
        }
        *target = Some(actor);
    }

    /// Who the actor behind this address is, as a sender.
    pub fn origin(&self) -> Origin {
        Origin { actor: self.cell.number, incarnation: self.cell.incarnation.load(Ordering::Acquire) }
    }

    /// Sends. To a dead or absent actor nothing is sent: whoever is replaced asks again.
    pub fn tell(&self, envelope: Envelope<M>) {
        let target = self.cell.target.read().unwrap_or_else(PoisonError::into_inner).clone();
        let Some(target) = target else { return };
        self.cell.post.0.count.fetch_add(1, Ordering::Relaxed);
        match self.cell.post.arrival(envelope.origin.actor, self.cell.number) {
            // A send fails only when the actor has just died; see above.
            None => drop(target.cast(envelope)),
            Some(at) => drop(tokio::spawn(async move {
                tokio::time::sleep_until(at).await;
                drop(target.cast(envelope));
            })),
        }
    }

    /// Sends from the edge of the runtime.
    pub fn tell_from_edge(&self, body: M) {
        self.tell(Envelope { origin: Origin::EDGE, cause: None, trace: None, parent: None, body });
    }

    /// The actor that lives here now.
    pub fn actor(&self) -> Option<ActorRef<Envelope<M>>> {
        self.cell.target.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// How messages travel: at once, or after a seeded delay.
#[derive(Clone)]
pub struct Post(Arc<PostOffice>);

struct PostOffice {
    next: AtomicU64,
    count: AtomicU64,
    delays: Option<Delays>,
}

struct Delays {
    dice: Dice,
    max: Duration,
    last: Mutex<HashMap<(u64, u64), Instant>>,
}

impl Post {
    /// Messages arrive at once.
    pub fn direct() -> Self {
        Self(Arc::new(PostOffice { next: AtomicU64::new(0), count: AtomicU64::new(0), delays: None }))
    }

    /// Messages arrive after up to `max`, drawn from `dice`, in order for each pair of actors.
    pub fn seeded(dice: Dice, max: Duration) -> Self {
        let delays = Delays { dice, max, last: Mutex::default() };
        Self(Arc::new(PostOffice { next: AtomicU64::new(0), count: AtomicU64::new(0), delays: Some(delays) }))
    }

    /// How many messages have been sent between actors.
    pub fn count(&self) -> u64 {
        self.0.count.load(Ordering::Relaxed)
    }

    fn arrival(&self, from: u64, to: u64) -> Option<Instant> {
        let delays = self.0.delays.as_ref()?;
        let drawn = Instant::now() + delays.max.mul_f64(delays.dice.unit());
        let mut last = delays.last.lock().unwrap_or_else(PoisonError::into_inner);
        // A tick of tokio's timer apart, or two messages of one pair could overtake each other.
        let at = last.get(&(from, to)).map_or(drawn, |last| drawn.max(*last + Duration::from_millis(2)));
        last.insert((from, to), at);
        Some(at)
    }
}
