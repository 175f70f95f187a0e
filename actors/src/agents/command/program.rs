//! Finds the program a command names, and says what to do when it cannot be run.

use std::{
    ffi::OsString,
    fs, io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use bailiwick_protocols::{Code, Failure, Fault};
use rustix::io::Errno;

/// The folder to run in, absolute.
///
/// # Errors
/// If there is no such folder.
pub(super) fn folder(folder: &Path) -> Result<PathBuf, Failure> {
    match std::path::absolute(folder) {
        Ok(folder) if folder.is_dir() => Ok(folder),
        _ => Err(unusable(format!("the folder `{}` to run in does not exist: create it", folder.display()))),
    }
}

/// Finds a program: a name with a slash relative to `folder`, a bare one in the folders of `path`.
///
/// # Errors
/// If there is none, or it may not be executed.
pub(super) fn find(name: &str, folder: &Path, path: Option<OsString>) -> Result<PathBuf, Failure> {
    if name.contains('/') {
        let program = folder.join(name);
        return match look(&program) {
            Found::Program => Ok(program),
            Found::Plain => Err(unusable(format!(
                "`{name}` may not be executed: run `chmod +x {name}` in `{}`, or name its interpreter first",
                folder.display()
            ))),
            Found::Nothing => Err(unusable(format!(
                "there is no program `{name}` in `{}`: correct the path in the command",
                folder.display()
            ))),
        };
    }
    let folders = path.unwrap_or_default();
    std::env::split_paths(&folders)
        // A relative folder of PATH means what it means to the caller's shell: relative to where that stands.
        .filter_map(|entry| std::path::absolute(entry.join(name)).ok())
        .find(|program| !name.is_empty() && matches!(look(program), Found::Program))
        .ok_or_else(|| {
            let hint = match look(&folder.join(name)) {
                Found::Program if !name.is_empty() => format!("write `./{name}` for the one in its folder"),
                _ => "install it or correct its name".to_owned(),
            };
            unusable(format!("there is no program `{name}` in PATH: {hint}"))
        })
}

enum Found {
    Program,
    Plain,
    Nothing,
}

fn look(path: &Path) -> Found {
    match fs::metadata(path) {
        Ok(file) if file.is_file() && file.permissions().mode() & 0o111 != 0 => Found::Program,
        Ok(file) if file.is_file() => Found::Plain,
        _ => Found::Nothing,
    }
}

/// What it means that the system did not start a program that was found.
pub(super) fn not_started(name: &str, error: &io::Error) -> Failure {
    let not_now = |why: &str| {
        let message = format!("`{name}` could not be started now, {why}: {error}");
        Failure::new(Code::Unavailable, Fault::Runtime, message)
    };
    match Errno::from_io_error(error) {
        Some(Errno::AGAIN | Errno::NOMEM | Errno::MFILE | Errno::NFILE) => not_now("the system is full"),
        Some(Errno::TXTBSY) => not_now("it is being written"),
        Some(Errno::NOENT) => unusable(format!(
            "`{name}` cannot be run, the interpreter it names is missing: correct its first line or install it"
        )),
        Some(Errno::NOEXEC) => unusable(format!(
            "`{name}` is no program this system can run: a script needs a first line such as `#!/bin/sh`"
        )),
        Some(Errno::TOOBIG) => unusable(format!(
            "the arguments of `{name}` are too long for this system: read large values from stdin instead"
        )),
        _ => unusable(format!("`{name}` cannot be run, {error}: correct the command")),
    }
}

fn unusable(message: String) -> Failure {
    Failure::agent(message).final_here()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(path: PathBuf, mode: u32) {
        fs::write(&path, "").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn a_bare_name_is_looked_up_in_path_and_never_in_the_folder() {
        let [bin, folder] = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        write(bin.path().join("count"), 0o755);
        write(folder.path().join("local"), 0o755);
        let path = std::env::join_paths([Path::new("/nowhere"), bin.path()]).unwrap();

        let found = find("count", folder.path(), Some(path.clone()));
        let missed = find("local", folder.path(), Some(path));

        assert_eq!(found.unwrap(), bin.path().join("count"));
        assert!(missed.unwrap_err().message.contains("write `./local`"));
    }

    #[test]
    fn what_may_not_be_executed_is_passed_over_in_path() {
        let [first, second] = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        write(first.path().join("count"), 0o644);
        write(second.path().join("count"), 0o755);
        let path = std::env::join_paths([first.path(), second.path()]).unwrap();

        let found = find("count", first.path(), Some(path));

        assert_eq!(found.unwrap(), second.path().join("count"));
    }

    #[test]
    fn a_name_with_a_slash_is_relative_to_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("agents")).unwrap();
        write(folder.path().join("agents/count"), 0o755);

        let found = find("agents/count", folder.path(), None);

        assert_eq!(found.unwrap(), folder.path().join("agents/count"));
        assert!(find("./agents", folder.path(), None).is_err(), "a folder is no program");
        assert!(find("", folder.path(), Some("/bin".into())).is_err());
    }

    #[test]
    fn a_full_system_is_nobodys_fault_and_may_be_tried_again() {
        let failure = not_started("count", &Errno::AGAIN.into());

        assert_eq!((failure.code, failure.fault, failure.retryable), (Code::Unavailable, Fault::Runtime, true));
    }
}
