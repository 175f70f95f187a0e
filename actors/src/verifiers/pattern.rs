//! Regular expressions in linear time: no look-around, no back references, bounded in text and in compiled size.

use bailiwick_protocols::Verdict;
use regex::{Regex, RegexBuilder};

use super::{ContractFault, Reading, shorten};

/// The most bytes the text of a pattern may have: 4 KiB.
pub const PATTERN_BYTES_MAX: usize = 4 * 1024;

/// The most bytes a pattern may take when compiled: 4 MiB, enough for `\w{50}`. Holds inside schemas too.
pub const PATTERN_COMPILED_MAX: usize = 4 * 1024 * 1024;

/// A pattern that compiled.
#[derive(Clone, Debug)]
pub(crate) struct Pattern(Regex);

impl Pattern {
    pub(crate) fn compile(pattern: &str) -> Result<Self, ContractFault> {
        if pattern.is_empty() {
            return Err(ContractFault::EmptyPattern);
        }
        if pattern.len() > PATTERN_BYTES_MAX {
            return Err(ContractFault::PatternTooLong { bytes: pattern.len() });
        }
        let built = RegexBuilder::new(pattern).size_limit(PATTERN_COMPILED_MAX).build();
        built.map(Self).map_err(|error| match error {
            regex::Error::CompiledTooBig(_) => ContractFault::PatternTooLarge,
            error => ContractFault::InvalidPattern { message: error.to_string() },
        })
    }

    /// How heavy it is to run.
    pub(crate) fn weight(&self) -> usize {
        weight(self.0.as_str())
    }

    pub(crate) fn examine(&self, reading: &Reading<'_>) -> Verdict {
        let pattern = shorten(self.0.as_str(), 120);
        match self.0.find(reading.text()) {
            Some(hit) => {
                let details = format!("`{pattern}` matches {:?}", shorten(hit.as_str(), 120));
                Verdict::pass("regex", 1.0, details)
            }
            None => Verdict::fail("regex", 0.0, format!("nothing in the text matches `{pattern}`")),
        }
    }
}

/// About how many bytes a pattern takes when compiled, to a factor of four: the most that one byte of text can cost.
pub(crate) fn weight(pattern: &str) -> usize {
    let fits = |size: &usize| RegexBuilder::new(pattern).size_limit(*size).build().is_ok();
    let sizes = std::iter::successors(Some(1024), |size| Some(size * 4));
    sizes.take_while(|size| *size < PATTERN_COMPILED_MAX).find(fits).unwrap_or(PATTERN_COMPILED_MAX)
}
