//! A running team: where goals are submitted, and where it is shut down.

use std::{sync::Arc, time::Duration};

use bailiwick_actors::{
    address::{Envelope, Post},
    agents::{
        AgentSpec, DynAgent,
        command::{CommandAgent, CommandSpec},
        scripted::ScriptedAgent,
    },
    agents_root::Hiring,
    audit_log::log::Log,
    authority::{Authority, Holder},
    directory::{Directory, Entry, Weights},
    edge::Places,
    goal::plan,
    messages::{AcceptedGoal, AgentsMessage, CoordinatorMessage, RootMessage},
    policies::{self, PolicyStack},
    root::Root,
    switchboard::Switchboard,
    team::Team,
    verifiers::{ScriptedJudge, Verifiers},
    world::{Clock, Dice, Spawner, Starts, World},
};
use bailiwick_protocols::{
    AgentName, Bounds, Capability, Cost, Goal, GoalId, Mandate, Permission, Permissions, Refusal, Stream, Timestamp,
    TrustScore, outcome::CanceledBy,
};
use futures::StreamExt;
use ractor::{Actor, ActorRef};
use tokio::sync::oneshot;

use crate::{
    Builder, Error, Handlers, Problems, RunHandle, SubmitError, TeamFile,
    report::{BreakerStanding, BreakerState},
    resume,
    team::Grants,
    team_file::TeamAgentKind,
};

/// How long `shutdown` waits for goals and actors to end: 5 s.
pub const SHUTDOWN: Duration = Duration::from_secs(5);

/// A running team. Dropping it ends it without waiting; [`Bailiwick::shutdown`] waits.
pub struct Bailiwick {
    root: ActorRef<Envelope<RootMessage>>,
    pub(crate) world: World,
    pub(crate) lines: Switchboard,
    pub(crate) door: Door,
    /// The agents' own threads; on the Stage there are none.
    threads: Option<tokio::runtime::Runtime>,
}

/// Where goals come in. Cheap to clone; it does not keep the runtime alive.
#[derive(Clone)]
pub(crate) struct Door {
    pub(crate) world: World,
    pub(crate) lines: Switchboard,
    pub(crate) grants: Grants,
    #[cfg(feature = "telemetry")]
    pub(crate) followers: bailiwick_telemetry::Followers,
}

/// The trust in one agent on one capability, now.
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub struct TrustReading {
    /// Whose.
    pub agent: AgentName,
    /// On what.
    pub capability: Capability,
    /// The score, decay applied.
    pub score: TrustScore,
    /// How much evidence stands behind it.
    pub evidence: f64,
}

pub(crate) async fn start(builder: Builder) -> Result<Bailiwick, Error> {
    let log = Log::open(builder.journal.clone())?;
    let past = log.begun().last_at;
    let (clock, dice) = match (builder.stage, builder.seed) {
        (Some(stage), seed) => (Clock::starting_at(stage.epoch.max(past)), Dice::seeded(seed.unwrap_or(0))),
        (None, Some(seed)) => (Clock::system(past), Dice::seeded(seed)),
        (None, None) => (Clock::system(past), Dice::random()),
    };
    let threads = match builder.stage {
        Some(_) => None,
        None => Some(tokio::runtime::Builder::new_multi_thread().thread_name("bailiwick-agents").enable_all().build()?),
    };
    let spawner = Spawner::on(match &threads {
        Some(threads) => threads.handle().clone(),
        None => tokio::runtime::Handle::current(),
    });
    let post = match builder.stage.and_then(|stage| stage.delay) {
        Some(delay) => Post::seeded(dice.fork(), delay),
        None => Post::direct(),
    };
    let world = World { clock, dice, log, spawner, starts: Starts::default(), post };
    let places = Places::default();
    #[cfg(feature = "telemetry")]
    let followers = bailiwick_telemetry::follow_installed(&world, &places);

    let Builder {
        name,
        agents,
        verifiers,
        tools,
        router,
        planner,
        synthesiser,
        choice,
        policies: settings,
        own_policies,
        model,
        snapshot_every,
        ..
    } = builder;
    let team = Team {
        name,
        directory: Directory::default(),
        choice,
        verifiers: Arc::new(verifiers),
        tools: Arc::new(tools),
        router,
        planner,
        synthesiser,
    };
    let lines = Switchboard::new(&world.post, places, Arc::new(team));
    let stack: PolicyStack = Arc::new(move |spec| {
        let mut stack = policies::default_stack(spec, &settings);
        stack.extend(own_policies.iter().map(|make| make(spec)));
        stack
    });
    let hiring = Hiring { policies: stack, model, snapshot_every };
    let roster = hiring.team(agents, &world, &lines)?;
    let grants = Grants::new(builder.grants, &lines.team.directory);
    if builder.stage.is_none() {
        resume::end_survivors(&world.log).await;
    }
    let stated = builder.stated.filter(|stated| resume::is_new(&world.log, stated));
    let resume = !builder.hold;
    let root = Root { roster, hiring, world: world.clone(), lines: lines.clone(), stated, resume };
    let (root, _) = Actor::spawn(None, root, ()).await.map_err(|error| Error::Ended(error.to_string()))?;
    if world.log.journal().is_durable() {
        resume::hear_commands(&world, &lines);
    }
    let door = Door {
        world: world.clone(),
        lines: lines.clone(),
        grants,
        #[cfg(feature = "telemetry")]
        followers,
    };
    Ok(Bailiwick { root, world, lines, door, threads })
}

