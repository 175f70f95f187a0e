//! A scripted reply as it is written in a team file: keys that exclude each other, checked when they are read.

use std::time::Duration;

use bailiwick_protocols::{Cost, Json, Usage, time::span};
use serde::{Deserialize, Deserializer, Serialize};

use super::{Act, ScriptError, ScriptedReply};

#[derive(Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Keys {
    // A null is an output as well, where the format can say it.
    #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    output: Option<Json>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retryable: Option<bool>,
    #[serde(skip_serializing_if = "is_default")]
    hang: bool,
    #[serde(skip_serializing_if = "is_default")]
    panic: bool,
    #[serde(with = "span", skip_serializing_if = "is_default")]
    delay: Duration,
    #[serde(skip_serializing_if = "is_default")]
    cost_usd: f64,
    #[serde(with = "UsageKeys", skip_serializing_if = "is_default")]
    usage: Usage,
}

/// The keys of a usage, of which no other is let through.
#[derive(Serialize, Deserialize)]
#[serde(remote = "Usage", deny_unknown_fields)]
struct UsageKeys {
    #[serde(default)]
    input_tokens: u64,
    #[serde(default)]
    output_tokens: u64,
    #[serde(default)]
    cache_read_tokens: u64,
    #[serde(default)]
    cache_write_tokens: u64,
    #[serde(default)]
    reasoning_tokens: u64,
    #[serde(default)]
    calls: u64,
}

fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Json>, D::Error> {
    Json::deserialize(deserializer).map(Some)
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl TryFrom<Keys> for ScriptedReply {
    type Error = ScriptError;

    fn try_from(keys: Keys) -> Result<Self, ScriptError> {
        if keys.retryable.is_some() && keys.error.is_none() {
            return Err(ScriptError::Retryable);
        }
        if Cost::from_usd(keys.cost_usd) == Cost::Unknown || keys.cost_usd < 0.0 {
            return Err(ScriptError::Cost(keys.cost_usd));
        }
        let retryable = keys.retryable.unwrap_or(true);
        let acts = [
            keys.output.map(|output| ("output", Act::Output(output))),
            keys.error.map(|message| ("error", Act::Error { message, retryable })),
            keys.hang.then_some(("hang", Act::Hang)),
            keys.panic.then_some(("panic", Act::Panic)),
        ];
        let mut acts: Vec<(&str, Act)> = acts.into_iter().flatten().collect();
        let act = match (acts.pop(), acts.as_slice()) {
            (None, _) => return Err(ScriptError::Nothing),
            (Some((_, act)), []) => act,
            (Some((last, _)), others) => {
                let others: Vec<&str> = others.iter().map(|(name, _)| *name).collect();
                return Err(ScriptError::Several(format!("{} and {last}", others.join(", "))));
            }
        };
        Ok(ScriptedReply { act, delay: keys.delay, usage: keys.usage, cost_usd: keys.cost_usd })
    }
}

impl From<ScriptedReply> for Keys {
    fn from(reply: ScriptedReply) -> Keys {
        let keys = Keys { delay: reply.delay, cost_usd: reply.cost_usd, usage: reply.usage, ..Keys::default() };
        match reply.act {
            Act::Output(output) => Keys { output: Some(output), ..keys },
            Act::Error { message, retryable } => {
                Keys { error: Some(message), retryable: (!retryable).then_some(false), ..keys }
            }
            Act::Hang => Keys { hang: true, ..keys },
            Act::Panic => Keys { panic: true, ..keys },
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(keys: Value) -> Result<ScriptedReply, String> {
        serde_json::from_value(keys).map_err(|error| error.to_string())
    }

    #[test]
    fn every_form_is_read() {
        let usage = Usage { input_tokens: 3, ..Usage::default() };

        assert_eq!(read(json!({ "output": "3 TODOs" })), Ok(ScriptedReply::output("3 TODOs")));
        assert_eq!(read(json!({ "output": null })), Ok(ScriptedReply::output(Value::Null)));
        assert_eq!(
            read(json!({ "error": "boom", "retryable": false })),
            Ok(ScriptedReply::error("boom").not_retryable())
        );
        assert_eq!(read(json!({ "hang": true })), Ok(ScriptedReply::hang()));
        assert_eq!(read(json!({ "panic": true, "hang": false })), Ok(ScriptedReply::panic()));
        assert_eq!(
            read(json!({ "output": 1, "delay": "50ms", "cost_usd": 0.5, "usage": { "input_tokens": 3 } })),
            Ok(ScriptedReply::output(1).after(Duration::from_millis(50)).cost_usd(0.5).usage(usage))
        );
    }

    #[test]
    fn what_is_written_is_read_again() {
        let replies = [
            ScriptedReply::output(json!({ "a": [1, null] })).after(Duration::from_secs(90)).cost_usd(0.25),
            ScriptedReply::error("boom").not_retryable(),
            ScriptedReply::error("boom").usage(Usage { calls: 1, ..Usage::default() }),
            ScriptedReply::hang(),
            ScriptedReply::panic(),
        ];

        for reply in replies {
            assert_eq!(read(serde_json::to_value(&reply).unwrap()), Ok(reply));
        }
    }

    #[test]
    fn a_reply_does_exactly_one_thing() {
        let problem = |keys| read(keys).unwrap_err();

        assert!(problem(json!({})).contains("does nothing"));
        assert!(problem(json!({ "hang": false, "delay": "1s" })).contains("does nothing"));
        assert!(
            problem(json!({ "output": 1, "error": "e", "hang": true })).contains("has output, error and hang at once")
        );
    }

    #[test]
    fn what_makes_no_sense_is_named() {
        let problem = |keys| read(keys).unwrap_err();

        assert!(problem(json!({ "output": 1, "retryable": false })).contains("retryable without an error"));
        assert!(problem(json!({ "output": 1, "cost_usd": -0.1 })).contains("cost_usd of -0.1"));
        assert!(problem(json!({ "output": 1, "delay": "50" })).contains("`50`"));
        assert!(problem(json!({ "outptu": 1 })).contains("`outptu`"));
        assert!(problem(json!({ "output": 1, "usage": { "tokens": 1 } })).contains("`tokens`"));
    }
}
