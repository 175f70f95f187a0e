//! Reads `[agents.NAME]`: who is in the team, what each can do, and what stands behind the name.

use std::time::Duration;

use bailiwick_actors::{
    agents::{command::ReplyFormat, scripted::ScriptedReply},
    policies::restart::RestartSettings,
};
use bailiwick_protocols::{AgentName, Capability, Permissions, time::parse_span};

use super::{
    fields::Fields,
    handlers::Named,
    inputs::{TeamInput, check_argument},
    item::Item,
    scripted::replies,
    settings::{capabilities, permissions, usd},
};

/// An agent as the file describes it.
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub struct TeamAgent {
    /// Unique in the team.
    pub name: AgentName,
    /// What it can do.
    pub capabilities: Vec<Capability>,
    /// The most it may ever hold.
    pub permissions: Permissions,
    /// How many attempts run at once, 1.. (1).
    pub max_concurrent: u32,
    /// What it declares for one task, in US dollars (0).
    pub cost_usd_per_task: f64,
    /// How crashed seats are replaced.
    pub restart: RestartSettings,
    /// What stands behind the name.
    pub kind: TeamAgentKind,
}

/// What stands behind the name of an agent.
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub enum TeamAgentKind {
    /// A program, started for each attempt in the folder of the team file.
    Command {
        /// The program and its arguments; `{input.NAME}` in them stands for the value in `params`.
        argv: Vec<String>,
        /// How its stdout is read.
        reply: ReplyFormat,
        /// The variables it is given; `None` is the default list.
        env: Option<Vec<String>>,
    },
    /// Code registered under this name.
    Handler(String),
    /// Replies in turn; the last one repeats.
    Scripted(Vec<ScriptedReply>),
}

/// Reads agents, with what arguments may refer to.
pub(super) struct Agents<'a> {
    /// The inputs that the file declares.
    pub(super) declared: &'a [TeamInput],
    /// The handlers that agents name.
    pub(super) handlers: Vec<Named>,
    /// What each agent can do, also of those with a problem.
    pub(super) held: Vec<(String, Vec<Capability>)>,
}

