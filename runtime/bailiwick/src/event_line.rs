//! An event as one line: JSON for programs (`--events FILE`), words for people.

use std::fmt::Write as _;

use bailiwick_protocols::{AgentFact, Event, GoalEvent, Recorded, Stream};
use serde_json::{Value, json};

use crate::report::units::{span, tidy};

/// The most characters one piece of foreign text keeps in [`describe`].
const WORDS_MAX: usize = 120;

/// The JSON line of an event. Its keys are a promise: see `docs/command-line.md`.
pub fn event_line(recorded: &Recorded) -> Value {
    let whose = Whose::of(recorded);
    json!({
        "seq": recorded.seq,
        "stream": recorded.stream.to_string(),
        "ver": recorded.ver,
        "goal": whose.goal,
        "gseq": matches!(recorded.stream, Stream::Goal(_)).then_some(recorded.ver),
        "at": recorded.at.to_string(),
        "kind": recorded.event.kind(),
        "v": recorded.event.version(),
        "task": whose.task,
        "agent": whose.agent,
        "attempt": whose.attempt,
        "cause": recorded.cause.as_ref().map(|cause| json!({ "stream": cause.stream.to_string(), "ver": cause.ver })),
        "trace": recorded.trace.map(|trace| trace.to_string()),
        "data": data(&recorded.event),
    })
}

/// What an event is about, as far as it says so itself.
#[derive(Default)]
struct Whose {
    goal: Option<String>,
    task: Option<String>,
    agent: Option<String>,
    attempt: Option<u32>,
}

impl Whose {
    fn of(recorded: &Recorded) -> Self {
        let mut whose = Whose::default();
        match &recorded.stream {
            Stream::Goal(id) => whose.goal = Some(id.to_string()),
            Stream::Agent { agent, .. } => whose.agent = Some(agent.to_string()),
            Stream::Runtime => {}
        }
        match &recorded.event {
            Event::Goal(event) => {
                whose.task = event.task().map(ToString::to_string);
                whose.agent = event.agent().map(ToString::to_string);
                whose.attempt = event.attempt();
            }
            Event::Agent(fact) => {
                whose.goal = match fact {
                    AgentFact::Forgotten { goal } => Some(goal.to_string()),
                    fact => fact.delegation().map(|delegation| delegation.goal.to_string()),
                };
                if let AgentFact::Admitted { delegation } = fact {
                    whose.task = Some(delegation.task.to_string());
                    whose.attempt = Some(delegation.attempt);
                }
            }
            _ => {}
        }
        whose
    }
}

/// The event's own fields, without the names of the enums they stand in.
fn data(event: &Event) -> Value {
    // A number of 128 bits fits into JSON text and not into a `Value`: it is read back as well as it can be.
    let value = match event {
        Event::Skipped(skipped) => skipped.body.value().clone(),
        event => serde_json::to_value(event)
            .or_else(|_| serde_json::to_string(event).and_then(|text| serde_json::from_str(&text)))
            .unwrap_or_default(),
    };
    match inner(inner(value)) {
        // An event without fields is only its name.
        Value::String(_) | Value::Null => json!({}),
        fields => fields,
    }
}

/// What stands under the only key of an object.
fn inner(value: Value) -> Value {
    match value {
        Value::Object(fields) if fields.len() == 1 => {
            fields.into_iter().next().map(|(_, inner)| inner).unwrap_or_default()
        }
        other => other,
    }
}

/// An event as one line for people: the time of day (UTC), what it is about, and what happened.
pub fn describe(recorded: &Recorded) -> String {
    let at = recorded.at.to_string();
    let mut line = at.get(11..23).unwrap_or(&at).to_owned();
    match &recorded.event {
        Event::Goal(event) => {
            let task = event.task().map_or("goal", |task| task.as_str());
            let _ = write!(line, "  {}: {}", tidy(task, 40), of_goal(event));
        }
        Event::Agent(fact) => {
            let delegation = fact.delegation().map(|delegation| format!(" of {delegation}")).unwrap_or_default();
            let _ = write!(line, "  {}: {}{delegation}", tidy(&recorded.stream.to_string(), 80), plain(fact.kind()));
        }
        event => {
            let _ = write!(line, "  {}: {}", recorded.stream, plain(event.kind()));
        }
    }
    line
}

fn plain(kind: &str) -> String {
    tidy(&kind.replace('_', " "), WORDS_MAX)
}

