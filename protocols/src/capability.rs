//! What an agent can do, as a word both sides agree on: `web.search`, `write.report`.

use std::{borrow::Borrow, fmt, ops::Deref, sync::Arc};

use serde::{Deserialize, Serialize};

crate::id::name!(
    /// What an agent can do. Never blank where a team or a task is accepted.
    Capability
);

impl Capability {
    /// Whether nothing but white space is in the word; such a capability is refused.
    pub fn is_blank(&self) -> bool {
        self.trim().is_empty()
    }
}
