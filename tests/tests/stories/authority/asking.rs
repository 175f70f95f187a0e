//! Questions of agents at work: answered once by whoever answers for the team, a person as a rule.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use bailiwick::{prelude::*, testing::Stage};
use bailiwick_tests::{open, secs};

/// Asks which repository, and works on it.
fn clerk() -> AgentSpec {
    agent_fn("clerk", ["audit"], |task: AgentContext| async move {
        let repository = task.ask("which repository?").await?;
        Ok(Output::text(format!("audited {repository}")))
    })
}

fn audit() -> Goal {
    Goal::new("audit").needs_capability("audit")
}

#[tokio::test(start_paused = true)]
async fn whoever_answers_is_told_who_asks_what_and_at_which_task() {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let heard = asked.clone();
    let stage = Stage::seeded(1).agent(clerk()).with(|b| {
        b.answers(move |question| {
            heard.lock().unwrap().push((question.text, question.asker.to_string(), question.task.to_string()));
            async { Ok("the third".to_owned()) }
        })
    });
    let play = open(stage).await;

    let report = play.run(audit()).await;

    assert_eq!(report.output().unwrap().to_string(), "audited the third", "{}", report.summary());
    let heard = asked.lock().unwrap().clone();
    assert_eq!(heard, [("which repository?".to_owned(), "clerk".to_owned(), "goal".to_owned())]);
    let part = &report.tasks[1];
    assert_eq!(part.attempts[0].agent, *"person", "the question stands in the task tree");
}

#[tokio::test(start_paused = true)]
async fn without_anybody_to_ask_the_agent_hears_so_at_once() {
    let clerk = agent_fn("clerk", ["audit"], |task: AgentContext| async move {
        let said = task.ask("which repository?").await;
        Ok(Output::text(if said == Err(NotAnswered::NoOneToAsk) { "nobody" } else { "somebody" }))
    });
    let play = open(Stage::seeded(2).agent(clerk)).await;

    let report = play.run(audit()).await;

    assert_eq!(report.output().unwrap().to_string(), "nobody");
    assert_eq!(report.tasks.len(), 1, "nothing was handed on");
}

#[tokio::test(start_paused = true)]
async fn the_same_question_is_answered_once_whatever_becomes_of_the_attempt_and_of_the_goals_actor() {
    let times = Arc::new(AtomicU32::new(0));
    let counted = times.clone();
    let clerk = agent_fn("clerk", ["audit"], |task: AgentContext| async move {
        let (first, again) = (task.ask("which?").await?, task.ask("which?").await?);
        if again != first {
            return Err(AgentError::new("two answers to one question"));
        }
        if task.attempt() == 1 {
            panic!("it dies with the answer");
        }
        let other = task.ask("which one after that?").await?;
        Ok(Output::text(format!("{first} {other}")))
    });
    let stage = Stage::seeded(3).agent(clerk).with(|b| {
        b.answers(move |_| {
            let nth = counted.fetch_add(1, Ordering::SeqCst) + 1;
            async move { Ok(nth.to_string()) }
        })
    });
    let play = open(stage).await;

    let run = play.submit(audit()).await;
    tokio::time::sleep(Duration::from_millis(400)).await;
    play.kill_goal(run.goal_id());
    let report = play.end_of(run).await;

    assert_eq!(report.output().unwrap().to_string(), "1 2", "{}", report.summary());
    assert_eq!(times.load(Ordering::SeqCst), 2);
    play.check().await;
}

#[tokio::test(start_paused = true)]
async fn while_a_person_thinks_the_place_is_somebody_elses_and_the_attempts_time_stands_still() {
    let clerk = agent_fn("clerk", ["audit"], |task: AgentContext| async move {
        if task.goal() == "quick" {
            return Ok(Output::text("quick"));
        }
        Ok(Output::text(task.ask("may I?").await?))
    });
    let stage = Stage::seeded(4).agent(clerk).with(|b| {
        b.answers(|_| async {
            tokio::time::sleep(Duration::from_secs(3600)).await;
            Ok("you may".to_owned())
        })
    });
    let play = open(stage).await;

    let asks = play.submit(audit().timeout(secs(10))).await;
    tokio::time::sleep(secs(60)).await;
    let quick = play.run_to_its_end(Goal::new("quick").needs_capability("audit")).await;
    let between = play.now();
    let asks = play.end_of(asks).await;

    assert_eq!(quick.output().unwrap().to_string(), "quick", "the one seat's place was free");
    assert!(between < bailiwick::testing::EPOCH + secs(120), "long before the answer");
    assert_eq!(asks.output().unwrap().to_string(), "you may", "{}", asks.summary());
    play.check().await;
}

#[tokio::test(start_paused = true)]
async fn whoever_only_answers_questions_is_never_asked_for_work_that_requires_nothing() {
    let stage = Stage::seeded(5).agent(clerk()).with(|b| b.answers(|_| async { Ok("mine".to_owned()) }));
    let play = open(stage).await;

    for _ in 0..8 {
        let report = play.run(Goal::new("anything")).await;
        assert_eq!(report.tasks[0].attempts[0].agent, *"clerk", "{}", report.summary());
    }
}

#[tokio::test(start_paused = true)]
async fn a_question_nobody_answers_ends_as_an_error_of_its_own() {
    let clerk = agent_fn("clerk", ["audit"], |task: AgentContext| async move {
        match task.ask("which?").await {
            Err(NotAnswered::NotDelegated(why)) => Ok(Output::text(why.to_string())),
            other => Ok(Output::text(format!("{other:?}"))),
        }
    });
    let stage =
        Stage::seeded(6).agent(clerk).with(|b| b.answers(|_| async { Err(AgentError::new("the prompt was closed")) }));
    let play = open(stage).await;

    let report = play.run(audit()).await;

    let said = report.output().unwrap().to_string();
    assert!(said.contains("the prompt was closed"), "{said}");
}
