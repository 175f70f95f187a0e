//! What happened, as facts in streams. Every actor's state is the fold of its own stream and of nothing else.
//!
//! A goal's stream tells the story of the goal (`GoalEvent`), an agent's that of its supervisor (`AgentFact`), the
//! runtime's that of starts and stops (`RuntimeEvent`). What an actor learns from another it writes into its own
//! stream, with the cause. A derive here is a promise to every old journal.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use crate::{AgentName, GoalId, Json, TeamName, Timestamp, Traceparent};

mod agent;
mod choice;
mod goal;
mod runtime;
mod upcast;

pub use agent::{AgentFact, CeaseReason, SeatEnd};
pub use choice::{Candidate, ChosenBy, PassedOver, Route, RouteRule, Terms};
pub use goal::{GoalEvent, JudgeSeat};
pub use runtime::RuntimeEvent;
pub use upcast::{NotUpcast, UPCASTERS, Upcaster, Upcasters};

/// The name of a stream: who writes it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stream {
    /// `goal/<id>`: written by its GoalActor.
    Goal(GoalId),
    /// `agent/<team>/<name>[/generation]`: written by its AgentSupervisor.
    Agent {
        /// The team.
        team: TeamName,
        /// The agent.
        agent: AgentName,
        /// Counted from 0, raised when the agent is replaced; 0 is not written.
        generation: u32,
    },
    /// `runtime`: written by Root.
    Runtime,
}

/// The text is not the name of a stream.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("`{0}` is not the name of a stream")]
pub struct NotAStream(pub String);

impl fmt::Display for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Stream::Goal(id) => write!(f, "goal/{id}"),
            Stream::Agent { team, agent, generation: 0 } => write!(f, "agent/{team}/{agent}"),
            Stream::Agent { team, agent, generation } => write!(f, "agent/{team}/{agent}/{generation}"),
            Stream::Runtime => f.write_str("runtime"),
        }
    }
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Stream {
    type Err = NotAStream;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || NotAStream(text.to_owned());
        let parts: Vec<_> = text.split('/').collect();
        match parts[..] {
            ["runtime"] => Ok(Stream::Runtime),
            ["goal", id] => id.parse().map(Stream::Goal).map_err(|_| wrong()),
            ["agent", team, agent] if !team.is_empty() && !agent.is_empty() => {
                Ok(Stream::Agent { team: team.into(), agent: agent.into(), generation: 0 })
            }
            ["agent", team, agent, generation] if !team.is_empty() && !agent.is_empty() => {
                let generation = generation.parse().map_err(|_| wrong())?;
                Ok(Stream::Agent { team: team.into(), agent: agent.into(), generation })
            }
            _ => Err(wrong()),
        }
    }
}

impl Serialize for Stream {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Stream {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

/// The event that led to this one: a version in another stream.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Cause {
    /// The stream it stands in.
    pub stream: Stream,
    /// Its version there.
    pub ver: u64,
}

/// One event as the log keeps it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Recorded {
    /// The position in the whole log, from 1.
    pub seq: u64,
    /// The stream.
    pub stream: Stream,
    /// The version in the stream, from 1.
    pub ver: u64,
    /// When.
    pub at: Timestamp,
    /// What led to it, if that stands in another stream.
    pub cause: Option<Cause>,
    /// The trace it belongs to.
    pub trace: Option<Traceparent>,
    /// What happened.
    pub event: Event,
}

/// What happened, in the words of the stream's writer.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[allow(clippy::large_enum_variant, reason = "events live behind an Arc; a box would be one more allocation each")]
#[non_exhaustive]
pub enum Event {
    /// In a goal's stream.
    Goal(GoalEvent),
    /// In an agent's stream.
    Agent(AgentFact),
    /// In the runtime's stream.
    Runtime(RuntimeEvent),
    /// In any stream, of a kind that only a later version knows: it keeps its place and its version, and every fold
    /// passes over it.
    Skipped(Skipped),
}

/// An event that this version cannot read and that whoever wrote it marked as skippable.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Skipped {
    /// Its kind.
    pub kind: String,
    /// The version of the kind's body.
    pub version: u32,
    /// The body as it is stored.
    pub body: Json,
}

impl Event {
    /// The kind in snake case; the seed's name where there is one.
    pub fn kind(&self) -> &str {
        match self {
            Event::Goal(event) => event.kind(),
            Event::Agent(fact) => fact.kind(),
            Event::Runtime(event) => event.kind(),
            Event::Skipped(skipped) => &skipped.kind,
        }
    }

    /// The version of the kind's body; [`UPCASTERS`] bring what is older to it.
    pub fn version(&self) -> u32 {
        match self {
            Event::Agent(AgentFact::Policy(_)) => 1,
            Event::Skipped(skipped) => skipped.version,
            event => UPCASTERS.version(event.kind()),
        }
    }

    /// Whether a version that does not know the kind may pass over it: it is for people, and no fold of state, report,
    /// trust or breakers needs it.
    pub fn is_skippable(&self) -> bool {
        match self {
            Event::Agent(fact) => {
                matches!(fact, AgentFact::Progressed { .. } | AgentFact::ToolReturned { .. } | AgentFact::Noted { .. })
            }
            Event::Runtime(event) => matches!(event, RuntimeEvent::ActorRestarted { .. }),
            Event::Goal(_) => false,
            Event::Skipped(_) => true,
        }
    }
}
