//! A contract that can be run: its leaves one by one, and the tree that joins their findings.

use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use bailiwick_protocols::{Contract, Failure, Json, Output, Verdict};
use futures::{FutureExt, future::BoxFuture};

use super::{
    DynVerifier, Panel, Reading, Work, bytes,
    compose::{Tree, sound},
    function::bounded,
    pattern::Pattern,
    schema::Schema,
    shape::Shape,
    text,
};
use crate::panic_text;

/// The most bytes of an output that pure checks examine where they are asked: 256 KiB. More goes to the pool.
pub const INLINE_BYTES_MAX: usize = 256 * 1024;

/// The most that patterns may cost where they are asked: bytes of output times bytes of compiled pattern, some 50 ms at
/// worst. Linear time alone is not enough: each byte of text can cost as much as the pattern is large.
pub const INLINE_COST_MAX: usize = 256 * 1024 * 1024;

/// Where a leaf runs.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Lane {
    /// Anywhere, if the output is small.
    Pure,
    /// In the pool, among functions.
    Function,
    /// In the pool, among judges.
    Judge,
}

/// A contract that was accepted. Made by [`Verifiers::compile`](super::Verifiers::compile).
pub struct CompiledContract {
    spec: Contract,
    tree: Option<Tree>,
    leaves: Vec<Leaf>,
    shape: Shape,
    /// The most bytes of output that are examined where they are asked.
    inline_bytes_max: usize,
}

/// One check, ready to run.
pub(crate) enum Leaf {
    Contains(String),
    Equals(Json),
    Regex(Pattern),
    Schema(Schema),
    Function { name: Arc<str>, verifier: Arc<dyn DynVerifier> },
    Judge(Panel),
}

impl CompiledContract {
    pub(crate) fn new(spec: Contract, tree: Option<Tree>, leaves: Vec<Leaf>, shape: Shape) -> Self {
        let weight: usize = leaves.iter().map(Leaf::weight).sum();
        let inline_bytes_max = INLINE_BYTES_MAX.min(INLINE_COST_MAX / weight.max(1));
        Self { spec, tree, leaves, shape, inline_bytes_max }
    }

    /// The contract as it was written.
    pub fn spec(&self) -> &Contract {
        &self.spec
    }

    /// Whether a verdict can be had at all.
    pub fn asks_for_check(&self) -> bool {
        self.tree.is_some()
    }

    /// Whether no function and no judge is asked.
    pub fn is_pure(&self) -> bool {
        self.leaves.iter().all(|leaf| leaf.lane() == Lane::Pure)
    }

    /// Whether a judge is an agent of the team: it is asked through the goal.
    pub fn asks_agents(&self) -> bool {
        self.leaves.iter().any(|leaf| matches!(leaf, Leaf::Judge(panel) if panel.asks_agents()))
    }

    /// Gives an output the shape the contract asks for.
    ///
    /// # Errors
    /// `INVALID_OUTPUT` naming the field: format, schema, length, or more than 2 MB.
    pub fn shape(&self, output: &Output) -> Result<Output, Failure> {
        self.shape.fit(output)
    }

    /// Whether [`examine_pure`](Self::examine_pure) finds everything, and in bounded time: no function, no judge, at
    /// most 256 KiB, less if the patterns are heavy.
    pub fn fits_inline(&self, output: &Output) -> bool {
        self.is_pure() && bytes(output) <= self.inline_bytes_max
    }

    /// Examines an output here and now; `None` only if the contract asks for no check. Functions and judges abstain:
    /// ask [`fits_inline`](Self::fits_inline) first.
    pub fn examine_pure(&self, output: &Output) -> Option<Verdict> {
        let reading = Reading::of(output);
        let missing = |leaf: &Leaf| Verdict::abstain(leaf.method(), "it can be asked in the pool only");
        let found: Vec<_> =
            self.leaves.iter().map(|leaf| leaf.look(&reading).or_else(|| Some(missing(leaf)))).collect();
        self.settle(&found)
    }

    /// How many leaves there are; they are numbered from 0.
    pub fn leaves(&self) -> usize {
        self.leaves.len()
    }

    /// Where a leaf runs; `None` if there is no such leaf.
    pub fn lane(&self, leaf: usize) -> Option<Lane> {
        self.leaves.get(leaf).map(Leaf::lane)
    }

