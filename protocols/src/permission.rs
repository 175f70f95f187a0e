//! What a delegation may touch: `resource.verb:scope`, narrowed by argument constraints and expiry.
//!
//! Permissions form a meet-semilattice: `covers(a, b)` is exactly `a.meet(b) == b`, so the order and the meet cannot
//! disagree, and a set of permissions is kept as its greatest elements only.

use std::{cmp::Ordering, fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use crate::{Json, Timestamp};

/// Why a text is not a permission. Lowercase, without the text itself: the caller knows where it stands.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PermissionError {
    /// Not of the form `resource.verb:scope`.
    #[error("`{0}` is not of the form resource.verb:scope, as in fs.read:repo/*")]
    Form(String),
    /// A segment of the scope is `.`, `..`, empty or percent-encoded, or has a `*` inside.
    #[error("the scope of `{permission}` has the segment `{segment}`: {why}")]
    Segment {
        /// The permission as written.
        permission: String,
        /// The segment at fault.
        segment: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The part behind `where` or `until` cannot be read.
    #[error("`{0}` has an unreadable condition")]
    Condition(String),
}

/// Where a permission holds: a `/`-path, everything below one, or everywhere.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Scope {
    /// `*`: everywhere.
    All,
    /// `docs/*`: everything below `docs`, not `docs` itself.
    Below(Arc<str>),
    /// `docs/a`: exactly this.
    Exactly(Arc<str>),
}

impl Scope {
    fn meet(&self, other: &Scope) -> Option<Scope> {
        use Scope::{All, Below, Exactly};
        let below = |path: &str, folder: &str| path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'));
        match (self, other) {
            (All, scope) | (scope, All) => Some(scope.clone()),
            (Exactly(a), Exactly(b)) => (a == b).then(|| self.clone()),
            (Exactly(path), Below(folder)) | (Below(folder), Exactly(path)) => {
                below(path, folder).then(|| Exactly(path.clone()))
            }
            (Below(a), Below(b)) if a == b || below(a, b) => Some(self.clone()),
            (Below(a), Below(b)) => below(b, a).then(|| other.clone()),
        }
    }

    /// Whether this scope contains the path. Only `*` contains what is no plain path: `docs/../keys` is not below `docs`.
    pub fn contains(&self, path: &str) -> bool {
        *self == Scope::All
            || parse_scope(path, path)
                .is_ok_and(|plain| matches!(plain, Scope::Exactly(_)) && self.meet(&plain).is_some())
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Scope::All => f.write_str("*"),
            Scope::Below(path) => write!(f, "{path}/*"),
            Scope::Exactly(path) => f.write_str(path),
        }
    }
}

/// What must hold for one named argument of a tool call.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Rule {
    /// The argument equals this value.
    Equals(Json),
    /// The argument is one of these values.
    OneOf(Vec<Json>),
    /// The argument is a number of at most this.
    AtMost(f64),
    /// The argument is a `/`-path at or below this one.
    Under(String),
    /// The argument is a text this linear-time regular expression finds a match in.
    Matches(String),
}

/// A condition on one argument of a tool call.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Constraint {
    /// The name of the argument.
    pub argument: String,
    /// What must hold for it.
    pub rule: Rule,
}

impl Constraint {
    fn key(&self) -> String {
        let rule = serde_json::to_value(&self.rule).unwrap_or_default();
        format!("{}\u{0}{}", self.argument, crate::json::canonical(&rule))
    }
}

/// One thing a delegation may do: a verb on a resource within a scope, under conditions, until a time.
#[derive(Clone, PartialEq, Debug)]
pub struct Permission {
    resource: Arc<str>,
    verb: Arc<str>,
    scope: Scope,
    constraints: Vec<Constraint>,
    expires: Option<Timestamp>,
}

impl Permission {
    /// The resource: what stands before the last dot of `fs.read`.
    pub fn resource(&self) -> &str {
        &self.resource
    }

    /// The verb: what stands behind the last dot of `fs.read`.
    pub fn verb(&self) -> &str {
        &self.verb
    }

    /// Where it holds.
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// The conditions on arguments, all of which must hold.
    pub fn constraints(&self) -> &[Constraint] {
        &self.constraints
    }

    /// When it ends, if it does.
    pub fn expires(&self) -> Option<Timestamp> {
        self.expires
    }

