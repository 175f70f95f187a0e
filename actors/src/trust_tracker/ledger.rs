//! What is known about everybody: one record for each agent, generation and capability.
//!
//! A pure fold over lessons. `learn` computes what a piece of evidence teaches and changes nothing; `apply` takes a
//! lesson as it was recorded and computes nothing. Who was taught already is not known here: the tracker asks before.

use std::{collections::BTreeMap, sync::Arc};

use bailiwick_protocols::{AgentName, Capability, Lesson, Timestamp, TrustRecord, TrustScore, trust::Evidence};

use super::models::TrustModel;

/// Everything that lessons have taught, and the model that teaches.
#[derive(Clone)]
pub struct TrustLedger {
    model: Arc<dyn TrustModel>,
    known: BTreeMap<(AgentName, u32), BTreeMap<Capability, TrustRecord>>,
}

impl TrustLedger {
    /// Knows nobody yet.
    pub fn new(model: Arc<dyn TrustModel>) -> Self {
        Self { model, known: BTreeMap::new() }
    }

    /// Returns what a piece of evidence teaches about an agent: one lesson for each capability the task required.
    ///
    /// A task that required none teaches about each of the agent's `own`. A capability named twice is taught once.
    pub fn learn(
        &self,
        agent: &AgentName,
        generation: u32,
        needs: &[Capability],
        own: &[Capability],
        evidence: Evidence,
        now: Timestamp,
    ) -> Vec<Lesson> {
        let taught = if needs.is_empty() { own } else { needs };
        let first = |index: usize| !taught[..index].contains(&taught[index]);
        let lesson = |capability: &Capability| {
            let record = self.record(agent, generation, capability, now);
            Lesson {
                capability: capability.clone(),
                evidence,
                before: self.model.decayed(&record, now).score,
                after: self.model.learn(&record, evidence, now),
            }
        };
        taught.iter().enumerate().filter(|(index, _)| first(*index)).map(|(_, capability)| lesson(capability)).collect()
    }

    /// Takes lessons as they were recorded. Taking them twice is taking them once.
    pub fn apply(&mut self, agent: &AgentName, generation: u32, lessons: &[Lesson]) {
        if lessons.is_empty() {
            return;
        }
        let records = self.known.entry((agent.clone(), generation)).or_default();
        records.extend(lessons.iter().map(|lesson| (lesson.capability.clone(), lesson.after)));
    }

    /// Takes what the lessons of an agent had come to, as its snapshot tells.
    pub fn take(&mut self, agent: &AgentName, generation: u32, records: BTreeMap<Capability, TrustRecord>) {
        if !records.is_empty() {
            self.known.insert((agent.clone(), generation), records);
        }
    }

    /// Forgets everything about an agent, to take its lessons anew.
    pub fn forget(&mut self, agent: &AgentName, generation: u32) {
        self.known.remove(&(agent.clone(), generation));
    }

    /// The score of an agent on one capability now, decay applied; the start value of nobody known.
    pub fn score(&self, agent: &AgentName, generation: u32, capability: &Capability, now: Timestamp) -> TrustScore {
        self.model.decayed(&self.record(agent, generation, capability, now), now).score
    }

    /// What is known about one agent, by capability, as its last lessons left it.
    pub fn records(&self, agent: &AgentName, generation: u32) -> BTreeMap<Capability, TrustRecord> {
        self.known.get(&(agent.clone(), generation)).cloned().unwrap_or_default()
    }

    /// Everything that is known, ordered by agent, generation and capability.
    pub fn iter(&self) -> impl Iterator<Item = (&AgentName, u32, &Capability, &TrustRecord)> {
        self.known.iter().flat_map(|((agent, generation), records)| {
            records.iter().map(move |(capability, record)| (agent, *generation, capability, record))
        })
    }

    /// The model that teaches.
    pub fn model(&self) -> &Arc<dyn TrustModel> {
        &self.model
    }

    fn record(&self, agent: &AgentName, generation: u32, capability: &Capability, now: Timestamp) -> TrustRecord {
        let known = self.known.get(&(agent.clone(), generation)).and_then(|records| records.get(capability));
        known.copied().unwrap_or_else(|| TrustRecord::start(self.model.start(), now))
    }
}

#[cfg(test)]
mod tests {
    use bailiwick_protocols::trust::Gravity;

    use super::*;
    use crate::trust_tracker::models::Asymmetric;

    const FAILURE: Evidence = Evidence::Failure(Gravity::Ordinary);

    fn hour(hours: u64) -> Timestamp {
        Timestamp::from_millis(hours * 3_600_000)
    }

