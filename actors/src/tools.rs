//! What agents may use on the world, and how each use is ruled. To join the family, implement `Tool`.
//!
//! There is one road: `ctx.tool(name, args)`. The tool says which permission the call needs, the agent's supervisor
//! rules on it against the mandate of the *task*, records it, and only then the tool runs, inside the attempt's own
//! task: a kill stops it. A call outside the mandate is refused as a value, recorded, and a violation for the breaker.

use std::{collections::BTreeMap, future::Future, panic::AssertUnwindSafe, sync::Arc};

use bailiwick_protocols::{Constraint, Permission, Permissions, Refusal, Scope, Timestamp, permission::Rule};
use futures::{FutureExt, future::BoxFuture};
use regex::RegexBuilder;
use serde_json::{Map, Value};

mod folder;
#[cfg(feature = "http")]
pub mod http_get;
pub mod read_file;
pub mod write_file;

#[cfg(feature = "http")]
pub use http_get::HttpGet;
pub use read_file::ReadFile;
pub use write_file::WriteFile;

/// Something agents may use on the world.
pub trait Tool: Send + Sync + 'static {
    /// The name agents call it by, unique in a team.
    fn name(&self) -> &str;

    /// Which permission a call with these arguments needs. Pure.
    ///
    /// # Errors
    /// What is wrong with the arguments, for the agent.
    fn needs(&self, args: &Map<String, Value>) -> Result<Need, String>;

    /// Does it. Called only once the call was ruled on and recorded.
    ///
    /// # Errors
    /// What went wrong, for the agent.
    fn run(&self, args: Map<String, Value>) -> impl Future<Output = Result<Value, String>> + Send;
}

/// The permission one call needs: a verb on a resource at a plain path.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Need {
    /// `fs` of `fs.read:repo/src`.
    pub resource: String,
    /// `read` of `fs.read:repo/src`.
    pub verb: String,
    /// `repo/src` of `fs.read:repo/src`.
    pub path: String,
}

impl std::fmt::Display for Need {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}:{}", self.resource, self.verb, self.path)
    }
}

/// A [`Tool`] behind a pointer.
pub trait DynTool: Send + Sync + 'static {
    /// Which permission a call with these arguments needs.
    ///
    /// # Errors
    /// What is wrong with the arguments.
    fn needs_dyn(&self, args: &Map<String, Value>) -> Result<Need, String>;

    /// Does it; a panic is an error.
    fn run_boxed(self: Arc<Self>, args: Map<String, Value>) -> BoxFuture<'static, Result<Value, String>>;
}

impl<T: Tool> DynTool for T {
    fn needs_dyn(&self, args: &Map<String, Value>) -> Result<Need, String> {
        std::panic::catch_unwind(AssertUnwindSafe(|| self.needs(args)))
            .unwrap_or_else(|panic| Err(format!("panic: {}", crate::panic_text(&*panic))))
    }

    fn run_boxed(self: Arc<Self>, args: Map<String, Value>) -> BoxFuture<'static, Result<Value, String>> {
        Box::pin(async move {
            AssertUnwindSafe(async move { self.run(args).await })
                .catch_unwind()
                .await
                .unwrap_or_else(|panic| Err(format!("panic: {}", crate::panic_text(&*panic))))
        })
    }
}

/// The tools of a team, by name.
pub type Tools = BTreeMap<String, Arc<dyn DynTool>>;

/// Why a tool gave no result.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ToolError {
    /// There is no such tool.
    #[error("there is no tool `{name}`; there is {present}")]
    Unknown {
        /// The name asked for.
        name: String,
        /// The tools there are.
        present: String,
    },
    /// The arguments are not what the tool takes.
    #[error("bad arguments: {0}")]
    Arguments(String),
    /// The supervisor turned the call away; nothing was done.
    #[error("refused: {0}")]
    Refused(Refusal),
    /// It was done, or begun, and failed.
    #[error("{0}")]
    Failed(String),
}

