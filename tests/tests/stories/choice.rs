//! Section 4: the score, near ties, who is passed over, and when nobody is chosen.

use bailiwick::{
    actors::directory::Weights,
    prelude::*,
    protocols::{
        AgentName, Capability, GoalEvent, TrustScore,
        event::{ChosenBy, PassedOver},
    },
    testing::Stage,
};
use bailiwick_tests::*;

fn first_choice(play: &Play, report: &GoalReport) -> (AgentName, ChosenBy, Vec<PassedOver>) {
    let events = play.events(report);
    let choice = told(&events).find_map(|event| match event {
        GoalEvent::AgentSelected { agent, chosen_by, passed_over, .. } => {
            Some((agent.clone(), *chosen_by, passed_over.clone()))
        }
        _ => None,
    });
    choice.expect("somebody was chosen")
}

fn knows(name: &str, capabilities: &[&str]) -> AgentSpec {
    scripted(name, capabilities.iter().copied(), [ScriptedReply::output("ok")])
}

#[tokio::test(start_paused = true)]
async fn the_score_is_the_weighted_sum_of_its_four_terms() {
    // needs, agent, trust at the start, partial, [capability, trust, availability, cost], score
    type Row = (&'static [&'static str], AgentSpec, f64, bool, [f64; 4], f64);
    let table: [Row; 9] = [
        (&["a"], knows("x", &["a"]), 0.5, false, [1.0, 0.5, 1.0, 1.0], 0.35 + 0.15 + 0.20 + 0.15),
        (&["a"], knows("x", &["a"]), 1.0, false, [1.0, 1.0, 1.0, 1.0], 1.0),
        (&["a"], knows("x", &["a"]), 0.0, false, [1.0, 0.0, 1.0, 1.0], 0.70),
        (&[], knows("x", &["a"]), 0.5, false, [1.0, 0.5, 1.0, 1.0], 0.85),
        (&["a"], knows("x", &["a"]).cost_usd_per_task(0.001), 0.5, false, [1.0, 0.5, 1.0, 0.5], 0.775),
        (&["a"], knows("x", &["a"]).cost_usd_per_task(0.009), 0.5, false, [1.0, 0.5, 1.0, 0.1], 0.715),
        (&["a", "b"], knows("x", &["a", "b"]), 0.5, false, [1.0, 0.5, 1.0, 1.0], 0.85),
        (&["a", "b"], knows("x", &["a"]), 0.5, true, [0.5, 0.5, 1.0, 1.0], 0.675),
        (&["a", "b", "c"], knows("x", &["c"]), 0.5, true, [1.0 / 3.0, 0.5, 1.0, 1.0], 0.35 / 3.0 + 0.5),
    ];

    for (needs, agent, start, partial, terms, score) in table {
        let mut model = bailiwick::actors::trust_tracker::models::Asymmetric::default();
        model.start = TrustScore::new(start);
        let team = Stage::seeded(1).agent(agent).agent(knows("other", &["b", "c", "z"]));
        let team = team.with(|b| b.trust_model(model).partial_capability(partial));
        let play = open(team).await;
        let goal = needs.iter().fold(Task::new("t", "t"), |task, need| task.needs_capability(*need));
        let report = play.run(Goal::new("score").task(goal)).await;
        let all = candidates(&play.events(&report));
        let candidate = all.iter().find(|candidate| candidate.agent == *"x").expect("x could do it");
        let found = candidate.terms;
        for (found, wanted) in [found.capability, found.trust, found.availability, found.cost].into_iter().zip(terms) {
            assert!((found - wanted).abs() < 1e-9, "{needs:?}: {found} is not {wanted}");
        }
        assert!((found.score - score).abs() < 1e-9, "{needs:?}: {} is not {score}", found.score);
    }
}

#[tokio::test(start_paused = true)]
async fn availability_is_the_free_seats_live() {
    let busy = scripted("ada", ["a"], [ScriptedReply::output("ok").after(secs(10))]).max_concurrent(4);
    let play = open(prompt(2).agent(busy)).await;

    let runs = [1, 2, 3, 4].map(|n| Goal::new(format!("goal {n}")).needs_capability("a"));
    let mut seen = Vec::new();
    for goal in runs {
        let run = play.submit(goal).await;
        tokio::time::sleep(ms(5)).await;
        seen.push(candidates(&play.goal_stream(run.goal_id()))[0].terms.availability);
    }

    assert_eq!(seen, [1.0, 0.75, 0.5, 0.25]);
}

