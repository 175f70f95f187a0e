//! One asking of one agent as spans: the door, the wait for a seat, the attempt, the examination.

use std::collections::BTreeMap;

use bailiwick_protocols::{
    AgentFact, AgentName, DelegationId, GoalEvent, Refusal, Settlement, TaskId, Timestamp, Traceparent, Verdict,
    event::{CeaseReason, SeatEnd},
};
use opentelemetry::KeyValue;

use super::{
    Kind, id,
    said::{evaluated, outcome_of},
    wait::{Numbers, Wait},
    words::{Words, policy, ruling, short},
};
use crate::{
    names::{attribute as a, event as e, span as s},
    span::{Role, Span, consumed, int, text, texts},
};

/// A delegation that is out.
#[derive(Debug)]
pub(super) struct DelegationTrace {
    /// What the supervisor sees of it.
    pub span: Span,
    goal: Traceparent,
    number: u64,
    agent: AgentName,
    about: Vec<KeyValue>,
    /// What the agent was told.
    attempt: Traceparent,
    admitted: Option<Timestamp>,
    wait: Option<Wait>,
    /// Who was asked at the door, and who did not simply let it pass.
    policies: Vec<String>,
    rulings: Vec<String>,
    seat: Option<u32>,
    tools: u64,
    /// Tool calls that have not come back.
    using: BTreeMap<u32, Span>,
    happened: Vec<(&'static str, Timestamp, Vec<KeyValue>)>,
    reported: Option<Timestamp>,
    examined: Vec<(Timestamp, u32, Verdict)>,
    settled: Option<Timestamp>,
}

impl DelegationTrace {
    pub fn new(
        delegation: DelegationId,
        goal: Traceparent,
        task: &TaskId,
        parent: u64,
        agent: &AgentName,
        attempt: u32,
        at: Timestamp,
    ) -> Self {
        let number = u64::from(delegation.number);
        let about = vec![
            text(a::GOAL, delegation.goal),
            text(a::TASK, task),
            text(a::AGENT, agent),
            int(a::ATTEMPT, attempt),
            int(a::DELEGATION, delegation.number),
        ];
        let context = id(goal, Kind::Delegation, number);
        Self {
            span: Span::new(Role::Supervisor, context, s::DELEGATION, at).within(parent).with(about.iter().cloned()),
            goal,
            number,
            agent: agent.clone(),
            about,
            attempt: goal.child(number),
            admitted: None,
            wait: None,
            policies: Vec::new(),
            rulings: Vec::new(),
            seat: None,
            tools: 0,
            using: BTreeMap::new(),
            happened: Vec::new(),
            reported: None,
            examined: Vec::new(),
            settled: None,
        }
    }

    /// What it waits for, if it waits.
    pub fn wait(&mut self) -> Option<&mut Wait> {
        self.wait.as_mut()
    }

    /// The policies that rule on it.
    pub fn ruled_by(&mut self, policies: &[String]) {
        self.policies = policies.to_vec();
    }

