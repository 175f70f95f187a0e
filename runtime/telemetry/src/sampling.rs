//! Which traces are told: the standard sampler, asked once for each goal.

use std::sync::Arc;

use bailiwick_protocols::Traceparent;
use opentelemetry::{
    Context,
    trace::{SpanContext, SpanId, SpanKind, TraceContextExt, TraceFlags, TraceId, TraceState},
};
use opentelemetry_sdk::trace::{Sampler, SamplingDecision, ShouldSample};

use crate::names::span;

/// The sampler of `OTEL_TRACES_SAMPLER`.
#[derive(Clone, Debug)]
pub struct Sampling(Arc<dyn ShouldSample>);

impl Default for Sampling {
    /// `parentbased_always_on`.
    fn default() -> Self {
        Self(Arc::new(Sampler::ParentBased(Box::new(Sampler::AlwaysOn))))
    }
}

impl Sampling {
    /// A sampler by its standard name and argument; what is unknown or missing samples everything.
    pub fn named(name: &str, argument: Option<&str>) -> Self {
        let ratio = || argument.and_then(|ratio| ratio.trim().parse().ok()).unwrap_or(1.0);
        let based = |inner| Sampler::ParentBased(Box::new(inner));
        Self(Arc::new(match name.trim() {
            "always_on" => Sampler::AlwaysOn,
            "always_off" => Sampler::AlwaysOff,
            "traceidratio" => Sampler::TraceIdRatioBased(ratio()),
            "parentbased_always_off" => based(Sampler::AlwaysOff),
            "parentbased_traceidratio" => based(Sampler::TraceIdRatioBased(ratio())),
            _ => based(Sampler::AlwaysOn),
        }))
    }

    /// Whether this trace is told; `obeyed` is the caller's span whose trace it continues.
    pub fn wants(&self, trace: Traceparent, obeyed: Option<Traceparent>) -> bool {
        let parent = obeyed.map(|caller| {
            Context::new().with_remote_span_context(SpanContext::new(
                TraceId::from(caller.trace),
                SpanId::from(caller.span),
                TraceFlags::new(caller.flags),
                true,
                TraceState::default(),
            ))
        });
        let id = TraceId::from(trace.trace);
        let asked = self.0.should_sample(parent.as_ref(), id, span::GOAL, &SpanKind::Internal, &[], &[]);
        asked.decision == SamplingDecision::RecordAndSample
    }
}
