//! One event after the other becomes the report. Pure and total: an event out of place changes little, and never panics.

use bailiwick_protocols::{
    AgentName, Code, Cost, Event, GoalEvent, Outcome, Recorded, Stream, TaskId, Traceparent, Usage,
    outcome::{CanceledBy, RefusedBy, SkippedBecause},
};

use super::{AttemptReport, GoalReport, TaskReport, TrustChange};

impl GoalReport {
    /// Takes one more event of the goal's stream into account; those of other streams are passed over.
    pub fn apply(&mut self, recorded: &Recorded) {
        let (Stream::Goal(id), Event::Goal(event)) = (&recorded.stream, &recorded.event) else { return };
        self.goal_id = *id;
        self.started.get_or_insert(recorded.at);
        self.until = Some(recorded.at);
        self.trace_id = self.trace_id.or(recorded.trace.map(|trace| trace.trace));
        match event.task().cloned() {
            // What judges consume is in the goal's sum; they are asked no task, and what they do is no attempt.
            Some(task) if task.is_judgement() => {
                if let GoalEvent::AttemptEnded { usage, cost, .. } = event {
                    self.spend(*usage, *cost);
                }
            }
            Some(task) => self.of_task(&task, event),
            None => self.of_goal(event),
        }
    }

    fn of_goal(&mut self, event: &GoalEvent) {
        match event {
            GoalEvent::GoalSubmitted { goal, .. } => {
                self.goal.clone_from(&goal.text);
                let caller = goal.traceparent.as_deref().and_then(Traceparent::parse);
                self.trace_id = self.trace_id.or(caller.map(|trace| trace.trace));
            }
            // A plan that could not be had ends in a second choice: the last one is the road taken.
            GoalEvent::RouteChosen { route, .. } => self.route = Some(*route),
            GoalEvent::GoalParked => self.parked = true,
            GoalEvent::GoalResumed => self.parked = false,
            GoalEvent::TaskDecomposed { tasks, usage, cost } => {
                self.tasks = tasks.iter().map(TaskReport::new).collect();
                self.spend(*usage, *cost);
            }
            GoalEvent::PlanRejected { usage, cost, .. } | GoalEvent::Synthesised { usage, cost, .. } => {
                self.spend(*usage, *cost);
            }
            GoalEvent::VerificationPassed { verdict, .. } | GoalEvent::VerificationFailed { verdict, .. } => {
                self.verdict = Some(verdict.clone());
            }
            GoalEvent::GoalSettled { outcome, code, output, usage, cost } => {
                self.output.clone_from(output);
                // The goal's own sum counts judges too, which no attempt does.
                (self.usage, self.cost) = (*usage, *cost);
                self.end(outcome.clone(), *code, &CanceledBy::Parent);
            }
            _ => {}
        }
    }

    fn of_task(&mut self, id: &TaskId, event: &GoalEvent) {
        match event {
            GoalEvent::TrustUpdated { agent, capability, before, after, .. } => {
                let known = |change: &&mut TrustChange| change.agent == *agent && change.capability == *capability;
                match self.trust.iter_mut().find(known) {
                    Some(change) => change.after = *after,
                    None => self.trust.push(TrustChange {
                        agent: agent.clone(),
                        capability: capability.clone(),
                        before: *before,
                        after: *after,
                    }),
                }
            }
            GoalEvent::ChildAdded { task, parent, .. } => {
                let mut part = TaskReport::new(task);
                part.part_of = Some(parent.clone());
                self.tasks.push(part);
            }
            GoalEvent::ChildReopened { .. } => self.task_mut(id).outcome = None,
            GoalEvent::TaskReassigned { .. } => self.reassignments += 1,
            GoalEvent::AttemptEnded { usage, cost, .. } => {
                self.spend(*usage, *cost);
                self.task_mut(id).apply(event);
            }
            _ => self.task_mut(id).apply(event),
        }
    }

    fn task_mut(&mut self, id: &TaskId) -> &mut TaskReport {
        let index = self.tasks.iter().position(|task| task.id == *id).unwrap_or_else(|| {
            self.tasks.push(TaskReport::unknown(id));
            self.tasks.len() - 1
        });
        &mut self.tasks[index]
    }

    fn spend(&mut self, usage: Usage, cost: Cost) {
        self.usage += usage;
        self.cost += cost;
    }

    pub(super) fn cancel(&mut self, why: &str) {
        let by = CanceledBy::Caller(why.to_owned());
        self.end(Outcome::Canceled { by: by.clone() }, Some(Code::Canceled), &by);
    }

