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
use console::{Term, measure_text_width, truncate_str};
use tokio::time::Instant;

use crate::paint;

/// How often it is drawn.
pub(crate) const REDRAW: Duration = Duration::from_millis(100);
/// More tasks than this are not drawn as a tree: those that matter now are listed, the others counted.
const ROWS_MAX: usize = 16;

/// Clears from the cursor to the end of its line.
const CLEAR_LINE: &str = "\u{1b}[K";

/// The tree on the terminal. The cursor rests on the line below it, so that whatever is typed meanwhile is cleared too.
pub(crate) struct Progress {
    term: Term,
    colors: bool,
    /// How wide each line is that was drawn last.
    drawn: Vec<usize>,
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
        (std::io::stderr().is_terminal() && !dumb).then(|| {
            let stopwatch = Stopwatch { start: Instant::now(), running: HashMap::new() };
            Self { term: Term::stderr(), colors: paint::on_stderr(), drawn: Vec::new(), stopwatch, frame: 0 }
        })
    }

    /// Draws the tree anew, as large as the window is now.
    pub(crate) fn draw(&mut self, report: &GoalReport) {
        self.frame += 1;
        self.stopwatch.look(report);
        let (height, width) = self.size();
        // A line that fills the window would take two.
        let width = width.saturating_sub(1);
        let rows_max = ROWS_MAX.min(height.saturating_sub(4)).max(1);
        let lines = lines(report, &self.stopwatch, self.frame, rows_max, width);
        let lines = lines.iter().map(|line| {
            let plain = || line.iter().map(|span| span.text.as_str()).collect();
            let text: String = if self.colors { paint::line(line) } else { plain() };
            truncate_str(&text, width, "…").into_owned()
        });
        let lines: Vec<_> = lines.collect();
        self.replace(&lines);
    }

    /// Says something above the tree.
    pub(crate) fn say(&mut self, text: &str) {
        self.replace(&[]);
        paint::say(text);
    }

    /// Takes the tree away.
    pub(crate) fn clear(mut self) {
        self.replace(&[]);
    }

    /// Writes all at once, line over line, for a cleared screen would flicker.
    fn replace(&mut self, lines: &[String]) {
        let (_, width) = self.size();
        // A window that has become narrower has wrapped what stood in it.
        let before: usize = self.drawn.iter().map(|drawn| drawn.div_ceil(width.max(1)).max(1)).sum();
        let too_many = before.saturating_sub(lines.len());
        let up = |rows| if rows > 0 { format!("\r\u{1b}[{rows}A") } else { "\r".to_owned() };
        let rows = lines.iter().map(String::as_str).chain(std::iter::repeat_n("", too_many));
        let rows: String = rows.map(|row| format!("{row}{CLEAR_LINE}\n")).collect();
        paint::raw(&format!("{}{rows}{CLEAR_LINE}{}", up(before), up(too_many)));
        self.drawn = lines.iter().map(|line| measure_text_width(line)).collect();
    }

    fn size(&self) -> (usize, usize) {
        let (height, width) = self.term.size();
        (usize::from(height), usize::from(width))
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

fn lines(report: &GoalReport, stopwatch: &Stopwatch, frame: usize, rows_max: usize, width: usize) -> Vec<Line> {
    let ended = report.tasks.iter().filter(|task| task.outcome.is_some()).count();
    let counted = format!("  {ended}/{} tasks  {}", report.tasks.len(), span(stopwatch.start.elapsed()));
    // What moves is seen first, so the goal's text is what gives way in a narrow window.
    let room = width.saturating_sub(measure_text_width(&counted) + 3).min(60);
    let mut lines = vec![vec![spinner(frame), say(Tone::Strong, tidy(&report.goal, room)), say(Tone::Quiet, counted)]];
    let (rows, rest) = choose(report, rows_max);
    let names: Vec<_> = rows.iter().map(|row| name(report, row, width / 2)).collect();
    let column = names.iter().map(|name| measure_text_width(name)).max().unwrap_or(0);
    for (row, name) in rows.iter().zip(&names) {
        let task = &report.tasks[row.task];
        let (mark, text) = now(task, stopwatch, frame);
        let name = format!("{name}{:1$}", "", column - measure_text_width(name) + 2);
        lines.push(vec![mark, say(Tone::Plain, name), say(task_tone(task), text)]);
    }
    lines.extend((!rest.is_empty()).then(|| vec![say(Tone::Quiet, format!("  … and {rest}"))]));
    lines
}

/// A task with its branches, at most half of the window wide where that leaves something of it.
fn name(report: &GoalReport, row: &Row, width: usize) -> String {
    let room = width.saturating_sub(row.prefix.chars().count()).clamp(8, 32);
    format!("{}{}", row.prefix, tidy(&report.tasks[row.task].id, room))
}

/// The rows to draw, and in words what is left out.
fn choose(report: &GoalReport, rows_max: usize) -> (Vec<Row>, String) {
    let mut rows = report.tree();
    if rows.len() <= rows_max {
        return (rows, String::new());
    }
    // The sort is stable: among equals the order of the tree stays.
    rows.sort_by_key(|row| weight(&report.tasks[row.task]));
    let rest = rows.split_off(rows_max);
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
