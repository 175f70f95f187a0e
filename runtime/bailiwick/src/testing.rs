//! A stage for tests: the real tree in virtual time, with seeded delivery, and timelines to compare.
//!
//! ```
//! use bailiwick::{prelude::*, testing::Stage};
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() {
//! let stage = Stage::seeded(7).agent(scripted("ada", ["sum"], [ScriptedReply::output("4")])).open().await;
//!
//! let report = stage.run(Goal::new("2 + 2").verify(Verify::equals("4"))).await;
//!
//! assert_eq!(report.outcome_word(), "verified");
//! assert!(stage.timeline(&report).to_string().contains("task_completed goal"));
//! # }
//! ```
//!
//! A Stage needs tokio's paused time: `#[tokio::test(start_paused = true)]`. An hour then takes microseconds. Programs
//! (`command`) and disks are tested in real time instead, with the ordinary [`Builder`].

use std::{collections::BTreeMap, fmt, path::Path, sync::Arc, time::Duration};

pub use bailiwick_actors::root::Child;
use bailiwick_actors::{
    address::Origin,
    agents::AgentSpec,
    audit_log::memory::MemoryJournal,
    directory::Entry,
    messages::{AgentsMessage, CoordinatorMessage, GoalMessage, SupervisorMessage},
    switchboard::plain,
};
use bailiwick_protocols::{AgentName, Event, Goal, GoalId, Recorded, Stream, Timestamp};

use tokio::sync::oneshot;

use crate::{Bailiwick, Builder, GoalReport, RunHandle, builder::StageWorld};

pub mod conformance;
pub mod storm;
pub mod zoo;

/// When time begins on every Stage: 2026-01-01T00:00:00Z.
pub const EPOCH: Timestamp = Timestamp::from_millis(1_767_225_600_000);

/// The longest delay of a message on a Stage with delays: 50 ms.
pub const DELAY: Duration = Duration::from_millis(50);

/// A Stage being set.
pub struct StageBuilder {
    builder: Builder,
    delay: Option<Duration>,
}

/// A running team in virtual time.
pub struct Stage {
    bailiwick: Bailiwick,
}

impl Stage {
    /// A Stage with every draw seeded and messages delivered after seeded delays of up to [`DELAY`].
    pub fn seeded(seed: u64) -> StageBuilder {
        StageBuilder { builder: Builder::default().name("stage").seed(seed).exploration(0.0), delay: Some(DELAY) }
    }

    /// Submits a goal.
    ///
    /// # Panics
    /// If it is not accepted.
    pub async fn submit(&self, goal: Goal) -> RunHandle {
        match self.bailiwick.submit(goal).await {
            Ok(run) => run,
            Err(error) => panic!("the goal was not accepted: {error}"),
        }
    }

    /// Submits a goal and waits for its end.
    ///
    /// # Panics
    /// If it is not accepted, or the runtime ends.
    pub async fn run(&self, goal: Goal) -> GoalReport {
        match self.submit(goal).await.await {
            Ok(report) => report,
            Err(error) => panic!("the runtime ended: {error}"),
        }
    }

    /// The runtime itself.
    pub fn bailiwick(&self) -> &Bailiwick {
        &self.bailiwick
    }

    /// The runtime itself, to end it.
    pub fn into_bailiwick(self) -> Bailiwick {
        self.bailiwick
    }

    /// Now, in virtual time.
    pub fn now(&self) -> Timestamp {
        self.bailiwick.world.clock.now()
    }

    /// The entry of an agent in the directory: seats, permits, standing.
    pub fn entry(&self, agent: &str) -> Option<Arc<Entry>> {
        self.bailiwick.lines.team.directory.get(&agent.into())
    }

    /// How many messages have been sent between actors so far.
    pub fn messages(&self) -> u64 {
        self.bailiwick.world.post.count()
    }

    /// The names of all streams.
    pub fn streams(&self) -> Vec<Stream> {
        self.bailiwick.world.log.streams()
    }

    /// One stream from its first event, durable or not.
    pub fn stream(&self, stream: &Stream) -> Vec<Arc<Recorded>> {
        self.bailiwick.world.log.whole(stream).expect("the journal of a Stage can be read")
    }

    /// The whole log, in order.
    pub fn log(&self) -> Vec<Arc<Recorded>> {
        let log = &self.bailiwick.world.log;
        let mut all: Vec<_> = log.streams().iter().flat_map(|stream| self.stream(stream)).collect();
        all.sort_by_key(|recorded| recorded.seq);
        all
    }

    /// The stream of an agent's first generation.
    pub fn agent_stream(&self, agent: &str) -> Vec<Arc<Recorded>> {
        let team = self.bailiwick.lines.team.name.clone();
        self.stream(&Stream::Agent { team, agent: agent.into(), generation: 0 })
    }

    /// The stream of one generation of an agent.
    pub fn generation_stream(&self, agent: &str, generation: u32) -> Vec<Arc<Recorded>> {
        let team = self.bailiwick.lines.team.name.clone();
        self.stream(&Stream::Agent { team, agent: agent.into(), generation })
    }

    /// The stream of a goal.
    pub fn goal_stream(&self, goal: GoalId) -> Vec<Arc<Recorded>> {
        self.stream(&Stream::Goal(goal))
    }

    /// What happened to a goal.
    pub fn timeline(&self, report: &GoalReport) -> Timeline {
        Timeline::of(&self.goal_stream(report.goal_id))
    }

    /// Kills the supervisor of an agent, as a bug in it would.
    pub fn kill_supervisor(&self, agent: &str) {
        if let Some(entry) = self.entry(agent)
            && let Some(actor) = entry.address.actor()
        {
            actor.kill();
        }
    }

    /// Kills the seats of an agent, with whatever they carry.
    pub fn kill_seats(&self, agent: &str) {
        let supervisor = self.entry(agent).and_then(|entry| entry.address.actor());
        for seat in supervisor.iter().flat_map(|supervisor| supervisor.get_children()) {
            seat.kill();
        }
    }

    /// Cancels a goal, or, gracefully, lets what runs of it end.
    pub fn cancel(&self, goal: GoalId, graceful: bool) {
        let run = RunHandle::new(goal, &self.bailiwick.world, &self.bailiwick.lines);
        if graceful { run.drain() } else { run.cancel("canceled on the stage") }
    }

    /// Kills the actor of a goal.
    pub fn kill_goal(&self, goal: GoalId) {
        let address = self.bailiwick.lines.goals.get(&goal).map(|address| address.clone());
        if let Some(actor) = address.and_then(|address| address.actor()) {
            actor.kill();
        }
    }

    /// Kills a core actor.
    pub fn kill(&self, child: Child) {
        let lines = &self.bailiwick.lines;
        match child {
            Child::TrustTracker => lines.tracker.actor().iter().for_each(|actor| actor.kill()),
            Child::VerifierPool => lines.pool.actor().iter().for_each(|actor| actor.kill()),
            Child::Agents => lines.agents.actor().iter().for_each(|actor| actor.kill()),
            Child::Coordinator => lines.coordinator.actor().iter().for_each(|actor| actor.kill()),
            // It is reached through the log's handle only; a journal that fails ends it.
            Child::AuditLog => {}
        }
    }

    /// Has every live supervisor and goal compare what it knows with the fold of its stream. No message of the road:
    /// it is neither delayed nor counted.
    ///
    /// # Errors
    /// What differs, at whom.
    pub async fn audit(&self) -> Result<(), String> {
        let mut answers = Vec::new();
        let lines = &self.bailiwick.lines;
        for actor in lines.team.directory.all().iter().filter_map(|entry| entry.address.actor()) {
            let (reply, answer) = oneshot::channel();
            // Whoever is dead has nothing that could differ.
            if actor.cast(plain(Origin::EDGE, SupervisorMessage::Audit { reply })).is_ok() {
                answers.push(answer);
            }
        }
        let goals: Vec<_> = lines.goals.iter().filter_map(|address| address.actor()).collect();
        for actor in goals {
            let (reply, answer) = oneshot::channel();
            if actor.cast(plain(Origin::EDGE, GoalMessage::Audit { reply })).is_ok() {
                answers.push(answer);
            }
        }
        for answer in answers {
            // Dropped: it died or ended meanwhile.
            answer.await.unwrap_or(Ok(()))?;
        }
        Ok(())
    }

    /// Has every actor send again what it has open, as after a replacement.
    pub fn sweep(&self) {
        self.bailiwick.lines.agents.tell_from_edge(AgentsMessage::Sweep);
        self.bailiwick.lines.coordinator.tell_from_edge(CoordinatorMessage::Sweep);
    }
}

impl StageBuilder {
    /// Adds an agent.
    pub fn agent(self, agent: AgentSpec) -> Self {
        self.with(|builder| builder.agent(agent))
    }

    /// Sets anything else, as on the ordinary builder.
    pub fn with(mut self, set: impl FnOnce(Builder) -> Builder) -> Self {
        self.builder = set(self.builder);
        self
    }

    /// Delivers messages at once instead of after seeded delays.
    pub fn without_delays(mut self) -> Self {
        self.delay = None;
        self
    }

    /// Delivers messages after seeded delays of up to this.
    pub fn delays(mut self, max: Duration) -> Self {
        self.delay = Some(max);
        self
    }

    /// Has the journal acknowledge only after this long, as a disk would.
    pub fn late_journal(self, by: Duration) -> Self {
        self.with(|builder| builder.journal(MemoryJournal::late(by)))
    }

    /// Starts the team.
    ///
    /// # Panics
    /// If something is wrong with it.
    pub async fn open(mut self) -> Stage {
        self.builder.stage = Some(StageWorld { epoch: EPOCH, delay: self.delay });
        match self.builder.start().await {
            Ok(bailiwick) => Stage { bailiwick },
            Err(error) => panic!("the stage cannot be opened: {error}"),
        }
    }
}

/// What happened in one stream, a line an event: kind, task, agent, attempt, and what tells most about it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Timeline(Vec<String>);

impl Timeline {
    /// Reads a stream.
    pub fn of(events: &[Arc<Recorded>]) -> Self {
        let mut names = BTreeMap::new();
        Self(events.iter().map(|recorded| line(recorded, &mut names)).collect())
    }

    /// The lines.
    pub fn lines(&self) -> &[String] {
        &self.0
    }

    /// Compares with a golden file. With `UPDATE_GOLDEN=1` in the environment it is written instead: read the diff.
    ///
    /// # Panics
    /// If it differs, or the file cannot be read or written.
    #[track_caller]
    pub fn is(&self, golden: impl AsRef<Path>) {
        let path = golden.as_ref();
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            if let Err(error) = std::fs::write(path, self.to_string()) {
                panic!("{} cannot be written: {error}", path.display());
            }
            return;
        }
        let expected = std::fs::read_to_string(path).unwrap_or_default();
        assert_eq!(self.to_string(), expected, "{} differs; UPDATE_GOLDEN=1 rewrites it", path.display());
    }
}