impl Bailiwick {
    /// Puts a team together in code.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Puts a team together from its file and the code it names. Submit the file's goal, or another.
    ///
    /// # Errors
    /// If the file names code that is not there.
    pub fn from_team(team: &TeamFile, handlers: &Handlers) -> Result<Builder, Problems> {
        let functions: Vec<&str> = handlers.functions.iter().map(|function| function.name.as_str()).collect();
        let agents: Vec<&str> = handlers.agents.keys().map(String::as_str).collect();
        team.require(&agents, &functions)?;
        let mut builder = Builder::default().name(team.name.clone());
        builder.stated = Some(team.stated());
        builder.grants = team.mandate_grants.clone();
        for agent in &team.agents {
            let code: Arc<dyn DynAgent> = match &agent.kind {
                TeamAgentKind::Command { argv, reply, env } => {
                    let mut spec = CommandSpec::new(argv.clone()).folder(&team.folder).reply(*reply);
                    if let Some(env) = env {
                        spec = spec.env(env.clone());
                    }
                    Arc::new(CommandAgent::new(spec))
                }
                // `require` has found them all; `load` has checked every script.
                TeamAgentKind::Handler(name) => match handlers.agents.get(name) {
                    Some(code) => code.clone(),
                    None => continue,
                },
                TeamAgentKind::Scripted(replies) => match ScriptedAgent::new(replies.clone()) {
                    Ok(code) => Arc::new(code),
                    Err(_) => continue,
                },
            };
            let mut spec = AgentSpec::new(agent.name.clone(), agent.capabilities.clone(), code)
                .permissions(agent.permissions.clone())
                .max_concurrent(agent.max_concurrent)
                .restart(agent.restart);
            spec.cost_per_task = Cost::from_usd(agent.cost_usd_per_task);
            builder = builder.agent(spec);
        }
        for function in &handlers.functions {
            builder = builder.verifier(function.clone());
        }
        if !team.judges_scripted.is_empty() {
            builder = builder.judge(ScriptedJudge::new(team.judges_scripted.clone()));
        }
        for agent in &team.judges_agents {
            builder = builder.judge_agent(agent);
        }
        Ok(policy(builder, team))
    }

    /// Takes a goal; returns once it is recorded.
    ///
    /// # Errors
    /// If something is wrong with it (everything at once), too many goals live, or the runtime ended.
    pub async fn submit(&self, goal: Goal) -> Result<RunHandle, SubmitError> {
        self.door.submit(goal).await
    }
}

impl Door {
    pub(crate) async fn submit(&self, goal: Goal) -> Result<RunHandle, SubmitError> {
        self.submit_as(self.next_id(), goal).await
    }

    /// The id of a goal that is not submitted yet.
    pub(crate) fn next_id(&self) -> GoalId {
        GoalId::new(self.world.dice.uuid(self.world.clock.now()))
    }

    pub(crate) async fn submit_as(&self, id: GoalId, goal: Goal) -> Result<RunHandle, SubmitError> {
        // Before anything else: whoever is turned away costs nothing.
        let Some(place) = self.lines.places.take() else { return Err(SubmitError::Refused(Refusal::Overloaded)) };
        let problems = problems(&goal, &self.lines.team.verifiers);
        if !problems.is_empty() {
            self.lines.places.count_invalid();
            return Err(SubmitError::Invalid(problems));
        }
        let now = self.world.clock.now();
        let mandate = mandate(&self.grants.now(), &goal, now);
        #[cfg(feature = "telemetry")]
        let goal = self.followers.mark(id, goal);
        let goal = Box::new(AcceptedGoal { id, goal: Arc::new(goal), mandate });
        // Held from before the start: what ends at once can be read all the same.
        let run = RunHandle::new(id, &self.world, &self.lines);
        let (reply, recorded) = oneshot::channel();
        let mut ended = self.lines.ended();
        self.lines.coordinator.tell_from_edge(CoordinatorMessage::Submit { goal, place, reply });
        let answer = tokio::select! {
            recorded = recorded => recorded.map_err(|_| None),
            why = ended.wait_for(Option::is_some) => Err(why.ok().and_then(|why| why.clone())),
        };
        let why = match answer {
            Ok(Ok(())) => return Ok(run),
            Ok(Err(refusal)) => {
                self.lines.watched.remove(&id);
                return Err(SubmitError::Refused(refusal));
            }
            Err(Some(why)) => why,
            Err(None) => match self.lost(&run).await {
                Some(why) => why,
                None => return Ok(run),
            },
        };
        Err(self.world.log.failure().map_or(SubmitError::Ended(why), SubmitError::Journal))
    }

