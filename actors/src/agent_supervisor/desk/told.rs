//! What a desk makes of each message: delegations, reports, findings, lessons, questions of agents.

use super::*;

impl Desk {
    pub(super) fn begin(&mut self) {
        let incarnation = self.books.lives;
        self.happen(AgentFact::Stack {
            policies: self.books.stack.names(),
            settings: self.books.stack.settings().into(),
            capabilities: self.entry.capabilities.clone(),
            seats: self.entry.seats,
            incarnation,
        });
        // A report without a verdict is verified again, a verdict without a settlement settled; the rest is lost.
        self.beginning = true;
        for id in self.books.flights.keys().copied().collect::<Vec<_>>() {
            self.resume(id);
        }
        self.beginning = false;
    }

    pub(super) fn delegate(
        &mut self,
        delegation: Arc<Delegation>,
        contract: Arc<CompiledContract>,
        permit: Option<Permit>,
        more: bool,
    ) {
        let (id, goal, weight) = (delegation.id, delegation.id.goal, delegation.priority);
        if let Some(settlement) = self.books.settled.get(&id).cloned() {
            return self.turn.tell(DeskEffect::Settled { settlement });
        }
        // In flight: the answer goes to the goal's address, whoever lives there by then. Its questions go there again.
        if self.books.flights.contains_key(&id) {
            return self.ask_again(id);
        }
        if self.entry.permits.is_closed() {
            // The next generation, or somebody else, will have it: the goal looks again.
            return self.turn.tell(DeskEffect::Refused { delegation: id, refusal: Refusal::CalledBack });
        }
        let Some(permit) = permit else {
            self.tickets.take(goal, weight);
            return self.turn.tell(DeskEffect::Refused { delegation: id, refusal: Refusal::Full });
        };
        match self.rule(&delegation) {
            StackRuling::Admit(mandate) => {
                if mandate != delegation.mandate {
                    let rulings = self.look(|books, scene| books.stack.narrowings(&delegation, scene));
                    self.happen(AgentFact::Narrowed { delegation: id, rulings });
                }
                let delegation = Arc::new(Delegation { mandate, ..Delegation::clone(&delegation) });
                self.permits.insert(id, permit);
                if self.own_check(&delegation).is_none() {
                    self.contracts.insert(id, contract);
                }
                self.happen(AgentFact::Admitted { delegation });
            }
            StackRuling::Refuse(refusal) => {
                let rulings = self.look(|books, scene| books.stack.rulings(&delegation, scene));
                let task = delegation.task.clone();
                self.happen(AgentFact::TurnedAway { delegation: id, task, refusal: refusal.clone(), rulings });
                self.turn.tell(DeskEffect::Refused { delegation: id, refusal });
            }
            StackRuling::Hold(request) => {
                let what = format!("approval asked by {}: {}", request.policy, request.question);
                self.turn.tell(DeskEffect::Refused { delegation: id, refusal: Refusal::NotInThisVersion { what } });
            }
        }
        if more {
            self.tickets.take(goal, weight);
        }
    }

    pub(super) fn report(&mut self, id: DelegationId, mut report: Report) {
        if self.has_left(id, &report) {
            return;
        }
        // Late reports are evidence and change nothing: what is settled stays settled.
        let Some(flight) = self.books.flights.get(&id).filter(|flight| flight.is_running()) else { return };
        let ceasing = flight.ceasing.is_some();
        self.free_seat(id);
        if !ceasing && let Ok(output) = &report.result {
            report.result = self.contract(id).and_then(|contract| contract.shape(output));
        }
        self.happen(AgentFact::Reported { delegation: id, report: Arc::new(report) });
        self.resume(id);
    }

    /// Goes on with a flight from wherever its facts have brought it.
    pub(super) fn resume(&mut self, id: DelegationId) {
        let Some(flight) = self.books.flights.get(&id) else { return };
        let output = flight.report.as_ref().and_then(|(report, _)| report.result.as_ref().ok());
        match (output, &flight.examined, &flight.ceasing) {
            (Some(_), Some((Some(verdict), 1)), None) if verdict.abstained => self.examine(id, 2),
            (Some(_), None, None) => self.examine(id, 1),
            _ => self.conclude(id),
        }
    }

