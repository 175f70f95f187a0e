//! The only door to one agent: its policies, its desk, its permits, its own stream.
//!
//! This file is the mailbox. What is decided stands in `desk.rs`, what is known in `books.rs`, who waits in
//! `tickets.rs`, how the agent is held in `seats.rs`.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use bailiwick_protocols::{AgentFact, Cause, DelegationId, Event, GoalEvent, Stream, Traceparent, event::SeatEnd};
use ractor::{Actor, ActorId, ActorProcessingErr, ActorRef, ActorStatus, SupervisionEvent};

use crate::{
    address::{Address, Envelope},
    agents::AgentSpec,
    audit_log::journal::JournalError,
    directory::Entry,
    messages::{AgentsMessage, Asker, GoalMessage, PoolMessage, SeatMessage, SupervisorMessage, TrackerMessage},
    policies::{PolicyStack, TrustView, stack::Stack},
    switchboard::{Switchboard, plain},
    trust_tracker::models::TrustModel,
    turn::{Alarm, Due, Outbox},
    verifiers::Work,
    world::World,
};

pub mod books;
pub mod desk;
pub mod seats;
pub mod snapshot;
pub mod tickets;

use books::Books;
use desk::{Desk, DeskEffect, DeskMessage, DeskScene};
use seats::Seat;
use snapshot::Pace;

/// What a supervisor is made of; kept by Agents, so that another can be started in its place.
#[derive(Clone)]
pub struct AgentSupervisor {
    /// The agent.
    pub spec: AgentSpec,
    /// Its entry in the directory.
    pub entry: Arc<Entry>,
    /// Its policies, made anew for each life and filled by the fold.
    pub policies: PolicyStack,
    /// How trust is reckoned.
    pub model: Arc<dyn TrustModel>,
    /// After how many events of its stream a snapshot is taken; 0 is never.
    pub snapshot_every: u64,
    /// The world.
    pub world: World,
    /// Where everybody is reached.
    pub lines: Switchboard,
}

/// What one life of a supervisor holds.
pub struct Life {
    begun: bool,
    desk: Desk,
    stream: Stream,
    seats: HashMap<u32, (ActorRef<Envelope<SeatMessage>>, Address<SeatMessage>)>,
    numbers: HashMap<ActorId, u32>,
    outbox: Outbox,
    alarm: Alarm,
    pace: Pace,
    drained: bool,
}

impl Actor for AgentSupervisor {
    type Msg = Envelope<SupervisorMessage>;
    type State = Life;
    type Arguments = ();

    async fn pre_start(&self, myself: ActorRef<Self::Msg>, (): ()) -> Result<Self::State, ActorProcessingErr> {
        let stream = self.stream();
        let desk = Desk::new(self.entry.clone(), self.lines.team.verifiers.clone(), self.empty_books())
            .starting_as(self.world.starts.clone());
        self.entry.permits.on_home({
            let address = self.entry.address.clone();
            move || address.tell_from_edge(SupervisorMessage::PermitHome)
        });
        // It begins by itself, before anybody can reach it: its standing is to be seen before the first work comes.
        myself.cast(plain(self.entry.address.origin(), SupervisorMessage::Begin))?;
        self.entry.address.move_in(myself);
        if let Some(threads) = self.spec.agent.threads() {
            let address = self.entry.address.clone();
            threads.on_change(move |threads| address.tell_from_edge(SupervisorMessage::ThreadsLeft { threads }));
        }
        Ok(Life {
            begun: false,
            desk,
            stream,
            seats: HashMap::new(),
            numbers: HashMap::new(),
            outbox: Outbox::default(),
            alarm: Alarm::default(),
            pace: Pace::default(),
            drained: false,
        })
    }

