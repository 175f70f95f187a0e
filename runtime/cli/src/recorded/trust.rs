//! `bailiwick trust`: how far each agent is trusted on what, and how that came.

use std::{collections::BTreeSet, sync::Arc};

use bailiwick::{
    actors::trust_tracker::models::TrustModel,
    history,
    protocols::{Event, GoalId, RuntimeEvent, trust::Evidence},
    team_file::TeamFile,
};
use serde_json::json;

use super::place;
use crate::{
    args::TrustArgs,
    exit::{Exit, Stop},
    paint, stdout, team,
};

/// Prints it for each journal.
///
/// # Errors
/// If a journal that was named cannot be read.
pub(crate) fn trust(args: &TrustArgs) -> Result<Exit, Stop> {
    let mut exit = Exit::Done;
    let (mut told, mut lines) = (Vec::new(), Vec::new());
    for journal in place::all(&args.journal)? {
        let team = team_name(&journal);
        if args.history {
            let removed: BTreeSet<GoalId> = journal.removed().into_iter().map(|removed| removed.goal).collect();
            for taught in history::lessons(&journal.events) {
                let (before, after) = (taught.lesson.before.get(), taught.lesson.after.score.get());
                let evidence = match taught.lesson.evidence {
                    Evidence::Success => "verified success".to_owned(),
                    Evidence::Failure(gravity) => format!("failure, {}", format!("{gravity:?}").to_lowercase()),
                };
                let (agent, capability) = (taught.agent.to_string(), taught.lesson.capability.to_string());
                let delegation = taught.delegation.to_string();
                let kept = !removed.contains(&taught.delegation.goal);
                let gone = if kept { "" } else { "  (its goal is no longer kept)" };
                lines.push(format!(
                    "{}  {agent}  {capability}  {before:.3} -> {after:.3}  {evidence}  {delegation}{gone}",
                    taught.at
                ));
                told.push(json!({
                    "team": team, "at": taught.at.to_string(), "agent": agent, "capability": capability,
                    "before": before, "after": after, "evidence": evidence, "delegation": delegation,
                    "goal_kept": kept,
                }));
            }
        } else {
            for reading in history::trust(&journal.events, &model(&journal), history::now()) {
                let (agent, capability) = (reading.agent.to_string(), reading.capability.to_string());
                let (score, evidence) = (reading.score.get(), reading.evidence);
                lines.push(format!(
                    "{team}  {agent}  {capability}  {score:.3}  from {evidence} verdict{}",
                    if evidence == 1.0 { "" } else { "s" }
                ));
                told.push(json!({
                    "team": team, "agent": agent, "capability": capability, "trust": score, "evidence": evidence,
                }));
            }
        }
        exit = if journal.exit() == Exit::Done { exit } else { Exit::Failed };
    }
    if args.json {
        let key = if args.history { "history" } else { "trust" };
        stdout::write(&format!("{:#}", json!({ "version": 1, key: told })))?;
    } else if lines.is_empty() {
        paint::say("nothing was learned yet: only verdicts move trust");
    } else {
        stdout::write(&lines.join("\n"))?;
    }
    Ok(exit)
}

/// The team whose journal it is.
pub(super) fn team_name(journal: &place::Journal) -> String {
    let named = journal.events.iter().rev().find_map(|event| match &event.event {
        Event::Runtime(RuntimeEvent::RuntimeStarted { team, .. }) => Some(team.to_string()),
        _ => None,
    });
    named.unwrap_or_default()
}

/// How its team reckons trust; the default where its file cannot be read any more.
fn model(journal: &place::Journal) -> Arc<dyn TrustModel> {
    let stated = history::last_team(&journal.events);
    let team = stated.and_then(|stated| TeamFile::recorded(stated).ok());
    let builder = team.and_then(|team| team::builder(&team).ok()).unwrap_or_default();
    builder.model_of_trust()
}
