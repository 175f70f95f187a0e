//! Supervises verification that takes time: functions and judges. Pure checks need no pool.
//!
//! A report goes in, findings are gathered (`gather.rs`), one verdict comes out. A worker is a task on the agents'
//! runtime; one that is lost or late is an abstention, never a pass. A judge that is an agent is asked through the goal;
//! the question stays here until the answer comes, and goes up again when the examination is asked for again.

use std::{collections::BTreeMap, panic::AssertUnwindSafe, time::Duration};

use bailiwick_protocols::{AgentName, DelegationId, GoalId, Verdict, contract::VERIFICATION_TIMEOUT, event::JudgeSeat};
use futures::FutureExt;
use ractor::{Actor, ActorProcessingErr, ActorRef, SupervisionEvent};
use tokio::sync::oneshot;

use crate::{
    address::Envelope,
    messages::{Asker, GoalMessage, PoolMessage, SupervisorMessage},
    switchboard::Switchboard,
    verifiers::{Bench, JudgeAnswer, ToAgent, Work},
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
    /// What agents are asked as judges, and who waits for it.
    asked: BTreeMap<JudgeSeat, Asked>,
}

struct Asked {
    agent: AgentName,
    question: String,
    reply: oneshot::Sender<JudgeAnswer>,
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
                    std::collections::btree_map::Entry::Occupied(under_way) => {
                        let under_way = under_way.into_mut();
                        // The goal may have lost the questions: it knows those it has recorded.
                        under_way.asked.iter().for_each(|(seat, asked)| self.ask(goal_of(&key.0), *seat, asked));
                        under_way
                    }
                    std::collections::btree_map::Entry::Vacant(place) => {
                        let Some(gather) = Gather::new(contract) else {
                            let verdict = Verdict::abstain("contract", "it asks for no check");
                            self.answer(&key, verdict);
                            return Ok(());
                        };
                        let work = work.fenced_by(self.world.dice.bits());
                        place.insert(Examination { gather, work, workers: Vec::new(), asked: BTreeMap::new() })
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
            PoolMessage::Ask { asker, round, leaf, seat, agent, question, reply } => {
                let seat = JudgeSeat { of: delegation_of(&asker), round, leaf, seat };
                let goal = goal_of(&asker);
                if let Some(examination) = open.get_mut(&(asker, round)) {
                    let asked = Asked { agent, question, reply };
                    self.ask(goal, seat, &asked);
                    examination.asked.insert(seat, asked);
                }
            }
            PoolMessage::Judged { asker, seat, answer } => {
                let examination = open.get_mut(&(asker, seat.round));
                if let Some(asked) = examination.and_then(|examination| examination.asked.remove(&seat)) {
                    // Whoever asked has given up if its 30 s are over.
                    drop(asked.reply.send(answer));
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
        let work = of.work.clone().before(self.bench(myself, key, leaf));
        let run = of.gather.contract().run_leaf(leaf, work);
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

    /// The way of one check's questions to agents: over this mailbox, so that they are known when the answers come.
    fn bench(&self, myself: &ActorRef<Envelope<PoolMessage>>, key: &Key, leaf: usize) -> Bench {
        let (myself, (asker, round)) = (myself.clone(), key.clone());
        let origin = self.lines.pool.origin();
        Bench::new(move |ToAgent { agent, seat, question, reply }| {
            let (asker, leaf, seat) = (asker.clone(), leaf as u32, seat as u32);
            let body = PoolMessage::Ask { asker, round, leaf, seat, agent, question, reply };
            drop(myself.cast(Envelope { origin, cause: None, trace: None, parent: None, body }));
        })
    }

    fn ask(&self, goal: GoalId, seat: JudgeSeat, asked: &Asked) {
        let (agent, question) = (asked.agent.clone(), asked.question.clone());
        let body = GoalMessage::Judge { seat, agent, question };
        let origin = self.lines.pool.origin();
        self.lines.tell_goal(goal, Envelope { origin, cause: None, trace: None, parent: seat.of, body });
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

fn goal_of(asker: &Asker) -> GoalId {
    match asker {
        Asker::Report { delegation, .. } => delegation.goal,
        Asker::Goal(goal) => *goal,
    }
}

fn delegation_of(asker: &Asker) -> Option<DelegationId> {
    match asker {
        Asker::Report { delegation, .. } => Some(*delegation),
        Asker::Goal(_) => None,
    }
}
