//! What all goals of a runtime share: who is in the team, how agents are chosen, what can be checked.

use std::sync::Arc;

use bailiwick_protocols::TeamName;

use crate::{
    directory::Directory,
    goal::choice::ChoiceSettings,
    planners::{DynPlanner, DynSynthesiser},
    routers::Router,
    tools::Tools,
    verifiers::Verifiers,
};

/// A team, as its goals see it.
pub struct Team {
    /// Trust, breakers and journals are kept by this name.
    pub name: TeamName,
    /// Who is in it.
    pub directory: Directory,
    /// How agents are chosen.
    pub choice: ChoiceSettings,
    /// What contracts may ask for.
    pub verifiers: Arc<Verifiers>,
    /// What agents may use on the world.
    pub tools: Arc<Tools>,
    /// Who decides which road a goal takes.
    pub router: Arc<dyn Router>,
    /// Who splits goals that bring no tasks.
    pub planner: Option<Arc<dyn DynPlanner>>,
    /// Who joins the outputs of several final tasks.
    pub synthesiser: Option<Arc<dyn DynSynthesiser>>,
}
