//! What a program is told on stdin: one JSON object, whose shape is a promise.
//!
//! Every key is always there; what is not set is null or empty. New keys may come, meanings change with `version`.

use std::collections::BTreeMap;

use bailiwick_protocols::{Capability, Code, GoalId, Json, Output, Permissions, TaskId, ToldVerdict, Verdict};
use serde::Serialize;

use super::AgentContext;

#[derive(Serialize)]
struct Request<'a> {
    version: u32,
    goal_id: GoalId,
    task: Task<'a>,
    inputs: &'a BTreeMap<TaskId, Output>,
    params: &'a BTreeMap<String, Json>,
    documents: &'a [Json],
    constraints: &'a [String],
    feedback: Option<Feedback<'a>>,
    mandate: Mandate<'a>,
    traceparent: String,
    idempotency_key: &'a str,
}

#[derive(Serialize)]
struct Task<'a> {
    id: &'a TaskId,
    goal: &'a str,
    needs: &'a [Capability],
    attempt: u32,
    /// Unix time in milliseconds.
    deadline_ms: u64,
}

#[derive(Serialize)]
struct Feedback<'a> {
    attempt: u32,
    code: Option<Code>,
    verdict: Option<ToldVerdict<'a>>,
    message: &'a str,
}

#[derive(Serialize)]
struct Mandate<'a> {
    permissions: &'a Permissions,
    budget_micro_usd: Option<u64>,
    expires_ms: Option<u64>,
    depth: u8,
}

/// The object and a newline, so that programs that read by line are served as well.
pub(super) fn write(task: &AgentContext) -> Vec<u8> {
    let (brief, mandate) = (task.brief(), task.mandate());
    let delegation = &task.assignment().delegation;
    let request = Request {
        version: 1,
        goal_id: delegation.id.goal,
        task: Task {
            id: &brief.task,
            goal: &brief.goal,
            needs: &delegation.needs,
            attempt: delegation.attempt,
            deadline_ms: task.assignment().must_end.as_millis(),
        },
        inputs: &brief.inputs,
        params: &brief.params,
        documents: &brief.documents,
        constraints: &brief.constraints,
        feedback: brief.feedback.as_ref().map(Feedback::of),
        mandate: Mandate {
            permissions: mandate.exercise(),
            budget_micro_usd: mandate.slice().micro_usd,
            expires_ms: mandate.expires().map(|at| at.as_millis()),
            depth: mandate.depth(),
        },
        traceparent: task.traceparent(),
        idempotency_key: &delegation.idempotency_key,
    };
    let mut bytes = serde_json::to_vec(&request).expect("plain data under text keys can always be written");
    bytes.push(b'\n');
    bytes
}

impl<'a> Feedback<'a> {
    fn of(feedback: &'a bailiwick_protocols::Feedback) -> Self {
        let verdict = feedback.verdict.as_ref().map(Verdict::told);
        Self { attempt: feedback.attempt, code: feedback.code, verdict, message: &feedback.message }
    }
}

#[cfg(test)]
mod tests {
    use bailiwick_protocols::{Code, Feedback, Json, Output, Verdict};
    use serde_json::{Value, json};

    use super::write;
    use crate::agents::command::fixture;

    fn told(brief: bailiwick_protocols::Brief) -> Value {
        let (task, _stop) = fixture::task(brief);
        serde_json::from_slice(&write(&task)).unwrap()
    }

    #[test]
    fn a_program_is_told_exactly_what_is_promised() {
        let mut brief = fixture::brief();
        brief.inputs.insert("inventory".into(), Output::json(json!({ "files": 3 })));
        brief.params.insert("path".into(), Json::from("/repo"));
        brief.documents.push(json!({ "name": "notes" }).into());
        brief.constraints.push("be brief".into());

        let told = told(brief);

        assert_eq!(
            told,
            json!({
                "version": 1,
                "goal_id": "00000000-0000-0000-0000-000000000007",
                "task": {
                    "id": "report", "goal": "Write the report", "needs": ["write.report"], "attempt": 2,
                    "deadline_ms": 1_000_000_060_000_u64,
                },
                "inputs": { "inventory": { "format": "json", "content": { "files": 3 } } },
                "params": { "path": "/repo" },
                "documents": [{ "name": "notes" }],
                "constraints": ["be brief"],
                "feedback": null,
                "mandate": {
                    "permissions": ["fs.read:repo/*"], "budget_micro_usd": null, "expires_ms": null, "depth": 3,
                },
                "traceparent": "00-0000000000000000000000000000000a-000000000000000b-01",
                "idempotency_key": "goal-7/report",
            })
        );
    }

    #[test]
    fn the_feedback_on_the_attempt_before_is_an_object() {
        let mut brief = fixture::brief();
        brief.feedback = Some(Feedback {
            attempt: 1,
            code: Some(Code::VerificationFailed),
            verdict: Some(Verdict::fail("contains", 0.0, "no `## Inventory`")),
            message: "the text lacks `## Inventory`".into(),
        });

        let told = told(brief);

        assert_eq!(
            told["feedback"],
            json!({
                "attempt": 1,
                "code": "VERIFICATION_FAILED",
                "verdict": {
                    "passed": false, "abstained": false, "score": 0.0, "method": "contains",
                    "details": "no `## Inventory`",
                },
                "message": "the text lacks `## Inventory`",
            })
        );
    }
}
