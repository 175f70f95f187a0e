//! Who is in a running team: adding, replacing and removing agents while goals run.

use std::sync::{Arc, PoisonError, RwLock};

use bailiwick_actors::{
    agents::AgentSpec,
    agents_root::{ChangeRefused, TeamChange},
    audit_log::journal::JournalError,
    directory::Directory,
    messages::AgentsMessage,
};
use bailiwick_protocols::{AgentName, Capability, Permissions, Stream};
use tokio::sync::oneshot;

use crate::{Bailiwick, RunEvent, TeamError, builder::agent_problems};

/// One generation of an agent that lives.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Member {
    /// Who.
    pub agent: AgentName,
    /// Counted from 0, raised when the agent is replaced.
    pub generation: u32,
    /// What it can do.
    pub capabilities: Vec<Capability>,
    /// Whether it was replaced or removed: it gets no new work and ends what it admitted.
    pub draining: bool,
}

impl Bailiwick {
    /// Takes an agent into the team; tasks that wait for room may go to it at once. Returns its generation: 0, unless
    /// somebody of that name was here before.
    ///
    /// # Errors
    /// If its name is taken, something is wrong with it, or the runtime ended.
    ///
    /// # Examples
    /// ```
    /// use bailiwick::prelude::*;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), bailiwick::Error> {
    /// let echo = |name: &str| agent_fn(name, ["echo"], |task| async move { Ok(Output::text(task.goal())) });
    /// let bailiwick = Bailiwick::builder().agent(echo("ada")).start().await?;
    ///
    /// bailiwick.add(echo("bo")).await?;
    /// let generation = bailiwick.replace(echo("ada")).await?;
    /// bailiwick.remove("bo").await?;
    ///
    /// assert_eq!(generation, 1);
    /// # bailiwick.shutdown().await
    /// # }
    /// ```
    pub async fn add(&self, agent: AgentSpec) -> Result<u32, TeamError> {
        check(&agent)?;
        self.change(agent.name.clone(), TeamChange::Add(Box::new(agent))).await
    }

    /// Puts a new generation in the place of the agent of this name; returns its number. The old one drains: it ends
    /// what it admitted and gets nothing new. The new one has a stream of its own and starts at the start value of
    /// trust; the old history stays.
    ///
    /// # Errors
    /// If nobody has this name, something is wrong with the agent, or the runtime ended.
    pub async fn replace(&self, agent: AgentSpec) -> Result<u32, TeamError> {
        check(&agent)?;
        self.change(agent.name.clone(), TeamChange::Replace(Box::new(agent))).await
    }

    /// Takes an agent out of the team; it ends what it admitted and gets nothing new. Returns its generation.
    ///
    /// # Errors
    /// If nobody has this name, or the runtime ended.
    pub async fn remove(&self, agent: impl Into<AgentName>) -> Result<u32, TeamError> {
        let agent = agent.into();
        self.change(agent.clone(), TeamChange::Remove(agent)).await
    }

    /// Everybody who is in the team, and those who still drain, by name and generation.
    pub fn members(&self) -> Vec<Member> {
        let member = |entry: &Arc<bailiwick_actors::directory::Entry>| Member {
            agent: entry.name.clone(),
            generation: entry.generation,
            capabilities: entry.capabilities.clone(),
            draining: entry.permits.is_closed(),
        };
        self.lines.team.directory.everybody().iter().map(member).collect()
    }

    /// What one generation of an agent has recorded, from its first event, whether it is still in the team or not. Blocks
    /// while it reads from the journal what came before the start's snapshot.
    ///
    /// # Errors
    /// If the journal cannot be read.
    pub fn history(&self, agent: impl Into<AgentName>, generation: u32) -> Result<Vec<RunEvent>, JournalError> {
        let stream = Stream::Agent { team: self.lines.team.name.clone(), agent: agent.into(), generation };
        Ok(self.world.log.whole(&stream)?.into_iter().map(RunEvent).collect())
    }

    async fn change(&self, agent: AgentName, change: TeamChange) -> Result<u32, TeamError> {
        let (reply, changed) = oneshot::channel();
        let mut ended = self.lines.ended();
        self.lines.agents.tell_from_edge(AgentsMessage::Change { change, reply });
        let changed = tokio::select! {
            changed = changed => changed,
            why = ended.wait_for(Option::is_some) => {
                let why = why.ok().and_then(|why| why.clone()).unwrap_or_default();
                return Err(TeamError::Ended(why));
            }
        };
        self.door.grants.look_again(&self.lines.team.directory);
        match changed {
            Ok(Ok(generation)) => Ok(generation),
            Ok(Err(ChangeRefused::Unknown(there_is))) => Err(TeamError::Unknown { agent, there_is }),
            Ok(Err(ChangeRefused::Duplicate)) => Err(TeamError::Duplicate { agent }),
            Ok(Err(ChangeRefused::NotStarted(why))) => Err(TeamError::NotStarted { agent, why }),
            // Agents died with the question; whether the change was made, `members` tells.
            Err(_) => Err(TeamError::NotStarted { agent, why: "the change was lost: look at `members()`".to_owned() }),
        }
    }
}

fn check(agent: &AgentSpec) -> Result<(), TeamError> {
    if agent.capabilities.is_empty() {
        return Err(TeamError::NoCapability { agent: agent.name.clone() });
    }
    let problems = agent_problems(agent);
    if problems.is_empty() { Ok(()) } else { Err(TeamError::Invalid(problems)) }
}

/// What goals may grant on: as it was set, or whatever the agents' own permissions allow.
#[derive(Clone)]
pub(crate) struct Grants {
    fixed: bool,
    now: Arc<RwLock<Permissions>>,
}

impl Grants {
    pub(crate) fn new(fixed: Option<Permissions>, directory: &Directory) -> Self {
        let is_fixed = fixed.is_some();
        let now = fixed.unwrap_or_else(|| allowed(directory));
        Self { fixed: is_fixed, now: Arc::new(RwLock::new(now)) }
    }

    pub(crate) fn now(&self) -> Permissions {
        self.now.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn look_again(&self, directory: &Directory) {
        if !self.fixed {
            *self.now.write().unwrap_or_else(PoisonError::into_inner) = allowed(directory);
        }
    }
}

fn allowed(directory: &Directory) -> Permissions {
    directory.all().iter().fold(Permissions::none(), |all, entry| all.join(&entry.permissions))
}
