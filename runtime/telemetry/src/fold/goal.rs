//! One goal as spans: its root, its plan, its tasks.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use bailiwick_protocols::{
    AgentFact, AgentName, Cost, DelegationId, Goal, GoalEvent, GoalId, Outcome, Recorded, Refusal, TaskId, TaskSpec,
    TeamName, Timestamp, Traceparent, Usage, Verdict,
};
use opentelemetry::KeyValue;

use super::{
    ById, Kind,
    delegation::DelegationTrace,
    id,
    said::{choice, evaluated, outcome_of},
    wait::{Numbers, Wait},
    words::{Words, short},
};
use crate::{
    names::{attribute as a, event as e, span as s},
    span::{Role, Span, consumed, int, text, texts},
};

/// A goal whose end has not been told.
#[derive(Debug)]
pub(super) struct GoalTrace {
    goal: GoalId,
    context: Traceparent,
    obeyed: Option<Traceparent>,
    root: Span,
    plan: Option<Span>,
    parked: Option<Wait>,
    tasks: BTreeMap<TaskId, TaskTrace>,
    delegations: ById<DelegationTrace>,
    waits: Numbers,
    submitted_seq: u64,
    resumed: bool,
    /// The last span that was told, and the last one that was told before the goal lay still.
    told: Option<Traceparent>,
    told_before: Option<Traceparent>,
    attempts: u32,
    reassignments: u32,
    examinations: u32,
    /// The latest end of anything below the goal: its own examination begins there.
    worked_until: Timestamp,
    words: Words,
}

#[derive(Debug)]
struct TaskTrace {
    spec: Arc<TaskSpec>,
    /// The delegation whose agent handed it on; `None` for a task of the plan.
    part_of: Option<u32>,
    /// The task that delegation is for.
    parent: Option<TaskId>,
    /// How often it was wanted again.
    reopened: u64,
    /// Begins when the inputs are complete.
    span: Option<Span>,
    context: Traceparent,
    waits_for: BTreeSet<TaskId>,
    wait: Option<Wait>,
    /// The last attempt, and why there will be another.
    before: Option<(Traceparent, &'static str)>,
    attempts: u32,
    reassignments: u32,
    ended: bool,
}

impl GoalTrace {
    pub fn new(id: GoalId, goal: &Goal, team: &TeamName, recorded: &Recorded, words: Words) -> Option<Self> {
        let context = recorded.trace?;
        let mut root = Span::new(Role::Coordinator, context, format!("{} {team}", s::GOAL), recorded.at).with([
            text(a::OPERATION, s::GOAL),
            text(a::WORKFLOW, team),
            text(a::GOAL, id),
        ]);
        if words.content {
            root.attributes.push(text(a::TEXT, &goal.text));
        }
        let caller = goal.traceparent.as_deref().and_then(Traceparent::parse);
        let obeyed = caller.filter(|caller| goal.continues_trace && caller.trace == context.trace);
        match (obeyed, caller) {
            (Some(caller), _) => {
                root.parent = caller.span;
                root.remote_parent = true;
            }
            (None, Some(caller)) => root.linked(caller, true, "caller"),
            (None, None) => {}
        }
        Some(Self {
            goal: id,
            context,
            obeyed,
            root,
            plan: None,
            parked: None,
            tasks: BTreeMap::new(),
            delegations: ById::new(),
            waits: Numbers::default(),
            submitted_seq: recorded.seq,
            resumed: false,
            told: None,
            told_before: None,
            attempts: 0,
            reassignments: 0,
            examinations: 0,
            worked_until: recorded.at,
            words,
        })
    }

    pub fn context(&self) -> Traceparent {
        self.context
    }

    /// The caller's span, if its trace is continued.
    pub fn obeyed(&self) -> Option<Traceparent> {
        self.obeyed
    }

    pub fn delegation(&mut self, id: DelegationId) -> Option<&mut DelegationTrace> {
        self.delegations.get_mut(&id.number)
    }

    /// A span of it was told, by this life of the process or by an earlier one.
    pub fn told(&mut self, span: Traceparent, is_past: bool) {
        self.told = Some(span);
        if is_past {
            self.told_before = Some(span);
        }
    }

