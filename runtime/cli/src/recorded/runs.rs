//! `bailiwick runs`: every goal that a journal knows, newest first.

use std::path::PathBuf;

use bailiwick::{GoalReport, Standing, history, protocols::GoalId, report::units};
use serde_json::json;

use super::place;
use crate::{
    args::RunsArgs,
    exit::{Exit, Stop},
    paint, stdout,
};

/// Lists them.
///
/// # Errors
/// If a journal that was named cannot be read.
pub(crate) fn runs(args: &RunsArgs) -> Result<Exit, Stop> {
    let mut listed = Vec::new();
    let mut exit = Exit::Done;
    for journal in place::all(&args.journal)? {
        let owned = journal.reader.owner().is_some();
        for (goal, events) in history::goals(&journal.events) {
            let Some(last) = events.last() else { continue };
            let report = GoalReport::from_events(&events, Vec::new());
            listed.push((goal, Standing::of(&last.event, owned), report, journal.path().to_owned()));
        }
        exit = if journal.exit() == Exit::Done { exit } else { Exit::Failed };
    }
    listed.sort_by_key(|(goal, _, report, _)| std::cmp::Reverse((report.started, *goal)));
    if args.json {
        let runs: Vec<_> = listed
            .iter()
            .map(|(goal, standing, report, journal)| {
                json!({
                    "goal_id": goal.to_string(),
                    "goal": report.goal,
                    "standing": standing.as_str(),
                    "outcome": outcome(*standing, report),
                    "started": report.started.map(|at| at.to_string()),
                    "tasks": report.tasks.len(),
                    "cost_micro_usd": report.cost.micro_usd(),
                    "journal": journal.display().to_string(),
                })
            })
            .collect();
        stdout::write(&format!("{:#}", json!({ "version": 1, "runs": runs })))?;
        return Ok(exit);
    }
    if listed.is_empty() {
        paint::say("no goal is on record: `bailiwick run TEAM.toml` records one");
        return Ok(exit);
    }
    let head = ["GOAL_ID", "STANDING", "OUTCOME", "STARTED", "TASKS", "COST", "GOAL"].map(str::to_owned);
    let row = |(goal, standing, report, _): &(GoalId, Standing, GoalReport, PathBuf)| {
        let started = report.started.map(|at| at.to_string()).unwrap_or_default();
        [
            goal.to_string(),
            standing.as_str().to_owned(),
            outcome(*standing, report).unwrap_or("-").replace('_', " "),
            started.get(..19).unwrap_or_default().replace('T', " "),
            report.tasks.len().to_string(),
            units::money(report.cost),
            units::tidy(&report.goal, 50),
        ]
    };
    let rows: Vec<[String; 7]> = std::iter::once(head).chain(listed.iter().map(row)).collect();
    stdout::write(&columns(&rows))?;
    Ok(exit)
}

/// How it ended, or that it is parked.
fn outcome(standing: Standing, report: &GoalReport) -> Option<&'static str> {
    matches!(standing, Standing::Ended | Standing::Parked).then(|| report.outcome_word())
}

/// Rows as lines, each column as wide as its widest cell.
fn columns(rows: &[[String; 7]]) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..7).map(width).collect();
    let line = |row: &[String; 7]| {
        let cells: Vec<String> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        cells.join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}
