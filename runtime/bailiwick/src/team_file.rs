//! Reads a team file: who is in the team, what is wanted, and by which plan. Plain data; nothing is started here.
//!
//! Every problem is told at once, with its line, a JSON pointer, and what to do. A part that this version does not
//! have yet is a problem too: nothing in a team file is ever ignored.

use std::{
    env,
    path::{Path, PathBuf},
};

use bailiwick_protocols::{AgentName, Goal, Json, Permissions, Reversibility, RuntimeEvent, TeamName};

mod agents;
mod contract;
mod fields;
mod goal;
mod handlers;
mod inputs;
mod interpolate;
mod item;
mod journal;
mod judges;
mod needs;
mod policy;
mod problems;
mod rules;
mod scripted;
mod secrets;
mod settings;
mod suggest;
mod syntax;
mod tasks;
#[cfg(test)]
mod tests;
mod verify;
mod waits;

pub use agents::{TeamAgent, TeamAgentKind};
pub use handlers::Named;
pub use inputs::{InputKind, Inputs, TeamInput};
pub use interpolate::Environment;
pub use journal::TeamJournal;
pub use policy::{TeamPolicy, TeamTrust, TeamTrustModel, TeamWeights};
pub use problems::{Problem, Problems};
pub use rules::TeamRules;

use fields::Fields;
use item::Item;
use problems::Findings;

/// The JSON Schema (2020-12) of team files, for editors: it says of the shape what the reader says, and no more.
pub const SCHEMA: &str = include_str!("team_file/team.schema.json");

/// A team as a file describes it.
///
/// # Examples
/// ```
/// use bailiwick::team_file::{Inputs, TeamFile};
///
/// let text = r#"
///     version = 1
///     name = "greeters"
///     goal = "Greet the guest"
///
///     [agents.ada]
///     capabilities = ["greet"]
///     comand = ["echo", "hello"]
/// "#;
/// let problems = TeamFile::parse(text, ".", &Inputs::new("."), &|_| None).unwrap_err();
///
/// assert!(problems.to_string().contains("did you mean `command`?"));
/// ```
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub struct TeamFile {
    /// The name of the team: trust, breakers and journals are kept by it.
    pub name: TeamName,
    /// What is wanted, with tasks, inputs, budget and limits.
    pub goal: Goal,
    /// The inputs that the file declares.
    pub inputs: Vec<TeamInput>,
    /// Who is in the team, in the order of the file.
    pub agents: Vec<TeamAgent>,
    /// What the goal may grant on; `None` is whatever its agents' own permissions allow.
    pub mandate_grants: Option<Permissions>,
    /// How agents are chosen, left alone and believed.
    pub policy: TeamPolicy,
    /// How its log is kept.
    pub journal: TeamJournal,
    /// The findings of scripted judges, in turn.
    pub judges_scripted: Vec<Json>,
    /// The agents that judge, seated in turn after the script.
    pub judges_agents: Vec<AgentName>,
    /// The handlers that agents name.
    pub handlers: Vec<Named>,
    /// The functions that checks name.
    pub functions: Vec<Named>,
    /// The folder of the file: programs run in it.
    pub folder: PathBuf,
    /// The file as the caller named it.
    pub file: String,
    /// The text, as it was read.
    pub source: String,
}

impl TeamFile {
    /// Reads a team file, filling variables from the environment of this process.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn load(path: impl AsRef<Path>, inputs: &Inputs) -> Result<TeamFile, Problems> {
        let path = path.as_ref();
        let file = path.display().to_string();
        let unreadable = |error: std::io::Error| {
            Problems::unreadable(&file, format!("cannot be read: {error}"), "name a team file, such as team.toml")
        };
        let text = std::fs::read_to_string(path).map_err(unreadable)?;
        let whole = path.canonicalize().map_err(unreadable)?;
        let folder = whole.parent().unwrap_or(Path::new("/"));
        read(&file, &text, folder, inputs, &|name| env::var(name).ok())
    }

    /// Reads a team file as a journal holds it, to resume a goal: the goal and its inputs stand in the journal too.
    ///
    /// # Errors
    /// Everything that is wrong with it by now: a variable that is not set any more, a schema that has gone.
    pub fn recorded(stated: &RuntimeEvent) -> Result<TeamFile, Problems> {
        let RuntimeEvent::TeamStated { file, folder, source } = stated else {
            return Err(Problems::unreadable(
                "journal",
                "holds no team file".to_owned(),
                "resume it from its own program",
            ));
        };
        read(file, source, Path::new(folder), &Inputs::unfilled(), &|name| env::var(name).ok())
    }

    /// What a journal holds of it.
    pub(crate) fn stated(&self) -> RuntimeEvent {
        let folder = self.folder.display().to_string();
        RuntimeEvent::TeamStated { file: self.file.clone(), folder, source: self.source.clone() }
    }

    /// Reads the text of a team file that lies, or might lie, in `folder`.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn parse(
        text: &str,
        folder: impl AsRef<Path>,
        inputs: &Inputs,
        environment: Environment<'_>,
    ) -> Result<TeamFile, Problems> {
        read("team.toml", text, folder.as_ref(), inputs, environment)
    }
}

