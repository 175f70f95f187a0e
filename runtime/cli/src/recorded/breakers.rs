//! `bailiwick breakers`: which are not closed, and how to close them.

use std::{thread::sleep, time::Duration};

use bailiwick::{
    history,
    protocols::{AgentFact, AgentName, Event, RuntimeEvent, Stream},
    report::BreakerStanding,
};
use bailiwick_journal::Command;
use serde_json::json;

use super::{
    place::{self, Journal},
    resume, trust,
};
use crate::{
    args::{BreakersArgs, ReleaseArgs},
    exit::{Exit, Stop},
    paint, stdout,
};

/// How long a living owner may take to hear: 5 s.
const HEARS: u32 = 100;
const LOOK: Duration = Duration::from_millis(50);

/// Who wants it, in what is recorded.
pub(super) const BY: &str = "the command line";

/// Prints them for each journal.
///
/// # Errors
/// If a journal that was named cannot be read.
pub(crate) fn breakers(args: &BreakersArgs) -> Result<Exit, Stop> {
    let mut exit = Exit::Done;
    let (mut told, mut lines) = (Vec::new(), Vec::new());
    for journal in place::all(&args.journal)? {
        let team = trust::team_name(&journal);
        for BreakerStanding { agent, capability, state } in history::breakers(&journal.events) {
            let whose = capability.as_ref().map_or("the whole agent".to_owned(), ToString::to_string);
            lines.push(format!("{team}  {agent}  {whose}  {}", state.as_str().replace('_', " ")));
            told.push(json!({
                "team": team, "agent": agent.to_string(), "capability": capability.map(|name| name.to_string()),
                "state": state.as_str(),
            }));
        }
        exit = if journal.exit() == Exit::Done { exit } else { Exit::Failed };
    }
    if args.json {
        stdout::write(&format!("{:#}", json!({ "version": 1, "breakers": told })))?;
    } else if lines.is_empty() {
        paint::say("all breakers are closed");
    } else {
        stdout::write(&lines.join("\n"))?;
    }
    Ok(exit)
}

/// Closes the breakers of an agent: by its living owner, or by taking the journal.
///
/// # Errors
/// If no journal knows the agent, or more than one does.
pub(crate) fn release(args: &ReleaseArgs) -> Result<Exit, Stop> {
    let agent = AgentName::new(&args.agent);
    let knows = |journal: &Journal| {
        journal.events.iter().any(|event| {
            matches!(&event.event, Event::Runtime(RuntimeEvent::AgentAdded { agent: known, .. }) if *known == agent)
        })
    };
    let mut found: Vec<Journal> = place::all(&args.journal)?.into_iter().filter(knows).collect();
    let journal = match found.len() {
        1 => found.remove(0),
        0 => return Err(Stop::usage(format!("no journal knows an agent `{agent}`"), "`bailiwick trust` lists them")),
        more => {
            let what = format!("{more} journals know an agent `{agent}`");
            return Err(Stop::usage(what, "name one of them: `--journal FILE`"));
        }
    };
    let command = Command::Release { agent: agent.clone(), by: BY.to_owned() };
    tell_owner(&journal, &command, || false)?;
    let events = journal.reader.readable(bailiwick::actors::audit_log::journal::Reading::All).0;
    let released = |event: &&std::sync::Arc<bailiwick::protocols::Recorded>| {
        matches!(&event.stream, Stream::Agent { agent: whose, .. } if *whose == agent)
            && matches!(event.event, Event::Agent(AgentFact::Released { .. }))
    };
    if events.iter().filter(released).count() > journal.events.iter().filter(released).count() {
        paint::say(&format!("the breakers of {agent} are closed"));
    } else {
        paint::say(&format!("noted: the breakers of {agent} are closed as soon as the team runs again"));
    }
    Ok(Exit::Done)
}

/// Leaves a command for the journal's owner and waits until it is carried out. Without one, the team is started for it
/// and its goals are left alone; a team that is made in code hears it when it starts the next time.
///
/// # Errors
/// If the journal cannot be written, or the owner does not hear.
pub(super) fn tell_owner(journal: &Journal, command: &Command, is_done: impl Fn() -> bool) -> Result<(), Stop> {
    let number = journal.reader.send(command).map_err(|why| place::stop(&why))?;
    let taken = || is_done() || journal.reader.is_taken(number).unwrap_or(true);
    if let Some(owner) = journal.reader.owner() {
        for _ in 0..HEARS {
            if taken() {
                return Ok(());
            }
            if journal.reader.owner().is_none() {
                break;
            }
            #[allow(clippy::disallowed_methods, reason = "another process writes the file: there is nothing to await")]
            sleep(LOOK);
        }
        if journal.reader.owner().is_none() {
            return if taken() { Ok(()) } else { resume::while_it_runs(journal, taken) };
        }
        let what = format!("{owner} has not heard yet: the command waits in {}", journal.path().display());
        return Err(Stop::failed(what, "look again with `bailiwick runs`"));
    }
    resume::while_it_runs(journal, taken)
}
