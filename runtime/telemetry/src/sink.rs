//! Where complete spans and collected metrics go: over OTLP, or to whoever wants them in this process.

use std::{collections::BTreeMap, fmt, future::Future, pin::Pin};

use opentelemetry::InstrumentationScope;
use opentelemetry_otlp::{
    ExporterBuildError, MetricExporter, RetryPolicy, SpanExporter, WithExportConfig, WithHttpConfig, WithTonicConfig,
};
use opentelemetry_sdk::{
    metrics::{Temporality, data::ResourceMetrics, exporter::PushMetricExporter},
    trace::{SpanData, SpanExporter as _},
};

use crate::{
    settings::{Identity, Settings, Transport},
    span::{Role, Span},
};

/// An export on its way.
pub type Export<'a> = Pin<Box<dyn Future<Output = Result<(), String>> + Send + 'a>>;

/// Where spans go, and how to get to where metrics go. Called by one exporter, one call at a time.
pub trait Sink: Send + 'static {
    /// Takes a batch; what is left in it after an error, or when its time is over, was not taken.
    fn spans<'a>(&'a mut self, batch: &'a mut Vec<Span>) -> Export<'a>;

    /// Where metrics go, asked once at the start; `None` is nowhere.
    fn metrics(&mut self) -> Option<Box<dyn MetricSink>> {
        None
    }
}

/// Where metrics go. Called by one exporter, one call at a time, beside the spans.
pub trait MetricSink: Send + 'static {
    /// Takes what was collected.
    fn metrics<'a>(&'a mut self, collected: &'a ResourceMetrics) -> Export<'a>;

    /// Whether they are told as totals or as differences.
    fn temporality(&self) -> Temporality {
        Temporality::Cumulative
    }
}

/// Takes spans and forgets them: what the fold alone costs.
#[derive(Clone, Copy, Debug, Default)]
pub struct Discard;

impl Sink for Discard {
    fn spans<'a>(&'a mut self, batch: &'a mut Vec<Span>) -> Export<'a> {
        batch.clear();
        Box::pin(async { Ok(()) })
    }
}

/// Hands every batch to a closure, as the SDK's spans.
pub struct ToClosure<F>(pub F);

impl<F: FnMut(Role, Vec<SpanData>) + Send + 'static> Sink for ToClosure<F> {
    fn spans<'a>(&'a mut self, batch: &'a mut Vec<Span>) -> Export<'a> {
        for (role, spans) in by_role(batch.drain(..)) {
            (self.0)(role, data(spans));
        }
        Box::pin(async { Ok(()) })
    }
}

impl<F> fmt::Debug for ToClosure<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ToClosure")
    }
}

/// A collector spoken to over OTLP. One connection for spans, on which the resource changes from role to role; another
/// for metrics, with a protocol, an address and headers of its own.
#[derive(Debug)]
pub struct Otlp {
    identity: Identity,
    spans: Option<Line<SpanExporter>>,
    metrics: Option<Line<MetricExporter>>,
}

impl Otlp {
    /// Prepares the connections; nothing is sent before the first batch. Needs tokio around it.
    ///
    /// # Errors
    /// If an endpoint, headers or compression cannot be understood.
    pub fn new(settings: &Settings) -> Result<Self, ExporterBuildError> {
        let endpoint = settings.endpoint.clone();
        let spans = || Line::to(endpoint.clone(), settings.transports.clone(), span_exporter);
        let metrics = || Line::to(endpoint.clone(), settings.metric_transports.clone(), metric_exporter);
        Ok(Self {
            identity: Identity::of_this_process(),
            metrics: settings.metrics.then(metrics).transpose()?,
            spans: settings.traces.then(spans).transpose()?,
        })
    }

    async fn send(&mut self, batch: &mut Vec<Span>) -> Result<(), String> {
        batch.sort_by(|one, other| one.role.cmp(&other.role));
        while let Some(role) = batch.first().map(|span| span.role.clone()) {
            let of_role = batch.partition_point(|span| span.role == role);
            // They leave the batch when they are taken, and not before: this may be cut off while it waits.
            self.send_as(&role, &batch[..of_role]).await?;
            batch.drain(..of_role);
        }
        Ok(())
    }

    async fn send_as(&mut self, role: &Role, spans: &[Span]) -> Result<(), String> {
        let resource = self.identity.of(role);
        let Some(line) = &mut self.spans else { return Err("traces are not exported".to_owned()) };
        let mut failed = None;
        for _ in 0..line.transports.len() {
            line.exporter.set_resource(&resource);
            match line.exporter.export(data(spans.iter().cloned())).await {
                Ok(()) => return line.keep(),
                Err(error) => failed = failed.or(Some(error.to_string())),
            }
            line.turn()?;
        }
        Err(failed.unwrap_or_else(|| "there is no transport".to_owned()))
    }
}

