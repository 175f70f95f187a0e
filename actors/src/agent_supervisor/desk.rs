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
    AgentFact, AgentName, Cause, Contract, Cost, Delegated, Delegation, DelegationId, GoalId, Lesson, Limits, Mandate,
    Output, Outside, Recovery, Refusal, Report, Settlement, SettlementKind, Task, TaskId, Timestamp, Tried, Verdict,
    Verify,
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
    world::{GRACE, Starts},
};

mod places;
mod settling;
mod stopping;
mod told;
mod transfer;

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
    ThreadsLeft { threads: u32 },
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
    /// Have the goal call back what an attempt that is told to stop has handed on.
    CallOff {
        /// The delegation whose agent asked.
        from: DelegationId,
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
    /// Its agent has given the task away: what it still says of it counts for nothing, and it has its grace to end.
    Leaving(DelegationId, Timestamp),
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
    /// Whether it is beginning another life: the goals behind what is in flight may not live yet.
    beginning: bool,
    seats: BTreeMap<u32, Seat>,
    down: u32,
    starts: Starts,
    /// Whether a seat was started in this life: the first one is always.
    began: bool,
    /// When a seat may start, if too many did of late.
    start_at: Option<Timestamp>,
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
            beginning: false,
            seats: BTreeMap::new(),
            down: 0,
            starts: Starts::default(),
            began: false,
            start_at: None,
            tickets: Tickets::default(),
            now: Timestamp::default(),
            draw: 0.0,
            cause: None,
            turn: Turn::default(),
            published: None,
            changed: true,
        }
    }

    /// Counts its seats' starts among these.
    pub fn starting_as(self, starts: Starts) -> Self {
        Self { starts, ..self }
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
            DeskMessage::ThreadsLeft { threads } => {
                if self.books.threads_left != threads {
                    self.happen(AgentFact::ThreadsLeft { threads });
                    self.changed = true;
                }
            }
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
            Seat::Leaving(_, since) => Some(*since + GRACE),
            _ => None,
        });
        let waits = self.books.recover_at > self.now && !self.books.order.is_empty();
        let recover = waits.then_some(self.books.recover_at);
        let start = self.start_at.filter(|at| *at > self.now && !self.books.order.is_empty());
        flights.chain(wakes).chain(seats).chain(recover).chain(start).min()
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

    /// What the agent is known to produce, where a task asks for no check.
    fn own_check(&self, delegation: &Delegation) -> Option<&Verify> {
        let unchecked = delegation.contract.verify == Verify::None && !delegation.is_judgement();
        Some(&self.entry.produces).filter(|own| unchecked && **own != Verify::None)
    }

    /// What an output of this is examined against: what the task asks for, else what the agent is known to produce.
    fn contract(&mut self, id: DelegationId) -> Result<Arc<CompiledContract>, bailiwick_protocols::Failure> {
        if let Some(contract) = self.contracts.get(&id) {
            return Ok(contract.clone());
        }
        // The agent's own check, or after a rebuild: compiled from the spec that travelled with the delegation.
        let Some(flight) = self.books.flights.get(&id) else {
            return Err(bailiwick_protocols::Failure::invalid_output("nothing of this is in flight"));
        };
        let delegation = &flight.delegation;
        let mut spec = Contract::clone(&delegation.contract);
        if let Some(own) = self.own_check(delegation) {
            spec.verify = own.clone();
        }
        let contract = self.verifiers.compile(&spec, delegation.reversibility).map_err(|problems| {
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