    fn ledger() -> TrustLedger {
        TrustLedger::new(Arc::new(Asymmetric::default()))
    }

    fn words(words: &[&str]) -> Vec<Capability> {
        words.iter().copied().map(Capability::from).collect()
    }

    fn taught(ledger: &mut TrustLedger, needs: &[&str], evidence: Evidence, now: Timestamp) -> Vec<Lesson> {
        let lessons = ledger.learn(&"ada".into(), 0, &words(needs), &words(&["search", "write"]), evidence, now);
        ledger.apply(&"ada".into(), 0, &lessons);
        lessons
    }

    fn score(ledger: &TrustLedger, generation: u32, capability: &str, now: Timestamp) -> f64 {
        ledger.score(&"ada".into(), generation, &capability.into(), now).get()
    }

    #[test]
    fn every_required_capability_is_credited_and_no_other() {
        let mut ledger = ledger();

        let lessons = taught(&mut ledger, &["search", "sum", "search"], Evidence::Success, hour(1));

        assert_eq!(lessons.iter().map(|l| l.capability.as_str()).collect::<Vec<_>>(), ["search", "sum"]);
        assert_eq!(["search", "sum", "write"].map(|c| score(&ledger, 0, c, hour(1))), [0.55, 0.55, 0.5]);
    }

    #[test]
    fn a_task_that_requires_nothing_credits_each_of_the_agents_own() {
        let mut ledger = ledger();

        taught(&mut ledger, &[], FAILURE, hour(1));

        assert_eq!(["search", "write"].map(|c| score(&ledger, 0, c, hour(1))), [0.4, 0.4]);
    }

    #[test]
    fn what_a_lesson_calls_before_has_faded_already() {
        let mut ledger = ledger();
        for _ in 0..16 {
            taught(&mut ledger, &["search"], Evidence::Success, hour(0));
        }
        let high = score(&ledger, 0, "search", hour(0));

        let lessons = taught(&mut ledger, &["search"], FAILURE, hour(82));

        assert!((lessons[0].before.get() - (high - 0.1)).abs() < 1e-9);
        assert!((lessons[0].after.score.get() - 0.8 * (high - 0.1)).abs() < 1e-9);
    }

    #[test]
    fn learning_alone_changes_nothing() {
        let ledger = ledger();

        ledger.learn(&"ada".into(), 0, &words(&["search"]), &[], FAILURE, hour(0));

        assert_eq!(ledger.iter().count(), 0);
    }

    #[test]
    fn a_new_generation_starts_anew_and_the_old_ones_history_stays() {
        let mut ledger = ledger();
        taught(&mut ledger, &["search"], FAILURE, hour(0));

        assert_eq!(score(&ledger, 1, "search", hour(0)), 0.5);
        assert_eq!(score(&ledger, 0, "search", hour(0)), 0.4);
    }

    #[test]
    fn who_is_forgotten_starts_anew_and_nobody_else_does() {
        let mut ledger = ledger();
        taught(&mut ledger, &["search"], FAILURE, hour(0));
        let lessons = ledger.learn(&"bo".into(), 0, &words(&["search"]), &[], FAILURE, hour(0));
        ledger.apply(&"bo".into(), 0, &lessons);
        assert_eq!(ledger.records(&"ada".into(), 0).keys().map(Capability::as_str).collect::<Vec<_>>(), ["search"]);

        ledger.forget(&"ada".into(), 0);

        assert!(ledger.records(&"ada".into(), 0).is_empty());
        assert_eq!(score(&ledger, 0, "search", hour(0)), 0.5);
        assert_eq!(ledger.records(&"bo".into(), 0).len(), 1);
    }

    #[test]
    fn the_ledger_is_the_fold_of_its_lessons() {
        let mut live = ledger();
        let mut recorded = Vec::new();
        for n in 0..20 {
            let evidence = if n % 3 == 0 { FAILURE } else { Evidence::Success };
            recorded.push(taught(&mut live, &[["search", "write"][n % 2]], evidence, hour(n as u64 * 30)));
        }

        let mut folded = ledger();
        for lessons in &recorded {
            folded.apply(&"ada".into(), 0, lessons);
            folded.apply(&"ada".into(), 0, lessons);
        }

        assert!(folded.iter().eq(live.iter()));
        let capabilities: Vec<_> =
            folded.iter().map(|(agent, generation, c, _)| (agent.as_str(), generation, c.as_str())).collect();
        assert_eq!(capabilities, [("ada", 0, "search"), ("ada", 0, "write")]);
    }
}
