//! What a collector has seen, in a shape that tests can ask.

use std::collections::BTreeMap;

use opentelemetry_proto::tonic::{
    collector::{metrics::v1::ExportMetricsServiceRequest, trace::v1::ExportTraceServiceRequest},
    common::v1::{KeyValue, any_value::Value},
    trace::v1::status::StatusCode,
};

/// Everything that came in.
#[derive(Default, Debug, Clone)]
pub struct Seen {
    pub spans: Vec<SeenSpan>,
    /// The attributes of each resource, by service.
    pub resources: BTreeMap<String, BTreeMap<String, Value>>,
    /// The names of metrics, and the keys of their labels.
    pub metrics: BTreeMap<String, Vec<String>>,
    pub requests: usize,
    /// The most spans of one request.
    pub largest: usize,
    pub metric_requests: usize,
    /// The last value of each metric under its labels, written `agent=ada outcome=failed`; of a histogram its count.
    pub values: BTreeMap<(String, String), f64>,
    /// How long the exporter took to end, where that was asked.
    pub ended: std::time::Duration,
}

#[derive(Debug, Clone)]
pub struct SeenSpan {
    pub service: String,
    pub name: String,
    pub trace: Vec<u8>,
    pub id: Vec<u8>,
    pub parent: Vec<u8>,
    pub start: u64,
    pub end: u64,
    pub attributes: BTreeMap<String, Value>,
    pub events: Vec<(String, u64, BTreeMap<String, Value>)>,
    /// The span linked to, and why.
    pub links: Vec<(Vec<u8>, String)>,
    pub error: Option<String>,
}

fn map(attributes: &[KeyValue]) -> BTreeMap<String, Value> {
    let value = |kv: &KeyValue| kv.value.clone().and_then(|value| value.value);
    attributes.iter().filter_map(|kv| Some((kv.key.clone(), value(kv)?))).collect()
}

pub fn text(value: &Value) -> String {
    match value {
        Value::StringValue(text) => text.clone(),
        Value::IntValue(int) => int.to_string(),
        other => format!("{other:?}"),
    }
}

impl Seen {
    pub fn take_spans(&mut self, request: ExportTraceServiceRequest) {
        self.requests += 1;
        let spans = request.resource_spans.iter().flat_map(|of| &of.scope_spans).map(|of| of.spans.len()).sum();
        self.largest = self.largest.max(spans);
        for of in request.resource_spans {
            let resource = map(&of.resource.map(|resource| resource.attributes).unwrap_or_default());
            let service = resource.get("service.name").map(text).unwrap_or_default();
            self.resources.insert(service.clone(), resource);
            for span in of.scope_spans.into_iter().flat_map(|scope| scope.spans) {
                let link = |link: &opentelemetry_proto::tonic::trace::v1::span::Link| {
                    (link.span_id.clone(), map(&link.attributes).get("bailiwick.link").map(text).unwrap_or_default())
                };
                let status = span.status.unwrap_or_default();
                self.spans.push(SeenSpan {
                    service: service.clone(),
                    name: span.name,
                    trace: span.trace_id,
                    id: span.span_id,
                    parent: span.parent_span_id,
                    start: span.start_time_unix_nano,
                    end: span.end_time_unix_nano,
                    attributes: map(&span.attributes),
                    events: span
                        .events
                        .iter()
                        .map(|e| (e.name.clone(), e.time_unix_nano, map(&e.attributes)))
                        .collect(),
                    links: span.links.iter().map(link).collect(),
                    error: (status.code == StatusCode::Error as i32).then_some(status.message),
                });
            }
        }
    }

    pub fn take_metrics(&mut self, request: ExportMetricsServiceRequest) {
        use opentelemetry_proto::tonic::metrics::v1::{NumberDataPoint, metric::Data, number_data_point};
        self.metric_requests += 1;
        let number = |point: NumberDataPoint| {
            let value = match point.value {
                Some(number_data_point::Value::AsInt(value)) => value as f64,
                Some(number_data_point::Value::AsDouble(value)) => value,
                None => f64::NAN,
            };
            (point.attributes, value)
        };
        let metrics = request.resource_metrics.into_iter().flat_map(|of| of.scope_metrics).flat_map(|of| of.metrics);
        for metric in metrics {
            let points: Vec<(Vec<KeyValue>, f64)> = match metric.data {
                Some(Data::Gauge(of)) => of.data_points.into_iter().map(number).collect(),
                Some(Data::Sum(of)) => of.data_points.into_iter().map(number).collect(),
                Some(Data::Histogram(of)) => {
                    of.data_points.into_iter().map(|point| (point.attributes, point.count as f64)).collect()
                }
                _ => Vec::new(),
            };
            let known = self.metrics.entry(metric.name.clone()).or_default();
            for (labels, value) in points {
                let labels = map(&labels);
                known.extend(labels.keys().cloned());
                let labels: Vec<String> = labels.iter().map(|(key, value)| format!("{key}={}", text(value))).collect();
                self.values.insert((metric.name.clone(), labels.join(" ")), value);
            }
            known.sort();
            known.dedup();
        }
    }

    /// The value of a metric under these labels, as it was told last.
    pub fn value(&self, metric: &str, labels: &str) -> Option<f64> {
        self.values.get(&(metric.to_owned(), labels.to_owned())).copied()
    }

    pub fn roots(&self) -> Vec<&SeenSpan> {
        self.spans.iter().filter(|span| span.parent.is_empty()).collect()
    }

    pub fn named(&self, start: &str) -> Vec<&SeenSpan> {
        self.spans.iter().filter(|span| span.name.starts_with(start)).collect()
    }

    pub fn by_id(&self, id: &[u8]) -> Option<&SeenSpan> {
        self.spans.iter().find(|span| span.id == id)
    }

    /// One trace with one root, nobody without a parent, and parents that enclose their children.
    pub fn assert_whole(&self) {
        let root = match self.roots()[..] {
            [root] => root,
            ref roots => panic!("{} roots: {roots:#?}", roots.len()),
        };
        for span in &self.spans {
            assert_eq!(span.trace, root.trace, "`{}` is of another trace", span.name);
            assert!(span.start <= span.end, "`{}` ends before it begins", span.name);
            if span.parent.is_empty() {
                continue;
            }
            let parent = self.by_id(&span.parent).unwrap_or_else(|| panic!("`{}` is an orphan", span.name));
            // Another process reads its clock in nanoseconds, we in milliseconds.
            let slack = if span.service.starts_with("bailiwick") { 0 } else { 1_000_000 };
            let encloses = parent.start <= span.start + slack && span.end <= parent.end + slack;
            assert!(encloses, "`{}` does not enclose `{}`:\n{parent:#?}\n{span:#?}", parent.name, span.name);
        }
        let mut ids: Vec<_> = self.spans.iter().map(|span| &span.id).collect();
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), self.spans.len(), "two spans have one id");
    }
}

impl SeenSpan {
    pub fn says(&self, key: &str) -> String {
        self.attributes.get(key).map(text).unwrap_or_default()
    }

    pub fn events_named<'a>(
        &'a self,
        name: &'a str,
    ) -> impl Iterator<Item = &'a (String, u64, BTreeMap<String, Value>)> {
        self.events.iter().filter(move |(event, ..)| event == name)
    }
}
