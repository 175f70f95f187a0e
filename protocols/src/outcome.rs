//! How things end: never one boolean. "Ended" and "verified" are different words.
//!
//! A [`Settlement`] is what a supervisor says about one admission; [`Settlement::ended`] maps each kind to exactly one
//! outcome, code and fault: the table of semantics section 5.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{AgentName, Capability, Cost, DelegationId, Lesson, Output, Refusal, TaskId, Timestamp, Usage, Verdict};

/// Why something did not succeed, as one word other programs can act on.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[non_exhaustive]
pub enum Code {
    /// Nobody has the capability, or the name.
    AgentNotFound,
    /// An attempt took longer than its timeout.
    Timeout,
    /// The brief does not fit the model.
    ContextTooLarge,
    /// Bad JSON, wrong shape, too large.
    InvalidOutput,
    /// The agent failed: panic, exit status, declared error.
    AgentError,
    /// The mandate does not cover what is required.
    Unauthorized,
    /// No budget is left.
    BudgetExhausted,
    /// No depth is left.
    DepthExceeded,
    /// The agent already waits in the chain.
    Cycle,
    /// Somebody canceled it.
    Canceled,
    /// The contract is not met.
    VerificationFailed,
    /// Breaker, provider or policy: not now.
    Unavailable,
    /// More than is admitted at once.
    Overloaded,
    /// The deadline passed.
    Expired,
    /// A part of the runtime died with it: it may have run.
    Lost,
}

impl Code {
    /// The word of the JSON interfaces: `VERIFICATION_FAILED`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Code::AgentNotFound => "AGENT_NOT_FOUND",
            Code::Timeout => "TIMEOUT",
            Code::ContextTooLarge => "CONTEXT_TOO_LARGE",
            Code::InvalidOutput => "INVALID_OUTPUT",
            Code::AgentError => "AGENT_ERROR",
            Code::Unauthorized => "UNAUTHORIZED",
            Code::BudgetExhausted => "BUDGET_EXHAUSTED",
            Code::DepthExceeded => "DEPTH_EXCEEDED",
            Code::Cycle => "CYCLE",
            Code::Canceled => "CANCELED",
            Code::VerificationFailed => "VERIFICATION_FAILED",
            Code::Unavailable => "UNAVAILABLE",
            Code::Overloaded => "OVERLOADED",
            Code::Expired => "EXPIRED",
            Code::Lost => "LOST",
        }
    }

    /// Whether trying again, later or elsewhere, may help.
    pub const fn retryable(self) -> bool {
        matches!(
            self,
            Code::Timeout
                | Code::InvalidOutput
                | Code::AgentError
                | Code::VerificationFailed
                | Code::Unavailable
                | Code::Overloaded
                | Code::Lost
        )
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Whose fault it was. Only the agent's own moves trust and breakers.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// The agent's own.
    Agent,
    /// A model provider's or another outside service's.
    Provider,
    /// Of whoever asked: a brief too large, a budget too small, a cancellation.
    Delegator,
    /// A part of the runtime.
    Runtime,
    /// Nobody can tell.
    Unknown,
}

/// Why an attempt gave no output.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Failure {
    /// As one word.
    pub code: Code,
    /// For people, with the cause chain.
    pub message: String,
    /// Whether the same agent may be asked again.
    pub retryable: bool,
    /// Whose fault it was.
    pub fault: Fault,
    /// The last lines a program wrote to stderr.
    pub stderr: Option<String>,
}

impl Failure {
    /// The agent failed by its own fault: `AGENT_ERROR`, retryable.
    pub fn agent(message: impl Into<String>) -> Self {
        Self::new(Code::AgentError, Fault::Agent, message)
    }

    /// The output is not what was asked for: `INVALID_OUTPUT`.
    pub fn invalid_output(message: impl Into<String>) -> Self {
        Self::new(Code::InvalidOutput, Fault::Agent, message)
    }

    /// A failure with this code and fault, retryable as the code is.
    pub fn new(code: Code, fault: Fault, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), retryable: code.retryable(), fault, stderr: None }
    }

    /// The same agent is not to be asked again.
    pub fn final_here(mut self) -> Self {
        self.retryable = false;
        self
    }

    /// Quotes the last lines of stderr.
    pub fn quoting(mut self, stderr: impl Into<String>) -> Self {
        self.stderr = Some(stderr.into()).filter(|text| !text.is_empty());
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

/// Who canceled something.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum CanceledBy {
    /// The caller, with its reason.
    Caller(String),
    /// The goal or the parent attempt ended.
    Parent,
    /// The runtime shuts down.
    Shutdown,
}

/// Why a task was never tried.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum SkippedBecause {
    /// A task it needs did not complete.
    Needed(TaskId),
    /// The goal ended before.
    GoalEnded,
}

