//! What is to be done: a goal as a user states it, its tasks, and a task with every default filled in.
//!
//! Precedence of every setting: explicit, then inherited from the goal or parent, then the default here.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{AgentName, Capability, Contract, Json, OutputSpec, Permissions, Slice, TaskId, Verify, time::millis};

/// Whether what a task does can be undone.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reversibility {
    /// It cannot: no automatic retry once started, no judge alone as its gate.
    Low,
    /// With effort.
    #[default]
    Medium,
    /// At no cost.
    High,
}

/// What carrying a task out twice would do.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effects {
    /// It touches nothing.
    None,
    /// The same, given the same idempotency key.
    #[default]
    Idempotent,
    /// Harm: a lost attempt escalates, for it may have run.
    Once,
}

/// Free values a user attaches to a task or goal; handed on, never interpreted.
pub type Metadata = BTreeMap<String, Json>;

/// The settings a task inherits from its goal or parent. `None` is not stated.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// 1..=5, the weight among goals that wait for the same agent (3).
    pub priority: Option<u8>,
    /// 1..=5 (3); a task inherits one less than its goal, at least 1.
    pub complexity: Option<u8>,
    /// 1..=5 (3); from 4 on a failure weighs twice.
    pub criticality: Option<u8>,
    /// Whether it can be undone (medium).
    pub reversibility: Option<Reversibility>,
    /// What running twice would do (idempotent).
    pub effects: Option<Effects>,
    /// Attempts after the first on each agent (2).
    pub retries: Option<u32>,
    /// The time one attempt may take, counted from the seat (60 s).
    pub timeout: Option<Duration>,
    /// Permissions: for a task what it must be allowed; for a goal the ceiling of what it may grant, and what its one
    /// task must be allowed if it brings none.
    pub permissions: Option<Permissions>,
    /// Free values.
    pub metadata: Metadata,
}

macro_rules! settings {
    ($target:ident) => {
        impl $target {
            /// Sets the priority, 1..=5 (3).
            pub fn priority(mut self, priority: u8) -> Self {
                self.settings.priority = Some(priority);
                self
            }

            /// Sets the complexity, 1..=5 (3).
            pub fn complexity(mut self, complexity: u8) -> Self {
                self.settings.complexity = Some(complexity);
                self
            }

            /// Sets the criticality, 1..=5 (3).
            pub fn criticality(mut self, criticality: u8) -> Self {
                self.settings.criticality = Some(criticality);
                self
            }

            /// Sets the reversibility (medium).
            pub fn reversibility(mut self, reversibility: Reversibility) -> Self {
                self.settings.reversibility = Some(reversibility);
                self
            }

            /// Sets what running twice would do (idempotent).
            pub fn effects(mut self, effects: Effects) -> Self {
                self.settings.effects = Some(effects);
                self
            }

            /// Sets how many attempts follow the first on each agent (2).
            pub fn retries(mut self, retries: u32) -> Self {
                self.settings.retries = Some(retries);
                self
            }

            /// Sets the time one attempt may take (60 s).
            pub fn timeout(mut self, timeout: Duration) -> Self {
                self.settings.timeout = Some(timeout);
                self
            }

            /// Sets the permissions: what a task requires; what a goal may grant at most, and requires if it is one task.
            pub fn permissions(mut self, permissions: Permissions) -> Self {
                self.settings.permissions = Some(permissions);
                self
            }

            /// Attaches a free value.
            pub fn metadata(mut self, key: impl Into<String>, value: impl Into<Json>) -> Self {
                self.settings.metadata.insert(key.into(), value.into());
                self
            }

            /// Requires a capability of the agent.
            pub fn needs_capability(mut self, capability: impl Into<Capability>) -> Self {
                self.needs.push(capability.into());
                self
            }

            /// Sets the check the output must pass.
            pub fn verify(mut self, verify: Verify) -> Self {
                self.contract.verify = verify;
                self
            }

            /// Sets the shape the output must have.
            pub fn output(mut self, output: OutputSpec) -> Self {
                self.contract.output = output;
                self
            }

            /// Hands a document along.
            pub fn document(mut self, document: impl Into<Json>) -> Self {
                self.documents.push(document.into());
                self
            }

            /// Hands a constraint along, in words.
            pub fn constraint(mut self, constraint: impl Into<String>) -> Self {
                self.constraints.push(constraint.into());
                self
            }
        }
    };
}

