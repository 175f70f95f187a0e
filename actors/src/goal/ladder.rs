//! What follows an attempt: the same agent again, the next one, or a person. The table of semantics section 5.

use std::time::Duration;

use bailiwick_protocols::{Code, Effects, Ended, Fault, Outcome, Reversibility, TaskSpec};

/// Reassignments a task may have: 3.
pub const REASSIGNMENTS_MAX: u32 = 3;

/// Attempts that may be lost before a task escalates: 10.
pub const LOST_MAX: u32 = 10;

/// The first back-off: 100 ms; it doubles with each transient failure.
pub const BACKOFF: Duration = Duration::from_millis(100);

/// What one agent has done on one task.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Tries {
    /// Attempts that count in `retries`.
    pub counted: u32,
    /// Attempts that ended in invalid output.
    pub invalid: u32,
    /// Transient failures: the exponent of the back-off.
    pub transient: u32,
}

/// What follows an attempt.
#[derive(Clone, PartialEq, Debug)]
pub enum Next {
    /// The task completed.
    Complete,
    /// The same agent again, after this long; `counted` in `retries` or not.
    Same {
        /// Zero is at once.
        after: Duration,
        /// Whether it counts in `retries`.
        counted: bool,
    },
    /// Another agent.
    Other,
    /// A person decides; until one does the task failed.
    Escalate(&'static str),
    /// The task ends as its attempt did.
    End,
}

/// Decides what follows. `tries` are those of this agent, this attempt included; `lost` counts over the whole task.
pub fn next(task: &TaskSpec, ended: &Ended, tries: Tries, lost: u32, reassignments: u32, draw: f64) -> Next {
    use Next::{Complete, End, Escalate, Other, Same};
    let outcome = &ended.outcome;
    let careful = task.reversibility == Reversibility::Low;
    let other = || if reassignments < REASSIGNMENTS_MAX { Other } else { Escalate("no reassignment is left") };
    let again = |after: Duration| {
        if tries.counted <= task.retries { Same { after, counted: true } } else { other() }
    };
    match outcome {
        Outcome::Verified | Outcome::Unverified => Complete,
        Outcome::Canceled { .. } | Outcome::Expired | Outcome::BudgetExhausted => End,
        Outcome::Failed { cause } if cause.code == Code::Lost => {
            if careful || task.effects == Effects::Once {
                Escalate("the attempt was lost and may have run")
            } else if lost > LOST_MAX {
                Escalate("too many attempts were lost")
            } else {
                Same { after: Duration::ZERO, counted: false }
            }
        }
        _ if careful => Escalate("it cannot be undone, so it is not tried again by itself"),
        Outcome::NotVerified { verdict } if verdict.abstained => Escalate("verification abstained twice"),
        Outcome::NotVerified { .. } => again(Duration::ZERO),
        Outcome::Failed { cause } => match cause.code {
            Code::InvalidOutput if tries.invalid > 1 => other(),
            Code::InvalidOutput => again(Duration::ZERO),
            // Called back by a trip or a policy: nothing is known against the next agent.
            Code::Unavailable if ended.fault == Fault::Unknown => other(),
            _ if !cause.retryable => other(),
            _ => again(back_off(tries.transient, draw)),
        },
        // A refusal is no attempt and is never asked about here; whatever is new in this version ends the task.
        _ => End,
    }
}

/// Whether the outcome is a transient failure, after which a pause makes sense.
pub fn is_transient(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Failed { cause }
        if cause.retryable && matches!(cause.code, Code::Timeout | Code::AgentError | Code::Unavailable))
}

/// 100 ms x 2^n with a jitter of 20 % around it; `transient` counts from 1.
fn back_off(transient: u32, draw: f64) -> Duration {
    let base = BACKOFF.saturating_mul(1 << transient.saturating_sub(1).min(16));
    base.mul_f64(0.8 + 0.4 * draw)
}
