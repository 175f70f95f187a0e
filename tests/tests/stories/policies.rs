//! Policies of one's own: what they may say, and that no panic of theirs takes anybody with it.

use bailiwick::{
    actors::policies::Scene,
    prelude::*,
    protocols::{Code, Event},
    testing::{Stage, StageBuilder},
};
use bailiwick_tests::*;

/// Panics in one of its three duties whenever the task is called `bad`.
struct Angry(&'static str);

fn is_bad(fact: &AgentFact) -> bool {
    matches!(fact, AgentFact::Admitted { delegation } if delegation.brief.goal == "bad")
}

impl SupervisorPolicy for Angry {
    fn name(&self) -> &'static str {
        "angry"
    }
    fn rule(&self, asked: &Delegation, _: &Scene<'_>) -> Ruling {
        if self.0 == "rule" && asked.brief.goal == "bad" {
            panic!("I will not rule")
        }
        Ruling::Pass
    }
    fn decide(&self, fact: &AgentFact, _: &Scene<'_>) -> Vec<Directive> {
        if self.0 == "decide" && is_bad(fact) {
            panic!("I will not decide")
        }
        Vec::new()
    }
    fn apply(&mut self, fact: &AgentFact, _: Timestamp) {
        if self.0 == "apply" && is_bad(fact) {
            panic!("I will not apply")
        }
    }
}

fn team(seed: u64, angry: &'static str) -> StageBuilder {
    Stage::seeded(seed).agent(echo("ada", "sum")).with(move |b| b.policy(move |_| Angry(angry)))
}

fn goal(text: &str) -> Goal {
    Goal::new(text).needs_capability("sum")
}

#[tokio::test(start_paused = true)]
async fn a_panic_while_ruling_turns_that_delegation_away_and_no_other() {
    let play = open(team(1, "rule")).await;

    let bad = play.run(goal("bad")).await;
    let good = play.run(goal("good")).await;

    assert_eq!((bad.outcome_word(), bad.code), ("refused", Some(Code::Unavailable)));
    assert!(bad.task("goal").unwrap().refusals[0].refusal.to_string().contains("I will not rule"));
    assert_eq!(good.outcome_word(), "unverified");
}

#[tokio::test(start_paused = true)]
async fn a_panic_while_deciding_changes_nothing_and_is_noted() {
    let play = open(team(2, "decide")).await;

    let bad = play.run(goal("bad")).await;

    assert_eq!(bad.outcome_word(), "unverified");
    let facts = play.agent_stream("ada");
    let noted = bailiwick_tests::facts(&facts)
        .any(|fact| matches!(fact, AgentFact::Noted { what } if what.contains("I will not decide")));
    assert!(noted);
}

#[tokio::test(start_paused = true)]
async fn a_panic_while_applying_takes_the_policy_out_until_somebody_releases_it() {
    let play = open(team(3, "apply")).await;

    let bad = play.run(goal("bad")).await;
    assert_eq!(bad.outcome_word(), "unverified", "what was let in is done");
    let next = play.run(goal("good")).await;
    assert_eq!((next.outcome_word(), next.code), ("refused", Some(Code::Unavailable)));
    assert!(next.task("goal").unwrap().refusals[0].refusal.to_string().contains("I will not apply"));
    let starts = |play: &Play| play.agent_stream("ada").iter().filter(|fact| fact.event.kind() == "stack").count();
    assert_eq!(starts(&play), 1, "the supervisor lives");

    play.bailiwick().release("ada", "mira");
    tokio::time::sleep(secs(1)).await;
    assert_eq!(play.run(goal("good")).await.outcome_word(), "unverified");
}

#[tokio::test(start_paused = true)]
async fn a_policy_that_is_out_stays_out_when_its_supervisor_is_replaced() {
    let play = open(team(4, "apply")).await;
    play.run(goal("bad")).await;

    play.kill_supervisor("ada");
    tokio::time::sleep(secs(1)).await;

    assert_eq!(play.run(goal("good")).await.outcome_word(), "refused");
}

/// Allows no more than so many tasks, ever.
struct Quota {
    max: usize,
    used: usize,
}

impl SupervisorPolicy for Quota {
    fn name(&self) -> &'static str {
        "quota"
    }
    fn rule(&self, _: &Delegation, _: &Scene<'_>) -> Ruling {
        if self.used < self.max {
            return Ruling::Pass;
        }
        Ruling::Refuse(Refusal::Policy { policy: "quota".to_owned(), reason: "used up".to_owned() })
    }
    fn decide(&self, fact: &AgentFact, _: &Scene<'_>) -> Vec<Directive> {
        match fact {
            AgentFact::Settled { .. } => {
                vec![Directive::Record(PolicyFact::new("quota", "used", serde_json::json!(self.used)))]
            }
            _ => Vec::new(),
        }
    }
    fn apply(&mut self, fact: &AgentFact, _: Timestamp) {
        if let AgentFact::Policy(fact) = fact {
            assert_eq!(fact.policy, "quota", "each policy is shown only its own facts");
            self.used += 1;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_policy_of_ones_own_decides_by_facts_and_remembers_them_over_deaths() {
    let play = open(Stage::seeded(5).agent(echo("ada", "sum")).with(|b| b.policy(|_| Quota { max: 2, used: 0 }))).await;

    assert_eq!(play.run(goal("one")).await.outcome_word(), "unverified");
    play.kill_supervisor("ada");
    tokio::time::sleep(secs(1)).await;
    assert_eq!(play.run(goal("two")).await.outcome_word(), "unverified");
    let third = play.run(goal("three")).await;

    assert_eq!(third.outcome_word(), "refused");
    assert_eq!(third.task("goal").unwrap().refusals[0].refusal.to_string(), "quota: used up");
    let own =
        play.agent_stream("ada").iter().filter(|e| matches!(&e.event, Event::Agent(AgentFact::Policy(_)))).count();
    assert_eq!(own, 2);
}

#[tokio::test(start_paused = true)]
async fn a_policy_may_narrow_and_all_narrowings_are_met() {
    struct Only(&'static str);
    impl SupervisorPolicy for Only {
        fn name(&self) -> &'static str {
            "only"
        }
        fn rule(&self, _: &Delegation, _: &Scene<'_>) -> Ruling {
            let mut limits = Limits::default();
            limits.exercise = Some(permissions(&[self.0]));
            Ruling::Narrow(limits)
        }
    }
    let witness = Witness::new();
    let ada = witness.scripted("ada", "sum", [ScriptedReply::output("4")]).permissions(permissions(&["fs.read:*"]));
    let team = Stage::seeded(6).agent(ada).with(|b| b.policy(|_| Only("fs.read:docs/*")));
    let play = open(team.with(|b| b.policy(|_| Only("fs.read:docs/a")))).await;

    play.run(goal("x")).await;
    let needy = play.run(Goal::new("x").task(task("t", "sum").permissions(permissions(&["fs.read:docs/b"])))).await;

    let held: Vec<String> = witness.seen()[0].mandate.exercise().iter().map(ToString::to_string).collect();
    assert_eq!(held, ["fs.read:docs/a"]);
    assert_eq!(needy.task("t").unwrap().refusals[0].refusal.to_string(), "missing fs.read:docs/b");
}
