//! Reads what a program answered: how it ended first, then what it wrote.
//!
//! Nothing turns a failure into a success: an exit status other than 0, or a declared error, outweighs any output.

use std::process::ExitStatus;

use bailiwick_protocols::{Cost, Failure, Json, Output, OutputFormat, Report, Usage};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value};

use super::{AgentError, ReplyFormat, STDOUT_BYTES_MAX, process::Finished, quote::head};

/// The most bytes of a program's own words that a message repeats.
const MESSAGE_BYTES_MAX: usize = 4096;

/// What a program says in its reply.
struct Reply {
    answer: Result<Output, Declared>,
    usage: Usage,
    cost: Cost,
    debrief: Option<Json>,
}

/// An error that a program declares.
#[derive(Deserialize)]
struct Declared {
    message: String,
    #[serde(default = "yes")]
    retryable: bool,
}

fn yes() -> bool {
    true
}

/// Makes a report of what a program left behind, or says why there is none.
///
/// # Errors
/// `AGENT_ERROR` for an exit status other than 0, a signal or a declared error, `INVALID_OUTPUT` for a reply that
/// cannot be read; both quote the last lines of stderr. What was consumed is charged where it is stated.
pub(super) fn read(format: ReplyFormat, finished: Finished) -> Result<Report, AgentError> {
    let stderr = finished.stderr.into_text();
    let Some(stdout) = finished.stdout else {
        let why = format!("the program wrote more than {STDOUT_BYTES_MAX} bytes to stdout and was killed");
        return Err(AgentError::of(Failure::invalid_output(why).quoting(stderr)));
    };
    let trouble = (!finished.status.success()).then(|| how_it_ended(finished.status, finished.stopped));
    let (failure, usage, cost) = match (trouble, parse(format, stdout)) {
        (None, Ok(Reply { answer: Ok(output), usage, cost, debrief })) => {
            return Ok(Report { debrief, ..Report::of(output).charge(usage, cost) });
        }
        (None, Err(why)) => (Failure::invalid_output(why), Usage::default(), Cost::FREE),
        (trouble, Ok(Reply { answer: Err(declared), usage, cost, .. })) => (declared.failure(trouble), usage, cost),
        (Some(trouble), Ok(Reply { usage, cost, .. })) => (Failure::agent(trouble), usage, cost),
        (Some(trouble), Err(_)) => (Failure::agent(trouble), Usage::default(), Cost::FREE),
    };
    Err(AgentError::of(failure.quoting(stderr)).charge(usage, cost))
}

fn how_it_ended(status: ExitStatus, stopped: bool) -> String {
    // The standard library says `exit status: 3` and `signal: 9 (SIGKILL)`.
    let status = status.to_string().replacen(": ", " ", 1);
    let told = if stopped { ", after it was told to stop" } else { "" };
    format!("the program ended with {status}{told}")
}

impl Declared {
    fn failure(self, trouble: Option<String>) -> Failure {
        let mut message = head(&self.message, MESSAGE_BYTES_MAX);
        if message.trim().is_empty() {
            message = "the program declared an error without a message".to_owned();
        }
        if let Some(trouble) = trouble {
            message = format!("{message} ({trouble})");
        }
        Failure { retryable: self.retryable, ..Failure::agent(message) }
    }
}

fn parse(format: ReplyFormat, stdout: Vec<u8>) -> Result<Reply, String> {
    let text = String::from_utf8(stdout)
        .map_err(|error| format!("stdout is not UTF-8 from byte {} on", error.utf8_error().valid_up_to()))?;
    match format {
        ReplyFormat::Json => parse_json(&text),
        ReplyFormat::Text => {
            let text = text.strip_suffix('\n').unwrap_or(&text);
            Ok(Reply { answer: Ok(Output::text(text)), usage: Usage::default(), cost: Cost::FREE, debrief: None })
        }
    }
}

fn parse_json(text: &str) -> Result<Reply, String> {
    const WANTED: &str = "one JSON object with `output` or `error`";
    if text.trim().is_empty() {
        return Err(format!("stdout is empty: print {WANTED}, or set the reply to text"));
    }
    let mut fields: Map<String, Value> = serde_json::from_str(text).map_err(|error| {
        let begins = head(text, 80);
        format!(
            "stdout is not {WANTED} ({error}), it begins with `{begins}`: print nothing else, or set the reply to text"
        )
    })?;
    let usage = field(&mut fields, "usage")?.unwrap_or_default();
    let cost = field(&mut fields, "cost_usd")?.map_or(Ok(Cost::FREE), price)?;
    let debrief = field(&mut fields, "debrief")?;
    let answer = match field::<Declared>(&mut fields, "error")? {
        Some(declared) => Err(declared),
        None => Ok(output(&mut fields)?),
    };
    Ok(Reply { answer, usage, cost, debrief })
}

