//! Stories about agents that are functions between Rust types.

use bailiwick::{prelude::*, testing::Stage};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
struct Order {
    article: String,
    pieces: u32,
}

#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
struct Bill {
    /// What is to be paid.
    cents: u64,
    lines: Vec<String>,
}

fn clerk() -> AgentSpec {
    agent_typed("clerk", ["order"], |(): (), task: AgentContext| async move {
        Ok(Order { article: task.goal().to_owned(), pieces: 3 })
    })
}

fn cashier() -> AgentSpec {
    agent_typed("cashier", ["bill"], |order: Order, _| async move {
        let line = format!("{} x {}", order.pieces, order.article);
        Ok(Bill { cents: u64::from(order.pieces) * 250, lines: vec![line] })
    })
}

fn ordering() -> Task {
    Task::new("order", "pens").needs_capability("order").typed::<Order>()
}

fn billing() -> Task {
    Task::new("bill", "make the bill").needs_capability("bill").after(["order"]).typed::<Bill>().retries(0)
}

#[tokio::test(start_paused = true)]
async fn types_travel_from_one_agent_to_the_next_and_out_of_the_report() {
    let stage = Stage::seeded(1).agent(clerk()).agent(cashier()).open().await;

    let report = stage.run(Goal::new("buy pens").task(ordering()).task(billing())).await;

    let bill: Bill = report.output_as().unwrap();
    assert_eq!(bill, Bill { cents: 750, lines: vec!["3 x pens".to_owned()] });
    let order: Order = report.task("order").unwrap().output_as().unwrap();
    assert_eq!(order.pieces, 3);
    assert_eq!(report.outcome_word(), "verified");
}

