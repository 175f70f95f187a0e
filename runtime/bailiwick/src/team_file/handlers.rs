//! Names in the file for which there must be code: handlers that are agents, functions that are checks.

use super::{
    TeamFile,
    item::Item,
    problems::{Problem, Problems},
    suggest,
};

/// A name in the file, and where it stands.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Named {
    /// The name.
    pub name: String,
    /// Where it stands: line and column, from 1.
    pub position: (usize, usize),
    /// Where it stands, as a JSON pointer.
    pub pointer: String,
}

impl Named {
    pub(super) fn at(item: &Item<'_>, name: &str) -> Self {
        let position = item.findings.position(item.node.at);
        Self { name: name.to_owned(), position, pointer: item.pointer.clone() }
    }

    fn problem(&self, message: String, help: String) -> Problem {
        let (line, column) = self.position;
        Problem { line, column, pointer: self.pointer.clone(), message, help }
    }
}

impl TeamFile {
    /// The handlers that code must register before this team can start.
    pub fn handlers_needed(&self) -> impl Iterator<Item = &str> {
        self.handlers.iter().map(|named| named.name.as_str())
    }

    /// The functions that code must register before contracts of this team can be checked.
    pub fn functions_needed(&self) -> impl Iterator<Item = &str> {
        self.functions.iter().map(|named| named.name.as_str())
    }

    /// Checks that code is there for every handler and function the file names.
    ///
    /// # Errors
    /// A problem for each name without code, with the nearest name that has some.
    pub fn require(&self, handlers: &[&str], functions: &[&str]) -> Result<(), Problems> {
        let missing = |what: &'static str, needed: &[Named], there: &[&str]| {
            let lacking = needed.iter().filter(|named| !there.contains(&named.name.as_str()));
            let problem = |named: &Named| {
                let message = format!("no {what} `{}` is registered", named.name);
                let help = suggest::help(&named.name, there.iter().copied());
                named.problem(message, help.replace("there are none", "register it in code"))
            };
            lacking.map(problem).collect::<Vec<_>>()
        };
        let mut problems = missing("handler", &self.handlers, handlers);
        problems.extend(missing("function", &self.functions, functions));
        if problems.is_empty() { Ok(()) } else { Err(Problems::new(&self.file, problems)) }
    }

    /// Checks that the file needs no code: what a program that has none, such as `bailiwick`, asks before it starts.
    ///
    /// # Errors
    /// A problem for each handler and function the file names.
    pub fn without_code(&self) -> Result<(), Problems> {
        let problem = |what: &str, named: &Named| {
            let message = format!("the {what} `{}` is code, and this program has none registered", named.name);
            let help = "start the team from a program of your own, with Bailiwick::from_team(file, &handlers)";
            named.problem(message, help.to_owned())
        };
        let mut problems: Vec<Problem> = self.handlers.iter().map(|named| problem("handler", named)).collect();
        problems.extend(self.functions.iter().map(|named| problem("function", named)));
        if problems.is_empty() { Ok(()) } else { Err(Problems::new(&self.file, problems)) }
    }
}
