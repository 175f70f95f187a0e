//! One examination, one verdict: whatever comes, in whatever order, and however often.

use bailiwick_protocols::{Contract, OutputSpec, Reversibility, Verify};
use proptest::prelude::*;

use super::*;
use crate::verifiers::{ScriptedJudge, Verifiers, verify_fn};

const FUNCTIONS: [&str; 4] = ["a", "b", "c", "d"];

fn gather(verify: Verify) -> Option<Gather> {
    let mut team = Verifiers::new();
    for name in FUNCTIONS {
        team.add(verify_fn(name, |_| true)).unwrap();
    }
    team.add_judge(ScriptedJudge::scoring([1.0]));
    let contract = Contract { verify, output: OutputSpec::default() };
    Gather::new(team.compile(&contract, Reversibility::Medium).expect("the contract is sound"))
}

fn start(text: &str) -> Heard {
    Heard::Start { output: Arc::new(Output::text(text)) }
}

fn found(leaf: usize, passed: bool) -> Heard {
    let verdict = if passed { Verdict::pass("function", 1.0, "") } else { Verdict::fail("function", 0.0, "") };
    Heard::Found { leaf, verdict }
}

fn concluded(effects: &[Effect]) -> &Verdict {
    match effects {
        [Effect::Conclude(verdict)] => verdict,
        other => panic!("no verdict but {other:?}"),
    }
}

#[test]
fn pure_leaves_are_found_at_once_and_the_others_are_run() {
    let mut gather =
        gather(Verify::all([Verify::contains("x"), Verify::function("a"), Verify::judge("good?")])).unwrap();

    let begun = gather.step(start("x"));
    let first = gather.step(found(1, true));
    let last = gather.step(found(2, true));

    assert_eq!(begun, [Effect::Run { leaf: 1, lane: Lane::Function }, Effect::Run { leaf: 2, lane: Lane::Judge }]);
    assert!(first.is_empty());
    assert!(concluded(&last).passed && gather.is_concluded());
}

#[test]
fn nobody_is_asked_what_is_settled_already() {
    let checks = || [Verify::contains("x"), Verify::function("a"), Verify::judge("good?")];

    let failed = gather(Verify::all(checks())).unwrap().step(start("y"));
    let passed = gather(Verify::any(checks())).unwrap().step(start("x"));

    assert!(!concluded(&failed).passed && !concluded(&failed).abstained);
    assert!(concluded(&passed).passed);
}

#[test]
fn a_large_output_is_looked_at_by_leaves() {
    let large = "x".repeat(crate::verifiers::contract::INLINE_BYTES_MAX + 1);

    let effects = gather(Verify::contains("x")).unwrap().step(start(&large));

    assert_eq!(effects, [Effect::Run { leaf: 0, lane: Lane::Pure }]);
}

#[test]
fn a_lost_worker_abstains_and_time_ends_the_rest() {
    let mut lost = gather(Verify::function("a")).unwrap();
    let mut late = gather(Verify::not(Verify::any([Verify::function("a"), Verify::function("b")]))).unwrap();

    lost.step(start("x"));
    let lost = lost.step(Heard::LeafLost { leaf: 0 });
    late.step(start("x"));
    late.step(found(0, false));
    let late = late.step(Heard::TimedUp);

    assert!(concluded(&lost).abstained);
    assert_eq!(concluded(&lost).method, "function");
    assert!(concluded(&late).abstained && concluded(&late).details.contains("no finding within 30 s"));
}

#[test]
fn what_comes_early_late_or_twice_changes_nothing() {
    let mut gather = gather(Verify::all([Verify::function("a"), Verify::function("b")])).unwrap();

    assert!(gather.step(found(0, false)).is_empty(), "nothing was asked yet");
    assert_eq!(gather.step(start("x")).len(), 2);
    assert!(gather.step(start("x")).is_empty(), "it has begun");
    assert!(gather.step(found(0, true)).is_empty());
    assert!(gather.step(found(0, false)).is_empty(), "the first finding counts");
    assert!(gather.step(Heard::LeafLost { leaf: 0 }).is_empty(), "it was found before it was lost");
    assert!(gather.step(found(7, false)).is_empty(), "there is no such leaf");
    assert!(concluded(&gather.step(found(1, true))).passed);
    for late in [found(1, false), Heard::LeafLost { leaf: 1 }, Heard::TimedUp, start("x")] {
        assert!(gather.step(late).is_empty());
    }
}

#[test]
fn a_contract_without_a_check_has_no_examination() {
    assert!(gather(Verify::None).is_none());
}

fn verify() -> impl Strategy<Value = Verify> {
    let leaf = prop_oneof![
        prop::sample::select(&FUNCTIONS[..]).prop_map(Verify::function),
        Just(Verify::contains("x")),
        Just(Verify::contains("y")),
        Just(Verify::judge("good?")),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        let group = prop::collection::vec(inner.clone(), 1..4);
        prop_oneof![group.clone().prop_map(Verify::All), group.prop_map(Verify::Any), inner.prop_map(Verify::not)]
    })
}

fn heard() -> impl Strategy<Value = Heard> {
    prop_oneof![
        4 => (0usize..14, any::<bool>()).prop_map(|(leaf, passed)| found(leaf, passed)),
        1 => (0usize..14).prop_map(|leaf| Heard::LeafLost { leaf }),
        1 => Just(start("x")),
    ]
}

proptest! {
    #[test]
    fn exactly_one_verdict_and_it_is_what_all_findings_say(verify in verify(), storm in prop::collection::vec(heard(), 0..40)) {
        let mut gather = gather(verify).unwrap();
        let contract = gather.contract().clone();
        let mut known = contract.find_at_once(&Output::text("x"));

        let mut effects = gather.step(start("x"));
        for heard in storm {
            let (leaf, verdict) = match &heard {
                Heard::Found { leaf, verdict } => (*leaf, verdict.clone()),
                Heard::LeafLost { leaf } => (*leaf, Verdict::abstain("function", "")),
                _ => (usize::MAX, Verdict::abstain("function", "")),
            };
            if let Some(slot) = known.get_mut(leaf) {
                slot.get_or_insert(verdict);
            }
            effects.extend(gather.step(heard));
        }
        effects.extend(gather.step(Heard::TimedUp));

        let verdicts: Vec<_> =
            effects.iter().filter_map(|effect| if let Effect::Conclude(verdict) = effect { Some(verdict) } else { None }).collect();
        for slot in &mut known {
            slot.get_or_insert(Verdict::abstain("function", ""));
        }
        let all = contract.settle(&known).unwrap();
        prop_assert_eq!(verdicts.len(), 1);
        prop_assert_eq!((verdicts[0].passed, verdicts[0].abstained), (all.passed, all.abstained));
        prop_assert!(gather.is_concluded());
    }
}
