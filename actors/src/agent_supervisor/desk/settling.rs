//! The one settlement of each admission, and the trip it may cause.

use super::*;

impl Desk {
    /// The one settlement of an admission. A trip it causes is recorded in the same batch, before anybody is told.
    pub(super) fn settle(&mut self, id: DelegationId, lessons: Vec<Lesson>) {
        let Some(flight) = self.books.flights.get(&id) else { return };
        let settlement = self.settlement(flight, lessons);
        self.finish(settlement);
    }

    /// A waiting delegation was ruled out again: no attempt, no charge.
    pub(super) fn give_back(&mut self, id: DelegationId, refusal: Refusal) {
        let Some(flight) = self.books.flights.get(&id) else { return };
        let settlement = Settlement {
            kind: SettlementKind::Returned,
            refusal: Some(refusal),
            revoked: None,
            failure: None,
            ..self.settlement(flight, Vec::new())
        };
        self.finish(settlement);
    }

    pub(super) fn finish(&mut self, mut settlement: Settlement) {
        let id = settlement.delegation;
        self.permits.remove(&id);
        self.contracts.remove(&id);
        self.asks.remove(&id);
        let fact = AgentFact::Settled { settlement: Arc::new(settlement.clone()) };
        let fallen = self.books.apply(&fact, self.now);
        let decided = self.look(|books, scene| books.stack.decide(&fact, scene));
        settlement.trips = decided.trips();
        let settlement = Arc::new(settlement);
        self.books.settled.insert(id, settlement.clone());
        self.changed = true;
        self.note(AgentFact::Settled { settlement: settlement.clone() });
        self.turn.tell(DeskEffect::Settled { settlement });
        for fact in fallen {
            self.record(fact);
        }
        self.follow(decided);
    }

    pub(super) fn settlement(&self, flight: &Flight, lessons: Vec<Lesson>) -> Settlement {
        let conclusion = flight.conclusion();
        let report = flight.report.as_ref().map(|(report, _)| report);
        let declared = self.entry.cost_per_task;
        let mut usage = flight.usage;
        let mut cost = flight.cost;
        if let Some(report) = report {
            usage += report.usage;
            cost += report.cost;
        }
        // Whoever declares a price and reports none is charged the declared one; in doubt it counts as spent.
        let begun = flight.started.is_some();
        let unstated = begun && cost == Cost::FREE && declared != Cost::FREE;
        if unstated {
            cost = declared;
        }
        Settlement {
            delegation: flight.delegation.id,
            kind: conclusion.kind,
            output: report.and_then(|report| report.result.as_ref().ok().cloned()),
            verdict: flight.examined.as_ref().and_then(|(verdict, _)| verdict.clone()),
            failure: conclusion.failure,
            refusal: None,
            revoked: conclusion.revoked,
            usage,
            cost,
            uncertain: unstated && report.is_none(),
            debrief: report.and_then(|report| report.debrief.clone()),
            checkpoint: flight.checkpoint.clone(),
            lessons,
            trips: Vec::new(),
            started: flight.started.map(|(_, at)| at),
            ended: flight.worked_until().unwrap_or(self.now),
        }
    }
}
