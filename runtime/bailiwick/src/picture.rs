//! The tasks of a goal as a graph, drawn from the JSON lines of its events alone: who did what, and how it ended.
//!
//! It reads what `--events FILE` writes, also while the goal runs. What it does not know, it does not draw: a kind of
//! event that is new, or a field that is gone, takes nothing away from the rest.

use std::collections::HashMap;

use serde_json::Value;

use crate::report::units::tidy;

mod dot;
mod mermaid;
#[cfg(test)]
mod tests;

/// What others wrote is cut to this many characters.
const WORDS_MAX: usize = 48;
/// More attempts of one task than this are only counted.
const ATTEMPTS_MAX: usize = 6;

/// The tasks of one goal, and what became of them so far.
#[derive(Clone, Debug, Default)]
pub struct Picture {
    goal: String,
    outcome: Option<String>,
    nodes: Vec<Node>,
    edges: Vec<Edge>,
    by_id: HashMap<String, usize>,
    /// Which goal the lines are about.
    about: Option<String>,
}

/// Why lines cannot be drawn.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PictureError {
    /// A line is not a JSON object.
    #[error("line {line} is not an event: {why}")]
    Malformed {
        /// Counted from 1.
        line: usize,
        /// What is wrong with it.
        why: String,
    },
    /// There are events of more than one goal.
    #[error("line {line} is about another goal, {goal}")]
    AnotherGoal {
        /// Counted from 1.
        line: usize,
        /// The other one.
        goal: String,
    },
    /// The tasks were not set, or not recorded.
    #[error("no event says which tasks there are")]
    NoTasks,
}

#[derive(Clone, Debug)]
struct Node {
    id: String,
    goal: String,
    attempts: Vec<Attempt>,
    outcome: Option<String>,
}

#[derive(Clone, Debug)]
struct Attempt {
    number: u64,
    agent: String,
    /// `None` while it runs.
    outcome: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Edge {
    from: usize,
    to: usize,
    kind: EdgeKind,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum EdgeKind {
    /// Its output is needed.
    Needed,
    /// Its output is used if there is one.
    Optional,
    /// It was handed on, as a part.
    Part,
}

/// How a task stands, which is how it is coloured.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Standing {
    Good,
    Bad,
    Doubtful,
    Skipped,
    Open,
}

impl Picture {
    /// Reads the lines of `--events FILE`. A last line that is still being written is left out.
    ///
    /// # Errors
    /// If a line is no event, if they are about several goals, or if no tasks are among them.
    pub fn of_lines(text: &str) -> Result<Picture, PictureError> {
        let mut picture = Picture::default();
        for (index, line) in text.split_inclusive('\n').enumerate() {
            match serde_json::from_str::<Value>(line) {
                Ok(event) if event.is_object() => picture.apply(&event, index + 1)?,
                Err(_) if line.trim().is_empty() => {}
                Err(_) if !line.ends_with('\n') => {}
                Ok(_) => return Err(PictureError::Malformed { line: index + 1, why: "no object".to_owned() }),
                Err(why) => return Err(PictureError::Malformed { line: index + 1, why: why.to_string() }),
            }
        }
        if picture.nodes.is_empty() { Err(PictureError::NoTasks) } else { Ok(picture) }
    }

    fn apply(&mut self, event: &Value, line: usize) -> Result<(), PictureError> {
        if let Some(goal) = event["goal"].as_str() {
            let about = self.about.get_or_insert_with(|| goal.to_owned());
            if about != goal {
                return Err(PictureError::AnotherGoal { line, goal: goal.to_owned() });
            }
        }
        let data = &event["data"];
        match event["kind"].as_str().unwrap_or_default() {
            "goal_submitted" => self.goal = words(&data["goal"]["text"]),
            "task_decomposed" => self.decomposed(data["tasks"].as_array().map(Vec::as_slice).unwrap_or_default()),
            "child_added" => {
                let part = self.node(&data["task"]);
                let whole = data["parent"].as_str().and_then(|id| self.by_id.get(id).copied());
                self.edges.extend(whole.map(|from| Edge { from, to: part, kind: EdgeKind::Part }));
            }
            "task_started" => self.attempt(event, None),
            "attempt_ended" => self.attempt(event, outcome(&data["ended"]["outcome"])),
            "task_completed" | "task_failed" => self.ended(event, outcome(&data["outcome"])),
            "task_skipped" => self.ended(event, Some("skipped".to_owned())),
            "goal_settled" => self.outcome = outcome(&data["outcome"]),
            _ => {}
        }
        Ok(())
    }

    fn decomposed(&mut self, tasks: &[Value]) {
        // First all tasks, for a plan is listed in any order.
        let nodes: Vec<_> = tasks.iter().map(|task| self.node(task)).collect();
        for (task, &to) in tasks.iter().zip(&nodes) {
            for (key, kind) in [("after", EdgeKind::Needed), ("optional_after", EdgeKind::Optional)] {
                let ids = task[key].as_array().into_iter().flatten().filter_map(Value::as_str);
                let from: Vec<_> = ids.filter_map(|id| self.by_id.get(id).copied()).collect();
                self.edges.extend(from.into_iter().map(|from| Edge { from, to, kind }));
            }
        }
    }

