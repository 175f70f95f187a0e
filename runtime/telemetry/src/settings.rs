//! What the standard `OTEL_` variables say, and the defaults where they say nothing.

use std::{fs, time::Duration};

use opentelemetry::{Key, KeyValue};
use opentelemetry_sdk::Resource;

use crate::{
    sampling::{Misread, Sampling},
    span::Role,
};

/// How traces and metrics leave the process. Endpoints, headers, TLS, time limits and compression are read from their
/// variables by the OTLP exporters themselves.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Settings {
    /// Whether spans are exported: not if `OTEL_SDK_DISABLED` or `OTEL_TRACES_EXPORTER=none`.
    pub traces: bool,
    /// Whether metrics are exported: not if `OTEL_SDK_DISABLED` or `OTEL_METRICS_EXPORTER=none`.
    pub metrics: bool,
    /// Which traces are told (`OTEL_TRACES_SAMPLER`, `OTEL_TRACES_SAMPLER_ARG`).
    pub sampling: Sampling,
    /// Spans that wait for export at most (`OTEL_BSP_MAX_QUEUE_SIZE`, 65 536; the standard's 2 048 loses bursts).
    pub queue_max: usize,
    /// Spans in one request at most (`OTEL_BSP_MAX_EXPORT_BATCH_SIZE`, 512).
    pub batch_max: usize,
    /// How long spans are gathered before they are exported (`OTEL_BSP_SCHEDULE_DELAY`, 1 s).
    pub delay: Duration,
    /// How long one export may take (`OTEL_BSP_EXPORT_TIMEOUT`, 30 s).
    pub export_timeout: Duration,
    /// How often metrics are exported (`OTEL_METRIC_EXPORT_INTERVAL`, 60 s).
    pub metric_interval: Duration,
    /// How long one export of metrics may take (`OTEL_METRIC_EXPORT_TIMEOUT`, 30 s).
    pub metric_timeout: Duration,
    /// Whether texts of goals and findings may leave (`OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT`).
    pub content: bool,
    /// The transports to try for spans, in order: one if a protocol is set, else both; none if they are not exported.
    pub transports: Vec<Transport>,
    /// The same for metrics, which may go elsewhere by another protocol.
    pub metric_transports: Vec<Transport>,
    /// A collector by its base URL, whatever the variables say.
    pub endpoint: Option<String>,
    /// Events kept for an exporter that comes late, at most.
    pub events_max: usize,
    /// What was said and cannot be read: the default stands in for it.
    pub warnings: Vec<SettingsError>,
}

/// How OTLP travels.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Transport {
    /// gRPC, usually on port 4317.
    Grpc,
    /// Protobuf over HTTP, usually on port 4318.
    Http,
}

/// A variable says what cannot be done.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{variable} is `{value}`: {next}")]
pub struct SettingsError {
    /// Which variable.
    pub variable: String,
    /// What it says.
    pub value: String,
    /// What to do.
    pub next: &'static str,
}

impl Settings {
    /// What the environment says.
    ///
    /// # Errors
    /// If it asks for a protocol that is not there, or names a collector that cannot be reached.
    pub fn from_env() -> Result<Self, SettingsError> {
        Self::from_lookup(|name| std::env::var(name).ok())
    }

