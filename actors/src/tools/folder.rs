//! A folder of the outside world that tools may reach into, and nothing beside it.
//!
//! The folder is opened once, and every path is walked from there segment by segment without following a link: what is
//! ruled on is what is opened, whoever renames and relinks meanwhile. A link is refused even where it stays inside,
//! because it leads from one permission into another. Hard links and mounts are beyond what a path can tell.

use std::{io, path::Path, sync::Arc};

use cap_fs_ext::{DirExt, FollowSymlinks, OpenOptionsFollowExt, OpenOptionsSyncExt};
use cap_std::{
    ambient_authority,
    fs::{Dir, File, OpenOptions},
};
use serde_json::{Map, Value};

use super::Need;

/// A folder under the name that permissions know it by.
#[derive(Clone, Debug)]
pub(super) struct Folder {
    root: String,
    dir: Arc<Dir>,
}

impl Folder {
    /// Opens the folder; `root` is what stands before the path in a permission.
    pub fn open(root: String, folder: &Path) -> io::Result<Self> {
        if !is_plain(&root) {
            return Err(invalid(format!("`{root}` cannot be the name of a root: write a plain path, as in repo")));
        }
        let dir = Dir::open_ambient_dir(folder, ambient_authority())?;
        Ok(Self { root, dir: Arc::new(dir) })
    }

    /// The permission a call needs: the path of its argument below the root.
    ///
    /// A way out (`..`, an absolute path) is not mended here: it needs what no mandate holds, so that the supervisor
    /// rules on it and records it.
    pub fn need(&self, verb: &str, args: &Map<String, Value>) -> Result<Need, String> {
        let path = text(args, "path")?;
        if path.is_empty()
            || path.split('/').skip(1).any(|segment| matches!(segment, "" | "."))
            || path.starts_with("./")
        {
            return Err(format!("`{path}` is not a plain path: write it as in src/lib.rs"));
        }
        Ok(Need { resource: "fs".into(), verb: verb.into(), path: format!("{}/{path}", self.root) })
    }

    /// The folder a file stands in, and its name there. With `make`, folders that are missing are made.
    pub fn enter(&self, path: &str, make: bool) -> io::Result<(Dir, String)> {
        if !is_plain(path) {
            return Err(invalid(format!("`{path}` is not a plain path")));
        }
        let (folders, name) = path.rsplit_once('/').unwrap_or(("", path));
        let mut dir = self.dir.try_clone()?;
        for segment in folders.split('/').filter(|segment| !segment.is_empty()) {
            dir = match dir.open_dir_nofollow(segment) {
                Err(error) if make && error.kind() == io::ErrorKind::NotFound => {
                    match dir.create_dir(segment) {
                        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
                        _ => {}
                    }
                    dir.open_dir_nofollow(segment)?
                }
                entered => entered?,
            };
        }
        Ok((dir, name.to_owned()))
    }
}

/// Opens a regular file and nothing else: no link, no pipe that would block, no device.
pub(super) fn open_file(dir: &Dir, name: &str, options: &mut OpenOptions) -> io::Result<File> {
    let file = dir.open_with(name, options.follow(FollowSymlinks::No).nonblock(true))?;
    if !file.metadata()?.is_file() {
        return Err(invalid("it is not a regular file".to_owned()));
    }
    Ok(file)
}

/// A text argument.
pub(super) fn text<'a>(args: &'a Map<String, Value>, name: &str) -> Result<&'a str, String> {
    args.get(name).and_then(Value::as_str).ok_or_else(|| format!("`{name}` is missing or not a text"))
}

/// Runs what touches the disk beside the agents' tasks. What has begun is finished even if its attempt is killed: it is
/// bounded, and half a write would be worse.
pub(super) async fn on_disk<T: Send + 'static>(
    path: &str,
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, String> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done.map_err(|error| format!("{path}: {error}")),
        Err(lost) => Err(format!("{path}: {lost}")),
    }
}

pub(super) fn invalid(message: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, message)
}

fn is_plain(path: &str) -> bool {
    path.split('/').all(|segment| {
        !matches!(segment, "" | "." | "..") && !segment.chars().any(|c| c.is_control() || matches!(c, '\\' | '*'))
    })
}
