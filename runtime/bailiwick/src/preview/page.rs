//! A preview as a page for people: the tree of tasks, and beside each the candidates with their terms.

use std::fmt;

use bailiwick_protocols::event::{Candidate, Route, RouteRule};

use super::{Preview, TaskPreview};
use crate::{
    GoalReport,
    report::{TaskReport, tree::Row, units::tidy},
};

/// What others wrote is cut to this many characters.
const WORDS_MAX: usize = 110;
/// Names are cut to this many.
const NAME_MAX: usize = 36;

/// The columns behind task, needs and candidate.
const TERMS: [&str; 5] = ["score", "capability", "trust", "availability", "cost"];

impl fmt::Display for Preview {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rules: Vec<_> = self.rules.iter().map(words).collect();
        let count = match self.tasks.len() {
            1 => "1 task".to_owned(),
            tasks => format!("{tasks} tasks"),
        };
        writeln!(f, "{}", tidy(&self.goal, WORDS_MAX))?;
        write!(f, "  team {} · {count} · route {}: {}", self.team, self.route.as_str(), rules.join(", "))?;
        if self.tasks.is_empty() && self.route == Route::Plan {
            return write!(f, "\n\nthe tasks are not known before the planner is asked, which `run` does");
        }
        writeln!(f)?;
        let lines = self.lines();
        let width = |column: usize| lines.iter().map(|line| chars(&line.cells[column])).max().unwrap_or(0);
        let widths = [0, 1, 2].map(width);
        for Line { cells: [task, needs, agent], rest } in &lines {
            let [a, b, c] = widths.map(|width| width + 2);
            let text = format!("{}{}{}{rest}", padded(task, a), padded(needs, b), padded(agent, c));
            write!(f, "\n{}", text.trim_end())?;
        }
        Ok(())
    }
}

/// Three columns that are aligned, and what stands behind them.
struct Line {
    cells: [String; 3],
    rest: String,
}

impl Preview {
    fn lines(&self) -> Vec<Line> {
        let heads = ["task", "needs", "candidate"].map(str::to_owned);
        let mut lines = vec![Line { cells: heads, rest: TERMS.join("  ") }];
        let tasks = self.tasks.iter().map(|task| TaskReport::new(&task.task)).collect();
        let drawn = GoalReport { tasks, ..GoalReport::default() };
        for row in drawn.tree() {
            self.tasks[row.task].lines(&row, self, &mut lines);
        }
        lines
    }
}

impl TaskPreview {
    fn lines(&self, row: &Row, preview: &Preview, lines: &mut Vec<Line>) {
        let needs: Vec<_> = self.task.needs.iter().map(|need| need.as_str()).collect();
        let needs = if needs.is_empty() { "-".to_owned() } else { tidy(&needs.join(", "), NAME_MAX) };
        let name = format!("{}{}", row.prefix, tidy(&self.task.id, NAME_MAX));
        let (first, others) = match self.candidates.split_first() {
            Some((first, others)) => ((tidy(&first.agent, NAME_MAX), terms(first)), others),
            None => (("nobody".to_owned(), String::new()), &self.candidates[..]),
        };
        let mut more: Vec<(String, String)> =
            others.iter().map(|other| (tidy(&other.agent, NAME_MAX), terms(other))).collect();
        let known = self.passed_over.iter().filter(|over| !self.incapable.contains(&over.agent));
        more.extend(
            known.map(|over| (String::new(), tidy(&format!("not {}: {}", over.agent, over.because), WORDS_MAX))),
        );
        if !row.elsewhere.is_empty() {
            let also: Vec<_> = row.elsewhere.iter().map(|&task| tidy(&preview.tasks[task].task.id, NAME_MAX)).collect();
            more.push((String::new(), format!("also after {}", also.join(", "))));
        }
        lines.push(Line { cells: [name, needs, first.0], rest: first.1 });
        let below = |(agent, rest)| Line { cells: [row.below.clone(), String::new(), agent], rest };
        lines.extend(more.into_iter().map(below));
    }
}

/// The numbers of a candidate, each below its head.
fn terms(candidate: &Candidate) -> String {
    let terms = candidate.terms;
    let numbers = [terms.score, terms.capability, terms.trust, terms.availability, terms.cost];
    let cells = numbers.iter().zip(TERMS).map(|(number, head)| format!("{number:>0$.2}", head.len()));
    cells.collect::<Vec<_>>().join("  ")
}

fn words(rule: &RouteRule) -> &str {
    match rule {
        RouteRule::BroughtTasks => "the goal brings its tasks",
        RouteRule::TasksDropped => "its tasks are dropped",
        RouteRule::Floor => "it is simple, can be undone, and a trusted agent can do it",
        RouteRule::OneAgentCan => "one agent holds all it needs",
        RouteRule::DirectAsked => "as was asked",
        RouteRule::PlanAsked => "a plan was asked for",
        RouteRule::NobodyHoldsAll => "nobody holds all it needs",
        RouteRule::PlannerSet => "it states no needs, and there is a planner",
        RouteRule::NoPlanner => "there is no planner",
        RouteRule::Router(because) => because,
        _ => "by another rule",
    }
}

fn chars(text: &str) -> usize {
    text.chars().count()
}

fn padded(text: &str, width: usize) -> String {
    format!("{text}{:1$}", "", width.saturating_sub(chars(text)))
}
