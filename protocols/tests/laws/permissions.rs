//! Permissions form a lattice of sets: what is allowed is decided by one order, and checked here against plain sight.
//!
//! Plain sight is a small world of concrete attempts and an evaluator that knows neither `meet` nor `covers`.

use bailiwick_protocols::{
    Constraint, Permission, Permissions, Timestamp,
    permission::{PermissionError, Rule, Scope},
};
use proptest::prelude::*;

use super::arbitrary::{self, tried};

/// One concrete thing an agent could try.
struct Attempt {
    action: &'static str,
    path: &'static str,
    number: f64,
    under: &'static str,
    at: Timestamp,
}

/// Everything that can be tried in a small world.
fn world() -> impl Iterator<Item = Attempt> {
    let paths = ["docs", "docs/a", "docs/a/b", "docs/a/b/c", "docsx", "docsx/a", "repo/x", "repo"];
    let arguments = [(0.0, "docs/a"), (1.0, "docs/a/x"), (2.5, "docs"), (3.0, "docs/ab")];
    ["fs.read", "fs.write"].into_iter().flat_map(move |action| {
        paths.into_iter().flat_map(move |path| {
            arguments.into_iter().flat_map(move |(number, under)| {
                [0, 1, 3, 9].map(|at| Attempt { action, path, number, under, at: Timestamp::from_millis(at) })
            })
        })
    })
}

/// Whether a path is the folder or stands below it, seen segment by segment.
fn at_or_below(path: &str, folder: &str) -> bool {
    let (path, folder): (Vec<_>, Vec<_>) = (path.split('/').collect(), folder.split('/').collect());
    path.starts_with(&folder)
}

fn sees(permission: &Permission, attempt: &Attempt) -> bool {
    format!("{}.{}", permission.resource(), permission.verb()) == attempt.action
        && match permission.scope() {
            Scope::All => true,
            Scope::Exactly(path) => **path == *attempt.path,
            Scope::Below(folder) => attempt.path != &**folder && at_or_below(attempt.path, folder),
        }
        && permission.constraints().iter().all(|constraint| match (&*constraint.argument, &constraint.rule) {
            ("n", Rule::AtMost(bound)) => attempt.number <= *bound,
            ("n", Rule::Equals(value)) => value.value().as_f64() == Some(attempt.number),
            ("n", Rule::OneOf(values)) => values.iter().any(|value| value.value().as_f64() == Some(attempt.number)),
            ("path", Rule::Under(folder)) => at_or_below(attempt.under, folder),
            _ => false,
        })
        && permission.expires().is_none_or(|end| attempt.at < end)
}

fn allows(set: &Permissions, attempt: &Attempt) -> bool {
    set.iter().any(|permission| sees(permission, attempt))
}

fn set(texts: &[&str]) -> Permissions {
    Permissions::parse(texts).expect("these are written well")
}

fn one(text: &str) -> Permission {
    text.parse().expect("it is written well")
}

/// The permission without its end, by way of its text.
fn endless(permission: &Permission) -> Permission {
    let text = permission.to_string();
    match permission.expires() {
        Some(at) => one(text.strip_suffix(&format!(" until {}", at.as_millis())).expect("the end stands last")),
        None => one(&text),
    }
}

fn three() -> impl Strategy<Value = (Permissions, Permissions, Permissions)> {
    (arbitrary::neighbours(), arbitrary::neighbours(), arbitrary::neighbours())
}

