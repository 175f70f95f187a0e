//! The command line. What this version does not have is not listed, and so it is refused with exit 2.

use std::{ffi::OsString, path::PathBuf, time::Duration};

use bailiwick::{
    protocols::{Goal, task::RouteWish, time::parse_span},
    team_file::Inputs,
};
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};

use crate::paint;

mod recorded;

pub(crate) use recorded::*;

const EXIT_STATUS: &str = "\
Exit status of `run`:
  0    verified, or unverified where no check was asked
  1    failed, not verified, or canceled
  2    usage or configuration: nothing was started
  3    parked: it can be resumed
  4    refused
  5    the deadline passed, or the budget is exhausted
  70   a defect of bailiwick itself
  130  interrupted by Ctrl-C
  143  ended by SIGTERM";

/// Runs a team of agents on a goal: each task goes to the best agent, and only what was verified is believed.
#[derive(Parser, Debug)]
#[command(name = "bailiwick", version, propagate_version = true, after_help = EXIT_STATUS)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
    /// When to use colours; `auto` looks at the terminal and at NO_COLOR
    #[arg(long, global = true, value_enum, default_value_t, value_name = "WHEN")]
    color: Color,
}

#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    /// Runs a goal. The output goes to stdout, progress and summary to stderr
    #[command(after_help = EXIT_STATUS)]
    Run(RunArgs),
    /// Checks a team file: all problems at once, nothing is started
    Check(CheckArgs),
    /// Shows the tasks of a goal, and for each whom it would be offered to and why; nothing is started
    Plan(PlanArgs),
    /// Prints the JSON Schema of team files, for editors
    Schema,
    /// Draws the tasks of a goal as a graph: who did what, and how it ended
    Graph(GraphArgs),
    /// Prints what a shell needs to complete this command line
    Completions(CompletionsArgs),
    /// Lists every goal a journal knows, newest first
    Runs(RunsArgs),
    /// Shows what a goal became, or what has become of it so far
    Show(ShowArgs),
    /// Prints the events of a goal
    Events(EventsArgs),
    /// Takes a goal up where its journal ends; one that has ended is printed again
    #[command(after_help = EXIT_STATUS)]
    Resume(ResumeArgs),
    /// Ends a goal, at work or not
    Cancel(GoalArgs),
    /// Folds a goal once more, with no side effects, and compares with what is stored
    Replay(ReplayArgs),
    /// Tells why a task went as it went: candidates, mandate, attempts, verdicts
    Why(WhyArgs),
    /// Checks whether every record of a journal is what was written
    Audit {
        #[command(subcommand)]
        command: AuditCommand,
    },
    /// Shows how far each agent is trusted on what
    Trust(TrustArgs),
    /// Shows the breakers that are not closed
    Breakers(BreakersArgs),
    /// Measures what a delegation costs on this machine
    Bench(BenchArgs),
}

#[derive(Args, Debug)]
pub(crate) struct RunArgs {
    /// The team file
    #[arg(value_name = "TEAM.toml")]
    pub(crate) team: PathBuf,
    /// What is wanted, in words; the default stands in the team file
    #[arg(value_name = "GOAL")]
    goal: Option<String>,
    #[command(flatten)]
    inputs: InputArgs,
    /// Prints one JSON object with everything that happened, instead of the output
    #[arg(long)]
    pub(crate) json: bool,
    /// Writes every event of the goal to FILE as it comes, one JSON object a line
    #[arg(long, value_name = "FILE")]
    pub(crate) events: Option<PathBuf>,
    /// Makes every draw of the run repeatable
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,
    /// The road to take: by the rules, one agent for everything, or a plan
    #[arg(long, value_enum, default_value_t)]
    route: Route,
    /// The time the goal may take, as in 500ms, 20s, 5m or 1h; the team file may ask for less
    #[arg(long, value_name = "D", value_parser = duration)]
    timeout: Option<Duration>,
    /// Exports traces and metrics over OTLP, as the OTEL_ variables say
    #[arg(long)]
    pub(crate) otlp: bool,
    #[command(flatten)]
    pub(crate) journal: JournalArgs,
}

