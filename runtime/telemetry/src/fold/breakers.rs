//! Breakers that are not closed: each opening is one span in a trace of its own, for time alone ends it.

use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash, Hasher},
};

use bailiwick_protocols::{AgentName, Capability, Timestamp, Traceparent};
use opentelemetry::KeyValue;

use crate::{
    names::{event as e, span as s},
    span::{Role, Span},
};

type Key = (AgentName, Option<Capability>);

#[derive(Default, Debug)]
pub(super) struct Breakers(HashMap<Key, Span>);

impl Breakers {
    /// Takes a transition; hands out the opening that it ends, if it ends one.
    pub fn moved(
        &mut self,
        key: Key,
        name: &'static str,
        at: Timestamp,
        said: Vec<KeyValue>,
        by: Option<Traceparent>,
    ) -> Option<Span> {
        let ended = match name {
            e::BREAKER_OPENED | e::BREAKER_ISOLATED => {
                let mut span = Span::new(Role::Supervisor, trace(&key, at), s::BREAKER, at).with(said.iter().cloned());
                if let Some(by) = by {
                    span.linked(by, false, "opened_by");
                }
                self.0.insert(key.clone(), span)
            }
            e::BREAKER_CLOSED => self.0.remove(&key),
            _ => None,
        };
        let span = ended.map(|span| span.until(at));
        match span {
            Some(mut span) => {
                span.happened(name, at, said);
                Some(span)
            }
            None => {
                if let Some(open) = self.0.get_mut(&key) {
                    open.happened(name, at, said);
                }
                None
            }
        }
    }
}

/// A trace named after the breaker and the moment: the same in every life of the process.
fn trace(key: &Key, at: Timestamp) -> Traceparent {
    let half = |salt: u8| {
        let mut hasher = DefaultHasher::new();
        (salt, key, at.as_millis()).hash(&mut hasher);
        hasher.finish().max(1)
    };
    Traceparent { trace: (u128::from(half(0)) << 64) | u128::from(half(1)), span: half(2), flags: 1 }
}