#[tokio::test(start_paused = true)]
async fn an_answer_of_another_type_is_invalid_and_names_the_field() {
    let wrong = agent_fn("clerk", ["order"], |_| async {
        Ok(Output::json(serde_json::json!({ "article": "pens", "pieces": "three" })))
    });
    let stage = Stage::seeded(1).agent(wrong).open().await;

    let report = stage.run(Goal::new("buy pens").task(ordering().retries(0))).await;

    let error = report.task("order").unwrap().attempts[0].error().unwrap().to_string();
    assert!(error.starts_with("INVALID_OUTPUT") && error.contains("pieces"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_text_that_holds_the_json_is_the_type_too() {
    let text = agent_fn("clerk", ["order"], |_| async { Ok(Output::text(r#"{"article":"pens","pieces":7}"#)) });
    let stage = Stage::seeded(1).agent(text).agent(cashier()).open().await;

    let report = stage.run(Goal::new("buy pens").task(ordering()).task(billing())).await;

    assert_eq!(report.output_as::<Bill>().unwrap().cents, 1750);
}

#[tokio::test(start_paused = true)]
async fn an_input_of_another_type_is_the_delegators_fault_and_moves_no_trust() {
    let odd = agent_fn("clerk", ["order"], |_| async { Ok(Output::text("pens, please")) });
    let stage = Stage::seeded(1).agent(odd).agent(cashier()).open().await;
    let untyped = Task::new("order", "pens").needs_capability("order");

    let report = stage.run(Goal::new("buy pens").task(untyped).task(billing())).await;

    let task = report.task("bill").unwrap();
    assert_eq!((task.attempts.len(), task.outcome_word()), (1, "failed"));
    let error = task.attempts[0].error().unwrap();
    assert!(error.message.contains("Order"), "{error}");
    assert!(stage.bailiwick().trust().iter().all(|reading| reading.score.get() == 0.5));
}

#[tokio::test(start_paused = true)]
async fn several_inputs_and_params_are_the_fields_of_one_type() {
    #[derive(Deserialize)]
    struct Everything {
        order: Order,
        note: String,
        discount: u64,
    }
    let noting = agent_fn("noter", ["note"], |_| async { Ok(Output::text("by Friday")) });
    let cashier = agent_typed("cashier", ["bill"], |all: Everything, _| async move {
        let cents = u64::from(all.order.pieces) * 250 - all.discount;
        Ok(Bill { cents, lines: vec![all.note] })
    });
    let stage = Stage::seeded(1).agent(clerk()).agent(noting).agent(cashier).open().await;

    let goal = Goal::new("buy pens")
        .param("discount", 50)
        .task(ordering())
        .task(Task::new("note", "when").needs_capability("note"))
        .task(billing().after(["order", "note"]));
    let report = stage.run(goal).await;

    let bill = report.task("bill").unwrap().output_as::<Bill>().unwrap();
    assert_eq!(bill, Bill { cents: 700, lines: vec!["by Friday".to_owned()] });
}

#[tokio::test(start_paused = true)]
async fn an_agent_reads_one_input_as_a_type_where_it_wants_to() {
    let stage = Stage::seeded(1)
        .agent(clerk())
        .agent(agent_fn("cashier", ["bill"], |task: AgentContext| async move {
            let order: Order = task.input_as("order")?;
            let wrong = task.input_as::<Bill>("order").unwrap_err().to_string();
            assert!(wrong.contains("input from task `order`") && wrong.contains("cents"), "{wrong}");
            task.input_as::<Bill>("nothing")?;
            Ok(Output::text(order.article))
        }))
        .open()
        .await;
    let billing = Task::new("bill", "make the bill").needs_capability("bill").after(["order"]).retries(0);

    let report = stage.run(Goal::new("buy pens").task(ordering()).task(billing)).await;

    let error = report.task("bill").unwrap().attempts[0].error().unwrap();
    assert_eq!(error.message, "no input from task `nothing`; there is order");
}

#[tokio::test(start_paused = true)]
async fn a_function_between_types_is_believed_for_what_its_types_say_by_itself() {
    let stage = Stage::seeded(1).agent(clerk()).open().await;

    let report = stage.run(Goal::new("pens").needs_capability("order")).await;
    let own = stage.run(Goal::new("pens").needs_capability("order").verify(Verify::contains("ink")).retries(0)).await;

    assert_eq!(report.outcome_word(), "verified");
    assert_eq!(report.output_as::<Order>().unwrap().pieces, 3);
    let wrong = report.output_as::<Bill>().unwrap_err().to_string();
    assert!(wrong.contains("Bill") && wrong.contains("cents"), "{wrong}");
    assert_eq!(own.outcome_word(), "not_verified", "a check of the task's own takes its place");
}

#[tokio::test(start_paused = true)]
async fn a_type_whose_words_are_not_what_its_schema_says_is_found_out() {
    /// Says that it has a number, and writes a text.
    #[derive(Serialize)]
    struct Liar(&'static str);
    impl JsonSchema for Liar {
        fn schema_name() -> std::borrow::Cow<'static, str> {
            "Liar".into()
        }
        fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
            schemars::json_schema!({ "type": "integer" })
        }
    }
    let liar = agent_typed("liar", ["order"], |(): (), _: AgentContext| async { Ok(Liar("three")) });
    let stage = Stage::seeded(1).agent(liar).open().await;

    let report = stage.run(Goal::new("pens").needs_capability("order").retries(0)).await;

    assert_eq!(report.outcome_word(), "not_verified");
    assert_eq!(report.tasks[0].attempts[0].verdict.as_ref().unwrap().method, "schema");
}

#[tokio::test(start_paused = true)]
async fn only_what_was_verified_is_had_as_a_type_without_asking_twice() {
    let plain = agent_fn("clerk", ["order"], |_| async {
        Ok(Output::json(serde_json::json!({ "article": "pens", "pieces": 3 })))
    });
    let stage = Stage::seeded(1).agent(plain).open().await;

    let report = stage.run(Goal::new("pens").needs_capability("order")).await;

    let refused = report.output_as::<Order>().unwrap_err().to_string();
    assert!(refused.starts_with("nobody checked the output"), "{refused}");
    assert_eq!(report.output().unwrap().parse::<Order>().unwrap().pieces, 3);
}

#[test]
fn a_check_of_your_own_takes_the_place_of_the_schemas_and_the_shape_stays() {
    let before = Task::new("a", "b").verify(Verify::contains("x")).typed::<Order>();
    let after = Task::new("a", "b").typed::<Order>().verify(Verify::contains("x"));

    assert_eq!(before, after);
    assert!(before.contract.output.schema.is_some());
    assert_eq!(Goal::new("b").typed::<Order>().contract.verify, Verify::of::<Order>());
}
