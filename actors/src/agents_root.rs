//! Agents: adds, replaces and removes agent supervisors while the runtime lives. Runs no user code.
//!
//! A generation that is replaced or removed drains: it gets no new work, ends what it admitted, and answers for it until
//! the last goal that had work there has ended. Goals look again at whom to ask after every change.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bailiwick_protocols::{AgentFact, AgentName, Capability, Event, Output, Stream, TeamName};
use ractor::{Actor, ActorId, ActorProcessingErr, ActorRef, ActorStatus, SupervisionEvent};

use crate::{
    address::{Address, Envelope},
    agent_supervisor::{AgentSupervisor, snapshot},
    agents::{AgentError, AgentSpec, agent_fn},
    audit_log::{journal::JournalError, log::Log},
    directory::Entry,
    messages::{AgentsMessage, CoordinatorMessage, RootMessage, SupervisorMessage},
    policies::PolicyStack,
    root::Intensity,
    switchboard::{Switchboard, plain},
    trust_tracker::models::TrustModel,
    world::World,
};

/// Everybody who is to be supervised, by name and generation; outlives the actor, so that its replacement starts them
/// again.
#[derive(Clone, Default)]
pub struct Roster(Arc<Mutex<BTreeMap<(AgentName, u32), AgentSupervisor>>>);

impl Roster {
    fn all(&self) -> MutexGuard<'_, BTreeMap<(AgentName, u32), AgentSupervisor>> {
        // Nothing under this lock can panic half-way.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a supervisor in, to be started by the next life of Agents.
    pub fn add(&self, supervisor: AgentSupervisor) {
        self.all().insert((supervisor.spec.name.clone(), supervisor.entry.generation), supervisor);
    }
}

/// What every supervisor is made with.
#[derive(Clone)]
pub struct Hiring {
    /// Its policies.
    pub policies: PolicyStack,
    /// How trust is reckoned.
    pub model: Arc<dyn TrustModel>,
    /// After how many events of its stream each takes a snapshot; 0 is never.
    pub snapshot_every: u64,
}

impl Hiring {
    /// The supervisor of one generation of an agent; nobody knows of it yet.
    pub fn supervisor(&self, spec: AgentSpec, generation: u32, world: &World, lines: &Switchboard) -> AgentSupervisor {
        let entry = Entry::new(&spec, generation, Address::vacant(&world.post), self.model.clone());
        AgentSupervisor {
            spec,
            entry: Arc::new(entry),
            policies: self.policies.clone(),
            model: self.model.clone(),
            snapshot_every: self.snapshot_every,
            world: world.clone(),
            lines: lines.clone(),
        }
    }

    /// Everybody a team starts with: each agent in the newest generation the log knows, and beside it the older ones
    /// that still owe a goal an answer; so do agents that are not in the team any more.
    ///
    /// # Errors
    /// If a snapshot is of no use, and the journal cannot be read.
    pub fn team(&self, specs: Vec<AgentSpec>, world: &World, lines: &Switchboard) -> Result<Roster, JournalError> {
        snapshot::give_up_unreadable(&world.log)?;
        let (roster, directory) = (Roster::default(), &lines.team.directory);
        let present: BTreeSet<AgentName> = specs.iter().map(|spec| spec.name.clone()).collect();
        for stream in world.log.streams() {
            let Stream::Agent { team, agent, generation } = &stream else { continue };
            if *team == lines.team.name && !present.contains(agent) && owes(&world.log, &stream) {
                let left = self.supervisor(departed(agent), *generation, world, lines);
                directory.drain(left.entry.clone());
                roster.add(left);
            }
        }
        for spec in specs {
            let known = generations(&world.log, &lines.team.name, &spec.name);
            let newest = known.last().copied().unwrap_or(0);
            for generation in known.into_iter().filter(|generation| *generation < newest) {
                let left = self.supervisor(spec.clone(), generation, world, lines);
                if owes(&world.log, &left.stream()) {
                    directory.drain(left.entry.clone());
                    roster.add(left);
                }
            }
            let supervisor = self.supervisor(spec, newest, world, lines);
            directory.insert(supervisor.entry.clone());
            roster.add(supervisor);
        }
        // Before anybody lives, who may wait for no disk: a snapshot that does not fit a stack is given up here.
        roster.all().values().try_for_each(AgentSupervisor::give_up_misfit)?;
        Ok(roster)
    }
}

