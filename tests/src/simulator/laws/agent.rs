//! The laws of one supervisor's stream.

use std::{collections::BTreeMap, sync::Arc};

use bailiwick_actors::directory::Entry;
use bailiwick_protocols::{
    AgentFact, Capability, Cost, Delegation, DelegationId, Event, Recorded, Settlement, SettlementKind, Timestamp,
    TrustRecord, Usage,
};

use crate::simulator::house::law;

/// One admission, from its beginning to its end.
#[derive(Debug)]
pub struct Admission {
    /// What was let in.
    pub delegation: Arc<Delegation>,
    /// When a seat began, if one did.
    pub begun: Option<Timestamp>,
    /// Its one settlement.
    pub settlement: Arc<Settlement>,
    /// The position of the settlement in the whole log.
    pub settled_at: u64,
}

struct Open {
    delegation: Arc<Delegation>,
    begun: Option<Timestamp>,
    reported: bool,
    examined: bool,
    /// Whether its seat went down under it.
    down: bool,
}

/// Reads a stream. Every admission in it is settled, once.
///
/// # Errors
/// The first law that is broken.
pub fn read(entry: &Entry, recorded: &[Arc<Recorded>]) -> Result<BTreeMap<DelegationId, Admission>, String> {
    let name = &entry.name;
    let mut open: BTreeMap<DelegationId, Open> = BTreeMap::new();
    let mut settled: BTreeMap<DelegationId, Admission> = BTreeMap::new();
    let mut trust: BTreeMap<Capability, TrustRecord> = BTreeMap::new();
    for recorded in recorded {
        let Event::Agent(fact) = &recorded.event else { return Err(format!("{name} tells {:?}", recorded.event)) };
        match fact {
            AgentFact::Admitted { delegation } => {
                let id = delegation.id;
                law!(delegation.agent == *name, "{name} let in {id}, which is for {}", delegation.agent);
                law!(!settled.contains_key(&id), "{name} let {id} in again");
                let held = delegation.mandate.exercise();
                law!(
                    entry.permissions.covers(held),
                    "{name} let {id} in with {held}, and may hold {}",
                    entry.permissions
                );
                let missing = held.missing(&delegation.required, recorded.at);
                law!(missing.is_empty(), "{name} let {id} in without {missing}");
                let this =
                    Open { delegation: delegation.clone(), begun: None, reported: false, examined: false, down: false };
                law!(open.insert(id, this).is_none(), "{name} let {id} in twice");
            }
            AgentFact::Started { delegation, .. } => {
                let this = known(&mut open, delegation, fact)?;
                law!(this.begun.is_none(), "{name} began {delegation} twice");
                this.begun = Some(recorded.at);
                // A slot whose report is being examined is free for a judge, and for nobody else.
                let counts = |open: &&Open| open.begun.is_some();
                let work = open.values().filter(counts).filter(|open| !open.delegation.is_judgement()).count();
                let running = open.values().filter(counts).filter(|open| !open.reported && !open.down).count();
                let begun = work.max(running);
                law!(begun <= entry.seats as usize, "seats are never exceeded: {name} has begun {begun}");
            }
            AgentFact::Reported { delegation, .. } => {
                let this = known(&mut open, delegation, fact)?;
                law!(this.begun.is_some() && !this.reported, "{delegation} reported out of turn");
                this.reported = true;
            }
            AgentFact::SeatDown { delegation: Some(delegation), .. } => {
                if let Some(this) = open.get_mut(delegation) {
                    this.down = true;
                }
            }
            AgentFact::Examined { delegation, round, .. } => {
                let this = known(&mut open, delegation, fact)?;
                law!(this.reported && *round <= 2, "{delegation} was examined out of turn, in round {round}");
                this.examined = true;
            }
            AgentFact::Settled { settlement } => {
                let id = settlement.delegation;
                let Some(this) = open.remove(&id) else {
                    return Err(format!("one settlement for each admission: {name} settles {id} out of turn"));
                };
                settlement_of(&this, settlement)?;
                for lesson in &settlement.lessons {
                    let before = match trust.get(&lesson.capability) {
                        Some(record) => entry.model.decayed(record, lesson.after.at).score,
                        None => entry.model.start(),
                    };
                    law!(
                        before == lesson.before,
                        "the next lesson builds on the last: {name} in {id} learned {lesson:?} after {before:?}"
                    );
                    trust.insert(lesson.capability.clone(), lesson.after);
                }
                let Open { delegation, begun, .. } = this;
                let admission =
                    Admission { delegation, begun, settlement: settlement.clone(), settled_at: recorded.seq };
                settled.insert(id, admission);
            }
            _ => {}
        }
    }
    law!(
        open.is_empty(),
        "one settlement for each admission: {name} never settles {:?}",
        open.keys().collect::<Vec<_>>()
    );
    Ok(settled)
}

fn known<'a>(
    open: &'a mut BTreeMap<DelegationId, Open>,
    id: &DelegationId,
    fact: &AgentFact,
) -> Result<&'a mut Open, String> {
    open.get_mut(id).ok_or_else(|| format!("nothing of {id} is in flight, and yet: {fact:?}"))
}

fn settlement_of(this: &Open, settlement: &Settlement) -> Result<(), String> {
    let id = settlement.delegation;
    law!(settlement.started == this.begun, "{id} began {:?}, and its settlement says {settlement:?}", this.begun);
    if this.begun.is_none() {
        law!(
            (settlement.usage, settlement.cost) == (Usage::default(), Cost::FREE),
            "{id} never began and is charged: {settlement:?}"
        );
    }
    use SettlementKind as K;
    let fits = match settlement.kind {
        K::Reported => this.reported && this.examined && settlement.output.is_some(),
        K::Failed => this.reported && settlement.failure.is_some(),
        K::TimedOut | K::Crashed => this.begun.is_some() && settlement.failure.is_some(),
        K::Returned => this.begun.is_none() && settlement.refusal.is_some(),
        K::Expired | K::Revoked => settlement.revoked.is_some(),
        K::Lost => true,
    };
    law!(fits, "{id} cannot have ended like this: {settlement:?}");
    let asks = this.delegation.contract.asks_for_check();
    law!(
        settlement.kind != K::Reported || asks == settlement.verdict.is_some(),
        "a report leaves with its verdict: {settlement:?}"
    );
    law!(!settlement.verdict.as_ref().is_some_and(|v| v.passed && v.abstained), "{id} passed and abstained");
    Ok(())
}
