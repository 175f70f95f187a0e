//! A span as the fold builds it: plain data, turned into the SDK's `SpanData` when it is exported.

use std::{
    borrow::Cow,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use bailiwick_protocols::{AgentName, Cost, Timestamp, Traceparent, Usage};
use opentelemetry::{
    Array, InstrumentationScope, KeyValue, StringValue, Value,
    trace::{Event, Link, SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState},
};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};

use crate::names::attribute as a;

/// Who did it: each role is a service of its own, so that the graph of services means something.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Role {
    /// Goals, plans, tasks.
    Coordinator,
    /// The door to an agent.
    Supervisor,
    /// The agent itself.
    Agent(AgentName),
    /// Examination of what came out.
    Verifier,
}

impl Role {
    /// The name of the service: the base is the coordinator's, the others say what they are.
    pub fn service(&self, base: &str) -> String {
        match self {
            Role::Coordinator => base.to_owned(),
            Role::Supervisor => format!("{base}-supervisor"),
            Role::Agent(name) => format!("{base}-agent-{name}"),
            Role::Verifier => format!("{base}-verifier"),
        }
    }
}

/// A span with its role; complete once it is handed out.
#[derive(Clone, PartialEq, Debug)]
pub struct Span {
    /// Who did it.
    pub role: Role,
    /// Which it is.
    pub context: Traceparent,
    /// The span it is a part of; 0 for a root.
    pub parent: u64,
    /// Whether the parent is another program's.
    pub remote_parent: bool,
    /// What it is called.
    pub name: Cow<'static, str>,
    /// When it began.
    pub start: Timestamp,
    /// When it ended.
    pub end: Timestamp,
    /// What is known about it.
    pub attributes: Vec<KeyValue>,
    /// What happened in it.
    pub events: Vec<Event>,
    /// What it belongs to beside its parent.
    pub links: Vec<Link>,
    /// The code and the words of its failure, if it failed.
    pub error: Option<(String, String)>,
}

impl Span {
    /// A span that began; it ends with [`Span::until`].
    pub fn new(role: Role, context: Traceparent, name: impl Into<Cow<'static, str>>, start: Timestamp) -> Self {
        Self {
            role,
            context,
            parent: 0,
            remote_parent: false,
            name: name.into(),
            start,
            end: start,
            attributes: Vec::new(),
            events: Vec::new(),
            links: Vec::new(),
            error: None,
        }
    }

    /// Makes it a part of another span.
    pub fn within(mut self, parent: u64) -> Self {
        self.parent = parent;
        self
    }

    /// Ends it; never before its start.
    pub fn until(mut self, end: Timestamp) -> Self {
        self.end = end.max(self.start);
        self
    }

    /// Adds what is known.
    pub fn with(mut self, attributes: impl IntoIterator<Item = KeyValue>) -> Self {
        self.attributes.extend(attributes);
        self
    }

    /// Adds what happened.
    pub fn happened(&mut self, name: &'static str, at: Timestamp, attributes: Vec<KeyValue>) {
        self.events.push(Event::new(name, time(at), attributes, 0));
    }

    /// Links it to another span, and says why.
    pub fn linked(&mut self, to: Traceparent, remote: bool, why: &'static str) {
        let context = context(to, remote);
        self.links.push(Link::new(context, vec![KeyValue::new(a::LINK, why)], 0));
    }

    /// Whether nothing encloses it in its trace.
    pub fn is_root(&self) -> bool {
        self.parent == 0 || self.remote_parent
    }

    /// As the SDK exports it.
    pub fn into_data(self, scope: &InstrumentationScope) -> SpanData {
        let mut events = SpanEvents::default();
        events.events = self.events;
        let mut links = SpanLinks::default();
        links.links = self.links;
        let mut attributes = self.attributes;
        let status = match self.error {
            Some((code, words)) => {
                attributes.push(KeyValue::new(a::ERROR_TYPE, code));
                Status::error(words)
            }
            None => Status::Unset,
        };
        SpanData {
            span_context: context(self.context, false),
            parent_span_id: SpanId::from(self.parent),
            parent_span_is_remote: self.remote_parent,
            span_kind: SpanKind::Internal,
            name: self.name,
            start_time: time(self.start),
            end_time: time(self.end),
            attributes,
            dropped_attributes_count: 0,
            events,
            links,
            status,
            instrumentation_scope: scope.clone(),
        }
    }
}

fn context(of: Traceparent, remote: bool) -> SpanContext {
    let flags = TraceFlags::new(of.flags);
    SpanContext::new(TraceId::from(of.trace), SpanId::from(of.span), flags, remote, TraceState::default())
}

fn time(at: Timestamp) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(at.as_millis())
}

/// An attribute that is a whole number: always an i64, never a string.
pub fn int(key: &'static str, value: impl TryInto<i64>) -> KeyValue {
    KeyValue::new(key, value.try_into().unwrap_or(i64::MAX))
}

/// An attribute that is a text.
pub fn text(key: &'static str, value: impl ToString) -> KeyValue {
    KeyValue::new(key, value.to_string())
}

/// An attribute that is a list of texts.
pub fn texts<T: ToString>(key: &'static str, values: impl IntoIterator<Item = T>) -> KeyValue {
    let values: Vec<StringValue> = values.into_iter().map(|value| value.to_string().into()).collect();
    KeyValue::new(key, Value::Array(Array::String(values)))
}

/// What was consumed; a cost that is not known is absent, not zero.
pub fn consumed(usage: Usage, cost: Cost) -> impl Iterator<Item = KeyValue> {
    let tokens =
        [(a::INPUT_TOKENS, usage.input_tokens), (a::OUTPUT_TOKENS, usage.output_tokens), (a::CALLS, usage.calls)];
    let used = tokens.into_iter().map(|(key, value)| int(key, value));
    used.chain(cost.micro_usd().map(|micro| int(a::COST, micro)))
}
