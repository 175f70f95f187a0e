//! A storm over a team: many goals at once while actors die and goals are cancelled; afterwards the laws must hold.
//!
//! ```
//! use bailiwick::{prelude::*, testing::{Stage, zoo::Animal}};
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() {
//! let stage = Stage::seeded(7)
//!     .agent(Animal::Panics.agent(["sum"]))
//!     .agent(scripted("ada", ["sum"], [ScriptedReply::output("4")]))
//!     .open()
//!     .await;
//!
//! let aftermath = stage.storm(7).goals(50).await.expect("every law holds");
//!
//! assert_eq!(aftermath.goals, 50);
//! # }
//! ```

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    fmt,
    future::{Future, IntoFuture},
    pin::Pin,
    time::Duration,
};

use bailiwick_actors::{directory::WAITING_PLACES, root::Child, world::Dice};
use bailiwick_protocols::{
    AgentFact, Bounds, Capability, Cost, DelegationId, Effects, Event, Goal, GoalEvent, GoalId, Recorded, Stream, Task,
    Timestamp, Usage, Verify,
};

use super::Stage;
use crate::{GoalReport, RunHandle};

/// How many goals a storm submits, if nothing else is said.
pub const STORM_GOALS: usize = 1_000;

/// A goal that has not ended after this much virtual time never will: 30 days.
const NEVER: Duration = Duration::from_secs(30 * 24 * 3_600);

/// Whatever is under way when the last goal has ended is over after this long, idle seats included.
const AFTERWARDS: Duration = Duration::from_secs(120);

/// How often an actor may die within [`BORNE_FOR`] before its parent gives up too.
const DEATHS_MAX: usize = 3;
const BORNE_FOR: Duration = Duration::from_secs(31);

type Asking = Box<dyn Fn(usize) -> Goal + Send>;

/// A storm about to break; await it.
#[must_use = "a storm breaks when it is awaited"]
pub struct Storm<'a> {
    stage: &'a Stage,
    seed: u64,
    goals: usize,
    asking: Option<Asking>,
}

/// What a storm left behind. Every law held.
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub struct Aftermath {
    /// Goals that were submitted, and have all ended.
    pub goals: usize,
    /// Attempts at their tasks and parts.
    pub attempts: usize,
    /// How the goals ended: how many with each outcome.
    pub outcomes: BTreeMap<&'static str, usize>,
    /// Actors that were killed.
    pub deaths: usize,
    /// What all goals consumed, which is what all settlements say.
    pub usage: Usage,
    /// The same in money.
    pub cost: Cost,
}

/// A law that a storm broke.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("storm {seed}: {law}")]
pub struct Broken {
    /// The seed that shows it again.
    pub seed: u64,
    /// What did not hold.
    pub law: String,
}

impl Stage {
    /// A storm over this team, drawn from a seed: the same storm every time. It asks for what the team's agents can do,
    /// kills supervisors, goals and core actors as often as their parents bear, and cancels goals. Then it checks that
    /// every goal has ended and every admission was settled once, that the usage of the leaves is the usage of the
    /// root, that every live state is the fold of its stream, and that no permit, seat, actor or task is left.
    pub fn storm(&self, seed: u64) -> Storm<'_> {
        Storm { stage: self, seed, goals: STORM_GOALS, asking: None }
    }
}

impl Storm<'_> {
    /// Sets how many goals are submitted ([`STORM_GOALS`]).
    pub fn goals(mut self, goals: usize) -> Self {
        self.goals = goals;
        self
    }

    /// Sets what is asked for, by number from 0, instead of goals drawn from what the agents can do.
    pub fn asking(mut self, goal: impl Fn(usize) -> Goal + Send + 'static) -> Self {
        self.asking = Some(Box::new(goal));
        self
    }

    async fn blow(self) -> Result<Aftermath, Broken> {
        let seed = self.seed;
        self.pass().await.map_err(|law| Broken { seed, law })
    }

    async fn pass(self) -> Result<Aftermath, String> {
        let Self { stage, seed, goals, asking } = self;
        let dice = Dice::seeded(seed);
        let mut weather = Weather { stage, dice: &dice, deaths: BTreeMap::new(), killed: 0, live: Vec::new() };
        let tasks_before = tasks();
        // What is read at the end stays in memory until then, however many goals end meanwhile.
        let (mut runs, mut kept) = (Vec::new(), Vec::new());
        for n in 0..goals {
            tokio::time::sleep(weather.within(Duration::from_millis(40))).await;
            let goal = asking.as_ref().map_or_else(|| weather.goal(n), |goal| goal(n));
            let run = submitted(stage, goal).await?;
            weather.live.push(run.goal_id());
            kept.push(stage.bailiwick.lines.watch(run.goal_id()));
            runs.push(run);
            weather.strike();
        }
        let mut reports = Vec::new();
        for run in runs {
            let id = run.goal_id();
            match tokio::time::timeout(NEVER, run).await {
                Ok(Ok(report)) => reports.push(report),
                Ok(Err(error)) => return Err(format!("the runtime gave up: {error}")),
                Err(_) => return Err(format!("goal {id} never ends")),
            }
        }
        tokio::time::sleep(AFTERWARDS).await;
        let killed = weather.killed;
        let (usage, cost) = check(stage, &reports, tasks_before).await?;
        drop(kept);
        let mut outcomes = BTreeMap::new();
        for report in &reports {
            *outcomes.entry(report.outcome_word()).or_default() += 1;
        }
        let attempts = reports.iter().map(GoalReport::attempts).sum();
        Ok(Aftermath { goals: reports.len(), attempts, outcomes, deaths: killed, usage, cost })
    }
}

