//! Names and numbers by which things are called.
//!
//! Names are shared strings, cheap to clone. Only a goal has a UUID; below it, integers count.

use std::{borrow::Borrow, fmt, ops::Deref, str::FromStr, sync::Arc};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Names something.
            pub fn new(name: impl AsRef<str>) -> Self {
                Self(Arc::from(name.as_ref()))
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl From<&str> for $name {
            fn from(name: &str) -> Self {
                Self::new(name)
            }
        }

        impl From<String> for $name {
            fn from(name: String) -> Self {
                Self(Arc::from(name))
            }
        }

        impl From<&$name> for $name {
            fn from(name: &$name) -> Self {
                name.clone()
            }
        }

        impl Deref for $name {
            type Target = str;
            fn deref(&self) -> &str {
                &self.0
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl PartialEq<str> for $name {
            fn eq(&self, other: &str) -> bool {
                &*self.0 == other
            }
        }

        impl PartialEq<&str> for $name {
            fn eq(&self, other: &&str) -> bool {
                &*self.0 == *other
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", &*self.0)
            }
        }
    };
}

pub(crate) use name;

name!(
    /// The name of a task, unique within its goal. The only task of a goal without a plan is `goal`.
    TaskId
);
name!(
    /// The name of an agent, unique within its team.
    AgentName
);
name!(
    /// The name of a team: trust, breakers and journals are kept by it.
    TeamName
);

impl TaskId {
    /// What the last part of a judgement's name begins with; no task of a plan and no part may be called so.
    const JUDGEMENT: &str = "judge#";

    /// The name under which one seat of a panel is asked: beside the task whose work it judges, or beside the goal's
    /// tasks. The numbers tell it from every other seat that is ever asked about the same.
    pub fn of_judgement(task: Option<&TaskId>, numbers: [u32; 4]) -> TaskId {
        let [work, round, leaf, seat] = numbers;
        let beside = task.map(|task| format!("{task}/")).unwrap_or_default();
        TaskId::from(format!("{beside}{}{work}.{round}.{leaf}.{seat}", Self::JUDGEMENT))
    }

    /// Whether this is what an agent is asked as a judge: work on no task, and no attempt of the goal.
    pub fn is_judgement(&self) -> bool {
        self.rsplit('/').next().unwrap_or(self).starts_with(Self::JUDGEMENT)
    }
}

/// One goal, for ever and everywhere: a version 7 UUID.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct GoalId(Uuid);

impl GoalId {
    /// Wraps a UUID drawn by the world.
    pub const fn new(uuid: Uuid) -> Self {
        Self(uuid)
    }

    /// The 128 bits of the id.
    pub const fn as_u128(self) -> u128 {
        self.0.as_u128()
    }
}

impl fmt::Display for GoalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

impl fmt::Debug for GoalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

impl FromStr for GoalId {
    type Err = uuid::Error;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Uuid::parse_str(text).map(Self)
    }
}

/// One asking of one agent: counted 1.. within its goal, and never used again.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct DelegationId {
    /// The goal the work belongs to.
    pub goal: GoalId,
    /// The number of this delegation in its goal, from 1.
    pub number: u32,
}

impl fmt::Display for DelegationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.goal, self.number)
    }
}

impl fmt::Debug for DelegationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