    async fn handle(
        &self,
        myself: ActorRef<Self::Msg>,
        envelope: Self::Msg,
        life: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        let (cause, trace) = (envelope.cause, envelope.trace);
        use SupervisorMessage as S;
        // Whatever comes first: nothing is ruled on before the past is known.
        if !life.begun {
            self.begin(&myself, life).await?;
        }
        let message = match envelope.body {
            S::Begin => return Ok(()),
            S::Durable => {
                life.outbox.flush(&self.world.log, wake(&myself));
                return Ok(());
            }
            S::Audit { reply } => {
                // Whoever asked may have gone.
                drop(reply.send(self.audit(life)));
                return Ok(());
            }
            S::Tick => {
                life.alarm.rang();
                DeskMessage::Tick
            }
            S::Delegate { delegation, contract, permit: None, more }
                if !life.desk.knows(&delegation.id)
                    && let Some(before) = self.lines.team.directory.before(&self.spec.name, self.entry.generation) =>
            {
                // Asked again: the generation before may have admitted it.
                let body = S::Delegate { delegation, contract, permit: None, more };
                let Envelope { origin, parent, .. } = envelope;
                before.address.tell(Envelope { origin, cause, trace, parent, body });
                return Ok(());
            }
            S::Delegate { delegation, contract, permit, more } => {
                DeskMessage::Delegate { delegation, contract, permit, more }
            }
            S::Ticket { goal, weight } => DeskMessage::Ticket { goal, weight },
            S::Report { delegation, report } => DeskMessage::Report { delegation, report },
            S::Examined { delegation, verdict, round } => DeskMessage::Examined { delegation, verdict, round },
            // A dead tracker's lesson is not in what the living one has folded; the sweep asks again.
            S::Learned { .. } if envelope.origin != self.lines.tracker.origin() => return Ok(()),
            S::Learned { delegation, lessons } => DeskMessage::Learned { delegation, lessons },
            S::Revoke { delegation, reason, only_waiting } => DeskMessage::Revoke { delegation, reason, only_waiting },
            S::Forget { goal } => DeskMessage::Forget { goal },
            S::Ask { from, name, task, reply } => DeskMessage::Ask { from, name, task, reply },
            S::Use { from, request } => DeskMessage::Use { from, request },
            S::Answer { from, name, answer } => DeskMessage::Answer { from, name, answer },
            S::SeatDown { seat, why } => DeskMessage::SeatDown { seat, why },
            S::PermitHome => DeskMessage::PermitHome,
            S::Release { by } => DeskMessage::Release { by },
            S::ThreadsLeft { threads } => DeskMessage::ThreadsLeft { threads },
            S::Sweep => DeskMessage::Sweep,
        };
        self.turn(&myself, life, message, cause, trace).await
    }

    async fn handle_supervisor_evt(
        &self,
        myself: ActorRef<Self::Msg>,
        event: SupervisionEvent,
        life: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        let (cell, why) = match event {
            SupervisionEvent::ActorFailed(cell, error) => (cell, SeatEnd::Crashed(error.to_string())),
            SupervisionEvent::ActorTerminated(cell, _, reason) if reason.as_deref() == Some("killed") => {
                (cell, SeatEnd::Killed)
            }
            SupervisionEvent::ActorTerminated(cell, _, reason) => {
                (cell, SeatEnd::Crashed(reason.unwrap_or_else(|| "the seat stopped".to_owned())))
            }
            // A seat that started, or a process group: nothing is lost.
            _ => return Ok(()),
        };
        // Anybody who holds a reference can forge such an event: believe it only of a seat that is really ending.
        if cell.get_status() < ActorStatus::Stopping {
            return Ok(());
        }
        let Some(seat) = life.numbers.remove(&cell.get_id()) else { return Ok(()) };
        life.seats.remove(&seat);
        self.turn(&myself, life, DeskMessage::SeatDown { seat, why }, None, None).await
    }
}

impl AgentSupervisor {
    fn empty_books(&self) -> Books {
        let trust = TrustView { records: Default::default(), model: self.model.clone() };
        Books::new(Stack::new((self.policies)(&self.spec)), trust)
    }

    fn audit(&self, life: &Life) -> Result<(), String> {
        let mut folded = self.empty_books();
        let whole = self.world.log.whole(&life.stream).map_err(|error| format!("{}: {error}", life.stream))?;
        fold(&mut folded, &whole);
        let now = self.world.clock.now();
        let (live, folded) = (life.desk.books.digest(now), folded.digest(now));
        if live == folded { Ok(()) } else { Err(format!("{}: {}", life.stream, crate::difference(&live, &folded))) }
    }

    /// The stream it writes.
    pub fn stream(&self) -> Stream {
        Stream::Agent {
            team: self.lines.team.name.clone(),
            agent: self.spec.name.clone(),
            generation: self.entry.generation,
        }
    }

    /// Where a settlement that is told again was recorded.
    fn settled_at(&self, stream: &Stream, known: &BTreeMap<DelegationId, u64>, id: DelegationId) -> Option<Cause> {
        let settles = |event: &Event| matches!(event, Event::Agent(AgentFact::Settled { settlement }) if settlement.delegation == id);
        let events = self.world.log.stream(stream);
        let settled = events.iter().rev().find(|recorded| settles(&recorded.event)).map(|recorded| recorded.ver);
        let ver = settled.or_else(|| known.get(&id).copied())?;
        Some(Cause { stream: stream.clone(), ver })
    }

