//! Why a task was turned away, or a breaker opened: told from the streams, and from nothing else.
//!
//! A refusal for want of authority is the end of a chain of mandates; what each hop removed is shown, and which hop
//! removed what was missing. A refusal of a breaker goes back to the trip, and the trip to the outcomes that caused it.

mod mandates;
mod text;
mod trips;

use std::{cell::RefCell, collections::BTreeMap, sync::Arc};

use bailiwick_actors::audit_log::journal::JournalError;
use bailiwick_protocols::{
    AgentFact, AgentName, Capability, DelegationId, Event, GoalEvent, GoalId, Mandate, Outcome, Permission,
    Permissions, PolicyRuling, Recorded, Refusal, Stream, TaskId, Timestamp,
};
use serde::{Deserialize, Serialize};

use crate::Bailiwick;

/// Why a task was turned away, by whom, and which breakers it opened.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Explanation {
    /// The goal.
    pub goal_id: GoalId,
    /// The task.
    pub task: TaskId,
    /// How it ended; `None` while it has not.
    pub outcome: Option<Outcome>,
    /// Every refusal it met with: at a door, by a standing, of a part it wanted to hand on, of a tool.
    pub refusals: Vec<ExplainedRefusal>,
    /// The breakers that its attempts opened.
    pub trips: Vec<ExplainedTrip>,
}

/// One refusal, and what led to it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ExplainedRefusal {
    /// Whose supervisor refused.
    pub agent: AgentName,
    /// When; `None` if nobody was asked, because a standing said it before.
    pub at: Option<Timestamp>,
    /// What it was about.
    pub about: About,
    /// What was said.
    pub refusal: Refusal,
    /// What each policy ruled, where that is recorded.
    pub rulings: Vec<PolicyRuling>,
    /// The mandates it came down by, outermost first.
    pub chain: Vec<Hop>,
    /// What was missing, each with the hop that removed it.
    pub lost: Vec<Lost>,
    /// The trip behind it, if a breaker refused.
    pub trip: Option<ExplainedTrip>,
}

/// What was refused.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum About {
    /// The task itself.
    Task,
    /// A part that the agent at work wanted to hand on.
    Part(TaskId),
    /// A tool call of the agent at work.
    Tool,
}

/// One step of authority on its way down.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Hop {
    /// Who holds it, or what narrows it.
    pub by: By,
    /// What is left.
    pub mandate: Mandate,
    /// What the step before allowed and this one does not.
    pub removed: Permissions,
}

/// What a mandate belongs to.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum By {
    /// The goal: what the team grants, within what the goal may grant.
    Goal,
    /// What the task asks for.
    Task(TaskId),
    /// What an agent at work handed on to a part.
    HandedOn(TaskId),
    /// An agent: what its own permissions allow.
    Agent(AgentName),
}

/// A permission that was missing, and where it was lost.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Lost {
    /// What was missing.
    pub permission: Permission,
    /// The first step that does not allow it.
    pub by: By,
}

/// A breaker that opened, and the outcomes that opened it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ExplainedTrip {
    /// Whose breaker.
    pub agent: AgentName,
    /// The capability; `None` for the whole agent.
    pub capability: Option<Capability>,
    /// When it opened.
    pub at: Timestamp,
    /// When it becomes half-open; `None` if only a release ends it.
    pub until: Option<Timestamp>,
    /// Which trigger fired, as one word.
    pub trigger: String,
    /// The same as a sentence.
    pub reason: String,
    /// What fired it, oldest first.
    pub evidence: Vec<Evidence>,
}

/// Something that happened and counted.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Evidence {
    /// When.
    pub at: Timestamp,
    /// In which delegation, if in one.
    pub delegation: Option<DelegationId>,
    /// For which task, if for one.
    pub task: Option<TaskId>,
    /// What, for people.
    pub what: String,
}

/// The streams an explanation is read from: the goal's, and those of the agents it met, each fetched once.
struct Streams<'a> {
    goal: &'a [Arc<Recorded>],
    fetch: &'a dyn Fn(&AgentName) -> Vec<Arc<Recorded>>,
    fetched: RefCell<BTreeMap<AgentName, Arc<Vec<Arc<Recorded>>>>>,
}

impl Streams<'_> {
    fn goal(&self) -> impl DoubleEndedIterator<Item = (&GoalEvent, Timestamp)> {
        self.goal.iter().filter_map(|recorded| match &recorded.event {
            Event::Goal(event) => Some((event, recorded.at)),
            _ => None,
        })
    }

    fn agent(&self, agent: &AgentName) -> Arc<Vec<Arc<Recorded>>> {
        let mut fetched = self.fetched.borrow_mut();
        fetched.entry(agent.clone()).or_insert_with(|| Arc::new((self.fetch)(agent))).clone()
    }
}

/// The facts of an agent's stream, in order.
fn facts(stream: &[Arc<Recorded>]) -> impl DoubleEndedIterator<Item = (&AgentFact, Timestamp)> {
    stream.iter().filter_map(|recorded| match &recorded.event {
        Event::Agent(fact) => Some((fact, recorded.at)),
        _ => None,
    })
}

