//! What was asked, answered and found stays at home unless somebody asks for it.

use bailiwick::{
    prelude::*,
    telemetry::{fold::Fold, sampling::Sampling, span::Span},
    testing::Stage,
};

const SECRET: &str = "the-crown-jewels";

/// A goal whose every text holds a secret: what is asked, what is answered, what is found and what is said on the way.
async fn told(content: bool) -> Vec<Span> {
    let ada = agent_fn("ada", ["work"], |task| async move {
        task.progress(format!("I hold {SECRET}"));
        task.checkpoint(serde_json::json!({ "kept": SECRET }));
        let wrong = if task.attempt() == 1 { format!("lost {SECRET}") } else { format!("found {SECRET}") };
        Ok(Output::text(wrong))
    });
    let bo = agent_fn("bo", ["count"], |_| async { Ok(Output::text(format!("not JSON: {SECRET}"))) });
    let stage = Stage::seeded(4).agent(ada).agent(bo).open().await;
    let shape = serde_json::json!({ "type": "object", "required": [SECRET] });
    let goal = Goal::new(format!("find {SECRET}"))
        .param("where", SECRET)
        .task(
            Task::new("a", format!("look for {SECRET}"))
                .needs_capability("work")
                .document(SECRET)
                .constraint(format!("mind {SECRET}"))
                .verify(Verify::contains(format!("found {SECRET}"))),
        )
        .task(Task::new("b", "count").needs_capability("count").after(["a"]).retries(0).verify(Verify::schema(shape)));
    stage.run(goal).await;

    let mut fold = Fold::new(0, Sampling::default(), content);
    stage.log().iter().for_each(|recorded| fold.apply(recorded));
    fold.take()
}

#[tokio::test(start_paused = true)]
async fn no_text_of_goals_agents_or_findings_leaves_unless_asked() {
    let told = told(false).await;

    let said = told.iter().map(|span| format!("{span:#?}")).find(|span| span.contains(SECRET));
    assert_eq!(said, None);
    assert!(told.iter().any(|span| span.error.as_ref().is_some_and(|(code, _)| code == "VERIFICATION_FAILED")));
}

#[tokio::test(start_paused = true)]
async fn what_is_asked_for_is_told() {
    let told = told(true).await;

    for place in ["invoke_workflow", "bailiwick.task", "bailiwick.verification", "invoke_agent"] {
        let said =
            told.iter().filter(|span| span.name.starts_with(place)).any(|span| format!("{span:?}").contains(SECRET));
        assert!(said, "{place} does not say it");
    }
}
