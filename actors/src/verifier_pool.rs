//! Supervises verification that takes time: functions and judges. Pure checks need no pool.
//!
//! A report goes in, findings are gathered (`gather.rs`), one verdict comes out. A worker is a task on the agents'
//! runtime; one that is lost or late is an abstention, never a pass.

use std::{collections::BTreeMap, panic::AssertUnwindSafe, time::Duration};

use bailiwick_protocols::{Verdict, contract::VERIFICATION_TIMEOUT};
use futures::FutureExt;
use ractor::{Actor, ActorProcessingErr, ActorRef, SupervisionEvent};

use crate::{
    address::Envelope,
    messages::{Asker, GoalMessage, PoolMessage, SupervisorMessage},
    switchboard::Switchboard,
    verifiers::Work,
    world::{AbortOnDrop, World},
};

pub mod gather;

use gather::{Effect, Gather, Heard};

/// The net beneath leaves that end by themselves within their 30 s.
const TIME_UP: Duration = VERIFICATION_TIMEOUT.saturating_add(Duration::from_secs(1));

/// The actor.
pub struct VerifierPool {
    /// The world.
    pub world: World,
    /// Where everybody is reached.
    pub lines: Switchboard,
}

/// One examination under way. Dropping it ends its workers.
pub struct Examination {
    gather: Gather,
    work: Work,
    workers: Vec<AbortOnDrop>,
}

type Key = (Asker, u32);

impl Actor for VerifierPool {
    type Msg = Envelope<PoolMessage>;
    type State = BTreeMap<Key, Examination>;
    type Arguments = ();

    async fn pre_start(&self, myself: ActorRef<Self::Msg>, (): ()) -> Result<Self::State, ActorProcessingErr> {
        self.lines.pool.move_in(myself);
        Ok(BTreeMap::new())
    }

    async fn handle(
        &self,
        myself: ActorRef<Self::Msg>,
        envelope: Self::Msg,
        open: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        match envelope.body {
            // Called back while it was on its way: after the acknowledgement nobody is asked.
            PoolMessage::Examine { wanted, .. } if wanted.strong_count() == 0 => {}
            PoolMessage::Examine { asker, contract, work, round, .. } => {
                let key = (asker, round);
                let output = std::sync::Arc::new(work.output().clone());
                let examination = match open.entry(key.clone()) {
                    std::collections::btree_map::Entry::Occupied(under_way) => under_way.into_mut(),
                    std::collections::btree_map::Entry::Vacant(place) => {
                        let Some(gather) = Gather::new(contract) else {
                            let verdict = Verdict::abstain("contract", "it asks for no check");
                            self.answer(&key, verdict);
                            return Ok(());
                        };
                        let work = work.fenced_by(self.world.dice.bits());
                        place.insert(Examination { gather, work, workers: Vec::new() })
                    }
                };
                let begun = examination.workers.is_empty();
                let effects = examination.gather.step(Heard::Start { output });
                self.follow(&myself, open, &key, effects);
                if begun && let Some(examination) = open.get_mut(&key) {
                    self.time(&myself, examination, &key);
                }
            }
            PoolMessage::Found { asker, round, leaf, verdict } => {
                let key = (asker, round);
                if let Some(examination) = open.get_mut(&key) {
                    let effects = examination.gather.step(Heard::Found { leaf, verdict });
                    self.follow(&myself, open, &key, effects);
                }
            }
            PoolMessage::TimeUp { asker, round } => {
                let key = (asker, round);
                if let Some(examination) = open.get_mut(&key) {
                    let effects = examination.gather.step(Heard::TimedUp);
                    self.follow(&myself, open, &key, effects);
                }
            }
        }
        Ok(())
    }

    async fn handle_supervisor_evt(
        &self,
        _: ActorRef<Self::Msg>,
        _: SupervisionEvent,
        _: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        Ok(())
    }
}

impl VerifierPool {
    fn follow(
        &self,
        myself: &ActorRef<Envelope<PoolMessage>>,
        open: &mut BTreeMap<Key, Examination>,
        key: &Key,
        effects: Vec<Effect>,
    ) {
        let Some(examination) = open.get_mut(key) else { return };
        let mut verdict = None;
        for effect in effects {
            match effect {
                Effect::Run { leaf, .. } => {
                    let worker = self.worker(myself, examination, key, leaf);
                    examination.workers.push(worker);
                }
                Effect::Conclude(found) => verdict = Some(found),
            }
        }
        if let Some(verdict) = verdict {
            open.remove(key);
            self.answer(key, verdict);
        }
    }

    fn worker(
        &self,
        myself: &ActorRef<Envelope<PoolMessage>>,
        of: &Examination,
        key: &Key,
        leaf: usize,
    ) -> AbortOnDrop {
        let run = of.gather.contract().run_leaf(leaf, of.work.clone());
        let method = of.gather.contract().method(leaf).unwrap_or("contract");
        let (myself, (asker, round)) = (myself.clone(), key.clone());
        let origin = self.lines.pool.origin();
        self.world.spawner.spawn_guarded(async move {
            let verdict = AssertUnwindSafe(run).catch_unwind().await.unwrap_or_else(|panic| {
                Verdict::abstain(method, format!("the worker panicked: {}", crate::panic_text(&*panic)))
            });
            let body = PoolMessage::Found { asker, round, leaf, verdict };
            // The pool is gone only if it died: then whoever asked asks again.
            drop(myself.cast(Envelope { origin, cause: None, trace: None, parent: None, body }));
        })
    }

    fn time(&self, myself: &ActorRef<Envelope<PoolMessage>>, examination: &mut Examination, key: &Key) {
        let (myself, (asker, round)) = (myself.clone(), key.clone());
        let (clock, origin) = (self.world.clock, self.lines.pool.origin());
        let at = clock.now() + TIME_UP;
        let timer = tokio::spawn(async move {
            clock.sleep_until(at).await;
            let body = PoolMessage::TimeUp { asker, round };
            drop(myself.cast(Envelope { origin, cause: None, trace: None, parent: None, body }));
        });
        examination.workers.push(AbortOnDrop::of(&timer));
    }

    fn answer(&self, (asker, round): &Key, verdict: Verdict) {
        let (origin, round) = (self.lines.pool.origin(), *round);
        match asker {
            Asker::Report { agent, delegation } => {
                let (delegation, parent) = (*delegation, Some(*delegation));
                self.lines.tell_generations(agent, || {
                    let body = SupervisorMessage::Examined { delegation, verdict: verdict.clone(), round };
                    Envelope { origin, cause: None, trace: None, parent, body }
                });
            }
            Asker::Goal(goal) => {
                let body = GoalMessage::Examined { verdict, round };
                self.lines.tell_goal(*goal, Envelope { origin, cause: None, trace: None, parent: None, body });
            }
        }
    }
}