impl Sink for Otlp {
    fn spans<'a>(&'a mut self, batch: &'a mut Vec<Span>) -> Export<'a> {
        Box::pin(self.send(batch))
    }

    fn metrics(&mut self) -> Option<Box<dyn MetricSink>> {
        self.metrics.take().map(|line| Box::new(line) as Box<dyn MetricSink>)
    }
}

impl MetricSink for Line<MetricExporter> {
    fn metrics<'a>(&'a mut self, collected: &'a ResourceMetrics) -> Export<'a> {
        Box::pin(async move {
            let mut failed = None;
            for _ in 0..self.transports.len() {
                match self.exporter.export(collected).await {
                    Ok(()) => return self.keep(),
                    Err(error) => failed = failed.or(Some(error.to_string())),
                }
                self.turn()?;
            }
            Err(failed.unwrap_or_else(|| "there is no transport".to_owned()))
        })
    }

    fn temporality(&self) -> Temporality {
        PushMetricExporter::temporality(&self.exporter)
    }
}

/// The way to a collector for one signal: the transport in use, and those to try until one has worked.
#[derive(Debug)]
struct Line<E> {
    exporter: E,
    transports: Vec<Transport>,
    endpoint: Option<String>,
    dial: Dial<E>,
}

type Dial<E> = fn(Transport, Option<&str>) -> Result<E, ExporterBuildError>;

impl<E> Line<E> {
    fn to(endpoint: Option<String>, transports: Vec<Transport>, dial: Dial<E>) -> Result<Self, ExporterBuildError> {
        let first = transports.first().copied().unwrap_or(Transport::Http);
        Ok(Self { exporter: dial(first, endpoint.as_deref())?, transports, endpoint, dial })
    }

    /// This transport works: the other is not tried any more.
    fn keep(&mut self) -> Result<(), String> {
        self.transports.truncate(1);
        Ok(())
    }

    /// This transport failed: the other one is next, if none was asked for and none has worked yet.
    fn turn(&mut self) -> Result<(), String> {
        if self.transports.len() > 1 {
            self.transports.rotate_left(1);
            self.exporter =
                (self.dial)(self.transports[0], self.endpoint.as_deref()).map_err(|error| error.to_string())?;
        }
        Ok(())
    }
}

// The exporter tries again by itself: what fails once is kept and sent with what has come since.

fn span_exporter(transport: Transport, endpoint: Option<&str>) -> Result<SpanExporter, ExporterBuildError> {
    match (transport, endpoint) {
        (Transport::Grpc, None) => SpanExporter::builder().with_tonic().with_retry_policy(once()).build(),
        (Transport::Http, None) => SpanExporter::builder().with_http().with_retry_policy(once()).build(),
        (Transport::Grpc, Some(at)) => {
            SpanExporter::builder().with_tonic().with_endpoint(at).with_retry_policy(once()).build()
        }
        (Transport::Http, Some(at)) => {
            SpanExporter::builder().with_http().with_endpoint(below(at, "traces")).with_retry_policy(once()).build()
        }
    }
}

fn metric_exporter(transport: Transport, endpoint: Option<&str>) -> Result<MetricExporter, ExporterBuildError> {
    match (transport, endpoint) {
        (Transport::Grpc, None) => MetricExporter::builder().with_tonic().with_retry_policy(once()).build(),
        (Transport::Http, None) => MetricExporter::builder().with_http().with_retry_policy(once()).build(),
        (Transport::Grpc, Some(at)) => {
            MetricExporter::builder().with_tonic().with_endpoint(at).with_retry_policy(once()).build()
        }
        (Transport::Http, Some(at)) => {
            MetricExporter::builder().with_http().with_endpoint(below(at, "metrics")).with_retry_policy(once()).build()
        }
    }
}

fn once() -> RetryPolicy {
    RetryPolicy::disabled()
}

fn below(base: &str, signal: &str) -> String {
    format!("{}/v1/{signal}", base.trim_end_matches('/'))
}

fn by_role(spans: impl IntoIterator<Item = Span>) -> BTreeMap<Role, Vec<Span>> {
    let mut groups: BTreeMap<Role, Vec<Span>> = BTreeMap::new();
    for span in spans {
        groups.entry(span.role.clone()).or_default().push(span);
    }
    groups
}

fn data(spans: impl IntoIterator<Item = Span>) -> Vec<SpanData> {
    let scope = InstrumentationScope::builder("bailiwick").with_version(env!("CARGO_PKG_VERSION")).build();
    spans.into_iter().map(|span| span.into_data(&scope)).collect()
}
