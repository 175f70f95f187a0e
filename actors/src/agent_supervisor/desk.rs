//! The desk of a supervisor: what is in flight, who waits, which seat carries what. Plain and synchronous.
//!
//! `step(message, scene)` returns what to record and what to tell. The books change by recorded facts only; beside them
//! the desk holds what dies with the actor: permits, tickets, seats. Timeouts are kept by one sweep, `Tick`.

use std::{
    collections::BTreeMap,
    sync::{Arc, Weak},
    time::Duration,
};

use bailiwick_protocols::{
    AgentFact, AgentName, Cause, Cost, Delegated, Delegation, DelegationId, GoalId, Lesson, Limits, Mandate, Output,
    Recovery, Refusal, Report, Settlement, SettlementKind, Task, TaskId, Timestamp, Verdict,
    event::{CeaseReason, SeatEnd},
    outcome::RevokeReason,
    trust::Evidence,
};
use tokio::sync::oneshot;

use super::{
    books::{Books, Flight},
    tickets::Tickets,
};
use crate::{
    agents::Assignment,
    directory::{Entry, PARKED_MAX, Permit, Standing},
    messages::{AskReply, Request},
    policies::{
        Scene, SeatFailure,
        stack::{Decided, StackRuling},
    },
    tools,
    turn::Turn,
    verifiers::{CompiledContract, Verifiers},
    world::GRACE,
};

/// A seat without work is let go after this long.
pub const IDLE_MAX: Duration = Duration::from_secs(30);

/// What a desk is told: the supervisor's messages less mailbox matters.
#[derive(Debug)]
#[allow(missing_docs, reason = "each is the message of the same name in `messages.rs`")]
pub enum DeskMessage {
    Begin,
    Delegate { delegation: Arc<Delegation>, contract: Arc<CompiledContract>, permit: Option<Permit>, more: bool },
    Ticket { goal: GoalId, weight: u8 },
    Report { delegation: DelegationId, report: Box<Report> },
    Examined { delegation: DelegationId, verdict: Verdict, round: u32 },
    Learned { delegation: DelegationId, lessons: Vec<Lesson> },
    Revoke { delegation: DelegationId, reason: RevokeReason, only_waiting: bool },
    Forget { goal: GoalId },
    Ask { from: DelegationId, name: TaskId, task: Box<Task>, reply: AskReply },
    Use { from: DelegationId, request: Request },
    Answer { from: DelegationId, name: TaskId, answer: Box<Result<Delegated, Refusal>> },
    SeatDown { seat: u32, why: SeatEnd },
    PermitHome,
    Release { by: String },
    Sweep,
    Tick,
}

/// What a desk wants done.
#[derive(Debug)]
pub enum DeskEffect {
    /// Tell the goal that it was turned away.
    Refused {
        /// Which delegation.
        delegation: DelegationId,
        /// Why.
        refusal: Refusal,
    },
    /// Tell the goal the settlement.
    Settled {
        /// Which, and how.
        settlement: Arc<Settlement>,
    },
    /// Start a seat.
    StartSeat {
        /// Which, from 1.
        seat: u32,
    },
    /// Let an idle seat go.
    StopSeat {
        /// Which, from 1.
        seat: u32,
    },
    /// Have a seat carry this out; leaves only once everything so far is durable.
    Carry {
        /// Which seat.
        seat: u32,
        /// What.
        assignment: Arc<Assignment>,
    },
    /// Tell a seat to stop its work.
    Cease {
        /// Which seat.
        seat: u32,
    },
    /// Kill a seat.
    Kill {
        /// Which seat.
        seat: u32,
    },
    /// Have the pool examine an output.
    Examine {
        /// Whose.
        delegation: Arc<Delegation>,
        /// Against what.
        contract: Arc<CompiledContract>,
        /// What.
        output: Arc<Output>,
        /// Counted from 1.
        round: u32,
        /// Dead once nobody wants the verdict.
        wanted: Weak<()>,
    },
    /// Have the tracker learn.
    Learn {
        /// From which delegation.
        delegation: Arc<Delegation>,
        /// What it teaches.
        evidence: Evidence,
    },
    /// Call a goal back: there is room.
    Room {
        /// Which goal.
        goal: GoalId,
        /// Its permit.
        permit: Permit,
    },
    /// Hand a question up to the goal.
    AskGoal {
        /// The delegation whose agent asks.
        from: DelegationId,
        /// The name of the part.
        name: TaskId,
        /// The part.
        task: Box<Task>,
        /// The authority handed on.
        mandate: Mandate,
        /// The agents already waiting in this chain.
        lineage: Arc<[AgentName]>,
    },
    /// Let a tool call through; leaves only once everything so far is durable.
    Allow {
        /// Whom to tell.
        reply: oneshot::Sender<Result<(), Refusal>>,
    },
    /// Answer an agent; leaves only once everything so far is durable.
    Reply {
        /// Whom.
        reply: AskReply,
        /// What.
        answer: Box<Result<Delegated, Refusal>>,
    },
}

