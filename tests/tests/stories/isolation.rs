//! What goes wrong in one place stays there: forged news of a death, tools that panic, two runtimes in one process.

use std::sync::Arc;

use bailiwick::{actors::root::Child, prelude::*};
use bailiwick_actors::agents::{DynAgent, Seated};
use bailiwick_protocols::event::SeatEnd;
use bailiwick_tests::*;
use futures::future::BoxFuture;
use ractor::{ActorCell, SupervisionEvent};
use serde_json::{Map, Value, json};

/// An agent that tells its supervisor, in the name of its own seat, that the seat has died; and then works on.
struct Forger;

struct Forging(ActorCell);

impl DynAgent for Forger {
    fn seat(self: Arc<Self>, seat: ActorCell) -> Arc<dyn Seated> {
        Arc::new(Forging(seat))
    }
}

impl Seated for Forging {
    fn carry(self: Arc<Self>, _: AgentContext) -> BoxFuture<'static, Result<Report, String>> {
        Box::pin(async move {
            self.0.notify_supervisor(SupervisionEvent::ActorFailed(self.0.clone(), "forged".into()));
            self.0.notify_supervisor(SupervisionEvent::ActorTerminated(
                self.0.clone(),
                None,
                Some("killed".to_owned()),
            ));
            tokio::time::sleep(secs(1)).await;
            Ok(Report::of(Output::text("4")))
        })
    }
}

#[tokio::test(start_paused = true)]
async fn news_of_a_death_is_believed_only_of_the_dead() {
    let play = open(prompt(1).agent(AgentSpec::new("forger", ["sum"], Arc::new(Forger)))).await;

    let report = play.run(Goal::new("2 + 2").needs_capability("sum").verify(Verify::equals("4"))).await;

    assert_eq!((report.outcome_word(), report.attempts()), ("verified", 1), "{}", report.summary());
    let stream = play.agent_stream("forger");
    let deaths = |fact: &&AgentFact| matches!(fact, AgentFact::SeatDown { why, .. } if *why != SeatEnd::Idle);
    assert_eq!(facts(&stream).filter(deaths).count(), 0, "no seat went down");
}

/// A tool that panics, early or late.
struct Cracks(bool);

impl Tool for Cracks {
    fn name(&self) -> &str {
        if self.0 { "early" } else { "late" }
    }

    fn needs(&self, _: &Map<String, Value>) -> Result<Need, String> {
        assert!(!self.0, "cracked early");
        Ok(Need { resource: "fs".into(), verb: "read".into(), path: "a".into() })
    }

    async fn run(&self, _: Map<String, Value>) -> Result<Value, String> {
        panic!("cracked late")
    }
}

#[tokio::test(start_paused = true)]
async fn a_tool_that_panics_is_an_error_the_agent_sees_and_nothing_else() {
    let ada = agent_fn("ada", ["work"], |task: AgentContext| async move {
        let early = task.tool("early", json!({})).await.unwrap_err();
        let late = task.tool("late", json!({})).await.unwrap_err();
        Ok(Output::text(format!("{early} / {late}")))
    })
    .permissions(permissions(&["fs.read:*"]));
    let play = open(prompt(2).agent(ada).with(|b| b.tool(Cracks(true)).tool(Cracks(false)))).await;

    let report = play.run(Goal::new("x").needs_capability("work")).await;

    let said = report.output().unwrap().to_string();
    assert!(said.contains("panic: cracked early") && said.contains("panic: cracked late"), "{said}");
    assert_eq!(report.attempts(), 1, "the attempt went on");
    let stream = play.agent_stream("ada");
    assert_eq!(
        facts(&stream).filter(|fact| matches!(fact, AgentFact::ToolCalled { .. })).count(),
        1,
        "recorded before"
    );
}

#[tokio::test(start_paused = true)]
async fn two_runtimes_of_one_name_in_one_process_know_nothing_of_each_other() {
    let team = || prompt(3).agent(slow("ada", "sum", "4", secs(5))).agent(fails("bo", "say"));
    let (one, other) = (open(team()).await, open(team()).await);
    let sum = || Goal::new("2 + 2").needs_capability("sum").verify(Verify::equals("4"));

    for _ in 0..3 {
        one.run_to_its_end(Goal::new("x").needs_capability("say").retries(0)).await;
    }
    let (doomed, lives) = (one.submit(sum()).await, other.submit(sum()).await);
    for _ in 0..5 {
        tokio::time::sleep(ms(100)).await;
        one.kill(Child::VerifierPool);
    }
    let (doomed, lives) = (doomed.await, other.end_of(lives).await);

    assert!(doomed.is_err(), "the first has given up");
    assert_eq!(lives.outcome_word(), "verified", "{}", lives.summary());
    assert_eq!((one.bailiwick().breakers().len(), other.bailiwick().breakers().len()), (1, 0));
    assert!(other.bailiwick().trust().iter().any(|reading| reading.score.get() > 0.5));
    other.check().await;
}
