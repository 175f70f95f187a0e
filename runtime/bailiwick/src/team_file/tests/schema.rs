//! The schema for editors and the reader of team files say the same: every key of the one is one of the other.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    fs,
};

use serde_json::{Value, json};

use super::*;

thread_local! {
    /// Every table that was read, by its pointer, with the keys that were asked for.
    static ASKED: RefCell<Vec<(String, Vec<&'static str>)>> = const { RefCell::new(Vec::new()) };
}

/// Notes which keys the reader knows of a table.
pub(in crate::team_file) fn note(pointer: &str, asked: &[&'static str]) {
    ASKED.with_borrow_mut(|all| all.push((pointer.to_owned(), asked.to_vec())));
}

fn schema() -> Value {
    serde_json::from_str(SCHEMA).unwrap()
}

fn says(file: &str) -> Vec<String> {
    let table: Value = toml::from_str::<toml::Table>(file).map(|table| json!(plain(table.into()))).unwrap();
    let validator = jsonschema::draft202012::new(&schema()).unwrap();
    validator.iter_errors(&table).map(|error| format!("{}: {error}", error.instance_path())).collect()
}

/// TOML as JSON, dates as text.
fn plain(value: toml::Value) -> Value {
    match value {
        toml::Value::Datetime(date) => json!(date.to_string()),
        toml::Value::Array(items) => items.into_iter().map(plain).collect(),
        toml::Value::Table(fields) => fields.into_iter().map(|(key, value)| (key, plain(value))).collect(),
        toml::Value::Integer(number) => json!(number),
        toml::Value::Float(number) => json!(number),
        toml::Value::String(text) => json!(text),
        toml::Value::Boolean(truth) => json!(truth),
    }
}

#[test]
fn the_schema_is_a_schema() {
    assert!(jsonschema::draft202012::meta::is_valid(&schema()));
}

#[test]
fn every_team_file_here_is_valid_against_it() {
    let teams = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/teams");
    let files: Vec<_> = fs::read_dir(teams).unwrap().map(|team| team.unwrap().path().join("team.toml")).collect();
    assert!(!files.is_empty());
    for file in files.iter().filter(|file| file.is_file()) {
        assert_eq!(says(&fs::read_to_string(file).unwrap()), [""; 0], "{}", file.display());
    }
    assert_eq!(says(accepted::FILE), [""; 0]);
}

/// The tables of a schema that an instance at this pointer is read by, as pointers into the schema.
fn tables(schema: &Value, pointer: &str) -> BTreeSet<String> {
    let mut at = open(schema, String::new());
    for segment in pointer.split('/').skip(1) {
        at = at.iter().flat_map(|place| step(schema, place, segment)).flat_map(|place| open(schema, place)).collect();
    }
    at.retain(|place| schema.pointer(place).unwrap().get("properties").is_some());
    at
}

/// What a place stands for, through references and alternatives.
fn open(schema: &Value, place: String) -> BTreeSet<String> {
    let here = schema.pointer(&place).unwrap();
    let mut places = BTreeSet::new();
    if let Some(reference) = here["$ref"].as_str() {
        places.extend(open(schema, reference.trim_start_matches('#').to_owned()));
    }
    for index in 0..here["anyOf"].as_array().map_or(0, Vec::len) {
        places.extend(open(schema, format!("{place}/anyOf/{index}")));
    }
    places.insert(place);
    places
}

fn step(schema: &Value, place: &str, segment: &str) -> Option<String> {
    let here = schema.pointer(place)?;
    let keys = [format!("properties/{segment}"), "additionalProperties".to_owned(), "items".to_owned()];
    let places = keys.into_iter().map(|key| format!("{place}/{key}"));
    places.into_iter().find(|place| schema.pointer(place).is_some_and(Value::is_object)).filter(|_| here.is_object())
}

/// Every table in the schema, with its keys.
fn all_tables(schema: &Value, place: &str, found: &mut BTreeMap<String, BTreeSet<String>>) {
    match schema.pointer(place).unwrap() {
        Value::Object(fields) => {
            if let Some(Value::Object(keys)) = fields.get("properties").filter(|_| fields.contains_key("type")) {
                found.insert(place.to_owned(), keys.keys().cloned().collect());
            }
            fields.keys().for_each(|key| all_tables(schema, &format!("{place}/{}", key.replace('/', "~1")), found));
        }
        Value::Array(items) => {
            (0..items.len()).for_each(|index| all_tables(schema, &format!("{place}/{index}"), found));
        }
        _ => {}
    }
}

#[test]
fn the_reader_knows_exactly_the_keys_of_the_schema() {
    let schema = schema();
    // `restart`, `budget` of a task and every form of check: the file with everything has them all.
    parse(accepted::FILE, &Inputs::new(example()).set("path", "schemas")).unwrap();
    let asked = ASKED.take();

    let mut known: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (pointer, keys) in asked {
        let places = tables(&schema, &pointer);
        assert_eq!(places.len(), 1, "{pointer} is read by {places:?}");
        known.entry(places.into_iter().next().unwrap()).or_default().extend(keys.iter().map(|key| (*key).to_owned()));
    }

    let mut stated = BTreeMap::new();
    all_tables(&schema, "", &mut stated);
    assert_eq!(known, stated);
}

#[test]
fn an_unknown_key_is_refused_at_every_level() {
    let whole: toml::Table = toml::from_str(accepted::FILE).unwrap();
    let whole = plain(whole.into());
    let validator = jsonschema::draft202012::new(&schema()).unwrap();
    assert!(validator.is_valid(&whole));
    let mut pointers = Vec::new();
    objects(&whole, String::new(), &mut pointers);

    // What is the user's own: metadata, documents, outputs and schemas as they like, and names of agents and inputs.
    let free = ["/metadata", "/documents/", "/output/", "/equals", "/all/3/schema"];
    let mut refused = 0;
    for pointer in pointers.iter().filter(|pointer| !free.iter().any(|free| pointer.contains(free))) {
        if matches!(pointer.as_str(), "/inputs" | "/agents")
            || pointer.ends_with("/output") && pointer.contains("scripted")
        {
            continue;
        }
        let mut changed = whole.clone();
        changed.pointer_mut(pointer).unwrap()["colour"] = json!("blue");
        assert!(!validator.is_valid(&changed), "an unknown key is accepted at {pointer:?}");
        refused += 1;
    }
    assert!(refused > 40, "only {refused} tables were looked at");
}

/// The pointers of all tables.
fn objects(value: &Value, pointer: String, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            fields.iter().for_each(|(key, value)| objects(value, format!("{pointer}/{key}"), found));
            found.push(pointer);
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, value)| objects(value, format!("{pointer}/{index}"), found));
        }
        _ => {}
    }
}

