//! The settings that goals and tasks share: how much a piece of work matters, and what it may touch.

use std::time::Duration;

use bailiwick_protocols::{
    Capability, Cost, Effects, Json, Permission, Permissions, Reversibility, Slice, task::Settings,
};

use super::{fields::Fields, item::Item};

const REVERSIBILITY: [(&str, Reversibility); 3] =
    [("high", Reversibility::High), ("medium", Reversibility::Medium), ("low", Reversibility::Low)];
const EFFECTS: [(&str, Effects); 3] =
    [("none", Effects::None), ("idempotent", Effects::Idempotent), ("once", Effects::Once)];

/// Reads the settings a goal has at top level.
pub(super) fn of_goal(fields: &Fields<'_>) -> Settings {
    let level = |key| fields.get(key).and_then(|item| item.integer(1..=5));
    Settings {
        priority: level("priority"),
        complexity: level("complexity"),
        criticality: level("criticality"),
        reversibility: fields.get("reversibility").and_then(|item| item.one_of(&REVERSIBILITY)),
        permissions: fields.get("permissions").map(|item| permissions(&item)),
        ..Settings::default()
    }
}

/// Reads the settings of a task, or those of `[defaults]`.
pub(super) fn of_task(fields: &Fields<'_>) -> Settings {
    Settings {
        effects: fields.get("effects").and_then(|item| item.one_of(&EFFECTS)),
        retries: fields.get("retries").and_then(|item| item.integer(0..=u32::MAX)),
        timeout: fields.get("timeout").and_then(|item| item.some_time()),
        metadata: fields
            .get("metadata")
            .and_then(|item| item.table())
            .map(|table| table.all().into_iter().map(|(key, item)| (key.to_owned(), item.json())).collect())
            .unwrap_or_default(),
        ..of_goal(fields)
    }
}

/// What is stated, and what the defaults state where it is silent.
pub(super) fn with_defaults(stated: Settings, defaults: &Settings) -> Settings {
    let mut metadata = defaults.metadata.clone();
    metadata.extend(stated.metadata);
    Settings {
        priority: stated.priority.or(defaults.priority),
        complexity: stated.complexity.or(defaults.complexity),
        criticality: stated.criticality.or(defaults.criticality),
        reversibility: stated.reversibility.or(defaults.reversibility),
        effects: stated.effects.or(defaults.effects),
        retries: stated.retries.or(defaults.retries),
        timeout: stated.timeout.or(defaults.timeout),
        permissions: stated.permissions.or_else(|| defaults.permissions.clone()),
        metadata,
    }
}

/// Reads a list of permissions, each problem at its own line.
pub(super) fn permissions(item: &Item<'_>) -> Permissions {
    item.list()
        .unwrap_or_default()
        .iter()
        .filter_map(|item| {
            let help = "a permission reads resource.verb:scope, such as fs.read:repo/*";
            item.text()?.parse::<Permission>().map_err(|error| item.refuse(error.to_string(), help)).ok()
        })
        .collect()
}

/// Reads a list of capabilities, none of them blank.
pub(super) fn capabilities(item: &Item<'_>) -> Vec<Capability> {
    let help = "a capability is a word both sides agree on, such as \"write.report\"";
    item.list().unwrap_or_default().iter().filter_map(|item| item.words(help)).map(Capability::from).collect()
}

/// Reads `documents`: anything, handed along as JSON.
pub(super) fn documents(fields: &Fields<'_>) -> Vec<Json> {
    let items = fields.get("documents").and_then(|item| item.list()).unwrap_or_default();
    items.iter().map(Item::json).collect()
}

/// Reads `constraints`: sentences.
pub(super) fn constraints(fields: &Fields<'_>) -> Vec<String> {
    fields.get("constraints").map(|item| item.texts()).unwrap_or_default()
}

/// Reads `usd` and `tokens`, the two dimensions of a budget.
pub(super) fn slice(fields: &Fields<'_>) -> Slice {
    let usd = fields.get("usd").and_then(|item| usd(&item));
    let tokens = fields.get("tokens").and_then(|item| item.integer(0..=i64::MAX)).map(i64::unsigned_abs);
    Slice { micro_usd: usd.and_then(|usd| Cost::from_usd(usd).micro_usd()), tokens }
}

/// Reads an amount of US dollars: none or more, and no more than micro-dollars can count.
pub(super) fn usd(item: &Item<'_>) -> Option<f64> {
    item.number(0.0..=1e12)
}

/// Reads `wall`: zero is a budget too, and is used up at once.
pub(super) fn wall(fields: &Fields<'_>) -> Option<Duration> {
    fields.get("wall").and_then(|item| item.span())
}