/// A change of the team.
#[derive(Debug)]
pub enum TeamChange {
    /// Somebody joins.
    Add(Box<AgentSpec>),
    /// A new generation takes the place of the last.
    Replace(Box<AgentSpec>),
    /// Somebody leaves.
    Remove(AgentName),
}

/// Why the team is as it was.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ChangeRefused {
    /// Nobody of this name is in it; these are.
    Unknown(Vec<AgentName>),
    /// Somebody of this name is in it.
    Duplicate,
    /// The supervisor did not start.
    NotStarted(String),
}

/// The actor.
pub struct Agents {
    /// Everybody who is to be supervised.
    pub roster: Roster,
    /// What every supervisor is made with.
    pub hiring: Hiring,
    /// The world.
    pub world: World,
    /// Where everybody is reached.
    pub lines: Switchboard,
}

/// What one life of Agents holds.
#[derive(Default)]
pub struct Life {
    supervisors: HashMap<ActorId, (AgentName, u32)>,
    deaths: HashMap<(AgentName, u32), Intensity>,
}

impl Actor for Agents {
    type Msg = Envelope<AgentsMessage>;
    type State = Life;
    type Arguments = ();

    async fn pre_start(&self, myself: ActorRef<Self::Msg>, (): ()) -> Result<Self::State, ActorProcessingErr> {
        self.lines.agents.move_in(myself.clone());
        let mut life = Life::default();
        let all: Vec<AgentSupervisor> = self.roster.all().values().cloned().collect();
        for supervisor in all {
            self.start(&myself, &mut life, supervisor).await?;
        }
        Ok(life)
    }