impl<'a> IntoFuture for Storm<'a> {
    type Output = Result<Aftermath, Broken>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.blow())
    }
}

impl fmt::Display for Aftermath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { goals, attempts, outcomes, deaths, cost, .. } = self;
        write!(f, "{goals} goals, {attempts} attempts, {deaths} deaths, cost {cost:?}, {outcomes:?}")
    }
}

/// Tasks of the runtime that live: each actor is one.
fn tasks() -> usize {
    tokio::runtime::Handle::current().metrics().num_alive_tasks()
}

async fn submitted(stage: &Stage, goal: Goal) -> Result<RunHandle, String> {
    let mut said = String::new();
    for _ in 0..10 {
        match stage.bailiwick().submit(goal.clone()).await {
            Ok(run) => return Ok(run),
            // It was lost with whoever was to take it, and the caller submits it again.
            Err(error) => said = error.to_string(),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Err(format!("a goal is not taken: {said}"))
}

/// What the storm draws.
struct Weather<'a> {
    stage: &'a Stage,
    dice: &'a Dice,
    deaths: BTreeMap<String, VecDeque<Timestamp>>,
    killed: usize,
    live: Vec<GoalId>,
}

impl Weather<'_> {
    fn below(&self, bound: usize) -> usize {
        ((self.dice.unit() * bound as f64) as usize).min(bound.saturating_sub(1))
    }

    fn chance(&self, probability: f64) -> bool {
        self.dice.unit() < probability
    }

    fn within(&self, time: Duration) -> Duration {
        time.mul_f64(self.dice.unit())
    }

    /// One to four tasks of what the agents can do, some after others, some checked.
    fn goal(&self, n: usize) -> Goal {
        let all = self.stage.bailiwick.lines.team.directory.all();
        let can: BTreeSet<&Capability> = all.iter().flat_map(|entry| &entry.capabilities).collect();
        let can: Vec<&Capability> = can.into_iter().collect();
        let goal = Goal::new(format!("goal {n}")).bounds(Bounds { tasks: 24, ..Bounds::default() });
        (0..1 + self.below(4)).fold(goal, |goal, t| {
            let mut task = Task::new(format!("t{t}"), format!("task {t} of goal {n}"))
                .needs_capability(can[self.below(can.len())].clone())
                .timeout(Duration::from_millis(500) + self.within(Duration::from_secs(4)))
                .retries(self.below(3) as u32)
                .criticality(1 + self.below(5) as u8)
                .effects(Effects::None);
            if self.chance(0.5) {
                task = task.verify(Verify::contains("task"));
            }
            if t > 0 && self.chance(0.5) {
                task = task.after([format!("t{}", t - 1)]);
            }
            goal.task(task)
        })
    }

    /// Perhaps somebody dies, perhaps a goal is cancelled, perhaps a breaker is released.
    fn strike(&mut self) {
        let all = self.stage.bailiwick.lines.team.directory.all();
        let somebody = all[self.below(all.len())].name.clone();
        // One of the last ones: they are likely to be at work.
        let goal = self.live[self.live.len() - 1 - self.below(self.live.len().min(12))];
        match self.below(100) {
            0..2 => self.kill(somebody.as_str(), |stage| stage.kill_supervisor(&somebody)),
            2..6 => self.kill(&goal.to_string(), |stage| stage.kill_goal(goal)),
            6..8 => {
                let core = [Child::TrustTracker, Child::VerifierPool, Child::Coordinator, Child::Agents];
                let child = core[self.below(core.len())];
                self.kill("core", |stage| stage.kill(child));
            }
            8..11 => self.stage.cancel(goal, self.chance(0.5)),
            11..14 => self.stage.bailiwick.release(somebody, "the storm"),
            _ => {}
        }
    }

    /// Kills somebody, unless that would be more than a parent bears.
    fn kill(&mut self, who: &str, kill: impl FnOnce(&Stage)) {
        let now = self.stage.now();
        let deaths = self.deaths.entry(who.to_owned()).or_default();
        deaths.retain(|at| *at + BORNE_FOR > now);
        if deaths.len() < DEATHS_MAX {
            deaths.push_back(now);
            self.killed += 1;
            kill(self.stage);
        }
    }
}

