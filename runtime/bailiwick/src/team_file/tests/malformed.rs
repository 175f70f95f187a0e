//! One file with everything wrong: all of it is told at once.

use super::*;

const FILE: &str = r#"version = 2
name = "repo/audit"
complexity = 9
reversibility = "hgih"
permissions = ["fs.read"]
colour = "blue"

[inputs.path]
type = "folder"
required = "yes"

[defaults]
timeout = "20 parsecs"
retries = -1
[budget]
usd = -2.0
tokens = "many"
wall = 20
[limits]
task = 256
depth = 300
[mandate]
grants = ["fs.read:repo/../*"]

[agents.counter]
capabilities = ["repo.inventory"]
comand = ["sh", "agents/inventory.sh"]
max_concurrent = 0
[agents.writer]
capabilites = ["write.report"]
command = ["sh", "{input.paht}"]
reply = "jsn"
cost_usd_per_task = -1
restart = { backoff = "30s..200ms", maximum = 5 }
[agents.twofold]
capabilities = ["", "review"]
command = "sh review.sh"
handler = "reviewer"
[agents.nobody]
capabilities = []
env = ["PATH"]
[agents.flaky]
capabilities = ["repo.todos"]
scripted = [{ outptu = "x" }, { hang = false }, { output = "x", retryable = true }]
[agents.poet]
capabilities = ["verse"]
model = "main"
prompt = "${MUSE}, sing"
tools = ["lyre"]

[models.main]
kind = "openai"
api_key = "sk-1234567890abcdef"

[[tasks]]
id = "inventory"
goal = " "
needs = ["repo.inventry"]
criticality = 6
verify = { regex = "(" }
[[tasks]]
id = "todos"
needs = ["repo.todos", "verse"]
goal = "Find what is left to do"
after = ["inventroy", "report"]
verify = { all = [{ contians = "x" }, { regex = "" }, { judge = "is it good?" }] }
effects = "twice"
[[tasks]]
id = "report"
goal = "Write"
after = ["todos", "report"]
verify = { schema = "schemas/none.json" }
reversibility = "low"
output = { format = "structured", max_lenght = 5 }
[[tasks]]
id = "report"
goal = "Write"
verify = { contains = "a", regex = "b" }

[verify]
schema = { type = "objet" }

[judges]
models = ["main"]

[planner]
model = "main"

[policy]
weights = { capability = 0.9 }
exploration = 1.5
breaker = { window = 2, opens = "30s" }
trust = { model = "beat" }
"#;

/// What is told, without the words that patterns, schemas and spans of time have for their own mistakes.
fn told(problems: &Problems) -> String {
    let elsewhere = ["/regex", "/verify/schema/type", "/defaults/timeout"];
    let block = |problem: &Problem| match elsewhere.iter().any(|end| problem.pointer.ends_with(end)) {
        true => format!("{} {}\n", problem.line, problem.pointer),
        false => {
            let Problem { line, column, pointer, message, help } = problem;
            let help = if help.is_empty() { String::new() } else { format!("    {help}\n") };
            format!("{line}:{column} {pointer}: {message}\n{help}")
        }
    };
    problems.iter().map(block).collect()
}

const TOLD: &str = r#"1:1 /goal: `goal` is missing
    say what is wanted: goal = "Audit the repository", or give the goal as an argument
1:11 /version: version 2 of team files is not known here
    this program reads version = 1
2:8 /name: the name has a slash, a backslash or a control character in it
    choose a short plain name, such as `repo-audit`
3:14 /complexity: 9 is out of range
    from 1 to 5
4:17 /reversibility: `hgih` is not a word for this
    did you mean `high`?
