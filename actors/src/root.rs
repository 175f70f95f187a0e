//! The root of the tree: starts its children in order, replaces what dies, gives up loudly. Runs no user code.
//!
//! Root writes the `runtime` stream.

use std::{collections::VecDeque, time::Duration};

use bailiwick_protocols::{Event, RuntimeEvent, Stream, Timestamp};
use ractor::{Actor, ActorCell, ActorProcessingErr, ActorRef, ActorStatus, SupervisionEvent};

use crate::{
    address::{Envelope, Origin},
    agents_root::{Agents, Hiring, Roster},
    audit_log::AuditLog,
    coordinator::Coordinator,
    messages::{AgentsMessage, CoordinatorMessage, RootMessage},
    switchboard::{Switchboard, plain},
    trust_tracker::TrustTracker,
    verifier_pool::VerifierPool,
    world::World,
};

/// How often a core actor may die: 3 times in 30 s; then its parent gives up too.
#[derive(Default, Debug)]
pub struct Intensity(VecDeque<Timestamp>);

impl Intensity {
    /// Counts a death; false if there were too many.
    pub fn another(&mut self, now: Timestamp) -> bool {
        self.0.push_back(now);
        while self.0.front().is_some_and(|at| now.since(*at) > Duration::from_secs(30)) {
            self.0.pop_front();
        }
        self.0.len() <= 3
    }
}

/// The actor.
pub struct Root {
    /// Everybody who is to be supervised.
    pub roster: Roster,
    /// What every supervisor is made with.
    pub hiring: Hiring,
    /// The world.
    pub world: World,
    /// Where everybody is reached.
    pub lines: Switchboard,
    /// What is to be told of the team at the start.
    pub stated: Option<RuntimeEvent>,
    /// Whether goals that have not ended go on by themselves.
    pub resume: bool,
}

/// The five children, in the order in which they start.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Child {
    /// The drain behind the log.
    AuditLog,
    /// The calculator of trust.
    TrustTracker,
    /// Verification that takes time.
    VerifierPool,
    /// The agents' supervisors.
    Agents,
    /// The goals.
    Coordinator,
}

const ORDER: [Child; 5] =
    [Child::AuditLog, Child::TrustTracker, Child::VerifierPool, Child::Agents, Child::Coordinator];

/// What one life of Root holds.
#[derive(Default)]
pub struct Life {
    children: Vec<(Child, ActorCell)>,
    deaths: Intensity,
    restarts: u32,
}

impl Actor for Root {
    type Msg = Envelope<RootMessage>;
    type State = Life;
    type Arguments = ();

    /// Whoever spawned Root may send as soon as this is over: everybody is in.
    async fn pre_start(&self, myself: ActorRef<Self::Msg>, (): ()) -> Result<Self::State, ActorProcessingErr> {
        let mut life = Life::default();
        self.lines.root.move_in(myself.clone());
        self.note(RuntimeEvent::RuntimeStarted {
            team: self.lines.team.name.clone(),
            epoch: self.world.log.begun().epoch,
        });
        if let Some(stated) = &self.stated {
            self.note(stated.clone());
        }
        for entry in self.lines.team.directory.all() {
            self.note(RuntimeEvent::AgentAdded {
                agent: entry.name.clone(),
                generation: entry.generation,
                capabilities: entry.capabilities.clone(),
            });
        }
        for child in ORDER {
            let cell = self.start(&myself, child, self.resume).await?;
            life.children.push((child, cell));
        }
        Ok(life)
    }

    async fn handle(
        &self,
        _: ActorRef<Self::Msg>,
        envelope: Self::Msg,
        _: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        self.note(match envelope.body {
            RootMessage::Joined { agent, generation, capabilities } => {
                RuntimeEvent::AgentAdded { agent, generation, capabilities }
            }
            RootMessage::Left { agent, generation } => RuntimeEvent::AgentRemoved { agent, generation },
        });
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
        let Some(place) = life.children.iter().position(|(_, child)| child.get_id() == cell.get_id()) else {
            return Ok(());
        };
        let child = life.children[place].0;
        if child == Child::AuditLog {
            return self.give_up(&myself, format!("the log cannot be written: {why}"));
        }
        if !life.deaths.another(self.world.clock.now()) {
            return self.give_up(&myself, format!("{child:?} keeps dying: {why}"));
        }
        tracing::warn!(actor = ?child, why, "core actor died");
        life.restarts += 1;
        let incarnation = life.restarts;
        self.note(RuntimeEvent::ActorRestarted { actor: format!("{child:?}"), incarnation, why });
        life.children[place].1 = self.start(&myself, child, false).await?;
        // Whoever has something open there sends it again.
        match child {
            Child::TrustTracker | Child::VerifierPool => {
                self.lines.agents.tell(plain(Origin::EDGE, AgentsMessage::Sweep));
                self.lines.coordinator.tell(plain(Origin::EDGE, CoordinatorMessage::Sweep));
            }
            Child::Agents => self.lines.coordinator.tell(plain(Origin::EDGE, CoordinatorMessage::Sweep)),
            Child::AuditLog | Child::Coordinator => {}
        }
        Ok(())
    }

    async fn post_stop(&self, _: ActorRef<Self::Msg>, life: &mut Self::State) -> Result<(), ActorProcessingErr> {
        for (place, child) in life.children.iter().rev() {
            if *place == Child::AuditLog {
                self.note(RuntimeEvent::RuntimeStopped { why: "shut down".to_owned() });
            }
            // Already gone is as good.
            drop(child.stop_and_wait(None, Some(Duration::from_secs(2))).await);
        }
        // From here on somebody else may own it.
        self.world.log.journal().close();
        self.lines.end("it was shut down");
        Ok(())
    }
}

impl Root {
    async fn start(
        &self,
        myself: &ActorRef<Envelope<RootMessage>>,
        child: Child,
        resume: bool,
    ) -> Result<ActorCell, ActorProcessingErr> {
        let (world, lines, cell) = (self.world.clone(), self.lines.clone(), myself.get_cell());
        Ok(match child {
            Child::AuditLog => Actor::spawn_linked(None, AuditLog { world }, (), cell).await?.0.get_cell(),
            Child::TrustTracker => {
                let model = self.hiring.model.clone();
                let (tracker, _) = Actor::spawn_linked(None, TrustTracker { model, world, lines }, (), cell).await?;
                tracker.get_cell()
            }
            Child::VerifierPool => {
                Actor::spawn_linked(None, VerifierPool { world, lines }, (), cell).await?.0.get_cell()
            }
            Child::Agents => {
                let (roster, hiring) = (self.roster.clone(), self.hiring.clone());
                Actor::spawn_linked(None, Agents { roster, hiring, world, lines }, (), cell).await?.0.get_cell()
            }
            Child::Coordinator => {
                Actor::spawn_linked(None, Coordinator { world, lines, resume }, (), cell).await?.0.get_cell()
            }
        })
    }

    /// Nothing can be mended from here: every waiting caller is told why.
    fn give_up(&self, myself: &ActorRef<Envelope<RootMessage>>, why: String) -> Result<(), ActorProcessingErr> {
        tracing::error!(why, "runtime ends");
        self.note(RuntimeEvent::RuntimeStopped { why: why.clone() });
        self.lines.end(why.clone());
        myself.stop(Some(why));
        Ok(())
    }

    fn note(&self, event: RuntimeEvent) {
        let now = self.world.clock.now();
        self.world.log.append(&Stream::Runtime, now, None, [(Event::Runtime(event), None)]);
    }
}
