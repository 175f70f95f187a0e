//! A journal read again: folded once more and compared, or decided anew by other rules. Nobody is called.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use bailiwick::{
    history::{self, Anew, Change, Changed},
    prelude::*,
    protocols::{Event, GoalEvent, Recorded},
    team_file::TeamRules,
    testing::Stage,
};
use bailiwick_tests::*;

fn rules(text: &str) -> TeamRules {
    TeamRules::parse(text).unwrap_or_else(|problems| panic!("{problems}"))
}

fn sum() -> Goal {
    Goal::new("2 + 2").needs_capability("sum").verify(Verify::equals("4"))
}

/// Ada is wrong twice and then right, for a cent each time.
fn ada(calls: &Arc<AtomicU32>) -> AgentSpec {
    let calls = calls.clone();
    let mut spec = agent_fn("ada", ["sum"], move |_| {
        let wrong = calls.fetch_add(1, Ordering::Relaxed) < 2;
        async move { Ok(Output::text(if wrong { "5" } else { "4" })) }
    });
    spec.cost_per_task = Cost::Known(10_000);
    spec
}

fn told(anew: &Anew) -> Vec<(Changed, bool, bool)> {
    let told = |change: &Change| (change.what.clone(), change.recorded.is_some(), change.anew.is_some());
    anew.changes.iter().map(told).collect()
}

#[tokio::test(start_paused = true)]
async fn stricter_rules_trip_earlier_and_what_comes_after_is_refused_and_not_paid() {
    let calls = Arc::default();
    let play = open(prompt(1).agent(ada(&calls))).await;
    let report = play.run(sum()).await;
    assert_eq!((report.outcome_word(), report.attempts()), ("verified", 3));
    let log = play.log();

    let same = history::anew(&log, &rules("[policy]"));
    let strict = history::anew(&log, &rules("[policy]\nbreaker = { failures_in_row = 2 }"));

    assert_eq!((same.delegations, same.changes.len()), (3, 0), "{:?}", same.changes);
    let pair = Changed::Trip(Some("sum".into()));
    assert_eq!(told(&strict), [(pair, false, true), (Changed::Refusal, false, true)]);
    let line = strict.changes[0].to_string();
    assert!(line.ends_with("trip of sum: then none; now 2 failures in a row"), "{line}");
    assert!(strict.changes[1].anew.as_ref().unwrap().starts_with("breaker open for sum until"));
    let costs = strict.costs[&report.goal_id];
    assert_eq!((costs.recorded, costs.anew), (Cost::Known(30_000), Cost::Known(20_000)));
    assert_eq!(calls.load(Ordering::Relaxed), 3, "nobody is called");
}

#[tokio::test(start_paused = true)]
async fn milder_rules_do_not_trip_and_say_no_more_than_is_known() {
    let play = open(Stage::seeded(1).agent(says("ada", "sum", "5"))).await;
    play.run(sum()).await;
    let log = play.log();

    let mild = "[policy]\nbreaker = { failures_in_row = 9, trust_drop = 1.0, failure_rate = 1.0, window = 50 }";
    let mild = history::anew(&log, &rules(mild));

    assert_eq!(told(&mild), [(Changed::Trip(Some("sum".into())), true, false)], "{:?}", mild.changes);
}

#[tokio::test(start_paused = true)]
async fn trust_is_learned_anew_by_the_other_model() {
    let play =
        open(prompt(1).agent(scripted("ada", ["sum"], [ScriptedReply::output("5"), ScriptedReply::output("4")]))).await;
    play.run(sum()).await;
    let log = play.log();

    let harsh = history::anew(&log, &rules("[policy]\ntrust = { failure_rate = 0.9 }"));

    let reasons: Vec<_> = harsh.changes.iter().filter_map(|change| change.anew.clone()).collect();
    assert!(reasons[0].contains("trust"), "{reasons:?}");
}

