//! Gathers the findings of one examination into one verdict, given exactly once.
//!
//! Plain synchronous Rust: the pool turns what it hears into messages and carries out the effects.

use std::sync::Arc;

use bailiwick_protocols::{Output, Verdict, contract::VERIFICATION_TIMEOUT};

use crate::verifiers::{CompiledContract, Lane};

/// One examination: the contract, and what its leaves found so far.
#[derive(Debug)]
pub struct Gather {
    contract: Arc<CompiledContract>,
    found: Vec<Option<Verdict>>,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Fresh,
    Waiting,
    Concluded,
}

/// What an examination hears.
#[derive(Clone, PartialEq, Debug)]
pub enum Heard {
    /// Begin. Said again, it changes nothing.
    Start {
        /// What is examined.
        output: Arc<Output>,
    },
    /// A leaf found something.
    Found {
        /// Which leaf.
        leaf: usize,
        /// What it found.
        verdict: Verdict,
    },
    /// The worker of a leaf died: that leaf abstains.
    LeafLost {
        /// Which leaf.
        leaf: usize,
    },
    /// Time is up: whatever is not found abstains. Leaves end by themselves within 30 s, so this is the net beneath
    /// them: set it a little later.
    TimedUp,
}

/// What is to be done.
#[derive(Clone, PartialEq, Debug)]
pub enum Effect {
    /// Run this leaf of the contract in this lane. A pure one comes only if the output is too large to be looked at here.
    Run {
        /// Which leaf.
        leaf: usize,
        /// In which lane.
        lane: Lane,
    },
    /// Give this verdict, and drop whatever still runs.
    Conclude(Verdict),
}

impl Gather {
    /// An examination that has not begun; `None` if the contract asks for no check.
    pub fn new(contract: Arc<CompiledContract>) -> Option<Self> {
        let found = vec![None; contract.leaves()];
        contract.asks_for_check().then_some(Self { contract, found, state: State::Fresh })
    }

    /// The contract whose leaves are to be run.
    pub fn contract(&self) -> &Arc<CompiledContract> {
        &self.contract
    }

    /// Whether the verdict was given.
    pub fn is_concluded(&self) -> bool {
        self.state == State::Concluded
    }

    /// Takes in one message.
    pub fn step(&mut self, heard: Heard) -> Vec<Effect> {
        match (self.state, heard) {
            (State::Fresh, Heard::Start { output }) => {
                self.state = State::Waiting;
                self.found = self.contract.find_at_once(&output);
                self.conclude().unwrap_or_else(|| self.run())
            }
            (State::Waiting, Heard::Found { leaf, verdict }) => self.take(leaf, verdict),
            (State::Waiting, Heard::LeafLost { leaf }) => {
                let lost = self.abstention(leaf, "the worker that examined it died".to_owned());
                self.take(leaf, lost)
            }
            (State::Waiting, Heard::TimedUp) => {
                let late = format!("no finding within {} s", VERIFICATION_TIMEOUT.as_secs());
                for leaf in 0..self.found.len() {
                    let abstention = self.abstention(leaf, late.clone());
                    self.found[leaf].get_or_insert(abstention);
                }
                self.conclude().unwrap_or_default()
            }
            // Whoever asks again has the same examination.
            (State::Waiting, Heard::Start { .. }) => vec![],
            // Nothing was asked yet, so nobody can have an answer.
            (State::Fresh, Heard::Found { .. } | Heard::LeafLost { .. } | Heard::TimedUp) => vec![],
            // The verdict is given; what comes late changes nothing.
            (State::Concluded, _) => vec![],
        }
    }

    /// The first finding of a leaf counts.
    fn take(&mut self, leaf: usize, verdict: Verdict) -> Vec<Effect> {
        match self.found.get_mut(leaf) {
            Some(found @ None) => *found = Some(verdict),
            _ => return vec![],
        }
        self.conclude().unwrap_or_default()
    }

    fn abstention(&self, leaf: usize, details: String) -> Verdict {
        Verdict::abstain(self.contract.method(leaf).unwrap_or_default(), details)
    }

    fn run(&self) -> Vec<Effect> {
        let missing = self.found.iter().enumerate().filter(|(_, found)| found.is_none());
        missing.filter_map(|(leaf, _)| Some(Effect::Run { leaf, lane: self.contract.lane(leaf)? })).collect()
    }

    fn conclude(&mut self) -> Option<Vec<Effect>> {
        let verdict = self.contract.settle(&self.found)?;
        self.state = State::Concluded;
        Some(vec![Effect::Conclude(verdict)])
    }
}

#[cfg(test)]
mod tests;
