//! What a goal has spent and promised. A slice is reserved before an attempt and settled after it, each once.

use std::collections::BTreeMap;

use bailiwick_protocols::{Cost, Slice, Usage};

/// The one ledger of a goal, in micro-USD and tokens.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Ledger {
    budget: Slice,
    usage: Usage,
    cost: Cost,
    /// By delegation number.
    reserved: BTreeMap<u32, Slice>,
    /// Whose slice a promise came out of, by delegation number.
    out_of: BTreeMap<u32, (u32, Slice)>,
}

impl Ledger {
    /// A ledger over a budget.
    pub fn new(budget: Slice) -> Self {
        Self { budget, ..Self::default() }
    }

    /// Whether a slice fits beside what is spent and promised. Zero left is zero.
    pub fn fits(&self, slice: Slice) -> bool {
        let within = |budget: Option<u64>, committed: Option<u64>, more: Option<u64>| match budget {
            None => true,
            Some(budget) => committed.unwrap_or(0).saturating_add(more.unwrap_or(0)) <= budget,
        };
        let committed = self.committed();
        within(self.budget.micro_usd, committed.micro_usd, slice.micro_usd)
            && within(self.budget.tokens, committed.tokens, slice.tokens)
    }

    /// Promises a slice to a delegation.
    pub fn reserve(&mut self, delegation: u32, slice: Slice) {
        self.reserved.insert(delegation, slice);
    }

    /// Whether a slice fits into what the parent has left. Children cannot jointly exceed it.
    pub fn fits_in(&self, parent: u32, slice: Slice) -> bool {
        let left = self.reserved.get(&parent).copied().unwrap_or_default();
        let within = |left: Option<u64>, more: Option<u64>| left.is_none_or(|left| more.unwrap_or(0) <= left);
        within(left.micro_usd, slice.micro_usd) && within(left.tokens, slice.tokens)
    }

    /// Promises a slice to a child, out of its parent's.
    pub fn reserve_in(&mut self, parent: u32, delegation: u32, slice: Slice) {
        if let Some(left) = self.reserved.get_mut(&parent) {
            *left = minus(*left, slice);
            self.out_of.insert(delegation, (parent, slice));
        }
        self.reserve(delegation, slice);
    }

    /// Lets a promise go without a charge: refused, or never begun.
    pub fn release(&mut self, delegation: u32) {
        self.settle(delegation, Usage::default(), Cost::FREE);
    }

    /// Settles a delegation: its promise is replaced by what it consumed. What a child leaves over is its parent's.
    pub fn settle(&mut self, delegation: u32, usage: Usage, cost: Cost) {
        self.reserved.remove(&delegation);
        if let Some((parent, slice)) = self.out_of.remove(&delegation)
            && let Some(left) = self.reserved.get_mut(&parent)
        {
            let spent = Slice { micro_usd: cost.micro_usd(), tokens: Some(usage.tokens()) };
            *left = plus(*left, minus(slice, spent));
        }
        self.charge(usage, cost);
    }

    /// Charges what no delegation stands for: a planner, a synthesiser.
    pub fn charge(&mut self, usage: Usage, cost: Cost) {
        self.usage += usage;
        self.cost += cost;
    }

    /// Spent and promised together. An unknown cost counts with what is known of it.
    pub fn committed(&self) -> Slice {
        let promised = |dimension: fn(&Slice) -> Option<u64>| -> u64 {
            self.reserved.values().filter_map(dimension).fold(0, u64::saturating_add)
        };
        Slice {
            micro_usd: Some(self.cost.micro_usd().unwrap_or(0).saturating_add(promised(|slice| slice.micro_usd))),
            tokens: Some(self.usage.tokens().saturating_add(promised(|slice| slice.tokens))),
        }
    }

    /// Whether 80 % of the budget is committed in some dimension.
    pub fn is_nearly_spent(&self) -> bool {
        let near = |budget: Option<u64>, committed: Option<u64>| match (budget, committed) {
            (Some(budget), Some(committed)) => committed > 0 && committed.saturating_mul(5) >= budget.saturating_mul(4),
            _ => false,
        };
        let committed = self.committed();
        near(self.budget.micro_usd, committed.micro_usd) || near(self.budget.tokens, committed.tokens)
    }

    /// The budget.
    pub fn budget(&self) -> Slice {
        self.budget
    }

    /// Everything consumed.
    pub fn usage(&self) -> Usage {
        self.usage
    }