    /// The goal goes on; if it began in the past, it was resumed, whether it says so or not. Its span, which is told only
    /// now, is linked to the last one that was told before.
    pub fn goes_on(&mut self, past: u64, event: &GoalEvent, at: Timestamp) {
        let says_so = matches!(event, GoalEvent::GoalResumed);
        if says_so || (self.submitted_seq <= past && !self.resumed) {
            self.resumed = true;
            self.root.happened(e::RESUMED, at, Vec::new());
            if let Some(last) = self.told_before.take() {
                self.root.linked(last, false, "resumes");
            }
        }
    }

    /// Ends parts of what has waited for long.
    pub fn split(&mut self, now: Timestamp, out: &mut Vec<Span>) {
        let (context, waits) = (self.context, &mut self.waits);
        let mut split = |wait: &mut Wait| out.extend(wait.split(now, context, waits));
        self.parked.iter_mut().for_each(&mut split);
        self.tasks.values_mut().filter_map(|task| task.wait.as_mut()).for_each(&mut split);
        self.delegations.values_mut().filter_map(DelegationTrace::wait).for_each(&mut split);
    }

    /// Takes what an agent's stream says about one of its delegations.
    pub fn hear(&mut self, id: DelegationId, fact: &AgentFact, at: Timestamp, out: &mut Vec<Span>) {
        if let Some(delegation) = self.delegations.get_mut(&id.number) {
            delegation.hear(fact, at, self.words, &mut self.waits, out);
        }
    }

