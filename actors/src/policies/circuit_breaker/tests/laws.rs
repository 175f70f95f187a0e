//! What holds after any sequence of facts.

use bailiwick_protocols::{AgentFact, Delegation, Reversibility, Ruling};
use proptest::prelude::*;

use super::{
    super::{CircuitBreaker, gate::State},
    story::{Ends, Story},
};
use crate::policies::{SupervisorPolicy, given::goal};

/// Something that may happen next.
#[derive(Clone, Copy, Debug)]
enum Happens {
    Ask { needs: usize, criticality: u8, lasting: bool },
    Begin(usize),
    End(usize, Ends),
    EndTwo(Ends, Ends),
    Park(usize),
    Resume(usize),
    Try(usize),
    Fall,
    Wait(u64),
    Release,
    Forget,
}

fn ends() -> impl Strategy<Value = Ends> {
    use Ends::{Abstained, Canceled, Crashed, Lost, NotVerified, Provider, TimedOut, Unverified, Verified};
    prop_oneof![
        3 => Just(Verified),
        4 => Just(NotVerified),
        1 => prop::sample::select(vec![Unverified, Abstained, TimedOut, Crashed, Provider, Lost, Canceled]),
    ]
}

fn happenings() -> impl Strategy<Value = Vec<Happens>> {
    let ask = (0..4usize, 1..=5u8, prop::bool::weighted(0.1)).prop_map(|(needs, criticality, lasting)| Happens::Ask {
        needs,
        criticality,
        lasting,
    });
    let one = prop_oneof![
        20 => ask,
        20 => (0..9usize).prop_map(Happens::Begin),
        30 => ((0..9usize), ends()).prop_map(|(which, ends)| Happens::End(which, ends)),
        3 => (ends(), ends()).prop_map(|(one, other)| Happens::EndTwo(one, other)),
        2 => (0..9usize).prop_map(Happens::Park),
        2 => (0..9usize).prop_map(Happens::Resume),
        1 => (0..9usize).prop_map(Happens::Try),
        3 => Just(Happens::Fall),
        15 => (0..60u64).prop_map(Happens::Wait),
        1 => (0..5000u64).prop_map(Happens::Wait),
        1 => Just(Happens::Release),
        1 => Just(Happens::Forget),
    ];
    prop::collection::vec(one, 0..150)
}

fn happen(story: &mut Story, what: Happens) {
    let live = |story: &Story, which: usize| {
        let many = story.in_flight.len();
        (many > 0).then(|| story.in_flight[which % many].0.clone())
    };
    match what {
        Happens::Ask { needs, criticality, lasting } => {
            let reversibility = if lasting { Reversibility::Low } else { Reversibility::Medium };
            let asked = story.ask(["search", "write", "search write", ""][needs]);
            let asked = Delegation { criticality, reversibility, ..asked };
            if !matches!(story.rules(&asked), Ruling::Refuse(_)) {
                story.tell([crate::policies::given::admitted(&asked)]);
            }
        }
        Happens::Begin(which) => {
            let Some(asked) = live(story, which) else { return };
            // A supervisor rules again when a seat is free, and gives back what is ruled out.
            if matches!(story.rules(&asked), Ruling::Refuse(_)) {
                story.end(&asked, Ends::Returned);
            } else {
                story.tell([AgentFact::Started { delegation: asked.id, seat: 1 }]);
            }
        }
        Happens::End(which, ends) => {
            if let Some(asked) = live(story, which) {
                story.end(&asked, ends);
            }
        }
        Happens::EndTwo(one, other) => {
            if let (Some(first), Some(second)) = (live(story, 0), live(story, 1))
                && first.id != second.id
            {
                let batch = [(first, one), (second, other)]
                    .map(|(asked, ends)| crate::policies::given::settled(story.settlement(&asked, ends)));
                story.tell(batch);
            }
        }
        Happens::Park(which) => {
            if let Some(asked) = live(story, which) {
                story.tell([AgentFact::Parked { delegation: asked.id }]);
            }
        }
        Happens::Resume(which) => {
            if let Some(asked) = live(story, which) {
                story.tell([AgentFact::Resumed { delegation: asked.id }]);
            }
        }
        Happens::Try(which) => {
            if let Some(asked) = live(story, which) {
                story.tries(asked.id);
            }
        }
        Happens::Fall => {
            story.falls(1);
        }
        Happens::Wait(seconds) => story.wait(seconds),
        Happens::Release => {
            story.tell([AgentFact::Released { by: "eve".into() }]);
        }
        Happens::Forget => {
            story.tell([AgentFact::Forgotten { goal: goal() }]);
        }
    }
}