/// What a step may look at.
pub struct DeskScene {
    /// Now.
    pub now: Timestamp,
    /// A fresh draw, 0.0..1.0.
    pub draw: f64,
    /// The event of another stream that led to the message.
    pub cause: Option<Cause>,
}

/// What one attempt asked of others. It goes on when all of it is answered.
#[derive(Default)]
struct Asks {
    open: BTreeMap<TaskId, Ask>,
    answered: Vec<(AskReply, Box<Result<Delegated, Refusal>>)>,
}

struct Ask {
    task: Box<Task>,
    mandate: Mandate,
    /// Several, if the agent asked for the same part twice.
    replies: Vec<AskReply>,
}

enum Seat {
    Free {
        since: Timestamp,
    },
    Busy(DelegationId),
    /// It is being killed: it takes no work, and its slot is not free before it is down.
    Ending(DelegationId),
}

/// The desk of one supervisor.
pub struct Desk {
    entry: Arc<Entry>,
    verifiers: Arc<Verifiers>,
    /// What is known: the fold of the stream.
    pub books: Books,
    permits: BTreeMap<DelegationId, Permit>,
    contracts: BTreeMap<DelegationId, Arc<CompiledContract>>,
    asks: BTreeMap<DelegationId, Asks>,
    learning: BTreeMap<DelegationId, Evidence>,
    /// What is examined in the pool: in which round, and that the verdict is wanted.
    examining: BTreeMap<DelegationId, (u32, Arc<()>)>,
    seats: BTreeMap<u32, Seat>,
    down: u32,
    tickets: Tickets,
    now: Timestamp,
    draw: f64,
    cause: Option<Cause>,
    turn: Turn<AgentFact, DeskEffect>,
    published: Option<Option<Refusal>>,
    changed: bool,
}

impl Desk {
    /// A desk over folded books.
    pub fn new(entry: Arc<Entry>, verifiers: Arc<Verifiers>, books: Books) -> Self {
        Self {
            entry,
            verifiers,
            books,
            permits: BTreeMap::new(),
            contracts: BTreeMap::new(),
            asks: BTreeMap::new(),
            learning: BTreeMap::new(),
            examining: BTreeMap::new(),
            seats: BTreeMap::new(),
            down: 0,
            tickets: Tickets::default(),
            now: Timestamp::default(),
            draw: 0.0,
            cause: None,
            turn: Turn::default(),
            published: None,
            changed: true,
        }
    }

    /// Takes one message and says what follows.
    pub fn step(&mut self, message: DeskMessage, scene: DeskScene) -> Turn<AgentFact, DeskEffect> {
        self.now = scene.now;
        self.draw = scene.draw;
        self.cause = scene.cause;
        match message {
            DeskMessage::Begin => self.begin(),
            DeskMessage::Delegate { delegation, contract, permit, more } => {
                self.delegate(delegation, contract, permit, more);
            }
            DeskMessage::Ticket { goal, weight } => self.tickets.take(goal, weight),
            DeskMessage::Report { delegation, report } => self.report(delegation, *report),
            DeskMessage::Examined { delegation, verdict, round } => {
                if self.examining.get(&delegation).is_some_and(|(open, _)| *open == round) {
                    self.examined(delegation, verdict, round);
                }
            }
            DeskMessage::Learned { delegation, lessons } => {
                if self.learning.remove(&delegation).is_some() {
                    self.settle(delegation, lessons);
                }
            }
            DeskMessage::Revoke { delegation, reason, only_waiting } => {
                if self.books.flights.get(&delegation).is_some_and(|f| f.is_waiting() || !only_waiting) {
                    self.cease(delegation, reason);
                }
            }
            DeskMessage::Forget { goal } => self.forget(goal),
            DeskMessage::Ask { from, name, task, reply } => self.ask(from, name, task, reply),
            DeskMessage::Use { from, request } => self.uses(from, request),
            DeskMessage::Answer { from, name, answer } => self.answer(from, &name, *answer),
            DeskMessage::SeatDown { seat, why } => self.seat_down(seat, why),
            DeskMessage::PermitHome => {}
            DeskMessage::Release { by } => self.happen(AgentFact::Released { by }),
            DeskMessage::Sweep => self.sweep(),
            DeskMessage::Tick => self.tick(),
        }
        self.resume_parked();
        self.seat_waiting();
        self.give_room();
        self.publish();
        std::mem::take(&mut self.turn)
    }

