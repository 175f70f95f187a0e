//! Handing work on as a tool call: what a language model is told it may call, and what comes back, all JSON.
//!
//! The form is for agents that speak JSON; underneath it is [`AgentContext::delegate`] and nothing else. The schema
//! names only agents the caller may really reach at this moment; why one is missing can be asked.

use std::time::Duration;

use bailiwick_protocols::{
    AgentName, Code, Delegated, Failure, Json, NotDelegated, Outcome, OutputSpec, Refusal, Task, Verdict,
    report::OUTPUT_BYTES_MAX,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{AgentContext, peers::Peer};
use crate::goal::step::fingerprint;

/// The name of the tool.
pub const DELEGATE_TOOL: &str = "delegate_to_agent";

/// The time a delegation has when the call does not say: 60 s.
pub const DELEGATE_TIMEOUT: Duration = Duration::from_secs(60);

/// The most bytes a call may hand along as context: as much as an output may have.
pub const CONTEXT_BYTES_MAX: usize = OUTPUT_BYTES_MAX;

/// A tool as it is described to a language model.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct ToolDescription {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// The JSON Schema of its arguments.
    pub input_schema: Json,
}

/// What a call says. Whatever it does not say has a default.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Call {
    agent_name: AgentName,
    task: String,
    #[serde(default)]
    context: Context,
    #[serde(default)]
    expected_output: Expected,
    timeout: Option<u64>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct Context {
    previous_outputs: Map<String, Value>,
    documents: Vec<Json>,
    constraints: Vec<String>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct Expected {
    format: Option<bailiwick_protocols::OutputFormat>,
    schema: Option<Json>,
    max_length: Option<usize>,
}

impl AgentContext {
    /// Describes `delegate_to_agent` with the agents that may be reached now; `None` if there is nobody.
    pub fn delegate_tool(&self) -> Option<ToolDescription> {
        let reachable: Vec<Peer> =
            self.peers.now().into_iter().filter(|peer| self.refusal_to(Some(peer), &peer.name).is_none()).collect();
        if reachable.is_empty() {
            return None;
        }
        let names: Vec<&str> = reachable.iter().map(|peer| peer.name.as_str()).collect();
        let abilities = |peer: &Peer| {
            let can: Vec<&str> = peer.capabilities.iter().map(|capability| capability.as_str()).collect();
            format!("{}: {}", peer.name, can.join(", "))
        };
        let who = reachable.iter().map(abilities).collect::<Vec<_>>().join("; ");
        Some(ToolDescription {
            name: DELEGATE_TOOL.to_owned(),
            description: format!(
                "Has another agent do a part of your task and waits for its result, which is verified. The agent knows \
                 only what you tell it here. You can ask {who}."
            ),
            input_schema: Json(schema(&names, &who)),
        })
    }

    /// Why an agent is not among those that [`AgentContext::delegate_tool`] names now; `None` if it is.
    pub fn why_absent(&self, agent: impl Into<AgentName>) -> Option<Refusal> {
        let agent = agent.into();
        let peers = self.peers.now();
        self.refusal_to(peers.iter().find(|peer| peer.name == agent), &agent)
    }

    /// Carries out a call of `delegate_to_agent` and returns its result, for the model to read; never panics, never
    /// fails otherwise: `{"success", "output", "error": {"code", "message", "retryable"}, "agent", "task", "outcome",
    /// "verdict", "usage", "cost_micro_usd"}`.
    ///
    /// The call is tried once: whether to try again is the caller's choice. The same call, made again by the next
    /// attempt of the same task, answers with what is already there.
    pub async fn call_delegate_tool(&self, args: Value) -> Value {
        let call: Call = match serde_json::from_value(args) {
            Ok(call) => call,
            Err(error) => return failed(None, Code::AgentError, &format!("the arguments are wrong: {error}"), true),
        };
        let agent = call.agent_name.clone();
        if let Some(refusal) = self.why_absent(agent.clone()) {
            return refused(&agent, &refusal);
        }
        let task = match call.into_task() {
            Ok(task) => task,
            Err(bytes) => {
                let message = format!("the context has {bytes} bytes; {CONTEXT_BYTES_MAX} can be handed along");
                return failed(Some(&agent), Code::ContextTooLarge, &message, false);
            }
        };
        match self.delegate(self.part_name(&agent, &task), task).await {
            Ok(delegated) => told(&agent, &delegated),
            Err(NotDelegated::Refused(refusal)) => refused(&agent, &refusal),
            // Only a look at the output of what ended says so, and nobody has looked.
            Err(other) => failed(Some(&agent), Code::AgentError, &other.to_string(), false),
        }
    }

    /// What an agent would be told if it were asked now, as far as it can be known here.
    fn refusal_to(&self, peer: Option<&Peer>, name: &AgentName) -> Option<Refusal> {
        let Some(peer) = peer else { return Some(Refusal::UnknownAgent { agent: name.clone() }) };
        let (delegation, mandate) = (&self.assignment.delegation, self.mandate());
        if peer.name == delegation.agent || delegation.lineage.contains(&peer.name) {
            let path = delegation.lineage.iter().chain([&delegation.agent, &peer.name]).cloned().collect();
            return Some(Refusal::Cycle { path });
        }
        if mandate.depth() == 0 {
            return Some(Refusal::DepthExceeded);
        }
        if !mandate.is_live(self.clock.now()) {
            return Some(Refusal::MandateExpired);
        }
        // Whoever works with permissions and would be left with none of them has nothing to work with.
        if !peer.permissions.is_empty() && mandate.grant().meet(&peer.permissions).is_empty() {
            return Some(Refusal::Unauthorized { missing: peer.permissions.clone() });
        }
        peer.refusal.clone()
    }

    /// The same call has the same name in every attempt; said twice in one attempt, it is another one.
    fn part_name(&self, agent: &AgentName, task: &Task) -> String {
        let name = format!("{agent}-{:08x}", fingerprint(task) as u32);
        let mut calls = self.calls.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let said = calls.entry(name.clone()).or_insert(0);
        *said += 1;
        if *said == 1 { name } else { format!("{name}-{said}") }
    }
}

impl Call {
    /// The task it asks for, or how many bytes of context are too many.
    fn into_task(self) -> Result<Task, usize> {
        let Context { previous_outputs, mut documents, constraints } = self.context;
        if !previous_outputs.is_empty() {
            documents.push(Json(json!({ "previousOutputs": previous_outputs })));
        }
        let bytes = documents.iter().map(|document| document.canonical().len()).sum::<usize>()
            + constraints.iter().map(String::len).sum::<usize>()
            + self.task.len();
        if bytes > CONTEXT_BYTES_MAX {
            return Err(bytes);
        }
        let Expected { format, schema, max_length } = self.expected_output;
        let mut task = Task::new(self.agent_name.as_str(), self.task)
            .agent(self.agent_name)
            .timeout(self.timeout.map_or(DELEGATE_TIMEOUT, Duration::from_millis))
            .retries(0)
            .output(OutputSpec { format, schema, max_length });
        task.documents = documents;
        task.constraints = constraints;
        Ok(task)
    }
}

fn schema(names: &[&str], who: &str) -> Value {
    let object =
        |properties: Value| json!({ "type": "object", "additionalProperties": false, "properties": properties });
    let context = object(json!({
        "previousOutputs": { "type": "object", "description": "Outputs it builds on, by name." },
        "documents": { "type": "array", "description": "Texts or JSON values it needs." },
        "constraints": { "type": "array", "items": { "type": "string" }, "description": "What it must keep to." },
    }));
    let expected = object(json!({
        "format": { "type": "string", "enum": ["text", "json", "markdown", "structured"] },
        "schema": { "type": "object", "description": "The JSON Schema of the output; `structured` needs one." },
        "maxLength": { "type": "integer", "minimum": 1, "description": "In characters." },
    }));
    let mut schema = object(json!({
        "agentName": { "type": "string", "enum": names, "description": who },
        "task": { "type": "string", "minLength": 1, "description": "What to do, in words." },
        "context": context,
        "expectedOutput": expected,
        "timeout": { "type": "integer", "minimum": 1, "default": 60_000, "description": "In milliseconds." },
    }));
    schema["required"] = json!(["agentName", "task"]);
    schema
}

fn told(asked: &AgentName, delegated: &Delegated) -> Value {
    let Delegated { task, agent, outcome, output, verdict, usage, cost } = delegated;
    let success = outcome.is_completed();
    let error = outcome.code().filter(|_| !success).map(|code| {
        let (message, retryable) = match outcome {
            Outcome::Failed { cause: Failure { message, retryable, .. } } => (message.clone(), *retryable),
            Outcome::Refused { refusal } => (refusal.to_string(), is_retryable(refusal)),
            other => (other.to_string(), code.retryable()),
        };
        json!({ "code": code.as_str(), "message": message, "retryable": retryable })
    });
    json!({
        "success": success,
        "output": output.as_ref().map(|output| &output.content),
        "error": error,
        "agent": agent.as_ref().unwrap_or(asked),
        "task": task,
        "outcome": outcome.as_str(),
        "verdict": verdict.as_ref().map(Verdict::told),
        "usage": usage,
        "cost_micro_usd": cost.micro_usd(),
    })
}

fn refused(agent: &AgentName, refusal: &Refusal) -> Value {
    failed(Some(agent), refusal.code(), &refusal.to_string(), is_retryable(refusal))
}

/// Whether waiting may mend it.
fn is_retryable(refusal: &Refusal) -> bool {
    matches!(refusal.code(), Code::Unavailable | Code::Overloaded)
}

fn failed(agent: Option<&AgentName>, code: Code, message: &str, retryable: bool) -> Value {
    json!({
        "success": false,
        "output": null,
        "error": { "code": code.as_str(), "message": message, "retryable": retryable },
        "agent": agent,
        "task": null,
        "outcome": null,
        "verdict": null,
        "usage": bailiwick_protocols::Usage::default(),
        "cost_micro_usd": 0,
    })
}
