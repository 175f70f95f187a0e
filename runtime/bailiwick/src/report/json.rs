//! The object of `bailiwick run --json`, version 1. Its keys are a promise: see `docs/command-line.md`.

use bailiwick_protocols::{Code, Failure, Output, Verdict, outcome::RefusedBy};
use serde_json::{Value, json};

use super::{AttemptReport, BreakerStanding, GoalReport, TaskReport, TrustChange, units};

pub(super) fn goal(report: &GoalReport) -> Value {
    json!({
        "version": 1,
        "goal_id": report.goal_id.to_string(),
        "goal": report.goal,
        "outcome": report.outcome_word(),
        "code": code(report.code),
        "output": report.output.as_ref().map(output),
        "route": report.route.map(|route| route.as_str()),
        "tasks": report.tasks.iter().map(task).collect::<Vec<_>>(),
        "trust": report.trust.iter().filter(|change| change.before != change.after).map(trust).collect::<Vec<_>>(),
        "breakers": report.breakers.iter().map(breaker).collect::<Vec<_>>(),
        "usage": report.usage,
        "cost_micro_usd": report.cost.micro_usd(),
        "attempts": report.attempts(),
        "reassignments": report.reassignments,
        "duration_ms": units::millis(report.duration()),
        "trace_id": report.trace_id.map(|id| format!("{id:032x}")),
    })
}

fn task(task: &TaskReport) -> Value {
    let mut json = json!({
        "id": task.id.as_str(),
        "goal": task.goal,
        "outcome": task.outcome_word(),
        "code": code(task.outcome.as_ref().and_then(|outcome| outcome.code())),
        "agent": task.agent().map(|agent| agent.as_str()),
        "output": task.output.as_ref().map(output),
        "attempts": task.attempts.iter().map(attempt).collect::<Vec<_>>(),
        "refusals": task.refusals.iter().map(refusal).collect::<Vec<_>>(),
    });
    // Only what an agent at work handed on is a part of something.
    if let Some(part_of) = &task.part_of {
        json["part_of"] = part_of.as_str().into();
    }
    json
}

fn attempt(attempt: &AttemptReport) -> Value {
    json!({
        "attempt": attempt.attempt,
        "agent": attempt.agent.as_str(),
        "outcome": attempt.outcome_word(),
        "code": code(attempt.outcome.as_ref().and_then(|outcome| outcome.code())),
        "verdict": attempt.verdict.as_ref().map(Verdict::told),
        "error": attempt.error().map(error),
        "duration_ms": units::millis(attempt.duration),
        "usage": attempt.usage,
        "cost_micro_usd": attempt.cost.micro_usd(),
    })
}

/// A JSON value for `json` and `structured`, else a string, whatever the agent's part of the runtime put there.
fn output(output: &Output) -> Value {
    let content = if output.format.is_json() || output.content.value().is_string() {
        output.content.value().clone()
    } else {
        Value::String(output.content.canonical())
    };
    json!({ "format": output.format.as_str(), "content": content })
}

fn error(failure: &Failure) -> Value {
    json!({
        "code": failure.code.as_str(),
        "message": failure.message,
        "retryable": failure.retryable,
        "stderr": failure.stderr,
    })
}

fn refusal(refused: &RefusedBy) -> Value {
    json!({
        "agent": refused.agent.as_str(),
        "code": refused.refusal.code().as_str(),
        "reason": refused.refusal.to_string(),
    })
}

fn trust(change: &TrustChange) -> Value {
    json!({
        "agent": change.agent.as_str(),
        "capability": change.capability.as_str(),
        "before": change.before.get(),
        "after": change.after.get(),
    })
}

fn breaker(breaker: &BreakerStanding) -> Value {
    json!({
        "agent": breaker.agent.as_str(),
        "capability": breaker.capability.as_ref().map(|capability| capability.as_str()),
        "state": breaker.state.as_str(),
    })
}

fn code(code: Option<Code>) -> Option<&'static str> {
    code.map(Code::as_str)
}

#[cfg(test)]
mod tests {
    use bailiwick_protocols::{Cost, Outcome, Refusal};

    use super::super::{BreakerState, testing::Story};
    use super::*;

    fn keys(value: &Value) -> Vec<&str> {
        let mut keys: Vec<_> = value.as_object().unwrap().keys().map(String::as_str).collect();
        keys.sort_unstable();
        keys
    }

