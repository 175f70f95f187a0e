//! Authority only narrows: over more than a hundred thousand random trees, no child exceeds its parent in anything.
//!
//! The trees are grown from one seed each; a failing seed is printed, and is kept by adding it to `KEPT`.

use std::{env, sync::LazyLock};

use bailiwick_protocols::{
    DelegationId, GoalId, Limits, Mandate, Permission, Permissions, Slice, Timestamp, permission::Rule,
};

/// How many trees are grown.
const TREES: u64 = 120_000;

/// Seeds that once failed.
const KEPT: &[u64] = &[];

/// SplitMix64: enough chance for trees, and nothing to depend on.
struct Seeded(u64);

impl Seeded {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn maybe<T>(&mut self, draw: impl FnOnce(&mut Self) -> T) -> Option<T> {
        (self.below(2) == 0).then(|| draw(self))
    }

    /// Small numbers, so that limits often bind, with zero among them.
    fn slice(&mut self) -> Slice {
        Slice { micro_usd: self.maybe(|s| s.below(6)), tokens: self.maybe(|s| s.below(6)) }
    }

    fn point(&mut self) -> Timestamp {
        Timestamp::from_millis(self.below(6))
    }

    fn permissions(&mut self) -> Permissions {
        POOL[self.below(POOL.len() as u64) as usize].clone()
    }

    fn limits(&mut self) -> Limits {
        let mut limits = Limits::default();
        limits.exercise = self.maybe(Self::permissions);
        limits.grant = self.maybe(Self::permissions);
        limits.slice = self.slice();
        limits.deadline = self.maybe(Self::point);
        limits.depth = self.maybe(|s| s.below(5) as u8);
        limits.expires = self.maybe(Self::point);
        limits
    }

    fn root(&mut self) -> Mandate {
        let (grant, slice, deadline) = (self.permissions(), self.slice(), self.maybe(Self::point));
        Mandate::root(grant, slice, deadline, self.below(6) as u8)
    }
}

/// The permissions of the small world in which trees grow; each can be seen at a glance, as a bit.
static WORDS: LazyLock<Vec<Permission>> = LazyLock::new(|| {
    let plain = [
        "fs.read:*",
        "fs.read:docs",
        "fs.read:docs/*",
        "fs.read:docs/a",
        "fs.read:docs/a/*",
        "fs.read:docs/a/b",
        "fs.read:repo/*",
        "fs.write:docs/*",
        "fs.write:docs/a",
        "web.search:*",
    ];
    let mut words: Vec<Permission> = plain.iter().map(|text| text.parse().expect("it is written well")).collect();
    words.push(words[2].clone().until(Timestamp::from_millis(3)));
    words.push(words[0].clone().constrained("n", Rule::AtMost(2.0)));
    words.push(words[3].clone().constrained("n", Rule::AtMost(1.0)));
    words
});

/// Sets of up to four of them.
static POOL: LazyLock<Vec<Permissions>> = LazyLock::new(|| {
    let mut seeded = Seeded(7);
    (0..64)
        .map(|_| (0..seeded.below(5)).map(|_| WORDS[seeded.below(WORDS.len() as u64) as usize].clone()).collect())
        .collect()
});

/// What a set allows, as bits: attempt by attempt, without asking the order of permissions.
fn sight(set: &Permissions) -> u64 {
    let attempts = [
        ("fs", "read", "docs"),
        ("fs", "read", "docs/a"),
        ("fs", "read", "docs/a/b"),
        ("fs", "read", "docsx/a"),
        ("fs", "read", "repo/x"),
        ("fs", "write", "docs/a"),
        ("fs", "write", "docs/b"),
        ("web", "search", "q"),
    ];
    let mut bits = 0;
    for permission in set.iter() {
        let scope = permission.scope().to_string();
        let bound = permission.constraints().iter().fold(9.0_f64, |bound, constraint| match constraint.rule {
            Rule::AtMost(most) => bound.min(most),
            _ => bound,
        });
        let end = permission.expires().map_or(9, Timestamp::as_millis);
        for (index, (resource, verb, path)) in attempts.iter().enumerate() {
            let within =
                scope == "*" || scope == *path || scope.strip_suffix('*').is_some_and(|top| path.starts_with(top));
            if !within || permission.resource() != *resource || permission.verb() != *verb {
                continue;
            }
            for (nth, (number, at)) in [(1.0, 1), (1.0, 4), (2.0, 1), (3.0, 1), (3.0, 4)].into_iter().enumerate() {
                bits |= u64::from(number <= bound && at < end) << (index * 5 + nth);
            }
        }
    }
    bits
}

