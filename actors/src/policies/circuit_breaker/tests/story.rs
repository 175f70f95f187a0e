//! A supervisor's life in miniature: facts are applied, decided upon, and what follows is recorded and applied.

use std::{sync::Arc, time::Duration};

use bailiwick_protocols::{
    AgentFact, Capability, Code, Delegation, DelegationId, Directive, Failure, Fault, Outside, Ruling, Settlement,
    SettlementKind, Timestamp, Tried, Verdict,
    event::SeatEnd,
    outcome::RevokeReason,
    policy::breaker,
    trust::{Evidence, Gravity},
};

use super::super::{CircuitBreaker, NAME, fact::Move, gate::State};
use crate::{
    policies::{
        InFlight, Scene, SeatFailure, SupervisorPolicy,
        given::{ADA, admitted, delegation, reported, scene, scene_with, second, settled, settlement},
    },
    trust_tracker::{ledger::TrustLedger, models::Asymmetric},
};

/// A try to write where nobody may.
pub fn tried() -> Tried {
    Tried { tool: "write".into(), needs: "fs.write:etc".into(), outside: Outside::Scope }
}

/// How an attempt ends.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Ends {
    Verified,
    Unverified,
    NotVerified,
    Abstained,
    TimedOut,
    Crashed,
    Provider,
    Lost,
    Returned,
    Canceled,
}

pub struct Story {
    pub breaker: CircuitBreaker,
    pub now: Timestamp,
    pub draw: f64,
    pub seats: u32,
    /// What the agent can do.
    pub capabilities: Vec<Capability>,
    /// Everything recorded, with the breaker as it was afterwards.
    pub recorded: Vec<(AgentFact, Timestamp, CircuitBreaker)>,
    pub wakes: Vec<(Timestamp, u32)>,
    pub revoked: Vec<DelegationId>,
    pub in_flight: Vec<(Delegation, Option<Timestamp>)>,
    ledger: TrustLedger,
    number: u32,
}

impl Story {
    pub fn new() -> Self {
        Self::of(CircuitBreaker::default())
    }

    /// An agent that can do these things.
    pub fn able_to(capabilities: &[&str]) -> Self {
        Self { capabilities: capabilities.iter().copied().map(Capability::from).collect(), ..Self::new() }
    }

    pub fn of(breaker: CircuitBreaker) -> Self {
        Self {
            breaker,
            now: second(1_000),
            draw: 0.5,
            seats: 1,
            capabilities: scene(second(0)).capabilities.to_vec(),
            recorded: Vec::new(),
            wakes: Vec::new(),
            revoked: Vec::new(),
            in_flight: Vec::new(),
            ledger: TrustLedger::new(Arc::new(Asymmetric::default())),
            number: 0,
        }
    }

    /// An ordinary delegation of a task of its own that needs this; nothing is the empty text.
    pub fn ask(&mut self, needs: &str) -> Delegation {
        self.number += 1;
        let task = format!("task-{}", self.number);
        let needs = needs.split_whitespace().map(Capability::from).collect();
        Delegation { needs, task: task.as_str().into(), ..delegation(self.number) }
    }

    pub fn rules(&self, asked: &Delegation) -> Ruling {
        self.breaker.rule(asked, &self.scene(&[]))
    }

    /// One batch: all facts are applied, all are decided upon, and what follows is recorded and applied.
    pub fn tell(&mut self, facts: impl IntoIterator<Item = AgentFact>) -> Vec<Directive> {
        let facts: Vec<AgentFact> = facts.into_iter().collect();
        for fact in &facts {
            match fact {
                AgentFact::Admitted { delegation } => self.in_flight.push(((**delegation).clone(), None)),
                AgentFact::Started { delegation, .. } => {
                    let now = self.now;
                    let begun = self.in_flight.iter_mut().find(|(asked, _)| asked.id == *delegation);
                    begun.expect("what starts was let in").1 = Some(now);
                }
                AgentFact::Settled { settlement } => self.in_flight.retain(|(d, _)| d.id != settlement.delegation),
                _ => {}
            }
            self.record(fact.clone());
        }
        let directives: Vec<Directive> = {
            let running: Vec<InFlight<'_>> =
                self.in_flight.iter().map(|(delegation, started)| InFlight { delegation, started: *started }).collect();
            facts.iter().flat_map(|fact| self.breaker.decide(fact, &self.scene(&running))).collect()
        };
        for directive in &directives {
            match directive {
                Directive::Record(fact) => self.record(AgentFact::Policy(fact.clone())),
                Directive::Wake { at, token } => {
                    self.record(AgentFact::WakeSet { policy: NAME.to_owned(), at: *at, token: *token });
                    // Wakes are kept by token, as a supervisor keeps them: a second one replaces the first.
                    self.wakes.retain(|(_, other)| other != token);
                    self.wakes.push((*at, *token));
                }
                Directive::Revoke(delegation, RevokeReason::Trip) => self.revoked.push(*delegation),
                other => panic!("a breaker never says {other:?}"),
            }
        }
        directives
    }

    fn record(&mut self, fact: AgentFact) {
        self.breaker.apply(&fact, self.now);
        self.recorded.push((fact, self.now, self.breaker.clone()));
    }

