//! Reads tables key by key: a key nobody asks for is unknown, and the keys asked for are what can be suggested.

use std::cell::RefCell;

use super::{
    item::Item,
    suggest,
    syntax::{Entry, below},
};

/// A table that is read key by key. What is missing in it, and what nobody asked for, is noted by [`Fields::close`].
#[must_use = "close it, so that missing and unknown keys are noted"]
pub(super) struct Fields<'a> {
    pub(super) item: Item<'a>,
    entries: &'a [Entry],
    asked: RefCell<Vec<&'static str>>,
    later: RefCell<Vec<&'static str>>,
    missing: RefCell<Vec<Missing>>,
}

/// Something the table should have: one of `keys`.
struct Missing {
    keys: Vec<&'static str>,
    pointer: String,
    message: String,
    help: String,
}

impl<'a> Fields<'a> {
    pub(super) fn new(item: Item<'a>, entries: &'a [Entry]) -> Self {
        Self { item, entries, asked: RefCell::default(), later: RefCell::default(), missing: RefCell::default() }
    }

    /// The value of a key, if it is there.
    pub(super) fn get(&self, key: &'static str) -> Option<Item<'a>> {
        self.asked.borrow_mut().push(key);
        self.entries.iter().find(|entry| entry.key == key).map(|entry| self.item.entry(entry))
    }

    /// The value of a key that must be there.
    pub(super) fn need(&self, key: &'static str, help: &str) -> Option<Item<'a>> {
        let found = self.get(key);
        if found.is_none() {
            let (pointer, message) = (below(&self.item.pointer, key), format!("`{key}` is missing"));
            let missing = Missing { keys: vec![key], pointer, message, help: help.to_owned() };
            self.missing.borrow_mut().push(missing);
        }
        found
    }

    /// Says that one of these keys should be there, and none is.
    pub(super) fn lacks(&self, keys: &[&'static str], message: &str, help: &str) {
        let (pointer, message, help) = (self.item.pointer.clone(), message.to_owned(), help.to_owned());
        self.missing.borrow_mut().push(Missing { keys: keys.to_vec(), pointer, message, help });
    }

    /// A key this version knows of and cannot serve: refused, never ignored. Tells whether it is there.
    pub(super) fn later(&self, key: &'static str, instead: &str) -> bool {
        self.later.borrow_mut().push(key);
        let found = self.entries.iter().find(|entry| entry.key == key).map(|entry| self.item.entry(entry));
        if let Some(item) = &found {
            item.refuse(format!("`{key}` is not in this version"), instead);
        }
        found.is_some()
    }

    /// Every key with its value, in the order of the file: for tables whose keys are names.
    pub(super) fn all(self) -> Vec<(&'a str, Item<'a>)> {
        self.entries.iter().map(|entry| (entry.key.as_str(), self.item.entry(entry))).collect()
    }

    /// Notes every key that was not asked for, and what is missing, unless an unknown key is that, mistyped.
    pub(super) fn close(self) {
        let (asked, later, findings) = (self.asked.into_inner(), self.later.into_inner(), self.item.findings);
        #[cfg(test)]
        super::tests::schema::note(&self.item.pointer, &asked);
        let mut meant = Vec::new();
        let known = |key: &str| asked.contains(&key) || later.contains(&key);
        for entry in self.entries.iter().filter(|entry| !known(&entry.key)) {
            let pointer = below(&self.item.pointer, &entry.key);
            let help = suggest::help(&entry.key, asked.iter().copied());
            findings.note(entry.at, &pointer, format!("unknown key `{}`", entry.key), help);
            meant.extend(suggest::nearest(&entry.key, asked.iter().copied()));
        }
        for missing in self.missing.into_inner() {
            if !missing.keys.iter().any(|key| meant.contains(key)) {
                findings.note(self.item.node.at, &missing.pointer, missing.message, missing.help);
            }
        }
    }
}
