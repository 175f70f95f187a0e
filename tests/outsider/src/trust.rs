//! Stories about trust by other rules than the default ones: a user's own, and those of `Beta`.

use bailiwick::{actors::trust_tracker::models::Beta, prelude::*, testing::Stage};

/// A score is the share of verdicts that passed, as if three had been given before, of which 2.1 passed.
struct Share;

impl TrustModel for Share {
    fn name(&self) -> &'static str {
        "share"
    }

    fn start(&self) -> TrustScore {
        TrustScore::new(0.7)
    }

    fn decayed(&self, record: &TrustRecord, _now: Timestamp) -> TrustRecord {
        *record
    }

    fn learn(&self, record: &TrustRecord, evidence: Evidence, now: Timestamp) -> TrustRecord {
        let (successes, failures) = match evidence {
            Evidence::Success => (record.successes + 1.0, record.failures),
            Evidence::Failure(_) => (record.successes, record.failures + 1.0),
        };
        let score = TrustScore::new((2.1 + successes) / (3.0 + successes + failures));
        TrustRecord { score, at: now.max(record.at), successes, failures }
    }
}

#[tokio::test(start_paused = true)]
async fn a_trust_model_of_ones_own_moves_trust_is_asked_for_the_floor_and_survives_its_tracker() {
    let replies = ["4", "5", "4", "4"].map(ScriptedReply::output);
    let stage = Stage::seeded(1).agent(scripted("ada", ["sum"], replies)).with(|b| b.trust_model(Share)).open().await;
    let goal = || Goal::new("2 + 2").needs_capability("sum").verify(Verify::equals("4")).retries(0);
    let simple = goal().complexity(1).reversibility(Reversibility::High);

    let first = stage.run(simple.clone()).await;
    let second = stage.run(goal()).await;
    stage.kill(bailiwick::testing::Child::TrustTracker);
    let third = stage.run(simple).await;

    let moved = [&first, &second, &third].map(|report| {
        let moved = &report.trust[0];
        format!("{:.2} -> {:.2}", moved.before.get(), moved.after.get())
    });
    assert_eq!(moved, ["0.70 -> 0.78", "0.78 -> 0.62", "0.62 -> 0.68"]);
    assert_eq!([first.route, third.route], [Some(Route::Floor), Some(Route::Direct)], "0.7 is trusted, 0.62 is not");
}

/// Forgets its arithmetic wherever it is asked.
struct Broken;

impl TrustModel for Broken {
    fn name(&self) -> &'static str {
        "broken"
    }

    fn start(&self) -> TrustScore {
        panic!("no start")
    }

    fn decayed(&self, _: &TrustRecord, _: Timestamp) -> TrustRecord {
        panic!("no reading")
    }

    fn learn(&self, _: &TrustRecord, _: Evidence, _: Timestamp) -> TrustRecord {
        panic!("no lesson")
    }
}

#[tokio::test(start_paused = true)]
async fn a_trust_model_that_panics_teaches_nothing_and_the_goal_goes_on() {
    let replies = ["5", "4"].map(ScriptedReply::output);
    let stage = Stage::seeded(3).agent(scripted("ada", ["sum"], replies)).with(|b| b.trust_model(Broken)).open().await;

    let report = stage.run(Goal::new("2 + 2").needs_capability("sum").verify(Verify::equals("4"))).await;

    assert_eq!((report.outcome.clone(), report.attempts()), (Some(Outcome::Verified), 2));
    assert_eq!((report.trust[0].before.get(), report.trust[0].after.get()), (0.5, 0.5));
    let restarted = stage.log().iter().filter(|recorded| recorded.event.kind() == "actor_restarted").count();
    assert_eq!(restarted, 0, "the tracker did not die of it");
}

#[tokio::test(start_paused = true)]
async fn with_beta_trust_is_the_share_of_successes_and_survives_its_tracker() {
    let replies = ["4", "4", "5", "4"].map(ScriptedReply::output);
    let ada = scripted("ada", ["sum"], replies);
    let stage = Stage::seeded(2).agent(ada).with(|b| b.trust_model(Beta::default())).open().await;
    let goal = || Goal::new("2 + 2").needs_capability("sum").verify(Verify::equals("4")).retries(0);

    let mut moved = Vec::new();
    for turn in 0..4 {
        let report = stage.run(goal()).await;
        moved.push(format!("{:.2} -> {:.2}", report.trust[0].before.get(), report.trust[0].after.get()));
        if turn == 1 {
            stage.kill(bailiwick::testing::Child::TrustTracker);
        }
    }

    // One success and one failure are credited beforehand: 1/2, 2/3, 3/4, 3/5, 4/6.
    assert_eq!(moved, ["0.50 -> 0.67", "0.67 -> 0.75", "0.75 -> 0.60", "0.60 -> 0.67"]);
    assert_eq!(format!("{:.2}", stage.bailiwick().trust()[0].score.get()), "0.67");
}