/// One step of a plan, as a user states it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Task {
    /// Unique within the goal.
    pub id: TaskId,
    /// What to do, in words.
    pub goal: String,
    /// The only agent to be asked; `None` leaves the choice to the goal.
    pub agent: Option<AgentName>,
    /// Capabilities the agent must have.
    pub needs: Vec<Capability>,
    /// Tasks whose outputs it takes as inputs; it is skipped if one does not complete.
    pub after: Vec<TaskId>,
    /// Tasks whose outputs it takes when there are any.
    pub optional_after: Vec<TaskId>,
    /// Documents handed along.
    pub documents: Vec<Json>,
    /// Constraints in words.
    pub constraints: Vec<String>,
    /// What counts as done.
    pub contract: Contract,
    /// What may be spent on it, children included; `None` takes what the chosen agent declares.
    pub budget: Option<Slice>,
    /// What it sets itself.
    pub settings: Settings,
}

impl Task {
    /// States a task.
    pub fn new(id: impl Into<TaskId>, goal: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            goal: goal.into(),
            agent: None,
            needs: Vec::new(),
            after: Vec::new(),
            optional_after: Vec::new(),
            documents: Vec::new(),
            constraints: Vec::new(),
            contract: Contract::default(),
            budget: None,
            settings: Settings::default(),
        }
    }

    /// Has this agent do it and nobody else, whatever its score.
    pub fn agent(mut self, name: impl Into<AgentName>) -> Self {
        self.agent = Some(name.into());
        self
    }

    /// Starts only when these tasks completed, with their outputs as inputs.
    pub fn after<T: Into<TaskId>>(mut self, tasks: impl IntoIterator<Item = T>) -> Self {
        self.after.extend(tasks.into_iter().map(Into::into));
        self
    }

    /// Waits for these tasks to end, and takes their outputs if there are any.
    pub fn optional_after<T: Into<TaskId>>(mut self, tasks: impl IntoIterator<Item = T>) -> Self {
        self.optional_after.extend(tasks.into_iter().map(Into::into));
        self
    }

    /// Sets what may be spent on it, children included.
    pub fn budget(mut self, slice: Slice) -> Self {
        self.budget = Some(slice);
        self
    }

    /// Fills in what the task does not say: from `inherited`, then from the defaults.
    pub fn resolve(&self, inherited: &Settings) -> TaskSpec {
        let own = &self.settings;
        let complexity = inherited.complexity.map(|parent| parent.saturating_sub(1).max(1));
        let mut metadata = inherited.metadata.clone();
        metadata.extend(own.metadata.clone());
        TaskSpec {
            id: self.id.clone(),
            goal: self.goal.clone(),
            agent: self.agent.clone(),
            needs: self.needs.clone(),
            after: self.after.clone(),
            optional_after: self.optional_after.clone(),
            documents: self.documents.clone(),
            constraints: self.constraints.clone(),
            contract: self.contract.clone(),
            required: own.permissions.clone().unwrap_or_default(),
            budget: self.budget,
            priority: own.priority.or(inherited.priority).unwrap_or(3),
            complexity: own.complexity.or(complexity).unwrap_or(3),
            criticality: own.criticality.or(inherited.criticality).unwrap_or(3),
            reversibility: own.reversibility.or(inherited.reversibility).unwrap_or_default(),
            effects: own.effects.or(inherited.effects).unwrap_or_default(),
            retries: own.retries.or(inherited.retries).unwrap_or(2),
            timeout: own.timeout.or(inherited.timeout).unwrap_or(Duration::from_secs(60)),
            metadata,
        }
    }
}

/// A task with every default filled in: what the journal keeps and the goal works from.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct TaskSpec {
    /// Unique within the goal.
    pub id: TaskId,
    /// What to do, in words.
    pub goal: String,
    /// The only agent to be asked, if it is to be this one.
    pub agent: Option<AgentName>,
    /// Capabilities the agent must have.
    pub needs: Vec<Capability>,
    /// Tasks it needs.
    pub after: Vec<TaskId>,
    /// Tasks it waits for but does not need.
    pub optional_after: Vec<TaskId>,
    /// Documents handed along.
    pub documents: Vec<Json>,
    /// Constraints in words.
    pub constraints: Vec<String>,
    /// What counts as done.
    pub contract: Contract,
    /// Permissions without which it does not start.
    pub required: Permissions,
    /// What may be spent on it, if it says so itself.
    pub budget: Option<Slice>,
    /// 1..=5.
    pub priority: u8,
    /// 1..=5.
    pub complexity: u8,
    /// 1..=5.
    pub criticality: u8,
    /// Whether it can be undone.
    pub reversibility: Reversibility,
    /// What running twice would do.
    pub effects: Effects,
    /// Attempts after the first on each agent.
    pub retries: u32,
    /// The time one attempt may take.
    #[serde(with = "millis")]
    pub timeout: Duration,
    /// Free values.
    pub metadata: Metadata,
}

