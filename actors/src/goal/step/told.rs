//! What a goal makes of each message: plans, starts, refusals, settlements, room, stops.

use super::*;

impl GoalMachine {
    pub(super) fn begin(&mut self) {
        if !self.state.planned && self.state.planning.is_none() {
            let (team, goal) = (self.team.clone(), self.state.goal.clone());
            let road = self.state.route.unwrap_or_else(|| {
                let scene = RouteScene::of(&goal, &team.directory, team.planner.is_some(), self.now);
                let Routed { route, rules } = route(&goal, &scene, team.router.as_ref());
                self.happen(GoalEvent::RouteChosen { route, rules });
                route
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
    pub(super) fn resume(&mut self, cancel: Option<CanceledBy>) {
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
    pub(super) fn park(&mut self) {
        self.parking = true;
        for task in &self.state.tasks {
            if let Phase::Asked(Asking { agent, delegation, .. }) = &task.phase {
                let (agent, delegation) = (agent.clone(), *delegation);
                let reason = RevokeReason::Canceled(CanceledBy::Shutdown);
                self.turn.tell(GoalEffect::Revoke { agent, delegation, reason, only_waiting: true });
            }
        }
    }

    pub(super) fn is_at_rest(&self) -> bool {
        let helped = self.state.planning.is_some() || self.examining.is_some() || self.synthesising.is_some();
        !helped && self.state.tasks.iter().all(|task| task.asking().is_none())
    }

    /// Sends again whatever is open elsewhere: after a rebuild of this goal or of somebody it talks to.
    pub(super) fn sweep(&mut self) {
        self.queued.clear();
        self.tickets.clear();
        self.fresh = (0..self.state.tasks.len()).collect();
        for index in 0..self.state.tasks.len() {
            if let Some(asking) = self.state.tasks[index].asking().cloned() {
                self.ask(index, &asking, None, false);
            }
        }
        // What was called back is called back again: a report survives its supervisor, the call does not.
        if let Some(stop) = self.state.stopping.clone() {
            self.call_back(&stop);
        }
        // A planner or synthesiser runs as this actor's own task: it is asked again only if it died with it.
        if let Some((round, problem)) = self.state.planning.clone().filter(|(round, _)| self.planning != Some(*round)) {
            self.ask_planner(round, problem);
        }
        if let Some((round, _)) = self.examining.take() {
            self.examine(round);
        }
    }

    pub(super) fn planned(&mut self, round: u32, answer: PlanAnswer) {
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

    pub(super) fn problem_of(&self, plan: &Plan) -> Option<String> {
        let mut said: Vec<String> =
            plan::problems(&plan.tasks, &self.state.goal.bounds).iter().map(ToString::to_string).collect();
        for task in &plan.tasks {
            let spec = task.resolve(&self.state.goal.settings);
            if let Err(problems) = self.team.verifiers.compile(&spec.contract, spec.reversibility) {
                said.extend(problems.iter().map(|problem| format!("task `{}`: {problem}", task.id)));
            }
            said.extend(self.absent(task.agent.as_ref(), &task.needs).map(|r| format!("task `{}`: {r}", task.id)));
            let nobody = self.team.directory.held_by_nobody(&task.needs);
            said.extend(nobody.iter().map(|need| format!("task `{}` needs `{need}`, which nobody has", task.id)));
        }
        (!said.is_empty()).then(|| said.join("; "))
    }

    /// Why the one agent that a task names cannot do it, whoever asks.
    pub(super) fn absent(&self, named: Option<&AgentName>, needs: &[Capability]) -> Option<Refusal> {
        let agent = named?;
        let Some(entry) = self.team.directory.get(agent) else {
            return Some(Refusal::UnknownAgent { agent: agent.clone() });
        };
        let missing: Vec<_> = needs.iter().filter(|need| !entry.capabilities.contains(need)).cloned().collect();
        (!missing.is_empty()).then(|| Refusal::Incapable { agent: agent.clone(), missing })
    }

    pub(super) fn ask_planner(&mut self, round: u32, problem: Option<String>) {
        self.planning = Some(round);
        let goal = self.state.goal.clone();
        let team = self.team.directory.all().iter().map(|e| (e.name.clone(), e.capabilities.clone())).collect();
        self.turn.tell(GoalEffect::Plan { request: Box::new(PlanRequest { goal, team, round, problem }) });
    }

    pub(super) fn decompose(&mut self, tasks: &[Task], usage: Usage, cost: Cost) {
        let inherited = &self.state.goal.settings;
        let tasks = tasks.iter().map(|task| Arc::new(task.resolve(inherited))).collect();
        self.happen(GoalEvent::TaskDecomposed { tasks, usage, cost });
    }

    pub(super) fn decompose_into_one(&mut self, usage: Usage, cost: Cost) {
        let goal = &self.state.goal;
        // The goal's own settings are this task's; it has no parent that would make it simpler.
        let task = Arc::new(goal.as_task().resolve(&Default::default()));
        self.happen(GoalEvent::TaskDecomposed { tasks: vec![task], usage, cost });
    }

    pub(super) fn started(&mut self, delegation: DelegationId, at: Timestamp) {
        let Some((index, asking)) = self.state.asked(delegation) else { return };
        if matches!(self.state.tasks[index].phase, Phase::Running(_)) {
            return;
        }
        let asking = asking.clone();
        self.note_started(index, &asking, at);
    }

    pub(super) fn note_started(&mut self, index: usize, asking: &Asking, started: Timestamp) {
        let task = self.state.tasks[index].spec.id.clone();
        let Asking { delegation, agent, attempt, .. } = asking.clone();
        self.happen(GoalEvent::TaskAssigned { task: task.clone(), delegation, agent: agent.clone(), attempt });
        self.happen(GoalEvent::TaskStarted { task, delegation, agent, attempt, started });
    }

    pub(super) fn refused(&mut self, delegation: DelegationId, refusal: Refusal) {
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

    pub(super) fn settled(&mut self, settlement: &Settlement, draw: Draw<'_>) {
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

    pub(super) fn note_findings(&mut self, index: usize, asking: &Asking, settlement: &Settlement) {
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
    pub(super) fn climb(&mut self, index: usize, draw: Draw<'_>) {
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
        // A judge that does not answer abstains: nobody else is asked in its place, and nobody is told of it.
        if spec.id.is_judgement() && !matches!(next, Next::Complete | Next::Same { counted: false, .. }) {
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

    pub(super) fn end(&mut self, index: usize, outcome: Outcome) {
        let task = &self.state.tasks[index];
        let (task, refusals) = (task.spec.id.clone(), task.refusals.clone());
        self.queued.remove(&index);
        self.happen(GoalEvent::TaskFailed { task, outcome, refusals });
    }

    pub(super) fn room(&mut self, agent: AgentName, permit: Permit) {
        self.tickets.remove(&agent);
        let waiting = self.queued.iter().find(|(_, agents)| agents.contains(&agent)).map(|(index, _)| *index);
        if let Some(index) = waiting {
            self.queued.remove(&index);
            self.fresh.insert(index);
            self.room = Some((agent, permit));
        }
    }

    pub(super) fn stop(&mut self, stop: Stop) {
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

    pub(super) fn call_back(&mut self, stop: &Stop) {
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
}
