//! Every key this version has, and what becomes of it.

use std::time::Duration;

use bailiwick_actors::agents::{command::ReplyFormat, scripted::ScriptedReply};
use bailiwick_protocols::{Effects, OutputFormat, Usage, Verify};
use serde_json::json;

use super::*;

pub(super) const FILE: &str = r###"#:schema ./team.schema.json
version = 1
name = "everything"
goal = "Audit the repository in ${CITY} by $${CITY}"
needs = ["repo.inventory"]
complexity = 4
criticality = 4
reversibility = "low"
priority = 5
permissions = ["fs.read:*"]
documents = ["a note", { when = 2026-01-01, pages = [1, 2.5], signed = true }]
constraints = ["be brief"]
output = { format = "structured", schema = "schemas/inventory.json", max_length = 20_000 }

[inputs.path]
type = "path"
required = true
help = "folder to audit"
[inputs.tone]
type = "string"
default = "dry"
[inputs.note]
type = "string"

[defaults]
timeout = "20s"
retries = 1
complexity = 2
effects = "none"
metadata = { token = "a word of the user's own" }
[budget]
usd = 2.5
tokens = 400_000
wall = "20m"
[limits]
tasks = 12
depth = 3
fan_out = 2
[mandate]
grants = ["fs.read:repo/*", "fs.write:out/*"]

[agents.counter]
capabilities = ["repo.inventory", "repo.todos"]
command = ["sh", "agents/inventory.sh", "--in={input.path}/", "{input.tone} {x}"]
reply = "text"
permissions = ["fs.read:repo/*"]
max_concurrent = 2
cost_usd_per_task = 0.25
env = ["PATH", "LANG"]
restart = { backoff = "200ms..10s", max = 5, within = "30s" }
[agents.reviewer]
capabilities = ["review"]
handler = "reviewer"
[agents.flaky]
capabilities = ["flaky"]
scripted = [
    { output = "nonsense", cost_usd = 0.5, usage = { input_tokens = 3, calls = 1 } },
    { error = "boom" },
    { error = "gone", retryable = false },
    { hang = true },
    { panic = true },
    { delay = "50ms", output = { todos = 3 } },
]

[[tasks]]
id = "inventory"
goal = "Count"
needs = ["repo.inventory", "repo.todos"]
verify = { schema = "schemas/inventory.json" }
permissions = ["fs.read:repo/*"]
complexity = 3
criticality = 2
reversibility = "high"
priority = 1
timeout = "1m"
retries = 0
effects = "once"
metadata = { room = 3 }
documents = [1]
constraints = ["no guesses"]
budget = { usd = 0.1, tokens = 10 }
[[tasks]]
id = "plain"
goal = "Say it"
verify = "none"
[[tasks]]
id = "report"
goal = "Write"
after = ["inventory"]
optional_after = ["plain"]
output = { format = "markdown" }
[tasks.verify]
all = [
    { contains = "## Inventory" },
    { any = [{ regex = "(?m)^- " }, { equals = { a = [1] } }] },
    { not = { function = "is_empty" } },
    { schema = { type = "string", properties = { password = { type = "string" } } } },
    { judge = "every claim has a number", judges = 5, consensus = 0.5, threshold = 0.8 },
]

[verify]
contains = "# Audit"

[judges]
scripted = [{ score = 0.9 }, { score = 0.4, reason = "one claim has no number" }]
agents = ["reviewer"]

[policy]
weights = { capability = 0.25, trust = 0.25, availability = 0.25, cost = 0.25 }
exploration = 0
breaker = { trust_drop = 0.2, failures_in_row = 2, window = 10, failure_rate = 0.4, open = "10s" }
trust = { model = "asymmetric", start = 0.4, success_rate = 0.2, failure_rate = 0.3 }

[journal]
snapshot_every = 200
"###;

fn everything() -> TeamFile {
    match parse(FILE, &Inputs::new(example()).pair("path=schemas")) {
        Ok(team) => team,
        Err(problems) => panic!("{problems}"),
    }
}

