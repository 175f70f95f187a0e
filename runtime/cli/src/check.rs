//! `bailiwick check`: all problems of a team file at once, and nothing is started.

use bailiwick::team_file::{Problems, TeamFile};
use serde_json::{Value, json};

use crate::{
    args::CheckArgs,
    exit::{Exit, Stop},
    paint, stdout, team,
};

/// Prints what the file holds, or what is wrong with it.
///
/// # Errors
/// With exit 2 if there are problems.
pub(crate) fn check(args: &CheckArgs) -> Result<Exit, Stop> {
    match look(args) {
        Ok(team) => {
            stdout::write(&if args.json { pretty(&answer(true, json!([]))) } else { praise(&team) })?;
            Ok(Exit::Done)
        }
        // Exit 2 leaves stdout empty, and so the object goes where the words would go.
        Err(problems) if args.json => {
            let listed: Vec<_> = problems.iter().collect();
            paint::say(&pretty(&answer(false, json!(listed))));
            Ok(Exit::Usage)
        }
        Err(problems) => Err(team::unsound(&args.team, &problems)),
    }
}

fn look(args: &CheckArgs) -> Result<TeamFile, Problems> {
    let team = TeamFile::load(&args.team, &args.inputs())?;
    // With code of its own only the program that has it can tell more.
    if code(&team).is_empty() {
        team::builder(&team)?;
    }
    Ok(team)
}

/// The code the team asks for, by name.
fn code(team: &TeamFile) -> Vec<String> {
    let handlers = team.handlers_needed().map(|name| format!("handler `{name}`"));
    handlers.chain(team.functions_needed().map(|name| format!("function `{name}`"))).collect()
}

fn praise(team: &TeamFile) -> String {
    let count = |number: usize, what: &str| format!("{number} {what}{}", if number == 1 { "" } else { "s" });
    let mut text = format!("ok: {}, {}", count(team.agents.len(), "agent"), count(team.goal.tasks.len(), "task"));
    let code = code(team);
    if !code.is_empty() {
        text += &format!("; it runs from a program with the {}: see `Bailiwick::from_team`", code.join(", "));
    }
    text
}

fn answer(ok: bool, problems: Value) -> Value {
    json!({ "version": 1, "ok": ok, "problems": problems })
}

fn pretty(value: &Value) -> String {
    format!("{value:#}")
}