#[test]
fn what_the_reader_refuses_by_its_shape_the_schema_refuses_too() {
    const AGENT: &str = "version = 1\nname = \"a\"\ngoal = \"g\"\n";
    let ada = |keys: &str| format!("{AGENT}[agents.ada]\ncapabilities = [\"a\"]\n{keys}");
    let task = |keys: &str| ada(&format!("command = [\"cat\"]\n[[tasks]]\nid = \"t\"\ngoal = \"g\"\n{keys}"));
    let wrong = [
        AGENT.to_owned(),
        ada(""),
        ada("command = []"),
        ada("command = [\"\"]"),
        ada("command = [\"cat\"]\nhandler = \"h\""),
        ada("handler = \"h\"\nreply = \"json\""),
        ada("scripted = []"),
        ada("scripted = [{}]"),
        ada("scripted = [{ output = 1, error = \"e\" }]"),
        ada("scripted = [{ hang = false }]"),
        ada("scripted = [{ output = 1, retryable = true }]"),
        ada("command = [\"cat\"]\nreply = \"jsn\""),
        ada("command = [\"cat\"]\nmax_concurrent = 0"),
        ada("command = [\"cat\"]\npermissions = [\"fs.read\"]"),
        ada("command = [\"cat\"]\nrestart = { backoff = \"200ms\" }"),
        ada("command = [\"cat\"]\n[judges]\nagents = [7]"),
        ada("command = [\"cat\"]\n[judges]\nagents = [\"ada\", \"ada\"]"),
        task("complexity = 6"),
        task("timeout = \"20 parsecs\""),
        task("timeout = 20"),
        task("reversibility = \"hgih\""),
        task("verify = {}"),
        task("verify = \"nothing\""),
        task("verify = { contains = \"a\", regex = \"b\" }"),
        task("verify = { contains = \"a\", judges = 3 }"),
        task("verify = { all = [] }"),
        task("output = { format = \"structured\" }"),
    ];

    assert!(says(&task("")).is_empty() && small("").is_ok());
    for file in wrong {
        assert!(parse(&file, &Inputs::new(".")).is_err(), "the reader accepts {file}");
        assert!(!says(&file).is_empty(), "the schema accepts {file}");
    }
}