    fn node(&mut self, task: &Value) -> usize {
        let id = task["id"].as_str().unwrap_or_default().to_owned();
        if let Some(&node) = self.by_id.get(&id) {
            return node;
        }
        self.by_id.insert(id.clone(), self.nodes.len());
        self.nodes.push(Node { id, goal: words(&task["goal"]), attempts: Vec::new(), outcome: None });
        self.nodes.len() - 1
    }

    fn of(&mut self, event: &Value) -> Option<&mut Node> {
        let node = *self.by_id.get(event["task"].as_str()?)?;
        self.nodes.get_mut(node)
    }

    /// An attempt began, or ended: one that was never seen to begin has ended all the same.
    fn attempt(&mut self, event: &Value, outcome: Option<String>) {
        let Some(number) = event["attempt"].as_u64() else { return };
        let Some(node) = self.of(event) else { return };
        match node.attempts.iter_mut().find(|attempt| attempt.number == number) {
            Some(attempt) => attempt.outcome = outcome.or(attempt.outcome.take()),
            None => node.attempts.push(Attempt { number, agent: words(&event["agent"]), outcome }),
        }
    }

    fn ended(&mut self, event: &Value, outcome: Option<String>) {
        if let Some(node) = self.of(event) {
            node.outcome = outcome;
        }
    }

    /// What stands above the picture.
    fn title(&self) -> String {
        format!("{} ({})", self.goal, self.outcome.as_deref().unwrap_or("running"))
    }
}

impl Node {
    /// What stands in its box, line by line: never empty.
    fn lines(&self) -> Vec<String> {
        let id = tidy(&self.id, WORDS_MAX);
        let mut lines = vec![if id.is_empty() { "?".to_owned() } else { id }];
        if self.goal != lines[0] {
            lines.push(self.goal.clone());
        }
        let skip = self.attempts.len().saturating_sub(ATTEMPTS_MAX);
        lines.extend((skip > 0).then(|| format!("{skip} attempts before")));
        for Attempt { number, agent, outcome } in &self.attempts[skip..] {
            let outcome = outcome.as_deref().unwrap_or("running");
            lines.push(match self.attempts.len() {
                1 => format!("{agent}: {outcome}"),
                _ => format!("{number} {agent}: {outcome}"),
            });
        }
        match (&self.outcome, self.attempts.last()) {
            (Some(outcome), last) if last.is_none_or(|last| last.outcome.as_ref() != Some(outcome)) => {
                lines.push(outcome.clone());
            }
            (None, None) => lines.push("waits".to_owned()),
            _ => {}
        }
        lines
    }

    fn standing(&self) -> Standing {
        match self.outcome.as_deref().map(|outcome| outcome.split(' ').next().unwrap_or_default()) {
            None => Standing::Open,
            Some("verified") => Standing::Good,
            Some("unverified" | "canceled") => Standing::Doubtful,
            Some("skipped") => Standing::Skipped,
            Some(_) => Standing::Bad,
        }
    }
}

impl Standing {
    /// The name of the style.
    fn name(self) -> &'static str {
        match self {
            Standing::Good => "good",
            Standing::Bad => "bad",
            Standing::Doubtful => "doubtful",
            Standing::Skipped => "skipped",
            Standing::Open => "open",
        }
    }

    /// What fills its box, and what draws its border.
    fn colors(self) -> (&'static str, &'static str) {
        match self {
            Standing::Good => ("#e3f5e6", "#2e7d32"),
            Standing::Bad => ("#fde7e7", "#c62828"),
            Standing::Doubtful => ("#fdf4dc", "#a66a00"),
            Standing::Skipped => ("#f2f2f2", "#8a8a8a"),
            Standing::Open => ("#ffffff", "#555555"),
        }
    }

    const ALL: [Standing; 5] = [Standing::Good, Standing::Bad, Standing::Doubtful, Standing::Skipped, Standing::Open];
}

fn words(text: &Value) -> String {
    tidy(text.as_str().unwrap_or_default(), WORDS_MAX)
}

/// The word of an outcome, with the code of a failure: `failed TIMEOUT`.
fn outcome(outcome: &Value) -> Option<String> {
    let (word, code) = match outcome {
        Value::String(word) => (word.as_str(), None),
        Value::Object(fields) => {
            let (word, fields) = fields.iter().next()?;
            (word.as_str(), fields["cause"]["code"].as_str())
        }
        _ => return None,
    };
    let word = tidy(&word.replace('_', " "), WORDS_MAX);
    Some(code.map_or_else(|| word.clone(), |code| format!("{word} {}", tidy(code, WORDS_MAX))))
}