impl fmt::Display for Timeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}

fn line(recorded: &Recorded, names: &mut BTreeMap<String, usize>) -> String {
    let mut words = vec![recorded.event.kind().to_owned()];
    match &recorded.event {
        Event::Goal(event) => {
            words.extend(event.task().map(|task| task.to_string()));
            words.extend(event.agent().map(AgentName::to_string));
            words.extend(event.attempt().map(|attempt| format!("#{attempt}")));
            words.extend(telling(event));
        }
        Event::Agent(fact) => {
            // Ids differ from run to run; their order does not.
            words.extend(fact.delegation().map(|id| {
                let next = names.len() + 1;
                format!("d{}", names.entry(id.to_string()).or_insert(next))
            }));
        }
        _ => {}
    }
    words.join(" ")
}

fn telling(event: &bailiwick_protocols::GoalEvent) -> Option<String> {
    use bailiwick_protocols::GoalEvent as E;
    match event {
        E::RouteChosen { route, .. } => Some(route.as_str().to_owned()),
        E::DelegationRefused { refusal, .. } => Some(refusal.code().to_string()),
        E::TrustUpdated { before, after, .. } => Some(format!("{:.3} -> {:.3}", before.get(), after.get())),
        E::AttemptEnded { ended, .. } => Some(ended.outcome.as_str().to_owned()),
        E::TaskFailed { outcome, .. } | E::GoalSettled { outcome, .. } => Some(outcome.as_str().to_owned()),
        _ => None,
    }
}
