//! Several findings as one: all, any and not, three-valued.
//!
//! A finding that is not in yet is a fourth value that only this file knows: a tree is settled as soon as nothing still
//! to come could change whether it passed or abstained.

use bailiwick_protocols::Verdict;

use super::shorten;

/// The most characters of details one verdict carries.
pub const DETAILS_MAX: usize = 2_000;

/// The most judges of whom one verdict says what they said.
pub const JUDGED_MAX: usize = 256;

/// Checks joined, each leaf by its number.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Tree {
    /// One check.
    Leaf(usize),
    /// All pass.
    All(Vec<Tree>),
    /// At least one passes.
    Any(Vec<Tree>),
    /// It fails.
    Not(Box<Tree>),
}

impl Tree {
    /// The verdict on the whole, given what the leaves found; `None` while a finding to come could change whether it
    /// passed or abstained.
    pub fn settle(&self, found: &[Option<Verdict>]) -> Option<Verdict> {
        let each = |trees: &[Tree]| trees.iter().map(|tree| tree.settle(found)).collect::<Vec<_>>();
        match self {
            Tree::Leaf(leaf) => found.get(*leaf).cloned().flatten().map(sound),
            Tree::All(trees) => joined(&each(trees), all),
            Tree::Any(trees) => joined(&each(trees), any),
            Tree::Not(tree) => joined(&[tree.settle(found)], |part| part[0].clone().map(not)),
        }
    }
}

/// The parts as one, with what the judges of all of them said.
fn joined(parts: &[Option<Verdict>], join: impl Fn(&[Option<Verdict>]) -> Option<Verdict>) -> Option<Verdict> {
    let judges = parts.iter().flatten().flat_map(|part| part.judges.iter().cloned()).take(JUDGED_MAX).collect();
    Some(Verdict { judges, ..join(parts)? })
}

/// A fail settles it; else whatever abstained; else it passes. The score is the least of those that did not abstain.
pub fn all(parts: &[Option<Verdict>]) -> Option<Verdict> {
    let score = scores(parts).fold(1.0, f64::min);
    if parts.iter().flatten().any(failed) {
        return Some(Verdict::fail("all", score, list("failed", parts, failed)));
    }
    let undecided = undecided("all", parts)?;
    Some(undecided.unwrap_or_else(|| Verdict::pass("all", score, format!("all {} checks passed", parts.len()))))
}

/// A pass settles it; else whatever abstained; else it fails. The score is the greatest of those that did not abstain.
pub fn any(parts: &[Option<Verdict>]) -> Option<Verdict> {
    let score = scores(parts).fold(0.0, f64::max);
    if parts.iter().flatten().any(passed) {
        return Some(Verdict::pass("any", score, list("passed", parts, passed)));
    }
    let undecided = undecided("any", parts)?;
    Some(undecided.unwrap_or_else(|| Verdict::fail("any", score, list("failed", parts, failed))))
}

/// A pass becomes a fail and a fail a pass, the score one minus it; an abstention stays one, so it can never pass.
pub fn not(part: Verdict) -> Verdict {
    let details = |what: &str| shorten(&format!("{} {what}: {}", part.method, part.details), DETAILS_MAX).into_owned();
    if part.abstained {
        Verdict::abstain("not", details("abstained"))
    } else if part.passed {
        Verdict::fail("not", 1.0 - part.score, details("passed, and must not"))
    } else {
        Verdict::pass("not", 1.0 - part.score, details("failed, as it must"))
    }
}

/// The same finding, or an abstention if it contradicts itself or its score is no number in 0..=1.
pub fn sound(verdict: Verdict) -> Verdict {
    let details = shorten(&verdict.details, DETAILS_MAX).into_owned();
    if verdict.passed && verdict.abstained {
        return Verdict::abstain(verdict.method, format!("it both passed and abstained: {details}"));
    }
    if verdict.abstained {
        return Verdict { judges: verdict.judges, ..Verdict::abstain(verdict.method, details) };
    }
    if !(0.0..=1.0).contains(&verdict.score) {
        return Verdict::abstain(verdict.method, format!("its score {} is not within 0..=1: {details}", verdict.score));
    }
    Verdict { details, ..verdict }
}

/// `None` while a part is missing; then an abstention if one abstained, or if there are no parts at all.
fn undecided(method: &str, parts: &[Option<Verdict>]) -> Option<Option<Verdict>> {
    if parts.iter().any(Option::is_none) {
        return None;
    }
    if parts.is_empty() {
        return Some(Some(Verdict::abstain(method, "there is nothing to check")));
    }
    let any = parts.iter().flatten().any(|part| part.abstained);
    Some(any.then(|| Verdict::abstain(method, list("abstained", parts, |part| part.abstained))))
}

fn failed(part: &Verdict) -> bool {
    !part.passed && !part.abstained
}

fn passed(part: &Verdict) -> bool {
    part.passed && !part.abstained
}

fn scores(parts: &[Option<Verdict>]) -> impl Iterator<Item = f64> {
    parts.iter().flatten().filter(|part| !part.abstained).map(|part| part.score)
}