5:16 /permissions/0: `fs.read` is not of the form resource.verb:scope, as in fs.read:repo/*
    a permission reads resource.verb:scope, such as fs.read:repo/*
6:1 /colour: unknown key `colour`
    there are `agents`, `budget`, `complexity`, `constraints`, `criticality`, `defaults`, `documents`, `goal`, `inputs`, `journal`, `judges`, `limits`, and 11 more
8:2 /inputs/pth: --input pth=..: the team file has no input `pth`
    did you mean `path`?
9:8 /inputs/path/type: `folder` is not a word for this
    there are `path`, `string`
10:12 /inputs/path/required: expected true or false, found a string
13 /defaults/timeout
14:11 /defaults/retries: -1 is out of range
    0 or more
16:7 /budget/usd: -2 is out of range
    from 0 to 1000000000000
17:10 /budget/tokens: expected an integer, found a string
18:8 /budget/wall: expected a span of time, found an integer
    write it as a string with its unit: "200ms", "30s", "5m"
20:1 /limits/task: unknown key `task`
    did you mean `tasks`?
21:9 /limits/depth: 300 is out of range
    from 1 to 255
23:11 /mandate/grants/0: the scope of `fs.read:repo/../*` has the segment `..`: a scope is a plain path
    a permission reads resource.verb:scope, such as fs.read:repo/*
27:1 /agents/counter/comand: unknown key `comand`
    did you mean `command`?
28:18 /agents/counter/max_concurrent: 0 is out of range
    1 or more
30:1 /agents/writer/capabilites: unknown key `capabilites`
    did you mean `capabilities`?
31:18 /agents/writer/command/1: there is no input `paht`
    did you mean `path`?
32:9 /agents/writer/reply: `jsn` is not a word for this
    did you mean `json`?
33:21 /agents/writer/cost_usd_per_task: -1 is out of range
    from 0 to 1000000000000
34:23 /agents/writer/restart/backoff: the shortest pause is longer than the longest
    write the shortest and the longest pause: "200ms..30s"
34:37 /agents/writer/restart/maximum: unknown key `maximum`
    did you mean `max`?
35:9 /agents/twofold: has several behind it
    keep one of command, handler, scripted, model
36:17 /agents/twofold/capabilities/0: is blank
    a capability is a word both sides agree on, such as "write.report"
37:11 /agents/twofold/command: expected a list of strings, found a string
    list the program and its arguments: command = ["sh", "agents/count.sh"]
39:9 /agents/nobody: has nobody behind it
    add one of command = ["program"], handler = "name", scripted = [ { output = ".." } ]
40:16 /agents/nobody/capabilities: an agent that can do nothing
    name at least one capability
41:7 /agents/nobody/env: only a command has this
    drop it
44:15 /agents/flaky/scripted/0/outptu: unknown key `outptu`
    did you mean `output`?
44:40 /agents/flaky/scripted/1/hang: false says nothing
    say one of output, error, hang = true, panic = true
44:77 /agents/flaky/scripted/2/retryable: only an error is retryable or not
    drop it, or add error = ".."
47:9 /agents/poet/model: `model` is not in this version
    use command, handler or scripted
48:10 /agents/poet/prompt: the variable MUSE is not set
    set it in the environment, or give a default: ${MUSE:-default}
49:9 /agents/poet/tools: `tools` is not in this version
    drop it; it comes with agents on models
51:2 /models: `models` is not in this version
    remove it, or wait for a version that has it
53:1 /models/main/api_key: `api_key` holds a secret
    keep it in the environment and name the variable here: api_key_env = "MODEL_API_KEY"; if this file was shared, replace the secret
57:8 /tasks/0/goal: is blank
    say what is to be done: goal = "Count files by language"
58:10 /tasks/0/needs/0: no agent has the capability `repo.inventry`
    did you mean `repo.inventory`?
59:15 /tasks/0/criticality: 6 is out of range
    from 1 to 5
60 /tasks/0/verify/regex
63:9 /tasks/1/needs: no one agent has all of these capabilities
    split it, or give it to one agent; `flaky` lacks `verse`
65:10 /tasks/1/after/0: there is no task `inventroy`
    did you mean `inventory`?
65:23 /tasks/1/after/1: the tasks wait for each other: todos -> report -> todos
    a task starts when those it comes after have ended; break the circle at one of them
66:21 /tasks/1/verify/all/0/contians: unknown key `contians`
    did you mean `contains`?
66 /tasks/1/verify/all/1/regex
67:11 /tasks/1/effects: `twice` is not a word for this
    there are `idempotent`, `none`, `once`
71:19 /tasks/2/after/1: `report` waits for itself
    remove it
72:21 /tasks/2/verify/schema: the schema schemas/none.json cannot be read: No such file or directory (os error 2)
    paths are relative to the team file
74:1 /tasks/2/output: a structured output needs a schema
    add schema = "schemas/report.json", or choose format = "json"
74:35 /tasks/2/output/max_lenght: unknown key `max_lenght`
    did you mean `max_length`?
76:6 /tasks/3/id: the task `report` is there already, on line 69
    choose another id
78:1 /tasks/3/verify: says 2 checks at once: contains, regex
    join several: { all = [ { contains = ".." }, { regex = ".." } ] }
81 /verify/schema/type
84:10 /judges/models: `models` is not in this version
    use agents = ["reviewer"], or scripted = [ { score = 0.9 } ]
86:2 /planner: `planner` is not in this version
    remove it, or wait for a version that has it
90:1 /policy/weights: the four weights add up to 1.55
    they add up to 1; those not stated are capability 0.35, trust 0.30, availability 0.20, cost 0.15
91:15 /policy/exploration: 1.5 is out of range
    from 0 to 1
92:22 /policy/breaker/window: 2 is out of range
    from 5 to 10000
92:25 /policy/breaker/opens: unknown key `opens`
    did you mean `open`?
93:19 /policy/trust/model: `beat` is not a word for this
    did you mean `beta`?
"#;

#[test]
fn a_malformed_file_is_told_all_its_problems_at_once() {
    let problems = parse(FILE, &Inputs::new(".").set("pth", ".")).unwrap_err();

    assert_eq!(told(&problems), TOLD);
}
