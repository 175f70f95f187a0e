//! What SQLite and the file system say, in the words of a journal.

use std::{io, path::Path};

use bailiwick_actors::audit_log::journal::JournalError;
use rusqlite::{ErrorCode, ffi};

/// A failure of SQLite on this file.
pub(crate) fn of_sqlite(path: &Path, error: &rusqlite::Error) -> JournalError {
    let said = format!("{}: {error}", path.display());
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => JournalError::Full(said),
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => JournalError::ReadOnly(said),
        // The file beside the log could not be made larger.
        Some(ErrorCode::SystemIoFailure) if error.sqlite_extended_error_code() == Some(ffi::SQLITE_IOERR_SHMSIZE) => {
            JournalError::Full(said)
        }
        // A quota is told so too: SQLite says no more.
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
    let writing =
        [ffi::SQLITE_IOERR_WRITE, ffi::SQLITE_IOERR_FSYNC, ffi::SQLITE_IOERR_DIR_FSYNC, ffi::SQLITE_IOERR_TRUNCATE];
    error.sqlite_extended_error_code().is_some_and(|code| writing.contains(&code))
}

/// A failure of the file system on this file.
pub(crate) fn of_io(path: &Path, error: &io::Error) -> JournalError {
    let said = format!("{}: {error}", path.display());
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => JournalError::Full(said),
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

    #[test]
    fn where_nothing_more_fits_there_is_no_room_whoever_says_so() {
        let path = Path::new("team.db");
        let sqlite = |code| of_sqlite(path, &rusqlite::Error::SqliteFailure(ffi::Error::new(code), None));
        let said = [
            sqlite(ffi::SQLITE_FULL),
            sqlite(ffi::SQLITE_IOERR_SHMSIZE),
            of_io(path, &io::ErrorKind::StorageFull.into()),
            of_io(path, &io::ErrorKind::QuotaExceeded.into()),
        ];

        assert!(said.iter().all(|error| matches!(error, JournalError::Full(_))), "{said:?}");
        assert!(
            matches!(sqlite(ffi::SQLITE_IOERR_WRITE), JournalError::ReadOnly(_)),
            "of what kind it is nobody knows"
        );
    }
}
