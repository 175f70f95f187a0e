//! The laws of one goal's stream.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use bailiwick_actors::goal::{
    ladder::{LOST_MAX, REASSIGNMENTS_MAX},
    plan,
};
use bailiwick_protocols::{
    AgentName, Code, Cost, DelegationId, Effects, Ended, Event, Goal, GoalEvent, GoalId, Mandate, Outcome, Output,
    Recorded, Reversibility, Slice, TaskId, TaskSpec, Timestamp, Usage, Verdict, event::Route, outcome::SkippedBecause,
};

use crate::simulator::house::law;

/// What a goal's stream says, as far as supervisors have a say in it too.
pub struct Story {
    /// The authority of the goal.
    pub mandate: Mandate,
    /// The tasks.
    pub specs: BTreeMap<TaskId, Arc<TaskSpec>>,
    /// Everything that was asked.
    pub asked: BTreeMap<DelegationId, Asked>,
    /// What came out of completed tasks.
    pub outputs: BTreeMap<TaskId, Output>,
    /// How it ended.
    pub outcome: &'static str,
    /// The position of its end in the whole log.
    pub settled_seq: u64,
}

/// One asking of one agent.
pub struct Asked {
    /// For which task.
    pub task: TaskId,
    /// Of whom.
    pub agent: AgentName,
    /// As which attempt.
    pub attempt: u32,
    /// With what reserved.
    pub slice: Slice,
    /// How the attempt ended, if there was one.
    pub attempt_ended: Option<Ended>,
}

#[derive(Default)]
struct Task {
    attempts: u32,
    open: Option<(DelegationId, AgentName, bool)>,
    not_before: Timestamp,
    last: Option<(Ended, Option<Output>, Option<Verdict>)>,
    counted: BTreeMap<AgentName, u32>,
    invalid: BTreeMap<AgentName, u32>,
    lost: u32,
    /// Not to be asked again.
    spent: BTreeSet<AgentName>,
    reassignments: u32,
    outcome: Option<Outcome>,
}

struct Reader {
    goal: Arc<Goal>,
    story: Story,
    tasks: BTreeMap<TaskId, Task>,
    order: Vec<TaskId>,
    route: Option<Route>,
    stopped: Option<&'static str>,
    canceled: bool,
    verdict: Option<Verdict>,
    usage: Usage,
    cost: Cost,
    reserved: BTreeMap<DelegationId, Slice>,
    last_number: u32,
    settled: bool,
}

/// Reads a stream, which must be settled.
///
/// # Errors
/// The first law that is broken.
pub fn read(id: GoalId, recorded: &[Arc<Recorded>]) -> Result<Story, String> {
    let mut events = recorded.iter();
    let first = events.next().map(|recorded| &recorded.event);
    let Some(Event::Goal(GoalEvent::GoalSubmitted { goal, mandate, .. })) = first else {
        return Err(format!("goal {id} begins with {first:?}"));
    };
    let story = Story {
        mandate: mandate.clone(),
        specs: BTreeMap::new(),
        asked: BTreeMap::new(),
        outputs: BTreeMap::new(),
        outcome: "",
        settled_seq: 0,
    };
    let mut reader = Reader {
        goal: goal.clone(),
        story,
        tasks: BTreeMap::new(),
        order: Vec::new(),
        route: None,
        stopped: None,
        canceled: false,
        verdict: None,
        usage: Usage::default(),
        cost: Cost::FREE,
        reserved: BTreeMap::new(),
        last_number: 0,
        settled: false,
    };
    for recorded in events {
        law!(!reader.settled, "goal {id} goes on after its end: {:?}", recorded.event);
        let Event::Goal(event) = &recorded.event else { return Err(format!("goal {id} tells {:?}", recorded.event)) };
        reader.take(event, recorded).map_err(|law| format!("{law} (goal {id}, version {})", recorded.ver))?;
    }
    law!(reader.settled, "every goal settles: {id} never does");
    Ok(reader.story)
}