impl Bailiwick {
    /// Why a task was turned away, and why breakers opened on it; `None` if there is no such goal or task. Blocks while it
    /// reads from the journal what came before the start's snapshots of the agents in question.
    ///
    /// # Errors
    /// If the journal cannot be read: half a story is not told.
    pub fn explain(&self, goal: GoalId, task: impl Into<TaskId>) -> Result<Option<Explanation>, JournalError> {
        let log = &self.world.log;
        let team = &self.lines.team;
        let unread = RefCell::new(None);
        let whole =
            |stream: Stream| log.whole(&stream).map_err(|error| unread.replace(Some(error))).unwrap_or_default();
        let agent = |agent: &AgentName| {
            let newest = team.directory.get(agent).map_or(0, |entry| entry.generation);
            let stream = |generation| Stream::Agent { team: team.name.clone(), agent: agent.clone(), generation };
            (0..=newest).flat_map(|generation| whole(stream(generation))).collect()
        };
        let told = Explanation::of(&log.stream(&Stream::Goal(goal)), &agent, &task.into());
        unread.into_inner().map_or(Ok(told), Err)
    }
}

impl Explanation {
    /// Reads a task's story from the goal's stream and from those of the agents, asked for by name. `None` if the goal
    /// has no such task.
    pub fn of(goal: &[Arc<Recorded>], agent: &dyn Fn(&AgentName) -> Vec<Arc<Recorded>>, task: &TaskId) -> Option<Self> {
        let streams = Streams { goal, fetch: agent, fetched: RefCell::default() };
        let goal_id = goal.iter().find_map(|recorded| match &recorded.stream {
            Stream::Goal(id) => Some(*id),
            _ => None,
        })?;
        streams.spec(task)?;
        let mut this = Self { goal_id, task: task.clone(), outcome: None, refusals: Vec::new(), trips: Vec::new() };
        for (event, at) in streams.goal().filter(|(event, _)| event.task() == Some(task)) {
            this.take(&streams, event, at);
        }
        Some(this)
    }

    fn take(&mut self, streams: &Streams<'_>, event: &GoalEvent, at: Timestamp) {
        match event {
            GoalEvent::DelegationRefused { delegation, agent, refusal, .. } if *refusal != Refusal::Full => {
                let chain = streams.chain(*delegation);
                let explained = streams.refusal(agent, at, About::Task, refusal, chain);
                let rulings = streams.rulings(agent, *delegation);
                self.refusals.push(ExplainedRefusal { rulings, ..explained });
            }
            GoalEvent::AttemptEnded { delegation, agent, .. } => {
                self.refusals.extend(streams.at_work(agent, *delegation));
                self.trips.extend(streams.trips_at_work(agent, *delegation));
            }
            GoalEvent::TrustCircuitBreak { agent, capability, until, .. } => {
                self.trips.extend(streams.trip(agent, capability, *until));
            }
            GoalEvent::TaskFailed { outcome, refusals, .. } => {
                self.outcome = Some(outcome.clone());
                for said in refusals {
                    if !self.refusals.iter().any(|known| known.agent == said.agent && known.refusal == said.refusal) {
                        let chain = streams.chain_to(&self.task, None);
                        let explained = streams.refusal(&said.agent, at, About::Task, &said.refusal, chain);
                        // Nobody was asked: a standing had said it before.
                        self.refusals.push(ExplainedRefusal { at: None, ..explained });
                    }
                }
            }
            GoalEvent::TaskCompleted { outcome, .. } => self.outcome = Some(outcome.clone()),
            GoalEvent::TaskSkipped { because, .. } => {
                self.outcome = Some(Outcome::Skipped { because: because.clone() });
            }
            _ => {}
        }
    }
}

impl Streams<'_> {
    fn refusal(
        &self,
        agent: &AgentName,
        at: Timestamp,
        about: About,
        refusal: &Refusal,
        chain: Vec<Hop>,
    ) -> ExplainedRefusal {
        ExplainedRefusal {
            agent: agent.clone(),
            at: Some(at),
            about,
            refusal: refusal.clone(),
            rulings: Vec::new(),
            lost: mandates::lost(&chain, refusal),
            chain,
            trip: self.trip_behind(agent, refusal, at),
        }
    }

    /// What the policies ruled on a delegation that was turned away.
    fn rulings(&self, agent: &AgentName, id: DelegationId) -> Vec<PolicyRuling> {
        let found = facts(&self.agent(agent)).find_map(|(fact, _)| match fact {
            AgentFact::TurnedAway { delegation, rulings, .. } if *delegation == id => Some(rulings.clone()),
            _ => None,
        });
        found.unwrap_or_default()
    }

    /// What an agent at work was refused: parts and tools.
    fn at_work(&self, agent: &AgentName, id: DelegationId) -> Vec<ExplainedRefusal> {
        let stream = self.agent(agent);
        let refused = facts(&stream).filter_map(|(fact, at)| match fact {
            AgentFact::PartRefused { delegation, name, refusal } if *delegation == id => {
                Some((at, About::Part(name.clone()), refusal.clone()))
            }
            AgentFact::Violation { delegation, tried } if *delegation == id => {
                let (needs, outside) = (tried.needs.clone(), tried.outside.clone());
                Some((at, About::Tool, Refusal::OutsideMandate { needs, outside }))
            }
            _ => None,
        });
        refused.map(|(at, about, refusal)| self.refusal(agent, at, about, &refusal, self.chain(id))).collect()
    }
}