#[derive(Args, Debug)]
pub(crate) struct CheckArgs {
    /// The team file
    #[arg(value_name = "TEAM.toml")]
    pub(crate) team: PathBuf,
    #[command(flatten)]
    inputs: InputArgs,
    /// Prints one JSON object: on stdout if the file is sound, else on stderr
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args, Debug)]
pub(crate) struct PlanArgs {
    /// The team file
    #[arg(value_name = "TEAM.toml")]
    pub(crate) team: PathBuf,
    /// What is wanted, in words; the default stands in the team file
    #[arg(value_name = "GOAL")]
    goal: Option<String>,
    #[command(flatten)]
    inputs: InputArgs,
    /// Prints one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args, Debug)]
pub(crate) struct GraphArgs {
    /// A goal in a journal
    #[arg(value_name = "GOAL_ID", required_unless_present = "events", conflicts_with = "events")]
    pub(crate) goal_id: Option<String>,
    /// What `run --events FILE` wrote, also while it runs
    #[arg(long, value_name = "FILE")]
    pub(crate) events: Option<PathBuf>,
    /// The language of the picture
    #[arg(long, value_enum)]
    pub(crate) format: GraphFormat,
    #[command(flatten)]
    pub(crate) journal: JournalArgs,
}

#[derive(Clone, Copy, ValueEnum, Debug, PartialEq, Eq)]
pub(crate) enum GraphFormat {
    /// A flowchart for Markdown
    Mermaid,
    /// Graphviz
    Dot,
}

#[derive(Args, Debug)]
pub(crate) struct CompletionsArgs {
    /// The shell
    #[arg(value_name = "SHELL", value_enum)]
    pub(crate) shell: clap_complete::Shell,
}

#[derive(Args, Debug)]
pub(crate) struct BenchArgs {
    /// Prints one JSON object a case
    #[arg(long)]
    pub(crate) json: bool,
    /// Measures one case only
    #[arg(long, value_enum, value_name = "NAME")]
    pub(crate) case: Option<Case>,
    /// Measures less, and less exactly
    #[arg(long)]
    pub(crate) quick: bool,
}

/// What is measured.
#[derive(Clone, Copy, ValueEnum, Debug, PartialEq, Eq)]
pub(crate) enum Case {
    /// Delegations without telemetry
    Delegation,
    /// The same with spans folded and forgotten
    DelegationLayer,
    /// The same with spans handed to a sink in this process
    DelegationExport,
}

impl Case {
    pub(crate) const ALL: [Case; 3] = [Case::Delegation, Case::DelegationLayer, Case::DelegationExport];

    /// The word of the command line and of the JSON lines.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Case::Delegation => "delegation",
            Case::DelegationLayer => "delegation-layer",
            Case::DelegationExport => "delegation-export",
        }
    }
}

#[derive(Args, Debug)]
struct InputArgs {
    /// A value for an input of the team file; may be given for each of them
    #[arg(long = "input", value_name = "K=V")]
    pairs: Vec<OsString>,
}

#[derive(Clone, Copy, ValueEnum, Debug, Default)]
enum Route {
    #[default]
    Auto,
    Direct,
    Plan,
}

#[derive(Clone, Copy, ValueEnum, Debug, Default, PartialEq, Eq)]
pub(crate) enum Color {
    #[default]
    Auto,
    Always,
    Never,
}

impl Cli {
    /// Reads the command line of this process; help and wrong usage end it here.
    pub(crate) fn read() -> Self {
        let args: Vec<_> = std::env::args_os().collect();
        let color = Color::in_args(args.iter().filter_map(|arg| arg.to_str()));
        paint::choose(color);
        Self::parse_args(&args, color).unwrap_or_else(|wrong| {
            // Whoever closed the stream does not want to read it.
            let _ = wrong.print();
            std::process::exit(wrong.exit_code())
        })
    }

    fn parse_args<I, T>(args: I, color: Color) -> Result<Self, clap::Error>
    where
        I: IntoIterator<Item = T>,
        T: Into<std::ffi::OsString> + Clone,
    {
        let mut command = Self::command().color(color.of_clap());
        let matches = command.try_get_matches_from_mut(args)?;
        Self::from_arg_matches(&matches).map_err(|wrong| wrong.format(&mut command))
    }
}

impl RunArgs {
    /// What the caller hands in for the team file to be filled with.
    pub(crate) fn inputs(&self) -> Inputs {
        self.inputs.with_goal(self.goal.as_deref(), Inputs::new("."))
    }

    /// The team's goal with what the command line says about its road and its time.
    pub(crate) fn shape(&self, mut goal: Goal) -> Goal {
        goal.route = match self.route {
            Route::Auto => goal.route,
            Route::Direct => RouteWish::Direct,
            Route::Plan => RouteWish::Plan,
        };
        goal.budget.wall = match (goal.budget.wall, self.timeout) {
            (Some(wall), Some(timeout)) => Some(wall.min(timeout)),
            (one, other) => one.or(other),
        };
        goal
    }
}

impl CheckArgs {
    /// What the caller hands in. To look at a file, nothing of it is missed.
    pub(crate) fn inputs(&self) -> Inputs {
        self.inputs.given_to(Inputs::unfilled())
    }
}

impl PlanArgs {
    /// What the caller hands in. No program is given it, and so what is missing is not missed.
    pub(crate) fn inputs(&self) -> Inputs {
        self.inputs.with_goal(self.goal.as_deref(), Inputs::unfilled())
    }
}