    /// What its stream tells: from the snapshot that stands for its beginning, if it fits this stack, else from the first
    /// event, which the log then holds.
    ///
    /// # Errors
    /// If the journal cannot be read.
    fn rebuilt(&self, stream: &Stream) -> Result<Books, JournalError> {
        let mut books = match self.snapshot(stream) {
            Some(books) => books,
            None => {
                self.world.log.unfold(stream)?;
                self.empty_books()
            }
        };
        fold(&mut books, &self.world.log.stream(stream));
        Ok(books)
    }

    /// The books as a snapshot has them that fits this stack.
    fn snapshot(&self, stream: &Stream) -> Option<Books> {
        let mut books = self.empty_books();
        snapshot::read(&self.world.log, stream)?.fill(&mut books).then_some(books)
    }

    /// Has the log hold its whole stream, if there is a snapshot of it and of another stack.
    ///
    /// # Errors
    /// If the journal cannot be read.
    pub fn give_up_misfit(&self) -> Result<(), JournalError> {
        let stream = self.stream();
        if self.snapshot(&stream).is_some() { Ok(()) } else { self.world.log.unfold(&stream) }
    }

    async fn begin(
        &self,
        myself: &ActorRef<Envelope<SupervisorMessage>>,
        life: &mut Life,
    ) -> Result<(), ActorProcessingErr> {
        life.begun = true;
        life.desk.books = self.rebuilt(&life.stream)?;
        life.pace = Pace::from(self.snapshot_every, &self.world.log, &life.stream);
        let remembered = life.desk.books.remembered();
        if life.desk.books.lives > 0 {
            let (agent, generation) = (self.spec.name.clone(), self.entry.generation);
            let body = TrackerMessage::Refold { agent, generation };
            self.lines.tracker.tell(plain(self.entry.address.origin(), body));
        }
        self.turn(myself, life, DeskMessage::Begin, None, None).await?;
        // A goal that ended while nobody lived here said so to nobody, and will not say it again.
        for goal in remembered {
            let last = self.world.log.last(&Stream::Goal(goal));
            if last.as_ref().is_none_or(|last| matches!(last.event, Event::Goal(GoalEvent::GoalSettled { .. }))) {
                let cause = last.map(|last| Cause { stream: last.stream.clone(), ver: last.ver });
                self.turn(myself, life, DeskMessage::Forget { goal }, cause, None).await?;
            }
        }
        Ok(())
    }

    async fn turn(
        &self,
        myself: &ActorRef<Envelope<SupervisorMessage>>,
        life: &mut Life,
        message: DeskMessage,
        cause: Option<Cause>,
        trace: Option<Traceparent>,
    ) -> Result<(), ActorProcessingErr> {
        let now = self.world.clock.now();
        let scene = DeskScene { now, draw: self.world.dice.unit(), cause };
        let turn = life.desk.step(message, scene);
        let recorded = turn.record.len();
        for due in turn.commit(&self.world.log, &life.stream, now, trace, Event::Agent) {
            self.act(myself, life, due, trace).await?;
        }
        if !life.drained && life.desk.is_drained(|goal| self.lines.goals.contains_key(goal)) {
            life.drained = true;
            let (agent, generation) = (self.spec.name.clone(), self.entry.generation);
            self.lines.agents.tell(plain(self.entry.address.origin(), AgentsMessage::Drained { agent, generation }));
        }
        life.pace.recorded(recorded, &self.world.log, &life.stream, &life.desk.books);
        life.outbox.arm(&self.world.log, wake(myself));
        let ring = self.entry.address.clone();
        life.alarm.set(self.world.clock, life.desk.next_due(), {
            let myself = myself.clone();
            // To itself, without the post: a timer is not a message on the road.
            move || {
                drop(myself.cast(Envelope {
                    origin: ring.origin(),
                    cause: None,
                    trace: None,
                    parent: None,
                    body: SupervisorMessage::Tick,
                }))
            }
        });
        Ok(())
    }

