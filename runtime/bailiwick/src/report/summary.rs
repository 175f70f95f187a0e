//! A report as a page for people: plain text by itself, with a tone for each piece for whoever has colours.

use std::fmt;

use bailiwick_protocols::{Cost, Outcome, Verdict};

use super::{
    AttemptReport, GoalReport, TaskReport,
    tree::Row,
    units::{money, span, tidy},
};

/// More tasks than this are not drawn as a tree: those that went smoothly are only counted.
const ROWS_MAX: usize = 60;
/// Further attempts and refusals of one task are only counted.
const LINES_MAX: usize = 8;
/// What others wrote is cut to this many characters.
const WORDS_MAX: usize = 110;

/// What a piece of text means.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[non_exhaustive]
pub enum Tone {
    /// Nothing in particular.
    Plain,
    /// A heading.
    Strong,
    /// It holds.
    Good,
    /// It does not hold.
    Bad,
    /// Nobody can tell, or nothing was asked.
    Doubtful,
    /// Of less weight.
    Quiet,
}

/// A piece of a line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Span {
    /// What it means.
    pub tone: Tone,
    /// What it says.
    pub text: String,
}

/// One line of the page.
pub type Line = Vec<Span>;

/// The page. Its `Display` is plain text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Summary {
    lines: Vec<Line>,
}

impl Summary {
    pub(super) fn of(report: &GoalReport) -> Self {
        let mut lines = head(report);
        lines.push(Line::new());
        lines.extend(tasks(report));
        let mut foot = trust(report);
        foot.extend(breakers(report));
        if !foot.is_empty() {
            lines.push(Line::new());
            lines.extend(foot);
        }
        Self { lines }
    }

    /// The lines, piece by piece.
    pub fn lines(&self) -> &[Line] {
        &self.lines
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, line) in self.lines.iter().enumerate() {
            let text: String = line.iter().map(|span| span.text.as_str()).collect();
            write!(f, "{}{}", if index > 0 { "\n" } else { "" }, text.trim_end())?;
        }
        Ok(())
    }
}

/// The tone of an outcome; `None` is still under way.
pub fn tone(outcome: Option<&Outcome>) -> Tone {
    match outcome {
        Some(Outcome::Verified) => Tone::Good,
        None | Some(Outcome::Unverified | Outcome::Canceled { .. }) => Tone::Doubtful,
        Some(Outcome::Skipped { .. }) => Tone::Quiet,
        Some(_) => Tone::Bad,
    }
}

fn say(tone: Tone, text: impl Into<String>) -> Span {
    Span { tone, text: text.into() }
}

/// The words of a code for people: `not verified`.
fn words(outcome: &'static str) -> String {
    outcome.replace('_', " ")
}

fn head(report: &GoalReport) -> Vec<Line> {
    let outcome = words(report.outcome_word());
    let mut lines = vec![vec![
        say(tone(report.outcome()), outcome),
        say(Tone::Strong, format!("  {}", tidy(&report.goal, WORDS_MAX))),
    ]];
    if let Some(why) = why(report.outcome()) {
        lines.push(vec![say(Tone::Plain, format!("  {why}"))]);
    }
    if let Some(verdict) = &report.verdict {
        lines.push(vec![say(Tone::Quiet, format!("  the goal's own contract: {}", found(verdict)))]);
    }
    let mut facts = vec![count(report.tasks.len(), "task"), count(report.attempts(), "attempt")];
    facts.extend((report.reassignments > 0).then(|| format!("{} reassigned", report.reassignments)));
    facts.extend(report.route.map(|route| format!("route {}", route.as_str())));
    facts.extend((report.usage.tokens() > 0).then(|| format!("{} tokens", report.usage.tokens())));
    facts.extend((report.usage.calls > 0).then(|| count(report.usage.calls as usize, "model call")));
    facts.extend([span(report.duration()), money(report.cost)]);
    lines.push(vec![say(Tone::Quiet, format!("  {}", facts.join(" · ")))]);
    lines
}

