//! The mandates by which authority came down to a delegation, and what each step removed.

use std::sync::Arc;

use bailiwick_protocols::{
    AgentFact, AgentName, DelegationId, GoalEvent, Limits, Mandate, Permission, Permissions, Refusal, Ruling, Slice,
    TaskId, TaskSpec, Timestamp,
};

use super::{By, Hop, Lost, Streams, facts};

impl Streams<'_> {
    /// A task with every default filled in.
    pub(super) fn spec(&self, id: &TaskId) -> Option<Arc<TaskSpec>> {
        self.goal().find_map(|(event, _)| match event {
            GoalEvent::TaskDecomposed { tasks, .. } => tasks.iter().find(|task| task.id == *id).cloned(),
            GoalEvent::ChildAdded { task, .. } | GoalEvent::JudgeAsked { task, .. } if task.id == *id => {
                Some(task.clone())
            }
            _ => None,
        })
    }

    /// The mandates down to a delegation, the goal's first and that of the agent that was asked last.
    pub(super) fn chain(&self, id: DelegationId) -> Vec<Hop> {
        let selected = self.goal().find_map(|(event, _)| match event {
            GoalEvent::AgentSelected { task, delegation, agent, slice, .. } if *delegation == id => {
                Some((task, agent, *slice))
            }
            _ => None,
        });
        let Some((task, agent, slice)) = selected else { return Vec::new() };
        let mut chain = self.chain_to(task, Some(id));
        if let Some(above) = chain.last() {
            let mandate = self.held(agent, id, &above.mandate, slice);
            push(&mut chain, By::Agent(agent.clone()), mandate);
        }
        chain
    }

    /// The mandates down to what a task asks for, as it was when a delegation was made or, without one, at the end.
    pub(super) fn chain_to(&self, task: &TaskId, before: Option<DelegationId>) -> Vec<Hop> {
        let made = |event: &GoalEvent| matches!(event, GoalEvent::AgentSelected { delegation, .. } if Some(*delegation) == before);
        let handed_on = self.goal().take_while(|(event, _)| !made(event)).filter_map(|(event, _)| match event {
            GoalEvent::ChildAdded { task: child, from, mandate, .. } if child.id == *task => Some((*from, mandate)),
            GoalEvent::ChildReopened { task: child, from, mandate } if child == task => Some((*from, mandate)),
            _ => None,
        });
        if let Some((from, mandate)) = handed_on.last() {
            let mut chain = self.chain(from);
            push(&mut chain, By::HandedOn(task.clone()), mandate.clone());
            return chain;
        }
        let root = self.goal().find_map(|(event, _)| match event {
            GoalEvent::GoalSubmitted { mandate, .. } => Some(mandate.clone()),
            _ => None,
        });
        let (Some(root), Some(spec)) = (root, self.spec(task)) else { return Vec::new() };
        let mut limits = Limits::default();
        if !spec.required.is_empty() {
            limits.exercise = Some(spec.required.clone());
            limits.grant = Some(spec.required.clone());
        }
        let mut chain = vec![Hop { by: By::Goal, mandate: root.clone(), removed: Permissions::none() }];
        push(&mut chain, By::Task(task.clone()), root.hand_on(None, &limits));
        chain
    }

    /// What an agent holds of what came to its door: as it was let in, or as it would have been.
    fn held(&self, agent: &AgentName, id: DelegationId, above: &Mandate, slice: Slice) -> Mandate {
        let stream = self.agent(agent);
        let mut caps = None;
        let mut limits = Limits::default();
        limits.slice = slice;
        for (fact, _) in facts(&stream) {
            match fact {
                AgentFact::Admitted { delegation } if delegation.id == id => return delegation.mandate.clone(),
                AgentFact::TurnedAway { delegation, rulings, .. } if *delegation == id => {
                    let narrowed = rulings.iter().filter_map(|ruled| match &ruled.ruling {
                        Ruling::Narrow(limits) => Some(limits),
                        _ => None,
                    });
                    return above.narrow(&narrowed.fold(limits, |all, one| all.meet(one)));
                }
                AgentFact::Stack { settings, .. } => {
                    let stated = &settings.value()["attenuation"]["permissions"];
                    caps = serde_json::from_value::<Permissions>(stated.clone()).ok();
                }
                _ => {}
            }
        }
        limits.exercise.clone_from(&caps);
        limits.grant = caps;
        above.narrow(&limits)
    }
}

/// Where each missing permission was lost.
pub(super) fn lost(chain: &[Hop], refusal: &Refusal) -> Vec<Lost> {
    let missing: Vec<Permission> = match refusal {
        Refusal::Unauthorized { missing } => missing.iter().cloned().collect(),
        Refusal::OutsideMandate { needs, .. } => needs.parse().into_iter().collect(),
        _ => return Vec::new(),
    };
    let allows = |hop: &&Hop, permission: &Permission| {
        // Whether it still holds is another question than whether it was ever there.
        allowed(&hop.mandate).missing(&Permissions::from_iter([permission.clone()]), Timestamp::default()).is_empty()
    };
    let place = |permission: Permission| {
        let by = chain.iter().find(|hop| !allows(hop, &permission))?.by.clone();
        Some(Lost { permission, by })
    };
    missing.into_iter().filter_map(place).collect()
}

/// Whatever a mandate allows in any way.
pub(super) fn allowed(mandate: &Mandate) -> Permissions {
    mandate.exercise().join(mandate.grant())
}

fn push(chain: &mut Vec<Hop>, by: By, mandate: Mandate) {
    let left = allowed(&mandate);
    let gone = |permission: &&Permission| !left.covers(&Permissions::from_iter([(*permission).clone()]));
    let removed =
        chain.last().map(|above| allowed(&above.mandate).iter().filter(gone).cloned().collect()).unwrap_or_default();
    chain.push(Hop { by, mandate, removed });
}
