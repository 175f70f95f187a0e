//! Fills `{input.NAME}` in an argument with a value of the goal.
//!
//! A value arrives as it is, as part of one argument: no shell sees it, and braces inside it are not filled again.
//! The program's own name is never filled: a goal's values do not choose what is run.

use std::collections::BTreeMap;

use bailiwick_protocols::{Failure, Json};
use serde_json::Value;

const OPEN: &str = "{input.";

/// Fills one argument. A string is taken as it is, any other value as compact JSON.
///
/// # Errors
/// If a name is not among the goal's values; no attempt can mend that.
pub(super) fn fill(argument: &str, params: &BTreeMap<String, Json>) -> Result<String, Failure> {
    let mut filled = String::with_capacity(argument.len());
    let mut rest = argument;
    while let Some((before, after)) = rest.split_once(OPEN) {
        filled.push_str(before);
        let Some((name, behind)) = after.split_once('}') else {
            // Without a closing brace it is the program's own text.
            filled.push_str(OPEN);
            rest = after;
            continue;
        };
        match params.get(name).map(Json::value) {
            Some(Value::String(text)) => filled.push_str(text),
            Some(value) => filled.push_str(&value.to_string()),
            None => return Err(unknown(name, params)),
        }
        rest = behind;
    }
    filled.push_str(rest);
    Ok(filled)
}

fn unknown(name: &str, params: &BTreeMap<String, Json>) -> Failure {
    let names: Vec<&str> = params.keys().map(String::as_str).collect();
    let present = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    Failure::agent(format!(
        "`{OPEN}{name}}}` in the command names no value of this goal; there is {present}: correct the name or give the value"
    ))
    .final_here()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params() -> BTreeMap<String, Json> {
        [("path", Json::from("/tmp/a b")), ("depth", Json::from(3)), ("sly", Json::from("{input.path}"))]
            .map(|(name, value)| (name.to_owned(), value))
            .into()
    }

    #[test]
    fn values_are_filled_in_wherever_they_are_named() {
        let filled = fill("--from={input.path}/x --depth={input.depth}", &params());

        assert_eq!(filled.unwrap(), "--from=/tmp/a b/x --depth=3");
    }

    #[test]
    fn a_value_is_never_read_as_a_template() {
        assert_eq!(fill("{input.sly}", &params()).unwrap(), "{input.path}");
    }

    #[test]
    fn all_other_braces_are_left_alone() {
        for plain in ["{\"a\": {}}", "{path}", "{input.path", "{input", "awk '{print $1}'"] {
            assert_eq!(fill(plain, &params()).unwrap(), plain);
        }
    }

    #[test]
    fn an_unclosed_name_ends_at_the_next_brace_and_is_unknown() {
        assert!(fill("{input.path and {input.depth}", &params()).is_err());
    }

    #[test]
    fn an_unknown_name_is_final_and_lists_what_there_is() {
        let failure = fill("{input.pth}", &params()).unwrap_err();

        assert!(!failure.retryable);
        assert!(failure.message.contains("`{input.pth}`") && failure.message.contains("depth, path, sly"), "{failure}");
    }
}
