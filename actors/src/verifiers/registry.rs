//! Who can be asked: the functions contracts may name, and the judges.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    fmt,
    sync::Arc,
};

use bailiwick_protocols::AgentName;

use super::{DynVerifier, Judge, VerifierSpec, bench::Seated};

/// Everybody a contract may ask. Contracts are compiled against it: see [`Verifiers::compile`].
#[derive(Clone, Default)]
pub struct Verifiers {
    functions: BTreeMap<String, Arc<dyn DynVerifier>>,
    judges: Vec<Seated>,
    named_judges: BTreeMap<String, Seated>,
}

/// Two verifiers, or two judges, have the same name.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("`{name}` is registered twice: give one of them another name")]
pub struct DuplicateVerifier {
    /// The name.
    pub name: String,
}

impl Verifiers {
    /// Nobody.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a function under its name.
    ///
    /// # Errors
    /// If there is one of that name already; it stays.
    pub fn add(&mut self, spec: VerifierSpec) -> Result<(), DuplicateVerifier> {
        insert(&mut self.functions, spec.name, spec.verifier)
    }

    /// Adds a judge to those who are asked when a contract names nobody. They are seated in this order, and told of by it:
    /// `judge-1`, `judge-2` ...
    pub fn add_judge(&mut self, judge: impl Judge) {
        let name = format!("judge-{}", self.judges.len() + 1);
        self.judges.push(Seated::Given(name.into(), Arc::new(judge)));
    }

    /// Adds an agent of the team to those who are asked when a contract names nobody.
    pub fn add_judge_agent(&mut self, agent: impl Into<AgentName>) {
        self.judges.push(Seated::Agent(agent.into()));
    }

    /// The agents of the team that judge, as they are seated.
    pub fn judge_agents(&self) -> impl Iterator<Item = &AgentName> {
        self.judges.iter().filter_map(|judge| match judge {
            Seated::Agent(agent) => Some(agent),
            Seated::Given(..) => None,
        })
    }

    /// Adds a model or agent that a contract asks for by name, instead of the others.
    ///
    /// # Errors
    /// If there is one of that name already; it stays.
    pub fn add_named_judge(&mut self, name: impl Into<String>, judge: impl Judge) -> Result<(), DuplicateVerifier> {
        let name = name.into();
        let seated = Seated::Given(name.as_str().into(), Arc::new(judge));
        insert(&mut self.named_judges, name, seated)
    }

    /// The names of all functions, sorted.
    pub fn function_names(&self) -> Vec<String> {
        self.functions.keys().cloned().collect()
    }

    /// The names of all judges that can be asked for, sorted.
    pub fn judge_names(&self) -> Vec<String> {
        self.named_judges.keys().cloned().collect()
    }

    pub(crate) fn function(&self, name: &str) -> Option<Arc<dyn DynVerifier>> {
        self.functions.get(name).cloned()
    }

    pub(crate) fn judges(&self) -> &[Seated] {
        &self.judges
    }

    pub(crate) fn named_judge(&self, name: &str) -> Option<Seated> {
        self.named_judges.get(name).cloned()
    }
}

fn insert<T>(into: &mut BTreeMap<String, T>, name: String, item: T) -> Result<(), DuplicateVerifier> {
    match into.entry(name) {
        Entry::Occupied(taken) => Err(DuplicateVerifier { name: taken.key().clone() }),
        Entry::Vacant(free) => {
            free.insert(item);
            Ok(())
        }
    }
}

impl fmt::Debug for Verifiers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifiers")
            .field("functions", &self.functions.keys())
            .field("judges", &self.judges.len())
            .field("named_judges", &self.named_judges.keys())
            .finish()
    }
}
