//! Spends retry tokens: asking the same agent again is paid for by its successes.
//!
//! A retry storm feeds on itself; a bucket that only successes refill starves it, and the goal takes the next agent.
//! Permits and tickets, which bound how much is admitted at all, are no policy: desk and directory keep them.

use std::collections::BTreeSet;

use bailiwick_protocols::{AgentFact, Delegation, DelegationId, Refusal, Ruling, SettlementKind, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Scene, SupervisorPolicy, take_up, write_down};

/// How many retries an agent is granted.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct AdmissionSettings {
    /// Tokens at the start, and at most, 0.. (10). One retry costs one.
    pub retry_tokens: f64,
    /// Tokens that a success brings back, 0.. (0.2).
    pub retry_per_success: f64,
}

impl Default for AdmissionSettings {
    fn default() -> Self {
        Self { retry_tokens: 10.0, retry_per_success: 0.2 }
    }
}

/// The price of a retry, in thousandths of a token: integers, so that five fifths are a whole.
const RETRY: u32 = 1000;

/// Refuses retries that no token is left for.
#[derive(Clone, PartialEq, Debug)]
pub struct Admission {
    settings: AdmissionSettings,
    /// In thousandths of a token.
    tokens: u32,
    /// Retries that have paid and are not settled: asked again for a free seat, they pass.
    paid: BTreeSet<DelegationId>,
    /// What it is asked as a judge: answering brings no token back.
    judging: BTreeSet<DelegationId>,
}

impl Admission {
    /// Starts with a full bucket.
    pub fn new(settings: AdmissionSettings) -> Self {
        Self { tokens: thousandths(settings.retry_tokens), settings, paid: BTreeSet::new(), judging: BTreeSet::new() }
    }

    /// The retry tokens left, 0.. .
    pub fn tokens(&self) -> f64 {
        f64::from(self.tokens) / f64::from(RETRY)
    }

    fn refill(&mut self, by: u32) {
        let full = thousandths(self.settings.retry_tokens);
        self.tokens = self.tokens.saturating_add(by).min(full);
    }
}

/// Rounds; what is negative or not a number is none.
fn thousandths(tokens: f64) -> u32 {
    (tokens * f64::from(RETRY)).round() as u32
}

impl Default for Admission {
    fn default() -> Self {
        Self::new(AdmissionSettings::default())
    }
}

impl SupervisorPolicy for Admission {
    fn name(&self) -> &'static str {
        "admission"
    }

    fn rule(&self, asked: &Delegation, _: &Scene<'_>) -> Ruling {
        if asked.retry && self.tokens < RETRY && !self.paid.contains(&asked.id) {
            return Ruling::Refuse(Refusal::RetriesExhausted);
        }
        Ruling::Pass
    }

    fn apply(&mut self, fact: &AgentFact, _: Timestamp) {
        match fact {
            AgentFact::Admitted { delegation } if delegation.is_judgement() => {
                self.judging.insert(delegation.id);
            }
            AgentFact::Settled { settlement } if self.judging.remove(&settlement.delegation) => {}
            AgentFact::Admitted { delegation } if delegation.retry => {
                let pays = self.paid.insert(delegation.id);
                self.tokens = self.tokens.saturating_sub(if pays { RETRY } else { 0 });
            }
            AgentFact::Settled { settlement } => {
                let paid = self.paid.remove(&settlement.delegation);
                if settlement.kind == SettlementKind::Returned {
                    // Ruled out before a seat began: no attempt, so no price.
                    self.refill(if paid { RETRY } else { 0 });
                } else if settlement.ended().outcome.is_completed() {
                    self.refill(thousandths(self.settings.retry_per_success));
                }
            }
            _ => {}
        }
    }

    fn settings(&self) -> serde_json::Value {
        serde_json::to_value(self.settings).unwrap_or_default()
    }

    fn memory(&self) -> Option<Vec<u8>> {
        write_down(&(self.tokens, &self.paid, &self.judging))
    }

    fn remember(&mut self, memory: &[u8]) -> bool {
        let mut read = (self.tokens, BTreeSet::new(), BTreeSet::new());
        let is_read = take_up(&mut read, memory);
        (self.tokens, self.paid, self.judging) = read;
        is_read
    }
}

#[cfg(test)]
mod tests {
    use bailiwick_protocols::Verdict;

    use super::*;
    use crate::policies::given::{admitted, delegation, id, reported, scene, second, settled, settlement};

    fn retry(number: u32) -> Delegation {
        Delegation { retry: true, ..delegation(number) }
    }

    fn ruling(policy: &Admission, asked: &Delegation) -> Ruling {
        policy.rule(asked, &scene(second(0)))
    }

    fn apply(policy: &mut Admission, fact: AgentFact) {
        policy.apply(&fact, second(0));
    }

    /// Ten retries were admitted and failed.
    fn exhausted() -> Admission {
        let mut policy = Admission::default();
        for number in 1..=10 {
            assert_eq!(ruling(&policy, &retry(number)), Ruling::Pass);
            apply(&mut policy, admitted(&retry(number)));
            apply(&mut policy, settled(settlement(id(number), SettlementKind::Failed)));
        }
        policy
    }

    #[test]
    fn ten_retries_are_granted_and_the_eleventh_is_refused() {
        let policy = exhausted();

        assert_eq!(ruling(&policy, &retry(11)), Ruling::Refuse(Refusal::RetriesExhausted));
        assert_eq!(ruling(&policy, &delegation(11)), Ruling::Pass, "a first attempt is no retry");
    }

    #[test]
    fn five_successes_pay_for_one_retry() {
        let mut policy = exhausted();

        for number in 11..15 {
            apply(&mut policy, settled(reported(id(number), Some(Verdict::pass("contains", 1.0, "")))));
        }
        assert_eq!(ruling(&policy, &retry(20)), Ruling::Refuse(Refusal::RetriesExhausted));

        apply(&mut policy, settled(reported(id(15), None)));
        assert_eq!(ruling(&policy, &retry(20)), Ruling::Pass);
    }

    #[test]
    fn the_bucket_never_overflows() {
        let mut policy = Admission::default();

        apply(&mut policy, settled(reported(id(1), None)));

        assert_eq!(policy.tokens(), 10.0);
    }

    #[test]
    fn an_admitted_retry_that_spent_the_last_token_still_gets_its_seat() {
        let mut policy = exhausted();
        policy.refill(RETRY);

        apply(&mut policy, admitted(&retry(20)));

        assert_eq!(policy.tokens(), 0.0);
        assert_eq!(ruling(&policy, &retry(20)), Ruling::Pass);
        assert_eq!(ruling(&policy, &retry(21)), Ruling::Refuse(Refusal::RetriesExhausted));
    }

    #[test]
    fn a_retry_that_came_back_before_a_seat_began_costs_nothing() {
        let mut policy = exhausted();
        policy.refill(RETRY);

        apply(&mut policy, admitted(&retry(20)));
        apply(&mut policy, settled(settlement(id(20), SettlementKind::Returned)));

        assert_eq!(policy.tokens(), 1.0);
        assert_eq!(policy.paid, BTreeSet::new());
    }
}
