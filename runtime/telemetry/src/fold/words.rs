//! What may be said about failures and refusals without telling what agents were told or have written.

use bailiwick_protocols::{Code, Limits, Outcome, Permissions, Refusal, Ruling, Verdict};

/// The most characters of a foreign text.
const MAX: usize = 200;

/// Whether texts of goals, outputs and findings may leave the process.
#[derive(Clone, Copy, Debug)]
pub(super) struct Words {
    pub content: bool,
}

impl Words {
    /// The code and the words of a failure; `None` if it is none. A cancellation is nobody's failure.
    pub fn error(self, outcome: &Outcome) -> Option<(String, String)> {
        let code = match outcome {
            Outcome::Canceled { .. } => return None,
            outcome => outcome.code()?,
        };
        let words = match outcome {
            Outcome::NotVerified { verdict } => self.finding(verdict),
            // What is wrong with an output is told by quoting it.
            Outcome::Failed { cause } if cause.code == Code::InvalidOutput && !self.content => String::new(),
            Outcome::Failed { cause } => cause.message.clone(),
            other => other.to_string(),
        };
        let words = if words.is_empty() { code.to_string() } else { format!("{code}: {}", short(&words)) };
        Some((code.to_string(), words))
    }

    fn finding(self, verdict: &Verdict) -> String {
        let word = if verdict.abstained { "could not tell" } else { "did not pass" };
        if self.content {
            format!("{} {word}: {}", verdict.method, verdict.details)
        } else {
            format!("{} {word}", verdict.method)
        }
    }
}

/// One line, not too long.
pub(super) fn short(text: &str) -> String {
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MAX).collect();
    line.trim().to_owned()
}

/// The policy that speaks through a refusal.
pub(super) fn policy(refusal: &Refusal) -> &str {
    use Refusal as R;
    match refusal {
        R::Full | R::RetriesExhausted | R::Overloaded => "admission",
        R::BreakerOpen { .. } | R::Probing { .. } | R::Isolated => "circuit_breaker",
        R::Unauthorized { .. } => "attenuation",
        R::MandateExpired | R::DeadlinePassed => "deadline",
        R::TrustTooLow { .. } => "trust_floor",
        R::BudgetExhausted => "budget",
        R::Cycle { .. } | R::DepthExceeded | R::FanOutExceeded { .. } | R::TooManyTasks { .. } => "lineage",
        R::Policy { policy, .. } => policy,
        _ => "supervisor",
    }
}

/// What a policy ruled, in a word and its reason.
pub(super) fn ruling(ruling: &Ruling) -> String {
    match ruling {
        Ruling::Pass => "passes".to_owned(),
        Ruling::Narrow(limits) => format!("narrows, {}", short(&narrowed(limits))),
        Ruling::Hold(_) => "holds".to_owned(),
        Ruling::Refuse(refusal) => format!("refuses, {}", short(&refusal.to_string())),
        _ => "rules".to_owned(),
    }
}

/// What is left, at most, after a narrowing.
fn narrowed(limits: &Limits) -> String {
    let held = |held: &Permissions| if held.is_empty() { "nothing".to_owned() } else { held.to_string() };
    let said = [
        limits.exercise.as_ref().map(|exercise| format!("may do {}", held(exercise))),
        limits.grant.as_ref().map(|grant| format!("may grant {}", held(grant))),
        limits.slice.micro_usd.map(|micro| format!("may spend {micro} micro-USD")),
        limits.slice.tokens.map(|tokens| format!("may spend {tokens} tokens")),
        limits.depth.map(|depth| format!("may go {depth} deeper")),
        limits.deadline.map(|at| format!("must end by {at}")),
        limits.expires.map(|at| format!("expires at {at}")),
    ];
    said.into_iter().flatten().collect::<Vec<_>>().join("; ")
}
