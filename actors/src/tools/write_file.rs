//! Writes text files below one folder: `{"path": "out/report.md", "content": "..", "append": false}`.

use std::{
    io::{self, Write},
    path::Path,
    sync::atomic::{AtomicU64, Ordering},
};

use cap_std::fs::{Dir, OpenOptions};
use serde_json::{Map, Value, json};

use super::{
    Need, Tool,
    folder::{Folder, invalid, on_disk, open_file, text},
};

/// How large a file may become: 1 MB.
pub const WRITE_BYTES_MAX: u64 = 1_000_000;

/// Numbers the files that are not yet in their place.
static PARTS: AtomicU64 = AtomicU64::new(0);

/// The tool `write_file`: needs `fs.write:<root>/<path>`, makes missing folders, answers with the file's `bytes`.
///
/// A file is replaced at once or not at all; `append` adds to its end.
#[derive(Clone, Debug)]
pub struct WriteFile {
    name: String,
    folder: Folder,
    max_bytes: u64,
}

impl WriteFile {
    /// Writes below `folder`, which permissions call `root`: `below("out", "build")` writes `a/b.md` for
    /// `fs.write:out/a/*`.
    ///
    /// # Errors
    /// If the folder cannot be opened, or `root` is no plain path.
    pub fn below(root: impl Into<String>, folder: impl AsRef<Path>) -> io::Result<Self> {
        let folder = Folder::open(root.into(), folder.as_ref())?;
        Ok(Self { name: "write_file".to_owned(), folder, max_bytes: WRITE_BYTES_MAX })
    }

    /// Gives it another name than `write_file`, for a team with several roots.
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Sets how large a file may become, in bytes (1 MB).
    pub fn max_bytes(mut self, bytes: u64) -> Self {
        self.max_bytes = bytes;
        self
    }
}

impl Tool for WriteFile {
    fn name(&self) -> &str {
        &self.name
    }

    fn needs(&self, args: &Map<String, Value>) -> Result<Need, String> {
        appends(args)?;
        let content = text(args, "content")?;
        if content.len() as u64 > self.max_bytes {
            return Err(format!("`content` has {} bytes; a file may have {}", content.len(), self.max_bytes));
        }
        self.folder.need("write", args)
    }

    async fn run(&self, args: Map<String, Value>) -> Result<Value, String> {
        let (path, content) = (text(&args, "path")?.to_owned(), text(&args, "content")?.to_owned());
        let (folder, max, append, inside) = (self.folder.clone(), self.max_bytes, appends(&args)?, path.clone());
        let bytes = on_disk(&path, move || {
            let (dir, name) = folder.enter(&inside, true)?;
            if append { extend(&dir, &name, &content, max) } else { replace(&dir, &name, &content) }
        })
        .await?;
        Ok(json!({ "bytes": bytes }))
    }
}

fn appends(args: &Map<String, Value>) -> Result<bool, String> {
    match args.get("append") {
        None | Some(Value::Null) => Ok(false),
        Some(Value::Bool(append)) => Ok(*append),
        Some(_) => Err("`append` is not true or false".to_owned()),
    }
}

fn extend(dir: &Dir, name: &str, content: &str, max: u64) -> io::Result<u64> {
    let mut file = open_file(dir, name, OpenOptions::new().append(true).create(true))?;
    let bytes = file.metadata()?.len().saturating_add(content.len() as u64);
    if bytes > max {
        return Err(invalid(format!("it would have {bytes} bytes; a file may have {max}")));
    }
    file.write_all(content.as_bytes())?;
    Ok(bytes)
}

/// Writes beside the file and moves it there: a reader sees all of it or what was before, and a link in its place is
/// never written through.
fn replace(dir: &Dir, name: &str, content: &str) -> io::Result<u64> {
    match dir.symlink_metadata(name) {
        Ok(there) if !there.is_file() => return Err(invalid("it is not a regular file".to_owned())),
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let part = format!(".bailiwick-{}-{}.part", std::process::id(), PARTS.fetch_add(1, Ordering::Relaxed));
    let written = open_file(dir, &part, OpenOptions::new().write(true).create_new(true)).and_then(|mut file| {
        file.write_all(content.as_bytes())?;
        file.sync_all()?;
        dir.rename(&part, dir, name)
    });
    if let Err(error) = written {
        // What was not moved must not stay; if even that fails, the first error tells more.
        let _ = dir.remove_file(&part);
        return Err(error);
    }
    Ok(content.len() as u64)
}
