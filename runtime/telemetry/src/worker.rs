//! The exporter's own thread: tails logs, folds, queues, sends. Nobody in the runtime ever waits for it.

use std::{
    collections::{HashMap, VecDeque},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bailiwick_actors::{
    audit_log::log::Tail,
    edge::Places,
    world::{Clock, World},
};
use bailiwick_protocols::{Event, RuntimeEvent};
use opentelemetry::metrics::MeterProvider as _;
use opentelemetry_sdk::{
    Resource,
    error::OTelSdkResult,
    metrics::{
        InstrumentKind, ManualReader, Pipeline, SdkMeterProvider, Temporality, data::ResourceMetrics,
        reader::MetricReader,
    },
};
use tokio::{
    sync::mpsc,
    task::JoinHandle,
    time::{Instant, sleep_until, timeout},
};

use crate::{
    fold::Fold,
    metrics::{Metrics, Open},
    settings::Settings,
    sink::{MetricSink, Sink},
    span::Span,
};

/// How often the logs are looked at: 100 ms.
const LOOK: Duration = Duration::from_millis(100);
/// Events taken from one log before others have their turn.
const TAKE: usize = 10_000;
/// The longest pause after failed exports: 30 s.
const PAUSE_MAX: Duration = Duration::from_secs(30);

/// What the thread is told.
pub(crate) enum Command {
    /// Follow one more log.
    Follow(Box<Followed>),
    /// Send everything there is, then say so.
    Flush(Flushed),
}

/// Called once all is sent or given up; dropped uncalled if that is not to be.
pub(crate) type Flushed = Box<dyn FnOnce() + Send>;

/// A log from where it stood when somebody asked to follow it.
pub(crate) struct Followed {
    tail: Tail,
    clock: Clock,
    places: Places,
}

impl Followed {
    pub(crate) fn new(world: &World, places: &Places, events_max: usize) -> Box<Self> {
        Box::new(Self { tail: world.log.tail(events_max), clock: world.clock, places: places.clone() })
    }
}

/// What became of the spans; shared with whoever holds the guard.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub exported: AtomicU64,
    pub dropped: AtomicU64,
    /// In the queue and on their way.
    pub unsent: AtomicU64,
    pub missed: AtomicU64,
    pub error: Mutex<Option<String>>,
}

/// A log that is followed.
struct Source {
    tail: Tail,
    clock: Clock,
    past: u64,
    fold: Fold,
    /// What is open in it, for the numbers.
    open: Open,
    places: Places,
    /// Who was turned away at its edge and counted already, by reason.
    turned_away: HashMap<&'static str, u64>,
    ended: bool,
}

type Sent = (Box<dyn Sink>, Vec<Span>, usize, Result<(), String>);

pub(crate) struct Worker {
    settings: Settings,
    /// Away while a batch is on its way.
    sink: Option<Box<dyn Sink>>,
    sending: Option<JoinHandle<Sent>>,
    on_its_way: usize,
    sources: Vec<Source>,
    queue: VecDeque<Span>,
    /// When the oldest span in the queue is due.
    due: Option<Instant>,
    failures: u32,
    metrics: Metrics,
    provider: SdkMeterProvider,
    reader: Reader,
    /// Away while numbers are on their way, which is beside the spans: neither waits for the other.
    metric_sink: Option<Box<dyn MetricSink>>,
    telling: Option<JoinHandle<Box<dyn MetricSink>>>,
    /// The spans that were dropped when numbers were told last.
    drops_told: u64,
    metrics_due: Instant,
    /// Who wants to be told when all is sent.
    flushing: Vec<Flushed>,
    counts: Arc<Counts>,
    told: u64,
}

impl Worker {
    pub(crate) fn new(settings: Settings, resource: Resource, mut sink: Box<dyn Sink>, counts: Arc<Counts>) -> Self {
        let metric_sink = sink.metrics().filter(|_| settings.metrics);
        let temporality = metric_sink.as_ref().map_or(Temporality::Cumulative, |sink| sink.temporality());
        let reader = Reader(Arc::new(ManualReader::builder().with_temporality(temporality).build()));
        let provider = SdkMeterProvider::builder().with_reader(reader.clone()).with_resource(resource).build();
        let metrics = Metrics::new(&provider.meter("bailiwick"));
        let metrics_due = Instant::now() + settings.metric_interval;
        Self {
            settings,
            sink: Some(sink),
            sending: None,
            on_its_way: 0,
            sources: Vec::new(),
            queue: VecDeque::new(),
            due: None,
            failures: 0,
            metrics,
            provider,
            reader,
            metric_sink,
            telling: None,
            drops_told: 0,
            metrics_due,
            flushing: Vec::new(),
            counts,
            told: 0,
        }
    }