    pub(super) fn examine(&mut self, id: DelegationId, round: u32) {
        let contract = self.contract(id);
        let Some(flight) = self.books.flights.get(&id) else { return };
        let Some((Ok(output), _)) = flight.report.as_ref().map(|(report, at)| (&report.result, at)) else { return };
        match contract {
            // The contract was accepted once; a build that cannot compile it any more cannot say that it is met.
            Err(failure) => self.examined(id, Verdict::abstain("contract", failure.message), 2),
            Ok(contract) if !contract.asks_for_check() => {
                self.happen(AgentFact::Examined { delegation: id, verdict: None, round });
                self.conclude(id);
            }
            Ok(contract) if contract.is_pure() && contract.fits_inline(output) => {
                let verdict = contract.examine_pure(output);
                self.examined(
                    id,
                    verdict.unwrap_or_else(|| Verdict::abstain("contract", "nothing was checked")),
                    round,
                );
            }
            Ok(contract) => {
                let (delegation, output) = (flight.delegation.clone(), Arc::new(output.clone()));
                let token = Arc::new(());
                let wanted = Arc::downgrade(&token);
                self.examining.insert(id, (round, token));
                if self.beginning && contract.asks_agents() {
                    // Judges that are agents are asked through the goal: when it lives again it asks for this, and not
                    // before that do they have time to answer.
                    return;
                }
                self.turn.tell(DeskEffect::Examine { delegation, contract, output, round, wanted });
            }
        }
    }

    pub(super) fn examined(&mut self, id: DelegationId, verdict: Verdict, round: u32) {
        self.examining.remove(&id);
        if !self.books.flights.contains_key(&id) {
            return;
        }
        let again = verdict.abstained && round == 1;
        self.happen(AgentFact::Examined { delegation: id, verdict: Some(verdict), round });
        if again { self.examine(id, 2) } else { self.conclude(id) }
    }

    /// Nothing more comes from the seat and verification is done: learn first, then settle.
    pub(super) fn conclude(&mut self, id: DelegationId) {
        let Some(flight) = self.books.flights.get(&id) else { return };
        match flight.conclusion().evidence {
            Some(evidence) => {
                self.learning.insert(id, evidence);
                let delegation = flight.delegation.clone();
                self.turn.tell(DeskEffect::Learn { delegation, evidence });
            }
            None => self.settle(id, Vec::new()),
        }
    }

    pub(super) fn forget(&mut self, goal: GoalId) {
        self.tickets.forget(goal);
        if self.books.settled.range(bounds(goal)).next().is_some() {
            self.happen(AgentFact::Forgotten { goal });
        }
    }

    /// An agent wants a part done by somebody else: checked against what it holds, handed on narrower, and it waits.
    pub(super) fn ask(&mut self, from: DelegationId, name: TaskId, task: Box<Task>, reply: AskReply) {
        let mandate = match self.handed_on(from, &name, &task) {
            Ok(mandate) => mandate,
            Err(refusal) => {
                self.part_refused(from, &name, &refusal);
                return self.turn.tell(DeskEffect::Reply { reply, answer: Box::new(Err(refusal)) });
            }
        };
        let asks = self.asks.entry(from).or_default();
        if let Some(open) = asks.open.get_mut(&name) {
            if open.task == task {
                open.replies.push(reply);
            } else {
                let refusal = Refusal::NameTaken { name: name.to_string() };
                self.part_refused(from, &name, &refusal);
                self.turn.tell(DeskEffect::Reply { reply, answer: Box::new(Err(refusal)) });
            }
            return;
        }
        asks.open.insert(name.clone(), Ask { task: task.clone(), mandate: mandate.clone(), replies: vec![reply] });
        if self.books.flights.get(&from).is_some_and(|flight| flight.parked.is_none()) {
            // Nobody waits while holding what another waits for: the place and the permit go back.
            self.permits.remove(&from);
            self.happen(AgentFact::Parked { delegation: from });
        }
        self.ask_goal(from, name, task, mandate);
    }

