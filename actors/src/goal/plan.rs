//! Whether a plan can be accepted, and how its outputs become one: the DAG of a goal.

use std::collections::{BTreeMap, BTreeSet};

use bailiwick_protocols::{Bounds, Output, OutputFormat, Task, TaskId, TaskSpec};
use petgraph::graphmap::DiGraphMap;

/// Why a plan cannot be accepted.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlanProblem {
    /// There is nothing in it.
    #[error("a plan needs at least one task")]
    Empty,
    /// Two tasks have one id.
    #[error("task `{0}` is there twice")]
    Duplicate(TaskId),
    /// The id is blank.
    #[error("a task id is blank")]
    BlankId,
    /// The id is one that only questions to judges have.
    #[error("task `{0}`: an id that begins with `judge#` is kept for questions to judges")]
    ReservedId(TaskId),
    /// The goal of a task is blank.
    #[error("task `{0}` has no goal")]
    BlankGoal(TaskId),
    /// A required capability is blank.
    #[error("task `{0}` needs a blank capability")]
    BlankCapability(TaskId),
    /// A task comes after one that is not there.
    #[error("task `{task}` comes after `{unknown}`, which is not in the plan")]
    Unknown {
        /// The task.
        task: TaskId,
        /// What it names.
        unknown: TaskId,
    },
    /// A task comes after itself.
    #[error("task `{0}` comes after itself")]
    SelfEdge(TaskId),
    /// Tasks wait for each other.
    #[error("tasks wait for each other: {}", path(.0))]
    Cycle(Vec<TaskId>),
    /// There are too many.
    #[error("{count} tasks, at most {limit} are allowed")]
    TooMany {
        /// How many there are.
        count: usize,
        /// How many there may be.
        limit: usize,
    },
    /// A setting is outside its range.
    #[error("task `{task}`: {setting} is {value}, it goes from 1 to 5")]
    OutOfRange {
        /// The task.
        task: TaskId,
        /// The setting.
        setting: &'static str,
        /// Its value.
        value: u8,
    },
}

fn path(tasks: &[TaskId]) -> String {
    tasks.iter().map(TaskId::as_str).collect::<Vec<_>>().join(" -> ")
}

/// Checks a plan, listed in any order. All problems at once; empty is acceptable.
pub fn problems(tasks: &[Task], bounds: &Bounds) -> Vec<PlanProblem> {
    let mut found = Vec::new();
    if tasks.is_empty() {
        found.push(PlanProblem::Empty);
    }
    if tasks.len() > bounds.tasks {
        found.push(PlanProblem::TooMany { count: tasks.len(), limit: bounds.tasks });
    }
    let mut ids = BTreeSet::new();
    for task in tasks {
        if task.id.trim().is_empty() {
            found.push(PlanProblem::BlankId);
        }
        if task.id.is_judgement() {
            found.push(PlanProblem::ReservedId(task.id.clone()));
        }
        if !ids.insert(&task.id) {
            found.push(PlanProblem::Duplicate(task.id.clone()));
        }
        if task.goal.trim().is_empty() {
            found.push(PlanProblem::BlankGoal(task.id.clone()));
        }
        if task.needs.iter().any(|need| need.is_blank()) {
            found.push(PlanProblem::BlankCapability(task.id.clone()));
        }
        let settings = &task.settings;
        let ranged = [
            ("priority", settings.priority),
            ("complexity", settings.complexity),
            ("criticality", settings.criticality),
        ];
        for (setting, value) in ranged {
            if let Some(value) = value.filter(|value| !(1..=5).contains(value)) {
                found.push(PlanProblem::OutOfRange { task: task.id.clone(), setting, value });
            }
        }
    }
    for task in tasks {
        for before in task.after.iter().chain(&task.optional_after) {
            if *before == task.id {
                found.push(PlanProblem::SelfEdge(task.id.clone()));
            } else if !ids.contains(before) {
                found.push(PlanProblem::Unknown { task: task.id.clone(), unknown: before.clone() });
            }
        }
    }
    if found.is_empty()
        && let Some(cycle) = cycle(tasks)
    {
        found.push(PlanProblem::Cycle(cycle));
    }
    found
}

/// The shortest way round one cycle, ending where it begins, if there is a cycle.
fn cycle(tasks: &[Task]) -> Option<Vec<TaskId>> {
    let mut graph = DiGraphMap::<&str, ()>::new();
    for task in tasks {
        graph.add_node(task.id.as_str());
        for before in task.after.iter().chain(&task.optional_after) {
            graph.add_edge(before.as_str(), task.id.as_str(), ());
        }
    }
    let knot = petgraph::algo::tarjan_scc(&graph).into_iter().find(|knot| knot.len() > 1)?;
    let inside: BTreeSet<&str> = knot.iter().copied().collect();
    let start = *inside.iter().next()?;
    // Breadth first from the smallest id back to itself, within the knot.
    let mut came_from: BTreeMap<&str, &str> = BTreeMap::new();
    let mut edge = std::collections::VecDeque::from([start]);
    while let Some(at) = edge.pop_front() {
        for next in graph.neighbors(at).filter(|next| inside.contains(next)) {
            if next == start {
                let mut back = vec![start, at];
                back.extend(std::iter::successors(came_from.get(at).copied(), |at| came_from.get(at).copied()));
                return Some(back.into_iter().rev().map(TaskId::new).collect());
            }
            if next != start && !came_from.contains_key(next) {
                came_from.insert(next, at);
                edge.push_back(next);
            }
        }
    }
    None
}

/// The final tasks, in plan order: those that no other lists.
pub fn finals<'a>(tasks: impl IntoIterator<Item = &'a TaskSpec> + Clone) -> Vec<&'a TaskSpec> {
    let listed: BTreeSet<&TaskId> =
        tasks.clone().into_iter().flat_map(|task| task.after.iter().chain(&task.optional_after)).collect();
    tasks.into_iter().filter(|task| !listed.contains(&task.id)).collect()
}

/// The tasks that the final ones need, through `after`, themselves included.
pub fn needed<'a>(tasks: impl IntoIterator<Item = &'a TaskSpec> + Clone) -> BTreeSet<&'a TaskId> {
    let by_id: BTreeMap<&TaskId, &TaskSpec> = tasks.clone().into_iter().map(|task| (&task.id, task)).collect();
    let mut needed = BTreeSet::new();
    let mut open: Vec<&TaskId> = finals(tasks).into_iter().map(|task| &task.id).collect();
    while let Some(id) = open.pop() {
        if needed.insert(id)
            && let Some(task) = by_id.get(id)
        {
            open.extend(&task.after);
        }
    }
    needed
}

/// Joins outputs: one stands as it is, texts by a blank line, any JSON among them makes an object by task id.
pub fn assemble(outputs: &[(TaskId, Output)]) -> Option<Output> {
    match outputs {
        [] => None,
        [(_, output)] => Some(output.clone()),
        several if several.iter().any(|(_, output)| output.format.is_json()) => {
            let object: serde_json::Map<_, _> =
                several.iter().map(|(id, output)| (id.to_string(), output.content.0.clone())).collect();
            Some(Output::json(object))
        }
        several => {
            let texts: Vec<&str> = several.iter().filter_map(|(_, output)| output.as_text().ok()).collect();
            let markdown = several.iter().any(|(_, output)| output.format == OutputFormat::Markdown);
            let text = texts.join("\n\n");
            Some(if markdown { Output::markdown(text) } else { Output::text(text) })
        }
    }
}
