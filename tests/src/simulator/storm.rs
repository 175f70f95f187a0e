//! The same scripts on the real tree: a Stage with seeded delivery in paused time, where agents panic and hang, actors
//! are killed and goals cancelled. Afterwards the streams must keep the same [`laws`].

use std::{
    collections::{BTreeMap, VecDeque},
    panic,
    sync::{
        Arc, Mutex, Once, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use bailiwick::{
    RunHandle,
    prelude::*,
    testing::{Stage, StageBuilder},
};
use bailiwick_actors::{
    directory::Permit,
    planners::{PlanAnswer, SynthesisRequest, Synthesiser},
    root::Child,
};
use bailiwick_protocols::{Capability, Event, GoalId, Stream, TrustRecord};

use super::{
    Tally,
    draws::Draws,
    house::{STOPPED_WITHIN, law},
    laws,
    script::{AgentScript, Answer, CHECKED, GoalScript, Script, Trouble},
    seat::{self, End},
};

/// What panics on purpose says.
const ON_PURPOSE: &str = "on purpose";

/// A goal that has not ended after this long never will: a day of virtual time.
const NEVER: Duration = Duration::from_secs(24 * 3_600);

/// Whatever is under way when the last goal has ended is over after this long.
const AFTERWARDS: Duration = Duration::from_secs(120);

/// How often an actor may be killed within 30 s before its parent gives up too.
const DEATHS_MAX: usize = 3;

/// Plays one script, in a runtime of its own.
///
/// # Errors
/// The first law that is broken.
pub fn run(seed: u64) -> Result<Tally, String> {
    hush();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    runtime.map_err(|error| error.to_string())?.block_on(play(seed))
}

/// Panics on purpose are not worth a line on a terminal.
fn hush() {
    static HUSHED: Once = Once::new();
    HUSHED.call_once(|| {
        let told = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            if panic.payload().downcast_ref::<&str>() != Some(&ON_PURPOSE) {
                told(panic);
            }
        }));
    });
}

type Dice = Arc<Mutex<Draws>>;

fn with<T>(dice: &Dice, draw: impl FnOnce(&mut Draws) -> T) -> T {
    draw(&mut dice.lock().unwrap_or_else(PoisonError::into_inner))
}

async fn play(seed: u64) -> Result<Tally, String> {
    let mut draws = Draws::new(seed ^ 0x5707_3344);
    let script = Script::draw(&mut draws);
    let dice: Dice = Arc::new(Mutex::new(draws));
    let broken: Arc<Mutex<Vec<String>>> = Arc::default();
    let mut builder = Stage::seeded(seed).delays(Duration::from_millis(script.delay_max));
    for agent in &script.team {
        builder = builder.agent(spec(agent, &dice, &broken));
    }
    let stage = Arc::new(set(builder, &script, &dice).open().await);
    hold_permits(&stage, &script);

    let runs: Vec<_> = script.goals.iter().map(|goal| tokio::spawn(submitted(stage.clone(), goal.clone()))).collect();
    let trouble = tokio::spawn(make_trouble(stage.clone(), script.clone()));
    for run in runs {
        let run = run.await.map_err(|error| error.to_string())??;
        let id = run.goal_id();
        let ended = tokio::time::timeout(NEVER, run).await;
        law!(ended.is_ok(), "every goal settles: {id} never does");
        if let Ok(Err(error)) = ended {
            return Err(format!("the runtime gave up: {error}"));
        }
    }
    let canceled = trouble.await.map_err(|error| error.to_string())?;
    tokio::time::sleep(AFTERWARDS).await;

    if let Some(law) = broken.lock().unwrap_or_else(PoisonError::into_inner).pop() {
        return Err(law);
    }
    at_the_end(&stage, &script, &canceled)
}

fn set(builder: StageBuilder, script: &Script, dice: &Dice) -> StageBuilder {
    let (checks, joins, late) = (dice.clone(), dice.clone(), with(dice, |draws| draws.chance(0.25)));
    let answers: BTreeMap<String, Vec<Answer>> =
        script.goals.iter().map(|goal| (goal.goal.text.clone(), goal.answers.clone())).collect();
    let (planner, synthesiser) = (script.planner, script.synthesiser);
    let (exploration, partial) = (script.exploration, script.partial);
    let builder = builder.with(move |builder| {
        let builder = builder.exploration(exploration).partial_capability(partial);
        let builder = builder.verifier(verify_async(CHECKED, move |work| {
            let (after, way) = with(&checks, |draws| (draws.below(800), draws.below(20)));
            async move {
                tokio::time::sleep(Duration::from_millis(after)).await;
                match way {
                    0 => panic::panic_any(ON_PURPOSE),
                    1 => Err("hard to say"),
                    2 => std::future::pending().await,
                    _ => Ok(work.text().contains("right")),
                }
            }
        }));
        let builder = if planner { builder.planner(Answers(answers)) } else { builder };
        if synthesiser { builder.synthesiser(Joins(joins)) } else { builder }
    });
    if late { builder.late_journal(Duration::from_millis(7)) } else { builder }
}

