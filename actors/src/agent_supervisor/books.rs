//! What a supervisor knows: the fold of its own stream, and nothing else.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use bailiwick_protocols::{
    AgentFact, Capability, Cost, Delegation, DelegationId, Failure, Fault, GoalId, Json, PolicyFact, Report,
    Settlement, SettlementKind, TaskId, Timestamp, Usage, Verdict,
    event::{CeaseReason, SeatEnd},
    outcome::{RevokeReason, Trip},
    policy::breaker,
    trust::{Evidence, Gravity},
};

use serde::{Deserialize, Serialize};

use crate::policies::{InFlight, TrustView, stack::Stack};

/// The books of one supervisor: changed by [`Books::apply`] only, live and in a rebuild alike.
pub struct Books {
    /// The policies, with what they learned.
    pub stack: Stack,
    /// What is admitted and not settled.
    pub flights: BTreeMap<DelegationId, Flight>,
    /// The admissions in the order they came, for those that wait.
    pub order: BTreeMap<u64, DelegationId>,
    /// What is settled and may be asked for again.
    pub settled: BTreeMap<DelegationId, Arc<Settlement>>,
    /// What verdicts taught.
    pub trust: TrustView,
    /// When policies want to be woken.
    pub wakes: BTreeMap<(Timestamp, String, u32), ()>,
    /// Seats start no earlier.
    pub recover_at: Timestamp,
    /// Threads that still run work that was killed.
    pub threads_left: u32,
    /// How often the supervisor was started.
    pub lives: u32,
    pub(super) admissions: u64,
}

/// One admitted delegation that is not settled.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Flight {
    /// The delegation, with its mandate as narrowed.
    pub delegation: Arc<Delegation>,
    /// Its number in [`Books::order`].
    pub place: u64,
    /// Which seat began, and when.
    pub started: Option<(u32, Timestamp)>,
    /// Why it was told to stop, and when.
    pub ceasing: Option<(CeaseReason, Timestamp)>,
    /// What came back, and when.
    pub report: Option<(Arc<Report>, Timestamp)>,
    /// What verification found, and in which round.
    pub examined: Option<(Option<Verdict>, u32)>,
    /// What its seat said when it died, and when.
    pub crashed: Option<(String, Timestamp)>,
    /// What it consumed before its report.
    pub usage: Usage,
    /// The same in money.
    pub cost: Cost,
    /// Whether it tried something outside its mandate.
    pub violated: bool,
    /// Whether a breaker before it opened while it was in flight: what it achieves raises no trust.
    pub behind_trip: bool,
    /// What it keeps for the next attempt.
    pub checkpoint: Option<Json>,
    /// Since when it waits for parts it handed on.
    pub parked: Option<Timestamp>,
    /// How long it waited before: not the agent's time.
    pub waited: Duration,
    /// When its agent gave the task away, and to which part: the part's result is the task's.
    pub transferred: Option<(TaskId, Timestamp)>,
    /// The program that carries it out: its process id and when it was born.
    pub process: Option<(u32, String)>,
}

/// How a flight comes to its end, as far as its facts tell.
pub struct Conclusion {
    /// How.
    pub kind: SettlementKind,
    /// What it teaches, if anything.
    pub evidence: Option<Evidence>,
    /// Why there is no output.
    pub failure: Option<Failure>,
    /// Why it was called back.
    pub revoked: Option<RevokeReason>,
}

impl Flight {
    /// When the attempt must have ended: its timeout or the deadline.
    pub fn must_end(&self) -> Option<Timestamp> {
        let (_, started) = self.started?;
        if self.parked.is_some() {
            // Whoever waits has no time to overrun; the deadline goes on.
            return self.delegation.mandate.deadline();
        }
        let end = started + self.delegation.timeout + self.waited;
        Some(self.delegation.mandate.deadline().map_or(end, |deadline| deadline.min(end)))
    }

    /// Whether the seat is at work on it: begun, not given away, and nothing came back.
    pub fn is_running(&self) -> bool {
        self.started.is_some() && self.report.is_none() && self.crashed.is_none() && self.transferred.is_none()
    }

    /// Whether it takes up one of the agent's places: begun, not settled, and not waiting for others.
    pub fn takes_place(&self) -> bool {
        self.started.is_some() && self.parked.is_none()
    }

    /// Whether it waits for a seat.
    pub fn is_waiting(&self) -> bool {
        self.started.is_none()
    }

