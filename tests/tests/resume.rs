//! A goal goes on wherever its process ended: in virtual time, after every event of its log.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
    time::Duration,
};

use bailiwick::{
    GoalReport, Standing,
    actors::audit_log::memory::MemoryJournal,
    prelude::*,
    protocols::{Cost, Delegated, Event, GoalEvent, GoalId, Recorded, Stream, Usage},
    testing::{Stage, StageBuilder},
};

/// What the agents did: how often each task was begun.
#[derive(Clone, Default)]
struct Calls(Arc<Mutex<BTreeMap<String, u32>>>);

impl Calls {
    fn note(&self, task: &str) -> u32 {
        let mut calls = self.0.lock().unwrap();
        let count = calls.entry(task.to_owned()).or_default();
        *count += 1;
        *count
    }

    fn of(&self, task: &str) -> u32 {
        self.0.lock().unwrap().get(task).copied().unwrap_or(0)
    }
}

/// Two workers who stumble over some tasks the first time, and one who hands parts of its work on.
fn cast(calls: &Calls) -> StageBuilder {
    let worker = |name: &'static str| {
        let calls = calls.clone();
        agent_fn(name, ["work"], move |task| {
            let nth = calls.note(task.task().as_str());
            async move {
                tokio::time::sleep(Duration::from_millis(40)).await;
                let number: usize = task.task().trim_start_matches(|c: char| !c.is_ascii_digit()).parse().unwrap_or(1);
                let first = nth == 1 && task.attempt() == 1;
                if first && number.is_multiple_of(11) {
                    return Err(AgentError::new("stumbled"));
                }
                if first && number.is_multiple_of(7) {
                    return Ok(Output::text("nonsense"));
                }
                let inputs: Vec<&str> = task.inputs().values().map(|output| output.as_text().unwrap()).collect();
                Ok(Output::text(format!("done {}({})", task.task(), inputs.join(","))))
            }
        })
        .max_concurrent(2)
    };
    let boss = {
        let calls = calls.clone();
        agent_fn("boss", ["lead"], move |task| {
            calls.note(task.task().as_str());
            async move {
                let part = |name: &'static str| task.delegate(name, Task::new("", "a part").needs_capability("work"));
                let (one, two) = futures::join!(part("one"), part("two"));
                let text = |part: Delegated| part.output.map(|output| output.as_text().unwrap().to_owned());
                let (one, two) = (one.ok().and_then(text), two.ok().and_then(text));
                let (Some(one), Some(two)) = (one, two) else { return Err(AgentError::new("a part is missing")) };
                Ok(Output::text(format!("done lead [{one} {two}]")))
            }
        })
    };
    Stage::seeded(5).agent(worker("ada")).agent(worker("bob")).agent(boss)
}

/// Thirty tasks: five chains that meet, and one that is led.
fn goal() -> Goal {
    let mut goal = Goal::new("thirty things");
    for number in 1..=28 {
        let mut task =
            Task::new(format!("t{number}"), "do it").needs_capability("work").verify(Verify::contains("done"));
        if number > 5 {
            task = task.after([format!("t{}", number - 5)]);
        }
        goal = goal.task(task);
    }
    goal = goal.task(Task::new("lead", "lead it").needs_capability("lead").after(["t3"]));
    let last = (24..=28).map(|number| format!("t{number}")).chain(["lead".to_owned()]);
    goal.task(Task::new("end", "put it together").needs_capability("work").after(last).verify(Verify::contains("done")))
}

/// What must not depend on where the process ended.
/// How something ended, and what came out.
type End = (String, Option<Output>);

fn result(report: &GoalReport) -> (End, BTreeMap<String, End>) {
    let tasks =
        report.tasks.iter().map(|task| (task.id.to_string(), (task.outcome_word().to_owned(), task.output.clone())));
    ((report.outcome_word().to_owned(), report.output.clone()), tasks.collect())
}

fn goal_of(log: &[Arc<Recorded>]) -> Option<GoalId> {
    log.iter().find_map(|event| match event.stream {
        Stream::Goal(id) => Some(id),
        _ => None,
    })
}

