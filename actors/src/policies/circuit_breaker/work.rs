//! What was let in and is not settled: who it counts for, and how much of its time was the agent's own.

use std::{sync::Arc, time::Duration};

use bailiwick_protocols::{Capability, Delegation, Lesson, Settlement, TaskId, Timestamp};
use serde::{Deserialize, Serialize};

use super::{
    Key,
    evidence::{Outcome, Taught},
};

/// One admitted delegation, as far as a breaker cares.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(super) struct Work {
    task: TaskId,
    needs: Arc<[Capability]>,
    timeout: Duration,
    pub admitted: Timestamp,
    started: Option<Timestamp>,
    /// Time spent waiting for children.
    parked: Duration,
    parked_since: Option<Timestamp>,
}

impl Work {
    pub fn new(delegation: &Delegation, admitted: Timestamp) -> Self {
        Self {
            task: delegation.task.clone(),
            needs: delegation.needs.clone(),
            timeout: delegation.timeout,
            admitted,
            started: None,
            parked: Duration::ZERO,
            parked_since: None,
        }
    }

    pub fn start(&mut self, at: Timestamp) {
        self.started = Some(at);
    }

    pub fn park(&mut self, at: Timestamp) {
        self.parked_since.get_or_insert(at);
    }

    pub fn resume(&mut self, at: Timestamp) {
        if let Some(since) = self.parked_since.take() {
            self.parked += at.since(since);
        }
    }

    /// The breakers it must pass: the agent's, and that of each required capability.
    pub fn guards(&self) -> Vec<Key> {
        guards(&self.needs)
    }

    /// The breakers it is evidence for: those of what it required, or the agent's where it required nothing.
    pub fn counts_for(&self) -> Vec<Key> {
        let mut keys = self.guards();
        if keys.len() > 1 {
            keys.remove(0);
        }
        keys
    }

    /// What its settlement says to one of those breakers.
    pub fn outcome(&self, settlement: &Settlement, failed: bool, key: &Key, slow_after: f64) -> Outcome {
        let of_key = |lesson: &&Lesson| key.as_ref().is_none_or(|capability| lesson.capability == *capability);
        let lessons: Vec<&Lesson> = settlement.lessons.iter().filter(of_key).collect();
        // The trust in an agent as a whole is the mean over its capabilities, as where agents are chosen.
        let mean = |score: fn(&Lesson) -> f64| lessons.iter().map(|l| score(l)).sum::<f64>() / lessons.len() as f64;
        let lesson = (!lessons.is_empty())
            .then(|| Taught { before: mean(|l| l.before.get()), after: mean(|l| l.after.score.get()) });
        Outcome {
            delegation: settlement.delegation,
            task: self.task.clone(),
            failed,
            slow: self.own_time(settlement) > self.timeout.mul_f64(slow_after.clamp(0.0, 1.0)),
            lesson,
        }
    }

    /// From the seat's begin to the attempt's end, without the time it waited for children.
    fn own_time(&self, settlement: &Settlement) -> Duration {
        let Some(started) = settlement.started.or(self.started) else { return Duration::ZERO };
        let waiting = self.parked_since.map_or(Duration::ZERO, |since| settlement.ended.since(since));
        settlement.ended.since(started).saturating_sub(self.parked + waiting)
    }
}

/// The agent's breaker, and that of each of these capabilities once.
pub(super) fn guards(needs: &[Capability]) -> Vec<Key> {
    let mut keys = vec![None];
    for capability in needs {
        if !keys.iter().flatten().any(|key| key == capability) {
            keys.push(Some(capability.clone()));
        }
    }
    keys
}

#[cfg(test)]
mod tests {
    use bailiwick_protocols::{SettlementKind, TrustRecord, TrustScore, trust::Evidence};

    use super::*;
    use crate::policies::given::{delegation, id, second, settlement};

    #[test]
    fn a_settlement_that_does_not_know_the_begin_is_timed_by_it_all_the_same() {
        let mut work = Work::new(&delegation(1), second(0));
        work.start(second(10));
        let ended = |at| Settlement { ended: second(at), started: None, ..settlement(id(1), SettlementKind::Lost) };

        assert!(work.outcome(&ended(59), false, &None, 0.8).slow, "49 s of 60");
        assert!(!work.outcome(&ended(58), false, &None, 0.8).slow, "48 s of 60");
    }

    #[test]
    fn what_it_waited_for_its_children_is_not_its_own_time_and_what_follows_is() {
        let mut work = Work::new(&delegation(1), second(0));
        work.start(second(0));
        work.park(second(1));
        work.resume(second(31));
        let ended = |at| Settlement { ended: second(at), ..settlement(id(1), SettlementKind::Lost) };

        assert!(work.outcome(&ended(80), false, &None, 0.8).slow, "50 s of 60");
        assert!(!work.outcome(&ended(78), false, &None, 0.8).slow, "48 s of 60");
    }

    #[test]
    fn trust_in_the_whole_agent_is_the_mean_over_what_was_taught() {
        let lesson = |capability: &str, before, after| Lesson {
            capability: capability.into(),
            evidence: Evidence::Success,
            before: TrustScore::new(before),
            after: TrustRecord::start(TrustScore::new(after), second(0)),
        };
        let lessons = vec![lesson("search", 0.75, 0.5), lesson("write", 0.25, 1.0)];
        let taught = Settlement { lessons, ..settlement(id(1), SettlementKind::Reported) };
        let work = Work::new(&delegation(1), second(0));

        let outcome = |key: Key| work.outcome(&taught, false, &key, 0.8).lesson;

        assert_eq!(outcome(None), Some(Taught { before: 0.5, after: 0.75 }));
        assert_eq!(outcome(Some("write".into())), Some(Taught { before: 0.25, after: 1.0 }));
        assert_eq!(outcome(Some("sum".into())), None);
    }
}
