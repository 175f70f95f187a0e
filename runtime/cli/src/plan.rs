//! `bailiwick plan`: the tasks of a goal, and whom each would be offered to. Nothing is started.

use std::collections::BTreeSet;

use bailiwick::{
    Bailiwick, Handlers,
    actors::agents::AgentError,
    protocols::Output,
    team_file::{Problems, TeamFile},
};

use crate::{
    args::PlanArgs,
    exit::{Exit, Stop},
    stdout, team,
};

/// Prints the plan.
///
/// # Errors
/// With exit 2 if the team file has problems, or the goal would not be accepted.
pub(crate) fn plan(args: &PlanArgs) -> Result<Exit, Stop> {
    let load = || -> Result<_, Problems> {
        let team = TeamFile::load(&args.team, &args.inputs())?;
        let builder = Bailiwick::from_team(&team, &stand_ins(&team))?;
        Ok((team.goal, builder))
    };
    let (goal, builder) = load().map_err(|problems| team::unsound(&args.team, &problems))?;
    let preview = builder
        .preview(&goal)
        .map_err(|why| Stop::usage(format!("there is no plan: {why}"), "mend the goal in the team file"))?;
    stdout::write(&if args.json { format!("{:#}", preview.to_json()) } else { preview.to_string() })?;
    Ok(Exit::Done)
}

/// Stands in for code that only another program has: it is chosen by what the file says of it, and never runs.
fn stand_ins(team: &TeamFile) -> Handlers {
    let handlers = team.handlers_needed().fold(Handlers::new(), |handlers, name| {
        handlers.agent_fn(name, |_| async { Err::<Output, _>(AgentError::new("this is a plan")) })
    });
    let functions: BTreeSet<_> = team.functions_needed().collect();
    functions
        .into_iter()
        .fold(handlers, |handlers, name| handlers.verifier(bailiwick::prelude::verify_fn(name, |_| false)))
}
