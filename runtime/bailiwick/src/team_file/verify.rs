//! Reads `verify` and `output`: what counts as done, as the plain spec of `Contract`.

use std::{fs, path::Path};

use bailiwick_protocols::{Contract, Json, JudgeSpec, OutputFormat, OutputSpec, Verify};

use super::{fields::Fields, handlers::Named, item::Item, syntax::Value};

/// A schema larger than this is none that somebody wrote.
const SCHEMA_BYTES_MAX: u64 = 2_000_000;

const FORMS: &str = "there are contains, equals, regex, schema, function, judge, all, any, not, and \"none\"";

/// What is needed to read contracts, and the names of functions found in them.
pub(super) struct Contracts<'a> {
    /// The folder of the team file.
    pub(super) folder: &'a Path,
    /// Whether anybody is there to judge.
    pub(super) judges: bool,
    /// The functions that checks name.
    pub(super) functions: Vec<Named>,
}

impl Contracts<'_> {
    /// Reads `verify` and `output` of a goal or task.
    pub(super) fn read(&mut self, fields: &Fields<'_>) -> Contract {
        let verify = fields.get("verify").map(|item| self.verify(&item)).unwrap_or_default();
        let output = fields.get("output").and_then(|item| self.output(&item)).unwrap_or_default();
        Contract { verify, output }
    }

    /// Reads one check. One with a problem becomes `Verify::None`, so that the others keep their places.
    fn verify(&mut self, item: &Item<'_>) -> Verify {
        match &item.node.value {
            Value::Text(word) if word == "none" => Verify::None,
            Value::Text(word) => {
                item.refuse(format!("`{word}` is not a check"), FORMS);
                Verify::None
            }
            Value::Table(_) => item.table().and_then(|fields| self.form(fields)).unwrap_or_default(),
            other => {
                item.refuse(format!("expected a check, found {}", other.kind()), FORMS);
                Verify::None
            }
        }
    }

    /// Reads the one form of check that a table holds.
    fn form(&mut self, fields: Fields<'_>) -> Option<Verify> {
        const KEYS: [&str; 9] = ["contains", "equals", "regex", "schema", "function", "judge", "all", "any", "not"];
        let forms: Vec<(&str, Item<'_>)> = KEYS.iter().filter_map(|key| Some((*key, fields.get(key)?))).collect();
        let verify = match forms.as_slice() {
            [("judge", item)] => self.judge(item, &fields),
            [(form, item)] => self.one(form, item),
            [] => {
                fields.lacks(&KEYS, "says no check", FORMS);
                None
            }
            several => {
                let names: Vec<&str> = several.iter().map(|(name, _)| *name).collect();
                let help = "join several: { all = [ { contains = \"..\" }, { regex = \"..\" } ] }";
                fields.item.refuse(format!("says {} checks at once: {}", names.len(), names.join(", ")), help);
                several.iter().map(|(form, item)| self.one(form, item)).for_each(drop);
                None
            }
        };
        fields.close();
        verify
    }

    fn one(&mut self, form: &str, item: &Item<'_>) -> Option<Verify> {
        Some(match form {
            "contains" => Verify::Contains(item.text()?.to_owned()),
            "equals" => Verify::Equals(item.json()),
            "regex" => Verify::Regex(item.text()?.to_owned()),
            "schema" => Verify::Schema(self.schema(item)?),
            "function" => {
                let name = item.words("name a function that is registered in code")?;
                self.functions.push(Named::at(item, name));
                Verify::Function(name.to_owned())
            }
            "all" => Verify::All(self.several(item)?),
            "any" => Verify::Any(self.several(item)?),
            "not" => Verify::Not(Box::new(self.verify(item))),
            _ => return None,
        })
    }

    fn several(&mut self, item: &Item<'_>) -> Option<Vec<Verify>> {
        let checks = item.list()?;
        if checks.is_empty() {
            item.refuse("joins no checks", "list at least one, or write verify = \"none\"");
        }
        Some(checks.iter().map(|check| self.verify(check)).collect())
    }

    fn judge(&mut self, item: &Item<'_>, fields: &Fields<'_>) -> Option<Verify> {
        let criterion = item.words("say what must hold, in words");
        if !self.judges {
            item.refuse(
                "nobody is there to judge",
                "add [judges] agents = [\"reviewer\"], or scripted = [ { score = 0.9 } ]",
            );
        }
        fields.later("model", "drop it; the team's [judges] are asked");
        let share = |key| fields.get(key).and_then(|item: Item<'_>| item.number(0.0..=1.0));
        let mut judge = JudgeSpec::new(criterion.unwrap_or_default());
        if let Some(judges) = fields.get("judges").and_then(|item| item.integer(1..=u8::MAX)) {
            judge = judge.judges(judges);
        }
        if let Some(threshold) = share("threshold") {
            judge = judge.threshold(threshold);
        }
        if let Some(consensus) = share("consensus") {
            judge = judge.consensus(consensus);
        }
        criterion.map(|_| Verify::Judge(judge))
    }

    /// Reads a schema: the name of a file beside the team file, or the schema itself as a table.
    fn schema(&self, item: &Item<'_>) -> Option<Json> {
        match &item.node.value {
            Value::Table(_) => Some(item.json()),
            Value::Text(path) => schema_file(&self.folder.join(path))
                .map_err(|why| item.refuse(format!("the schema {path} {why}"), "paths are relative to the team file"))
                .ok(),
            other => {
                let help = "name a file: schema = \"schemas/report.json\"";
                item.refuse(format!("expected the name of a file or a table, found {}", other.kind()), help);
                None
            }
        }
    }

    fn output(&self, item: &Item<'_>) -> Option<OutputSpec> {
        let fields = item.table()?;
        let words = [OutputFormat::Text, OutputFormat::Json, OutputFormat::Markdown, OutputFormat::Structured];
        let format = fields.get("format");
        let format = format.and_then(|item| item.one_of(&words.map(|format| (format.as_str(), format))));
        let schema = fields.get("schema");
        let max_length = fields.get("max_length").and_then(|item| item.integer(0..=usize::MAX >> 1));
        if let (None, Some(OutputFormat::Structured)) = (&schema, format) {
            let help = "add schema = \"schemas/report.json\", or choose format = \"json\"";
            fields.lacks(&["schema"], "a structured output needs a schema", help);
        }
        let schema = schema.and_then(|item| self.schema(&item));
        fields.close();
        Some(OutputSpec { format, schema, max_length })
    }
}

fn schema_file(path: &Path) -> Result<Json, String> {
    let unreadable = |error: std::io::Error| format!("cannot be read: {error}");
    let facts = fs::metadata(path).map_err(unreadable)?;
    if !facts.is_file() {
        return Err("is not a file".to_owned());
    }
    if facts.len() > SCHEMA_BYTES_MAX {
        return Err(format!("is larger than {SCHEMA_BYTES_MAX} bytes"));
    }
    let text = fs::read_to_string(path).map_err(unreadable)?;
    serde_json::from_str(&text).map(Json).map_err(|error| format!("is not JSON: {error}"))
}