fn within<T: Ord>(child: Option<T>, parent: Option<T>) -> bool {
    match (child, parent) {
        (Some(child), Some(parent)) => child <= parent,
        (child, parent) => child.is_some() || parent.is_none(),
    }
}

/// A mandate with its sights, seen once.
#[derive(Clone)]
struct Seen {
    mandate: Mandate,
    exercise: u64,
    grant: u64,
}

impl Seen {
    fn of(mandate: Mandate) -> Self {
        let (exercise, grant) = (sight(mandate.exercise()), sight(mandate.grant()));
        Self { mandate, exercise, grant }
    }

    /// The dimensions in which `child`, which may exercise no more than `most`, exceeds this mandate.
    fn exceeded_by(&self, child: &Seen, most: u64) -> Vec<&'static str> {
        let (own, its) = (&self.mandate, &child.mandate);
        let kept = [
            ("exercise", child.exercise & !most == 0),
            ("grant", child.grant & !self.grant == 0 && own.grant().covers(its.grant())),
            ("money", within(its.slice().micro_usd, own.slice().micro_usd)),
            ("tokens", within(its.slice().tokens, own.slice().tokens)),
            ("deadline", within(its.deadline(), own.deadline())),
            ("expiry", within(its.expires(), own.expires())),
            ("depth", its.depth() <= own.depth()),
        ];
        kept.into_iter().filter(|(_, kept)| !kept).map(|(dimension, _)| dimension).collect()
    }
}

/// Whether a mandate is within what it was told to be narrowed to.
fn keeps(child: &Mandate, limits: &Limits) -> bool {
    limits.exercise.as_ref().is_none_or(|limit| limit.covers(child.exercise()))
        && limits.grant.as_ref().is_none_or(|limit| limit.covers(child.grant()))
        && within(child.slice().micro_usd, limits.slice.micro_usd)
        && within(child.slice().tokens, limits.slice.tokens)
        && within(child.deadline(), limits.deadline)
        && within(child.expires(), limits.expires)
        && limits.depth.is_none_or(|depth| child.depth() <= depth)
}

/// Whether one mandate allows no more than another of the same holder.
fn no_more(less: &Mandate, more: &Mandate) -> bool {
    more.exercise().covers(less.exercise())
        && more.grant().covers(less.grant())
        && within(less.slice().micro_usd, more.slice().micro_usd)
        && within(less.slice().tokens, more.slice().tokens)
        && within(less.deadline(), more.deadline())
        && within(less.expires(), more.expires())
        && less.depth() <= more.depth()
}

