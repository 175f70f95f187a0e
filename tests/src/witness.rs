//! Somebody who watches agents at work: what they were told, when, and how many were at it at once.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bailiwick::{
    actors::agents::{Agent, scripted::ScriptedAgent},
    prelude::*,
    protocols::{Feedback, Mandate, TaskId},
};
use tokio::time::Instant;

/// What one attempt was told.
#[derive(Clone, Debug)]
#[allow(missing_docs, reason = "each is what the context of the same name says")]
pub struct Seen {
    pub agent: String,
    pub task: TaskId,
    pub goal: String,
    pub attempt: u32,
    pub feedback: Option<Feedback>,
    pub inputs: Vec<(String, Output)>,
    pub mandate: Mandate,
    pub key: String,
    pub remaining: Duration,
    pub at: Instant,
}

/// Watches; cheap to clone.
#[derive(Clone, Default)]
pub struct Witness(Arc<Watched>);

#[derive(Default)]
struct Watched {
    seen: Mutex<Vec<Seen>>,
    ended: Mutex<Vec<(String, Instant)>>,
    running: AtomicUsize,
    most: AtomicUsize,
}

struct Running {
    witness: Witness,
    task: String,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.witness.0.running.fetch_sub(1, Ordering::SeqCst);
        let ended = (std::mem::take(&mut self.task), Instant::now());
        self.witness.0.ended.lock().unwrap_or_else(PoisonError::into_inner).push(ended);
    }
}

impl Witness {
    /// Has seen nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// A watched agent that answers by a script.
    pub fn scripted(
        &self,
        name: &str,
        capability: &str,
        replies: impl IntoIterator<Item = ScriptedReply>,
    ) -> AgentSpec {
        let script = Arc::new(ScriptedAgent::new(replies).expect("a script has at least one reply"));
        self.agent(name, capability, move |task| {
            let script = script.clone();
            async move { script.run(task).await }
        })
    }

    /// A watched agent.
    pub fn agent<F, Fut>(&self, name: &str, capability: &str, work: F) -> AgentSpec
    where
        F: Fn(AgentContext) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Report, AgentError>> + Send + 'static,
    {
        let (witness, agent, work) = (self.clone(), name.to_owned(), Arc::new(work));
        agent_fn(name, [capability], move |task| {
            let (witness, agent, work) = (witness.clone(), agent.clone(), work.clone());
            async move {
                let _running = witness.enter(&agent, &task);
                work(task).await
            }
        })
    }

    fn enter(&self, agent: &str, task: &AgentContext) -> Running {
        let inputs = task.inputs().iter().map(|(id, output)| (id.to_string(), output.clone())).collect();
        self.0.seen.lock().unwrap_or_else(PoisonError::into_inner).push(Seen {
            agent: agent.to_owned(),
            task: task.task().clone(),
            goal: task.goal().to_owned(),
            attempt: task.attempt(),
            feedback: task.feedback().cloned(),
            inputs,
            mandate: task.mandate().clone(),
            key: task.idempotency_key().to_owned(),
            remaining: task.remaining(),
            at: Instant::now(),
        });
        let now = self.0.running.fetch_add(1, Ordering::SeqCst) + 1;
        self.0.most.fetch_max(now, Ordering::SeqCst);
        Running { witness: self.clone(), task: task.task().to_string() }
    }

    /// Everything seen, in order.
    pub fn seen(&self) -> Vec<Seen> {
        self.0.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How often an agent was called.
    pub fn calls(&self) -> usize {
        self.seen().len()
    }

    /// How often an agent was called for this task.
    pub fn calls_for(&self, task: &str) -> usize {
        self.seen().iter().filter(|seen| seen.task == *task).count()
    }

    /// The most attempts that were at work at once.
    pub fn most(&self) -> usize {
        self.0.most.load(Ordering::SeqCst)
    }

    /// How many are at work now.
    pub fn running(&self) -> usize {
        self.0.running.load(Ordering::SeqCst)
    }
}
