//! Leaves an agent alone while too many threads still run work of it that was killed.
//!
//! Nothing can stop a thread from outside. What can be done is to count those that were left behind, and to start no
//! more of them until they end by themselves.

use bailiwick_protocols::{AgentFact, Delegation, Refusal, Ruling, Timestamp};
use serde_json::json;

use super::{Scene, SupervisorPolicy, take_up, write_down};

/// Threads an agent may leave behind before it is isolated: 8.
pub const THREADS_MAX: u32 = 8;

/// Refuses work for an agent that left [`THREADS_MAX`] threads behind.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct ThreadsLeft {
    left: u32,
}

impl ThreadsLeft {
    fn refusal(self) -> Option<Refusal> {
        let reason = format!("{} threads still run work that was killed", self.left);
        (self.left >= THREADS_MAX).then(|| Refusal::Policy { policy: self.name().to_owned(), reason })
    }
}

impl SupervisorPolicy for ThreadsLeft {
    fn name(&self) -> &'static str {
        "threads"
    }

    fn rule(&self, _: &Delegation, _: &Scene<'_>) -> Ruling {
        self.refusal().map_or(Ruling::Pass, Ruling::Refuse)
    }

    fn apply(&mut self, fact: &AgentFact, _: Timestamp) {
        if let AgentFact::ThreadsLeft { threads } = fact {
            self.left = *threads;
        }
    }

    fn standing(&self, _: Timestamp) -> Option<Refusal> {
        self.refusal()
    }

    fn settings(&self) -> serde_json::Value {
        json!({ "threads_max": THREADS_MAX })
    }

    fn memory(&self) -> Option<Vec<u8>> {
        write_down(&self.left)
    }

    fn remember(&mut self, memory: &[u8]) -> bool {
        take_up(&mut self.left, memory)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policies::given::{delegation, scene, second};

    fn after(threads: u32) -> ThreadsLeft {
        let mut policy = ThreadsLeft::default();
        policy.apply(&AgentFact::ThreadsLeft { threads }, second(0));
        policy
    }

    #[test]
    fn eight_threads_left_isolate_the_agent_until_one_ends() {
        assert_eq!(after(7).rule(&delegation(1), &scene(second(0))), Ruling::Pass);
        assert_eq!(after(7).standing(second(0)), None);

        let Ruling::Refuse(refusal) = after(8).rule(&delegation(1), &scene(second(0))) else { panic!("it refuses") };

        assert_eq!(refusal.to_string(), "threads: 8 threads still run work that was killed");
        assert_eq!(after(8).standing(second(0)), Some(refusal));
    }
}