    /// How it ends, once nothing more will come from its seat and verification is done.
    pub fn conclusion(&self) -> Conclusion {
        let blame = |gravity| Some(Evidence::Failure(if self.violated { Gravity::Violation } else { gravity }));
        let (kind, evidence, failure, revoked) = match (&self.ceasing, &self.crashed, &self.report) {
            (Some((CeaseReason::Revoked(reason), _)), _, _) => {
                let kind = match reason {
                    RevokeReason::Deadline => SettlementKind::Expired,
                    _ => SettlementKind::Revoked,
                };
                (kind, None, None, Some(reason.clone()))
            }
            (Some(_), _, _) => {
                let message = format!("no answer within its timeout of {:?}", self.delegation.timeout);
                let failure = Failure::new(bailiwick_protocols::Code::Timeout, Fault::Agent, message);
                (SettlementKind::TimedOut, blame(Gravity::Ordinary), Some(failure), None)
            }
            (None, Some((said, _)), _) => {
                (SettlementKind::Crashed, blame(Gravity::Ordinary), Some(Failure::agent(said.clone())), None)
            }
            (None, None, Some((report, _))) => match &report.result {
                Err(failure) => {
                    let evidence = if failure.fault == Fault::Agent { blame(Gravity::Ordinary) } else { None };
                    (SettlementKind::Failed, evidence, Some(failure.clone()), None)
                }
                Ok(_) => {
                    let evidence = match self.examined.as_ref().and_then(|(verdict, _)| verdict.as_ref()) {
                        _ if self.violated => blame(Gravity::Violation),
                        // It is somebody else's work, and taught what it had to teach there.
                        _ if self.transferred.is_some() => None,
                        Some(verdict) if verdict.abstained => None,
                        // It may finish, but its verdict can only lower trust, whatever the breaker does meanwhile.
                        Some(verdict) if verdict.passed && self.behind_trip => None,
                        Some(verdict) if verdict.passed => Some(Evidence::Success),
                        Some(_) if self.delegation.criticality >= 4 => blame(Gravity::Breach),
                        Some(_) => blame(Gravity::Ordinary),
                        None => None,
                    };
                    (SettlementKind::Reported, evidence, None, None)
                }
            },
            // Nothing is known of it: its supervisor died with it.
            (None, None, None) => (SettlementKind::Lost, None, None, None),
        };
        // What a judge says is checked by nobody: it teaches nothing about the agent, nor does its silence.
        let evidence = evidence.filter(|_| !self.delegation.is_judgement());
        Conclusion { kind, evidence, failure, revoked }
    }

    /// The end of the work itself, as far as it is known.
    pub fn worked_until(&self) -> Option<Timestamp> {
        self.report.as_ref().map(|(_, at)| *at).or(self.crashed.as_ref().map(|(_, at)| *at))
    }
}

impl Books {
    /// Empty books over a stack of policies.
    pub fn new(stack: Stack, trust: TrustView) -> Self {
        Self {
            stack,
            flights: BTreeMap::new(),
            order: BTreeMap::new(),
            settled: BTreeMap::new(),
            trust,
            wakes: BTreeMap::new(),
            recover_at: Timestamp::default(),
            threads_left: 0,
            lives: 0,
            admissions: 0,
        }
    }