proptest! {
    #![proptest_config(tried(1024))]

    #[test]
    fn a_permission_is_read_as_it_was_written(permission in arbitrary::permission()) {
        let text = permission.to_string();
        prop_assert_eq!(text.parse::<Permission>(), Ok(permission));
    }

    #[test]
    fn no_text_whatsoever_panics_the_reader(text in "\\PC{0,24}", action in "[a-z]{1,3}\\.[a-z]{1,3}:") {
        let _ = text.parse::<Permission>();
        let _ = format!("{action}{text}").parse::<Permission>();
        let _ = format!("{action}a where {text}").parse::<Permission>();
        let _ = format!("{action}a until {text}").parse::<Permission>();
    }

    #[test]
    fn the_meet_does_not_depend_on_order_or_grouping((a, b, c) in three()) {
        prop_assert_eq!(a.meet(&b), b.meet(&a));
        prop_assert_eq!(a.meet(&b).meet(&c), a.meet(&b.meet(&c)));
        prop_assert_eq!(a.meet(&a), a.clone());
        prop_assert_eq!(a.join(&b), b.join(&a));
        prop_assert_eq!(a.join(&b).join(&c), a.join(&b.join(&c)));
        prop_assert_eq!(a.join(&a), a.clone());
    }

    #[test]
    fn the_meet_of_less_is_less((a, b, c) in three()) {
        let less = a.meet(&b);

        prop_assert!(a.covers(&less) && b.covers(&less));
        prop_assert!(a.meet(&c).covers(&less.meet(&c)));
        prop_assert!(a.join(&c).covers(&less.join(&c)));
    }

    #[test]
    fn the_meet_is_the_greatest_of_what_both_cover((a, b, c) in three()) {
        let below_both = a.meet(&c).meet(&b);

        prop_assert!(a.meet(&b).covers(&below_both));
        prop_assert_eq!(a.covers(&c) && b.covers(&c), a.meet(&b).covers(&c));
        prop_assert_eq!(a.covers(&b), a.meet(&b) == b);
    }

    #[test]
    fn the_join_covers_both_and_nothing_needlessly((a, b, c) in three()) {
        let join = a.join(&b);

        prop_assert!(join.covers(&a) && join.covers(&b));
        prop_assert_eq!(c.covers(&a) && c.covers(&b), c.covers(&join));
        prop_assert_eq!(a.meet(&a.join(&b)), a.clone());
        prop_assert_eq!(a.join(&a.meet(&b)), a);
    }

    #[test]
    fn covering_is_an_order_on_sets((a, b, c) in three()) {
        prop_assert!(a.covers(&a));
        prop_assert!(a.covers(&Permissions::none()));
        prop_assert!(!(a.covers(&b) && b.covers(&c)) || a.covers(&c));
        prop_assert_eq!(a.covers(&b) && b.covers(&a), a == b);
    }

    #[test]
    fn covering_is_an_order_on_permissions(
        a in arbitrary::neighbour(), b in arbitrary::neighbour(), c in arbitrary::neighbour()
    ) {
        prop_assert!(a.covers(&a));
        prop_assert!(!(a.covers(&b) && b.covers(&c)) || a.covers(&c));
        prop_assert_eq!(a.covers(&b) && b.covers(&a), a == b);
        prop_assert_eq!(a.meet(&b), b.meet(&a));
        if let Some(meet) = a.meet(&b) {
            prop_assert!(a.covers(&meet) && b.covers(&meet));
        }
    }

    #[test]
    fn unlike_permissions_keep_the_same_laws(a in arbitrary::permissions(), b in arbitrary::permissions()) {
        prop_assert_eq!(a.meet(&b), b.meet(&a));
        prop_assert_eq!(a.meet(&a.join(&b)), a.clone());
        prop_assert!(a.join(&b).covers(&a) && a.covers(&a.meet(&b)));
    }

    #[test]
    fn a_set_keeps_only_its_greatest_in_one_order(all in prop::collection::vec(arbitrary::neighbour(), 0..6)) {
        let set: Permissions = all.iter().cloned().collect();
        let reversed: Permissions = all.iter().rev().cloned().collect();

        prop_assert_eq!(&set, &reversed);
        prop_assert!(all.iter().all(|given| set.iter().any(|kept| kept.covers(given))));
        for (index, kept) in set.iter().enumerate() {
            prop_assert!(!set.iter().enumerate().any(|(other, by)| other != index && by.covers(kept)));
        }
    }
}