fn read(
    file: &str,
    text: &str,
    folder: &Path,
    inputs: &Inputs,
    environment: Environment<'_>,
) -> Result<TeamFile, Problems> {
    let findings = Findings::new(text);
    let team = syntax::tree(text, &findings).and_then(|mut tree| {
        // Before variables are filled in: what comes from the environment may well be a secret.
        secrets::refuse(&tree, "", true, &findings);
        interpolate::fill(&mut tree, "", environment, &findings);
        team(&Item::root(&tree, &findings), folder, inputs)
    });
    findings.into_problems(file)?;
    let unsaid = || Problems::unreadable(file, "is not a team file".to_owned(), "");
    team.map(|team| TeamFile { file: file.to_owned(), source: text.to_owned(), ..team }).ok_or_else(unsaid)
}

/// Reads the whole file. What has a problem is left empty, and the problem is noted.
fn team(item: &Item<'_>, folder: &Path, given: &Inputs) -> Option<TeamFile> {
    let root = item.table()?;
    version(&root);
    let name = root.need("name", "name the team: name = \"repo-audit\"");
    let name = name.and_then(|item| item.text().and_then(|name| item.name(name))).unwrap_or_default();
    for part in ["models", "planner", "lens", "gates"] {
        root.later(part, "remove it, or wait for a version that has it");
    }

    let inputs = inputs::declared(root.get("inputs").as_ref());
    let params = inputs::values(&inputs, given, item, folder);
    let mut agents = agents::Agents { declared: &inputs, handlers: Vec::new(), held: Vec::new() };
    let listed = root.need("agents", "add at least one: [agents.writer]");
    let team_agents = agents.read(listed.as_ref());
    if let Some(none) = listed.filter(|_| agents.held.is_empty()) {
        none.refuse("a team of nobody", "add at least one agent: [agents.writer]");
    }

    let judges = judges::read(&root, &agents.held);
    let mut contracts = verify::Contracts { folder, judges: judges.stated, functions: Vec::new() };
    let defaults = goal::defaults(&root);
    let mut goal = goal::read(&root, &defaults, given, &mut contracts);
    let tasks = tasks::read(root.get("tasks").as_ref(), &defaults, &mut contracts);
    waits::check(&tasks);
    for needs in tasks.iter().filter_map(|task| task.needs.as_ref()) {
        needs::check(needs, &agents.held, true);
    }
    if let Some(needs) = root.get("needs") {
        // With a plan, nobody has to be able to do it all.
        needs::check(&needs, &agents.held, tasks.is_empty());
    }
    check_contracts(&goal, &tasks, item);

    goal.params = params;
    goal.tasks = tasks.into_iter().map(|task| task.task).collect();
    let team = TeamFile {
        name: name.into(),
        goal,
        agents: team_agents,
        mandate_grants: goal::grants(&root),
        policy: policy::read(root.get("policy").as_ref()),
        journal: journal::read(&root),
        judges_scripted: judges.scripted,
        judges_agents: judges.agents,
        handlers: agents.handlers,
        functions: contracts.functions,
        folder: folder.to_owned(),
        file: String::new(),
        source: String::new(),
        inputs,
    };
    root.close();
    Some(team)
}

fn version(root: &Fields<'_>) {
    const HELP: &str = "this program reads version = 1";
    let stated = root.need("version", HELP);
    let stated = stated.as_ref().and_then(|item| Some((item, item.integer(i64::MIN..=i64::MAX)?)));
    if let Some((item, number)) = stated.filter(|(_, number)| *number != 1) {
        item.refuse(format!("version {number} of team files is not known here"), HELP);
    }
}

fn check_contracts(goal: &Goal, tasks: &[tasks::ReadTask<'_>], root: &Item<'_>) {
    let reversibility = goal.settings.reversibility.unwrap_or_default();
    contract::check(&goal.contract, reversibility, "", root);
    for read in tasks {
        let own: Option<Reversibility> = read.task.settings.reversibility;
        contract::check(&read.task.contract, own.unwrap_or(reversibility), &read.item.pointer, root);
    }
}
