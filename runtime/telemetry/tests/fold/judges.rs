//! What each judge of a panel said: one event a judge, before that of the panel, and none of their words.

use bailiwick::{
    actors::verifiers::ScriptedJudge,
    prelude::*,
    protocols::contract::JudgeSpec,
    telemetry::{
        names::{attribute as a, event, span as s},
        span::Span,
    },
    testing::Stage,
};
use serde_json::json;

use super::{is_whole, said, spans};

/// The evaluations on a span, each by its name, judge, label and score.
fn evaluations(span: &Span) -> Vec<String> {
    let of = |key: &str, known: &[opentelemetry::KeyValue]| said(known, key).unwrap_or_else(|| "-".to_owned());
    let results = span.events.iter().filter(|happened| happened.name == event::EVALUATION);
    let keys = [a::EVALUATION_NAME, a::JUDGE, a::EVALUATION_LABEL, a::EVALUATION_SCORE];
    results.map(|result| keys.map(|key| of(key, &result.attributes)).join(" ")).collect()
}

#[tokio::test(start_paused = true)]
async fn each_judge_of_a_panel_is_an_event_of_its_own() {
    let ada = agent_fn("ada", ["write"], |_| async { Ok(Output::text("gold")) });
    let sure = ScriptedJudge::new([json!({ "score": 0.9, "reason": "it shines" })]);
    let unsure = ScriptedJudge::new([json!({ "score": 0.2, "reason": "it is yellow" }), json!("who knows")]);
    let asked = || Verify::Judge(JudgeSpec::new("it is gold").judges(2).consensus(0.5));
    let stage = Stage::seeded(4).agent(ada).with(|team| team.judge(sure).judge(unsure)).open().await;

    let task = Task::new("t", "write").needs_capability("write").verify(asked()).retries(0);
    stage.run(Goal::new("write").task(task).verify(asked())).await;

    let all = spans(&stage.log(), 0);
    is_whole(&all);
    let told: Vec<_> = all.iter().filter(|span| span.name == s::VERIFICATION).map(evaluations).collect();
    let panel = ["judge.charitable judge-1 passed 0.9", "judge.strict judge-2 failed 0.2", "judge - passed 0.5"];
    assert_eq!(told[0], panel);
    let own = ["judge.charitable judge-1 passed 0.9", "judge.strict judge-2 abstained -", "judge - abstained 0"];
    assert_eq!(told[1][..3], own, "the goal's own contract");
    assert!(!format!("{all:?}").contains("it shines"), "their words stay at home");
}
