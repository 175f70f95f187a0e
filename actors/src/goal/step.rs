//! A goal's next steps: offers ready tasks, takes settlements, climbs the ladder, assembles. Plain and synchronous.
//!
//! `step(message, scene)` returns what to record and what to tell. The state changes by recorded events only; beside it
//! stands what dies with the actor: tickets, and permits on their way.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Weak},
};

use bailiwick_protocols::{
    AgentName, Brief, Cause, Code, Contract, Cost, Delegated, Delegation, DelegationId, Failure, Fault, GoalEvent,
    Limits, Mandate, Outcome, Output, Refusal, Settlement, Slice, Task, TaskId, TaskSpec, Timestamp, Usage, Verdict,
    event::Route,
    outcome::{CanceledBy, RefusedBy, RevokeReason, SkippedBecause},
    task::Settings,
};

use super::{
    choice::{Choice, Wanted, choose},
    ladder::{self, Next},
    plan,
    route::{FLOOR_TRUST, route},
    state::{Asking, GoalState, Phase, Stop, TaskState},
};
use crate::{
    directory::Permit,
    messages::AcceptedGoal,
    planners::{Plan, PlanAnswer, PlanRequest, SynthesisRequest},
    team::Team,
    turn::Turn,
    verifiers::CompiledContract,
};

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

    // --- what is told -------------------------------------------------------------------------------------------

    fn begin(&mut self) {
        if !self.state.planned && self.state.planning.is_none() {
            let (team, goal) = (self.team.clone(), self.state.goal.clone());
            let road = self.state.route.unwrap_or_else(|| {
                let partial = team.choice.partial_capability;
                let (road, rules) = route(&goal, &team.directory, partial, team.planner.is_some(), self.now);
                self.happen(GoalEvent::RouteChosen { route: road, rules });
                road
            });
            if road != Route::Plan {
                self.decompose_into_one(Usage::default(), Cost::FREE);
            } else if !goal.tasks.is_empty() {
                self.decompose(&goal.tasks, Usage::default(), Cost::FREE);
            } else {
                self.happen(GoalEvent::PlanRequested { round: 1 });
            }
        } else {
            // Whose tickets the life before took is not recorded: it may be anybody's.
            self.ticketed = self.team.directory.all().iter().map(|entry| entry.name.clone()).collect();
        }
        self.sweep();
    }

    /// Goes on from what is recorded, or ends it from there.
    fn resume(&mut self, cancel: Option<CanceledBy>) {
        self.happen(GoalEvent::GoalResumed);
        if let Some(by) = cancel {
            self.stop(Stop::Canceled { by, graceful: false });
        }
        if self.state.stopping.is_none() {
            self.begin();
        } else if self.state.planned {
            self.sweep();
        }
    }

    /// Lets what runs come to its end, and starts nothing new but what that hands on.
    fn park(&mut self) {
        self.parking = true;
        for task in &self.state.tasks {
            if let Phase::Asked(Asking { agent, delegation, .. }) = &task.phase {
                let (agent, delegation) = (agent.clone(), *delegation);
                let reason = RevokeReason::Canceled(CanceledBy::Shutdown);
                self.turn.tell(GoalEffect::Revoke { agent, delegation, reason, only_waiting: true });
            }
        }
    }

    fn is_at_rest(&self) -> bool {
        let helped = self.state.planning.is_some() || self.examining.is_some() || self.synthesising.is_some();
        !helped && self.state.tasks.iter().all(|task| task.asking().is_none())
    }

    /// Sends again whatever is open elsewhere: after a rebuild of this goal or of somebody it talks to.
    fn sweep(&mut self) {
        self.queued.clear();
        self.tickets.clear();
        self.fresh = (0..self.state.tasks.len()).collect();
        for index in 0..self.state.tasks.len() {
            if let Some(asking) = self.state.tasks[index].asking().cloned() {
                self.ask(index, &asking, None, false);
            }
        }
        // A planner or synthesiser runs as this actor's own task: it is asked again only if it died with it.
        if let Some((round, problem)) = self.state.planning.clone().filter(|(round, _)| self.planning != Some(*round)) {
            self.ask_planner(round, problem);
        }
        if let Some((round, _)) = self.examining.take() {
            self.examine(round);
        }
    }

    fn planned(&mut self, round: u32, answer: PlanAnswer) {
        if self.state.planning.as_ref().is_none_or(|(open, _)| *open != round) {
            return;
        }
        let (plan, problem) = match answer {
            Ok(plan) => {
                let problem = self.problem_of(&plan);
                (plan, problem)
            }
            Err(said) => (Plan::of([]), Some(said)),
        };
        let Plan { tasks, usage, cost } = plan;
        let Some(problem) = problem else { return self.decompose(&tasks, usage, cost) };
        self.happen(GoalEvent::PlanRejected { round, problem: problem.clone(), usage, cost });
        if round <= REPAIRS_MAX {
            self.happen(GoalEvent::PlanRequested { round: round + 1 });
            return self.ask_planner(round + 1, Some(problem));
        }
        let rules = vec![bailiwick_protocols::event::RouteRule::PlanUnusable];
        self.happen(GoalEvent::RouteChosen { route: Route::Direct, rules });
        self.decompose_into_one(Usage::default(), Cost::FREE);
    }

    fn problem_of(&self, plan: &Plan) -> Option<String> {
        let mut said: Vec<String> =
            plan::problems(&plan.tasks, &self.state.goal.bounds).iter().map(ToString::to_string).collect();
        for task in &plan.tasks {
            let spec = task.resolve(&self.state.goal.settings);
            if let Err(problems) = self.team.verifiers.compile(&spec.contract, spec.reversibility) {
                said.extend(problems.iter().map(|problem| format!("task `{}`: {problem}", task.id)));
            }
            let nobody = self.team.directory.held_by_nobody(&task.needs);
            said.extend(nobody.iter().map(|need| format!("task `{}` needs `{need}`, which nobody has", task.id)));
        }
        (!said.is_empty()).then(|| said.join("; "))
    }

    fn ask_planner(&mut self, round: u32, problem: Option<String>) {
        self.planning = Some(round);
        let goal = self.state.goal.clone();
        let team = self.team.directory.all().iter().map(|e| (e.name.clone(), e.capabilities.clone())).collect();
        self.turn.tell(GoalEffect::Plan { request: Box::new(PlanRequest { goal, team, round, problem }) });
    }

    fn decompose(&mut self, tasks: &[Task], usage: Usage, cost: Cost) {
        let inherited = &self.state.goal.settings;
        let tasks = tasks.iter().map(|task| Arc::new(task.resolve(inherited))).collect();
        self.happen(GoalEvent::TaskDecomposed { tasks, usage, cost });
    }

    fn decompose_into_one(&mut self, usage: Usage, cost: Cost) {
        let goal = &self.state.goal;
        // The goal's own settings are this task's; it has no parent that would make it simpler.
        let task = Arc::new(goal.as_task().resolve(&Default::default()));
        self.happen(GoalEvent::TaskDecomposed { tasks: vec![task], usage, cost });
    }

    fn started(&mut self, delegation: DelegationId, at: Timestamp) {
        let Some((index, asking)) = self.state.asked(delegation) else { return };
        if matches!(self.state.tasks[index].phase, Phase::Running(_)) {
            return;
        }
        let asking = asking.clone();
        self.note_started(index, &asking, at);
    }

    fn note_started(&mut self, index: usize, asking: &Asking, started: Timestamp) {
        let task = self.state.tasks[index].spec.id.clone();
        let Asking { delegation, agent, attempt, .. } = asking.clone();
        self.happen(GoalEvent::TaskAssigned { task: task.clone(), delegation, agent: agent.clone(), attempt });
        self.happen(GoalEvent::TaskStarted { task, delegation, agent, attempt, started });
    }

    fn refused(&mut self, delegation: DelegationId, refusal: Refusal) {
        let Some((index, asking)) = self.state.asked(delegation) else { return };
        let agent = asking.agent.clone();
        let task = self.state.tasks[index].spec.id.clone();
        if refusal == Refusal::Full {
            // The supervisor took the ticket with the refusal.
            self.tickets.insert(agent.clone());
            self.queued.insert(index, vec![agent.clone()]);
        }
        self.happen(GoalEvent::DelegationRefused { task, delegation, agent, refusal });
        self.fresh.insert(index);
    }

    fn settled(&mut self, settlement: &Settlement, draw: Draw<'_>) {
        let Some((index, asking)) = self.state.asked(settlement.delegation) else { return };
        let asking = asking.clone();
        let Some(started) = settlement.started else {
            // No seat began: nothing was tried, and the number is used again.
            let refusal = settlement.refusal.clone().unwrap_or(Refusal::CalledBack);
            return self.refused(settlement.delegation, refusal);
        };
        if !matches!(self.state.tasks[index].phase, Phase::Running(_)) {
            self.note_started(index, &asking, started);
        }
        self.note_findings(index, &asking, settlement);
        let task = self.state.tasks[index].spec.id.clone();
        self.happen(GoalEvent::AttemptEnded {
            task,
            delegation: settlement.delegation,
            agent: asking.agent.clone(),
            attempt: asking.attempt,
            ended: settlement.ended(),
            output: settlement.output.clone(),
            verdict: settlement.verdict.clone(),
            usage: settlement.usage,
            cost: settlement.cost,
            uncertain: settlement.uncertain,
            checkpoint: settlement.checkpoint.clone(),
            started: Some(started),
            duration: settlement.ended.since(started),
        });
        self.call_off_children(settlement.delegation);
        self.climb(index, draw);
    }

    fn note_findings(&mut self, index: usize, asking: &Asking, settlement: &Settlement) {
        let task = self.state.tasks[index].spec.id.clone();
        let (agent, attempt) = (asking.agent.clone(), asking.attempt);
        if let Some(verdict) = settlement.verdict.clone() {
            let (task, agent, attempt) = (Some(task.clone()), Some(agent.clone()), Some(attempt));
            self.happen(if verdict.passed {
                GoalEvent::VerificationPassed { task, agent, attempt, verdict }
            } else {
                GoalEvent::VerificationFailed { task, agent, attempt, verdict }
            });
        }
        for lesson in &settlement.lessons {
            self.happen(GoalEvent::TrustUpdated {
                task: task.clone(),
                agent: agent.clone(),
                capability: lesson.capability.clone(),
                before: lesson.before,
                after: lesson.after.score,
            });
        }
        for trip in &settlement.trips {
            self.happen(GoalEvent::TrustCircuitBreak {
                task: task.clone(),
                agent: agent.clone(),
                capability: trip.capability.clone(),
                until: trip.until,
                reason: trip.reason.clone(),
            });
        }
    }

    /// Decides what follows an attempt.
    fn climb(&mut self, index: usize, draw: Draw<'_>) {
        let task = &self.state.tasks[index];
        let Phase::Between { agent, ended, output } = task.phase.clone() else { return };
        let (id, spec, attempt) = (task.spec.id.clone(), task.spec.clone(), task.attempts);
        let tries = task.tries.get(&agent).copied().unwrap_or_default();
        let because = ended.outcome.to_string();
        let mut next = ladder::next(&spec, &ended, tries, task.lost, task.reassignments, draw());
        // What stops, tries nothing again; nor does a part whose asker is gone.
        let orphan = self.state.is_orphan(&self.state.tasks[index]);
        if (self.state.stopping.is_some() || orphan) && !matches!(next, Next::Complete) {
            next = Next::End;
        }
        match next {
            Next::Complete => match output {
                Some(output) => self.happen(GoalEvent::TaskCompleted { task: id, outcome: ended.outcome, output }),
                None => self.end(index, unusable("completed without an output")),
            },
            Next::Same { after, counted } => {
                let at = self.now + after;
                self.happen(GoalEvent::AttemptRetried { task: id, agent, attempt, at, counted, because });
                self.fresh.insert(index);
            }
            Next::Other if self.is_anybody_else(index, &agent) => {
                self.happen(GoalEvent::TaskReassigned { task: id, from: agent, because });
                self.fresh.insert(index);
            }
            Next::Other => {
                let reason = format!("nobody is left to ask: {because}");
                self.happen(GoalEvent::Escalated { task: Some(id), reason });
                self.end(index, ended.outcome);
            }
            Next::Escalate(reason) => {
                self.happen(GoalEvent::Escalated { task: Some(id), reason: format!("{reason}: {because}") });
                self.end(index, ended.outcome);
            }
            Next::End => {
                let outcome = match (&self.state.stopping, ended.outcome) {
                    (None, _) if orphan => Outcome::Canceled { by: CanceledBy::Parent },
                    // Work that its goal's end cut short ends as the goal does.
                    (Some(stop), Outcome::Canceled { .. } | Outcome::Expired) => stop.outcome(),
                    (_, outcome) => outcome,
                };
                self.end(index, outcome);
            }
        }
    }

    fn end(&mut self, index: usize, outcome: Outcome) {
        let task = &self.state.tasks[index];
        let (task, refusals) = (task.spec.id.clone(), task.refusals.clone());
        self.queued.remove(&index);
        self.happen(GoalEvent::TaskFailed { task, outcome, refusals });
    }

    fn room(&mut self, agent: AgentName, permit: Permit) {
        self.tickets.remove(&agent);
        let waiting = self.queued.iter().find(|(_, agents)| agents.contains(&agent)).map(|(index, _)| *index);
        if let Some(index) = waiting {
            self.queued.remove(&index);
            self.fresh.insert(index);
            self.room = Some((agent, permit));
        }
    }

    fn stop(&mut self, stop: Stop) {
        if !self.state.yields_to(&stop) {
            return;
        }
        self.happen(match &stop {
            Stop::Canceled { by, graceful } => GoalEvent::CancelRequested { by: by.clone(), graceful: *graceful },
            Stop::Deadline => GoalEvent::DeadlinePassed,
            Stop::Budget => {
                let (committed, budget) = (self.state.ledger.committed(), self.state.ledger.budget());
                GoalEvent::BudgetStopped { committed, budget }
            }
        });
        self.call_back(&stop);
    }

    fn call_back(&mut self, stop: &Stop) {
        let (reason, only_waiting) = match stop {
            Stop::Canceled { by, graceful } => (RevokeReason::Canceled(by.clone()), *graceful),
            Stop::Deadline => (RevokeReason::Deadline, false),
            Stop::Budget => return,
        };
        let asked: Vec<_> = self.state.tasks.iter().filter_map(|task| task.asking().cloned()).collect();
        for Asking { agent, delegation, .. } in asked {
            self.turn.tell(GoalEffect::Revoke { agent, delegation, reason: reason.clone(), only_waiting });
        }
    }

    // --- parts that agents hand on ------------------------------------------------------------------------------

    /// An agent at work wants a part done by somebody else. Its supervisor has checked what may be handed on.
    fn ask_child(
        &mut self,
        from: DelegationId,
        name: &TaskId,
        task: &Task,
        mandate: Mandate,
        lineage: Arc<[AgentName]>,
    ) {
        let Some((index, asking)) = self.state.asked(from) else { return };
        let agent = asking.agent.clone();
        let parent = self.state.tasks[index].spec.clone();
        let id = TaskId::from(format!("{}/{name}", parent.id));
        let fingerprint = fingerprint(task);
        let answer = match self.state.task(&id) {
            Some(child) if child.child_of.as_ref().is_none_or(|known| known.fingerprint != fingerprint) => {
                Some(Err(Refusal::NameTaken { name: name.to_string() }))
            }
            Some(child) => match child.outcome() {
                Some(Outcome::Canceled { by: CanceledBy::Parent }) => {
                    return self.reopen(id, from, mandate);
                }
                Some(_) => Some(Ok(self.delegated(child))),
                None => {
                    // Asked again for what is under way: it answers when it ends.
                    if child.child_of.as_ref().is_some_and(|known| known.from != from) {
                        self.reopening.insert(id, (from, mandate));
                    }
                    None
                }
            },
            None => match self.child(&parent, &id, from, task) {
                Ok(task) => {
                    let parent = parent.id.clone();
                    self.happen(GoalEvent::ChildAdded { task, parent, from, fingerprint, mandate, lineage });
                    self.fresh.insert(self.state.tasks.len() - 1);
                    None
                }
                Err(refusal) => Some(Err(refusal)),
            },
        };
        if let Some(answer) = answer {
            let (name, answer) = (name.clone(), Box::new(answer));
            self.turn.tell(GoalEffect::Answer { agent, from, name, answer });
        }
    }

    /// The part as a task of its own, or why it cannot be one.
    fn child(&self, parent: &TaskSpec, id: &TaskId, from: DelegationId, task: &Task) -> Result<Arc<TaskSpec>, Refusal> {
        let bounds = self.state.goal.bounds;
        if self.state.stopping.is_some() {
            return Err(Refusal::Draining);
        }
        if self.state.tasks.len() >= bounds.tasks {
            return Err(Refusal::TooManyTasks { limit: bounds.tasks });
        }
        let live = self.state.children(from).filter(|index| self.state.tasks[*index].outcome().is_none()).count();
        if live >= bounds.fan_out {
            return Err(Refusal::FanOutExceeded { limit: bounds.fan_out });
        }
        let inherited = Settings {
            priority: Some(parent.priority),
            complexity: Some(parent.complexity),
            criticality: Some(parent.criticality),
            reversibility: Some(parent.reversibility),
            metadata: parent.metadata.clone(),
            ..Settings::default()
        };
        let mut named = task.clone();
        named.id = id.clone();
        let mut problems: Vec<String> =
            plan::problems(std::slice::from_ref(&named), &bounds).iter().map(ToString::to_string).collect();
        let spec = named.resolve(&inherited);
        if let Err(message) = self.compile(&spec.contract, &spec) {
            problems.push(message);
        }
        if problems.is_empty() { Ok(Arc::new(spec)) } else { Err(Refusal::Invalid { problem: problems.join("; ") }) }
    }

    fn reopen(&mut self, task: TaskId, from: DelegationId, mandate: Mandate) {
        let index = self.state.tasks.iter().position(|other| other.spec.id == task);
        self.happen(GoalEvent::ChildReopened { task, from, mandate });
        self.fresh.extend(index);
    }

    /// The attempt is over: what it handed on and nobody waits for any more is called back.
    fn call_off_children(&mut self, from: DelegationId) {
        for index in self.state.children(from).collect::<Vec<_>>() {
            match &self.state.tasks[index].phase {
                Phase::Open { .. } => self.end(index, Outcome::Canceled { by: CanceledBy::Parent }),
                Phase::Asked(asking) | Phase::Running(asking) => {
                    let (agent, delegation) = (asking.agent.clone(), asking.delegation);
                    let reason = RevokeReason::ParentEnded;
                    self.turn.tell(GoalEffect::Revoke { agent, delegation, reason, only_waiting: false });
                }
                Phase::Between { .. } | Phase::Ended { .. } => {}
            }
        }
    }

    /// A part ended: whoever asked for it is told, or it is begun anew for whoever asks now.
    fn child_ended(&mut self, id: &TaskId) {
        let Some(child) = self.state.task(id) else { return };
        let Some(known) = child.child_of.clone() else { return };
        if let Some((from, mandate)) = self.reopening.remove(id)
            && matches!(child.outcome(), Some(Outcome::Canceled { by: CanceledBy::Parent }))
        {
            return self.reopen(id.clone(), from, mandate);
        }
        let Some(agent) = self.state.asked(known.from).map(|(_, asking)| asking.agent.clone()) else { return };
        let answer = Box::new(Ok(self.delegated(child)));
        let name = TaskId::new(id.rsplit('/').next().unwrap_or(id));
        self.turn.tell(GoalEffect::Answer { agent, from: known.from, name, answer });
    }

    fn delegated(&self, child: &TaskState) -> Delegated {
        let below = format!("{}/", child.spec.id);
        let parts = || self.state.tasks.iter().filter(|task| task.spec.id.starts_with(&below)).chain([child]);
        Delegated {
            task: child.spec.id.clone(),
            agent: child.agent.clone(),
            outcome: child.outcome().cloned().unwrap_or(Outcome::Unverified),
            output: child.output().cloned(),
            verdict: child.verdict.clone(),
            usage: parts().fold(Usage::default(), |sum, task| sum + task.usage),
            cost: parts().fold(Cost::FREE, |sum, task| sum + task.cost),
        }
    }

    // --- going on -----------------------------------------------------------------------------------------------

    /// Does everything that can be done now: skips, asks, ends.
    fn advance(&mut self, draw: Draw<'_>) {
        if self.state.settled.is_some() {
            return;
        }
        if !self.state.planned {
            if let Some(stop) = self.state.stopping.clone() {
                return self.settle(stop.outcome(), None, None);
            }
            return;
        }
        for index in 0..self.state.tasks.len() {
            let task = &self.state.tasks[index];
            match &task.phase {
                Phase::Between { .. } => self.climb(index, draw),
                Phase::Open { at, .. } if *at <= self.now && !self.queued.contains_key(&index) => {
                    self.fresh.insert(index);
                }
                _ => {}
            }
        }
        while let Some(index) = self.fresh.pop_first() {
            self.open_task(index, draw);
            if self.fresh.is_empty() {
                self.pass_room_on();
            }
        }
        if let Some(stop) = self.state.stopping.clone() {
            self.end_what_waits(&stop);
        }
        if self.state.all_ended() {
            self.finish();
        }
    }

    /// Whoever was offered the room did without it: whoever waits behind it has it, for the ticket is used.
    fn pass_room_on(&mut self) {
        let Some((agent, _)) = &self.room else { return };
        if let Some(index) = self.queued.iter().find(|(_, agents)| agents.contains(agent)).map(|(index, _)| *index) {
            self.queued.remove(&index);
            self.fresh.insert(index);
        }
    }

    fn open_task(&mut self, index: usize, draw: Draw<'_>) {
        let task = &self.state.tasks[index];
        let Phase::Open { at, .. } = task.phase else { return };
        if task.outcome().is_some() || self.queued.contains_key(&index) {
            return;
        }
        if let Some(needed) = task.doomed_by.clone() {
            return self.skip(index, needed);
        }
        let may_start = self.state.stopping.is_none() && (!self.parking || task.child_of.is_some());
        if task.waits_for == 0 && at <= self.now && may_start {
            self.offer(index, draw);
        }
    }

    fn skip(&mut self, index: usize, needed: TaskId) {
        let task = self.state.tasks[index].spec.id.clone();
        self.happen(GoalEvent::TaskSkipped { task, because: SkippedBecause::Needed(needed) });
        self.freshen_dependants(index);
    }

    fn freshen_dependants(&mut self, index: usize) {
        let id = self.state.tasks[index].spec.id.clone();
        for (other, task) in self.state.tasks.iter().enumerate() {
            if task.spec.after.contains(&id) || task.spec.optional_after.contains(&id) {
                self.fresh.insert(other);
            }
        }
    }

    /// Offers a ready task to the best agent that will have it.
    fn offer(&mut self, index: usize, draw: Draw<'_>) {
        let task = &self.state.tasks[index];
        let Phase::Open { again, .. } = &task.phase else { return };
        if self.state.is_orphan(task) {
            return self.end(index, Outcome::Canceled { by: CanceledBy::Parent });
        }
        let (again, spec) = (again.clone(), task.spec.clone());
        let trust_min = if self.state.route == Some(Route::Floor) && task.attempts == 0 { FLOOR_TRUST } else { 0.0 };
        let team = self.team.clone();
        let mut try_choose = |machine: &mut Self, only: Option<&AgentName>, trust_min: f64| {
            let task = &machine.state.tasks[index];
            let wanted = Wanted { task: &spec, only, spent: &task.spent, refused: &task.refused, trust_min };
            let room = machine.room.take();
            let agent = room.as_ref().map(|(agent, _)| agent.clone());
            let (choice, left) = choose(&team.directory, &team.choice, &wanted, room, machine.now, &mut *draw);
            machine.room = agent.zip(left);
            choice
        };
        let mut choice = try_choose(self, again.as_ref(), trust_min);
        if trust_min > 0.0 && matches!(choice, Choice::Nobody(_)) {
            choice = try_choose(self, None, 0.0);
        }
        if let (Choice::Nobody(said), Some(from)) = (&choice, &again) {
            // The same agent will not have it, for instance because its breaker has just opened.
            let because = said.last().map_or_else(|| "it turned the task away".to_owned(), |r| r.refusal.to_string());
            let spent = self.state.tasks[index].reassignments >= ladder::REASSIGNMENTS_MAX;
            if spent || !self.is_anybody_else(index, from) {
                return self.give_up(index, said.clone());
            }
            self.happen(GoalEvent::TaskReassigned { task: spec.id.clone(), from: from.clone(), because });
            choice = try_choose(self, None, 0.0);
        }
        match choice {
            Choice::Ask(asked) => {
                let parent = self.state.tasks[index].child_of.as_ref().map(|child| child.from);
                let slice = self.slice(&spec, asked.entry.cost_per_task);
                if parent.is_some_and(|parent| !self.state.ledger.fits_in(parent.number, slice)) {
                    return self.end(index, Outcome::BudgetExhausted);
                }
                if parent.is_none() && !self.state.ledger.fits(slice) {
                    return self.stop(Stop::Budget);
                }
                let agent = asked.entry.name.clone();
                let event = GoalEvent::AgentSelected {
                    task: spec.id.clone(),
                    delegation: self.state.next_delegation(),
                    agent: agent.clone(),
                    attempt: self.state.tasks[index].attempts + 1,
                    slice,
                    chosen_by: asked.by,
                    candidates: asked.candidates,
                    passed_over: asked.passed_over,
                };
                self.happen(event);
                let more = self.queued.values().any(|agents| agents.contains(&agent)) && self.tickets.insert(agent);
                if let Some(asking) = self.state.tasks[index].asking().cloned() {
                    self.ask(index, &asking, Some(asked.permit), more);
                }
                self.warn_of_budget();
            }
            Choice::Full(entries) => {
                self.queued.insert(index, entries.iter().map(|entry| entry.name.clone()).collect());
            }
            Choice::Nobody(said) => self.give_up(index, said),
        }
    }

    /// Whether somebody able is left beside this agent: not used up and not already turned away from, whatever its
    /// standing says now.
    fn is_anybody_else(&self, index: usize, agent: &AgentName) -> bool {
        let task = &self.state.tasks[index];
        let out = |name| name == agent || task.spent.contains(name) || task.refused.iter().any(|by| by.agent == *name);
        let able = self.team.directory.capable(&task.spec.needs, self.team.choice.partial_capability);
        able.iter().any(|entry| !out(&entry.name))
    }

    /// One ticket for each agent that some task waits for: what it was used for may have gone to somebody else.
    fn keep_tickets(&mut self) {
        let wanted: BTreeSet<AgentName> =
            self.queued.values().flatten().filter(|agent| !self.tickets.contains(*agent)).cloned().collect();
        for agent in wanted {
            self.tickets.insert(agent.clone());
            self.ticketed.insert(agent.clone());
            self.turn.tell(GoalEffect::Ticket { agent });
        }
    }

    /// Nobody is left to ask: the task ends as its last attempt did, or refused if it never had one.
    fn give_up(&mut self, index: usize, said: Vec<RefusedBy>) {
        let task = &self.state.tasks[index];
        let (id, needs) = (task.spec.id.clone(), task.spec.needs.clone());
        if let Some(last) = task.last.clone() {
            let reason = format!("nobody is left to ask: {last}");
            self.happen(GoalEvent::Escalated { task: Some(id), reason });
            return self.end_listing(index, last, said);
        }
        let gravest = task.refusals.iter().chain(&said).max_by_key(|refused| refused.refusal.gravity()).cloned();
        let outcome = match gravest {
            Some(refused) => Outcome::Refused { refusal: refused.refusal },
            None => {
                let refusal = Refusal::NobodyCapable { missing: self.team.directory.held_by_nobody(&needs) };
                let message = if self.team.directory.held_by_nobody(&needs).is_empty() {
                    "no agent has all the capabilities it needs".to_owned()
                } else {
                    refusal.to_string()
                };
                Outcome::Failed { cause: Failure::new(Code::AgentNotFound, Fault::Delegator, message) }
            }
        };
        self.end_listing(index, outcome, said);
    }

    fn end_listing(&mut self, index: usize, outcome: Outcome, said: Vec<RefusedBy>) {
        let task = &self.state.tasks[index];
        let mut refusals = task.refusals.clone();
        for refused in said {
            if !refusals.contains(&refused) {
                refusals.push(refused);
            }
        }
        let task = task.spec.id.clone();
        self.queued.remove(&index);
        self.happen(GoalEvent::TaskFailed { task, outcome, refusals });
        self.freshen_dependants(index);
    }

    fn end_what_waits(&mut self, stop: &Stop) {
        for index in 0..self.state.tasks.len() {
            if matches!(self.state.tasks[index].phase, Phase::Open { .. }) {
                match self.state.tasks[index].doomed_by.clone() {
                    Some(needed) => self.skip(index, needed),
                    None => self.end(index, stop.outcome()),
                }
            }
        }
        self.fresh.clear();
    }

    fn slice(&self, task: &TaskSpec, declared: Cost) -> Slice {
        let own = task.budget.unwrap_or_default();
        let limited = self.state.ledger.budget().micro_usd.is_some();
        let micro_usd = own.micro_usd.or_else(|| declared.micro_usd().filter(|micro| limited || *micro > 0));
        Slice { micro_usd, tokens: own.tokens }
    }

    fn warn_of_budget(&mut self) {
        if !self.state.warned && self.state.ledger.is_nearly_spent() {
            let (committed, budget) = (self.state.ledger.committed(), self.state.ledger.budget());
            self.happen(GoalEvent::BudgetWarned { committed, budget });
        }
    }

    /// Sends the delegation, for the first time or again: the same event gives the same delegation.
    fn ask(&mut self, index: usize, asking: &Asking, permit: Option<Permit>, more: bool) {
        let contract = match self.contract(index) {
            Ok(contract) => contract,
            Err(message) => {
                // It compiled when the goal was accepted; a verifier must have gone since.
                let refusal = Refusal::Policy { policy: "contract".to_owned(), reason: message };
                return self.refused(asking.delegation, refusal);
            }
        };
        let delegation = Arc::new(self.delegation(&self.state.tasks[index], asking));
        self.turn.tell(GoalEffect::Delegate { delegation, contract, permit, more });
    }

    fn delegation(&self, task: &TaskState, asking: &Asking) -> Delegation {
        let (state, spec) = (&self.state, &task.spec);
        let outputs = |id: &TaskId| Some((id.clone(), state.task(id)?.output()?.clone()));
        let mut limits = Limits::default();
        limits.slice = asking.slice;
        let (mandate, parent, lineage) = match &task.child_of {
            // The requester's supervisor has handed on no more than its agent held.
            Some(child) => (child.mandate.narrow(&limits), Some(child.from), child.lineage.clone()),
            None => {
                let request = (!spec.required.is_empty()).then(|| spec.required.clone());
                limits.exercise = request.clone();
                limits.grant = request;
                (state.mandate.hand_on(None, &limits), None, Arc::from([]))
            }
        };
        Delegation {
            id: asking.delegation,
            task: spec.id.clone(),
            agent: asking.agent.clone(),
            attempt: asking.attempt,
            retry: asking.retry,
            brief: Arc::new(Brief {
                task: spec.id.clone(),
                goal: spec.goal.clone(),
                inputs: spec.after.iter().chain(&spec.optional_after).filter_map(outputs).collect(),
                params: state.goal.params.clone(),
                documents: spec.documents.clone(),
                constraints: spec.constraints.clone(),
                output: spec.contract.output.clone(),
                feedback: task.feedback.clone(),
                checkpoint: task.checkpoint.clone(),
                metadata: spec.metadata.clone(),
            }),
            contract: Arc::new(spec.contract.clone()),
            needs: spec.needs.clone().into(),
            required: spec.required.clone(),
            mandate,
            priority: spec.priority,
            criticality: spec.criticality,
            reversibility: spec.reversibility,
            effects: spec.effects,
            timeout: spec.timeout,
            parent,
            lineage,
            idempotency_key: format!("{}/{}", state.id, spec.id).into(),
            traceparent: state.trace.child(u64::from(asking.delegation.number)),
        }
    }

    fn contract(&mut self, index: usize) -> Result<Arc<CompiledContract>, String> {
        let spec = &self.state.tasks[index].spec;
        if let Some(contract) = self.contracts.get(&spec.id) {
            return Ok(contract.clone());
        }
        let contract = self.compile(&spec.contract, spec)?;
        self.contracts.insert(self.state.tasks[index].spec.id.clone(), contract.clone());
        Ok(contract)
    }

    fn compile(&self, contract: &Contract, spec: &TaskSpec) -> Result<Arc<CompiledContract>, String> {
        self.team
            .verifiers
            .compile(contract, spec.reversibility)
            .map_err(|problems| problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
    }

    // --- the end ------------------------------------------------------------------------------------------------

    /// Every task has ended: assembles, checks the goal's own contract, settles.
    fn finish(&mut self) {
        if self.examining.is_some() || self.synthesising.is_some() {
            if self.state.stopping.is_some() {
                self.settle_by_tasks(None);
            }
            return;
        }
        let finals: Vec<(TaskId, Output)> = plan::finals(self.state.plan())
            .iter()
            .filter_map(|task| Some((task.id.clone(), self.state.task(&task.id)?.output()?.clone())))
            .collect();
        let complete = finals.len() == plan::finals(self.state.plan()).len();
        let stopped = matches!(self.state.stopping, Some(Stop::Canceled { .. } | Stop::Deadline));
        if !complete || stopped || self.decisive().is_some() {
            return self.settle_by_tasks(if complete { plan::assemble(&finals) } else { None });
        }
        let mut output = plan::assemble(&finals);
        if let Some(request) = self.synthesis_due(&finals) {
            self.synthesising = Some(request.round);
            return self.turn.tell(GoalEffect::Synthesise { request: Box::new(request) });
        }
        if let Some((_, result)) = &self.state.synthesis {
            match result {
                Ok(joined) => output = Some(joined.clone()),
                Err(said) => {
                    let outcome = Outcome::Failed { cause: Failure::agent(format!("the synthesiser failed: {said}")) };
                    return self.settle(outcome, Some(Code::AgentError), output);
                }
            }
        }
        let output = match output {
            Some(output) if self.has_own_contract() => output,
            output => return self.settle_by_tasks(output),
        };
        match &self.state.verdict {
            None => self.examine_output(output, 1),
            Some((verdict, 1)) if verdict.abstained => self.examine_output(output, 2),
            // A shape that fits is no check that passed: then its tasks decide.
            Some((verdict, _)) if verdict.passed && !self.state.goal.contract.asks_for_check() => {
                self.settle_by_tasks(Some(output));
            }
            Some((verdict, _)) if verdict.passed && !verdict.abstained => {
                let shaped = self.goal_contract.as_ref().and_then(|contract| contract.shape(&output).ok());
                self.settle(Outcome::Verified, None, shaped.or(Some(output)));
            }
            Some((verdict, _)) => {
                let verdict = verdict.clone();
                self.settle(Outcome::NotVerified { verdict }, Some(Code::VerificationFailed), Some(output));
            }
        }
    }

    /// The goal's contract is checked here only on the plan road: otherwise it is its one task's, checked once.
    fn has_own_contract(&self) -> bool {
        let contract = &self.state.goal.contract;
        self.state.route == Some(Route::Plan) && (contract.asks_for_check() || contract.output != Default::default())
    }

    fn synthesis_due(&self, finals: &[(TaskId, Output)]) -> Option<SynthesisRequest> {
        self.team.synthesiser.as_ref()?;
        let failed = self.state.verdict.as_ref().filter(|(verdict, _)| !verdict.passed && !verdict.abstained);
        let round = match &self.state.synthesis {
            None if finals.len() > 1 => 1,
            Some((1, Ok(_))) if failed.is_some() => 2,
            _ => return None,
        };
        Some(SynthesisRequest {
            goal: self.state.goal.clone(),
            outputs: finals.to_vec(),
            round,
            verdict: failed.map(|(verdict, _)| verdict.clone()),
        })
    }

    fn examine(&mut self, round: u32) {
        let finals: Vec<(TaskId, Output)> = plan::finals(self.state.plan())
            .iter()
            .filter_map(|task| Some((task.id.clone(), self.state.task(&task.id)?.output()?.clone())))
            .collect();
        let joined = self.state.synthesis.as_ref().and_then(|(_, result)| result.clone().ok());
        if let Some(output) = joined.or_else(|| plan::assemble(&finals)) {
            self.examine_output(output, round);
        }
    }

    fn examine_output(&mut self, output: Output, round: u32) {
        let contract = match &self.goal_contract {
            Some(contract) => Ok(contract.clone()),
            None => {
                let goal = self.state.goal.clone();
                let reversibility = goal.settings.reversibility.unwrap_or_default();
                self.team
                    .verifiers
                    .compile(&goal.contract, reversibility)
                    .map_err(|problems| problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
            }
        };
        let contract = match contract {
            Ok(contract) => contract,
            Err(message) => return self.examined(Verdict::abstain("contract", message)),
        };
        self.goal_contract = Some(contract.clone());
        let shaped = match contract.shape(&output) {
            Ok(shaped) => shaped,
            Err(failure) => return self.examined(Verdict::fail("output", 0.0, failure.message)),
        };
        if !contract.asks_for_check() {
            // It has its shape, and nobody looked at what it says: its tasks decide.
            self.settle_by_tasks(Some(shaped));
        } else if contract.is_pure() && contract.fits_inline(&shaped) {
            let verdict = contract.examine_pure(&shaped);
            self.examined(verdict.unwrap_or_else(|| Verdict::abstain("contract", "nothing was checked")));
        } else {
            let token = Arc::new(());
            let wanted = Arc::downgrade(&token);
            self.examining = Some((round, token));
            self.turn.tell(GoalEffect::Examine { contract, output: Arc::new(shaped), round, wanted });
        }
    }

    fn examined(&mut self, verdict: Verdict) {
        self.happen(if verdict.passed {
            GoalEvent::VerificationPassed { task: None, agent: None, attempt: None, verdict }
        } else {
            GoalEvent::VerificationFailed { task: None, agent: None, attempt: None, verdict }
        });
        self.finish();
    }

    /// The outcome that decides among the needed tasks, if one of them did not complete: precedence, then plan order.
    fn decisive(&self) -> Option<Outcome> {
        let rank = |outcome: &Outcome| match outcome {
            Outcome::Canceled { .. } => 6,
            Outcome::Expired => 5,
            Outcome::BudgetExhausted => 4,
            Outcome::Refused { .. } => 3,
            Outcome::Failed { .. } => 2,
            Outcome::NotVerified { .. } => 1,
            // Skipped never decides; what completed has nothing to say.
            _ => 0,
        };
        let needed = plan::needed(self.state.plan());
        let mut worst: Option<&Outcome> = None;
        for task in self.state.tasks.iter().filter(|task| needed.contains(&task.spec.id)) {
            if let Some(outcome) = task.outcome()
                && rank(outcome) > worst.map_or(0, rank)
            {
                worst = Some(outcome);
            }
        }
        worst.cloned()
    }

    fn settle_by_tasks(&mut self, output: Option<Output>) {
        // Who cancels decides, even if everything completed in the meantime; so does the deadline if not.
        let outcome = match &self.state.stopping {
            Some(stop @ Stop::Canceled { .. }) => Some(stop.outcome()),
            Some(stop @ Stop::Deadline) => self.decisive().or(Some(stop.outcome())),
            _ => self.decisive(),
        };
        let outcome = outcome.unwrap_or_else(|| {
            let needed = plan::needed(self.state.plan());
            let verified = |task: &&TaskState| !matches!(task.outcome(), Some(Outcome::Verified));
            if self.state.tasks.iter().filter(|task| needed.contains(&task.spec.id)).any(|task| verified(&task)) {
                Outcome::Unverified
            } else {
                Outcome::Verified
            }
        });
        let code = outcome.code();
        self.settle(outcome, code, output);
    }

    fn settle(&mut self, outcome: Outcome, code: Option<Code>, output: Option<Output>) {
        let (usage, cost) = (self.state.ledger.usage(), self.state.ledger.cost());
        let code = code.or_else(|| outcome.code());
        self.happen(GoalEvent::GoalSettled { outcome, code, output, usage, cost });
        self.examining = None;
        let mut agents = std::mem::take(&mut self.ticketed);
        agents.extend(self.state.agents.iter().cloned());
        self.turn.tell(GoalEffect::Forget { agents });
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
        }
    }
}

/// What a part is, as a number that is the same in every life of the process: FNV-1a over its JSON, keys sorted.
fn fingerprint(task: &Task) -> u64 {
    let text = serde_json::to_value(task).map(|value| bailiwick_protocols::json::canonical(&value)).unwrap_or_default();
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

impl Stop {
    fn outcome(&self) -> Outcome {
        match self {
            Stop::Canceled { by, .. } => Outcome::Canceled { by: by.clone() },
            Stop::Deadline => Outcome::Expired,
            Stop::Budget => Outcome::BudgetExhausted,
        }
    }
}

fn unusable(message: &str) -> Outcome {
    Outcome::Failed { cause: Failure::new(Code::InvalidOutput, Fault::Runtime, message) }
}