    pub fn scene<'a>(&'a self, in_flight: &'a [InFlight<'a>]) -> Scene<'a> {
        let (draw, seats, capabilities) = (self.draw, self.seats, &self.capabilities[..]);
        Scene { draw, seats, capabilities, ..scene_with(self.now, in_flight) }
    }

    /// Lets work in and begins it.
    pub fn begin(&mut self, asked: &Delegation) {
        self.tell([admitted(asked)]);
        self.tell([AgentFact::Started { delegation: asked.id, seat: 1 }]);
    }

    /// Ends work that began, with the lessons that its end teaches.
    pub fn end(&mut self, asked: &Delegation, ends: Ends) -> Vec<Directive> {
        let settlement = self.settlement(asked, ends);
        self.tell([settled(settlement)])
    }

    pub fn settlement(&mut self, asked: &Delegation, ends: Ends) -> Settlement {
        let id = asked.id;
        let mut settlement = match ends {
            Ends::Verified => reported(id, Some(Verdict::pass("contains", 1.0, "found"))),
            Ends::Unverified => reported(id, None),
            Ends::NotVerified => reported(id, Some(Verdict::fail("contains", 0.0, "not found"))),
            Ends::Abstained => reported(id, Some(Verdict::abstain("judge", "nobody answered"))),
            Ends::TimedOut => settlement(id, SettlementKind::TimedOut),
            Ends::Crashed => settlement(id, SettlementKind::Crashed),
            Ends::Lost => settlement(id, SettlementKind::Lost),
            Ends::Returned => settlement(id, SettlementKind::Returned),
            Ends::Canceled => settlement(id, SettlementKind::Revoked),
            Ends::Provider => Settlement {
                failure: Some(Failure::new(Code::Unavailable, Fault::Provider, "429")),
                ..settlement(id, SettlementKind::Failed)
            },
        };
        let gravity = if asked.criticality >= 4 { Gravity::Breach } else { Gravity::Ordinary };
        let evidence = match ends {
            Ends::Verified => Some(Evidence::Success),
            Ends::NotVerified | Ends::TimedOut | Ends::Crashed => Some(Evidence::Failure(gravity)),
            _ => None,
        };
        if let Some(evidence) = evidence {
            let own = scene(self.now).capabilities;
            settlement.lessons = self.ledger.learn(&ADA, 0, &asked.needs, own, evidence, self.now);
            self.ledger.apply(&ADA, 0, &settlement.lessons);
        }
        settlement.started =
            self.in_flight.iter().find(|(other, _)| other.id == asked.id).and_then(|(_, started)| *started);
        settlement.ended = self.now;
        settlement
    }

    /// Ordinary work from the door to its end, a second later, if it is let in at all.
    pub fn carries(&mut self, asked: &Delegation, ends: Ends) {
        let ruling = self.rules(asked);
        assert!(!matches!(ruling, Ruling::Refuse(_)), "it was refused: {ruling:?}");
        self.begin(asked);
        self.wait(1);
        self.end(asked, ends);
    }

    /// Several tasks that need the same, one after the other.
    pub fn carries_all(&mut self, needs: &str, ends: &[Ends]) {
        for end in ends {
            let asked = self.ask(needs);
            self.carries(&asked, *end);
        }
    }

    /// A seat went down.
    pub fn falls(&mut self, seat: u32) -> Option<bailiwick_protocols::Recovery> {
        let why = SeatEnd::Crashed("boom".into());
        self.tell([AgentFact::SeatDown { seat, delegation: None, why: why.clone() }]);
        self.breaker.recover(&SeatFailure { seat, why }, &self.scene(&[]))
    }

    /// The agent tries something outside its mandate.
    pub fn tries(&mut self, delegation: DelegationId) {
        self.tell([AgentFact::Violation { delegation, tried: tried() }]);
    }

    /// Lets time pass, and wakes whatever is due in it.
    pub fn wait(&mut self, seconds: u64) {
        let until = self.now + Duration::from_secs(seconds);
        while let Some(next) =
            (0..self.wakes.len()).min_by_key(|i| self.wakes[*i]).filter(|i| self.wakes[*i].0 <= until)
        {
            let (at, token) = self.wakes.remove(next);
            self.now = at.max(self.now);
            self.tell([AgentFact::Due { policy: NAME.to_owned(), token }]);
        }
        self.now = until;
    }

    pub fn state(&self, capability: &str) -> State {
        let key = Some(capability).filter(|c| !c.is_empty()).map(Capability::from);
        self.breaker.memory.breakers.get(&key).map_or(State::Closed, |breaker| breaker.gate.state)
    }

    pub fn is_open(&self, capability: &str) -> bool {
        matches!(self.state(capability), State::Open { .. })
    }

    pub fn is_half_open(&self, capability: &str) -> bool {
        matches!(self.state(capability), State::HalfOpen { .. })
    }

    pub fn is_closed(&self, capability: &str) -> bool {
        self.state(capability) == State::Closed
    }

    /// For how many milliseconds it is open from now on.
    pub fn open_for(&self, capability: &str) -> u128 {
        match self.state(capability) {
            State::Open { until, .. } => until.since(self.now).as_millis(),
            other => panic!("it is not open: {other:?}"),
        }
    }

    /// Every recorded transition: kind, capability (empty is the agent), trigger.
    pub fn moves(&self) -> Vec<(String, String, String)> {
        let read = |fact: &AgentFact| match fact {
            AgentFact::Policy(fact) => {
                let (_, recorded) = Move::read(fact).expect("the breaker records what it can read");
                let capability = recorded.trip.capability.map_or(String::new(), |c| c.to_string());
                Some((fact.kind.clone(), capability, recorded.trigger))
            }
            _ => None,
        };
        self.recorded.iter().filter_map(|(fact, ..)| read(fact)).collect()
    }

    /// The triggers of all openings, in order.
    pub fn triggers(&self) -> Vec<String> {
        self.moves().into_iter().filter(|(kind, ..)| kind == breaker::OPENED).map(|(_, _, trigger)| trigger).collect()
    }
}
