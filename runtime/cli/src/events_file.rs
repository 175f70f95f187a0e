//! `--events FILE`: each event is in the file before the next one is looked at.
//!
//! A thread of its own writes, for a file may be a pipe that nobody reads, and the goal is not to wait for it.

use std::{
    fs::File,
    io::{self, Write},
    path::{Path, PathBuf},
    sync::{Arc, mpsc},
};

use bailiwick::{event_line::event_line, protocols::Recorded};
use tokio::sync::oneshot;

use crate::exit::Stop;

/// Where the events of the goal go.
pub(crate) struct EventsFile {
    path: PathBuf,
    events: mpsc::Sender<Arc<Recorded>>,
    written: oneshot::Receiver<io::Result<()>>,
}

impl EventsFile {
    /// Empties the file, or creates it.
    ///
    /// # Errors
    /// If it cannot be written, or is the team file itself.
    pub(crate) fn create(path: &Path, team: &Path) -> Result<Self, Stop> {
        let same = |a: &Path, b: &Path| a.canonicalize().ok().is_some_and(|a| b.canonicalize().is_ok_and(|b| a == b));
        if same(path, team) {
            return Err(Stop::usage("`--events` names the team file", "name another file: it would be overwritten"));
        }
        let file = File::create(path).map_err(|why| {
            let what = format!("the events cannot be written to {}: {why}", path.display());
            Stop::usage(what, "name a file in a folder that exists and can be written; nothing was started")
        })?;
        #[allow(clippy::disallowed_methods, reason = "it holds pointers to what one goal's log holds anyway")]
        let (events, coming) = mpsc::channel();
        let (done, written) = oneshot::channel();
        let thread = std::thread::Builder::new().name("events".to_owned());
        thread
            .spawn(move || done.send(copy(coming, file)))
            .map_err(|why| Stop::failed(format!("no thread can be started: {why}"), "free some memory or threads"))?;
        Ok(Self { path: path.to_owned(), events, written })
    }

    /// Hands over an event.
    pub(crate) fn put(&self, event: &Arc<Recorded>) {
        // A writer that has gone left its reason behind for `finish`.
        let _ = self.events.send(event.clone());
    }

    /// Waits until all events are in the file.
    ///
    /// # Errors
    /// If the file is incomplete.
    pub(crate) async fn finish(self) -> Result<(), Stop> {
        drop(self.events);
        let written = self.written.await.unwrap_or_else(|_| Err(io::Error::other("its writer has gone")));
        written.map_err(|why| {
            let what = format!("{} is incomplete: {why}", self.path.display());
            Stop::failed(what, "make room or name another file; the goal itself was not disturbed")
        })
    }
}

fn copy(events: mpsc::Receiver<Arc<Recorded>>, mut file: impl Write) -> io::Result<()> {
    for event in events {
        // One write a line: whoever reads along never sees half of one.
        let line = format!("{}\n", event_line(&event));
        file.write_all(line.as_bytes())?;
        file.flush()?;
    }
    Ok(())
}
