//! What a witness is asked by (C2SP tlog-witness, add-checkpoint).

use crate::Limits;
use crate::audit::checkpoint::decimal;
use crate::audit::lines::{self, Lines, MAX_BYTES};
use crate::audit::tree::Hash;

/// Why bytes are no such request. The answer is 400.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// The part before the checkpoint is not `old`, a size, hashes in base64, an empty line.
    #[error("line {line} is not what a request has there")]
    Malformed {
        /// Which line, from 1.
        line: usize,
    },
    /// More bytes than a request may have.
    #[error("a request of {got} bytes, more than {limit}")]
    TooLarge {
        /// How many there are.
        got: usize,
        /// The bound.
        limit: usize,
    },
    /// More hashes than any proof has.
    #[error("more than {limit} hashes")]
    TooManyHashes {
        /// The bound.
        limit: usize,
    },
}

impl RequestError {
    /// Stable text.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Malformed { .. } => "witness_request_malformed",
            Self::TooLarge { .. } => "witness_request_too_large",
            Self::TooManyHashes { .. } => "witness_request_too_many_hashes",
        }
    }
}

impl From<lines::Error> for RequestError {
    fn from(error: lines::Error) -> Self {
        match error {
            lines::Error::Malformed(line) => Self::Malformed { line },
            lines::Error::TooManyHashes => Self::TooManyHashes { limit: lines::MAX_PROOF },
        }
    }
}

/// A request to sign a checkpoint, read and not believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddCheckpoint<'a> {
    /// The size of the tree that the checkpoint is said to continue.
    pub old: u64,
    /// The consistency proof.
    pub proof: Vec<Hash>,
    /// The checkpoint: a signed note, not taken apart.
    pub note: &'a [u8],
}

impl<'a> AddCheckpoint<'a> {
    /// Reads a request's body: `old`, a size, a hash a line, an empty line, the note.
    ///
    /// # Errors
    /// [`RequestError`].
    pub fn parse(bytes: &'a [u8], limits: &Limits) -> Result<Self, RequestError> {
        let (got, limit) = (bytes.len(), limits.note_bytes.saturating_add(MAX_BYTES));
        if got > limit {
            return Err(RequestError::TooLarge { got, limit });
        }
        let mut lines = Lines::new(bytes);
        let old = lines.next()?.strip_prefix("old ").and_then(decimal).ok_or(lines.malformed())?;
        let (proof, note) = lines.hashes_and_rest()?;
        Ok(Self { old, proof, note })
    }

    /// The request's body.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        lines::render(&format!("old {}\n", self.old), &self.proof, self.note)
    }
}