/// What an outcome says beyond its word.
fn why(outcome: Option<&Outcome>) -> Option<String> {
    match outcome? {
        Outcome::Failed { cause } => Some(tidy(&cause.to_string(), WORDS_MAX)),
        Outcome::NotVerified { verdict } => Some(found(verdict)),
        Outcome::Refused { refusal } => Some(tidy(&refusal.to_string(), WORDS_MAX)),
        other @ (Outcome::Canceled { .. } | Outcome::Skipped { .. }) => {
            // `skipped: todos did not complete`: the word itself stands there already.
            let text = tidy(&other.to_string(), WORDS_MAX);
            text.split_once(": ").map(|(_, why)| why.to_owned())
        }
        _ => None,
    }
}

/// A verdict in a few words: `schema: /total is missing`.
fn found(verdict: &Verdict) -> String {
    let finding = match verdict {
        Verdict { abstained: true, .. } => "abstained, ",
        Verdict { passed: true, .. } => return tidy(&verdict.method, WORDS_MAX),
        _ => "",
    };
    tidy(&format!("{finding}{}: {}", verdict.method, verdict.details), WORDS_MAX)
}

fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

fn tasks(report: &GoalReport) -> Vec<Line> {
    let rows = report.tree();
    if rows.len() <= ROWS_MAX {
        return table(report, &rows);
    }
    let (smooth, rough): (Vec<_>, Vec<_>) = rows.into_iter().partition(|row| is_smooth(&report.tasks[row.task]));
    let mut rows: Vec<_> = rough
        .into_iter()
        .map(|row| Row { prefix: String::new(), below: "   ".to_owned(), task: row.task, elsewhere: Vec::new() })
        .collect();
    let completed = |row: &Row| report.tasks[row.task].outcome.as_ref().is_some_and(Outcome::is_completed);
    rows.sort_by_key(|row| (completed(row), row.task));
    let rest = rows.split_off(rows.len().min(ROWS_MAX));
    let failed = rest.iter().filter(|row| !completed(row)).count();
    rows.sort_by_key(|row| row.task);
    let mut lines = table(report, &rows);
    if failed > 0 {
        lines.push(vec![say(Tone::Bad, format!("… and {} not completed", count(failed, "task")))]);
    }
    if rest.len() > failed {
        let more = count(rest.len() - failed, "task");
        lines.push(vec![say(Tone::Quiet, format!("… and {more} after more than one try"))]);
    }
    let smooth = count(smooth.len(), "task");
    lines.push(vec![say(Tone::Quiet, format!("… and {smooth} at the first attempt"))]);
    lines
}

fn is_smooth(task: &TaskReport) -> bool {
    task.outcome.as_ref().is_some_and(Outcome::is_completed) && task.attempts.len() <= 1 && task.refusals.is_empty()
}

/// The tasks as aligned columns, each with the lines that explain it.
fn table(report: &GoalReport, rows: &[Row]) -> Vec<Line> {
    let priced = report.tasks.iter().any(|task| task.cost() != Cost::FREE);
    let cells: Vec<[String; 5]> = rows.iter().map(|row| cells(report, row, priced)).collect();
    let widths: [usize; 5] =
        std::array::from_fn(|column| cells.iter().map(|row| row[column].chars().count()).max().unwrap_or(0));
    let mut lines = Vec::new();
    for (row, cells) in rows.iter().zip(&cells) {
        let task = &report.tasks[row.task];
        let tones = [Tone::Plain, tone(task.outcome.as_ref()), Tone::Plain, Tone::Quiet, Tone::Quiet];
        let mut line = Line::new();
        for ((cell, width), tone) in cells.iter().zip(widths).zip(tones) {
            // Padding is counted in characters, and `{:width$}` counts them too.
            line.extend((width > 0).then(|| say(tone, format!("{cell:width$}  "))));
        }
        line.push(say(Tone::Quiet, remark(report, row)));
        lines.push(line);
        lines.extend(explain(task, &row.below));
    }
    lines
}

fn cells(report: &GoalReport, row: &Row, priced: bool) -> [String; 5] {
    let task = &report.tasks[row.task];
    let tried = !task.attempts.is_empty();
    [
        format!("{}{}", row.prefix, tidy(&task.id, 40)),
        words(task.outcome_word()),
        task.agent().map_or_else(|| "-".to_owned(), |agent| tidy(agent, 24)),
        if tried { span(task.duration()) } else { String::new() },
        if tried && priced { money(task.cost()) } else { String::new() },
    ]
}

