//! Where Bailiwick's log is kept: one SQLite file that survives its process, and that the `sqlite3` shell can read.
//!
//! [`SqliteJournal`] is the owner's side: one writer thread, every commit on the disk before it is acknowledged.
//! [`JournalReader`] is everybody else's: it reads beside a living owner, and puts commands into the owner's inbox.
//! Each record carries a hash over itself and the one before, so that a changed byte is found on reading. Nothing here
//! repairs: a damaged file is told of and left as it is.
//!
//! Back up a journal, also one in use, with `sqlite3 FILE ".backup COPY"`.

#![allow(clippy::disallowed_methods, reason = "a disk has no virtual time: its one writer thread blocks and waits")]

mod chain;
mod errors;
mod live;
mod lock;
mod payload;
mod reader;
mod retention;
mod rows;
mod schema;
mod snapshots;
mod sqlite;
mod writer;

pub use bailiwick_actors::audit_log::journal::{Command, JournalError};
pub use payload::INLINE_MAX;
pub use reader::{JournalReader, Removed, Verified};
pub use schema::SCHEMA;
pub use sqlite::SqliteJournal;
