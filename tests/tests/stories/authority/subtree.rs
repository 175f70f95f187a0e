//! What is called back takes along everything it had handed on: nobody below it is called any more.

use bailiwick::{
    prelude::*,
    protocols::Code,
    report::BreakerState,
    testing::{Stage, StageBuilder},
};
use bailiwick_tests::*;
use serde_json::json;

async fn part_of(task: &AgentContext, name: String, to: &str) -> Result<Report, AgentError> {
    let part = task.delegate(name.as_str(), Task::new(name.as_str(), "part").needs_capability(to)).await?;
    Ok(Report::of(part.output()?.clone()))
}

/// Waits for two parts at once; or reaches for what is not its own.
fn boss(witness: &Witness) -> AgentSpec {
    witness.agent("boss", "lead", |task| async move {
        if task.goal() == "steal" {
            let stolen = task.tool("read_file", json!({ "path": "key" })).await;
            return Ok(Report::of(Output::text(if stolen.is_ok() { "stolen" } else { "caught" })));
        }
        tokio::try_join!(part_of(&task, "left".into(), "mid"), part_of(&task, "right".into(), "mid"))?;
        Ok(Report::of(Output::text("all of it")))
    })
}

/// Has many parts of its part done, one after the other.
fn middle(witness: &Witness) -> AgentSpec {
    let middle = witness.agent("middle", "mid", |task| async move {
        for n in 0..100 {
            part_of(&task, format!("dig{n}"), "dig").await?;
        }
        Ok(Report::of(Output::text("half of it")))
    });
    middle.max_concurrent(2)
}

fn digger(witness: &Witness) -> AgentSpec {
    witness.scripted("digger", "dig", [ScriptedReply::output("dug").after(ms(100))]).max_concurrent(2)
}

fn lead(text: &str) -> Goal {
    Goal::new(text).needs_capability("lead")
}

/// How the parts of a goal that were not done ended, each word once.
fn ends_of_open_parts(report: &GoalReport) -> Vec<&str> {
    let parts = report.tasks.iter().filter(|task| *task.id != *"goal");
    let mut words: Vec<_> = parts.map(|part| part.outcome_word()).filter(|word| *word != "unverified").collect();
    words.sort_unstable();
    words.dedup();
    words
}

/// The team on a Stage, with a tool that is nobody's to use.
async fn with_a_thief(stage: StageBuilder, witness: &Witness) -> Play {
    let folder = tempfile::tempdir().unwrap();
    let tool = ReadFile::below("repo", folder.path()).unwrap();
    let team = stage.agent(boss(witness).max_concurrent(2)).agent(middle(witness)).agent(digger(witness));
    open(team.with(|b| b.tool(tool))).await
}

#[tokio::test(start_paused = true)]
async fn a_trip_calls_back_critical_work_that_waits_for_parts_and_stops_every_part_below_it() {
    let witness = Witness::new();
    let play = with_a_thief(prompt(1), &witness).await;

    let critical = play.submit(lead("dig").criticality(4)).await;
    tokio::time::sleep(ms(1_050)).await;
    assert_eq!((witness.calls(), witness.running()), (1 + 2 + 22, 5), "both halves have a digger at work");
    let thief = play.run_to_its_end(lead("steal")).await;
    let tripped = witness.calls();
    let critical = play.end_of(critical).await;
    let running = witness.running();
    tokio::time::sleep(secs(600)).await;

    assert_eq!(thief.output().unwrap().to_string(), "caught");
    assert_eq!(thief.breakers.iter().map(|one| one.state).collect::<Vec<_>>(), [BreakerState::Open]);
    assert_eq!((critical.outcome_word(), critical.code), ("failed", Some(Code::Unavailable)), "{}", critical.summary());
    assert_eq!(attempts(&critical, "goal"), ["boss failed"], "and nobody else can lead");
    assert_eq!(ends_of_open_parts(&critical), ["canceled"], "{}", critical.summary());
    assert_eq!(critical.task("goal/left").unwrap().outcome_word(), "canceled");
    assert_eq!((witness.calls(), running), (tripped, 0), "somebody below it was called after the trip");
    play.check().await;
}

#[tokio::test(start_paused = true)]
async fn a_goal_that_dies_while_its_parts_are_called_back_calls_back_the_rest_of_them_when_it_is_back() {
    for seed in 0..40 {
        let witness = Witness::new();
        let play = with_a_thief(Stage::seeded(seed), &witness).await;

        let critical = play.submit(lead("dig").criticality(4)).await;
        tokio::time::sleep(ms(1_000)).await;
        let thief = play.submit(lead("steal")).await;
        tokio::time::sleep(ms(seed)).await;
        play.kill_goal(critical.goal_id());
        play.end_of(thief).await;
        tokio::time::sleep(ms(200)).await;
        let called_back = witness.calls();
        let critical = play.end_of(critical).await;

        assert_eq!(critical.code, Some(Code::Unavailable), "seed {seed}: {}", critical.summary());
        assert_eq!(witness.calls(), called_back, "seed {seed}: parts went on");
        play.check().await;
    }
}

#[tokio::test(start_paused = true)]
async fn after_a_cancellation_is_acknowledged_nobody_is_called_for_parts_of_parts_either() {
    for seed in 0..8 {
        let witness = Witness::new();
        let team = Stage::seeded(seed).agent(boss(&witness)).agent(middle(&witness)).agent(digger(&witness));
        let play = open(team).await;

        let run = play.submit(lead("dig")).await;
        tokio::time::sleep(ms(700 + 53 * seed)).await;
        assert!(witness.calls() > 3, "seed {seed}: parts of parts are under way");
        run.cancel("enough");
        let report = play.end_of(run).await;
        let then = (witness.calls(), witness.running());
        tokio::time::sleep(secs(600)).await;

        assert_eq!(report.outcome().unwrap().to_string(), "canceled: enough", "seed {seed}");
        assert_eq!(ends_of_open_parts(&report), ["canceled"], "seed {seed}: {}", report.summary());
        assert_eq!((witness.calls(), witness.running()), then, "seed {seed}: somebody was called after the end");
        assert_eq!(then.1, 0, "seed {seed}: nobody is at work any more");
        play.check().await;
    }
}
