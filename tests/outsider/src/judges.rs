//! Stories about judges that misbehave: whatever they do, nothing of it leads to a pass.

use bailiwick::{Handlers, Inputs, prelude::*, testing::Stage};
use serde_json::{Value, json};

fn writer() -> AgentSpec {
    agent_fn("ada", ["write"], |_| async { Ok(Output::text("one claim, one number: 7")) })
}

fn goal(spec: JudgeSpec) -> Goal {
    Goal::new("write").needs_capability("write").verify(Verify::Judge(spec)).retries(0)
}

fn three() -> JudgeSpec {
    JudgeSpec::new("every claim has a number")
}

/// The verdict a panel of these comes to, and how the goal ended.
async fn judged(set: impl FnOnce(bailiwick::Builder) -> bailiwick::Builder, spec: JudgeSpec) -> (Verdict, GoalReport) {
    let stage = Stage::seeded(1).agent(writer()).with(set).open().await;
    let report = stage.run(goal(spec)).await;
    let verdict = report.task("goal").unwrap().attempts[0].verdict.clone();
    (verdict.expect("it was judged"), report)
}

/// A judge given in code: each answers its seat in its own way.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Manner {
    Fair(f64),
    Silent,
    Panicking,
}

struct Bench(Vec<Manner>);

impl Judge for Bench {
    async fn judge(&self, question: &JudgeQuestion) -> JudgeAnswer {
        match self.0[question.seat % self.0.len()] {
            Manner::Fair(score) => JudgeAnswer::scored(score, "as I see it"),
            Manner::Silent => std::future::pending().await,
            Manner::Panicking => panic!("no more questions"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_judge_given_in_code_is_shown_criterion_and_output_word_for_word() {
    struct Reading;
    impl Judge for Reading {
        async fn judge(&self, question: &JudgeQuestion) -> JudgeAnswer {
            let right = &*question.criterion == "every claim has a number"
                && &*question.output == "one claim, one number: 7"
                && question.prompt().matches(&*question.fence).count() >= 2;
            JudgeAnswer::scored(f64::from(u8::from(right)), "")
        }
    }

    let (verdict, report) = judged(|builder| builder.judge(Reading), three()).await;

    assert!(verdict.passed && !verdict.abstained, "{verdict:?}");
    assert_eq!(report.outcome_word(), "verified");
}

#[tokio::test(start_paused = true)]
async fn whatever_a_judge_says_that_is_no_score_it_abstains_and_nothing_passes() {
    for odd in [
        json!({ "score": 1.7 }),
        json!({ "score": -0.1 }),
        json!("high"),
        json!({ "score": "high" }),
        json!({}),
        Value::Null,
    ] {
        let (verdict, report) = judged(|builder| builder.judge(ScriptedJudge::new([odd.clone()])), three()).await;

        assert!(verdict.abstained && !verdict.passed, "{odd}: {verdict:?}");
        assert_eq!(report.outcome_word(), "not_verified", "{odd}");
        assert!(report.verified().is_err() && report.trust.is_empty(), "{odd}");
    }
    for score in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let (verdict, _) = judged(|builder| builder.judge(Bench(vec![Manner::Fair(score)])), three()).await;
        assert!(verdict.abstained && !verdict.passed, "{score}: {verdict:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_judge_that_never_answers_or_panics_abstains_alone() {
    use Manner::{Fair, Panicking, Silent};
    for (manners, passed, abstained) in [
        (vec![Fair(0.9), Silent, Fair(0.8)], true, false),
        (vec![Fair(0.9), Panicking, Fair(0.8)], true, false),
        (vec![Fair(0.9), Panicking, Fair(0.2)], false, false),
        (vec![Fair(0.9), Panicking, Silent], false, true),
        (vec![Silent], false, true),
        (vec![Panicking], false, true),
    ] {
        let (verdict, report) = judged(|builder| builder.judge(Bench(manners.clone())), three()).await;

        assert_eq!((verdict.passed, verdict.abstained), (passed, abstained), "{manners:?}: {verdict:?}");
        assert_eq!(report.verified().is_ok(), passed, "{manners:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_panel_without_a_quorum_is_asked_once_more_and_then_abstains() {
    let bench = Bench(vec![Manner::Fair(1.0), Manner::Panicking]);
    let (verdict, report) = judged(|builder| builder.judge(bench), three().judges(4)).await;

    assert!(verdict.abstained, "two of four are no majority: {verdict:?}");
    assert_eq!((report.outcome_word(), report.attempts()), ("not_verified", 1));
}

#[tokio::test(start_paused = true)]
async fn an_abstention_passes_neither_through_not_nor_through_any() {
    let judge = || Verify::Judge(three());
    for verify in [
        Verify::not(judge()),
        Verify::not(Verify::not(judge())),
        Verify::any([judge(), Verify::contains("absent")]),
        Verify::all([judge(), Verify::contains("claim")]),
    ] {
        let stage = Stage::seeded(1).agent(writer()).with(|b| b.judge(Bench(vec![Manner::Panicking]))).open().await;

        let report = stage.run(Goal::new("write").needs_capability("write").verify(verify.clone()).retries(0)).await;

        assert!(report.verified().is_err(), "{verify:?}");
        assert_eq!(report.outcome_word(), "not_verified", "{verify:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_judge_alone_is_never_the_gate_for_what_cannot_be_undone() {
    let stage = Stage::seeded(1).agent(writer()).with(|b| b.judge(ScriptedJudge::scoring([1.0]))).open().await;

    let alone = stage.bailiwick().submit(goal(three()).reversibility(Reversibility::Low)).await;
    let both = Verify::all([Verify::Judge(three()), Verify::contains("7")]);
    let beside = stage.run(goal(three()).verify(both).reversibility(Reversibility::Low)).await;

    assert!(alone.unwrap_err().to_string().contains("judge"));
    assert_eq!(beside.outcome_word(), "verified");
}

#[tokio::test]
async fn scripted_judges_of_a_team_file_are_believed_only_where_they_make_sense() {
    for (judges, outcome) in [
        (r#"{ score = 0.9 }"#, "verified"),
        (r#"{ score = 0.4, reason = "one claim has no number" }"#, "not_verified"),
        (r#"{ score = 1.7 }"#, "not_verified"),
        (r#"{ score = 0.9 }, { score = 1.7 }, { score = 1.7 }"#, "not_verified"),
    ] {
        let folder = std::env::temp_dir().join(format!("bailiwick-judges-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let file = folder.join("team.toml");
        let text = format!(
            "version = 1\nname = \"judged\"\ngoal = \"write\"\nneeds = [\"write\"]\nverify = {{ judge = \"good?\" }}\n\
             [defaults]\nretries = 0\n[agents.ada]\ncapabilities = [\"write\"]\nscripted = [{{ output = \"7\" }}]\n\
             [judges]\nscripted = [ {judges} ]\n"
        );
        std::fs::write(&file, text).unwrap();

        let team =
            TeamFile::load(&file, &Inputs::new(&folder)).unwrap_or_else(|problems| panic!("{judges}: {problems}"));
        let bailiwick = Bailiwick::from_team(&team, &Handlers::new()).unwrap().start().await.unwrap();
        let report = bailiwick.submit(team.goal.clone()).await.unwrap().await.unwrap();

        assert_eq!(report.outcome_word(), outcome, "{judges}");
        bailiwick.shutdown().await.unwrap();
        std::fs::remove_dir_all(&folder).unwrap();
    }
}

#[tokio::test]
async fn an_agent_of_a_team_file_judges_by_its_name_there() {
    let folder = std::env::temp_dir().join(format!("bailiwick-judge-agents-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("team.toml");
    for (score, outcome) in [("0.9", "verified"), ("0.4", "not_verified")] {
        let text = format!(
            "version = 1\nname = \"judged\"\ngoal = \"write\"\nneeds = [\"write\"]\nverify = {{ judge = \"good?\" }}\n\
             [defaults]\nretries = 0\n[agents.ada]\ncapabilities = [\"write\"]\nscripted = [{{ output = \"7\" }}]\n\
             [agents.rev]\ncapabilities = [\"review\"]\ncost_usd_per_task = 0.002\n\
             command = [\"sh\", \"-c\", \"cat > asked.json; printf '{{\\\"output\\\":{{\\\"score\\\":{score}}}}}'\"]\n\
             [judges]\nagents = [\"rev\"]\n"
        );
        std::fs::write(&file, text).unwrap();

        let team = TeamFile::load(&file, &Inputs::new(&folder)).unwrap_or_else(|problems| panic!("{problems}"));
        let bailiwick = Bailiwick::from_team(&team, &Handlers::new()).unwrap().start().await.unwrap();
        let report = bailiwick.submit(team.goal.clone()).await.unwrap().await.unwrap();

        assert_eq!((report.outcome_word(), report.attempts()), (outcome, 1), "{}", report.summary());
        assert_eq!(report.cost, Cost::Known(6_000), "three seats, each at the price it declares");
        let asked: Value = serde_json::from_str(&std::fs::read_to_string(folder.join("asked.json")).unwrap()).unwrap();
        assert!(asked["task"]["goal"].as_str().unwrap().contains("Criterion: good?"), "{asked}");
        bailiwick.shutdown().await.unwrap();
    }
    std::fs::remove_dir_all(&folder).unwrap();
}
