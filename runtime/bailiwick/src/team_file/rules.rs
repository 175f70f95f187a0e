//! Reads what policies live by: a whole team file, or one that holds nothing but `[policy]`.

use std::{env, path::Path};

use super::{
    Environment, Inputs, Problems, TeamAgent, TeamPolicy, fields::Fields, interpolate, item::Item, policy,
    problems::Findings, read, syntax,
};

/// The rules by which a journal may be decided anew: nobody is started by them.
#[derive(Clone, PartialEq, Debug, Default)]
#[non_exhaustive]
pub struct TeamRules {
    /// When agents are left alone and how trust moves; silence keeps the defaults.
    pub policy: TeamPolicy,
    /// What agents may hold, cost and do at once; nobody, where the file holds `[policy]` alone.
    pub agents: Vec<TeamAgent>,
}

impl TeamRules {
    /// Reads them from a file.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, Problems> {
        let path = path.as_ref();
        let file = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|error| {
            let help = "name a team file, or one with `[policy]` alone";
            Problems::unreadable(&file, format!("cannot be read: {error}"), help)
        })?;
        let folder = path.parent().unwrap_or(Path::new("."));
        rules(&file, &text, folder, &|name| env::var(name).ok())
    }

    /// Reads them from a text.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn parse(text: &str) -> Result<Self, Problems> {
        rules("policy.toml", text, Path::new("."), &|_| None)
    }
}

fn rules(file: &str, text: &str, folder: &Path, environment: Environment<'_>) -> Result<TeamRules, Problems> {
    let findings = Findings::new(text);
    let alone = syntax::tree(text, &findings).and_then(|mut tree| {
        interpolate::fill(&mut tree, "", environment, &findings);
        alone(Item::root(&tree, &findings).table()?)
    });
    match alone {
        Some(policy) => {
            findings.into_problems(file)?;
            Ok(TeamRules { policy, agents: Vec::new() })
        }
        None => {
            let team = read(file, text, folder, &Inputs::unfilled(), environment)?;
            Ok(TeamRules { policy: team.policy, agents: team.agents })
        }
    }
}

/// `[policy]` of a file in which nothing else stands.
fn alone(root: Fields<'_>) -> Option<TeamPolicy> {
    let all = root.all();
    let (_, found) = all.iter().find(|(key, _)| *key == "policy")?;
    all.iter().all(|(key, _)| ["policy", "version"].contains(key)).then(|| policy::read(Some(found)))
}
