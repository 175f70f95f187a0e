//! Refuses secrets that stand in the file itself: a team file is shared, and the journal keeps a copy of it.

use super::{
    problems::Findings,
    syntax::{Node, Value, below},
};

const HELP: &str = "keep it in the environment and name the variable here: api_key_env = \"MODEL_API_KEY\"; \
                    if this file was shared, replace the secret";

/// Below these keys stands data of the user's own shape, whose keys mean what they like.
const DATA: [&str; 6] = ["metadata", "documents", "schema", "equals", "output", "inputs"];

/// Notes every literal secret, by the name of its key or by its looks. The secret itself is never repeated.
pub(super) fn refuse(node: &Node, pointer: &str, keys_count: bool, findings: &Findings) {
    match &node.value {
        Value::Text(text) if looks_secret(text) => {
            findings.note(node.at, pointer, "this looks like a secret", HELP);
        }
        Value::List(items) => {
            for (index, item) in items.iter().enumerate() {
                refuse(item, &below(pointer, index.to_string()), keys_count, findings);
            }
        }
        Value::Table(entries) => {
            for entry in entries {
                let pointer = below(pointer, &entry.key);
                if keys_count && is_secret_key(&entry.key) && is_literal(&entry.node.value) {
                    findings.note(entry.at, &pointer, format!("`{}` holds a secret", entry.key), HELP);
                }
                let keys_count = keys_count && !DATA.contains(&entry.key.as_str());
                refuse(&entry.node, &pointer, keys_count, findings);
            }
        }
        _ => {}
    }
}

fn is_secret_key(key: &str) -> bool {
    let key = key.to_ascii_lowercase().replace('-', "_");
    ["api_key", "apikey", "token", "secret", "password", "passwd", "authorization", "private_key"]
        .iter()
        .any(|secret| key == *secret || key.strip_suffix(secret).is_some_and(|before| before.ends_with('_')))
}

/// A string that says something itself, rather than naming a variable only.
fn is_literal(value: &Value) -> bool {
    let Value::Text(text) = value else { return false };
    let text = text.trim();
    let variable = text.starts_with("${") && text.ends_with('}') && !text.contains(":-");
    !text.is_empty() && !variable
}

fn looks_secret(text: &str) -> bool {
    let text = text.trim();
    let whole = ["sk-", "Bearer "]
        .iter()
        .filter_map(|mark| text.strip_prefix(mark))
        .any(|rest| rest.len() >= 6 && !rest.contains("${") && !rest.contains(char::is_whitespace));
    whole || ["sk-", "Bearer ", "ghp_", "github_pat_", "xoxb-", "xoxp-", "AKIA"].iter().any(|mark| holds(text, mark))
}

/// Whether the mark, at the start of a word, is followed by what looks drawn rather than written.
fn holds(text: &str, mark: &str) -> bool {
    text.match_indices(mark).any(|(at, _)| {
        let starts_word = !text[..at].ends_with(|c: char| c.is_ascii_alphanumeric());
        let drawn: String =
            text[at + mark.len()..].chars().take_while(|c| c.is_ascii_alphanumeric() || "-_.".contains(*c)).collect();
        starts_word && drawn.len() >= 16 && drawn.contains(|c: char| c.is_ascii_digit())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_like_a_key_is_one() {
        for text in
            ["sk-abc123", "sk-proj-Zm9vYmFy", "Bearer eyJhbGciOi", "curl -H 'Authorization: Bearer a1b2c3d4e5f6g7h8i9'"]
        {
            assert!(looks_secret(text), "{text}");
        }
    }

    #[test]
    fn plain_words_are_none() {
        for text in [
            "task-runner",
            "ask-me-anything",
            "sk-",
            "Bearer tokens are kept elsewhere",
            "Bearer ${TOKEN}",
            "risk-2024-assessment-001",
        ] {
            assert!(!looks_secret(text), "{text}");
        }
    }

    #[test]
    fn a_key_that_only_names_or_counts_is_no_secret_key() {
        for key in ["tokens", "api_key_env", "secretary", "threshold_tokens"] {
            assert!(!is_secret_key(key), "{key}");
        }
        for key in ["api_key", "API-KEY", "access_token", "client_secret", "db_password"] {
            assert!(is_secret_key(key), "{key}");
        }
    }
}
