//! Points in time as plain numbers. `protocols` knows no clock: whoever needs *now* is told it.

use std::{fmt, ops, str::FromStr, time::Duration};

use serde::{Deserialize, Serialize};

/// Milliseconds since the Unix epoch, UTC.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(u64);

impl Timestamp {
    /// A point given in milliseconds since the Unix epoch.
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the Unix epoch.
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// How long after `earlier` this is; zero if it is not.
    pub fn since(self, earlier: Timestamp) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

impl ops::Add<Duration> for Timestamp {
    type Output = Timestamp;
    fn add(self, span: Duration) -> Timestamp {
        Timestamp(self.0.saturating_add(u64::try_from(span.as_millis()).unwrap_or(u64::MAX)))
    }
}

impl fmt::Display for Timestamp {
    /// RFC 3339 with milliseconds: `2026-01-01T00:00:00.000Z`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let point = i64::try_from(self.0).ok().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
        match point {
            Some(point) => write!(f, "{point:.3}"),
            None => write!(f, "{}ms", self.0),
        }
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Timestamp {
    type Err = jiff::Error;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let point: jiff::Timestamp = text.parse()?;
        Ok(Self(u64::try_from(point.as_millisecond()).unwrap_or(0)))
    }
}

/// Serde for spans of time as whole milliseconds: `#[serde(with = "millis")]`.
pub mod millis {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    /// Writes whole milliseconds.
    pub fn serialize<S: Serializer>(span: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(u64::try_from(span.as_millis()).unwrap_or(u64::MAX))
    }

    /// Reads whole milliseconds.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        u64::deserialize(deserializer).map(Duration::from_millis)
    }
}

/// Why a text is not a span of time.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SpanError {
    /// Not a whole number with a unit right behind it.
    #[error("`{0}` is not a span of time: write a whole number and one of ms, s, m, h, as in 20s")]
    Form(String),
    /// More milliseconds than can be counted.
    #[error("`{0}` is too long a span of time: write a shorter one")]
    TooLong(String),
}

/// The units of a span in milliseconds, longest first.
const UNITS: [(&str, u64); 4] = [("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// Reads a span of time: a whole number and one of `ms`, `s`, `m`, `h`, as in `50ms`, `20s`, `2m`, `1h`.
///
/// # Errors
/// If it is anything else, or too long to be counted in milliseconds.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use bailiwick_protocols::time::parse_span;
///
/// assert_eq!(parse_span("2m"), Ok(Duration::from_secs(120)));
/// assert!(parse_span("120").is_err(), "a number needs a unit");
/// ```
pub fn parse_span(text: &str) -> Result<Duration, SpanError> {
    let form = || SpanError::Form(text.to_owned());
    let digits = text.find(|c: char| !c.is_ascii_digit()).filter(|end| *end > 0).ok_or_else(form)?;
    let (number, unit) = text.split_at(digits);
    let (_, millis) = UNITS.into_iter().find(|(name, _)| *name == unit).ok_or_else(form)?;
    let number: Option<u64> = number.parse().ok();
    let millis = number.and_then(|number| number.checked_mul(millis));
    millis.map(Duration::from_millis).ok_or_else(|| SpanError::TooLong(text.to_owned()))
}

/// Writes a span as [`parse_span`] reads it, in the longest unit that leaves no rest; what is below 1 ms is dropped.
pub fn format_span(span: Duration) -> String {
    let millis = u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
    let unit = UNITS.into_iter().find(|(_, unit)| millis >= *unit && millis % unit == 0);
    unit.map_or_else(|| "0s".to_owned(), |(name, unit)| format!("{}{name}", millis / unit))
}

/// Serde for spans of time as text such as `20s`: `#[serde(with = "span")]`.
pub mod span {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer, de::Error as _};

    /// Writes a text such as `20s`.
    pub fn serialize<S: Serializer>(span: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&super::format_span(*span))
    }

    /// Reads a text such as `20s`.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        super::parse_span(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }

    /// The same for a span that may be absent: `#[serde(default, with = "span::optional")]`.
    pub mod optional {
        use super::*;

        /// Writes a text such as `20s`, or nothing.
        pub fn serialize<S: Serializer>(span: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
            match span {
                Some(span) => super::serialize(span, serializer),
                None => serializer.serialize_none(),
            }
        }

        /// Reads a text such as `20s`, or nothing.
        pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
            let text = Option::<String>::deserialize(deserializer)?;
            text.map(|text| super::super::parse_span(&text).map_err(D::Error::custom)).transpose()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_a_whole_number_and_a_unit() {
        for (text, millis) in [("0s", 0), ("50ms", 50), ("20s", 20_000), ("2m", 120_000), ("72h", 259_200_000)] {
            assert_eq!(parse_span(text), Ok(Duration::from_millis(millis)), "{text}");
        }
    }

    #[test]
    fn whatever_else_is_no_span() {
        for text in ["", "20", "s", "-1s", "+1s", "1.5s", "1 s", " 1s", "1S", "1d", "1h30m", "\u{0661}s", "1µs"] {
            assert_eq!(parse_span(text), Err(SpanError::Form(text.to_owned())));
        }
        for text in ["99999999999999999999s", "18446744073709551615h"] {
            assert_eq!(parse_span(text), Err(SpanError::TooLong(text.to_owned())));
        }
    }

    #[test]
    fn a_span_is_written_in_the_longest_unit_that_leaves_no_rest() {
        for text in ["0s", "1ms", "999ms", "1s", "90s", "1500ms", "2m", "61m", "1h", "72h"] {
            assert_eq!(format_span(parse_span(text).unwrap()), text);
        }
    }
}
