//! One handler's turn: what it records, what it then tells. Nothing can be told before it is recorded.

use std::collections::VecDeque;

use bailiwick_protocols::{Cause, Event, Stream, Timestamp, Traceparent};

use crate::{
    audit_log::log::{Log, Position},
    world::{AbortOnDrop, Clock},
};

/// What one step of a state machine wants recorded and told.
#[derive(Debug)]
pub struct Turn<Fact, Effect> {
    /// To be recorded, in this order, each with the event of another stream that led to it.
    pub record: Vec<(Fact, Option<Cause>)>,
    /// To be told once recorded, each with the index of the fact it follows from.
    pub tell: Vec<(Effect, Option<usize>)>,
    /// Whether the actor has nothing left to do.
    pub done: bool,
}

impl<Fact, Effect> Default for Turn<Fact, Effect> {
    fn default() -> Self {
        Self { record: Vec::new(), tell: Vec::new(), done: false }
    }
}

impl<Fact, Effect> Turn<Fact, Effect> {
    /// Tells something that follows from the last fact recorded in this turn.
    pub fn tell(&mut self, effect: Effect) {
        self.tell.push((effect, self.record.len().checked_sub(1)));
    }

    /// Whether nothing is recorded and nothing told.
    pub fn is_empty(&self) -> bool {
        self.record.is_empty() && self.tell.is_empty()
    }
}

/// Something to be told once it is recorded: what, what led to it, and from which position on it is durable.
pub struct Due<Effect> {
    /// What.
    pub effect: Effect,
    /// The recorded event it follows from.
    pub cause: Option<Cause>,
    /// The position up to which the log must be durable before it may leave the process.
    pub seq: u64,
}

impl<Fact, Effect> Turn<Fact, Effect> {
    /// Records everything of the turn in one batch; only then can its effects be had.
    pub fn commit(
        self,
        log: &Log,
        stream: &Stream,
        at: Timestamp,
        trace: Option<Traceparent>,
        event: impl Fn(Fact) -> Event,
    ) -> Vec<Due<Effect>> {
        let Turn { record, tell, .. } = self;
        let position = if record.is_empty() {
            Position::default()
        } else {
            log.append(stream, at, trace, record.into_iter().map(|(fact, cause)| (event(fact), cause)))
        };
        let cause = |index: usize| Cause { stream: stream.clone(), ver: position.first_ver + index as u64 };
        tell.into_iter().map(|(effect, index)| Due { effect, cause: index.map(cause), seq: position.seq }).collect()
    }
}

/// What may leave the process only once the log is durable: held by its actor, gone with its actor.
#[derive(Default)]
pub struct Outbox {
    queue: VecDeque<(u64, Box<dyn FnOnce() + Send>)>,
    armed: bool,
}

impl Outbox {
    /// Does it now if the log is durable so far and nothing waits before it; else later, in order.
    pub fn post(&mut self, log: &Log, seq: u64, act: impl FnOnce() + Send + 'static) {
        if self.queue.is_empty() && log.is_durable(seq) {
            act();
        } else {
            self.queue.push_back((seq, Box::new(act)));
        }
    }

    /// Does whatever is durable by now, and asks to be woken for the rest.
    pub fn flush(&mut self, log: &Log, wake: impl FnOnce() + Send + 'static) {
        self.armed = false;
        while self.queue.front().is_some_and(|(seq, _)| log.is_durable(*seq)) {
            if let Some((_, act)) = self.queue.pop_front() {
                act();
            }
        }
        self.arm(log, wake);
    }

    /// Asks to be woken when the first of what waits is durable, once.
    pub fn arm(&mut self, log: &Log, wake: impl FnOnce() + Send + 'static) {
        if let Some((seq, _)) = self.queue.front()
            && !self.armed
        {
            self.armed = true;
            log.when_durable(*seq, wake);
        }
    }
}

/// The one timer of an actor: rings at the earliest time it was ever asked for, never later.
#[derive(Default)]
pub struct Alarm(Option<(Timestamp, AbortOnDrop)>);

impl Alarm {
    /// Sees to it that `ring` is called at `due`, unless it rings earlier anyway.
    pub fn set(&mut self, clock: Clock, due: Option<Timestamp>, ring: impl FnOnce() + Send + 'static) {
        let Some(due) = due else { return };
        if self.0.as_ref().is_some_and(|(armed, _)| *armed <= due) {
            return;
        }
        let task = tokio::spawn(async move {
            clock.sleep_until(due).await;
            ring();
        });
        self.0 = Some((due, AbortOnDrop::of(&task)));
    }

    /// It rang.
    pub fn rang(&mut self) {
        self.0 = None;
    }
}
