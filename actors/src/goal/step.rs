//! A goal's next steps: offers ready tasks, takes settlements, climbs the ladder, assembles. Plain and synchronous.
//!
//! `step(message, scene)` returns what to record and what to tell. The state changes by recorded events only; beside it
//! stands what dies with the actor: tickets, and permits on their way.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Weak},
};

use bailiwick_protocols::{
    AgentName, Capability, Cause, Code, Contract, Cost, Delegated, Delegation, DelegationId, Failure, Fault, GoalEvent,
    Limits, Mandate, Outcome, Output, Refusal, Settlement, Slice, Task, TaskId, TaskSpec, Timestamp, Usage, Verdict,
    event::{JudgeSeat, Route},
    outcome::{CanceledBy, RefusedBy, RevokeReason, SkippedBecause},
    task::Settings,
};

use super::{
    choice::{Choice, Wanted, choose},
    ladder::{self, Next},
    plan,
    state::{Asking, GoalState, Phase, Stop, TaskState},
};
use crate::{
    directory::Permit,
    messages::{AcceptedGoal, Asker},
    planners::{Plan, PlanAnswer, PlanRequest, SynthesisRequest},
    routers::{RouteScene, Routed, route, standard::FLOOR_TRUST},
    team::Team,
    turn::Turn,
    verifiers::{CompiledContract, JudgeAnswer},
};

mod finish;
mod judging;
mod offer;
mod parts;
mod told;

/// How often a planner is asked again.
pub const REPAIRS_MAX: u32 = 2;

/// What a goal is told: the GoalActor's messages less mailbox matters.
#[derive(Debug)]
#[allow(missing_docs, reason = "each is the message of the same name in `messages.rs`")]
pub enum GoalInput {
    Begin,
    Resume { cancel: Option<CanceledBy> },
    Park,
    Planned { round: u32, answer: PlanAnswer },
    Started { delegation: DelegationId, at: Timestamp },
    Refused { delegation: DelegationId, refusal: Refusal },
    Settled { settlement: Arc<Settlement> },
    Room { agent: AgentName, permit: Permit },
    Examined { verdict: Verdict, round: u32 },
    Synthesised { round: u32, result: Result<Output, String>, usage: Usage, cost: Cost },
    Ask { from: DelegationId, name: TaskId, task: Box<Task>, mandate: Mandate, lineage: Arc<[AgentName]> },
    CallOff { from: DelegationId },
    Judge { seat: JudgeSeat, agent: AgentName, question: String },
    Cancel { by: CanceledBy, graceful: bool },
    Sweep,
    Tick,
}

/// What a goal wants done.
#[derive(Debug)]
pub enum GoalEffect {
    /// Ask an agent.
    Delegate {
        /// What is asked.
        delegation: Arc<Delegation>,
        /// Its contract, compiled.
        contract: Arc<CompiledContract>,
        /// The right to ask; `None` when it is asked again.
        permit: Option<Permit>,
        /// Whether more waits for the same agent.
        more: bool,
    },
    /// Wait for room at an agent.
    Ticket {
        /// Whose supervisor.
        agent: AgentName,
    },
    /// Call work back.
    Revoke {
        /// Whose supervisor.
        agent: AgentName,
        /// Which delegation.
        delegation: DelegationId,
        /// Why.
        reason: RevokeReason,
        /// Leave it alone if its seat has begun.
        only_waiting: bool,
    },
    /// Tell an agent at work what became of a part it handed on.
    Answer {
        /// Who asked.
        agent: AgentName,
        /// In which delegation.
        from: DelegationId,
        /// Under which name.
        name: TaskId,
        /// The result, or why there is none.
        answer: Box<Result<Delegated, Refusal>>,
    },
    /// Tell the pool what an agent said as a judge.
    Judged {
        /// In which examination.
        asker: Asker,
        /// On which seat.
        seat: JudgeSeat,
        /// What it said.
        answer: JudgeAnswer,
    },
    /// Ask the planner.
    Plan {
        /// What it is asked.
        request: Box<PlanRequest>,
    },
    /// Ask the synthesiser.
    Synthesise {
        /// What it is asked.
        request: Box<SynthesisRequest>,
    },
    /// Have the pool examine the assembled output.
    Examine {
        /// Against what.
        contract: Arc<CompiledContract>,
        /// What.
        output: Arc<Output>,
        /// Counted from 1.
        round: u32,
        /// Dead once nobody wants the verdict.
        wanted: Weak<()>,
    },
    /// The goal ended: every supervisor that knows of it may forget it.
    Forget {
        /// Whose supervisors.
        agents: BTreeSet<AgentName>,
    },
}

