//! Whom to ask: the score of every candidate, and why the others were passed over. Semantics section 4.

use std::{collections::BTreeSet, sync::Arc};

use bailiwick_protocols::{
    AgentName, Refusal, Reversibility, TaskSpec, Timestamp,
    event::{Candidate, ChosenBy, PassedOver},
    outcome::RefusedBy,
};

use crate::directory::{Directory, Entry, Permit, Weights};

/// Nobody below this score is chosen.
pub const SCORE_MIN: f64 = 0.3;

/// Scores this close are equal.
pub const NEAR: f64 = 0.02;

/// Whether two scores are near: what a sum of fractions is off by does not decide.
fn near(best: f64, score: f64) -> bool {
    best - score <= NEAR + 1e-9
}

/// How many candidates an event lists.
pub const LISTED_MAX: usize = 16;

/// How agents are chosen; part of the team's policy.
#[derive(Clone, PartialEq, Debug, serde::Serialize, serde::Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct ChoiceSettings {
    /// How much each term weighs.
    pub weights: Weights,
    /// The probability of asking the least-known, 0.0..=1.0 (0.05).
    pub exploration: f64,
    /// Whether one held capability is enough (false).
    pub partial_capability: bool,
}

impl Default for ChoiceSettings {
    fn default() -> Self {
        Self { weights: Weights::default(), exploration: 0.05, partial_capability: false }
    }
}

/// Whom a task may ask.
pub struct Wanted<'a> {
    /// The task.
    pub task: &'a TaskSpec,
    /// Only this one, if it is to be the same agent again.
    pub only: Option<&'a AgentName>,
    /// Only this one, if the task names it.
    pub named: Option<&'a AgentName>,
    /// Not these: they are used up for this task.
    pub spent: &'a BTreeSet<AgentName>,
    /// Not these either: they refused.
    pub refused: &'a [RefusedBy],
    /// Only those trusted at least this much: the floor.
    pub trust_min: f64,
}

/// How the choice fell.
pub enum Choice {
    /// This one, and here is the permit.
    Ask(Box<Asked>),
    /// All candidates are merely full: these.
    Full(Vec<Arc<Entry>>),
    /// Nobody: what their standings say, gravest last.
    Nobody(Vec<RefusedBy>),
}

/// Who is asked.
pub struct Asked {
    /// Who.
    pub entry: Arc<Entry>,
    /// The right to ask.
    pub permit: Permit,
    /// How the choice fell.
    pub by: ChosenBy,
    /// The best candidates with their terms.
    pub candidates: Vec<Candidate>,
    /// Why others were not among them.
    pub passed_over: Vec<PassedOver>,
}

/// Chooses. `room` is a permit that a supervisor has just called back with.
pub fn choose(
    directory: &Directory,
    settings: &ChoiceSettings,
    wanted: &Wanted<'_>,
    room: Option<(AgentName, Permit)>,
    now: Timestamp,
    mut draw: impl FnMut() -> f64,
) -> (Choice, Option<Permit>) {
    let needs = &wanted.task.needs;
    let only = wanted.only.or(wanted.named);
    let mut passed_over = Vec::new();
    let mut standing_refusals = Vec::new();
    let mut able = Vec::new();
    for entry in directory.capable(needs, settings.partial_capability) {
        let mut pass = |because: String| passed_over.push(PassedOver { agent: entry.name.clone(), because });
        if only.is_some_and(|only| *only != entry.name) {
            continue;
        }
        if let Some(refused) = wanted.refused.iter().find(|refused| refused.agent == entry.name) {
            pass(refused.refusal.to_string());
            continue;
        }
        if wanted.spent.contains(&entry.name) {
            pass("its attempts on this task are used up".to_owned());
            continue;
        }
        if let Some(refusal) = entry.standing().refusal.clone() {
            pass(refusal.to_string());
            standing_refusals.push(RefusedBy { agent: entry.name.clone(), refusal });
            continue;
        }
        let terms = entry.terms(needs, &settings.weights, now);
        if terms.trust < wanted.trust_min {
            pass(format!("trust {:.2} is below {:.2}", terms.trust, wanted.trust_min));
        } else if terms.score < SCORE_MIN && only.is_none() {
            pass(format!("score {:.2} is below {SCORE_MIN}", terms.score));
            let reason = format!("score {:.2} is below {SCORE_MIN}", terms.score);
            let refusal = Refusal::Policy { policy: "choice".to_owned(), reason };
            standing_refusals.push(RefusedBy { agent: entry.name.clone(), refusal });
        } else {
            able.push((entry, terms));
        }
    }
    if able.is_empty() {
        return (Choice::Nobody(standing_refusals), room.map(|(_, permit)| permit));
    }
    able.sort_by(|(a, s), (b, t)| t.score.total_cmp(&s.score).then_with(|| a.name.cmp(&b.name)));
    let candidates: Vec<Candidate> = able
        .iter()
        .take(LISTED_MAX)
        .map(|(entry, terms)| Candidate { agent: entry.name.clone(), terms: *terms })
        .collect();

    let mut room = room;
    let mut take = |entry: &Entry| match &room {
        Some((agent, _)) if *agent == entry.name => room.take().map(|(_, permit)| permit),
        _ if wanted.task.id.is_judgement() => entry.permits.take_beyond(),
        _ => entry.permits.take(),
    };
    let explore = only.is_none()
        && able.len() > 1
        && settings.exploration > 0.0
        && wanted.task.criticality <= 2
        && wanted.task.reversibility == Reversibility::High
        && draw() < settings.exploration;
    let mut order: Vec<(Arc<Entry>, ChosenBy)> = Vec::new();
    if explore
        && let Some((least, _)) = able.iter().min_by(|(a, _), (b, _)| a.evidence(needs).total_cmp(&b.evidence(needs)))
    {
        order.push((least.clone(), ChosenBy::Exploration));
    }
    // Groups of nearly equal scores, each sorted by load and then by lot.
    let mut rest = able.as_slice();
    while let Some((_, best)) = rest.first() {
        let near = rest.iter().take_while(|(_, terms)| near(best.score, terms.score)).count();
        let (group, later) = rest.split_at(near);
        let mut drawn: Vec<_> =
            group.iter().map(|(entry, _)| (entry.in_flight(), draw_if(near > 1, &mut draw), entry)).collect();
        drawn.sort_by(|a, b| a.0.cmp(&b.0).then_with(|| a.1.total_cmp(&b.1)));
        let by = match (wanted.only, wanted.named, near) {
            (Some(_), ..) => ChosenBy::Retry,
            (None, Some(_), _) => ChosenBy::Named,
            (None, None, 1) => ChosenBy::Score,
            (None, None, _) => ChosenBy::NearTie,
        };
        order.extend(drawn.into_iter().map(|(_, _, entry)| (entry.clone(), by)));
        rest = later;
    }
    for (entry, by) in order {
        if let Some(permit) = take(&entry) {
            let asked = Asked { entry, permit, by, candidates, passed_over };
            return (Choice::Ask(Box::new(asked)), room.map(|(_, permit)| permit));
        }
        let because = "full".to_owned();
        if !passed_over.iter().any(|passed| passed.agent == entry.name) {
            passed_over.push(PassedOver { agent: entry.name.clone(), because });
        }
    }
    (Choice::Full(able.into_iter().map(|(entry, _)| entry).collect()), room.map(|(_, permit)| permit))
}

fn draw_if(needed: bool, draw: &mut impl FnMut() -> f64) -> f64 {
    if needed { draw() } else { 0.0 }
}

#[cfg(test)]
mod tests;