/// What stands behind the columns: the check of a task that went smoothly, and inputs that are drawn elsewhere.
fn remark(report: &GoalReport, row: &Row) -> String {
    let task = &report.tasks[row.task];
    let mut parts = Vec::new();
    match &task.attempts[..] {
        // The refusals below say it better.
        [] if !task.refusals.is_empty() => {}
        [] => parts.extend(why(task.outcome.as_ref())),
        [only] if is_smooth(task) => parts.extend(only.verdict.as_ref().map(found)),
        attempts => parts.push(count(attempts.len(), "attempt")),
    }
    if !row.elsewhere.is_empty() {
        let names: Vec<_> = row.elsewhere.iter().take(3).map(|&at| tidy(&report.tasks[at].id, 40)).collect();
        let more = row.elsewhere.len() - names.len();
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        parts.push(format!("also after {}{more}", names.join(", ")));
    }
    parts.join("; ")
}

/// One line for each attempt and refusal of a task that did not go smoothly.
fn explain(task: &TaskReport, below: &str) -> Vec<Line> {
    if is_smooth(task) {
        return Vec::new();
    }
    let line = |tone, text: String| vec![say(Tone::Plain, below), say(tone, text)];
    let mut lines: Vec<_> = task
        .attempts
        .iter()
        .map(|attempt| line(tone(attempt.outcome.as_ref()), told(attempt)))
        .chain(task.refusals.iter().map(|refused| {
            let text = format!("{} refused: {}", tidy(&refused.agent, 24), refused.refusal);
            line(Tone::Bad, tidy(&text, WORDS_MAX))
        }))
        .collect();
    if lines.len() > LINES_MAX {
        let more = lines.len() - LINES_MAX;
        // The last ones decided.
        lines.splice(LINES_MAX / 2..LINES_MAX / 2 + more, [line(Tone::Quiet, format!("… {more} more"))]);
    }
    lines.extend(last_words(task).map(|words| line(Tone::Quiet, format!("  stderr: {words}"))));
    lines.extend(task.escalated.as_ref().map(|why| line(Tone::Bad, format!("escalated: {}", tidy(why, WORDS_MAX)))));
    lines
}

/// The last line that the last attempt's program wrote to stderr.
fn last_words(task: &TaskReport) -> Option<String> {
    let stderr = task.attempts.last()?.error()?.stderr.as_deref()?;
    stderr.lines().rev().map(|line| tidy(line, WORDS_MAX)).find(|line| !line.is_empty())
}

/// An attempt in one line: `2  scales  0.23 s  verified: schema`.
fn told(attempt: &AttemptReport) -> String {
    let words = words(attempt.outcome_word());
    let why = match (&attempt.outcome, &attempt.verdict) {
        (Some(Outcome::Verified), Some(verdict)) => Some(found(verdict)),
        (outcome, _) => why(outcome.as_ref()),
    };
    let why = why.map(|why| format!(": {why}")).unwrap_or_default();
    format!("{} {}, {}, {words}{why}", attempt.attempt, tidy(&attempt.agent, 24), span(attempt.duration))
}

fn trust(report: &GoalReport) -> Vec<Line> {
    let changes: Vec<_> = report.trust.iter().filter(|change| change.before != change.after).collect();
    let name = |agent: &str, capability: &str| format!("{} · {}", tidy(agent, 24), tidy(capability, 40));
    let width = changes.iter().map(|change| name(&change.agent, &change.capability).chars().count()).max();
    let width = width.unwrap_or(0);
    let row = |(index, change): (usize, &&super::TrustChange)| {
        let (before, after) = (change.before.get(), change.after.get());
        vec![
            say(Tone::Strong, if index == 0 { "trust     " } else { "          " }),
            say(Tone::Plain, format!("{:width$}  ", name(&change.agent, &change.capability))),
            say(if after > before { Tone::Good } else { Tone::Bad }, format!("{before:.2} -> {after:.2}")),
        ]
    };
    let mut lines: Vec<Line> = changes.iter().enumerate().take(ROWS_MAX).map(row).collect();
    if changes.len() > ROWS_MAX {
        lines.push(vec![say(Tone::Quiet, format!("          … {} more", changes.len() - ROWS_MAX))]);
    }
    lines
}

