//! The versioned bincode frame: one byte of version, then the value, within a size limit.
//!
//! The only file of the project that names bincode. It serves what is rebuildable or written and read by the same
//! version (snapshots, peer frames), never a journal: a changed type would be misread in silence.

use serde::{Serialize, de::DeserializeOwned};

/// The version of the frames this build writes and reads.
pub const VERSION: u8 = 1;

/// The largest frame that is written or read: 16 MiB.
pub const SIZE_MAX: usize = 16 * 1024 * 1024;

/// Why a frame could not be written or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CodecError {
    /// The frame is empty.
    #[error("the frame is empty")]
    Empty,
    /// Another version wrote it.
    #[error("the frame has version {found}, this build reads version {VERSION}")]
    Version {
        /// The version byte found.
        found: u8,
    },
    /// More than [`SIZE_MAX`] bytes.
    #[error("the frame is larger than {SIZE_MAX} bytes")]
    TooLarge,
    /// Bytes are left behind the value.
    #[error("{count} bytes follow the value")]
    Trailing {
        /// How many.
        count: usize,
    },
    /// The value cannot be written.
    #[error("cannot encode: {0}")]
    Encode(String),
    /// The bytes are not such a value.
    #[error("cannot decode: {0}")]
    Decode(String),
}

/// What bincode may claim while it reads. It counts an integer with its width, not with the bytes it was written in, and
/// a `u128` takes one byte at least: with [`SIZE_MAX`] as its limit it would refuse frames that were written well.
const CLAIM_MAX: usize = 16 * SIZE_MAX;

fn config() -> impl bincode::config::Config {
    bincode::config::standard().with_limit::<CLAIM_MAX>()
}

/// Writes a value as a frame.
///
/// # Errors
/// If the value cannot be encoded or exceeds [`SIZE_MAX`].
pub fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>, CodecError> {
    let mut frame = vec![VERSION];
    bincode::serde::encode_into_std_write(value, &mut frame, config())
        .map_err(|e| CodecError::Encode(e.to_string()))?;
    if frame.len() > SIZE_MAX { Err(CodecError::TooLarge) } else { Ok(frame) }
}

/// Reads a value from a frame.
///
/// # Errors
/// If the frame is empty, of another version, too large, malformed, or longer than its value.
pub fn decode<T: DeserializeOwned>(frame: &[u8]) -> Result<T, CodecError> {
    let (&version, body) = frame.split_first().ok_or(CodecError::Empty)?;
    if version != VERSION {
        return Err(CodecError::Version { found: version });
    }
    if frame.len() > SIZE_MAX {
        return Err(CodecError::TooLarge);
    }
    let (value, read) =
        bincode::serde::decode_from_slice(body, config()).map_err(|e| CodecError::Decode(e.to_string()))?;
    match body.len() - read {
        0 => Ok(value),
        count => Err(CodecError::Trailing { count }),
    }
}