    #[test]
    fn every_promised_key_is_there_and_no_other() {
        let report = Story::new()
            .plan(&[("count", &[]), ("tell", &["count"])])
            .refused("count", "bo", Refusal::Isolated)
            .assigned("count", "ada", 1)
            .verified("count", "ada", 1, Output::json(json!({ "files": 3 })))
            .trust("count", "ada", 0.5, 0.55)
            .assigned("tell", "ada", 1)
            .failed("tell", "ada", 1, Failure::agent("boom").quoting("line 3: no such file"))
            .settled(Outcome::Failed { cause: Failure::agent("boom") }, None)
            .report()
            .with_breakers(vec![
                BreakerStanding { agent: "ada".into(), capability: None, state: BreakerState::HalfOpen },
                BreakerStanding { agent: "bo".into(), capability: None, state: BreakerState::Closed },
            ]);

        let json = report.to_json();

        assert_eq!(
            keys(&json),
            [
                "attempts",
                "breakers",
                "code",
                "cost_micro_usd",
                "duration_ms",
                "goal",
                "goal_id",
                "outcome",
                "output",
                "reassignments",
                "route",
                "tasks",
                "trace_id",
                "trust",
                "usage",
                "version"
            ]
        );
        let (count, tell) = (&json["tasks"][0], &json["tasks"][1]);
        assert_eq!(keys(count), ["agent", "attempts", "code", "goal", "id", "outcome", "output", "refusals"]);
        assert_eq!(count["output"], json!({ "format": "json", "content": { "files": 3 } }));
        assert_eq!(
            count["refusals"],
            json!([{ "agent": "bo", "code": "UNAVAILABLE", "reason": "isolated until released" }])
        );
        assert_eq!(
            keys(&count["attempts"][0]),
            ["agent", "attempt", "code", "cost_micro_usd", "duration_ms", "error", "outcome", "usage", "verdict"]
        );
        assert_eq!(
            count["attempts"][0]["verdict"],
            json!({ "passed": true, "abstained": false, "score": 1.0, "method": "schema", "details": "valid" })
        );
        assert_eq!(count["attempts"][0]["error"], Value::Null);
        assert_eq!(
            tell["attempts"][0]["error"],
            json!({ "code": "AGENT_ERROR", "message": "boom", "retryable": true, "stderr": "line 3: no such file" })
        );
        assert_eq!(tell["attempts"][0]["verdict"], Value::Null);
        assert_eq!(tell["output"], Value::Null);
        assert_eq!(json["trust"], json!([{ "agent": "ada", "capability": "count", "before": 0.5, "after": 0.55 }]));
        assert_eq!(json["breakers"], json!([{ "agent": "ada", "capability": null, "state": "half_open" }]));
        assert_eq!((&json["outcome"], &json["code"]), (&json!("failed"), &json!("AGENT_ERROR")));
        assert_eq!((&json["route"], &json["attempts"]), (&json!("plan"), &json!(2)));
        assert_eq!(json["trace_id"], "000000000000000000000000000000ab");
        assert_eq!(json["usage"]["calls"], 0);
    }

    #[test]
    fn an_unknown_cost_is_null_and_a_goal_that_runs_says_so() {
        let story = Story::new().plan(&[("a", &[])]).assigned("a", "ada", 1).spent("a", "ada", 1, Cost::Unknown);

        let json = story.report().to_json();

        assert_eq!(json["cost_micro_usd"], Value::Null);
        assert_eq!(json["tasks"][0]["attempts"][0]["cost_micro_usd"], Value::Null);
        assert_eq!((&json["outcome"], &json["tasks"][0]["outcome"]), (&json!("running"), &json!("running")));
    }

    #[test]
    fn trust_that_came_back_to_where_it_was_did_not_change() {
        let story = Story::new().plan(&[("a", &[])]).trust("a", "ada", 0.5, 0.4).trust("a", "ada", 0.4, 0.5);

        assert_eq!(story.report().to_json()["trust"], json!([]));
    }

    #[test]
    fn the_content_of_a_text_is_a_string() {
        assert_eq!(output(&Output::markdown("# A")), json!({ "format": "markdown", "content": "# A" }));
        let odd = Output { content: json!([1]).into(), ..Output::text("") };
        assert_eq!(output(&odd), json!({ "format": "text", "content": "[1]" }));
    }
}
