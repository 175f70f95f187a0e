//! Reads `[policy]`: how agents are chosen, when they are left alone, and how trust moves. Silence keeps the defaults.

use std::sync::Arc;

use bailiwick_actors::{
    policies::{PolicySettings, circuit_breaker::BreakerSettings},
    trust_tracker::models::{Asymmetric, Beta, TrustModel},
};
use bailiwick_protocols::TrustScore;

use super::{fields::Fields, item::Item};

/// What the file says about choosing, breakers and trust. `None` is not stated.
#[derive(Clone, PartialEq, Debug, Default)]
#[non_exhaustive]
pub struct TeamPolicy {
    /// The four terms of the score.
    pub weights: Option<TeamWeights>,
    /// How often the least-known capable agent is tried, 0.0..=1.0 (0.05).
    pub exploration: Option<f64>,
    /// When an agent is left alone; what is not stated is the default.
    pub breaker: BreakerSettings,
    /// How trust moves.
    pub trust: TeamTrust,
}

/// The weights of the four terms of the score; their sum is 1.
#[derive(Clone, Copy, PartialEq, Debug)]
#[non_exhaustive]
pub struct TeamWeights {
    /// What it can do (0.35).
    pub capability: f64,
    /// How much its word is believed (0.30).
    pub trust: f64,
    /// How free it is (0.20).
    pub availability: f64,
    /// How cheap it is (0.15).
    pub cost: f64,
}

impl Default for TeamWeights {
    fn default() -> Self {
        Self { capability: 0.35, trust: 0.30, availability: 0.20, cost: 0.15 }
    }
}

/// How trust moves. `None` is not stated.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
#[non_exhaustive]
pub struct TeamTrust {
    /// The arithmetic (asymmetric).
    pub model: Option<TeamTrustModel>,
    /// What a new agent starts with, 0.0..=1.0 (0.5); asymmetric only, as are the rates.
    pub start: Option<f64>,
    /// The share of the way to 1 that a success goes, 0.0..=1.0 (0.1).
    pub success_rate: Option<f64>,
    /// The share of the way to 0 that a failure goes, 0.0..=1.0 (0.2).
    pub failure_rate: Option<f64>,
}

/// The arithmetic of trust.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum TeamTrustModel {
    /// A success raises less than a failure lowers.
    Asymmetric,
    /// Decayed counts of both.
    Beta,
}

impl TeamPolicy {
    /// The settings of the policies every supervisor lives by.
    pub(crate) fn settings(&self) -> PolicySettings {
        let mut settings = PolicySettings::default();
        settings.breaker = self.breaker;
        settings
    }

    /// The arithmetic of trust.
    pub(crate) fn model(&self) -> Arc<dyn TrustModel> {
        let stated = &self.trust;
        if stated.model == Some(TeamTrustModel::Beta) {
            return Arc::new(Beta::default());
        }
        let mut model = Asymmetric::default();
        model.start = stated.start.map_or(model.start, TrustScore::new);
        model.success_rate = stated.success_rate.unwrap_or(model.success_rate);
        model.failure_rate = stated.failure_rate.unwrap_or(model.failure_rate);
        Arc::new(model)
    }
}

/// Reads `[policy]`.
pub(super) fn read(item: Option<&Item<'_>>) -> TeamPolicy {
    let Some(fields) = item.and_then(Item::table) else { return TeamPolicy::default() };
    let table = |key| fields.get(key).and_then(|item: Item<'_>| item.table());
    let policy = TeamPolicy {
        weights: table("weights").map(weights),
        exploration: share(&fields, "exploration"),
        breaker: table("breaker").map(breaker).unwrap_or_default(),
        trust: table("trust").map(trust).unwrap_or_default(),
    };
    fields.close();
    policy
}

/// A number from 0 to 1.
fn share(fields: &Fields<'_>, key: &'static str) -> Option<f64> {
    fields.get(key).and_then(|item| item.number(0.0..=1.0))
}

fn weights(fields: Fields<'_>) -> TeamWeights {
    let seed = TeamWeights::default();
    let weights = TeamWeights {
        capability: share(&fields, "capability").unwrap_or(seed.capability),
        trust: share(&fields, "trust").unwrap_or(seed.trust),
        availability: share(&fields, "availability").unwrap_or(seed.availability),
        cost: share(&fields, "cost").unwrap_or(seed.cost),
    };
    let sum = weights.capability + weights.trust + weights.availability + weights.cost;
    let item = fields.item.clone();
    fields.close();
    if (sum - 1.0).abs() > 1e-6 && !item.findings.touches(&item.pointer) {
        item.refuse(
            format!("the four weights add up to {}", (sum * 1e6).round() / 1e6),
            "they add up to 1; those not stated are capability 0.35, trust 0.30, availability 0.20, cost 0.15",
        );
    }
    weights
}

fn breaker(fields: Fields<'_>) -> BreakerSettings {
    let mut breaker = BreakerSettings::default();
    breaker.trust_drop = share(&fields, "trust_drop").unwrap_or(breaker.trust_drop);
    breaker.failure_rate = share(&fields, "failure_rate").unwrap_or(breaker.failure_rate);
    if let Some(failures) = fields.get("failures_in_row").and_then(|item| item.integer(1..=u32::MAX)) {
        breaker.failures_in_row = failures;
    }
    // Over fewer outcomes no rate is taken, so a shorter window could never trip.
    if let Some(window) = fields.get("window").and_then(|item| item.integer(breaker.outcomes_min..=10_000)) {
        breaker.window = window;
    }
    if let Some(open) = fields.get("open").and_then(|item| item.some_time()) {
        breaker.open = open;
    }
    fields.close();
    breaker
}

fn trust(fields: Fields<'_>) -> TeamTrust {
    let models = [("asymmetric", TeamTrustModel::Asymmetric), ("beta", TeamTrustModel::Beta)];
    let trust = TeamTrust {
        model: fields.get("model").and_then(|item| item.one_of(&models)),
        start: share(&fields, "start"),
        success_rate: share(&fields, "success_rate"),
        failure_rate: share(&fields, "failure_rate"),
    };
    if trust.model == Some(TeamTrustModel::Beta) {
        refuse_for_beta(&fields);
    }
    fields.close();
    trust
}

/// Beta counts; it has no rates, and its start follows from its counts.
fn refuse_for_beta(fields: &Fields<'_>) {
    for key in ["start", "success_rate", "failure_rate"] {
        if let Some(item) = fields.get(key) {
            let help = "remove it (beta starts at 0.5 and counts), or choose model = \"asymmetric\"";
            item.refuse(format!("`{key}` means nothing to the model beta"), help);
        }
    }
}
