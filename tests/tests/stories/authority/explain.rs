//! Why something was refused or shut: the chain of mandates, or the outcomes, read from the streams.

use bailiwick::{
    Explanation,
    explain::{About, By},
    prelude::*,
    testing::Stage,
};
use serde_json::json;

fn permissions(texts: &[&str]) -> Permissions {
    Permissions::parse(texts).unwrap()
}

fn idle(name: &'static str, may: &[&str]) -> AgentSpec {
    scripted(name, [name], [ScriptedReply::output("done")]).permissions(permissions(may))
}

fn explained(stage: &Stage, report: &GoalReport, task: &str) -> Explanation {
    stage.bailiwick().explain(report.goal_id, task).unwrap().unwrap_or_else(|| panic!("there is no {task}"))
}

#[tokio::test(start_paused = true)]
async fn a_refusal_for_want_of_authority_names_the_hop_that_removed_it() {
    let stage = Stage::seeded(1)
        .agent(idle("writer", &["fs.read:*"]))
        .with(|b| b.grants(permissions(&["fs.read:*", "fs.write:out/*"])))
        .open()
        .await;
    let task = Task::new("report", "write").permissions(permissions(&["fs.write:out/*"]));

    let report = stage.run(Goal::new("write").task(task)).await;
    let explained = explained(&stage, &report, "report");

    let refusal = &explained.refusals[0];
    assert_eq!(refusal.lost[0].by, By::Agent("writer".into()));
    assert_eq!(refusal.lost[0].permission, "fs.write:out/*".parse().unwrap());
    let hops: Vec<String> = refusal.chain.iter().map(ToString::to_string).collect();
    assert_eq!(
        hops,
        [
            "the goal's grant leaves fs.read:*, fs.write:out/*",
            "what report asks for leaves fs.write:out/*, removes fs.read:*",
            "the permissions of writer leaves nothing, removes fs.write:out/*",
        ]
    );
    assert!(refusal.rulings.iter().any(|ruled| ruled.policy == "attenuation"), "{:?}", refusal.rulings);
    let text = explained.to_string();
    assert!(text.contains("fs.write:out/* was lost at the permissions of writer"), "{text}");
    let again: Explanation = serde_json::from_value(serde_json::to_value(&explained).unwrap()).unwrap();
    assert_eq!(again, explained);
}

#[tokio::test(start_paused = true)]
async fn what_the_goal_never_granted_is_lost_at_the_goal() {
    let stage = Stage::seeded(2)
        .agent(idle("writer", &["fs.write:*"]))
        .with(|b| b.grants(permissions(&["fs.read:*"])))
        .open()
        .await;
    let task = Task::new("report", "write").permissions(permissions(&["fs.write:out/*"]));

    let report = stage.run(Goal::new("write").task(task)).await;

    assert_eq!(explained(&stage, &report, "report").refusals[0].lost[0].by, By::Goal);
}

#[tokio::test(start_paused = true)]
async fn a_part_refused_before_anybody_is_asked_is_explained_where_it_was_asked_for() {
    let boss = agent_fn("boss", ["lead"], |task: AgentContext| async move {
        let wide = Task::new("x", "x").agent("clerk").permissions(permissions(&["fs.write:out/*"]));
        let refused = task.delegate("wide", wide).await.err().map(|said| said.to_string()).unwrap_or_default();
        let narrow = Task::new("x", "x").agent("clerk").permissions(permissions(&["fs.read:repo/src/*"]));
        task.delegate("narrow", narrow).await?;
        Ok(Output::text(refused))
    })
    .permissions(permissions(&["fs.read:repo/*"]));
    let stage = Stage::seeded(3)
        .agent(boss)
        .agent(idle("clerk", &["fs.read:*", "fs.write:*"]))
        .with(|b| b.grants(permissions(&["fs.read:*", "fs.write:*"])))
        .open()
        .await;

    let report = stage.run(Goal::new("lead").needs_capability("lead")).await;
    let (own, part) = (explained(&stage, &report, "goal"), explained(&stage, &report, "goal/narrow"));

    assert_eq!(report.output().map(ToString::to_string).as_deref(), Some("missing fs.write:out/*"));
    let asked = &own.refusals[0];
    assert_eq!((&asked.about, &asked.lost[0].by), (&About::Part("wide".into()), &By::Agent("boss".into())));
    assert_eq!((own.refusals.len(), part.refusals.len()), (1, 0), "the narrow part was let in: {part}");
}