/// The tasks that had completed.
fn completed(log: &[Arc<Recorded>]) -> BTreeSet<String> {
    let task = |event: &Arc<Recorded>| match &event.event {
        Event::Goal(GoalEvent::TaskCompleted { task, .. }) => Some(task.to_string()),
        _ => None,
    };
    log.iter().filter_map(task).collect()
}

/// Whether a crash can leave the log like this: what one actor records in one turn is kept as a whole.
fn can_end_between(before: &Recorded, after: &Recorded) -> bool {
    before.stream != after.stream || before.at != after.at
}

#[tokio::test(start_paused = true)]
async fn wherever_it_is_stopped_a_goal_of_thirty_tasks_ends_the_same() {
    let stage = cast(&Calls::default()).open().await;
    let expected = result(&stage.run(goal()).await);
    assert_eq!(expected.0.0, "unverified", "{expected:?}");
    assert_eq!(expected.1.len(), 32);
    let log = stage.log();
    assert!(log.iter().any(|e| matches!(e.event, Event::Goal(GoalEvent::AttemptRetried { .. }))));
    assert!(log.iter().any(|e| matches!(e.event, Event::Goal(GoalEvent::ChildAdded { .. }))));

    let mut stops = 0;
    let mut again = Vec::new();
    for end in 1..log.len() {
        let prefix = log[..end].to_vec();
        let Some(id) = goal_of(&prefix) else { continue };
        if !can_end_between(&prefix[end - 1], &log[end]) {
            continue;
        }
        let (calls, done) = (Calls::default(), completed(&prefix));
        let journal = MemoryJournal::holding(prefix).unwrap();
        let stage = cast(&calls).with(|builder| builder.journal(journal)).open().await;

        let resumed = stage.bailiwick().resume(id).await.unwrap();
        let report = tokio::time::timeout(Duration::from_secs(3_600), resumed).await;

        let report = report.unwrap_or_else(|_| panic!("stopped after event {end}, it never ends")).unwrap();
        assert_eq!(result(&report), expected, "stopped after event {end}: {:?}", log[end - 1]);
        again.extend(done.into_iter().filter(|task| calls.of(task) > 0).map(|task| (end, task)));
        stops += 1;
    }

    assert_eq!(again, [], "completed tasks that were run again");
    assert!(stops > 150, "only {stops} stops in {} events", log.len());
    println!("{stops} stops in a log of {} events; completed tasks run again: 0", log.len());
}

#[tokio::test(start_paused = true)]
async fn a_parked_goal_lets_what_runs_end_and_goes_on_where_it_was() {
    let calls = Calls::default();
    let kept = MemoryJournal::late(Duration::from_millis(1));
    let stage = cast(&calls).with(|builder| builder.journal(kept.clone())).open().await;
    let run = stage.submit(goal()).await;
    tokio::time::sleep(Duration::from_millis(700)).await;
    run.park();
    let parked = run.await.unwrap();
    assert_eq!(parked.outcome_word(), "parked");
    assert!(parked.tasks.iter().flat_map(|task| &task.attempts).all(|attempt| attempt.outcome.is_some()));
    let (id, done) = (parked.goal_id, completed(&stage.log()));
    assert!(!done.is_empty() && done.len() < 30, "{done:?}");
    assert_eq!(stage.bailiwick().open_goals()[0].standing, Standing::Parked);
    stage.into_bailiwick().shutdown().await.unwrap();

    let later = Calls::default();
    let stage = cast(&later).with(|builder| builder.journal(kept).hold_open_goals()).open().await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(stage.bailiwick().open_goals()[0].standing, Standing::Parked);
    let report = stage.bailiwick().resume(id).await.unwrap().await.unwrap();

    assert_eq!(report.outcome_word(), "unverified");
    assert!(done.iter().all(|task| later.of(task) == 0));
}

