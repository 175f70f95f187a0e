//! Stories about checks of a user's own: one with a state, one that panics, one that waits.

use std::{
    collections::BTreeSet,
    future::pending,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use bailiwick::{actors::verifiers::VerifierSpec, prelude::*, testing::Stage};

/// Ada says these, one after another.
async fn stage(said: impl IntoIterator<Item = &'static str>, check: VerifierSpec) -> Stage {
    let ada = scripted("ada", ["sum"], said.into_iter().map(ScriptedReply::output));
    Stage::seeded(1).agent(ada).with(|builder| builder.verifier(check)).open().await
}

fn goal(check: &str) -> Goal {
    Goal::new("2 + 2").needs_capability("sum").verify(Verify::function(check)).retries(0)
}

fn verdict(report: &GoalReport) -> &Verdict {
    let attempt = report.tasks[0].attempts.last().expect("an attempt");
    attempt.verdict.as_ref().expect("it was examined")
}

/// Passes nothing that it has seen before, in whatever goal.
#[derive(Default)]
struct Fresh {
    seen: Mutex<BTreeSet<String>>,
}

impl Verifier for Fresh {
    async fn examine(&self, work: &Work) -> Verdict {
        let new = self.seen.lock().unwrap().insert(work.text().into_owned());
        if new {
            Verdict::pass("fresh", 1.0, "it is new")
        } else {
            Verdict::fail("fresh", 0.0, format!("`{}` was said before, to {}", work.text(), work.goal()))
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_verifier_with_a_state_remembers_from_goal_to_goal_and_says_what_is_missing() {
    let stage = stage(["4", "4", "5"], verifier("fresh", Fresh::default())).await;

    let first = stage.run(goal("fresh")).await;
    let second = stage.run(goal("fresh").retries(1)).await;

    assert_eq!((first.outcome_word(), first.attempts()), ("verified", 1));
    assert_eq!((second.outcome_word(), second.attempts()), ("verified", 2));
    assert_eq!(second.output(), Some(&Output::text("5")));
    let failed = second.tasks[0].attempts[0].verdict.as_ref().unwrap();
    assert!(!failed.passed && !failed.abstained, "{failed:?}");
    assert!(failed.details.contains("`4` was said before, to 2 + 2"), "{failed:?}");
}

/// Panics the first few times it is asked.
struct Shy {
    times: u32,
    asked: Arc<AtomicU32>,
}

impl Verifier for Shy {
    async fn examine(&self, _: &Work) -> Verdict {
        assert!(self.asked.fetch_add(1, Ordering::SeqCst) >= self.times, "I dare not say");
        Verdict::pass("shy", 1.0, "fine")
    }
}

#[tokio::test(start_paused = true)]
async fn a_verifier_that_panics_abstains_is_asked_once_more_and_passes_nothing() {
    for (times, outcome, trust_moved) in [(1, "verified", 1), (2, "not_verified", 0)] {
        let asked = Arc::new(AtomicU32::new(0));
        let stage = stage(["4"], verifier("shy", Shy { times, asked: asked.clone() })).await;

        let report = stage.run(goal("shy")).await;

        assert_eq!((report.outcome_word(), asked.load(Ordering::SeqCst)), (outcome, 2));
        assert_eq!(report.trust.len(), trust_moved, "of an abstention nothing is learned");
        let verdict = verdict(&report);
        assert_eq!(verdict.abstained, outcome == "not_verified", "{verdict:?}");
        assert_eq!(verdict.details.contains("I dare not say"), verdict.abstained, "{verdict:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_asynchronous_check_may_wait_and_what_is_no_answer_abstains() {
    let slow = verify_async("slow", |work| async move {
        tokio::time::sleep(Duration::from_secs(10)).await;
        work.text() == "4"
    });
    let unable = verify_async("unable", |_| async { Err::<bool, _>("the reference is not there") });
    let silent = verify_async("silent", |_| pending::<bool>());
    let builder = |b: bailiwick::Builder| b.verifier(slow).verifier(unable).verifier(silent);
    let ada = scripted("ada", ["sum"], [ScriptedReply::output("4"), ScriptedReply::output("5")]);
    let stage = Stage::seeded(1).agent(ada).with(builder).open().await;

    let right = stage.run(goal("slow")).await;
    let wrong = stage.run(goal("slow")).await;
    let unable = stage.run(goal("unable")).await;
    let silent = stage.run(goal("silent")).await;

    let ended = [&right, &wrong, &unable, &silent].map(|report| {
        let Verdict { passed, abstained, .. } = *verdict(report);
        (report.outcome_word(), passed, abstained)
    });
    assert_eq!(
        ended,
        [
            ("verified", true, false),
            ("not_verified", false, false),
            ("not_verified", false, true),
            ("not_verified", false, true),
        ]
    );
    assert!(right.duration() >= Duration::from_secs(10), "{:?}", right.duration());
    assert!(verdict(&unable).details.contains("the reference is not there"), "{:?}", verdict(&unable));
    assert!(silent.duration() >= Duration::from_secs(60), "it has 30 s, twice: {:?}", silent.duration());
}