proptest! {
    #![proptest_config(tried(256))]

    #[test]
    fn the_order_allows_exactly_what_plain_sight_allows(a in arbitrary::neighbours(), b in arbitrary::neighbours()) {
        let (meet, join, covers) = (a.meet(&b), a.join(&b), a.covers(&b));

        for attempt in world() {
            let (by_a, by_b) = (allows(&a, &attempt), allows(&b, &attempt));
            prop_assert_eq!(allows(&meet, &attempt), by_a && by_b);
            prop_assert_eq!(allows(&join, &attempt), by_a || by_b);
            prop_assert!(!covers || by_a || !by_b);
        }
    }

    #[test]
    fn nothing_is_missing_exactly_when_each_need_is_satisfied(
        held in arbitrary::neighbours(), required in arbitrary::neighbours(), now in 0..6_u64
    ) {
        let now = Timestamp::from_millis(now);

        let missing = held.missing(&required, now);

        let live = || held.iter().filter(|held| held.expires().is_none_or(|end| now < end)).map(endless);
        for need in required.iter() {
            let satisfied = live().any(|held| held.covers(&endless(need)));
            prop_assert_eq!(missing.iter().any(|absent| absent == need), !satisfied);
        }
        prop_assert_eq!(missing.is_empty(), required.iter().all(|need| live().any(|held| held.covers(&endless(need)))));
        prop_assert!(required.covers(&missing));
    }
}

#[test]
fn a_permission_tells_what_it_is_made_of() {
    let permission = one("my_fs.v-2.read_all:docs/*").constrained("n", Rule::AtMost(2.0));

    assert_eq!((permission.resource(), permission.verb()), ("my_fs.v-2", "read_all"));
    assert_eq!(permission.scope().to_string(), "docs/*");
    assert_eq!(permission.constraints(), [Constraint { argument: "n".into(), rule: Rule::AtMost(2.0) }]);
}