/// Answers each goal as its script says.
struct Answers(BTreeMap<String, Vec<Answer>>);

impl Planner for Answers {
    async fn plan(&self, request: PlanRequest) -> PlanAnswer {
        tokio::time::sleep(Duration::from_millis(300)).await;
        let answers = self.0.get(&request.goal.text);
        match answers.and_then(|answers| answers.get(request.round as usize - 1)) {
            Some(Answer::Tasks(tasks)) => Ok(Plan::of(tasks.clone())),
            Some(Answer::Silence) | None => Err("nothing comes to mind".to_owned()),
        }
    }
}

struct Joins(Dice);

impl Synthesiser for Joins {
    async fn synthesise(&self, _: SynthesisRequest) -> Result<Output, String> {
        tokio::time::sleep(Duration::from_millis(300)).await;
        match with(&self.0, |draws| draws.below(5)) {
            0 => Err("it does not rhyme".to_owned()),
            1 => panic::panic_any(ON_PURPOSE),
            _ => Ok(Output::text("right, all of it")),
        }
    }
}

fn spec(agent: &AgentScript, dice: &Dice, broken: &Arc<Mutex<Vec<String>>>) -> AgentSpec {
    let (dice, broken, script) = (dice.clone(), broken.clone(), agent.clone());
    let at_work = Arc::new(AtomicU32::new(0));
    let mut spec = agent_fn(agent.name.as_str(), agent.capabilities.clone(), move |task| {
        let (dice, broken, script) = (dice.clone(), broken.clone(), script.clone());
        let at_work = AtWork::begin(&at_work);
        if at_work.others() >= script.seats {
            let law = format!("seats are never exceeded: {} works on {}", script.name, at_work.others() + 1);
            broken.lock().unwrap_or_else(PoisonError::into_inner).push(law);
        }
        async move {
            let _at_work = at_work;
            let asked = task.assignment().delegation.clone();
            let (heeds, end) = with(&dice, |draws| seat::attempt(draws, &script, &asked));
            let ends = async {
                match end {
                    Some((after, end)) => {
                        tokio::time::sleep(after).await;
                        end
                    }
                    None => std::future::pending().await,
                }
            };
            let stopped = async {
                task.canceled().await;
                if !heeds {
                    std::future::pending::<()>().await;
                }
                tokio::time::sleep(Duration::from_millis(with(&dice, |draws| draws.below(2_500)))).await;
            };
            tokio::select! {
                end = ends => match end {
                    End::Report(report) => Ok(*report),
                    End::Panic => panic::panic_any(ON_PURPOSE),
                },
                () = stopped => Ok(*with(&dice, |draws| seat::stopped(draws, &asked))),
            }
        }
    });
    spec = spec.permissions(agent.permissions.clone()).max_concurrent(agent.seats);
    spec.cost_per_task = Cost::Known(agent.cost);
    spec
}

/// Counts who is at work.
struct AtWork(Arc<AtomicU32>, u32);

impl AtWork {
    fn begin(count: &Arc<AtomicU32>) -> Self {
        Self(count.clone(), count.fetch_add(1, Ordering::Relaxed))
    }

    fn others(&self) -> u32 {
        self.1
    }
}

