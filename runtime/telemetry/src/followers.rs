//! Who follows a team: what its programs are told of its traces depends on them, and on nobody else.

use std::sync::{Arc, Mutex, PoisonError};

use bailiwick_actors::goal::state::trace_of;
use bailiwick_protocols::{Goal, GoalId, Traceparent};
use tokio::sync::mpsc::WeakSender;

use crate::{Telemetry, sampling::Sampling, worker::Command};

/// The exporters of one team, as far as they live. Cheap to clone; it keeps none of them alive.
#[derive(Clone, Debug, Default)]
pub struct Followers(Arc<Mutex<Vec<Follower>>>);

#[derive(Debug)]
pub(crate) struct Follower {
    pub(crate) commands: WeakSender<Command>,
    pub(crate) sampling: Sampling,
}

impl Followers {
    /// One more exporter follows the team.
    pub fn add(&self, telemetry: &Telemetry) {
        self.put(Follower { commands: telemetry.commands.downgrade(), sampling: telemetry.sampling.clone() });
    }

    pub(crate) fn put(&self, follower: Follower) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(follower);
    }

    /// Notes on a goal whose trace every exporter leaves out that it is: programs are told so.
    pub fn mark(&self, id: GoalId, mut goal: Goal) -> Goal {
        let trace = trace_of(id, &goal);
        let obeyed = goal.traceparent.as_deref().and_then(Traceparent::parse).filter(|_| goal.continues_trace);
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|follower| follower.commands.strong_count() > 0);
        goal.unsampled |= !all.is_empty() && !all.iter().any(|follower| follower.sampling.wants(trace, obeyed));
        goal
    }
}
