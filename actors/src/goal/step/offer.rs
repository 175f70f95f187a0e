//! What can be done now: a ready task is offered to the best agent that will have it.

use super::*;

impl GoalMachine {
    /// Does everything that can be done now: skips, asks, ends.
    pub(super) fn advance(&mut self, draw: Draw<'_>) {
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
    pub(super) fn pass_room_on(&mut self) {
        let Some((agent, _)) = &self.room else { return };
        if let Some(index) = self.queued.iter().find(|(_, agents)| agents.contains(agent)).map(|(index, _)| *index) {
            self.queued.remove(&index);
            self.fresh.insert(index);
        }
    }

    pub(super) fn open_task(&mut self, index: usize, draw: Draw<'_>) {
        let task = &self.state.tasks[index];
        let Phase::Open { at, .. } = task.phase else { return };
        if task.outcome().is_some() || self.queued.contains_key(&index) {
            return;
        }
        if let Some(needed) = task.doomed_by.clone() {
            return self.skip(index, needed);
        }
        let may_start = match &self.state.stopping {
            None => !self.parking || task.child_of.is_some() || task.judges.is_some(),
            Some(stop) => task.judges.is_some() && stop.lets_end(),
        };
        if task.waits_for == 0 && at <= self.now && may_start {
            self.offer(index, draw);
        }
    }

    pub(super) fn skip(&mut self, index: usize, needed: TaskId) {
        let task = self.state.tasks[index].spec.id.clone();
        self.happen(GoalEvent::TaskSkipped { task, because: SkippedBecause::Needed(needed) });
        self.freshen_dependants(index);
    }

    pub(super) fn freshen_dependants(&mut self, index: usize) {
        let id = self.state.tasks[index].spec.id.clone();
        for (other, task) in self.state.tasks.iter().enumerate() {
            if task.spec.after.contains(&id) || task.spec.optional_after.contains(&id) {
                self.fresh.insert(other);
            }
        }
    }

    /// Offers a ready task to the best agent that will have it.
    pub(super) fn offer(&mut self, index: usize, draw: Draw<'_>) {
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
            let named = spec.agent.as_ref();
            let wanted = Wanted { task: &spec, only, named, spent: &task.spent, refused: &task.refused, trust_min };
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
                let judges = spec.id.is_judgement();
                if parent.is_some_and(|parent| !self.state.ledger.fits_in(parent.number, slice))
                    || (judges && !self.state.ledger.fits(slice))
                {
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
    pub(super) fn is_anybody_else(&self, index: usize, agent: &AgentName) -> bool {
        let task = &self.state.tasks[index];
        let out = |name| name == agent || task.spent.contains(name) || task.refused.iter().any(|by| by.agent == *name);
        let able = self.team.directory.capable(&task.spec.needs, self.team.choice.partial_capability);
        able.iter().any(|entry| !out(&entry.name))
    }

    /// One ticket for each agent that some task waits for: what it was used for may have gone to somebody else.
    pub(super) fn keep_tickets(&mut self) {
        let wanted: BTreeSet<AgentName> =
            self.queued.values().flatten().filter(|agent| !self.tickets.contains(*agent)).cloned().collect();
        for agent in wanted {
            self.tickets.insert(agent.clone());
            self.ticketed.insert(agent.clone());
            self.turn.tell(GoalEffect::Ticket { agent });
        }
    }

    /// Nobody is left to ask: the task ends as its last attempt did, or refused if it never had one.
    pub(super) fn give_up(&mut self, index: usize, said: Vec<RefusedBy>) {
        let task = &self.state.tasks[index];
        let (id, needs, named) = (task.spec.id.clone(), task.spec.needs.clone(), task.spec.agent.clone());
        if let Some(last) = task.last.clone().filter(|_| task.judges.is_none()) {
            let reason = format!("nobody is left to ask: {last}");
            self.happen(GoalEvent::Escalated { task: Some(id), reason });
            return self.end_listing(index, last, said);
        }
        let gravest = task.refusals.iter().chain(&said).max_by_key(|refused| refused.refusal.gravity()).cloned();
        let outcome = match gravest {
            Some(refused) => Outcome::Refused { refusal: refused.refusal },
            None => {
                let refusal = Refusal::NobodyCapable { missing: self.team.directory.held_by_nobody(&needs) };
                let message = if let Some(absent) = self.absent(named.as_ref(), &needs) {
                    absent.to_string()
                } else if self.team.directory.held_by_nobody(&needs).is_empty() {
                    "no agent has all the capabilities it needs".to_owned()
                } else {
                    refusal.to_string()
                };
                Outcome::Failed { cause: Failure::new(Code::AgentNotFound, Fault::Delegator, message) }
            }
        };
        self.end_listing(index, outcome, said);
    }

    pub(super) fn end_listing(&mut self, index: usize, outcome: Outcome, said: Vec<RefusedBy>) {
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

    pub(super) fn end_what_waits(&mut self, stop: &Stop) {
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

    pub(super) fn slice(&self, task: &TaskSpec, declared: Cost) -> Slice {
        let own = task.budget.unwrap_or_default();
        let limited = self.state.ledger.budget().micro_usd.is_some();
        let micro_usd = own.micro_usd.or_else(|| declared.micro_usd().filter(|micro| limited || *micro > 0));
        Slice { micro_usd, tokens: own.tokens }
    }

    pub(super) fn warn_of_budget(&mut self) {
        if !self.state.warned && self.state.ledger.is_nearly_spent() {
            let (committed, budget) = (self.state.ledger.committed(), self.state.ledger.budget());
            self.happen(GoalEvent::BudgetWarned { committed, budget });
        }
    }

    /// Sends the delegation, for the first time or again: the same event gives the same delegation.
    pub(super) fn ask(&mut self, index: usize, asking: &Asking, permit: Option<Permit>, more: bool) {
        let contract = match self.contract(index) {
            Ok(contract) => contract,
            Err(message) => {
                // It compiled when the goal was accepted; a verifier must have gone since.
                let refusal = Refusal::Policy { policy: "contract".to_owned(), reason: message };
                return self.refused(asking.delegation, refusal);
            }
        };
        let Some(delegation) = self.state.delegation(asking.delegation).map(Arc::new) else { return };
        self.turn.tell(GoalEffect::Delegate { delegation, contract, permit, more });
    }

    pub(super) fn contract(&mut self, index: usize) -> Result<Arc<CompiledContract>, String> {
        let spec = &self.state.tasks[index].spec;
        if let Some(contract) = self.contracts.get(&spec.id) {
            return Ok(contract.clone());
        }
        let contract = self.compile(&spec.contract, spec)?;
        self.contracts.insert(self.state.tasks[index].spec.id.clone(), contract.clone());
        Ok(contract)
    }

    pub(super) fn compile(&self, contract: &Contract, spec: &TaskSpec) -> Result<Arc<CompiledContract>, String> {
        self.team
            .verifiers
            .compile(contract, spec.reversibility)
            .map_err(|problems| problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
    }
}
