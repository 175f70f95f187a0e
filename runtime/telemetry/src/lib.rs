//! Every goal as one readable trace, and numbers over time: both folded from the log, sent over OTLP.
//!
//! Nothing in the runtime knows of this crate. An exporter on a thread of its own tails the log, makes spans of what is
//! recorded and sends them; it delays nobody, and without it no span is made and no connection tried. Which spans there
//! are, and what they are called, stands in [`names`].
//!
//! ```no_run
//! # use bailiwick_actors::{edge::Places, world::World};
//! # async fn run(world: World, places: Places) -> Result<(), bailiwick_telemetry::TelemetryError> {
//! let telemetry = bailiwick_telemetry::init()?;   // the OTEL_ variables say where to and how
//! // ... teams started from here on are followed ...
//! # telemetry.follow(&world, &places);
//! let summary = telemetry.shutdown().await;       // at most 2 s
//! eprintln!("{} spans exported, {} dropped", summary.exported, summary.dropped);
//! # Ok(())
//! # }
//! ```

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use bailiwick_actors::{edge::Places, world::World};
use tokio::sync::{mpsc, oneshot};

pub mod fold;
mod followers;
mod metrics;
pub mod names;
pub mod sampling;
pub mod settings;
pub mod sink;
pub mod span;
mod worker;

pub use followers::Followers;
pub use settings::{Settings, SettingsError};

use followers::Follower;
use sampling::Sampling;
use settings::Identity;
use sink::{Otlp, Sink};
use span::Role;
use worker::{Command, Counts, Followed, Worker};

/// How long [`Telemetry::shutdown`] waits for a collector: 2 s.
pub const SHUTDOWN: Duration = Duration::from_secs(2);

/// Commands that may wait for the exporter's thread: teams to follow, mostly.
const COMMANDS: usize = 1_024;

/// The exporter of teams that are started while it is installed.
static INSTALLED: Mutex<Option<Installed>> = Mutex::new(None);

struct Installed {
    commands: mpsc::WeakSender<Command>,
    events_max: usize,
    sampling: Sampling,
}

/// Telemetry cannot start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TelemetryError {
    /// A variable says what cannot be done.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// An endpoint, a header or a compression cannot be understood.
    #[error("the collector cannot be addressed: {0}; check the OTEL_EXPORTER_OTLP_ variables")]
    Exporter(String),
    /// No thread could be started.
    #[error("the exporter's thread cannot start: {0}")]
    Thread(#[from] std::io::Error),
}

/// What became of the spans.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct Summary {
    /// Spans that a collector took.
    pub exported: u64,
    /// Spans for which the queue had no room, or which no collector took.
    pub dropped: u64,
    /// Events that came faster than they were followed.
    pub missed: u64,
    /// Why the last export that failed did.
    pub error: Option<String>,
}

/// A running exporter. Dropped, it sends what it has in the background; [`Telemetry::shutdown`] waits for that.
#[derive(Debug)]
pub struct Telemetry {
    commands: mpsc::Sender<Command>,
    counts: Arc<Counts>,
    events_max: usize,
    sampling: Sampling,
    warnings: Vec<SettingsError>,
}

/// Exports every team that is started from here on, as the standard `OTEL_` variables say.
///
/// # Errors
/// If the variables ask for what cannot be done.
pub fn init() -> Result<Telemetry, TelemetryError> {
    let telemetry = Telemetry::over_otlp(Settings::from_env()?)?;
    telemetry.install();
    Ok(telemetry)
}

/// Has the installed exporter, if there is one, follow a team. Called by whatever starts teams.
pub fn follow_installed(world: &World, places: &Places) -> Followers {
    let followers = Followers::default();
    let installed = INSTALLED.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(Installed { commands, events_max, sampling }) = installed.as_ref() else { return followers };
    if let Some(live) = commands.upgrade() {
        // An exporter that has ended follows nobody.
        drop(live.try_send(Command::Follow(Followed::new(world, places, *events_max))));
        followers.put(Follower { commands: commands.clone(), sampling: sampling.clone() });
    }
    followers
}

impl Telemetry {
    /// Exports over OTLP.
    ///
    /// # Errors
    /// If the endpoint cannot be understood or no thread started.
    pub fn over_otlp(settings: Settings) -> Result<Self, TelemetryError> {
        let of = settings.clone();
        Self::start(settings, move || Otlp::new(&of).map_err(|error| error.to_string()))
    }

