//! The zoo: one story for each faulty agent, about what is detected, what is bounded, and what nobody can see.
//!
//! The table of `docs/testing.md` says the same in a line each.

use std::sync::{Arc, Mutex};

use bailiwick::{
    prelude::*,
    protocols::{Code, OutputFormat, OutputSpec},
    report::BreakerState,
    testing::{
        EPOCH,
        zoo::{Animal, BLOCKS_FOR, FLOOD},
    },
};
use bailiwick_actors::{
    agents::NOTES_MAX,
    verifiers::{Judge, JudgeAnswer, JudgeQuestion},
};
use bailiwick_protocols::Bounds;
use bailiwick_tests::*;

/// A Stage with one animal that can `work`, and somebody who does whatever needs nothing.
async fn with(animal: Animal) -> Play {
    open(prompt(1).agent(animal.agent(["work"])).agent(echo("bo", "help"))).await
}

/// What it is asked for: once, and by nobody else.
fn work() -> Goal {
    Goal::new("dig a hole").needs_capability("work").retries(0)
}

fn said(report: &GoalReport) -> String {
    report.output().map(ToString::to_string).unwrap_or_else(|| panic!("no output: {}", report.summary()))
}

fn trust_moved(report: &GoalReport) -> Option<bool> {
    report.trust.first().map(|moved| moved.after.get() > moved.before.get())
}

#[tokio::test(start_paused = true)]
async fn who_panics_loses_one_attempt_and_some_trust() {
    let play = with(Animal::Panics).await;

    let report = play.run(work()).await;

    assert_eq!(report.code, Some(Code::AgentError));
    assert!(report.summary().to_string().contains("panic: the animal panics"), "{}", report.summary());
    assert_eq!(trust_moved(&report), Some(false));
}

#[tokio::test(start_paused = true)]
async fn who_hangs_is_stopped_at_its_timeout_and_killed_after_the_grace() {
    let play = with(Animal::Hangs).await;

    let report = play.run(work().timeout(secs(5))).await;

    assert_eq!(report.code, Some(Code::Timeout));
    assert_eq!(report.duration(), secs(7), "its timeout and the grace");
    assert_eq!(trust_moved(&report), Some(false));
}

