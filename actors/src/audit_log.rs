//! Owns the log's writer: carries what everybody appended to the journal, batch by batch, and moves the durable mark.

use std::{sync::Arc, time::Duration};

use bailiwick_protocols::Recorded;
use ractor::{Actor, ActorProcessingErr, ActorRef};

use crate::{address::Envelope, world::World};

mod held;
pub mod journal;
pub mod log;
pub mod memory;
pub mod snapshot;

/// What the AuditLog is told; all of it comes from the log's own handle and journal.
#[derive(Debug)]
pub enum AuditMessage {
    /// Something was appended.
    Drain,
}

/// How long the last batches have to be kept when the runtime ends: 1 s.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// The drain behind the log's handle. If the journal fails it fails too, and the runtime ends loudly with it.
pub struct AuditLog {
    /// The world whose log it carries.
    pub world: World,
}

impl Actor for AuditLog {
    type Msg = Envelope<AuditMessage>;
    type State = tokio::task::JoinHandle<()>;
    type Arguments = ();

    async fn pre_start(&self, myself: ActorRef<Self::Msg>, (): ()) -> Result<Self::State, ActorProcessingErr> {
        let (log, clock) = (self.world.log.clone(), self.world.clock);
        let epoch = log.begun().epoch;
        Ok(tokio::spawn(async move {
            loop {
                let batch: Vec<Arc<Recorded>> = log.take_pending();
                let Some(last) = batch.last().map(|recorded| recorded.seq) else {
                    log.work().await;
                    continue;
                };
                let handed_over = clock.elapsed();
                match log.journal().append(epoch, batch).await {
                    Ok(()) => {
                        log.note_append(clock.elapsed() - handed_over);
                        log.mark_durable(last);
                    }
                    Err(error) => {
                        tracing::error!(%error, "journal failed");
                        log.fail(error.clone());
                        myself.stop(Some(error.to_string()));
                        return;
                    }
                }
            }
        }))
    }

    /// What was appended before is carried on, as far as that is soon done.
    async fn post_stop(&self, _: ActorRef<Self::Msg>, writer: &mut Self::State) -> Result<(), ActorProcessingErr> {
        let log = &self.world.log;
        if log.failure().is_none() {
            let (kept, all) = tokio::sync::oneshot::channel();
            // Nobody waits any more only if the time is over.
            log.when_durable(log.last_seq(), move || {
                let _ = kept.send(());
            });
            drop(tokio::time::timeout(LAST_WORDS, all).await);
        }
        writer.abort();
        Ok(())
    }
}