    /// An agent at work wants something ruled or recorded.
    pub(super) fn uses(&mut self, from: DelegationId, request: Request) {
        let Some(flight) = self.books.flights.get(&from).filter(|f| f.is_running() && f.ceasing.is_none()) else {
            // What has ended or is to end uses nothing; the dropped reply says so.
            return;
        };
        match request {
            Request::Tool { tool, need, args, call, reply } => {
                let mandate = &flight.delegation.mandate;
                let needs = need.to_string();
                let outside = match mandate.is_live(self.now) {
                    true => tools::outside(mandate.exercise(), &need, &args, self.now),
                    false => Some(Outside::Expired),
                };
                match outside {
                    None => {
                        self.happen(AgentFact::ToolCalled { delegation: from, tool, needs, call });
                        self.turn.tell(DeskEffect::Allow { reply });
                    }
                    Some(outside) => {
                        let refusal = Refusal::OutsideMandate { needs: needs.clone(), outside: outside.clone() };
                        drop(reply.send(Err(refusal)));
                        let tried = Tried { tool, needs, outside };
                        self.happen(AgentFact::Violation { delegation: from, tried });
                    }
                }
            }
            Request::ToolReturned { call, failed } => {
                self.happen(AgentFact::ToolReturned { delegation: from, call, failed });
            }
            Request::Transfer { name, task, reply } => self.transfer(from, name, task, reply),
            Request::Charge { usage, cost } => self.happen(AgentFact::Charged { delegation: from, usage, cost }),
            Request::Process { pid, born } => self.happen(AgentFact::ProcessStarted { delegation: from, pid, born }),
            Request::Progress { note } => self.happen(AgentFact::Progressed { delegation: from, note }),
            Request::Checkpoint { state } => self.happen(AgentFact::Checkpointed { delegation: from, state }),
        }
    }

    /// What the agent may hand on, or why it may not.
    pub(super) fn handed_on(&self, from: DelegationId, name: &TaskId, task: &Task) -> Result<Mandate, Refusal> {
        let Some(flight) = self.books.flights.get(&from).filter(|f| f.is_running() && f.ceasing.is_none()) else {
            // What has ended asks for nothing.
            return Err(Refusal::Draining);
        };
        let holds = &flight.delegation.mandate;
        let parked = self.books.flights.values().filter(|flight| flight.parked.is_some()).count();
        if holds.depth() == 0 {
            return Err(Refusal::DepthExceeded);
        }
        if !holds.is_live(self.now) {
            return Err(Refusal::MandateExpired);
        }
        if flight.parked.is_none() && parked >= PARKED_MAX {
            return Err(Refusal::Overloaded);
        }
        if name.is_empty() || name.contains('/') {
            let problem = format!("`{name}` cannot be the name of a part: it is not blank and has no slash");
            return Err(Refusal::Invalid { problem });
        }
        let mut limits = Limits::default();
        if let Some(request) = task.settings.permissions.clone().filter(|request| !request.is_empty()) {
            let missing = holds.grant().missing(&request, self.now);
            if !missing.is_empty() {
                return Err(Refusal::Unauthorized { missing });
            }
            limits.exercise = Some(request.clone());
            limits.grant = Some(request);
        }
        Ok(holds.hand_on(Some(from), &limits))
    }

    pub(super) fn ask_goal(&mut self, from: DelegationId, name: TaskId, task: Box<Task>, mandate: Mandate) {
        let Some(flight) = self.books.flights.get(&from) else { return };
        let lineage = flight.delegation.lineage.iter().chain([&self.entry.name]).cloned().collect();
        self.turn.tell(DeskEffect::AskGoal { from, name, task, mandate, lineage });
    }

    /// The goal asks again for what is in flight: what it may have lost of it goes up again.
    pub(super) fn ask_again(&mut self, from: DelegationId) {
        if let Some((round, _)) = self.examining.get(&from) {
            return self.examine(from, *round);
        }
        let Some(asks) = self.asks.get(&from) else { return };
        if self.books.flights.get(&from).is_some_and(|flight| flight.ceasing.is_some()) {
            return self.turn.tell(DeskEffect::CallOff { from });
        }
        let open: Vec<_> =
            asks.open.iter().map(|(name, ask)| (name.clone(), ask.task.clone(), ask.mandate.clone())).collect();
        for (name, task, mandate) in open {
            self.ask_goal(from, name, task, mandate);
        }
    }

