//! A supervisor's desk, driven by what the first one recorded: it rules, learns and trips by other rules.

use std::{
    collections::{BTreeMap, BTreeSet},
    mem::discriminant,
    sync::Arc,
};

use bailiwick_actors::{
    agent_supervisor::books::{Books, Flight},
    agents::{AgentError, AgentSpec, agent_fn},
    policies::{
        self, InFlight, Scene, SupervisorPolicy, TrustView,
        stack::{BreakerState, Decided, Stack, StackRuling},
        threads::ThreadsLeft,
    },
    trust_tracker::{ledger::TrustLedger, models::TrustModel},
};
use bailiwick_protocols::{
    AgentFact, AgentName, Capability, Cost, Delegation, DelegationId, Json, Lesson, Output, PolicyFact, PolicyRuling,
    Refusal, Ruling, Settlement, SettlementKind, TaskId, Timestamp,
    event::CeaseReason,
    outcome::{RevokeReason, Trip},
    trust::Evidence,
};

use super::{Anew, Asked, Change, Changed, Costs, Then};
use crate::team_file::{TeamAgent, TeamRules};

/// The desk of one generation of an agent.
pub(super) struct SecondDesk<'a> {
    rules: &'a TeamRules,
    model: Arc<dyn TrustModel>,
    agent: &'a AgentName,
    generation: u32,
    spec: AgentSpec,
    books: Books,
    ledger: TrustLedger,
    /// Everything that happened here, for the next life of the supervisor.
    past: Vec<(AgentFact, Timestamp)>,
    /// Whether the team had policies of its own here, which are not asked again.
    has_own: bool,
    /// What was let in then and is turned away here: what came of it then never happens.
    never: BTreeSet<DelegationId>,
    /// What a trip gave back here, while it waited.
    given_back: BTreeMap<DelegationId, Refusal>,
    /// What was called back here.
    called_back: BTreeMap<DelegationId, RevokeReason>,
    /// For which task each delegation is.
    tasks: BTreeMap<DelegationId, TaskId>,
}

impl<'a> SecondDesk<'a> {
    pub(super) fn new(agent: &'a AgentName, generation: u32, rules: &'a TeamRules) -> Self {
        let model = rules.policy.model();
        let spec = nobody(agent, Vec::new());
        let books = books(Vec::new(), &model);
        let ledger = TrustLedger::new(model.clone());
        let (never, given_back, called_back, tasks) = Default::default();
        let past = Vec::new();
        Self {
            rules,
            model,
            agent,
            generation,
            spec,
            books,
            ledger,
            past,
            has_own: false,
            never,
            given_back,
            called_back,
            tasks,
        }
    }

    /// Takes one recorded fact: what an agent or the world did is as it was, what policies made of it is decided here.
    pub(super) fn hear(&mut self, then: &Then<'_>, asked: &Asked<'_>, found: &mut Anew) {
        self.wake(then.at, false, found);
        let trips = match then.fact {
            // Decided here, at its own time.
            AgentFact::Policy(fact) if self.rules_by(&fact.policy) => return,
            AgentFact::WakeSet { policy, .. } | AgentFact::PolicyOut { policy, .. } if self.rules_by(policy) => return,
            AgentFact::Due { policy, .. } if self.rules_by(policy) => {
                self.wake(then.at, true, found);
                Vec::new()
            }
            AgentFact::Stack { .. } => self.begin(then, found),
            AgentFact::Admitted { delegation } => {
                // As it was asked; a team's own policies have narrowed it as recorded.
                let asked = asked(delegation.id).filter(|_| !self.has_own);
                self.admit(asked.unwrap_or_else(|| Delegation::clone(delegation)), then, found)
            }
            AgentFact::TurnedAway { delegation, refusal, rulings, .. } => {
                match asked(*delegation) {
                    Some(asked) => self.turn_away(self.narrowed(asked, rulings), refusal, then, found),
                    // It was asked by a goal of which this journal holds nothing.
                    None => found.delegations += 1,
                }
                Vec::new()
            }
            AgentFact::Started { delegation, .. } => self.start(*delegation, then, found),
            AgentFact::Ceasing { delegation, why } => self.cease(*delegation, why, then, found),
            AgentFact::Settled { settlement } => self.settle(settlement, then, found),
            fact if fact.delegation().is_some_and(|id| self.never.contains(&id)) => Vec::new(),
            fact => self.happen(fact.clone(), then.at, Some(then), found),
        };
        let about = match then.fact {
            AgentFact::Settled { settlement } => Some(settlement.delegation),
            _ => None,
        };
        self.compare(&trips, &read(then.trips), then.at, about, found);
    }