    /// Takes a fact of the agent's stream.
    pub fn hear(&mut self, fact: &AgentFact, at: Timestamp, words: Words, waits: &mut Numbers, out: &mut Vec<Span>) {
        let goal = self.goal;
        match fact {
            AgentFact::Admitted { delegation } => {
                self.admitted = Some(at);
                self.attempt = delegation.traceparent;
                let depth = [int(a::DEPTH, delegation.mandate.depth())];
                let rulings = self.rulings();
                out.push(self.admission(at, "admitted").with(depth).with(rulings));
                self.wait = Some(self.waits_for("seat", self.span.context.span, at));
            }
            AgentFact::Started { seat, .. } => {
                self.end_wait(at, waits, out);
                self.seat = Some(*seat);
            }
            AgentFact::Parked { .. } => self.wait = Some(self.waits_for("children", self.attempt.span, at)),
            AgentFact::Resumed { .. } => self.end_wait(at, waits, out),
            AgentFact::Ceasing { why, .. } => {
                let why = match why {
                    CeaseReason::Timeout => "timeout".to_owned(),
                    CeaseReason::Revoked(reason) => format!("{reason:?}"),
                    other => format!("{other:?}"),
                };
                self.happened.push((e::CEASING, at, vec![text(a::REASON, short(&why))]));
            }
            AgentFact::ToolCalled { tool, needs, call, .. } => {
                self.tools += 1;
                let context = id(goal, Kind::Tool, (self.number << 16) | self.tools);
                let span = Span::new(Role::Agent(self.agent.clone()), context, format!("{} {tool}", s::TOOL), at)
                    .within(self.attempt.span)
                    .with([text(a::OPERATION, s::TOOL), text(a::TOOL, tool), text(a::PERMISSION, needs)])
                    .with(self.about.iter().cloned());
                // Two of one number were not counted: journals did not always.
                out.extend(self.using.insert(*call, span));
            }
            AgentFact::ToolReturned { call, failed, .. } => {
                let failed = failed.then(|| text(a::OUTCOME, "failed"));
                out.extend(self.using.remove(call).map(|span| span.until(at).with(failed)));
            }
            AgentFact::Narrowed { rulings, .. } | AgentFact::TurnedAway { rulings, .. } => {
                self.rulings = rulings.iter().map(|one| format!("{}: {}", one.policy, ruling(&one.ruling))).collect();
            }
            AgentFact::PartRefused { name, refusal, .. } => {
                let said = vec![text(a::TASK, name), text(a::CODE, refusal.code()), text(a::POLICY, policy(refusal))];
                self.happened.push((e::PART_REFUSED, at, said));
            }
            AgentFact::Transferred { name, .. } => {
                self.happened.push((e::TRANSFERRED, at, vec![text(a::TASK, name)]));
            }
            AgentFact::Progressed { note, .. } => {
                let said = words.content.then(|| text(a::REASON, short(note))).into_iter().collect();
                self.happened.push((e::PROGRESSED, at, said));
            }
            AgentFact::Checkpointed { .. } => self.happened.push((e::CHECKPOINTED, at, Vec::new())),
            AgentFact::Violation { tried, .. } => {
                self.happened.push((e::VIOLATION, at, vec![text(a::REASON, short(&tried.to_string()))]));
            }
            AgentFact::SeatDown { seat, why, .. } => {
                let why = match why {
                    SeatEnd::Crashed(said) => format!("crashed: {said}"),
                    other => format!("{other:?}").to_lowercase(),
                };
                self.happened.push((e::SEAT_DOWN, at, vec![int(a::SEAT, *seat), text(a::REASON, short(&why))]));
            }
            AgentFact::Reported { .. } => self.reported = Some(at),
            AgentFact::Examined { verdict: Some(verdict), round, .. } => {
                self.examined.push((at, *round, verdict.clone()));
            }
            AgentFact::Settled { settlement } => self.settle(settlement, at),
            // A charge is in the settlement's usage; the rest is not about the delegation.
            _ => {}
        }
    }

    fn settle(&mut self, settlement: &Settlement, at: Timestamp) {
        self.settled = Some(at);
        let kind = serde_json::to_value(settlement.kind).ok();
        self.span.attributes.extend(kind.and_then(|kind| Some(text(a::SETTLEMENT, kind.as_str()?))));
        for lesson in &settlement.lessons {
            let said = vec![
                text(a::AGENT, &self.agent),
                text(a::CAPABILITY, &lesson.capability),
                KeyValue::new(a::TRUST_BEFORE, lesson.before.get()),
                KeyValue::new(a::TRUST_AFTER, lesson.after.score.get()),
            ];
            self.span.happened(e::TRUST_UPDATED, at, said);
        }
    }

    fn waits_for(&self, what: &'static str, parent: u64, at: Timestamp) -> Wait {
        Wait::new(Role::Supervisor, what, parent, at, self.about.clone())
    }

    fn end_wait(&mut self, at: Timestamp, waits: &mut Numbers, out: &mut Vec<Span>) {
        out.extend(self.wait.take().and_then(|wait| wait.end(at, self.goal, waits)));
    }

