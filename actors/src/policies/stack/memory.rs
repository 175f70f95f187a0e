//! What a whole stack has learned, written down, so that another stack of the same policies can begin with it.

use bailiwick_protocols::json;
use serde::{Deserialize, Serialize};

use super::*;

/// What the policies of one stack have learned.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct StackMemory {
    /// Whose it is: the names in order, with the settings that each was built with.
    policies: Vec<String>,
    settings: String,
    members: Vec<MemberMemory>,
    breakers: BTreeMap<Option<Capability>, BreakerState>,
}

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
struct MemberMemory {
    out: Option<String>,
    memory: Vec<u8>,
}

impl StackMemory {
    /// Which policies of both stacks differ in what they have learned, by name.
    pub fn differing(&self, other: &StackMemory) -> Vec<&str> {
        let others: BTreeMap<_, _> = other.policies.iter().zip(&other.members).collect();
        let members = self.policies.iter().zip(&self.members);
        let differs = |(name, member): &(&String, &MemberMemory)| others.get(name).is_some_and(|other| other != member);
        let mut names: Vec<&str> = members.filter(differs).map(|(name, _)| name.as_str()).collect();
        if self.breakers != other.breakers {
            names.push("published breakers");
        }
        names
    }
}

impl Stack {
    /// Everything the policies have learned; `None` if one of them does not say, or panics.
    pub fn memory(&self) -> Option<StackMemory> {
        let write = |member: &Member| {
            let memory = catch_unwind(AssertUnwindSafe(|| member.policy.memory())).ok().flatten()?;
            Some(MemberMemory { out: member.out.clone(), memory })
        };
        Some(StackMemory {
            policies: self.names(),
            settings: json::canonical(&self.settings()),
            members: self.members.iter().map(write).collect::<Option<_>>()?,
            breakers: self.breakers.clone(),
        })
    }

    /// Takes up what a stack of the same policies, with the same settings, wrote down. False if this is another one, or
    /// one of them cannot: it may have read half of it by then, and is to be made anew.
    pub fn remember(&mut self, memory: &StackMemory) -> bool {
        let is_ours = memory.policies == self.names() && memory.settings == json::canonical(&self.settings());
        if !is_ours || memory.members.len() != self.members.len() {
            return false;
        }
        self.breakers = memory.breakers.clone();
        self.members.iter_mut().zip(&memory.members).all(|(member, written)| {
            member.out = written.out.clone();
            catch_unwind(AssertUnwindSafe(|| member.policy.remember(&written.memory))).unwrap_or(false)
        })
    }
}
