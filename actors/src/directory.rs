//! Who is in the team and how they stand: what a goal looks at before it asks anybody.
//!
//! One entry an agent, written by the agent's own supervisor and read by everybody. An entry hands out the permits
//! without which no new work enters that supervisor's mailbox. No guard of the map is held across an await.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::{
        Arc, OnceLock, PoisonError, RwLock,
        atomic::{AtomicBool, AtomicI64, AtomicU32, AtomicUsize, Ordering},
    },
};

use bailiwick_protocols::{
    AgentName, Capability, Cost, Permissions, Refusal, Timestamp, TrustRecord, TrustScore, Verify, event::Terms,
};
use dashmap::DashMap;

use crate::{
    address::Address,
    agents::{AgentSpec, question::only_answers},
    messages::SupervisorMessage,
    policies::stack::BreakerState,
    trust_tracker::models::TrustModel,
};

/// Waiting places of an agent beside its running work.
pub const WAITING_PLACES: u32 = 64;

/// Attempts of one agent that may wait for parts they handed on.
pub const PARKED_MAX: usize = 64;

/// Everybody in the team, by name and by capability: of each agent the newest generation. Those that drain stand apart.
#[derive(Default)]
pub struct Directory {
    by_name: DashMap<AgentName, Arc<Entry>>,
    by_capability: DashMap<Capability, BTreeSet<AgentName>>,
    draining: DashMap<AgentName, Vec<Arc<Entry>>>,
}

/// One agent as the rest of the team sees it.
pub struct Entry {
    /// Who.
    pub name: AgentName,
    /// Counted from 0, raised when the agent is replaced.
    pub generation: u32,
    /// What it can do.
    pub capabilities: Vec<Capability>,
    /// Caps(B).
    pub permissions: Permissions,
    /// What it declares for one task.
    pub cost_per_task: Cost,
    /// What its outputs are examined against where a task asks for no check.
    pub produces: Verify,
    /// Whether it may not hand parts of its work on.
    pub exclusive: bool,
    /// How many attempts run at once.
    pub seats: u32,
    /// The permits: running plus waiting places.
    pub permits: Permits,
    /// Where its supervisor is reached.
    pub address: Address<SupervisorMessage>,
    /// How trust reads after idle time.
    pub model: Arc<dyn TrustModel>,
    busy: AtomicU32,
    in_flight: AtomicU32,
    standing: RwLock<Arc<Standing>>,
}

/// What a supervisor publishes about its agent. Rulings stay with the policies: a refusal is passed on, not understood.
#[derive(Clone, Default, Debug)]
pub struct Standing {
    /// What anybody would be told now.
    pub refusal: Option<Refusal>,
    /// What is known of its trust.
    pub trust: BTreeMap<Capability, TrustRecord>,
    /// The breakers that are not closed.
    pub breakers: BTreeMap<Option<Capability>, BreakerState>,
}

impl Directory {
    /// Adds an agent, or a new generation of one; the last generation drains from then on.
    pub fn insert(&self, entry: Arc<Entry>) {
        let before = self.get(&entry.name);
        if let Some(before) = &before {
            self.drain(before.clone());
        }
        for capability in &entry.capabilities {
            self.by_capability.entry(capability.clone()).or_default().insert(entry.name.clone());
        }
        self.by_name.insert(entry.name.clone(), entry.clone());
        if let Some(before) = before {
            self.strike_out(&before, &entry.capabilities);
        }
    }

    /// Takes an agent out; it drains from then on.
    pub fn remove(&self, name: &AgentName) -> Option<Arc<Entry>> {
        let entry = self.get(name)?;
        self.drain(entry.clone());
        self.by_name.remove(name);
        self.strike_out(&entry, &[]);
        Some(entry)
    }

    /// Hands out no more permits of this generation, and keeps it where what it admitted finds it.
    pub fn drain(&self, entry: Arc<Entry>) {
        entry.permits.close();
        self.draining.entry(entry.name.clone()).or_default().push(entry);
    }

    /// A generation that drained has nothing left to do.
    pub fn drained(&self, name: &AgentName, generation: u32) {
        if let Some(mut entries) = self.draining.get_mut(name) {
            entries.retain(|entry| entry.generation != generation);
        }
        self.draining.remove_if(name, |_, entries| entries.is_empty());
    }

    fn strike_out(&self, entry: &Entry, kept: &[Capability]) {
        for capability in entry.capabilities.iter().filter(|capability| !kept.contains(capability)) {
            if let Some(mut names) = self.by_capability.get_mut(capability) {
                names.remove(&entry.name);
            }
        }
    }

    /// The generations of an agent that live: the newest first.
    pub fn generations(&self, name: &AgentName) -> Vec<Arc<Entry>> {
        let mut all: Vec<_> = self.get(name).into_iter().collect();
        if let Some(entries) = self.draining.get(name) {
            all.extend(entries.iter().cloned());
        }
        all.sort_by_key(|entry| std::cmp::Reverse(entry.generation));
        all.dedup_by_key(|entry| entry.generation);
        all
    }