    /// When something is due next: a timeout, a grace, a wake, a seat that may start again or has idled long enough.
    pub fn next_due(&self) -> Option<Timestamp> {
        let flights = self.books.flights.values().filter_map(|flight| match &flight.ceasing {
            // Its seat is killed already, or went with the life before: there is nothing to wait for here.
            Some((_, since)) => self.seat_of(flight).map(|_| *since + GRACE),
            None if flight.is_running() => flight.must_end(),
            None if self.learning.contains_key(&flight.delegation.id) => None,
            None => flight.delegation.mandate.deadline(),
        });
        let wakes = self.books.wakes.keys().map(|(at, ..)| *at);
        let seats = self.seats.values().filter_map(|seat| match seat {
            Seat::Free { since } => Some(*since + IDLE_MAX),
            _ => None,
        });
        let waits = self.books.recover_at > self.now && !self.books.order.is_empty();
        let recover = waits.then_some(self.books.recover_at);
        flights.chain(wakes).chain(seats).chain(recover).min()
    }

    /// Whether it admitted this.
    pub fn knows(&self, id: &DelegationId) -> bool {
        self.books.flights.contains_key(id) || self.books.settled.contains_key(id)
    }

    /// Whether it drains and nothing is left that a goal which `lives` could ask for.
    pub fn is_drained(&self, lives: impl Fn(&GoalId) -> bool) -> bool {
        self.entry.permits.is_closed()
            && self.books.flights.is_empty()
            && !self.books.settled.keys().any(|id| lives(&id.goal))
    }

    /// Whether it holds a permit for nothing that is in flight: never, and the simulator asks.
    pub fn permits_held(&self) -> usize {
        self.permits.len()
    }

    // --- what is told -------------------------------------------------------------------------------------------

    fn begin(&mut self) {
        let incarnation = self.books.lives;
        self.happen(AgentFact::Stack {
            policies: self.books.stack.names(),
            settings: self.books.stack.settings().into(),
            capabilities: self.entry.capabilities.clone(),
            seats: self.entry.seats,
            incarnation,
        });
        // A report without a verdict is verified again, a verdict without a settlement settled; the rest is lost.
        for id in self.books.flights.keys().copied().collect::<Vec<_>>() {
            self.resume(id);
        }
    }

    fn delegate(
        &mut self,
        delegation: Arc<Delegation>,
        contract: Arc<CompiledContract>,
        permit: Option<Permit>,
        more: bool,
    ) {
        let (id, goal, weight) = (delegation.id, delegation.id.goal, delegation.priority);
        if let Some(settlement) = self.books.settled.get(&id).cloned() {
            return self.turn.tell(DeskEffect::Settled { settlement });
        }
        // In flight: the answer goes to the goal's address, whoever lives there by then. Its questions go there again.
        if self.books.flights.contains_key(&id) {
            return self.ask_again(id);
        }
        if self.entry.permits.is_closed() {
            // The next generation, or somebody else, will have it: the goal looks again.
            return self.turn.tell(DeskEffect::Refused { delegation: id, refusal: Refusal::CalledBack });
        }
        let Some(permit) = permit else {
            self.tickets.take(goal, weight);
            return self.turn.tell(DeskEffect::Refused { delegation: id, refusal: Refusal::Full });
        };
        match self.rule(&delegation) {
            StackRuling::Admit(mandate) => {
                let delegation = Arc::new(Delegation { mandate, ..Delegation::clone(&delegation) });
                self.permits.insert(id, permit);
                self.contracts.insert(id, contract);
                self.happen(AgentFact::Admitted { delegation });
            }
            StackRuling::Refuse(refusal) => self.turn.tell(DeskEffect::Refused { delegation: id, refusal }),
            StackRuling::Hold(request) => {
                let what = format!("approval asked by {}: {}", request.policy, request.question);
                self.turn.tell(DeskEffect::Refused { delegation: id, refusal: Refusal::NotInThisVersion { what } });
            }
        }
        if more {
            self.tickets.take(goal, weight);
        }
    }

    fn report(&mut self, id: DelegationId, mut report: Report) {
        // Late reports are evidence and change nothing: what is settled stays settled.
        let Some(flight) = self.books.flights.get(&id).filter(|flight| flight.is_running()) else { return };
        let ceasing = flight.ceasing.is_some();
        self.free_seat(id);
        if !ceasing && let Ok(output) = &report.result {
            report.result = self.contract(id).and_then(|contract| contract.shape(output));
        }
        self.happen(AgentFact::Reported { delegation: id, report: Arc::new(report) });
        self.resume(id);
    }

    /// Goes on with a flight from wherever its facts have brought it.
    fn resume(&mut self, id: DelegationId) {
        let Some(flight) = self.books.flights.get(&id) else { return };
        let output = flight.report.as_ref().and_then(|(report, _)| report.result.as_ref().ok());
        match (output, &flight.examined, &flight.ceasing) {
            (Some(_), Some((Some(verdict), 1)), None) if verdict.abstained => self.examine(id, 2),
            (Some(_), None, None) => self.examine(id, 1),
            _ => self.conclude(id),
        }
    }