    async fn handle(
        &self,
        myself: ActorRef<Self::Msg>,
        envelope: Self::Msg,
        life: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        let origin = self.lines.agents.origin();
        match envelope.body {
            AgentsMessage::Change { change, reply } => {
                let changed = self.change(&myself, life, change).await;
                // Whoever wanted it may have gone in the meantime; the change stands.
                drop(reply.send(changed));
            }
            AgentsMessage::Drained { agent, generation } => self.drained(life, agent, generation),
            AgentsMessage::Sweep => {
                for entry in self.lines.team.directory.everybody() {
                    entry.address.tell(plain(origin, SupervisorMessage::Sweep));
                }
            }
            AgentsMessage::Release { agent, by } => {
                self.lines.tell_generations(&agent, || plain(origin, SupervisorMessage::Release { by: by.clone() }))
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
        let Some(who) = life.supervisors.remove(&cell.get_id()) else { return Ok(()) };
        let again = self.roster.all().get(&who).cloned();
        let Some(again) = again else { return Ok(()) };
        let agent = &who.0;
        tracing::warn!(%agent, generation = who.1, why, "agent supervisor died");
        if !life.deaths.entry(who.clone()).or_default().another(self.world.clock.now()) {
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
        let who = (supervisor.spec.name.clone(), supervisor.entry.generation);
        let (actor, _) = Actor::spawn_linked(None, supervisor, (), myself.get_cell()).await?;
        life.supervisors.insert(actor.get_id(), who);
        Ok(())
    }

    async fn change(
        &self,
        myself: &ActorRef<Envelope<AgentsMessage>>,
        life: &mut Life,
        change: TeamChange,
    ) -> Result<u32, ChangeRefused> {
        let directory = &self.lines.team.directory;
        let name = match &change {
            TeamChange::Add(spec) | TeamChange::Replace(spec) => spec.name.clone(),
            TeamChange::Remove(name) => name.clone(),
        };
        let before = directory.get(&name);
        match (&change, &before) {
            (TeamChange::Add(_), Some(_)) => return Err(ChangeRefused::Duplicate),
            (TeamChange::Replace(_) | TeamChange::Remove(_), None) => {
                return Err(ChangeRefused::Unknown(directory.all().iter().map(|entry| entry.name.clone()).collect()));
            }
            _ => {}
        }
        let mut changed = before.as_ref().map_or(0, |entry| entry.generation);
        if let TeamChange::Add(spec) | TeamChange::Replace(spec) = change {
            changed = self.next_generation(&name);
            let supervisor = self.hiring.supervisor(*spec, changed, &self.world, &self.lines);
            // It lives before anybody is sent to it; if it does not, nothing has changed.
            let started = self.start(myself, life, supervisor.clone()).await;
            started.map_err(|error| ChangeRefused::NotStarted(error.to_string()))?;
            let entry = supervisor.entry.clone();
            self.roster.add(supervisor);
            directory.insert(entry.clone());
            self.note_left(before.as_deref());
            let (agent, generation, capabilities) = (name, changed, entry.capabilities.clone());
            self.note(RootMessage::Joined { agent, generation, capabilities });
        } else {
            directory.remove(&name);
            self.note_left(before.as_deref());
        }
        let origin = self.lines.agents.origin();
        if let Some(before) = before {
            before.address.tell(plain(origin, SupervisorMessage::Sweep));
        }
        self.lines.coordinator.tell(plain(origin, CoordinatorMessage::Sweep));
        Ok(changed)
    }

    /// Never used before: neither in the log nor by one that has just joined and recorded nothing yet.
    fn next_generation(&self, name: &AgentName) -> u32 {
        let recorded = generations(&self.world.log, &self.lines.team.name, name);
        let alive: Vec<u32> =
            self.roster.all().keys().filter(|(who, _)| who == name).map(|(_, number)| *number).collect();
        recorded.into_iter().chain(alive).max().map_or(0, |last| last + 1)
    }

    fn drained(&self, life: &mut Life, agent: AgentName, generation: u32) {
        let who = (agent, generation);
        let Some(supervisor) = self.roster.all().remove(&who) else { return };
        self.lines.team.directory.drained(&who.0, generation);
        life.deaths.remove(&who);
        if let Some(actor) = supervisor.entry.address.actor() {
            life.supervisors.remove(&actor.get_id());
            actor.stop(None);
        }
    }

    fn note_left(&self, entry: Option<&Entry>) {
        if let Some(entry) = entry {
            self.note(RootMessage::Left { agent: entry.name.clone(), generation: entry.generation });
        }
    }

    fn note(&self, message: RootMessage) {
        self.lines.root.tell(plain(self.lines.agents.origin(), message));
    }
}

/// The generations of an agent that the log knows, in order.
fn generations(log: &Log, team: &TeamName, agent: &AgentName) -> Vec<u32> {
    let of = |stream: Stream| match stream {
        Stream::Agent { team: of, agent: who, generation } if of == *team && who == *agent => Some(generation),
        _ => None,
    };
    log.streams().into_iter().filter_map(of).collect()
}

/// Whether a goal may still ask for something that was admitted here: what was not settled is to be, and what was may
/// not have been told.
fn owes(log: &Log, stream: &Stream) -> bool {
    let mut goals = snapshot::read(log, stream).map(|written| written.goals()).unwrap_or_default();
    for recorded in log.stream(stream) {
        match &recorded.event {
            Event::Agent(AgentFact::Admitted { delegation }) => drop(goals.insert(delegation.id.goal)),
            Event::Agent(AgentFact::Forgotten { goal }) => drop(goals.remove(goal)),
            _ => {}
        }
    }
    !goals.is_empty()
}

/// Stands for an agent that left the team between two lives of the process: it is given nothing to do.
fn departed(agent: &AgentName) -> AgentSpec {
    let gone = |_| async { Err::<Output, _>(AgentError::new("it has left the team")) };
    agent_fn(agent.clone(), Vec::<Capability>::new(), gone)
}
