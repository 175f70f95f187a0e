//! A closure as a verifier: the lightest way to be one.
//!
//! A synchronous closure may block: it runs on a thread of its own, at most [`THREADS_MAX`] of one verifier at a time. A
//! closure that never returns keeps its thread and abstains; when all are kept, so does every further examination.

use std::{fmt::Display, future::Future, marker::PhantomData, panic::AssertUnwindSafe, sync::Arc};

use bailiwick_protocols::{Verdict, contract::VERIFICATION_TIMEOUT};
use futures::FutureExt;
use tokio::sync::Semaphore;

use super::{DynVerifier, Verifier, Work};
use crate::panic_text;

/// The most threads one synchronous verifier uses at a time.
pub const THREADS_MAX: usize = 8;

/// A verifier under the name contracts call it by.
#[derive(Clone)]
#[non_exhaustive]
pub struct VerifierSpec {
    /// Unique in a registry.
    pub name: String,
    /// The code.
    pub verifier: Arc<dyn DynVerifier>,
}

/// Names a type that implements [`Verifier`].
pub fn verifier(name: impl Into<String>, verifier: impl Verifier) -> VerifierSpec {
    VerifierSpec { name: name.into(), verifier: Arc::new(verifier) }
}

/// Makes a verifier of a closure that answers with a `bool`, a full [`Verdict`], or a `Result` of either.
///
/// It may block. An `Err` or a panic abstains.
///
/// # Examples
/// ```
/// use bailiwick_actors::verifiers::verify_fn;
///
/// let three_sources = verify_fn("three_sources", |work| work.text().matches("http").count() >= 3);
/// ```
pub fn verify_fn<F, V>(name: impl Into<String>, function: F) -> VerifierSpec
where
    F: Fn(&Work) -> V + Send + Sync + 'static,
    V: IntoVerdict + 'static,
{
    let threads = Arc::new(Semaphore::new(THREADS_MAX));
    verifier(name, Blocking { function: Arc::new(function), threads, _answers: PhantomData })
}

/// Makes a verifier of a closure whose future answers with a `bool`, a full [`Verdict`], or a `Result` of either.
///
/// It must not block: `verify_fn` may. An `Err` or a panic abstains.
///
/// # Examples
/// ```
/// use bailiwick_actors::verifiers::verify_async;
///
/// let short = verify_async("short", |work| async move { work.text().len() < 280 });
/// ```
pub fn verify_async<F, Fut>(name: impl Into<String>, function: F) -> VerifierSpec
where
    F: Fn(Work) -> Fut + Send + Sync + 'static,
    Fut: Future<Output: IntoVerdict> + Send + 'static,
{
    verifier(name, Waiting { function, _answers: PhantomData })
}

/// What a closure may answer with.
pub trait IntoVerdict: Send {
    /// The finding it stands for.
    fn into_verdict(self) -> Verdict;
}

impl IntoVerdict for bool {
    fn into_verdict(self) -> Verdict {
        match self {
            true => Verdict::pass("function", 1.0, "passed"),
            false => Verdict::fail("function", 0.0, "did not pass"),
        }
    }
}

impl IntoVerdict for Verdict {
    fn into_verdict(self) -> Verdict {
        self
    }
}

/// An error is no finding: it abstains.
impl<V: IntoVerdict, E: Display + Send> IntoVerdict for Result<V, E> {
    fn into_verdict(self) -> Verdict {
        match self {
            Ok(verdict) => verdict.into_verdict(),
            Err(error) => Verdict::abstain("function", error.to_string()),
        }
    }
}

struct Blocking<F, V> {
    function: Arc<F>,
    threads: Arc<Semaphore>,
    _answers: PhantomData<fn() -> V>,
}

impl<F, V> Verifier for Blocking<F, V>
where
    F: Fn(&Work) -> V + Send + Sync + 'static,
    V: IntoVerdict + 'static,
{
    async fn examine(&self, work: &Work) -> Verdict {
        let Ok(permit) = self.threads.clone().acquire_owned().await else {
            return Verdict::abstain("function", "it is closed");
        };
        let (function, work) = (self.function.clone(), work.clone());
        let examined = tokio::task::spawn_blocking(move || {
            // Kept for as long as the closure runs, even when nobody waits for it any more.
            let _permit = permit;
            function(&work).into_verdict()
        });
        match examined.await.map_err(tokio::task::JoinError::try_into_panic) {
            Ok(verdict) => verdict,
            Err(Ok(panic)) => Verdict::abstain("function", format!("it panicked: {}", panic_text(&*panic))),
            Err(Err(_)) => Verdict::abstain("function", "the runtime it ran on ended"),
        }
    }
}

struct Waiting<F, Fut> {
    function: F,
    _answers: PhantomData<fn() -> Fut>,
}

impl<F, Fut> Verifier for Waiting<F, Fut>
where
    F: Fn(Work) -> Fut + Send + Sync + 'static,
    Fut: Future<Output: IntoVerdict> + Send + 'static,
{
    async fn examine(&self, work: &Work) -> Verdict {
        (self.function)(work.clone()).await.into_verdict()
    }
}

/// What a future answered, or why it did not: a panic, or 30 s. Needs a tokio runtime.
pub(crate) async fn bounded<T>(future: impl Future<Output = T>) -> Result<T, String> {
    let guarded = AssertUnwindSafe(future).catch_unwind();
    match tokio::time::timeout(VERIFICATION_TIMEOUT, guarded).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(panic)) => Err(format!("it panicked: {}", panic_text(&*panic))),
        Err(_) => Err(format!("no answer within {} s", VERIFICATION_TIMEOUT.as_secs())),
    }
}
