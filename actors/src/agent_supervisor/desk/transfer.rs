//! An attempt that gives its task away: the part's result becomes the task's, and its own report is refused.
//!
//! It is a child like any other, out of the same slice and under the same mandate. What is different is who waits for
//! it: not the agent, which leaves its seat, but the flight itself, whose report the child's result becomes.

use bailiwick_protocols::{
    AgentFact, Code, Cost, Delegated, DelegationId, Failure, Fault, Outcome, Refusal, Report, Task, TaskId, Usage,
};
use tokio::sync::oneshot;

use super::{Ask, Desk, DeskEffect, Seat};
use crate::world::GRACE;

impl Desk {
    /// Takes a task from the agent at work on it and has it done as a part of that name.
    pub(super) fn transfer(
        &mut self,
        from: DelegationId,
        name: TaskId,
        task: Box<Task>,
        reply: oneshot::Sender<Result<(), Refusal>>,
    ) {
        let open = self.asks.get(&from).is_some_and(|asks| !asks.open.is_empty() || !asks.answered.is_empty());
        let handed_on = match open {
            true => Err(Refusal::Invalid { problem: "parts of the task are still open: wait for them".to_owned() }),
            false => self.handed_on(from, &name, &task),
        };
        let mandate = match handed_on {
            Ok(mandate) => mandate,
            Err(refusal) => {
                self.part_refused(from, &name, &refusal);
                // Whoever asked is gone only if its attempt ended.
                return drop(reply.send(Err(refusal)));
            }
        };
        let ask = Ask { task: task.clone(), mandate: mandate.clone(), replies: Vec::new() };
        self.asks.entry(from).or_default().open.insert(name.clone(), ask);
        self.permits.remove(&from);
        self.happen(AgentFact::Parked { delegation: from });
        self.happen(AgentFact::Transferred { delegation: from, name: name.clone() });
        self.turn.tell(DeskEffect::Allow { reply });
        for (seat, state) in &mut self.seats {
            if matches!(state, Seat::Busy(id) if *id == from) {
                *state = Seat::Leaving(from, self.now);
                self.turn.tell(DeskEffect::Cease { seat: *seat });
            }
        }
        self.ask_goal(from, name, task, mandate);
    }

    /// Whether a report comes from somebody who has given the task away: it is refused, but what it cost is charged.
    pub(super) fn has_left(&mut self, id: DelegationId, report: &Report) -> bool {
        let now = self.now;
        let seat = self.seats.values_mut().find(|seat| matches!(seat, Seat::Leaving(left, _) if *left == id));
        let Some(seat) = seat else { return false };
        *seat = Seat::Free { since: now };
        let free = (report.usage, report.cost) == (Usage::default(), Cost::FREE);
        if !free && self.books.flights.contains_key(&id) {
            self.happen(AgentFact::Charged { delegation: id, usage: report.usage, cost: report.cost });
        }
        true
    }

    /// Kills the seats whose agents gave their task away and have not ended since.
    pub(super) fn dismiss_who_lingers(&mut self) {
        for (seat, state) in &mut self.seats {
            if let Seat::Leaving(id, since) = state
                && *since + GRACE <= self.now
            {
                *state = Seat::Ending(*id);
                self.turn.tell(DeskEffect::Kill { seat: *seat });
            }
        }
    }

    /// The part ended: its result is what the task's attempt reports.
    pub(super) fn take_over(&mut self, id: DelegationId, name: &TaskId, answer: Result<Delegated, Refusal>) {
        self.asks.remove(&id);
        let report = match answer {
            Ok(Delegated { outcome, output: Some(output), .. }) if outcome.is_completed() => {
                let shaped = self.contract(id).and_then(|contract| contract.shape(&output));
                let shaped = shaped.map_err(|failure| given_away(name, failure.code, &failure.message));
                Report { result: shaped, ..Report::of(output) }
            }
            Ok(Delegated { outcome, .. }) => {
                let message = match &outcome {
                    Outcome::Failed { cause } => cause.message.clone(),
                    other => other.to_string(),
                };
                Report::failed(given_away(name, outcome.code().unwrap_or(Code::AgentError), &message))
            }
            Err(refusal) => Report::failed(given_away(name, refusal.code(), &refusal.to_string())),
        };
        self.happen(AgentFact::Reported { delegation: id, report: report.into() });
        self.resume(id);
    }

    /// Records that an agent asked in vain.
    pub(super) fn part_refused(&mut self, delegation: DelegationId, name: &TaskId, refusal: &Refusal) {
        if self.books.flights.contains_key(&delegation) {
            self.happen(AgentFact::PartRefused { delegation, name: name.clone(), refusal: refusal.clone() });
        }
    }
}

/// Whoever gave a task away is not to blame for what became of it, and is not asked again.
fn given_away(name: &TaskId, code: Code, message: &str) -> Failure {
    Failure::new(code, Fault::Unknown, format!("given away as {name}: {message}")).final_here()
}
