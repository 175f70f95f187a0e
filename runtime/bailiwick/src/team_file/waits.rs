//! Checks who waits for whom: every id is known, and nobody waits for what waits for it.

use std::collections::{BTreeMap, BTreeSet};

use super::{suggest, tasks::ReadTask};

/// Notes ids nobody has, tasks that wait for themselves, ids listed twice, and every circle with its path.
pub(super) fn check(tasks: &[ReadTask<'_>]) {
    let index: BTreeMap<&str, usize> =
        tasks.iter().enumerate().filter(|(_, task)| task.named).map(|(i, task)| (task.task.id.as_str(), i)).collect();
    let waits: Vec<Vec<usize>> = tasks.iter().map(|task| known(task, &index)).collect();
    for circle in circles(&waits) {
        note(tasks, &circle);
    }
}

/// The tasks this one waits for, without those that are noted here.
fn known(task: &ReadTask<'_>, index: &BTreeMap<&str, usize>) -> Vec<usize> {
    let mut listed = BTreeSet::new();
    let mut known = Vec::new();
    for item in &task.waits {
        let Some(id) = item.text() else { continue };
        match index.get(id) {
            _ if task.named && id == task.task.id.as_str() => {
                item.refuse(format!("`{id}` waits for itself"), "remove it");
            }
            None => {
                item.refuse(format!("there is no task `{id}`"), suggest::help(id, index.keys().copied()));
            }
            Some(_) if !listed.insert(id) => {
                item.refuse(format!("`{id}` is listed already"), "list it once, in `after` or in `optional_after`");
            }
            Some(other) => known.push(*other),
        }
    }
    known
}

/// One circle for each knot of tasks, without recursion: a plan may be a very long chain.
fn circles(waits: &[Vec<usize>]) -> Vec<Vec<usize>> {
    let mut left: BTreeSet<usize> = (0..waits.len()).collect();
    let mut circles = Vec::new();
    loop {
        clear(&mut left, waits);
        let Some(start) = left.first() else { return circles };
        // Whoever is left waits for somebody who is left, so this walk comes back to where it was.
        let mut path = Vec::new();
        let mut next = Some(*start);
        while let Some(task) = next.filter(|task| !path.contains(task)) {
            path.push(task);
            next = waits[task].iter().copied().find(|other| left.contains(other));
        }
        let back = path.iter().position(|task| Some(*task) == next).unwrap_or(0);
        let mut circle = path.split_off(back);
        let first = circle.iter().enumerate().min_by_key(|(_, task)| **task).map_or(0, |(i, _)| i);
        circle.rotate_left(first);
        left.retain(|task| !circle.contains(task));
        circles.push(circle);
    }
}

/// Takes out of `left`, again and again, whoever waits for nobody that is left.
fn clear(left: &mut BTreeSet<usize>, waits: &[Vec<usize>]) {
    let mut open: BTreeMap<usize, usize> = BTreeMap::new();
    let mut dependants: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for task in left.iter() {
        let live: Vec<usize> = waits[*task].iter().copied().filter(|other| left.contains(other)).collect();
        open.insert(*task, live.len());
        live.into_iter().for_each(|other| dependants.entry(other).or_default().push(*task));
    }
    let mut ready: Vec<usize> = open.iter().filter(|(_, count)| **count == 0).map(|(task, _)| *task).collect();
    while let Some(task) = ready.pop() {
        left.remove(&task);
        for dependant in dependants.get(&task).into_iter().flatten() {
            let count = open.entry(*dependant).or_default();
            *count = count.saturating_sub(1);
            if *count == 0 {
                ready.push(*dependant);
            }
        }
    }
}

fn note(tasks: &[ReadTask<'_>], circle: &[usize]) {
    let (Some(first), Some(second)) = (circle.first(), circle.get(1)) else { return };
    let names: Vec<&str> = circle.iter().chain(circle.first()).map(|task| tasks[*task].task.id.as_str()).collect();
    let second = &tasks[*second].task.id;
    if let Some(item) = tasks[*first].waits.iter().find(|item| item.text() == Some(second.as_str())) {
        let help = "a task starts when those it comes after have ended; break the circle at one of them";
        item.refuse(format!("the tasks wait for each other: {}", names.join(" -> ")), help);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_circle_is_found_whoever_leads_into_it() {
        assert_eq!(circles(&[vec![1], vec![2], vec![3], vec![1], vec![]]), [vec![1, 2, 3]]);
    }

    #[test]
    fn two_circles_are_two() {
        assert_eq!(circles(&[vec![1], vec![0], vec![3], vec![2, 0]]), [vec![0, 1], vec![2, 3]]);
    }

    #[test]
    fn a_long_chain_is_no_circle() {
        let chain: Vec<Vec<usize>> = (0..50_000_usize).map(|i| i.checked_sub(1).into_iter().collect()).collect();

        assert!(circles(&chain).is_empty());
    }
}
