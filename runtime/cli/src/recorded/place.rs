//! Where journals lie: the file that was named, or one for each team in the folder for data.

use std::{
    env, fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use bailiwick::{
    GoalReport, Standing,
    actors::audit_log::journal::Reading,
    history,
    protocols::{GoalId, Recorded, Stream},
};
use bailiwick_journal::{JournalError, JournalReader, Removed, SqliteJournal};

use crate::{
    args::JournalArgs,
    exit::{Exit, Stop},
    paint,
};

/// The folder for data, where there is one: `$XDG_DATA_HOME`, else `~/.local/share`, also where HOME is not set and
/// only the system knows the user's home.
fn data() -> Option<PathBuf> {
    let absolute = |path: &PathBuf| path.is_absolute();
    let named = env::var_os("XDG_DATA_HOME").map(PathBuf::from).filter(absolute);
    let data = named.or_else(|| Some(env::home_dir().filter(absolute)?.join(".local/share")))?;
    Some(data.join("bailiwick"))
}

/// The journal of a team: the one that was named, or its own in the folder for data.
///
/// # Errors
/// If there is no such folder, or it cannot be made.
pub(crate) fn of_team(args: &JournalArgs, team: &str) -> Result<PathBuf, Stop> {
    if let Some(named) = &args.journal {
        return Ok(named.clone());
    }
    let next = "name a place for it with `--journal FILE`; nothing was started";
    let folder = data().ok_or_else(|| Stop::usage("there is no home for the journal: HOME is not set", next))?;
    fs::create_dir_all(&folder).map_err(|why| {
        Stop::usage(format!("the journal has no place: {} cannot be made: {why}", folder.display()), next)
    })?;
    Ok(folder.join(format!("{team}.db")))
}

/// Takes a journal for this process.
///
/// # Errors
/// If a living process has it, or it cannot be used.
pub(crate) fn own(path: &Path) -> Result<SqliteJournal, Stop> {
    SqliteJournal::open(path).map_err(|why| stop(&why))
}

/// Whether it is the default journal of a team, which needs not be named.
pub(crate) fn is_default(path: &Path) -> bool {
    let folder = |path: &Path| path.parent().and_then(|folder| folder.canonicalize().ok());
    data().and_then(|data| data.canonicalize().ok()).is_some_and(|data| folder(path) == Some(data))
}

/// What resumes a goal.
pub(crate) fn resume_command(goal: GoalId, journal: &Path) -> String {
    if is_default(journal) {
        return format!("bailiwick resume {goal}");
    }
    let path = journal.canonicalize().unwrap_or_else(|_| journal.to_owned());
    let path = path.display().to_string();
    let plain = path.chars().all(|c| c.is_alphanumeric() || "/._-+=@:,".contains(c));
    let path = if plain { path } else { format!("'{}'", path.replace('\'', r"'\''")) };
    format!("bailiwick resume {goal} --journal {path}")
}

/// What to do about a record that only a later version knows.
const NEWER: &str = "use the version of bailiwick that wrote it; nothing was changed";

/// What to do about a journal of which not everything can be read.
pub(crate) fn mend(why: &JournalError) -> &'static str {
    match why {
        JournalError::Unreadable { .. } => NEWER,
        _ => "restore a backup; nothing in it was changed",
    }
}

/// What a journal says, as the end of the program.
pub(crate) fn stop(why: &JournalError) -> Stop {
    let said = why.to_string();
    match why {
        JournalError::Owned { .. } => {
            Stop::failed(said, "wait for it, or name another place with `--journal FILE`; nothing was started")
        }
        JournalError::Damaged { .. } => Stop::failed(
            said,
            "what comes before is sound: `bailiwick events GOAL_ID` shows it; restore a backup, or name another file",
        ),
        JournalError::Full(_) => Stop::failed(
            said,
            "make room: everything that was acknowledged is kept; then `bailiwick runs` and `resume`",
        ),
        JournalError::ReadOnly(_) => Stop::failed(
            said,
            "make it writable, or make room if a quota is used up: everything that was acknowledged is kept; then \
             `bailiwick runs` and `resume`. Or name another file with `--journal FILE`",
        ),
        JournalError::Newer { .. } => Stop::usage(said, "nothing was changed"),
        JournalError::Unreadable { .. } => Stop::usage(said, NEWER),
        JournalError::Conflict(_) => Stop::failed(said, "the process that took the journal goes on with its goals"),
        _ => Stop::usage(said, "name a journal with `--journal FILE`; `bailiwick audit verify` checks one"),
    }
}

