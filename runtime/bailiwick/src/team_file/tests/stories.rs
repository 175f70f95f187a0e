//! One mistake at a time, and what is said about it.

use super::*;

#[test]
fn a_text_that_is_not_toml_is_told_its_line_and_nothing_else() {
    let problems = parse("version = 1\nname = \"x\ngoal = \"y\"\nunknown = 1\n", &Inputs::new(".")).unwrap_err();

    let told: Vec<_> = problems.iter().map(|problem| (problem.line, problem.pointer.as_str())).collect();
    assert_eq!(told, [(2, "")]);
}

#[test]
fn an_agent_that_is_there_twice_is_refused() {
    let told = told("[agents.ada]\ncapabilities = [\"read\"]\ncommand = [\"cat\"]\n");

    assert!(told.starts_with("team.toml:7:9: not TOML: duplicate key"), "{told}");
}

#[test]
fn an_empty_file_is_told_what_a_team_is() {
    let problems = parse("", &Inputs::new(".")).unwrap_err();

    assert_eq!(
        problems.iter().map(|problem| problem.pointer.as_str()).collect::<Vec<_>>(),
        ["/goal", "/version", "/name", "/agents"]
    );
}

#[test]
fn a_file_that_is_not_there_is_told_so() {
    let problems = TeamFile::load("no/team.toml", &Inputs::new(".")).unwrap_err();

    assert!(problems.to_string().starts_with("no/team.toml: cannot be read: "), "{problems}");
}

#[test]
fn tasks_that_wait_for_each_other_are_named_with_their_path() {
    let tasks = [("a", "c"), ("b", "a"), ("c", "b"), ("d", "a")];
    let text: String = tasks
        .iter()
        .map(|(id, after)| format!("[[tasks]]\nid = \"{id}\"\ngoal = \"x\"\nafter = [\"{after}\"]\n"))
        .collect();

    assert_eq!(
        told(&text),
        "team.toml:10:10 /tasks/0/after/0: the tasks wait for each other: a -> c -> b -> a\n    \
         a task starts when those it comes after have ended; break the circle at one of them"
    );
}

#[test]
fn a_circle_through_optional_inputs_is_one_too() {
    let told = told(
        "[[tasks]]\nid = \"a\"\ngoal = \"x\"\nafter = [\"b\"]\n[[tasks]]\nid = \"b\"\ngoal = \"x\"\noptional_after = [\"a\"]\n",
    );

    assert!(told.contains("/tasks/0/after/0: the tasks wait for each other: a -> b -> a"), "{told}");
}

#[test]
fn a_judge_that_is_no_agent_of_the_team_is_told_with_its_line_and_who_may_be_meant() {
    let told = told("[judges]\nagents = [\"adda\", \"ada\", \"ada\", 7]\n");

    assert_eq!(
        told,
        "team.toml:8:11 /judges/agents/0: there is no agent `adda`\n    did you mean `ada`?\n\
         team.toml:8:26 /judges/agents/2: `ada` is listed already\n    \
         list it once; it sits on as many seats as come to it\n\
         team.toml:8:33 /judges/agents/3: expected a string, found an integer"
    );
}

#[test]
fn needs_that_no_one_agent_holds_are_refused() {
    let told = told(
        "[agents.bo]\ncapabilities = [\"read\"]\ncommand = [\"cat\"]\n[[tasks]]\nid = \"a\"\ngoal = \"x\"\nneeds = [\"read\", \"write\"]\n",
    );

    assert_eq!(
        told,
        "team.toml:13:9 /tasks/0/needs: no one agent has all of these capabilities\n    \
         split it, or give it to one agent; `ada` lacks `read`"
    );
}

#[test]
fn a_goal_with_a_plan_needs_nobody_who_could_do_it_all() {
    let text = |needs| {
        format!(
            "version = 1\nname = \"n\"\ngoal = \"g\"\nneeds = {needs}\n[agents.a]\ncapabilities = [\"a\"]\ncommand = [\"cat\"]\n\
             [agents.b]\ncapabilities = [\"b\"]\ncommand = [\"cat\"]\n"
        )
    };
    let both = text("[\"a\", \"b\"]");

    let without_plan = parse(&both, &Inputs::new(".")).unwrap_err().to_string();
    let with_plan = parse(&format!("{both}[[tasks]]\nid = \"t\"\ngoal = \"g\"\n"), &Inputs::new("."));

    assert!(without_plan.contains("/needs: no one agent has all of these capabilities"), "{without_plan}");
    assert!(with_plan.is_ok(), "{with_plan:?}");
    assert!(parse(&text("[\"c\"]"), &Inputs::new(".")).unwrap_err().to_string().contains("has the capability `c`"));
}

