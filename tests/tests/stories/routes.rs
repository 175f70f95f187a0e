//! Section 3, rules 0 to 3: which road a goal takes, and which rules fired.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use bailiwick::{
    prelude::*,
    protocols::{
        Code, GoalEvent, TrustScore,
        event::{Route, RouteRule},
        task::{Bounds, RouteWish},
    },
    testing::Stage,
};
use bailiwick_tests::*;

fn rules(play: &Play, report: &GoalReport) -> Vec<RouteRule> {
    let events = play.events(report);
    told(&events)
        .filter_map(|event| match event {
            GoalEvent::RouteChosen { rules, .. } => Some(rules.clone()),
            _ => None,
        })
        .flatten()
        .collect()
}

fn two() -> bailiwick::testing::StageBuilder {
    Stage::seeded(1).agent(says("ada", "search", "3 sources")).agent(says("bo", "write", "a report"))
}

fn trusting(start: f64) -> bailiwick::actors::trust_tracker::models::Asymmetric {
    let mut model = bailiwick::actors::trust_tracker::models::Asymmetric::default();
    model.start = TrustScore::new(start);
    model
}

/// A planner that gives these answers in turn and remembers what it was asked.
#[derive(Clone)]
struct Answers {
    answers: Arc<Vec<Result<Plan, String>>>,
    asked: Arc<Mutex<Vec<Option<String>>>>,
}

impl Answers {
    fn new(answers: impl IntoIterator<Item = Result<Plan, String>>) -> Self {
        Self { answers: Arc::new(answers.into_iter().collect()), asked: Arc::default() }
    }

    fn asked(&self) -> Vec<Option<String>> {
        self.asked.lock().unwrap().clone()
    }
}

impl Planner for Answers {
    async fn plan(&self, request: PlanRequest) -> Result<Plan, String> {
        let turn = self.asked.lock().unwrap().len();
        self.asked.lock().unwrap().push(request.problem);
        self.answers[turn.min(self.answers.len() - 1)].clone()
    }
}

#[tokio::test(start_paused = true)]
async fn a_goal_that_brings_tasks_is_planned_with_them() {
    let play = open(two().with(|b| b.planner(fixed([task("other", "search")])))).await;

    let report = play.run(Goal::new("x").needs_capability("search").task(task("mine", "search"))).await;

    assert_eq!((report.route, rules(&play, &report)), (Some(Route::Plan), vec![RouteRule::BroughtTasks]));
    assert!(report.task("mine").is_some() && report.task("other").is_none());
}

#[tokio::test(start_paused = true)]
async fn the_wish_for_the_direct_road_drops_tasks_and_says_so() {
    let play = open(two()).await;

    let goal = Goal::new("x").needs_capability("search").task(task("mine", "search")).route(RouteWish::Direct);
    let report = play.run(goal).await;

    assert_eq!(report.route, Some(Route::Direct));
    assert_eq!(rules(&play, &report), [RouteRule::TasksDropped, RouteRule::DirectAsked]);
    assert_eq!(report.tasks.len(), 1);
    assert!(report.task("goal").is_some());
}

#[tokio::test(start_paused = true)]
async fn simple_reversible_work_goes_straight_to_a_trusted_agent_and_is_still_checked() {
    let play = open(two().with(|b| b.trust_model(trusting(0.7)))).await;

    let simple = Goal::new("x").needs_capability("search").complexity(2).reversibility(Reversibility::High);
    let report = play.run(simple.verify(Verify::contains("4 sources")).retries(0)).await;

    assert_eq!((report.route, rules(&play, &report)), (Some(Route::Floor), vec![RouteRule::Floor]));
    assert_eq!(report.outcome_word(), "not_verified", "the systems this replaces skipped the check");
}

