//! Refuses work whose deadline has passed: nobody starts what nobody waits for any more.
//!
//! It keeps no time itself. Timeouts and deadlines of admitted work are kept by the supervisor's one sweep, which needs
//! no ruling: a timer for each policy and attempt would only say later what the sweep knows already.

use bailiwick_protocols::{Delegation, Refusal, Ruling};

use super::{Scene, SupervisorPolicy};

/// Refuses a delegation whose mandate's deadline is not in the future.
#[derive(Clone, Copy, Default, Debug)]
pub struct Deadline;

impl SupervisorPolicy for Deadline {
    fn name(&self) -> &'static str {
        "deadline"
    }

    fn rule(&self, asked: &Delegation, scene: &Scene<'_>) -> Ruling {
        match asked.mandate.deadline() {
            Some(deadline) if deadline <= scene.now => Ruling::Refuse(Refusal::DeadlinePassed),
            _ => Ruling::Pass,
        }
    }

    fn memory(&self) -> Option<Vec<u8>> {
        Some(Vec::new())
    }
}

#[cfg(test)]
mod tests {
    use bailiwick_protocols::{Slice, Timestamp};

    use super::*;
    use crate::policies::given::{delegation, mandate, scene, second};

    fn ruling(deadline: Option<Timestamp>, now: Timestamp) -> Ruling {
        let asked = Delegation { mandate: mandate(Slice::UNLIMITED, deadline), ..delegation(1) };
        Deadline.rule(&asked, &scene(now))
    }

    #[test]
    fn work_without_a_deadline_may_always_pass() {
        assert_eq!(ruling(None, second(1_000_000)), Ruling::Pass);
    }

    #[test]
    fn work_may_pass_until_its_deadline_and_not_at_it() {
        assert_eq!(ruling(Some(second(10)), Timestamp::from_millis(9_999)), Ruling::Pass);
        assert_eq!(ruling(Some(second(10)), second(10)), Ruling::Refuse(Refusal::DeadlinePassed));
        assert_eq!(ruling(Some(second(10)), second(11)), Ruling::Refuse(Refusal::DeadlinePassed));
    }
}
