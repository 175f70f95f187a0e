//! The goal that shows everything: a failing attempt, a retry, two judges, a part handed on, a breaker that trips, and
//! a program of its own that joins the trace from another process.

use std::time::Duration;

use bailiwick::{
    actors::{agents::AgentSpec, verifiers::ScriptedJudge},
    prelude::*,
    protocols::contract::JudgeSpec,
};

/// A team for [`goal`]; `collector` is where its program sends a span of its own.
pub fn team(collector: &str) -> bailiwick::Builder {
    let unsure = scripted(
        "unsure",
        ["find"],
        [ScriptedReply::error("boom"), ScriptedReply::output("nothing"), ScriptedReply::output("3 sources")],
    );
    let boss = agent_fn("boss", ["lead"], |task| async move {
        let part = task.delegate("dig", Task::new("dig", "dig").needs_capability("dig")).await?;
        Ok(Output::text(format!("found {}", part.output()?.as_text()?)))
    });
    let digger = agent_fn("digger", ["dig"], |_| async { Ok(Output::text("gold")) });
    let flaky = scripted("flaky", ["write"], [ScriptedReply::error("no ink")]);
    let steady = scripted("steady", ["write"], [ScriptedReply::output("a report")]).cost_usd_per_task(0.01);
    let this = std::env::current_exe().expect("the test runs from a file").display().to_string();
    let other = command("other", ["run"], CommandSpec::new([&this, "--exact", JOINS, collector]).reply(TEXT));
    let judge = || ScriptedJudge::scoring([0.9, 0.8]);
    let team = Bailiwick::builder().name("demo").seed(7).exploration(0.0);
    let team =
        [unsure, boss, digger, flaky, steady, other].into_iter().fold(team, |team, agent: AgentSpec| team.agent(agent));
    team.judge(judge()).judge(judge())
}

const TEXT: bailiwick::actors::agents::command::ReplyFormat = bailiwick::actors::agents::command::ReplyFormat::Text;

/// The test that is the other process.
pub const JOINS: &str = "second_process::joins_the_trace_it_was_told";

pub fn goal() -> Goal {
    Goal::new("Show everything")
        .task(Task::new("find", "find").needs_capability("find").verify(Verify::contains("sources")))
        .task(Task::new("lead", "lead").needs_capability("lead").after(["find"]))
        .task(Task::new("write", "write").needs_capability("write").after(["find"]))
        .task(Task::new("run", "run").needs_capability("run").timeout(Duration::from_secs(20)))
        .task(
            Task::new("check", "check")
                .needs_capability("dig")
                .after(["lead", "write", "run"])
                .verify(Verify::Judge(JudgeSpec::new("it is gold").judges(2))),
        )
}
