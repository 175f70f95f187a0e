//! How work is called back, told to stop, and killed; and what follows when a seat goes down.

use super::*;

impl Desk {
    /// Calls admitted work back: what waits is settled at once, what runs is told to stop.
    pub(super) fn cease(&mut self, id: DelegationId, reason: RevokeReason) {
        let Some(flight) = self.books.flights.get(&id) else { return };
        if flight.is_running() {
            if flight.ceasing.is_none() {
                self.stop_work(id, CeaseReason::Revoked(reason));
            }
            return;
        }
        // The work is done and paid for: a trip lets its verdict come in. Whatever ends the goal ends this too.
        if !flight.is_waiting() && reason == RevokeReason::Trip {
            return;
        }
        // Its lesson is learned already and on its way; the tracker keeps none that no settlement carries.
        if self.learning.contains_key(&id) {
            return;
        }
        self.examining.remove(&id);
        self.happen(AgentFact::Ceasing { delegation: id, why: CeaseReason::Revoked(reason) });
        self.settle(id, Vec::new());
    }

    /// Tells running work to stop, and the goal to stop whatever it handed on: nothing below it outlives the order by its
    /// grace.
    pub(super) fn stop_work(&mut self, id: DelegationId, why: CeaseReason) {
        let seat = self.books.flights.get(&id).and_then(|flight| flight.started).map(|(seat, _)| seat);
        self.happen(AgentFact::Ceasing { delegation: id, why });
        if let Some(seat) = seat {
            self.turn.tell(DeskEffect::Cease { seat });
        }
        if self.asks.get(&id).is_some_and(|asks| !asks.open.is_empty()) {
            self.turn.tell(DeskEffect::CallOff { from: id });
        }
    }

    /// The seat that is at work on a flight in this life.
    pub(super) fn seat_of(&self, flight: &Flight) -> Option<u32> {
        let (seat, _) = flight.started?;
        matches!(self.seats.get(&seat), Some(Seat::Busy(id)) if *id == flight.delegation.id).then_some(seat)
    }

    pub(super) fn kill(&mut self, seat: Option<u32>) {
        let Some(seat) = seat else { return };
        if let Some(Seat::Busy(id)) = self.seats.get(&seat) {
            self.seats.insert(seat, Seat::Ending(*id));
            self.turn.tell(DeskEffect::Kill { seat });
        }
    }

    pub(super) fn seat_down(&mut self, seat: u32, why: SeatEnd) {
        let delegation = match self.seats.remove(&seat) {
            Some(Seat::Busy(id) | Seat::Ending(id)) => {
                Some(id).filter(|id| self.books.flights.get(id).is_some_and(|flight| flight.transferred.is_none()))
            }
            Some(_) => None,
            // It was let go: nothing is lost with it.
            None => return,
        };
        let flight = delegation.and_then(|id| self.books.flights.get(&id));
        let why = match flight.and_then(|flight| flight.ceasing.as_ref()) {
            Some((CeaseReason::Revoked(_), _)) => SeatEnd::Dismissed,
            _ => why,
        };
        self.down += 1;
        self.happen(AgentFact::SeatDown { seat, delegation, why: why.clone() });
        if why != SeatEnd::Dismissed {
            self.recover(seat, why);
        }
        if let Some(id) = delegation {
            self.conclude(id);
        }
    }

    pub(super) fn recover(&mut self, seat: u32, why: SeatEnd) {
        let failure = SeatFailure { seat, why };
        let recovery = self.look(|books, scene| books.stack.recover(&failure, scene));
        let at = match recovery {
            Some(Recovery::Restart { after }) if after.is_zero() => return,
            Some(Recovery::Restart { after }) => self.now + after,
            Some(Recovery::Quarantine { until }) => until,
            Some(_) => Timestamp::from_millis(u64::MAX),
            None => return,
        };
        self.happen(AgentFact::Recovering { at });
    }
}
