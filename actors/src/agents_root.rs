//! Agents: adds, replaces and removes agent supervisors while the runtime lives. Runs no user code.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, PoisonError},
};

use bailiwick_protocols::AgentName;
use ractor::{Actor, ActorId, ActorProcessingErr, ActorRef, ActorStatus, SupervisionEvent};

use crate::{
    address::Envelope,
    agent_supervisor::AgentSupervisor,
    messages::{AgentsMessage, CoordinatorMessage, SupervisorMessage},
    root::Intensity,
    switchboard::{Switchboard, plain},
    world::World,
};

/// Everybody who is to be supervised; outlives the actor, so that its replacement starts them again.
pub type Roster = Arc<Mutex<BTreeMap<AgentName, AgentSupervisor>>>;

/// The actor.
pub struct Agents {
    /// Everybody who is to be supervised.
    pub roster: Roster,
    /// The world.
    pub world: World,
    /// Where everybody is reached.
    pub lines: Switchboard,
}

/// What one life of Agents holds.
#[derive(Default)]
pub struct Life {
    supervisors: HashMap<ActorId, AgentName>,
    deaths: HashMap<AgentName, Intensity>,
}

impl Actor for Agents {
    type Msg = Envelope<AgentsMessage>;
    type State = Life;
    type Arguments = ();

    async fn pre_start(&self, myself: ActorRef<Self::Msg>, (): ()) -> Result<Self::State, ActorProcessingErr> {
        self.lines.agents.move_in(myself.clone());
        let mut life = Life::default();
        let all: Vec<AgentSupervisor> =
            self.roster.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect();
        for supervisor in all {
            self.start(&myself, &mut life, supervisor).await?;
        }
        Ok(life)
    }

    async fn handle(
        &self,
        _: ActorRef<Self::Msg>,
        envelope: Self::Msg,
        _: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        let origin = self.lines.agents.origin();
        match envelope.body {
            AgentsMessage::Sweep => {
                for entry in self.lines.team.directory.all() {
                    entry.address.tell(plain(origin, SupervisorMessage::Sweep));
                }
            }
            AgentsMessage::Release { agent, by } => {
                if let Some(address) = self.lines.supervisor(&agent) {
                    address.tell(plain(origin, SupervisorMessage::Release { by }));
                }
            }
        }
        Ok(())
    }

    async fn handle_supervisor_evt(
        &self,
        myself: ActorRef<Self::Msg>,
        event: SupervisionEvent,
        life: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        let (cell, why) = match event {
            SupervisionEvent::ActorFailed(cell, error) => (cell, error.to_string()),
            SupervisionEvent::ActorTerminated(cell, _, reason) => (cell, reason.unwrap_or_default()),
            _ => return Ok(()),
        };
        if cell.get_status() < ActorStatus::Stopping {
            return Ok(());
        }
        let Some(agent) = life.supervisors.remove(&cell.get_id()) else { return Ok(()) };
        let again = self.roster.lock().unwrap_or_else(PoisonError::into_inner).get(&agent).cloned();
        let Some(again) = again else { return Ok(()) };
        tracing::warn!(%agent, why, "agent supervisor died");
        if !life.deaths.entry(agent.clone()).or_default().another(self.world.clock.now()) {
            return Err(format!("the supervisor of {agent} keeps dying: {why}").into());
        }
        self.start(&myself, life, again).await?;
        // Goals send again what they have open there: what was in the dead mailbox is gone.
        self.lines.coordinator.tell(plain(self.lines.agents.origin(), CoordinatorMessage::Sweep));
        Ok(())
    }
}

impl Agents {
    async fn start(
        &self,
        myself: &ActorRef<Envelope<AgentsMessage>>,
        life: &mut Life,
        supervisor: AgentSupervisor,
    ) -> Result<(), ActorProcessingErr> {
        let agent = supervisor.spec.name.clone();
        let (actor, _) = Actor::spawn_linked(None, supervisor, (), myself.get_cell()).await?;
        life.supervisors.insert(actor.get_id(), agent);
        Ok(())
    }
}