#[tokio::test(start_paused = true)]
async fn what_may_have_had_its_effect_once_is_not_tried_again() {
    let agent = || {
        agent_fn("ada", ["pay"], |_| async {
            tokio::time::sleep(Duration::from_secs(5)).await;
            Ok(Output::text("paid"))
        })
    };
    let kept = MemoryJournal::late(Duration::ZERO);
    let stage = Stage::seeded(1).agent(agent()).with(|builder| builder.journal(kept.clone())).open().await;
    let task = Task::new("pay", "pay the bill").needs_capability("pay").effects(Effects::Once);
    let run = stage.submit(Goal::new("pay").task(task)).await;
    let id = run.goal_id();
    tokio::time::sleep(Duration::from_secs(2)).await;
    stage.into_bailiwick().halt().await.unwrap();

    let stage = Stage::seeded(1).agent(agent()).with(|builder| builder.journal(kept)).open().await;
    let report = stage.bailiwick().resume(id).await.unwrap().await.unwrap();

    assert_eq!((report.outcome_word(), report.attempts()), ("failed", 1));
    let code = report.code.map(|code| code.to_string());
    assert_eq!(code.as_deref(), Some("LOST"));
    assert!(stage.goal_stream(id).iter().any(|e| matches!(e.event, Event::Goal(GoalEvent::Escalated { .. }))));
}

#[tokio::test(start_paused = true)]
async fn a_goal_is_canceled_from_its_journal_without_anybody_being_asked() {
    let calls = Calls::default();
    let kept = MemoryJournal::late(Duration::ZERO);
    let stage = cast(&calls).with(|builder| builder.journal(kept.clone())).open().await;
    let id = stage.submit(goal()).await.goal_id();
    tokio::time::sleep(Duration::from_millis(500)).await;
    stage.into_bailiwick().halt().await.unwrap();

    let later = Calls::default();
    let stage = cast(&later).with(|builder| builder.journal(kept).hold_open_goals()).open().await;
    stage.bailiwick().cancel(id, "not wanted any more");
    tokio::time::sleep(Duration::from_secs(5)).await;
    let report = stage.bailiwick().resume(id).await.unwrap().await.unwrap();

    assert_eq!(report.outcome_word(), "canceled");
    assert!(later.0.lock().unwrap().is_empty());
}

/// Somebody who may pay, and counts how often.
fn payer(name: &'static str, calls: &Calls) -> AgentSpec {
    let calls = calls.clone();
    agent_fn(name, ["pay"], move |_| {
        calls.note(name);
        async {
            tokio::time::sleep(Duration::from_secs(5)).await;
            Ok(Output::text("paid"))
        }
    })
}

fn pay_once() -> Goal {
    Goal::new("pay").task(Task::new("pay", "pay the bill").needs_capability("pay").effects(Effects::Once))
}

