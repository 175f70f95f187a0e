//! Puts a team together and starts it. All problems are told at once.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use bailiwick_actors::{
    agent_supervisor::snapshot,
    agents::question,
    agents::{AgentError, AgentSpec, Question, answers},
    audit_log::{journal::Journal, memory::MemoryJournal},
    directory::Weights,
    goal::choice::ChoiceSettings,
    planners::{DynPlanner, DynSynthesiser, Planner, Synthesiser},
    policies::{PolicySettings, SupervisorPolicy},
    routers::{Router, standard::StandardRouter},
    tools::{Tool, Tools},
    trust_tracker::models::{Asymmetric, Contained, TrustModel},
    verifiers::{Judge, VerifierSpec, Verifiers},
};
use bailiwick_protocols::{AgentName, Permissions, RuntimeEvent, TeamName, Timestamp};

use crate::{Bailiwick, Error, runtime};

type PolicyFactory = Arc<dyn Fn(&AgentSpec) -> Box<dyn SupervisorPolicy> + Send + Sync>;

/// Puts a team together; made by [`Bailiwick::builder`].
pub struct Builder {
    pub(crate) name: TeamName,
    pub(crate) agents: Vec<AgentSpec>,
    pub(crate) grants: Option<Permissions>,
    pub(crate) verifiers: Verifiers,
    pub(crate) tools: Tools,
    pub(crate) router: Arc<dyn Router>,
    pub(crate) planner: Option<Arc<dyn DynPlanner>>,
    pub(crate) synthesiser: Option<Arc<dyn DynSynthesiser>>,
    pub(crate) choice: ChoiceSettings,
    pub(crate) policies: PolicySettings,
    pub(crate) own_policies: Vec<PolicyFactory>,
    pub(crate) model: Arc<dyn TrustModel>,
    pub(crate) journal: Arc<dyn Journal>,
    pub(crate) snapshot_every: u64,
    pub(crate) hold: bool,
    pub(crate) stated: Option<RuntimeEvent>,
    pub(crate) seed: Option<u64>,
    pub(crate) stage: Option<StageWorld>,
    problems: Vec<String>,
}

/// The virtual world of a [`Stage`](crate::testing::Stage).
#[derive(Clone, Copy)]
pub(crate) struct StageWorld {
    pub(crate) epoch: Timestamp,
    pub(crate) delay: Option<Duration>,
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            name: "team".into(),
            agents: Vec::new(),
            grants: None,
            verifiers: Verifiers::new(),
            tools: Tools::new(),
            router: Arc::new(StandardRouter),
            planner: None,
            synthesiser: None,
            choice: ChoiceSettings::default(),
            policies: PolicySettings::default(),
            own_policies: Vec::new(),
            model: Arc::new(Asymmetric::default()),
            journal: Arc::new(MemoryJournal::default()),
            snapshot_every: snapshot::EVENTS,
            hold: false,
            stated: None,
            seed: None,
            stage: None,
            problems: Vec::new(),
        }
    }
}

impl Builder {
    /// Names the team: trust, breakers and journals are kept by it (`team`).
    pub fn name(mut self, name: impl Into<TeamName>) -> Self {
        self.name = name.into();
        self
    }

    /// Adds an agent.
    pub fn agent(mut self, agent: AgentSpec) -> Self {
        self.agents.push(agent);
        self
    }

    /// Sets who answers what agents ask by [`AgentContext::ask`](bailiwick_actors::agents::AgentContext::ask), one question
    /// at a time: a person behind a prompt, say. It joins the team as the agent `person`.
    pub fn answers<F, Fut>(self, answer: F) -> Self
    where
        F: Fn(Question) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<String, AgentError>> + Send + 'static,
    {
        self.agent(answers(answer))
    }

    /// Sets what goals may grant on; without it, whatever the agents' own permissions allow.
    pub fn grants(mut self, permissions: Permissions) -> Self {
        self.grants = Some(permissions);
        self
    }

