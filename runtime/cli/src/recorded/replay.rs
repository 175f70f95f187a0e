//! `bailiwick replay`: folds a goal once more, with no side effects, and compares with what is stored.

use bailiwick::history;

use super::place;
use crate::{
    args::GoalArgs,
    exit::{Exit, Stop},
    stdout,
};

/// Folds it.
///
/// # Errors
/// If there is no such goal, or the fold differs from what is stored.
pub(crate) fn replay(args: &GoalArgs) -> Result<Exit, Stop> {
    let found = place::find(&args.journal, &args.goal)?;
    let replay = history::replay(&found.journal.events, found.goal);
    if !replay.differences.is_empty() {
        let what = format!("the fold differs from what is stored:\n  {}", replay.differences.join("\n  "));
        return Err(Stop::failed(
            what,
            "`bailiwick audit verify` tells whether the journal is damaged; if not, report it",
        ));
    }
    let (events, settlements) = (replay.events, replay.settlements);
    stdout::write(&format!(
        "goal {}: {events} events and {settlements} settlements fold to what is stored",
        found.goal
    ))?;
    Ok(found.journal.exit())
}
