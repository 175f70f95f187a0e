//! What an agent is asked, made of what the goal knows: the same state gives the same delegation, live and in a rebuild.

use std::sync::Arc;

use bailiwick_protocols::{Brief, Delegation, DelegationId, Limits, TaskId};

use super::GoalState;

impl GoalState {
    /// What is asked by a delegation that is out; `None` if none of this number is.
    pub fn delegation(&self, id: DelegationId) -> Option<Delegation> {
        let (index, asking) = self.asked(id)?;
        let task = &self.tasks[index];
        let spec = &task.spec;
        let outputs = |id: &TaskId| Some((id.clone(), self.task(id)?.output()?.clone()));
        let mut limits = Limits::default();
        limits.slice = asking.slice;
        let (mandate, parent, lineage) = match (&task.child_of, &task.judges) {
            // The requester's supervisor has handed on no more than its agent held.
            (Some(child), _) => (child.mandate.narrow(&limits), Some(child.from), child.lineage.clone()),
            (None, Some(judges)) => (judges.mandate.narrow(&limits), None, Arc::from([])),
            (None, None) => {
                let request = (!spec.required.is_empty()).then(|| spec.required.clone());
                limits.exercise = request.clone();
                limits.grant = request;
                (self.mandate.hand_on(None, &limits), None, Arc::from([]))
            }
        };
        Some(Delegation {
            id,
            task: spec.id.clone(),
            agent: asking.agent.clone(),
            attempt: asking.attempt,
            retry: asking.retry,
            brief: Arc::new(Brief {
                task: spec.id.clone(),
                goal: spec.goal.clone(),
                inputs: spec.after.iter().chain(&spec.optional_after).filter_map(outputs).collect(),
                params: self.goal.params.clone(),
                documents: spec.documents.clone(),
                constraints: spec.constraints.clone(),
                output: spec.contract.output.clone(),
                feedback: task.feedback.clone(),
                checkpoint: task.checkpoint.clone(),
                metadata: spec.metadata.clone(),
            }),
            contract: Arc::new(spec.contract.clone()),
            needs: spec.needs.clone().into(),
            required: spec.required.clone(),
            mandate,
            priority: spec.priority,
            criticality: spec.criticality,
            reversibility: spec.reversibility,
            effects: spec.effects,
            timeout: spec.timeout,
            parent,
            lineage,
            idempotency_key: format!("{}/{}", self.id, spec.id).into(),
            traceparent: self.trace.child(u64::from(id.number)),
        })
    }
}