    fn examine(&mut self, id: DelegationId, round: u32) {
        let contract = self.contract(id);
        let Some(flight) = self.books.flights.get(&id) else { return };
        let Some((Ok(output), _)) = flight.report.as_ref().map(|(report, at)| (&report.result, at)) else { return };
        match contract {
            // The contract was accepted once; a build that cannot compile it any more cannot say that it is met.
            Err(failure) => self.examined(id, Verdict::abstain("contract", failure.message), 2),
            Ok(contract) if !contract.asks_for_check() => {
                self.happen(AgentFact::Examined { delegation: id, verdict: None, round });
                self.conclude(id);
            }
            Ok(contract) if contract.is_pure() && contract.fits_inline(output) => {
                let verdict = contract.examine_pure(output);
                self.examined(
                    id,
                    verdict.unwrap_or_else(|| Verdict::abstain("contract", "nothing was checked")),
                    round,
                );
            }
            Ok(contract) => {
                let (delegation, output) = (flight.delegation.clone(), Arc::new(output.clone()));
                let token = Arc::new(());
                let wanted = Arc::downgrade(&token);
                self.examining.insert(id, (round, token));
                self.turn.tell(DeskEffect::Examine { delegation, contract, output, round, wanted });
            }
        }
    }

    fn examined(&mut self, id: DelegationId, verdict: Verdict, round: u32) {
        self.examining.remove(&id);
        if !self.books.flights.contains_key(&id) {
            return;
        }
        let again = verdict.abstained && round == 1;
        self.happen(AgentFact::Examined { delegation: id, verdict: Some(verdict), round });
        if again { self.examine(id, 2) } else { self.conclude(id) }
    }

    /// Nothing more comes from the seat and verification is done: learn first, then settle.
    fn conclude(&mut self, id: DelegationId) {
        let Some(flight) = self.books.flights.get(&id) else { return };
        match flight.conclusion().evidence {
            Some(evidence) => {
                self.learning.insert(id, evidence);
                let delegation = flight.delegation.clone();
                self.turn.tell(DeskEffect::Learn { delegation, evidence });
            }
            None => self.settle(id, Vec::new()),
        }
    }

    fn forget(&mut self, goal: GoalId) {
        self.tickets.forget(goal);
        if self.books.settled.range(bounds(goal)).next().is_some() {
            self.happen(AgentFact::Forgotten { goal });
        }
    }

    /// An agent wants a part done by somebody else: checked against what it holds, handed on narrower, and it waits.
    fn ask(&mut self, from: DelegationId, name: TaskId, task: Box<Task>, reply: AskReply) {
        let mandate = match self.handed_on(from, &name, &task) {
            Ok(mandate) => mandate,
            // Whoever asked is gone only if its attempt ended.
            Err(refusal) => return drop(reply.send(Err(refusal))),
        };
        let asks = self.asks.entry(from).or_default();
        if let Some(open) = asks.open.get_mut(&name) {
            if open.task == task {
                open.replies.push(reply);
            } else {
                drop(reply.send(Err(Refusal::NameTaken { name: name.to_string() })));
            }
            return;
        }
        asks.open.insert(name.clone(), Ask { task: task.clone(), mandate: mandate.clone(), replies: vec![reply] });
        if self.books.flights.get(&from).is_some_and(|flight| flight.parked.is_none()) {
            // Nobody waits while holding what another waits for: the place and the permit go back.
            self.permits.remove(&from);
            self.happen(AgentFact::Parked { delegation: from });
        }
        self.ask_goal(from, name, task, mandate);
    }

    /// An agent at work wants something ruled or recorded.
    fn uses(&mut self, from: DelegationId, request: Request) {
        let Some(flight) = self.books.flights.get(&from).filter(|f| f.is_running() && f.ceasing.is_none()) else {
            // What has ended or is to end uses nothing; the dropped reply says so.
            return;
        };
        match request {
            Request::Tool { tool, need, args, reply } => {
                let mandate = &flight.delegation.mandate;
                let needs = need.to_string();
                if !mandate.is_live(self.now) {
                    drop(reply.send(Err(Refusal::MandateExpired)));
                } else if tools::allows(mandate.exercise(), &need, &args, self.now) {
                    self.happen(AgentFact::ToolCalled { delegation: from, tool, needs });
                    self.turn.tell(DeskEffect::Allow { reply });
                } else {
                    drop(reply.send(Err(Refusal::OutsideMandate { needs: needs.clone() })));
                    self.happen(AgentFact::Violation { delegation: from, tried: format!("{tool}: {needs}") });
                }
            }
            Request::Charge { usage, cost } => self.happen(AgentFact::Charged { delegation: from, usage, cost }),
            Request::Process { pid, born } => self.happen(AgentFact::ProcessStarted { delegation: from, pid, born }),
            Request::Progress { note } => self.happen(AgentFact::Progressed { delegation: from, note }),
            Request::Checkpoint { state } => self.happen(AgentFact::Checkpointed { delegation: from, state }),
        }
    }