    /// Takes the next event of the goal's own stream.
    pub fn apply(&mut self, event: &GoalEvent, at: Timestamp, out: &mut Vec<Span>) {
        use GoalEvent as E;
        match event {
            E::RouteChosen { route, rules } => {
                let rules = rules.iter().filter_map(|rule| serde_json::to_value(rule).ok());
                let rules: Vec<_> = rules.filter_map(|rule| rule.as_str().map(str::to_owned)).collect();
                self.root.attributes.retain(|known| !known.key.as_str().starts_with(a::ROUTE));
                self.root.attributes.extend([text(a::ROUTE, route.as_str()), texts(a::ROUTE_RULES, rules)]);
            }
            E::PlanRequested { round } => self.planning(*round, at),
            E::PlanRejected { problem, usage, cost, .. } => {
                if let Some(mut plan) = self.plan.take() {
                    plan.happened(e::PLAN_REJECTED, at, vec![text(a::REASON, short(problem))]);
                    out.push(plan.until(at).with(consumed(*usage, *cost)));
                }
            }
            E::TaskDecomposed { tasks, usage, cost } => self.decomposed(tasks, *usage, *cost, at, out),
            E::ChildAdded { task, parent, from, .. } => {
                let number = self.tasks.len() as u64;
                let child = TaskTrace::new(task.clone(), id(self.context, Kind::Task, number));
                let child = TaskTrace { part_of: Some(from.number), parent: Some(parent.clone()), ..child };
                self.tasks.insert(task.id.clone(), child);
                self.begin(&task.id, at);
            }
            E::JudgeAsked { task, seat, .. } => {
                let number = self.tasks.len() as u64;
                let judge = TaskTrace::new(task.clone(), id(self.context, Kind::Task, number));
                let part_of = seat.of.map(|examined| examined.number);
                self.tasks.insert(task.id.clone(), TaskTrace { part_of, ..judge });
                self.begin(&task.id, at);
            }
            E::ChildReopened { task, from, .. } => {
                if let Some(child) = self.tasks.get_mut(task) {
                    child.part_of = Some(from.number);
                    child.reopened += 1;
                    child.span = None;
                    child.ended = false;
                    child.context = id(child.context, Kind::Task, child.reopened);
                }
                self.begin(task, at);
            }
            E::AgentSelected { task, delegation, agent, attempt, chosen_by, candidates, passed_over, .. } => {
                self.selected(task, *delegation, agent, *attempt, at, out);
                let choice = choice(agent, *attempt, *chosen_by, candidates, passed_over);
                self.note(Some(task), e::AGENT_SELECTED, at, choice);
            }
            E::DelegationRefused { task, delegation, agent, refusal } => {
                if let Some(refused) = self.delegations.remove(&delegation.number) {
                    refused.refused(refusal, at, &mut self.waits, out);
                }
                if matches!(refusal, Refusal::Full) {
                    self.wait(task, "room", at, vec![text(a::AGENT, agent)]);
                }
            }
            E::VerificationPassed { task: None, verdict, .. } | E::VerificationFailed { task: None, verdict, .. } => {
                self.examined(verdict, at, out);
            }
            E::AttemptEnded { task, delegation, .. } => self.attempt_ended(task, *delegation, event, at, out),
            E::AttemptRetried { task, agent, attempt, at: not_before, because, .. } => {
                let said = vec![text(a::AGENT, agent), int(a::ATTEMPT, *attempt), self.reason(because)];
                self.note(Some(task), e::RETRIED, at, said);
                self.follow(task, "retries");
                if *not_before > at {
                    self.wait(task, "back_off", at, vec![text(a::AGENT, agent)]);
                }
            }
            E::TaskReassigned { task, from, because } => {
                let said = vec![text(a::AGENT, from), self.reason(because)];
                self.note(Some(task), e::REASSIGNED, at, said);
                self.follow(task, "reassigned");
                self.reassignments += 1;
                if let Some(task) = self.tasks.get_mut(task) {
                    task.reassignments += 1;
                }
            }
            E::Escalated { task, reason } => {
                let said = vec![self.reason(reason)];
                self.note(task.as_ref(), e::ESCALATED, at, said);
            }
            E::TaskCompleted { task, outcome, .. } | E::TaskFailed { task, outcome, .. } => {
                self.task_ended(task, outcome, at, out);
            }
            E::TaskSkipped { task, because } => {
                self.task_ended(task, &Outcome::Skipped { because: because.clone() }, at, out);
            }
            E::GoalParked => {
                let about = vec![text(a::GOAL, self.goal)];
                self.told_before = self.told;
                self.parked = Some(Wait::new(Role::Coordinator, "a_person", self.context.span, at, about));
                self.note(None, e::PARKED, at, Vec::new());
            }
            E::GoalResumed => {
                let parked = self.parked.take();
                out.extend(parked.and_then(|wait| wait.end(at, self.context, &mut self.waits)));
            }
            E::BudgetWarned { .. } => self.note(None, e::BUDGET_WARNED, at, Vec::new()),
            E::BudgetStopped { .. } => self.note(None, e::BUDGET_STOPPED, at, Vec::new()),
            E::DeadlinePassed => self.note(None, e::DEADLINE_PASSED, at, Vec::new()),
            E::CancelRequested { by, .. } => {
                let by = Outcome::Canceled { by: by.clone() }.to_string();
                self.note(None, e::CANCEL_REQUESTED, at, vec![text(a::REASON, short(&by))]);
            }
            E::Synthesised { round, usage, cost, .. } => {
                let said = std::iter::once(int(a::ROUND, *round)).chain(consumed(*usage, *cost)).collect();
                self.note(None, e::SYNTHESISED, at, said);
                self.worked_until = at;
            }
            E::GoalSettled { outcome, usage, cost, .. } => self.settled(outcome, *usage, *cost, at, out),
            // The rest is told by the agent's stream, where it happened, or by an event that follows in the same batch.
            _ => {}
        }
    }

    /// Why, in words, unless the words are somebody's output.
    fn reason(&self, because: &str) -> KeyValue {
        let because = if self.words.content { because } else { because.split(':').next().unwrap_or_default() };
        text(a::REASON, short(because))
    }

    fn note(&mut self, task: Option<&TaskId>, name: &'static str, at: Timestamp, said: Vec<KeyValue>) {
        let span = match task {
            Some(task) => self.tasks.get_mut(task).and_then(|task| task.span.as_mut()),
            None => Some(&mut self.root),
        };
        if let Some(span) = span {
            span.happened(name, at, said);
        }
    }

    fn planning(&mut self, round: u32, at: Timestamp) {
        let context = id(self.context, Kind::Plan, u64::from(round));
        let plan = Span::new(Role::Coordinator, context, s::PLAN, at).within(self.context.span).with([
            text(a::OPERATION, s::PLAN),
            text(a::GOAL, self.goal),
            int(a::ROUND, round),
        ]);
        self.plan = Some(plan);
    }

