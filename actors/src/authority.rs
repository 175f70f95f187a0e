//! Who may ever hold what: asked of a team before anything runs.
//!
//! Effective(A -> B) = Caps(B) ∩ Scope(A) ∩ Request, so every hop of a chain only takes away: what an agent can hold by
//! any chain it can hold when the goal asks it directly, and what it can hold through a given first agent it can hold
//! when that one asks it directly. The answer is therefore the shortest chain, and no search; the laws below compare it
//! with every chain there is, walked by the real policies.

use bailiwick_protocols::{AgentName, Permission, Permissions};

use crate::directory::Entry;

/// One agent, as far as authority goes.
#[derive(Clone, PartialEq, Debug)]
pub struct Holder {
    /// Who.
    pub name: AgentName,
    /// Caps(B): the most it may ever hold.
    pub permissions: Permissions,
    /// Whether it may hand parts of its work on: it is not exclusive.
    pub may_hand_on: bool,
}

impl From<&Entry> for Holder {
    fn from(entry: &Entry) -> Self {
        Self { name: entry.name.clone(), permissions: entry.permissions.clone(), may_hand_on: !entry.exclusive }
    }
}

/// Everything that bounds authority before a goal is given.
#[derive(Clone, PartialEq, Debug)]
pub struct Authority {
    /// What goals may grant on.
    pub grants: Permissions,
    /// How many delegations deep a goal may go.
    pub depth: u8,
    /// Everybody in the team.
    pub holders: Vec<Holder>,
}

impl Authority {
    /// The chain by which an agent can ever hold the whole of a permission, from the goal's first agent to it; `None` if
    /// it never can.
    pub fn can_ever_hold(&self, agent: &AgentName, permission: &Permission) -> Option<Vec<AgentName>> {
        let whole = Permissions::from_iter([permission.clone()]);
        self.most(agent).covers(&whole).then(|| vec![agent.clone()])
    }

    /// The same for work that the goal hands to `first`: what `agent` can hold of it, by whatever chain from there.
    pub fn can_ever_hold_through(
        &self,
        first: &AgentName,
        agent: &AgentName,
        permission: &Permission,
    ) -> Option<Vec<AgentName>> {
        if first == agent {
            return self.can_ever_hold(agent, permission);
        }
        let hands_on = self.depth > 1 && self.holder(first).is_some_and(|holder| holder.may_hand_on);
        let whole = Permissions::from_iter([permission.clone()]);
        let both = self.most(first).meet(&self.most(agent));
        (hands_on && both.covers(&whole)).then(|| vec![first.clone(), agent.clone()])
    }

    /// The most an agent can ever hold; nothing if nobody is called so.
    pub fn most(&self, agent: &AgentName) -> Permissions {
        self.holder(agent).map_or_else(Permissions::none, |holder| self.grants.meet(&holder.permissions))
    }