    /// Why a goal was lost whose actor died with the answer to its caller; `None` if it was not: what that actor had
    /// written is taken up again, and is not to be submitted twice.
    async fn lost(&self, run: &RunHandle) -> Option<String> {
        let recorded = self.world.log.last(&Stream::Goal(run.goal_id())).is_some();
        if recorded && run.events().next().await.is_some() {
            return None;
        }
        let ended = self.lines.ended().borrow().clone();
        Some(ended.unwrap_or_else(|| "the goal was lost before it was recorded: submit it again".to_owned()))
    }
}

impl Bailiwick {
    /// Has an exporter of your own follow this team; one that is installed follows every team by itself.
    #[cfg(feature = "telemetry")]
    pub fn followed_by(&self, telemetry: &bailiwick_telemetry::Telemetry) {
        telemetry.follow(&self.world, &self.lines.places);
        self.door.followers.add(telemetry);
    }

    /// The trust in every agent on each of its capabilities, now.
    pub fn trust(&self) -> Vec<TrustReading> {
        let now = self.world.clock.now();
        let reading = |entry: &Entry, capability: &Capability| TrustReading {
            agent: entry.name.clone(),
            capability: capability.clone(),
            score: entry.trust(std::slice::from_ref(capability), now),
            evidence: entry.evidence(std::slice::from_ref(capability)),
        };
        let all = self.lines.team.directory.all();
        all.iter().flat_map(|entry| entry.capabilities.iter().map(|c| reading(entry, c))).collect()
    }

    /// How many goals live now.
    pub fn live_goals(&self) -> usize {
        self.lines.places.taken()
    }

    /// How many submissions were turned away with [`Refusal::Overloaded`] since the start. None of them is recorded.
    pub fn turned_away(&self) -> u64 {
        self.lines.places.turned_away()
    }

    /// The breakers that are not closed.
    pub fn breakers(&self) -> Vec<BreakerStanding> {
        breakers(&self.lines)
    }

    /// The chain of delegations by which an agent can ever hold the whole of a permission, whatever goal is submitted;
    /// `None` if it never can.
    pub fn can_ever_hold(&self, agent: impl Into<AgentName>, permission: &Permission) -> Option<Vec<AgentName>> {
        self.authority().can_ever_hold(&agent.into(), permission)
    }

    /// The same for work that a goal of default depth hands to `first`: what comes of it to `agent`.
    pub fn can_ever_hold_through(
        &self,
        first: impl Into<AgentName>,
        agent: impl Into<AgentName>,
        permission: &Permission,
    ) -> Option<Vec<AgentName>> {
        self.authority().can_ever_hold_through(&first.into(), &agent.into(), permission)
    }

    /// Everything that bounds authority before a goal is given.
    pub fn authority(&self) -> Authority {
        let holders = self.lines.team.directory.all().iter().map(|entry| Holder::from(&**entry)).collect();
        Authority { grants: self.door.grants.now(), depth: Bounds::default().depth, holders }
    }

    /// Closes the breakers of an agent.
    pub fn release(&self, agent: impl Into<AgentName>, by: impl Into<String>) {
        let (agent, by) = (agent.into(), by.into());
        self.lines.agents.tell_from_edge(AgentsMessage::Release { agent, by });
    }

    /// Ends the runtime: goals are canceled, whatever runs is stopped, at most [`SHUTDOWN`].
    ///
    /// # Errors
    /// If the runtime had already ended by itself.
    pub async fn shutdown(self) -> Result<(), Error> {
        self.shutdown_within(SHUTDOWN).await
    }

    /// Ends the runtime within a time of your choice; whatever has not ended by then is killed.
    ///
    /// # Errors
    /// If the runtime had already ended by itself.
    pub async fn shutdown_within(self, limit: Duration) -> Result<(), Error> {
        let by = CanceledBy::Shutdown;
        self.end(Some(CoordinatorMessage::Cancel { goal: None, by, graceful: false }), limit).await
    }

