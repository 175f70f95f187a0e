//! What a goal knows: the fold of its own stream, and nothing else.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use bailiwick_protocols::{
    AgentName, Cost, DelegationId, Ended, Feedback, Goal, GoalEvent, GoalId, Json, Mandate, Outcome, Output, Slice,
    TaskId, TaskSpec, TeamName, Timestamp, Traceparent, Usage, Verdict,
    event::{JudgeSeat, Route},
    outcome::{CanceledBy, RefusedBy},
};

use super::{
    ladder::{Tries, is_transient},
    ledger::Ledger,
};

mod delegation;
mod outcome;

pub use outcome::not_joined;

/// A goal as its stream tells it. Changed by [`GoalState::apply`] only, live and in a rebuild alike.
#[derive(Clone, PartialEq, Debug)]
pub struct GoalState {
    /// Its id.
    pub id: GoalId,
    /// What is wanted.
    pub goal: Arc<Goal>,
    /// Whose agents do it.
    pub team: TeamName,
    /// The authority all its work derives from.
    pub mandate: Mandate,
    /// When it was accepted.
    pub submitted: Timestamp,
    /// The trace of everything it does.
    pub trace: Traceparent,
    /// The road, once it is chosen.
    pub route: Option<Route>,
    /// The round of planning that is out, and what was wrong with the last.
    pub planning: Option<(u32, Option<String>)>,
    /// Whether the tasks are set.
    pub planned: bool,
    /// The tasks, in plan order.
    pub tasks: Vec<TaskState>,
    /// Everybody who was ever asked: their supervisors keep settlements of it until it has ended.
    pub agents: BTreeSet<AgentName>,
    /// What is spent and promised.
    pub ledger: Ledger,
    /// Why nothing new starts, if so.
    pub stopping: Option<Stop>,
    /// Whether the warning of the budget was given.
    pub warned: bool,
    /// What the synthesiser said last, and in which round.
    pub synthesis: Option<(u32, Result<Output, String>)>,
    /// What was found on the goal's own contract, and how often it was examined.
    pub verdict: Option<(Verdict, u32)>,
    /// Whether it rests until it is resumed.
    pub parked: bool,
    /// How it ended.
    pub settled: Option<Outcome>,
    index: BTreeMap<TaskId, usize>,
    dependants: BTreeMap<TaskId, Vec<usize>>,
    asked: BTreeMap<u32, usize>,
    delegations: u32,
    open: usize,
}

/// Why nothing new starts.
#[derive(Clone, PartialEq, Debug)]
pub enum Stop {
    /// Somebody wants it to end.
    Canceled {
        /// Who.
        by: CanceledBy,
        /// What runs may end.
        graceful: bool,
    },
    /// The deadline passed.
    Deadline,
    /// No next slice fits.
    Budget,
}

impl Stop {
    /// Whether what runs may come to its end, and so be judged.
    pub fn lets_end(&self) -> bool {
        matches!(self, Stop::Budget | Stop::Canceled { graceful: true, .. })
    }
}

/// One task of a goal.
#[derive(Clone, PartialEq, Debug)]
pub struct TaskState {
    /// What is to be done.
    pub spec: Arc<TaskSpec>,
    /// Where it stands.
    pub phase: Phase,
    /// How many attempts it had.
    pub attempts: u32,
    /// How many of them were lost.
    pub lost: u32,
    /// What each agent has done on it.
    pub tries: BTreeMap<AgentName, Tries>,
    /// Who is used up.
    pub spent: BTreeSet<AgentName>,
    /// How often it changed hands.
    pub reassignments: u32,
    /// Who refused since the last attempt: not asked again before the next.
    pub refused: Vec<RefusedBy>,
    /// Everybody who ever refused.
    pub refusals: Vec<RefusedBy>,
    /// What the last attempt lacked.
    pub feedback: Option<Feedback>,
    /// How the last attempt ended.
    pub last: Option<Outcome>,
    /// How many of the tasks it comes after have not ended.
    pub waits_for: usize,
    /// A task it needs that did not complete.
    pub doomed_by: Option<TaskId>,
    /// Whose part it is, if an agent at work handed it on.
    pub child_of: Option<ChildOf>,
    /// Whose work it judges, if it is a question to a judge and no task.
    pub judges: Option<Judging>,
    /// The last verdict, if a check was asked and made.
    pub verdict: Option<Verdict>,
    /// What its last attempt kept for the next.
    pub checkpoint: Option<Json>,
    /// Who had it last.
    pub agent: Option<AgentName>,
    /// What it consumed.
    pub usage: Usage,
    /// The same in money.
    pub cost: Cost,
}

