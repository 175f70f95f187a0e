//! `bailiwick show`: what a goal became, or what has become of it so far.

use super::place;
use crate::{
    args::ShowArgs,
    exit::{Exit, Stop},
    paint, stdout,
};

/// Prints the report, as `run` prints it.
///
/// # Errors
/// If there is no such goal.
pub(crate) fn show(args: &ShowArgs) -> Result<Exit, Stop> {
    let found = place::find(&args.goal.journal, &args.goal.goal)?;
    let report = found.report();
    if args.json {
        stdout::write(&format!("{:#}", report.to_json()))?;
    } else if let Some(output) = report.output() {
        stdout::write(&format!("{output:#}"))?;
    }
    if !args.json {
        report.summary().lines().iter().for_each(|line| paint::say(&paint::line(line)));
        paint::say("");
        paint::say(&format!("standing: {}; in {}", found.standing().as_str(), found.journal.path().display()));
        if matches!(found.standing(), bailiwick::Standing::Interrupted | bailiwick::Standing::Parked) {
            paint::next(&place::resume_command(found.goal, found.journal.path()));
        }
    }
    Ok(found.journal.exit())
}
