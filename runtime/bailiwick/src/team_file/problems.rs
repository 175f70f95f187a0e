//! What is wrong with a team file: every problem, with its line, where it is in the file, and what to do about it.

use std::{cell::RefCell, collections::BTreeSet, fmt};

use serde::Serialize;

/// One thing that is wrong, and what to do about it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[non_exhaustive]
pub struct Problem {
    /// Counted from 1; 0 where the file could not be read at all.
    pub line: usize,
    /// In characters, counted from 1; 0 where the file could not be read at all.
    pub column: usize,
    /// Where it stands, as a JSON pointer: `/agents/counter/capabilities`.
    pub pointer: String,
    /// What is wrong, lowercase, without a full stop.
    pub message: String,
    /// What to do about it; empty where the message says it all.
    pub help: String,
}

/// Everything that is wrong with a team file, in the order of its lines.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Problems {
    file: String,
    problems: Vec<Problem>,
}

impl Problems {
    /// The problems, in the order of the lines.
    pub fn iter(&self) -> impl Iterator<Item = &Problem> {
        self.problems.iter()
    }

    /// The file as the caller named it.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// A file that could not be read: there is no line to point at.
    pub(super) fn unreadable(file: &str, message: String, help: &str) -> Self {
        let problem = Problem { line: 0, column: 0, pointer: String::new(), message, help: help.to_owned() };
        Self { file: file.to_owned(), problems: vec![problem] }
    }

    pub(super) fn new(file: &str, mut problems: Vec<Problem>) -> Self {
        problems.sort_by_key(|problem| (problem.line, problem.column));
        Self { file: file.to_owned(), problems }
    }
}

impl fmt::Display for Problems {
    /// A block for each: where and what, and indented below it what to do.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            f.write_str(&plain(&self.file))?;
            if problem.line > 0 {
                write!(f, ":{}:{}", problem.line, problem.column)?;
            }
            if !problem.pointer.is_empty() {
                write!(f, " {}", plain(&problem.pointer))?;
            }
            write!(f, ": {}", plain(&problem.message))?;
            if !problem.help.is_empty() {
                write!(f, "\n    {}", plain(&problem.help))?;
            }
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

/// The text with control characters escaped: a team file does not steer the terminal it is complained about on.
fn plain(text: &str) -> String {
    text.chars().flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] }).collect()
}

/// Where problems are collected while the file is read. The first problem at a pointer stands: what follows from it
/// is not told again.
pub(super) struct Findings {
    lines: Lines,
    found: RefCell<Vec<Problem>>,
    pointers: RefCell<BTreeSet<String>>,
}

impl Findings {
    pub(super) fn new(text: &str) -> Self {
        Self { lines: Lines::of(text), found: RefCell::default(), pointers: RefCell::default() }
    }

    /// Notes what is wrong at this byte of the text.
    pub(super) fn note(&self, at: usize, pointer: &str, message: impl Into<String>, help: impl Into<String>) {
        if !self.pointers.borrow_mut().insert(pointer.to_owned()) {
            return;
        }
        let (line, column) = self.lines.position(at);
        self.found.borrow_mut().push(Problem {
            line,
            column,
            pointer: pointer.to_owned(),
            message: message.into(),
            help: help.into(),
        });
    }

    /// Whether a problem is known at this pointer, above or below it.
    pub(super) fn touches(&self, pointer: &str) -> bool {
        let within = |inner: &str, outer: &str| {
            inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        self.pointers.borrow().iter().any(|known| within(known, pointer) || within(pointer, known))
    }

    /// The line and column of a byte of the text.
    pub(super) fn position(&self, at: usize) -> (usize, usize) {
        self.lines.position(at)
    }

    /// The problems, if there are any.
    pub(super) fn into_problems(self, file: &str) -> Result<(), Problems> {
        let found = self.found.into_inner();
        if found.is_empty() { Ok(()) } else { Err(Problems::new(file, found)) }
    }
}

/// The text with the byte at which each of its lines starts.
struct Lines {
    text: String,
    starts: Vec<usize>,
}

impl Lines {
    fn of(text: &str) -> Self {
        let starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Self { text: text.to_owned(), starts }
    }

    fn position(&self, at: usize) -> (usize, usize) {
        let line = self.starts.partition_point(|start| *start <= at);
        let start = self.starts[line - 1];
        let column = self.text.get(start..at).map_or(1, |before| before.chars().count() + 1);
        (line, column)
    }
}
