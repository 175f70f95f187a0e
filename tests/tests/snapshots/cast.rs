//! Who plays: a team in which everything happens that a supervisor or a policy remembers, and the goals it is given.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use bailiwick::{
    prelude::*,
    protocols::{Delegated, Json, Recorded},
    testing::{Stage, StageBuilder},
};
use serde_json::{Map, Value, json};

/// How often each task was begun.
#[derive(Clone, Default)]
pub struct Calls(Arc<Mutex<BTreeMap<String, u32>>>);

impl Calls {
    fn note(&self, task: &str) -> u32 {
        let mut calls = self.0.lock().unwrap();
        let count = calls.entry(task.to_owned()).or_default();
        *count += 1;
        *count
    }
}

/// A tool that nobody in the team may use.
struct Vault;

impl Tool for Vault {
    fn name(&self) -> &str {
        "vault"
    }
    fn needs(&self, _: &Map<String, Value>) -> Result<Need, String> {
        Ok(Need { resource: "fs".into(), verb: "write".into(), path: "vault".into() })
    }
    async fn run(&self, _: Map<String, Value>) -> Result<Value, String> {
        Ok(Value::Null)
    }
}

/// A policy of a team's own: it counts what its agent was let in to do, and records every third.
#[derive(Default)]
pub struct Thirds {
    count: u64,
    thirds: u64,
}

impl SupervisorPolicy for Thirds {
    fn name(&self) -> &'static str {
        "thirds"
    }
    fn decide(&self, fact: &AgentFact, _: &Scene<'_>) -> Vec<Directive> {
        let third = matches!(fact, AgentFact::Admitted { .. }) && self.count.is_multiple_of(3);
        third.then(|| Directive::Record(PolicyFact::new(self.name(), "third", self.count))).into_iter().collect()
    }
    fn apply(&mut self, fact: &AgentFact, _: Timestamp) {
        match fact {
            AgentFact::Admitted { .. } => self.count += 1,
            AgentFact::Policy(_) => self.thirds += 1,
            _ => {}
        }
    }
    fn memory(&self) -> Option<Vec<u8>> {
        Some([self.count.to_le_bytes(), self.thirds.to_le_bytes()].concat())
    }
    fn remember(&mut self, memory: &[u8]) -> bool {
        let Ok(memory) = <[u8; 16]>::try_from(memory) else { return false };
        let (count, thirds) = memory.split_at(8);
        self.count = u64::from_le_bytes(count.try_into().unwrap());
        self.thirds = u64::from_le_bytes(thirds.try_into().unwrap());
        true
    }
}

/// The agents.
pub fn agents(calls: &Calls) -> Vec<AgentSpec> {
    let worker = |name: &'static str| {
        let calls = calls.clone();
        agent_fn(name, ["work"], move |task: AgentContext| {
            let nth = calls.note(task.task().as_str());
            async move {
                task.charge(Usage { input_tokens: 3, calls: 1, ..Usage::default() }, Cost::Known(7));
                task.progress("begun");
                tokio::time::sleep(Duration::from_millis(40)).await;
                let number: usize = task.task().trim_start_matches(|c: char| !c.is_ascii_digit()).parse().unwrap_or(1);
                let first = nth == 1 && task.attempt() == 1;
                assert!(!(first && number == 13), "unlucky");
                if first && number.is_multiple_of(11) {
                    return Err(AgentError::new("stumbled"));
                }
                if first && number.is_multiple_of(7) {
                    return Ok(Output::text("nonsense"));
                }
                Ok(Output::text(format!("done {}", task.task())))
            }
        })
        .max_concurrent(2)
    };
    let boss = agent_fn("boss", ["lead"], |task: AgentContext| async move {
        let part = |name: &'static str| task.delegate(name, Task::new("", "a part").needs_capability("work"));
        let (one, two) = futures::join!(part("one"), part("two"));
        let text = |part: Delegated| part.output.map(|output| output.as_text().unwrap().to_owned());
        let (one, two) = (one.ok().and_then(text), two.ok().and_then(text));
        let (Some(one), Some(two)) = (one, two) else { return Err(AgentError::new("a part is missing")) };
        Ok(Output::text(format!("done lead [{one} {two}]")))
    });
    // Wrong at first, and right from its fourth answer on: its breaker opens, is probed, and closes.
    let moody = {
        let calls = calls.clone();
        agent_fn("moody", ["mood"], move |task: AgentContext| {
            calls.note(task.task().as_str());
            let good = task.goal() == "late";
            async move { Ok(Output::text(if good { "done" } else { "nonsense" })) }
        })
    };
    let sly = agent_fn("sly", ["try"], |task: AgentContext| async move {
        let refused = [task.tool("vault", json!({})).await.is_err(), task.tool("vault", json!({})).await.is_err()];
        Ok(Output::json(json!({ "refused": refused })))
    });
    vec![worker("ada"), worker("bob"), boss, moody, sly]
}

/// The team on a Stage.
pub fn team(calls: &Calls) -> StageBuilder {
    let stage = agents(calls).into_iter().fold(Stage::seeded(5), StageBuilder::agent);
    stage.with(|builder| builder.tool(Vault).policy(|_| Thirds::default()))
}

/// Thirty tasks: five chains that meet, one that is led, one that is tried in vain.
pub fn goal() -> Goal {
    let mut goal = Goal::new("thirty things");
    for number in 1..=27 {
        let mut task =
            Task::new(format!("t{number}"), "do it").needs_capability("work").verify(Verify::contains("done"));
        if number > 5 {
            task = task.after([format!("t{}", number - 5)]);
        }
        if number == 9 {
            task = task.budget(Slice { micro_usd: Some(1_000), tokens: Some(1_000) });
        }
        goal = goal.task(task);
    }
    goal = goal.task(Task::new("lead", "lead it").needs_capability("lead").after(["t3"]));
    goal = goal.task(Task::new("try", "try it").needs_capability("try").verify(Verify::regex("false")).retries(0));
    let last = (23..=27).map(|number| format!("t{number}")).chain(["lead".to_owned()]);
    goal.task(
        Task::new("end", "put it together")
            .needs_capability("work")
            .after(last)
            .optional_after(["try"])
            .verify(Verify::contains("done")),
    )
}

/// One task in somebody's mood.
pub fn mood(when: &str) -> Goal {
    Goal::new(when).needs_capability("mood").verify(Verify::contains("done")).retries(0)
}

/// Plays everything, and gives the whole log.
pub async fn play(stage: &Stage) -> Vec<Arc<Recorded>> {
    let run = stage.submit(goal()).await;
    for _ in 0..3 {
        stage.run(mood("early")).await;
    }
    tokio::time::sleep(Duration::from_secs(60)).await;
    for _ in 0..4 {
        stage.run(mood("late")).await;
    }
    stage.bailiwick().release("sly", "mira");
    run.await.unwrap();
    tokio::time::sleep(Duration::from_secs(60)).await;
    stage.log()
}

/// Two logs tell the same, event for event.
#[track_caller]
pub fn same(log: &[Arc<Recorded>], expected: &[Arc<Recorded>], what: &str) {
    let said = |log: &[Arc<Recorded>]| -> Vec<Json> {
        log.iter().map(|recorded| Json(serde_json::to_value(&**recorded).unwrap())).collect()
    };
    let (log, expected) = (said(log), said(expected));
    let apart = log.iter().zip(&expected).find(|(one, other)| one != other);
    assert_eq!(apart, None, "{what}");
    assert_eq!(log.len(), expected.len(), "{what}");
}
