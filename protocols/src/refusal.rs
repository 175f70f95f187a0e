//! Being turned away, as a value: nothing started, nothing charged, and the next agent can be asked.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{AgentName, Capability, Code, Permissions, Timestamp};

/// In what way a tool call lies outside a mandate.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outside {
    /// No permission that is held reaches as far.
    Scope,
    /// It was held, and has expired.
    Expired,
    /// It is held under a condition that this argument does not meet.
    Argument(String),
}

/// What follows `.. is outside the mandate`.
impl fmt::Display for Outside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Outside::Scope => Ok(()),
            Outside::Expired => f.write_str(": it has expired"),
            Outside::Argument(argument) => write!(f, ": the argument `{argument}` does not meet its condition"),
        }
    }
}

/// A tool call outside the mandate, as it is recorded: a violation.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Tried {
    /// The tool.
    pub tool: String,
    /// The permission the call needed, as in `fs.read:repo/src`.
    pub needs: String,
    /// What kept the mandate from allowing it.
    pub outside: Outside,
}

impl fmt::Display for Tried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}{}", self.tool, self.needs, self.outside)
    }
}

/// Why a supervisor did not let a delegation in.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Refusal {
    /// No permit is left; a ticket was taken, the supervisor calls back.
    Full,
    /// The breaker is open, for the whole agent or for one capability.
    BreakerOpen {
        /// The capability whose pair is open; `None` for the whole agent.
        capability: Option<Capability>,
        /// When it becomes half-open.
        until: Timestamp,
    },
    /// The breaker is half-open and this delegation cannot be its probe, or one is under way.
    Probing {
        /// The capability whose pair is half-open; `None` for the whole agent.
        capability: Option<Capability>,
    },
    /// Isolated after repeated violations, until somebody releases it.
    Isolated,
    /// The mandate, narrowed, lacks required permissions.
    Unauthorized {
        /// What is missing.
        missing: Permissions,
    },
    /// A tool call lies outside the mandate: recorded, and a violation.
    OutsideMandate {
        /// The permission the call needs.
        needs: String,
        /// What keeps the mandate from allowing it.
        outside: Outside,
    },
    /// The mandate has expired.
    MandateExpired,
    /// The deadline has passed.
    DeadlinePassed,
    /// Trust is too low for this task.
    TrustTooLow {
        /// The capability whose trust is too low.
        capability: Capability,
    },
    /// No retry token is left for this agent.
    RetriesExhausted,
    /// The slice does not cover what the agent declares for one task.
    BudgetExhausted,
    /// The agent already waits in this chain.
    Cycle {
        /// The chain, ending with the agent that closes it.
        path: Vec<AgentName>,
    },
    /// No depth is left in the mandate.
    DepthExceeded,
    /// The delegation has too many live children.
    FanOutExceeded {
        /// The limit.
        limit: usize,
    },
    /// The goal has too many tasks.
    TooManyTasks {
        /// The limit.
        limit: usize,
    },
    /// Nobody has the required capabilities.
    NobodyCapable {
        /// What nobody has.
        missing: Vec<Capability>,
    },
    /// The agent that was named lacks what the task requires.
    Incapable {
        /// Who was named.
        agent: AgentName,
        /// What it lacks.
        missing: Vec<Capability>,
    },
    /// Nobody of this name is in the team.
    UnknownAgent {
        /// The name asked for.
        agent: AgentName,
    },
    /// The agent is being removed or the runtime ends.
    Draining,
    /// The delegation already has a part of this name, and it is another one.
    NameTaken {
        /// The name.
        name: String,
    },
    /// What is asked for cannot be done by anybody: a bad contract, a blank goal.
    Invalid {
        /// What is wrong with it.
        problem: String,
    },
    /// Called back before a seat began; nobody turned it away.
    CalledBack,
    /// Over the limit of live goals, or of something else that is bounded.
    Overloaded,
    /// A policy of its own refuses, or has panicked and is out until released.
    Policy {
        /// The policy that speaks.
        policy: String,
        /// Why, for people.
        reason: String,
    },
    /// This version cannot do it yet.
    NotInThisVersion {
        /// What was asked for.
        what: String,
    },
}

