//! The journal's latency is measured where batches are kept, not where somebody comes to look.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use bailiwick::{
    actors::audit_log::memory::MemoryJournal,
    prelude::*,
    telemetry::{
        Settings, Telemetry,
        names::metric as m,
        sink::{Export, MetricSink, Sink},
        span::Span,
    },
    testing::Stage,
};
use opentelemetry_sdk::metrics::data::{AggregatedMetrics, MetricData, ResourceMetrics};

/// How many batches the journal kept, and how many seconds it took for all of them, as it was told last.
type Kept = Arc<Mutex<Option<(u64, f64)>>>;

struct Numbers(Kept);

impl Sink for Numbers {
    fn spans<'a>(&'a mut self, batch: &'a mut Vec<Span>) -> Export<'a> {
        // A span is nothing here.
        batch.clear();
        Box::pin(async { Ok(()) })
    }

    fn metrics(&mut self) -> Option<Box<dyn MetricSink>> {
        Some(Box::new(Numbers(self.0.clone())))
    }
}

impl MetricSink for Numbers {
    fn metrics<'a>(&'a mut self, collected: &'a ResourceMetrics) -> Export<'a> {
        let mut all = collected.scope_metrics().flat_map(|of| of.metrics());
        let latency = all.find(|metric| metric.name() == m::JOURNAL_LATENCY).map(|metric| metric.data());
        if let Some(AggregatedMetrics::F64(MetricData::Histogram(histogram))) = latency {
            let point = histogram.data_points().next().expect("it has no labels");
            *self.0.lock().expect("nobody panicked") = Some((point.count(), point.sum()));
        }
        Box::pin(async { Ok(()) })
    }
}

/// What is told of a goal's batches in a journal.
async fn told(journal: MemoryJournal) -> Option<(u64, f64)> {
    let kept = Kept::default();
    let settings = Settings::from_lookup(|_| None).expect("nothing is asked for");
    let telemetry = Telemetry::into_sink(settings, Numbers(kept.clone())).expect("a thread can be started");
    let ada = agent_fn("ada", ["work"], |_| async { Ok(Output::text("done")) });
    let stage = Stage::seeded(1).agent(ada).with(|team| team.journal(journal)).open().await;
    stage.bailiwick().followed_by(&telemetry);
    stage.run(Goal::new("work").needs_capability("work")).await;
    // The exporter lives in real time, beside the Stage.
    telemetry.shutdown_blocking(Duration::from_secs(10));
    *kept.lock().expect("nobody panicked")
}

#[tokio::test(start_paused = true)]
async fn each_batch_counts_with_the_time_that_the_journal_took_for_it() {
    let (batches, seconds) = told(MemoryJournal::late(Duration::from_millis(40))).await.expect("some were kept");

    assert!(batches >= 3, "{batches}");
    let each = seconds / batches as f64;
    assert!((each - 0.040).abs() < 1e-6, "{each} s for each of {batches}");
}

#[tokio::test(start_paused = true)]
async fn a_journal_that_keeps_at_once_has_no_latency() {
    assert_eq!(told(MemoryJournal::default()).await, None);
}