    fn decomposed(&mut self, tasks: &[Arc<TaskSpec>], usage: Usage, cost: Cost, at: Timestamp, out: &mut Vec<Span>) {
        // Where no planner was asked the plan is the choice of the road: no operation of any model.
        let plan = self.plan.take().unwrap_or_else(|| {
            Span::new(Role::Coordinator, id(self.context, Kind::Plan, 0), s::PLAN, self.root.start)
                .within(self.context.span)
                .with([text(a::GOAL, self.goal)])
        });
        let count = int(a::TASKS, tasks.len());
        self.root.attributes.push(count.clone());
        out.push(plan.until(at).with([count]).with(consumed(usage, cost)));
        for (index, spec) in tasks.iter().enumerate() {
            let mut task = TaskTrace::new(spec.clone(), id(self.context, Kind::Task, index as u64));
            task.waits_for = spec.after.iter().chain(&spec.optional_after).cloned().collect();
            self.tasks.insert(spec.id.clone(), task);
        }
        let ready: Vec<_> =
            self.tasks.iter().filter(|(_, task)| task.waits_for.is_empty()).map(|(id, _)| id.clone()).collect();
        for task in ready {
            self.begin(&task, at);
        }
    }

    /// A task's inputs are complete.
    fn begin(&mut self, id: &TaskId, at: Timestamp) {
        let (root, goal, content) = (self.context.span, self.goal, self.words.content);
        let Some(task) = self.tasks.get(id).filter(|task| task.span.is_none()) else { return };
        let needed = task.spec.after.iter().chain(&task.spec.optional_after);
        let before: Vec<_> = needed.filter_map(|needed| Some(self.tasks.get(needed)?.context)).collect();
        let Some(task) = self.tasks.get_mut(id) else { return };
        let spec = &task.spec;
        let parent = task.part_of.map_or(root, |from| match spec.id.is_judgement() {
            // The attempt is over when it is judged, and its delegation is not.
            true => super::id(self.context, Kind::Delegation, u64::from(from)).span,
            false => self.context.child(u64::from(from)).span,
        });
        let mut span = Span::new(Role::Coordinator, task.context, s::TASK, at).within(parent).with([
            text(a::GOAL, goal),
            text(a::TASK, &spec.id),
            texts(a::NEEDS, &spec.needs),
            int(a::CRITICALITY, spec.criticality),
            text(a::REVERSIBILITY, format!("{:?}", spec.reversibility).to_lowercase()),
        ]);
        if content {
            span.attributes.push(text(a::TEXT, &spec.goal));
        }
        for before in before {
            span.linked(before, false, "after");
        }
        task.span = Some(span);
    }

    fn selected(
        &mut self,
        task: &TaskId,
        delegation: DelegationId,
        agent: &AgentName,
        attempt: u32,
        at: Timestamp,
        out: &mut Vec<Span>,
    ) {
        self.begin(task, at);
        let Some(known) = self.tasks.get_mut(task) else { return };
        if let Some(wait) = known.wait.take() {
            out.extend(wait.end(at, self.context, &mut self.waits));
        }
        let new = DelegationTrace::new(delegation, self.context, task, known.context.span, agent, attempt, at);
        self.delegations.insert(delegation.number, new);
    }

    fn wait(&mut self, task: &TaskId, what: &'static str, at: Timestamp, about: Vec<KeyValue>) {
        let about = about.into_iter().chain([text(a::GOAL, self.goal), text(a::TASK, task)]).collect();
        if let Some(task) = self.tasks.get_mut(task) {
            task.wait = Some(Wait::new(Role::Coordinator, what, task.context.span, at, about));
        }
    }

    fn follow(&mut self, task: &TaskId, why: &'static str) {
        if let Some((_, because)) = self.tasks.get_mut(task).and_then(|task| task.before.as_mut()) {
            *because = why;
        }
    }