    /// Works until nobody holds the guard any more, and what there was is sent or given up.
    pub(crate) async fn run(mut self, mut commands: mpsc::Receiver<Command>) {
        let mut look = Instant::now();
        let mut open = true;
        loop {
            tokio::select! {
                sent = over(&mut self.sending) => self.sent(sent),
                told = over(&mut self.telling) => {
                    self.telling = None;
                    // A sink that panicked is gone, and the spans go on.
                    self.metric_sink = told.ok();
                }
                command = commands.recv(), if open => match command {
                    Some(Command::Follow(followed)) => self.follow(*followed),
                    Some(Command::Flush(done)) => self.flush(done),
                    None => {
                        open = false;
                        self.flush(Box::new(|| {}));
                    }
                },
                () = sleep_until(look) => look = Instant::now() + LOOK,
            }
            self.look();
            self.send();
            if self.flushing.is_empty() && !open {
                drop(self.provider.shutdown());
                return;
            }
        }
    }

    fn follow(&mut self, Followed { tail, clock, places }: Followed) {
        let past = tail.past();
        let fold = Fold::new(past, self.settings.sampling.clone(), self.settings.content);
        let (open, turned_away) = (Open::default(), HashMap::new());
        self.sources.push(Source { tail, clock, past, fold, open, places, turned_away, ended: false });
    }

    /// Everything there is leaves now; what cannot is given up.
    fn flush(&mut self, done: Flushed) {
        if self.sink.is_none() && self.sending.is_none() {
            return;
        }
        self.failures = 0;
        self.due = Some(Instant::now());
        self.metrics_due = Instant::now();
        self.flushing.push(done);
    }

    /// Takes what has come since, in small bites.
    fn look(&mut self) {
        for source in &mut self.sources {
            loop {
                let (events, missed) = source.tail.take(TAKE);
                if missed > 0 {
                    self.counts.missed.fetch_add(missed, Ordering::Relaxed);
                    self.metrics.missed(missed);
                    source.fold.lose();
                    self.metrics.lose(&mut source.open);
                }
                for recorded in &events {
                    source.fold.apply(recorded);
                    self.metrics.apply(&mut source.open, recorded, recorded.seq > source.past);
                    source.ended |= matches!(recorded.event, Event::Runtime(RuntimeEvent::RuntimeStopped { .. }))
                        && recorded.seq > source.past;
                }
                if events.len() < TAKE {
                    break;
                }
            }
            if source.open.knows_its_team() {
                source.tail.appends().into_iter().for_each(|took| self.metrics.kept(&source.open, took));
                for (reason, submissions) in source.places.turned_away_for() {
                    let counted = source.turned_away.entry(reason).or_default();
                    let more = submissions - std::mem::replace(counted, submissions);
                    self.metrics.turned_away(&source.open, reason, more);
                }
            }
            source.fold.tick(source.clock.now());
            for span in source.fold.take() {
                // Roots come last and hold the rest together: for them there is always some room more.
                let room = self.settings.queue_max + if span.is_root() { self.settings.queue_max / 4 } else { 0 };
                if self.settings.traces && self.queue.len() < room {
                    self.queue.push_back(span);
                } else if self.settings.traces {
                    self.counts.dropped.fetch_add(1, Ordering::Relaxed);
                    self.metrics.dropped(1);
                }
            }
        }
        for over in self.sources.extract_if(.., |source| source.ended && source.tail.waiting() == 0) {
            let mut open = over.open;
            // What it leaves to a resume runs no more.
            self.metrics.lose(&mut open);
        }
        if !self.queue.is_empty() && self.due.is_none() {
            self.due = Some(Instant::now() + self.settings.delay);
        }
        self.counts.unsent.store((self.queue.len() + self.on_its_way) as u64, Ordering::Relaxed);
        self.tell_drops();
    }

    fn tell_drops(&mut self) {
        let dropped = self.counts.dropped.load(Ordering::Relaxed);
        // Not each one: whoever drops spans has enough to do.
        if dropped > self.told && (self.told == 0 || dropped >= self.told * 2) {
            self.told = dropped;
            tracing::warn!(spans = dropped, "spans dropped");
        }
    }

    fn send(&mut self) {
        let now = Instant::now();
        if self.metrics_due <= now {
            self.send_metrics(now);
        }
        if self.sink.is_none() {
            return;
        }
        let full = self.queue.len() >= self.settings.batch_max && self.failures == 0;
        if !self.queue.is_empty() && (full || self.due.is_some_and(|due| due <= now)) {
            return self.send_batch();
        }
        if self.queue.is_empty() {
            self.due = None;
            self.flushed(now);
        }
    }

