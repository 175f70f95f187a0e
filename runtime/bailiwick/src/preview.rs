//! What a team would do with a goal: the road, the tasks, and whom each would be offered to. Nothing is started.
//!
//! It is the choice of a runtime in its first moment: nobody is busy, no breaker is open, and all trust is what new
//! agents start with. The door is asked, too: who lacks a permission is no candidate, as that supervisor would rule.

use std::{collections::BTreeSet, sync::Arc};

use bailiwick_actors::{
    address::{Address, Post},
    directory::{Directory, Entry},
    goal::choice::{Choice, ChoiceSettings, Wanted, choose},
    routers::{RouteScene, Routed, route, standard::FLOOR_TRUST},
};
use bailiwick_protocols::{
    AgentName, Capability, Goal, Permissions, Refusal, TaskSpec, TeamName, Timestamp,
    event::{Candidate, PassedOver, Route, RouteRule},
    outcome::RefusedBy,
};
use serde_json::{Value, json};

use crate::{Builder, Error, SubmitError, runtime};

mod page;

/// What a team would do with a goal; made by [`Builder::preview`].
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub struct Preview {
    /// Whose agents would do it.
    pub team: TeamName,
    /// What is wanted, in words.
    pub goal: String,
    /// The road.
    pub route: Route,
    /// The rules that fired, in order.
    pub rules: Vec<RouteRule>,
    /// In plan order; none if a planner is to be asked.
    pub tasks: Vec<TaskPreview>,
}

/// Whom one task would be offered to.
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub struct TaskPreview {
    /// The task, every default filled in.
    pub task: Arc<TaskSpec>,
    /// The best 16 candidates, best first.
    pub candidates: Vec<Candidate>,
    /// Why the others are none.
    pub passed_over: Vec<PassedOver>,
    /// Who of these merely lacks a capability.
    pub incapable: BTreeSet<AgentName>,
}

impl Builder {
    /// Says what this team would do with a goal, and starts nothing.
    ///
    /// # Errors
    /// Everything that is wrong with the team, or with the goal.
    pub fn preview(&self, goal: &Goal) -> Result<Preview, Error> {
        let problems = self.problems();
        if !problems.is_empty() {
            return Err(Error::Invalid(problems));
        }
        let problems = runtime::problems(goal, &self.verifiers);
        if !problems.is_empty() {
            return Err(SubmitError::Invalid(problems).into());
        }
        let (directory, post) = (Directory::default(), Post::direct());
        for spec in &self.agents {
            directory.insert(Arc::new(Entry::new(spec, 0, Address::vacant(&post), self.model.clone())));
        }
        let scene = RouteScene::of(goal, &directory, self.planner.is_some(), Timestamp::default());
        let Routed { route, rules } = route(goal, &scene, self.router.as_ref());
        let specs: Vec<TaskSpec> = match route {
            Route::Plan => goal.tasks.iter().map(|task| task.resolve(&goal.settings)).collect(),
            _ => vec![goal.as_task().resolve(&Default::default())],
        };
        // Whether the choice explores is drawn for each attempt; here the score speaks.
        let mut choice = self.choice.clone();
        choice.exploration = 0.0;
        let look = Look {
            directory,
            choice,
            grant: runtime::mandate(&self.may_grant(), goal, Timestamp::default()).grant().clone(),
            trust_min: if route == Route::Floor { FLOOR_TRUST } else { 0.0 },
        };
        let tasks = specs.into_iter().map(|spec| look.at(spec)).collect();
        Ok(Preview { team: self.name.clone(), goal: goal.text.clone(), route, rules, tasks })
    }
}

/// A team in its first moment.
struct Look {
    directory: Directory,
    choice: ChoiceSettings,
    /// What the goal may grant on.
    grant: Permissions,
    trust_min: f64,
}

impl Look {
    fn at(&self, spec: TaskSpec) -> TaskPreview {
        let wanted = Wanted {
            task: &spec,
            only: None,
            named: spec.agent.as_ref(),
            spent: &BTreeSet::new(),
            refused: &[],
            trust_min: self.trust_min,
        };
        let (choice, _) = choose(&self.directory, &self.choice, &wanted, None, Timestamp::default(), || 0.0);
        let (mut candidates, mut passed_over) = match choice {
            Choice::Ask(asked) => (asked.candidates, asked.passed_over),
            Choice::Nobody(refused) => {
                let over = |by: RefusedBy| PassedOver { agent: by.agent, because: by.refusal.to_string() };
                (Vec::new(), refused.into_iter().map(over).collect())
            }
            // With every seat free nobody is full.
            Choice::Full(_) => (Vec::new(), Vec::new()),
        };
        candidates.retain(|candidate| match self.missing(&candidate.agent, &spec) {
            Some(because) => {
                passed_over.push(PassedOver { agent: candidate.agent.clone(), because });
                false
            }
            None => true,
        });
        let mut incapable = BTreeSet::new();
        for entry in self.directory.all() {
            if let Some(because) = self.lacks(&entry, &spec.needs) {
                incapable.insert(entry.name.clone());
                passed_over.push(PassedOver { agent: entry.name.clone(), because });
            }
        }
        TaskPreview { task: Arc::new(spec), candidates, passed_over, incapable }
    }

    /// What the agent's supervisor would say at the door, if it turned the task away.
    fn missing(&self, agent: &AgentName, spec: &TaskSpec) -> Option<String> {
        let entry = self.directory.get(agent)?;
        let effective = self.grant.meet(&entry.permissions);
        let missing = effective.missing(&spec.required, Timestamp::default());
        (!missing.is_empty()).then(|| Refusal::Unauthorized { missing }.to_string())
    }

    /// The required capabilities an agent lacks, if they keep it out.
    fn lacks(&self, entry: &Entry, needs: &[Capability]) -> Option<String> {
        let lacking: Vec<_> = needs.iter().filter(|need| !entry.capabilities.contains(need)).collect();
        let enough = self.choice.partial_capability && lacking.len() < needs.len();
        let names: Vec<_> = lacking.iter().map(|need| need.as_str()).collect();
        (!names.is_empty() && !enough).then(|| format!("lacks {}", names.join(", ")))
    }
}

impl Preview {
    /// The object of `bailiwick plan --json`; its keys are a promise.
    pub fn to_json(&self) -> Value {
        json!({
            "version": 1,
            "team": self.team,
            "goal": self.goal,
            "route": self.route,
            "rules": self.rules,
            "tasks": self.tasks.iter().map(TaskPreview::to_json).collect::<Vec<_>>(),
        })
    }
}

impl TaskPreview {
    fn to_json(&self) -> Value {
        let candidate = |candidate: &Candidate| {
            let terms = candidate.terms;
            json!({
                "agent": candidate.agent,
                "capability": round(terms.capability),
                "trust": round(terms.trust),
                "availability": round(terms.availability),
                "cost": round(terms.cost),
                "score": round(terms.score),
            })
        };
        json!({
            "id": self.task.id,
            "goal": self.task.goal,
            "needs": self.task.needs,
            "after": self.task.after,
            "optional_after": self.task.optional_after,
            "candidates": self.candidates.iter().map(candidate).collect::<Vec<_>>(),
            "passed_over": self.passed_over,
        })
    }
}

/// Six places: the rest is what sums of fractions are off by.
fn round(number: f64) -> f64 {
    (number * 1e6).round() / 1e6
}

#[cfg(test)]
mod tests;
