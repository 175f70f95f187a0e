//! The live tree of tasks, on a terminal only. Drawn from the report as it stands; it never asks anybody anything.

use std::{collections::HashMap, io::IsTerminal, time::Duration};

use bailiwick::{
    GoalReport,
    protocols::{Outcome, TaskId},
    report::{
        TaskReport, TaskStanding,
        summary::{Line, Span, Tone, tone},
        tree::Row,
        units::{span, tidy},
    },
};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::time::Instant;

use crate::paint;

/// How often it is drawn.
pub(crate) const REDRAW: Duration = Duration::from_millis(100);
/// More tasks than this are not drawn as a tree: those that matter now are listed, the others counted.
const ROWS_MAX: usize = 16;

/// The tree on the terminal: one bar a row, which keeps it whole when the window is narrow or changes its size.
pub(crate) struct Progress {
    screen: MultiProgress,
    bars: Vec<ProgressBar>,
    style: ProgressStyle,
    colors: bool,
    stopwatch: Stopwatch,
    frame: usize,
}

/// When the attempts that run were first seen to run.
struct Stopwatch {
    start: Instant,
    running: HashMap<(TaskId, u32), Instant>,
}

impl Progress {
    /// Begins to draw, if stderr is a terminal that can be drawn on.
    pub(crate) fn on_terminal() -> Option<Self> {
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        (std::io::stderr().is_terminal() && !dumb).then(|| Self {
            screen: MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(20)),
            bars: Vec::new(),
            style: ProgressStyle::with_template("{wide_msg}").expect("the template is a constant"),
            colors: paint::on_stderr(),
            stopwatch: Stopwatch { start: Instant::now(), running: HashMap::new() },
            frame: 0,
        })
    }

    /// Draws the tree anew.
    pub(crate) fn draw(&mut self, report: &GoalReport) {
        self.frame += 1;
        self.stopwatch.look(report);
        let lines = lines(report, &self.stopwatch, self.frame);
        while self.bars.len() > lines.len() {
            self.bars.pop().into_iter().for_each(|bar| self.screen.remove(&bar));
        }
        while self.bars.len() < lines.len() {
            let bar = ProgressBar::new_spinner().with_style(self.style.clone());
            self.bars.push(self.screen.add(bar));
        }
        for (bar, line) in self.bars.iter().zip(&lines) {
            let plain = || line.iter().map(|span| span.text.as_str()).collect::<String>();
            bar.set_message(if self.colors { paint::line(line) } else { plain() });
        }
    }

    /// Says something above the tree.
    pub(crate) fn say(&self, text: &str) {
        self.screen.suspend(|| paint::say(text));
    }

    /// Takes the tree away.
    pub(crate) fn clear(self) {
        let _ = self.screen.clear();
    }
}

impl Stopwatch {
    fn look(&mut self, report: &GoalReport) {
        for task in &report.tasks {
            if let (TaskStanding::Running, Some(attempt)) = (task.standing(), task.attempts.last()) {
                self.running.entry((task.id.clone(), attempt.attempt)).or_insert_with(Instant::now);
            }
        }
    }

    fn of(&self, task: &TaskReport) -> Duration {
        let attempt = task.attempts.last().map_or(0, |attempt| attempt.attempt);
        self.running.get(&(task.id.clone(), attempt)).map(Instant::elapsed).unwrap_or_default()
    }
}

fn say(tone: Tone, text: impl Into<String>) -> Span {
    Span { tone, text: text.into() }
}

