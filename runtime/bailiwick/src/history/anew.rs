//! Decides a recorded journal anew, by other rules and without calling anybody: which trips, refusals and costs change.
//!
//! The policies are driven over the facts that the agents' supervisors recorded, at the recorded times. What they would
//! refuse never happened, and its outcome, lesson and cost fall away. What they would let in that was refused then, or
//! would not have called back, is named and no more: nobody knows what would have come of it. Goals choose as they
//! chose, and policies of a team's own keep what they ruled.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::Arc,
};

use bailiwick_actors::goal::state::GoalState;
use bailiwick_protocols::{
    AgentFact, AgentName, Capability, Cost, Delegation, DelegationId, Event, GoalId, PolicyFact, Recorded, Stream,
    TaskId, Timestamp, policy::breaker,
};

use crate::team_file::TeamRules;

mod second_desk;

use second_desk::SecondDesk;

/// What a journal comes to by other rules.
#[derive(Clone, PartialEq, Debug, Default)]
#[non_exhaustive]
pub struct Anew {
    /// How many delegations were decided again.
    pub delegations: usize,
    /// What is decided otherwise, in the order in which it happened.
    pub changes: Vec<Change>,
    /// What each goal cost, and would cost less or more by what is known.
    pub costs: BTreeMap<GoalId, Costs>,
    /// Policies whose rulings were taken as they are: a team's own.
    pub kept: BTreeSet<String>,
}

/// What a goal's attempts cost.
#[derive(Clone, Copy, PartialEq, Debug)]
#[non_exhaustive]
pub struct Costs {
    /// As recorded.
    pub recorded: Cost,
    /// By the new rules.
    pub anew: Cost,
}

/// One thing that is decided otherwise.
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub struct Change {
    /// When.
    pub at: Timestamp,
    /// By whose supervisor.
    pub agent: AgentName,
    /// For which goal and task; `None` if it concerns none.
    pub about: Option<(GoalId, TaskId)>,
    /// What.
    pub what: Changed,
    /// The reason that was recorded; `None` if it did not happen.
    pub recorded: Option<String>,
    /// The reason by the new rules; `None` if it does not happen.
    pub anew: Option<String>,
}

/// What may be decided otherwise.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[non_exhaustive]
pub enum Changed {
    /// A breaker opens: of this capability, or of the whole agent.
    Trip(Option<Capability>),
    /// A delegation is turned away, or given back before a seat began.
    Refusal,
    /// Work under way is called back.
    Recall,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}  {}", self.at, self.agent)?;
        if let Some((goal, task)) = &self.about {
            write!(f, "  {goal} {task}")?;
        }
        match &self.what {
            Changed::Trip(None) => f.write_str("  trip of the whole agent: ")?,
            Changed::Trip(Some(capability)) => write!(f, "  trip of {capability}: ")?,
            Changed::Refusal => f.write_str("  refusal: ")?,
            Changed::Recall => f.write_str("  call back: ")?,
        }
        let said = |reason: &Option<String>| reason.clone().unwrap_or_else(|| "none".to_owned());
        write!(f, "then {}; now {}", said(&self.recorded), said(&self.anew))
    }
}

/// Decides everything in the journal anew.
pub fn anew(events: &[Arc<Recorded>], rules: &TeamRules) -> Anew {
    let trips = trips(events);
    let mut found = Anew::default();
    let mut goals: BTreeMap<GoalId, GoalState> = BTreeMap::new();
    let mut desks: BTreeMap<&Stream, SecondDesk<'_>> = BTreeMap::new();
    for recorded in events {
        match (&recorded.stream, &recorded.event) {
            (Stream::Goal(id), Event::Goal(event)) => match goals.get_mut(id) {
                Some(goal) => goal.apply(event, recorded.at),
                None => goals.extend(GoalState::fold(*id, [(event, recorded.at)]).map(|goal| (*id, goal))),
            },
            (stream @ Stream::Agent { agent, generation, .. }, Event::Agent(fact)) => {
                let desk = desks.entry(stream).or_insert_with(|| SecondDesk::new(agent, *generation, rules));
                let asked = |id: DelegationId| goals.get(&id.goal)?.delegation(id);
                let then = Then { fact, at: recorded.at, trips: trips.get(&recorded.seq).map_or(&[], Vec::as_slice) };
                desk.hear(&then, &asked, &mut found);
            }
            _ => {}
        }
    }
    found
}

/// A recorded fact, and the trips that followed from it then.
struct Then<'a> {
    fact: &'a AgentFact,
    at: Timestamp,
    trips: &'a [&'a PolicyFact],
}

/// What was asked by a delegation, before any policy narrowed it.
type Asked<'a> = dyn Fn(DelegationId) -> Option<Delegation> + 'a;

/// The trips by the position of the fact they followed from: they stand right behind it in the same stream.
fn trips(events: &[Arc<Recorded>]) -> BTreeMap<u64, Vec<&PolicyFact>> {
    let mut trips: BTreeMap<u64, Vec<&PolicyFact>> = BTreeMap::new();
    let mut last: BTreeMap<&Stream, u64> = BTreeMap::new();
    for recorded in events {
        match &recorded.event {
            Event::Agent(AgentFact::Policy(fact)) => {
                let opens = fact.kind == breaker::OPENED || fact.kind == breaker::ISOLATED;
                if let Some(cause) = last.get(&recorded.stream).filter(|_| opens) {
                    trips.entry(*cause).or_default().push(fact);
                }
            }
            // What else is decided with a trip.
            Event::Agent(AgentFact::WakeSet { .. } | AgentFact::PolicyOut { .. } | AgentFact::Noted { .. }) => {}
            _ => drop(last.insert(&recorded.stream, recorded.seq)),
        }
    }
    trips
}