    /// What a given environment says.
    ///
    /// # Errors
    /// If it asks for a protocol that is not there, or names a collector that cannot be reached.
    pub fn from_lookup(get: impl Fn(&str) -> Option<String>) -> Result<Self, SettingsError> {
        let said = |name: &str| get(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
        let is = |name: &str, what: &str| said(name).is_some_and(|value| value.eq_ignore_ascii_case(what));
        // What cannot be read is as good as not said: the standard asks for that.
        let number = |name: &str| said(name).and_then(|value| value.parse::<u64>().ok()).filter(|value| *value > 0);
        let millis = |name: &str, default: u64| Duration::from_millis(number(name).unwrap_or(default));
        let count = |name: &str, default: u64| usize::try_from(number(name).unwrap_or(default)).unwrap_or(usize::MAX);
        let disabled = is("OTEL_SDK_DISABLED", "true");
        let queue_max = count("OTEL_BSP_MAX_QUEUE_SIZE", 65_536);
        let traces = !disabled && !is("OTEL_TRACES_EXPORTER", "none");
        let metrics = !disabled && !is("OTEL_METRICS_EXPORTER", "none");
        let (sampling, misread) = sampling(&said);
        Ok(Self {
            traces,
            metrics,
            sampling,
            queue_max,
            batch_max: count("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", 512).min(queue_max),
            delay: millis("OTEL_BSP_SCHEDULE_DELAY", 1_000),
            export_timeout: millis("OTEL_BSP_EXPORT_TIMEOUT", 30_000),
            metric_interval: millis("OTEL_METRIC_EXPORT_INTERVAL", 60_000),
            metric_timeout: millis("OTEL_METRIC_EXPORT_TIMEOUT", 30_000),
            content: is("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", "true"),
            transports: if traces { transports(&said, "TRACES")? } else { Vec::new() },
            metric_transports: if metrics { transports(&said, "METRICS")? } else { Vec::new() },
            endpoint: None,
            events_max: 1 << 20,
            warnings: misread.filter(|_| traces).into_iter().collect(),
        })
    }

    /// Sends to this collector, whatever the variables say: `http://localhost:4317`.
    pub fn to(mut self, endpoint: impl Into<String>, transport: Transport) -> Self {
        self.endpoint = Some(endpoint.into());
        self.transports = vec![transport];
        self.metric_transports = vec![transport];
        self
    }
}

/// The sampler, and what could not be read of what is said about it.
fn sampling(said: &impl Fn(&str) -> Option<String>) -> (Sampling, Option<SettingsError>) {
    let Some(name) = said("OTEL_TRACES_SAMPLER") else { return (Sampling::default(), None) };
    let argument = said("OTEL_TRACES_SAMPLER_ARG");
    let (sampling, misread) = Sampling::named(&name, argument.as_deref());
    let misread = misread.map(|misread| {
        let (variable, value, next) = match misread {
            Misread::Name => ("OTEL_TRACES_SAMPLER", name, "there is no such sampler: parentbased_always_on is used"),
            Misread::Ratio => {
                ("OTEL_TRACES_SAMPLER_ARG", argument.unwrap_or_default(), "no ratio from 0 to 1: every trace is told")
            }
        };
        SettingsError { variable: variable.to_owned(), value, next }
    });
    (sampling, misread)
}

/// The transports of one signal; what is said of it in particular is stronger than what is said in general.
fn transports(said: &impl Fn(&str) -> Option<String>, signal: &str) -> Result<Vec<Transport>, SettingsError> {
    let either = |what: &str| {
        let names = [format!("OTEL_EXPORTER_OTLP_{signal}_{what}"), format!("OTEL_EXPORTER_OTLP_{what}")];
        names.into_iter().find_map(|name| said(&name).map(|value| (name, value)))
    };
    let endpoint = either("ENDPOINT");
    if let Some((variable, value)) = &endpoint {
        reachable(variable, value)?;
    }
    match either("PROTOCOL") {
        None => {
            // The standard's own answer first; a port or a server that speaks the other protocol is found out.
            let grpc = endpoint.is_some_and(|(_, endpoint)| endpoint.trim_end_matches('/').ends_with(":4317"));
            let both = [Transport::Http, Transport::Grpc];
            Ok(if grpc { both.into_iter().rev().collect() } else { both.to_vec() })
        }
        Some((_, value)) if value == "grpc" => Ok(vec![Transport::Grpc]),
        Some((_, value)) if value == "http/protobuf" => Ok(vec![Transport::Http]),
        Some((variable, value)) => {
            let next = "use grpc or http/protobuf";
            Err(SettingsError { variable, value, next })
        }
    }
}

/// A variable that names a collector nobody could reach is told of before anything starts.
fn reachable(variable: &str, value: &str) -> Result<(), SettingsError> {
    let next = match value.split_once("://") {
        Some(("http", host)) if !host.is_empty() => return Ok(()),
        Some(("https", host)) if !host.is_empty() && cfg!(feature = "tls") => return Ok(()),
        Some(("https", _)) => {
            "this build cannot encrypt: build it with the feature `tls`, or name an http:// collector"
        }
        _ => "name a collector by its URL, like http://localhost:4318",
    };
    Err(SettingsError { variable: variable.to_owned(), value: value.to_owned(), next })
}

/// Who speaks: the standard resource with the machine and this process on it, and a service for each role.
#[derive(Clone, Debug)]
pub struct Identity {
    base: String,
    resource: Resource,
}

impl Identity {
    /// This process, as `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES` name it; else `bailiwick`.
    pub fn of_this_process() -> Self {
        let read = |path: &str| fs::read_to_string(path).ok().map(|text| text.trim().to_owned());
        let host = read("/proc/sys/kernel/hostname").or_else(|| read("/etc/hostname"));
        let machine = read("/etc/machine-id").or_else(|| read("/var/lib/dbus/machine-id"));
        let host = host.filter(|host| !host.is_empty()).unwrap_or_else(|| "localhost".to_owned());
        let id = machine.filter(|id| !id.is_empty()).unwrap_or_else(|| host.clone());
        let pid = i64::from(std::process::id());
        let ours = [
            KeyValue::new("host.name", host.clone()),
            KeyValue::new("host.id", id),
            KeyValue::new("process.pid", pid),
            KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
            KeyValue::new("service.instance.id", format!("{host}-{pid}-{:x}", born())),
        ];
        // What the environment says overrides what we found out.
        let said = Resource::builder().build();
        let (name, said): (Vec<_>, Vec<_>) = said
            .iter()
            .map(|(key, value)| KeyValue::new(key.clone(), value.clone()))
            .partition(|known| known.key == Key::from_static_str("service.name"));
        let base = name.first().map(|name| name.value.to_string()).filter(|name| !name.starts_with("unknown_service"));
        let base = base.unwrap_or_else(|| "bailiwick".to_owned());
        let resource = Resource::builder_empty().with_attributes(ours).with_attributes(said).build();
        Self { base, resource }
    }

