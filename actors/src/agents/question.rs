//! An agent asks a question upwards: whoever answers for the team is told, and the attempt waits for the answer.
//!
//! A question is a part of the task like any other, handed to an agent that can [`ANSWERS`]: a person behind a prompt,
//! a chat, a program. So it is recorded, answered once a task however many attempts ask it, and its place is somebody
//! else's while it waits. See `docs/decisions/0009-a-question-is-a-delegation.md`.

use std::{future::Future, time::Duration};

use bailiwick_protocols::{AgentName, Capability, NotDelegated, Output, Reversibility, Task, TaskId};

use super::{AgentContext, AgentError, AgentSpec, agent_fn};
use crate::goal::step::fingerprint;

/// The capability of whoever answers questions. An agent that can do nothing else is asked nothing else.
pub const ANSWERS: &str = "question.answer";

/// Whether whoever can do this does nothing but answer questions.
pub fn only_answers(capabilities: &[Capability]) -> bool {
    matches!(capabilities, [one] if one.as_str() == ANSWERS)
}

/// How long an answer may take, within the deadline: a day.
pub const ANSWER_TIMEOUT: Duration = Duration::from_secs(24 * 3600);

/// What whoever answers is told.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Question {
    /// What is asked.
    pub text: String,
    /// The agent that asks.
    pub asker: AgentName,
    /// The task it is at work on.
    pub task: TaskId,
}

/// A question was not answered.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NotAnswered {
    /// Nobody in the team answers questions.
    #[error("nobody answers questions here: give the team an agent that can `{ANSWERS}`")]
    NoOneToAsk,
    /// Whoever answers was not asked, or gave no answer.
    #[error(transparent)]
    NotDelegated(#[from] NotDelegated),
}

impl AgentContext {
    /// Asks whoever answers for the team, a person as a rule, and waits for what they say. The attempt's own time does
    /// not run meanwhile; the deadline does. The same question, asked again by this attempt or the next one of the
    /// same task, gets the recorded answer.
    ///
    /// # Errors
    /// If nobody answers questions in this team, the question is refused as a part would be, or nobody answered it.
    ///
    /// # Cancel safety
    /// As of [`AgentContext::delegate`].
    pub async fn ask(&self, question: impl Into<String>) -> Result<String, NotAnswered> {
        if !self.peers.now().iter().any(|peer| peer.capabilities.iter().any(|can| can.as_str() == ANSWERS)) {
            return Err(NotAnswered::NoOneToAsk);
        }
        let task = Task::new("question", question)
            .needs_capability(ANSWERS)
            .timeout(ANSWER_TIMEOUT)
            .retries(0)
            .criticality(1)
            .reversibility(Reversibility::High);
        let name = format!("ask-{:08x}", fingerprint(&task) as u32);
        let answered = self.delegate(name, task).await?;
        Ok(answered.output()?.to_string())
    }
}

/// Makes an agent called `person` that answers the questions of the others, one at a time, and does nothing else.
pub fn answers<F, Fut>(answer: F) -> AgentSpec
where
    F: Fn(Question) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<String, AgentError>> + Send + 'static,
{
    agent_fn("person", [ANSWERS], move |asked: AgentContext| {
        let delegation = &asked.assignment().delegation;
        let parent = asked.task().rsplit_once('/').map_or(asked.task().as_str(), |(parent, _)| parent);
        let answer = answer(Question {
            text: asked.goal().to_owned(),
            asker: delegation.lineage.last().cloned().unwrap_or_else(|| "nobody".into()),
            task: parent.into(),
        });
        async move { Ok(Output::text(answer.await?)) }
    })
}