/// A journal that is read.
pub(crate) struct Journal {
    pub(crate) reader: JournalReader,
    /// Everything that can be read.
    pub(crate) events: Vec<Arc<Recorded>>,
    /// Why that is not all, if so.
    pub(crate) damage: Option<JournalError>,
}

impl Journal {
    fn open(path: &Path) -> Result<Self, JournalError> {
        let reader = JournalReader::open(path)?;
        let (events, damage) = reader.readable(Reading::All);
        Ok(Self { reader, events, damage })
    }

    pub(crate) fn path(&self) -> &Path {
        self.reader.path()
    }

    /// The goals that retention removed, as far as that can be read.
    pub(crate) fn removed(&self) -> Vec<Removed> {
        self.reader.removed().unwrap_or_default()
    }

    /// Says on stderr that not all of it can be read. Returns the exit status that this leaves.
    pub(crate) fn exit(&self) -> Exit {
        let Some(damage) = &self.damage else { return Exit::Done };
        let next = format!("what stands before it was shown; for the rest {}", mend(damage));
        paint::error(&format!("{}: {damage}", self.path().display()), &next);
        Exit::Failed
    }
}

/// The journal that was named, or all there are.
///
/// # Errors
/// If the one that was named cannot be read.
pub(crate) fn all(args: &JournalArgs) -> Result<Vec<Journal>, Stop> {
    if let Some(named) = &args.journal {
        return Ok(vec![Journal::open(named).map_err(|why| unreadable(&why))?]);
    }
    let mut found = Vec::new();
    for path in paths(args) {
        match Journal::open(&path) {
            Ok(journal) => found.push(journal),
            // The others can be read; this one is told of.
            Err(why) => paint::error(&why.to_string(), "it was left out"),
        }
    }
    Ok(found)
}

/// The journal files there are.
pub(crate) fn paths(args: &JournalArgs) -> Vec<PathBuf> {
    if let Some(named) = &args.journal {
        return vec![named.clone()];
    }
    let entries = data().and_then(|data| fs::read_dir(data).ok()).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    paths.retain(|path| path.extension().is_some_and(|end| end == "db"));
    paths.sort();
    paths
}

fn unreadable(why: &JournalError) -> Stop {
    match why {
        JournalError::Other(said) => {
            Stop::usage(format!("journal: {said}"), "name a journal that is there: `--journal FILE`")
        }
        why => stop(why),
    }
}

/// A goal in its journal.
pub(crate) struct Found {
    pub(crate) journal: Journal,
    pub(crate) goal: GoalId,
    /// Its own events.
    pub(crate) own: Vec<Arc<Recorded>>,
}

impl Found {
    /// How it stands.
    pub(crate) fn standing(&self) -> Standing {
        let owned = self.journal.reader.owner().is_some();
        self.own.last().map_or(Standing::Interrupted, |last| Standing::of(&last.event, owned))
    }

    /// Its report, with the breakers as the journal has them.
    pub(crate) fn report(&self) -> GoalReport {
        GoalReport::from_events(&self.own, history::breakers(&self.journal.events))
    }
}

/// Finds a goal by its id, or by the beginning of it.
///
/// # Errors
/// If there is none, or more than one.
pub(crate) fn find(args: &JournalArgs, wanted: &str) -> Result<Found, Stop> {
    let list = "`bailiwick runs` lists what there is";
    let wanted = wanted.trim().to_lowercase();
    let mut found: Vec<Found> = Vec::new();
    let mut removed = None;
    for journal in all(args)? {
        let ids = history::goals(&journal.events);
        let is_named = |goal: &GoalId| wanted.len() >= 4 && goal.to_string().starts_with(&wanted);
        let named: Vec<GoalId> = ids.keys().copied().filter(is_named).collect();
        removed = removed.or_else(|| journal.removed().into_iter().find(|removed| is_named(&removed.goal)));
        if let [goal] = named[..] {
            let stream = Stream::Goal(goal);
            let own = journal.events.iter().filter(|event| event.stream == stream).cloned().collect();
            found.push(Found { journal, goal, own });
        } else if named.len() > 1 {
            return Err(Stop::usage(format!("`{wanted}` begins the ids of {} goals", named.len()), list));
        }
    }
    match (found.len(), removed) {
        (0, Some(Removed { goal, at, .. })) => {
            Err(Stop::usage(format!("goal {goal} is no longer kept: retention removed it at {at}"), list))
        }
        (0, None) => Err(Stop::usage(format!("there is no goal {wanted}"), list)),
        (1, _) => Ok(found.remove(0)),
        (more, _) => {
            Err(Stop::usage(format!("`{wanted}` is in {more} journals"), "name one of them: `--journal FILE`"))
        }
    }
}
