//! An effect on the outside world that is had once: claimed in the journal before, its result kept after.

use std::{fmt, future::Future, sync::Arc};

use bailiwick_protocols::Json;

use super::AgentContext;
use crate::audit_log::{
    journal::{Claim, Journal, JournalError},
    log::Log,
};

/// Where the effects of this life of the runtime are claimed.
#[derive(Clone)]
pub struct Claims {
    journal: Arc<dyn Journal>,
    epoch: u64,
}

impl Claims {
    /// The claims in the journal of this log.
    pub fn of(log: &Log) -> Self {
        Self { journal: log.journal().clone(), epoch: log.begun().epoch }
    }
}

impl fmt::Debug for Claims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Claims").field("epoch", &self.epoch).finish_non_exhaustive()
    }
}

/// Why there is no result of an effect.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NotHad {
    /// An attempt before this one, or another process, claimed it, and nothing more is known.
    #[error("the effect `{0}` was begun before and may have been had: look whether it was")]
    Uncertain(String),
    /// It was tried now and failed; it counts as uncertain from here on.
    #[error("{0}")]
    Failed(String),
    /// It could not be claimed, and was not tried; or was had, and its result could not be kept.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

impl AgentContext {
    /// Has an effect on the outside world at most once for this task and name, whatever attempts come and whenever
    /// the process dies: it is claimed in the journal first, and whoever asks again is given the first result.
    ///
    /// # Errors
    /// [`NotHad::Uncertain`] if it was begun before and its result is not known: only the outside world can tell.
    ///
    /// # Cancel safety
    /// Dropping it while the effect is under way leaves it uncertain.
    pub async fn once<E: fmt::Display>(
        &self,
        name: &str,
        effect: impl Future<Output = Result<Json, E>>,
    ) -> Result<Json, NotHad> {
        let Claims { journal, epoch } = &self.claims;
        let key = format!("{}/{name}", self.idempotency_key());
        match journal.claim(*epoch, key.clone()).await? {
            Claim::Done(result) => return Ok(result),
            Claim::Uncertain => return Err(NotHad::Uncertain(name.to_owned())),
            Claim::New => {}
        }
        let result = effect.await.map_err(|error| NotHad::Failed(error.to_string()))?;
        journal.fulfil(*epoch, key, result.clone()).await?;
        Ok(result)
    }
}