    /// Adds a check behind [`Verify::function`](bailiwick_protocols::Verify::function).
    pub fn verifier(mut self, spec: VerifierSpec) -> Self {
        if let Err(duplicate) = self.verifiers.add(spec) {
            self.problems.push(duplicate.to_string());
        }
        self
    }

    /// Adds a judge to the panel that answers [`Verify::judge`](bailiwick_protocols::Verify::judge).
    pub fn judge(mut self, judge: impl Judge) -> Self {
        self.verifiers.add_judge(judge);
        self
    }

    /// Adds an agent of the team to that panel, seated in turn with the other judges. It is shown the whole question as
    /// its task's goal and answers `{"score": 0.8, "reason": ".."}`; where it has a part in the work it abstains.
    pub fn judge_agent(mut self, name: impl Into<AgentName>) -> Self {
        self.verifiers.add_judge_agent(name);
        self
    }

    /// Adds a tool that agents may use as far as their mandates allow.
    pub fn tool(mut self, tool: impl Tool) -> Self {
        let name = tool.name().to_owned();
        if self.tools.insert(name.clone(), Arc::new(tool)).is_some() {
            self.problems.push(format!("two tools are called `{name}`: give one another name"));
        }
        self
    }

    /// Sets who decides which road a goal takes that brings no tasks and asks for none; else it is
    /// [`StandardRouter`]: floor, direct, plan.
    pub fn router(mut self, router: impl Router) -> Self {
        self.router = Arc::new(router);
        self
    }

    /// Sets who splits goals that bring no tasks.
    pub fn planner(mut self, planner: impl Planner) -> Self {
        self.planner = Some(Arc::new(planner));
        self
    }

    /// Sets who joins the outputs of several final tasks.
    pub fn synthesiser(mut self, synthesiser: impl Synthesiser) -> Self {
        self.synthesiser = Some(Arc::new(synthesiser));
        self
    }

    /// Sets how much each term of the score weighs.
    pub fn weights(mut self, weights: Weights) -> Self {
        self.choice.weights = weights;
        self
    }

    /// Sets how often the least-known agent is tried, 0.0..=1.0 (0.05).
    pub fn exploration(mut self, probability: f64) -> Self {
        self.choice.exploration = probability;
        self
    }

    /// Lets one held capability be enough (false).
    pub fn partial_capability(mut self, enough: bool) -> Self {
        self.choice.partial_capability = enough;
        self
    }

    /// Sets the settings of the default policies.
    pub fn policy_settings(mut self, settings: PolicySettings) -> Self {
        self.policies = settings;
        self
    }

    /// Adds a policy of your own behind the default ones, made anew for each supervisor and each of its lives.
    pub fn policy<P: SupervisorPolicy>(mut self, make: impl Fn(&AgentSpec) -> P + Send + Sync + 'static) -> Self {
        self.own_policies.push(Arc::new(move |spec| Box::new(make(spec))));
        self
    }

    /// Sets how evidence becomes trust (asymmetric). Where the model panics nothing is learned, and the goal goes on.
    pub fn trust_model(mut self, model: impl TrustModel) -> Self {
        self.model = Arc::new(Contained(model));
        self
    }

    /// Lets goals that the journal holds and that have not ended wait for [`Bailiwick::resume`] (they go on at once).
    pub fn hold_open_goals(mut self) -> Self {
        self.hold = true;
        self
    }

    /// Sets where the log is kept (in memory). With a durable journal nothing acknowledged is lost: goals that it
    /// holds and that have not ended go on when the team starts.
    pub fn journal(mut self, journal: impl Journal) -> Self {
        self.journal = Arc::new(journal);
        self
    }

    /// Sets after how many events of its own each agent's supervisor writes down what it knows (1 000; 0 is never), so that
    /// the next start reads only what came after. See `docs/journal.md`.
    pub fn snapshot_every(mut self, events: u64) -> Self {
        self.snapshot_every = events;
        self
    }

