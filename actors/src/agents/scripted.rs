//! An agent that answers by a script: for tests, examples, and for trying a team file without any program.
//!
//! The replies are given in turn over all its attempts, on whatever seat; the last one repeats.

use std::{
    future::pending,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bailiwick_protocols::{AgentName, Capability, Cost, Json, Output, Report, Usage};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Agent, AgentContext, AgentError, AgentSpec};

mod wire;

/// One answer of a [`ScriptedAgent`]: exactly one of an output, an error, a hang or a panic, perhaps after a delay.
///
/// In a team file: `{ output = "3 TODOs", delay = "50ms" }`, `{ error = "boom", retryable = false }`, `{ hang = true }`,
/// `{ panic = true }`, each with `cost_usd` and `usage` where it is reported.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(try_from = "wire::Keys", into = "wire::Keys")]
pub struct ScriptedReply {
    act: Act,
    delay: Duration,
    usage: Usage,
    cost_usd: f64,
}

#[derive(Clone, PartialEq, Debug)]
enum Act {
    Output(Json),
    Error { message: String, retryable: bool },
    Hang,
    Panic,
}

impl ScriptedReply {
    fn of(act: Act) -> Self {
        Self { act, delay: Duration::ZERO, usage: Usage::default(), cost_usd: 0.0 }
    }

    /// Answers with this output: a string is text, all else is JSON.
    pub fn output(content: impl Into<Json>) -> Self {
        Self::of(Act::Output(content.into()))
    }

    /// Declares this error; it may be tried again.
    pub fn error(message: impl Into<String>) -> Self {
        Self::of(Act::Error { message: message.into(), retryable: true })
    }

    /// Never answers, and does not listen when told to stop.
    pub fn hang() -> Self {
        Self::of(Act::Hang)
    }

    /// Panics.
    pub fn panic() -> Self {
        Self::of(Act::Panic)
    }

    /// Does so only after this time.
    pub fn after(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// Sets what the attempt consumed.
    pub fn usage(mut self, usage: Usage) -> Self {
        self.usage = usage;
        self
    }

    /// Sets what the attempt cost, in US dollars, 0 or more. What is no price is reported as an unknown cost.
    pub fn cost_usd(mut self, usd: f64) -> Self {
        self.cost_usd = usd;
        self
    }

    /// Says of an error that the same agent is not to be asked again. Nothing else has a use for it.
    pub fn not_retryable(mut self) -> Self {
        if let Act::Error { retryable, .. } = &mut self.act {
            *retryable = false;
        }
        self
    }

    async fn give(&self) -> Result<Report, AgentError> {
        if !self.delay.is_zero() {
            tokio::time::sleep(self.delay).await;
        }
        let cost = Cost::from_usd(self.cost_usd);
        match &self.act {
            Act::Output(Json(Value::String(text))) => Ok(Report::of(Output::text(text)).charge(self.usage, cost)),
            Act::Output(Json(value)) => Ok(Report::of(Output::json(value.clone())).charge(self.usage, cost)),
            Act::Error { message, retryable } => {
                let error = AgentError::new(message).charge(self.usage, cost);
                Err(if *retryable { error } else { error.not_retryable() })
            }
            Act::Hang => pending().await,
            Act::Panic => panic!("the script says panic"),
        }
    }
}

/// Why a script is none.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ScriptError {
    /// There are no replies.
    #[error("the script has no replies: add one, the last one repeats")]
    Empty,
    /// A reply does nothing.
    #[error("the reply does nothing: give it one of output, error, hang = true or panic = true")]
    Nothing,
    /// A reply does several things.
    #[error("the reply has {0} at once: keep one of them")]
    Several(String),
    /// Only an error can be tried again or not.
    #[error("the reply has retryable without an error: remove it or add an error")]
    Retryable,
    /// Not a price.
    #[error("the reply has a cost_usd of {0}: a price is 0 or more")]
    Cost(f64),
}

/// Gives its replies in turn over all its attempts; the last one repeats.
#[derive(Debug)]
pub struct ScriptedAgent {
    replies: Vec<ScriptedReply>,
    given: AtomicUsize,
}

impl ScriptedAgent {
    /// Takes a script.
    ///
    /// # Errors
    /// If it has no replies.
    pub fn new(replies: impl IntoIterator<Item = ScriptedReply>) -> Result<Self, ScriptError> {
        let replies: Vec<_> = replies.into_iter().collect();
        if replies.is_empty() {
            return Err(ScriptError::Empty);
        }
        Ok(Self { replies, given: AtomicUsize::new(0) })
    }
}

