//! Fills `${NAME}` and `${NAME:-default}` in every string of the file from the environment; `$${` stands for `${`.

use super::{
    problems::Findings,
    syntax::{Node, Value, below},
};

/// What the environment says of a variable; `None` where it is not set.
pub type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Fills every string in the tree; what cannot be filled is noted and left as it stands.
pub(super) fn fill(node: &mut Node, pointer: &str, environment: Environment<'_>, findings: &Findings) {
    match &mut node.value {
        Value::Text(text) if text.contains("${") => match filled(text, environment) {
            Ok(full) => *text = full,
            Err(fault) => findings.note(node.at, pointer, fault.message(), fault.help()),
        },
        Value::List(items) => {
            for (index, item) in items.iter_mut().enumerate() {
                fill(item, &below(pointer, index.to_string()), environment, findings);
            }
        }
        Value::Table(entries) => {
            for entry in entries {
                fill(&mut entry.node, &below(pointer, &entry.key), environment, findings);
            }
        }
        _ => {}
    }
}

#[derive(PartialEq, Debug)]
enum Fault {
    /// These variables are not set and have no default.
    Unset(Vec<String>),
    /// What stands behind `${` is not a name and a closing brace.
    Form,
}

impl Fault {
    fn message(&self) -> String {
        match self {
            Fault::Unset(names) if names.len() > 1 => format!("the variables {} are not set", names.join(", ")),
            Fault::Unset(names) => format!("the variable {} is not set", names.join("")),
            Fault::Form => "a `${` that is not followed by a name and `}`".to_owned(),
        }
    }

    fn help(&self) -> String {
        match self {
            Fault::Unset(names) => {
                format!("set it in the environment, or give a default: ${{{}:-default}}", names.join(""))
            }
            Fault::Form => "write ${NAME} or ${NAME:-default}; for a plain `${` write `$${`".to_owned(),
        }
    }
}

fn filled(text: &str, environment: Environment<'_>) -> Result<String, Fault> {
    let mut full = String::new();
    let mut unset = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find("${") {
        let (before, behind) = (&rest[..start], &rest[start + 2..]);
        if let Some(before) = before.strip_suffix('$') {
            full.push_str(before);
            full.push_str("${");
            rest = behind;
            continue;
        }
        full.push_str(before);
        let (inside, behind) = behind.split_once('}').ok_or(Fault::Form)?;
        let (name, default) = match inside.split_once(":-") {
            Some((name, default)) => (name, Some(default)),
            None => (inside, None),
        };
        if !is_name(name) {
            return Err(Fault::Form);
        }
        // As in a shell, the default also stands in for a variable that is set and empty.
        match (environment(name), default) {
            (Some(value), None) => full.push_str(&value),
            (Some(value), Some(_)) if !value.is_empty() => full.push_str(&value),
            (_, Some(default)) => full.push_str(default),
            (None, None) => unset.push(name.to_owned()),
        }
        rest = behind;
    }
    full.push_str(rest);
    if unset.is_empty() { Ok(full) } else { Err(Fault::Unset(unset)) }
}

fn is_name(name: &str) -> bool {
    !name.starts_with(|c: char| c.is_ascii_digit())
        && !name.is_empty()
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> Result<String, Fault> {
        filled(text, &|name| match name {
            "CITY" => Some("Oslo".to_owned()),
            "EMPTY" => Some(String::new()),
            _ => None,
        })
    }

    #[test]
    fn a_variable_that_is_set_is_filled_in() {
        assert_eq!(told("to ${CITY} and ${CITY}, 5$"), Ok("to Oslo and Oslo, 5$".to_owned()));
        assert_eq!(told("[${EMPTY}]"), Ok("[]".to_owned()));
    }

    #[test]
    fn a_default_stands_in_for_what_is_unset_or_empty() {
        assert_eq!(told("${PORT:-80}${EMPTY:-!}${CITY:-Rome}"), Ok("80!Oslo".to_owned()));
        assert_eq!(told("${URL:-http://h:1/v1}"), Ok("http://h:1/v1".to_owned()));
    }

    #[test]
    fn an_unset_variable_without_a_default_is_named() {
        assert_eq!(told("${A} ${CITY} ${B}"), Err(Fault::Unset(vec!["A".to_owned(), "B".to_owned()])));
    }

    #[test]
    fn two_dollars_and_a_brace_are_one_dollar_and_a_brace() {
        assert_eq!(told("$${CITY} $$ $1"), Ok("${CITY} $$ $1".to_owned()));
    }

    #[test]
    fn what_is_neither_a_name_nor_escaped_is_refused() {
        for text in ["${", "${}", "${1A}", "${A B}", "${A:+x}"] {
            assert_eq!(told(text), Err(Fault::Form), "{text}");
        }
    }
}