impl Agents<'_> {
    /// Reads `[agents]`.
    pub(super) fn read(&mut self, item: Option<&Item<'_>>) -> Vec<TeamAgent> {
        let named = item.and_then(Item::table).map(|fields| fields.all()).unwrap_or_default();
        named.into_iter().filter_map(|(name, item)| self.agent(name, &item)).collect()
    }

    fn agent(&mut self, name: &str, item: &Item<'_>) -> Option<TeamAgent> {
        item.name(name);
        let fields = item.table()?;
        let held = fields.need("capabilities", "say what it can do: capabilities = [\"write.report\"]");
        let capabilities = held.as_ref().map(capabilities).unwrap_or_default();
        if let Some(held) = held.filter(|held| held.list().is_some_and(|list| list.is_empty())) {
            held.refuse("an agent that can do nothing", "name at least one capability");
        }
        self.held.push((name.to_owned(), capabilities.clone()));
        let kind = self.kind(&fields);
        let agent = TeamAgent {
            name: name.into(),
            capabilities,
            permissions: fields.get("permissions").map(|item| permissions(&item)).unwrap_or_default(),
            max_concurrent: fields.get("max_concurrent").and_then(|item| item.integer(1..=u32::MAX)).unwrap_or(1),
            cost_usd_per_task: fields.get("cost_usd_per_task").and_then(|item| usd(&item)).unwrap_or_default(),
            restart: fields.get("restart").and_then(|item| restart(&item)).unwrap_or_default(),
            kind: kind.unwrap_or_else(|| TeamAgentKind::Scripted(Vec::new())),
        };
        fields.close();
        Some(agent)
    }

    /// Reads what stands behind the name: exactly one of command, handler, scripted. `None` was noted.
    fn kind(&mut self, fields: &Fields<'_>) -> Option<TeamAgentKind> {
        let [command, handler, scripted] = ["command", "handler", "scripted"].map(|key| fields.get(key));
        let model = fields.later("model", "use command, handler or scripted");
        for key in ["prompt", "prompt_file", "tools"] {
            fields.later(key, "drop it; it comes with agents on models");
        }
        let [reply, env] = ["reply", "env"].map(|key| fields.get(key));
        if command.is_none() && !model {
            for item in [&reply, &env].into_iter().flatten() {
                item.refuse("only a command has this", "drop it");
            }
        }
        let there = [&command, &handler, &scripted].into_iter().flatten().count();
        match (there, model) {
            (0, false) => fields.lacks(
                &["command", "handler", "scripted"],
                "has nobody behind it",
                "add one of command = [\"program\"], handler = \"name\", scripted = [ { output = \"..\" } ]",
            ),
            (0, true) | (1, false) => {}
            _ => fields.item.refuse("has several behind it", "keep one of command, handler, scripted, model"),
        }
        let kinds = [
            command.and_then(|item| self.command(&item, reply, env)),
            handler.and_then(|item| self.handler(&item)),
            scripted.map(|item| TeamAgentKind::Scripted(replies(&item))),
        ];
        kinds.into_iter().flatten().next()
    }

    fn handler(&mut self, item: &Item<'_>) -> Option<TeamAgentKind> {
        let name = item.words("name a handler that is registered in code")?;
        self.handlers.push(Named::at(item, name));
        Some(TeamAgentKind::Handler(name.to_owned()))
    }

    fn command(&self, item: &Item<'_>, reply: Option<Item<'_>>, env: Option<Item<'_>>) -> Option<TeamAgentKind> {
        const HELP: &str = "list the program and its arguments: command = [\"sh\", \"agents/count.sh\"]";
        let reply = reply.and_then(|item| item.one_of(&[("json", ReplyFormat::Json), ("text", ReplyFormat::Text)]));
        let env = env.map(|item| variables(&item));
        let super::syntax::Value::List(_) = item.node.value else {
            item.refuse(format!("expected a list of strings, found {}", item.node.value.kind()), HELP);
            return None;
        };
        let items = item.list()?;
        match items.first() {
            Some(program) => drop(program.words(HELP)),
            None => item.refuse("is empty", HELP),
        }
        for nul in items.iter().filter(|item| item.text().is_some_and(|text| text.contains('\0'))) {
            nul.refuse("has a NUL character, which no argument can have", "remove it");
        }
        items.iter().for_each(|item| check_argument(item, self.declared));
        let argv = items.iter().filter_map(|item| item.text().map(str::to_owned)).collect();
        Some(TeamAgentKind::Command { argv, reply: reply.unwrap_or_default(), env })
    }
}

/// Reads the names of environment variables.
fn variables(item: &Item<'_>) -> Vec<String> {
    let names = item.list().unwrap_or_default();
    for item in &names {
        if item.text().is_some_and(|name| name.is_empty() || name.contains(['=', '\0'])) {
            item.refuse(
                "is not the name of a variable",
                "list names only, such as \"PATH\"; values come from the environment",
            );
        }
    }
    names.iter().filter_map(|item| item.text().map(str::to_owned)).collect()
}

/// Reads `restart = { backoff = "200ms..30s", max = 5, within = "60s" }`.
fn restart(item: &Item<'_>) -> Option<RestartSettings> {
    let fields = item.table()?;
    let mut settings = RestartSettings::default();
    if let Some((min, max)) = fields.get("backoff").and_then(|item| backoff(&item)) {
        (settings.backoff_min, settings.backoff_max) = (min, max);
    }
    settings.max = fields.get("max").and_then(|item| item.integer(0..=u32::MAX));
    settings.within = fields.get("within").and_then(|item| item.some_time()).unwrap_or(settings.within);
    fields.close();
    Some(settings)
}

/// Reads the shortest and the longest pause, `200ms..30s`.
fn backoff(item: &Item<'_>) -> Option<(Duration, Duration)> {
    const HELP: &str = "write the shortest and the longest pause: \"200ms..30s\"";
    let Some((min, max)) = item.text()?.split_once("..") else {
        item.refuse("is not a range of pauses", HELP);
        return None;
    };
    match (parse_span(min.trim()), parse_span(max.trim())) {
        (Ok(min), Ok(max)) if min <= max => Some((min, max)),
        (Ok(_), Ok(_)) => {
            item.refuse("the shortest pause is longer than the longest", HELP);
            None
        }
        (Err(error), _) | (_, Err(error)) => {
            item.refuse(error.to_string(), HELP);
            None
        }
    }
}