/// Returns what everything cost, or the first law that does not hold.
async fn check(stage: &Stage, reports: &[GoalReport], tasks_before: usize) -> Result<(Usage, Cost), String> {
    let mut settled: BTreeMap<GoalId, (Usage, Cost)> = BTreeMap::new();
    for stream in stage.streams() {
        if matches!(stream, Stream::Agent { .. }) {
            agent(&stage.stream(&stream), &mut settled).map_err(|law| format!("{stream}: {law}"))?;
        }
    }
    let mut all = (Usage::default(), Cost::FREE);
    for report in reports {
        let leaves = settled.get(&report.goal_id).copied().unwrap_or((Usage::default(), Cost::FREE));
        let root =
            goal(&stage.goal_stream(report.goal_id), leaves).map_err(|law| format!("{}: {law}", report.goal_id))?;
        all = (all.0 + root.0, all.1 + root.1);
    }
    let team = stage.bailiwick.lines.team.directory.all();
    for entry in &team {
        let (free, all) = (entry.permits.free(), i64::from(entry.seats + WAITING_PLACES));
        holds(free == all, || format!("{}: {free} of {all} permits came home", entry.name))?;
        let left = entry.in_flight();
        holds(left == 0, || format!("{}: {left} in flight when everything has ended", entry.name))?;
    }
    let live = stage.bailiwick.live_goals();
    holds(live == 0, || format!("{live} goals live when everything has ended"))?;
    // A supervisor may wait for its breaker: one task each.
    let (left, allowed) = (tasks(), tasks_before + team.len());
    holds(left <= allowed, || format!("{left} tasks and actors are left of at most {allowed}"))?;
    stage.audit().await?;
    Ok(all)
}

fn holds(law: bool, broken: impl FnOnce() -> String) -> Result<(), String> {
    if law { Ok(()) } else { Err(broken()) }
}

/// Every admission is settled once, and no seat is left. Adds up what each goal was charged.
fn agent(events: &[std::sync::Arc<Recorded>], charged: &mut BTreeMap<GoalId, (Usage, Cost)>) -> Result<(), String> {
    let mut open: BTreeSet<DelegationId> = BTreeSet::new();
    let mut seats: BTreeSet<u32> = BTreeSet::new();
    for recorded in events {
        let Event::Agent(fact) = &recorded.event else { continue };
        match fact {
            // The seats went with the life before.
            AgentFact::Stack { .. } => seats.clear(),
            AgentFact::SeatStarted { seat, .. } => drop(seats.insert(*seat)),
            AgentFact::SeatDown { seat, .. } => drop(seats.remove(seat)),
            AgentFact::Admitted { delegation } => {
                holds(open.insert(delegation.id), || format!("{} was let in twice", delegation.id))?;
            }
            AgentFact::Settled { settlement } => {
                let id = settlement.delegation;
                holds(open.remove(&id), || format!("{id} was settled twice, or never let in"))?;
                let (usage, cost) = charged.entry(id.goal).or_insert((Usage::default(), Cost::FREE));
                *usage += settlement.usage;
                *cost += settlement.cost;
            }
            _ => {}
        }
    }
    holds(open.is_empty(), || format!("{open:?} were never settled"))?;
    holds(seats.is_empty(), || format!("the seats {seats:?} are left"))
}

/// A goal ends once, and its usage is that of its leaves. Returns what it says it consumed.
fn goal(events: &[std::sync::Arc<Recorded>], leaves: (Usage, Cost)) -> Result<(Usage, Cost), String> {
    let (mut usage, mut cost) = leaves;
    let mut root = None;
    for recorded in events {
        let Event::Goal(event) = &recorded.event else { continue };
        holds(root.is_none(), || format!("{} after its end", event.kind()))?;
        match event {
            // Planning and joining are leaves too.
            GoalEvent::TaskDecomposed { usage: u, cost: c, .. }
            | GoalEvent::PlanRejected { usage: u, cost: c, .. }
            | GoalEvent::Synthesised { usage: u, cost: c, .. } => {
                usage += *u;
                cost += *c;
            }
            GoalEvent::GoalSettled { usage, cost, .. } => root = Some((*usage, *cost)),
            _ => {}
        }
    }
    let Some(root) = root else { return Err("its stream has no end".to_owned()) };
    holds(root == (usage, cost), || format!("the leaves consumed {usage:?}, {cost:?}, and the root says {root:?}"))?;
    Ok(root)
}
