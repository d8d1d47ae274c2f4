//! What a witness is asked by (C2SP tlog-witness, add-checkpoint).

use crate::Limits;
use crate::audit::checkpoint::decimal;
use crate::audit::tree::Hash;

/// The most hashes that a request may have; a proof between any two trees of 64-bit sizes has no more.
const MAX_PROOF: usize = 63;

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
        // The lines before the note take less than 4 KiB.
        let (got, limit) = (bytes.len(), limits.note_bytes.saturating_add(4 << 10));
        if got > limit {
            return Err(RequestError::TooLarge { got, limit });
        }
        let mut rest = bytes;
        let mut line = |number| {
            let malformed = RequestError::Malformed { line: number };
            let end = rest.iter().position(|byte| *byte == b'\n').ok_or(malformed)?;
            let (line, after) = rest.split_at_checked(end).ok_or(malformed)?;
            rest = after.get(1..).unwrap_or_default();
            core::str::from_utf8(line).map_err(|_| malformed)
        };
        let old = line(1)?.strip_prefix("old ").and_then(decimal);
        let old = old.ok_or(RequestError::Malformed { line: 1 })?;
        let mut proof = Vec::new();
        for number in 2.. {
            let text = line(number)?;
            if text.is_empty() {
                break;
            }
            if proof.len() >= MAX_PROOF {
                return Err(RequestError::TooManyHashes { limit: MAX_PROOF });
            }
            proof.push(Hash::from_base64(text).ok_or(RequestError::Malformed { line: number })?);
        }
        Ok(Self { old, proof, note: rest })
    }

    /// The request's body.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let hashes = self.proof.iter().map(|hash| hash.to_base64() + "\n");
        let head: String = core::iter::once(format!("old {}\n", self.old)).chain(hashes).collect();
        [head.as_bytes(), b"\n", self.note].concat()
    }
}