#[test]
fn the_goal_has_its_text_its_keys_and_its_inputs() {
    let team = everything();

    let (goal, settings) = (&team.goal, &team.goal.settings);
    let path = example().join("schemas").canonicalize().unwrap().into_os_string().into_string().unwrap();
    assert_eq!(team.name, "everything");
    assert_eq!(goal.text, "Audit the repository in Oslo by ${CITY}");
    assert_eq!(goal.params, [("path".to_owned(), Json(json!(path))), ("tone".to_owned(), Json(json!("dry")))].into());
    assert_eq!(goal.documents[1], Json(json!({"when": "2026-01-01", "pages": [1, 2.5], "signed": true})));
    assert_eq!((goal.needs.len(), goal.constraints.len()), (1, 1));
    assert_eq!((settings.complexity, settings.criticality, settings.priority), (Some(4), Some(4), Some(5)));
    assert_eq!(settings.reversibility, Some(Reversibility::Low));
    assert_eq!(settings.permissions.as_ref().map(ToString::to_string), Some("fs.read:*".to_owned()));
    assert_eq!((settings.timeout, settings.retries), (Some(Duration::from_secs(20)), Some(1)));
    assert_eq!(goal.contract.verify, Verify::contains("# Audit"));
    assert_eq!(
        (goal.contract.output.format, goal.contract.output.max_length),
        (Some(OutputFormat::Structured), Some(20_000))
    );
    assert!(goal.contract.output.schema.as_ref().is_some_and(|schema| schema.value().is_object()));
    assert_eq!((goal.budget.slice.micro_usd, goal.budget.slice.tokens), (Some(2_500_000), Some(400_000)));
    assert_eq!(goal.budget.wall, Some(Duration::from_secs(1200)));
    assert_eq!((goal.bounds.tasks, goal.bounds.depth, goal.bounds.fan_out), (12, 3, 2));
    assert_eq!(team.mandate_grants.map(|grants| grants.to_string()).unwrap(), "fs.read:repo/*, fs.write:out/*");
}

#[test]
fn a_task_has_its_keys_and_else_the_defaults() {
    let team = everything();

    let [inventory, plain, report] = team.goal.tasks.as_slice() else { panic!("three tasks") };
    let spec = inventory.resolve(&team.goal.settings);
    assert_eq!((spec.complexity, spec.criticality, spec.priority, spec.retries), (3, 2, 1, 0));
    assert_eq!((spec.effects, spec.reversibility), (Effects::Once, Reversibility::High));
    assert_eq!((spec.timeout, spec.required.to_string()), (Duration::from_secs(60), "fs.read:repo/*".to_owned()));
    assert_eq!(spec.budget.and_then(|budget| budget.micro_usd), Some(100_000));
    assert_eq!(spec.metadata.keys().collect::<Vec<_>>(), ["room", "token"]);
    let spec = plain.resolve(&team.goal.settings);
    assert_eq!((spec.complexity, spec.criticality, spec.priority, spec.retries), (2, 4, 5, 1));
    assert_eq!((spec.effects, spec.reversibility), (Effects::None, Reversibility::Low));
    assert_eq!((spec.timeout, spec.contract.verify), (Duration::from_secs(20), Verify::None));
    assert_eq!((report.after.len(), report.optional_after.len()), (1, 1));
    let Verify::All(checks) = &report.contract.verify else { panic!("all of them") };
    assert_eq!(checks[1], Verify::any([Verify::regex("(?m)^- "), Verify::equals(json!({"a": [1]}))]));
    assert_eq!(checks[2], Verify::not(Verify::function("is_empty")));
    let Verify::Judge(judge) = &checks[4] else { panic!("a judge") };
    assert_eq!((judge.judges, judge.consensus, judge.threshold), (5, 0.5, 0.8));
}