    /// What the agent may hand on, or why it may not.
    fn handed_on(&self, from: DelegationId, name: &TaskId, task: &Task) -> Result<Mandate, Refusal> {
        let Some(flight) = self.books.flights.get(&from).filter(|f| f.is_running() && f.ceasing.is_none()) else {
            // What has ended asks for nothing.
            return Err(Refusal::Draining);
        };
        let holds = &flight.delegation.mandate;
        let parked = self.books.flights.values().filter(|flight| flight.parked.is_some()).count();
        if holds.depth() == 0 {
            return Err(Refusal::DepthExceeded);
        }
        if !holds.is_live(self.now) {
            return Err(Refusal::MandateExpired);
        }
        if flight.parked.is_none() && parked >= PARKED_MAX {
            return Err(Refusal::Overloaded);
        }
        if name.is_empty() || name.contains('/') {
            let problem = format!("`{name}` cannot be the name of a part: it is not blank and has no slash");
            return Err(Refusal::Invalid { problem });
        }
        let mut limits = Limits::default();
        if let Some(request) = task.settings.permissions.clone().filter(|request| !request.is_empty()) {
            let missing = holds.grant().missing(&request, self.now);
            if !missing.is_empty() {
                return Err(Refusal::Unauthorized { missing });
            }
            limits.exercise = Some(request.clone());
            limits.grant = Some(request);
        }
        Ok(holds.hand_on(Some(from), &limits))
    }

    fn ask_goal(&mut self, from: DelegationId, name: TaskId, task: Box<Task>, mandate: Mandate) {
        let Some(flight) = self.books.flights.get(&from) else { return };
        let lineage = flight.delegation.lineage.iter().chain([&self.entry.name]).cloned().collect();
        self.turn.tell(DeskEffect::AskGoal { from, name, task, mandate, lineage });
    }

    fn ask_again(&mut self, from: DelegationId) {
        let Some(asks) = self.asks.get(&from) else { return };
        let open: Vec<_> =
            asks.open.iter().map(|(name, ask)| (name.clone(), ask.task.clone(), ask.mandate.clone())).collect();
        for (name, task, mandate) in open {
            self.ask_goal(from, name, task, mandate);
        }
    }

    fn answer(&mut self, from: DelegationId, name: &TaskId, answer: Result<Delegated, Refusal>) {
        // An answer to what was never asked, or to an attempt that ended: nobody waits for it.
        let Some(asks) = self.asks.get_mut(&from) else { return };
        let Some(ask) = asks.open.remove(name) else { return };
        asks.answered.extend(ask.replies.into_iter().map(|reply| (reply, Box::new(answer.clone()))));
    }

    /// Lets parked attempts go on, deeper ones first, before anything new is admitted to a place.
    fn resume_parked(&mut self) {
        while self.has_place() {
            let ready = self.asks.iter().filter(|(_, asks)| asks.open.is_empty() && !asks.answered.is_empty());
            let depth = |id: &DelegationId| self.books.flights.get(id).map_or(0, |f| f.delegation.lineage.len());
            let Some(id) = ready.map(|(id, _)| *id).max_by_key(|id| (depth(id), std::cmp::Reverse(*id))) else {
                return;
            };
            let answered = self.asks.remove(&id).map(|asks| asks.answered).unwrap_or_default();
            if let Some(permit) = self.entry.permits.take_for_ticket() {
                self.permits.insert(id, permit);
            }
            self.happen(AgentFact::Resumed { delegation: id });
            for (reply, answer) in answered {
                self.turn.tell(DeskEffect::Reply { reply, answer });
            }
        }
    }

    fn sweep(&mut self) {
        let learning: Vec<_> = self.learning.iter().map(|(id, evidence)| (*id, *evidence)).collect();
        for (id, evidence) in learning {
            if let Some(flight) = self.books.flights.get(&id) {
                let delegation = flight.delegation.clone();
                self.turn.tell(DeskEffect::Learn { delegation, evidence });
            }
        }
        let examining: Vec<_> = self.examining.iter().map(|(id, (round, _))| (*id, *round)).collect();
        for (id, round) in examining {
            self.examine(id, round);
        }
    }