    pub(super) fn answer(&mut self, from: DelegationId, name: &TaskId, answer: Result<Delegated, Refusal>) {
        // An answer to what was never asked, or to an attempt that ended: nobody waits for it.
        let Some(asks) = self.asks.get_mut(&from) else { return };
        let Some(ask) = asks.open.remove(name) else { return };
        if let Err(refusal) = &answer {
            self.part_refused(from, name, refusal);
        }
        if self.books.flights.get(&from).is_some_and(|flight| flight.transferred.is_some()) {
            return self.take_over(from, name, answer);
        }
        let Some(asks) = self.asks.get_mut(&from) else { return };
        asks.answered.extend(ask.replies.into_iter().map(|reply| (reply, Box::new(answer.clone()))));
    }

    /// Lets parked attempts go on, deeper ones first, before anything new is admitted to a place.
    pub(super) fn resume_parked(&mut self) {
        while self.has_place() {
            let ready = self.asks.iter().filter(|(_, asks)| asks.open.is_empty() && !asks.answered.is_empty());
            let depth = |id: &DelegationId| self.books.flights.get(id).map_or(0, |f| f.delegation.lineage.len());
            let Some(id) = ready.map(|(id, _)| *id).max_by_key(|id| (depth(id), std::cmp::Reverse(*id))) else {
                return;
            };
            let answered = self.asks.remove(&id).map(|asks| asks.answered).unwrap_or_default();
            if let Some(permit) = self.entry.permits.take_for_ticket() {
                self.permits.insert(id, permit);
            }
            self.happen(AgentFact::Resumed { delegation: id });
            for (reply, answer) in answered {
                self.turn.tell(DeskEffect::Reply { reply, answer });
            }
        }
    }

    pub(super) fn sweep(&mut self) {
        let learning: Vec<_> = self.learning.iter().map(|(id, evidence)| (*id, *evidence)).collect();
        for (id, evidence) in learning {
            if let Some(flight) = self.books.flights.get(&id) {
                let delegation = flight.delegation.clone();
                self.turn.tell(DeskEffect::Learn { delegation, evidence });
            }
        }
        let examining: Vec<_> = self.examining.iter().map(|(id, (round, _))| (*id, *round)).collect();
        for (id, round) in examining {
            self.examine(id, round);
        }
    }

    pub(super) fn tick(&mut self) {
        let now = self.now;
        let wakes: Vec<_> = self.books.wakes.keys().take_while(|(at, ..)| *at <= now).cloned().collect();
        for (_, policy, token) in wakes {
            self.happen(AgentFact::Due { policy, token });
        }
        for id in self.books.flights.keys().copied().collect::<Vec<_>>() {
            let Some(flight) = self.books.flights.get(&id) else { continue };
            let deadline = flight.delegation.mandate.deadline().is_some_and(|deadline| deadline <= now);
            match &flight.ceasing {
                Some((_, since)) if *since + GRACE <= now => self.kill(self.seat_of(flight)),
                None if deadline => self.cease(id, RevokeReason::Deadline),
                None if flight.is_running() && flight.must_end().is_some_and(|end| end <= now) => {
                    self.stop_work(id, CeaseReason::Timeout);
                }
                _ => {}
            }
        }
        self.dismiss_who_lingers();
        let idle = |seat: &Seat| matches!(seat, Seat::Free { since } if *since + IDLE_MAX <= now);
        for seat in self.seats.iter().filter(|(_, s)| idle(s)).map(|(n, _)| *n).collect::<Vec<_>>() {
            self.seats.remove(&seat);
            self.happen(AgentFact::SeatDown { seat, delegation: None, why: SeatEnd::Idle });
            self.turn.tell(DeskEffect::StopSeat { seat });
        }
    }
}
