//! Reads text files below one folder: `{"path": "src/lib.rs", "max_bytes": 1000}`.

use std::{io::Read, path::Path};

use cap_std::fs::OpenOptions;
use serde_json::{Map, Value, json};

use super::{
    Need, Tool,
    folder::{Folder, on_disk, open_file, text},
};

/// How much of a file is read at most: 1 MB.
pub const READ_BYTES_MAX: u64 = 1_000_000;

/// The tool `read_file`: needs `fs.read:<root>/<path>`, answers with `content`, `bytes` and whether it was `truncated`.
#[derive(Clone, Debug)]
pub struct ReadFile {
    name: String,
    folder: Folder,
    max_bytes: u64,
}

impl ReadFile {
    /// Reads below `folder`, which permissions call `root`: `below("repo", ".")` reads `src/lib.rs` for
    /// `fs.read:repo/src/*`.
    ///
    /// # Errors
    /// If the folder cannot be opened, or `root` is no plain path.
    pub fn below(root: impl Into<String>, folder: impl AsRef<Path>) -> std::io::Result<Self> {
        let folder = Folder::open(root.into(), folder.as_ref())?;
        Ok(Self { name: "read_file".to_owned(), folder, max_bytes: READ_BYTES_MAX })
    }

    /// Gives it another name than `read_file`, for a team with several roots.
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Sets how much of a file is read at most, in bytes (1 MB).
    pub fn max_bytes(mut self, bytes: u64) -> Self {
        self.max_bytes = bytes;
        self
    }
}

impl Tool for ReadFile {
    fn name(&self) -> &str {
        &self.name
    }

    fn needs(&self, args: &Map<String, Value>) -> Result<Need, String> {
        most(args, self.max_bytes)?;
        self.folder.need("read", args)
    }

    async fn run(&self, args: Map<String, Value>) -> Result<Value, String> {
        let path = text(&args, "path")?.to_owned();
        let (folder, max, inside) = (self.folder.clone(), most(&args, self.max_bytes)?, path.clone());
        let bytes = on_disk(&path, move || {
            let (dir, name) = folder.enter(&inside, false)?;
            let file = open_file(&dir, &name, OpenOptions::new().read(true))?;
            let mut bytes = Vec::new();
            file.take(max.saturating_add(1)).read_to_end(&mut bytes)?;
            Ok(bytes)
        })
        .await?;
        let (content, truncated) = cut(bytes, max).map_err(|why| format!("{path}: {why}"))?;
        Ok(json!({ "bytes": content.len(), "content": content, "truncated": truncated }))
    }
}

fn most(args: &Map<String, Value>, limit: u64) -> Result<u64, String> {
    match args.get("max_bytes") {
        None | Some(Value::Null) => Ok(limit),
        Some(wanted) => match wanted.as_u64() {
            Some(wanted) => Ok(wanted.min(limit)),
            None => Err("`max_bytes` is not a whole number, 0 or more".to_owned()),
        },
    }
}

/// The text, cut at a character, and whether it was cut.
fn cut(mut bytes: Vec<u8>, max: u64) -> Result<(String, bool), &'static str> {
    let truncated = bytes.len() as u64 > max;
    bytes.truncate(usize::try_from(max).unwrap_or(usize::MAX));
    match String::from_utf8(bytes) {
        Ok(text) => Ok((text, truncated)),
        Err(error) if truncated && error.utf8_error().error_len().is_none() => {
            let whole = error.utf8_error().valid_up_to();
            let mut bytes = error.into_bytes();
            bytes.truncate(whole);
            Ok((String::from_utf8(bytes).unwrap_or_default(), true))
        }
        Err(_) => Err("it is not UTF-8 text"),
    }
}