impl InputArgs {
    fn with_goal(&self, goal: Option<&str>, inputs: Inputs) -> Inputs {
        let inputs = self.given_to(inputs);
        match goal {
            Some(text) => inputs.goal(text),
            None => inputs,
        }
    }

    fn given_to(&self, inputs: Inputs) -> Inputs {
        self.pairs.iter().fold(inputs, Inputs::pair)
    }
}

impl Color {
    /// What the arguments ask for, before they are understood: wrong usage is told in the right colours too.
    fn in_args<'a>(mut args: impl Iterator<Item = &'a str>) -> Self {
        let mut color = Color::Auto;
        while let Some(arg) = args.next() {
            let word = match arg.strip_prefix("--color") {
                _ if arg == "--" => break,
                Some("") => args.next(),
                Some(rest) => rest.strip_prefix('='),
                None => continue,
            };
            color = word.and_then(|word| Color::from_str(word, false).ok()).unwrap_or(color);
        }
        color
    }

    const fn of_clap(self) -> clap::ColorChoice {
        match self {
            Color::Auto => clap::ColorChoice::Auto,
            Color::Always => clap::ColorChoice::Always,
            Color::Never => clap::ColorChoice::Never,
        }
    }
}

/// Longer than a hundred years is no limit, and no date either.
const TIMEOUT_MAX: Duration = Duration::from_secs(3_153_600_000);

/// Reads the time a goal may take, written as in the team file. No time at all is nothing to work in.
fn duration(text: &str) -> Result<Duration, String> {
    match parse_span(text.trim()) {
        Ok(Duration::ZERO) => Err("no time is left to work in: give it at least 1ms".to_owned()),
        Ok(span) if span > TIMEOUT_MAX => Err("longer than a hundred years: leave it out".to_owned()),
        Ok(span) => Ok(span),
        Err(why) => Err(why.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(args: &[&str]) -> Result<Cli, clap::Error> {
        Cli::parse_args(std::iter::once(&"bailiwick").chain(args), Color::Never)
    }

    fn run(args: &[&str]) -> RunArgs {
        match parse(&[&["run", "team.toml"], args].concat()).unwrap().command {
            Command::Run(args) => args,
            _ => unreachable!("`run` was asked for"),
        }
    }

    #[test]
    fn the_definition_of_the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn what_this_version_does_not_have_is_wrong_usage() {
        let wrong: &[&[&str]] = &[
            &[],
            &["run"],
            &["resume"],
            &["audit"],
            &["why", "some-goal"],
            &["run", "team.toml", "--route", "detour"],
            &["run", "team.toml", "--input"],
            &["run", "team.toml", "--seed", "-1"],
            &["run", "team.toml", "--timeout", "0s"],
            &["check"],
            &["plan"],
            &["graph", "--format", "dot"],
            &["graph", "--events", "events.jsonl"],
            &["graph", "some-goal", "--events", "events.jsonl", "--format", "dot"],
            &["graph", "--events", "events.jsonl", "--format", "png"],
            &["completions", "basic"],
            &["--color", "sometimes", "check", "team.toml"],
        ];

        for args in wrong {
            let error = parse(args).expect_err(&args.join(" "));
            assert_eq!(error.exit_code(), 2, "{args:?}");
            assert!(error.use_stderr(), "{args:?}");
        }
    }

    #[test]
    fn the_command_line_chooses_the_road_and_shortens_the_time() {
        let file = Goal::new("audit").deadline_in(Duration::from_secs(60));

        let same = run(&[]).shape(file.clone());
        let shorter = run(&["--timeout", "20s", "--route", "direct"]).shape(file.clone());
        let longer = run(&["--timeout", "2h"]).shape(file.clone());

        assert_eq!(same, file);
        assert_eq!((shorter.route, shorter.budget.wall), (RouteWish::Direct, Some(Duration::from_secs(20))));
        assert_eq!(longer.budget.wall, Some(Duration::from_secs(60)));
    }

    #[test]
    fn a_span_of_time_has_a_unit() {
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(duration(" 20s "), Ok(Duration::from_secs(20)));
        assert_eq!(duration("1h"), Ok(Duration::from_secs(3_600)));
        for wrong in ["", "20", "s", "-1s", "1e3s", "20 parsecs", "0s", "999999999h", "infs"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn colours_are_known_before_the_arguments_are_understood() {
        let color = |args: &[&str]| Color::in_args(args.iter().copied());

        assert_eq!(color(&["run", "--color", "never", "--wrong"]), Color::Never);
        assert_eq!(color(&["run", "--color=always"]), Color::Always);
        assert_eq!(color(&["run", "--", "--color=always"]), Color::Auto);
    }
}