    /// Ends the goal and with it whatever of it has no end yet.
    fn end(&mut self, outcome: Outcome, code: Option<Code>, by: &CanceledBy) {
        self.code = code.or_else(|| outcome.code());
        self.outcome = Some(outcome);
        for task in &mut self.tasks {
            task.end_with_goal(by);
        }
    }
}

impl TaskReport {
    fn apply(&mut self, event: &GoalEvent) {
        match event {
            GoalEvent::DelegationRefused { agent, refusal, .. } => {
                self.refuse(RefusedBy { agent: agent.clone(), refusal: refusal.clone() });
            }
            GoalEvent::TaskAssigned { agent, attempt, .. } => {
                self.attempt_mut(*attempt, agent);
            }
            GoalEvent::TaskStarted { agent, attempt, started, .. } => {
                self.attempt_mut(*attempt, agent).started = Some(*started);
            }
            GoalEvent::VerificationPassed { agent: Some(agent), attempt: Some(attempt), verdict, .. }
            | GoalEvent::VerificationFailed { agent: Some(agent), attempt: Some(attempt), verdict, .. } => {
                self.attempt_mut(*attempt, agent).verdict = Some(verdict.clone());
            }
            GoalEvent::AttemptEnded { agent, attempt, ended, started, .. } => {
                let known = self.attempts.iter().any(|known| known.attempt == *attempt);
                if known || started.is_some() || is_an_attempt(&ended.outcome) {
                    self.attempt_ended(*attempt, agent, event);
                }
            }
            GoalEvent::Escalated { reason, .. } => self.escalated = Some(reason.clone()),
            GoalEvent::TaskCompleted { outcome, output, .. } => {
                self.outcome = Some(outcome.clone());
                self.output = Some(output.clone());
            }
            GoalEvent::TaskFailed { outcome, refusals, .. } => {
                self.outcome = Some(outcome.clone());
                refusals.iter().cloned().for_each(|refusal| self.refuse(refusal));
            }
            GoalEvent::TaskSkipped { because, .. } => {
                self.outcome = Some(Outcome::Skipped { because: because.clone() });
            }
            _ => {}
        }
    }

    fn attempt_ended(&mut self, attempt: u32, agent: &AgentName, event: &GoalEvent) {
        let GoalEvent::AttemptEnded { ended, output, verdict, usage, cost, started, duration, .. } = event else {
            return;
        };
        let report = self.attempt_mut(attempt, agent);
        report.outcome = Some(ended.outcome.clone());
        report.started = started.or(report.started);
        report.duration = *duration;
        report.usage = *usage;
        report.cost = *cost;
        report.verdict = verdict.clone().or(report.verdict.take());
        // A task that fails still shows what its last attempt gave.
        self.output.clone_from(output);
    }

    fn attempt_mut(&mut self, attempt: u32, agent: &AgentName) -> &mut AttemptReport {
        let index = self.attempts.iter().position(|known| known.attempt == attempt).unwrap_or_else(|| {
            self.attempts.push(AttemptReport::new(attempt, agent));
            self.attempts.len() - 1
        });
        &mut self.attempts[index]
    }

    /// Lists a refusal, once however often it was given in the same words.
    fn refuse(&mut self, refusal: RefusedBy) {
        if !self.refusals.contains(&refusal) {
            self.refusals.push(refusal);
        }
    }

    fn end_with_goal(&mut self, by: &CanceledBy) {
        let canceled = || Outcome::Canceled { by: by.clone() };
        for attempt in self.attempts.iter_mut().filter(|attempt| attempt.outcome.is_none()) {
            attempt.outcome = Some(canceled());
        }
        if self.outcome.is_none() {
            let skipped = Outcome::Skipped { because: SkippedBecause::GoalEnded };
            self.outcome = Some(if self.attempts.is_empty() { skipped } else { canceled() });
        }
    }
}