#[tokio::test(start_paused = true)]
async fn a_part_that_its_agent_may_not_hold_shows_the_whole_way_down() {
    let boss = agent_fn("boss", ["lead"], |task: AgentContext| async move {
        let part = Task::new("x", "x").agent("clerk").permissions(permissions(&["fs.read:repo/src/*"]));
        Ok(Output::text(task.delegate("part", part).await?.outcome.to_string()))
    })
    .permissions(permissions(&["fs.read:repo/*", "net.get:*"]));
    let stage = Stage::seeded(4).agent(boss).agent(idle("clerk", &["fs.read:docs/*"])).open().await;

    let report = stage.run(Goal::new("lead").needs_capability("lead")).await;

    let explained = explained(&stage, &report, "goal/part");
    let by: Vec<By> = explained.refusals[0].chain.iter().map(|hop| hop.by.clone()).collect();
    assert_eq!(
        by,
        [
            By::Goal,
            By::Task("goal".into()),
            By::Agent("boss".into()),
            By::HandedOn("goal/part".into()),
            By::Agent("clerk".into())
        ]
    );
    assert_eq!(explained.refusals[0].chain[2].removed, permissions(&["fs.read:docs/*"]), "{explained}");
    assert_eq!(explained.refusals[0].chain[3].removed, permissions(&["fs.read:repo/*", "net.get:*"]), "{explained}");
    assert_eq!(explained.refusals[0].lost[0].by, By::Agent("clerk".into()));
}

#[tokio::test(start_paused = true)]
async fn an_open_breaker_shows_the_outcomes_that_opened_it() {
    let flaky = scripted("flaky", ["todo"], [ScriptedReply::output("nonsense")]);
    let stage = Stage::seeded(5).agent(flaky).open().await;
    let wrong = |id: &str| Task::new(id, "x").needs_capability("todo").verify(Verify::contains("TODO"));

    let first = stage.run(Goal::new("x").task(wrong("a").retries(2))).await;
    let second = stage.run(Goal::new("x").task(wrong("b"))).await;

    let (tripped, refused) = (explained(&stage, &first, "a"), explained(&stage, &second, "b"));
    assert_eq!(tripped.trips.len(), 1, "the pair, not the whole agent: {tripped}");
    let trip = refused.refusals[0].trip.as_ref().unwrap_or_else(|| panic!("{refused}"));
    assert!(tripped.trips.contains(trip), "the same story from both sides");
    assert!(!trip.evidence.is_empty(), "{refused}");
    assert!(trip.evidence.iter().all(|one| one.task.as_deref() == Some("a")), "{refused}");
    assert!(refused.to_string().contains("trust in todo 0.500 -> 0.400"), "{refused}");
}

#[tokio::test(start_paused = true)]
async fn a_violation_shows_the_call_and_what_its_mandate_lacked() {
    let thief = agent_fn("thief", ["steal"], |task: AgentContext| async move {
        let said = task.tool("read_file", json!({ "path": "private/key" })).await;
        Ok(Output::text(said.map_or_else(|error| error.to_string(), |_| "mine".to_owned())))
    })
    .permissions(permissions(&["fs.read:repo/src/*"]));
    let folder = tempfile::tempdir().unwrap();
    let tool = ReadFile::below("repo", folder.path()).unwrap();
    let stage = Stage::seeded(6).agent(thief).with(|b| b.tool(tool)).open().await;

    let report = stage.run(Goal::new("steal")).await;

    let explained = explained(&stage, &report, "goal");
    assert_eq!(explained.refusals[0].about, About::Tool);
    assert_eq!(explained.refusals[0].lost[0].by, By::Goal, "nobody grants it: {explained}");
    let trip = &explained.trips[0];
    assert_eq!((trip.trigger.as_str(), trip.capability.as_ref()), ("violation", None), "{explained}");
    assert_eq!(trip.evidence[0].what, "tried read_file: fs.read:repo/private/key");
}

#[tokio::test(start_paused = true)]
async fn who_was_never_refused_says_so_and_what_is_not_there_is_none() {
    let stage = Stage::seeded(7).agent(idle("ada", &[])).open().await;

    let report = stage.run(Goal::new("x")).await;

    assert!(explained(&stage, &report, "goal").to_string().contains("nobody turned it away"));
    assert_eq!(stage.bailiwick().explain(report.goal_id, "nothing"), Ok(None));
    assert_eq!(stage.bailiwick().explain("00000000-0000-7000-8000-000000000000".parse().unwrap(), "goal"), Ok(None));
}

