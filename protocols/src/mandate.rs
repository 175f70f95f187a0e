//! The authority one delegation holds. It can only shrink: there is a root, and there is [`Mandate::narrow`].

use serde::{Deserialize, Serialize};

use crate::{DelegationId, Permissions, Timestamp};

/// A share of a budget. `None` is no limit; `Some(0)` is nothing left.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Slice {
    /// Micro-USD that may be spent.
    pub micro_usd: Option<u64>,
    /// Tokens, input and output together, that may be spent.
    pub tokens: Option<u64>,
}

impl Slice {
    /// No limit at all.
    pub const UNLIMITED: Slice = Slice { micro_usd: None, tokens: None };

    /// The smaller of both in each dimension.
    pub fn meet(self, other: Slice) -> Slice {
        Slice { micro_usd: least(self.micro_usd, other.micro_usd), tokens: least(self.tokens, other.tokens) }
    }

    /// Whether `other` is no larger in any dimension.
    pub fn covers(self, other: Slice) -> bool {
        self.meet(other) == other
    }
}

/// What a mandate is narrowed to. `None` leaves a dimension as it is.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Limits {
    /// What may be exercised at most.
    pub exercise: Option<Permissions>,
    /// What may be granted on at most.
    pub grant: Option<Permissions>,
    /// What may be spent at most.
    pub slice: Slice,
    /// When the work must have ended.
    pub deadline: Option<Timestamp>,
    /// How many delegations deep the holder may go at most.
    pub depth: Option<u8>,
    /// When the authority ends.
    pub expires: Option<Timestamp>,
}

impl Limits {
    /// No more than both limits allow.
    pub fn meet(&self, other: &Limits) -> Limits {
        let sets = |a: &Option<Permissions>, b: &Option<Permissions>| match (a, b) {
            (Some(a), Some(b)) => Some(a.meet(b)),
            (one, other) => one.clone().or_else(|| other.clone()),
        };
        Limits {
            exercise: sets(&self.exercise, &other.exercise),
            grant: sets(&self.grant, &other.grant),
            slice: self.slice.meet(other.slice),
            deadline: least(self.deadline, other.deadline),
            depth: least(self.depth, other.depth),
            expires: least(self.expires, other.expires),
        }
    }
}

/// The authority one delegation holds: what it may exercise, what it may grant on, what it may spend, and until when.
///
/// Private fields: authority comes from [`Mandate::root`] and only shrinks by [`Mandate::narrow`], or, handed to a
/// child, by [`Mandate::hand_on`], which is `narrow` behind one exchange: what the holder may *grant* is all that the
/// child can *exercise*.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Mandate {
    exercise: Permissions,
    grant: Permissions,
    slice: Slice,
    deadline: Option<Timestamp>,
    depth: u8,
    expires: Option<Timestamp>,
    parent: Option<DelegationId>,
}

impl Mandate {
    /// The authority of a goal: it exercises nothing and grants what it is given, `depth` delegations deep.
    pub fn root(grant: Permissions, slice: Slice, deadline: Option<Timestamp>, depth: u8) -> Mandate {
        Mandate { exercise: Permissions::none(), grant, slice, deadline, depth, expires: None, parent: None }
    }

    /// Returns a mandate that allows no more than this one and no more than `limits`.
    pub fn narrow(&self, limits: &Limits) -> Mandate {
        let within = |held: &Permissions, limit: &Option<Permissions>| match limit {
            Some(limit) => held.meet(limit),
            None => held.clone(),
        };
        Mandate {
            exercise: within(&self.exercise, &limits.exercise),
            grant: within(&self.grant, &limits.grant),
            slice: self.slice.meet(limits.slice),
            deadline: least(self.deadline, limits.deadline),
            depth: limits.depth.map_or(self.depth, |depth| depth.min(self.depth)),
            expires: least(self.expires, limits.expires),
            parent: self.parent,
        }
    }

    /// Returns the mandate of a child: no more than the holder may grant, one delegation less deep, within `limits`.
    ///
    /// `parent` is the delegation that hands on; `None` for the goal itself.
    pub fn hand_on(&self, parent: Option<DelegationId>, limits: &Limits) -> Mandate {
        let depth = self.depth.saturating_sub(1);
        Mandate { exercise: self.grant.clone(), depth, parent, ..self.clone() }.narrow(limits)
    }

    /// What the holder may do.
    pub fn exercise(&self) -> &Permissions {
        &self.exercise
    }

    /// What the holder may hand on.
    pub fn grant(&self) -> &Permissions {
        &self.grant
    }

    /// What the holder may spend, children included.
    pub fn slice(&self) -> Slice {
        self.slice
    }

    /// When everything under this mandate must have ended.
    pub fn deadline(&self) -> Option<Timestamp> {
        self.deadline
    }

    /// How many further delegations deep the holder may go; 0 may not delegate.
    pub fn depth(&self) -> u8 {
        self.depth
    }

    /// When the authority ends.
    pub fn expires(&self) -> Option<Timestamp> {
        self.expires
    }

    /// The delegation this one came from; `None` when it came from the goal.
    pub fn parent(&self) -> Option<DelegationId> {
        self.parent
    }

    /// Whether it still holds at `now`.
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.expires.is_none_or(|at| now < at)
    }

    /// Whether `child` exceeds this mandate in no dimension: the law every delegation keeps.
    pub fn bounds(&self, child: &Mandate) -> bool {
        self.grant.covers(&child.exercise)
            && self.grant.covers(&child.grant)
            && self.slice.covers(child.slice)
            && least(self.deadline, child.deadline) == child.deadline
            && least(self.expires, child.expires) == child.expires
            && child.depth <= self.depth
    }
}

/// The smaller bound, where `None` is no bound.
fn least<T: Ord>(a: Option<T>, b: Option<T>) -> Option<T> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (one, other) => one.or(other),
    }
}