    /// Returns this permission under one more condition.
    pub fn constrained(mut self, argument: impl Into<String>, rule: Rule) -> Self {
        self.constraints.push(Constraint { argument: argument.into(), rule });
        self.constraints = canonical(self.constraints);
        self
    }

    /// Returns this permission, ending no later than `at`.
    pub fn until(mut self, at: Timestamp) -> Self {
        self.expires = earliest(self.expires, Some(at));
        self
    }

    /// The greatest permission that both allow, if there is any.
    pub fn meet(&self, other: &Permission) -> Option<Permission> {
        if self.resource != other.resource || self.verb != other.verb {
            return None;
        }
        let scope = self.scope.meet(&other.scope)?;
        let constraints = if self.constraints == other.constraints {
            self.constraints.clone()
        } else {
            canonical(self.constraints.iter().chain(&other.constraints).cloned().collect())
        };
        Some(Permission {
            resource: self.resource.clone(),
            verb: self.verb.clone(),
            scope,
            constraints,
            expires: earliest(self.expires, other.expires),
        })
    }

    /// Whether everything `other` allows is allowed by this too, for as long.
    pub fn covers(&self, other: &Permission) -> bool {
        self.meet(other).is_some_and(|meet| meet == *other)
    }

    /// Whether this permission, alive at `now`, allows what is required; the requirement's own expiry is no matter.
    fn satisfies(&self, required: &Permission, now: Timestamp) -> bool {
        self.expires.is_none_or(|at| now < at) && Permission { expires: None, ..self.clone() }.covers(required)
    }

    fn order(&self, other: &Permission) -> Ordering {
        let keys = |p: &Permission| p.constraints.iter().map(Constraint::key).collect::<Vec<_>>();
        (&self.resource, &self.verb, &self.scope)
            .cmp(&(&other.resource, &other.verb, &other.scope))
            .then_with(|| keys(self).cmp(&keys(other)))
            .then_with(|| self.expires.cmp(&other.expires))
    }
}

fn earliest(a: Option<Timestamp>, b: Option<Timestamp>) -> Option<Timestamp> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (one, other) => one.or(other),
    }
}

/// Sorted, without repetition, and with the lowest of several upper bounds only.
fn canonical(mut constraints: Vec<Constraint>) -> Vec<Constraint> {
    let bounds: Vec<(String, f64)> = constraints
        .iter()
        .filter_map(|c| match c.rule {
            Rule::AtMost(bound) => Some((c.argument.clone(), bound)),
            _ => None,
        })
        .collect();
    constraints.retain(|c| match c.rule {
        Rule::AtMost(bound) => !bounds.iter().any(|(argument, other)| *argument == c.argument && *other < bound),
        _ => true,
    });
    constraints.sort_by_cached_key(Constraint::key);
    constraints.dedup_by_key(|c| c.key());
    constraints
}

impl FromStr for Permission {
    type Err = PermissionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let form = || PermissionError::Form(text.to_owned());
        // A condition may say " until " in its own text, but it ends with the bracket of the list it stands in.
        let (head, expires) = match text.rsplit_once(" until ").filter(|(_, at)| !at.ends_with(']')) {
            Some((head, at)) => {
                let millis = at.trim().parse().map_err(|_| PermissionError::Condition(text.to_owned()))?;
                (head, Some(Timestamp::from_millis(millis)))
            }
            None => (text, None),
        };
        let (head, constraints) = match head.split_once(" where ") {
            Some((head, conditions)) => {
                let conditions =
                    serde_json::from_str(conditions).map_err(|_| PermissionError::Condition(text.to_owned()))?;
                (head, canonical(conditions))
            }
            None => (head, Vec::new()),
        };
        if head.split(' ').any(|word| word == "until" || word == "where") {
            return Err(PermissionError::Condition(text.to_owned()));
        }
        let (action, scope) = head.split_once(':').ok_or_else(form)?;
        let (resource, verb) = action.rsplit_once('.').ok_or_else(form)?;
        let word = |word: &str| {
            !word.is_empty()
                && word.split('.').all(|part| {
                    !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
                })
        };
        if !word(resource) || !word(verb) {
            return Err(form());
        }
        Ok(Permission {
            resource: resource.into(),
            verb: verb.into(),
            scope: parse_scope(text, scope)?,
            constraints,
            expires,
        })
    }
}

