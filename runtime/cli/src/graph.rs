//! `bailiwick graph`: the tasks of a goal as a picture, from the events it left behind.

use std::{fs, path::Path};

use bailiwick::{
    event_line::event_line,
    picture::{Picture, PictureError},
};

use crate::{
    args::{GraphArgs, GraphFormat},
    exit::{Exit, Stop},
    recorded::place,
    stdout,
};

/// Prints the picture.
///
/// # Errors
/// With exit 2 if there is nothing to draw.
pub(crate) fn graph(args: &GraphArgs) -> Result<Exit, Stop> {
    let picture = match &args.events {
        Some(events) => read(events)?,
        None => recorded(args)?,
    };
    stdout::write(&match args.format {
        GraphFormat::Mermaid => picture.mermaid(),
        GraphFormat::Dot => picture.dot(),
    })?;
    Ok(Exit::Done)
}

/// The goal as its journal has it.
fn recorded(args: &GraphArgs) -> Result<Picture, Stop> {
    let found = place::find(&args.journal, args.goal_id.as_deref().unwrap_or_default())?;
    let lines: String = found.own.iter().map(|event| format!("{}\n", event_line(event))).collect();
    Picture::of_lines(&lines).map_err(|why| {
        Stop::usage(format!("goal {} cannot be drawn: {why}", found.goal), "wait until the goal has been planned")
    })
}

fn read(events: &Path) -> Result<Picture, Stop> {
    const FILE: &str = "name a file that `bailiwick run --events FILE` wrote";
    let text = fs::read(events).map_err(|why| Stop::usage(format!("{} cannot be read: {why}", events.display()), FILE));
    Picture::of_lines(&String::from_utf8_lossy(&text?)).map_err(|why| {
        let next = match why {
            PictureError::AnotherGoal { .. } => "draw one goal at a time: keep the lines that are about one",
            PictureError::NoTasks => "wait until the goal has been planned, or name another file",
            _ => FILE,
        };
        Stop::usage(format!("{} cannot be drawn: {why}", events.display()), next)
    })
}