    fn admission(&self, at: Timestamp, ruling: &'static str) -> Span {
        Span::new(Role::Supervisor, id(self.goal, Kind::Admission, self.number), s::ADMISSION, self.span.start)
            .within(self.span.context.span)
            .until(at)
            .with(self.about.iter().cloned())
            .with([text(a::RULING, ruling)])
            .with((!self.policies.is_empty()).then(|| texts(a::POLICIES, &self.policies)))
    }

    /// Who ruled what at the door, if that was told.
    fn rulings(&mut self) -> Option<KeyValue> {
        let rulings = std::mem::take(&mut self.rulings);
        (!rulings.is_empty()).then(|| texts(a::RULINGS, rulings))
    }

    /// It was turned away, at the door or before a seat began.
    pub fn refused(mut self, refusal: &Refusal, at: Timestamp, waits: &mut Numbers, out: &mut Vec<Span>) {
        let said = vec![
            text(a::POLICY, policy(refusal)),
            text(a::CODE, refusal.code()),
            text(a::REASON, short(&refusal.to_string())),
        ];
        let end = self.settled.unwrap_or(at);
        self.end_wait(end, waits, out);
        // The policy that decided is known by its words.
        let said: Vec<_> = said.into_iter().chain(self.rulings()).collect();
        if self.admitted.is_some() {
            self.span.happened(e::REFUSED, end, said.clone());
        } else {
            let mut door = self.admission(at, "refused").with(said.iter().cloned());
            door.happened(e::REFUSED, at, said.clone());
            out.push(door);
        }
        out.push(self.span.until(at).with([text(a::RULING, "refused")]).with(said));
    }

    /// Its attempt came to its end. Hands back the attempt's span.
    pub fn ended(
        mut self,
        event: &GoalEvent,
        before: Option<(Traceparent, &'static str)>,
        at: Timestamp,
        words: Words,
        waits: &mut Numbers,
        out: &mut Vec<Span>,
    ) -> Option<Traceparent> {
        let GoalEvent::AttemptEnded { ended, usage, cost, started, duration, .. } = event else { return None };
        let started = started.unwrap_or(at);
        let worked_until = started + *duration;
        self.end_wait(worked_until, waits, out);

        let mut attempt =
            Span::new(Role::Agent(self.agent.clone()), self.attempt, format!("{} {}", s::ATTEMPT, self.agent), started)
                .within(self.span.context.span)
                .until(worked_until)
                .with([text(a::OPERATION, s::ATTEMPT), text(a::GEN_AI_AGENT, &self.agent)])
                .with(self.about.iter().cloned())
                .with(outcome_of(&ended.outcome))
                .with([text(a::FAULT, format!("{:?}", ended.fault).to_lowercase())])
                .with(self.seat.map(|seat| int(a::SEAT, seat)))
                .with(consumed(*usage, *cost));
        // What its end has stopped did not come back.
        out.extend(std::mem::take(&mut self.using).into_values().map(|span| span.until(worked_until)));
        for (name, when, said) in std::mem::take(&mut self.happened) {
            attempt.happened(name, when, said);
        }
        if let Some((before, why)) = before {
            attempt.linked(before, false, why);
        }
        attempt.error = words.error(&ended.outcome);
        out.push(attempt);

        self.verification(worked_until, words, out);
        let settled = self.settled.unwrap_or(at);
        out.push(self.span.until(settled).with(outcome_of(&ended.outcome)));
        Some(self.attempt)
    }

    fn verification(&self, worked_until: Timestamp, words: Words, out: &mut Vec<Span>) {
        let Some((end, ..)) = self.examined.last() else { return };
        let context = id(self.goal, Kind::Verification, self.number);
        let begun = self.reported.unwrap_or(worked_until);
        let mut span = Span::new(Role::Verifier, context, s::VERIFICATION, begun)
            .within(self.span.context.span)
            .until(*end)
            .with(self.about.iter().cloned());
        for (at, round, verdict) in &self.examined {
            evaluated(&mut span, verdict, *round, *at, words);
        }
        span.linked(self.attempt, false, "examines");
        out.push(span);
    }
}
