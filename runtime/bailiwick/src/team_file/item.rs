//! Reads one value. What has the wrong type, or lies out of range, is told the right one.

use std::{fmt::Display, ops::RangeInclusive, time::Duration};

use bailiwick_protocols::{Json, time::parse_span};
use serde_json::{Map, Value as JsonValue};

use super::{
    fields::Fields,
    problems::Findings,
    suggest,
    syntax::{Entry, Node, Value, below},
};

/// One value of the file, its pointer, and where to complain about it.
#[derive(Clone)]
pub(super) struct Item<'a> {
    pub(super) node: &'a Node,
    pub(super) pointer: String,
    pub(super) findings: &'a Findings,
}

impl<'a> Item<'a> {
    pub(super) fn root(node: &'a Node, findings: &'a Findings) -> Self {
        Self { node, pointer: String::new(), findings }
    }

    /// Notes what is wrong with this value.
    pub(super) fn refuse(&self, message: impl Into<String>, help: impl Into<String>) {
        self.findings.note(self.node.at, &self.pointer, message, help);
    }

    fn expected(&self, what: &str) {
        self.refuse(format!("expected {what}, found {}", self.node.value.kind()), "");
    }

    pub(super) fn text(&self) -> Option<&'a str> {
        match &self.node.value {
            Value::Text(text) => Some(text),
            _ => {
                self.expected("a string");
                None
            }
        }
    }

    /// A string with more than white space in it.
    pub(super) fn words(&self, help: &str) -> Option<&'a str> {
        let text = self.text()?;
        if text.trim().is_empty() {
            self.refuse("is blank", help);
            return None;
        }
        Some(text)
    }

    /// A name that is part of a stream's name, and of a file's.
    pub(super) fn name(&self, name: &str) -> Option<String> {
        let wrong = if name.trim().is_empty() {
            "is blank"
        } else if name.trim() != name {
            "starts or ends with white space"
        } else if name.contains(['/', '\\']) || name.chars().any(char::is_control) {
            "has a slash, a backslash or a control character in it"
        } else if name.starts_with('.') {
            "starts with a dot"
        } else if name.len() > 128 {
            "is longer than 128 bytes"
        } else {
            return Some(name.to_owned());
        };
        self.refuse(format!("the name {wrong}"), "choose a short plain name, such as `repo-audit`");
        None
    }

    /// One of these words.
    pub(super) fn one_of<T: Copy>(&self, words: &[(&str, T)]) -> Option<T> {
        let text = self.text()?;
        let found = words.iter().find(|(word, _)| *word == text).map(|(_, meaning)| *meaning);
        if found.is_none() {
            self.refuse(format!("`{text}` is not a word for this"), suggest::help(text, words.iter().map(|(w, _)| *w)));
        }
        found
    }

    pub(super) fn boolean(&self) -> Option<bool> {
        match self.node.value {
            Value::Boolean(truth) => Some(truth),
            _ => {
                self.expected("true or false");
                None
            }
        }
    }

    /// A whole number within the range.
    pub(super) fn integer<N: TryFrom<i64> + Display + PartialOrd>(&self, range: RangeInclusive<N>) -> Option<N> {
        let Value::Integer(number) = self.node.value else {
            self.expected("an integer");
            return None;
        };
        let found = N::try_from(number).ok().filter(|number| range.contains(number));
        if found.is_none() {
            let help = match range.end().to_string() {
                end if end.len() > 6 => format!("{} or more", range.start()),
                end => format!("from {} to {end}", range.start()),
            };
            self.refuse(format!("{number} is out of range"), help);
        }
        found
    }

    /// A number, whole or not, within the range.
    pub(super) fn number(&self, range: RangeInclusive<f64>) -> Option<f64> {
        let number = match self.node.value {
            Value::Integer(number) => number as f64,
            Value::Float(number) => number,
            _ => {
                self.expected("a number");
                return None;
            }
        };
        if !range.contains(&number) {
            let help = match *range.end() {
                f64::MAX => format!("{} or more", range.start()),
                end => format!("from {} to {end}", range.start()),
            };
            self.refuse(format!("{number} is out of range"), help);
            return None;
        }
        Some(number)
    }

    /// A span of time, such as `20s`.
    pub(super) fn span(&self) -> Option<Duration> {
        let Value::Text(text) = &self.node.value else {
            self.refuse(
                format!("expected a span of time, found {}", self.node.value.kind()),
                "write it as a string with its unit: \"200ms\", \"30s\", \"5m\"",
            );
            return None;
        };
        parse_span(text).map_err(|error| self.refuse(error.to_string(), "")).ok()
    }

    /// A span of time longer than zero.
    pub(super) fn some_time(&self) -> Option<Duration> {
        let span = self.span()?;
        if span.is_zero() {
            self.refuse("is no time at all", "longer than zero");
            return None;
        }
        Some(span)
    }

    pub(super) fn list(&self) -> Option<Vec<Item<'a>>> {
        let Value::List(items) = &self.node.value else {
            self.expected("a list");
            return None;
        };
        let item = |(index, node)| self.item(node, index);
        Some(items.iter().enumerate().map(item).collect())
    }

    fn item(&self, node: &'a Node, index: usize) -> Item<'a> {
        Item { node, pointer: below(&self.pointer, index.to_string()), findings: self.findings }
    }

    /// A list of strings; those that are none are noted and left out.
    pub(super) fn texts(&self) -> Vec<String> {
        self.list().unwrap_or_default().iter().filter_map(|item| item.text().map(str::to_owned)).collect()
    }

    pub(super) fn table(&self) -> Option<Fields<'a>> {
        let Value::Table(entries) = &self.node.value else {
            self.expected("a table");
            return None;
        };
        Some(Fields::new(self.clone(), entries))
    }

    /// The value as JSON, which has no dates and no infinities.
    pub(super) fn json(&self) -> Json {
        Json(self.json_value())
    }

    fn json_value(&self) -> JsonValue {
        match &self.node.value {
            Value::Text(text) | Value::Datetime(text) => text.as_str().into(),
            Value::Integer(number) => (*number).into(),
            Value::Float(number) if number.is_finite() => (*number).into(),
            Value::Float(number) => {
                self.refuse(format!("JSON has no number {number}"), "write a finite number");
                JsonValue::Null
            }
            Value::Boolean(truth) => (*truth).into(),
            Value::List(items) => items.iter().enumerate().map(|(i, node)| self.item(node, i).json_value()).collect(),
            Value::Table(entries) => {
                let field = |entry: &'a Entry| (entry.key.clone(), self.entry(entry).json_value());
                JsonValue::Object(entries.iter().map(field).collect::<Map<_, _>>())
            }
        }
    }

    pub(super) fn entry(&self, entry: &'a Entry) -> Item<'a> {
        Item { node: &entry.node, pointer: below(&self.pointer, &entry.key), findings: self.findings }
    }
}
