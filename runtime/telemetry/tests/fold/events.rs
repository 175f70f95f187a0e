//! What does not happen on every goal, each where it happened: violations, escalations, rejected plans, breakers.

use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use bailiwick::{
    actors::{
        planners::{Plan, PlanRequest, Planner},
        tools::{Need, Tool},
    },
    prelude::*,
    protocols::task::RouteWish,
    telemetry::{
        names::{attribute as a, event, span as s},
        span::Span,
    },
    testing::Stage,
};
use opentelemetry::Value;
use serde_json::Map;

use super::{is_whole, said, spans};

/// The spans on which this happened, with what was said there.
fn places<'a>(all: &'a [Span], name: &str) -> Vec<(&'a Span, &'a [opentelemetry::KeyValue])> {
    let on = |span: &'a Span| {
        span.events.iter().filter(move |one| one.name == *name).map(move |one| (span, &one.attributes[..]))
    };
    all.iter().flat_map(on).collect()
}

fn value<'a>(known: &'a [opentelemetry::KeyValue], key: &str) -> Option<&'a Value> {
    known.iter().find(|known| known.key.as_str() == key).map(|known| &known.value)
}

/// Needs what nobody here may do.
struct Launch;

impl Tool for Launch {
    fn name(&self) -> &str {
        "launch"
    }

    fn needs(&self, _: &Map<String, serde_json::Value>) -> Result<Need, String> {
        Ok(Need { resource: "sky".to_owned(), verb: "reach".to_owned(), path: "moon".to_owned() })
    }

    async fn run(&self, _: Map<String, serde_json::Value>) -> Result<serde_json::Value, String> {
        Err("it was let through".to_owned())
    }
}

#[tokio::test(start_paused = true)]
async fn a_try_outside_of_the_mandate_is_told_on_the_attempt() {
    let ada = agent_fn("ada", ["work"], |task| async move {
        let refused = task.tool("launch", serde_json::json!({})).await.is_err();
        Ok(Output::text(format!("refused: {refused}")))
    });
    let stage = Stage::seeded(1).agent(ada).with(|team| team.tool(Launch)).open().await;
    stage.run(Goal::new("reach out").needs_capability("work")).await;

    let all = spans(&stage.log(), 0);
    is_whole(&all);
    let [(attempt, told)] = places(&all, event::VIOLATION)[..] else { panic!("{all:#?}") };
    assert_eq!(attempt.name, "invoke_agent ada");
    assert!(said(told, a::REASON).is_some_and(|tried| tried.contains("sky.reach:moon")), "{told:?}");
    assert!(all.iter().all(|span| !span.name.starts_with(s::TOOL)), "what was not let through was no call");
}

#[tokio::test(start_paused = true)]
async fn a_task_that_nobody_is_left_to_ask_about_escalates_on_its_span() {
    let stage = Stage::seeded(1).agent(scripted("ada", ["work"], [ScriptedReply::error("boom")])).open().await;
    stage.run(Goal::new("work").task(Task::new("t", "do it").needs_capability("work").retries(0))).await;

    let all = spans(&stage.log(), 0);
    is_whole(&all);
    let [(task, told)] = places(&all, event::ESCALATED)[..] else { panic!("{all:#?}") };
    assert_eq!((&*task.name, said(&task.attributes, a::TASK).as_deref()), (s::TASK, Some("t")));
    assert!(said(told, a::REASON).is_some_and(|why| !why.is_empty()), "{told:?}");
}

/// Says nothing sensible at first; asking it costs something all the same.
struct Slow(AtomicU32);

impl Planner for Slow {
    async fn plan(&self, _: PlanRequest) -> Result<Plan, String> {
        let task = |id: &str| Task::new(id, "do it").needs_capability("work");
        let first = self.0.fetch_add(1, Ordering::SeqCst) == 0;
        let mut plan = Plan::of(if first { vec![] } else { vec![task("a"), task("b")] });
        (plan.usage.input_tokens, plan.cost) = (70, Cost::Known(1_500));
        Ok(plan)
    }
}

