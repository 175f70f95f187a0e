//! Checks on the text as it stands: contains and equals.

use bailiwick_protocols::{Json, Verdict};
use serde_json::Value;

use super::{Reading, shorten};

/// The most characters of an output or of what was expected that details quote.
const QUOTE_MAX: usize = 120;

/// The text, or compact JSON with sorted keys, contains this.
pub(crate) fn contains(reading: &Reading<'_>, wanted: &str) -> Verdict {
    let quoted = format!("{:?}", shorten(wanted, QUOTE_MAX));
    if reading.text().contains(wanted) {
        Verdict::pass("contains", 1.0, format!("the text contains {quoted}"))
    } else {
        Verdict::fail("contains", 0.0, format!("the text does not contain {quoted}"))
    }
}

/// The output equals this: a text as text, everything else as a JSON value.
///
/// A string is compared with the text of a text output, and with the string or the compact text of a JSON output. Any
/// other value is compared with the JSON value, which for a text is what it parses to. The order of keys does not
/// matter; numbers are equal when they are written alike, so `1` and `1.0` differ.
pub(crate) fn equals(reading: &Reading<'_>, wanted: &Json) -> Verdict {
    let equal = match wanted.value() {
        Value::String(text) if reading.is_text() => reading.text() == text,
        Value::String(text) => reading.value() == wanted.value() || reading.text() == text,
        value => reading.value() == value,
    };
    if equal {
        return Verdict::pass("equals", 1.0, "the output equals what was expected");
    }
    let expected = match wanted.value() {
        Value::String(text) => format!("{:?}", shorten(text, QUOTE_MAX)),
        _ => shorten(&wanted.canonical(), QUOTE_MAX).into_owned(),
    };
    let found = match reading.is_text() {
        true => format!("{:?}", shorten(reading.text(), QUOTE_MAX)),
        false => shorten(reading.text(), QUOTE_MAX).into_owned(),
    };
    Verdict::fail("equals", 0.0, format!("expected {expected}, found {found}"))
}
