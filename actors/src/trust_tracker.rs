//! The one calculator of trust: turns verdicts into lessons, and folds what the agent streams say.
//!
//! This file is the mailbox; what is reckoned stands in `trust_tracker/ledger.rs`, how in `trust_tracker/models.rs`.
//! It owns no stream: a lesson is recorded by the agent's supervisor, with the settlement it belongs to. Between being
//! learned and being recorded a lesson must not outlive either of them, or the next would build on something else than
//! what the stream says: a supervisor believes the living tracker only, the tracker teaches living supervisors only, and
//! a supervisor that was replaced has its agent folded again.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use bailiwick_protocols::{AgentName, DelegationId, Event, Lesson, Stream};
use ractor::{Actor, ActorProcessingErr, ActorRef, SupervisionEvent};

use crate::{
    address::Envelope,
    agent_supervisor::snapshot,
    messages::{SupervisorMessage, TrackerMessage},
    switchboard::Switchboard,
    world::World,
};

pub mod ledger;
pub mod models;

use ledger::TrustLedger;
use models::TrustModel;

/// How many answers are kept for whoever asks again.
const ANSWERS_MAX: usize = 4096;

/// The actor.
pub struct TrustTracker {
    /// How evidence becomes trust.
    pub model: Arc<dyn TrustModel>,
    /// The world.
    pub world: World,
    /// Where everybody is reached.
    pub lines: Switchboard,
}

/// What one life of the tracker holds.
pub struct Life {
    begun: bool,
    ledger: TrustLedger,
    answers: BTreeMap<DelegationId, (AgentName, Vec<Lesson>)>,
    oldest: VecDeque<DelegationId>,
}

impl Actor for TrustTracker {
    type Msg = Envelope<TrackerMessage>;
    type State = Life;
    type Arguments = ();

    async fn pre_start(&self, myself: ActorRef<Self::Msg>, (): ()) -> Result<Self::State, ActorProcessingErr> {
        self.lines.tracker.move_in(myself);
        let ledger = TrustLedger::new(self.model.clone());
        Ok(Life { begun: false, ledger, answers: BTreeMap::new(), oldest: VecDeque::new() })
    }

    async fn handle(
        &self,
        _: ActorRef<Self::Msg>,
        envelope: Self::Msg,
        life: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        // Whatever comes first: nothing is learned before the past is known.
        if !life.begun {
            life.begun = true;
            self.fold(&mut life.ledger, |_, _| true);
        }
        match envelope.body {
            TrackerMessage::Begin => {}
            TrackerMessage::Refold { agent, generation } => {
                life.answers.retain(|_, (taught, _)| *taught != agent);
                life.ledger.forget(&agent, generation);
                self.fold(&mut life.ledger, |name, of| (name, of) == (&agent, generation));
            }
            TrackerMessage::Learn { delegation, agent, generation, needs, evidence } => {
                let Some(entry) = self.lines.team.directory.generation(&agent, generation) else { return Ok(()) };
                if envelope.origin != entry.address.origin() {
                    // Whoever asked is dead; its successor asks itself.
                    return Ok(());
                }
                let lessons = match life.answers.get(&delegation) {
                    // Asked again: the same answer, learned once.
                    Some((_, lessons)) => lessons.clone(),
                    None => {
                        let now = self.world.clock.now();
                        let own = &entry.capabilities;
                        let lessons = life.ledger.learn(&agent, generation, &needs, own, evidence, now);
                        life.ledger.apply(&agent, generation, &lessons);
                        life.remember(delegation, agent, lessons.clone());
                        lessons
                    }
                };
                let body = SupervisorMessage::Learned { delegation, lessons };
                let origin = self.lines.tracker.origin();
                let (cause, trace, parent) = (envelope.cause, envelope.trace, Some(delegation));
                entry.address.tell(Envelope { origin, cause, trace, parent, body });
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

impl TrustTracker {
    fn fold(&self, ledger: &mut TrustLedger, whose: impl Fn(&AgentName, u32) -> bool) {
        for stream in self.world.log.streams() {
            let Stream::Agent { team, agent, generation } = &stream else { continue };
            if *team != self.lines.team.name || !whose(agent, *generation) {
                continue;
            }
            if let Some(written) = snapshot::read(&self.world.log, &stream) {
                ledger.take(agent, *generation, written.trust);
            }
            for recorded in self.world.log.stream(&stream) {
                if let Event::Agent(fact) = &recorded.event {
                    ledger.apply(agent, *generation, fact.lessons());
                }
            }
        }
    }
}

impl Life {
    fn remember(&mut self, delegation: DelegationId, agent: AgentName, lessons: Vec<Lesson>) {
        self.answers.insert(delegation, (agent, lessons));
        self.oldest.push_back(delegation);
        if self.oldest.len() > ANSWERS_MAX
            && let Some(oldest) = self.oldest.pop_front()
        {
            self.answers.remove(&oldest);
        }
    }
}
