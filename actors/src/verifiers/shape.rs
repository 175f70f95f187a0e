//! The shape an output must have before anybody looks at what it says: format, schema, length, size.

use std::borrow::Cow;

use bailiwick_protocols::{Failure, Json, Output, OutputFormat, report::OUTPUT_BYTES_MAX};
use serde_json::Value;

use super::{
    bytes,
    schema::{Finding, Schema},
};

/// How deep JSON may be nested: beyond 128 levels a journal could not read it again.
const NESTING_MAX: usize = 100;

fn is_deeper(value: &Value, levels: usize) -> bool {
    match value {
        Value::Array(items) => levels == 0 || items.iter().any(|item| is_deeper(item, levels - 1)),
        Value::Object(fields) => levels == 0 || fields.values().any(|field| is_deeper(field, levels - 1)),
        _ => false,
    }
}

/// An output spec that compiled.
#[derive(Debug)]
pub(crate) struct Shape {
    pub format: Option<OutputFormat>,
    pub schema: Option<Schema>,
    pub chars_max: Option<usize>,
}

impl Shape {
    /// The output in the format asked for, or `INVALID_OUTPUT` naming the field.
    ///
    /// Text passes for markdown and markdown for text; a text passes for JSON if all of it is JSON. JSON never passes
    /// for text.
    pub(crate) fn fit(&self, output: &Output) -> Result<Output, Failure> {
        let size = bytes(output);
        if size > OUTPUT_BYTES_MAX {
            return Err(wrong(format!("{size} bytes, more than {OUTPUT_BYTES_MAX}")));
        }
        let output = self.formatted(output)?;
        if is_deeper(output.content.value(), NESTING_MAX) {
            return Err(wrong(format!("it is nested more than {NESTING_MAX} levels deep")));
        }
        if let Some(schema) = &self.schema {
            match schema.find(output.content.value()) {
                Finding::Valid => {}
                Finding::Invalid(findings) => return Err(wrong(findings.join("; "))),
                Finding::Undecided(why) => return Err(wrong(format!("it cannot be checked: {why}"))),
            }
        }
        match self.chars_max {
            Some(most) if output.checked_text().chars().count() > most => {
                let chars = output.checked_text().chars().count();
                Err(wrong(format!("{chars} characters, more than {most}")))
            }
            _ => Ok(output),
        }
    }

    fn formatted(&self, output: &Output) -> Result<Output, Failure> {
        let content = &output.content;
        if !output.format.is_json() && !matches!(content.value(), Value::String(_)) {
            return Err(wrong(format!("the format is {}, so it must be a string", output.format.as_str())));
        }
        let Some(wanted) = self.format else { return Ok(output.clone()) };
        let content = match (output.format.is_json(), wanted.is_json()) {
            (true, true) | (false, false) => Cow::Borrowed(content),
            (true, false) => {
                let found = output.format.as_str();
                return Err(wrong(format!("{} is asked for, and it is {found}", wanted.as_str())));
            }
            (false, true) => match serde_json::from_str(content.value().as_str().unwrap_or_default()) {
                Ok(value) => Cow::Owned(Json(value)),
                Err(error) => {
                    return Err(wrong(format!("{} is asked for, and it is not JSON: {error}", wanted.as_str())));
                }
            },
        };
        Ok(Output { format: wanted, content: content.into_owned() })
    }
}

fn wrong(why: impl std::fmt::Display) -> Failure {
    Failure::invalid_output(format!("`content` of the output: {why}"))
}
