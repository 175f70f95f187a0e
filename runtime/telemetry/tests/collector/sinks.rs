//! Sinks of one's own: whoever flushes hears of it, and a sink that panics takes no span in silence.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use bailiwick::{
    prelude::*,
    telemetry::{
        Telemetry,
        sink::{Export, Sink, ToClosure},
        span::Span,
    },
};
use tokio::sync::Semaphore;

use super::settings;

/// Runs one goal that an exporter follows.
async fn run(telemetry: &Telemetry) {
    let agent = agent_fn("ada", ["speak"], |_| async { Ok(Output::text("hello")) });
    let team = Bailiwick::builder().agent(agent).start().await.expect("a sound team");
    team.followed_by(telemetry);
    let goal = Goal::new("hello").needs_capability("speak");
    team.submit(goal).await.expect("there is room").await.expect("the runtime goes on");
    team.shutdown().await.expect("it ends well");
}

/// Takes a batch when it is let.
struct Gated(Arc<Semaphore>);

impl Sink for Gated {
    fn spans<'a>(&'a mut self, batch: &'a mut Vec<Span>) -> Export<'a> {
        Box::pin(async move {
            let _permit = self.0.acquire().await;
            batch.clear();
            Ok(())
        })
    }
}

#[tokio::test]
async fn everybody_who_flushes_hears_when_all_is_sent() {
    let gate = Arc::new(Semaphore::new(0));
    let telemetry = Telemetry::into_sink(settings(), Gated(gate.clone())).expect("a thread can be started");
    run(&telemetry).await;

    let limit = Duration::from_secs(10);
    // Both have asked before anything can be sent.
    let (one, other, ()) =
        tokio::join!(biased; telemetry.flush(limit), telemetry.flush(limit), async { gate.add_permits(1) });

    assert!(one && other, "{one} {other}");
}

struct Panics;

impl Sink for Panics {
    fn spans<'a>(&'a mut self, _: &'a mut Vec<Span>) -> Export<'a> {
        Box::pin(async { panic!("no ink") })
    }
}

#[tokio::test]
async fn what_a_sink_held_that_panicked_is_dropped_and_counted() {
    let taken = Arc::new(Mutex::new(0));
    let all = taken.clone();
    let counting = ToClosure(move |_, spans: Vec<_>| *all.lock().expect("nobody panicked") += spans.len() as u64);
    let telemetry = Telemetry::into_sink(settings(), counting).expect("a thread can be started");
    run(&telemetry).await;
    assert!(telemetry.flush(Duration::from_secs(10)).await);

    let telemetry = Telemetry::into_sink(settings(), Panics).expect("a thread can be started");
    run(&telemetry).await;
    assert!(!telemetry.flush(Duration::from_secs(10)).await, "it will never be");

    let summary = telemetry.summary();
    let taken = *taken.lock().expect("nobody panicked");
    assert!(taken > 0);
    assert_eq!((summary.exported, summary.dropped), (0, taken), "{summary:?}");
    assert!(summary.error.is_some_and(|error| error.contains("panicked")));
}
