//! Several policies deciding as one: the gravest ruling wins, and a policy that panics harms nobody else.

use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
};

use bailiwick_protocols::{
    AgentFact, Capability, Delegation, Directive, Limits, Mandate, PolicyFact, PolicyRuling, Recovery, Refusal, Ruling,
    Timestamp,
    outcome::Trip,
    policy::{ApprovalRequest, breaker},
};

use serde::{Deserialize, Serialize};

use super::{Scene, SeatFailure, SupervisorPolicy};

mod memory;

pub use memory::StackMemory;

/// The policies of one supervisor, in order, each behind a guard.
pub struct Stack {
    members: Vec<Member>,
    breakers: BTreeMap<Option<Capability>, BreakerState>,
}

struct Member {
    policy: Box<dyn SupervisorPolicy>,
    /// What it said when it panicked in `apply`: it refuses everything until released.
    out: Option<String>,
}

/// What is published about a breaker that is not closed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub enum BreakerState {
    /// It refuses.
    Open,
    /// It lets one probe through at a time.
    HalfOpen,
    /// It refuses until somebody releases it.
    Isolated,
}

impl BreakerState {
    /// The word of the JSON interfaces.
    pub const fn as_str(self) -> &'static str {
        match self {
            BreakerState::Open => "open",
            BreakerState::HalfOpen => "half_open",
            BreakerState::Isolated => "isolated",
        }
    }
}

/// What the stack says about one delegation.
#[derive(Clone, PartialEq, Debug)]
pub enum StackRuling {
    /// Let in, with this much authority.
    Admit(Mandate),
    /// A person decides first.
    Hold(ApprovalRequest),
    /// Turned away.
    Refuse(Refusal),
}

impl Stack {
    /// Stacks policies.
    pub fn new(policies: Vec<Box<dyn SupervisorPolicy>>) -> Self {
        let members = policies.into_iter().map(|policy| Member { policy, out: None }).collect();
        Self { members, breakers: BTreeMap::new() }
    }

    /// The names, in order.
    pub fn names(&self) -> Vec<String> {
        self.members.iter().map(|m| m.policy.name().to_owned()).collect()
    }

    /// The settings of all policies by name.
    pub fn settings(&self) -> serde_json::Value {
        self.members
            .iter()
            .map(|m| (m.policy.name().to_owned(), m.policy.settings()))
            .filter(|(_, settings)| !settings.is_null())
            .collect::<serde_json::Map<_, _>>()
            .into()
    }

    /// Rules on a delegation: refusals by gravity, then holds, then all narrowings met; Required ⊆ Effective is checked
    /// last, on the narrowed mandate.
    pub fn rule(&self, asked: &Delegation, scene: &Scene<'_>) -> StackRuling {
        let mut limits = Limits::default();
        let mut hold = None;
        let mut refusal: Option<Refusal> = None;
        for member in &self.members {
            match member.rule(asked, scene) {
                Ruling::Pass => {}
                Ruling::Narrow(to) => limits = limits.meet(&to),
                Ruling::Hold(request) => hold = hold.or(Some(request)),
                Ruling::Refuse(this) => {
                    if refusal.as_ref().is_none_or(|worst| this.gravity() > worst.gravity()) {
                        refusal = Some(this);
                    }
                }
                // A ruling of a later version that this stack does not understand: never a pass.
                _ => refusal = refusal.or_else(|| Some(member.puzzled("a ruling this version does not know"))),
            }
        }
        if let Some(refusal) = refusal {
            return StackRuling::Refuse(refusal);
        }
        if let Some(request) = hold {
            return StackRuling::Hold(request);
        }
        let mandate = asked.mandate.narrow(&limits);
        if !mandate.is_live(scene.now) {
            return StackRuling::Refuse(Refusal::MandateExpired);
        }
        let missing = mandate.exercise().missing(&asked.required, scene.now);
        if missing.is_empty() {
            StackRuling::Admit(mandate)
        } else {
            StackRuling::Refuse(Refusal::Unauthorized { missing })
        }
    }

    /// What each policy rules that does not simply let a delegation pass: why it was turned away, for the record.
    pub fn rulings(&self, asked: &Delegation, scene: &Scene<'_>) -> Vec<PolicyRuling> {
        let ruling = |m: &Member| PolicyRuling { policy: m.policy.name().to_owned(), ruling: m.rule(asked, scene) };
        self.members.iter().map(ruling).filter(|ruled| ruled.ruling != Ruling::Pass).collect()
    }

    /// The rulings that take something away from what is asked for, for the record.
    pub fn narrowings(&self, asked: &Delegation, scene: &Scene<'_>) -> Vec<PolicyRuling> {
        let takes = |ruled: &PolicyRuling| matches!(&ruled.ruling, Ruling::Narrow(to) if asked.mandate.narrow(to) != asked.mandate);
        self.rulings(asked, scene).into_iter().filter(takes).collect()
    }

    /// Lets every policy change by a recorded fact. Returns what else must be recorded: policies that panicked.
    pub fn apply(&mut self, fact: &AgentFact, at: Timestamp) -> Vec<AgentFact> {
        self.publish(fact);
        let mut fallen = Vec::new();
        for member in &mut self.members {
            match fact {
                AgentFact::Policy(own) if own.policy != member.policy.name() => continue,
                AgentFact::PolicyOut { policy, panic } => {
                    if policy == member.policy.name() {
                        member.out = Some(panic.clone());
                    }
                    continue;
                }
                AgentFact::Released { .. } => member.out = None,
                _ => {}
            }
            if member.out.is_some() {
                continue;
            }
            let policy = &mut member.policy;
            if let Err(panic) = catch_unwind(AssertUnwindSafe(|| policy.apply(fact, at))) {
                let said = crate::panic_text(&*panic);
                member.out = Some(said.clone());
                fallen.push(AgentFact::PolicyOut { policy: member.policy.name().to_owned(), panic: said });
            }
        }
        fallen
    }

