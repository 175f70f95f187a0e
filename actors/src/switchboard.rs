//! Where everybody is reached, and whether the runtime still lives: what actors know of each other.

use std::sync::Arc;

use bailiwick_protocols::{AgentName, GoalId, outcome::CanceledBy};
use dashmap::DashMap;
use tokio::sync::watch;

use crate::{
    address::{Address, Envelope, Origin, Post},
    edge::Places,
    messages::{
        AgentsMessage, CoordinatorMessage, GoalMessage, PoolMessage, RootMessage, SupervisorMessage, TrackerMessage,
    },
    team::Team,
};

/// The addresses of one runtime. Cheap to clone.
#[derive(Clone)]
pub struct Switchboard(Arc<Lines>);

/// The lines of a switchboard.
pub struct Lines {
    /// Root.
    pub root: Address<RootMessage>,
    /// The TrustTracker.
    pub tracker: Address<TrackerMessage>,
    /// The VerifierPool.
    pub pool: Address<PoolMessage>,
    /// Agents.
    pub agents: Address<AgentsMessage>,
    /// The Coordinator.
    pub coordinator: Address<CoordinatorMessage>,
    /// Every live goal.
    pub goals: DashMap<GoalId, Address<GoalMessage>>,
    /// Who may still want to read a goal's events: they stay in memory while a second holder lives.
    pub watched: DashMap<GoalId, Arc<()>>,
    /// Who wants a live goal to end, and whether what runs may end: said again to whoever is started in its place.
    pub canceled: DashMap<GoalId, (CanceledBy, bool)>,
    /// The places of live goals.
    pub places: Places,
    /// What all goals share.
    pub team: Arc<Team>,
    ended: watch::Sender<Option<String>>,
}

impl std::ops::Deref for Switchboard {
    type Target = Lines;
    fn deref(&self) -> &Lines {
        &self.0
    }
}

impl Switchboard {
    /// A switchboard with nobody at any address yet.
    pub fn new(post: &Post, places: Places, team: Arc<Team>) -> Self {
        Self(Arc::new(Lines {
            root: Address::vacant(post),
            tracker: Address::vacant(post),
            pool: Address::vacant(post),
            agents: Address::vacant(post),
            coordinator: Address::vacant(post),
            goals: DashMap::new(),
            watched: DashMap::new(),
            canceled: DashMap::new(),
            places,
            team,
            ended: watch::Sender::new(None),
        }))
    }

    /// Remembers that a live goal is to end; of several wishes the hardest.
    pub fn cancel(&self, goal: GoalId, by: &CanceledBy, graceful: bool) {
        let mut wish = self.canceled.entry(goal).or_insert_with(|| (by.clone(), graceful));
        if wish.1 && !graceful {
            *wish = (by.clone(), false);
        }
        drop(wish);
        if !self.goals.contains_key(&goal) {
            self.canceled.remove(&goal);
        }
    }

    /// Tells a goal, if it lives.
    pub fn tell_goal(&self, goal: GoalId, envelope: Envelope<GoalMessage>) {
        let address = self.goals.get(&goal).map(|address| address.clone());
        if let Some(address) = address {
            address.tell(envelope);
        }
    }

    /// Keeps a goal's events in memory as long as what is returned lives.
    pub fn watch(&self, goal: GoalId) -> Arc<()> {
        self.watched.entry(goal).or_default().clone()
    }

    /// The address of an agent's supervisor: of its newest generation that lives.
    pub fn supervisor(&self, agent: &AgentName) -> Option<Address<SupervisorMessage>> {
        let directory = &self.team.directory;
        let entry = directory.get(agent).or_else(|| directory.generations(agent).into_iter().next());
        entry.map(|entry| entry.address.clone())
    }

    /// Tells every generation of an agent that lives about work that one of them admitted; the others do not know it.
    pub fn tell_generations(&self, agent: &AgentName, envelope: impl Fn() -> Envelope<SupervisorMessage>) {
        let directory = &self.team.directory;
        if directory.is_draining() {
            for entry in directory.generations(agent) {
                entry.address.tell(envelope());
            }
        } else if let Some(entry) = directory.get(agent) {
            entry.address.tell(envelope());
        }
    }

    /// The runtime has ended, and why.
    pub fn end(&self, why: impl Into<String>) {
        let why = why.into();
        self.ended.send_if_modified(|ended| {
            let first = ended.is_none();
            if first {
                *ended = Some(why);
            }
            first
        });
    }

    /// Why the runtime ended, if it did.
    pub fn ended(&self) -> watch::Receiver<Option<String>> {
        self.ended.subscribe()
    }
}

/// An envelope from this origin with nothing else known.
pub fn plain<M>(origin: Origin, body: M) -> Envelope<M> {
    Envelope { origin, cause: None, trace: None, parent: None, body }
}
