//! A function that blocks as an agent: it runs on a thread of its own, and what outlives its attempt is counted.
//!
//! Nothing can stop a thread from outside. An attempt that is killed leaves its thread behind; the supervisor is told
//! how many there are, and the `threads` policy starts no more of them once there are too many.

use std::{
    fmt,
    marker::PhantomData,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU8, Ordering},
    },
};

use bailiwick_protocols::{AgentName, Capability, Report};
use futures::future::BoxFuture;
use ractor::ActorCell;
use tokio::task::AbortHandle;

use super::{AgentContext, AgentError, AgentSpec, DynAgent, Seated};

/// The threads an agent left behind, over all its seats. Cheap to clone.
#[derive(Clone, Default)]
pub struct Threads(Arc<Mutex<Left>>);

#[derive(Default)]
struct Left {
    threads: u32,
    told: Option<Box<dyn Fn(u32) + Send>>,
}

impl Threads {
    /// Tells how many there are, now and at every change, in order. Only the last listener is told.
    pub fn on_change(&self, tell: impl Fn(u32) + Send + 'static) {
        let mut left = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tell(left.threads);
        left.told = Some(Box::new(tell));
    }

    /// Moves one thread on. Under the lock: what is told last is what is true.
    fn change(&self, state: &AtomicU8, to: u8) {
        let mut left = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let from = state.load(Ordering::Acquire);
        left.threads = match (from, to) {
            (RUNNING, LEFT) => left.threads + 1,
            (LEFT, ENDED) => left.threads - 1,
            (RUNNING, ENDED) => return state.store(to, Ordering::Release),
            // It ended before anybody let it down.
            _ => return,
        };
        state.store(to, Ordering::Release);
        if let Some(told) = &left.told {
            told(left.threads);
        }
    }
}

impl fmt::Debug for Threads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let left = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        f.debug_tuple("Threads").field(&left.threads).finish()
    }
}

/// A blocking function as an agent; made by [`agent_blocking`].
pub struct BlockingAgent<F, R> {
    function: Arc<F>,
    threads: Threads,
    _answers: PhantomData<fn() -> R>,
}

/// Makes an agent of a function that blocks its thread. It is killed only by ending: one that should stop asks
/// [`AgentContext::is_canceled`] now and then. What is `async` in its context it waits for with [`AgentContext::wait`].
pub fn agent_blocking<C, F, R>(
    name: impl Into<AgentName>,
    capabilities: impl IntoIterator<Item = C>,
    function: F,
) -> AgentSpec
where
    C: Into<Capability>,
    F: Fn(AgentContext) -> Result<R, AgentError> + Send + Sync + 'static,
    R: Into<Report> + 'static,
{
    let agent = BlockingAgent { function: Arc::new(function), threads: Threads::default(), _answers: PhantomData };
    AgentSpec::new(name, capabilities, Arc::new(agent))
}

impl AgentContext {
    /// Waits for something on a thread that may block: for [`agent_blocking`].
    ///
    /// # Panics
    /// In async code, where `.await` is the word.
    pub fn wait<T>(&self, what: impl Future<Output = T>) -> T {
        tokio::runtime::Handle::current().block_on(what)
    }
}

impl<F, R> DynAgent for BlockingAgent<F, R>
where
    F: Fn(AgentContext) -> Result<R, AgentError> + Send + Sync + 'static,
    R: Into<Report> + 'static,
{
    fn seat(self: Arc<Self>, _: ActorCell) -> Arc<dyn Seated> {
        self
    }

    fn threads(&self) -> Option<Threads> {
        Some(self.threads.clone())
    }
}

impl<F, R> Seated for BlockingAgent<F, R>
where
    F: Fn(AgentContext) -> Result<R, AgentError> + Send + Sync + 'static,
    R: Into<Report> + 'static,
{
    fn carry(self: Arc<Self>, task: AgentContext) -> BoxFuture<'static, Result<Report, String>> {
        Box::pin(async move {
            let state = Arc::new(AtomicU8::new(RUNNING));
            let ended = Ended { state: state.clone(), threads: self.threads.clone() };
            let function = self.function.clone();
            let job = tokio::task::spawn_blocking(move || {
                let _ended = ended;
                function(task).map_or_else(AgentError::into_report, Into::into)
            });
            let _waits = Waits { state, threads: self.threads.clone(), job: job.abort_handle() };
            job.await.map_err(|error| match error.try_into_panic() {
                Ok(panic) => format!("panic: {}", crate::panic_text(&*panic)),
                Err(canceled) => canceled.to_string(),
            })
        })
    }
}

const RUNNING: u8 = 0;
const LEFT: u8 = 1;
const ENDED: u8 = 2;

/// The attempt's side: dropped before its thread ended, it leaves it behind.
struct Waits {
    state: Arc<AtomicU8>,
    threads: Threads,
    job: AbortHandle,
}

impl Drop for Waits {
    fn drop(&mut self) {
        self.threads.change(&self.state, LEFT);
        // What only waits for a thread needs none any more.
        self.job.abort();
    }
}

/// The thread's side: dropped when it ends, however it ends.
struct Ended {
    state: Arc<AtomicU8>,
    threads: Threads,
}

impl Drop for Ended {
    fn drop(&mut self) {
        self.threads.change(&self.state, ENDED);
    }
}