impl Drop for AtWork {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Others hold permits, and bring them home one by one.
fn hold_permits(stage: &Stage, script: &Script) {
    for agent in &script.team {
        let Some(entry) = stage.entry(&agent.name) else { continue };
        for home in &agent.hostages {
            let (permit, home): (Option<Permit>, _) = (entry.permits.take(), *home);
            tokio::spawn(async move {
                tokio::time::sleep(Duration::from_millis(home)).await;
                drop(permit);
            });
        }
    }
}

async fn submitted(stage: Arc<Stage>, goal: GoalScript) -> Result<RunHandle, String> {
    tokio::time::sleep(Duration::from_millis(goal.at)).await;
    let mut said = String::new();
    for _ in 0..10 {
        match stage.bailiwick().submit(goal.goal.clone()).await {
            Ok(run) => return Ok(run),
            // It was lost with whoever was to take it, and the caller submits it again.
            Err(error) => said = error.to_string(),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Err(format!("a goal is not taken: {said}"))
}

/// Makes trouble as the script says. Answers with the goals that were to end at once, and when.
async fn make_trouble(stage: Arc<Stage>, script: Script) -> Vec<(GoalId, Timestamp)> {
    let mut trouble = script.trouble.clone();
    trouble.sort_by_key(|(at, _)| *at);
    let begin = tokio::time::Instant::now();
    let mut deaths: BTreeMap<String, VecDeque<u64>> = BTreeMap::new();
    let mut canceled = Vec::new();
    for (at, trouble) in trouble {
        tokio::time::sleep_until(begin + Duration::from_millis(at)).await;
        let mut may_die = |who: &str| {
            let deaths = deaths.entry(who.to_owned()).or_default();
            deaths.retain(|death| at - death <= 31_000);
            let may = deaths.len() < DEATHS_MAX;
            if may {
                deaths.push_back(at);
            }
            may
        };
        let core = match trouble {
            Trouble::Agents => Some(Child::Agents),
            Trouble::Coordinator => Some(Child::Coordinator),
            Trouble::Tracker => Some(Child::TrustTracker),
            Trouble::Pool => Some(Child::VerifierPool),
            _ => None,
        };
        let goals = || {
            stage.streams().into_iter().filter_map(|stream| match stream {
                Stream::Goal(id) => Some(id),
                _ => None,
            })
        };
        match trouble {
            Trouble::Supervisor(agent) => {
                let name = &script.team[agent].name;
                if may_die(name) {
                    stage.kill_supervisor(name);
                }
            }
            Trouble::Goal(goal) => {
                if let Some(id) = goals().nth(goal)
                    && may_die(&id.to_string())
                {
                    stage.kill_goal(id);
                }
            }
            Trouble::Cancel(goal, graceful) => {
                if let Some(id) = goals().nth(goal) {
                    stage.cancel(id, graceful);
                    if !graceful {
                        canceled.push((id, stage.now()));
                    }
                }
            }
            Trouble::Release(agent) => stage.bailiwick().release(script.team[agent].name.as_str(), "somebody"),
            Trouble::Sweep => stage.sweep(),
            // Seats fall by their agents' panics.
            Trouble::Seat(..) => {}
            Trouble::Agents | Trouble::Coordinator | Trouble::Tracker | Trouble::Pool => {
                if let Some(child) = core
                    && may_die("core")
                {
                    stage.kill(child);
                }
            }
        }
    }
    canceled
}

fn at_the_end(stage: &Stage, script: &Script, canceled: &[(GoalId, Timestamp)]) -> Result<Tally, String> {
    for (id, at) in canceled {
        let ended = stage.goal_stream(*id).last().map(|last| last.at);
        let in_time = ended.is_some_and(|ended| ended <= *at + STOPPED_WITHIN);
        law!(in_time, "a cancellation is never lost: goal {id} was canceled at {at} and ended at {ended:?}");
    }
    crate::laws::decides_the_same(&stage.log())?;
    let mut streams = laws::Streams { goals: Vec::new(), agents: Vec::new() };
    for stream in stage.streams() {
        if let Stream::Goal(id) = stream {
            streams.goals.push((id, stage.goal_stream(id)));
        }
    }
    for agent in &script.team {
        let name = &agent.name;
        let Some(entry) = stage.entry(name) else { return Err(format!("{name} is gone")) };
        let (free, total) = (entry.permits.free(), i64::from(agent.seats) + 64);
        law!(free == total, "all permits come home: {free} of {total} of {name}");
        law!(entry.permits.take().is_some(), "a ticket waits at {name} when everything has ended");
        law!(entry.in_flight() == 0, "{name} has {} in flight when everything has ended", entry.in_flight());
        let recorded = stage.agent_stream(name);
        let mut trust: BTreeMap<Capability, TrustRecord> = BTreeMap::new();
        for event in &recorded {
            if let Event::Agent(fact) = &event.event {
                trust.extend(fact.lessons().iter().map(|lesson| (lesson.capability.clone(), lesson.after)));
            }
        }
        let live = entry.standing().trust.clone();
        law!(live == trust, "fold = live: {name} is trusted {live:?}, and its stream says {trust:?}");
        streams.agents.push((entry, recorded));
    }
    laws::check(&streams)
}
