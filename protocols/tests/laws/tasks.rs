//! Every setting of a task is its own, or inherited, or the promised default: in this order, and nothing else.

use std::time::Duration;

use bailiwick_protocols::{
    Contract, Effects, Goal, JudgeSpec, Permissions, Reversibility, Slice, Task, Timestamp, Verify,
    contract::VERIFICATION_TIMEOUT,
    report::OUTPUT_BYTES_MAX,
    task::{Bounds, Budget, RouteWish, Settings},
};
use proptest::prelude::*;

use super::arbitrary::{self, tried};

#[test]
fn a_task_that_says_nothing_has_the_promised_defaults() {
    let spec = Task::new("sum", "sum 2 2").resolve(&Settings::default());

    assert_eq!((spec.priority, spec.complexity, spec.criticality), (3, 3, 3));
    assert_eq!((spec.reversibility, spec.effects), (Reversibility::Medium, Effects::Idempotent));
    assert_eq!((spec.retries, spec.timeout), (2, Duration::from_secs(60)));
    assert_eq!((spec.required, spec.budget), (Permissions::none(), None));
    assert_eq!((spec.contract.verify, spec.contract.output.format), (Verify::None, None));
    assert!(spec.needs.is_empty() && spec.after.is_empty() && spec.optional_after.is_empty());
    assert!(spec.metadata.is_empty() && spec.documents.is_empty() && spec.constraints.is_empty());
}

#[test]
fn a_goal_that_says_nothing_has_the_promised_bounds() {
    let goal = Goal::new("sum 2 2");

    assert_eq!(goal.bounds, Bounds { tasks: 256, depth: 4, fan_out: 8 });
    assert_eq!(goal.budget, Budget { slice: Slice::UNLIMITED, wall: None });
    assert_eq!((goal.route, goal.settings), (RouteWish::Auto, Settings::default()));
    assert!(!goal.contract.asks_for_check());
    assert!(Contract { verify: Verify::contains("4"), ..Contract::default() }.asks_for_check());
}

#[test]
fn a_judge_that_is_told_only_its_criterion_has_the_promised_numbers() {
    let judge = JudgeSpec::new("is it true?");

    assert_eq!((judge.judges, judge.threshold, judge.consensus, judge.model.as_deref()), (3, 0.7, 0.66, None));
    assert_eq!(Verify::judge("is it true?"), Verify::Judge(judge));
    assert_eq!((VERIFICATION_TIMEOUT, OUTPUT_BYTES_MAX), (Duration::from_secs(30), 2_000_000));
}

#[test]
fn a_task_inherits_one_complexity_less_and_at_least_one() {
    let inherited = |complexity| Settings { complexity: Some(complexity), ..Settings::default() };

    for (parent, child) in [(5, 4), (4, 3), (3, 2), (2, 1), (1, 1), (0, 1)] {
        assert_eq!(Task::new("t", "g").resolve(&inherited(parent)).complexity, child);
    }
    assert_eq!(Task::new("t", "g").complexity(5).resolve(&inherited(1)).complexity, 5);
}

#[test]
fn a_ceiling_of_the_goal_is_a_requirement_only_where_it_is_one_task() {
    let ceiling = Permissions::parse(["fs.read:*"]).expect("it is written well");
    let goal = Goal::new("read").permissions(ceiling.clone());

    let task = Task::new("t", "g").resolve(&goal.settings);
    let own = goal.as_task().resolve(&goal.settings);

    assert_eq!((task.required, own.required), (Permissions::none(), ceiling.clone()));
    assert_eq!(Task::new("t", "g").permissions(ceiling.clone()).resolve(&goal.settings).required, ceiling);
}

