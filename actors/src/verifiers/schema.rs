//! JSON Schema 2020-12: patterns in linear time, references inside the schema only, findings in words an agent can use.
//!
//! `format` is an annotation, as 2020-12 has it. Nothing is ever fetched.

use bailiwick_protocols::Verdict;
use jsonschema::{Draft, PatternOptions, ValidationError, Validator, error::ValidationErrorKind};
use serde_json::Value;

use super::{
    Reading,
    pattern::{self, PATTERN_COMPILED_MAX},
    shorten,
};

/// The most findings named in one verdict, and the most problems named of one schema.
pub const FINDINGS_MAX: usize = 8;

/// The most characters of one value, and of one finding.
const VALUE_MAX: usize = 60;
const FINDING_MAX: usize = 300;

const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

/// A schema that compiled.
#[derive(Debug)]
pub(crate) struct Schema {
    validator: Validator,
    weight: usize,
}

/// What is wrong with a schema, and where in it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct SchemaFault {
    /// A JSON pointer into the schema.
    pub at: String,
    pub message: String,
}

/// What a schema says about a value.
pub(crate) enum Finding {
    Valid,
    /// Every error in words, at most [`FINDINGS_MAX`].
    Invalid(Vec<String>),
    /// A pattern could not be run to its end.
    Undecided(String),
}

impl Schema {
    /// Compiles a schema, or says all that is wrong with it.
    pub(crate) fn compile(schema: &Value) -> Result<Self, Vec<SchemaFault>> {
        let mut faults = Vec::new();
        if let Some(dialect) = schema.get("$schema")
            && dialect.as_str().map(|uri| uri.trim_end_matches('#')) != Some(DIALECT)
        {
            let message = format!("it declares {dialect}: only {DIALECT:?} is understood, which may be left out");
            faults.push(SchemaFault { at: "/$schema".to_owned(), message });
        }
        let meta = jsonschema::draft202012::meta::validator();
        for error in meta.iter_errors(schema) {
            // The meta-schema has several parts, and each says the same of what is no schema at all.
            let fault = SchemaFault { at: error.instance_path().to_string(), message: describe(&error) };
            if !faults.contains(&fault) && faults.len() < FINDINGS_MAX {
                faults.push(fault);
            }
        }
        if faults.is_empty() { build(schema) } else { Err(faults) }
    }

    /// How heavy its patterns are to run.
    pub(crate) fn weight(&self) -> usize {
        self.weight
    }

    /// What the schema says about a value.
    pub(crate) fn find(&self, value: &Value) -> Finding {
        // The common case is valid, and cheaper to find out.
        if self.validator.is_valid(value) {
            return Finding::Valid;
        }
        let mut findings = Vec::new();
        for error in self.validator.iter_errors(value) {
            if is_undecided(error.kind()) {
                return Finding::Undecided(format!("{}: {error}", place(&error)));
            }
            let finding = format!("{}: {}", place(&error), describe(&error));
            if findings.contains(&finding) {
                continue;
            }
            if findings.len() == FINDINGS_MAX {
                findings.push("and more".to_owned());
                break;
            }
            findings.push(finding);
        }
        if findings.is_empty() {
            Finding::Undecided("it could not be decided".to_owned())
        } else {
            Finding::Invalid(findings)
        }
    }

    pub(crate) fn examine(&self, reading: &Reading<'_>) -> Verdict {
        match self.find(reading.value()) {
            Finding::Valid => Verdict::pass("schema", 1.0, "the output is valid against the schema"),
            Finding::Invalid(findings) => Verdict::fail("schema", 0.0, findings.join("; ")),
            Finding::Undecided(why) => Verdict::abstain("schema", why),
        }
    }
}

/// Builds the validator. The library stops at the first pattern it refuses; that one is taken out and the rest tried,
/// so that all of them are named at once.
fn build(schema: &Value) -> Result<Schema, Vec<SchemaFault>> {
    let options = jsonschema::options()
        .with_draft(Draft::Draft202012)
        .with_pattern_options(PatternOptions::regex().size_limit(PATTERN_COMPILED_MAX))
        .offline();
    let mut faults = Vec::new();
    let mut left = schema.clone();
    while faults.len() < FINDINGS_MAX {
        let error = match options.build(&left) {
            Ok(validator) if faults.is_empty() => return Ok(Schema { validator, weight: weight(schema) }),
            Ok(_) => break,
            Err(error) => error,
        };
        let at = error.schema_path().to_string();
        let is_pattern = matches!(error.kind(), ValidationErrorKind::Format { format } if format == "regex");
        let message = match error.kind() {
            ValidationErrorKind::Referencing(jsonschema::ReferencingError::Unretrievable { uri, .. }) => {
                format!("it refers to {uri:?}, which is not part of it; nothing is fetched")
            }
            _ if is_pattern => {
                "the pattern is invalid, too large, or needs look-around or back references, which linear time rules out"
                    .to_owned()
            }
            _ => describe(&error),
        };
        faults.push(SchemaFault { at: at.clone(), message });
        if !(is_pattern && remove(&mut left, &at)) {
            break;
        }
    }
    Err(faults)
}

/// The weight of everything in a schema that looks like a pattern: too much does no harm.
fn weight(schema: &Value) -> usize {
    match schema {
        Value::Array(items) => items.iter().map(weight).sum(),
        Value::Object(members) => members
            .iter()
            .map(|(key, member)| match (key.as_str(), member) {
                ("pattern", Value::String(pattern)) => pattern::weight(pattern),
                ("patternProperties", Value::Object(patterns)) => {
                    patterns.keys().map(|pattern| pattern::weight(pattern)).sum::<usize>() + weight(member)
                }
                _ => weight(member),
            })
            .sum(),
        _ => 0,
    }
}

/// Removes the member a pointer leads to; false if there is none.
fn remove(value: &mut Value, pointer: &str) -> bool {
    let Some((parent, key)) = pointer.rsplit_once('/') else { return false };
    let key = key.replace("~1", "/").replace("~0", "~");
    value.pointer_mut(parent).and_then(Value::as_object_mut).is_some_and(|object| object.remove(&key).is_some())
}

fn is_undecided(kind: &ValidationErrorKind) -> bool {
    use ValidationErrorKind::{BacktrackLimitExceeded, RegexEngineFailure};
    matches!(kind, RegexEngineFailure { .. } | BacktrackLimitExceeded { .. })
}

fn place(error: &ValidationError<'_>) -> String {
    match error.instance_path().as_str() {
        "" => "at the root".to_owned(),
        path => format!("at {}", shorten(path, FINDING_MAX)),
    }
}

/// The error in words, with the value if it is short; of alternatives, what each of the first three lacks.
fn describe(error: &ValidationError<'_>) -> String {
    let value = error.instance().to_string();
    let shown = if value.len() <= VALUE_MAX { value } else { "the value".to_owned() };
    let words = error.masked_with(shown).to_string();
    let alternatives: Vec<String> = match error.kind() {
        ValidationErrorKind::AnyOf { context } | ValidationErrorKind::OneOfNotValid { context } => {
            let firsts = context.iter().filter_map(|branch| branch.first()).take(3);
            firsts.map(|first| format!("{}: {first}", place(first))).collect()
        }
        _ => Vec::new(),
    };
    let words = match alternatives.is_empty() {
        true => words,
        false => format!("{words} ({})", alternatives.join(", or ")),
    };
    shorten(&words, FINDING_MAX).into_owned()
}
