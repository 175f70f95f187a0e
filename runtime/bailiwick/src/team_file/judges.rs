//! Reads `[judges]`: who answers `{ judge = ".." }`, by script or as an agent of the team.

use bailiwick_protocols::{AgentName, Capability, Json};

use super::{fields::Fields, item::Item, suggest};

/// Who judges.
#[derive(Default)]
pub(super) struct Judges {
    /// The findings of scripted judges, in turn.
    pub(super) scripted: Vec<Json>,
    /// The agents that judge.
    pub(super) agents: Vec<AgentName>,
    /// Whether the team has judges at all, if only some with a problem.
    pub(super) stated: bool,
}

/// Reads `[judges]`, given who is in the team.
pub(super) fn read(root: &Fields<'_>, held: &[(String, Vec<Capability>)]) -> Judges {
    let Some(fields) = root.get("judges").and_then(|item| item.table()) else { return Judges::default() };
    fields.later("models", "use agents = [\"reviewer\"], or scripted = [ { score = 0.9 } ]");
    let scripted = fields.get("scripted").and_then(|item| item.list()).unwrap_or_default();
    for item in &scripted {
        finding(item);
    }
    let mut agents: Vec<AgentName> = Vec::new();
    for item in fields.get("agents").and_then(|item| item.list()).unwrap_or_default() {
        let Some(name) = item.text() else { continue };
        if !held.iter().any(|(agent, _)| agent == name) {
            let known = held.iter().map(|(agent, _)| agent.as_str());
            item.refuse(format!("there is no agent `{name}`"), suggest::help(name, known));
        } else if agents.iter().any(|known| *known == *name) {
            item.refuse(format!("`{name}` is listed already"), "list it once; it sits on as many seats as come to it");
        } else {
            agents.push(name.into());
        }
    }
    let stated = !scripted.is_empty() || !agents.is_empty() || root.item.findings.touches(&fields.item.pointer);
    fields.close();
    Judges { scripted: scripted.iter().map(Item::json).collect(), agents, stated }
}

/// Checks one finding of a scripted judge. A score out of range is allowed: a judge that gives one abstains.
fn finding(item: &Item<'_>) {
    let Some(fields) = item.table() else { return };
    if let Some(score) = fields.need("score", "say how good it is, from 0 to 1: { score = 0.9 }") {
        score.number(f64::MIN..=f64::MAX);
    }
    if let Some(reason) = fields.get("reason") {
        reason.text();
    }
    fields.close();
}
