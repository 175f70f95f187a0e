//! A TOML text as a tree of values that know where they stand.

use std::ops::Range;

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::problems::Findings;

/// One value of the file, and the byte at which it starts; for a table with a header, the name in the header.
pub(super) struct Node {
    pub(super) at: usize,
    pub(super) value: Value,
}

/// What a value is.
pub(super) enum Value {
    Text(String),
    Integer(i64),
    Float(f64),
    Boolean(bool),
    Datetime(String),
    List(Vec<Node>),
    Table(Vec<Entry>),
}

/// A key of a table with its value, in the order of the file.
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) at: usize,
    pub(super) node: Node,
}

impl Value {
    /// What it is, with its article, for a sentence.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Value::Text(_) => "a string",
            Value::Integer(_) => "an integer",
            Value::Float(_) => "a number",
            Value::Boolean(_) => "a boolean",
            Value::Datetime(_) => "a date",
            Value::List(_) => "a list",
            Value::Table(_) => "a table",
        }
    }
}

impl Node {
    /// Where the value at this pointer stands, or the nearest one above it that there is.
    pub(super) fn find(&self, pointer: &str) -> usize {
        let mut node = self;
        for step in pointer.split('/').skip(1) {
            let step = step.replace("~1", "/").replace("~0", "~");
            let below = match &node.value {
                Value::Table(entries) => entries.iter().find(|entry| entry.key == step).map(|entry| &entry.node),
                Value::List(items) => step.parse().ok().and_then(|index: usize| items.get(index)),
                _ => None,
            };
            match below {
                Some(below) => node = below,
                None => break,
            }
        }
        node.at
    }
}

/// The pointer one step below.
pub(super) fn below(pointer: &str, step: impl AsRef<str>) -> String {
    format!("{pointer}/{}", step.as_ref().replace('~', "~0").replace('/', "~1"))
}

/// Reads the text. At a syntax error it notes the line and gives up: what follows could mean anything.
pub(super) fn tree(text: &str, findings: &Findings) -> Option<Node> {
    match DeTable::parse(text) {
        Ok(table) => Some(Node { at: 0, value: entries(table.into_inner(), "", findings) }),
        Err(error) => {
            let help = match error.message() {
                twice if twice.contains("duplicate") => "a key and a table stand once; rename or remove one of them",
                _ => "mend this first; the rest of the file is read then",
            };
            let at = error.span().map_or(0, |span| span.start);
            findings.note(at, "", format!("not TOML: {}", error.message()), help);
            None
        }
    }
}

fn entries(table: DeTable<'_>, pointer: &str, findings: &Findings) -> Value {
    let mut entries: Vec<Entry> = table
        .into_iter()
        .map(|(key, value)| {
            let at = key.span().start;
            let key = key.into_inner().into_owned();
            let mut node = node(value, &below(pointer, &key), findings);
            // The span of a table with a header is spread over the file; its name is where one looks for it.
            if matches!(node.value, Value::Table(_)) {
                node.at = at;
            }
            Entry { key, at, node }
        })
        .collect();
    entries.sort_by_key(|entry| entry.at);
    Value::Table(entries)
}

fn node(value: Spanned<DeValue<'_>>, pointer: &str, findings: &Findings) -> Node {
    let Range { start: at, .. } = value.span();
    let value = match value.into_inner() {
        DeValue::String(text) => Value::Text(text.into_owned()),
        DeValue::Integer(number) => match i64::from_str_radix(number.as_str(), number.radix()) {
            Ok(number) => Value::Integer(number),
            Err(_) => {
                findings.note(at, pointer, format!("the integer {number} is too large"), "64 bits hold it at most");
                Value::Integer(0)
            }
        },
        DeValue::Float(number) => Value::Float(number.as_str().parse().unwrap_or(f64::NAN)),
        DeValue::Boolean(truth) => Value::Boolean(truth),
        DeValue::Datetime(date) => Value::Datetime(date.to_string()),
        DeValue::Array(items) => {
            let items = items.into_iter().enumerate();
            Value::List(items.map(|(i, item)| node(item, &below(pointer, i.to_string()), findings)).collect())
        }
        DeValue::Table(table) => entries(table, pointer, findings),
    };
    Node { at, value }
}