/// Which road a goal is to take.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RouteWish {
    /// Floor, direct or plan, by the rules of semantics section 3.
    #[default]
    Auto,
    /// One agent does it all; tasks that the goal brings are dropped, and the event says so.
    Direct,
    /// A plan is made even where one agent could do it all.
    Plan,
}

/// What a goal may consume over all its tasks. `None` is no limit.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Budget {
    /// Money and tokens.
    pub slice: Slice,
    /// Wall time from submission.
    pub wall: Option<Duration>,
}

/// How far a goal may spread. Over a limit is refused, never cut off silently.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct Bounds {
    /// Tasks a goal may have, 1.. (256).
    pub tasks: usize,
    /// Delegations in a chain, one inside the other, 1.. (4).
    pub depth: u8,
    /// Live children of one running delegation (8).
    pub fan_out: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { tasks: 256, depth: 4, fan_out: 8 }
    }
}

/// What is wanted, as a user states it. With tasks it brings its own plan.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Goal {
    /// What is wanted, in words.
    pub text: String,
    /// Capabilities one agent must have to do it all.
    pub needs: Vec<Capability>,
    /// The plan, if it brings one.
    pub tasks: Vec<Task>,
    /// Documents handed along.
    pub documents: Vec<Json>,
    /// Constraints in words.
    pub constraints: Vec<String>,
    /// What counts as done, checked on the assembled output.
    pub contract: Contract,
    /// What tasks inherit, and what the goal's own task uses.
    pub settings: Settings,
    /// Named values handed to every agent as `params`.
    pub params: BTreeMap<String, Json>,
    /// What it may consume.
    pub budget: Budget,
    /// How far it may spread.
    pub bounds: Bounds,
    /// Which road to take.
    pub route: RouteWish,
    /// The W3C traceparent of the caller, if there is one: the goal's trace is linked to it.
    pub traceparent: Option<String>,
    /// Whether the goal continues the caller's trace instead of having its own.
    #[serde(default)]
    pub continues_trace: bool,
    /// Whether the sampler leaves its trace out: then programs are told so by the flag in their `TRACEPARENT`.
    #[serde(default)]
    pub unsampled: bool,
}

impl Goal {
    /// States a goal.
    pub fn new(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            needs: Vec::new(),
            tasks: Vec::new(),
            documents: Vec::new(),
            constraints: Vec::new(),
            contract: Contract::default(),
            settings: Settings::default(),
            params: BTreeMap::new(),
            budget: Budget::default(),
            bounds: Bounds::default(),
            route: RouteWish::Auto,
            traceparent: None,
            continues_trace: false,
            unsampled: false,
        }
    }

    /// Adds a task to the plan.
    pub fn task(mut self, task: Task) -> Self {
        self.tasks.push(task);
        self
    }

    /// Hands a named value to every agent.
    pub fn param(mut self, name: impl Into<String>, value: impl Into<Json>) -> Self {
        self.params.insert(name.into(), value.into());
        self
    }

    /// Limits money and tokens.
    pub fn budget(mut self, slice: Slice) -> Self {
        self.budget.slice = slice;
        self
    }

    /// Limits the wall time, counted from submission.
    pub fn deadline_in(mut self, wall: Duration) -> Self {
        self.budget.wall = Some(wall);
        self
    }

    /// Limits how far it may spread.
    pub fn bounds(mut self, bounds: Bounds) -> Self {
        self.bounds = bounds;
        self
    }

    /// Chooses the road.
    pub fn route(mut self, route: RouteWish) -> Self {
        self.route = route;
        self
    }

    /// Links the goal's trace to the caller's.
    pub fn traceparent(mut self, traceparent: impl Into<String>) -> Self {
        self.traceparent = Some(traceparent.into());
        self
    }

    /// Continues the caller's trace: for callers whose ids and sampling you trust.
    pub fn continue_trace(mut self, traceparent: impl Into<String>) -> Self {
        self.continues_trace = true;
        self.traceparent(traceparent)
    }

    /// The one task of a goal that takes the floor or the direct road: id `goal`, with the goal's own keys.
    ///
    /// Its contract is the goal's, checked once: as this task's.
    pub fn as_task(&self) -> Task {
        Task {
            id: TaskId::new("goal"),
            goal: self.text.clone(),
            agent: None,
            needs: self.needs.clone(),
            after: Vec::new(),
            optional_after: Vec::new(),
            documents: self.documents.clone(),
            constraints: self.constraints.clone(),
            contract: self.contract.clone(),
            budget: None,
            settings: self.settings.clone(),
        }
    }
}

settings!(Task);
settings!(Goal);