fn breakers(report: &GoalReport) -> Vec<Line> {
    let row = |(index, breaker): (usize, &super::BreakerStanding)| {
        let whole = breaker.capability.as_ref().map_or("the whole agent", |capability| capability.as_str());
        vec![
            say(Tone::Strong, if index == 0 { "breakers  " } else { "          " }),
            say(Tone::Plain, format!("{} · {}  ", tidy(&breaker.agent, 24), tidy(whole, 40))),
            say(Tone::Bad, words(breaker.state.as_str())),
        ]
    };
    report.breakers.iter().enumerate().map(row).collect()
}

#[cfg(test)]
mod tests {
    use bailiwick_protocols::{Failure, Output, Refusal};

    use super::super::{BreakerStanding, BreakerState, testing::Story};
    use super::*;

    #[test]
    fn the_page_tells_agents_attempts_verdicts_trust_and_breakers() {
        let report = Story::new()
            .plan(&[("sizes", &[]), ("todos", &[]), ("report", &["sizes", "todos"])])
            .assigned("sizes", "ada", 1)
            .not_verified("sizes", "ada", 1, Verdict::fail("schema", 0.0, "/total is\nmissing"))
            .trust("sizes", "ada", 0.5, 0.4)
            .assigned("sizes", "ada", 2)
            .verified("sizes", "ada", 2, Output::text("3"))
            .trust("sizes", "ada", 0.4, 0.46)
            .refused("todos", "bo", Refusal::Isolated)
            .failed_task("todos", Outcome::Refused { refusal: Refusal::Isolated }, &[])
            .skipped("report", "todos")
            .settled(Outcome::Refused { refusal: Refusal::Isolated }, None)
            .report()
            .with_breakers(vec![BreakerStanding {
                agent: "bo".into(),
                capability: None,
                state: BreakerState::Isolated,
            }]);

        let page = report.summary().to_string();

        assert_eq!(
            page,
            "\
refused  audit
  isolated until released
  3 tasks · 2 attempts · route plan · 130 ms · $0

report    skipped   -           todos did not complete
├─ sizes  verified  ada  20 ms  2 attempts
│     1 ada, 10 ms, not verified: schema: /total is missing
│     2 ada, 10 ms, verified: schema
└─ todos  refused   -
      bo refused: isolated until released

trust     ada · sizes  0.50 -> 0.46
breakers  bo · the whole agent  isolated"
        );
    }

    #[test]
    fn a_task_that_needed_nine_attempts_keeps_the_first_and_the_last() {
        let story = (1..=20).fold(Story::new().plan(&[("a", &[])]), |story, attempt| {
            let boom = Failure::agent("boom").quoting("reads a\ncannot read a\n\n");
            story.assigned("a", "ada", attempt).failed("a", "ada", attempt, boom)
        });

        let page = story.report().summary().to_string();

        assert!(page.contains(" 1 ada") && page.contains(" 20 ada") && page.contains("… 12 more"), "{page}");
        assert!(!page.contains(" 10 ada"), "{page}");
        assert_eq!(page.matches("stderr: cannot read a").count(), 1, "{page}");
    }

    #[test]
    fn of_very_many_tasks_only_the_rough_ones_are_listed() {
        let ids: Vec<_> = (0..256).map(|n| format!("t{n}")).collect();
        let plan: Vec<(&str, &[&str])> = ids.iter().map(|id| (id.as_str(), &[] as &[&str])).collect();
        let story = ids.iter().fold(Story::new().plan(&plan), |story, id| {
            let story = story.assigned(id, "ada", 1);
            if id == "t7" {
                story.failed(id, "ada", 1, Failure::agent("boom"))
            } else {
                story.verified(id, "ada", 1, Output::text("ok"))
            }
        });

        let report = story.settled(Outcome::Failed { cause: Failure::agent("boom") }, None).report();
        let page = report.summary().to_string();

        assert!(page.contains("t7 ") && !page.contains("t8 "), "{page}");
        assert!(page.contains("… and 255 tasks at the first attempt"), "{page}");
    }
}