#[tokio::test(start_paused = true)]
async fn a_plan_that_could_not_be_accepted_is_told_on_its_round_with_what_it_cost() {
    let ada = agent_fn("ada", ["work"], |_| async { Ok(Output::text("done")) }).cost_usd_per_task(0.25);
    let stage = Stage::seeded(1).agent(ada).with(|team| team.planner(Slow(AtomicU32::new(0)))).open().await;
    stage.run(Goal::new("plan it").route(RouteWish::Plan)).await;

    let all = spans(&stage.log(), 0);
    is_whole(&all);
    let rounds: Vec<_> = all.iter().filter(|span| span.name == s::PLAN).collect();
    let [(rejected, told)] = places(&all, event::PLAN_REJECTED)[..] else { panic!("{all:#?}") };
    assert_eq!((rounds.len(), value(&rejected.attributes, a::ROUND)), (2, Some(&Value::I64(1))));
    assert!(said(told, a::REASON).is_some_and(|why| !why.is_empty()), "{told:?}");
    for round in rounds {
        assert_eq!(value(&round.attributes, a::COST), Some(&Value::I64(1_500)), "micro-USD are whole numbers");
        assert_eq!(value(&round.attributes, a::INPUT_TOKENS), Some(&Value::I64(70)));
    }
    let attempts = all.iter().filter(|span| span.name.starts_with(s::ATTEMPT));
    for attempt in attempts {
        assert_eq!(value(&attempt.attributes, a::COST), Some(&Value::I64(250_000)), "{attempt:#?}");
    }
    let root = all.iter().find(|span| span.is_root()).expect("it has one");
    assert_eq!(value(&root.attributes, a::COST), Some(&Value::I64(503_000)), "two plans and two attempts");
}

#[tokio::test(start_paused = true)]
async fn a_breaker_is_a_trace_of_its_own_from_its_trip_to_its_close_linked_to_what_opened_it() {
    let wrong = std::iter::repeat_n(ScriptedReply::output("5"), 3);
    let ada = scripted("ada", ["sum"], wrong.chain([ScriptedReply::output("4")]));
    let stage = Stage::seeded(6).agent(ada).open().await;
    let sum = || Goal::new("2 + 2").needs_capability("sum").verify(Verify::equals("4"));
    stage.run(sum()).await;
    tokio::time::sleep(Duration::from_secs(40)).await;
    for _ in 0..3 {
        stage.run(sum()).await;
    }

    let all = spans(&stage.log(), 0);
    let breaker = all.iter().find(|span| span.name == s::BREAKER).expect("it opened and closed");
    let told: Vec<_> = breaker.events.iter().map(|one| one.name.as_ref()).collect();
    assert_eq!(told, [event::BREAKER_OPENED, event::BREAKER_HALF_OPENED, event::BREAKER_CLOSED]);
    assert_eq!(said(&breaker.attributes, a::REASON).as_deref(), Some("3 failures in a row"));
    assert_eq!(said(&breaker.attributes, a::POLICY).as_deref(), Some("circuit_breaker"));
    assert_eq!(said(&breaker.attributes, a::CAPABILITY).as_deref(), Some("sum"));
    assert!(matches!(value(&breaker.attributes, a::UNTIL), Some(Value::I64(_))));
    let others = all.iter().filter(|span| span.context.trace == breaker.context.trace);
    assert!(breaker.is_root() && others.count() == 1, "no goal's trace holds it");

    let opening: Vec<_> =
        places(&all, event::BREAKER_OPENED).into_iter().filter(|(span, _)| *span != breaker).collect();
    let [(opening, _)] = opening[..] else { panic!("{all:#?}") };
    assert_eq!((&*opening.name, value(&opening.attributes, a::ATTEMPT)), (s::DELEGATION, Some(&Value::I64(3))));
    let links: Vec<_> = breaker.links.iter().map(|link| link.span_context.span_id()).collect();
    assert_eq!(links, [opening.context.span.into()]);
    let closing = places(&all, event::BREAKER_CLOSED);
    let on: Vec<_> = closing.iter().map(|(span, _)| span.name.as_ref()).collect();
    assert!(on.contains(&s::DELEGATION) && on.contains(&s::BREAKER) && on.len() == 2, "{on:?}");
}
