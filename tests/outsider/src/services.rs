//! Stories about both ways to `tower`: a service as an agent, and a supervised team as a service.

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use bailiwick::{agent_service, prelude::*, testing::Stage};
use tower::{BoxError, Service, ServiceBuilder, ServiceExt, service_fn};

fn goal(text: &str) -> Goal {
    Goal::new(text).needs_capability("sum").retries(0)
}

fn said(report: &GoalReport) -> String {
    let error = || report.tasks[0].attempts.last().and_then(|attempt| attempt.error()).map(|e| e.message.clone());
    report.output().map(ToString::to_string).or_else(error).unwrap_or_else(|| report.outcome_word().to_owned())
}

#[tokio::test(start_paused = true)]
async fn a_service_is_an_agent() {
    let echo = service_fn(|task: AgentContext| async move { Ok::<_, Infallible>(Output::text(task.goal())) });
    let stage = Stage::seeded(1).agent(agent_service("ada", ["sum"], echo)).open().await;

    let report = stage.run(goal("2 + 2").verify(Verify::equals("2 + 2"))).await;

    assert_eq!(report.outcome_word(), "verified");
}

#[tokio::test(start_paused = true)]
async fn an_error_of_a_service_reaches_the_caller_with_its_causes() {
    let failing = service_fn(|_: AgentContext| async {
        let cause = std::io::Error::other("the line is cut");
        Err::<Output, BoxError>(Box::new(std::io::Error::other(cause)))
    });
    let stage = Stage::seeded(1).agent(agent_service("ada", ["sum"], failing)).open().await;

    assert_eq!(said(&stage.run(goal("a")).await), "the line is cut");
}

/// Ready from its third asking on.
#[derive(Clone)]
struct Slow {
    asked: Arc<AtomicU32>,
    ready: bool,
}

