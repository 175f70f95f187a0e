//! `bailiwick resume`: a goal goes on where its journal ends. The team file is not needed: the journal holds it.

use std::time::Duration;

use bailiwick::{Builder, Standing, history, team_file::TeamFile};
use tokio::time::sleep;

use super::place::{self, Found, Journal};
use crate::{
    args::ResumeArgs,
    exit::{Exit, Stop},
    otlp::Otlp,
    paint,
    run::{self, Done, Kept},
    team,
};

/// How long a team that is started for a command alone may take to hear it: 5 s.
const HEARS: u32 = 100;
const LOOK: Duration = Duration::from_millis(50);

/// Takes the goal up, or prints what it became.
///
/// # Errors
/// If there is no such goal, a living process has it, or its team cannot be started any more.
pub(crate) async fn resume(args: ResumeArgs, otlp: &mut Otlp) -> Result<Done, Stop> {
    let found = place::find(&args.goal.journal, &args.goal.goal)?;
    if let Some(damage) = &found.journal.damage {
        return Err(place::stop(damage));
    }
    let report = found.report();
    if found.standing() == Standing::Ended {
        let exit = Exit::of(report.outcome());
        return Ok(Done::of(report, exit, args.json));
    }
    if let Some(owner) = found.journal.reader.owner() {
        let what = format!("goal {} is in the hands of {owner}", found.goal);
        let next = format!("`bailiwick events {} --follow` watches it; `bailiwick cancel` ends it", found.goal);
        return Err(Stop::failed(what, next));
    }
    let Found { journal, goal, .. } = found;
    let builder = builder(&journal, Some(goal))?;
    otlp.start(args.otlp)?;
    let path = journal.path().to_owned();
    drop(journal);
    let own = place::own(&path)?;
    let builder = builder.journal(own).hold_open_goals();
    run::resume(builder, goal, Kept { path }, args.json, otlp).await
}

/// The team as the journal holds it: the one the goal ran in, or the last one.
fn builder(journal: &Journal, goal: Option<bailiwick::protocols::GoalId>) -> Result<Builder, Stop> {
    let stated = match goal {
        Some(goal) => history::team_of(&journal.events, goal),
        None => history::last_team(&journal.events),
    };
    let stated = stated.ok_or_else(|| {
        let what = format!("{} is of a team that is made in code", journal.path().display());
        Stop::usage(what, "resume it from its own program, with `Bailiwick::resume`")
    })?;
    let recorded = TeamFile::recorded(stated).and_then(|team| {
        team.without_code()?;
        team::builder(&team)
    });
    recorded.map_err(|problems| {
        let what = format!("the team cannot be started as the journal holds it\n\n{problems}\n");
        Stop::usage(what, "put back what is missing; nothing was started")
    })
}

/// Runs the journal's team without any of its goals until `done`, so that it carries a command out.
///
/// # Errors
/// If it cannot be started, or does not hear.
pub(super) fn while_it_runs(journal: &Journal, done: impl Fn() -> bool) -> Result<(), Stop> {
    let Ok(builder) = builder(journal, None) else {
        paint::say("its team cannot be started here: the command waits for whoever starts it");
        return Ok(());
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|why| Stop::failed(format!("no thread can be started: {why}"), "free some memory or threads"))?;
    let own = place::own(journal.path())?;
    runtime.block_on(async {
        let bailiwick = builder.journal(own).hold_open_goals().start().await.map_err(Stop::bug)?;
        let mut heard = false;
        for _ in 0..HEARS {
            sleep(LOOK).await;
            if done() {
                heard = true;
                break;
            }
        }
        // A goal that is being canceled comes to its end; the others were never begun.
        let ended = bailiwick.park(Duration::from_secs(3)).await;
        match (heard, ended) {
            (true, Ok(())) => Ok(()),
            (_, Err(why)) => Err(Stop::failed(why.to_string(), "nothing else was changed")),
            (false, Ok(())) => Err(Stop::failed("the command was not carried out", "try it again")),
        }
    })
}
