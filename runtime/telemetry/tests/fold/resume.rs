//! The fold over the log of a goal that two lives of a process worked on: one trace, told once.

use std::time::Duration;

use bailiwick::{
    actors::audit_log::memory::MemoryJournal,
    prelude::*,
    telemetry::{
        fold::{Fold, SPLIT},
        names::{event, span as s},
        sampling::Sampling,
        span::Span,
    },
    testing::{Stage, StageBuilder},
};

use opentelemetry::trace::Link;

use super::{is_whole, spans};

fn cast() -> StageBuilder {
    let worker = agent_fn("ada", ["work"], |task| async move {
        tokio::time::sleep(Duration::from_secs(2)).await;
        if task.attempt() == 1 && task.task().as_str() == "b" {
            return Err(AgentError::new("stumbled"));
        }
        Ok(Output::text("done"))
    });
    let boss = agent_fn("boss", ["lead"], |task| async move {
        let part = task.delegate("part", Task::new("", "a part").needs_capability("work")).await?;
        Ok(Output::text(part.output()?.as_text()?))
    });
    Stage::seeded(5).agent(worker).agent(boss)
}

fn goal() -> Goal {
    Goal::new("things")
        .task(Task::new("a", "do it").needs_capability("work").verify(Verify::contains("done")))
        .task(Task::new("b", "do it").needs_capability("work").after(["a"]))
        .task(Task::new("lead", "lead it").needs_capability("lead").after(["a"]))
}

#[tokio::test(start_paused = true)]
async fn wherever_a_process_ends_the_next_tells_the_rest() {
    let stage = cast().open().await;
    stage.run(goal()).await;
    let log = stage.log();
    let all = spans(&log, 0);
    is_whole(&all);

    for end in 1..log.len() {
        let before = spans(&log[..end], 0);
        let after = spans(&log, log[end - 1].seq);
        let both: Vec<Span> = before.iter().chain(&after).cloned().collect();
        assert_eq!(both.len(), all.len(), "cut after event {end}");
        is_whole(&both);
    }
}

#[tokio::test(start_paused = true)]
async fn a_resumed_goal_goes_on_in_its_trace_and_says_where() {
    let kept = MemoryJournal::late(Duration::ZERO);
    let stage = cast().with(|builder| builder.journal(kept.clone())).open().await;
    let run = stage.submit(goal()).await;
    let id = run.goal_id();
    tokio::time::sleep(Duration::from_secs(3)).await;
    let first = stage.log();
    stage.into_bailiwick().halt().await.expect("it ends well");

    let stage = cast().with(|builder| builder.journal(kept)).open().await;
    stage.bailiwick().resume(id).await.expect("it is open").await.expect("it ends");
    let log = stage.log();

    let past = first.last().expect("something happened").seq;
    let (before, after) = (spans(&first, 0), spans(&log, past));
    assert!(before.iter().any(|span| span.name == "invoke_agent ada") && !before.iter().any(Span::is_root));
    is_whole(&before.iter().chain(&after).cloned().collect::<Vec<_>>());
    let root = after.iter().find(|span| span.is_root()).expect("the second life ends it");
    assert_eq!(root.events.iter().filter(|said| said.name == event::RESUMED).count(), 1);
    let last = before.last().expect("something was told");
    let resumes = |link: &&Link| link.attributes.iter().any(|why| why.value.as_str() == "resumes");
    let links: Vec<_> = root.links.iter().filter(resumes).map(|link| &link.span_context).collect();
    assert_eq!(links.len(), 1, "the goal's span leads back to the life before");
    assert_eq!((links[0].span_id(), links[0].trace_id()), (last.context.span.into(), root.context.trace.into()));
    let lost = after.iter().filter(|span| span.name.starts_with(s::ATTEMPT) && span.error.is_some());
    assert!(lost.map(|span| &span.error).any(|error| error.as_ref().is_some_and(|(code, _)| code == "LOST")));
}

#[tokio::test(start_paused = true)]
async fn a_parked_goal_shows_how_long_it_lay() {
    let kept = MemoryJournal::late(Duration::ZERO);
    let stage = cast().with(|builder| builder.journal(kept.clone())).open().await;
    let run = stage.submit(goal()).await;
    let id = run.goal_id();
    tokio::time::sleep(Duration::from_secs(3)).await;
    run.park();
    run.await.expect("it parks");
    stage.into_bailiwick().shutdown().await.expect("it ends well");
    tokio::time::sleep(Duration::from_secs(3_600)).await;

    let stage = cast().with(|builder| builder.journal(kept).hold_open_goals()).open().await;
    stage.bailiwick().resume(id).await.expect("it is open").await.expect("it ends");

    let all = spans(&stage.log(), 0);
    is_whole(&all);
    assert!(all.iter().any(|span| span.name == s::WAIT && span.end.since(span.start) > Duration::ZERO));
    let root = all.iter().find(|span| span.is_root()).expect("it has one");
    let said: Vec<_> = root.events.iter().map(|said| said.name.as_ref()).collect();
    assert_eq!(said, [event::PARKED, event::RESUMED]);
}

#[tokio::test(start_paused = true)]
async fn a_long_wait_is_told_in_linked_parts() {
    let slow = agent_fn("ada", ["work"], |_| async {
        tokio::time::sleep(SPLIT * 3).await;
        Ok(Output::text("done"))
    });
    let stage = Stage::seeded(1).agent(slow).open().await;
    let task = |id| Task::new(id, "do it").needs_capability("work").timeout(SPLIT * 10);
    stage.run(Goal::new("two").task(task("a")).task(task("b"))).await;

    let mut fold = Fold::new(0, Sampling::default(), false);
    let mut now = Timestamp::default();
    for recorded in stage.log() {
        // The exporter looks all the time, also when nothing happens.
        while now != Timestamp::default() && recorded.at.since(now) > SPLIT {
            now = now + SPLIT;
            fold.tick(now);
        }
        now = recorded.at;
        fold.apply(&recorded);
    }

    let all = fold.take();
    let waits: Vec<_> = all.iter().filter(|span| span.name == s::WAIT).collect();
    assert!(waits.len() > 1, "{waits:#?}");
    assert_eq!(waits[1].links[0].span_context.span_id(), waits[0].context.span.into());
    assert_eq!(waits[1].start, waits[0].end);
    is_whole(&all);
}