/// Whether a set of permissions allows a call now.
pub fn allows(held: &Permissions, need: &Need, args: &Map<String, Value>, now: Timestamp) -> bool {
    held.iter().any(|permission| permits(permission, need, args, now))
}

fn permits(held: &Permission, need: &Need, args: &Map<String, Value>, now: Timestamp) -> bool {
    held.resource() == need.resource
        && held.verb() == need.verb
        && contains(held.scope(), &need.path)
        && held.expires().is_none_or(|at| now < at)
        && held.constraints().iter().all(|constraint| meets(constraint, args))
}

/// Only a plain path lies anywhere: no segment is empty, `.` or `..`.
fn contains(scope: &Scope, path: &str) -> bool {
    let plain = path.split('/').all(|segment| !matches!(segment, "" | "." | ".."));
    plain && scope.contains(path)
}

/// Whether the arguments meet a constraint. An argument that is not there meets none.
fn meets(constraint: &Constraint, args: &Map<String, Value>) -> bool {
    let Some(value) = args.get(&constraint.argument) else { return false };
    match &constraint.rule {
        Rule::Equals(wanted) => value == wanted.value(),
        Rule::OneOf(wanted) => wanted.iter().any(|wanted| value == wanted.value()),
        Rule::AtMost(bound) => value.as_f64().is_some_and(|number| number <= *bound),
        Rule::Under(folder) => value.as_str().is_some_and(|path| {
            let plain = path.split('/').all(|segment| !matches!(segment, "" | "." | ".."));
            plain && path.strip_prefix(folder.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        }),
        // A pattern that cannot be compiled allows nothing.
        Rule::Matches(pattern) => value.as_str().is_some_and(|text| {
            RegexBuilder::new(pattern).size_limit(1 << 20).build().is_ok_and(|regex| regex.is_match(text))
        }),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn held(permission: Permission) -> Permissions {
        [permission].into_iter().collect()
    }

    fn read(path: &str) -> Need {
        Need { resource: "fs".into(), verb: "read".into(), path: path.into() }
    }

    fn args(value: Value) -> Map<String, Value> {
        value.as_object().cloned().unwrap_or_default()
    }

    fn at(millis: u64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    #[test]
    fn a_call_is_allowed_only_within_scope_verb_and_time() {
        let held = held("fs.read:repo/*".parse::<Permission>().unwrap().until(at(10)));
        let none = args(json!({}));

        assert!(allows(&held, &read("repo/src/lib.rs"), &none, at(9)));
        assert!(!allows(&held, &read("repo/src/lib.rs"), &none, at(10)), "it ended");
        assert!(!allows(&held, &read("repo"), &none, at(9)), "the folder itself is not below it");
        assert!(!allows(&held, &read("repo/../etc/passwd"), &none, at(9)), "no way round");
        assert!(!allows(&held, &Need { verb: "write".into(), ..read("repo/a") }, &none, at(9)));
    }

    #[test]
    fn every_constraint_must_be_met_and_a_missing_argument_meets_none() {
        let permission: Permission = "net.get:*".parse().unwrap();
        let held = held(
            permission
                .constrained("size", Rule::AtMost(10.0))
                .constrained("kind", Rule::OneOf(vec!["a".into(), "b".into()]))
                .constrained("path", Rule::Under("docs".into()))
                .constrained("name", Rule::Matches("^[a-z]+$".into())),
        );
        let need = Need { resource: "net".into(), verb: "get".into(), path: "example.org".into() };
        let good = json!({ "size": 10, "kind": "b", "path": "docs/a", "name": "ada" });

        assert!(allows(&held, &need, &args(good.clone()), at(0)));
        for (key, bad) in [("size", json!(11)), ("kind", json!("c")), ("path", json!("docsx")), ("name", json!("A1"))] {
            let mut wrong = good.clone();
            wrong[key] = bad;
            assert!(!allows(&held, &need, &args(wrong), at(0)), "{key}");
            let mut missing = args(good.clone());
            missing.remove(key);
            assert!(!allows(&held, &need, &missing, at(0)), "{key} is missing");
        }
    }
}