#[test]
fn an_agent_has_its_keys_and_what_stands_behind_its_name() {
    let team = everything();

    let [counter, reviewer, flaky] = team.agents.as_slice() else { panic!("three agents") };
    assert_eq!(
        counter.kind,
        TeamAgentKind::Command {
            argv: ["sh", "agents/inventory.sh", "--in={input.path}/", "{input.tone} {x}"].map(str::to_owned).into(),
            reply: ReplyFormat::Text,
            env: Some(vec!["PATH".into(), "LANG".into()]),
        }
    );
    assert_eq!((counter.max_concurrent, counter.cost_usd_per_task), (2, 0.25));
    assert_eq!(counter.permissions.to_string(), "fs.read:repo/*");
    assert_eq!((counter.restart.backoff_max, counter.restart.max), (Duration::from_secs(10), Some(5)));
    assert_eq!(counter.restart.within, Duration::from_secs(30));
    assert_eq!(reviewer.kind, TeamAgentKind::Handler("reviewer".to_owned()));
    let TeamAgentKind::Scripted(replies) = &flaky.kind else { panic!("scripted") };
    let usage = Usage { input_tokens: 3, calls: 1, ..Usage::default() };
    assert_eq!(
        *replies,
        [
            ScriptedReply::output("nonsense").cost_usd(0.5).usage(usage),
            ScriptedReply::error("boom"),
            ScriptedReply::error("gone").not_retryable(),
            ScriptedReply::hang(),
            ScriptedReply::panic(),
            ScriptedReply::output(json!({"todos": 3})).after(Duration::from_millis(50)),
        ]
    );
}

#[test]
fn judges_policy_and_journal_are_plain_settings() {
    let team = everything();

    let (breaker, trust) = (team.policy.breaker, team.policy.trust);
    assert_eq!(team.judges_agents, ["reviewer"]);
    assert_eq!(team.judges_scripted[1].value()["reason"], "one claim has no number");
    assert_eq!(team.policy.weights.map(|weights| weights.cost), Some(0.25));
    assert_eq!(team.policy.exploration, Some(0.0));
    assert_eq!((breaker.trust_drop, breaker.failures_in_row, breaker.window), (0.2, 2, 10));
    assert_eq!((breaker.failure_rate, breaker.open, breaker.trust_below), (0.4, Duration::from_secs(10), 0.15));
    assert_eq!((trust.model, trust.start), (Some(TeamTrustModel::Asymmetric), Some(0.4)));
    assert_eq!((trust.success_rate, trust.failure_rate), (Some(0.2), Some(0.3)));
    assert_eq!(team.journal.snapshot_every, Some(200));
}

#[test]
fn a_program_without_code_refuses_what_needs_code() {
    let team = everything();

    assert_eq!(team.handlers_needed().collect::<Vec<_>>(), ["reviewer"]);
    assert_eq!(team.functions_needed().collect::<Vec<_>>(), ["is_empty"]);
    assert_eq!(team.require(&["reviewer"], &["is_empty"]), Ok(()));
    assert_eq!(
        team.require(&["reviewr"], &[]).unwrap_err().to_string(),
        "team.toml:53:11 /agents/reviewer/handler: no handler `reviewer` is registered\n    did you mean `reviewr`?\n\
         team.toml:96:26 /tasks/2/verify/all/2/not/function: no function `is_empty` is registered\n    register it in code"
    );
    let refused = team.without_code().unwrap_err().to_string();
    assert!(refused.contains("/agents/reviewer/handler: the handler `reviewer` is code"), "{refused}");
    assert!(refused.contains("Bailiwick::from_team"), "{refused}");
}

#[test]
fn the_example_of_the_readme_loads() {
    let team = TeamFile::load(example().join("team.toml"), &Inputs::new(example()).set("path", ".")).unwrap();

    assert_eq!((team.name.as_str(), team.without_code()), ("repo-audit", Ok(())));
    assert!(team.folder.is_absolute() && team.folder.join("team.toml").is_file());
    assert!(team.goal.tasks.len() > 3 && !team.agents.is_empty());
}