/// What a step may look at.
pub struct GoalScene<'a> {
    /// Now.
    pub now: Timestamp,
    /// Fresh draws, 0.0..1.0.
    pub draw: &'a mut dyn FnMut() -> f64,
    /// The event of another stream that led to the message.
    pub cause: Option<Cause>,
}

/// One goal at work.
pub struct GoalMachine {
    /// What is known: the fold of the stream.
    pub state: GoalState,
    team: Arc<Team>,
    contracts: BTreeMap<TaskId, Arc<CompiledContract>>,
    goal_contract: Option<Arc<CompiledContract>>,
    /// Tasks that wait for room, and where.
    queued: BTreeMap<usize, Vec<AgentName>>,
    tickets: BTreeSet<AgentName>,
    /// Whose tickets it ever took.
    ticketed: BTreeSet<AgentName>,
    /// Tasks that may be askable; looked at in the next advance.
    fresh: BTreeSet<usize>,
    room: Option<(AgentName, Permit)>,
    /// Children that are wanted again while they are still being called back.
    reopening: BTreeMap<TaskId, (DelegationId, Mandate)>,
    planning: Option<u32>,
    /// The round that is examined in the pool, and that its verdict is wanted.
    examining: Option<(u32, Arc<()>)>,
    synthesising: Option<u32>,
    /// Nothing new starts; it rests as soon as nothing runs.
    parking: bool,
    now: Timestamp,
    cause: Option<Cause>,
    turn: Turn<GoalEvent, GoalEffect>,
}

type Draw<'a> = &'a mut dyn FnMut() -> f64;

impl GoalMachine {
    /// A new goal. Its submission is the first event of the first turn.
    pub fn accept(accepted: &AcceptedGoal, team: Arc<Team>, now: Timestamp) -> Self {
        let AcceptedGoal { id, goal, mandate } = accepted;
        let state = GoalState::new(*id, goal.clone(), team.name.clone(), mandate.clone(), now);
        let mut machine = Self::over(state, team);
        let submitted =
            GoalEvent::GoalSubmitted { goal: goal.clone(), team: machine.team.name.clone(), mandate: mandate.clone() };
        machine.turn.record.push((submitted, None));
        machine
    }

    /// A goal rebuilt from its stream.
    pub fn over(state: GoalState, team: Arc<Team>) -> Self {
        Self {
            state,
            team,
            contracts: BTreeMap::new(),
            goal_contract: None,
            queued: BTreeMap::new(),
            tickets: BTreeSet::new(),
            ticketed: BTreeSet::new(),
            fresh: BTreeSet::new(),
            room: None,
            reopening: BTreeMap::new(),
            planning: None,
            examining: None,
            synthesising: None,
            parking: false,
            now: Timestamp::default(),
            cause: None,
            turn: Turn::default(),
        }
    }

