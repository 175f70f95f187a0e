//! Reads `[[tasks]]`: the fixed plan. Who waits for whom is checked in `waits.rs`, who can do it in `needs.rs`.

use std::collections::BTreeMap;

use bailiwick_protocols::{Task, task::Settings};

use super::{fields::Fields, item::Item, settings, verify::Contracts};

/// A task of the file: what was read, and where its parts stand.
pub(super) struct ReadTask<'a> {
    /// What was read; what had a problem is empty.
    pub(super) task: Task,
    /// The whole table.
    pub(super) item: Item<'a>,
    /// Whether its id can be referred to: it is there, and the first of its name.
    pub(super) named: bool,
    /// The list `needs`.
    pub(super) needs: Option<Item<'a>>,
    /// The entries of `after`, then those of `optional_after`.
    pub(super) waits: Vec<Item<'a>>,
}

/// Reads `[[tasks]]`. What a task does not say, `[defaults]` say.
pub(super) fn read<'a>(
    item: Option<&Item<'a>>,
    defaults: &Settings,
    contracts: &mut Contracts<'_>,
) -> Vec<ReadTask<'a>> {
    let mut tasks = Vec::new();
    let mut seen = BTreeMap::new();
    for item in item.and_then(Item::list).unwrap_or_default() {
        let Some(fields) = item.table() else { continue };
        let id = fields.need("id", "name it, so that others can come `after` it: id = \"inventory\"");
        let name = id.as_ref().and_then(|id| id.text().and_then(|text| id.name(text)));
        let mut named = name.is_some();
        if let (Some(id), Some(name)) = (&id, &name) {
            let (line, _) = id.findings.position(id.node.at);
            if let Some(first) = seen.get(name) {
                id.refuse(format!("the task `{name}` is there already, on line {first}"), "choose another id");
                named = false;
            }
            seen.entry(name.clone()).or_insert(line);
        }
        let (needs, waits, task) = task(&fields, name.unwrap_or_default(), defaults, contracts);
        fields.close();
        tasks.push(ReadTask { task, item, named, needs, waits });
    }
    tasks
}

fn task<'a>(
    fields: &Fields<'a>,
    id: String,
    defaults: &Settings,
    contracts: &mut Contracts<'_>,
) -> (Option<Item<'a>>, Vec<Item<'a>>, Task) {
    const GOAL: &str = "say what is to be done: goal = \"Count files by language\"";
    let goal = fields.need("goal", GOAL).and_then(|item| item.words(GOAL)).unwrap_or_default();
    let needs = fields.get("needs");
    let [after, optional] =
        ["after", "optional_after"].map(|key| fields.get(key).and_then(|item| item.list()).unwrap_or_default());
    let ids = |items: &[Item<'_>]| items.iter().filter_map(|item| item.text().map(str::to_owned)).collect::<Vec<_>>();
    let mut task = Task::new(id, goal).after(ids(&after)).optional_after(ids(&optional));
    task.needs = needs.as_ref().map(settings::capabilities).unwrap_or_default();
    task.documents = settings::documents(fields);
    task.constraints = settings::constraints(fields);
    task.budget = fields.get("budget").and_then(|item| item.table()).map(|fields| {
        let slice = settings::slice(&fields);
        fields.close();
        slice
    });
    task.settings = settings::with_defaults(settings::of_task(fields), defaults);
    task.contract = contracts.read(fields);
    (needs, after.into_iter().chain(optional).collect(), task)
}
