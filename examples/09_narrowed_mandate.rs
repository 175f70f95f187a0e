//! Authority only narrows: from the goal to an agent, from the agent to a part, and at last to one call of a tool.
//!
//! ```text
//! boss may fs.read:repo/*
//! reader may fs.read:repo/docs/*
//! reader reads the {"text of":"repo/docs/guide"}
//! reader is refused: fs.read:repo/secrets/key is outside the mandate
//! boss asks for more: missing fs.read:*
//! unverified
//! goal: unverified
//!   boss was refused the part all: missing fs.read:*
//!     fs.read:* was lost at the permissions of boss
//!     the goal's grant leaves fs.read:*
//!     what goal asks for leaves fs.read:*
//!     the permissions of boss leaves fs.read:repo/*, removes fs.read:*
//! goal/papers: unverified
//!   reader was refused a tool: fs.read:repo/secrets/key is outside the mandate
//!     fs.read:repo/secrets/key was lost at what was handed on to goal/papers
//!     the goal's grant leaves fs.read:*
//!     what goal asks for leaves fs.read:*
//!     the permissions of boss leaves fs.read:repo/*, removes fs.read:*
//!     what was handed on to goal/papers leaves fs.read:repo/docs/*, removes fs.read:repo/*
//!     the permissions of reader leaves fs.read:repo/docs/*
//!     breaker of reader opened at 2026-01-01T00:00:00.407Z until 2026-01-01T00:00:29.600Z: tried outside its mandate: read: fs.read:repo/secrets/key
//!       2026-01-01T00:00:00.407Z goal/papers tried read: fs.read:repo/secrets/key
//! the breaker of reader is open: one violation is enough
//! ```

use bailiwick::{prelude::*, testing::Stage};
use serde_json::{Map, Value, json};

/// A shelf of papers: which permission a call needs, it says itself; whether the caller has it, the supervisor knows.
struct Shelf;

impl Tool for Shelf {
    fn name(&self) -> &str {
        "read"
    }

    fn needs(&self, args: &Map<String, Value>) -> Result<Need, String> {
        let path = args.get("path").and_then(Value::as_str).ok_or("`path` is missing")?;
        Ok(Need { resource: "fs".into(), verb: "read".into(), path: path.into() })
    }

    async fn run(&self, args: Map<String, Value>) -> Result<Value, String> {
        Ok(json!({ "text of": args["path"] }))
    }
}

#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() -> Result<(), bailiwick::Error> {
    let may = |text: &str| Permissions::parse([text]).expect("it is a permission");
    let boss = agent_fn("boss", ["lead"], |task: AgentContext| async move {
        println!("boss may {}", task.mandate().exercise());
        let docs = Permissions::parse(["fs.read:repo/docs/*"])?;
        let part = Task::new("part", "read two papers").needs_capability("read").permissions(docs);
        let part = task.delegate("papers", part).await?;
        // More than it holds it cannot hand on.
        let all =
            Task::new("part", "read them all").needs_capability("read").permissions(Permissions::parse(["fs.read:*"])?);
        if let Err(refused) = task.delegate("all", all).await {
            println!("boss asks for more: {refused}");
        }
        Ok(part.output()?.clone())
    });
    let reader = agent_fn("reader", ["read"], |task: AgentContext| async move {
        println!("reader may {}", task.mandate().exercise());
        for path in ["repo/docs/guide", "repo/secrets/key"] {
            match task.tool("read", json!({ "path": path })).await {
                Ok(text) => println!("reader reads the {text}"),
                Err(refused) => println!("reader is {refused}"),
            }
        }
        Ok(Output::text("read"))
    });
    let stage = Stage::seeded(1)
        .agent(boss.permissions(may("fs.read:repo/*")))
        .agent(reader.permissions(may("fs.read:*")))
        .with(|builder| builder.tool(Shelf).grants(may("fs.read:*")))
        .open()
        .await;

    let report = stage.run(Goal::new("read the papers").needs_capability("lead").retries(0)).await;

    println!("{}", report.outcome_word());
    // What was refused on the way, with the step that removed what was missing.
    for task in &report.tasks {
        if let Some(explained) = stage.bailiwick().explain(report.goal_id, task.id.clone())? {
            print!("{explained}");
        }
    }
    for breaker in stage.bailiwick().breakers() {
        println!("the breaker of {} is {}: one violation is enough", breaker.agent, breaker.state.as_str());
    }
    stage.into_bailiwick().shutdown().await
}
