//! Agents that hand parts of their work on: one tree, one ledger, nobody waits while holding a place.

use std::time::Duration;

use bailiwick::{prelude::*, testing::Stage};
use bailiwick_protocols::{Delegated, NotDelegated};
use bailiwick_tests::open;

async fn handed_on(task: &AgentContext, name: &str, to: &str) -> Result<Delegated, NotDelegated> {
    task.delegate(name, Task::new(name, format!("{name} of {}", task.task())).needs_capability(to)).await
}

#[tokio::test(start_paused = true)]
async fn an_agent_joins_what_others_found_for_it() {
    let boss = agent_fn("boss", ["lead"], |task| async move {
        let (left, right) = tokio::try_join!(handed_on(&task, "left", "dig"), handed_on(&task, "right", "dig"))?;
        Ok(Output::text(format!("{} + {}", left.output()?.as_text()?, right.output()?.as_text()?)))
    });
    let digger = agent_fn("digger", ["dig"], |task| async move { Ok(Output::text(task.task().to_string())) });
    let stage = Stage::seeded(1).agent(boss).agent(digger).open().await;

    let report = stage.run(Goal::new("dig").needs_capability("lead")).await;

    assert_eq!(
        report.output().map(ToString::to_string).as_deref(),
        Some("goal/left + goal/right"),
        "{}",
        report.summary()
    );
    assert_eq!(report.attempts(), 3);
}

#[tokio::test(start_paused = true)]
async fn forty_goals_that_wait_for_each_others_agents_over_four_seats_all_finish() {
    let asks = |name: &'static str, other: &'static str| {
        agent_fn(name, [name, "any"], move |task: AgentContext| async move {
            tokio::time::sleep(Duration::from_millis(10)).await;
            if task.task().as_str() != "goal" {
                return Ok(Output::text("part"));
            }
            let part = handed_on(&task, "part", other).await?;
            Ok(Output::text(format!("whole from {}", part.output()?.as_text()?)))
        })
        .max_concurrent(4)
    };
    let stage = Stage::seeded(2).agent(asks("a", "b")).agent(asks("b", "a")).open().await;

    let mut runs = Vec::new();
    for n in 0..40 {
        runs.push(stage.submit(Goal::new("x").needs_capability(if n % 2 == 0 { "a" } else { "b" })).await);
    }

    for run in runs {
        let report = run.await.unwrap();
        assert_eq!(report.outcome_word(), "unverified", "{}", report.summary());
    }
}

