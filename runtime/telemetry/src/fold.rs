//! Makes spans of the log: plain and synchronous, the same for a live run and for an old journal.
//!
//! Nothing in the runtime is instrumented. What is recorded says when each thing began and ended, and what it led to;
//! ids are derived from the trace that the goal carries, so an attempt's span has the id that its agent was told.
//! A goal's stream says when a span is complete; agents' streams add what happened at the door, in the seat and after.

use std::collections::{BTreeMap, HashMap};

use bailiwick_protocols::{
    AgentFact, AgentName, Capability, DelegationId, Event, GoalId, PolicyFact, Recorded, Stream, Timestamp,
    Traceparent, outcome::Trip, policy::breaker,
};

use self::{breakers::Breakers, goal::GoalTrace};
use crate::{
    names::{attribute as a, event as e},
    sampling::Sampling,
    span::{Span, int, text},
};

mod breakers;
mod delegation;
mod goal;
mod said;
mod wait;
mod words;

pub use wait::SPLIT;

/// The spans of everything a log tells.
#[derive(Debug)]
pub struct Fold {
    goals: HashMap<GoalId, GoalTrace>,
    breakers: Breakers,
    /// What led to the last facts of each agent: policy facts of the same moment belong to it.
    latest: HashMap<AgentName, (DelegationId, Timestamp)>,
    /// The policies of each agent's supervisor.
    stacks: HashMap<AgentName, Vec<String>>,
    /// Up to here it is the past, told by an earlier life of the process.
    past: u64,
    sampling: Sampling,
    words: words::Words,
    out: Vec<Span>,
}

impl Fold {
    /// A fold that hands out nothing of what stands at or before this position. `content` lets texts of goals and
    /// findings leave the process.
    pub fn new(past: u64, sampling: Sampling, content: bool) -> Self {
        Self {
            goals: HashMap::new(),
            breakers: Breakers::default(),
            latest: HashMap::new(),
            stacks: HashMap::new(),
            past,
            sampling,
            words: words::Words { content },
            out: Vec::new(),
        }
    }

    /// Takes the next event of the log.
    pub fn apply(&mut self, recorded: &Recorded) {
        let before = self.out.len();
        let about = match (&recorded.stream, &recorded.event) {
            (Stream::Goal(id), Event::Goal(event)) => {
                self.of_goal(*id, recorded, event);
                Some(*id)
            }
            (Stream::Agent { agent, .. }, Event::Agent(fact)) => {
                self.of_agent(agent, recorded, fact);
                fact.delegation().map(|id| id.goal)
            }
            _ => None,
        };
        let is_past = recorded.seq <= self.past;
        if let Some(last) = self.out[before..].last()
            && let Some(goal) = about.and_then(|id| self.goals.get_mut(&id))
        {
            goal.told(last.context, is_past);
        }
        if is_past {
            self.out.clear();
        }
    }

    /// Splits what has waited for long, so that it can be seen before it ends.
    pub fn tick(&mut self, now: Timestamp) {
        for goal in self.goals.values_mut() {
            goal.split(now, &mut self.out);
        }
    }

    /// The spans that are complete.
    pub fn take(&mut self) -> Vec<Span> {
        std::mem::take(&mut self.out)
    }

    /// Forgets the goals whose events were missed: what is not known to be whole is not told.
    pub fn lose(&mut self) {
        self.goals.clear();
    }

    fn of_goal(&mut self, id: GoalId, recorded: &Recorded, event: &bailiwick_protocols::GoalEvent) {
        use bailiwick_protocols::GoalEvent as E;
        if let E::GoalSubmitted { goal, team, .. } = event {
            if let Some(trace) = GoalTrace::new(id, goal, team, recorded, self.words)
                && !goal.unsampled
                && self.sampling.wants(trace.context(), trace.obeyed())
            {
                self.goals.insert(id, trace);
            }
            return;
        }
        let Some(goal) = self.goals.get_mut(&id) else { return };
        if recorded.seq > self.past || matches!(event, E::GoalResumed) {
            goal.goes_on(self.past, event, recorded.at);
        }
        goal.apply(event, recorded.at, &mut self.out);
        if matches!(event, E::GoalSettled { .. }) {
            self.goals.remove(&id);
        }
    }

    fn of_agent(&mut self, agent: &AgentName, recorded: &Recorded, fact: &AgentFact) {
        let at = recorded.at;
        if let AgentFact::Policy(fact) = fact {
            return self.of_policy(agent, fact, at);
        }
        if let AgentFact::Stack { policies, .. } = fact {
            self.stacks.insert(agent.clone(), policies.clone());
        }
        let Some(id) = fact.delegation() else { return };
        self.latest.insert(agent.clone(), (id, at));
        if let Some(goal) = self.goals.get_mut(&id.goal) {
            if let AgentFact::Admitted { .. } | AgentFact::TurnedAway { .. } = fact
                && let (Some(asked), Some(policies)) = (goal.delegation(id), self.stacks.get(agent))
            {
                asked.ruled_by(policies);
            }
            goal.hear(id, fact, at, &mut self.out);
        }
    }

    /// A breaker moved: told where it happened, or in a trace of its own if time alone moved it.
    fn of_policy(&mut self, agent: &AgentName, fact: &PolicyFact, at: Timestamp) {
        let Ok(trip) = serde_json::from_value::<Trip>(fact.body.0.clone()) else { return };
        let name = match fact.kind.as_str() {
            breaker::OPENED => e::BREAKER_OPENED,
            breaker::HALF_OPENED => e::BREAKER_HALF_OPENED,
            breaker::CLOSED => e::BREAKER_CLOSED,
            breaker::ISOLATED => e::BREAKER_ISOLATED,
            _ => return,
        };
        let mut said = vec![text(a::AGENT, agent), text(a::POLICY, &fact.policy), text(a::REASON, &trip.reason)];
        said.extend(trip.capability.as_ref().map(|capability| text(a::CAPABILITY, capability)));
        said.extend(trip.until.map(|until| int(a::UNTIL, until.as_millis())));
        let led = self.latest.get(agent).filter(|(_, when)| *when == at).map(|(id, _)| *id);
        let place = led.and_then(|id| self.goals.get_mut(&id.goal)?.delegation(id));
        let by: Option<Traceparent> = place.map(|delegation| {
            delegation.span.happened(name, at, said.clone());
            delegation.span.context
        });
        let key: (AgentName, Option<Capability>) = (agent.clone(), trip.capability);
        if let Some(span) = self.breakers.moved(key, name, at, said, by)
            && self.sampling.wants(span.context, None)
        {
            self.out.push(span);
        }
    }
}

/// Ids below a goal's span: what it is and which, in one number. Attempts have the bare number of their delegation.
fn id(of: Traceparent, kind: Kind, number: u64) -> Traceparent {
    of.child(((kind as u64) << 40) | number)
}

/// The kinds of spans below a goal.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Plan = 1,
    Task,
    Delegation,
    Admission,
    Wait,
    Verification,
    Tool,
}

type ById<T> = BTreeMap<u32, T>;
