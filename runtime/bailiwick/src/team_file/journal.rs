//! Reads `[journal]`: how the log of the team is kept.

use super::{fields::Fields, item::Item};

/// How the log is kept. `None` is not stated.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct TeamJournal {
    /// After how many events of its own each agent's supervisor takes a snapshot (1 000); 0 is never.
    pub snapshot_every: Option<u64>,
}

/// Reads `[journal]`.
pub(super) fn read(root: &Fields<'_>) -> TeamJournal {
    let Some(fields) = root.get("journal").as_ref().and_then(Item::table) else { return TeamJournal::default() };
    let every = fields.get("snapshot_every").and_then(|item| item.integer(0..=1_000_000_000));
    fields.close();
    TeamJournal { snapshot_every: every }
}
