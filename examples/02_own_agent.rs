//! Four ways to be an agent: a closure, a type, a program in any language, and a script. A ractor actor is the fifth,
//! in example 08.
//!
//! ```text
//! unverified: Say hello in French, and praise it
//!   shout #1 by shouter: unverified
//!   translate #1 by translator: unverified
//!   count #1 by counter: unverified
//!   praise #1 by critic: failed, AGENT_ERROR: lost for words
//!   praise #2 by critic: unverified
//!   trust in critic: 0.50 -> 0.40
//! shout: HELLO
//! translate: BONJOUR
//! count: {"letters":5}
//! praise: Très bien
//! cost: 1000 micro-USD
//! ```

use bailiwick::prelude::*;
use bailiwick_examples::show;

/// A type, where an agent has a state. One value serves all its seats.
struct Translator {
    words: &'static [(&'static str, &'static str)],
}

impl Agent for Translator {
    async fn run(&self, task: AgentContext) -> Result<Report, AgentError> {
        let text = task.input("shout")?.as_text()?;
        let found = self.words.iter().find(|(word, _)| *word == text);
        // Any error becomes an attempt that failed; a `Report` can also say what the work consumed.
        let (_, translated) = found.ok_or_else(|| AgentError::new(format!("no word for {text}")).not_retryable())?;
        Ok(Report::of(Output::text(*translated)).charge(Usage { calls: 1, ..Usage::default() }, Cost::from_usd(0.001)))
    }
}

#[tokio::main]
async fn main() -> Result<(), bailiwick::Error> {
    let words = &[("HELLO", "BONJOUR")];
    // JSON in on stdin, JSON out on stdout, one process an attempt, in a process group of its own.
    let count = r#"printf '{"output": {"letters": %d}}' "$(printf %s "$1" | wc -c)""#;
    let counter = CommandSpec::new(["sh", "-c", count, "sh", "{input.word}"]);

    let bailiwick = Bailiwick::builder()
        .agent(agent_fn("shouter", ["shout"], |task| async move { Ok(Output::text(task.goal().to_uppercase())) }))
        .agent(agent("translator", ["translate"], Translator { words }).max_concurrent(4).cost_usd_per_task(0.001))
        .agent(command("counter", ["count"], counter))
        .agent(scripted(
            "critic",
            ["praise"],
            [ScriptedReply::error("lost for words"), ScriptedReply::output("Très bien")],
        ))
        .start()
        .await?;

    let goal = Goal::new("Say hello in French, and praise it")
        .param("word", "hello")
        .task(Task::new("shout", "hello").needs_capability("shout"))
        .task(Task::new("translate", "into French").needs_capability("translate").after(["shout"]))
        .task(Task::new("count", "how many letters").needs_capability("count").after(["translate"]))
        .task(Task::new("praise", "praise it").needs_capability("praise").after(["count"]));
    let report = bailiwick.submit(goal).await?.await?;

    show(&report);
    for task in &report.tasks {
        println!("{}: {}", task.id, task.output.as_ref().map(ToString::to_string).unwrap_or_default());
    }
    println!("cost: {} micro-USD", report.cost.micro_usd().unwrap_or_default());
    bailiwick.shutdown().await
}
