//! The options of the commands over a journal.

use std::{path::PathBuf, time::Duration};

use bailiwick::protocols::time::parse_span;
use clap::{Args, Subcommand};

#[derive(Args, Debug, Clone, Default)]
pub(crate) struct JournalArgs {
    /// The journal; without it, one for each team in the folder for data
    #[arg(long, value_name = "FILE")]
    pub(crate) journal: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub(crate) struct GoalArgs {
    /// The id of the goal, or the beginning of it
    #[arg(value_name = "GOAL_ID")]
    pub(crate) goal: String,
    #[command(flatten)]
    pub(crate) journal: JournalArgs,
}

#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct RunsArgs {
    #[command(subcommand)]
    pub(crate) command: Option<RunsCommand>,
    /// Prints one JSON object
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) journal: JournalArgs,
}

#[derive(Subcommand, Debug)]
pub(crate) enum RunsCommand {
    /// Removes goals that ended long ago; what was learned from them stays
    Prune(PruneArgs),
}

#[derive(Args, Debug)]
pub(crate) struct PruneArgs {
    /// How long ago they ended at least: `30d`, `12h`
    #[arg(long, value_name = "AGE", value_parser = age)]
    pub(crate) older_than: Duration,
    #[command(flatten)]
    pub(crate) journal: JournalArgs,
}

/// A span of time that may be told in days.
fn age(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is no age: write a whole number and one of s, m, h, d, as in 30d");
    match text.strip_suffix('d').map(str::parse::<u32>) {
        Some(days) => days.map(|days| Duration::from_secs(u64::from(days) * 86_400)).map_err(|_| wrong()),
        None => parse_span(text).map_err(|_| wrong()),
    }
}

#[derive(Args, Debug)]
pub(crate) struct ShowArgs {
    #[command(flatten)]
    pub(crate) goal: GoalArgs,
    /// Prints the object of `run --json`
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args, Debug)]
pub(crate) struct EventsArgs {
    #[command(flatten)]
    pub(crate) goal: GoalArgs,
    /// Prints the lines of `run --events`
    #[arg(long)]
    pub(crate) jsonl: bool,
    /// Waits for more, until the goal ends
    #[arg(long)]
    pub(crate) follow: bool,
    /// Begins with this number of the goal's own count
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) from: u64,
}

#[derive(Args, Debug)]
pub(crate) struct ResumeArgs {
    #[command(flatten)]
    pub(crate) goal: GoalArgs,
    /// Prints one JSON object with everything that happened, instead of the output
    #[arg(long)]
    pub(crate) json: bool,
    /// Exports the rest of the goal's trace over OTLP, as the OTEL_ variables say
    #[arg(long)]
    pub(crate) otlp: bool,
}

#[derive(Args, Debug)]
pub(crate) struct ReplayArgs {
    #[command(flatten)]
    pub(crate) goal: GoalArgs,
    /// Decides the journal anew by these rules, and tells which trips, refusals and costs of the goal change: a team
    /// file, or one that holds `[policy]` alone
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub(crate) struct WhyArgs {
    #[command(flatten)]
    pub(crate) goal: GoalArgs,
    /// The task
    #[arg(value_name = "TASK")]
    pub(crate) task: String,
}

#[derive(Subcommand, Debug)]
pub(crate) enum AuditCommand {
    /// Reads every record: 0 sound, 1 damaged, naming the first bad one
    Verify(JournalArgs),
}

#[derive(Args, Debug)]
pub(crate) struct TrustArgs {
    /// Prints one JSON object
    #[arg(long)]
    pub(crate) json: bool,
    /// Tells every lesson, in order
    #[arg(long)]
    pub(crate) history: bool,
    #[command(flatten)]
    pub(crate) journal: JournalArgs,
}

#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct BreakersArgs {
    #[command(subcommand)]
    pub(crate) command: Option<BreakersCommand>,
    /// Prints one JSON object
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) journal: JournalArgs,
}

#[derive(Subcommand, Debug)]
pub(crate) enum BreakersCommand {
    /// Closes the breakers of an agent
    Release(ReleaseArgs),
}

#[derive(Args, Debug)]
pub(crate) struct ReleaseArgs {
    /// The agent
    #[arg(value_name = "AGENT")]
    pub(crate) agent: String,
    #[command(flatten)]
    pub(crate) journal: JournalArgs,
}