    /// Whether this policy is one of those that decide here.
    fn rules_by(&self, policy: &str) -> bool {
        self.books.stack.names().iter().any(|name| name == policy)
    }

    /// A life of the supervisor begins: the past is folded by the policies as they bind from here on.
    fn begin(&mut self, then: &Then<'_>, found: &mut Anew) -> Vec<Trip> {
        let AgentFact::Stack { policies, settings, capabilities, seats, incarnation } = then.fact else {
            return Vec::new();
        };
        self.spec = self.spec_of(settings, capabilities.clone(), *seats);
        let mut bound = self.rules.policy.settings();
        // A file says nothing of retries: what was recorded binds.
        let admission = settings.0.get("admission").cloned().unwrap_or_default();
        bound.admission = serde_json::from_value(admission).unwrap_or(bound.admission);
        let mut stack = policies::default_stack(&self.spec, &bound);
        if policies.iter().any(|name| name == ThreadsLeft::default().name()) {
            stack.push(Box::new(ThreadsLeft::default()));
        }
        self.books = books(stack, &self.model);
        for (fact, at) in &self.past {
            self.books.apply(fact, *at);
        }
        let own: Vec<String> = policies.iter().filter(|name| !self.rules_by(name)).cloned().collect();
        self.has_own = !own.is_empty();
        found.kept.extend(own);
        let begun = AgentFact::Stack {
            policies: self.books.stack.names(),
            settings: self.books.stack.settings().into(),
            capabilities: self.spec.capabilities.clone(),
            seats: self.spec.max_concurrent,
            incarnation: *incarnation,
        };
        self.happen(begun, then.at, Some(then), found)
    }

