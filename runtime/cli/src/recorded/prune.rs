//! `bailiwick runs prune`: lets go of goals that ended long ago.

use std::path::Path;

use bailiwick::actors::audit_log::journal::Journal;
use bailiwick_journal::{JournalError, JournalReader, SqliteJournal};

use super::place;
use crate::{
    args::PruneArgs,
    exit::{Exit, Stop},
    paint, stdout,
};

/// Prunes the journal that was named, or all there are that nobody owns.
///
/// # Errors
/// If the one that was named is owned, or cannot be read or written.
pub(crate) fn prune(args: &PruneArgs) -> Result<Exit, Stop> {
    let mut told = Vec::new();
    let mut exit = Exit::Done;
    for path in place::paths(&args.journal) {
        match removed(&path, args) {
            Ok(goals) => told.push(format!("{}: {goals} goals removed", path.display())),
            Err(why) if args.journal.journal.is_some() => return Err(place::stop(&why)),
            Err(why) => {
                paint::error(&why.to_string(), "it was left as it is");
                exit = Exit::Failed;
            }
        }
    }
    if !told.is_empty() {
        stdout::write(&told.join("\n"))?;
    } else if exit == Exit::Done {
        paint::say("there is no journal yet: `bailiwick run TEAM.toml` begins one");
    }
    Ok(exit)
}

/// How many goals go. Whoever owns the journal may do it: so nobody is at work in it meanwhile.
fn removed(path: &Path, args: &PruneArgs) -> Result<usize, JournalError> {
    // No journal is begun here.
    drop(JournalReader::open(path)?);
    let journal = SqliteJournal::open(path)?.retain(args.older_than);
    let reader = JournalReader::open(path)?;
    let before = reader.removed()?.len();
    journal.begin()?;
    Ok(reader.removed()?.len() - before)
}
