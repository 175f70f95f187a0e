//! Who is called back when there is room: deficit round robin over goals, priority as weight.

use std::collections::{BTreeMap, VecDeque};

use bailiwick_protocols::GoalId;

/// The tickets of one supervisor: one a goal.
#[derive(Default, Debug)]
pub struct Tickets {
    ring: VecDeque<GoalId>,
    /// What each goal has left of its turn; kept while its ticket is being served.
    deficit: BTreeMap<GoalId, u32>,
}

impl Tickets {
    /// Takes a ticket for a goal. A goal whose turn is not used up keeps its place at the front.
    pub fn take(&mut self, goal: GoalId, weight: u8) {
        if self.ring.contains(&goal) {
            return;
        }
        let deficit = self.deficit.entry(goal).or_default();
        if *deficit > 0 {
            self.ring.push_front(goal);
        } else {
            *deficit = u32::from(weight.max(1));
            self.ring.push_back(goal);
        }
    }

    /// The goal whose turn it is; its ticket is used.
    #[allow(clippy::should_implement_trait, reason = "it takes turns and charges for them; nobody iterates over it")]
    pub fn next(&mut self) -> Option<GoalId> {
        let goal = self.ring.pop_front()?;
        if let Some(deficit) = self.deficit.get_mut(&goal) {
            *deficit = deficit.saturating_sub(1);
        }
        Some(goal)
    }

    /// A goal ended.
    pub fn forget(&mut self, goal: GoalId) {
        self.ring.retain(|waiting| *waiting != goal);
        self.deficit.remove(&goal);
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.ring.len()
    }

    /// Whether nobody waits.
    pub fn is_empty(&self) -> bool {
        self.ring.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn goal(number: u128) -> GoalId {
        GoalId::new(uuid::Uuid::from_u128(number))
    }

    #[test]
    fn a_goal_of_priority_three_is_served_three_times_for_each_time_of_priority_one() {
        let mut tickets = Tickets::default();
        let (heavy, light) = (goal(1), goal(2));
        tickets.take(heavy, 3);
        tickets.take(light, 1);

        let served: Vec<GoalId> = (0..8)
            .filter_map(|_| {
                let next = tickets.next()?;
                tickets.take(next, if next == heavy { 3 } else { 1 });
                Some(next)
            })
            .collect();

        assert_eq!(served, [heavy, heavy, heavy, light, heavy, heavy, heavy, light]);
    }

    #[test]
    fn a_goal_holds_one_ticket_however_often_it_asks() {
        let mut tickets = Tickets::default();

        tickets.take(goal(1), 3);
        tickets.take(goal(1), 3);

        assert_eq!(tickets.len(), 1);
    }
}