fn parse_scope(permission: &str, scope: &str) -> Result<Scope, PermissionError> {
    if scope == "*" {
        return Ok(Scope::All);
    }
    let refuse = |segment: &str, why| {
        Err(PermissionError::Segment { permission: permission.to_owned(), segment: segment.to_owned(), why })
    };
    let (path, below) = match scope.strip_suffix("/*") {
        Some(path) => (path, true),
        None => (scope, false),
    };
    for segment in path.split('/') {
        match segment {
            "" => return refuse(segment, "segments are never empty"),
            "." | ".." => return refuse(segment, "a scope is a plain path"),
            s if s.contains('%') => return refuse(segment, "encoded segments are not resolved, write them plainly"),
            s if s.contains('*') => return refuse(segment, "`*` stands alone as the last segment"),
            s if s.chars().any(|c| c.is_control() || c == '\\') => {
                return refuse(segment, "control characters and backslashes are not part of a path");
            }
            _ => {}
        }
    }
    Ok(if below { Scope::Below(path.into()) } else { Scope::Exactly(path.into()) })
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}:{}", self.resource, self.verb, self.scope)?;
        if !self.constraints.is_empty() {
            let conditions = serde_json::to_string(&self.constraints).map_err(|_| fmt::Error)?;
            write!(f, " where {conditions}")?;
        }
        match self.expires {
            Some(at) => write!(f, " until {}", at.as_millis()),
            None => Ok(()),
        }
    }
}

impl Serialize for Permission {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Permission {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

/// A set of permissions, kept sorted and without those that another one covers. Cheap to clone.
#[derive(Clone, PartialEq, Debug)]
pub struct Permissions(Arc<[Permission]>);

impl Permissions {
    /// The set that allows nothing.
    pub fn none() -> Self {
        Self(Arc::from([]))
    }

    /// Reads permissions such as `fs.read:repo/*`.
    ///
    /// # Errors
    /// At the first that is not of the form.
    pub fn parse<S: AsRef<str>>(texts: impl IntoIterator<Item = S>) -> Result<Self, PermissionError> {
        texts.into_iter().map(|text| text.as_ref().parse()).collect()
    }

    /// The permissions, sorted.
    pub fn iter(&self) -> impl Iterator<Item = &Permission> {
        self.0.iter()
    }

    /// Whether it allows nothing.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What both sets allow.
    pub fn meet(&self, other: &Permissions) -> Permissions {
        if self == other {
            return self.clone();
        }
        self.0.iter().flat_map(|a| other.0.iter().filter_map(|b| a.meet(b))).collect()
    }

    /// What either set allows.
    pub fn join(&self, other: &Permissions) -> Permissions {
        self.0.iter().chain(other.0.iter()).cloned().collect()
    }

    /// Whether everything `other` allows is allowed by one permission of this set.
    pub fn covers(&self, other: &Permissions) -> bool {
        other.0.iter().all(|required| self.0.iter().any(|held| held.covers(required)))
    }

    /// Those of `required` that nothing in this set allows at `now`.
    pub fn missing(&self, required: &Permissions, now: Timestamp) -> Permissions {
        required.0.iter().filter(|need| !self.0.iter().any(|held| held.satisfies(need, now))).cloned().collect()
    }
}

impl Default for Permissions {
    fn default() -> Self {
        Self::none()
    }
}

impl FromIterator<Permission> for Permissions {
    fn from_iter<I: IntoIterator<Item = Permission>>(permissions: I) -> Self {
        let mut all: Vec<Permission> = permissions.into_iter().collect();
        all.sort_by(Permission::order);
        all.dedup();
        let greatest = all
            .iter()
            .enumerate()
            .filter(|(i, p)| !all.iter().enumerate().any(|(j, other)| *i != j && other.covers(p)))
            .map(|(_, p)| p.clone())
            .collect::<Vec<_>>();
        Self(greatest.into())
    }
}

impl fmt::Display for Permissions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, permission) in self.0.iter().enumerate() {
            write!(f, "{}{permission}", if index > 0 { ", " } else { "" })?;
        }
        Ok(())
    }
}

impl Serialize for Permissions {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter())
    }
}

impl<'de> Deserialize<'de> for Permissions {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Vec::<Permission>::deserialize(deserializer).map(|all| all.into_iter().collect())
    }
}
