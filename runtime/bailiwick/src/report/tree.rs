//! The plan as a tree: what is final stands on top, and below each task stands what it was made from.
//!
//! A plan is a graph and paper is not: a task that several need is drawn where it comes first, and the others mention it.

use super::{GoalReport, TaskReport};

/// Deeper than this the picture moves no further to the right.
const DEPTH_MAX: usize = 12;

/// One row of the picture.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Row {
    /// What is drawn before the task: `│  └─ `.
    pub prefix: String,
    /// What is drawn before further lines about the same task: `│     `.
    pub below: String,
    /// The index of the task in the report.
    pub task: usize,
    /// The tasks it waited for that are drawn elsewhere.
    pub elsewhere: Vec<usize>,
}

impl GoalReport {
    /// Draws the plan: every task once, final ones first.
    pub fn tree(&self) -> Vec<Row> {
        let tree = Tree::plant(&self.tasks);
        let mut rows = Vec::with_capacity(self.tasks.len());
        let mut open: Vec<(usize, Vec<bool>)> = tree.roots.iter().rev().map(|&root| (root, Vec::new())).collect();
        while let Some((task, lasts)) = open.pop() {
            let children = &tree.children[task];
            for (index, &child) in children.iter().enumerate().rev() {
                let mut lasts = lasts.clone();
                lasts.push(index + 1 == children.len());
                open.push((child, lasts));
            }
            let (prefix, below) = draw(&lasts, !children.is_empty());
            rows.push(Row { prefix, below, task, elsewhere: tree.elsewhere[task].clone() });
        }
        rows
    }
}

/// Whose child each task is drawn as.
struct Tree {
    roots: Vec<usize>,
    children: Vec<Vec<usize>>,
    elsewhere: Vec<Vec<usize>>,
}

impl Tree {
    fn plant(tasks: &[TaskReport]) -> Tree {
        let index: std::collections::HashMap<_, _> =
            tasks.iter().enumerate().map(|(at, task)| (&task.id, at)).collect();
        let inputs: Vec<Vec<usize>> = tasks
            .iter()
            .map(|task| {
                let ids = task.after.iter().chain(&task.optional_after);
                let mut inputs: Vec<_> = ids.filter_map(|id| index.get(id).copied()).collect();
                let parts = tasks.iter().enumerate().filter(|(_, part)| part.part_of.as_ref() == Some(&task.id));
                inputs.extend(parts.map(|(at, _)| at));
                inputs.sort_unstable();
                inputs.dedup();
                inputs
            })
            .collect();
        let mut wanted = vec![false; tasks.len()];
        inputs.iter().flatten().for_each(|&input| wanted[input] = true);

        let mut tree = Tree {
            roots: Vec::new(),
            children: vec![Vec::new(); tasks.len()],
            elsewhere: vec![Vec::new(); tasks.len()],
        };
        let mut drawn = vec![false; tasks.len()];
        // A cycle has no final task; no plan with one is accepted, and still every task is drawn.
        let finals = (0..tasks.len()).filter(|&task| !wanted[task]).chain(0..tasks.len());
        for root in finals {
            if drawn[root] {
                continue;
            }
            let mut open: Vec<(usize, Option<usize>)> = vec![(root, None)];
            while let Some((task, parent)) = open.pop() {
                match parent {
                    Some(parent) if std::mem::replace(&mut drawn[task], true) => {
                        tree.elsewhere[parent].push(task);
                        continue;
                    }
                    Some(parent) => tree.children[parent].push(task),
                    None => {
                        drawn[task] = true;
                        tree.roots.push(task);
                    }
                }
                open.extend(inputs[task].iter().rev().map(|&input| (input, Some(task))));
            }
        }
        tree
    }
}

/// The lines before a task whose ancestors, outermost first, were the last of their siblings or not.
fn draw(lasts: &[bool], has_children: bool) -> (String, String) {
    let hidden = lasts.len().saturating_sub(DEPTH_MAX);
    let shown = &lasts[hidden..];
    let mut prefix = String::from(if hidden > 0 { "… " } else { "" });
    let mut below = prefix.clone();
    for (depth, &last) in shown.iter().enumerate() {
        let own = depth + 1 == shown.len();
        prefix.push_str(match (own, last) {
            (true, false) => "├─ ",
            (true, true) => "└─ ",
            (false, false) => "│  ",
            (false, true) => "   ",
        });
        below.push_str(if last { "   " } else { "│  " });
    }
    below.push_str(if has_children { "│  " } else { "   " });
    (prefix, below)
}

#[cfg(test)]
mod tests {
    use super::super::testing::Story;
    use super::*;

    fn drawn(tasks: &[(&str, &[&str])]) -> Vec<String> {
        let report = Story::new().plan(tasks).report();
        let id = |task: usize| report.tasks[task].id.to_string();
        let row = |row: Row| {
            let elsewhere: Vec<_> = row.elsewhere.into_iter().map(id).collect();
            format!("{}{} {}", row.prefix, id(row.task), elsewhere.join(",")).trim_end().to_owned()
        };
        report.tree().into_iter().map(row).collect()
    }

    #[test]
    fn what_is_final_stands_above_what_it_was_made_from() {
        let rows = drawn(&[("a", &[]), ("b", &[]), ("c", &["a"]), ("report", &["b", "c"]), ("note", &[])]);

        assert_eq!(rows, ["report", "├─ b", "└─ c", "   └─ a", "note"]);
    }

    #[test]
    fn a_task_that_several_need_is_drawn_once_and_mentioned_by_the_others() {
        let rows = drawn(&[("root", &[]), ("left", &["root"]), ("right", &["root"]), ("top", &["left", "right"])]);

        assert_eq!(rows, ["top", "├─ left", "│  └─ root", "└─ right root"]);
    }

    #[test]
    fn a_long_chain_stays_on_the_page() {
        let ids: Vec<_> = (0..5_000).map(|n| format!("t{n}")).collect();
        let afters: Vec<Vec<&str>> =
            (0..ids.len()).map(|n| n.checked_sub(1).map(|before| ids[before].as_str()).into_iter().collect()).collect();
        let tasks: Vec<(&str, &[&str])> = ids.iter().zip(&afters).map(|(id, after)| (&**id, &**after)).collect();

        let rows = drawn(&tasks);

        assert_eq!(rows.len(), 5_000);
        assert!(rows.iter().all(|row| row.chars().count() < 50));
    }

    #[test]
    fn even_a_cycle_is_drawn() {
        assert_eq!(drawn(&[("a", &["b"]), ("b", &["a"])]), ["a", "└─ b a"]);
    }
}
