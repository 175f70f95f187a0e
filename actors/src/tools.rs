//! What agents may use on the world, and how each use is ruled. To join the family, implement `Tool`.
//!
//! There is one road: `ctx.tool(name, args)`. The tool says which permission the call needs, the agent's supervisor
//! rules on it against the mandate of the *task*, records it, and only then the tool runs, inside the attempt's own
//! task: a kill stops it. A call outside the mandate is refused as a value, recorded, and a violation for the breaker.

use std::{collections::BTreeMap, future::Future, panic::AssertUnwindSafe, sync::Arc};

use bailiwick_protocols::{Constraint, Outside, Permission, Permissions, Refusal, Scope, Timestamp, permission::Rule};
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

/// In what way a call lies outside a set of permissions now; `None` if one of them allows it.
///
/// Of several that reach as far, the one that comes nearest to allowing it is told about.
pub fn outside(held: &Permissions, need: &Need, args: &Map<String, Value>, now: Timestamp) -> Option<Outside> {
    let mut nearest = Outside::Scope;
    for permission in held.iter().filter(|permission| reaches(permission, need)) {
        if permission.expires().is_some_and(|at| at <= now) {
            if nearest == Outside::Scope {
                nearest = Outside::Expired;
            }
            continue;
        }
        let unmet = permission.constraints().iter().find(|constraint| !meets(constraint, args))?;
        nearest = Outside::Argument(unmet.argument.clone());
    }
    Some(nearest)
}

fn reaches(held: &Permission, need: &Need) -> bool {
    held.resource() == need.resource && held.verb() == need.verb && contains(held.scope(), &need.path)
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

    fn allows(held: &Permissions, need: &Need, args: &Map<String, Value>, now: Timestamp) -> bool {
        outside(held, need, args, now).is_none()
    }

    #[test]
    fn what_keeps_a_call_outside_is_told_by_the_permission_that_comes_nearest() {
        let ended = || "fs.read:repo/*".parse::<Permission>().unwrap().until(at(10));
        let small = "fs.read:repo/*".parse::<Permission>().unwrap().constrained("size", Rule::AtMost(10.0));
        let large = args(json!({ "size": 11 }));
        let told = |held: &[Permission], now| outside(&held.iter().cloned().collect(), &read("repo/a"), &large, now);

        assert_eq!(told(&["fs.read:docs/*".parse().unwrap()], at(10)), Some(Outside::Scope));
        assert_eq!(told(&[ended()], at(10)), Some(Outside::Expired));
        assert_eq!(told(std::slice::from_ref(&small), at(10)), Some(Outside::Argument("size".into())));
        assert_eq!(told(&[ended(), small.clone()], at(10)), Some(Outside::Argument("size".into())));
        assert_eq!(told(&[ended(), small], at(9)), None, "one that allows it is enough");
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
