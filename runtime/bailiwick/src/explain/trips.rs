//! What opened a breaker: the recorded trip, and the outcomes before it that the trigger looked at.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use bailiwick_protocols::{
    AgentFact, AgentName, Capability, DelegationId, PolicyFact, Refusal, Settlement, TaskId, Timestamp, event::SeatEnd,
    outcome::Trip, policy::breaker,
};

use super::{Evidence, ExplainedTrip, Streams, facts};

/// Outcomes that are shown at most: what the rates look at.
const SHOWN_MAX: usize = 20;

/// How long restarts count.
const RESTARTS_WITHIN: Duration = Duration::from_secs(60);

/// How long violations count.
const VIOLATIONS_WITHIN: Duration = Duration::from_secs(24 * 3600);

impl Streams<'_> {
    /// The trip behind a breaker's refusal: the last one before it was told.
    pub(super) fn trip_behind(&self, agent: &AgentName, refusal: &Refusal, told: Timestamp) -> Option<ExplainedTrip> {
        match refusal {
            Refusal::BreakerOpen { capability, until } => self.trip(agent, capability, Some(*until)),
            Refusal::Isolated => self.last_trip(agent, told, |trip| trip.capability.is_none() && trip.until.is_none()),
            Refusal::Probing { capability } => self.last_trip(agent, told, |trip| trip.capability == *capability),
            _ => None,
        }
    }

    /// The trip that opened this breaker until then.
    pub(super) fn trip(
        &self,
        agent: &AgentName,
        capability: &Option<Capability>,
        until: Option<Timestamp>,
    ) -> Option<ExplainedTrip> {
        self.last_trip(agent, Timestamp::from_millis(u64::MAX), |trip| {
            trip.capability == *capability && trip.until == until
        })
    }

    /// The trips that an attempt caused while it was at work: by a violation, or by the fall of its seat.
    pub(super) fn trips_at_work(&self, agent: &AgentName, id: DelegationId) -> Vec<ExplainedTrip> {
        let (stream, mut its_own, mut found) = (self.agent(agent), false, Vec::new());
        for (fact, _) in facts(&stream) {
            match fact {
                // What policies make of a fact stands right behind it.
                AgentFact::Policy(_) | AgentFact::WakeSet { .. } => {
                    found.extend(opened(fact).filter(|_| its_own).map(|(trip, _)| trip));
                }
                AgentFact::Violation { delegation, .. } => its_own = *delegation == id,
                AgentFact::SeatDown { delegation, .. } => its_own = *delegation == Some(id),
                _ => its_own = false,
            }
        }
        found.iter().filter_map(|trip| self.trip(agent, &trip.capability, trip.until)).collect()
    }

    fn last_trip(&self, agent: &AgentName, told: Timestamp, wanted: impl Fn(&Trip) -> bool) -> Option<ExplainedTrip> {
        let stream = self.agent(agent);
        let all: Vec<(&AgentFact, Timestamp)> = facts(&stream).take_while(|(_, at)| *at <= told).collect();
        let (index, trip, trigger) = all.iter().enumerate().rev().find_map(|(index, (fact, _))| {
            let (trip, trigger) = opened(fact)?;
            wanted(&trip).then_some((index, trip, trigger))
        })?;
        let past = Past::of(&all[..index], all[index].1);
        Some(ExplainedTrip {
            agent: agent.clone(),
            at: all[index].1,
            until: trip.until,
            evidence: past.of_trigger(&trigger, &trip.capability),
            trigger,
            reason: trip.reason,
            capability: trip.capability,
        })
    }
}

fn opened(fact: &AgentFact) -> Option<(Trip, String)> {
    let AgentFact::Policy(PolicyFact { kind, body, .. }) = fact else { return None };
    if kind != breaker::OPENED && kind != breaker::ISOLATED {
        return None;
    }
    let trip = serde_json::from_value(body.value().clone()).ok()?;
    Some((trip, body.value()["trigger"].as_str().unwrap_or_default().to_owned()))
}

/// What an agent's stream tells up to a trip.
struct Past<'a> {
    now: Timestamp,
    facts: &'a [(&'a AgentFact, Timestamp)],
    work: BTreeMap<DelegationId, (&'a TaskId, &'a Arc<[Capability]>)>,
}

