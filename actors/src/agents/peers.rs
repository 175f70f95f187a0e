//! Who else is in the team, as far as an agent may know: plain data, read when asked for.

use std::{fmt, sync::Arc};

use bailiwick_protocols::{AgentName, Capability, Permissions, Refusal};
use serde::{Deserialize, Serialize};

use crate::team::Team;

/// One agent as the others see it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Peer {
    /// Who.
    pub name: AgentName,
    /// What it can do.
    pub capabilities: Vec<Capability>,
    /// The most it may ever hold.
    pub permissions: Permissions,
    /// What anybody who asks it would be told now.
    pub refusal: Option<Refusal>,
}

/// A look at the team: each call of [`Peers::now`] sees it as it stands.
#[derive(Clone)]
pub struct Peers(Arc<dyn Fn() -> Vec<Peer> + Send + Sync>);

impl Peers {
    /// Sees what this says.
    pub fn new(look: impl Fn() -> Vec<Peer> + Send + Sync + 'static) -> Self {
        Self(Arc::new(look))
    }

    /// Sees everybody in a team, by name.
    pub fn of(team: Arc<Team>) -> Self {
        Self::new(move || {
            let peer = |entry: &Arc<crate::directory::Entry>| Peer {
                name: entry.name.clone(),
                capabilities: entry.capabilities.clone(),
                permissions: entry.permissions.clone(),
                refusal: entry.standing().refusal.clone(),
            };
            team.directory.all().iter().map(peer).collect()
        })
    }

    /// Everybody, as they stand now.
    pub fn now(&self) -> Vec<Peer> {
        (self.0)()
    }
}

impl fmt::Debug for Peers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Peers").field(&self.now()).finish()
    }
}
