//! The fold over logs of the Stage: whole traces whoever dies, told once, and silent about what agents say.

mod deaths;
mod events;
mod judges;
mod latency;
mod resume;
mod rulings;
mod tools;
mod words;

use std::{collections::BTreeSet, sync::Arc};

use bailiwick::{
    protocols::Recorded,
    telemetry::{fold::Fold, sampling::Sampling, span::Span},
};

/// What the fold makes of a log; nothing of what stands at or before `past`.
fn spans(log: &[Arc<Recorded>], past: u64) -> Vec<Span> {
    let mut fold = Fold::new(past, Sampling::default(), false);
    log.iter().for_each(|recorded| fold.apply(recorded));
    fold.take()
}

/// One root, nobody without a parent, no id twice.
fn is_whole(spans: &[Span]) {
    let ids: BTreeSet<u64> = spans.iter().map(|span| span.context.span).collect();
    assert_eq!(ids.len(), spans.len(), "two spans have one id");
    assert_eq!(spans.iter().filter(|span| span.is_root()).count(), 1);
    for span in spans.iter().filter(|span| !span.is_root()) {
        assert!(ids.contains(&span.parent), "`{}` is an orphan", span.name);
        let parent = spans.iter().find(|parent| parent.context.span == span.parent).expect("it is there");
        assert!(parent.start <= span.start && span.end <= parent.end, "`{}` around `{}`", parent.name, span.name);
    }
}

/// What stands under a key, in words.
fn said(known: &[opentelemetry::KeyValue], key: &str) -> Option<String> {
    known.iter().find(|known| known.key.as_str() == key).map(|known| known.value.to_string())
}