    /// Asks every policy what follows from a fact. A panic while deciding changes nothing and is noted.
    pub fn decide(&self, fact: &AgentFact, scene: &Scene<'_>) -> Decided {
        let mut decided = Decided::default();
        for member in self.members.iter().filter(|m| m.out.is_none()) {
            if let AgentFact::Policy(own) = fact
                && own.policy != member.policy.name()
            {
                continue;
            }
            match catch_unwind(AssertUnwindSafe(|| member.policy.decide(fact, scene))) {
                Ok(directives) => decided.take(member.policy.name(), directives),
                Err(panic) => decided.facts.push(AgentFact::Noted {
                    what: format!(
                        "policy {} panicked while deciding: {}",
                        member.policy.name(),
                        crate::panic_text(&*panic)
                    ),
                }),
            }
        }
        decided
    }

    /// What follows when a seat went down: the gravest answer; `None` if nobody has one.
    pub fn recover(&self, failure: &SeatFailure, scene: &Scene<'_>) -> Option<Recovery> {
        let answer = |m: &Member| catch_unwind(AssertUnwindSafe(|| m.policy.recover(failure, scene))).ok().flatten();
        self.members.iter().filter(|m| m.out.is_none()).filter_map(answer).max()
    }

    /// What anybody would be told now: the gravest standing refusal.
    pub fn standing(&self, now: Timestamp) -> Option<Refusal> {
        let answer = |m: &Member| match &m.out {
            Some(_) => Some(m.fallen()),
            None => catch_unwind(AssertUnwindSafe(|| m.policy.standing(now))).unwrap_or_else(|_| Some(m.fallen())),
        };
        self.members.iter().filter_map(answer).max_by_key(Refusal::gravity)
    }

    /// The breakers that are not closed; `None` is the whole agent.
    pub fn breakers(&self) -> &BTreeMap<Option<Capability>, BreakerState> {
        &self.breakers
    }

    fn publish(&mut self, fact: &AgentFact) {
        let AgentFact::Policy(PolicyFact { kind, body, .. }) = fact else { return };
        let state = match kind.as_str() {
            breaker::OPENED => Some(BreakerState::Open),
            breaker::HALF_OPENED => Some(BreakerState::HalfOpen),
            breaker::ISOLATED => Some(BreakerState::Isolated),
            breaker::CLOSED => None,
            _ => return,
        };
        let Ok(trip) = serde_json::from_value::<Trip>(body.0.clone()) else { return };
        match state {
            Some(state) => self.breakers.insert(trip.capability, state),
            None => self.breakers.remove(&trip.capability),
        };
    }
}

impl Member {
    fn rule(&self, asked: &Delegation, scene: &Scene<'_>) -> Ruling {
        if self.out.is_some() {
            return Ruling::Refuse(self.fallen());
        }
        catch_unwind(AssertUnwindSafe(|| self.policy.rule(asked, scene)))
            .unwrap_or_else(|panic| Ruling::Refuse(self.puzzled(&format!("panicked: {}", crate::panic_text(&*panic)))))
    }

    fn fallen(&self) -> Refusal {
        let panic = self.out.as_deref().unwrap_or("panicked");
        self.puzzled(&format!("panicked and refuses until released: {panic}"))
    }

    fn puzzled(&self, reason: &str) -> Refusal {
        Refusal::Policy { policy: self.policy.name().to_owned(), reason: reason.to_owned() }
    }
}

/// What follows from a fact: facts to record, and calls back of admitted work.
#[derive(Default, Debug)]
pub struct Decided {
    /// To be recorded and applied, not decided again.
    pub facts: Vec<AgentFact>,
    /// To be called back.
    pub revoke: Vec<(bailiwick_protocols::DelegationId, bailiwick_protocols::outcome::RevokeReason)>,
}

impl Decided {
    fn take(&mut self, policy: &str, directives: Vec<Directive>) {
        for directive in directives {
            match directive {
                Directive::Record(fact) => self.facts.push(AgentFact::Policy(fact)),
                Directive::Wake { at, token } => {
                    self.facts.push(AgentFact::WakeSet { policy: policy.to_owned(), at, token });
                }
                Directive::Revoke(delegation, reason) => self.revoke.push((delegation, reason)),
                Directive::Escalate { reason } => {
                    self.facts.push(AgentFact::Noted { what: format!("{policy}: {reason}") })
                }
                _ => self
                    .facts
                    .push(AgentFact::Noted { what: format!("{policy}: a directive this version does not know") }),
            }
        }
    }

    /// The breakers that the facts open.
    pub fn trips(&self) -> Vec<Trip> {
        let trip = |fact: &AgentFact| match fact {
            AgentFact::Policy(PolicyFact { kind, body, .. })
                if kind == breaker::OPENED || kind == breaker::ISOLATED =>
            {
                serde_json::from_value(body.0.clone()).ok()
            }
            _ => None,
        };
        self.facts.iter().filter_map(trip).collect()
    }
}
