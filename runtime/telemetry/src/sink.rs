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

/// Where spans and metrics go. Called by one exporter, one call at a time.
pub trait Sink: Send + 'static {
    /// Takes a batch; what is left in it after an error was not taken.
    fn spans<'a>(&'a mut self, batch: &'a mut Vec<Span>) -> Export<'a>;

    /// Takes what was collected.
    fn metrics<'a>(&'a mut self, collected: &'a ResourceMetrics) -> Export<'a>;

    /// Whether metrics are told as totals or as differences.
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

    fn metrics<'a>(&'a mut self, _: &'a ResourceMetrics) -> Export<'a> {
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

    fn metrics<'a>(&'a mut self, _: &'a ResourceMetrics) -> Export<'a> {
        Box::pin(async { Ok(()) })
    }
}

impl<F> fmt::Debug for ToClosure<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ToClosure")
    }
}

/// A collector spoken to over OTLP. One connection; the resource changes from role to role.
#[derive(Debug)]
pub struct Otlp {
    identity: Identity,
    transports: Vec<Transport>,
    endpoint: Option<String>,
    spans: SpanExporter,
    metrics: Option<MetricExporter>,
}

impl Otlp {
    /// Prepares the connection; nothing is sent before the first batch. Needs tokio around it.
    ///
    /// # Errors
    /// If endpoint, headers or compression cannot be understood.
    pub fn new(settings: &Settings) -> Result<Self, ExporterBuildError> {
        let transports = settings.transports.clone();
        let first = transports.first().copied().unwrap_or(Transport::Http);
        Ok(Self {
            identity: Identity::of_this_process(),
            spans: span_exporter(first, settings.endpoint.as_deref())?,
            metrics: settings.metrics.then(|| metric_exporter(first, settings.endpoint.as_deref())).transpose()?,
            endpoint: settings.endpoint.clone(),
            transports,
        })
    }

    async fn send(&mut self, batch: &mut Vec<Span>) -> Result<(), String> {
        let mut groups = by_role(std::mem::take(batch)).into_iter();
        while let Some((role, spans)) = groups.next() {
            if let Err(error) = self.send_as(&role, &spans).await {
                // What could not be sent goes back, with everything behind it.
                batch.extend(spans);
                batch.extend(groups.flat_map(|(_, spans)| spans));
                return Err(error);
            }
        }
        Ok(())
    }

    /// Sends the spans of one role; tries the other transport if none was asked for and none has worked yet.
    async fn send_as(&mut self, role: &Role, spans: &[Span]) -> Result<(), String> {
        let resource = self.identity.of(role);
        let mut failed = None;
        for _ in 0..self.transports.len() {
            self.spans.set_resource(&resource);
            match self.spans.export(data(spans.iter().cloned())).await {
                Ok(()) => {
                    self.transports.truncate(1);
                    return Ok(());
                }
                Err(error) => failed = failed.or(Some(error.to_string())),
            }
            if self.transports.len() > 1 {
                self.transports.rotate_left(1);
                self.connect().map_err(|error| error.to_string())?;
            }
        }
        Err(failed.unwrap_or_else(|| "there is no transport".to_owned()))
    }

    fn connect(&mut self) -> Result<(), ExporterBuildError> {
        let Some(transport) = self.transports.first().copied() else { return Ok(()) };
        self.spans = span_exporter(transport, self.endpoint.as_deref())?;
        if self.metrics.is_some() {
            self.metrics = Some(metric_exporter(transport, self.endpoint.as_deref())?);
        }
        Ok(())
    }
}

impl Sink for Otlp {
    fn spans<'a>(&'a mut self, batch: &'a mut Vec<Span>) -> Export<'a> {
        Box::pin(self.send(batch))
    }

    fn metrics<'a>(&'a mut self, collected: &'a ResourceMetrics) -> Export<'a> {
        Box::pin(async move {
            match &self.metrics {
                Some(exporter) => exporter.export(collected).await.map_err(|error| error.to_string()),
                None => Ok(()),
            }
        })
    }

    fn temporality(&self) -> Temporality {
        self.metrics.as_ref().map_or(Temporality::Cumulative, PushMetricExporter::temporality)
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