#[tokio::test(start_paused = true)]
async fn a_chain_that_comes_back_to_who_waits_is_refused_as_a_cycle() {
    let asks = |name: &'static str, other: &'static str| {
        agent_fn(name, [name], move |task: AgentContext| async move {
            let part = handed_on(&task, "part", other).await?;
            Ok(part.output()?.clone())
        })
    };
    let stage = Stage::seeded(3).agent(asks("a", "b")).agent(asks("b", "a")).open().await;

    let report = stage.run(Goal::new("x").needs_capability("a").retries(0)).await;

    assert_eq!(report.outcome_word(), "failed");
    let text = report.summary().to_string();
    assert!(text.contains("cycle a -> b -> a"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn an_exclusive_agent_may_not_hand_on() {
    let boss = agent_fn("boss", ["lead"], |task| async move {
        let refused = handed_on(&task, "part", "lead").await;
        Ok(Output::text(match refused {
            Err(NotDelegated::Refused(refusal)) => refusal.code().to_string(),
            other => format!("{other:?}"),
        }))
    });
    let stage = Stage::seeded(4).agent(boss.exclusive()).open().await;

    let report = stage.run(Goal::new("x")).await;

    assert_eq!(report.output().map(ToString::to_string).as_deref(), Some("DEPTH_EXCEEDED"));
}

#[tokio::test(start_paused = true)]
async fn a_finished_part_is_not_done_again_when_the_attempt_that_asked_dies() {
    use std::sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    };
    let digs = Arc::new(AtomicU32::new(0));
    let counted = digs.clone();
    let boss = agent_fn("boss", ["lead"], |task| async move {
        let part = handed_on(&task, "part", "dig").await?;
        if task.feedback().is_none() {
            panic!("the first attempt dies after its part was done");
        }
        Ok(part.output()?.clone())
    });
    let digger = agent_fn("digger", ["dig"], move |_| {
        let digs = counted.clone();
        async move { Ok(Output::text(format!("dig {}", digs.fetch_add(1, Ordering::SeqCst) + 1))) }
    });
    let stage = Stage::seeded(5).agent(boss).agent(digger).open().await;

    let report = stage.run(Goal::new("x").needs_capability("lead")).await;

    assert_eq!(report.output().map(ToString::to_string).as_deref(), Some("dig 1"), "{}", report.summary());
    assert_eq!(digs.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn a_part_nobody_waits_for_any_more_is_called_back() {
    let boss = agent_fn("boss", ["lead"], |task: AgentContext| async move {
        let part = handed_on(&task, "part", "dig");
        let _ = tokio::time::timeout(Duration::from_secs(1), part).await;
        Ok(Output::text("enough"))
    });
    let stage = Stage::seeded(6).agent(boss).agent(scripted("digger", ["dig"], [ScriptedReply::hang()])).open().await;

    let report = stage.run(Goal::new("x").needs_capability("lead")).await;

    assert_eq!(report.outcome_word(), "unverified", "{}", report.summary());
    assert_eq!(report.task("goal/part").unwrap().outcome_word(), "canceled");
}

#[tokio::test(start_paused = true)]
async fn the_report_shows_parts_below_what_they_are_a_part_of() {
    let boss =
        agent_fn("boss", ["lead"], |task| async move { Ok(handed_on(&task, "part", "dig").await?.output()?.clone()) });
    let digger = scripted("digger", ["dig"], [ScriptedReply::output("dug")]);
    let stage = Stage::seeded(7).agent(boss).agent(digger).open().await;

    let report = stage.run(Goal::new("x").needs_capability("lead")).await;

    assert_eq!(report.to_json()["tasks"][1]["part_of"], "goal");
    assert!(report.summary().to_string().contains("└─ goal/part"), "{}", report.summary());
}

#[tokio::test(start_paused = true)]
async fn children_are_paid_out_of_what_their_parent_was_given() {
    let boss = agent_fn("boss", ["lead"], |task| async move {
        let first = handed_on(&task, "first", "dig").await?;
        let second = handed_on(&task, "second", "dig").await?;
        Ok(Output::text(format!("{} {}", first.outcome.as_str(), second.outcome.as_str())))
    });
    let digger = agent_fn("digger", ["dig"], |_| async { Ok(Output::text("dug")) }).cost_usd_per_task(0.6);
    let stage = Stage::seeded(8).agent(boss).agent(digger).open().await;
    let slice = |micro| Slice { micro_usd: Some(micro), tokens: None };

    let goal = Goal::new("x").budget(slice(5_000_000));
    let report =
        stage.run(goal.task(Task::new("lead", "lead").needs_capability("lead").budget(slice(1_000_000)))).await;

    assert_eq!(
        report.output().map(ToString::to_string).as_deref(),
        Some("unverified budget_exhausted"),
        "{}",
        report.summary()
    );
}

/// A lead with this slice who has four parts done at once by a digger for whom four at once are no trouble.
async fn four_at_once(seed: u64, slice: Slice, part: Slice, digger: AgentSpec) -> GoalReport {
    let boss = agent_fn("boss", ["lead"], move |task: AgentContext| async move {
        let part = || Task::new("part", "part").needs_capability("dig").budget(part);
        let parts = (1..=4).map(|n| task.delegate(format!("part{n}"), part()));
        let parts = futures::future::try_join_all(parts).await?;
        let mut words: Vec<_> = parts.iter().map(|part| part.outcome.as_str()).collect();
        words.sort_unstable();
        Ok(Output::text(words.join(" ")))
    });
    let play = open(Stage::seeded(seed).agent(boss).agent(digger.max_concurrent(4))).await;
    let much = Slice { micro_usd: Some(50_000_000), tokens: Some(50_000) };
    let lead = Task::new("lead", "lead").needs_capability("lead").budget(slice);

    play.run(Goal::new("x").budget(much).task(lead)).await
}

#[tokio::test(start_paused = true)]
async fn children_asked_for_at_once_cannot_jointly_exceed_what_their_parent_was_given() {
    let usage = Usage { input_tokens: 400, ..Usage::default() };
    let reply = || ScriptedReply::output("dug").after(Duration::from_secs(5)).usage(usage);
    for seed in 0..8 {
        let money = Slice { micro_usd: Some(1_000_000), tokens: None };
        let dear = scripted("digger", ["dig"], [reply()]).cost_usd_per_task(0.4);
        let paid = four_at_once(seed, money, Slice::UNLIMITED, dear).await;
        let (tokens, part) = (Some(1_000), Some(400));
        let [all, each] = [tokens, part].map(|tokens| Slice { micro_usd: None, tokens });
        let counted = four_at_once(seed, all, each, scripted("digger", ["dig"], [reply()])).await;

        for report in [&paid, &counted] {
            let said = report.output().map(ToString::to_string);
            let two_and_two = "budget_exhausted budget_exhausted unverified unverified";
            assert_eq!(said.as_deref(), Some(two_and_two), "seed {seed}: {}", report.summary());
            assert_eq!(report.attempts(), 3, "seed {seed}: the lead and two parts");
        }
        assert_eq!(paid.cost, Cost::Known(800_000), "seed {seed}");
        assert_eq!(counted.usage.tokens(), 800, "seed {seed}");
    }
}

#[tokio::test(start_paused = true)]
async fn at_most_sixty_four_attempts_of_an_agent_wait_for_others_and_the_next_is_told_so() {
    let boss = agent_fn("boss", ["lead"], |task: AgentContext| async move {
        let part = handed_on(&task, "part", "dig").await;
        Ok(Output::text(match part {
            Err(NotDelegated::Refused(refusal)) => refusal.code().to_string(),
            other => other?.outcome.as_str().to_owned(),
        }))
    });
    let digger = agent_fn("digger", ["dig"], |_| async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        Ok(Output::text("dug"))
    });
    let stage = Stage::seeded(9).agent(boss).agent(digger).without_delays().open().await;

    let mut runs = Vec::new();
    for _ in 0..70 {
        runs.push(stage.submit(Goal::new("x").needs_capability("lead")).await);
    }
    let mut said = std::collections::BTreeMap::<String, usize>::new();
    for run in runs {
        let report = run.await.unwrap();
        *said.entry(report.output().map(ToString::to_string).unwrap_or_default()).or_default() += 1;
    }

    assert!(said.len() == 2 && said["OVERLOADED"] >= 1 && said["unverified"] >= 64, "{said:?}");
}

#[tokio::test(start_paused = true)]
async fn beyond_the_depth_of_the_goal_nothing_is_handed_on() {
    let asks = |name: &'static str, next: &'static str| {
        agent_fn(name, [name], move |task: AgentContext| async move {
            Ok(match handed_on(&task, "part", next).await {
                Ok(part) => part.output()?.clone(),
                Err(refused) => Output::text(format!("{} is told: {refused}", task.task())),
            })
        })
    };
    let stage = Stage::seeded(10).agent(asks("a", "b")).agent(asks("b", "c")).agent(asks("c", "d")).open().await;
    let bounds = bailiwick_protocols::Bounds { depth: 3, ..Default::default() };

    let report = stage.run(Goal::new("x").needs_capability("a").bounds(bounds)).await;

    let said = report.output().map(ToString::to_string).unwrap_or_default();
    assert_eq!(said, "goal/part/part is told: no depth left to delegate", "{}", report.summary());
}
