//! `bailiwick cancel`: ends a goal, at work or not.

use bailiwick::{Standing, actors::audit_log::journal::Reading, protocols::Stream};
use bailiwick_journal::Command;

use super::{breakers, place};
use crate::{
    args::GoalArgs,
    exit::{Exit, Stop},
    paint,
};

/// Ends it: by its living owner, or by taking the journal.
///
/// # Errors
/// If there is no such goal, or nobody carries it out.
pub(crate) fn cancel(args: &GoalArgs) -> Result<Exit, Stop> {
    let found = place::find(&args.journal, &args.goal)?;
    let goal = found.goal;
    if found.standing() == Standing::Ended {
        paint::say(&format!("goal {goal} has ended already: {}", found.report().outcome_word().replace('_', " ")));
        return Ok(Exit::Done);
    }
    let is_over = || {
        let events = found.journal.reader.readable(Reading::Stream(&Stream::Goal(goal))).0;
        events.last().is_some_and(|last| Standing::of(&last.event, true) == Standing::Ended)
    };
    let command = Command::Cancel { goal, by: breakers::BY.to_owned() };
    breakers::tell_owner(&found.journal, &command, is_over)?;
    match is_over() {
        true => paint::say(&format!("goal {goal} is canceled")),
        false => paint::say(&format!("goal {goal} is being canceled: what runs has 2 s to end")),
    }
    Ok(Exit::Done)
}