#[test]
fn a_permission_that_no_agent_could_hold_is_a_matter_of_the_run() {
    assert!(
        small("[[tasks]]\nid = \"a\"\ngoal = \"x\"\nneeds = [\"write\"]\npermissions = [\"fs.write:out/*\"]\n").is_ok()
    );
}

#[test]
fn a_schema_file_that_is_none_is_refused() {
    let told = told(
        "[[tasks]]\nid = \"a\"\ngoal = \"x\"\nverify = { schema = \"team.toml\" }\n\
         [[tasks]]\nid = \"b\"\ngoal = \"x\"\nverify = { schema = \"schemas\" }\n",
    );

    assert!(told.contains("team.toml:10:21 /tasks/0/verify/schema: the schema team.toml is not JSON"), "{told}");
    assert!(told.contains("team.toml:14:21 /tasks/1/verify/schema: the schema schemas is not a file"), "{told}");
}

#[test]
fn what_a_trust_model_does_not_know_is_refused_and_never_dropped() {
    let help = "remove it (beta starts at 0.5 and counts), or choose model = \"asymmetric\"";
    for key in ["start", "success_rate", "failure_rate"] {
        let told = told(&format!("[policy]\ntrust = {{ {key} = 0.4, model = \"beta\" }}\n"));

        let expected = format!("/policy/trust/{key}: `{key}` means nothing to the model beta\n    {help}");
        assert!(told.contains(&expected), "{told}");
    }

    let beta = small("[policy]\ntrust = { model = \"beta\" }\n").unwrap();
    let ours = small("[policy]\ntrust = { start = 0.4, success_rate = 0.2 }\n").unwrap();
    assert_eq!(beta.policy.model().name(), "beta");
    assert_eq!((ours.policy.model().name(), ours.policy.model().start().get()), ("asymmetric", 0.4));
}

#[test]
fn a_secret_is_refused_and_never_repeated() {
    let told = told("[policy]\napi_key = \"hunter2hunter2\"\n[verify]\ncontains = \"sk-live1234567890\"\n");

    assert!(told.contains("team.toml:8:1 /policy/api_key: `api_key` holds a secret"), "{told}");
    assert!(told.contains("team.toml:10:12 /verify/contains: this looks like a secret"), "{told}");
    assert!(told.contains("api_key_env") && !told.contains("hunter2") && !told.contains("sk-live"), "{told}");
}

#[test]
fn a_variable_without_a_value_is_named() {
    let told = told("[verify]\ncontains = \"${NOWHERE} and ${CITY} and ${THERE:-here}\"\n");

    assert_eq!(
        told,
        "team.toml:8:12 /verify/contains: the variable NOWHERE is not set\n    \
         set it in the environment, or give a default: ${NOWHERE:-default}"
    );
}

const WITH_INPUTS: &str = "version = 1\nname = \"n\"\ngoal = \"g\"\n[inputs.path]\ntype = \"path\"\nrequired = true\nhelp = \"folder to audit\"\n\
     [inputs.word]\ntype = \"string\"\n[agents.a]\ncapabilities = [\"a\"]\ncommand = [\"cat\", \"{input.path}\"]\n";

