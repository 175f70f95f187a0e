//! `bailiwick audit verify`: whether every record is what was written.

use bailiwick_journal::{JournalError, JournalReader};

use super::place;
use crate::{
    args::JournalArgs,
    exit::{Exit, Stop},
    paint, stdout,
};

/// Checks the journal that was named, or all there are.
///
/// # Errors
/// If the one that was named cannot be read at all.
pub(crate) fn verify(args: &JournalArgs) -> Result<Exit, Stop> {
    let paths = place::paths(args);
    if paths.is_empty() {
        paint::say("there is no journal yet: `bailiwick run TEAM.toml` begins one");
    }
    let mut sound = Vec::new();
    let mut exit = Exit::Done;
    for path in paths {
        match JournalReader::open(&path).and_then(|journal| journal.verify()) {
            Ok(verified) => {
                let removed = match verified.removed {
                    0 => String::new(),
                    removed => format!("; {removed} more were removed by retention"),
                };
                sound.push(format!("{}: {} records, sound{removed}", path.display(), verified.records));
            }
            Err(why @ (JournalError::Newer { .. } | JournalError::Unreadable { .. } | JournalError::Other(_)))
                if args.journal.is_some() =>
            {
                return Err(place::stop(&why));
            }
            Err(why) => {
                paint::error(&format!("{}: {why}", path.display()), place::mend(&why));
                exit = Exit::Failed;
            }
        }
    }
    if !sound.is_empty() {
        stdout::write(&sound.join("\n"))?;
    }
    Ok(exit)
}
