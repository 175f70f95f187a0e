//! Recorded before shown: a journal that acknowledges late delays what leaves the process, and nothing else.

use std::sync::{Arc, Mutex};

use bailiwick::{
    actors::audit_log::{
        journal::{Begun, Claim, Journal, JournalError, Reading},
        memory::MemoryJournal,
    },
    prelude::*,
    protocols::{Event, GoalEvent, Json, Recorded},
    testing::{Stage, StageBuilder},
};
use bailiwick_tests::*;
use futures::future::BoxFuture;

fn kept_by(journal: &MemoryJournal) -> Vec<Arc<Recorded>> {
    journal.read(Reading::All).expect("memory can be read")
}

#[tokio::test(start_paused = true)]
async fn nothing_starts_before_it_is_durable() {
    let journal = MemoryJournal::late(ms(500));
    let kept = journal.clone();
    let started = Arc::new(Mutex::new(0));
    let count = started.clone();
    let ada = agent_fn("ada", ["sum"], move |task| {
        let kept = kept_by(&kept);
        let begun = kept.iter().any(|one| {
            matches!(&one.event, Event::Agent(AgentFact::Started { delegation, .. })
                if matches!(kept.iter().find_map(|other| match &other.event {
                    Event::Agent(AgentFact::Admitted { delegation: admitted }) if admitted.id == *delegation => Some(&admitted.task),
                    _ => None,
                }), Some(of) if of == task.task()))
        });
        let chosen = kept.iter().any(|one| {
            matches!(&one.event, Event::Goal(GoalEvent::AgentSelected { task: of, attempt, .. })
                if of == task.task() && *attempt == task.attempt())
        });
        *count.lock().unwrap() += usize::from(begun && chosen);
        async { Ok(Output::text("4")) }
    });
    let play = open(Stage::seeded(1).agent(ada.max_concurrent(2)).with(|b| b.journal(journal))).await;

    let goal = (0..6).fold(Goal::new("sums"), |goal, n| goal.task(task(&format!("t{n}"), "sum")));
    let report = play.run(goal).await;

    assert_eq!(report.outcome_word(), "unverified");
    assert_eq!(*started.lock().unwrap(), 6, "each began only when its choice and its begin were kept");
}

#[tokio::test(start_paused = true)]
async fn a_caller_is_answered_only_when_the_goal_is_kept_and_a_subscriber_sees_only_what_is() {
    let journal = MemoryJournal::late(secs(1));
    let kept = journal.clone();
    let play = open(prompt(2).agent(says("ada", "sum", "4")).with(|b| b.journal(journal))).await;
    let start = play.now();

    let run = play.submit(Goal::new("x").needs_capability("sum")).await;
    assert!(play.now().since(start) >= secs(1));
    let mut events = run.events();
    while let Some(event) = events.next().await {
        let seen = kept_by(&kept).iter().any(|one| one.seq == event.seq);
        assert!(seen, "{} was shown before it was kept", event.event.kind());
    }

    assert_eq!(play.end_of(run).await.outcome_word(), "unverified");
    play.check().await;
}

