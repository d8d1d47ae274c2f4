//! What a witness does with a checkpoint that it is asked to sign (C2SP tlog-witness, add-checkpoint).

use super::{MAX_TIME, message};
use crate::Timestamp;
use crate::audit::checkpoint::SignedCheckpoint;
use crate::audit::note::{self, KeyType, SignEd25519, VerifierKey};
use crate::audit::tree::{self, Hash, TreeHead, verify_consistency};

/// Why a witness does not sign. The fault is the asker's but for [`Refusal::ClockBackwards`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The witness's own clock shows less than when it last signed, or more than a cosignature can say.
    #[error("the time is {now}, and the last cosignature's is {last}")]
    ClockBackwards {
        /// When it last signed.
        last: Timestamp,
        /// What its clock shows.
        now: Timestamp,
    },
    /// Another tree of the same size as one that was signed: the log shows two histories.
    #[error("another root for the {size} leaves that were signed already")]
    Forked {
        /// The size of both.
        size: u64,
    },
    /// The asker continues a larger tree by a smaller one.
    #[error("a tree of {new} leaves is to continue one of {old}")]
    OldSizeBeyondNew {
        /// The size to be continued.
        old: u64,
        /// The checkpoint's.
        new: u64,
    },
    /// The asker continues another state than the last one that was signed; told the size of that, it may ask again.
    #[error("the last tree that was signed has {last} leaves, not {old}")]
    OldSizeMismatch {
        /// The size to be continued.
        old: u64,
        /// The size that was signed last.
        last: u64,
    },
    /// The proof does not show that the checkpoint continues the last one.
    #[error("not consistent with the last checkpoint: {0}")]
    ProofInvalid(#[source] tree::Error),
}

impl Refusal {
    /// Stable text.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::ClockBackwards { .. } => "witness_clock_backwards",
            Self::Forked { .. } => "witness_forked",
            Self::OldSizeBeyondNew { .. } => "witness_old_size_beyond_new",
            Self::OldSizeMismatch { .. } => "witness_old_size_mismatch",
            Self::ProofInvalid(_) => "witness_proof_invalid",
        }
    }

    /// The HTTP status that the specification gives it. The answer to [`Refusal::OldSizeMismatch`] is the last size and a newline, as
    /// `text/x.tlog.size`.
    #[must_use]
    pub const fn http_status(&self) -> u16 {
        match self {
            Self::OldSizeBeyondNew { .. } => 400,
            Self::Forked { .. } | Self::OldSizeMismatch { .. } => 409,
            Self::ProofInvalid(_) => 422,
            Self::ClockBackwards { .. } => 500,
        }
    }
}

/// All that a witness remembers of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LastCosigned {
    /// The tree it signed last.
    pub head: TreeHead,
    /// When.
    pub time: Timestamp,
}

impl LastCosigned {
    /// Of a log that it never signed for.
    #[must_use]
    pub fn never() -> Self {
        Self { head: TreeHead::empty(), time: Timestamp::from_unix(0) }
    }
}

/// Decides whether a witness may sign `new`, which continues the tree of `old` leaves by `proof` as the asker says. Nothing is signed that is
/// not a [`SignedCheckpoint`] of a log that the witness knows.
///
/// # Errors
/// [`Refusal`]
pub fn decide(
    last: &LastCosigned,
    old: u64,
    proof: &[Hash],
    new: SignedCheckpoint,
    now: Timestamp,
) -> Result<Cosignable, Refusal> {
    let head = *new.head();
    if old > head.size {
        return Err(Refusal::OldSizeBeyondNew { old, new: head.size });
    }
    if old != last.head.size {
        return Err(Refusal::OldSizeMismatch { old, last: last.head.size });
    }
    verify_consistency(&last.head, proof, &head).map_err(|error| match error {
        tree::Error::NewRootMismatch if old == head.size => Refusal::Forked { size: old },
        error => Refusal::ProofInvalid(error),
    })?;
    if now < last.time || now.unix() > MAX_TIME {
        return Err(Refusal::ClockBackwards { last: last.time, now });
    }
    Ok(Cosignable { checkpoint: new, time: now })
}

/// A checkpoint that the witness may sign, once. Made by [`decide`] alone.
#[derive(Debug, PartialEq, Eq)]
pub struct Cosignable {
    checkpoint: SignedCheckpoint,
    time: Timestamp,
}

impl Cosignable {
    /// What the witness must have stored durably *before* it calls [`cosign`](Self::cosign), in the same transaction that `last` was read
    /// in: else two askers at once make it sign two histories.
    #[must_use]
    pub const fn remember(&self) -> LastCosigned {
        LastCosigned { head: *self.checkpoint.head(), time: self.time }
    }

    /// The cosignature, as a signature line with its newline, under the witness's name.
    ///
    /// # Errors
    /// [`note::Error::NameMalformed`], [`note::Error::KeyWeak`], [`note::Error::Sign`].
    pub fn cosign(self, name: &str, signer: &dyn SignEd25519) -> Result<String, note::Error> {
        let key = VerifierKey::new(name, KeyType::CosignatureV1, signer.public_key())?;
        let time = self.time.unix();
        let message = message(time, &self.checkpoint.checkpoint().to_string());
        let signature = note::signed(&key, message.as_bytes(), signer)?;
        Ok(note::line(name, key.id(), &[&time.to_be_bytes()[..], &signature].concat()))
    }
}
