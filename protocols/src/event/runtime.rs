//! What the runtime's stream tells.

use serde::{Deserialize, Serialize};

use crate::{AgentName, Capability, TeamName};

/// What the runtime's stream tells.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub enum RuntimeEvent {
    /// The runtime started.
    RuntimeStarted {
        /// The team.
        team: TeamName,
        /// Counted from 1 over the life of the journal.
        epoch: u64,
    },
    /// Which team file the team was made of, told when it is not the one told before: what a resume needs of it.
    TeamStated {
        /// The file, as its caller named it.
        file: String,
        /// The folder it lies in.
        folder: String,
        /// Its text.
        source: String,
    },
    /// An agent joined.
    AgentAdded {
        /// Who.
        agent: AgentName,
        /// Counted from 0.
        generation: u32,
        /// What it can do.
        capabilities: Vec<Capability>,
    },
    /// An agent left.
    AgentRemoved {
        /// Who.
        agent: AgentName,
        /// Counted from 0.
        generation: u32,
    },
    /// A core actor died and was started again.
    ActorRestarted {
        /// Which, as in the picture of the tree.
        actor: String,
        /// How often before.
        incarnation: u32,
        /// Why it died.
        why: String,
    },
    /// The runtime stopped, by itself or loudly.
    RuntimeStopped {
        /// Why.
        why: String,
    },
}

impl RuntimeEvent {
    /// The kind in snake case.
    pub const fn kind(&self) -> &'static str {
        match self {
            RuntimeEvent::RuntimeStarted { .. } => "runtime_started",
            RuntimeEvent::TeamStated { .. } => "team_stated",
            RuntimeEvent::AgentAdded { .. } => "agent_added",
            RuntimeEvent::AgentRemoved { .. } => "agent_removed",
            RuntimeEvent::ActorRestarted { .. } => "actor_restarted",
            RuntimeEvent::RuntimeStopped { .. } => "runtime_stopped",
        }
    }
}
