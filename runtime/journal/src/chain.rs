//! The chain: each record's hash covers the record and the hash before it, so a changed or missing one is found.

use bailiwick_actors::audit_log::journal::JournalError;

use crate::rows::Row;

/// A hash of the chain.
pub(crate) type Hash = [u8; 32];

/// What the first record follows.
pub(crate) const START: Hash = [0; 32];

/// The hash of a row that follows `before`. Every field is counted, so that none can pass for a part of another.
pub(crate) fn hash(before: &Hash, row: &Row) -> Hash {
    let mut hasher = blake3::Hasher::new();
    hasher.update(before);
    // Two flags in one number: rows from before there were two have the hash they always had.
    let flags = u64::from(row.large) | u64::from(row.skippable) << 1;
    for number in [row.seq, row.ver, row.at, u64::from(row.v), row.epoch, flags] {
        hasher.update(&number.to_le_bytes());
    }
    for text in [Some(&row.stream), Some(&row.kind), row.cause.as_ref(), row.trace.as_ref(), Some(&row.body)] {
        // Nothing and an empty text are different.
        let length = text.map_or(u64::MAX, |text| text.len() as u64);
        hasher.update(&length.to_le_bytes());
        hasher.update(text.map_or(&[], |text| text.as_bytes()));
    }
    hasher.finalize().into()
}

/// Checks that a row stands at its place and is what was written.
///
/// # Errors
/// Says what is wrong with it.
pub(crate) fn check(before: &Hash, due: u64, row: &Row) -> Result<(), JournalError> {
    if row.seq != due {
        return Err(JournalError::Damaged { record: due, why: "it is missing".to_owned() });
    }
    if row.hash != hash(before, row) {
        return Err(JournalError::Damaged { record: due, why: "its hash does not fit what stands there".to_owned() });
    }
    Ok(())
}