    async fn act(
        &self,
        myself: &ActorRef<Envelope<SupervisorMessage>>,
        life: &mut Life,
        due: Due<DeskEffect>,
        trace: Option<Traceparent>,
    ) -> Result<(), ActorProcessingErr> {
        let Due { effect, cause, seq } = due;
        let origin = self.entry.address.origin();
        match effect {
            DeskEffect::Refused { delegation, refusal } => {
                let body = GoalMessage::Refused { delegation, refusal };
                let parent = Some(delegation);
                self.lines.tell_goal(delegation.goal, Envelope { origin, cause, trace, parent, body });
            }
            DeskEffect::Settled { settlement } => {
                let id = settlement.delegation;
                let cause = cause.or_else(|| self.settled_at(&life.stream, &life.pace.settled_at, id));
                let body = GoalMessage::Settled { settlement };
                self.lines.tell_goal(id.goal, Envelope { origin, cause, trace, parent: Some(id), body });
            }
            DeskEffect::StartSeat { seat } => {
                let address = Address::vacant(&self.world.post);
                let actor = Seat {
                    world: self.world.clone(),
                    lines: self.lines.clone(),
                    supervisor: self.entry.address.clone(),
                    address: address.clone(),
                    agent: self.spec.agent.clone(),
                };
                let (seat_ref, _) = Actor::spawn_linked(None, actor, (), myself.get_cell()).await?;
                address.move_in(seat_ref.clone());
                life.numbers.insert(seat_ref.get_id(), seat);
                life.seats.insert(seat, (seat_ref, address));
            }
            DeskEffect::StopSeat { seat } => {
                if let Some((seat, _)) = life.seats.remove(&seat) {
                    life.numbers.remove(&seat.get_id());
                    seat.stop(None);
                }
            }
            DeskEffect::Carry { seat, assignment } => {
                if let Some((_, address)) = life.seats.get(&seat) {
                    let (address, trace) = (address.clone(), Some(assignment.delegation.traceparent));
                    let parent = Some(assignment.delegation.id);
                    let body = SeatMessage::Carry { assignment };
                    let envelope = Envelope { origin, cause, trace, parent, body };
                    life.outbox.post(&self.world.log, seq, move || address.tell(envelope));
                }
            }
            DeskEffect::Cease { seat } => {
                if let Some((_, address)) = life.seats.get(&seat) {
                    let address = address.clone();
                    let envelope = Envelope { origin, cause, trace, parent: None, body: SeatMessage::Cease };
                    life.outbox.post(&self.world.log, seq, move || address.tell(envelope));
                }
            }
            DeskEffect::Kill { seat } => {
                if let Some((seat, _)) = life.seats.get(&seat) {
                    seat.kill();
                }
            }
            DeskEffect::Examine { delegation, contract, output, round, wanted } => {
                let asker = Asker::Report { agent: self.spec.name.clone(), delegation: delegation.id };
                let work = Work::of_task(output, delegation.brief.clone());
                let body = PoolMessage::Examine { asker, contract, work, round, wanted };
                self.lines.pool.tell(Envelope { origin, cause, trace, parent: Some(delegation.id), body });
            }
            DeskEffect::Learn { delegation, evidence } => {
                let body = TrackerMessage::Learn {
                    delegation: delegation.id,
                    agent: self.spec.name.clone(),
                    generation: self.entry.generation,
                    needs: delegation.needs.clone(),
                    evidence,
                };
                self.lines.tracker.tell(Envelope { origin, cause, trace, parent: Some(delegation.id), body });
            }
            DeskEffect::Room { goal, permit } => {
                let body = GoalMessage::Room { agent: self.spec.name.clone(), permit };
                self.lines.tell_goal(goal, Envelope { origin, cause: None, trace: None, parent: None, body });
            }
            DeskEffect::AskGoal { from, name, task, mandate, lineage } => {
                let body = GoalMessage::Ask { from, name, task, mandate, lineage };
                self.lines.tell_goal(from.goal, Envelope { origin, cause, trace, parent: Some(from), body });
            }
            DeskEffect::CallOff { from } => {
                let body = GoalMessage::CallOff { from };
                self.lines.tell_goal(from.goal, Envelope { origin, cause, trace, parent: Some(from), body });
            }
            DeskEffect::Allow { reply } => {
                life.outbox.post(&self.world.log, seq, move || drop(reply.send(Ok(()))));
            }
            DeskEffect::Reply { reply, answer } => {
                // Whoever asked is gone only if its attempt ended.
                life.outbox.post(&self.world.log, seq, move || drop(reply.send(*answer)));
            }
        }
        Ok(())
    }
}

fn wake(myself: &ActorRef<Envelope<SupervisorMessage>>) -> impl FnOnce() + Send + 'static + use<> {
    let myself = myself.clone();
    move || {
        let origin = crate::address::Origin::EDGE;
        let body = SupervisorMessage::Durable;
        // It fails only if the supervisor has just died, and its outbox with it.
        drop(myself.cast(Envelope { origin, cause: None, trace: None, parent: None, body }));
    }
}

fn fold(books: &mut Books, stream: &[Arc<bailiwick_protocols::Recorded>]) {
    for (fact, at) in facts(stream) {
        books.apply(fact, at);
    }
}

/// What a supervisor's stream tells, as plain facts; for rebuilding one in a test.
pub fn facts(
    events: &[Arc<bailiwick_protocols::Recorded>],
) -> impl Iterator<Item = (&AgentFact, bailiwick_protocols::Timestamp)> {
    events.iter().filter_map(|recorded| match &recorded.event {
        Event::Agent(fact) => Some((fact, recorded.at)),
        _ => None,
    })
}