    /// Changes the books by one recorded fact. Returns what else must be recorded: policies that panicked.
    pub fn apply(&mut self, fact: &AgentFact, at: Timestamp) -> Vec<AgentFact> {
        match fact {
            AgentFact::Stack { .. } => self.lives += 1,
            AgentFact::Admitted { delegation } => {
                self.admissions += 1;
                self.order.insert(self.admissions, delegation.id);
                let flight = Flight {
                    delegation: delegation.clone(),
                    place: self.admissions,
                    started: None,
                    ceasing: None,
                    report: None,
                    examined: None,
                    crashed: None,
                    usage: Usage::default(),
                    cost: Cost::FREE,
                    violated: false,
                    behind_trip: false,
                    checkpoint: None,
                    parked: None,
                    waited: Duration::ZERO,
                    transferred: None,
                    process: None,
                };
                self.flights.insert(delegation.id, flight);
            }
            AgentFact::Started { delegation, seat } => {
                if let Some(flight) = self.flights.get_mut(delegation) {
                    flight.started = Some((*seat, at));
                    self.order.remove(&flight.place);
                }
            }
            AgentFact::Checkpointed { delegation, state } => {
                self.change(delegation, |f| f.checkpoint = Some(state.clone()));
            }
            AgentFact::Transferred { delegation, name } => {
                self.change(delegation, |f| f.transferred = Some((name.clone(), at)));
            }
            AgentFact::ProcessStarted { delegation, pid, born } => {
                self.change(delegation, |f| f.process = Some((*pid, born.clone())));
            }
            AgentFact::Parked { delegation } => self.change(delegation, |f| f.parked = Some(at)),
            AgentFact::Resumed { delegation } => self.change(delegation, |f| {
                f.waited += f.parked.take().map_or(Duration::ZERO, |since| at.since(since));
            }),
            AgentFact::Ceasing { delegation, why } => self.change(delegation, |f| f.ceasing = Some((why.clone(), at))),
            AgentFact::Charged { delegation, usage, cost } => self.change(delegation, |f| {
                f.usage += *usage;
                f.cost += *cost;
            }),
            AgentFact::Reported { delegation, report } => {
                self.change(delegation, |f| f.report = Some((report.clone(), at)));
            }
            AgentFact::Examined { delegation, verdict, round } => {
                self.change(delegation, |f| f.examined = Some((verdict.clone(), *round)));
            }
            AgentFact::Violation { delegation, .. } => self.change(delegation, |f| f.violated = true),
            AgentFact::SeatDown { delegation: Some(delegation), why, .. } => {
                let said = match why {
                    SeatEnd::Crashed(said) => said.clone(),
                    _ => "the seat was killed".to_owned(),
                };
                self.change(delegation, |f| f.crashed = Some((said, at)));
            }
            AgentFact::Settled { settlement } => {
                if let Some(flight) = self.flights.remove(&settlement.delegation) {
                    self.order.remove(&flight.place);
                }
                for lesson in &settlement.lessons {
                    self.trust.records.insert(lesson.capability.clone(), lesson.after);
                }
                self.settled.insert(settlement.delegation, settlement.clone());
            }
            AgentFact::Forgotten { goal } => self.settled.retain(|id, _| id.goal != *goal),
            AgentFact::WakeSet { policy, at, token } => drop(self.wakes.insert((*at, policy.clone(), *token), ())),
            AgentFact::Due { policy, token } => {
                self.wakes.retain(|(due, name, wake), ()| !(*due <= at && name == policy && wake == token));
            }
            AgentFact::Policy(PolicyFact { kind, body, .. })
                if kind == breaker::OPENED || kind == breaker::ISOLATED =>
            {
                if let Ok(trip) = serde_json::from_value::<Trip>(body.value().clone()) {
                    self.tripped(trip.capability.as_ref());
                }
            }
            AgentFact::ThreadsLeft { threads } => self.threads_left = *threads,
            AgentFact::Recovering { at } => self.recover_at = *at,
            // Whoever releases the breakers wants the agent back now.
            AgentFact::Released { .. } => self.recover_at = at,
            _ => {}
        }
        self.stack.apply(fact, at)
    }

    fn change(&mut self, id: &DelegationId, change: impl FnOnce(&mut Flight)) {
        // A fact about what is settled is a straggler: evidence, without effect.
        if let Some(flight) = self.flights.get_mut(id) {
            change(flight);
        }
    }

    /// A breaker opened, the whole agent's or one pair's: what it concerns is from before.
    fn tripped(&mut self, pair: Option<&Capability>) {
        for flight in self.flights.values_mut() {
            flight.behind_trip |= pair.is_none_or(|pair| flight.delegation.needs.contains(pair));
        }
    }

    /// The goals whose settlements are kept.
    pub fn remembered(&self) -> BTreeSet<GoalId> {
        self.settled.keys().map(|id| id.goal).collect()
    }

    /// What policies see of the flights.
    pub fn in_flight(&self) -> Vec<InFlight<'_>> {
        self.flights
            .values()
            .map(|f| InFlight { delegation: &f.delegation, started: f.started.map(|(_, at)| at) })
            .collect()
    }

    /// Everything that a rebuild must bring back, as text: for comparing a fold with the live books.
    pub fn digest(&self, now: Timestamp) -> String {
        format!(
            "{:?} {:?} {:?} {:?} {:?} {:?} {:?} {:?} {:?} {:?}",
            self.flights,
            self.order,
            self.settled,
            self.trust.records,
            self.wakes,
            self.recover_at,
            self.threads_left,
            self.stack.breakers(),
            self.stack.standing(now),
            self.stack.memory(),
        )
    }
}
