//! Who sits on a panel, and the way from there to those of them that are agents of the team.
//!
//! A judge given in code answers where it is asked. An agent is asked through the goal whose work is judged: its own
//! supervisor rules on it, and what it costs stands in that goal's ledger.

use std::{fmt, sync::Arc};

use bailiwick_protocols::AgentName;
use tokio::sync::oneshot;

use super::judge::{DynJudge, JudgeAnswer, JudgeQuestion};

/// Somebody on a panel.
#[derive(Clone)]
pub(crate) enum Seated {
    /// Given in code, or a script; with the name it goes by.
    Given(Arc<str>, Arc<dyn DynJudge>),
    /// An agent of the team.
    Agent(AgentName),
}

/// A question to an agent, on its way to the goal.
#[derive(Debug)]
pub(crate) struct ToAgent {
    pub agent: AgentName,
    pub seat: usize,
    pub question: String,
    pub reply: oneshot::Sender<JudgeAnswer>,
}

/// Carries questions to agents up to the goal; made by the pool, for one check of one examination.
#[derive(Clone)]
pub(crate) struct Bench(Arc<dyn Fn(ToAgent) + Send + Sync>);

impl Bench {
    pub fn new(carry: impl Fn(ToAgent) + Send + Sync + 'static) -> Self {
        Self(Arc::new(carry))
    }

    async fn ask(&self, agent: AgentName, question: &JudgeQuestion) -> JudgeAnswer {
        let (reply, answer) = oneshot::channel();
        (self.0)(ToAgent { agent, seat: question.seat, question: question.prompt(), reply });
        answer.await.unwrap_or_else(|_| JudgeAnswer::Abstained("nobody took the question to it".to_owned()))
    }
}

impl fmt::Debug for Bench {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Bench")
    }
}

impl Seated {
    /// What it is called where its answers are told.
    pub fn name(&self) -> &str {
        match self {
            Seated::Given(name, _) => name,
            Seated::Agent(agent) => agent.as_str(),
        }
    }

    /// Answers one question, here or by way of the goal.
    pub async fn answer(self, question: JudgeQuestion, bench: Option<Bench>) -> JudgeAnswer {
        match (self, bench) {
            (Seated::Given(_, judge), _) => judge.judge_boxed(question).await,
            (Seated::Agent(agent), Some(bench)) => bench.ask(agent, &question).await,
            (Seated::Agent(agent), None) => {
                JudgeAnswer::Abstained(format!("{agent} is an agent, and no goal is there to ask it"))
            }
        }
    }
}