    /// Takes one message and says what follows.
    pub fn step(&mut self, input: GoalInput, scene: GoalScene<'_>) -> Turn<GoalEvent, GoalEffect> {
        let GoalScene { now, draw, cause } = scene;
        self.now = now;
        self.cause = cause;
        let rests = self.state.parked && !matches!(input, GoalInput::Resume { .. });
        if self.state.settled.is_none() && !rests {
            match input {
                GoalInput::Begin => self.begin(),
                GoalInput::Resume { cancel } => self.resume(cancel),
                GoalInput::Park => self.park(),
                GoalInput::Planned { round, answer } => self.planned(round, answer),
                GoalInput::Started { delegation, at } => self.started(delegation, at),
                GoalInput::Refused { delegation, refusal } => self.refused(delegation, refusal),
                GoalInput::Settled { settlement } => self.settled(&settlement, draw),
                GoalInput::Room { agent, permit } => self.room(agent, permit),
                GoalInput::Examined { verdict, round } => {
                    if self.examining.take_if(|(open, _)| *open == round).is_some() {
                        self.examined(verdict);
                    }
                }
                GoalInput::Synthesised { round, result, usage, cost } => {
                    if self.synthesising.take_if(|open| *open == round).is_some() {
                        self.happen(GoalEvent::Synthesised { round, result, usage, cost });
                    }
                }
                GoalInput::Ask { from, name, task, mandate, lineage } => {
                    self.ask_child(from, &name, &task, mandate, lineage)
                }
                GoalInput::CallOff { from } => self.call_off_children(from),
                GoalInput::Judge { seat, agent, question } => self.ask_judge(seat, agent, &question),
                GoalInput::Cancel { by, graceful } => self.stop(Stop::Canceled { by, graceful }),
                GoalInput::Sweep => self.sweep(),
                GoalInput::Tick => {}
            }
            // What is canceled ends already; its supervisors keep the deadline of what still runs.
            if self.state.yields_to(&Stop::Deadline) && self.state.deadline().is_some_and(|deadline| deadline <= now) {
                self.stop(Stop::Deadline);
            }
            self.advance(draw);
            self.room = None;
            self.keep_tickets();
            if self.parking && self.state.settled.is_none() && self.is_at_rest() {
                self.happen(GoalEvent::GoalParked);
            }
            self.turn.done = self.state.settled.is_some() || self.state.parked;
        } else {
            // Settled or parked: a permit goes home by being dropped, everything else is a straggler.
            self.turn.done = true;
        }
        std::mem::take(&mut self.turn)
    }

    /// When something is due next: a back-off or the deadline.
    pub fn next_due(&self) -> Option<Timestamp> {
        if self.state.settled.is_some() {
            return None;
        }
        let backing_off = self.state.tasks.iter().filter_map(|task| match &task.phase {
            Phase::Open { at, .. } if *at > self.now && task.waits_for == 0 => Some(*at),
            _ => None,
        });
        // Once it stops for a graver reason the deadline changes nothing here: supervisors keep it for what runs.
        let deadline = self.state.deadline().filter(|_| self.state.yields_to(&Stop::Deadline));
        backing_off.chain(deadline).min()
    }

    /// Whether a task that waits holds a permit: never, and the simulator asks.
    pub fn holds_permit(&self) -> bool {
        self.room.is_some()
    }

    // --- facts --------------------------------------------------------------------------------------------------

    fn happen(&mut self, event: GoalEvent) {
        self.state.apply(&event, self.now);
        let ended = match &event {
            GoalEvent::TaskCompleted { task, .. }
            | GoalEvent::TaskFailed { task, .. }
            | GoalEvent::TaskSkipped { task, .. } => Some(task.clone()),
            _ => None,
        };
        if let Some(task) = &ended
            && let Some(index) = self.state.tasks.iter().position(|other| other.spec.id == *task)
        {
            self.freshen_dependants(index);
        }
        let cause = match &event {
            GoalEvent::TaskAssigned { .. }
            | GoalEvent::TaskStarted { .. }
            | GoalEvent::DelegationRefused { .. }
            | GoalEvent::VerificationPassed { task: Some(_), .. }
            | GoalEvent::VerificationFailed { task: Some(_), .. }
            | GoalEvent::TrustUpdated { .. }
            | GoalEvent::TrustCircuitBreak { .. }
            | GoalEvent::AttemptEnded { .. } => self.cause.clone(),
            _ => None,
        };
        self.turn.record.push((event, cause));
        if let Some(task) = ended {
            self.child_ended(&task);
            self.judgement_ended(&task);
        }
    }
}

/// What a part is, as a number that is the same in every life of the process: FNV-1a over its JSON, keys sorted.
pub(crate) fn fingerprint(task: &Task) -> u64 {
    let text = serde_json::to_value(task).map(|value| bailiwick_protocols::json::canonical(&value)).unwrap_or_default();
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

fn unusable(message: &str) -> Outcome {
    Outcome::Failed { cause: Failure::new(Code::InvalidOutput, Fault::Runtime, message) }
}
