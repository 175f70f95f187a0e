//! `--otlp`: the goal as a trace. The standard OTEL_ variables say where to and how; without the flag nothing is tried.

use std::{env, time::Duration};

use bailiwick::{
    protocols::Goal,
    telemetry::{self, Telemetry},
};
use tokio::time::Instant;

use crate::{exit::Stop, paint};

/// The caller's trace, by the usual variable: the goal's own is linked to it.
const CALLER: &str = "TRACEPARENT";
/// Set to 1, the goal continues the caller's trace instead.
const CONTINUE: &str = "BAILIWICK_CONTINUE_TRACE";

/// An exporter, if one is asked for.
pub(crate) struct Otlp {
    telemetry: Option<Telemetry>,
    /// When everything has to be over, after a signal.
    by: Option<Instant>,
}

impl Otlp {
    /// Exports nothing.
    pub(crate) fn off() -> Self {
        Self { telemetry: None, by: None }
    }

    /// Exports whatever is started from here on, if that is asked for.
    ///
    /// # Errors
    /// If a variable asks for what cannot be done: exit 2.
    pub(crate) fn start(&mut self, asked: bool) -> Result<(), Stop> {
        let telemetry = asked.then(telemetry::init).transpose();
        self.telemetry = telemetry.map_err(|why| Stop::usage(why.to_string(), "mend it, or leave --otlp out"))?;
        for warning in self.telemetry.iter().flat_map(Telemetry::warnings) {
            paint::say(&format!("telemetry: {warning}"));
        }
        Ok(())
    }

    /// Tells the goal whose trace it came from.
    pub(crate) fn trace(&self, goal: Goal) -> Goal {
        match env::var(CALLER) {
            Ok(caller) if self.telemetry.is_some() => {
                if env::var(CONTINUE).is_ok_and(|value| value == "1") {
                    goal.continue_trace(caller)
                } else {
                    goal.traceparent(caller)
                }
            }
            _ => goal,
        }
    }

    /// A signal leaves this much time.
    pub(crate) fn hurry(&mut self, by: Option<Instant>) {
        self.by = by;
    }

    /// Sends what there is. Called last: no collector delays what the goal has to say, or changes how it ended.
    pub(crate) fn finish(self) {
        let Some(telemetry) = self.telemetry else { return };
        let left = self.by.map_or(telemetry::SHUTDOWN, |by| by.saturating_duration_since(Instant::now()));
        let summary = telemetry.shutdown_blocking(left.clamp(Duration::from_millis(100), telemetry::SHUTDOWN));
        if summary.dropped + summary.missed > 0 {
            let why = summary.error.unwrap_or_else(|| "they came too fast".to_owned());
            let lost = summary.dropped;
            paint::say(&format!("telemetry: {lost} spans were not exported: {why}; is a collector listening?"));
        }
    }
}