const SMALL: &str = r#"
version = 1
name = "team"
goal = "x"
[agents.ada]
capabilities = ["read"]
command = ["true"]
permissions = ["fs.read:docs/*"]
cost_usd_per_task = 0.5
[agents.bo]
capabilities = ["read"]
command = ["true"]
permissions = ["fs.read:*"]
"#;

#[tokio::test(start_paused = true)]
async fn a_whole_team_file_brings_permissions_and_prices() {
    let reader = |name| says(name, "read", "done").permissions(Permissions::parse(["fs.read:*"]).unwrap());
    let play = open(prompt(1).agent(reader("ada")).agent(reader("bo"))).await;
    let read = |scope: &str| {
        let needs = Permissions::parse([format!("fs.read:{scope}")]).unwrap();
        Task::new("read", "read it").needs_capability("read").permissions(needs).agent("ada")
    };
    let source = play.run(Goal::new("x").task(read("src/*"))).await;
    let docs = play.run(Goal::new("x").task(read("docs/*"))).await;
    assert_eq!((source.outcome_word(), docs.outcome_word()), ("unverified", "unverified"));
    let log = play.log();

    let small = history::anew(&log, &rules(SMALL));

    let [change] = &small.changes[..] else { panic!("{:?}", small.changes) };
    assert_eq!((change.about.as_ref().unwrap().0, &change.what), (source.goal_id, &Changed::Refusal));
    assert_eq!(change.anew.as_deref(), Some("missing fs.read:src/*"));
    assert_eq!(small.costs[&source.goal_id].anew, Cost::FREE);
    assert_eq!(small.costs[&docs.goal_id].anew, Cost::Known(500_000));
}

#[tokio::test(start_paused = true)]
async fn rulings_of_a_teams_own_policies_are_taken_as_they_are_and_named() {
    struct Never;
    impl SupervisorPolicy for Never {
        fn name(&self) -> &'static str {
            "never"
        }
        fn rule(&self, _: &Delegation, _: &Scene<'_>) -> Ruling {
            Ruling::Refuse(Refusal::Policy { policy: "never".to_owned(), reason: "never".to_owned() })
        }
    }
    let stage = prompt(1).agent(says("ada", "sum", "4")).with(|builder| builder.policy(|_| Never));
    let play = open(stage).await;
    play.run(sum()).await;
    let log = play.log();

    let anew = history::anew(&log, &rules("[policy]"));

    assert_eq!((anew.delegations, anew.changes.len()), (1, 0));
    assert_eq!(anew.kept, BTreeSet::from(["never".to_owned()]));
}

#[tokio::test(start_paused = true)]
async fn a_replay_fails_where_the_fold_is_not_what_is_stored() {
    let play = open(prompt(1).agent(says("ada", "sum", "4"))).await;
    let report = play.run(sum()).await;
    let log = play.log();
    let with = |change: &dyn Fn(&mut GoalEvent)| {
        let mut log = log.clone();
        for recorded in &mut log {
            let mut changed = Recorded::clone(recorded);
            if let Event::Goal(event) = &mut changed.event {
                change(event);
            }
            *recorded = Arc::new(changed);
        }
        history::replay(&log, report.goal_id).differences
    };

    let same = with(&|_| {});
    let output = with(&|event| {
        if let GoalEvent::AttemptEnded { output, .. } = event {
            *output = Some(Output::text("5"));
        }
    });
    let settled = with(&|event| {
        if let GoalEvent::GoalSettled { outcome, .. } = event {
            *outcome = Outcome::Expired;
        }
    });
    let mut gap = log.clone();
    gap.retain(|recorded| recorded.event.kind() != "agent_selected");

    assert_eq!(same, Vec::<String>::new());
    assert!(output[0].contains("the agent's settlement has another output"), "{output:?}");
    assert!(settled.iter().any(|line| line.contains("outcome")), "{settled:?}");
    assert!(history::replay(&gap, report.goal_id).differences[0].contains("is missing"));
}