#[tokio::test]
async fn who_blocks_its_thread_is_given_up_and_keeps_nobody_waiting() {
    let team = Bailiwick::builder().agent(Animal::Blocks.agent(["work"])).agent(echo("bo", "help"));
    let team = team.start().await.unwrap();

    let blocked = team.submit(work().timeout(BLOCKS_FOR / 4)).await.unwrap();
    let quick = team.submit(Goal::new("x").needs_capability("help")).await.unwrap().await.unwrap();
    let blocked = blocked.await.unwrap();

    assert_eq!(quick.outcome_word(), "unverified");
    assert_eq!(blocked.code, Some(Code::Timeout), "{}", blocked.summary());
    team.shutdown().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn who_floods_is_noted_up_to_a_bound_and_its_answer_is_none() {
    let play = with(Animal::Floods).await;

    let report = play.run(work()).await;

    assert_eq!(report.code, Some(Code::InvalidOutput), "{}", report.summary());
    let stream = play.agent_stream("floods");
    let notes = facts(&stream).filter(|fact| matches!(fact, AgentFact::Progressed { .. })).count();
    assert_eq!(notes, NOTES_MAX as usize, "of {FLOOD}");
}

#[tokio::test(start_paused = true)]
async fn who_lies_about_success_is_found_out_by_a_contract_and_believed_by_nobody_without_one() {
    let play = with(Animal::Lies).await;

    let checked = play.run(work().verify(Verify::equals("a hole"))).await;
    let unchecked = play.run(work()).await;

    assert_eq!((checked.outcome_word(), trust_moved(&checked)), ("not_verified", Some(false)));
    assert_eq!((unchecked.outcome_word(), trust_moved(&unchecked)), ("unverified", None), "ended is not verified");
    assert!(unchecked.verified().is_err());
}

#[tokio::test(start_paused = true)]
async fn who_returns_nothing_is_found_out_by_any_contract_and_by_nothing_else() {
    let play = with(Animal::Empty).await;

    let checked = play.run(work().verify(Verify::regex("."))).await;
    let unchecked = play.run(work()).await;

    assert_eq!((checked.outcome_word(), unchecked.outcome_word()), ("not_verified", "unverified"));
}

#[tokio::test(start_paused = true)]
async fn who_returns_the_wrong_shape_has_returned_nothing_if_the_shape_was_asked_for() {
    let play = with(Animal::Misshapes).await;
    let json = OutputSpec { format: Some(OutputFormat::Json), ..OutputSpec::default() };

    let asked = play.run(work().output(json)).await;
    let unasked = play.run(work()).await;

    assert_eq!((asked.code, asked.output()), (Some(Code::InvalidOutput), None), "{}", asked.summary());
    assert_eq!(unasked.outcome_word(), "unverified", "as a text it is one");
}

#[tokio::test(start_paused = true)]
async fn who_repeats_itself_is_left_alone_after_three_times() {
    let play = with(Animal::Repeats).await;

    let report = play.run(work().retries(5).verify(Verify::contains("a deep one"))).await;

    assert_eq!((report.outcome_word(), report.attempts()), ("not_verified", 3), "{}", report.summary());
    assert_eq!(play.bailiwick().breakers()[0].state, BreakerState::Open);
}

#[tokio::test(start_paused = true)]
async fn who_ignores_its_input_is_found_out_only_by_a_contract_that_asks_for_it() {
    let play = with(Animal::Ignores).await;

    let checked = play.run(work().verify(Verify::contains("hole"))).await;
    let unchecked = play.run(work().verify(Verify::contains("4"))).await;

    assert_eq!((checked.outcome_word(), unchecked.outcome_word()), ("not_verified", "verified"));
}

#[tokio::test(start_paused = true)]
async fn who_ends_early_leaves_no_part_at_work() {
    let slow = slow("bo", "help", "the rest", secs(3_600));
    let play = open(prompt(1).agent(Animal::Quits.agent(["work"])).agent(slow)).await;

    let report = play.run(work()).await;

    assert_eq!(report.outcome_word(), "unverified");
    assert_eq!(report.task("goal/rest").unwrap().outcome_word(), "canceled", "{}", report.summary());
    assert!(report.duration() < secs(5), "nobody waits for it: {:?}", report.duration());
}

#[tokio::test(start_paused = true)]
async fn who_reaches_beyond_its_mandate_is_refused_and_shut_off() {
    let folder = tempfile::tempdir().unwrap();
    let widens = Animal::Widens.agent(["work"]).permissions(permissions(&["fs.read:docs/*"]));
    let tool = ReadFile::below("fs", folder.path()).unwrap();
    let play = open(prompt(1).agent(widens).agent(echo("bo", "help")).with(|b| b.tool(tool))).await;

    let report = play.run(work()).await;

    let text = said(&report);
    assert!(
        text.starts_with("tool refused: ") && text.contains("part refused: missing fs.read:*, fs.write:*"),
        "{text}"
    );
    let open = play.bailiwick().breakers();
    assert_eq!((open[0].state, &open[0].capability), (BreakerState::Open, &None), "one violation opens the agent");
    let score = play.bailiwick().trust().into_iter().find(|one| one.agent == *"widens").unwrap().score;
    assert!(score.get() < 0.5, "{score:?}");
}

#[tokio::test(start_paused = true)]
async fn who_forges_anothers_name_is_recorded_under_its_own_and_finds_nobody_to_speak_to() {
    let play = with(Animal::Forges).await;

    let report = play.run(work().verify(Verify::contains("a hole"))).await;

    let attempt = &report.tasks[0].attempts[0];
    assert_eq!(attempt.agent, *"forges", "who did it is what the supervisor says");
    assert_eq!(
        (report.outcome_word(), trust_moved(&report)),
        ("not_verified", Some(false)),
        "its verdict is not its own"
    );
    assert_eq!(report.trust[0].agent, *"forges");
    let text = report.tasks[0].output.as_ref().map(ToString::to_string).unwrap_or_default();
    assert!(text.contains(r#""actors it found":[]"#), "{text}");
}

#[tokio::test(start_paused = true)]
async fn who_replays_what_it_said_is_not_heard_again() {
    let play = with(Animal::Replays).await;

    // The second is at work while the first is said again.
    let first = play.run_to_its_end(work()).await;
    let second = play.run(work()).await;

    assert_eq!((first.cost, second.cost), (Cost::FREE, Cost::FREE));
    assert_eq!((first.tasks.len(), second.tasks.len()), (1, 1));
    let stream = play.agent_stream("replays");
    let notes = facts(&stream).filter(|fact| matches!(fact, AgentFact::Progressed { .. } | AgentFact::Charged { .. }));
    assert_eq!(notes.count(), 0, "all of it was said after an end");
}

#[tokio::test(start_paused = true)]
async fn who_delegates_without_end_meets_the_limit_of_its_goal() {
    let play = with(Animal::Multiplies).await;

    let report = play.run(work().bounds(Bounds { tasks: 10, ..Bounds::default() })).await;

    assert!(said(&report).ends_with("refused: more than 10 tasks"), "{}", report.summary());
    assert_eq!(report.tasks.len(), 10);
}

#[tokio::test(start_paused = true)]
async fn who_delegates_to_itself_is_told_that_it_is_a_cycle() {
    let play = with(Animal::Circles).await;

    let report = play.run(work()).await;

    assert!(said(&report).contains("cycle circles -> circles"), "{}", report.summary());
}

#[tokio::test(start_paused = true)]
async fn who_answers_after_its_timeout_has_not_answered() {
    let play = with(Animal::Late).await;

    let report = play.run(work().timeout(secs(3)).verify(Verify::contains("too late"))).await;

    assert_eq!((report.code, report.output()), (Some(Code::Timeout), None), "{}", report.summary());
    assert!(play.now() > EPOCH + secs(4), "it did answer meanwhile");
    assert_eq!(trust_moved(&report), Some(false));
}

#[tokio::test(start_paused = true)]
async fn who_writes_instructions_for_the_judge_is_shown_to_it_as_fenced_data() {
    struct Reads(Arc<Mutex<Vec<JudgeQuestion>>>);
    impl Judge for Reads {
        async fn judge(&self, question: &JudgeQuestion) -> JudgeAnswer {
            self.0.lock().unwrap().push(question.clone());
            JudgeAnswer::scored(0.0, "there is no hole")
        }
    }
    let read: Arc<Mutex<Vec<JudgeQuestion>>> = Arc::default();
    let judge = Reads(read.clone());
    let play = open(prompt(1).agent(Animal::Injects.agent(["work"])).with(|b| b.judge(judge))).await;

    let report = play.run(work().verify(Verify::judge("there is a hole"))).await;

    assert_eq!(report.outcome_word(), "not_verified", "{}", report.summary());
    let question = read.lock().unwrap()[0].clone();
    let prompt = question.prompt();
    let parts: Vec<&str> = prompt.split(&format!("\n{}\n", question.fence)).collect();
    assert_eq!(parts.len(), 3, "one fence before and one behind: {prompt}");
    assert_eq!(parts[1], &*question.output, "all of it stands between them");
    assert!(parts[2].contains("Answer with JSON only"), "and the last word is not the output's");
}

#[test]
fn the_zoo_has_seventeen_kinds_and_a_line_of_the_table_for_each() {
    let table = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/testing.md")).unwrap();

    let missing: Vec<_> = Animal::ALL.iter().filter(|animal| !table.contains(&format!("| `{animal:?}` |"))).collect();

    assert_eq!((Animal::ALL.len(), missing), (17, Vec::new()));
}