    /// Exports to a sink of your own.
    ///
    /// # Errors
    /// If no thread could be started.
    pub fn into_sink(settings: Settings, sink: impl Sink) -> Result<Self, TelemetryError> {
        Self::start(settings, move || Ok(sink))
    }

    fn start<S: Sink>(
        settings: Settings,
        make: impl FnOnce() -> Result<S, String> + Send + 'static,
    ) -> Result<Self, TelemetryError> {
        let (commands, told) = mpsc::channel(COMMANDS);
        let counts = Arc::new(Counts::default());
        let shared = counts.clone();
        let (events_max, sampling, warnings) =
            (settings.events_max, settings.sampling.clone(), settings.warnings.clone());
        for warning in &warnings {
            tracing::warn!("{warning}");
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (ready, made) = std::sync::mpsc::sync_channel(1);
        thread::Builder::new().name("bailiwick-telemetry".to_owned()).spawn(move || {
            runtime.block_on(async move {
                let sink = make();
                let failed = sink.as_ref().err().cloned();
                // Whoever started this waits for the answer.
                drop(ready.send(failed));
                let Ok(sink) = sink else { return };
                let resource = Identity::of_this_process().of(&Role::Coordinator);
                Worker::new(settings, resource, Box::new(sink), shared).run(told).await;
            });
            // A name that is still being resolved must not hold the thread.
            runtime.shutdown_background();
        })?;
        match made.recv() {
            Ok(None) => Ok(Self { commands, counts, events_max, sampling, warnings }),
            Ok(Some(error)) => Err(TelemetryError::Exporter(error)),
            Err(_) => Err(TelemetryError::Exporter("the exporter's thread ended".to_owned())),
        }
    }

    /// Makes it the exporter of every team that is started from here on in this process.
    pub fn install(&self) {
        let (commands, sampling) = (self.commands.downgrade(), self.sampling.clone());
        let installed = Installed { commands, events_max: self.events_max, sampling };
        *INSTALLED.lock().unwrap_or_else(PoisonError::into_inner) = Some(installed);
    }

    /// Follows a team that has been started, and who is turned away at its edge. What it did before is not told.
    pub fn follow(&self, world: &World, places: &Places) {
        // The thread ends only after this handle, and looks at its commands all the time.
        drop(self.commands.try_send(Command::Follow(Followed::new(world, places, self.events_max))));
    }

    /// What the variables say that cannot be read: the defaults stand in for it. A subscriber of `tracing` was told.
    pub fn warnings(&self) -> &[SettingsError] {
        &self.warnings
    }

    /// What has become of the spans so far.
    pub fn summary(&self) -> Summary {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Summary {
            exported: read(&self.counts.exported),
            dropped: read(&self.counts.dropped),
            missed: read(&self.counts.missed),
            error: self.counts.error.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        }
    }

    /// Sends everything that is recorded and durable; false if that took longer than the limit.
    pub async fn flush(&self, limit: Duration) -> bool {
        let (done, flushed) = oneshot::channel();
        // Whoever asked may have stopped waiting.
        let done = Box::new(|| done.send(()).unwrap_or_default());
        drop(self.commands.try_send(Command::Flush(done)));
        matches!(tokio::time::timeout(limit, flushed).await, Ok(Ok(())))
    }

    /// Sends what there is and ends, after at most [`SHUTDOWN`].
    pub async fn shutdown(self) -> Summary {
        self.shutdown_within(SHUTDOWN).await
    }

    /// Sends what there is and ends, after a time of your choice: what no collector has taken by then is dropped.
    pub async fn shutdown_within(self, limit: Duration) -> Summary {
        let flushed = self.flush(limit).await;
        self.ended(flushed)
    }

    /// [`Telemetry::shutdown_within`] for the end of `main`, where no runtime is left. Blocks the thread.
    pub fn shutdown_blocking(self, limit: Duration) -> Summary {
        let (done, flushed) = std::sync::mpsc::sync_channel(1);
        let done = Box::new(move || done.send(()).unwrap_or_default());
        drop(self.commands.try_send(Command::Flush(done)));
        let flushed = flushed.recv_timeout(limit).is_ok();
        self.ended(flushed)
    }

    fn ended(&self, flushed: bool) -> Summary {
        let mut summary = self.summary();
        if !flushed {
            summary.dropped += self.counts.unsent.load(Ordering::Relaxed);
            summary.error.get_or_insert_with(|| "the collector did not answer in time".to_owned());
        }
        summary
    }
}