/// The log up to the first event of which this is true.
fn up_to(log: &[Arc<Recorded>], is_last: impl Fn(&Event) -> bool) -> MemoryJournal {
    let end = log.iter().position(|recorded| is_last(&recorded.event)).expect("it happened");
    MemoryJournal::holding(log[..=end].to_vec()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn what_an_agent_had_begun_that_left_the_team_since_is_lost_and_not_handed_to_another() {
    let calls = Calls::default();
    let stage = Stage::seeded(1).agent(payer("ada", &calls)).open().await;
    let id = stage.run(pay_once()).await.goal_id;
    let begun = up_to(&stage.log(), |event| event.kind() == "task_started");

    let stage = Stage::seeded(1).agent(payer("bo", &calls)).with(|builder| builder.journal(begun)).open().await;
    let report = stage.bailiwick().resume(id).await.unwrap().await.unwrap();

    assert_eq!(report.code.map(|code| code.to_string()).as_deref(), Some("LOST"));
    assert_eq!((calls.of("ada"), calls.of("bo")), (1, 0), "it may have run");
}

#[tokio::test(start_paused = true)]
async fn what_an_agent_had_done_that_left_the_team_since_is_served_from_the_journal() {
    let calls = Calls::default();
    let stage = Stage::seeded(1).agent(payer("ada", &calls)).open().await;
    let id = stage.run(pay_once()).await.goal_id;
    let settled = up_to(&stage.log(), |event| event.kind() == "settled");

    let stage = Stage::seeded(1).agent(payer("bo", &calls)).with(|builder| builder.journal(settled)).open().await;
    let report = stage.bailiwick().resume(id).await.unwrap().await.unwrap();

    assert_eq!(report.outcome_word(), "unverified");
    assert_eq!(report.output, Some(Output::text("paid")));
    assert_eq!((calls.of("ada"), calls.of("bo")), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn what_a_replaced_generation_had_done_is_served_from_the_journal() {
    let calls = Calls::default();
    let stage = Stage::seeded(1).agent(payer("ada", &calls)).open().await;
    let run = stage.submit(pay_once()).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    stage.bailiwick().replace(payer("ada", &calls)).await.unwrap();
    let id = run.await.unwrap().goal_id;
    let settled = up_to(&stage.log(), |event| event.kind() == "settled");

    let stage = Stage::seeded(1).agent(payer("ada", &calls)).with(|builder| builder.journal(settled)).open().await;
    let report = stage.bailiwick().resume(id).await.unwrap().await.unwrap();

    assert_eq!((report.outcome_word(), calls.of("ada")), ("unverified", 1));
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_was_set_back_moves_no_timer_and_no_event_into_the_past() {
    let wrong = || scripted("ada", ["sum"], [ScriptedReply::output("5")]);
    let sum = || Goal::new("2 + 2").needs_capability("sum").verify(Verify::equals("4"));
    let kept = MemoryJournal::late(Duration::ZERO);
    let stage = Stage::seeded(1).agent(wrong()).with(|builder| builder.journal(kept.clone())).open().await;
    tokio::time::sleep(Duration::from_secs(90 * 24 * 3_600)).await;
    stage.run(sum()).await;
    let tripped = stage.now();
    stage.into_bailiwick().halt().await.unwrap();

    // A Stage begins in January again: three months before what the journal tells.
    let stage = Stage::seeded(1).agent(wrong()).with(|builder| builder.journal(kept)).open().await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(stage.bailiwick().breakers().len(), 1);
    tokio::time::sleep(Duration::from_secs(40)).await;

    let log = stage.log();
    assert!(log.iter().is_sorted_by_key(|event| event.at), "time runs forward over the restart");
    let woken = log.iter().find(|event| event.event.kind() == "breaker_half_opened").expect("the wake came");
    assert!(woken.at.since(tripped) <= Duration::from_secs(37), "in its time, not three months later");
}

/// Pays by an effect that is had once; each attempt but the third fails afterwards.
fn careful_payer(paid: &Calls, hangs: bool) -> AgentSpec {
    let paid = paid.clone();
    agent("ada", ["pay"], CarefulPayer { paid, hangs })
}

struct CarefulPayer {
    paid: Calls,
    hangs: bool,
}

impl Agent for CarefulPayer {
    async fn run(&self, context: AgentContext) -> Result<Report, AgentError> {
        let receipt = context
            .once("invoice 7", async {
                let nth = self.paid.note("paid");
                if self.hangs {
                    tokio::time::sleep(Duration::from_secs(30)).await;
                }
                Ok::<_, std::io::Error>(serde_json::json!({ "receipt": nth }).into())
            })
            .await
            .map_err(|error| AgentError::new(error.to_string()))?;
        match context.attempt() {
            3 => Ok(Report::of(Output::json(receipt.0))),
            _ => Err(AgentError::new("stumbled on the way home")),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_effect_that_was_had_is_not_had_again_by_the_next_attempt() {
    let paid = Calls::default();
    let stage = Stage::seeded(1).agent(careful_payer(&paid, false)).open().await;

    let report = stage.run(Goal::new("pay").needs_capability("pay")).await;

    assert_eq!((report.attempts(), paid.of("paid")), (3, 1));
    assert_eq!(report.output, Some(Output::json(serde_json::json!({ "receipt": 1 }))));
}

#[tokio::test(start_paused = true)]
async fn an_effect_that_a_crash_left_in_doubt_is_not_tried_again_and_its_agent_is_told() {
    let paid = Calls::default();
    let kept = MemoryJournal::late(Duration::ZERO);
    let stage = Stage::seeded(1).agent(careful_payer(&paid, true)).with(|b| b.journal(kept.clone())).open().await;
    let id = stage.submit(Goal::new("pay").needs_capability("pay")).await.goal_id();
    tokio::time::sleep(Duration::from_secs(2)).await;
    stage.into_bailiwick().halt().await.unwrap();

    let stage = Stage::seeded(1).agent(careful_payer(&paid, true)).with(|b| b.journal(kept)).open().await;
    let report = stage.bailiwick().resume(id).await.unwrap().await.unwrap();

    assert_eq!((report.outcome_word(), paid.of("paid")), ("failed", 1));
    assert!(report.summary().to_string().contains("may have been had"), "{}", report.summary());
}

/// A writer whose draft is judged by an agent, and a goal whose whole is judged again; how often each was called.
fn judged(calls: &Calls) -> StageBuilder {
    let agent = |name: &'static str, says: serde_json::Value| {
        let calls = calls.clone();
        agent_fn(name, [name], move |task| {
            calls.note(if task.task().is_judgement() { "judge" } else { task.task().as_str() });
            let says = says.clone();
            async move {
                tokio::time::sleep(Duration::from_millis(40)).await;
                Ok(Report::of(Output::json(says)).charge(Usage { calls: 1, ..Usage::default() }, Cost::Known(5)))
            }
        })
        .max_concurrent(2)
    };
    let score = serde_json::json!({ "score": 0.9 });
    let team = Stage::seeded(6).agent(agent("write", score.clone())).agent(agent("review", score));
    team.with(|builder| builder.judge_agent("review"))
}

#[tokio::test(start_paused = true)]
async fn wherever_it_is_stopped_a_goal_whose_judges_are_agents_ends_the_same() {
    let good = || Verify::judge("it is good");
    let draft = |id: &str| Task::new(id, "write it").needs_capability("write").effects(Effects::None).verify(good());
    let goal = || Goal::new("two drafts").task(draft("a")).task(draft("b").after(["a"])).verify(good());
    let stage = judged(&Calls::default()).open().await;
    let whole = stage.run(goal()).await;
    let expected = result(&whole);
    assert_eq!((expected.0.0.as_str(), whole.cost, whole.attempts()), ("verified", Cost::Known(55), 2));
    let log = stage.log();

    let mut stops = 0;
    for end in 1..log.len() {
        let prefix = log[..end].to_vec();
        let Some(id) = goal_of(&prefix) else { continue };
        if !can_end_between(&prefix[end - 1], &log[end]) {
            continue;
        }
        let (calls, before) = (Calls::default(), prefix.clone());
        let journal = MemoryJournal::holding(prefix).unwrap();
        let stage = judged(&calls).with(|builder| builder.journal(journal).hold_open_goals()).open().await;
        // Whoever resumes it takes their time: judges have theirs from then on.
        tokio::time::sleep(Duration::from_secs(300)).await;

        let resumed = stage.bailiwick().resume(id).await.unwrap();
        let report = tokio::time::timeout(Duration::from_secs(3_600), resumed).await;

        let report = report.unwrap_or_else(|_| panic!("stopped after event {end}, it never ends")).unwrap();
        assert_eq!(result(&report), expected, "stopped after event {end}: {:?}", log[end - 1]);
        let answered = before.iter().filter(|one| is_answer(one)).count() as u32;
        assert_eq!(calls.of("judge"), 9 - answered, "stopped after event {end}: nobody who answered is asked again");
        assert_eq!(report.attempts(), 2 + lost(&report), "stopped after event {end}");
        stops += 1;
    }

    assert!(stops > 40, "only {stops} stops in {} events", log.len());
}

/// Whether a judge's answer is in: its supervisor has it.
fn is_answer(recorded: &Recorded) -> bool {
    use bailiwick::protocols::AgentFact;
    let Event::Agent(AgentFact::Reported { .. }) = &recorded.event else { return false };
    matches!(&recorded.stream, Stream::Agent { agent, .. } if &**agent == "review")
}

fn lost(report: &GoalReport) -> usize {
    let attempts = report.tasks.iter().flat_map(|task| &task.attempts);
    let is_lost = |code: bailiwick::protocols::Code| code == bailiwick::protocols::Code::Lost;
    attempts.filter(|attempt| attempt.error().is_some_and(|error| is_lost(error.code))).count()
}
