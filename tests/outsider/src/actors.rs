//! Stories about ractor actors as agents: who dies with whom, and what the caller of the goal hears of it.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use bailiwick::{prelude::*, testing::Stage};
use ractor::{Actor, ActorProcessingErr, ActorRef};

/// What the tenant below does with the attempts that come to it, one after another; the last repeats.
#[derive(Clone, Copy, Debug)]
enum Act {
    Echo,
    /// Answers with how many attempts this tenant has had.
    Count,
    /// Answers when its own timer rings.
    Later,
    DropTheReply,
    KeepTheReply,
    Panic,
    Fail,
    KillItself,
    StopItself,
    AnswerAndStop,
    AnswerAndPanic,
    Climb,
}
use Act::*;

/// How a tenant starts.
#[derive(Clone, Copy)]
enum Start {
    Well,
    Hanging,
    Failing,
    Panicking,
}

struct Tenant {
    script: Arc<Mutex<VecDeque<Act>>>,
    start: Start,
    alive: Arc<AtomicU32>,
}

enum Told {
    Attempt(AgentMessage),
    Ring,
}

impl From<AgentMessage> for Told {
    fn from(message: AgentMessage) -> Self {
        Told::Attempt(message)
    }
}

/// Counts the tenants that live: one more for each state there is.
struct Alive {
    alive: Arc<AtomicU32>,
    attempts: u32,
    kept: Vec<AgentReply>,
}