impl Refusal {
    /// The code of semantics section 2.
    pub fn code(&self) -> Code {
        use Refusal as R;
        match self {
            R::Full | R::RetriesExhausted | R::Overloaded => Code::Overloaded,
            R::BreakerOpen { .. } | R::Probing { .. } | R::Isolated | R::Draining | R::Policy { .. } => {
                Code::Unavailable
            }
            R::TrustTooLow { .. } | R::NotInThisVersion { .. } | R::FanOutExceeded { .. } | R::TooManyTasks { .. } => {
                Code::Unavailable
            }
            R::Unauthorized { .. } | R::OutsideMandate { .. } | R::MandateExpired => Code::Unauthorized,
            R::DeadlinePassed => Code::Expired,
            R::CalledBack => Code::Canceled,
            R::NameTaken { .. } | R::Invalid { .. } => Code::AgentError,
            R::BudgetExhausted => Code::BudgetExhausted,
            R::Cycle { .. } => Code::Cycle,
            R::DepthExceeded => Code::DepthExceeded,
            R::NobodyCapable { .. } | R::Incapable { .. } | R::UnknownAgent { .. } => Code::AgentNotFound,
        }
    }

    /// How grave it is among several: the gravest is the one that is told.
    ///
    /// What no waiting mends weighs more than what passes.
    pub fn gravity(&self) -> u8 {
        use Refusal as R;
        match self {
            R::Full | R::CalledBack => 0,
            R::RetriesExhausted | R::Overloaded => 1,
            R::Probing { .. } => 2,
            R::BreakerOpen { .. } | R::TrustTooLow { .. } => 3,
            R::Draining => 4,
            R::Policy { .. } | R::NotInThisVersion { .. } => 5,
            R::BudgetExhausted | R::DeadlinePassed => 6,
            R::Isolated => 7,
            R::FanOutExceeded { .. } | R::TooManyTasks { .. } | R::DepthExceeded | R::Cycle { .. } => 8,
            R::MandateExpired | R::Unauthorized { .. } | R::OutsideMandate { .. } => 9,
            R::NameTaken { .. } | R::Invalid { .. } => 8,
            R::NobodyCapable { .. } | R::Incapable { .. } | R::UnknownAgent { .. } => 10,
        }
    }
}

fn listed(capabilities: &[Capability]) -> String {
    capabilities.iter().map(Capability::as_str).collect::<Vec<_>>().join(", ")
}

fn whole(capability: &Option<Capability>) -> String {
    capability.as_ref().map_or_else(|| "the agent".to_owned(), |c| c.to_string())
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use Refusal as R;
        match self {
            R::Full => write!(f, "full"),
            R::BreakerOpen { capability, until } => {
                write!(f, "breaker open for {} until {until}", whole(capability))
            }
            R::Probing { capability } => {
                write!(f, "breaker half-open for {}: one probe at a time", whole(capability))
            }
            R::Isolated => write!(f, "isolated until released"),
            R::Unauthorized { missing } => write!(f, "missing {missing}"),
            R::OutsideMandate { needs, outside } => write!(f, "{needs} is outside the mandate{outside}"),
            R::MandateExpired => write!(f, "the mandate has expired"),
            R::DeadlinePassed => write!(f, "the deadline has passed"),
            R::TrustTooLow { capability } => write!(f, "trust too low for {capability}"),
            R::RetriesExhausted => write!(f, "no retry token left"),
            R::BudgetExhausted => write!(f, "the slice does not cover the task"),
            R::Cycle { path } => {
                write!(f, "cycle ")?;
                for (index, agent) in path.iter().enumerate() {
                    write!(f, "{}{agent}", if index > 0 { " -> " } else { "" })?;
                }
                Ok(())
            }
            R::DepthExceeded => write!(f, "no depth left to delegate"),
            R::FanOutExceeded { limit } => write!(f, "more than {limit} live children"),
            R::TooManyTasks { limit } => write!(f, "more than {limit} tasks"),
            R::NobodyCapable { missing } => write!(f, "nobody has {}", listed(missing)),
            R::Incapable { agent, missing } => write!(f, "{agent} lacks {}", listed(missing)),
            R::UnknownAgent { agent } => write!(f, "nobody is called {agent}"),
            R::Draining => write!(f, "draining"),
            R::CalledBack => write!(f, "called back before it began"),
            R::NameTaken { name } => write!(f, "another part is already called {name}"),
            R::Invalid { problem } => write!(f, "invalid: {problem}"),
            R::Overloaded => write!(f, "overloaded"),
            R::Policy { policy, reason } => write!(f, "{policy}: {reason}"),
            R::NotInThisVersion { what } => write!(f, "{what}: not in this version"),
        }
    }
}
