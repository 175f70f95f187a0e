//! What SQLite and the file system say, in the words of a journal.

use std::{io, path::Path};

use bailiwick_actors::audit_log::journal::JournalError;
use rusqlite::ErrorCode;

/// A failure of SQLite on this file.
pub(crate) fn of_sqlite(path: &Path, error: &rusqlite::Error) -> JournalError {
    let said = format!("{}: {error}", path.display());
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => JournalError::Full(said),
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => JournalError::ReadOnly(said),
        Some(ErrorCode::SystemIoFailure) if is_about_writing(error) => JournalError::ReadOnly(said),
        Some(ErrorCode::NotADatabase) => JournalError::Other(format!("{} is not a journal", path.display())),
        Some(ErrorCode::DatabaseCorrupt) => {
            JournalError::Other(format!("{said}: the file is damaged; `bailiwick audit verify` says from where on"))
        }
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            JournalError::Other(format!("{said}: another process holds it; try again"))
        }
        _ => JournalError::Other(said),
    }
}

/// Whether the system refused to write, rather than to read.
fn is_about_writing(error: &rusqlite::Error) -> bool {
    use rusqlite::ffi;
    let writing = [
        ffi::SQLITE_IOERR_WRITE,
        ffi::SQLITE_IOERR_FSYNC,
        ffi::SQLITE_IOERR_DIR_FSYNC,
        ffi::SQLITE_IOERR_TRUNCATE,
        ffi::SQLITE_IOERR_SHMSIZE,
    ];
    error.sqlite_extended_error_code().is_some_and(|code| writing.contains(&code))
}

/// A failure of the file system on this file.
pub(crate) fn of_io(path: &Path, error: &io::Error) -> JournalError {
    let said = format!("{}: {error}", path.display());
    match error.kind() {
        io::ErrorKind::StorageFull => JournalError::Full(said),
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::FileTooLarge => {
            JournalError::ReadOnly(said)
        }
        _ => JournalError::Other(said),
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::{Connection, OpenFlags};

    use super::*;

    #[test]
    fn a_file_that_may_only_be_read_is_told_as_that() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("team.db");
        Connection::open(&path).unwrap().execute_batch("CREATE TABLE events (seq)").unwrap();
        let sqlite = Connection::open_with_flags(&path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();

        let error = sqlite.execute("INSERT INTO events VALUES (1)", []).unwrap_err();
        let denied = io::Error::from(io::ErrorKind::PermissionDenied);

        assert!(matches!(of_sqlite(&path, &error), JournalError::ReadOnly(_)), "{error}");
        assert!(matches!(of_io(&path, &denied), JournalError::ReadOnly(_)), "{denied}");
    }
}