impl Drop for Alive {
    fn drop(&mut self) {
        self.alive.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Actor for Tenant {
    type Msg = Told;
    type State = Alive;
    type Arguments = ();

    async fn pre_start(&self, _: ActorRef<Told>, (): ()) -> Result<Alive, ActorProcessingErr> {
        // It lives from here on, also while it hangs: only what is killed is dropped.
        self.alive.fetch_add(1, Ordering::SeqCst);
        let alive = Alive { alive: self.alive.clone(), attempts: 0, kept: Vec::new() };
        match self.start {
            Start::Well => {}
            Start::Hanging => std::future::pending().await,
            Start::Failing => return Err("no licence".into()),
            Start::Panicking => panic!("no luck"),
        }
        Ok(alive)
    }

    async fn handle(&self, myself: ActorRef<Told>, told: Told, state: &mut Alive) -> Result<(), ActorProcessingErr> {
        let AgentMessage { task, reply, .. } = match told {
            Told::Attempt(message) => message,
            Told::Ring => {
                for reply in state.kept.drain(..) {
                    reply.answer(Output::text("at last"));
                }
                return Ok(());
            }
        };
        state.attempts += 1;
        let act = {
            let mut script = self.script.lock().unwrap();
            if script.len() > 1 { script.pop_front() } else { script.front().copied() }
        };
        match act.unwrap_or(Echo) {
            Echo => heard(reply.answer(Output::text(task.goal()))),
            Count => heard(reply.answer(Output::text(state.attempts.to_string()))),
            Later => {
                state.kept.push(reply);
                myself.send_after(Duration::from_secs(3), || Told::Ring);
            }
            DropTheReply => drop(reply),
            KeepTheReply => state.kept.push(reply),
            Panic => panic!("boom"),
            Fail => {
                task.input("nowhere")?;
            }
            KillItself => {
                state.kept.push(reply);
                myself.kill();
                std::future::pending::<()>().await;
            }
            StopItself => {
                state.kept.push(reply);
                myself.stop(Some("enough".to_owned()));
            }
            AnswerAndStop => {
                reply.answer(Output::text("the last one"));
                myself.stop(None);
            }
            AnswerAndPanic => {
                reply.answer(Output::text("the last one"));
                panic!("too late");
            }
            Climb => {
                let above = myself.try_get_supervisor();
                heard(reply.answer(Output::text(if above.is_none() { "nobody" } else { "somebody" })));
            }
        }
        Ok(())
    }
}

/// Whoever answers is wanted: nothing was called back.
fn heard(wanted: bool) {
    assert!(wanted, "the answer came too late");
}

/// A tenant that follows a script, how many of it live, and how many were ever asked for.
struct Cast {
    spec: AgentSpec,
    alive: Arc<AtomicU32>,
    made: Arc<AtomicU32>,
}

fn tenant(script: impl IntoIterator<Item = Act>) -> Cast {
    starting(Start::Well, script)
}

fn starting(start: Start, script: impl IntoIterator<Item = Act>) -> Cast {
    let script = Arc::new(Mutex::new(script.into_iter().collect()));
    let (alive, made) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
    let spec = agent_actor("ada", ["sum"], {
        let (alive, made) = (alive.clone(), made.clone());
        move || {
            made.fetch_add(1, Ordering::SeqCst);
            (Tenant { script: script.clone(), start, alive: alive.clone() }, ())
        }
    });
    Cast { spec, alive, made }
}

async fn staged(cast: &Cast) -> Stage {
    Stage::seeded(11).agent(cast.spec.clone()).open().await
}

fn goal(text: &str) -> Goal {
    Goal::new(text).needs_capability("sum").retries(0)
}

fn error(report: &GoalReport) -> String {
    let task = report.task("goal").expect("the only task");
    let attempt = task.attempts.last().expect("an attempt");
    let failure = attempt.error().expect("it failed");
    format!("{}: {}", failure.code, failure.message)
}

/// Goals, one after another.
async fn outputs<const N: usize>(stage: &Stage, goals: [&str; N]) -> [String; N] {
    let mut said = Vec::new();
    for text in goals {
        let report = stage.run(goal(text)).await;
        said.push(report.output().map_or_else(|| error(&report), ToString::to_string));
    }
    said.try_into().expect("as many as there are goals")
}

#[tokio::test(start_paused = true)]
async fn a_ractor_actor_is_an_agent() {
    let cast = tenant([Echo]);
    let stage = staged(&cast).await;

    let report = stage.run(goal("2 + 2").verify(Verify::equals("2 + 2"))).await;

    assert_eq!(report.outcome_word(), "verified");
    assert_eq!(cast.alive.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn one_tenant_serves_assignment_after_assignment_of_its_seat() {
    let cast = tenant([Count]);
    let stage = staged(&cast).await;

    let said = outputs(&stage, ["a", "b", "c"]).await;

    assert_eq!(said, ["1", "2", "3"]);
    assert_eq!(cast.made.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn each_seat_has_a_tenant_of_its_own() {
    let cast = tenant([Later]);
    let stage = Stage::seeded(11).agent(cast.spec.clone().max_concurrent(3)).open().await;

    let runs = [stage.submit(goal("a")).await, stage.submit(goal("b")).await, stage.submit(goal("c")).await];
    for run in runs {
        assert_eq!(run.await.unwrap().output(), Some(&Output::text("at last")));
    }

    assert_eq!(cast.alive.load(Ordering::SeqCst), 3);
}

#[tokio::test(start_paused = true)]
async fn a_tenant_may_answer_from_a_later_message() {
    let cast = tenant([Later]);
    let stage = staged(&cast).await;

    let report = stage.run(goal("a")).await;

    assert_eq!(report.output(), Some(&Output::text("at last")));
    assert!(report.duration() >= Duration::from_secs(3));
}

#[tokio::test(start_paused = true)]
async fn a_dropped_reply_fails_the_attempt_at_once_and_the_tenant_lives_on() {
    let cast = tenant([DropTheReply, Count]);
    let stage = staged(&cast).await;

    let report = stage.run(goal("a")).await;
    let next = outputs(&stage, ["b"]).await;

    assert_eq!(error(&report), "AGENT_ERROR: the actor dropped its reply");
    assert!(report.duration() < Duration::from_secs(1), "{:?}", report.duration());
    assert_eq!(next, ["2"]);
}

#[tokio::test(start_paused = true)]
async fn a_tenant_that_panics_takes_its_seat_along_and_both_are_replaced() {
    let cast = tenant([Panic, Count]);
    let stage = staged(&cast).await;

    let report = stage.run(goal("a")).await;
    let next = outputs(&stage, ["b"]).await;

    assert_eq!(error(&report), "AGENT_ERROR: the actor died: boom");
    assert_eq!(next, ["1"]);
    assert_eq!((cast.made.load(Ordering::SeqCst), cast.alive.load(Ordering::SeqCst)), (2, 1));
    let restarted = stage.agent_stream("ada").iter().filter(|e| e.event.kind() == "seat_restarted").count();
    assert_eq!(restarted, 1);
}

#[tokio::test(start_paused = true)]
async fn whatever_ends_a_tenant_reaches_the_caller_of_the_goal() {
    for (act, said) in [
        (Fail, "AGENT_ERROR: the actor died: no input from task `nowhere`; there is none"),
        (KillItself, "AGENT_ERROR: the actor died: it was killed"),
        (StopItself, "AGENT_ERROR: the actor stopped without an answer: enough"),
    ] {
        let cast = tenant([act, Count]);
        let stage = staged(&cast).await;

        let report = stage.run(goal("a")).await;
        let next = outputs(&stage, ["b"]).await;

        assert_eq!(error(&report), said);
        assert!(report.duration() < Duration::from_secs(1), "{act:?}: {:?}", report.duration());
        assert_eq!(next, ["1"], "{act:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_tenant_that_failed_once_is_tried_again_like_any_agent() {
    let cast = tenant([Panic, Echo]);
    let stage = staged(&cast).await;

    let report = stage.run(goal("a").retries(2)).await;

    assert_eq!(report.output(), Some(&Output::text("a")));
    assert_eq!(report.attempts(), 2);
}

#[tokio::test(start_paused = true)]
async fn what_a_tenant_answered_before_it_ended_counts() {
    for act in [AnswerAndStop, AnswerAndPanic] {
        let cast = tenant([act, Count]);
        let stage = staged(&cast).await;

        let said = outputs(&stage, ["a", "b"]).await;

        assert_eq!(said, ["the last one", "1"], "{act:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_tenant_whose_start_goes_wrong_says_why_to_the_caller_of_the_goal() {
    for (start, why) in [
        (Start::Hanging, "AGENT_ERROR: the actor did not start: its pre_start took longer than 5 s"),
        (Start::Failing, "AGENT_ERROR: the actor did not start: no licence"),
        (Start::Panicking, "AGENT_ERROR: the actor did not start: no luck"),
    ] {
        let cast = starting(start, [Echo]);
        let stage = staged(&cast).await;

        let report = stage.run(goal("a")).await;

        assert_eq!(error(&report), why);
        assert!(report.duration() < Duration::from_secs(6), "{:?}", report.duration());
        assert_eq!(cast.alive.load(Ordering::SeqCst), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_closure_that_makes_tenants_may_panic_too() {
    let spec = agent_actor("ada", ["sum"], || -> (Tenant, ()) { panic!("nobody to hire") });
    let stage = Stage::seeded(11).agent(spec).open().await;

    let report = stage.run(goal("a")).await;

    assert_eq!(error(&report), "AGENT_ERROR: panic: nobody to hire");
}

#[tokio::test(start_paused = true)]
async fn a_tenant_that_climbs_finds_nobody_above_it() {
    let stage = staged(&tenant([Climb])).await;

    let said = outputs(&stage, ["a"]).await;

    assert_eq!(said, ["nobody"]);
}

#[tokio::test(start_paused = true)]
async fn a_tenant_that_never_answers_is_killed_with_its_seat_after_timeout_and_grace() {
    let cast = tenant([KeepTheReply, Count]);
    let stage = staged(&cast).await;

    let report = stage.run(goal("a").timeout(Duration::from_secs(10))).await;

    assert!(error(&report).starts_with("TIMEOUT"), "{}", error(&report));
    assert!(report.duration() >= Duration::from_secs(12));
    assert_eq!(cast.alive.load(Ordering::SeqCst), 0);
    assert_eq!(outputs(&stage, ["b"]).await, ["1"]);
}

#[tokio::test(start_paused = true)]
async fn a_tenant_hears_that_it_is_to_stop_and_may_still_answer_within_the_grace() {
    let cast = agent_actor("ada", ["sum"], || (Obedient, ()));
    let stage = Stage::seeded(11).agent(cast).open().await;

    let report = stage.run(goal("a").timeout(Duration::from_secs(10))).await;

    assert!(error(&report).starts_with("TIMEOUT"), "{}", error(&report));
    assert!(report.duration() < Duration::from_secs(11), "it did not wait for the grace: {:?}", report.duration());
}

struct Obedient;

impl Actor for Obedient {
    type Msg = AgentMessage;
    type State = ();
    type Arguments = ();

    async fn pre_start(&self, _: ActorRef<AgentMessage>, (): ()) -> Result<(), ActorProcessingErr> {
        Ok(())
    }

    async fn handle(
        &self,
        _: ActorRef<AgentMessage>,
        message: AgentMessage,
        (): &mut (),
    ) -> Result<(), ActorProcessingErr> {
        message.task.canceled().await;
        assert!(message.reply.is_wanted());
        message.reply.fail(AgentError::new("as you wish"));
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn a_seat_that_idled_long_enough_ends_its_tenant() {
    let cast = tenant([Count]);
    let stage = staged(&cast).await;
    outputs(&stage, ["a"]).await;

    tokio::time::sleep(Duration::from_secs(40)).await;

    assert_eq!(cast.alive.load(Ordering::SeqCst), 0);
    assert_eq!(outputs(&stage, ["b"]).await, ["1"]);
}

#[tokio::test(start_paused = true)]
async fn no_tenant_outlives_the_runtime_nor_its_supervisor() {
    let cast = tenant([Count]);
    let stage = staged(&cast).await;
    outputs(&stage, ["a"]).await;

    stage.kill_supervisor("ada");
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(cast.alive.load(Ordering::SeqCst), 0);

    assert_eq!(outputs(&stage, ["b"]).await, ["1"]);
    stage.into_bailiwick().shutdown().await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(cast.alive.load(Ordering::SeqCst), 0);
}
