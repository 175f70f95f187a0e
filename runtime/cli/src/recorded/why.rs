//! `bailiwick why`: why a task went as it went, on one page.

use bailiwick::history;

use super::place;
use crate::{
    args::WhyArgs,
    exit::{Exit, Stop},
    stdout,
};

/// Prints the page.
///
/// # Errors
/// If there is no such goal or task.
pub(crate) fn why(args: &WhyArgs) -> Result<Exit, Stop> {
    let found = place::find(&args.goal.journal, &args.goal.goal)?;
    let Some(lines) = history::why(&found.journal.events, found.goal, &args.task.as_str().into()) else {
        let tasks: Vec<String> = found.report().tasks.iter().map(|task| task.id.to_string()).collect();
        let next = format!("it has {}", if tasks.is_empty() { "no tasks yet".to_owned() } else { tasks.join(", ") });
        return Err(Stop::usage(format!("the goal has no task `{}`", args.task), next));
    };
    stdout::write(&lines.join("\n"))?;
    Ok(found.journal.exit())
}