/// How a task or goal ended.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Outcome {
    /// There is an output and a verdict that passed.
    Verified,
    /// There is an output; the contract asks for no check.
    Unverified,
    /// There may be an output; its verdict failed or abstained.
    NotVerified {
        /// What was found.
        verdict: Verdict,
    },
    /// There is no output.
    Failed {
        /// Why.
        cause: Failure,
    },
    /// Nobody let it in.
    Refused {
        /// Why.
        refusal: Refusal,
    },
    /// Somebody canceled it.
    Canceled {
        /// Who.
        by: CanceledBy,
    },
    /// Its deadline passed.
    Expired,
    /// No next slice of the budget fits.
    BudgetExhausted,
    /// It was never tried.
    Skipped {
        /// Why.
        because: SkippedBecause,
    },
}

impl Outcome {
    /// The word of the JSON interfaces: `not_verified`.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Outcome::Verified => "verified",
            Outcome::Unverified => "unverified",
            Outcome::NotVerified { .. } => "not_verified",
            Outcome::Failed { .. } => "failed",
            Outcome::Refused { .. } => "refused",
            Outcome::Canceled { .. } => "canceled",
            Outcome::Expired => "expired",
            Outcome::BudgetExhausted => "budget_exhausted",
            Outcome::Skipped { .. } => "skipped",
        }
    }

    /// The code, if it did not succeed. Skipped has none: it never decides.
    pub fn code(&self) -> Option<Code> {
        match self {
            Outcome::Verified | Outcome::Unverified | Outcome::Skipped { .. } => None,
            Outcome::NotVerified { .. } => Some(Code::VerificationFailed),
            Outcome::Failed { cause } => Some(cause.code),
            Outcome::Refused { refusal } => Some(refusal.code()),
            Outcome::Canceled { .. } => Some(Code::Canceled),
            Outcome::Expired => Some(Code::Expired),
            Outcome::BudgetExhausted => Some(Code::BudgetExhausted),
        }
    }

    /// Whether dependants may use the output: verified, or unverified where no check was asked.
    pub const fn is_completed(&self) -> bool {
        matches!(self, Outcome::Verified | Outcome::Unverified)
    }

    /// The state in A2A's words.
    pub const fn a2a_state(&self) -> &'static str {
        match self {
            Outcome::Verified | Outcome::Unverified => "completed",
            Outcome::Canceled { .. } => "canceled",
            Outcome::Refused { .. } => "rejected",
            _ => "failed",
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Outcome::Verified => write!(f, "verified"),
            Outcome::Unverified => write!(f, "unverified"),
            Outcome::NotVerified { verdict } if verdict.abstained => {
                write!(f, "not verified, abstained: {}", verdict.details)
            }
            Outcome::NotVerified { verdict } => write!(f, "not verified: {}", verdict.details),
            Outcome::Failed { cause } => write!(f, "failed, {cause}"),
            Outcome::Refused { refusal } => write!(f, "refused: {refusal}"),
            Outcome::Canceled { by: CanceledBy::Caller(why) } => write!(f, "canceled: {why}"),
            Outcome::Canceled { by: CanceledBy::Parent } => write!(f, "canceled with its parent"),
            Outcome::Canceled { by: CanceledBy::Shutdown } => write!(f, "canceled by shutdown"),
            Outcome::Expired => write!(f, "expired"),
            Outcome::BudgetExhausted => write!(f, "budget exhausted"),
            Outcome::Skipped { because: SkippedBecause::Needed(task) } => {
                write!(f, "skipped: {task} did not complete")
            }
            Outcome::Skipped { because: SkippedBecause::GoalEnded } => write!(f, "skipped: the goal ended"),
        }
    }
}

/// The one way in which an admission came to its end. There are no others.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SettlementKind {
    /// An output came back; its verdict is with it.
    Reported,
    /// The agent said that it failed.
    Failed,
    /// The attempt's timeout passed.
    TimedOut,
    /// The deadline of the goal passed.
    Expired,
    /// It was called back: a trip, a cancellation, a removed agent.
    Revoked,
    /// The seat or the tenant died under it.
    Crashed,
    /// The supervisor died under it: it may have run.
    Lost,
    /// Ruled out again before a seat began: no attempt, no charge.
    Returned,
}

/// Why admitted work was called back.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RevokeReason {
    /// The breaker of its agent tripped.
    Trip,
    /// Its goal or parent was canceled.
    Canceled(CanceledBy),
    /// Its goal or parent ended.
    ParentEnded,
    /// A policy asked for it.
    Policy(String),
    /// Its goal's deadline passed.
    Deadline,
    /// No budget is left.
    Budget,
}

/// A breaker that opened because of a settlement.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Trip {
    /// The capability whose pair opened; `None` for the whole agent.
    pub capability: Option<Capability>,
    /// When it becomes half-open; `None` if only a release ends it.
    pub until: Option<Timestamp>,
    /// Which trigger fired, for people.
    pub reason: String,
}

