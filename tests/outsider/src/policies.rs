//! Stories about a policy of a user's own: it records its own facts, outlives its supervisor, narrows, and may panic.

use std::time::Duration;

use bailiwick::{
    actors::audit_log::{journal::Journal, memory::MemoryJournal},
    prelude::*,
    protocols::Event,
    testing::Stage,
};

fn goal(text: &str) -> Goal {
    Goal::new(text).needs_capability("sum").verify(Verify::equals("4")).retries(0)
}

async fn supervisor_dies(stage: &Stage) {
    stage.kill_supervisor("ada");
    tokio::time::sleep(Duration::from_secs(1)).await;
}

/// Two failed verdicts, and the agent gets nothing any more. Each strike is a fact of its own.
#[derive(Default)]
struct Strikes {
    told: u64,
}

impl SupervisorPolicy for Strikes {
    fn name(&self) -> &'static str {
        "strikes"
    }

    fn decide(&self, fact: &AgentFact, _: &Scene<'_>) -> Vec<Directive> {
        match fact {
            AgentFact::Examined { verdict: Some(verdict), .. } if !verdict.passed && !verdict.abstained => {
                vec![Directive::Record(PolicyFact::new(self.name(), "strike", self.told + 1))]
            }
            _ => Vec::new(),
        }
    }

    fn apply(&mut self, fact: &AgentFact, _: Timestamp) {
        if let AgentFact::Policy(own) = fact {
            self.told = own.body.value().as_u64().expect("it was recorded as a number");
        }
    }

    fn rule(&self, _: &Delegation, scene: &Scene<'_>) -> Ruling {
        self.standing(scene.now).map_or(Ruling::Pass, Ruling::Refuse)
    }

    fn standing(&self, _: Timestamp) -> Option<Refusal> {
        let reason = format!("{} strikes", self.told);
        (self.told >= 2).then(|| Refusal::Policy { policy: self.name().into(), reason })
    }
}

fn strikes(stage: &Stage) -> Vec<u64> {
    let stream = stage.agent_stream("ada");
    let own = stream.iter().filter_map(|recorded| match &recorded.event {
        Event::Agent(AgentFact::Policy(own)) if own.policy == "strikes" => own.body.value().as_u64(),
        _ => None,
    });
    own.collect()
}

#[tokio::test(start_paused = true)]
async fn a_policy_records_its_own_facts_and_its_supervisors_successor_knows_them() {
    let wrong = scripted("ada", ["sum"], [ScriptedReply::output("5")]);
    let stage = Stage::seeded(1).agent(wrong).with(|b| b.policy(|_| Strikes::default())).open().await;

    let first = stage.run(goal("2 + 2")).await;
    supervisor_dies(&stage).await;
    let second = stage.run(goal("2 + 2")).await;
    supervisor_dies(&stage).await;
    let third = stage.run(goal("2 + 2")).await;

    let ended = [&first, &second, &third].map(GoalReport::outcome_word);
    assert_eq!(ended, ["not_verified", "not_verified", "refused"]);
    assert_eq!(strikes(&stage), [1, 2], "nothing is decided a second time");
    let lives = stage.agent_stream("ada").iter().filter(|recorded| recorded.event.kind() == "stack").count();
    assert_eq!(lives, 3);
}

/// Does one's first three tasks, and says what it has learned, or does not.
struct Three {
    done: u64,
    says: bool,
}

impl SupervisorPolicy for Three {
    fn name(&self) -> &'static str {
        "three"
    }

    fn apply(&mut self, fact: &AgentFact, _: Timestamp) {
        self.done += u64::from(matches!(fact, AgentFact::Settled { .. }));
    }

    fn rule(&self, _: &Delegation, _: &Scene<'_>) -> Ruling {
        let reason = format!("{} are done", self.done);
        if self.done < 3 {
            Ruling::Pass
        } else {
            Ruling::Refuse(Refusal::Policy { policy: self.name().into(), reason })
        }
    }

    fn memory(&self) -> Option<Vec<u8>> {
        self.says.then(|| self.done.to_le_bytes().to_vec())
    }

    fn remember(&mut self, memory: &[u8]) -> bool {
        memory.try_into().map(|done| self.done = u64::from_le_bytes(done)).is_ok()
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_policy_has_learned_outlives_its_process_whether_it_writes_it_down_or_not() {
    for says in [true, false] {
        let journal = MemoryJournal::late(Duration::ZERO);
        let team = || {
            let right = scripted("ada", ["sum"], [ScriptedReply::output("4")]);
            let journal = journal.clone();
            let policy = move |_: &AgentSpec| Three { done: 0, says };
            Stage::seeded(1).agent(right).with(move |b| b.journal(journal).snapshot_every(5).policy(policy)).open()
        };
        let first = team().await;
        let ended = [first.run(goal("2 + 2")).await, first.run(goal("2 + 2")).await];
        first.into_bailiwick().shutdown().await.unwrap();

        let second = team().await;
        let then = [second.run(goal("2 + 2")).await, second.run(goal("2 + 2")).await];

        assert_eq!(journal.snapshots().unwrap().len(), usize::from(says), "a policy that does not say keeps it off");
        assert_eq!(ended.each_ref().map(GoalReport::outcome_word), ["verified", "verified"]);
        assert_eq!(then.each_ref().map(GoalReport::outcome_word), ["verified", "refused"]);
    }
}

/// Lets nobody read anything but the documents.
struct DocumentsOnly;

impl SupervisorPolicy for DocumentsOnly {
    fn name(&self) -> &'static str {
        "documents_only"
    }

    fn rule(&self, _: &Delegation, _: &Scene<'_>) -> Ruling {
        let mut limits = Limits::default();
        limits.exercise = Some(may("fs.read:repo/docs/*"));
        Ruling::Narrow(limits)
    }
}