/// Grows one tree and checks every edge, and every node against the root.
fn grow(seed: u64) {
    let mut seeded = Seeded(seed);
    let goal = GoalId::new(uuid::Uuid::from_u128(seed.into()));
    let mut nodes = vec![Seen::of(seeded.root())];
    for number in 1..=2 + seeded.below(4) as u32 {
        let above = nodes[seeded.below(nodes.len() as u64) as usize].clone();
        let (asked, ruled) = (seeded.limits(), seeded.limits());
        let parent = (number > 1).then_some(DelegationId { goal, number });

        // The holder hands on, and the supervisor of the one who is asked narrows again.
        let handed = Seen::of(above.mandate.hand_on(parent, &asked));
        let narrowed = Seen::of(handed.mandate.narrow(&ruled));

        let tell = |what: &str| {
            format!(
                "seed {seed:#x}, node {number}: {what}\n{:?}\n{narrowed:?}",
                above.mandate,
                narrowed = narrowed.mandate
            )
        };
        let by_hand = above.exceeded_by(&handed, above.grant);
        assert!(by_hand.is_empty(), "{}", tell(&format!("handed on with more {by_hand:?}")));
        let by_ruling = handed.exceeded_by(&narrowed, handed.exercise);
        assert!(by_ruling.is_empty(), "{}", tell(&format!("narrowed to more {by_ruling:?}")));
        assert!(handed.mandate.exercise().covers(narrowed.mandate.exercise()), "{}", tell("narrowed to exercise more"));
        assert!(above.mandate.bounds(&handed.mandate), "{}", tell("the child is out of bounds"));
        assert!(above.mandate.bounds(&narrowed.mandate), "{}", tell("the narrowed child is out of bounds"));
        assert!(nodes[0].mandate.bounds(&narrowed.mandate), "{}", tell("it exceeds the root"));
        assert!(keeps(&handed.mandate, &asked) && keeps(&narrowed.mandate, &ruled), "{}", tell("a limit is not kept"));
        let deeper = above.mandate.depth().saturating_sub(1);
        assert_eq!(handed.mandate.depth(), asked.depth.map_or(deeper, |most| most.min(deeper)), "{}", tell("depth"));
        assert_eq!((handed.mandate.parent(), narrowed.mandate.parent()), (parent, parent), "{}", tell("parent"));
        assert_eq!(handed.mandate.narrow(&Limits::default()), handed.mandate, "{}", tell("no limit changes it"));
        assert_eq!(narrowed.mandate.narrow(&ruled), narrowed.mandate, "{}", tell("the same limit changes it again"));
        assert_eq!(
            narrowed.mandate,
            above.mandate.hand_on(parent, &asked.meet(&ruled)),
            "{}",
            tell("narrowing twice is not narrowing by the meet")
        );
        nodes.push(narrowed);
    }
}

#[test]
fn no_child_exceeds_its_parent_in_any_random_tree() {
    // One seed alone, to look at a failure again: LAWS_SEED=0x2a.
    let alone = env::var("LAWS_SEED").ok().and_then(|seed| u64::from_str_radix(seed.trim_start_matches("0x"), 16).ok());

    match alone {
        Some(seed) => grow(seed),
        None => KEPT.iter().copied().chain(0..TREES).for_each(grow),
    }
}

#[test]
fn the_meet_of_limits_is_associative_commutative_idempotent_and_monotone_and_narrowing_keeps_it() {
    for seed in 0..TREES {
        let mut seeded = Seeded(seed);
        let mandate = seeded.root().hand_on(None, &seeded.limits());
        let (one, other, third) = (seeded.limits(), seeded.limits(), seeded.limits());

        let twice = mandate.narrow(&one).narrow(&other);

        assert_eq!(twice, mandate.narrow(&one.meet(&other)), "seed {seed:#x}");
        assert_eq!(twice, mandate.narrow(&other).narrow(&one), "seed {seed:#x}");
        assert_eq!(one.meet(&other), other.meet(&one), "seed {seed:#x}");
        assert_eq!(one.meet(&one), one, "seed {seed:#x}");
        assert_eq!(one.meet(&other).meet(&third), one.meet(&other.meet(&third)), "seed {seed:#x}");
        let (less, more) = (mandate.narrow(&one.meet(&third)), mandate.narrow(&one));
        assert!(no_more(&less, &more), "seed {seed:#x}: {less:?} exceeds {more:?}");
        assert!(no_more(&less.narrow(&other), &more.narrow(&other)), "seed {seed:#x}: not monotone");
    }
}

