//! The part of the demo that is another process: it reads `TRACEPARENT` and sends a span of its own.

use std::time::{Duration, SystemTime};

use bailiwick_protocols::Traceparent;
use opentelemetry::{
    InstrumentationScope,
    trace::{SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState},
};
use opentelemetry_otlp::WithExportConfig;
use opentelemetry_sdk::{
    Resource,
    trace::{SpanData, SpanEvents, SpanExporter as _, SpanLinks},
};

/// The other process of the demo: its program agent starts this very binary. Among the tests it has nobody to join.
#[tokio::test]
async fn joins_the_trace_it_was_told() {
    let Ok(parent) = std::env::var("TRACEPARENT") else { return };
    let parent = Traceparent::parse(&parent).expect("it is one");
    let collector = std::env::args().next_back().expect("the collector is the last argument");
    let context = |span| {
        let (trace, flags) = (TraceId::from(parent.trace), TraceFlags::new(parent.flags));
        SpanContext::new(trace, SpanId::from(span), flags, false, TraceState::default())
    };
    #[allow(clippy::disallowed_methods, reason = "another program has its own clock")]
    let start = SystemTime::now();
    tokio::time::sleep(Duration::from_millis(5)).await;
    let span = SpanData {
        span_context: context(parent.child(9).span),
        parent_span_id: SpanId::from(parent.span),
        parent_span_is_remote: true,
        span_kind: SpanKind::Internal,
        name: "work in another process".into(),
        start_time: start,
        end_time: start + Duration::from_millis(5),
        attributes: Vec::new(),
        dropped_attributes_count: 0,
        events: SpanEvents::default(),
        links: SpanLinks::default(),
        status: Status::Unset,
        instrumentation_scope: InstrumentationScope::builder("other").build(),
    };
    let mut exporter = if collector.contains("?http") {
        let endpoint = format!("{}/v1/traces", collector.trim_end_matches("?http"));
        opentelemetry_otlp::SpanExporter::builder().with_http().with_endpoint(endpoint).build()
    } else {
        opentelemetry_otlp::SpanExporter::builder().with_tonic().with_endpoint(collector).build()
    }
    .expect("it can be addressed");
    exporter.set_resource(&Resource::builder_empty().with_service_name("other-program").build());
    exporter.export(vec![span]).await.expect("the collector takes it");
}
