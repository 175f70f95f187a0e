//! Reads what the whole team is for: the goal with its keys, its budget and its limits.

use bailiwick_protocols::{
    Goal, Permissions,
    task::{Bounds, Budget, Settings},
};

use super::{fields::Fields, inputs::Inputs, item::Item, settings, verify::Contracts};

/// Reads the goal and its keys at top level; its tasks and inputs come from elsewhere.
pub(super) fn read(root: &Fields<'_>, defaults: &Settings, inputs: &Inputs, contracts: &mut Contracts<'_>) -> Goal {
    let mut goal = Goal::new(text(root, inputs));
    goal.needs = root.get("needs").as_ref().map(settings::capabilities).unwrap_or_default();
    goal.documents = settings::documents(root);
    goal.constraints = settings::constraints(root);
    goal.contract = contracts.read(root);
    // A goal with a plan is as complex as it says, whatever its tasks are; and its permissions are a ceiling.
    let complexity = defaults.complexity.filter(|_| root.get("tasks").is_none());
    let inherited = Settings { complexity, permissions: None, ..defaults.clone() };
    goal.settings = settings::with_defaults(settings::of_goal(root), &inherited);
    goal.budget = root.get("budget").map(|item| budget(&item)).unwrap_or_default();
    goal.bounds = root.get("limits").map(|item| bounds(&item)).unwrap_or_default();
    goal
}

/// What is wanted: as the caller says, else as the file says.
fn text(root: &Fields<'_>, inputs: &Inputs) -> String {
    const HELP: &str = "say what is wanted: goal = \"Audit the repository\", or give the goal as an argument";
    let stated = root.get("goal").map(|item| item.words(HELP).unwrap_or_default().to_owned());
    match (inputs.goal_text(), stated) {
        (Some(text), _) if !text.trim().is_empty() => text.to_owned(),
        (Some(_), _) => {
            root.item.findings.note(root.item.node.find("/goal"), "/goal", "the goal given is blank", HELP);
            String::new()
        }
        (None, Some(stated)) => stated,
        (None, None) if inputs.all_given() => {
            root.item.findings.note(root.item.node.at, "/goal", "`goal` is missing", HELP);
            String::new()
        }
        (None, None) => String::new(),
    }
}

/// Reads `[defaults]`.
pub(super) fn defaults(root: &Fields<'_>) -> Settings {
    let Some(fields) = root.get("defaults").and_then(|item| item.table()) else { return Settings::default() };
    let settings = settings::of_task(&fields);
    fields.close();
    settings
}

fn budget(item: &Item<'_>) -> Budget {
    let Some(fields) = item.table() else { return Budget::default() };
    let budget = Budget { slice: settings::slice(&fields), wall: settings::wall(&fields) };
    fields.close();
    budget
}

fn bounds(item: &Item<'_>) -> Bounds {
    let mut bounds = Bounds::default();
    let Some(fields) = item.table() else { return bounds };
    let count = |key| fields.get(key).and_then(|item: Item<'_>| item.integer(1..=1_000_000_usize));
    bounds.tasks = count("tasks").unwrap_or(bounds.tasks);
    bounds.fan_out = count("fan_out").unwrap_or(bounds.fan_out);
    bounds.depth = fields.get("depth").and_then(|item| item.integer(1..=u8::MAX)).unwrap_or(bounds.depth);
    fields.close();
    bounds
}

/// Reads `[mandate] grants`.
pub(super) fn grants(root: &Fields<'_>) -> Option<Permissions> {
    let fields = root.get("mandate").and_then(|item| item.table())?;
    let grants = fields.get("grants").map(|item| settings::permissions(&item));
    fields.close();
    grants
}
