//! Checks that somebody can do it: each list of needs is held, whole, by one agent.

use std::collections::BTreeSet;

use bailiwick_protocols::Capability;

use super::{item::Item, suggest};

/// What each agent of the file can do.
pub(super) type Held = [(String, Vec<Capability>)];

/// Notes a capability nobody has, and, where one agent is to do it all, a list that no single agent holds.
pub(super) fn check(needs: &Item<'_>, held: &Held, by_one: bool) {
    let Some(items) = needs.list() else { return };
    let everything: BTreeSet<&str> = held.iter().flat_map(|(_, all)| all.iter().map(Capability::as_str)).collect();
    let wanted: BTreeSet<&str> = items.iter().filter_map(|item| item.text()).collect();
    for item in &items {
        if let Some(need) = item.text().filter(|need| !need.trim().is_empty() && !everything.contains(need)) {
            let help = suggest::help(need, everything.iter().copied());
            item.refuse(format!("no agent has the capability `{need}`"), help);
        }
    }
    let holds = |(_, all): &(String, Vec<Capability>)| {
        wanted.iter().all(|need| all.iter().any(|capability| capability.as_str() == *need))
    };
    if by_one && wanted.is_subset(&everything) && !held.iter().any(holds) {
        needs.refuse("no one agent has all of these capabilities", split(&wanted, held));
    }
}

/// Who has most of it, and what that agent lacks.
fn split(wanted: &BTreeSet<&str>, held: &Held) -> String {
    let lacking = |all: &[Capability]| -> Vec<String> {
        let lacks = |need: &&&str| !all.iter().any(|capability| capability.as_str() == **need);
        wanted.iter().filter(lacks).map(|need| format!("`{need}`")).collect()
    };
    let nearest = held.iter().map(|(name, all)| (lacking(all), name)).min_by_key(|(lacks, _)| lacks.len());
    match nearest {
        Some((lacks, name)) => format!("split it, or give it to one agent; `{name}` lacks {}", lacks.join(", ")),
        None => String::new(),
    }
}