    /// The resource of a role.
    pub fn of(&self, role: &Role) -> Resource {
        let all = self.resource.iter().map(|(key, value)| KeyValue::new(key.clone(), value.clone()));
        Resource::builder_empty().with_attributes(all).with_service_name(role.service(&self.base)).build()
    }
}

/// When this process was named: with its number, no other is called the same.
fn born() -> u128 {
    #[allow(clippy::disallowed_methods, reason = "the exporter lives outside the runtime's time")]
    let now = std::time::SystemTime::now();
    now.duration_since(std::time::UNIX_EPOCH).unwrap_or_default().as_nanos()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(pairs: &[(&str, &str)]) -> Result<Settings, SettingsError> {
        let pairs: Vec<(String, String)> = pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        Settings::from_lookup(move |name| pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone()))
    }

    #[test]
    fn silence_means_a_queue_for_bursts_and_either_transport() {
        let settings = given(&[]).unwrap();

        assert!(settings.traces && settings.metrics && !settings.content);
        assert_eq!((settings.queue_max, settings.batch_max), (65_536, 512));
        assert_eq!(settings.transports, [Transport::Http, Transport::Grpc]);
    }

    #[test]
    fn every_limit_has_its_standard_variable() {
        let settings = given(&[
            ("OTEL_BSP_MAX_QUEUE_SIZE", "100"),
            ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "1000"),
            ("OTEL_BSP_SCHEDULE_DELAY", "50"),
            ("OTEL_BSP_EXPORT_TIMEOUT", "75"),
            ("OTEL_METRIC_EXPORT_INTERVAL", "80"),
            ("OTEL_METRIC_EXPORT_TIMEOUT", "85"),
            ("OTEL_METRICS_EXPORTER", "none"),
        ])
        .unwrap();

