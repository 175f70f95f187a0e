//! Stories about a team that changes while goals run: who joins, who is replaced, who leaves.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use bailiwick::{
    TeamError,
    prelude::*,
    protocols::Stream,
    testing::{Stage, Timeline},
};

/// Signs its work, and takes a while for it.
fn signing(name: &str, sign: &'static str, takes: u64) -> AgentSpec {
    agent_fn(name, ["sign"], move |_| async move {
        tokio::time::sleep(Duration::from_secs(takes)).await;
        Ok(Output::text(sign))
    })
}

/// The same, and counts how often it was called.
fn counted(name: &str, sign: &'static str, takes: u64, calls: &Arc<AtomicU32>) -> AgentSpec {
    let calls = calls.clone();
    agent_fn(name, ["sign"], move |_| {
        calls.fetch_add(1, Ordering::SeqCst);
        async move {
            tokio::time::sleep(Duration::from_secs(takes)).await;
            Ok(Output::text(sign))
        }
    })
}

fn goal() -> Goal {
    Goal::new("sign here").needs_capability("sign").verify(Verify::regex("."))
}

async fn later(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

fn generations(stage: &Stage) -> Vec<String> {
    let mark = |draining: bool| if draining { " drains" } else { "" };
    let members = stage.bailiwick().members();
    members.iter().map(|m| format!("{}/{}{}", m.agent, m.generation, mark(m.draining))).collect()
}

#[tokio::test(start_paused = true)]
async fn whoever_joins_gets_work_at_once() {
    let stage = Stage::seeded(1).agent(signing("ada", "ada", 1)).open().await;

    let joined = agent_fn("bo", ["count"], |_| async { Ok(Output::text("1")) });
    assert_eq!(stage.bailiwick().add(joined).await, Ok(0));

    let report = stage.run(Goal::new("count").needs_capability("count")).await;
    assert_eq!(report.output(), Some(&Output::text("1")));
    assert_eq!(generations(&stage), ["ada/0", "bo/0"]);
}

#[tokio::test(start_paused = true)]
async fn tasks_that_wait_for_room_go_to_whoever_joins() {
    let stage = Stage::seeded(1).agent(signing("ada", "ada", 100)).open().await;
    let mut runs = Vec::new();
    for _ in 0..70 {
        runs.push(stage.submit(goal()).await);
    }
    later(1).await;

    stage.bailiwick().add(signing("bo", "bo", 0).max_concurrent(4)).await.unwrap();
    later(10).await;

    // One runs at ada, 64 wait on her desk; the other five waited for room there.
    let done = runs.into_iter().map(|run| async { tokio::time::timeout(Duration::from_secs(1), run).await.ok() });
    let done: Vec<_> = futures::future::join_all(done).await.into_iter().flatten().collect();
    assert_eq!(done.len(), 5);
    assert!(done.iter().all(|report| report.as_ref().unwrap().output() == Some(&Output::text("bo"))));
}

#[tokio::test(start_paused = true)]
async fn the_old_generation_ends_what_it_admitted_and_the_new_one_gets_what_comes() {
    let stage = Stage::seeded(2).agent(signing("ada", "old", 20)).open().await;
    let (running, waiting) = (stage.submit(goal()).await, stage.submit(goal()).await);
    later(5).await;

    assert_eq!(stage.bailiwick().replace(signing("ada", "new", 1)).await, Ok(1));
    assert_eq!(generations(&stage), ["ada/0 drains", "ada/1"]);
    let next = stage.run(goal()).await;

    assert_eq!(next.output(), Some(&Output::text("new")));
    assert_eq!(running.await.unwrap().output(), Some(&Output::text("old")));
    assert_eq!(waiting.await.unwrap().output(), Some(&Output::text("old")));
    later(5).await;
    assert_eq!(generations(&stage), ["ada/1"]);
}

#[tokio::test(start_paused = true)]
async fn a_new_generation_has_its_own_stream_and_starts_at_the_start_value_of_trust() {
    let stage = Stage::seeded(3).agent(signing("ada", "old", 1)).open().await;
    stage.run(goal()).await;
    assert_eq!(stage.bailiwick().trust()[0].score.get(), 0.55);

    stage.bailiwick().replace(signing("ada", "new", 1)).await.unwrap();

    assert_eq!(stage.bailiwick().trust()[0].score.get(), 0.5);
    stage.run(goal()).await;
    assert_eq!(stage.bailiwick().trust()[0].score.get(), 0.55);
    let old = stage.bailiwick().history("ada", 0).unwrap();
    let new = stage.bailiwick().history("ada", 1).unwrap();
    assert_eq!(old[0].stream.to_string(), "agent/stage/ada");
    assert_eq!(new[0].stream.to_string(), "agent/stage/ada/1");
    let settled = |events: &[bailiwick::RunEvent]| events.iter().filter(|e| e.event.kind() == "settled").count();
    assert_eq!((settled(&old), settled(&new)), (1, 1), "{:?}", Timeline::of(&stage.generation_stream("ada", 1)));
}

#[tokio::test(start_paused = true)]
async fn what_the_old_generation_did_well_is_learned_of_the_old_generation() {
    let check = verify_async("slowly", |_| async {
        later(10).await;
        true
    });
    let stage = Stage::seeded(3).agent(signing("ada", "old", 1)).with(|builder| builder.verifier(check)).open().await;
    let run = stage.submit(goal().verify(Verify::function("slowly"))).await;
    later(5).await;

    stage.bailiwick().replace(signing("ada", "new", 1)).await.unwrap();
    let report = run.await.unwrap();

    assert_eq!(report.outcome_word(), "verified");
    assert_eq!(report.output(), Some(&Output::text("old")));
    assert_eq!(report.trust[0].after.get(), 0.55);
    assert_eq!(stage.bailiwick().trust()[0].score.get(), 0.5);
}

#[tokio::test(start_paused = true)]
async fn whoever_leaves_ends_what_it_admitted_and_gets_nothing_new() {
    let stage = Stage::seeded(4).agent(signing("ada", "ada", 20)).agent(signing("bo", "bo", 30)).open().await;
    let runs = [stage.submit(goal()).await, stage.submit(goal()).await, stage.submit(goal()).await];
    later(5).await;

    stage.bailiwick().remove("ada").await.unwrap();
    let next = stage.run(goal()).await;
    stage.bailiwick().remove("bo").await.unwrap();
    let nobody = stage.run(goal()).await;

    for run in runs {
        assert_eq!(run.await.unwrap().outcome_word(), "verified");
    }
    assert_eq!(next.output(), Some(&Output::text("bo")));
    assert_eq!((nobody.outcome_word(), nobody.code.map(|c| c.to_string())), ("failed", Some("AGENT_NOT_FOUND".into())));
    later(5).await;
    assert!(generations(&stage).is_empty(), "{:?}", generations(&stage));
}

#[tokio::test(start_paused = true)]
async fn whoever_comes_back_under_an_old_name_is_somebody_new() {
    let stage = Stage::seeded(4).agent(signing("ada", "ada", 1)).open().await;
    stage.run(goal()).await;

    stage.bailiwick().remove("ada").await.unwrap();
    assert_eq!(stage.bailiwick().add(signing("ada", "another", 1)).await, Ok(1));

    assert_eq!(stage.bailiwick().trust()[0].score.get(), 0.5);
    assert_eq!(stage.run(goal()).await.output(), Some(&Output::text("another")));
}

#[tokio::test(start_paused = true)]
async fn a_change_that_makes_no_sense_is_an_error_of_its_own() {
    let stage = Stage::seeded(5).agent(signing("ada", "ada", 1)).open().await;
    let bailiwick = stage.bailiwick();
    let none: [&str; 0] = [];
    let idle = |name: &str| agent_fn(name, none, |_| async { Ok(Output::text("")) });

    let unknown = TeamError::Unknown { agent: "bo".into(), there_is: vec!["ada".into()] };
    assert_eq!(bailiwick.replace(signing("bo", "bo", 1)).await, Err(unknown.clone()));
    assert_eq!(bailiwick.remove("bo").await, Err(unknown));
    let duplicate = bailiwick.add(signing("ada", "other", 1)).await;
    assert_eq!(duplicate, Err(TeamError::Duplicate { agent: "ada".into() }));
    assert_eq!(bailiwick.add(idle("bo")).await, Err(TeamError::NoCapability { agent: "bo".into() }));
    assert_eq!(bailiwick.replace(idle("ada")).await, Err(TeamError::NoCapability { agent: "ada".into() }));
    let odd = bailiwick.add(signing("a/b", "", 1).max_concurrent(0)).await;
    assert!(matches!(&odd, Err(TeamError::Invalid(problems)) if problems.len() == 2), "{odd:?}");

    assert_eq!(generations(&stage), ["ada/0"]);
    assert_eq!(stage.run(goal()).await.output(), Some(&Output::text("ada")));
}

#[tokio::test(start_paused = true)]
async fn a_policy_that_cannot_be_made_leaves_the_team_as_it_was() {
    struct Picky;
    impl SupervisorPolicy for Picky {
        fn name(&self) -> &'static str {
            "picky"
        }
    }
    let stage = Stage::seeded(5)
        .agent(signing("ada", "ada", 1))
        .with(|builder| {
            builder.policy(|agent| {
                assert!(&*agent.name != "bo", "not bo");
                Picky
            })
        })
        .open()
        .await;

    let added = stage.bailiwick().add(signing("bo", "bo", 1)).await;

    assert!(matches!(&added, Err(TeamError::NotStarted { why, .. }) if why.contains("not bo")), "{added:?}");
    assert_eq!(generations(&stage), ["ada/0"]);
    assert_eq!(stage.run(goal()).await.output(), Some(&Output::text("ada")));
}

