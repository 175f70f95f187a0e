//! What the log holds of one stream in memory: all of it, or what follows its snapshot.

use std::sync::Arc;

use bailiwick_protocols::Recorded;

use super::snapshot::Snapshot;

/// One stream, as the log holds it.
#[derive(Clone, Default)]
pub(super) struct Held {
    /// What stands for the events before the first one held.
    pub base: Option<Arc<Snapshot>>,
    /// The rest, in order.
    pub events: Vec<Arc<Recorded>>,
}

impl Held {
    /// The version of the last event, held or not; 0 before the first.
    pub fn head(&self) -> u64 {
        let folded = self.base.as_ref().map_or(0, |base| base.ver);
        self.events.last().map_or(folded, |last| last.ver)
    }

    /// Lets a snapshot stand for what was folded. The events held begin with the one it was taken at; if they do not, it
    /// is of another history, and nothing changes.
    pub fn stand_on(&mut self, base: Arc<Snapshot>) -> bool {
        let stands = self.events.first().is_some_and(|first| base.stands_on(first));
        if stands {
            self.events.remove(0);
            self.base = Some(base);
        }
        stands
    }

    /// What comes after a version.
    pub fn since(&self, ver: u64) -> Vec<Arc<Recorded>> {
        let first = self.events.partition_point(|event| event.ver <= ver);
        self.events[first..].to_vec()
    }
}