    /// How evidence becomes trust.
    pub fn model_of_trust(&self) -> Arc<dyn TrustModel> {
        self.model.clone()
    }

    /// Seeds every draw: near ties, jitter, ids.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// What goals may grant on: what was set, else whatever the agents' own permissions allow.
    pub(crate) fn may_grant(&self) -> Permissions {
        let all = || self.agents.iter().fold(Permissions::none(), |all, agent| all.join(&agent.permissions));
        self.grants.clone().unwrap_or_else(all)
    }

    /// Starts the team.
    ///
    /// # Errors
    /// [`Error::Invalid`] with everything that is wrong with it.
    pub async fn start(self) -> Result<Bailiwick, Error> {
        let problems = self.problems();
        if !problems.is_empty() {
            return Err(Error::Invalid(problems));
        }
        runtime::start(self).await
    }

    /// What is wrong with the team, all at once.
    pub(crate) fn problems(&self) -> Vec<String> {
        let mut found = self.problems.clone();
        if !is_name(&self.name) {
            found.push(format!("`{}` cannot be the name of a team: use letters, digits, `-`, `_` and `.`", self.name));
        }
        if self.agents.is_empty() {
            found.push("a team needs at least one agent: add one with `.agent(..)`".to_owned());
        }
        let mut names = BTreeSet::new();
        for agent in &self.agents {
            if !names.insert(&agent.name) {
                found.push(format!("two agents are called `{}`: give one another name", agent.name));
            }
            found.extend(agent_problems(agent));
        }
        for judge in self.verifiers.judge_agents().filter(|judge| !names.contains(judge)) {
            found.push(format!("judge `{judge}` is no agent of the team: add it with `.agent(..)`, or leave it out"));
        }
        for agent in self.agents.iter().filter(|agent| self.verifiers.judge_agents().any(|judge| *judge == agent.name))
        {
            if question::only_answers(&agent.capabilities) {
                found.push(format!(
                    "judge `{}` only answers questions: let an agent with other capabilities judge",
                    agent.name
                ));
            }
        }
        let Weights { capability, trust, availability, cost } = self.choice.weights;
        let weights = [capability, trust, availability, cost];
        if weights.iter().any(|w| !(0.0..=1.0).contains(w)) || (weights.iter().sum::<f64>() - 1.0).abs() > 1e-6 {
            found.push("the weights of the score go from 0 to 1 and sum up to 1".to_owned());
        }
        if !(0.0..=1.0).contains(&self.choice.exploration) {
            found.push("exploration is a probability, from 0 to 1".to_owned());
        }
        if cfg!(panic = "abort") {
            found.push("supervision needs panics that unwind: build with panic = \"unwind\"".to_owned());
        }
        found
    }
}

/// Everything that is wrong with one agent, whoever else is in the team.
pub(crate) fn agent_problems(agent: &AgentSpec) -> Vec<String> {
    let (name, mut found) = (&agent.name, Vec::new());
    if !is_name(name) {
        found.push(format!("`{name}` cannot be the name of an agent: use letters, digits, `-`, `_` and `.`"));
    }
    if agent.capabilities.is_empty() {
        found.push(format!("agent `{name}` can do nothing: give it at least one capability"));
    }
    if agent.capabilities.iter().any(|capability| capability.is_blank()) {
        found.push(format!("agent `{name}` has a blank capability: name it"));
    }
    if agent.max_concurrent == 0 {
        found.push(format!("agent `{name}` has no seat: set max_concurrent to 1 or more"));
    }
    if agent.cost_per_task.micro_usd().is_none() {
        found.push(format!("agent `{name}`: what a task costs is a number of dollars, 0 or more"));
    }
    found
}

/// Whether a name is safe as a segment of a stream's name and as a file name.
fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name != "."
        && name != ".."
        && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | ' '))
        && name.trim() == name
}
