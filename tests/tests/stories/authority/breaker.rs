//! What a trip does, in its order, and how two violations end an agent's freedom until somebody gives it back.

use std::time::Duration;

use bailiwick::{prelude::*, report::BreakerState, testing::Stage};
use bailiwick_protocols::{
    DelegationId, Event, SettlementKind,
    event::CeaseReason,
    outcome::RevokeReason,
    policy::breaker::{CLOSED, HALF_OPENED, ISOLATED, OPENED},
};
use serde_json::json;

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Does as its goal says: sleeps long or short, or reaches for what is not its own.
fn ada() -> AgentSpec {
    agent_fn("ada", ["work"], |task: AgentContext| async move {
        match task.goal() {
            "steal" => {
                tokio::time::sleep(secs(1)).await;
                let folder = task.tool("read_file", json!({ "path": "key" })).await;
                Ok(Output::text(if folder.is_ok() { "stolen" } else { "caught" }))
            }
            "long" => {
                tokio::time::sleep(secs(20)).await;
                Ok(Output::text("done"))
            }
            _ => Ok(Output::text("done")),
        }
    })
}

async fn stage(seed: u64, ada: AgentSpec) -> (Stage, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let tool = ReadFile::below("repo", folder.path()).unwrap();
    (Stage::seeded(seed).agent(ada).with(|b| b.tool(tool)).without_delays().open().await, folder)
}

fn goal(text: &str) -> Goal {
    Goal::new(text).needs_capability("work").verify(Verify::regex("done|caught"))
}

fn state(stage: &Stage) -> Option<BreakerState> {
    stage.bailiwick().breakers().iter().find(|one| one.capability.is_none()).map(|one| one.state)
}

/// The kinds of the agent's facts that tell of its breaker.
fn moves(stage: &Stage) -> Vec<String> {
    let kinds = stage.agent_stream("ada").into_iter().map(|e| e.event.kind().to_owned());
    kinds.filter(|kind| [OPENED, HALF_OPENED, CLOSED, ISOLATED].contains(&kind.as_str())).collect()
}

#[tokio::test(start_paused = true)]
async fn a_trip_is_recorded_then_shuts_the_door_then_gives_back_what_waits_then_calls_back_what_may_do_harm() {
    let (stage, _folder) = stage(1, ada().max_concurrent(3)).await;
    let critical = stage.submit(goal("long").criticality(4)).await;
    let ordinary = stage.submit(goal("long")).await;
    let thief = stage.submit(goal("steal")).await;
    let waiting = stage.submit(goal("wait")).await;

    tokio::time::sleep(secs(2)).await;
    let late = stage.run(goal("late")).await;
    let [critical, ordinary, thief, waiting] =
        [critical.await.unwrap(), ordinary.await.unwrap(), thief.await.unwrap(), waiting.await.unwrap()];

    let facts = stage.agent_stream("ada");
    let at = |wanted: &dyn Fn(&AgentFact) -> bool| {
        facts.iter().position(|e| matches!(&e.event, Event::Agent(fact) if wanted(fact))).expect("it happened")
    };
    let of = |id: &DelegationId, report: &GoalReport| id.goal == report.goal_id;
    let order = [
        at(&|fact| matches!(fact, AgentFact::Violation { .. })),
        at(&|fact| fact.kind() == OPENED),
        at(&|fact| matches!(fact, AgentFact::Settled { settlement } if of(&settlement.delegation, &waiting))),
        at(&|fact| matches!(fact, AgentFact::Ceasing { delegation, .. } if of(delegation, &critical))),
        at(&|fact| matches!(fact, AgentFact::Settled { settlement } if of(&settlement.delegation, &critical))),
        at(&|fact| matches!(fact, AgentFact::Settled { settlement } if of(&settlement.delegation, &ordinary))),
    ];
    assert!(order.is_sorted(), "{order:?}");
    assert_eq!(facts[order[0]].at, facts[order[3]].at, "all at once");
    let Event::Agent(AgentFact::Settled { settlement }) = &facts[order[2]].event else { unreachable!() };
    assert_eq!((settlement.kind, settlement.started), (SettlementKind::Returned, None), "no attempt, no charge");
    let Event::Agent(AgentFact::Ceasing { why, .. }) = &facts[order[3]].event else { unreachable!() };
    assert_eq!(*why, CeaseReason::Revoked(RevokeReason::Trip));

    assert_eq!((late.outcome_word(), late.attempts()), ("refused", 0), "{}", late.summary());
    assert_eq!((waiting.outcome_word(), waiting.attempts()), ("refused", 0), "{}", waiting.summary());
    assert_eq!(critical.to_json()["code"], "UNAVAILABLE", "{}", critical.summary());
    assert_eq!((ordinary.outcome_word(), ordinary.trust.len()), ("verified", 0), "it may finish; it raises no trust");
    assert_eq!(thief.outcome_word(), "verified", "its verdict is its verdict; its trust is another matter");
}

#[tokio::test(start_paused = true)]
async fn an_agent_that_tripped_finds_its_way_back_by_default_tasks() {
    let (stage, _folder) = stage(2, ada()).await;
    stage.run(goal("steal")).await;
    assert_eq!(state(&stage), Some(BreakerState::Open));

    tokio::time::sleep(secs(40)).await;
    for probe in 0..3 {
        assert_eq!(state(&stage), Some(BreakerState::HalfOpen), "before probe {probe}");
        let report = stage.run(Goal::new("try").needs_capability("work").verify(Verify::equals("done"))).await;
        assert_eq!(report.outcome_word(), "verified", "{}", report.summary());
    }

    assert_eq!(state(&stage), None);
    assert_eq!(moves(&stage), [OPENED, HALF_OPENED, CLOSED]);
}

#[tokio::test(start_paused = true)]
async fn two_violations_in_a_day_isolate_until_somebody_releases_and_two_in_two_days_do_not() {
    let (stage, _folder) = stage(3, ada()).await;
    stage.run(goal("steal")).await;
    tokio::time::sleep(secs(25 * 3600)).await;
    stage.run(goal("steal")).await;
    assert_eq!(state(&stage), Some(BreakerState::Open), "the first is forgotten by now");
    tokio::time::sleep(secs(23 * 3600)).await;

    stage.run(goal("steal")).await;
    let isolated = stage.run(goal("wait")).await;
    tokio::time::sleep(secs(30 * 24 * 3600)).await;
    let still = state(&stage);
    stage.bailiwick().release("ada", "mira");
    tokio::time::sleep(secs(1)).await;
    let after = stage.run(goal("wait")).await;

    assert_eq!((isolated.outcome_word(), still), ("refused", Some(BreakerState::Isolated)), "{}", isolated.summary());
    assert!(isolated.summary().to_string().contains("isolated until released"), "{}", isolated.summary());
    assert_eq!((after.outcome_word(), state(&stage)), ("verified", None), "{}", after.summary());
    assert_eq!(moves(&stage).last().map(String::as_str), Some(CLOSED));
}
