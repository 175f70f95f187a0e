//! Holds work to its slice: refuses what cannot fit, calls back what runs past it.
//!
//! The slice is written into the mandate by the goal's ledger, which reserves and settles; this policy only compares.
//! It counts what is charged while an attempt runs. What a report brings home is the ledger's: the work is done then,
//! and calling it back would save nothing.

use std::collections::BTreeMap;

use bailiwick_protocols::{
    AgentFact, Cost, Delegation, DelegationId, Directive, Refusal, Ruling, Slice, Timestamp, outcome::RevokeReason,
};

use serde::{Deserialize, Serialize};

use super::{Scene, SupervisorPolicy, take_up, write_down};

/// Compares estimates and charges with the slice of the mandate.
#[derive(Clone, PartialEq, Default, Debug)]
pub struct Budget {
    /// What runs under a limited slice, and what it was charged so far.
    running: BTreeMap<DelegationId, Account>,
}

#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
struct Account {
    slice: Slice,
    tokens: u64,
    cost: Cost,
}

impl Account {
    /// Whether more is spent than the slice holds. An unknown cost fits no limited slice: unknown is not zero.
    fn is_overdrawn(&self) -> bool {
        let money = self.slice.micro_usd.is_some_and(|limit| self.cost.micro_usd().is_none_or(|spent| spent > limit));
        let tokens = self.slice.tokens.is_some_and(|limit| self.tokens > limit);
        money || tokens
    }
}

impl SupervisorPolicy for Budget {
    fn name(&self) -> &'static str {
        "budget"
    }

    fn rule(&self, asked: &Delegation, scene: &Scene<'_>) -> Ruling {
        let slice = asked.mandate.slice();
        // Money left to a free agent may be nothing at all; tokens are never free.
        if slice.micro_usd.is_some_and(|money| money < scene.cost_per_task) || slice.tokens == Some(0) {
            return Ruling::Refuse(Refusal::BudgetExhausted);
        }
        Ruling::Pass
    }

    fn decide(&self, fact: &AgentFact, _: &Scene<'_>) -> Vec<Directive> {
        match fact {
            AgentFact::Charged { delegation, .. }
                if self.running.get(delegation).is_some_and(Account::is_overdrawn) =>
            {
                vec![Directive::Revoke(*delegation, RevokeReason::Budget)]
            }
            _ => Vec::new(),
        }
    }

    fn apply(&mut self, fact: &AgentFact, _: Timestamp) {
        match fact {
            AgentFact::Admitted { delegation } if delegation.mandate.slice() != Slice::UNLIMITED => {
                let account = Account { slice: delegation.mandate.slice(), tokens: 0, cost: Cost::FREE };
                self.running.entry(delegation.id).or_insert(account);
            }
            AgentFact::Charged { delegation, usage, cost } => {
                if let Some(account) = self.running.get_mut(delegation) {
                    account.tokens = account.tokens.saturating_add(usage.tokens());
                    account.cost += *cost;
                }
            }
            // Told to stop or ended: what is still charged changes nothing any more.
            AgentFact::Ceasing { delegation, .. } => {
                self.running.remove(delegation);
            }
            AgentFact::Settled { settlement } => {
                self.running.remove(&settlement.delegation);
            }
            _ => {}
        }
    }

    fn memory(&self) -> Option<Vec<u8>> {
        write_down(&self.running)
    }

    fn remember(&mut self, memory: &[u8]) -> bool {
        take_up(&mut self.running, memory)
    }
}

#[cfg(test)]
mod tests {
    use bailiwick_protocols::{SettlementKind, Usage, event::CeaseReason};

    use super::*;
    use crate::policies::given::{admitted, delegation, id, mandate, scene, second, settled, settlement};

    fn asked(micro_usd: Option<u64>, tokens: Option<u64>) -> Delegation {
        Delegation { mandate: mandate(Slice { micro_usd, tokens }, None), ..delegation(1) }
    }

    fn ruling(slice: (Option<u64>, Option<u64>), cost_per_task: u64) -> Ruling {
        Budget::default().rule(&asked(slice.0, slice.1), &Scene { cost_per_task, ..scene(second(0)) })
    }

    fn charge(tokens: u64, cost: Cost) -> AgentFact {
        AgentFact::Charged { delegation: id(1), usage: Usage { input_tokens: tokens, ..Usage::default() }, cost }
    }

    fn after(budget: &mut Budget, fact: AgentFact) -> Vec<Directive> {
        budget.apply(&fact, second(0));
        budget.decide(&fact, &scene(second(0)))
    }

    #[test]
    fn a_slice_must_hold_what_the_agent_declares() {
        assert_eq!(ruling((None, None), 5), Ruling::Pass);
        assert_eq!(ruling((Some(5), None), 5), Ruling::Pass);
        assert_eq!(ruling((Some(4), None), 5), Ruling::Refuse(Refusal::BudgetExhausted));
    }

    #[test]
    fn a_free_agent_works_for_nothing_but_nobody_works_without_tokens() {
        assert_eq!(ruling((Some(0), None), 0), Ruling::Pass);
        assert_eq!(ruling((None, Some(1)), 0), Ruling::Pass);
        assert_eq!(ruling((None, Some(0)), 0), Ruling::Refuse(Refusal::BudgetExhausted));
    }

    #[test]
    fn charges_add_up_and_the_one_that_exceeds_the_slice_calls_the_work_back() {
        let mut budget = Budget::default();
        after(&mut budget, admitted(&asked(Some(10), Some(100))));

        assert_eq!(after(&mut budget, charge(100, Cost::Known(4))), []);
        assert_eq!(after(&mut budget, charge(0, Cost::Known(6))), []);
        assert_eq!(after(&mut budget, charge(0, Cost::Known(1))), [Directive::Revoke(id(1), RevokeReason::Budget)]);
    }

    #[test]
    fn tokens_run_out_too() {
        let mut budget = Budget::default();
        after(&mut budget, admitted(&asked(None, Some(100))));

        assert_eq!(after(&mut budget, charge(101, Cost::Unknown)), [Directive::Revoke(id(1), RevokeReason::Budget)]);
    }

    #[test]
    fn an_unknown_cost_fits_no_slice_of_money() {
        let mut budget = Budget::default();
        after(&mut budget, admitted(&asked(Some(1_000_000), None)));

        assert_eq!(after(&mut budget, charge(1, Cost::Unknown)), [Directive::Revoke(id(1), RevokeReason::Budget)]);
    }

    #[test]
    fn what_was_told_to_stop_is_not_told_again() {
        let mut budget = Budget::default();
        after(&mut budget, admitted(&asked(Some(1), None)));
        after(&mut budget, charge(0, Cost::Known(2)));

        let why = CeaseReason::Revoked(RevokeReason::Budget);
        after(&mut budget, AgentFact::Ceasing { delegation: id(1), why });

        assert_eq!(after(&mut budget, charge(0, Cost::Known(2))), []);
    }

    #[test]
    fn nothing_is_kept_of_what_ended_or_was_never_limited() {
        let mut budget = Budget::default();
        after(&mut budget, admitted(&asked(Some(1), None)));
        after(&mut budget, settled(settlement(id(1), SettlementKind::Failed)));
        after(&mut budget, admitted(&delegation(2)));

        assert_eq!(budget, Budget::default());
    }
}
