//! `bailiwick replay`: folds a goal once more, with no side effects, and compares with what is stored; or decides it
//! anew by other rules, without calling anybody.

use std::path::Path;

use bailiwick::{
    history::{self, Anew, Compared},
    protocols::{Cost, GoalId},
    team_file::TeamRules,
};

use super::place::{self, Found};
use crate::{
    args::ReplayArgs,
    exit::{Exit, Stop},
    stdout,
};

/// Folds it, or decides it anew.
///
/// # Errors
/// If there is no such goal, the fold differs from what is stored, or the rules cannot be read.
pub(crate) fn replay(args: &ReplayArgs) -> Result<Exit, Stop> {
    let found = place::find(&args.goal.journal, &args.goal.goal)?;
    if let Some(file) = &args.policy {
        return anew(&found, file);
    }
    let replay = history::replay(&found.journal.events, found.goal);
    // Snapshots are of agents: whatever goal is asked for, a start would go by them.
    let kept = found.journal.reader.snapshots().map_err(|why| place::stop(&why))?;
    let compared = history::compare_snapshots(&found.journal.events, &kept);
    let differences = [&replay.differences[..], &compared.differences].concat();
    if !differences.is_empty() {
        let what = format!("the fold differs from what is stored:\n  {}", differences.join("\n  "));
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
    if compared.snapshots > 0 {
        stdout::write(&said_of(&compared))?;
    }
    Ok(found.journal.exit())
}

/// What the comparison found, and what it left out.
fn said_of(compared: &Compared) -> String {
    let mut said = format!("agents' snapshots: {}, each the fold of what came before it", compared.snapshots);
    if !compared.own.is_empty() {
        let own: Vec<&str> = compared.own.iter().map(String::as_str).collect();
        said += &format!(", without what these policies learned: {}", own.join(", "));
    }
    said
}

fn anew(found: &Found, file: &Path) -> Result<Exit, Stop> {
    let rules = TeamRules::load(file)
        .map_err(|problems| Stop::usage(format!("the rules cannot be read\n\n{problems}\n"), "nothing was decided"))?;
    let anew = history::anew(&found.journal.events, &rules);
    stdout::write(&page(&anew, found.goal, file).join("\n"))?;
    Ok(found.journal.exit())
}

/// What changes for the goal, line by line.
fn page(anew: &Anew, goal: GoalId, file: &Path) -> Vec<String> {
    let mut lines = vec![format!(
        "goal {goal} by {}: {} delegations of its journal were ruled on again, and nobody was called",
        file.display(),
        anew.delegations
    )];
    let (own, others): (Vec<_>, Vec<_>) =
        anew.changes.iter().partition(|change| change.about.as_ref().is_none_or(|(about, _)| *about == goal));
    lines.extend(own.iter().map(|change| format!("  {change}")));
    if let Some(costs) = anew.costs.get(&goal).filter(|costs| costs.recorded != costs.anew) {
        lines.push(format!("  cost: then {}; now {}", usd(costs.recorded), usd(costs.anew)));
    }
    if lines.len() == 1 {
        lines.push("  nothing of it changes".to_owned());
    }
    if !others.is_empty() {
        lines.push(format!("in other goals of the journal: {} more", others.len()));
    }
    if !anew.kept.is_empty() {
        let kept: Vec<&str> = anew.kept.iter().map(String::as_str).collect();
        lines.push(format!("rulings of these policies were taken as recorded: {}", kept.join(", ")));
    }
    lines
}

fn usd(cost: Cost) -> String {
    match cost.micro_usd() {
        Some(micro) => format!("{:.6} USD", micro as f64 / 1e6),
        None => "unknown".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_compared_is_said_beside_what_was() {
        let mut compared = Compared::default();
        compared.snapshots = 2;
        assert_eq!(said_of(&compared), "agents' snapshots: 2, each the fold of what came before it");

        compared.own = ["thirds", "quota"].map(str::to_owned).into();

        let due = "agents' snapshots: 2, each the fold of what came before it, without what these policies learned: \
                   quota, thirds";
        assert_eq!(said_of(&compared), due);
    }
}
