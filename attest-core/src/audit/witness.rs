//! Witnesses: others who saw the same log (C2SP tlog-cosignature, tlog-witness).
//!
//! A witness signs a checkpoint only if it continues the last one that it signed, and says when. So a log that shows two histories needs
//! witnesses for each. A [`WitnessedCheckpoint`] is one that a [`WitnessQuorum`] signed. [`decide`] is the witness's own side.

mod decide;
mod quorum;
mod request;

pub use decide::{Cosignable, LastCosigned, Refusal, decide};
pub use quorum::{Cosignature, WitnessQuorum, WitnessedCheckpoint};
pub use request::{AddCheckpoint, RequestError};

/// The largest time that a cosignature may have (C2SP tlog-cosignature, Format).
const MAX_TIME: u64 = i64::MAX.unsigned_abs();

/// Why a set of witnesses is no quorum, or a checkpoint is not witnessed by one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A line says to be by a known witness, and is not its cosignature of this checkpoint.
    #[error("signature line {line} is not a cosignature by {witness}")]
    CosignatureInvalid {
        /// Which line, from 1.
        line: usize,
        /// The witness's name.
        witness: String,
    },
    /// A witness signs with a key of type 0x04.
    #[error("the key of {witness} is not one that witnesses sign with")]
    KeyTypeUnexpected {
        /// The witness's name.
        witness: String,
    },
    /// The log is no witness of its own.
    #[error("the key of {witness} is the log's own")]
    LogIsWitness {
        /// The witness's name.
        witness: String,
    },
    /// Fewer witnesses than are needed.
    #[error("{got} of the witnesses signed, and {threshold} are needed")]
    QuorumNotReached {
        /// How many signed.
        got: usize,
        /// How many must have.
        threshold: usize,
    },
    /// More witnesses are needed than there are.
    #[error("{threshold} of {witnesses} witnesses")]
    ThresholdTooHigh {
        /// How many must sign.
        threshold: usize,
        /// How many there are.
        witnesses: usize,
    },
    /// No witness is needed, and so anything would be witnessed.
    #[error("a quorum of no witnesses")]
    ThresholdZero,
    /// More witnesses than are read.
    #[error("more than {limit} witnesses")]
    TooManyWitnesses {
        /// The bound.
        limit: usize,
    },
    /// Two witnesses with one name, or with one key under two names.
    #[error("{witness} is a witness twice, by its name or by its key")]
    WitnessRepeated {
        /// The second one's name.
        witness: String,
    },
}

impl Error {
    /// Stable text.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::CosignatureInvalid { .. } => "witness_cosignature_invalid",
            Self::KeyTypeUnexpected { .. } => "witness_key_type_unexpected",
            Self::LogIsWitness { .. } => "witness_is_the_log",
            Self::QuorumNotReached { .. } => "witness_quorum_not_reached",
            Self::ThresholdTooHigh { .. } => "witness_threshold_too_high",
            Self::ThresholdZero => "witness_threshold_zero",
            Self::TooManyWitnesses { .. } => "witness_too_many",
            Self::WitnessRepeated { .. } => "witness_repeated",
        }
    }
}

/// What a witness signs: a header that no checkpoint begins with in the same way, its time, and the checkpoint's text (C2SP tlog-cosignature,
/// Ed25519 signed message).
fn message(time: u64, text: &str) -> String {
    format!("cosignature/v1\ntime {time}\n{text}")
}

#[cfg(test)]
mod tests;