#[test]
fn builders_set_what_they_are_named_after() {
    let task = Task::new("t", "g")
        .priority(1)
        .complexity(2)
        .criticality(4)
        .reversibility(Reversibility::Low)
        .effects(Effects::Once)
        .retries(0)
        .timeout(Duration::from_secs(7))
        .metadata("k", "v")
        .needs_capability("write")
        .after(["a", "b"])
        .after(["c"])
        .optional_after(["d"]);

    let spec = task.resolve(&Settings::default());

    assert_eq!((spec.priority, spec.complexity, spec.criticality, spec.retries), (1, 2, 4, 0));
    assert_eq!((spec.reversibility, spec.effects), (Reversibility::Low, Effects::Once));
    assert_eq!((spec.timeout, spec.metadata["k"].to_string()), (Duration::from_secs(7), r#""v""#.to_owned()));
    assert_eq!((spec.after.len(), spec.optional_after.len(), spec.needs.len()), (3, 1, 1));
}

proptest! {
    #![proptest_config(tried(256))]

    #[test]
    fn every_setting_is_its_own_then_inherited_then_the_default(
        task in arbitrary::task(), inherited in arbitrary::settings()
    ) {
        let spec = task.resolve(&inherited);

        let own = &task.settings;
        let less = inherited.complexity.map(|parent| if parent <= 2 { 1 } else { parent - 1 });
        prop_assert_eq!(spec.priority, own.priority.unwrap_or(inherited.priority.unwrap_or(3)));
        prop_assert_eq!(spec.complexity, own.complexity.unwrap_or(less.unwrap_or(3)));
        prop_assert_eq!(spec.criticality, own.criticality.unwrap_or(inherited.criticality.unwrap_or(3)));
        let reversibility = inherited.reversibility.unwrap_or(Reversibility::Medium);
        prop_assert_eq!(spec.reversibility, own.reversibility.unwrap_or(reversibility));
        prop_assert_eq!(spec.effects, own.effects.unwrap_or(inherited.effects.unwrap_or(Effects::Idempotent)));
        prop_assert_eq!(spec.retries, own.retries.unwrap_or(inherited.retries.unwrap_or(2)));
        let timeout = inherited.timeout.unwrap_or(Duration::from_secs(60));
        prop_assert_eq!(spec.timeout, own.timeout.unwrap_or(timeout));
        prop_assert_eq!(spec.required, own.permissions.clone().unwrap_or_default());
        for (key, value) in &spec.metadata {
            prop_assert_eq!(Some(value), own.metadata.get(key).or(inherited.metadata.get(key)));
        }
        prop_assert!(own.metadata.keys().chain(inherited.metadata.keys()).all(|key| spec.metadata.contains_key(key)));
    }

    #[test]
    fn what_is_no_setting_is_taken_over_as_it_is(task in arbitrary::task(), inherited in arbitrary::settings()) {
        let spec = task.resolve(&inherited);

        prop_assert_eq!((&spec.id, &spec.goal, &spec.needs), (&task.id, &task.goal, &task.needs));
        prop_assert_eq!((&spec.after, &spec.optional_after), (&task.after, &task.optional_after));
        prop_assert_eq!((&spec.documents, &spec.constraints), (&task.documents, &task.constraints));
        prop_assert_eq!((&spec.contract, &spec.budget), (&task.contract, &task.budget));
    }

    #[test]
    fn the_one_task_of_a_goal_is_the_goal_itself(goal in arbitrary::goal()) {
        let task = goal.as_task();
        let spec = task.resolve(&goal.settings);

        prop_assert_eq!((task.id.as_str(), &task.goal, &task.contract), ("goal", &goal.text, &goal.contract));
        prop_assert_eq!((&task.needs, &task.documents), (&goal.needs, &goal.documents));
        prop_assert_eq!(&task.constraints, &goal.constraints);
        prop_assert_eq!(spec.complexity, goal.settings.complexity.unwrap_or(3));
        prop_assert_eq!(&spec.required, &goal.settings.permissions.unwrap_or_default());
        prop_assert!(task.after.is_empty() && task.optional_after.is_empty());
    }

    #[test]
    fn a_span_between_two_points_is_never_negative(a in arbitrary::timestamp(), b in arbitrary::timestamp()) {
        prop_assert_eq!(a.since(b).is_zero(), a <= b);
        prop_assert_eq!(b + a.since(b), a.max(b));
        prop_assert_eq!(a + Duration::MAX, Timestamp::from_millis(u64::MAX));
    }
}