impl Reader {
    fn take(&mut self, event: &GoalEvent, recorded: &Recorded) -> Result<(), String> {
        use GoalEvent as E;
        if let E::JudgeAsked { task, mandate, .. } = event {
            law!(!self.tasks.contains_key(&task.id), "{} is asked twice", task.id);
            let holds = mandate.exercise().is_empty() && mandate.grant().is_empty() && mandate.depth() == 0;
            law!(holds && self.story.mandate.bounds(mandate), "a judge holds {mandate:?}");
            self.story.specs.insert(task.id.clone(), task.clone());
            self.tasks.insert(task.id.clone(), Task::default());
        }
        if let Some(task) = event.task() {
            let Some(this) = self.tasks.get(task) else { return Err(format!("there is no task {task}: {event:?}")) };
            law!(this.outcome.is_none(), "a task ends once and last: {task} goes on with {event:?}");
        }
        match event {
            E::GoalSubmitted { .. } => return Err("a goal is submitted once".to_owned()),
            E::RouteChosen { route, .. } => self.route = Some(*route),
            E::PlanRejected { usage, cost, .. } | E::Synthesised { usage, cost, .. } => self.charge(*usage, *cost),
            E::TaskDecomposed { tasks, usage, cost } => {
                law!(self.order.is_empty(), "the tasks are set twice");
                self.charge(*usage, *cost);
                for spec in tasks {
                    self.order.push(spec.id.clone());
                    self.story.specs.insert(spec.id.clone(), spec.clone());
                    self.tasks.insert(spec.id.clone(), Task::default());
                }
            }
            E::AgentSelected { task, delegation, agent, attempt, slice, .. } => {
                self.selected(task, *delegation, agent, *attempt, *slice, recorded.at)?;
            }
            E::DelegationRefused { task, delegation, agent, .. } => {
                let this = self.task(task);
                law!(
                    this.open == Some((*delegation, agent.clone(), false)),
                    "{task} was turned away by {agent} when it had {:?}",
                    this.open
                );
                this.open = None;
                self.reserved.remove(delegation);
            }
            E::TaskStarted { task, delegation, agent, .. } => {
                let this = self.task(task);
                law!(
                    this.open == Some((*delegation, agent.clone(), false)),
                    "{task} was begun by {agent} when it had {:?}",
                    this.open
                );
                this.open = Some((*delegation, agent.clone(), true));
            }
            E::AttemptEnded { .. } => self.attempt_ended(event)?,
            E::AttemptRetried { task, agent, at, .. } => {
                let this = self.task(task);
                law!(this.open.is_none(), "{task} is tried again while it is asked");
                law!(!this.spent.contains(agent), "{task} is tried again by {agent}, who is used up");
                this.not_before = *at;
            }
            E::TaskReassigned { task, from, .. } => {
                let this = self.task(task);
                this.spent.insert(from.clone());
                this.reassignments += 1;
                law!(this.reassignments <= REASSIGNMENTS_MAX, "{task} changed hands {} times", this.reassignments);
            }
            E::TaskCompleted { task, outcome, output } => self.completed(task, outcome, output)?,
            E::TaskFailed { task, outcome, .. } => self.failed(task, outcome)?,
            E::TaskSkipped { task, because } => self.skipped(task, because)?,
            E::VerificationPassed { task: None, verdict, .. } | E::VerificationFailed { task: None, verdict, .. } => {
                self.verdict = Some(verdict.clone());
            }
            E::BudgetStopped { .. } => self.stop("budget"),
            E::DeadlinePassed => {
                law!(self.stopped != Some("deadline"), "a deadline passes once");
                self.stop("deadline");
            }
            E::CancelRequested { .. } => {
                self.canceled = true;
                self.stop("cancel");
            }
            E::GoalSettled { outcome, usage, cost, .. } => {
                self.goal_settled(outcome, *usage, *cost)?;
                self.story.settled_seq = recorded.seq;
            }
            _ => {}
        }
        Ok(())
    }

    fn task(&mut self, id: &TaskId) -> &mut Task {
        self.tasks.entry(id.clone()).or_default()
    }

    fn charge(&mut self, usage: Usage, cost: Cost) {
        self.usage += usage;
        self.cost += cost;
    }

    fn stop(&mut self, why: &'static str) {
        self.stopped = Some(why);
    }