    fn tick(&mut self) {
        let now = self.now;
        let wakes: Vec<_> = self.books.wakes.keys().take_while(|(at, ..)| *at <= now).cloned().collect();
        for (_, policy, token) in wakes {
            self.happen(AgentFact::Due { policy, token });
        }
        for id in self.books.flights.keys().copied().collect::<Vec<_>>() {
            let Some(flight) = self.books.flights.get(&id) else { continue };
            let deadline = flight.delegation.mandate.deadline().is_some_and(|deadline| deadline <= now);
            match &flight.ceasing {
                Some((_, since)) if *since + GRACE <= now => self.kill(self.seat_of(flight)),
                None if deadline => self.cease(id, RevokeReason::Deadline),
                None if flight.is_running() && flight.must_end().is_some_and(|end| end <= now) => {
                    self.stop_work(id, CeaseReason::Timeout);
                }
                _ => {}
            }
        }
        let idle = |seat: &Seat| matches!(seat, Seat::Free { since } if *since + IDLE_MAX <= now);
        for seat in self.seats.iter().filter(|(_, s)| idle(s)).map(|(n, _)| *n).collect::<Vec<_>>() {
            self.seats.remove(&seat);
            self.happen(AgentFact::SeatDown { seat, delegation: None, why: SeatEnd::Idle });
            self.turn.tell(DeskEffect::StopSeat { seat });
        }
    }

    // --- stopping -----------------------------------------------------------------------------------------------

    /// Calls admitted work back: what waits is settled at once, what runs is told to stop.
    fn cease(&mut self, id: DelegationId, reason: RevokeReason) {
        let Some(flight) = self.books.flights.get(&id) else { return };
        if flight.is_running() {
            if flight.ceasing.is_none() {
                self.stop_work(id, CeaseReason::Revoked(reason));
            }
            return;
        }
        // The work is done and paid for: a trip lets its verdict come in. Whatever ends the goal ends this too.
        if !flight.is_waiting() && reason == RevokeReason::Trip {
            return;
        }
        // Its lesson is learned already and on its way; the tracker keeps none that no settlement carries.
        if self.learning.contains_key(&id) {
            return;
        }
        self.examining.remove(&id);
        self.happen(AgentFact::Ceasing { delegation: id, why: CeaseReason::Revoked(reason) });
        self.settle(id, Vec::new());
    }

    fn stop_work(&mut self, id: DelegationId, why: CeaseReason) {
        let seat = self.books.flights.get(&id).and_then(|flight| flight.started).map(|(seat, _)| seat);
        self.happen(AgentFact::Ceasing { delegation: id, why });
        if let Some(seat) = seat {
            self.turn.tell(DeskEffect::Cease { seat });
        }
    }

    /// The seat that is at work on a flight in this life.
    fn seat_of(&self, flight: &Flight) -> Option<u32> {
        let (seat, _) = flight.started?;
        matches!(self.seats.get(&seat), Some(Seat::Busy(id)) if *id == flight.delegation.id).then_some(seat)
    }

    fn kill(&mut self, seat: Option<u32>) {
        let Some(seat) = seat else { return };
        if let Some(Seat::Busy(id)) = self.seats.get(&seat) {
            self.seats.insert(seat, Seat::Ending(*id));
            self.turn.tell(DeskEffect::Kill { seat });
        }
    }

    fn seat_down(&mut self, seat: u32, why: SeatEnd) {
        let delegation = match self.seats.remove(&seat) {
            Some(Seat::Busy(id) | Seat::Ending(id)) => Some(id).filter(|id| self.books.flights.contains_key(id)),
            Some(_) => None,
            // It was let go: nothing is lost with it.
            None => return,
        };
        let flight = delegation.and_then(|id| self.books.flights.get(&id));
        let why = match flight.and_then(|flight| flight.ceasing.as_ref()) {
            Some((CeaseReason::Revoked(_), _)) => SeatEnd::Dismissed,
            _ => why,
        };
        self.down += 1;
        self.happen(AgentFact::SeatDown { seat, delegation, why: why.clone() });
        if why != SeatEnd::Dismissed {
            self.recover(seat, why);
        }
        if let Some(id) = delegation {
            self.conclude(id);
        }
    }

    fn recover(&mut self, seat: u32, why: SeatEnd) {
        let failure = SeatFailure { seat, why };
        let recovery = self.look(|books, scene| books.stack.recover(&failure, scene));
        let at = match recovery {
            Some(Recovery::Restart { after }) if after.is_zero() => return,
            Some(Recovery::Restart { after }) => self.now + after,
            Some(Recovery::Quarantine { until }) => until,
            Some(_) => Timestamp::from_millis(u64::MAX),
            None => return,
        };
        self.happen(AgentFact::Recovering { at });
    }

    // --- settling -----------------------------------------------------------------------------------------------

    /// The one settlement of an admission. A trip it causes is recorded in the same batch, before anybody is told.
    fn settle(&mut self, id: DelegationId, lessons: Vec<Lesson>) {
        let Some(flight) = self.books.flights.get(&id) else { return };
        let settlement = self.settlement(flight, lessons);
        self.finish(settlement);
    }

    /// A waiting delegation was ruled out again: no attempt, no charge.
    fn give_back(&mut self, id: DelegationId, refusal: Refusal) {
        let Some(flight) = self.books.flights.get(&id) else { return };
        let settlement = Settlement {
            kind: SettlementKind::Returned,
            refusal: Some(refusal),
            revoked: None,
            failure: None,
            ..self.settlement(flight, Vec::new())
        };
        self.finish(settlement);
    }

