//! Compares the snapshots in a journal with the fold of everything they stand for.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use bailiwick_actors::{
    agent_supervisor::{
        books::Books,
        facts,
        snapshot::{Written, note_settled},
    },
    audit_log::snapshot::Snapshot,
    policies::{TrustView, recorded::recorded_stack, stack::Stack},
    trust_tracker::models::Asymmetric,
};
use bailiwick_protocols::{AgentFact, Event, Recorded};

/// What a comparison of snapshots found.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct Compared {
    /// How many were compared. One that no start would use is passed over.
    pub snapshots: usize,
    /// Where one differs from the fold.
    pub differences: Vec<String>,
    /// Policies of a team's own: what they have learned cannot be folded without their code.
    pub own: BTreeSet<String>,
}

/// Folds each stream up to its snapshot, and compares.
pub fn compare(events: &[Arc<Recorded>], snapshots: &[Snapshot]) -> Compared {
    let mut found = Compared::default();
    for snapshot in snapshots {
        let folded = |event: &&Arc<Recorded>| event.stream == snapshot.stream && event.ver <= snapshot.ver;
        let past: Vec<Arc<Recorded>> = events.iter().filter(folded).cloned().collect();
        // Nothing is wrong with a journal whose snapshot is of another version, or torn off: it is not used.
        if let (Some(last), Some(written)) = (past.last(), Written::read(snapshot))
            && snapshot.stands_on(last)
        {
            found.snapshots += 1;
            found.compare(snapshot, &written, &past);
        }
    }
    found
}

impl Compared {
    fn compare(&mut self, snapshot: &Snapshot, written: &Written, past: &[Arc<Recorded>]) {
        let mut differ = |what: &str| {
            self.differences.push(format!("the snapshot of {} at event {}: {what}", snapshot.stream, snapshot.ver));
        };
        let bound = past.iter().rev().find_map(|recorded| match &recorded.event {
            Event::Agent(AgentFact::Stack { policies, settings, .. }) => Some((policies, settings)),
            _ => None,
        });
        let Some((policies, settings)) = bound else { return differ("no policies were stated before it") };
        let stack = Stack::new(recorded_stack(policies, settings.value()));
        let known: BTreeSet<String> = stack.names().into_iter().collect();
        // How trust is reckoned does not matter to a fold: what was learned is recorded.
        let trust = TrustView { records: BTreeMap::new(), model: Arc::new(Asymmetric::default()) };
        let mut books = Books::new(stack, trust);
        facts(past).for_each(|(fact, at)| drop(books.apply(fact, at)));
        let mut settled_at = BTreeMap::new();
        note_settled(&mut settled_at, past);
        match Written::of(&books, &settled_at) {
            Some(folded) => written.differing(&folded).into_iter().for_each(differ),
            None => differ("a policy does not say what it has learned"),
        }
        self.own.extend(policies.iter().filter(|name| !known.contains(*name)).cloned());
    }
}