    fn selected(
        &mut self,
        id: &TaskId,
        delegation: DelegationId,
        agent: &AgentName,
        attempt: u32,
        slice: Slice,
        at: Timestamp,
    ) -> Result<(), String> {
        // What runs may come to its end, and so be judged.
        law!(self.stopped.is_none() || id.is_judgement(), "nothing new starts after {:?}: {id}", self.stopped);
        law!(delegation.number == self.last_number + 1, "delegation {} after {}", delegation.number, self.last_number);
        self.last_number = delegation.number;
        let spec = self.story.specs[id].clone();
        for before in spec.after.iter().chain(&spec.optional_after) {
            let outcome = &self.tasks[before].outcome;
            let needed = spec.after.contains(before);
            law!(outcome.is_some(), "{id} begins before {before} ended");
            law!(
                !needed || outcome.as_ref().is_some_and(Outcome::is_completed),
                "no dependant of a failure runs: {id} after {before}, {outcome:?}"
            );
        }
        let this = self.task(id);
        law!(this.open.is_none(), "{id} is asked of {agent} while it has {:?}", this.open);
        law!(attempt == this.attempts + 1, "{id} is tried as {attempt} after {} attempts", this.attempts);
        law!(at >= this.not_before, "{id} is asked during its back-off, until {}", this.not_before);
        law!(!this.spent.contains(agent), "{id} is asked of {agent}, who is used up");
        if let Some((ended, ..)) = &this.last {
            let lost = ended.outcome.code() == Some(Code::Lost);
            law!(spec.reversibility != Reversibility::Low, "{id} cannot be undone and is tried again");
            law!(!(lost && spec.effects == Effects::Once), "{id} may have run and is tried again");
        }
        this.open = Some((delegation, agent.clone(), false));
        self.fits(slice)?;
        self.reserved.insert(delegation, slice);
        let asked = Asked { task: id.clone(), agent: agent.clone(), attempt, slice, attempt_ended: None };
        self.story.asked.insert(delegation, asked);
        Ok(())
    }

    /// Zero left is zero: what is spent, promised and asked for fits the budget.
    fn fits(&self, slice: Slice) -> Result<(), String> {
        let budget = self.goal.budget.slice;
        let promised = |dimension: fn(&Slice) -> Option<u64>| self.reserved.values().filter_map(dimension).sum::<u64>();
        let money =
            self.cost.micro_usd().unwrap_or(0) + promised(|slice| slice.micro_usd) + slice.micro_usd.unwrap_or(0);
        let tokens = self.usage.tokens() + promised(|slice| slice.tokens) + slice.tokens.unwrap_or(0);
        law!(budget.micro_usd.is_none_or(|most| money <= most), "{money} micro-USD of {budget:?} are promised");
        law!(budget.tokens.is_none_or(|most| tokens <= most), "{tokens} tokens of {budget:?} are promised");
        Ok(())
    }

    fn attempt_ended(&mut self, event: &GoalEvent) -> Result<(), String> {
        let GoalEvent::AttemptEnded {
            task: id, delegation, agent, attempt, ended, output, verdict, usage, cost, ..
        } = event
        else {
            return Ok(());
        };
        self.charge(*usage, *cost);
        self.reserved.remove(delegation);
        if let Some(asked) = self.story.asked.get_mut(delegation) {
            asked.attempt_ended = Some(ended.clone());
        }
        let retries = self.story.specs[id].retries;
        let this = self.task(id);
        law!(
            this.open == Some((*delegation, agent.clone(), true)),
            "an attempt of {agent} on {id} ended when it had {:?}",
            this.open
        );
        this.open = None;
        this.attempts += 1;
        law!(
            *attempt == this.attempts,
            "attempts are counted without gaps: {id} has {attempt} after {}",
            this.attempts - 1
        );
        match ended.outcome.code() {
            Some(Code::Lost) => this.lost += 1,
            code => {
                let counted = this.counted.entry(agent.clone()).or_default();
                *counted += 1;
                law!(*counted <= retries + 1, "{agent} tried {id} {counted} times, with {retries} retries");
                if code == Some(Code::InvalidOutput) {
                    let invalid = this.invalid.entry(agent.clone()).or_default();
                    *invalid += 1;
                    law!(*invalid <= 2, "{agent} gave invalid output for {id} {invalid} times");
                }
            }
        }
        law!(this.lost <= LOST_MAX + 1, "{id} was lost {} times", this.lost);
        if let Outcome::Failed { cause } = &ended.outcome
            && !cause.retryable
        {
            this.spent.insert(agent.clone());
        }
        if ended.outcome == Outcome::Verified {
            let passed = verdict.as_ref().is_some_and(|verdict| verdict.passed && !verdict.abstained);
            law!(passed, "verified only with a passing verdict: {id} with {verdict:?}");
        }
        this.last = Some((ended.clone(), output.clone(), verdict.clone()));
        Ok(())
    }

