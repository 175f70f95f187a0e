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

/// Why a sampler is not the one that was asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Misread {
    /// There is none of this name: it is the default.
    Name,
    /// Its argument is no ratio: it is 1.
    Ratio,
}

impl Default for Sampling {
    /// `parentbased_always_on`.
    fn default() -> Self {
        Self(Arc::new(Sampler::ParentBased(Box::new(Sampler::AlwaysOn))))
    }
}

impl Sampling {
    /// A sampler by its standard name and argument. What cannot be read samples everything, as the standard asks, and
    /// is told of.
    pub fn named(name: &str, argument: Option<&str>) -> (Self, Option<Misread>) {
        let is_one = |ratio: &f64| (0.0..=1.0).contains(ratio);
        let ratio = argument.map_or(Some(1.0), |ratio| ratio.trim().parse().ok().filter(is_one));
        let by_ratio = Sampler::TraceIdRatioBased(ratio.unwrap_or(1.0));
        let no_ratio = if ratio.is_none() { Some(Misread::Ratio) } else { None };
        let based = |inner| Sampler::ParentBased(Box::new(inner));
        let (sampler, misread) = match name.trim() {
            "always_on" => (Sampler::AlwaysOn, None),
            "always_off" => (Sampler::AlwaysOff, None),
            "traceidratio" => (by_ratio, no_ratio),
            "parentbased_always_on" => (based(Sampler::AlwaysOn), None),
            "parentbased_always_off" => (based(Sampler::AlwaysOff), None),
            "parentbased_traceidratio" => (based(by_ratio), no_ratio),
            _ => (based(Sampler::AlwaysOn), Some(Misread::Name)),
        };
        (Self(Arc::new(sampler)), misread)
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

#[cfg(test)]
mod tests {
    use super::*;

    /// A trace with an id as random as ours are, and always the same.
    fn trace(number: u64) -> Traceparent {
        let mixed = |n: u64| {
            let n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            n ^ (n >> 31)
        };
        let half = |salt: u64| u128::from(mixed(number.wrapping_mul(2).wrapping_add(salt).wrapping_add(0x9e37)));
        Traceparent { trace: (half(0) << 64) | half(1), span: 1, flags: 1 }
    }

    fn caller(flags: u8) -> Option<Traceparent> {
        Some(Traceparent { flags, ..trace(0) })
    }

    fn share(name: &str, argument: Option<&str>) -> f64 {
        let (sampling, _) = Sampling::named(name, argument);
        let wanted = (1..=2_000).filter(|number| sampling.wants(trace(*number), None)).count();
        wanted as f64 / 2_000.0
    }

    #[test]
    fn every_standard_sampler_does_what_the_standard_says() {
        // Its name and argument; how much of one's own is told; whether a caller's trace is told that says so, or not so.
        let table = [
            ("always_on", None, 1.0, true, true),
            ("always_off", None, 0.0, false, false),
            ("traceidratio", Some("0"), 0.0, false, false),
            ("traceidratio", Some("1"), 1.0, true, true),
            ("traceidratio", None, 1.0, true, true),
            ("parentbased_always_on", None, 1.0, true, false),
            ("parentbased_always_off", None, 0.0, true, false),
            ("parentbased_traceidratio", Some("0.0"), 0.0, true, false),
            ("parentbased_traceidratio", Some("1.0"), 1.0, true, false),
        ];
        for (name, argument, own, told, silent) in table {
            let (sampling, misread) = Sampling::named(name, argument);
            assert_eq!(misread, None, "{name} {argument:?}");
            assert_eq!(share(name, argument), own, "{name} {argument:?}");
            assert_eq!(sampling.wants(trace(0), caller(1)), told, "{name} {argument:?} and a caller who tells");
            assert_eq!(sampling.wants(trace(0), caller(0)), silent, "{name} {argument:?} and a caller who does not");
        }
    }

    #[test]
    fn a_ratio_is_kept_and_depends_on_the_id_of_the_trace_alone() {
        for (name, ratio) in [("traceidratio", 0.25), ("parentbased_traceidratio", 0.1)] {
            let argument = ratio.to_string();
            let kept = share(name, Some(&argument));
            assert!((kept - ratio).abs() < 0.03, "{name} {ratio}: {kept}");

            let [(one, _), (other, _)] = [(); 2].map(|()| Sampling::named(name, Some(&argument)));
            for number in 1..=2_000 {
                let elsewhere = Traceparent { span: number, ..trace(number) };
                assert_eq!(one.wants(trace(number), None), other.wants(elsewhere, None), "in another process as well");
            }
        }
    }

    #[test]
    fn who_is_told_by_a_small_ratio_is_told_by_a_larger_one() {
        let [(few, _), (many, _)] = ["0.1", "0.5"].map(|ratio| Sampling::named("traceidratio", Some(ratio)));

        assert!((1..=2_000).all(|number| !few.wants(trace(number), None) || many.wants(trace(number), None)));
    }

    #[test]
    fn what_cannot_be_read_samples_everything_and_is_told_of() {
        for wrong in ["", "half", "-1", "7", "NaN"] {
            assert_eq!(share("traceidratio", Some(wrong)), 1.0, "{wrong}");
            for name in ["traceidratio", "parentbased_traceidratio"] {
                assert_eq!(Sampling::named(name, Some(wrong)).1, Some(Misread::Ratio), "{name} {wrong}");
            }
        }
        assert_eq!(share("no_such_sampler", None), 1.0);
        assert_eq!(Sampling::named("no_such_sampler", Some("0.1")).1, Some(Misread::Name));
        assert_eq!(Sampling::named("always_on", Some("half")).1, None, "it takes no argument");
    }
}