impl Agent for ScriptedAgent {
    async fn run(&self, _task: AgentContext) -> Result<Report, AgentError> {
        let turn = self.given.fetch_add(1, Ordering::Relaxed);
        self.replies[turn.min(self.replies.len() - 1)].give().await
    }
}

/// Makes an agent that gives these replies in turn, over all its attempts; the last one repeats.
///
/// # Panics
/// Without any reply; where the script comes from outside, use [`ScriptedAgent::new`].
pub fn scripted<C: Into<Capability>>(
    name: impl Into<AgentName>,
    capabilities: impl IntoIterator<Item = C>,
    replies: impl IntoIterator<Item = ScriptedReply>,
) -> AgentSpec {
    let agent = ScriptedAgent::new(replies).expect("a script has at least one reply");
    AgentSpec::new(name, capabilities, Arc::new(agent))
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;
    use serde_json::json;

    use super::*;
    use crate::agents::command::fixture;

    fn agent<const N: usize>(replies: [ScriptedReply; N]) -> ScriptedAgent {
        ScriptedAgent::new(replies).unwrap()
    }

    async fn ask(agent: &ScriptedAgent) -> Report {
        let (task, _stop) = fixture::task(fixture::brief());
        agent.run(task).await.unwrap_or_else(AgentError::into_report)
    }

    #[tokio::test]
    async fn replies_come_in_turn_and_the_last_one_repeats() {
        let agent = agent([ScriptedReply::error("boom"), ScriptedReply::output("3 TODOs")]);

        let answers = [ask(&agent).await, ask(&agent).await, ask(&agent).await].map(|report| report.result.ok());

        assert_eq!(answers, [None, Some(Output::text("3 TODOs")), Some(Output::text("3 TODOs"))]);
    }

    #[tokio::test]
    async fn a_string_is_text_and_all_else_is_json() {
        let agent = agent([ScriptedReply::output("3"), ScriptedReply::output(json!({ "todos": 3 }))]);

        assert_eq!(ask(&agent).await.result, Ok(Output::text("3")));
        assert_eq!(ask(&agent).await.result, Ok(Output::json(json!({ "todos": 3 }))));
    }

    #[tokio::test]
    async fn an_error_is_reported_with_what_it_cost() {
        let usage = Usage { input_tokens: 5, ..Usage::default() };
        let agent = agent([ScriptedReply::error("boom").not_retryable().usage(usage).cost_usd(0.5)]);

        let report = ask(&agent).await;

        let failure = report.result.unwrap_err();
        assert_eq!((failure.message.as_str(), failure.retryable), ("boom", false));
        assert_eq!((report.usage, report.cost), (usage, Cost::Known(500_000)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_delay_passes_in_tokios_time() {
        let agent = agent([ScriptedReply::output("late").after(Duration::from_secs(3600))]);
        let start = tokio::time::Instant::now();

        ask(&agent).await;

        assert_eq!(start.elapsed(), Duration::from_secs(3600));
    }

    #[tokio::test(start_paused = true)]
    async fn a_hang_does_not_listen_when_told_to_stop() {
        let agent = agent([ScriptedReply::hang()]);
        let (task, stop) = fixture::task(fixture::brief());
        stop.send(true).unwrap();

        let ended = tokio::time::timeout(Duration::from_secs(86_400), agent.run(task)).await;

        assert!(ended.is_err());
    }

    #[tokio::test]
    async fn a_panic_panics_and_the_next_reply_follows() {
        let agent = agent([ScriptedReply::panic(), ScriptedReply::output("better")]);

        let first = std::panic::AssertUnwindSafe(ask(&agent)).catch_unwind().await;

        assert!(first.is_err());
        assert_eq!(ask(&agent).await.result, Ok(Output::text("better")));
    }

    #[tokio::test]
    async fn no_reply_is_given_twice_while_there_are_others() {
        let agent = agent(std::array::from_fn::<_, 64, _>(ScriptedReply::output));

        let mut given: Vec<u64> = futures::future::join_all((0..64).map(|_| ask(&agent)))
            .await
            .into_iter()
            .filter_map(|report| report.result.unwrap().content.value().as_u64())
            .collect();

        given.sort_unstable();
        assert_eq!(given, (0..64).collect::<Vec<_>>());
    }

    #[test]
    fn a_script_without_replies_is_none() {
        assert_eq!(ScriptedAgent::new([]).unwrap_err(), ScriptError::Empty);
    }
}