#[tokio::test(start_paused = true)]
async fn the_weights_can_be_set_and_decide() {
    let team = |weights| {
        Stage::seeded(3)
            .agent(knows("cheap", &["a"]))
            .agent(knows("dear", &["a"]).cost_usd_per_task(1.0).max_concurrent(2))
            .with(move |b| b.weights(weights))
    };
    let no_money = Weights { capability: 0.5, trust: 0.3, availability: 0.2, cost: 0.0 };

    let play = open(team(Weights::default())).await;
    let by_default = play.run(Goal::new("x").needs_capability("a")).await;
    let play = open(team(no_money)).await;
    let without = play.run(Goal::new("x").needs_capability("a")).await;

    assert_eq!(first_choice(&play, &without).1, ChosenBy::NearTie);
    assert_eq!(by_default.task("goal").unwrap().agent().unwrap(), "cheap");
}

#[tokio::test(start_paused = true)]
async fn below_three_tenths_nobody_is_chosen() {
    // Of four capabilities one is held, nobody trusts it, and it is dear: 0.0875 + 0 + 0.2 + 0.0001.
    let mut model = bailiwick::actors::trust_tracker::models::Asymmetric::default();
    model.start = TrustScore::new(0.0);
    let team = Stage::seeded(4).agent(knows("ada", &["a"]).cost_usd_per_task(1.0));
    let play = open(team.with(|b| b.trust_model(model).partial_capability(true))).await;

    let goal = ["a", "b", "c", "d"].iter().fold(Goal::new("x"), |goal, need| goal.needs_capability(*need));
    let report = play.run(goal).await;

    assert_eq!((report.outcome_word(), report.attempts()), ("refused", 0));
    let refusals = &report.task("goal").unwrap().refusals;
    assert!(refusals[0].refusal.to_string().contains("score 0.29 is below 0.3"), "{}", refusals[0].refusal);
}

#[tokio::test(start_paused = true)]
async fn an_agent_that_lacks_a_capability_is_out_unless_one_is_enough() {
    let both = || Goal::new("x").task(Task::new("t", "t").needs_capability("a").needs_capability("b"));

    let strict = open(Stage::seeded(5).agent(knows("ada", &["a"])).agent(knows("bo", &["a", "b"]))).await;
    let report = strict.run(both()).await;
    let listed = candidates(&strict.events(&report));
    assert_eq!(listed.iter().map(|c| c.agent.to_string()).collect::<Vec<_>>(), ["bo"]);

    let team = Stage::seeded(5).agent(knows("ada", &["a"])).agent(knows("bo", &["b"]));
    let lax = open(team.with(|b| b.partial_capability(true))).await;
    let report = lax.run(both()).await;
    assert_eq!(candidates(&lax.events(&report)).len(), 2);
    assert_eq!(report.outcome_word(), "unverified");
}

#[tokio::test(start_paused = true)]
async fn among_nearly_equal_scores_the_one_with_the_least_in_flight_is_asked() {
    let seats = |name: &str| scripted(name, ["a"], [ScriptedReply::output("ok").after(secs(1))]).max_concurrent(100);
    let play = open(prompt(6).agent(seats("ada")).agent(seats("bo")).agent(seats("cy"))).await;

    let goal = (0..30).fold(Goal::new("spread"), |goal, n| goal.task(task(&format!("t{n}"), "a")));
    // One seat of a hundred more or less is 0.002 of score: a near tie, until the load differs.
    for n in 0..30 {
        let run = play.submit(Goal::new(format!("one of {n}")).needs_capability("a")).await;
        tokio::time::sleep(ms(1)).await;
        drop(run);
    }
    let in_flight = ["ada", "bo", "cy"].map(|name| play.entry(name).unwrap().in_flight());
    assert_eq!(in_flight, [10, 10, 10]);
    tokio::time::sleep(secs(5)).await;
    let report = play.run(goal).await;
    assert_eq!(first_choice(&play, &report).1, ChosenBy::NearTie);
}