/// Whose part a task is.
#[derive(Clone, PartialEq, Debug)]
pub struct ChildOf {
    /// The task it is a part of.
    pub task: TaskId,
    /// The delegation whose agent asked last.
    pub from: DelegationId,
    /// What the part is, as a hash.
    pub fingerprint: u64,
    /// The authority handed on.
    pub mandate: Mandate,
    /// The agents already waiting in this chain.
    pub lineage: Arc<[AgentName]>,
}

/// Which seat a judge sits on, and what it may do there.
#[derive(Clone, PartialEq, Debug)]
pub struct Judging {
    /// The seat.
    pub seat: JudgeSeat,
    /// The authority to answer, and nothing else.
    pub mandate: Mandate,
}

/// The trace of a goal and its own span in it: one of its own, unless it is told to continue its caller's.
pub fn trace_of(id: GoalId, goal: &Goal) -> Traceparent {
    let bits = id.as_u128();
    let flags = u8::from(!goal.unsampled);
    let of_id = Traceparent { trace: bits, span: bits as u64, flags };
    // Samplers by ratio look for chance in the low half of a trace's id, where an id by time has fixed bits: it is spread.
    let trace = (bits >> 64 << 64) | u128::from(of_id.child(1).span);
    let own = Traceparent { trace, ..of_id.child(0) };
    let caller = goal.traceparent.as_deref().and_then(Traceparent::parse);
    match caller.filter(|_| goal.continues_trace) {
        Some(caller) => Traceparent { trace: caller.trace, flags: caller.flags & flags, ..own },
        None => own,
    }
}

/// Where a task stands.
#[derive(Clone, PartialEq, Debug)]
pub enum Phase {
    /// Nobody is asked: it waits for inputs, for a back-off, or for room.
    Open {
        /// Not before.
        at: Timestamp,
        /// The same agent again.
        again: Option<AgentName>,
    },
    /// An agent is asked.
    Asked(Asking),
    /// A seat has it.
    Running(Asking),
    /// An attempt ended and what follows is not decided; never at the end of a batch.
    Between {
        /// Who.
        agent: AgentName,
        /// How.
        ended: Ended,
        /// What came out.
        output: Option<Output>,
    },
    /// It ended.
    Ended {
        /// How.
        outcome: Outcome,
        /// What came out, if it completed.
        output: Option<Output>,
    },
}

/// An agent that is asked.
#[derive(Clone, PartialEq, Debug)]
pub struct Asking {
    /// By which delegation.
    pub delegation: DelegationId,
    /// Who.
    pub agent: AgentName,
    /// Which attempt it will be.
    pub attempt: u32,
    /// Whether it is asked again.
    pub retry: bool,
    /// What is reserved.
    pub slice: Slice,
}

impl TaskState {
    fn new(spec: Arc<TaskSpec>, at: Timestamp) -> Self {
        let waits_for = spec.after.iter().chain(&spec.optional_after).collect::<BTreeSet<_>>().len();
        Self {
            spec,
            phase: Phase::Open { at, again: None },
            attempts: 0,
            lost: 0,
            tries: BTreeMap::new(),
            spent: BTreeSet::new(),
            reassignments: 0,
            refused: Vec::new(),
            refusals: Vec::new(),
            feedback: None,
            last: None,
            waits_for,
            doomed_by: None,
            child_of: None,
            judges: None,
            verdict: None,
            checkpoint: None,
            agent: None,
            usage: Usage::default(),
            cost: Cost::FREE,
        }
    }

    /// What is asked of whom, if somebody is asked.
    pub fn asking(&self) -> Option<&Asking> {
        match &self.phase {
            Phase::Asked(asking) | Phase::Running(asking) => Some(asking),
            _ => None,
        }
    }

    /// How it ended.
    pub fn outcome(&self) -> Option<&Outcome> {
        match &self.phase {
            Phase::Ended { outcome, .. } => Some(outcome),
            _ => None,
        }
    }

    /// Its output, if it completed.
    pub fn output(&self) -> Option<&Output> {
        match &self.phase {
            Phase::Ended { outcome, output } if outcome.is_completed() => output.as_ref(),
            _ => None,
        }
    }
}