#[test]
fn depth_reaches_zero_and_stays_there() {
    let goal = GoalId::new(uuid::Uuid::nil());
    let first = Mandate::root(Permissions::none(), Slice::UNLIMITED, None, 4).hand_on(None, &Limits::default());

    let chain = (1..8).scan(first, |holder, number| {
        let depth = holder.depth();
        *holder = holder.hand_on(Some(DelegationId { goal, number }), &Limits::default());
        Some(depth)
    });

    assert_eq!(chain.collect::<Vec<_>>(), [3, 2, 1, 0, 0, 0, 0]);
}

#[test]
fn a_goal_exercises_nothing_and_its_child_what_it_grants() {
    let grant = Permissions::parse(["fs.read:docs/*", "web.search:*"]).expect("it is written well");
    let root = Mandate::root(grant.clone(), Slice::UNLIMITED, None, 4);

    let child = root.hand_on(None, &Limits::default());

    assert!(root.exercise().is_empty());
    assert_eq!((child.exercise(), child.grant(), child.depth()), (&grant, &grant, 3));
}

#[test]
fn a_slice_of_zero_is_zero_and_no_slice_is_no_limit() {
    let zero = Slice { micro_usd: Some(0), tokens: Some(0) };

    assert!(Slice::UNLIMITED.covers(zero) && !zero.covers(Slice::UNLIMITED));
    assert_eq!(Slice::UNLIMITED.meet(zero), zero);
    assert_eq!(Mandate::root(Permissions::none(), zero, None, 4).narrow(&Limits::default()).slice(), zero);
}

#[test]
fn a_mandate_holds_until_its_expiry_and_not_at_it() {
    let mut limits = Limits::default();
    limits.expires = Some(Timestamp::from_millis(5));

    let mandate = Mandate::root(Permissions::none(), Slice::UNLIMITED, None, 4).narrow(&limits);

    assert!(mandate.is_live(Timestamp::from_millis(4)));
    assert!(!mandate.is_live(Timestamp::from_millis(5)));
}

/// A mandate by its dimensions, as the law of bounds looks at them.
fn mandate(exercise: &str, grant: &str, micro_usd: u64, deadline: u64, expires: u64, depth: u8) -> Mandate {
    let both = Permissions::parse([exercise, grant]).expect("they are written well");
    let slice = Slice { micro_usd: Some(micro_usd), tokens: None };
    let mut limits = Limits::default();
    limits.exercise = Some(Permissions::parse([exercise]).expect("it is written well"));
    limits.grant = Some(Permissions::parse([grant]).expect("it is written well"));
    limits.expires = Some(Timestamp::from_millis(expires));
    Mandate::root(both, slice, Some(Timestamp::from_millis(deadline)), depth + 1).hand_on(None, &limits)
}

#[test]
fn a_mandate_tells_its_deadline_and_its_expiry() {
    let held = mandate("fs.read:docs/*", "fs.read:docs/a", 5, 6, 7, 2);

    assert_eq!((held.deadline(), held.expires()), (Some(Timestamp::from_millis(6)), Some(Timestamp::from_millis(7))));
    let root = Mandate::root(Permissions::none(), Slice::UNLIMITED, None, 4);
    assert_eq!((root.deadline(), root.expires()), (None, None));
}

#[test]
fn an_excess_in_any_one_dimension_is_out_of_bounds() {
    let docs = "fs.read:docs/*";
    let holder = mandate(docs, docs, 5, 5, 5, 2);

    assert!(holder.bounds(&mandate(docs, docs, 5, 5, 5, 2)), "as much as is held is within bounds");
    let excesses = [
        ("exercise", mandate("fs.read:*", docs, 5, 5, 5, 2)),
        ("grant", mandate(docs, "fs.read:*", 5, 5, 5, 2)),
        ("money", mandate(docs, docs, 6, 5, 5, 2)),
        ("deadline", mandate(docs, docs, 5, 6, 5, 2)),
        ("expiry", mandate(docs, docs, 5, 5, 6, 2)),
        ("depth", mandate(docs, docs, 5, 5, 5, 3)),
    ];
    for (dimension, child) in excesses {
        assert!(!holder.bounds(&child), "more {dimension} than the holder has");
    }
}