fn lines(report: &GoalReport, stopwatch: &Stopwatch, frame: usize) -> Vec<Line> {
    let ended = report.tasks.iter().filter(|task| task.outcome.is_some()).count();
    let counted = format!("  {ended}/{} tasks  {}", report.tasks.len(), span(stopwatch.start.elapsed()));
    let mut lines = vec![vec![spinner(frame), say(Tone::Strong, tidy(&report.goal, 60)), say(Tone::Quiet, counted)]];
    let (rows, rest) = choose(report);
    let width = rows.iter().map(|row| name(report, row).chars().count()).max().unwrap_or(0);
    for row in &rows {
        let task = &report.tasks[row.task];
        let (mark, text) = now(task, stopwatch, frame);
        let name = format!("{:width$}  ", name(report, row));
        lines.push(vec![mark, say(Tone::Plain, name), say(task_tone(task), text)]);
    }
    lines.extend((!rest.is_empty()).then(|| vec![say(Tone::Quiet, format!("  … and {rest}"))]));
    lines
}

fn name(report: &GoalReport, row: &Row) -> String {
    format!("{}{}", row.prefix, tidy(&report.tasks[row.task].id, 32))
}

/// The rows to draw, and in words what is left out.
fn choose(report: &GoalReport) -> (Vec<Row>, String) {
    let mut rows = report.tree();
    if rows.len() <= ROWS_MAX {
        return (rows, String::new());
    }
    // The sort is stable: among equals the order of the tree stays.
    rows.sort_by_key(|row| weight(&report.tasks[row.task]));
    let rest = rows.split_off(ROWS_MAX);
    rows.iter_mut().for_each(|row| row.prefix.clear());
    let waiting = rest.iter().filter(|row| report.tasks[row.task].outcome.is_none()).count();
    let ended = rest.len() - waiting;
    let parts = [(ended, "ended"), (waiting, "to come")];
    let parts = parts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}"));
    (rows, parts.collect::<Vec<_>>().join(", "))
}

/// What a person wants to see first.
fn weight(task: &TaskReport) -> u8 {
    match (task.standing(), &task.outcome) {
        (TaskStanding::Running | TaskStanding::Again, _) => 0,
        (_, Some(Outcome::Verified | Outcome::Unverified)) => 4,
        (_, Some(Outcome::Skipped { .. })) => 3,
        (_, Some(_)) => 1,
        (_, None) => 2,
    }
}

fn task_tone(task: &TaskReport) -> Tone {
    match task.standing() {
        TaskStanding::Waiting => Tone::Quiet,
        TaskStanding::Running => Tone::Plain,
        _ => tone(task.outcome.as_ref()),
    }
}

/// What a task is doing, as a mark and in words.
fn now(task: &TaskReport, stopwatch: &Stopwatch, frame: usize) -> (Span, String) {
    let agent = task.agent().map(|agent| tidy(agent, 24)).unwrap_or_default();
    let attempt = match task.attempts.len() {
        0 | 1 => String::new(),
        number => format!(", attempt {number}"),
    };
    match task.standing() {
        TaskStanding::Running => (spinner(frame), format!("{agent}{attempt}  {}", span(stopwatch.of(task)))),
        TaskStanding::Again => {
            let last = task.attempts.last().and_then(|attempt| attempt.outcome.as_ref());
            let why = last.map(|outcome| tidy(&outcome.to_string(), 60)).unwrap_or_default();
            (say(Tone::Doubtful, "↻ "), format!("{agent}{attempt}  {why}, once more"))
        }
        TaskStanding::Ended => {
            let mark = match tone(task.outcome.as_ref()) {
                Tone::Good => "✔ ",
                Tone::Bad => "✘ ",
                _ => "○ ",
            };
            let word = task.outcome_word().replace('_', " ");
            let time = if agent.is_empty() { String::new() } else { format!("  {}", span(task.duration())) };
            (say(task_tone(task), mark), format!("{word}  {agent}{attempt}{time}"))
        }
        _ => (say(Tone::Quiet, "· "), "waits".to_owned()),
    }
}

fn spinner(frame: usize) -> Span {
    const FRAMES: [&str; 10] = ["⠋ ", "⠙ ", "⠹ ", "⠸ ", "⠼ ", "⠴ ", "⠦ ", "⠧ ", "⠇ ", "⠏ "];
    say(Tone::Doubtful, FRAMES[frame % FRAMES.len()])
}
