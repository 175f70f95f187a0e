//! How outputs are checked against contracts: the `Verifier` trait, and what a verifier is shown.
//!
//! A contract is compiled once, when it is accepted, and everything that could never be checked is refused then. What
//! is pure (text, regex, schema) runs wherever it is asked; functions and judges are futures for the pool. A check
//! passes, fails or abstains, and nothing that goes wrong inside one turns into a pass.

use std::{
    borrow::Cow,
    cell::OnceCell,
    collections::BTreeMap,
    future::Future,
    io,
    sync::{Arc, LazyLock},
};

use bailiwick_protocols::{Brief, Output, TaskId, Verdict};
use futures::future::BoxFuture;
use serde_json::Value;

mod bench;
pub mod compile;
pub mod compose;
pub mod contract;
pub mod function;
pub mod judge;
pub mod panel;
pub mod pattern;
pub mod registry;
pub mod schema;
pub mod shape;
pub mod text;

#[cfg(test)]
mod tests;

pub(crate) use bench::{Bench, ToAgent};
pub use compile::{ContractFault, ContractProblem};
pub use contract::{CompiledContract, Lane};
pub use function::{IntoVerdict, VerifierSpec, verifier, verify_async, verify_fn};
pub use judge::{Judge, JudgeAnswer, JudgeQuestion, Perspective, ScriptedJudge};
pub use panel::Panel;
pub use registry::{DuplicateVerifier, Verifiers};

/// Somebody who checks outputs. One value serves all examinations.
pub trait Verifier: Send + Sync + 'static {
    /// Examines one output. Runs in the pool, has 30 s, and may be asked twice about the same output; a panic abstains.
    fn examine(&self, work: &Work) -> impl Future<Output = Verdict> + Send;
}

/// A [`Verifier`] behind a pointer.
pub trait DynVerifier: Send + Sync + 'static {
    /// Examines one output.
    fn examine_boxed(self: Arc<Self>, work: Work) -> BoxFuture<'static, Verdict>;
}

impl<V: Verifier> DynVerifier for V {
    fn examine_boxed(self: Arc<Self>, work: Work) -> BoxFuture<'static, Verdict> {
        Box::pin(async move { self.examine(&work).await })
    }
}

/// What a verifier is shown: the output, and the work it was made for. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Work {
    output: Arc<Output>,
    told: Told,
    fence: Option<u64>,
    bench: Option<Bench>,
}

#[derive(Clone, Debug)]
enum Told {
    Goal(Arc<str>),
    Brief(Arc<Brief>),
}

impl Work {
    /// An output made for a goal in words.
    pub fn new(output: impl Into<Arc<Output>>, goal: impl Into<Arc<str>>) -> Self {
        Self { output: output.into(), told: Told::Goal(goal.into()), fence: None, bench: None }
    }

    /// An output made for a task.
    pub fn of_task(output: impl Into<Arc<Output>>, brief: Arc<Brief>) -> Self {
        Self { output: output.into(), told: Told::Brief(brief), fence: None, bench: None }
    }

    /// Sets the 64 random bits that fence the output in a judge's question. Draw them after the output is in;
    /// without them a judge is not asked and abstains.
    pub fn fenced_by(mut self, random: u64) -> Self {
        self.fence = Some(random);
        self
    }

    /// The output.
    pub fn output(&self) -> &Output {
        &self.output
    }

    /// The text, or compact JSON with sorted keys.
    pub fn text(&self) -> Cow<'_, str> {
        self.output.checked_text()
    }

    /// What was to be done, in words.
    pub fn goal(&self) -> &str {
        match &self.told {
            Told::Goal(goal) => goal,
            Told::Brief(brief) => &brief.goal,
        }
    }

    /// The outputs of the tasks this one comes after; none for a goal.
    pub fn inputs(&self) -> &BTreeMap<TaskId, Output> {
        static NONE: LazyLock<BTreeMap<TaskId, Output>> = LazyLock::new(BTreeMap::new);
        match &self.told {
            Told::Goal(_) => &NONE,
            Told::Brief(brief) => &brief.inputs,
        }
    }

    /// Everything the agent was told, if the output was made for a task.
    pub fn brief(&self) -> Option<&Brief> {
        match &self.told {
            Told::Goal(_) => None,
            Told::Brief(brief) => Some(brief),
        }
    }

    /// Sets the way to judges that are agents; without it they abstain.
    pub(crate) fn before(mut self, bench: Bench) -> Self {
        self.bench = Some(bench);
        self
    }

    pub(crate) fn bench(&self) -> Option<Bench> {
        self.bench.clone()
    }

    pub(crate) fn fence(&self) -> Option<u64> {
        self.fence
    }
}

/// An output as pure checks read it; each reading is made once, however many checks ask.
pub(crate) struct Reading<'a> {
    output: &'a Output,
    text: OnceCell<Cow<'a, str>>,
    value: OnceCell<Cow<'a, Value>>,
}

impl<'a> Reading<'a> {
    pub(crate) fn of(output: &'a Output) -> Self {
        Self { output, text: OnceCell::new(), value: OnceCell::new() }
    }

    /// Whether the output is text, or markdown.
    pub(crate) fn is_text(&self) -> bool {
        self.output.as_text().is_ok()
    }

    /// The text, or compact JSON with sorted keys.
    pub(crate) fn text(&self) -> &str {
        self.text.get_or_init(|| self.output.checked_text())
    }

    /// The JSON value; of a text, the value it parses to, else the string itself.
    pub(crate) fn value(&self) -> &Value {
        self.value.get_or_init(|| match self.output.as_text().map(serde_json::from_str) {
            Ok(Ok(parsed)) => Cow::Owned(parsed),
            _ => Cow::Borrowed(self.output.content.value()),
        })
    }
}

/// The bytes of what checks see, counted without writing them down.
pub(crate) fn bytes(output: &Output) -> usize {
    struct Count(usize);
    impl io::Write for Count {
        fn write(&mut self, written: &[u8]) -> io::Result<usize> {
            self.0 += written.len();
            Ok(written.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    match output.as_text() {
        Ok(text) => text.len(),
        Err(_) => {
            let mut count = Count(0);
            // Counting never fails; if it did, the output would count as too large.
            serde_json::to_writer(&mut count, output.content.value()).map_or(usize::MAX, |()| count.0)
        }
    }
}

/// At most this many characters of a text, with a mark where it was cut.
pub(crate) fn shorten(text: &str, chars_max: usize) -> Cow<'_, str> {
    match text.char_indices().nth(chars_max) {
        None => text.into(),
        Some((cut, _)) => format!("{}…", &text[..cut]).into(),
    }
}