fn may(permission: &str) -> Permissions {
    Permissions::parse([permission]).expect("it is a permission")
}

#[tokio::test(start_paused = true)]
async fn a_policy_narrows_what_an_agent_is_given_and_never_what_a_task_requires() {
    let reader = || {
        let reads = |task: AgentContext| async move { Ok(Output::text(task.mandate().exercise().to_string())) };
        agent_fn("ada", ["read"], reads).permissions(may("fs.read:repo/*"))
    };
    let free = Stage::seeded(2).agent(reader()).open().await;
    let narrowed = Stage::seeded(2).agent(reader()).with(|b| b.policy(|_| DocumentsOnly)).open().await;
    let look = || Goal::new("look").needs_capability("read");

    assert_eq!(free.run(look()).await.output(), Some(&Output::text("fs.read:repo/*")));
    assert_eq!(narrowed.run(look()).await.output(), Some(&Output::text("fs.read:repo/docs/*")));
    let source = narrowed.run(look().permissions(may("fs.read:repo/src/main"))).await;
    assert_eq!(source.outcome_word(), "refused", "what it needs is not there: it does not start with less");
    let refusal = &source.tasks[0].refusals[0].refusal;
    assert!(matches!(refusal, Refusal::Unauthorized { .. }), "{refusal}");
}

/// Panics where it is told to, over whatever is called `bad`.
#[derive(Clone, Copy, PartialEq)]
enum Nervous {
    Ruling,
    Deciding,
    Applying,
}

impl Nervous {
    fn over(self, now: Nervous, goal: &str) {
        assert!(self != now || goal != "bad", "not that one");
    }

    fn over_fact(self, now: Nervous, fact: &AgentFact) {
        if let AgentFact::Admitted { delegation } = fact {
            self.over(now, &delegation.brief.goal);
        }
    }
}

impl SupervisorPolicy for Nervous {
    fn name(&self) -> &'static str {
        "nervous"
    }

    fn rule(&self, asked: &Delegation, _: &Scene<'_>) -> Ruling {
        self.over(Nervous::Ruling, &asked.brief.goal);
        Ruling::Pass
    }

    fn decide(&self, fact: &AgentFact, _: &Scene<'_>) -> Vec<Directive> {
        self.over_fact(Nervous::Deciding, fact);
        Vec::new()
    }

    fn apply(&mut self, fact: &AgentFact, _: Timestamp) {
        self.over_fact(Nervous::Applying, fact);
    }
}

#[tokio::test(start_paused = true)]
async fn a_policy_that_panics_never_lets_more_through_and_takes_nobody_along() {
    for (nervous, bad, next) in [
        (Nervous::Ruling, "refused", "verified"),
        (Nervous::Deciding, "verified", "verified"),
        (Nervous::Applying, "verified", "refused"),
    ] {
        let ada = scripted("ada", ["sum"], [ScriptedReply::output("4")]);
        let stage = Stage::seeded(3).agent(ada).with(move |b| b.policy(move |_| nervous)).open().await;

        let ended = [stage.run(goal("bad")).await, stage.run(goal("good")).await];
        supervisor_dies(&stage).await;
        let rebuilt = stage.run(goal("good")).await;
        stage.bailiwick().release("ada", "mira");
        tokio::time::sleep(Duration::from_secs(1)).await;
        let released = stage.run(goal("good")).await;

        assert_eq!(ended.each_ref().map(GoalReport::outcome_word), [bad, next]);
        assert_eq!([rebuilt.outcome_word(), released.outcome_word()], [next, "verified"]);
        for refused in ended.iter().flat_map(|report| &report.tasks[0].refusals) {
            assert!(refused.refusal.to_string().contains("not that one"), "{}", refused.refusal);
        }
    }
}
