//! A policy of your own: whoever fails a check rests for a minute. It decides once, records what it decided, and so
//! survives its supervisor.
//!
//! ```text
//! verified: the first sum
//!   sum #1 by hasty: not verified: expected "42", found "41"
//!   sum #2 by careful: verified
//!   trust in careful: 0.50 -> 0.55
//!   trust in hasty: 0.50 -> 0.40
//! verified: while hasty rests
//!   sum #1 by careful: verified
//!   trust in careful: 0.55 -> 0.60
//! verified: a minute later
//!   sum #1 by hasty: verified
//!   trust in hasty: 0.40 -> 0.46
//! recorded: resting
//! ```

use std::time::Duration;

use bailiwick::{
    prelude::*,
    protocols::Event,
    testing::{Stage, Timeline},
};
use bailiwick_examples::show;

const NAME: &str = "rest";
const REST: Duration = Duration::from_secs(60);

/// Lets an agent rest after a failed verdict.
#[derive(Default)]
struct Rest {
    until: Timestamp,
}

impl SupervisorPolicy for Rest {
    fn name(&self) -> &'static str {
        NAME
    }

    /// Deciding looks at a fact and says what follows from it. It changes nothing, and is never repeated in a rebuild.
    fn decide(&self, fact: &AgentFact, scene: &Scene<'_>) -> Vec<Directive> {
        match fact {
            AgentFact::Examined { verdict: Some(verdict), .. } if !verdict.passed && !verdict.abstained => {
                let until = scene.now + REST;
                let resting = PolicyFact::new(NAME, "resting", until.as_millis());
                // The wake has the supervisor look again, and publish that the rest is over.
                vec![Directive::Record(resting), Directive::Wake { at: until, token: 0 }]
            }
            _ => Vec::new(),
        }
    }

    /// Applying is the only change, the same now and whenever the supervisor is rebuilt from its stream.
    fn apply(&mut self, fact: &AgentFact, _at: Timestamp) {
        if let AgentFact::Policy(own) = fact {
            self.until = Timestamp::from_millis(own.body.value().as_u64().unwrap_or_default());
        }
    }

    /// What the policy says at the door.
    fn rule(&self, _asked: &Delegation, scene: &Scene<'_>) -> Ruling {
        self.standing(scene.now).map_or(Ruling::Pass, Ruling::Refuse)
    }

    /// What it would say to anybody: published, so that goals pass the agent over without asking.
    fn standing(&self, now: Timestamp) -> Option<Refusal> {
        (now < self.until).then(|| Refusal::Policy { policy: NAME.to_owned(), reason: "resting".to_owned() })
    }
}

// A Stage runs the real tree in virtual time: the minute below passes at once.
#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() -> Result<(), bailiwick::Error> {
    let hasty = scripted("hasty", ["sum"], [ScriptedReply::output("41"), ScriptedReply::output("42")]);
    let careful = scripted("careful", ["sum"], [ScriptedReply::output("42")]).cost_usd_per_task(0.01);
    let stage = Stage::seeded(1).agent(hasty).agent(careful).with(|team| team.policy(|_| Rest::default())).open().await;
    let sum = |name: &str| {
        Goal::new(name).task(Task::new("sum", "40 + 2").needs_capability("sum").verify(Verify::equals("42")))
    };

    show(&stage.run(sum("the first sum")).await);

    // The supervisor dies, as by a bug in it. Its successor knows what was recorded.
    stage.kill_supervisor("hasty");
    tokio::time::sleep(Duration::from_secs(1)).await;
    show(&stage.run(sum("while hasty rests")).await);

    tokio::time::sleep(REST).await;
    show(&stage.run(sum("a minute later")).await);

    let mut facts = stage.agent_stream("hasty");
    facts.retain(|fact| matches!(&fact.event, Event::Agent(AgentFact::Policy(own)) if own.policy == NAME));
    print!("recorded: {}", Timeline::of(&facts));
    stage.into_bailiwick().shutdown().await
}