impl Service<AgentContext> for Slow {
    type Response = Output;
    type Error = BoxError;
    type Future = std::future::Ready<Result<Output, BoxError>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.ready = self.asked.fetch_add(1, Ordering::SeqCst) >= 2;
        if self.ready {
            Poll::Ready(Ok(()))
        } else {
            context.waker().wake_by_ref();
            Poll::Pending
        }
    }

    fn call(&mut self, _: AgentContext) -> Self::Future {
        assert!(std::mem::take(&mut self.ready), "called before it was ready");
        std::future::ready(Ok(Output::text("ready")))
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_asked_of_a_service_before_it_is_ready() {
    let asked = Arc::new(AtomicU32::new(0));
    let slow = Slow { asked: asked.clone(), ready: false };
    let stage = Stage::seeded(1).agent(agent_service("ada", ["sum"], slow)).open().await;

    assert_eq!(said(&stage.run(goal("a")).await), "ready");
    assert_eq!(asked.load(Ordering::SeqCst), 3);
}

#[tokio::test(start_paused = true)]
async fn layers_around_a_service_hold_for_all_seats() {
    let (now, most) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
    let busy = service_fn({
        let (now, most) = (now.clone(), most.clone());
        move |_: AgentContext| {
            let (now, most) = (now.clone(), most.clone());
            async move {
                most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                tokio::time::sleep(Duration::from_secs(1)).await;
                now.fetch_sub(1, Ordering::SeqCst);
                Ok::<_, Infallible>(Output::text("done"))
            }
        }
    });
    let limited = ServiceBuilder::new().concurrency_limit(2).service(busy);
    let stage = Stage::seeded(1).agent(agent_service("ada", ["sum"], limited).max_concurrent(5)).open().await;

    let mut runs = Vec::new();
    for _ in 0..5 {
        runs.push(stage.submit(goal("a")).await);
    }
    for run in runs {
        assert_eq!(said(&run.await.unwrap()), "done");
    }

    assert_eq!(most.load(Ordering::SeqCst), 2);
}

#[tokio::test(start_paused = true)]
async fn a_supervised_agent_is_a_service() {
    let ada = agent_fn("ada", ["sum"], |task| async move { Ok(Output::text(task.goal())) });
    let bo = agent_fn("bo", ["write"], |_| async { Ok(Output::text("not me")) });
    let stage = Stage::seeded(1).agent(ada).agent(bo).open().await;

    let report = stage.bailiwick().service(["sum"]).oneshot(Goal::new("2 + 2")).await.unwrap();

    assert_eq!(report.tasks[0].agent().map(|agent| agent.as_str()), Some("ada"));
    assert_eq!(said(&report), "2 + 2");
}

#[tokio::test(start_paused = true)]
async fn one_agent_is_a_service_whoever_else_could_do_it() {
    let says = |name: &'static str| agent_fn(name, ["sum"], move |_| async move { Ok(Output::text(name)) });
    let stage = Stage::seeded(1).agent(says("ada")).agent(says("bo").cost_usd_per_task(0.1)).open().await;

    let asked = Goal::new("2 + 2").verify(Verify::equals("bo"));
    let of_bo = stage.bailiwick().service_of("bo").oneshot(asked.clone()).await.unwrap();
    let wrong = stage.bailiwick().service_of("ada").oneshot(asked.retries(0)).await.unwrap();
    let nobody = stage.bailiwick().service_of("cy").oneshot(Goal::new("2 + 2")).await.unwrap();

    assert_eq!((of_bo.outcome_word(), said(&of_bo).as_str()), ("verified", "bo"));
    assert_eq!((wrong.outcome_word(), wrong.attempts()), ("not_verified", 1), "and nobody else is asked");
    assert_eq!(nobody.code.map(|code| code.to_string()).as_deref(), Some("AGENT_NOT_FOUND"));
}

#[tokio::test(start_paused = true)]
async fn a_goal_that_fails_is_an_answer_and_one_that_makes_no_sense_is_an_error() {
    let ada = agent_fn("ada", ["sum"], |_| async { Err::<Output, _>(AgentError::new("boom")) });
    let stage = Stage::seeded(1).agent(ada).open().await;
    let mut service = stage.bailiwick().service(["sum"]);

    let failed = service.ready().await.unwrap().call(goal("a")).await.unwrap();
    let senseless = service.ready().await.unwrap().call(Goal::new(" ")).await;

    assert_eq!(said(&failed), "boom");
    assert!(matches!(senseless, Err(bailiwick::Error::Submit(bailiwick::SubmitError::Invalid(_)))));
}

#[tokio::test(start_paused = true)]
async fn a_service_whose_runtime_ended_is_never_ready() {
    let ada = agent_fn("ada", ["sum"], |_| async { Ok(Output::text("")) });
    let stage = Stage::seeded(1).agent(ada).open().await;
    let mut service = stage.bailiwick().service(["sum"]);

    stage.into_bailiwick().shutdown().await.unwrap();

    assert!(service.ready().await.is_err());
}

#[tokio::test(start_paused = true)]
async fn an_answer_nobody_waits_for_any_more_cancels_its_goal() {
    let finished = Arc::new(AtomicBool::new(false));
    let ada = agent_fn("ada", ["sum"], {
        let finished = finished.clone();
        move |_| {
            let finished = finished.clone();
            async move {
                tokio::time::sleep(Duration::from_secs(20)).await;
                finished.store(true, Ordering::SeqCst);
                Ok(Output::text("late"))
            }
        }
    });
    let stage = Stage::seeded(1).agent(ada).open().await;
    let service = ServiceBuilder::new().timeout(Duration::from_secs(5)).service(stage.bailiwick().service(["sum"]));

    let answer = service.oneshot(goal("a")).await;
    tokio::time::sleep(Duration::from_secs(60)).await;

    assert!(answer.unwrap_err().is::<tower::timeout::error::Elapsed>());
    assert!(!finished.load(Ordering::SeqCst));
}