    fn completed(&mut self, id: &TaskId, outcome: &Outcome, output: &Output) -> Result<(), String> {
        let asks = self.story.specs[id].contract.asks_for_check();
        let this = self.task(id);
        let Some((ended, made, _)) = &this.last else { return Err(format!("{id} completed without an attempt")) };
        law!(this.open.is_none(), "{id} completed while it has {:?}", this.open);
        law!(
            (&ended.outcome, made.as_ref()) == (outcome, Some(output)),
            "{id} completed otherwise than its last attempt: {ended:?}"
        );
        let word = if asks { Outcome::Verified } else { Outcome::Unverified };
        law!(*outcome == word, "{id} completed as {outcome}, and its contract asks for a check: {asks}");
        this.outcome = Some(outcome.clone());
        self.story.outputs.insert(id.clone(), output.clone());
        Ok(())
    }

    fn failed(&mut self, id: &TaskId, outcome: &Outcome) -> Result<(), String> {
        law!(!outcome.is_completed(), "{id} failed as {outcome}");
        let stopped = self.stopped.is_some();
        let this = self.task(id);
        law!(this.open.is_none(), "{id} failed while it has {:?}", this.open);
        let ended = matches!(outcome, Outcome::Canceled { .. } | Outcome::Expired | Outcome::BudgetExhausted);
        match &this.last {
            _ if (stopped || id.is_judgement()) && ended => {}
            Some((last, ..)) => law!(last.outcome == *outcome, "{id} ended as {outcome}, its last attempt as {last:?}"),
            None => {
                let word = match outcome {
                    Outcome::Refused { .. } => true,
                    Outcome::Failed { cause } => cause.code == Code::AgentNotFound,
                    _ => false,
                };
                law!(word, "{id} had no attempt and ended as {outcome}");
            }
        }
        this.outcome = Some(outcome.clone());
        Ok(())
    }

    fn skipped(&mut self, id: &TaskId, because: &SkippedBecause) -> Result<(), String> {
        let SkippedBecause::Needed(needed) = because else { return Err(format!("{id} was skipped: {because:?}")) };
        let outcome = self.tasks[needed].outcome.clone();
        let listed = self.story.specs[id].after.contains(needed);
        let this = self.task(id);
        law!(this.attempts == 0 && this.open.is_none(), "{id} was tried and skipped");
        law!(
            listed && outcome.as_ref().is_some_and(|outcome| !outcome.is_completed()),
            "{id} was skipped for {needed}, {outcome:?}"
        );
        this.outcome = Some(Outcome::Skipped { because: because.clone() });
        Ok(())
    }

    fn goal_settled(&mut self, outcome: &Outcome, usage: Usage, cost: Cost) -> Result<(), String> {
        self.settled = true;
        self.story.outcome = outcome.as_str();
        for (id, task) in &self.tasks {
            law!(task.outcome.is_some(), "the goal ended before its task {id}");
        }
        law!(usage == self.usage, "usage is the sum of its parts: {usage:?}, {:?}", self.usage);
        law!(cost == self.cost, "cost is the sum of its parts: {cost:?}, {:?}", self.cost);
        let is_canceled = matches!(outcome, Outcome::Canceled { .. });
        law!(is_canceled == self.canceled, "canceled: {}, and it ended as {outcome}", self.canceled);
        let contract = &self.goal.contract;
        let own = self.route == Some(Route::Plan) && contract.asks_for_check();
        if own {
            let passed = self.verdict.as_ref().is_some_and(|verdict| verdict.passed && !verdict.abstained);
            law!(*outcome != Outcome::Verified || passed, "verified without a passing verdict: {:?}", self.verdict);
            law!(*outcome != Outcome::Unverified, "a goal with a contract is never merely unverified");
        }
        if outcome.is_completed() {
            let specs = || self.order.iter().map(|id| &*self.story.specs[id]);
            for id in plan::needed(specs()) {
                let Some(task) = &self.tasks[id].outcome else { continue };
                law!(task.is_completed(), "the goal is {outcome}, and {id}, which it needs, {task}");
                let verified = *outcome != Outcome::Verified || own || *task == Outcome::Verified;
                law!(verified, "the goal is verified, and {id}, which it needs, {task}");
            }
        }
        Ok(())
    }
}
