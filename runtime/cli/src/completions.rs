//! `bailiwick completions`: what a shell needs to complete our command line, made from its definition.

use clap::CommandFactory;

use crate::{
    args::{Cli, CompletionsArgs},
    exit::{Exit, Stop},
    stdout,
};

/// Prints the script.
///
/// # Errors
/// If stdout cannot be written.
pub(crate) fn completions(args: &CompletionsArgs) -> Result<Exit, Stop> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "bailiwick", &mut script);
    stdout::write(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Done)
}
