//! Short words for what most stories begin with and ask about.

use std::{path::PathBuf, sync::Arc, time::Duration};

use bailiwick::{
    prelude::*,
    protocols::{Event, GoalEvent, Recorded, event::Candidate},
    testing::{Stage, StageBuilder},
};

/// A Stage without delays: virtual time is then exact.
pub fn prompt(seed: u64) -> StageBuilder {
    Stage::seeded(seed).without_delays()
}

/// An agent that always says this.
pub fn says(name: &str, capability: &str, text: &str) -> AgentSpec {
    scripted(name, [capability], [ScriptedReply::output(text)])
}

/// An agent that answers with its goal text.
pub fn echo(name: &str, capability: &str) -> AgentSpec {
    agent_fn(name, [capability], |task| async move { Ok(Output::text(task.goal())) })
}

/// An agent that says this after a while.
pub fn slow(name: &str, capability: &str, text: &str, after: Duration) -> AgentSpec {
    scripted(name, [capability], [ScriptedReply::output(text).after(after)])
}

/// An agent that declares this error whenever it is asked.
pub fn fails(name: &str, capability: &str) -> AgentSpec {
    scripted(name, [capability], [ScriptedReply::error("boom")])
}

/// A task that needs one capability; its id is its goal text as well.
pub fn task(id: &str, need: &str) -> Task {
    Task::new(id, id).needs_capability(need)
}

/// Milliseconds.
pub const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Seconds.
pub const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Money and no limit on tokens.
pub const fn usd_micro(micro: u64) -> Slice {
    Slice { micro_usd: Some(micro), tokens: None }
}

/// Permissions, written well.
pub fn permissions(texts: &[&str]) -> Permissions {
    Permissions::parse(texts).expect("the stories write permissions well")
}

/// The golden file of this name.
pub fn golden(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("golden").join(format!("{name}.txt"))
}

/// The events of goals among these, with their kinds.
pub fn kinds(events: &[Arc<Recorded>]) -> Vec<&str> {
    events.iter().map(|recorded| recorded.event.kind()).collect()
}

/// What a goal's stream tells.
pub fn told(events: &[Arc<Recorded>]) -> impl Iterator<Item = &GoalEvent> {
    events.iter().filter_map(|recorded| match &recorded.event {
        Event::Goal(event) => Some(event),
        _ => None,
    })
}

/// What an agent's stream tells.
pub fn facts(events: &[Arc<Recorded>]) -> impl Iterator<Item = &AgentFact> {
    events.iter().filter_map(|recorded| match &recorded.event {
        Event::Agent(fact) => Some(fact),
        _ => None,
    })
}

/// Who was chosen each time, in order.
pub fn chosen(events: &[Arc<Recorded>]) -> Vec<String> {
    told(events)
        .filter_map(|event| match event {
            GoalEvent::AgentSelected { agent, .. } => Some(agent.to_string()),
            _ => None,
        })
        .collect()
}

/// The candidates of the first choice, best first.
pub fn candidates(events: &[Arc<Recorded>]) -> Vec<Candidate> {
    told(events)
        .find_map(|event| match event {
            GoalEvent::AgentSelected { candidates, .. } => Some(candidates.clone()),
            _ => None,
        })
        .unwrap_or_default()
}

/// The outcomes of all attempts at a task, in words.
pub fn attempts(report: &GoalReport, task: &str) -> Vec<String> {
    let task = report.task(task).expect("the task is there");
    task.attempts.iter().map(|attempt| format!("{} {}", attempt.agent, attempt.outcome_word())).collect()
}

/// Every movement of trust, as before and after in thousandths.
pub fn trust_moves(events: &[Arc<Recorded>]) -> Vec<(u32, u32)> {
    let thousandths = |score: f64| (score * 1000.0).round() as u32;
    told(events)
        .filter_map(|event| match event {
            GoalEvent::TrustUpdated { before, after, .. } => {
                Some((thousandths(before.get()), thousandths(after.get())))
            }
            _ => None,
        })
        .collect()
}

/// When each event of this kind was recorded, since the goal was submitted.
pub fn times(events: &[Arc<Recorded>], kind: &str) -> Vec<Duration> {
    let start = events.first().map(|first| first.at).unwrap_or_default();
    events.iter().filter(|recorded| recorded.event.kind() == kind).map(|recorded| recorded.at.since(start)).collect()
}
