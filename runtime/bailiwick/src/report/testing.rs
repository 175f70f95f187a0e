//! Goals told by hand, for the tests of what reads their streams.

use std::{sync::Arc, time::Duration};

use bailiwick_protocols::{
    Cost, DelegationId, Ended, Event, Failure, Fault, Goal, GoalEvent, GoalId, Mandate, Outcome, Output, Permissions,
    Recorded, Refusal, Stream, Task, Timestamp, Traceparent, TrustScore, Usage, Verdict,
    event::{Route, RouteRule},
    mandate::Slice,
    outcome::{RefusedBy, SkippedBecause},
    task::Settings,
};

use super::GoalReport;

/// The stream of one goal, an event every 10 ms.
#[derive(Clone)]
pub(crate) struct Story {
    id: GoalId,
    pub(crate) events: Vec<Arc<Recorded>>,
}

impl Story {
    pub(crate) fn new() -> Self {
        let id = "0198a000-0000-7000-8000-000000000001".parse().unwrap();
        let mandate = Mandate::root(Permissions::none(), Slice::UNLIMITED, None, 4);
        Self { id, events: Vec::new() }.then(GoalEvent::GoalSubmitted {
            goal: Arc::new(Goal::new("audit")),
            team: "team".into(),
            mandate,
        })
    }

    pub(crate) fn then(mut self, event: GoalEvent) -> Self {
        let ver = self.events.len() as u64 + 1;
        self.events.push(Arc::new(Recorded {
            seq: ver,
            stream: Stream::Goal(self.id),
            ver,
            at: Timestamp::from_millis(1_767_225_600_000 + ver * 10),
            cause: None,
            trace: Some(Traceparent { trace: 0xab, span: 1, flags: 1 }),
            event: Event::Goal(event),
        }));
        self
    }

    pub(crate) fn report(&self) -> GoalReport {
        GoalReport::from_events(&self.events, Vec::new())
    }

    pub(crate) fn plan(self, tasks: &[(&str, &[&str])]) -> Self {
        let spec = |(id, after): &(&str, &[&str])| {
            let task = Task::new(*id, format!("do {id}")).after(after.iter().copied());
            Arc::new(task.resolve(&Settings::default()))
        };
        let tasks = tasks.iter().map(spec).collect();
        self.then(GoalEvent::RouteChosen { route: Route::Plan, rules: vec![RouteRule::BroughtTasks] })
            .then(GoalEvent::TaskDecomposed { tasks, usage: Usage::default(), cost: Cost::FREE })
    }

    fn delegation(&self, number: u32) -> DelegationId {
        DelegationId { goal: self.id, number }
    }

    pub(crate) fn assigned(self, task: &str, agent: &str, attempt: u32) -> Self {
        let delegation = self.delegation(attempt);
        self.then(GoalEvent::TaskAssigned { task: task.into(), delegation, agent: agent.into(), attempt })
    }

    fn ended(
        self,
        (task, agent, attempt): (&str, &str, u32),
        outcome: Outcome,
        (output, verdict, cost): (Option<Output>, Option<Verdict>, Cost),
        started: Option<Timestamp>,
    ) -> Self {
        let delegation = self.delegation(attempt);
        self.then(GoalEvent::AttemptEnded {
            task: task.into(),
            delegation,
            agent: agent.into(),
            attempt,
            ended: Ended { outcome, fault: Fault::Unknown },
            output,
            verdict,
            usage: Usage::default(),
            cost,
            uncertain: false,
            checkpoint: None,
            started,
            duration: Duration::from_millis(10),
        })
    }

    pub(crate) fn ended_unseated(self, task: &str, agent: &str, attempt: u32, outcome: Outcome) -> Self {
        self.ended((task, agent, attempt), outcome, (None, None, Cost::FREE), None)
    }

    pub(crate) fn verified(self, task: &str, agent: &str, attempt: u32, output: Output) -> Self {
        let verdict = Verdict::pass("schema", 1.0, "valid");
        let gave = (Some(output.clone()), Some(verdict), Cost::FREE);
        self.ended((task, agent, attempt), Outcome::Verified, gave, Some(Timestamp::from_millis(1)))
            .then(GoalEvent::TaskCompleted { task: task.into(), outcome: Outcome::Verified, output })
    }

    pub(crate) fn not_verified(self, task: &str, agent: &str, attempt: u32, verdict: Verdict) -> Self {
        let gave = (Some(Output::text("2")), Some(verdict.clone()), Cost::FREE);
        let outcome = Outcome::NotVerified { verdict };
        self.ended((task, agent, attempt), outcome, gave, Some(Timestamp::from_millis(1)))
    }

    pub(crate) fn failed(self, task: &str, agent: &str, attempt: u32, cause: Failure) -> Self {
        let outcome = Outcome::Failed { cause };
        self.ended((task, agent, attempt), outcome.clone(), (None, None, Cost::FREE), Some(Timestamp::from_millis(1)))
            .failed_task(task, outcome, &[])
    }

    pub(crate) fn spent(self, task: &str, agent: &str, attempt: u32, cost: Cost) -> Self {
        let started = Some(Timestamp::from_millis(1));
        self.ended((task, agent, attempt), Outcome::Unverified, (None, None, cost), started)
    }

    pub(crate) fn refused(self, task: &str, agent: &str, refusal: Refusal) -> Self {
        let delegation = self.delegation(1);
        self.then(GoalEvent::DelegationRefused { task: task.into(), delegation, agent: agent.into(), refusal })
    }

    pub(crate) fn trust(self, task: &str, agent: &str, before: f64, after: f64) -> Self {
        self.then(GoalEvent::TrustUpdated {
            task: task.into(),
            agent: agent.into(),
            capability: task.into(),
            before: TrustScore::new(before),
            after: TrustScore::new(after),
        })
    }

    pub(crate) fn failed_task(self, task: &str, outcome: Outcome, refusals: &[(&str, Refusal)]) -> Self {
        let refused =
            |(agent, refusal): &(&str, Refusal)| RefusedBy { agent: (*agent).into(), refusal: refusal.clone() };
        let refusals = refusals.iter().map(refused).collect();
        self.then(GoalEvent::TaskFailed { task: task.into(), outcome, refusals })
    }

    pub(crate) fn skipped(self, task: &str, needed: &str) -> Self {
        self.then(GoalEvent::TaskSkipped { task: task.into(), because: SkippedBecause::Needed(needed.into()) })
    }

    pub(crate) fn settled(self, outcome: Outcome, output: Option<Output>) -> Self {
        let (usage, cost) = (Usage::default(), Cost::FREE);
        self.then(GoalEvent::GoalSettled { code: outcome.code(), outcome, output, usage, cost })
    }
}