#[tokio::test(start_paused = true)]
async fn a_journal_that_fails_ends_the_runtime_loudly_and_nothing_starts_on_its_word() {
    struct Failing(MemoryJournal);
    impl Journal for Failing {
        fn begin(&self) -> Result<Begun, JournalError> {
            self.0.begin()
        }
        fn append(&self, epoch: u64, batch: Vec<Arc<Recorded>>) -> BoxFuture<'static, Result<(), JournalError>> {
            if batch.iter().any(|one| matches!(one.event, Event::Goal(GoalEvent::AgentSelected { .. }))) {
                return Box::pin(async { Err(JournalError::Full("0 bytes".to_owned())) });
            }
            self.0.append(epoch, batch)
        }
        fn read(&self, what: Reading<'_>) -> Result<Vec<Arc<Recorded>>, JournalError> {
            self.0.read(what)
        }
        fn claim(&self, epoch: u64, key: String) -> BoxFuture<'static, Result<Claim, JournalError>> {
            self.0.claim(epoch, key)
        }
        fn fulfil(&self, epoch: u64, key: String, result: Json) -> BoxFuture<'static, Result<(), JournalError>> {
            self.0.fulfil(epoch, key, result)
        }
    }
    let witness = Witness::new();
    let ada = witness.scripted("ada", "sum", [ScriptedReply::output("4")]);
    let stage = Stage::seeded(3).agent(ada).with(|b| b.journal(Failing(MemoryJournal::late(ms(10))))).open().await;

    let outcome = match stage.bailiwick().submit(Goal::new("x").needs_capability("sum")).await {
        Ok(run) => run.await.map(|report| report.outcome_word()).map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    };

    let error = outcome.expect_err("nothing more can be kept");
    assert!(error.contains("no room is left"), "{error}");
    tokio::time::sleep(secs(60)).await;
    assert_eq!(witness.calls(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_goal_whose_actor_died_with_the_answer_is_accepted_all_the_same() {
    let witness = Witness::new();
    let ada = witness.scripted("ada", "sum", [ScriptedReply::output("4")]);
    let stage = Arc::new(prompt(4).agent(ada).late_journal(secs(1)).open().await);

    let submitting = tokio::spawn({
        let stage = stage.clone();
        async move { stage.submit(Goal::new("x").needs_capability("sum")).await }
    });
    tokio::time::sleep(ms(500)).await;
    stage.kill(bailiwick::actors::root::Child::Coordinator);
    let run = submitting.await.expect("it was recorded, so nobody is told to submit it again");

    assert_eq!(run.await.unwrap().outcome_word(), "unverified");
    assert_eq!(witness.calls(), 1);
}

/// A small set of everything, told at once and late.
async fn told_by(late: bool) -> Vec<(String, String)> {
    let team = |seed: u64, team: StageBuilder| {
        let _ = seed;
        if late { team.late_journal(ms(40)) } else { team }
    };
    let mut all = Vec::new();
    let mut tell = |report: &GoalReport| {
        let attempts: Vec<String> = report.tasks.iter().flat_map(|task| attempts(report, &task.id)).collect();
        all.push((report.outcome_word().to_owned(), attempts.join(", ")));
    };

    let replies = ["5", "4"].map(ScriptedReply::output);
    let play = open(team(1, prompt(1).agent(scripted("ada", ["sum"], replies)))).await;
    tell(&play.run(Goal::new("x").needs_capability("sum").verify(Verify::equals("4"))).await);

    let play =
        open(team(2, prompt(2).agent(fails("ada", "sum")).agent(says("bo", "sum", "4").cost_usd_per_task(1.0)))).await;
    tell(&play.run(Goal::new("x").needs_capability("sum")).await);

    let ada = scripted("ada", ["sum"], [ScriptedReply::hang(), ScriptedReply::output("4")]);
    let play = open(team(3, prompt(3).agent(ada))).await;
    tell(&play.run(Goal::new("x").needs_capability("sum").timeout(secs(5))).await);

    let play = open(team(4, prompt(4).agent(echo("ada", "sum").max_concurrent(3)))).await;
    let goal = (0..100).fold(Goal::new("many"), |goal, n| goal.task(task(&format!("t{n}"), "sum")));
    tell(&play.run(goal).await);

    let play = open(team(5, prompt(5).agent(scripted("ada", ["sum"], [ScriptedReply::hang()])))).await;
    tell(&play.run(Goal::new("x").needs_capability("sum").deadline_in(secs(5))).await);
    let run = play.submit(Goal::new("x").needs_capability("sum")).await;
    tokio::time::sleep(secs(1)).await;
    run.cancel("enough");
    tell(&play.end_of(run).await);
    play.check().await;

    let ada = scripted("ada", ["sum"], [ScriptedReply::hang(), ScriptedReply::output("4")]);
    let play = open(team(6, prompt(6).agent(ada))).await;
    let run = play.submit(Goal::new("x").needs_capability("sum")).await;
    tokio::time::sleep(secs(1)).await;
    play.kill_supervisor("ada");
    tokio::time::sleep(secs(1)).await;
    play.kill_goal(run.goal_id());
    tell(&play.end_of(run).await);
    play.check().await;
    all
}

#[tokio::test(start_paused = true)]
async fn stories_end_the_same_whether_the_journal_is_late_or_not() {
    let prompt = told_by(false).await;
    let late = told_by(true).await;

    assert_eq!(prompt, late);
    let words: Vec<&str> = prompt.iter().map(|(outcome, _)| outcome.as_str()).collect();
    assert_eq!(words, ["verified", "unverified", "unverified", "unverified", "expired", "canceled", "unverified"]);
}

#[tokio::test(start_paused = true)]
async fn whoever_dies_beside_a_late_journal_loses_nothing_that_was_shown() {
    for seed in 0..10 {
        let ada = echo("ada", "sum").max_concurrent(2);
        let play = open(Stage::seeded(seed).agent(ada).late_journal(ms(70))).await;
        let goal = (0..10)
            .fold(Goal::new("many"), |goal, n| goal.task(task(&format!("t{n}"), "sum").verify(Verify::contains("t"))));

        let run = play.submit(goal).await;
        for turn in 0..3 {
            tokio::time::sleep(ms(140 + 47 * seed + 211 * turn)).await;
            match (seed + turn) % 3 {
                0 => play.kill_supervisor("ada"),
                1 => play.kill_goal(run.goal_id()),
                _ => play.kill(bailiwick::actors::root::Child::Coordinator),
            }
        }
        let report = play.end_of(run).await;
        play.check().await;

        assert_eq!(report.outcome_word(), "verified", "seed {seed}");
    }
}