/// Whether this is the end of an attempt even if nobody said when its seat began.
///
/// What was called back or turned away in the queue never was one.
fn is_an_attempt(outcome: &Outcome) -> bool {
    !matches!(
        outcome,
        Outcome::Refused { .. }
            | Outcome::Canceled { .. }
            | Outcome::Expired
            | Outcome::BudgetExhausted
            | Outcome::Skipped { .. }
    )
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bailiwick_protocols::{Code, Failure, Fault, Output, Permissions, Refusal, Verdict};

    use super::super::{TaskStanding, testing::Story};
    use super::*;

    #[test]
    fn a_failed_verdict_and_a_second_attempt_are_told_as_they_happened() {
        let story = Story::new().plan(&[("sizes", &[])]);

        let report = story
            .assigned("sizes", "ada", 1)
            .not_verified("sizes", "ada", 1, Verdict::fail("schema", 0.0, "/total is missing"))
            .trust("sizes", "ada", 0.5, 0.4)
            .assigned("sizes", "ada", 2)
            .verified("sizes", "ada", 2, Output::text("3"))
            .trust("sizes", "ada", 0.4, 0.46)
            .settled(Outcome::Verified, Some(Output::text("3")))
            .report();

        let task = report.task("sizes").unwrap();
        let words: Vec<_> = task.attempts.iter().map(|attempt| attempt.outcome_word()).collect();
        assert_eq!(words, ["not_verified", "verified"]);
        assert_eq!(task.attempts[0].verdict.as_ref().unwrap().details, "/total is missing");
        assert_eq!(report.attempts(), 2);
        assert_eq!((report.trust[0].before.get(), report.trust[0].after.get()), (0.5, 0.46));
        assert_eq!(report.verified().unwrap(), &Output::text("3"));
        assert!(report.duration() > Duration::ZERO);
    }

    #[test]
    fn a_report_is_had_before_the_goal_has_ended() {
        let story = Story::new().plan(&[("a", &[]), ("b", &["a"])]).assigned("a", "ada", 1);

        let report = story.report();

        assert_eq!(report.outcome_word(), "running");
        assert_eq!(report.task("a").unwrap().standing(), TaskStanding::Running);
        assert_eq!(report.task("b").unwrap().standing(), TaskStanding::Waiting);
        assert!(report.verified().unwrap_err().to_string().contains("still runs"));
    }

    #[test]
    fn the_end_of_a_goal_ends_whatever_of_it_is_open() {
        let story = Story::new().plan(&[("a", &[]), ("b", &["a"])]).assigned("a", "ada", 1);

        let report = story.settled(Outcome::Expired, None).report();

        assert_eq!(report.code, Some(Code::Expired));
        assert_eq!(report.task("a").unwrap().outcome_word(), "canceled");
        assert_eq!(report.task("a").unwrap().attempts[0].outcome_word(), "canceled");
        assert_eq!(report.task("b").unwrap().outcome_word(), "skipped");
    }

    #[test]
    fn who_cannot_wait_for_the_end_reports_it_as_canceled() {
        let story = Story::new().plan(&[("a", &[])]).assigned("a", "ada", 1);

        let report = story.report().into_canceled("interrupted");

        assert_eq!((report.outcome_word(), report.code), ("canceled", Some(Code::Canceled)));
        assert_eq!(report.task("a").unwrap().outcome_word(), "canceled");
    }

    #[test]
    fn a_refusal_is_no_attempt_and_is_listed_once() {
        let missing: Permissions = ["fs.write:out/*".parse().unwrap()].into_iter().collect();
        let refusal = Refusal::Unauthorized { missing };
        let story = Story::new().plan(&[("a", &[])]);

        let report = story
            .refused("a", "ada", refusal.clone())
            .failed_task("a", Outcome::Refused { refusal: refusal.clone() }, &[("ada", refusal.clone())])
            .settled(Outcome::Refused { refusal }, None)
            .report();

        let task = report.task("a").unwrap();
        assert_eq!((task.attempts.len(), task.refusals.len()), (0, 1));
        assert_eq!((task.outcome_word(), report.code), ("refused", Some(Code::Unauthorized)));
        assert_eq!(task.agent(), None);
    }

    #[test]
    fn what_was_given_back_from_the_queue_is_no_attempt() {
        let ended = |outcome| {
            let story = Story::new().plan(&[("a", &[])]).ended_unseated("a", "ada", 1, outcome);
            story.report().attempts()
        };

        assert_eq!(ended(Outcome::Refused { refusal: Refusal::Draining }), 0);
        assert_eq!(ended(Outcome::Canceled { by: CanceledBy::Parent }), 0);
        let lost = Failure::new(Code::Lost, Fault::Runtime, "its supervisor died: it may have run");
        assert_eq!(ended(Outcome::Failed { cause: lost }), 1);
    }

    #[test]
    fn an_unknown_cost_stays_unknown() {
        let story = Story::new().plan(&[("a", &[])]).assigned("a", "ada", 1).spent("a", "ada", 1, Cost::Unknown);

        let report = story.report();

        assert_eq!((report.cost, report.task("a").unwrap().cost()), (Cost::Unknown, Cost::Unknown));
    }
}
