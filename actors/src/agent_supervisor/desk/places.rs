//! Who begins when there is a place, and who is called back when there is room.

use super::*;

impl Desk {
    pub(super) fn free_seat(&mut self, id: DelegationId) {
        let now = self.now;
        for seat in self.seats.values_mut() {
            if matches!(seat, Seat::Busy(busy) if *busy == id) {
                *seat = Seat::Free { since: now };
            }
        }
    }

    /// Begins what waits, as far as seats go. A slot stays taken until its settlement: the next attempt sees its lesson.
    pub(super) fn seat_waiting(&mut self) {
        while self.books.recover_at <= self.now {
            let Some(id) = self.next_to_begin() else { return };
            let Some(delegation) = self.books.flights.get(&id).map(|flight| flight.delegation.clone()) else { return };
            // Ruled again only if anything may have changed since the door: its own admission changes nothing.
            let just_admitted = self
                .turn
                .record
                .iter()
                .any(|(fact, _)| matches!(fact, AgentFact::Admitted { delegation } if delegation.id == id));
            if !just_admitted && let StackRuling::Refuse(refusal) = self.rule_again(&delegation) {
                self.give_back(id, refusal);
                continue;
            }
            let free = self.seats.iter().find(|(_, seat)| matches!(seat, Seat::Free { .. })).map(|(seat, _)| *seat);
            let Some(seat) = free.or_else(|| self.start_seat()) else { return };
            self.seats.insert(seat, Seat::Busy(id));
            self.happen(AgentFact::Started { delegation: id, seat });
            let must_end = self.books.flights.get(&id).and_then(Flight::must_end).unwrap_or(self.now);
            let assignment = Arc::new(Assignment { delegation, started: self.now, must_end });
            self.turn.tell(DeskEffect::Carry { seat, assignment });
        }
    }

    /// What begins next, if there is a place for it. Judges come first: somebody's finished work waits for them.
    fn next_to_begin(&self) -> Option<DelegationId> {
        let judges = |id: &&DelegationId| self.books.flights.get(*id).is_some_and(|f| f.delegation.is_judgement());
        if self.has_place_beside(Flight::is_running)
            && let Some(id) = self.books.order.values().find(judges)
        {
            return Some(*id);
        }
        let work = self.books.order.values().find(|id| !judges(id)).copied();
        work.filter(|_| self.has_place())
    }

    /// Whether one more attempt may run.
    pub(super) fn has_place(&self) -> bool {
        self.has_place_beside(|_| true)
    }

    /// Whether one more may run if of the flights that take a place only these count. A judge counts those at work
    /// alone: a slot whose report is being examined is free for it, or two agents that judge each other would wait
    /// for each other.
    fn has_place_beside(&self, counts: impl Fn(&Flight) -> bool) -> bool {
        let taken = self.books.flights.values().filter(|flight| flight.takes_place() && counts(flight)).count();
        let gone = |id: &DelegationId| !self.books.flights.contains_key(id);
        let ending = self.seats.values().filter(|seat| matches!(seat, Seat::Ending(id) if gone(id))).count();
        taken + ending < self.entry.seats as usize
    }

    /// Starts a seat, unless too many were started of late over all agents.
    pub(super) fn start_seat(&mut self) -> Option<u32> {
        if self.began
            && let Err(at) = self.starts.take(self.now)
        {
            self.start_at = Some(at);
            return None;
        }
        self.began = true;
        let seat = (1..).find(|seat| !self.seats.contains_key(seat)).unwrap_or(u32::MAX);
        let restart = self.down > 0;
        self.down = self.down.saturating_sub(1);
        self.happen(AgentFact::SeatStarted { seat, restart });
        self.turn.tell(DeskEffect::StartSeat { seat });
        Some(seat)
    }

    pub(super) fn give_room(&mut self) {
        // First said, then looked for: a permit that comes home in between is announced.
        self.entry.permits.set_tickets(self.tickets.len());
        if self.entry.permits.is_closed() {
            // Whoever waits here is told to look again.
            self.tickets = Tickets::default();
        }
        while !self.tickets.is_empty()
            && let Some(permit) = self.entry.permits.take_for_ticket()
        {
            let Some(goal) = self.tickets.next() else { break };
            self.turn.tell(DeskEffect::Room { goal, permit });
        }
        self.entry.permits.set_tickets(self.tickets.len());
    }

    pub(super) fn publish(&mut self) {
        let busy = self.books.flights.values().filter(|flight| flight.takes_place()).count();
        self.entry.publish_load(busy as u32, self.books.flights.len() as u32);
        let refusal = self.books.stack.standing(self.now);
        if self.changed || self.published.as_ref() != Some(&refusal) {
            self.changed = false;
            self.entry.publish(Standing {
                refusal: refusal.clone(),
                trust: self.books.trust.records.clone(),
                breakers: self.books.stack.breakers().clone(),
            });
            self.published = Some(refusal);
        }
    }
}