/// Takes a field out of the reply; null counts as absent. The message names the field.
fn field<T: DeserializeOwned>(fields: &mut Map<String, Value>, name: &str) -> Result<Option<T>, String> {
    match fields.remove(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => {
            serde_json::from_value(value).map(Some).map_err(|error| format!("`{name}` of the reply: {error}"))
        }
    }
}

/// Takes the output: for `text` and `markdown` a string; without a format a string is text, all else is JSON.
fn output(fields: &mut Map<String, Value>) -> Result<Output, String> {
    let stated: Option<OutputFormat> = field(fields, "format")?;
    // Unlike other fields an output may be null.
    let content = fields.remove("output").ok_or("the reply has neither `output` nor `error`: add one of them")?;
    let format = stated.unwrap_or(if content.is_string() { OutputFormat::Text } else { OutputFormat::Json });
    if !format.is_json() && !content.is_string() {
        return Err(format!("`output` of the reply must be a string, as its `format` is {}", format.as_str()));
    }
    Ok(Output { format, content: Json(content) })
}

fn price(usd: f64) -> Result<Cost, String> {
    match Cost::from_usd(usd) {
        cost @ Cost::Known(_) if usd >= 0.0 => Ok(cost),
        _ => Err(format!("`cost_usd` of the reply is {usd}: a price is 0 or more")),
    }
}

#[cfg(test)]
mod tests {
    use bailiwick_protocols::Code;
    use serde_json::json;

    use super::*;

    fn parsed(text: &str) -> Result<Output, String> {
        Ok(parse_json(text)?.answer.unwrap_or_else(|declared| panic!("declared {}", declared.message)))
    }

    fn refused(text: &str) -> String {
        parse_json(text).err().unwrap_or_else(|| panic!("`{text}` was taken"))
    }

    #[test]
    fn without_a_format_a_string_is_text_and_all_else_is_json() {
        assert_eq!(parsed(r#"{"output":"hello"}"#), Ok(Output::text("hello")));
        assert_eq!(parsed(r#"{"output":{"files":3}}"#), Ok(Output::json(json!({ "files": 3 }))));
        assert_eq!(parsed(r#"{"output":null}"#), Ok(Output::json(Value::Null)));
    }

    #[test]
    fn a_stated_format_is_kept() {
        assert_eq!(parsed(r#"{"output":"h","format":"markdown"}"#), Ok(Output::markdown("h")));
        assert_eq!(parsed(r#"{"output":"h","format":"json"}"#), Ok(Output::json("h")));
    }

    #[test]
    fn text_and_markdown_must_be_strings() {
        assert!(refused(r#"{"output":{},"format":"markdown"}"#).contains("`format` is markdown"));
        assert!(refused(r#"{"output":7,"format":"text"}"#).contains("must be a string"));
    }

    #[test]
    fn keys_that_are_not_known_are_no_error() {
        assert_eq!(parsed(" {\"output\":\"h\",\"model\":\"small\"}\n"), Ok(Output::text("h")));
    }

    #[test]
    fn what_is_not_one_object_is_refused() {
        for text in
            ["", " \n", "hello", "[1]", r#"{"output":"#, r#"{"output":1} x"#, r#"{"output":1}{"output":2}"#, "{}"]
        {
            refused(text);
        }
    }

    #[test]
    fn a_refusal_names_the_field() {
        assert!(refused(r#"{"output":1,"format":"html"}"#).contains("`format`"));
        assert!(refused(r#"{"error":"boom"}"#).contains("`error`"));
        assert!(refused(r#"{"output":1,"usage":{"input_tokens":-1}}"#).contains("`usage`"));
    }

    #[test]
    fn a_price_is_never_negative_nor_beyond_counting() {
        for cost in ["-0.01", "-1e-9", "1e300", "\"free\"", "1e999"] {
            refused(&format!(r#"{{"output":1,"cost_usd":{cost}}}"#));
        }
        assert_eq!(
            parse_json(r#"{"output":1,"cost_usd":0.0015}"#).ok().map(|reply| reply.cost),
            Some(Cost::Known(1500))
        );
    }

    #[test]
    fn a_declared_error_outweighs_an_output() {
        let reply = parse_json(r#"{"output":"fine","error":{"message":"boom","retryable":false}}"#).ok().unwrap();

        let failure = reply.answer.err().unwrap().failure(None);
        assert_eq!((failure.code, failure.message.as_str(), failure.retryable), (Code::AgentError, "boom", false));
    }

    #[test]
    fn a_declared_message_cannot_steer_a_terminal_or_fill_a_journal() {
        let long = "x".repeat(1_000_000);
        let declared = Declared { message: format!("\u{1b}[2Jboom {long}"), retryable: true };

        let failure = declared.failure(None);

        assert!(failure.message.starts_with("boom x") && failure.message.len() < 5_000);
    }
}