    fn finish(&mut self, mut settlement: Settlement) {
        let id = settlement.delegation;
        self.permits.remove(&id);
        self.contracts.remove(&id);
        self.asks.remove(&id);
        let fact = AgentFact::Settled { settlement: Arc::new(settlement.clone()) };
        let fallen = self.books.apply(&fact, self.now);
        let decided = self.look(|books, scene| books.stack.decide(&fact, scene));
        settlement.trips = decided.trips();
        let settlement = Arc::new(settlement);
        self.books.settled.insert(id, settlement.clone());
        self.changed = true;
        self.note(AgentFact::Settled { settlement: settlement.clone() });
        self.turn.tell(DeskEffect::Settled { settlement });
        for fact in fallen {
            self.record(fact);
        }
        self.follow(decided);
    }

    fn settlement(&self, flight: &Flight, lessons: Vec<Lesson>) -> Settlement {
        let conclusion = flight.conclusion();
        let report = flight.report.as_ref().map(|(report, _)| report);
        let declared = self.entry.cost_per_task;
        let mut usage = flight.usage;
        let mut cost = flight.cost;
        if let Some(report) = report {
            usage += report.usage;
            cost += report.cost;
        }
        // Whoever declares a price and reports none is charged the declared one; in doubt it counts as spent.
        let begun = flight.started.is_some();
        let unstated = begun && cost == Cost::FREE && declared != Cost::FREE;
        if unstated {
            cost = declared;
        }
        Settlement {
            delegation: flight.delegation.id,
            kind: conclusion.kind,
            output: report.and_then(|report| report.result.as_ref().ok().cloned()),
            verdict: flight.examined.as_ref().and_then(|(verdict, _)| verdict.clone()),
            failure: conclusion.failure,
            refusal: None,
            revoked: conclusion.revoked,
            usage,
            cost,
            uncertain: unstated && report.is_none(),
            debrief: report.and_then(|report| report.debrief.clone()),
            checkpoint: flight.checkpoint.clone(),
            lessons,
            trips: Vec::new(),
            started: flight.started.map(|(_, at)| at),
            ended: flight.worked_until().unwrap_or(self.now),
        }
    }

    // --- seats and room -----------------------------------------------------------------------------------------

    fn free_seat(&mut self, id: DelegationId) {
        let now = self.now;
        for seat in self.seats.values_mut() {
            if matches!(seat, Seat::Busy(busy) if *busy == id) {
                *seat = Seat::Free { since: now };
            }
        }
    }

    /// Begins what waits, as far as seats go. A slot stays taken until its settlement: the next attempt sees its lesson.
    fn seat_waiting(&mut self) {
        while !self.books.order.is_empty() && self.books.recover_at <= self.now {
            if !self.has_place() {
                return;
            }
            let Some(id) = self.books.order.values().next().copied() else { return };
            let Some(delegation) = self.books.flights.get(&id).map(|flight| flight.delegation.clone()) else { return };
            // Ruled again only if anything may have changed since the door: its own admission changes nothing.
            let just_admitted = self
                .turn
                .record
                .iter()
                .any(|(fact, _)| matches!(fact, AgentFact::Admitted { delegation } if delegation.id == id));
            if !just_admitted && let StackRuling::Refuse(refusal) = self.rule_again(&delegation) {
                self.give_back(id, refusal);
                continue;
            }
            let free = self.seats.iter().find(|(_, seat)| matches!(seat, Seat::Free { .. })).map(|(seat, _)| *seat);
            let seat = free.unwrap_or_else(|| self.start_seat());
            self.seats.insert(seat, Seat::Busy(id));
            self.happen(AgentFact::Started { delegation: id, seat });
            let must_end = self.books.flights.get(&id).and_then(Flight::must_end).unwrap_or(self.now);
            let assignment = Arc::new(Assignment { delegation, started: self.now, must_end });
            self.turn.tell(DeskEffect::Carry { seat, assignment });
        }
    }

    /// Whether one more attempt may run.
    fn has_place(&self) -> bool {
        let taken = self.books.flights.values().filter(|flight| flight.takes_place()).count();
        let gone = |id: &DelegationId| !self.books.flights.contains_key(id);
        let ending = self.seats.values().filter(|seat| matches!(seat, Seat::Ending(id) if gone(id))).count();
        taken + ending < self.entry.seats as usize
    }

    fn start_seat(&mut self) -> u32 {
        let seat = (1..).find(|seat| !self.seats.contains_key(seat)).unwrap_or(u32::MAX);
        let restart = self.down > 0;
        self.down = self.down.saturating_sub(1);
        self.happen(AgentFact::SeatStarted { seat, restart });
        self.turn.tell(DeskEffect::StartSeat { seat });
        seat
    }