impl<'a> Past<'a> {
    fn of(facts: &'a [(&'a AgentFact, Timestamp)], now: Timestamp) -> Self {
        let admitted = |(fact, _): &(&'a AgentFact, Timestamp)| match fact {
            AgentFact::Admitted { delegation } => Some((delegation.id, (&delegation.task, &delegation.needs))),
            _ => None,
        };
        Self { now, facts, work: facts.iter().filter_map(admitted).collect() }
    }

    /// What a trigger of that name looked at, oldest first.
    fn of_trigger(&self, trigger: &str, capability: &Option<Capability>) -> Vec<Evidence> {
        let mut found = match trigger {
            "violation" => self.newest(1, |fact, _| self.violation(fact)),
            "violations" => {
                self.newest(SHOWN_MAX, |fact, at| self.violation(fact).filter(|_| at + VIOLATIONS_WITHIN > self.now))
            }
            "restarts" => self.newest(usize::MAX, |fact, at| fallen(fact).filter(|_| at + RESTARTS_WITHIN >= self.now)),
            "capabilities_open" => self.newest(SHOWN_MAX, |fact, _| self.pair(fact)),
            "failures_in_row" => {
                // As far back as the row goes: success or unasked checks end it, what nobody is to blame for does not.
                let mut row = true;
                self.newest(SHOWN_MAX, |fact, _| {
                    let (settlement, said) = self.outcome(fact, capability)?;
                    row &= !settlement.ended().outcome.is_completed();
                    row.then_some(said)
                })
            }
            "trust_drop" => {
                let last = self.newest(1, |fact, _| Some(self.outcome(fact, capability)?.1)).pop();
                let task = last.and_then(|last| Some((last.delegation?.goal, last.task?)));
                self.newest(SHOWN_MAX, |fact, _| {
                    let said = self.outcome(fact, capability)?.1;
                    let its = (said.delegation?.goal, said.task.clone()?);
                    (Some(its) == task).then_some(said)
                })
            }
            "failure_rate" | "slow_rate" => self.newest(SHOWN_MAX, |fact, _| Some(self.outcome(fact, capability)?.1)),
            // A probe, or a score that was low already: the last outcome was enough.
            _ => self.newest(1, |fact, _| Some(self.outcome(fact, capability)?.1)),
        };
        found.reverse();
        found
    }

    fn newest(&self, most: usize, mut look: impl FnMut(&AgentFact, Timestamp) -> Option<Said>) -> Vec<Evidence> {
        let facts = self.facts.iter().rev();
        facts.filter_map(|(fact, at)| Some(look(fact, *at)?.at(*at))).take(most).collect()
    }

    /// A settlement that counts for this breaker.
    fn outcome<'f>(&self, fact: &'f AgentFact, key: &Option<Capability>) -> Option<(&'f Settlement, Said)> {
        let AgentFact::Settled { settlement } = fact else { return None };
        // What no seat began is no outcome.
        settlement.started?;
        let (task, needs) = self.work.get(&settlement.delegation)?;
        if key.as_ref().is_some_and(|capability| !needs.contains(capability)) {
            return None;
        }
        let mut what = settlement.ended().outcome.to_string();
        for lesson in settlement.lessons.iter().filter(|l| key.as_ref().is_none_or(|key| l.capability == *key)) {
            let (before, after) = (lesson.before.get(), lesson.after.score.get());
            what.push_str(&format!(", trust in {} {before:.3} -> {after:.3}", lesson.capability));
        }
        let said = Said { delegation: Some(settlement.delegation), task: Some((*task).clone()), what };
        Some((settlement, said))
    }

    fn violation(&self, fact: &AgentFact) -> Option<Said> {
        let AgentFact::Violation { delegation, tried } = fact else { return None };
        let task = self.work.get(delegation).map(|(task, _)| (*task).clone());
        Some(Said { delegation: Some(*delegation), task, what: format!("tried {tried}") })
    }

    /// A capability's breaker that opened.
    fn pair(&self, fact: &AgentFact) -> Option<Said> {
        let (trip, _) = opened(fact)?;
        let what = format!("breaker opened for {}: {}", trip.capability?, trip.reason);
        Some(Said { delegation: None, task: None, what })
    }
}

/// A seat that went down by itself.
fn fallen(fact: &AgentFact) -> Option<Said> {
    let AgentFact::SeatDown { seat, delegation, why } = fact else { return None };
    let what = match why {
        SeatEnd::Crashed(said) => format!("seat {seat} crashed: {said}"),
        SeatEnd::Killed => format!("seat {seat} was killed: its work overran its time"),
        _ => return None,
    };
    Some(Said { delegation: *delegation, task: None, what })
}

/// Evidence without its time.
struct Said {
    delegation: Option<DelegationId>,
    task: Option<TaskId>,
    what: String,
}

impl Said {
    fn at(self, at: Timestamp) -> Evidence {
        let Said { delegation, task, what } = self;
        Evidence { at, delegation, task, what }
    }
}