    /// No span is left. What was dropped at the end is told as a number yet.
    fn flushed(&mut self, now: Instant) {
        if !self.flushing.is_empty()
            && self.telling.is_none()
            && self.drops_told < self.counts.dropped.load(Ordering::Relaxed)
        {
            self.send_metrics(now);
        }
        if self.telling.is_none() {
            self.flushing.drain(..).for_each(|done| done());
        }
    }

    fn send_batch(&mut self) {
        let Some(mut sink) = self.sink.take() else { return };
        let count = self.queue.len().min(self.settings.batch_max);
        self.on_its_way = count;
        let mut batch: Vec<Span> = self.queue.drain(..count).collect();
        let limit = self.settings.export_timeout;
        self.sending = Some(tokio::spawn(async move {
            let sent = timeout(limit, sink.spans(&mut batch)).await;
            let sent = sent.unwrap_or_else(|_| Err("the collector did not answer in time".to_owned()));
            (sink, batch, count, sent)
        }));
    }

    fn sent(&mut self, sent: Result<Sent, tokio::task::JoinError>) {
        self.sending = None;
        let on_its_way = std::mem::take(&mut self.on_its_way);
        let Ok((sink, back, count, result)) = sent else {
            // A sink that panicked is gone, and with it what it held: nothing can be sent any more.
            tracing::error!("exporter of spans panicked");
            self.failed("the exporter of spans panicked".to_owned());
            self.dropped(on_its_way as u64);
            self.flushing.clear();
            return;
        };
        self.sink = Some(sink);
        let now = Instant::now();
        match result {
            Ok(()) => {
                self.counts.exported.fetch_add(count as u64, Ordering::Relaxed);
                self.failures = 0;
                self.due = Some(if self.flushing.is_empty() { now + self.settings.delay } else { now });
            }
            Err(error) => {
                self.counts.exported.fetch_add((count - back.len()) as u64, Ordering::Relaxed);
                tracing::warn!(error, "spans could not be exported");
                self.failed(error);
                back.into_iter().rev().for_each(|span| self.queue.push_front(span));
                self.failures += 1;
                self.due = Some(now + Duration::from_secs(1 << self.failures.min(5)).min(PAUSE_MAX));
                if !self.flushing.is_empty() {
                    self.give_up();
                }
            }
        }
    }

    /// The last chance has passed.
    fn give_up(&mut self) {
        let lost = self.queue.len() as u64;
        self.queue.clear();
        self.dropped(lost);
    }

    fn dropped(&self, spans: u64) {
        self.counts.dropped.fetch_add(spans, Ordering::Relaxed);
        self.metrics.dropped(spans);
    }

    fn failed(&self, why: String) {
        *self.counts.error.lock().unwrap_or_else(PoisonError::into_inner) = Some(why);
    }

    /// Tells the numbers, unless they are being told.
    fn send_metrics(&mut self, now: Instant) {
        let Some(mut sink) = self.metric_sink.take() else { return };
        self.metrics_due = now + self.settings.metric_interval;
        self.drops_told = self.counts.dropped.load(Ordering::Relaxed);
        let mut collected = ResourceMetrics::default();
        if self.reader.collect(&mut collected).is_err() {
            self.metric_sink = Some(sink);
            return;
        }
        let limit = self.settings.metric_timeout;
        self.telling = Some(tokio::spawn(async move {
            if let Ok(Err(error)) = timeout(limit, sink.metrics(&collected)).await {
                // Many collectors take traces only: nothing is wrong with that.
                tracing::debug!(error, "metrics could not be exported");
            }
            sink
        }));
    }
}

/// Waits for what is on its way; for ever, if nothing is.
async fn over<T>(task: &mut Option<JoinHandle<T>>) -> Result<T, tokio::task::JoinError> {
    match task {
        Some(task) => task.await,
        None => std::future::pending().await,
    }
}

/// A reader that can be asked while the provider holds it.
#[derive(Clone, Debug)]
pub(crate) struct Reader(pub(crate) Arc<ManualReader>);

impl MetricReader for Reader {
    fn register_pipeline(&self, pipeline: std::sync::Weak<Pipeline>) {
        self.0.register_pipeline(pipeline);
    }

    fn collect(&self, collected: &mut ResourceMetrics) -> OTelSdkResult {
        self.0.collect(collected)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.0.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.0.shutdown_with_timeout(timeout)
    }

    fn temporality(&self, kind: InstrumentKind) -> Temporality {
        self.0.temporality(kind)
    }
}