    /// One generation of an agent.
    pub fn generation(&self, name: &AgentName, generation: u32) -> Option<Arc<Entry>> {
        let newest = self.get(name).filter(|entry| entry.generation == generation);
        newest.or_else(|| self.generations(name).into_iter().find(|entry| entry.generation == generation))
    }

    /// The generation before this one, if it still drains.
    pub fn before(&self, name: &AgentName, generation: u32) -> Option<Arc<Entry>> {
        let entries = self.draining.get(name)?;
        entries.iter().filter(|entry| entry.generation < generation).max_by_key(|entry| entry.generation).cloned()
    }

    /// Whether any generation of anybody drains.
    pub fn is_draining(&self) -> bool {
        !self.draining.is_empty()
    }

    /// All generations of everybody that live.
    pub fn everybody(&self) -> Vec<Arc<Entry>> {
        let mut all = self.all();
        all.extend(self.draining.iter().flat_map(|entries| entries.clone()));
        all.sort_by(|a, b| a.name.cmp(&b.name).then(a.generation.cmp(&b.generation)));
        all
    }

    /// One agent.
    pub fn get(&self, name: &AgentName) -> Option<Arc<Entry>> {
        self.by_name.get(name).map(|entry| entry.clone())
    }

    /// Everybody, by name.
    pub fn all(&self) -> Vec<Arc<Entry>> {
        let mut all: Vec<_> = self.by_name.iter().map(|entry| entry.value().clone()).collect();
        all.sort_by(|a, b| a.name.cmp(&b.name));
        all
    }

    /// Everybody who holds all of `needs` (or, with `partial`, at least one), by name. No needs: everybody but
    /// those who only answer questions.
    pub fn capable(&self, needs: &[Capability], partial: bool) -> Vec<Arc<Entry>> {
        let holders = |need: &Capability| self.by_capability.get(need).map(|names| names.clone()).unwrap_or_default();
        let names: BTreeSet<AgentName> = match needs {
            [] => return self.all().into_iter().filter(|entry| !entry.only_answers()).collect(),
            needs if partial => needs.iter().flat_map(holders).collect(),
            [first, rest @ ..] => {
                let mut names = holders(first);
                for need in rest {
                    let held = holders(need);
                    names.retain(|name| held.contains(name));
                }
                names
            }
        };
        // An agent that is being replaced stands under the capabilities of both generations for a moment.
        let holds = |entry: &Arc<Entry>| partial || needs.iter().all(|need| entry.capabilities.contains(need));
        names.iter().filter_map(|name| self.get(name)).filter(holds).collect()
    }

    /// Those of `needs` that nobody holds.
    pub fn held_by_nobody(&self, needs: &[Capability]) -> Vec<Capability> {
        let nobody = |need: &&Capability| self.by_capability.get(*need).is_none_or(|names| names.is_empty());
        needs.iter().filter(nobody).cloned().collect()
    }
}

impl Entry {
    /// An entry of one generation of an agent, with all permits free and nothing known.
    pub fn new(
        spec: &AgentSpec,
        generation: u32,
        address: Address<SupervisorMessage>,
        model: Arc<dyn TrustModel>,
    ) -> Self {
        Self {
            name: spec.name.clone(),
            generation,
            capabilities: spec.capabilities.clone(),
            permissions: spec.permissions.clone(),
            cost_per_task: spec.cost_per_task,
            produces: spec.produces.clone(),
            exclusive: spec.exclusive,
            seats: spec.max_concurrent,
            permits: Permits::new(spec.max_concurrent + WAITING_PLACES),
            address,
            model,
            busy: AtomicU32::new(0),
            in_flight: AtomicU32::new(0),
            standing: RwLock::default(),
        }
    }

    /// Whether it does nothing but answer questions.
    pub fn only_answers(&self) -> bool {
        only_answers(&self.capabilities)
    }

