//! One owner at a time, by a lock of the operating system: it dies with its process, however that ends.
//!
//! The lock lies on a file beside the journal, because SQLite has locks of its own on the journal itself. What stands in
//! that file is for people; only the lock counts. Whoever deletes the file has two owners: the older one is then stopped
//! by the journal's epoch.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{self, Read, Seek, Write},
    path::{Path, PathBuf},
    thread::sleep,
    time::Duration,
};

use bailiwick_actors::audit_log::journal::JournalError;

use crate::errors;

/// How often and how long a taken lock is tried again: its owner may just be dying, or somebody may just be looking.
const TRIES: u32 = 40;
const PAUSE: Duration = Duration::from_millis(10);

/// The ownership of a journal; given back when dropped.
#[derive(Debug)]
pub(crate) struct Ownership {
    _file: File,
}

fn lock_file(journal: &Path) -> PathBuf {
    let mut name = journal.as_os_str().to_owned();
    name.push(".lock");
    name.into()
}

impl Ownership {
    /// Takes the journal.
    ///
    /// # Errors
    /// [`JournalError::Owned`] if a living process has it.
    pub(crate) fn take(journal: &Path) -> Result<Self, JournalError> {
        let path = lock_file(journal);
        let wrong = |error: &io::Error| errors::of_io(&path, error);
        let options = || OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
        let mut file = options().map_err(|error| wrong(&error))?;
        for tried in 0.. {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if tried < TRIES => sleep(PAUSE),
                Err(TryLockError::WouldBlock) => {
                    let owner = read(&mut file);
                    return Err(JournalError::Owned { journal: journal.display().to_string(), owner });
                }
                Err(TryLockError::Error(error)) => return Err(wrong(&error)),
            }
        }
        let program = std::env::current_exe().ok();
        let program =
            program.as_deref().and_then(Path::file_name).map_or("a program".into(), |name| name.to_string_lossy());
        let owner = format!("{program}, process {}\n", std::process::id());
        let written = file.set_len(0).and_then(|()| file.rewind()).and_then(|()| file.write_all(owner.as_bytes()));
        written.map_err(|error| wrong(&error))?;
        Ok(Self { _file: file })
    }

    /// The living owner of a journal, for people; `None` if there is none.
    pub(crate) fn owner(journal: &Path) -> Option<String> {
        let mut file = File::open(lock_file(journal)).ok()?;
        match file.try_lock_shared() {
            Err(TryLockError::WouldBlock) => Some(read(&mut file)),
            // Free, or nobody can tell: the lock just taken goes with the file.
            _ => None,
        }
    }
}

fn read(file: &mut File) -> String {
    let mut owner = String::new();
    let said = file.rewind().and_then(|()| file.read_to_string(&mut owner));
    match owner.trim() {
        "" => "a living process".to_owned(),
        _ if said.is_err() => "a living process".to_owned(),
        owner => owner.to_owned(),
    }
}
