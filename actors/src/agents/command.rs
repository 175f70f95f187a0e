//! A program as an agent: JSON in, JSON or text out, one process group per attempt, ended whole.
//!
//! Any language will do. The program is told its task on stdin and need not read it, answers on stdout, and complains
//! on stderr, whose last lines are quoted when an attempt fails. When its first process exits, or the attempt is
//! dropped, whatever is left of its process group is killed. What the program touches is not confined: its mandate
//! decides whether it starts and what it is told.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use bailiwick_protocols::{AgentName, Capability, Code, Failure, Fault, Json, Report};
use serde::{Deserialize, Serialize};
use tokio::process::Command;

use super::{Agent, AgentContext, AgentError, AgentSpec};

mod arguments;
#[cfg(test)]
pub(crate) mod fixture;
mod process;
mod program;
mod quote;
mod reply;
mod request;
pub mod survivors;
#[cfg(test)]
mod tests;

/// The most bytes a program may write to stdout: 8 MiB. With more it is killed and its output is `INVALID_OUTPUT`.
pub const STDOUT_BYTES_MAX: usize = 8 * 1024 * 1024;

/// How what a program writes to stdout is read.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ReplyFormat {
    /// One JSON object with an `output` or an `error`.
    #[default]
    Json,
    /// All of it, less one trailing newline, is the output.
    Text,
}

/// Which program to run, where, and with what of the environment.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct CommandSpec {
    /// The program and its arguments. A bare program name is looked up in `PATH`, a name with a slash is relative to
    /// the folder. `{input.NAME}` in an argument becomes the named value of the goal; nothing else is interpreted.
    pub argv: Vec<String>,
    /// The folder the program runs in (the current one).
    pub folder: PathBuf,
    /// How its stdout is read (json).
    pub reply: ReplyFormat,
    /// The variables it is given, those that are set; all others are kept from it (`PATH`).
    /// `TRACEPARENT` is always set.
    pub env: Vec<String>,
}

impl CommandSpec {
    /// A program with its arguments, and the defaults for everything else.
    pub fn new<A: Into<String>>(argv: impl IntoIterator<Item = A>) -> Self {
        Self {
            argv: argv.into_iter().map(Into::into).collect(),
            folder: PathBuf::from("."),
            reply: ReplyFormat::default(),
            env: vec!["PATH".to_owned()],
        }
    }

    /// Sets the folder the program runs in.
    pub fn folder(mut self, folder: impl Into<PathBuf>) -> Self {
        self.folder = folder.into();
        self
    }

    /// Sets how its stdout is read.
    pub fn reply(mut self, reply: ReplyFormat) -> Self {
        self.reply = reply;
        self
    }

    /// Replaces the list of variables it is given.
    pub fn env<N: Into<String>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        self.env = names.into_iter().map(Into::into).collect();
        self
    }
}

/// Runs a program for every attempt.
///
/// Needs a tokio runtime with its io driver, on Unix, in real time.
#[derive(Clone, Debug)]
pub struct CommandAgent {
    spec: CommandSpec,
}

impl CommandAgent {
    /// Wraps a program. It is looked for when an attempt begins, so it may come and go.
    pub fn new(spec: CommandSpec) -> Self {
        Self { spec }
    }

    /// Finds the program and makes it ready to start.
    fn prepare(&self, params: &BTreeMap<String, Json>, traceparent: String) -> Result<Command, Failure> {
        let Some((name, rest)) = self.spec.argv.split_first() else {
            return Err(Failure::agent("the command is empty: name a program").final_here());
        };
        let folder = program::folder(&self.spec.folder)?;
        let mut command = Command::new(program::find(name, &folder, std::env::var_os("PATH"))?);
        for argument in rest {
            command.arg(arguments::fill(argument, params)?);
        }
        let passed = self.spec.env.iter().filter_map(|name| Some((name, std::env::var_os(name)?)));
        command.current_dir(folder).env_clear().envs(passed).env("TRACEPARENT", traceparent);
        Ok(command)
    }
}

impl Agent for CommandAgent {
    /// # Cancel safety
    /// Dropping it kills the whole process group at once; the runtime reaps the program afterwards.
    async fn run(&self, task: AgentContext) -> Result<Report, AgentError> {
        if task.is_canceled() {
            let why = "canceled before the program was started";
            return Err(AgentError::of(Failure::new(Code::Canceled, Fault::Delegator, why)));
        }
        let command = self.prepare(&task.brief().params, task.traceparent()).map_err(AgentError::of)?;
        let request = request::write(&task);
        let group = process::Group::start(command)
            .map_err(|error| AgentError::of(program::not_started(&self.spec.argv[0], &error)))?;
        if let Some(pid) = group.pid() {
            task.runs_process(pid);
        }
        let finished = group.attend(&request, task.canceled()).await.map_err(|error| {
            let why = format!("the program was lost sight of and killed: {error}");
            AgentError::of(Failure::new(Code::Lost, Fault::Runtime, why))
        })?;
        reply::read(self.spec.reply, finished)
    }
}

/// Makes an agent of a program in any language.
pub fn command<C: Into<Capability>>(
    name: impl Into<AgentName>,
    capabilities: impl IntoIterator<Item = C>,
    spec: CommandSpec,
) -> AgentSpec {
    AgentSpec::new(name, capabilities, Arc::new(CommandAgent::new(spec)))
}