proptest! {
    #[test]
    fn the_fold_of_all_facts_is_the_live_breaker_at_every_index(happenings in happenings()) {
        let mut story = Story::new();
        happenings.into_iter().for_each(|what| happen(&mut story, what));

        let mut folded = CircuitBreaker::default();
        for (index, (fact, at, live)) in story.recorded.iter().enumerate() {
            let journalled = serde_json::to_string(fact).expect("facts are JSON");
            let read: AgentFact = serde_json::from_str(&journalled).expect("facts are read as they are written");
            folded.apply(&read, *at);
            prop_assert_eq!(&folded, live, "at fact {}", index);
        }
    }

    #[test]
    fn what_a_breaker_wrote_down_at_any_index_makes_another_one_the_same(happenings in happenings()) {
        let mut story = Story::new();
        happenings.into_iter().for_each(|what| happen(&mut story, what));

        for (index, (_, _, live)) in story.recorded.iter().enumerate() {
            let mut other = CircuitBreaker::default();
            prop_assert!(other.remember(&live.memory().expect("it says what it knows")));
            prop_assert_eq!(&other, live, "at fact {}", index);
        }
    }

    #[test]
    fn whatever_is_open_has_a_wake_that_will_end_it(happenings in happenings()) {
        let mut story = Story::new();
        for what in happenings {
            happen(&mut story, what);
            for (key, breaker) in &story.breaker.memory.breakers {
                if let State::Open { until, token } = breaker.gate.state {
                    prop_assert!(story.wakes.contains(&(until, token)), "{key:?} would stay open for ever");
                }
            }
        }
    }

    #[test]
    fn nobody_passes_a_half_open_breaker_beside_its_probe(happenings in happenings()) {
        let mut story = Story::new();
        for what in happenings {
            happen(&mut story, what);
            let asked = story.ask("search write");
            for key in ["", "search", "write"] {
                if let State::HalfOpen { out, passed, .. } = story.state(key) {
                    prop_assert!(passed < 3, "it ought to be closed");
                    prop_assert!(out.is_none() || matches!(story.rules(&asked), Ruling::Refuse(_)));
                    prop_assert!(out.is_none_or(|probe| story.in_flight.iter().any(|(work, _)| work.id == probe)));
                }
            }
        }
    }

    #[test]
    fn an_agent_that_does_its_work_well_is_always_trusted_again(happenings in happenings()) {
        let mut story = Story::new();
        happenings.into_iter().for_each(|what| happen(&mut story, what));
        while let Some((asked, _)) = story.in_flight.first().cloned() {
            story.end(&asked, Ends::Canceled);
        }
        if story.state("") == State::Isolated {
            story.tell([AgentFact::Released { by: "eve".into() }]);
        }

        for _ in 0..8 {
            story.wait(1800);
            for needs in ["search", "write", ""] {
                let asked = story.ask(needs);
                if !matches!(story.rules(&asked), Ruling::Refuse(_)) {
                    story.carries(&asked, Ends::Verified);
                }
            }
        }

        for key in ["", "search", "write"] {
            prop_assert!(story.is_closed(key), "{key:?} is {:?}", story.state(key));
        }
    }
}