#[test]
fn an_input_that_is_missing_unknown_or_not_there_is_refused() {
    let told = |inputs: Inputs| parse(WITH_INPUTS, &inputs).map(drop).map_err(|problems| problems.to_string());
    let here = Inputs::new(example());

    assert_eq!(
        told(here.clone()),
        Err("team.toml:4:9 /inputs/path: the input `path` is missing\n    add --input path=.. (folder to audit)"
            .to_owned())
    );
    let unknown = told(here.clone().set("paht", ".").set("path", ".")).unwrap_err();
    assert!(unknown.contains("no input `paht`\n    did you mean `path`?"), "{unknown}");
    let nowhere = told(here.clone().set("path", "no/such/folder")).unwrap_err();
    assert!(nowhere.contains("/inputs/path: ") && nowhere.contains("cannot be used: No such file"), "{nowhere}");
    let twice = told(here.clone().set("path", ".").set("path", "schemas")).unwrap_err();
    assert!(twice.contains("given twice"), "{twice}");
    let bare = told(here.clone().set("path", ".").pair("word")).unwrap_err();
    assert!(bare.contains("--input word is not NAME=VALUE"), "{bare}");
    assert_eq!(told(here.pair("path=.").pair("word=a=b")), Ok(()));
}

#[test]
fn a_file_that_is_only_looked_at_needs_no_inputs_and_no_goal() {
    let team = parse(&WITH_INPUTS.replace("goal = \"g\"\n", ""), &Inputs::unfilled()).unwrap();

    let TeamAgentKind::Command { argv, .. } = &team.agents[0].kind else { panic!("a command") };
    assert_eq!((argv[1].as_str(), team.goal.text.as_str()), ("{input.path}", ""));
    assert!(team.goal.params.is_empty());
}

#[test]
fn the_caller_may_say_another_goal() {
    let inputs = Inputs::new(example()).set("path", ".").goal("Only count");

    assert_eq!(parse(WITH_INPUTS, &inputs).unwrap().goal.text, "Only count");
    assert!(parse(WITH_INPUTS, &inputs.goal(" ")).unwrap_err().to_string().contains("/goal: the goal given is blank"));
}

#[test]
fn an_argument_is_never_left_with_a_hole() {
    let text = WITH_INPUTS.replace("{input.path}", "{input.word}");

    let told = parse(&text, &Inputs::unfilled()).unwrap_err().to_string();

    assert!(told.contains("/agents/a/command/1: the input `word` may be missing in a run"), "{told}");
}

#[cfg(unix)]
#[test]
fn a_path_that_is_not_utf_8_is_refused() {
    use std::{ffi::OsStr, os::unix::ffi::OsStrExt as _};
    let folder = env::temp_dir().join(format!("bailiwick-team-{}", std::process::id()));
    let awkward = folder.join(OsStr::from_bytes(b"caf\xe9"));
    std::fs::create_dir_all(&awkward).unwrap();

    let told = parse(WITH_INPUTS, &Inputs::new(&awkward).set("path", ".")).map_err(|problems| problems.to_string());

    std::fs::remove_dir_all(&folder).unwrap();
    assert!(told.unwrap_err().contains("is not UTF-8"));
}

#[test]
fn a_name_that_would_steer_the_terminal_is_shown_escaped() {
    let told = told("[agents.\"\\u001b[2J\"]\ncapabilities = [\"x\"]\ncommand = [\"cat\"]\n");

    assert!(told.contains("\\u{1b}[2J") && !told.contains('\u{1b}'), "{told}");
}

#[test]
fn problems_are_data_too() {
    let problems = small("[policy]\nexploration = 7\n").unwrap_err();

    assert_eq!(
        serde_json::to_value(&problems).unwrap(),
        serde_json::json!({"file": "team.toml", "problems": [{
            "line": 8, "column": 15, "pointer": "/policy/exploration", "message": "7 is out of range", "help": "from 0 to 1"
        }]})
    );
}

#[test]
fn an_unsound_value_anywhere_never_panics() {
    let values =
        ["1", "-1", "1.5", "nan", "true", "\"\"", "\"x\"", "[]", "[1]", "[[]]", "{}", "{ x = 1 }", "1979-05-27"];
    let keys = [
        "version",
        "name",
        "goal",
        "needs",
        "complexity",
        "reversibility",
        "permissions",
        "documents",
        "output",
        "inputs",
        "defaults",
        "budget",
        "limits",
        "mandate",
        "agents",
        "tasks",
        "verify",
        "judges",
        "models",
        "policy",
    ];
    for key in keys {
        for value in values {
            let _ = parse(&format!("{key} = {value}\n"), &Inputs::new("."));
            let _ = parse(&format!("[agents.a]\n{key} = {value}\n[[tasks]]\n{key} = {value}\n"), &Inputs::new("."));
        }
    }
}
