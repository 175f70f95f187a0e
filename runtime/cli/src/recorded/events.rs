//! `bailiwick events`: the stream of a goal, from any place on, also while it grows.

use std::{
    io::{self, ErrorKind, Write},
    sync::Arc,
    thread::sleep,
    time::Duration,
};

use bailiwick::{
    Standing,
    actors::audit_log::journal::Reading,
    event_line::{describe, event_line},
    protocols::{Recorded, Stream},
};

use super::place;
use crate::{
    args::EventsArgs,
    exit::{Exit, Stop},
};

/// How often a growing journal is looked at.
const LOOK: Duration = Duration::from_millis(100);

/// Prints them.
///
/// # Errors
/// If there is no such goal, or the journal cannot be read any more.
pub(crate) fn events(args: &EventsArgs) -> Result<Exit, Stop> {
    let found = place::find(&args.goal.journal, &args.goal.goal)?;
    let mut seen = found.journal.events.last().map_or(0, |last| last.seq);
    let mut last = found.own.last().cloned();
    let wanted = |event: &&Arc<Recorded>| event.ver >= args.from;
    let mut reads = print(args, found.own.iter().filter(wanted))?;
    let over = |last: &Option<Arc<Recorded>>| {
        last.as_ref().is_some_and(|last| matches!(Standing::of(&last.event, true), Standing::Ended | Standing::Parked))
    };
    while args.follow && reads && !over(&last) {
        #[allow(clippy::disallowed_methods, reason = "another process writes the file: there is nothing to await")]
        sleep(LOOK);
        let more = found.journal.reader.read(Reading::After(seen)).map_err(|why| place::stop(&why))?;
        seen = more.last().map_or(seen, |last| last.seq);
        let own: Vec<_> = more.into_iter().filter(|event| event.stream == Stream::Goal(found.goal)).collect();
        reads = print(args, own.iter().filter(wanted))?;
        last = own.last().cloned().or(last);
    }
    Ok(found.journal.exit())
}

/// Whether somebody still reads.
fn print<'a>(args: &EventsArgs, events: impl Iterator<Item = &'a Arc<Recorded>>) -> Result<bool, Stop> {
    let mut out = io::stdout().lock();
    let write = || {
        for event in events {
            let line = if args.jsonl { event_line(event).to_string() } else { describe(event) };
            writeln!(out, "{line}")?;
        }
        out.flush()
    };
    match write() {
        Ok(()) => Ok(true),
        Err(why) if why.kind() == ErrorKind::BrokenPipe => Ok(false),
        Err(why) => Err(Stop::failed(
            format!("stdout could not be written: {why}"),
            "free some space, or send it somewhere else",
        )),
    }
}