/// What happened, in a sentence without its subject.
fn of_goal(event: &GoalEvent) -> String {
    use GoalEvent as E;
    let text = match event {
        E::GoalSubmitted { goal, .. } => format!("submitted: {}", goal.text),
        E::RouteChosen { route, .. } => format!("takes the route {}", route.as_str()),
        E::PlanRequested { round } => format!("asks for a plan, round {round}"),
        E::PlanRejected { problem, .. } => format!("the plan cannot be used: {problem}"),
        E::TaskDecomposed { tasks, .. } => {
            format!("has {} task{}", tasks.len(), if tasks.len() == 1 { "" } else { "s" })
        }
        E::AgentSelected { agent, attempt, candidates, .. } => {
            format!("attempt {attempt} goes to {agent}, of {} that could", candidates.len().max(1))
        }
        E::ChildAdded { parent, .. } => format!("is handed on as a part of {parent}"),
        E::JudgeAsked { task, .. } => {
            format!("{} is asked as a judge", task.agent.as_ref().map_or("an agent", |agent| agent.as_str()))
        }
        E::ChildReopened { .. } => "is wanted again".to_owned(),
        E::DelegationRefused { agent, refusal, .. } => format!("{agent} refuses: {refusal}"),
        E::TaskAssigned { agent, attempt, .. } => format!("{agent} has attempt {attempt}"),
        E::TaskStarted { agent, attempt, .. } => format!("{agent} begins attempt {attempt}"),
        E::VerificationPassed { verdict, .. } => format!("passed {}: {}", verdict.method, verdict.details),
        E::VerificationFailed { verdict, .. } if verdict.abstained => {
            format!("{} could not tell: {}", verdict.method, verdict.details)
        }
        E::VerificationFailed { verdict, .. } => format!("did not pass {}: {}", verdict.method, verdict.details),
        E::TrustUpdated { agent, capability, before, after, .. } => {
            format!("trust in {agent} for {capability}: {:.2} -> {:.2}", before.get(), after.get())
        }
        E::TrustCircuitBreak { agent, capability, reason, .. } => {
            let what = capability.as_ref().map(|capability| format!(" for {capability}")).unwrap_or_default();
            format!("the breaker of {agent}{what} opens: {reason}")
        }
        E::AttemptEnded { agent, attempt, ended, duration, .. } => {
            format!("attempt {attempt} of {agent} ended after {}: {}", span(*duration), ended.outcome)
        }
        E::AttemptRetried { agent, attempt, because, .. } => {
            format!("{agent} is asked again after attempt {attempt}: {because}")
        }
        E::TaskReassigned { from, because, .. } => format!("taken from {from}: {because}"),
        E::Escalated { reason, .. } => format!("escalated: {reason}"),
        E::TaskCompleted { outcome, .. } | E::TaskFailed { outcome, .. } => outcome.to_string(),
        E::TaskSkipped { .. } => "skipped".to_owned(),
        E::BudgetWarned { .. } => "most of the budget is spent".to_owned(),
        E::BudgetStopped { .. } => "the budget is spent: nothing new starts".to_owned(),
        E::CancelRequested { .. } => "is to be canceled".to_owned(),
        E::GoalParked => "is parked".to_owned(),
        E::GoalResumed => "goes on".to_owned(),
        E::DeadlinePassed => "its deadline has passed".to_owned(),
        E::Synthesised { result: Ok(_), .. } => "the outputs were joined".to_owned(),
        E::Synthesised { result: Err(why), .. } => format!("the outputs could not be joined: {why}"),
        E::GoalSettled { outcome, .. } => outcome.to_string(),
        other => other.kind().replace('_', " "),
    };
    tidy(&text, WORDS_MAX)
}

#[cfg(test)]
mod tests {
    use bailiwick_protocols::{Cause, RuntimeEvent, Timestamp};

    use super::*;
    use crate::report::testing::Story;

    #[test]
    fn a_line_has_every_promised_key_and_only_the_events_own_fields() {
        let story = Story::new().assigned("count", "ada", 1);
        let mut event = (*story.events[1]).clone();
        event.cause = Some(Cause { stream: "agent/team/ada".parse().unwrap(), ver: 7 });

        let line = event_line(&event);

        let goal = "0198a000-0000-7000-8000-000000000001";
        assert_eq!(
            line,
            json!({
                "seq": 2, "stream": format!("goal/{goal}"), "ver": 2, "goal": goal, "gseq": 2,
                "at": "2026-01-01T00:00:00.020Z", "kind": "task_assigned", "v": 1,
                "task": "count", "agent": "ada", "attempt": 1,
                "cause": { "stream": "agent/team/ada", "ver": 7 },
                "trace": "00-000000000000000000000000000000ab-0000000000000001-01",
                "data": {
                    "task": "count", "delegation": { "goal": goal, "number": 1 }, "agent": "ada", "attempt": 1
                },
            })
        );
    }

    #[test]
    fn what_an_event_does_not_say_is_null_and_one_without_fields_has_no_data() {
        let line = event_line(&Story::new().then(GoalEvent::DeadlinePassed).events[1]);

        assert_eq!((&line["data"], &line["kind"]), (&json!({}), &json!("deadline_passed")));
        assert_eq!([&line["task"], &line["agent"], &line["attempt"], &line["cause"]], [&Value::Null; 4]);
    }

    #[test]
    fn streams_of_agents_and_of_the_runtime_have_no_place_in_a_goal() {
        let recorded = |stream, event| Recorded {
            seq: 9,
            stream,
            ver: 3,
            at: Timestamp::from_millis(0),
            cause: None,
            trace: None,
            event,
        };
        let stopped = recorded(Stream::Runtime, Event::Runtime(RuntimeEvent::RuntimeStopped { why: "asked".into() }));
        let noted = recorded("agent/team/ada".parse().unwrap(), Event::Agent(AgentFact::Noted { what: "late".into() }));

        let (stopped, noted) = (event_line(&stopped), event_line(&noted));

        assert_eq!((&stopped["goal"], &stopped["gseq"]), (&Value::Null, &Value::Null));
        assert_eq!(stopped["data"], json!({ "why": "asked" }));
        assert_eq!((&noted["agent"], &noted["data"]), (&json!("ada"), &json!({ "what": "late" })));
    }

    #[test]
    fn people_read_a_sentence_on_one_line() {
        let story = Story::new()
            .assigned("count", "ada", 1)
            .then(GoalEvent::Escalated { task: Some("count".into()), reason: "nobody\nis \x1b[31mleft".into() });

        let lines: Vec<_> = story.events.iter().map(|event| describe(event)).collect();

        assert_eq!(
            lines,
            [
                "00:00:00.010  goal: submitted: audit",
                "00:00:00.020  count: ada has attempt 1",
                "00:00:00.030  count: escalated: nobody is [31mleft",
            ]
        );
    }
}
