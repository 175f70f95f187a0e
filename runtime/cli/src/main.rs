//! The program `bailiwick`: runs a team of agents on a goal, and shows beforehand and afterwards what it does.
//!
//! Data goes to stdout and everything else to stderr. Stdout is written last, when nothing can go wrong any more: that
//! is how it stays empty on exit 2 and 70.

mod args;
mod bench;
mod check;
mod completions;
mod events_file;
mod exit;
mod graph;
mod otlp;
mod paint;
mod panics;
mod plan;
mod progress;
mod recorded;
mod run;
mod signals;
mod stdout;
mod team;

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    time::Duration,
};

use crate::{
    args::{AuditCommand, BreakersCommand, Cli, Command, RunsArgs, RunsCommand},
    exit::{Exit, Stop},
    otlp::Otlp,
};

/// How long tasks of the runtime may take to let go of what they hold, programs among it.
const LET_GO: Duration = Duration::from_millis(200);

fn main() {
    panics::keep_quiet();
    let cli = Cli::read();
    let exit = catch_unwind(AssertUnwindSafe(|| dispatch(cli))).unwrap_or_else(|_| Err(Stop::bug("a panic")));
    std::process::exit(told(exit).code().into())
}

/// What it ended with; what went wrong is told.
fn told(end: Result<Exit, Stop>) -> Exit {
    end.unwrap_or_else(|stop| {
        stop.tell();
        stop.exit
    })
}

fn dispatch(cli: Cli) -> Result<Exit, Stop> {
    match cli.command {
        Command::Check(args) => check::check(&args),
        Command::Plan(args) => plan::plan(&args),
        Command::Schema => stdout::write(bailiwick::team_file::SCHEMA).map(|()| Exit::Done),
        Command::Graph(args) => graph::graph(&args),
        Command::Completions(args) => completions::completions(&args),
        Command::Bench(args) => threads()?.block_on(bench::bench(args)),
        Command::Runs(RunsArgs { command: Some(RunsCommand::Prune(args)), .. }) => recorded::prune::prune(&args),
        Command::Runs(args) => recorded::runs::runs(&args),
        Command::Show(args) => recorded::show::show(&args),
        Command::Events(args) => recorded::events::events(&args),
        Command::Cancel(args) => recorded::cancel::cancel(&args),
        Command::Replay(args) => recorded::replay::replay(&args),
        Command::Why(args) => recorded::why::why(&args),
        Command::Audit { command: AuditCommand::Verify(args) } => recorded::audit::verify(&args),
        Command::Trust(args) => recorded::trust::trust(&args),
        Command::Breakers(args) => match &args.command {
            Some(BreakersCommand::Release(args)) => recorded::breakers::release(args),
            None => recorded::breakers::breakers(&args),
        },
        Command::Resume(args) => at_work(async |otlp| recorded::resume::resume(args, otlp).await),
        Command::Run(args) => at_work(async |otlp| run::run(args, otlp).await),
    }
}

/// Runs a goal to its end and tells it, or what went wrong; then exports what there is of either.
fn at_work(work: impl AsyncFnOnce(&mut Otlp) -> Result<run::Done, Stop>) -> Result<Exit, Stop> {
    let runtime = threads()?;
    let mut otlp = Otlp::off();
    let end = catch_unwind(AssertUnwindSafe(|| runtime.block_on(work(&mut otlp))));
    // Dropping what still runs is what ends its process groups; waiting for all of it might take for ever.
    runtime.shutdown_timeout(LET_GO);
    let done = end.unwrap_or_else(|_| Err(Stop::bug("a panic")));
    let exit = told(done.and_then(run::Done::tell));
    otlp.finish();
    Ok(exit)
}

fn threads() -> Result<tokio::runtime::Runtime, Stop> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|why| Stop::failed(format!("no thread can be started: {why}"), "free some memory or threads"))
}
