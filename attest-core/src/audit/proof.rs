//! Proofs of logging: an entry's place in a witnessed tree, as a file that is checked without asking anyone (C2SP tlog-proof).

use base64::{Engine, engine::general_purpose::STANDARD};

use super::checkpoint::{self, LogIdentity, SignedCheckpoint, decimal};
use super::lines::{self, Lines, MAX_BYTES};
use super::tree::{self, Hash, verify_inclusion};
use super::witness::{self, WitnessQuorum, WitnessedCheckpoint};
use crate::Limits;

const HEADER: &str = "c2sp.org/tlog-proof@v1";

/// Why bytes are no proof of logging, or prove nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Not the log's checkpoint.
    #[error(transparent)]
    Checkpoint(#[from] checkpoint::Error),
    /// The part before the checkpoint is not what it must be.
    #[error("line {line} is not what a proof has there")]
    Malformed {
        /// Which line, from 1.
        line: usize,
    },
    /// More bytes than a proof may have.
    #[error("a proof of {got} bytes, more than {limit}")]
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
    /// The entry is not in the tree, or not in this place.
    #[error(transparent)]
    Tree(#[from] tree::Error),
    /// The checkpoint is not witnessed.
    #[error(transparent)]
    Witness(#[from] witness::Error),
}

impl Error {
    /// Stable text.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Checkpoint(error) => error.code(),
            Self::Malformed { .. } => "proof_malformed",
            Self::TooLarge { .. } => "proof_too_large",
            Self::TooManyHashes { .. } => "proof_too_many_hashes",
            Self::Tree(error) => error.code(),
            Self::Witness(error) => error.code(),
        }
    }
}

impl From<lines::Error> for Error {
    fn from(error: lines::Error) -> Self {
        match error {
            lines::Error::Malformed(line) => Self::Malformed { line },
            lines::Error::TooManyHashes => Self::TooManyHashes { limit: lines::MAX_PROOF },
        }
    }
}

/// A proof of logging, read and not believed. It does not say which entry it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogProof<'a> {
    /// What whoever made it added. Nothing vouches for it.
    pub extra: Option<Vec<u8>>,
    /// The entry's index in the log, from 0.
    pub index: u64,
    /// The inclusion proof, from the leaf upwards.
    pub hashes: Vec<Hash>,
    /// The checkpoint: a signed note, not taken apart.
    pub note: &'a [u8],
}

impl<'a> LogProof<'a> {
    /// Reads a file.
    ///
    /// # Errors
    /// [`Error::TooLarge`], [`Error::Malformed`], [`Error::TooManyHashes`].
    pub fn parse(bytes: &'a [u8], limits: &Limits) -> Result<Self, Error> {
        let (got, limit) = (bytes.len(), limits.note_bytes.saturating_add(MAX_BYTES));
        if got > limit {
            return Err(Error::TooLarge { got, limit });
        }
        let mut lines = Lines::new(bytes);
        if lines.next()? != HEADER {
            return Err(lines.malformed().into());
        }
        let mut line = lines.next()?;
        let mut extra = None;
        if let Some(encoded) = line.strip_prefix("extra ") {
            extra = Some(STANDARD.decode(encoded).map_err(|_| lines.malformed())?);
            line = lines.next()?;
        }
        let index = line.strip_prefix("index ").and_then(decimal).ok_or(lines.malformed())?;
        let (hashes, note) = lines.hashes_and_rest()?;
        Ok(Self { extra, index, hashes, note })
    }

    /// The file.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let extra = self.extra.as_ref().map(|extra| format!("extra {}\n", STANDARD.encode(extra)));
        let head = format!("{HEADER}\n{}index {}\n", extra.unwrap_or_default(), self.index);
        lines::render(&head, &self.hashes, self.note)
    }

    /// Checks that `entry`, these very bytes, stands at this index of the log, under a checkpoint that the quorum witnessed.
    ///
    /// # Errors
    /// [`Error::Checkpoint`], [`Error::Witness`], [`Error::Tree`].
    pub fn verify(
        &self,
        entry: &[u8],
        log: &LogIdentity,
        quorum: &WitnessQuorum,
        limits: &Limits,
    ) -> Result<LoggedEntry, Error> {
        let signed = SignedCheckpoint::verify(self.note, log, limits)?;
        let checkpoint = WitnessedCheckpoint::verify(signed, quorum)?;
        let leaf = Hash::of_leaf(entry);
        verify_inclusion(&leaf, self.index, &self.hashes, checkpoint.head())?;
        Ok(LoggedEntry { index: self.index, leaf, checkpoint })
    }
}

/// That an entry stands in a log, in this place, and others saw it. Made by [`LogProof::verify`] alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoggedEntry {
    index: u64,
    leaf: Hash,
    checkpoint: WitnessedCheckpoint,
}

impl LoggedEntry {
    /// Its index.
    #[must_use]
    pub const fn index(&self) -> u64 {
        self.index
    }

    /// Its leaf hash: whoever holds bytes can tell whether they are the entry.
    #[must_use]
    pub const fn leaf(&self) -> &Hash {
        &self.leaf
    }

    /// The state of the log that it was proven under.
    #[must_use]
    pub const fn checkpoint(&self) -> &WitnessedCheckpoint {
        &self.checkpoint
    }
}

#[cfg(test)]
mod tests;
