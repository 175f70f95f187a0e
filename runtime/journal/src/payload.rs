//! What is too large for a row: kept once for each content, and named by its hash.
//!
//! The same output stands in many events: reported, settled, completed, handed on. Parts of a body that are larger than
//! [`INLINE_MAX`] are replaced by `{"$payload": "<hash>"}`, the innermost first, so that equal parts have equal names
//! wherever they stand.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

/// The most bytes of JSON text that stand in a row: 64 KiB.
pub const INLINE_MAX: usize = 64 * 1024;

const MARK: &str = "$payload";

/// What was taken out of a body: text by hash.
pub(crate) type Payloads = BTreeMap<String, String>;

/// The name of a content.
pub(crate) fn name(text: &str) -> String {
    blake3::hash(text.as_bytes()).to_hex().to_string()
}

/// The contents that a text names. What only looks like a name is among them.
pub(crate) fn named(text: &str) -> impl Iterator<Item = String> {
    let name = |rest: &str| Some(rest.get(..blake3::OUT_LEN * 2)?.to_owned());
    text.split(r#"{"$payload":""#).skip(1).filter_map(name)
}

/// Takes the large parts out of a value.
pub(crate) fn take_out(value: Value, taken: &mut Payloads) -> Value {
    shrink(value, taken).0
}

/// Returns what is left, and how long it is as text.
fn shrink(value: Value, taken: &mut Payloads) -> (Value, usize) {
    let (value, length) = match value {
        Value::Array(items) => {
            let mut length = 2;
            let items = items.into_iter().map(|item| {
                let (item, own) = shrink(item, taken);
                length += own + 1;
                item
            });
            (Value::Array(items.collect()), length)
        }
        Value::Object(fields) => {
            let mut length = 2;
            let literal = fields.contains_key(MARK);
            let fields: Map<String, Value> = fields
                .into_iter()
                .map(|(key, field)| {
                    let (field, own) = shrink(field, taken);
                    length += key.len() + own + 4;
                    (key, field)
                })
                .collect();
            let fields = Value::Object(fields);
            // What only looks like ours is wrapped, so that it is not taken for it.
            if literal { (json!({ MARK: { "literal": fields } }), length + 32) } else { (fields, length) }
        }
        // Near enough: escapes only make it longer.
        Value::String(text) => {
            let length = text.len() + 2;
            (Value::String(text), length)
        }
        plain => {
            let length = plain.to_string().len();
            (plain, length)
        }
    };
    if length <= INLINE_MAX {
        return (value, length);
    }
    let text = value.to_string();
    let name = name(&text);
    taken.insert(name.clone(), text);
    (json!({ MARK: name }), 80)
}

/// Puts the large parts back; `find` gives the text of a name.
///
/// # Errors
/// Whatever `find` says, and if a text is not JSON.
pub(crate) fn put_back<E>(value: Value, find: &mut impl FnMut(&str) -> Result<Value, E>) -> Result<Value, E> {
    Ok(match value {
        Value::Array(items) => {
            Value::Array(items.into_iter().map(|item| put_back(item, find)).collect::<Result<_, _>>()?)
        }
        Value::Object(mut fields) if fields.len() == 1 && fields.contains_key(MARK) => match fields.remove(MARK) {
            Some(Value::String(name)) => {
                let part = find(&name)?;
                put_back(part, find)?
            }
            Some(Value::Object(mut wrapped)) => inside(wrapped.remove("literal").unwrap_or_default(), find)?,
            other => other.unwrap_or_default(),
        },
        Value::Object(fields) => fields_back(fields, find)?,
        plain => plain,
    })
}

/// The fields of an object that only looked like ours.
fn inside<E>(value: Value, find: &mut impl FnMut(&str) -> Result<Value, E>) -> Result<Value, E> {
    match value {
        Value::Object(fields) => fields_back(fields, find),
        other => Ok(other),
    }
}

fn fields_back<E>(fields: Map<String, Value>, find: &mut impl FnMut(&str) -> Result<Value, E>) -> Result<Value, E> {
    let fields = fields.into_iter().map(|(key, field)| Ok((key, put_back(field, find)?)));
    fields.collect::<Result<Map<_, _>, E>>().map(Value::Object)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_parts_are_taken_out_once_and_come_back() {
        let long = "x".repeat(INLINE_MAX + 1);
        let value = json!({ "a": long, "b": [long, { "$payload": "mine" }], "c": { "$payload": { "literal": 1 } } });
        let mut taken = Payloads::new();

        let small = take_out(value.clone(), &mut taken);
        let back = put_back(small.clone(), &mut |name| serde_json::from_str(&taken[name]));

        assert_eq!(taken.len(), 1);
        assert!(small.to_string().len() < 1_000, "{small}");
        assert_eq!(back.unwrap(), value);
    }

    #[test]
    fn what_is_large_only_as_a_whole_goes_out_as_a_whole() {
        let rows: Vec<_> = (0..20_000).map(|row| json!({ "row": row })).collect();
        let value = json!({ "output": { "content": rows } });
        let mut taken = Payloads::new();

        let small = take_out(value.clone(), &mut taken);

        assert!(small["output"]["content"]["$payload"].is_string(), "{small}");
        assert_eq!(put_back(small, &mut |name| serde_json::from_str(&taken[name])).unwrap(), value);
    }
}