    /// What the new rules state of the agent.
    fn stated(&self) -> Option<&'a TeamAgent> {
        self.rules.agents.iter().find(|stated| stated.name == *self.agent)
    }

    /// The agent as it was recorded, and as the new rules state it where they do.
    fn spec_of(&self, settings: &Json, capabilities: Vec<Capability>, seats: u32) -> AgentSpec {
        let of = |policy: &str, key: &str| settings.0.get(policy).and_then(|policy| policy.get(key)).cloned();
        let read = |found: Option<serde_json::Value>| found.unwrap_or_default();
        let mut spec = nobody(self.agent, capabilities).max_concurrent(seats);
        spec.permissions = serde_json::from_value(read(of("attenuation", "permissions"))).unwrap_or_default();
        spec.exclusive = serde_json::from_value(read(of("lineage", "exclusive"))).unwrap_or_default();
        spec.restart = serde_json::from_value(read(of("circuit_breaker", "restart"))).unwrap_or_default();
        if let Some(stated) = self.stated() {
            spec.capabilities = stated.capabilities.clone();
            spec.permissions = stated.permissions.clone();
            spec.max_concurrent = stated.max_concurrent;
            spec.restart = stated.restart;
            spec.cost_per_task = Cost::from_usd(stated.cost_usd_per_task);
        }
        spec
    }

    fn admit(&mut self, asked: Delegation, then: &Then<'_>, found: &mut Anew) -> Vec<Trip> {
        found.delegations += 1;
        self.tasks.insert(asked.id, asked.task.clone());
        match self.look(then.at, 0.5, |books, scene| books.stack.rule(&asked, scene)) {
            StackRuling::Admit(mandate) => {
                let delegation = Arc::new(Delegation { mandate, ..asked });
                self.happen(AgentFact::Admitted { delegation }, then.at, Some(then), found)
            }
            ruling => {
                self.never.insert(asked.id);
                self.differ(then.at, Some(asked.id), Changed::Refusal, (None, Some(said(&ruling))), found);
                Vec::new()
            }
        }
    }

    fn turn_away(&mut self, asked: Delegation, refusal: &Refusal, then: &Then<'_>, found: &mut Anew) {
        found.delegations += 1;
        self.tasks.insert(asked.id, asked.task.clone());
        let is_kept = match refusal {
            Refusal::Policy { policy, .. } => !self.rules_by(policy),
            // A price is not recorded: only rules that state the agent's own can tell.
            Refusal::BudgetExhausted => self.stated().is_none(),
            _ => false,
        };
        if is_kept {
            return;
        }
        let ruling = self.look(then.at, 0.5, |books, scene| books.stack.rule(&asked, scene));
        let now = match &ruling {
            StackRuling::Admit(_) => None,
            // The same reason; until when may have moved with the trip, which is told.
            StackRuling::Refuse(now) if discriminant(now) == discriminant(refusal) => return,
            ruling => Some(said(ruling)),
        };
        self.differ(then.at, Some(asked.id), Changed::Refusal, (Some(refusal.to_string()), now), found);
    }

    /// What was asked, as a team's own policies narrowed it.
    fn narrowed(&self, asked: Delegation, rulings: &[PolicyRuling]) -> Delegation {
        let own = rulings.iter().filter(|ruled| !self.rules_by(&ruled.policy));
        let limits = own.filter_map(|ruled| match &ruled.ruling {
            Ruling::Narrow(limits) => Some(limits),
            _ => None,
        });
        let mandate = limits.fold(asked.mandate.clone(), |mandate, limits| mandate.narrow(limits));
        Delegation { mandate, ..asked }
    }

    /// A seat was free: what waited is ruled on again.
    fn start(&mut self, id: DelegationId, then: &Then<'_>, found: &mut Anew) -> Vec<Trip> {
        if let Some(refusal) = self.given_back.remove(&id) {
            self.never.insert(id);
            self.differ(then.at, Some(id), Changed::Refusal, (None, Some(refusal.to_string())), found);
            return Vec::new();
        }
        let Some(flight) = self.books.flights.get(&id) else { return Vec::new() };
        let delegation = flight.delegation.clone();
        match self.rule_again(&delegation, then.at) {
            StackRuling::Admit(_) => self.happen(then.fact.clone(), then.at, Some(then), found),
            ruling => {
                self.never.insert(id);
                self.differ(then.at, Some(id), Changed::Refusal, (None, Some(said(&ruling))), found);
                self.give_back(id, None, then.at, found);
                Vec::new()
            }
        }
    }

    fn cease(&mut self, id: DelegationId, why: &CeaseReason, then: &Then<'_>, found: &mut Anew) -> Vec<Trip> {
        let Some(flight) = self.books.flights.get(&id) else { return Vec::new() };
        if self.called_back.remove(&id).is_some() || flight.ceasing.is_some() {
            return Vec::new();
        }
        if let CeaseReason::Revoked(reason @ (RevokeReason::Trip | RevokeReason::Budget)) = why {
            self.differ(then.at, Some(id), Changed::Recall, (Some(word(reason)), None), found);
        }
        self.happen(then.fact.clone(), then.at, Some(then), found)
    }

    fn settle(&mut self, settled: &Arc<Settlement>, then: &Then<'_>, found: &mut Anew) -> Vec<Trip> {
        let id = settled.delegation;
        let costs = found.costs.entry(id.goal).or_insert(Costs { recorded: Cost::FREE, anew: Cost::FREE });
        costs.recorded += settled.cost;
        let Some(flight) = self.books.flights.get(&id) else {
            // It was given back then as well, or never let in.
            self.given_back.remove(&id);
            return Vec::new();
        };
        costs.anew += self.cost(flight, settled);
        let asked = flight.delegation.clone();
        let (kind, evidence) = match flight.conclusion() {
            ended if ended.kind == settled.kind => (settled.kind, ended.evidence),
            // Called back here, whatever it came to then.
            ended if self.called_back.contains_key(&id) => (ended.kind, None),
            _ => (settled.kind, None),
        };
        if let Some(reason) = self.called_back.remove(&id).filter(|_| settled.kind != kind) {
            self.differ(then.at, Some(id), Changed::Recall, (None, Some(word(&reason))), found);
        }
        if let (SettlementKind::Returned, Some(refusal)) = (settled.kind, &settled.refusal)
            && !matches!(self.rule_again(&asked, then.at), StackRuling::Refuse(_))
        {
            self.differ(then.at, Some(id), Changed::Refusal, (Some(refusal.to_string()), None), found);
        }
        let lessons = self.lessons(&asked, evidence, settled, then.at);
        let revoked = (kind == SettlementKind::Revoked).then(|| settled.revoked.clone().unwrap_or(RevokeReason::Trip));
        let settlement = Settlement { kind, lessons, revoked, trips: Vec::new(), ..Settlement::clone(settled) };
        self.happen(AgentFact::Settled { settlement: Arc::new(settlement) }, then.at, Some(then), found)
    }

    /// What is learned here: by the new model, at the time it was learned then.
    fn lessons(
        &mut self,
        asked: &Delegation,
        evidence: Option<Evidence>,
        then: &Settlement,
        at: Timestamp,
    ) -> Vec<Lesson> {
        let Some(evidence) = evidence else { return Vec::new() };
        // What was under way when a breaker opened may finish, but its verdict can only lower trust.
        let is_shut = |(key, state): (&Option<Capability>, &BreakerState)| {
            let concerns = key.as_ref().is_none_or(|pair| asked.needs.contains(pair));
            concerns && matches!(state, BreakerState::Open | BreakerState::Isolated)
        };
        if evidence == Evidence::Success && self.books.stack.breakers().iter().any(is_shut) {
            return Vec::new();
        }
        let at = then.lessons.first().map_or(at, |lesson| lesson.after.at);
        let own = &self.spec.capabilities;
        let lessons = self.ledger.learn(self.agent, self.generation, &asked.needs, own, evidence, at);
        self.ledger.apply(self.agent, self.generation, &lessons);
        lessons
    }

    /// What it cost, with the price that the new rules declare.
    fn cost(&self, flight: &Flight, settled: &Settlement) -> Cost {
        let states = self.stated().is_some();
        let mut charged = flight.cost;
        if let Some((report, _)) = &flight.report {
            charged += report.cost;
        }
        match flight.started {
            Some(_) if states && charged == Cost::FREE => self.spec.cost_per_task,
            _ if states => charged,
            _ => settled.cost,
        }
    }

    // --- facts and policies -------------------------------------------------------------------------------------

    /// Applies a fact, lets every policy decide, and follows what they decided. Returns the breakers that opened.
    fn happen(&mut self, fact: AgentFact, at: Timestamp, then: Option<&Then<'_>>, found: &mut Anew) -> Vec<Trip> {
        self.apply(fact.clone(), at);
        let draw = then.map_or(0.5, |then| self.draw(&fact, at, then));
        let Decided { facts, revoke } = self.look(at, draw, |books, scene| books.stack.decide(&fact, scene));
        let decided = Decided { facts: facts.clone(), revoke: Vec::new() };
        let trips = decided.trips();
        facts.into_iter().for_each(|fact| self.apply(fact, at));
        if !trips.is_empty() {
            for id in self.books.order.values().copied().collect::<Vec<_>>() {
                let Some(waits) = self.books.flights.get(&id).map(|flight| flight.delegation.clone()) else { continue };
                if let StackRuling::Refuse(refusal) = self.rule_again(&waits, at) {
                    self.given_back.insert(id, refusal.clone());
                    self.give_back(id, Some(refusal), at, found);
                }
            }
        }
        for (id, reason) in revoke {
            let runs =
                self.books.flights.get(&id).is_some_and(|flight| flight.is_running() && flight.ceasing.is_none());
            if runs {
                self.called_back.insert(id, reason.clone());
                self.apply(AgentFact::Ceasing { delegation: id, why: CeaseReason::Revoked(reason) }, at);
            }
        }
        trips
    }

    fn apply(&mut self, fact: AgentFact, at: Timestamp) {
        self.books.apply(&fact, at);
        self.past.push((fact, at));
    }

    /// Delivers the wakes that are due: those of earlier, or also those of this moment.
    fn wake(&mut self, at: Timestamp, now: bool, found: &mut Anew) {
        let due = |when: Timestamp| when < at || now && when == at;
        while let Some((when, policy, token)) = self.books.wakes.keys().next().filter(|(when, ..)| due(*when)).cloned()
        {
            let trips = self.happen(AgentFact::Due { policy, token }, when, None, found);
            self.compare(&trips, &[], when, None, found);
        }
    }

    /// It waited, and is settled without an attempt.
    fn give_back(&mut self, id: DelegationId, refusal: Option<Refusal>, at: Timestamp, found: &mut Anew) {
        let settlement = Settlement {
            delegation: id,
            kind: SettlementKind::Returned,
            output: None,
            verdict: None,
            failure: None,
            refusal,
            revoked: None,
            usage: Default::default(),
            cost: Cost::FREE,
            uncertain: false,
            debrief: None,
            checkpoint: None,
            lessons: Vec::new(),
            trips: Vec::new(),
            started: None,
            ended: at,
        };
        self.happen(AgentFact::Settled { settlement: Arc::new(settlement) }, at, None, found);
    }

    fn rule_again(&self, delegation: &Delegation, at: Timestamp) -> StackRuling {
        let again = Delegation { retry: false, ..delegation.clone() };
        let in_flight: Vec<_> =
            self.books.in_flight().into_iter().filter(|flight| flight.delegation.id != delegation.id).collect();
        self.books.stack.rule(&again, &self.scene(at, 0.5, &in_flight))
    }

    fn look<T>(&self, at: Timestamp, draw: f64, look: impl FnOnce(&Books, &Scene<'_>) -> T) -> T {
        let in_flight = self.books.in_flight();
        look(&self.books, &self.scene(at, draw, &in_flight))
    }

    fn scene<'s>(&'s self, now: Timestamp, draw: f64, in_flight: &'s [InFlight<'s>]) -> Scene<'s> {
        Scene {
            now,
            draw,
            agent: self.agent,
            capabilities: &self.spec.capabilities,
            seats: self.spec.max_concurrent,
            cost_per_task: self.spec.cost_per_task.micro_usd().unwrap_or(0),
            in_flight,
            trust: &self.books.trust,
        }
    }

    /// The draw that gave the recorded trip its end, if the same trip happens here; draws are not recorded.
    fn draw(&self, fact: &AgentFact, at: Timestamp, then: &Then<'_>) -> f64 {
        let until =
            |trips: &[Trip]| trips.iter().find_map(|trip| trip.until).map(|until| until.since(at).as_secs_f64());
        let Some(recorded) = until(&read(then.trips)) else { return 0.5 };
        let end = |draw| until(&self.look(at, draw, |books, scene| books.stack.decide(fact, scene)).trips());
        match (end(0.0), end(1.0)) {
            (Some(low), Some(high)) if low < high && (low..=high).contains(&recorded) => {
                (recorded - low) / (high - low)
            }
            _ => 0.5,
        }
    }

    // --- what is told -------------------------------------------------------------------------------------------

    /// Tells the trips of then that are none here, and those of here that were none then.
    fn compare(&self, trips: &[Trip], then: &[Trip], at: Timestamp, about: Option<DelegationId>, found: &mut Anew) {
        let lacks = |those: &[Trip], trip: &Trip| those.iter().all(|other| other.capability != trip.capability);
        for trip in then.iter().filter(|trip| lacks(trips, trip)) {
            let what = Changed::Trip(trip.capability.clone());
            self.differ(at, about, what, (Some(trip.reason.clone()), None), found);
        }
        for trip in trips.iter().filter(|trip| lacks(then, trip)) {
            let what = Changed::Trip(trip.capability.clone());
            self.differ(at, about, what, (None, Some(trip.reason.clone())), found);
        }
    }

    /// Notes what was then and what is now.
    fn differ(
        &self,
        at: Timestamp,
        about: Option<DelegationId>,
        what: Changed,
        (recorded, anew): (Option<String>, Option<String>),
        found: &mut Anew,
    ) {
        let about = about.and_then(|id| Some((id.goal, self.tasks.get(&id)?.clone())));
        found.changes.push(Change { at, agent: self.agent.clone(), about, what, recorded, anew });
    }
}

/// An agent whose code is never called.
fn nobody(agent: &AgentName, capabilities: Vec<Capability>) -> AgentSpec {
    let silent = |_| async { Err::<Output, _>(AgentError::new("nobody is called")) };
    agent_fn(agent.clone(), capabilities, silent)
}

fn books(policies: Vec<Box<dyn SupervisorPolicy>>, model: &Arc<dyn TrustModel>) -> Books {
    Books::new(Stack::new(policies), TrustView { records: BTreeMap::new(), model: model.clone() })
}

fn read(trips: &[&PolicyFact]) -> Vec<Trip> {
    trips.iter().filter_map(|fact| serde_json::from_value(fact.body.0.clone()).ok()).collect()
}

fn said(ruling: &StackRuling) -> String {
    match ruling {
        StackRuling::Admit(_) => "let in".to_owned(),
        StackRuling::Hold(request) => format!("held for {}: {}", request.policy, request.question),
        StackRuling::Refuse(refusal) => refusal.to_string(),
    }
}

fn word(reason: &RevokeReason) -> String {
    match reason {
        RevokeReason::Trip => "a breaker opened".to_owned(),
        RevokeReason::Budget => "its slice is used up".to_owned(),
        other => format!("{other:?}"),
    }
}