#[test]
fn a_set_is_written_as_a_list_and_read_again() {
    let both = set(&["net.get:*", "fs.read:docs/*"]);

    assert_eq!(both.to_string(), "fs.read:docs/*, net.get:*");
    let written = serde_json::to_string(&both).expect("it is plain text");
    assert_eq!(written, r#"["fs.read:docs/*","net.get:*"]"#);
    assert_eq!(serde_json::from_str::<Permissions>(&written).ok(), Some(both));
}

#[test]
fn scopes_that_could_be_read_in_two_ways_are_refused() {
    let scopes = [
        "",
        "/",
        "/docs",
        "docs/",
        "docs//a",
        "docs//*",
        ".",
        "..",
        "docs/.",
        "docs/..",
        "../docs",
        "docs/../keys",
        "./docs",
        "docs/../*",
        "%2e%2e/keys",
        "docs/%2e%2e",
        "docs%2Fa",
        "docs/a%00",
        "a*",
        "*a",
        "docs/a*",
        "docs/*a",
        "docs/*/a",
        "*/docs",
        "*/*",
        "**",
        "docs/**",
        "docs/*/*",
        "/*",
        "docs\\a",
        "docs/\u{7}",
        "docs/a\nb",
    ];

    for scope in scopes {
        let read = format!("fs.read:{scope}").parse::<Permission>();
        assert!(matches!(read, Err(PermissionError::Segment { .. })), "{scope:?} gives {read:?}");
    }
}

#[test]
fn what_is_not_resource_verb_and_scope_is_refused() {
    for text in
        ["", "fs", "fs.read", "read:docs", ".read:docs", "fs.:docs", "fs..read:docs", "f s.read:a", "fs.*:a", ":a"]
    {
        let read = text.parse::<Permission>();
        assert!(matches!(read, Err(PermissionError::Form(_))), "{text:?} gives {read:?}");
    }
}

#[test]
fn conditions_that_cannot_be_read_are_refused_rather_than_dropped() {
    for text in [
        "fs.read:a until",
        "fs.read:a until ",
        "fs.read:a until soon",
        "fs.read:a until -1",
        "fs.read:a until 5]",
        "fs.read:a until 5 until 9",
        "fs.read:a where",
        "fs.read:a where ",
        "fs.read:a where {}",
        "fs.read:a where [1]",
        "fs.read:a where [] trailing",
        "fs.read:a until 5 where []",
        r#"fs.read:a where [{"argument":"n","rule":{"at_leat":1}}]"#,
    ] {
        let read = text.parse::<Permission>();
        assert!(matches!(read, Err(PermissionError::Condition(_))), "{text:?} gives {read:?}");
    }
}

#[test]
fn a_star_covers_everything_and_a_folder_what_is_below_it() {
    let everything = one("fs.read:*");
    let below = one("docs.read:docs/*");

    for scope in ["*", "docs", "docs/*", "docs/a/b", "日本/語"] {
        assert!(everything.covers(&one(&format!("fs.read:{scope}"))), "{scope}");
    }
    assert!(!everything.covers(&one("fs.write:docs")));
    assert!(!everything.covers(&one("fs.read.deep:docs")));
    for (scope, covered) in [
        ("docs/a", true),
        ("docs/a/b", true),
        ("docs/a/*", true),
        ("docs/*", true),
        ("docs", false),
        ("docsx", false),
        ("docsx/a", false),
        ("docsx/*", false),
        ("*", false),
        ("other/docs/a", false),
    ] {
        assert_eq!(below.covers(&one(&format!("docs.read:{scope}"))), covered, "{scope}");
    }
}

#[test]
fn a_path_that_climbs_is_not_below_the_folder_it_starts_in() {
    let docs = one("fs.read:docs/*").scope().clone();
    let everywhere = one("fs.read:*").scope().clone();

    for (path, contained) in [
        ("docs/a", true),
        ("docs/a/b", true),
        ("docs", false),
        ("docsx/a", false),
        ("docs/../keys", false),
        ("docs/./a", false),
        ("docs//a", false),
        ("docs/%2e%2e/keys", false),
        ("docs/*", false),
        ("docs/a\\..\\b", false),
    ] {
        assert_eq!(docs.contains(path), contained, "{path}");
        assert!(everywhere.contains(path), "{path}");
    }
}

#[test]
fn a_condition_may_say_until_and_where_in_its_own_text() {
    // `until` was once looked for inside the conditions, and the journal that held such a permission could not be read.
    let permission = one("fs.read:docs/*")
        .constrained("note", Rule::Equals("wait until 5".into()))
        .constrained("until 7", Rule::Matches(" where [x] until ".into()));

    let ending = permission.clone().until(Timestamp::from_millis(9));

    assert_eq!(permission.to_string().parse(), Ok(permission));
    assert_eq!(ending.to_string().parse(), Ok(ending));
}

#[test]
fn of_two_upper_bounds_the_lower_holds() {
    let (two, five) = (
        one("pay.send:*").constrained("usd", Rule::AtMost(2.0)),
        one("pay.send:*").constrained("usd", Rule::AtMost(5.0)),
    );

    assert!(five.covers(&two) && !two.covers(&five));
    assert_eq!(five.meet(&two), Some(two));
}

#[test]
fn a_bound_of_minus_zero_is_a_bound_of_zero() {
    let zero = |bound| one("pay.send:*").constrained("usd", Rule::AtMost(bound));
    let tighter = zero(-0.0).constrained("to", Rule::Equals("ada".into()));

    assert!(zero(0.0).covers(&tighter));
    assert_eq!([zero(0.0), zero(-0.0)].into_iter().collect::<Permissions>().iter().count(), 1);
}

#[test]
fn an_expired_permission_satisfies_nothing_from_its_end_on() {
    let held = set(&["fs.read:docs/* until 100", "fs.write:docs until 200"]);
    let required = set(&["fs.read:docs/a", "fs.write:docs"]);

    assert_eq!(held.missing(&required, Timestamp::from_millis(99)), Permissions::none());
    assert_eq!(held.missing(&required, Timestamp::from_millis(100)), set(&["fs.read:docs/a"]));
    assert_eq!(held.missing(&required, Timestamp::from_millis(200)), required);
}

#[test]
fn an_end_can_be_brought_forward_and_never_put_off() {
    let soon = one("fs.read:a until 5");

    assert_eq!(soon.clone().until(Timestamp::from_millis(9)).expires(), Some(Timestamp::from_millis(5)));
    assert_eq!(soon.clone().until(Timestamp::from_millis(3)).expires(), Some(Timestamp::from_millis(3)));
    assert!(one("fs.read:a").covers(&soon) && !soon.covers(&one("fs.read:a")));
    assert!(one("fs.read:a until 9").covers(&soon) && !soon.covers(&one("fs.read:a until 9")));
}
