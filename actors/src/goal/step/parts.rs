//! Parts that agents at work hand on: children of a task, one tree, one ledger.

use super::*;

impl GoalMachine {
    /// An agent at work wants a part done by somebody else. Its supervisor has checked what may be handed on.
    pub(super) fn ask_child(
        &mut self,
        from: DelegationId,
        name: &TaskId,
        task: &Task,
        mandate: Mandate,
        lineage: Arc<[AgentName]>,
    ) {
        let Some((index, asking)) = self.state.asked(from) else { return };
        let agent = asking.agent.clone();
        let parent = self.state.tasks[index].spec.clone();
        let id = TaskId::from(format!("{}/{name}", parent.id));
        let fingerprint = fingerprint(task);
        let answer = match self.state.task(&id) {
            Some(child) if child.child_of.as_ref().is_none_or(|known| known.fingerprint != fingerprint) => {
                Some(Err(Refusal::NameTaken { name: name.to_string() }))
            }
            Some(child) => match child.outcome() {
                Some(Outcome::Canceled { by: CanceledBy::Parent }) => {
                    return self.reopen(id, from, mandate);
                }
                Some(_) => Some(Ok(self.delegated(child))),
                None => {
                    // Asked again for what is under way: it answers when it ends.
                    if child.child_of.as_ref().is_some_and(|known| known.from != from) {
                        self.reopening.insert(id, (from, mandate));
                    }
                    None
                }
            },
            None => match self.child(&parent, &id, from, task) {
                Ok(task) => {
                    let parent = parent.id.clone();
                    self.happen(GoalEvent::ChildAdded { task, parent, from, fingerprint, mandate, lineage });
                    self.fresh.insert(self.state.tasks.len() - 1);
                    None
                }
                Err(refusal) => Some(Err(refusal)),
            },
        };
        if let Some(answer) = answer {
            let (name, answer) = (name.clone(), Box::new(answer));
            self.turn.tell(GoalEffect::Answer { agent, from, name, answer });
        }
    }

    /// The part as a task of its own, or why it cannot be one.
    pub(super) fn child(
        &self,
        parent: &TaskSpec,
        id: &TaskId,
        from: DelegationId,
        task: &Task,
    ) -> Result<Arc<TaskSpec>, Refusal> {
        let bounds = self.state.goal.bounds;
        if self.state.stopping.is_some() {
            return Err(Refusal::Draining);
        }
        if self.state.work().count() >= bounds.tasks {
            return Err(Refusal::TooManyTasks { limit: bounds.tasks });
        }
        let live = self.state.children(from).filter(|index| self.state.tasks[*index].outcome().is_none()).count();
        if live >= bounds.fan_out {
            return Err(Refusal::FanOutExceeded { limit: bounds.fan_out });
        }
        if let Some(refusal) = self.absent(task.agent.as_ref(), &task.needs) {
            return Err(refusal);
        }
        let inherited = Settings {
            priority: Some(parent.priority),
            complexity: Some(parent.complexity),
            criticality: Some(parent.criticality),
            reversibility: Some(parent.reversibility),
            metadata: parent.metadata.clone(),
            ..Settings::default()
        };
        let mut named = task.clone();
        named.id = id.clone();
        let mut problems: Vec<String> =
            plan::problems(std::slice::from_ref(&named), &bounds).iter().map(ToString::to_string).collect();
        let spec = named.resolve(&inherited);
        if let Err(message) = self.compile(&spec.contract, &spec) {
            problems.push(message);
        }
        if problems.is_empty() { Ok(Arc::new(spec)) } else { Err(Refusal::Invalid { problem: problems.join("; ") }) }
    }

    pub(super) fn reopen(&mut self, task: TaskId, from: DelegationId, mandate: Mandate) {
        let index = self.state.tasks.iter().position(|other| other.spec.id == task);
        self.happen(GoalEvent::ChildReopened { task, from, mandate });
        self.fresh.extend(index);
    }

    /// The attempt is over, or told to stop: what it handed on, and who judges it, nobody waits for any more. It is called
    /// back.
    pub(super) fn call_off_children(&mut self, from: DelegationId) {
        self.reopening.retain(|_, (asker, _)| *asker != from);
        self.call_off(self.state.children(from).chain(self.state.judgements(Some(from))).collect());
    }

    pub(super) fn call_off(&mut self, tasks: Vec<usize>) {
        for index in tasks {
            match &self.state.tasks[index].phase {
                Phase::Open { .. } => self.end(index, Outcome::Canceled { by: CanceledBy::Parent }),
                Phase::Asked(asking) | Phase::Running(asking) => {
                    let (agent, delegation) = (asking.agent.clone(), asking.delegation);
                    let reason = RevokeReason::ParentEnded;
                    self.turn.tell(GoalEffect::Revoke { agent, delegation, reason, only_waiting: false });
                }
                Phase::Between { .. } | Phase::Ended { .. } => {}
            }
        }
    }

    /// A part ended: whoever asked for it is told, or it is begun anew for whoever asks now.
    pub(super) fn child_ended(&mut self, id: &TaskId) {
        let Some(child) = self.state.task(id) else { return };
        let Some(known) = child.child_of.clone() else { return };
        if let Some((from, mandate)) = self.reopening.remove(id)
            && matches!(child.outcome(), Some(Outcome::Canceled { by: CanceledBy::Parent }))
        {
            return self.reopen(id.clone(), from, mandate);
        }
        let Some(agent) = self.state.asked(known.from).map(|(_, asking)| asking.agent.clone()) else { return };
        let answer = Box::new(Ok(self.delegated(child)));
        let name = TaskId::new(id.rsplit('/').next().unwrap_or(id));
        self.turn.tell(GoalEffect::Answer { agent, from: known.from, name, answer });
    }

    pub(super) fn delegated(&self, child: &TaskState) -> Delegated {
        let below = format!("{}/", child.spec.id);
        let parts = || self.state.work().filter(|task| task.spec.id.starts_with(&below)).chain([child]);
        Delegated {
            task: child.spec.id.clone(),
            agent: child.agent.clone(),
            outcome: child.outcome().cloned().unwrap_or(Outcome::Unverified),
            output: child.output().cloned(),
            verdict: child.verdict.clone(),
            usage: parts().fold(Usage::default(), |sum, task| sum + task.usage),
            cost: parts().fold(Cost::FREE, |sum, task| sum + task.cost),
        }
    }
}