/// `1 of 3 checks failed: check 2 (regex): ...`
fn list(what: &str, parts: &[Option<Verdict>], chosen: impl Fn(&Verdict) -> bool) -> String {
    let chosen: Vec<String> = parts
        .iter()
        .enumerate()
        .filter_map(|(at, part)| part.as_ref().filter(|part| chosen(part)).map(|part| (at + 1, part)))
        .map(|(number, part)| format!("check {number} ({}): {}", part.method, part.details))
        .collect();
    let text = format!("{} of {} checks {what}: {}", chosen.len(), parts.len(), chosen.join("; "));
    shorten(&text, DETAILS_MAX).into_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Tree, Verdict, all, not, sound};

    fn finding() -> impl Strategy<Value = Verdict> {
        prop_oneof![
            (0.0..=1.0).prop_map(|score| Verdict::pass("leaf", score, "")),
            (0.0..=1.0).prop_map(|score| Verdict::fail("leaf", score, "")),
            Just(Verdict::abstain("leaf", "")),
        ]
    }

    fn tree(with_not: bool) -> impl Strategy<Value = Tree> {
        (0usize..6).prop_map(Tree::Leaf).prop_recursive(4, 24, 4, move |inner| {
            let group = prop::collection::vec(inner.clone(), 0..4);
            prop_oneof![
                group.clone().prop_map(Tree::All),
                group.prop_map(Tree::Any),
                inner.prop_map(move |tree| if with_not { Tree::Not(Box::new(tree)) } else { tree }),
            ]
        })
    }

    fn same(a: &Verdict, b: &Verdict) -> bool {
        (a.passed, a.abstained) == (b.passed, b.abstained) && (a.score - b.score).abs() < 1e-9
    }

    fn in_all(parts: &[Verdict]) -> Verdict {
        all(&parts.iter().cloned().map(Some).collect::<Vec<_>>()).expect("every part is in")
    }

    fn in_any(parts: &[Verdict]) -> Verdict {
        super::any(&parts.iter().cloned().map(Some).collect::<Vec<_>>()).expect("every part is in")
    }

    #[test]
    fn the_table_of_two_parts() {
        let part = |word: char| match word {
            'p' => Verdict::pass("leaf", 1.0, ""),
            'f' => Verdict::fail("leaf", 0.0, ""),
            _ => Verdict::abstain("leaf", ""),
        };
        let word = |verdict: Verdict| match (verdict.passed, verdict.abstained) {
            (true, false) => 'p',
            (false, false) => 'f',
            (false, true) => 'a',
            (true, true) => panic!("passed and abstained"),
        };
        let row = |of: fn(&[Verdict]) -> Verdict| {
            let pairs = ["pp", "pf", "pa", "fp", "ff", "fa", "ap", "af", "aa"];
            pairs.map(|pair| word(of(&pair.chars().map(part).collect::<Vec<_>>()))).iter().collect::<String>()
        };

        assert_eq!(row(in_all), "pfafffafa");
        assert_eq!(row(in_any), "ppppfapaa");
        assert_eq!(['p', 'f', 'a'].map(|w| word(not(part(w)))), ['f', 'p', 'a']);
        assert!(in_all(&[]).abstained && in_any(&[]).abstained);
    }

    #[test]
    fn details_say_which_part_failed() {
        let parts = [Verdict::pass("contains", 1.0, "has it"), Verdict::fail("regex", 0.2, "nothing matches")];

        let joined = in_all(&parts);

        assert_eq!(joined.details, "1 of 2 checks failed: check 2 (regex): nothing matches");
        assert_eq!((joined.method.as_str(), joined.score), ("all", 0.2));
        assert_eq!(in_any(&parts).score, 1.0);
        assert_eq!(not(parts[1].clone()).score, 0.8);
    }

    #[test]
    fn a_finding_that_makes_no_sense_abstains() {
        for score in [f64::NAN, f64::INFINITY, -0.1, 1.1] {
            assert!(sound(Verdict { score, ..Verdict::pass("function", 1.0, "") }).abstained, "{score}");
        }
        let both = sound(Verdict { abstained: true, ..Verdict::pass("function", 1.0, "") });

        assert!(both.abstained && !both.passed);
        assert!(!not(both).passed);
    }

    proptest! {
        #[test]
        fn twice_not_changes_nothing(part in finding()) {
            prop_assert!(same(&not(not(part.clone())), &part));
        }

        #[test]
        fn not_of_an_abstention_never_passes(part in finding()) {
            prop_assert!(!(part.abstained && not(part).passed));
        }

        #[test]
        fn de_morgan(parts in prop::collection::vec(finding(), 0..5)) {
            let turned: Vec<_> = parts.iter().cloned().map(not).collect();
            prop_assert!(same(&not(in_all(&parts)), &in_any(&turned)));
            prop_assert!(same(&not(in_any(&parts)), &in_all(&turned)));
        }

        #[test]
        fn without_a_pass_and_without_a_not_nothing_passes(
            tree in tree(false),
            found in prop::collection::vec(finding().prop_filter("no pass", |part| !part.passed), 6),
        ) {
            let verdict = tree.settle(&found.into_iter().map(Some).collect::<Vec<_>>()).unwrap();
            prop_assert!(!verdict.passed);
        }

        #[test]
        fn when_all_abstain_nothing_passes(tree in tree(true)) {
            let verdict = tree.settle(&vec![Some(Verdict::abstain("leaf", "")); 6]).unwrap();
            prop_assert!(verdict.abstained && !verdict.passed);
        }

        #[test]
        fn what_is_settled_early_is_settled_as_it_would_be_late(
            tree in tree(true),
            found in prop::collection::vec((finding(), proptest::bool::ANY), 6),
        ) {
            let late: Vec<_> = found.iter().map(|(part, _)| Some(part.clone())).collect();
            let early: Vec<_> = found.into_iter().map(|(part, is_in)| is_in.then_some(part)).collect();
            let full = tree.settle(&late).expect("everything is in");
            if let Some(verdict) = tree.settle(&early) {
                prop_assert_eq!((verdict.passed, verdict.abstained), (full.passed, full.abstained));
            }
            prop_assert!((0.0..=1.0).contains(&full.score));
        }
    }
}