    fn holder(&self, agent: &AgentName) -> Option<&Holder> {
        self.holders.iter().find(|holder| holder.name == *agent)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bailiwick_protocols::{Delegation, Limits, Mandate, Slice, Timestamp, permission::Rule};
    use proptest::{collection::vec, prelude::*, sample::select};

    use super::*;
    use crate::policies::{
        Scene,
        attenuation::Attenuation,
        given::{delegation, id, scene, second},
        lineage::Lineage,
        stack::{Stack, StackRuling},
    };

    /// Every chain there is, walked with the policies that rule on it at run time.
    fn walk(
        authority: &Authority,
        holds: &Mandate,
        chain: &mut Vec<AgentName>,
        seen: &mut dyn FnMut(&[AgentName], &Mandate),
    ) {
        for holder in &authority.holders {
            let stack = Stack::new(vec![
                Box::new(Lineage::new(!holder.may_hand_on)),
                Box::new(Attenuation::new(holder.permissions.clone())),
            ]);
            let parent = (!chain.is_empty()).then(|| id(1));
            if parent.is_some() && holds.depth() == 0 {
                return;
            }
            let mandate = holds.hand_on(parent, &Limits::default());
            let asked = Delegation { mandate, lineage: Arc::from(chain.clone()), ..delegation(1) };
            let name = &holder.name;
            if let StackRuling::Admit(effective) = stack.rule(&asked, &Scene { agent: name, ..scene(second(0)) }) {
                chain.push(name.clone());
                seen(chain, &effective);
                walk(authority, &effective, chain, seen);
                chain.pop();
            }
        }
    }

    fn permission() -> impl Strategy<Value = Permission> {
        let words =
            ["fs.read:*", "fs.read:docs/*", "fs.read:docs/a", "fs.read:docs/a/*", "fs.write:docs/*", "net.get:*"];
        let plain = select(words.to_vec()).prop_map(|text| text.parse::<Permission>().expect("it is written well"));
        (plain, 0..4_u8).prop_map(|(permission, kind)| match kind {
            0 => permission.constrained("n", Rule::AtMost(2.0)),
            1 => permission.until(Timestamp::from_millis(5_000)),
            _ => permission,
        })
    }

    fn permissions() -> impl Strategy<Value = Permissions> {
        vec(permission(), 0..4).prop_map(|all| all.into_iter().collect())
    }

    fn authority() -> impl Strategy<Value = Authority> {
        let holder = (permissions(), any::<bool>());
        (permissions(), 0..4_u8, vec(holder, 1..4)).prop_map(|(grants, depth, holders)| {
            let named = holders.into_iter().zip(["ada", "bo", "cy"]).map(|((permissions, may_hand_on), name)| Holder {
                name: name.into(),
                permissions,
                may_hand_on,
            });
            Authority { grants, depth, holders: named.collect() }
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2_000) })]

        #[test]
        fn what_is_said_is_what_some_chain_of_all_there_are_gives(authority in authority(), wanted in permission()) {
            let root = Mandate::root(authority.grants.clone(), Slice::UNLIMITED, None, authority.depth);
            let whole = Permissions::from_iter([wanted.clone()]);
            let mut held: Vec<Vec<AgentName>> = Vec::new();
            walk(&authority, &root, &mut Vec::new(), &mut |chain, mandate| {
                let (last, most) = (chain.last().expect("it is not empty"), mandate.exercise());
                assert!(authority.most(last).covers(most), "{chain:?} holds more than {last} ever can");
                if most.covers(&whole) {
                    held.push(chain.to_vec());
                }
            });

            for agent in authority.holders.iter().map(|holder| &holder.name) {
                let said = authority.can_ever_hold(agent, &wanted);
                prop_assert_eq!(said.is_some(), held.iter().any(|chain| chain.last() == Some(agent)));
                prop_assert!(said.is_none_or(|chain| held.contains(&chain)));
                for first in authority.holders.iter().map(|holder| &holder.name) {
                    let said = authority.can_ever_hold_through(first, agent, &wanted);
                    let there = |chain: &&Vec<AgentName>| chain.first() == Some(first) && chain.last() == Some(agent);
                    prop_assert_eq!(said.is_some(), held.iter().any(|chain| there(&chain)));
                    prop_assert!(said.is_none_or(|chain| held.contains(&chain)));
                }
            }
        }
    }

    #[test]
    fn nobody_holds_what_is_not_granted_and_strangers_hold_nothing() {
        let all = Permissions::parse(["fs.read:*", "fs.write:*"]).expect("they are written well");
        let grants = Permissions::parse(["fs.read:*"]).expect("it is written well");
        let ada = Holder { name: "ada".into(), permissions: all, may_hand_on: true };
        let authority = Authority { grants: grants.clone(), depth: 4, holders: vec![ada] };
        let write = "fs.write:out/a".parse().expect("it is written well");
        let read = "fs.read:docs/*".parse().expect("it is written well");

        assert_eq!(authority.can_ever_hold(&"ada".into(), &write), None);
        assert_eq!(authority.can_ever_hold(&"ada".into(), &read), Some(vec!["ada".into()]));
        assert_eq!(authority.can_ever_hold(&"bo".into(), &read), None);
        assert_eq!(authority.most(&"ada".into()), grants);
    }
}
