//! Stories about who says how a goal is done: routers and planners of a user's own.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use bailiwick::{
    prelude::*,
    protocols::{Event, GoalEvent, event::RouteRule, task::RouteWish},
    testing::{Child, Stage},
};

fn ada() -> AgentSpec {
    scripted("ada", ["sum"], [ScriptedReply::output("4")])
}

fn goal() -> Goal {
    Goal::new("2 + 2").needs_capability("sum")
}

/// Answers with these plans in turn, the last one again and again; counts how often it was asked.
struct Plans(Vec<Vec<Task>>, Arc<AtomicU32>);

impl Planner for Plans {
    async fn plan(&self, request: PlanRequest) -> Result<Plan, String> {
        self.1.fetch_add(1, Ordering::SeqCst);
        let last = self.0.len() - 1;
        Ok(Plan::of(self.0[(request.round as usize - 1).min(last)].clone()))
    }
}

fn roads(stage: &Stage, report: &GoalReport) -> Vec<(Route, Vec<RouteRule>)> {
    let stream = stage.goal_stream(report.goal_id);
    let roads = stream.iter().filter_map(|recorded| match &recorded.event {
        Event::Goal(GoalEvent::RouteChosen { route, rules }) => Some((*route, rules.clone())),
        _ => None,
    });
    roads.collect()
}

#[tokio::test(start_paused = true)]
async fn a_router_sends_what_one_agent_could_do_to_a_planner_and_its_reason_is_recorded() {
    let careful = |_: &Goal, scene: &RouteScene| match scene.able.len() {
        1 if scene.has_planner => Routed::new(Route::Plan, "one is not enough"),
        _ => Routed::new(Route::Direct, "there is a choice"),
    };
    let asked = Arc::new(AtomicU32::new(0));
    let plan = vec![Task::new("a", "1 + 1").needs_capability("sum"), Task::new("b", "2 + 2").needs_capability("sum")];
    let planner = Plans(vec![plan], asked.clone());
    let stage = Stage::seeded(1).agent(ada()).with(|b| b.router(careful).planner(planner)).open().await;

    let report = stage.run(goal()).await;

    assert_eq!(report.tasks.iter().map(|task| task.id.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    let why = RouteRule::Router("one is not enough".to_owned());
    assert_eq!(roads(&stage, &report), [(Route::Plan, vec![why])]);
    assert_eq!(asked.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn a_router_is_asked_once_a_goal_even_if_the_goal_is_rebuilt() {
    let asked = Arc::new(AtomicU32::new(0));
    let counts = asked.clone();
    let router = move |goal: &Goal, scene: &RouteScene| {
        counts.fetch_add(1, Ordering::SeqCst);
        StandardRouter.route(goal, scene)
    };
    let slow = ScriptedReply::output("4").after(std::time::Duration::from_secs(5));
    let stage = Stage::seeded(2).agent(scripted("ada", ["sum"], [slow])).with(|b| b.router(router)).open().await;

    let run = stage.submit(goal()).await;
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    stage.kill(Child::Coordinator);
    let report = run.await.unwrap();

    assert_eq!(report.outcome_word(), "unverified");
    assert_eq!((asked.load(Ordering::SeqCst), roads(&stage, &report).len()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_router_that_panics_costs_nothing_but_its_say() {
    let panics = |_: &Goal, _: &RouteScene| -> Routed { panic!("no idea") };
    let stage = Stage::seeded(3).agent(ada()).with(|b| b.router(panics)).open().await;

    let report = stage.run(goal()).await;
    let said = stage.run(goal().route(RouteWish::Direct)).await;

    assert_eq!((report.outcome_word(), said.outcome_word()), ("unverified", "unverified"));
    let told = RouteRule::Router("the router panicked".to_owned());
    assert_eq!(roads(&stage, &report), [(Route::Direct, vec![told, RouteRule::OneAgentCan])]);
    assert_eq!(roads(&stage, &said), [(Route::Direct, vec![RouteRule::DirectAsked])], "it was not asked");
}

#[tokio::test(start_paused = true)]
async fn a_planner_is_told_twice_what_is_wrong_and_then_one_agent_does_it() {
    let asked = Arc::new(AtomicU32::new(0));
    let circle = vec![Task::new("a", "x").after(["b"]), Task::new("b", "y").after(["a"])];
    let planner = Plans(vec![circle], asked.clone());
    let stage = Stage::seeded(4).agent(ada()).with(|b| b.planner(planner)).open().await;

    let report = stage.run(goal().route(RouteWish::Plan)).await;

    assert_eq!(asked.load(Ordering::SeqCst), 3);
    assert_eq!((report.outcome_word(), report.route), ("unverified", Some(Route::Direct)));
}
