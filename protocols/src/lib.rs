//! What can be said: the vocabulary of Bailiwick as types with their laws.
//!
//! Serde data only. Deliberately absent: no async, no clock, no randomness, no actor, no file.
//! Every name is explained in `docs/glossary.md`, every number in `docs/semantics.md`.

/// The version of this crate: what is written down as it is in memory is read by the same version alone.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

pub mod brief;
pub mod capability;
pub mod codec;
pub mod contract;
pub mod delegation;
pub mod event;
pub mod id;
pub mod json;
pub mod mandate;
pub mod outcome;
pub mod permission;
pub mod policy;
pub mod refusal;
pub mod report;
#[cfg(feature = "schema")]
mod schema;
pub mod task;
pub mod time;
pub mod trust;
pub mod usage;
pub mod verdict;

pub use brief::{Brief, Feedback};
pub use capability::Capability;
pub use contract::{Contract, JudgeSpec, OutputFormat, OutputSpec, Verify};
pub use delegation::{Delegation, Traceparent};
pub use event::{AgentFact, Cause, Event, GoalEvent, Recorded, RuntimeEvent, Stream};
pub use id::{AgentName, DelegationId, GoalId, TaskId, TeamName};
pub use json::Json;
pub use mandate::{Limits, Mandate, Slice};
pub use outcome::{Code, Ended, Failure, Fault, Outcome, Settlement, SettlementKind};
pub use permission::{Constraint, Permission, Permissions, Scope};
pub use policy::{Directive, PolicyFact, PolicyRuling, Recovery, Ruling};
pub use refusal::{Outside, Refusal, Tried};
pub use report::{Delegated, NotDelegated, Output, Report};
pub use task::{Bounds, Budget, Effects, Goal, Reversibility, RouteWish, Task, TaskSpec};
pub use time::Timestamp;
pub use trust::{Lesson, TrustRecord, TrustScore};
pub use usage::{Cost, Usage};
pub use verdict::{Judged, ToldVerdict, Verdict, Vote};
