//! Makes a runtime of a team file, or says everything that is wrong with the file.

use std::path::Path;

use bailiwick::{
    Bailiwick, Builder, Handlers,
    team_file::{Inputs, Problems, TeamFile},
};

use crate::exit::Stop;

/// Reads a team file that this program is to run: one that needs no code of the caller's.
pub(crate) fn load(path: &Path, inputs: &Inputs) -> Result<(TeamFile, Builder), Problems> {
    let team = TeamFile::load(path, inputs)?;
    team.without_code()?;
    let builder = builder(&team)?;
    Ok((team, builder))
}

/// Makes a runtime of the team. The program has no handlers of its own.
pub(crate) fn builder(team: &TeamFile) -> Result<Builder, Problems> {
    Bailiwick::from_team(team, &Handlers::new())
}

/// All problems at once, each as a block of its own.
pub(crate) fn unsound(path: &Path, problems: &Problems) -> Stop {
    Stop::usage(
        format!("{} cannot be used\n\n{problems}\n", path.display()),
        format!("mend what is listed, then `bailiwick check {}`; nothing was started", path.display()),
    )
}