        assert_eq!((settings.queue_max, settings.batch_max), (100, 100), "a batch is no larger than the queue");
        assert_eq!((settings.delay.as_millis(), settings.export_timeout.as_millis()), (50, 75));
        assert_eq!((settings.metric_interval.as_millis(), settings.metric_timeout.as_millis()), (80, 85));
        assert!(settings.traces && !settings.metrics);
    }

    #[test]
    fn a_protocol_that_is_set_is_the_only_one_tried() {
        let grpc = given(&[("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")]).unwrap();
        let http = [("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"), ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/protobuf")];
        let port = given(&[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://localhost:4317")]).unwrap();

        assert_eq!(grpc.transports, [Transport::Grpc]);
        assert_eq!(given(&http).unwrap().transports, [Transport::Http]);
        assert_eq!(port.transports, [Transport::Grpc, Transport::Http], "the port says what is spoken there");
        let json = given(&[("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json")]).unwrap_err();
        assert_eq!(json.to_string(), "OTEL_EXPORTER_OTLP_PROTOCOL is `http/json`: use grpc or http/protobuf");
    }

    #[test]
    fn each_signal_has_a_protocol_of_its_own() {
        let metrics = ("OTEL_EXPORTER_OTLP_METRICS_PROTOCOL", "http/protobuf");
        let settings = given(&[("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"), metrics]).unwrap();
        assert_eq!(
            (&settings.transports[..], &settings.metric_transports[..]),
            (&[Transport::Grpc][..], &[Transport::Http][..])
        );

        let settings = given(&[("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "http://localhost:4317")]).unwrap();
        let (http, grpc) = (Transport::Http, Transport::Grpc);
        assert_eq!((&settings.transports[..], &settings.metric_transports[..]), (&[http, grpc][..], &[grpc, http][..]));

        let pigeon = given(&[("OTEL_EXPORTER_OTLP_METRICS_PROTOCOL", "pigeon")]).unwrap_err();
        assert_eq!(pigeon.variable, "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL");
    }

    #[test]
    fn a_collector_that_nobody_could_reach_is_refused_by_name() {
        for variable in ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT"] {
            for wrong in ["localhost:4318", "ftp://localhost", "http://", "nonsense"] {
                let error = given(&[(variable, wrong)]).unwrap_err();

                assert_eq!((error.variable.as_str(), error.value.as_str()), (variable, wrong));
                assert!(error.next.contains("http://localhost:4318"), "{error}");
            }
        }
    }

    #[test]
    fn only_what_is_exported_has_to_make_sense() {
        let wrong = [("PROTOCOL", "http/json"), ("ENDPOINT", "nonsense"), ("ENDPOINT", "ftp://localhost")];
        for (what, value) in wrong {
            let [general, traces, metrics] =
                ["", "TRACES_", "METRICS_"].map(|of| format!("OTEL_EXPORTER_OTLP_{of}{what}"));
            for (variable, off, value_off, is_read) in [
                (&general, "OTEL_SDK_DISABLED", "true", false),
                (&traces, "OTEL_TRACES_EXPORTER", "none", false),
                (&metrics, "OTEL_METRICS_EXPORTER", "none", false),
                (&traces, "OTEL_METRICS_EXPORTER", "none", true),
                (&metrics, "OTEL_TRACES_EXPORTER", "none", true),
                (&general, "OTEL_METRICS_EXPORTER", "none", true),
            ] {
                let given = given(&[(variable, value), (off, value_off)]);
                assert_eq!(given.is_err(), is_read, "{variable}={value} {off}={value_off}: {given:?}");
            }
        }
    }

    #[test]
    fn what_is_said_in_general_is_not_read_where_both_signals_say_otherwise() {
        for (what, wrong, right) in
            [("ENDPOINT", "https://", "http://localhost:4318/v1/traces"), ("PROTOCOL", "http/json", "grpc")]
        {
            let [general, traces, metrics] =
                ["", "TRACES_", "METRICS_"].map(|of| format!("OTEL_EXPORTER_OTLP_{of}{what}"));
            let both = [(general.as_str(), wrong), (&traces, right), (&metrics, right)];

            given(&both).expect("nobody asks for the general one");
            assert_eq!(given(&both[..2]).expect_err("the metrics do").variable, general);
        }
    }

    #[test]
    fn a_sampler_that_cannot_be_read_is_told_of_and_everything_is_kept() {
        let arg = "OTEL_TRACES_SAMPLER_ARG";
        let name = given(&[("OTEL_TRACES_SAMPLER", "tracidratio"), (arg, "0.1")]).unwrap();
        let ratio = [("OTEL_TRACES_SAMPLER", "traceidratio"), (arg, "10%")];
        let off = [ratio[0], ratio[1], ("OTEL_TRACES_EXPORTER", "none")];

        let told = |settings: Settings| settings.warnings.iter().map(ToString::to_string).collect::<Vec<_>>();
        let no_name = "OTEL_TRACES_SAMPLER is `tracidratio`: there is no such sampler: parentbased_always_on is used";
        assert_eq!(told(name), [no_name]);
        let no_ratio = "OTEL_TRACES_SAMPLER_ARG is `10%`: no ratio from 0 to 1: every trace is told";
        assert_eq!(told(given(&ratio).unwrap()), [no_ratio]);
        assert!(told(given(&off).unwrap()).is_empty(), "no trace is told at all");
        assert!(told(given(&[]).unwrap()).is_empty());
    }

    #[test]
    fn an_endpoint_that_wants_encryption_is_refused_by_a_build_without() {
        let said = given(&[("OTEL_EXPORTER_OTLP_ENDPOINT", "https://collector.example:4317")]);

        if cfg!(feature = "tls") {
            said.expect("this build can encrypt");
        } else {
            assert!(said.unwrap_err().next.contains("feature `tls`"));
        }
    }

    #[test]
    fn a_sampler_that_wants_nothing_gets_nothing() {
        let trace = bailiwick_protocols::Traceparent { trace: 7, span: 7, flags: 1 };

        let off = given(&[("OTEL_TRACES_SAMPLER", "always_off")]).unwrap();
        let ratio = given(&[("OTEL_TRACES_SAMPLER", "traceidratio"), ("OTEL_TRACES_SAMPLER_ARG", "0.0")]).unwrap();

        assert!(!off.sampling.wants(trace, None) && !ratio.sampling.wants(trace, None));
        assert!(given(&[]).unwrap().sampling.wants(trace, None));
    }

    #[test]
    fn a_continued_trace_is_told_if_its_caller_tells_it() {
        let caller = |flags| bailiwick_protocols::Traceparent { trace: 7, span: 8, flags };

        let sampling = Sampling::default();

        assert!(sampling.wants(caller(1), Some(caller(1))));
        assert!(!sampling.wants(caller(0), Some(caller(0))));
    }
}