#[tokio::test(start_paused = true)]
async fn the_floor_is_for_the_simple_the_reversible_and_the_trusted_only() {
    let simple = || Goal::new("x").needs_capability("search").complexity(2).reversibility(Reversibility::High);
    let table = [
        (0.7, simple(), Route::Floor),
        (0.69, simple(), Route::Direct),
        (0.7, simple().complexity(3), Route::Direct),
        (0.7, simple().reversibility(Reversibility::Medium), Route::Direct),
        (0.7, simple().complexity(1), Route::Floor),
    ];

    for (trust, goal, route) in table {
        let play = open(two().with(|b| b.trust_model(trusting(trust)))).await;
        assert_eq!(play.run(goal.clone()).await.route, Some(route), "trust {trust}, {goal:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn on_the_floor_the_trusted_one_is_asked_even_if_another_scores_better() {
    // Bo has earned 0.7 and is expensive; Cy is free and unknown.
    let team = Stage::seeded(2)
        .agent(says("bo", "search", "ok").cost_usd_per_task(1.0))
        .with(|b| b.policy_settings(Default::default()));
    let play = open(team.agent(says("cy", "look", "ok"))).await;
    for n in 0..6 {
        let earn = Goal::new(format!("earn {n}")).needs_capability("search").verify(Verify::contains("ok"));
        play.run(earn).await;
    }
    assert!(play.bailiwick().trust().iter().any(|t| t.agent == *"bo" && t.score.get() >= 0.7));

    let goal = Goal::new("x").complexity(1).reversibility(Reversibility::High);
    let report = play.run(goal).await;

    // Nobody in particular is required: both are able, and only one is trusted.
    assert_eq!((report.route, chosen(&play.events(&report))), (Some(Route::Floor), vec!["bo".to_owned()]));
}

#[tokio::test(start_paused = true)]
async fn one_agent_that_holds_everything_does_it_alone_and_the_contract_is_checked_once() {
    let play = open(two()).await;

    let report = play.run(Goal::new("x").needs_capability("search").verify(Verify::contains("sources"))).await;

    assert_eq!((report.route, rules(&play, &report)), (Some(Route::Direct), vec![RouteRule::OneAgentCan]));
    assert_eq!(report.outcome_word(), "verified");
    let events = play.events(&report);
    assert_eq!(kinds(&events).iter().filter(|kind| **kind == "verification_passed").count(), 1);
    assert!(report.verdict.is_none(), "it was its task's contract, not checked again as the goal's");
}

#[tokio::test(start_paused = true)]
async fn where_nobody_holds_everything_a_planner_is_asked() {
    let planner = fixed([task("search", "search"), task("write", "write").after(["search"])]);
    let play = open(two().with(|b| b.planner(planner))).await;

    let goal = Goal::new("report").needs_capability("search").needs_capability("write");
    let report = play.run(goal).await;

    assert_eq!((report.route, rules(&play, &report)), (Some(Route::Plan), vec![RouteRule::NobodyHoldsAll]));
    assert_eq!(report.output(), Some(&Output::text("a report")));
    let events = play.events(&report);
    assert_eq!(kinds(&events)[..4], ["goal_submitted", "route_chosen", "plan_requested", "task_decomposed"]);
}

#[tokio::test(start_paused = true)]
async fn the_wish_for_a_plan_gets_one_where_one_agent_could_do_it_all() {
    let play = open(two().with(|b| b.planner(fixed([task("search", "search")])))).await;

    let report = play.run(Goal::new("x").needs_capability("search").route(RouteWish::Plan)).await;

    assert_eq!((report.route, rules(&play, &report)), (Some(Route::Plan), vec![RouteRule::PlanAsked]));
}

#[tokio::test(start_paused = true)]
async fn who_holds_a_part_of_what_a_goal_needs_cannot_do_it_alone() {
    let plan = [task("a", "search"), task("b", "write")];
    let team = two().with(|b| b.partial_capability(true).planner(fixed(plan)));
    let play = open(team).await;

    let report = play.run(Goal::new("x").needs_capability("search").needs_capability("write")).await;

    assert_eq!((report.route, rules(&play, &report)), (Some(Route::Plan), vec![RouteRule::NobodyHoldsAll]));
}

#[tokio::test(start_paused = true)]
async fn the_wish_for_a_plan_without_a_planner_ends_on_the_direct_road() {
    let play = open(two()).await;

    let report = play.run(Goal::new("x").needs_capability("search").route(RouteWish::Plan)).await;

    assert_eq!(report.route, Some(Route::Direct));
    assert_eq!(rules(&play, &report), [RouteRule::PlanAsked, RouteRule::NoPlanner]);
    assert_eq!(report.outcome_word(), "unverified");
}

#[tokio::test(start_paused = true)]
async fn nobody_holds_everything_and_there_is_no_planner_so_nobody_is_found() {
    let play = open(two()).await;

    let apart = play.run(Goal::new("x").needs_capability("search").needs_capability("write")).await;
    assert_eq!(rules(&play, &apart), [RouteRule::NobodyHoldsAll, RouteRule::NoPlanner]);
    assert_eq!((apart.outcome_word(), apart.code), ("failed", Some(Code::AgentNotFound)));

    let unheard = play.run(Goal::new("x").needs_capability("fly")).await;
    assert_eq!((unheard.outcome_word(), unheard.code), ("failed", Some(Code::AgentNotFound)));
    assert!(unheard.outcome().unwrap().to_string().contains("fly"), "it names what nobody has");
}

#[tokio::test(start_paused = true)]
async fn a_planner_is_told_what_is_wrong_and_asked_again_at_most_twice() {
    let cycle = Plan::of([task("a", "search").after(["b"]), task("b", "search").after(["a"])]);
    let planner = Answers::new([
        Ok(cycle),
        Err("the model said nothing".to_owned()),
        Ok(Plan::of([task("a", "search"), task("b", "write").after(["a"])])),
    ]);
    let play = open(two().with(|b| b.planner(planner.clone()))).await;

    let report = play.run(Goal::new("x").needs_capability("search").needs_capability("write")).await;

    assert_eq!((report.route, report.outcome_word()), (Some(Route::Plan), "unverified"));
    let asked = planner.asked();
    assert_eq!(asked.len(), 3);
    assert_eq!(asked[0], None);
    assert_eq!(asked[1].as_deref(), Some("tasks wait for each other: a -> b -> a"), "a cycle is named with its path");
    assert_eq!(asked[2].as_deref(), Some("the model said nothing"));
}

#[tokio::test(start_paused = true)]
async fn a_plan_that_cannot_be_mended_ends_direct_if_anybody_could_else_failed_and_the_event_says_so() {
    let planner = Answers::new([Ok(Plan::of([]))]);
    let play = open(two().with(|b| b.planner(planner.clone()))).await;

    let able = play.run(Goal::new("x").needs_capability("search").route(RouteWish::Plan)).await;
    assert_eq!(planner.asked().len(), 3, "once, and twice again");
    assert_eq!((able.route, able.outcome_word()), (Some(Route::Direct), "unverified"));
    assert_eq!(rules(&play, &able), [RouteRule::PlanAsked, RouteRule::PlanUnusable]);

    let unable = play.run(Goal::new("x").needs_capability("search").needs_capability("write")).await;
    assert_eq!((unable.outcome_word(), unable.code), ("failed", Some(Code::AgentNotFound)));
    assert!(rules(&play, &unable).contains(&RouteRule::PlanUnusable));
}

#[tokio::test(start_paused = true)]
async fn a_planner_that_panics_or_is_silent_is_a_planner_without_a_plan() {
    struct Angry(AtomicUsize);
    impl Planner for Angry {
        async fn plan(&self, _: PlanRequest) -> Result<Plan, String> {
            match self.0.fetch_add(1, Ordering::SeqCst) {
                0 => panic!("no"),
                1 => std::future::pending().await,
                _ => Ok(Plan::of([task("search", "search")])),
            }
        }
    }
    let play = open(two().with(|b| b.planner(Angry(AtomicUsize::new(0))))).await;

    let report = play.run(Goal::new("x").route(RouteWish::Plan)).await;

    assert_eq!((report.route, report.outcome_word()), (Some(Route::Plan), "unverified"));
    let events = play.events(&report);
    let problems: Vec<String> = told(&events)
        .filter_map(|event| match event {
            GoalEvent::PlanRejected { problem, .. } => Some(problem.clone()),
            _ => None,
        })
        .collect();
    assert_eq!(problems, ["panic: no", "no answer within 60 s"]);
}

#[tokio::test(start_paused = true)]
async fn what_a_planner_says_is_checked_as_strictly_as_what_a_caller_brings() {
    let wrong = [
        (Plan::of([task("a", "search"), task("a", "search")]), "`a` is there twice"),
        (Plan::of([task("a", "search").after(["a"])]), "`a` comes after itself"),
        (Plan::of([task("a", "search").after(["z"])]), "`z`, which is not in the plan"),
        (Plan::of([Task::new("a", "")]), "`a` has no goal"),
        (Plan::of([task("a", "fly")]), "`a` needs `fly`, which nobody has"),
        (Plan::of([task("a", "search").verify(Verify::regex(""))]), "the pattern is empty"),
    ];

    for (plan, why) in wrong {
        let planner = Answers::new([Ok(plan), Ok(Plan::of([task("a", "search")]))]);
        let play = open(two().with(|b| b.planner(planner.clone()))).await;
        let report = play.run(Goal::new("x").route(RouteWish::Plan)).await;
        assert_eq!(report.route, Some(Route::Plan));
        let asked = planner.asked();
        assert!(asked[1].as_deref().is_some_and(|problem| problem.contains(why)), "{why}: {asked:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn over_a_limit_is_refused_and_never_cut_off_silently() {
    let play = open(two()).await;
    let wide = |count: usize| (0..count).fold(Goal::new("wide"), |goal, n| goal.task(task(&format!("t{n}"), "search")));

    let error = play.bailiwick().submit(wide(257)).await.expect_err("one too many").to_string();
    assert!(error.contains("257 tasks, at most 256"), "{error}");
    let narrow = wide(5).bounds(Bounds { tasks: 4, ..Bounds::default() });
    assert!(play.bailiwick().submit(narrow).await.is_err());

    // The longest chain is no deeper than one task: `after` is not delegation.
    let chain = (1..40).fold(Goal::new("chain").task(task("0", "search")), |goal, n| {
        goal.task(task(&n.to_string(), "search").after([(n - 1).to_string()]))
    });
    assert_eq!(play.run(chain).await.outcome_word(), "unverified");
}

#[tokio::test(start_paused = true)]
async fn a_plan_with_faults_is_refused_with_all_of_them() {
    let play = open(two()).await;

    let goal = Goal::new("x")
        .task(task("a", "search").after(["a"]))
        .task(task("b", "search").after(["c"]))
        .task(task("b", "search"));
    let error = play.bailiwick().submit(goal).await.expect_err("it is full of faults").to_string();
    for part in ["`a` comes after itself", "comes after `c`, which is not in the plan", "`b` is there twice"] {
        assert!(error.contains(part), "{part} is missing in: {error}");
    }

    let cycle = Goal::new("x")
        .task(task("a", "search").after(["c"]))
        .task(task("b", "search").after(["a"]))
        .task(task("c", "search").optional_after(["b"]));
    let error = play.bailiwick().submit(cycle).await.expect_err("it is a cycle").to_string();
    assert!(error.contains("a -> b -> c -> a"), "{error}");
}