    /// The method its verdicts carry; `None` if there is no such leaf.
    pub fn method(&self, leaf: usize) -> Option<&'static str> {
        self.leaves.get(leaf).map(Leaf::method)
    }

    /// What can be found out at once: by leaf, the findings of pure checks if the output is small enough.
    pub fn find_at_once(&self, output: &Output) -> Vec<Option<Verdict>> {
        if bytes(output) > self.inline_bytes_max {
            return vec![None; self.leaves.len()];
        }
        let reading = Reading::of(output);
        self.leaves.iter().map(|leaf| leaf.look(&reading)).collect()
    }

    /// Runs one leaf, whatever it is. It ends by itself within 30 s and a panic abstains; drop it to give up earlier.
    ///
    /// Functions and judges are somebody else's code: run it on the runtime of the agents, never on the actors'.
    pub fn run_leaf(self: &Arc<Self>, leaf: usize, work: Work) -> BoxFuture<'static, Verdict> {
        let contract = self.clone();
        async move {
            match contract.leaves.get(leaf) {
                None => Verdict::abstain("none", format!("there is no check {leaf}")),
                // Each seat has the time bound; another one around it would throw away what was answered in time.
                Some(Leaf::Judge(panel)) => panel.examine(&work).await,
                Some(Leaf::Function { name, verifier }) => {
                    let (name, verifier) = (name.clone(), verifier.clone());
                    let found = bounded(async move { verifier.examine_boxed(work).await }).await;
                    let found = found.unwrap_or_else(|why| Verdict::abstain("function", why));
                    let details = format!("`{name}`: {}", found.details);
                    // Only a panel has judges, whatever a function of the user's says.
                    sound(Verdict { method: "function".to_owned(), details, judges: Box::default(), ..found })
                }
                Some(pure) => {
                    let method = pure.method();
                    match bounded(contract.clone().look_apart(leaf, work)).await {
                        Ok(Some(found)) => found,
                        Ok(None) => Verdict::abstain(method, "it did not come to an end"),
                        Err(why) => Verdict::abstain(method, why),
                    }
                }
            }
        }
        .boxed()
    }

    /// A pure check on a large output, where it keeps nobody else waiting.
    async fn look_apart(self: Arc<Self>, leaf: usize, work: Work) -> Option<Verdict> {
        let looked = tokio::task::spawn_blocking(move || self.leaves.get(leaf)?.look(&Reading::of(work.output())));
        looked.await.ok().flatten()
    }

    /// The verdict, given what the leaves found; `None` while a finding to come could change it, or if the contract
    /// asks for no check.
    pub fn settle(&self, found: &[Option<Verdict>]) -> Option<Verdict> {
        self.tree.as_ref()?.settle(found)
    }
}

impl Leaf {
    fn lane(&self) -> Lane {
        match self {
            Leaf::Contains(_) | Leaf::Equals(_) | Leaf::Regex(_) | Leaf::Schema(_) => Lane::Pure,
            Leaf::Function { .. } => Lane::Function,
            Leaf::Judge(_) => Lane::Judge,
        }
    }

    fn weight(&self) -> usize {
        match self {
            Leaf::Regex(pattern) => pattern.weight(),
            Leaf::Schema(schema) => schema.weight(),
            _ => 0,
        }
    }

    fn method(&self) -> &'static str {
        match self {
            Leaf::Contains(_) => "contains",
            Leaf::Equals(_) => "equals",
            Leaf::Regex(_) => "regex",
            Leaf::Schema(_) => "schema",
            Leaf::Function { .. } => "function",
            Leaf::Judge(_) => "judge",
        }
    }

    /// What a pure check finds; `None` for the others. A panic in an engine abstains.
    fn look(&self, reading: &Reading<'_>) -> Option<Verdict> {
        let look = || match self {
            Leaf::Contains(wanted) => Some(text::contains(reading, wanted)),
            Leaf::Equals(wanted) => Some(text::equals(reading, wanted)),
            Leaf::Regex(pattern) => Some(pattern.examine(reading)),
            Leaf::Schema(schema) => Some(schema.examine(reading)),
            Leaf::Function { .. } | Leaf::Judge(_) => None,
        };
        catch_unwind(AssertUnwindSafe(look)).unwrap_or_else(|panic| {
            Some(Verdict::abstain(self.method(), format!("it panicked: {}", panic_text(&*panic))))
        })
    }
}

impl fmt::Debug for CompiledContract {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CompiledContract").field("spec", &self.spec).finish_non_exhaustive()
    }
}