/// What a supervisor says, once, about one admission.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Settlement {
    /// Which admission.
    pub delegation: DelegationId,
    /// How it came to its end.
    pub kind: SettlementKind,
    /// The output, if there is one.
    pub output: Option<Output>,
    /// The verdict, if a check was asked and made.
    pub verdict: Option<Verdict>,
    /// Why there is no output.
    pub failure: Option<Failure>,
    /// Why it was ruled out again, for `Returned`.
    pub refusal: Option<Refusal>,
    /// Why it was called back, for `Revoked`.
    pub revoked: Option<RevokeReason>,
    /// What the attempt consumed.
    pub usage: Usage,
    /// What that costs.
    pub cost: Cost,
    /// Whether the charge is only an upper guess: in doubt it counts as spent.
    pub uncertain: bool,
    /// What the agent says about its work.
    pub debrief: Option<crate::Json>,
    /// What the agent kept for its next attempt.
    pub checkpoint: Option<crate::Json>,
    /// What was learned.
    pub lessons: Vec<Lesson>,
    /// The breakers this settlement opened.
    pub trips: Vec<Trip>,
    /// When the seat began; `None` if none did.
    pub started: Option<Timestamp>,
    /// When the attempt itself ended: report, failure or kill.
    pub ended: Timestamp,
}

/// How one attempt ended: outcome, and whose fault it was.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Ended {
    /// The outcome of the attempt.
    pub outcome: Outcome,
    /// Whose fault it was; `Unknown` on success.
    pub fault: Fault,
}

impl Settlement {
    /// Maps the settlement to its one outcome and fault.
    pub fn ended(&self) -> Ended {
        let failed = |code, fault, message: &str| {
            let cause = self.failure.clone().unwrap_or_else(|| Failure::new(code, fault, message));
            Ended { fault: cause.fault, outcome: Outcome::Failed { cause } }
        };
        // Where the way it ended decides, a failure found beside it may only say the same in better words.
        let decided = |code, fault, message: &str| {
            let said = self.failure.clone().filter(|failure| (failure.code, failure.fault) == (code, fault));
            Ended {
                fault,
                outcome: Outcome::Failed { cause: said.unwrap_or_else(|| Failure::new(code, fault, message)) },
            }
        };
        let ended = |outcome, fault| Ended { outcome, fault };
        match self.kind {
            SettlementKind::Reported => match &self.verdict {
                _ if self.failure.is_some() => failed(Code::InvalidOutput, Fault::Agent, "invalid output"),
                None => ended(Outcome::Unverified, Fault::Unknown),
                Some(v) if v.passed && !v.abstained => ended(Outcome::Verified, Fault::Unknown),
                Some(v) => {
                    let fault = if v.abstained { Fault::Unknown } else { Fault::Agent };
                    ended(Outcome::NotVerified { verdict: v.clone() }, fault)
                }
            },
            SettlementKind::Failed => failed(Code::AgentError, Fault::Agent, "the agent failed"),
            SettlementKind::TimedOut => {
                decided(Code::Timeout, Fault::Agent, "the attempt took longer than its timeout")
            }
            SettlementKind::Crashed => failed(Code::AgentError, Fault::Agent, "the seat crashed"),
            SettlementKind::Lost => decided(Code::Lost, Fault::Runtime, "its supervisor died: it may have run"),
            SettlementKind::Expired => ended(Outcome::Expired, Fault::Delegator),
            SettlementKind::Returned => {
                let refusal = self.refusal.clone().unwrap_or(Refusal::Draining);
                ended(Outcome::Refused { refusal }, Fault::Unknown)
            }
            SettlementKind::Revoked => match &self.revoked {
                Some(RevokeReason::Canceled(by)) => ended(Outcome::Canceled { by: by.clone() }, Fault::Delegator),
                Some(RevokeReason::ParentEnded) => {
                    ended(Outcome::Canceled { by: CanceledBy::Parent }, Fault::Delegator)
                }
                Some(RevokeReason::Deadline) => ended(Outcome::Expired, Fault::Delegator),
                Some(RevokeReason::Budget) => ended(Outcome::BudgetExhausted, Fault::Delegator),
                Some(RevokeReason::Trip) => decided(Code::Unavailable, Fault::Unknown, "revoked by a trip"),
                Some(RevokeReason::Policy(policy)) => {
                    decided(Code::Unavailable, Fault::Unknown, &format!("revoked by {policy}"))
                }
                None => decided(Code::Unavailable, Fault::Unknown, "revoked"),
            },
        }
    }
}

/// A refusal as it is listed with a task.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct RefusedBy {
    /// Who refused.
    pub agent: AgentName,
    /// Why.
    pub refusal: Refusal,
}