#[tokio::test(start_paused = true)]
async fn a_tie_is_drawn_by_lot_and_the_lot_is_seeded() {
    let draw = |seed| async move {
        let play = open(prompt(seed).agent(knows("ada", &["a"])).agent(knows("bo", &["a"]))).await;
        play.run(Goal::new("x").needs_capability("a")).await.task("goal").unwrap().agent().unwrap().to_string()
    };

    let mut drawn = Vec::new();
    for seed in 0..20 {
        drawn.push(draw(seed).await);
        assert_eq!(draw(seed).await, drawn[seed as usize], "seed {seed}");
    }

    assert!(drawn.iter().any(|name| name == "ada") && drawn.iter().any(|name| name == "bo"));
}

#[tokio::test(start_paused = true)]
async fn a_clear_difference_is_no_tie() {
    let play =
        open(Stage::seeded(7).agent(knows("ada", &["a"])).agent(knows("bo", &["a"]).cost_usd_per_task(0.001))).await;

    let report = play.run(Goal::new("x").needs_capability("a")).await;

    let (agent, by, _) = first_choice(&play, &report);
    assert_eq!((agent.as_str(), by), ("ada", ChosenBy::Score));
}

#[tokio::test(start_paused = true)]
async fn the_event_lists_the_best_sixteen_and_why_others_were_passed_over() {
    let team = (0..20).fold(Stage::seeded(8), |team, n| {
        team.agent(knows(&format!("a{n:02}"), &["a"]).cost_usd_per_task(f64::from(n) / 1000.0))
    });
    let play = open(team).await;

    let report = play.run(Goal::new("x").needs_capability("a")).await;

    let listed = candidates(&play.events(&report));
    assert_eq!(listed.len(), 16);
    assert!(listed.windows(2).all(|pair| pair[0].terms.score >= pair[1].terms.score), "best first");
    assert_eq!(listed[0].agent, *"a00");
}

#[tokio::test(start_paused = true)]
async fn who_refuses_at_the_door_is_passed_over_for_the_next_and_that_is_no_attempt() {
    let may = |name: &str, texts: &[&str]| knows(name, &["a"]).permissions(permissions(texts));
    let team = Stage::seeded(9).agent(may("ada", &[])).agent(may("bo", &["fs.write:out"]).cost_usd_per_task(0.01));
    let play = open(team).await;

    let write = task("t", "a").permissions(permissions(&["fs.write:out"]));
    let report = play.run(Goal::new("x").task(write)).await;

    let events = play.events(&report);
    assert_eq!(chosen(&events), ["ada", "bo"]);
    let task = report.task("t").unwrap();
    assert_eq!((task.attempts.len(), task.attempts[0].attempt), (1, 1), "the number is used again");
    assert_eq!(task.refusals.len(), 1);
    assert_eq!(task.refusals[0].refusal.to_string(), "missing fs.write:out");
    assert!(report.trust.is_empty(), "being turned away moves no trust");
    let last = told(&events).filter_map(|event| match event {
        GoalEvent::AgentSelected { passed_over, .. } => Some(passed_over.clone()),
        _ => None,
    });
    let last = last.last().unwrap();
    assert_eq!((last[0].agent.as_str(), last[0].because.as_str()), ("ada", "missing fs.write:out"));
}

#[tokio::test(start_paused = true)]
async fn trust_is_the_mean_over_what_is_required_and_of_its_own_where_nothing_is() {
    let play = open(Stage::seeded(10).agent(knows("ada", &["a", "b"]))).await;
    // a: 0.5 -> 0.55; b stays.
    play.run(Goal::new("x").needs_capability("a").verify(Verify::contains("ok"))).await;

    let terms = |needs: &'static [&'static str]| {
        let needs: Vec<Capability> = needs.iter().map(Capability::new).collect();
        let entry = play.entry("ada").unwrap();
        entry.terms(&needs, &Weights::default(), play.now()).trust
    };

    assert!((terms(&["a"]) - 0.55).abs() < 1e-9);
    assert!((terms(&["b"]) - 0.5).abs() < 1e-9);
    assert!((terms(&["a", "b"]) - 0.525).abs() < 1e-9);
    assert!((terms(&[]) - 0.525).abs() < 1e-9);
}