impl GoalState {
    /// The goal as it is when its submission is recorded.
    pub fn new(id: GoalId, goal: Arc<Goal>, team: TeamName, mandate: Mandate, at: Timestamp) -> Self {
        let trace = trace_of(id, &goal);
        Self {
            id,
            ledger: Ledger::new(goal.budget.slice),
            goal,
            team,
            mandate,
            submitted: at,
            trace,
            route: None,
            planning: None,
            planned: false,
            tasks: Vec::new(),
            agents: BTreeSet::new(),
            stopping: None,
            warned: false,
            synthesis: None,
            verdict: None,
            parked: false,
            settled: None,
            index: BTreeMap::new(),
            dependants: BTreeMap::new(),
            asked: BTreeMap::new(),
            delegations: 0,
            open: 0,
        }
    }

    /// Folds a whole stream. `None` if it does not begin with a submission.
    pub fn fold<'a>(id: GoalId, events: impl IntoIterator<Item = (&'a GoalEvent, Timestamp)>) -> Option<Self> {
        let mut events = events.into_iter();
        let (GoalEvent::GoalSubmitted { goal, team, mandate }, at) = events.next()? else { return None };
        let mut state = Self::new(id, goal.clone(), team.clone(), mandate.clone(), at);
        for (event, at) in events {
            state.apply(event, at);
        }
        Some(state)
    }

    /// Changes the goal by one recorded event. Total: what does not fit changes nothing.
    pub fn apply(&mut self, event: &GoalEvent, at: Timestamp) {
        use GoalEvent as E;
        match event {
            E::RouteChosen { route, .. } => self.route = Some(*route),
            E::PlanRequested { round } => {
                let problem = self.planning.take().and_then(|(_, problem)| problem);
                self.planning = Some((*round, problem));
            }
            E::PlanRejected { round, problem, usage, cost } => {
                self.ledger.charge(*usage, *cost);
                self.planning = Some((*round, Some(problem.clone())));
            }
            E::TaskDecomposed { tasks, usage, cost } => self.decomposed(tasks, *usage, *cost, at),
            E::AgentSelected { task, delegation, agent, attempt, slice, .. } => {
                self.delegations = self.delegations.max(delegation.number);
                if let Some(index) = self.index.get(task) {
                    self.asked.insert(delegation.number, *index);
                }
                if !self.agents.contains(agent) {
                    self.agents.insert(agent.clone());
                }
                match self.task(task).and_then(|task| task.child_of.as_ref()).map(|child| child.from.number) {
                    Some(parent) => self.ledger.reserve_in(parent, delegation.number, *slice),
                    None => self.ledger.reserve(delegation.number, *slice),
                }
                self.change(task, |task| {
                    let retry = task.tries.contains_key(agent);
                    task.phase = Phase::Asked(Asking {
                        delegation: *delegation,
                        agent: agent.clone(),
                        attempt: *attempt,
                        retry,
                        slice: *slice,
                    });
                });
            }
            E::DelegationRefused { task, delegation, agent, refusal } => {
                use bailiwick_protocols::Refusal;
                self.ledger.release(delegation.number);
                self.asked.remove(&delegation.number);
                let listed = !matches!(refusal, Refusal::Full | Refusal::CalledBack);
                self.change(task, |task| {
                    if listed {
                        let refused = RefusedBy { agent: agent.clone(), refusal: refusal.clone() };
                        task.refused.push(refused.clone());
                        task.refusals.push(refused);
                    }
                    task.phase = Phase::Open { at, again: None };
                });
            }
            E::TaskStarted { task, .. } => self.change(task, |task| {
                if let Phase::Asked(asking) = &task.phase {
                    task.phase = Phase::Running(asking.clone());
                }
            }),
            E::AttemptEnded {
                task,
                delegation,
                agent,
                attempt,
                ended,
                output,
                verdict,
                usage,
                cost,
                checkpoint,
                ..
            } => {
                self.ledger.settle(delegation.number, *usage, *cost);
                self.asked.remove(&delegation.number);
                self.change(task, |task| {
                    task.usage += *usage;
                    task.cost += *cost;
                    task.verdict = verdict.clone();
                    task.agent = Some(agent.clone());
                    if checkpoint.is_some() {
                        task.checkpoint.clone_from(checkpoint);
                    }
                    task.attempt_ended(agent, *attempt, ended, output.as_ref(), verdict.as_ref());
                });
            }
            E::ChildAdded { task, parent, from, fingerprint, mandate, lineage } => {
                let mut child = TaskState::new(task.clone(), at);
                child.child_of = Some(ChildOf {
                    task: parent.clone(),
                    from: *from,
                    fingerprint: *fingerprint,
                    mandate: mandate.clone(),
                    lineage: lineage.clone(),
                });
                self.add(child);
            }
            E::JudgeAsked { task, seat, mandate } => {
                let judges = Some(Judging { seat: *seat, mandate: mandate.clone() });
                self.add(TaskState { judges, ..TaskState::new(task.clone(), at) });
            }
            E::ChildReopened { task, from, mandate } => {
                let mut reopened = false;
                self.change(task, |task| {
                    if let (Phase::Ended { .. }, Some(child)) = (&task.phase, &mut task.child_of) {
                        child.from = *from;
                        child.mandate = mandate.clone();
                        task.phase = Phase::Open { at, again: None };
                        task.refused.clear();
                        task.last = None;
                        reopened = true;
                    }
                });
                self.open += usize::from(reopened);
            }
            E::AttemptRetried { task, agent, at, .. } => {
                self.change(task, |task| task.phase = Phase::Open { at: *at, again: Some(agent.clone()) });
            }
            E::TaskReassigned { task, from, .. } => self.change(task, |task| {
                task.spent.insert(from.clone());
                task.reassignments += 1;
                task.phase = Phase::Open { at, again: None };
            }),
            E::TaskCompleted { task, outcome, output } => self.ended(task, outcome.clone(), Some(output.clone())),
            E::TaskFailed { task, outcome, .. } => self.ended(task, outcome.clone(), None),
            E::TaskSkipped { task, because } => {
                self.ended(task, Outcome::Skipped { because: because.clone() }, None);
            }
            E::BudgetWarned { .. } => self.warned = true,
            E::BudgetStopped { .. } => self.stop(Stop::Budget),
            E::DeadlinePassed => self.stop(Stop::Deadline),
            E::GoalParked => self.parked = true,
            E::GoalResumed => self.parked = false,
            E::CancelRequested { by, graceful } => {
                self.stop(Stop::Canceled { by: by.clone(), graceful: *graceful });
            }
            E::Synthesised { round, result, usage, cost } => {
                self.ledger.charge(*usage, *cost);
                self.synthesis = Some((*round, result.clone()));
                self.verdict = None;
            }
            E::VerificationPassed { task: None, verdict, .. } | E::VerificationFailed { task: None, verdict, .. } => {
                let round = self.verdict.as_ref().map_or(0, |(_, round)| *round) + 1;
                self.verdict = Some((verdict.clone(), round));
            }
            E::GoalSettled { outcome, .. } => self.settled = Some(outcome.clone()),
            // Told for people and programs; the goal knows it from the attempt's end or does not act on it.
            E::GoalSubmitted { .. }
            | E::TaskAssigned { .. }
            | E::VerificationPassed { .. }
            | E::VerificationFailed { .. }
            | E::TrustUpdated { .. }
            | E::TrustCircuitBreak { .. }
            | E::Escalated { .. } => {}
            _ => {}
        }
    }

    fn decomposed(&mut self, tasks: &[Arc<TaskSpec>], usage: Usage, cost: Cost, at: Timestamp) {
        self.ledger.charge(usage, cost);
        self.planning = None;
        self.planned = true;
        self.open = tasks.len();
        self.tasks = tasks.iter().map(|spec| TaskState::new(spec.clone(), at)).collect();
        self.index = tasks.iter().enumerate().map(|(index, spec)| (spec.id.clone(), index)).collect();
        self.dependants.clear();
        for (index, spec) in tasks.iter().enumerate() {
            for before in spec.after.iter().chain(&spec.optional_after).collect::<BTreeSet<_>>() {
                self.dependants.entry(before.clone()).or_default().push(index);
            }
        }
    }

    /// Adds what the plan does not hold: a part, or a question to a judge.
    fn add(&mut self, task: TaskState) {
        if !self.index.contains_key(&task.spec.id) {
            self.index.insert(task.spec.id.clone(), self.tasks.len());
            self.tasks.push(task);
            self.open += 1;
        }
    }

    fn change(&mut self, id: &TaskId, change: impl FnOnce(&mut TaskState)) {
        if let Some(task) = self.index.get(id).and_then(|index| self.tasks.get_mut(*index)) {
            change(task);
        }
    }

    fn ended(&mut self, id: &TaskId, outcome: Outcome, output: Option<Output>) {
        let completed = outcome.is_completed();
        let mut was_open = false;
        self.change(id, |task| {
            was_open = task.outcome().is_none();
            task.last = Some(outcome.clone());
            task.phase = Phase::Ended { outcome, output };
        });
        if !was_open {
            return;
        }
        self.open -= 1;
        for index in self.dependants.get(id).cloned().unwrap_or_default() {
            let dependant = &mut self.tasks[index];
            dependant.waits_for = dependant.waits_for.saturating_sub(1);
            if !completed && dependant.spec.after.contains(id) && dependant.doomed_by.is_none() {
                dependant.doomed_by = Some(id.clone());
            }
        }
    }

    fn stop(&mut self, stop: Stop) {
        if self.yields_to(&stop) {
            self.stopping = Some(stop);
        }
    }

    /// Whether this reason to stop changes anything: a harder one overrides a softer one; who cancels outranks what
    /// runs out.
    pub fn yields_to(&self, stop: &Stop) -> bool {
        let rank = |stop: &Stop| match stop {
            Stop::Budget => 0,
            Stop::Deadline => 1,
            Stop::Canceled { graceful: true, .. } => 2,
            Stop::Canceled { .. } => 3,
        };
        self.stopping.as_ref().is_none_or(|current| rank(stop) > rank(current))
    }

    /// The task a delegation is for.
    pub fn asked(&self, delegation: DelegationId) -> Option<(usize, &Asking)> {
        let index = *self.asked.get(&delegation.number)?;
        self.tasks[index].asking().map(|asking| (index, asking))
    }

    /// One task by id.
    pub fn task(&self, id: &TaskId) -> Option<&TaskState> {
        self.index.get(id).and_then(|index| self.tasks.get(*index))
    }

    /// The number of the next delegation.
    pub fn next_delegation(&self) -> DelegationId {
        DelegationId { goal: self.id, number: self.delegations + 1 }
    }

    /// The tasks of the plan: those that no agent at work handed on.
    pub fn plan(&self) -> impl Iterator<Item = &TaskSpec> + Clone {
        self.work().filter(|task| task.child_of.is_none()).map(|task| &*task.spec)
    }

    /// The tasks and their parts: everything but questions to judges.
    pub fn work(&self) -> impl Iterator<Item = &TaskState> + Clone {
        self.tasks.iter().filter(|task| task.judges.is_none())
    }

    /// Whether the attempt that asked for a child, or that a judge is asked about, is over.
    pub fn is_orphan(&self, task: &TaskState) -> bool {
        if let Some(examined) = task.judges.as_ref().and_then(|judges| judges.seat.of) {
            return self.asked(examined).is_none();
        }
        let Some(child) = &task.child_of else { return false };
        let parent = self.task(&child.task).and_then(TaskState::asking);
        parent.is_none_or(|asking| asking.delegation != child.from)
    }

    /// The children that a delegation's agent asked for, by index.
    pub fn children(&self, from: DelegationId) -> impl Iterator<Item = usize> {
        let child = move |task: &TaskState| task.child_of.as_ref().is_some_and(|child| child.from == from);
        self.tasks.iter().enumerate().filter(move |(_, task)| child(task)).map(|(index, _)| index)
    }

    /// The questions to judges about a delegation's report, or (`None`) about the goal's output, by index.
    pub fn judgements(&self, of: Option<DelegationId>) -> impl Iterator<Item = usize> {
        let about = move |task: &TaskState| task.judges.as_ref().is_some_and(|judges| judges.seat.of == of);
        self.tasks.iter().enumerate().filter(move |(_, task)| about(task)).map(|(index, _)| index)
    }

    /// Whether every task has ended.
    pub fn all_ended(&self) -> bool {
        self.open == 0
    }

    /// When everything must have ended.
    pub fn deadline(&self) -> Option<Timestamp> {
        self.mandate.deadline()
    }
}

impl TaskState {
    fn attempt_ended(
        &mut self,
        agent: &AgentName,
        attempt: u32,
        ended: &Ended,
        output: Option<&Output>,
        verdict: Option<&Verdict>,
    ) {
        use bailiwick_protocols::Code;
        let code = ended.outcome.code();
        self.attempts = self.attempts.max(attempt);
        self.refused.clear();
        let tries = self.tries.entry(agent.clone()).or_default();
        match code {
            Some(Code::Lost) => self.lost += 1,
            _ => tries.counted += 1,
        }
        if code == Some(Code::InvalidOutput) {
            tries.invalid += 1;
        }
        if is_transient(&ended.outcome) {
            tries.transient += 1;
        }
        if code.is_some() {
            let message = match &ended.outcome {
                Outcome::NotVerified { verdict } => verdict.details.clone(),
                Outcome::Failed { cause } => cause.message.clone(),
                other => other.to_string(),
            };
            self.feedback = Some(Feedback { attempt, code, verdict: verdict.cloned(), message });
        }
        self.last = Some(ended.outcome.clone());
        self.phase = Phase::Between { agent: agent.clone(), ended: ended.clone(), output: output.cloned() };
    }
}
