//! What routers may say, and what is made of it.

use bailiwick_protocols::Reversibility;

use super::*;

fn able(trust: f64) -> Able {
    Able { agent: "ada".into(), trust: TrustScore::new(trust) }
}

fn road(goal: &Goal, scene: &RouteScene, router: &dyn Router) -> (Route, Vec<RouteRule>) {
    let routed = route(goal, scene, router);
    (routed.route, routed.rules)
}

#[test]
fn a_router_of_the_team_is_believed_and_its_reason_stands_there() {
    let long = |goal: &Goal, scene: &RouteScene| match goal.text.len() {
        0..10 => StandardRouter.route(goal, scene),
        _ => Routed::new(Route::Plan, "it is long"),
    };
    let scene = RouteScene::new([able(0.5)], true);

    let short = road(&Goal::new("short").needs_capability("sum"), &scene, &long);
    let wordy = road(&Goal::new("a goal of many words").needs_capability("sum"), &scene, &long);

    assert_eq!(short, (Route::Direct, vec![RouteRule::OneAgentCan]));
    assert_eq!(wordy, (Route::Plan, vec![RouteRule::Router("it is long".to_owned())]));
}

#[test]
fn no_router_takes_a_road_that_is_not_there() {
    let wants = |route| move |_: &Goal, _: &RouteScene| Routed::new(route, "because");
    let why = RouteRule::Router("because".to_owned());
    let scene = RouteScene::new([able(0.69)], false);

    let planned = road(&Goal::new("x"), &scene, &wants(Route::Plan));
    let floored = road(&Goal::new("x"), &scene, &wants(Route::Floor));
    let trusted = road(&Goal::new("x"), &RouteScene::new([able(0.7)], false), &wants(Route::Floor));

    assert_eq!(planned, (Route::Direct, vec![why.clone(), RouteRule::NoPlanner]));
    assert_eq!(floored, (Route::Direct, vec![why.clone()]));
    assert_eq!(trusted, (Route::Floor, vec![why]));
}

#[test]
fn a_goal_that_says_its_road_is_not_asked_about() {
    let never = |_: &Goal, _: &RouteScene| -> Routed { panic!("nobody asks") };
    let scene = RouteScene::new([able(0.5)], true);

    let tasks = Goal::new("x").task(bailiwick_protocols::Task::new("t", "t"));
    assert_eq!(road(&tasks, &scene, &never), (Route::Plan, vec![RouteRule::BroughtTasks]));
    assert_eq!(road(&Goal::new("x").route(RouteWish::Plan), &scene, &never), (Route::Plan, vec![RouteRule::PlanAsked]));
    assert_eq!(
        road(&tasks.route(RouteWish::Direct), &scene, &never),
        (Route::Direct, vec![RouteRule::TasksDropped, RouteRule::DirectAsked])
    );
}

#[test]
fn a_router_that_panics_leaves_it_to_the_standard_rules_and_is_told_of() {
    let panics = |_: &Goal, _: &RouteScene| -> Routed { panic!("no idea") };
    let goal = Goal::new("x").complexity(1).reversibility(Reversibility::High);

    let (route, rules) = road(&goal, &RouteScene::new([able(0.9)], false), &panics);

    assert_eq!(route, Route::Floor);
    assert_eq!(rules, [RouteRule::Router("the router panicked".to_owned()), RouteRule::Floor]);
}
