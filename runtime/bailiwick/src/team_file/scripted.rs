//! Reads the replies of a scripted agent.

use bailiwick_actors::agents::scripted::ScriptedReply;
use bailiwick_protocols::Usage;

use super::{fields::Fields, item::Item, settings::usd};

const FORMS: &str = "say one of output, error, hang = true, panic = true";

/// Reads `scripted = [..]`: at least one reply.
pub(super) fn replies(item: &Item<'_>) -> Vec<ScriptedReply> {
    let items = item.list();
    if items.as_ref().is_some_and(Vec::is_empty) {
        item.refuse("has no reply", "give at least one: scripted = [ { output = \"done\" } ]");
    }
    items.unwrap_or_default().iter().filter_map(reply).collect()
}

fn reply(item: &Item<'_>) -> Option<ScriptedReply> {
    let fields = item.table()?;
    let act = act(&fields);
    let delay = fields.get("delay").and_then(|item| item.span()).unwrap_or_default();
    let cost_usd = fields.get("cost_usd").and_then(|item| usd(&item)).unwrap_or_default();
    let usage = fields.get("usage").map(|item| usage(&item)).unwrap_or_default();
    fields.close();
    Some(act?.after(delay).usage(usage).cost_usd(cost_usd))
}

/// Reads what the reply does: exactly one of the four.
fn act(fields: &Fields<'_>) -> Option<ScriptedReply> {
    const KEYS: [&str; 4] = ["output", "error", "hang", "panic"];
    let acts: Vec<(&str, Item<'_>)> = KEYS.iter().filter_map(|key| Some((*key, fields.get(key)?))).collect();
    let retryable = fields.get("retryable");
    if let Some(item) = retryable.as_ref().filter(|_| !acts.iter().any(|(key, _)| *key == "error")) {
        item.refuse("only an error is retryable or not", "drop it, or add error = \"..\"");
    }
    let [(key, item)] = acts.as_slice() else {
        match acts.len() {
            0 => fields.lacks(&KEYS, "says no reply", FORMS),
            _ => fields.item.refuse("says several replies at once", FORMS),
        }
        return None;
    };
    match *key {
        "output" => Some(ScriptedReply::output(item.json())),
        "error" => {
            let error = ScriptedReply::error(item.text()?);
            let once = retryable.and_then(|item| item.boolean()) == Some(false);
            Some(if once { error.not_retryable() } else { error })
        }
        _ if !item.boolean()? => {
            item.refuse("false says nothing", FORMS);
            None
        }
        "hang" => Some(ScriptedReply::hang()),
        _ => Some(ScriptedReply::panic()),
    }
}

fn usage(item: &Item<'_>) -> Usage {
    let Some(fields) = item.table() else { return Usage::default() };
    let count = |key| {
        let number = fields.get(key).and_then(|item: Item<'_>| item.integer(0..=i64::MAX));
        number.map_or(0, i64::unsigned_abs)
    };
    let usage = Usage {
        input_tokens: count("input_tokens"),
        output_tokens: count("output_tokens"),
        cache_read_tokens: count("cache_read_tokens"),
        cache_write_tokens: count("cache_write_tokens"),
        reasoning_tokens: count("reasoning_tokens"),
        calls: count("calls"),
    };
    fields.close();
    usage
}
