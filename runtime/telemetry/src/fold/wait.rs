//! Waiting as spans: a long wait is split into parts, each told when it is over and linked to the one before.

use std::time::Duration;

use bailiwick_protocols::{Timestamp, Traceparent};
use opentelemetry::KeyValue;

use super::{Kind, id};
use crate::{
    names::{attribute as a, span as s},
    span::{Role, Span, int, text},
};

/// The most one part of a wait lasts: 60 s.
pub const SPLIT: Duration = Duration::from_secs(60);

/// A wait that goes on.
#[derive(Clone, Debug)]
pub(super) struct Wait {
    role: Role,
    what: &'static str,
    parent: u64,
    since: Timestamp,
    part: u32,
    before: Option<Traceparent>,
    about: Vec<KeyValue>,
}

/// Numbers the waits of a goal.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Numbers(u64);

impl Wait {
    pub fn new(role: Role, what: &'static str, parent: u64, since: Timestamp, about: Vec<KeyValue>) -> Self {
        Self { role, what, parent, since, part: 1, before: None, about }
    }

    /// The wait is over; one that took no time is not told.
    pub fn end(mut self, at: Timestamp, goal: Traceparent, numbers: &mut Numbers) -> Option<Span> {
        (at > self.since).then(|| self.part(at, goal, numbers))
    }

    /// Ends a part if it has lasted long enough.
    pub fn split(&mut self, now: Timestamp, goal: Traceparent, numbers: &mut Numbers) -> Option<Span> {
        (now.since(self.since) >= SPLIT).then(|| self.part(now, goal, numbers))
    }

    fn part(&mut self, at: Timestamp, goal: Traceparent, numbers: &mut Numbers) -> Span {
        numbers.0 += 1;
        let context = id(goal, Kind::Wait, numbers.0);
        let mut span = Span::new(self.role.clone(), context, s::WAIT, self.since)
            .within(self.parent)
            .until(at)
            .with(self.about.iter().cloned())
            .with([text(a::WAIT_FOR, self.what), int(a::WAIT_PART, self.part)]);
        if let Some(before) = self.before.replace(context) {
            span.linked(before, false, "continues");
        }
        self.since = at;
        self.part += 1;
        span
    }
}
