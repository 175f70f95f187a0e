//! Why a breaker moves, as a word for programs and a sentence for people.

use std::{borrow::Cow, time::Duration};

use serde::{Deserialize, Serialize};

use bailiwick_protocols::Tried;

/// What fired.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(super) struct Trigger {
    /// One word: `failures_in_row`.
    pub word: Cow<'static, str>,
    /// One sentence: `3 failures in a row`.
    pub reason: String,
}

impl Trigger {
    fn new(word: &'static str, reason: String) -> Self {
        Self { word: word.into(), reason }
    }

    pub fn trust_drop(lost: f64, task: &str) -> Self {
        Self::new("trust_drop", format!("{lost:.3} of trust lost within the task {task}"))
    }

    pub fn trust_below(trust: f64, limit: f64) -> Self {
        Self::new("trust_below", format!("trust {trust:.3} is below {limit}"))
    }

    pub fn failure_rate(failed: usize, of: usize) -> Self {
        Self::new("failure_rate", format!("{failed} of the last {of} outcomes are failures"))
    }

    pub fn slow_rate(slow: usize, of: usize, share: f64) -> Self {
        Self::new("slow_rate", format!("{slow} of the last {of} attempts took more than {share} of their timeout"))
    }

    pub fn failures_in_row(row: u32) -> Self {
        Self::new("failures_in_row", format!("{row} failures in a row"))
    }

    pub fn violation(tried: &Tried) -> Self {
        Self::new("violation", format!("tried outside its mandate: {tried}"))
    }

    pub fn violations(count: usize, within: Duration, tried: &Tried) -> Self {
        let hours = within.as_secs_f64() / 3600.0;
        Self::new("violations", format!("{count} tries outside its mandate in {hours} h, the last: {tried}"))
    }

    pub fn restarts(count: u32, within: Duration) -> Self {
        Self::new("restarts", format!("{count} seats went down in {} s", within.as_secs_f64()))
    }

    pub fn capabilities_open(open: usize, of: usize) -> Self {
        Self::new("capabilities_open", format!("{open} of {of} capabilities are open"))
    }

    pub fn woken() -> Self {
        Self::new("woken", "its time is over: one probe at a time".to_owned())
    }

    pub fn probe_failed() -> Self {
        Self::new("probe_failed", "a probe failed".to_owned())
    }

    pub fn probes_succeeded(probes: u32) -> Self {
        Self::new("probes_succeeded", format!("{probes} probes in a row succeeded"))
    }

    pub fn released(by: &str) -> Self {
        Self::new("released", format!("released by {by}"))
    }
}

#[cfg(test)]
mod tests {
    use bailiwick_protocols::Outside;

    use super::*;

    #[test]
    fn people_read_how_many_violations_came_in_how_many_hours() {
        let tried = Tried { tool: "write".into(), needs: "fs.write:etc".into(), outside: Outside::Scope };

        let trigger = Trigger::violations(2, Duration::from_secs(24 * 3600), &tried);

        assert_eq!(trigger.reason, "2 tries outside its mandate in 24 h, the last: write: fs.write:etc");
    }
}