#[tokio::test(start_paused = true)]
async fn every_way_in_which_a_part_is_refused_is_explained_with_the_chain_it_came_down_by() {
    let boss = agent_fn("boss", ["lead"], |task: AgentContext| async move {
        let part = || Task::new("x", "x");
        // Whatever they are told, all of it is recorded.
        let _ = task.delegate("a/b", part()).await;
        let _ = task.delegate("stranger", part().agent("nobody")).await;
        let _ = task.delegate("unable", part().agent("clerk").needs_capability("fly")).await;
        let _ = task.delegate("wide", part().permissions(permissions(&["fs.write:*"]))).await;
        let _ = task.delegate("taken", part().agent("clerk")).await;
        let _ = task.delegate("taken", part().agent("clerk").criticality(1)).await;
        let _ = tokio::join!(
            task.delegate("one", part().agent("clerk")),
            task.delegate("two", part().agent("clerk")),
            task.delegate("three", part().agent("clerk")),
        );
        let _ = task.delegate("me", part().agent("boss")).await;
        let _ = task.delegate("more", part().agent("clerk")).await;
        Ok(Output::text("tried"))
    });
    let stage = Stage::seeded(8).agent(boss).agent(idle("clerk", &["fs.read:*"])).open().await;
    let bounds = bailiwick_protocols::Bounds { tasks: 5, fan_out: 2, ..Default::default() };

    let report = stage.run(Goal::new("lead").needs_capability("lead").bounds(bounds)).await;
    let (own, cycle) = (explained(&stage, &report, "goal"), explained(&stage, &report, "goal/me"));

    let said: Vec<String> = own.refusals.iter().map(|one| format!("{}: {}", about(&one.about), one.refusal)).collect();
    assert_eq!(
        said,
        [
            "a/b: invalid: `a/b` cannot be the name of a part: it is not blank and has no slash",
            "stranger: nobody is called nobody",
            "unable: clerk lacks fly",
            "wide: missing fs.write:*",
            "taken: another part is already called taken",
            "three: more than 2 live children",
            "more: more than 5 tasks",
        ],
        "{own}"
    );
    assert!(own.refusals.iter().all(|one| one.chain.len() == 3), "goal, task, agent: {own}");
    assert_eq!(cycle.refusals[0].refusal.to_string(), "cycle boss -> boss");
    assert_eq!(cycle.refusals[0].chain.len(), 5, "and what was handed on, to whom: {cycle}");
}

fn about(about: &About) -> String {
    match about {
        About::Part(name) => name.to_string(),
        other => format!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn who_is_probed_or_isolated_shows_the_trip_behind_it_and_a_policys_refusal_its_name() {
    struct Sundays;
    impl SupervisorPolicy for Sundays {
        fn name(&self) -> &'static str {
            "sundays"
        }
        fn rule(&self, asked: &Delegation, _: &Scene<'_>) -> Ruling {
            match &*asked.brief.goal == "rest" {
                true => Ruling::Refuse(Refusal::Policy { policy: "sundays".into(), reason: "closed".into() }),
                false => Ruling::Pass,
            }
        }
    }
    let thief = agent_fn("thief", ["steal"], |task: AgentContext| async move {
        let said = task.tool("read_file", json!({ "path": "key" })).await;
        Ok(Output::text(said.map_or_else(|error| error.to_string(), |_| "mine".to_owned())))
    });
    let folder = tempfile::tempdir().unwrap();
    let tool = ReadFile::below("repo", folder.path()).unwrap();
    let stage = Stage::seeded(9).agent(thief).with(|b| b.tool(tool).policy(|_| Sundays)).open().await;

    let rest = stage.run(Goal::new("rest")).await;
    stage.run(Goal::new("steal")).await;
    tokio::time::sleep(std::time::Duration::from_secs(60)).await;
    let critical = stage.run(Goal::new("steal").criticality(5)).await;
    stage.run(Goal::new("steal")).await;
    let isolated = stage.run(Goal::new("steal")).await;

    let (rest, critical, isolated) =
        (explained(&stage, &rest, "goal"), explained(&stage, &critical, "goal"), explained(&stage, &isolated, "goal"));
    assert!(rest.refusals[0].rulings.iter().any(|ruled| ruled.policy == "sundays"), "{rest}");
    let behind = |story: &Explanation| {
        let one = story.refusals[0].clone();
        let trip = one.trip.unwrap_or_else(|| panic!("{story}"));
        (one.refusal.code().to_string(), trip.trigger, trip.evidence.len())
    };
    assert_eq!(behind(&critical), ("UNAVAILABLE".to_owned(), "violation".to_owned(), 1), "half-open: {critical}");
    assert_eq!(behind(&isolated), ("UNAVAILABLE".to_owned(), "violations".to_owned(), 2), "isolated: {isolated}");
}