#[tokio::test(start_paused = true)]
async fn the_runtimes_stream_tells_who_joined_and_who_left() {
    let stage = Stage::seeded(6).agent(signing("ada", "ada", 1)).open().await;
    stage.bailiwick().add(signing("bo", "bo", 1)).await.unwrap();
    stage.bailiwick().replace(signing("ada", "new", 1)).await.unwrap();
    stage.bailiwick().remove("bo").await.unwrap();
    later(1).await;

    let kinds: Vec<String> = stage.stream(&Stream::Runtime).iter().map(|e| format!("{:?}", e.event)).collect();
    let told: Vec<&str> =
        ["agent: \"ada\", generation: 0", "agent: \"bo\", generation: 0", "agent: \"ada\", generation: 1"]
            .into_iter()
            .filter(|told| kinds.iter().any(|kind| kind.contains("AgentAdded") && kind.contains(told)))
            .collect();
    assert_eq!(told.len(), 3, "{kinds:#?}");
    assert_eq!(kinds.iter().filter(|kind| kind.contains("AgentRemoved")).count(), 2, "{kinds:#?}");
}

#[tokio::test(start_paused = true)]
async fn a_goal_that_is_rebuilt_finds_its_work_at_the_old_generation_and_nobody_is_called_twice() {
    for seed in 0..20 {
        let calls = Arc::new(AtomicU32::new(0));
        let stage = Stage::seeded(seed).agent(counted("ada", "old", 20, &calls)).open().await;
        let run = stage.submit(goal()).await;
        later(5).await;

        stage.bailiwick().replace(counted("ada", "new", 20, &calls)).await.unwrap();
        stage.kill_goal(run.goal_id());
        let report = run.await.unwrap();

        assert_eq!(report.output(), Some(&Output::text("old")), "seed {seed}");
        assert_eq!((report.attempts(), calls.load(Ordering::SeqCst)), (1, 1), "seed {seed}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_team_that_makes_no_sense_does_not_start_and_says_everything_that_is_wrong() {
    let none: [&str; 0] = [];
    let idle = agent_fn("cy", none, |_| async { Ok(Output::text("")) });
    let twice = [signing("ada", "one", 1), signing("ada", "other", 1)];

    let team = twice.into_iter().fold(Bailiwick::builder().agent(idle), bailiwick::Builder::agent);
    let Err(bailiwick::Error::Invalid(problems)) = team.start().await else { panic!("it must not start") };

    let told = [
        "agent `cy` can do nothing: give it at least one capability",
        "two agents are called `ada`: give one another name",
    ];
    assert_eq!(problems, told);
}

#[tokio::test(start_paused = true)]
async fn a_goal_that_is_canceled_reaches_the_old_generation() {
    let stage = Stage::seeded(7).agent(signing("ada", "old", 50)).open().await;
    let run = stage.submit(goal()).await;
    later(5).await;

    stage.bailiwick().replace(signing("ada", "new", 1)).await.unwrap();
    run.cancel("enough");
    let report = run.await.unwrap();

    assert_eq!(report.outcome_word(), "canceled");
    assert!(report.duration() < Duration::from_secs(10), "{:?}", report.duration());
    later(5).await;
    assert_eq!(generations(&stage), ["ada/1"]);
}

#[tokio::test(start_paused = true)]
async fn an_old_generation_whose_supervisor_dies_loses_its_work_to_the_new_one() {
    let stage = Stage::seeded(8).agent(signing("ada", "old", 50)).open().await;
    let run = stage.submit(goal()).await;
    later(5).await;
    let old = stage.entry("ada").expect("ada is in the team");

    stage.bailiwick().replace(signing("ada", "new", 1)).await.unwrap();
    old.address.actor().expect("it lives").kill();
    let report = run.await.unwrap();

    assert_eq!(report.output(), Some(&Output::text("new")));
    assert_eq!(report.attempts(), 2);
    later(5).await;
    assert_eq!(generations(&stage), ["ada/1"]);
}

#[tokio::test(start_paused = true)]
async fn replacing_again_and_again_leaves_every_goal_with_one_result() {
    for seed in 0..30 {
        let calls = Arc::new(AtomicU32::new(0));
        let stage = Stage::seeded(seed).agent(counted("ada", "0", 3, &calls).max_concurrent(2)).open().await;
        let mut runs = Vec::new();
        for turn in 0..12 {
            runs.push(stage.submit(goal()).await);
            match turn % 4 {
                1 => drop(stage.bailiwick().replace(counted("ada", "n", 3, &calls)).await.unwrap()),
                2 => stage.kill_goal(runs[turn / 2].goal_id()),
                3 => stage.sweep(),
                _ => {}
            }
            tokio::time::sleep(Duration::from_millis(300)).await;
        }

        for run in runs {
            let report = run.await.unwrap();
            assert_eq!(report.outcome_word(), "verified", "seed {seed}: {}", report.summary());
            assert_eq!(report.attempts(), 1, "seed {seed}: {}", report.summary());
        }
        assert_eq!(calls.load(Ordering::SeqCst), 12, "seed {seed}");
        later(5).await;
        assert_eq!(generations(&stage), ["ada/3"], "seed {seed}");
    }
}