    fn attempt_ended(
        &mut self,
        task: &TaskId,
        delegation: DelegationId,
        event: &GoalEvent,
        at: Timestamp,
        out: &mut Vec<Span>,
    ) {
        self.attempts += u32::from(!task.is_judgement());
        let Some(ended) = self.delegations.remove(&delegation.number) else { return };
        let Some(task) = self.tasks.get_mut(task) else { return };
        task.attempts += 1;
        let before = task.before.take();
        let words = self.words;
        let attempt = ended.ended(event, before, at, words, &mut self.waits, out);
        task.before = attempt.map(|context| (context, "retries"));
        self.worked_until = at;
    }

    fn task_ended(&mut self, id: &TaskId, outcome: &Outcome, at: Timestamp, out: &mut Vec<Span>) {
        self.begin(id, at);
        let (context, waits) = (self.context, &mut self.waits);
        if let Some(task) = self.tasks.get_mut(id) {
            out.extend(task.wait.take().and_then(|wait| wait.end(at, context, waits)));
            let (attempts, reassignments) = (task.attempts, task.reassignments);
            // Its span stays where it is in the books, so that it begins once only.
            if let Some(span) = task.span.as_mut() {
                task.ended = true;
                let span = span.clone().until(at).with(outcome_of(outcome));
                let mut span = span.with([int(a::ATTEMPTS, attempts), int(a::REASSIGNMENTS, reassignments)]);
                let (part_of, parent) = (task.part_of, task.parent.clone());
                self.outlives(&mut span, part_of, parent);
                out.push(span);
            }
        }
        self.worked_until = at;
        let mut ready = Vec::new();
        for (other, task) in &mut self.tasks {
            if !task.waits_for.is_empty() && task.waits_for.remove(id) && task.waits_for.is_empty() {
                ready.push(other.clone());
            }
        }
        for task in ready {
            self.begin(&task, at);
        }
    }

    /// A part that ends after the attempt that wanted it belongs to whatever of its parents still goes on.
    fn outlives(&self, span: &mut Span, part_of: Option<u32>, mut parent: Option<TaskId>) {
        let Some(from) = part_of.filter(|from| !self.delegations.contains_key(from)) else { return };
        span.linked(self.context.child(u64::from(from)), false, "part_of");
        span.parent = self.context.span;
        while let Some(task) = parent.and_then(|parent| self.tasks.get(&parent)) {
            if !task.ended {
                span.parent = task.context.span;
                return;
            }
            parent = task.parent.clone();
        }
    }

    /// The goal's own contract was examined.
    fn examined(&mut self, verdict: &Verdict, at: Timestamp, out: &mut Vec<Span>) {
        self.examinations += 1;
        let context = id(self.context, Kind::Verification, (1 << 32) | u64::from(self.examinations));
        let mut span = Span::new(Role::Verifier, context, s::VERIFICATION, self.worked_until.min(at))
            .within(self.context.span)
            .until(at)
            .with([text(a::GOAL, self.goal)]);
        evaluated(&mut span, verdict, self.examinations, at, self.words);
        out.push(span);
        self.worked_until = at;
    }

    fn settled(&mut self, outcome: &Outcome, usage: Usage, cost: Cost, at: Timestamp, out: &mut Vec<Span>) {
        // Everything below has ended by now; what has not is a story this fold heard in part.
        let open: Vec<_> = self.plan.take().into_iter().collect();
        out.extend(open.into_iter().map(|span| span.until(at)));
        for (_, delegation) in std::mem::take(&mut self.delegations) {
            delegation.refused(&Refusal::CalledBack, at, &mut self.waits, out);
        }
        let mut root = self.root.clone().until(at).with(outcome_of(outcome)).with(consumed(usage, cost));
        root.attributes.extend([int(a::ATTEMPTS, self.attempts), int(a::REASSIGNMENTS, self.reassignments)]);
        root.error = self.words.error(outcome);
        out.push(root);
    }
}

impl TaskTrace {
    fn new(spec: Arc<TaskSpec>, context: Traceparent) -> Self {
        Self {
            spec,
            part_of: None,
            parent: None,
            reopened: 0,
            span: None,
            context,
            waits_for: BTreeSet::new(),
            wait: None,
            before: None,
            attempts: 0,
            reassignments: 0,
            ended: false,
        }
    }
}