    /// The same in money.
    pub fn cost(&self) -> Cost {
        self.cost
    }
}

fn minus(from: Slice, take: Slice) -> Slice {
    let less = |from: Option<u64>, take: Option<u64>| from.map(|from| from.saturating_sub(take.unwrap_or(0)));
    Slice { micro_usd: less(from.micro_usd, take.micro_usd), tokens: less(from.tokens, take.tokens) }
}

fn plus(to: Slice, add: Slice) -> Slice {
    let more = |to: Option<u64>, add: Option<u64>| to.map(|to| to.saturating_add(add.unwrap_or(0)));
    Slice { micro_usd: more(to.micro_usd, add.micro_usd), tokens: more(to.tokens, add.tokens) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn children_share_what_their_parent_was_given_and_leave_the_rest() {
        let mut ledger = Ledger::new(usd(100));
        ledger.reserve(1, usd(10));

        ledger.reserve_in(1, 2, usd(6));
        assert!(!ledger.fits_in(1, usd(6)), "two children of 6 would exceed 10 together");
        assert_eq!(ledger.committed().micro_usd, Some(10), "a child's slice is part of its parent's");

        ledger.settle(2, Usage::default(), Cost::Known(1));
        assert!(ledger.fits_in(1, usd(9)), "5 came back, 4 were there");
        assert!(!ledger.fits_in(1, usd(10)), "1 is spent");
    }

    const fn usd(micro: u64) -> Slice {
        Slice { micro_usd: Some(micro), tokens: None }
    }

    #[test]
    fn parallel_children_cannot_jointly_exceed_the_budget() {
        let mut ledger = Ledger::new(usd(10));

        ledger.reserve(1, usd(6));

        assert!(!ledger.fits(usd(6)), "6 are promised, 4 are left");
        assert!(ledger.fits(usd(4)));
    }

    #[test]
    fn what_is_charged_above_the_slice_counts() {
        let mut ledger = Ledger::new(usd(10));
        ledger.reserve(1, usd(2));

        ledger.settle(1, Usage::default(), Cost::Known(11));

        assert!(!ledger.fits(usd(0)), "more than everything is spent");
        assert_eq!(ledger.cost(), Cost::Known(11));
    }

    #[test]
    fn a_warning_is_due_from_four_fifths_on() {
        let mut ledger = Ledger::new(usd(10));
        ledger.reserve(1, usd(7));
        assert!(!ledger.is_nearly_spent());

        ledger.settle(1, Usage::default(), Cost::Known(8));

        assert!(ledger.is_nearly_spent());
    }

    #[test]
    fn a_promise_that_is_let_go_is_there_again_and_costs_nothing() {
        let mut ledger = Ledger::new(usd(10));
        ledger.reserve(1, usd(6));

        ledger.release(1);

        assert!(ledger.fits(usd(10)));
        assert_eq!((ledger.cost(), ledger.usage()), (Cost::FREE, Usage::default()));
    }

    #[test]
    fn what_fits_in_money_and_not_in_tokens_does_not_fit() {
        let ledger = Ledger::new(Slice { micro_usd: Some(10), tokens: Some(10) });

        assert!(ledger.fits(Slice { micro_usd: Some(10), tokens: Some(10) }));
        assert!(!ledger.fits(Slice { micro_usd: Some(1), tokens: Some(11) }));
        assert!(!ledger.fits(Slice { micro_usd: Some(11), tokens: Some(1) }));
    }

    #[test]
    fn of_a_budget_of_nothing_nothing_is_nearly_spent() {
        assert!(!Ledger::new(usd(0)).is_nearly_spent());
    }

    #[test]
    fn what_is_consumed_is_told_beside_the_budget_it_came_out_of() {
        let mut ledger = Ledger::new(usd(10));
        let usage = Usage { input_tokens: 3, output_tokens: 4, calls: 1, ..Usage::default() };

        ledger.charge(usage, Cost::Known(2));
        ledger.charge(usage, Cost::Known(2));

        assert_eq!((ledger.budget(), ledger.cost()), (usd(10), Cost::Known(4)));
        assert_eq!((ledger.usage().tokens(), ledger.usage().calls), (14, 2));
    }

    #[test]
    fn without_a_budget_everything_fits() {
        let mut ledger = Ledger::new(Slice::UNLIMITED);

        ledger.charge(Usage::default(), Cost::Known(u64::MAX));

        assert!(ledger.fits(usd(1)));
    }
}