    /// What the supervisor last published.
    pub fn standing(&self) -> Arc<Standing> {
        self.standing.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Publishes; called by the agent's own supervisor only.
    pub fn publish(&self, standing: Standing) {
        *self.standing.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(standing);
    }

    /// Publishes how many seats are busy and how many delegations are in flight; by its own supervisor only.
    pub fn publish_load(&self, busy: u32, in_flight: u32) {
        self.busy.store(busy, Ordering::Relaxed);
        self.in_flight.store(in_flight, Ordering::Relaxed);
    }

    /// Admitted and not settled.
    pub fn in_flight(&self) -> u32 {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// Trust as the choice reads it: mean over `needs`, or over the agent's own where there are none; decayed.
    pub fn trust(&self, needs: &[Capability], now: Timestamp) -> TrustScore {
        let standing = self.standing();
        let over = if needs.is_empty() { &self.capabilities } else { needs };
        let score = |capability: &Capability| match standing.trust.get(capability) {
            Some(record) => self.model.decayed(record, now).score.get(),
            None => self.model.start().get(),
        };
        TrustScore::new(over.iter().map(score).sum::<f64>() / over.len().max(1) as f64)
    }

    /// How much evidence there is on `needs`: what exploration looks at.
    pub fn evidence(&self, needs: &[Capability]) -> f64 {
        let standing = self.standing();
        let over = if needs.is_empty() { &self.capabilities } else { needs };
        over.iter().filter_map(|capability| standing.trust.get(capability)).map(TrustRecord::evidence).sum()
    }

    /// The four terms of semantics section 4 and their weighted sum.
    pub fn terms(&self, needs: &[Capability], weights: &Weights, now: Timestamp) -> Terms {
        let held = needs.iter().filter(|need| self.capabilities.contains(need)).count();
        let capability = if needs.is_empty() { 1.0 } else { held as f64 / needs.len() as f64 };
        let trust = self.trust(needs, now).get();
        let free = self.seats.saturating_sub(self.busy.load(Ordering::Relaxed));
        let availability = f64::from(free) / f64::from(self.seats.max(1));
        let cost = 1.0 / (1.0 + 1000.0 * self.cost_per_task.micro_usd().unwrap_or(0) as f64 / 1e6);
        let score = weights.capability * capability
            + weights.trust * trust
            + weights.availability * availability
            + weights.cost * cost;
        Terms { capability, trust, availability, cost, score }
    }
}

/// How much each term of the score weighs (seed: 0.35, 0.30, 0.20, 0.15).
#[derive(Clone, Copy, PartialEq, Debug, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct Weights {
    /// Of capability.
    pub capability: f64,
    /// Of trust.
    pub trust: f64,
    /// Of availability.
    pub availability: f64,
    /// Of cost.
    pub cost: f64,
}

impl Default for Weights {
    fn default() -> Self {
        Self { capability: 0.35, trust: 0.30, availability: 0.20, cost: 0.15 }
    }
}

/// The permits of one agent: new work enters its supervisor's mailbox only with one.
#[derive(Clone)]
pub struct Permits(Arc<Pool>);

struct Pool {
    closed: AtomicBool,
    free: AtomicI64,
    tickets: AtomicUsize,
    home: OnceLock<Box<dyn Fn() + Send + Sync>>,
}

/// The right to send one new delegation to one agent. Comes home by being dropped.
pub struct Permit(Arc<Pool>);

impl Permits {
    /// A pool with this many permits.
    pub fn new(permits: u32) -> Self {
        Self(Arc::new(Pool {
            closed: AtomicBool::new(false),
            free: AtomicI64::new(i64::from(permits)),
            tickets: AtomicUsize::new(0),
            home: OnceLock::new(),
        }))
    }

    /// Takes a permit, unless none is free or somebody holds a ticket: those come first.
    pub fn take(&self) -> Option<Permit> {
        if self.is_closed() || self.0.tickets.load(Ordering::SeqCst) > 0 { None } else { self.take_for_ticket() }
    }

    /// Takes a permit for the holder of a ticket.
    pub fn take_for_ticket(&self) -> Option<Permit> {
        let taken = self.0.free.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |free| (free > 0).then(|| free - 1));
        taken.ok().map(|_| Permit(self.0.clone()))
    }

    /// Takes a permit beyond all others, for what the admission of other work bounds already: a judge is asked because
    /// somebody's report is in, and its room must not depend on work that waits for that report.
    pub fn take_beyond(&self) -> Option<Permit> {
        if self.is_closed() {
            return None;
        }
        self.0.free.fetch_sub(1, Ordering::SeqCst);
        Some(Permit(self.0.clone()))
    }

    /// Hands out no more for new work.
    pub fn close(&self) {
        self.0.closed.store(true, Ordering::SeqCst);
    }

    /// Whether there are none for new work any more: the agent drains.
    pub fn is_closed(&self) -> bool {
        self.0.closed.load(Ordering::SeqCst)
    }

    /// How many are free.
    pub fn free(&self) -> i64 {
        self.0.free.load(Ordering::SeqCst)
    }

    /// Says how many tickets wait, so that nobody overtakes them. Said *before* permits are looked for: a permit that
    /// comes home is then either found or announced, in every order of the two (all of it sequentially consistent).
    pub fn set_tickets(&self, tickets: usize) {
        self.0.tickets.store(tickets, Ordering::SeqCst);
    }

    /// Sets what happens when a permit comes home while tickets wait. Only the first call counts.
    pub fn on_home(&self, notify: impl Fn() + Send + Sync + 'static) {
        let _ = self.0.home.set(Box::new(notify));
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.free.fetch_add(1, Ordering::SeqCst);
        if self.0.tickets.load(Ordering::SeqCst) > 0
            && let Some(home) = self.0.home.get()
        {
            home();
        }
    }
}

impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Permit")
    }
}