    fn give_room(&mut self) {
        if self.entry.permits.is_closed() {
            // Whoever waits here is told to look again.
            self.tickets = Tickets::default();
        }
        while !self.tickets.is_empty()
            && let Some(permit) = self.entry.permits.take_for_ticket()
        {
            let Some(goal) = self.tickets.next() else { break };
            self.turn.tell(DeskEffect::Room { goal, permit });
        }
        self.entry.permits.set_tickets(self.tickets.len());
    }

    fn publish(&mut self) {
        let busy = self.books.flights.values().filter(|flight| flight.takes_place()).count();
        self.entry.publish_load(busy as u32, self.books.flights.len() as u32);
        let refusal = self.books.stack.standing(self.now);
        if self.changed || self.published.as_ref() != Some(&refusal) {
            self.changed = false;
            self.entry.publish(Standing {
                refusal: refusal.clone(),
                trust: self.books.trust.records.clone(),
                breakers: self.books.stack.breakers().clone(),
            });
            self.published = Some(refusal);
        }
    }

    // --- facts and policies -------------------------------------------------------------------------------------

    fn rule(&self, delegation: &Delegation) -> StackRuling {
        self.look(|books, scene| books.stack.rule(delegation, scene))
    }

    /// Rules on what is already admitted, as if it had just come to the door: it is not in flight for itself.
    fn rule_again(&self, delegation: &Delegation) -> StackRuling {
        let again = Delegation { retry: false, ..delegation.clone() };
        let in_flight: Vec<_> =
            self.books.in_flight().into_iter().filter(|flight| flight.delegation.id != delegation.id).collect();
        self.books.stack.rule(&again, &self.scene(&in_flight))
    }

    fn look<T>(&self, look: impl FnOnce(&Books, &Scene<'_>) -> T) -> T {
        let in_flight = self.books.in_flight();
        look(&self.books, &self.scene(&in_flight))
    }

    fn scene<'a>(&'a self, in_flight: &'a [crate::policies::InFlight<'a>]) -> Scene<'a> {
        Scene {
            now: self.now,
            draw: self.draw,
            agent: &self.entry.name,
            capabilities: &self.entry.capabilities,
            seats: self.entry.seats,
            cost_per_task: self.entry.cost_per_task.micro_usd().unwrap_or(0),
            in_flight,
            trust: &self.books.trust,
        }
    }

    /// Records a fact, applies it, lets every policy decide, and follows what they decided.
    fn happen(&mut self, fact: AgentFact) {
        self.record(fact.clone());
        let decided = self.look(|books, scene| books.stack.decide(&fact, scene));
        self.follow(decided);
    }

    fn record(&mut self, fact: AgentFact) {
        let fallen = self.books.apply(&fact, self.now);
        self.note(fact);
        for fact in fallen {
            self.record(fact);
        }
    }

    fn note(&mut self, fact: AgentFact) {
        if matches!(fact, AgentFact::Policy(_) | AgentFact::PolicyOut { .. } | AgentFact::Released { .. }) {
            self.changed = true;
        }
        let cause = if fact.delegation().is_some() { self.cause.clone() } else { None };
        self.turn.record.push((fact, cause));
    }

    fn follow(&mut self, decided: Decided) {
        let tripped = !decided.trips().is_empty();
        for fact in decided.facts {
            self.record(fact);
        }
        if tripped {
            for id in self.books.order.values().copied().collect::<Vec<_>>() {
                let Some(delegation) = self.books.flights.get(&id).map(|flight| flight.delegation.clone()) else {
                    continue;
                };
                if let StackRuling::Refuse(refusal) = self.rule_again(&delegation) {
                    self.give_back(id, refusal);
                }
            }
        }
        for (id, reason) in decided.revoke {
            self.cease(id, reason);
        }
    }

    fn contract(&mut self, id: DelegationId) -> Result<Arc<CompiledContract>, bailiwick_protocols::Failure> {
        if let Some(contract) = self.contracts.get(&id) {
            return Ok(contract.clone());
        }
        // After a rebuild: compiled again from the spec that travelled with the delegation.
        let Some(flight) = self.books.flights.get(&id) else {
            return Err(bailiwick_protocols::Failure::invalid_output("nothing of this is in flight"));
        };
        let delegation = &flight.delegation;
        let contract = self.verifiers.compile(&delegation.contract, delegation.reversibility).map_err(|problems| {
            let said: Vec<String> = problems.iter().map(ToString::to_string).collect();
            bailiwick_protocols::Failure::invalid_output(said.join("; "))
        })?;
        self.contracts.insert(id, contract.clone());
        Ok(contract)
    }
}

fn bounds(goal: GoalId) -> std::ops::RangeInclusive<DelegationId> {
    DelegationId { goal, number: 0 }..=DelegationId { goal, number: u32::MAX }
}