    /// Ends the runtime and leaves its goals to be resumed: what runs may end within `limit`, nothing new starts.
    /// Without a durable journal nobody can resume them.
    ///
    /// # Errors
    /// If the runtime had already ended by itself.
    pub async fn park(self, limit: Duration) -> Result<(), Error> {
        self.end(Some(CoordinatorMessage::Park { goal: None }), limit).await
    }

    /// Ends the runtime at once: what runs is killed, and its goals are left to be resumed.
    ///
    /// # Errors
    /// If the runtime had already ended by itself.
    pub async fn halt(self) -> Result<(), Error> {
        self.end(None, SHUTDOWN).await
    }

    async fn end(mut self, first: Option<CoordinatorMessage>, limit: Duration) -> Result<(), Error> {
        let mut ended = self.lines.ended();
        let before = ended.borrow().clone();
        if let Some(why) = before {
            return Err(Error::Ended(why));
        }
        let end = self.world.clock.now() + limit;
        if let Some(first) = first {
            self.lines.coordinator.tell_from_edge(first);
            let (reply, idle) = oneshot::channel();
            self.lines.coordinator.tell_from_edge(CoordinatorMessage::WhenIdle { reply });
            tokio::select! {
                // A Coordinator that died has nothing left to wait for either.
                _ = idle => {}
                _ = ended.wait_for(Option::is_some) => {}
                () = self.world.clock.sleep_until(end) => {}
            }
        }
        self.root.stop(None);
        let rest = end.since(self.world.clock.now()).max(Duration::from_millis(100));
        let stopped = tokio::time::timeout(rest, ended.wait_for(Option::is_some)).await;
        if stopped.is_err() {
            self.root.kill();
            self.world.log.journal().close();
        }
        if let Some(threads) = self.threads.take() {
            threads.shutdown_background();
        }
        Ok(())
    }
}

impl Drop for Bailiwick {
    fn drop(&mut self) {
        self.root.stop(None);
        if let Some(threads) = self.threads.take() {
            threads.shutdown_background();
        }
    }
}

/// What is wrong with a goal, all at once.
pub(crate) fn problems(goal: &Goal, verifiers: &Verifiers) -> Vec<String> {
    let mut found = Vec::new();
    if goal.text.trim().is_empty() {
        found.push("the goal has no text".to_owned());
    }
    // The goal's own keys are checked like those of the one task it may become.
    let own = goal.as_task();
    let tasks = if goal.tasks.is_empty() { std::slice::from_ref(&own) } else { &goal.tasks[..] };
    found.extend(plan::problems(tasks, &goal.bounds).iter().map(ToString::to_string));
    let mut contracts =
        vec![("the goal".to_owned(), goal.contract.clone(), goal.settings.reversibility.unwrap_or_default())];
    for task in &goal.tasks {
        let spec = task.resolve(&goal.settings);
        contracts.push((format!("task `{}`", spec.id), spec.contract, spec.reversibility));
    }
    for (whose, contract, reversibility) in contracts {
        if let Err(problems) = verifiers.compile(&contract, reversibility) {
            found.extend(problems.iter().map(|problem| format!("{whose}: {problem}")));
        }
    }
    found
}

/// The authority a goal starts with.
pub(crate) fn mandate(grants: &Permissions, goal: &Goal, now: Timestamp) -> Mandate {
    let grant = match &goal.settings.permissions {
        Some(ceiling) => grants.meet(ceiling),
        None => grants.clone(),
    };
    let deadline = goal.budget.wall.map(|wall| now + wall);
    Mandate::root(grant, goal.budget.slice, deadline, goal.bounds.depth)
}

/// The breakers that are not closed.
pub(crate) fn breakers(lines: &Switchboard) -> Vec<BreakerStanding> {
    use bailiwick_actors::policies::stack::BreakerState as State;
    let mut all = Vec::new();
    for entry in lines.team.directory.all() {
        for (capability, state) in &entry.standing().breakers {
            let state = match state {
                State::HalfOpen => BreakerState::HalfOpen,
                State::Isolated => BreakerState::Isolated,
                _ => BreakerState::Open,
            };
            all.push(BreakerStanding { agent: entry.name.clone(), capability: capability.clone(), state });
        }
    }
    all
}

fn policy(mut builder: Builder, team: &TeamFile) -> Builder {
    let stated = &team.policy;
    if let Some(weights) = stated.weights {
        let [capability, trust, availability, cost] =
            [weights.capability, weights.trust, weights.availability, weights.cost];
        builder = builder.weights(Weights { capability, trust, availability, cost });
    }
    if let Some(exploration) = stated.exploration {
        builder = builder.exploration(exploration);
    }
    builder.policies = stated.settings();
    builder.model = stated.model();
    match team.journal.snapshot_every {
        Some(events) => builder.snapshot_every(events),
        None => builder,
    }
}
