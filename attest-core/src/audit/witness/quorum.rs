//! The quorum, counted here and nowhere else.

use super::{Error, MAX_TIME, message};
use crate::audit::checkpoint::{Checkpoint, SignedCheckpoint};
use crate::audit::note::{KeyType, VerifierKey};
use crate::audit::tree::TreeHead;
use crate::{Limits, Timestamp};

/// Witnesses of whom so many must have signed. A witness is one name with one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WitnessQuorum {
    threshold: usize,
    witnesses: Vec<VerifierKey>,
}

impl WitnessQuorum {
    /// `threshold` of these witnesses, at least one. Names are different, and so are keys: no witness counts twice (a key has one encoding,
    /// see [`VerifierKey`]).
    ///
    /// # Errors
    /// [`Error::ThresholdZero`], [`Error::ThresholdTooHigh`], [`Error::TooManyWitnesses`], [`Error::KeyTypeUnexpected`],
    /// [`Error::WitnessRepeated`].
    pub fn new(threshold: usize, witnesses: Vec<VerifierKey>, limits: &Limits) -> Result<Self, Error> {
        if witnesses.len() > limits.witnesses {
            return Err(Error::TooManyWitnesses { limit: limits.witnesses });
        }
        if threshold == 0 {
            return Err(Error::ThresholdZero);
        }
        if threshold > witnesses.len() {
            return Err(Error::ThresholdTooHigh { threshold, witnesses: witnesses.len() });
        }
        let mut seen: Vec<&VerifierKey> = Vec::new();
        for key in &witnesses {
            let witness = || key.name().to_owned();
            if key.key_type() != KeyType::CosignatureV1 {
                return Err(Error::KeyTypeUnexpected { witness: witness() });
            }
            if seen.iter().any(|other| other.name() == key.name() || other.public() == key.public()) {
                return Err(Error::WitnessRepeated { witness: witness() });
            }
            seen.push(key);
        }
        Ok(Self { threshold, witnesses })
    }

    /// How many must have signed.
    #[must_use]
    pub const fn threshold(&self) -> usize {
        self.threshold
    }

    /// How many witnesses any two quorums have in common, at the least: so many must lie before a log can show two histories that are both
    /// witnessed. With no more than half of the witnesses needed it is none, and honest ones can be shown a history each.
    #[must_use]
    pub fn overlap(&self) -> usize {
        self.threshold.saturating_mul(2).saturating_sub(self.witnesses.len())
    }

    /// Who counts.
    #[must_use]
    pub fn witnesses(&self) -> &[VerifierKey] {
        &self.witnesses
    }
}

/// A witness's word that, at a time by its own clock, a checkpoint was the latest one it saw and continued all others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cosignature {
    /// The witness's name.
    pub witness: String,
    /// Its time; the latest, if it signed more than once.
    pub time: Timestamp,
}

/// A state of the log that a quorum of witnesses vouches for. Two histories of one log are not both witnessed unless
/// [`overlap`](WitnessQuorum::overlap) witnesses lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WitnessedCheckpoint {
    signed: SignedCheckpoint,
    time: Timestamp,
    seen_by: Timestamp,
    cosignatures: Vec<Cosignature>,
}

impl WitnessedCheckpoint {
    /// The only maker. Lines of unknown keys are passed over; a wrong line of a known witness refuses, as in every note.
    ///
    /// # Errors
    /// [`Error::LogIsWitness`], [`Error::CosignatureInvalid`], [`Error::QuorumNotReached`].
    pub fn verify(signed: SignedCheckpoint, quorum: &WitnessQuorum) -> Result<Self, Error> {
        let mut cosignatures = Vec::new();
        for witness in &quorum.witnesses {
            if witness.public() == signed.log().key().public() {
                return Err(Error::LogIsWitness { witness: witness.name().to_owned() });
            }
            if let Some(time) = latest(&signed, witness)? {
                let time = Timestamp::from_unix(time);
                cosignatures.push(Cosignature { witness: witness.name().to_owned(), time });
            }
        }
        // Latest first: the threshold-th is the lowest in the latest quorum.
        let mut times: Vec<Timestamp> = cosignatures.iter().map(|cosignature| cosignature.time).collect();
        times.sort_unstable_by(|one, other| other.cmp(one));
        let (got, threshold) = (times.len(), quorum.threshold);
        let last_needed = threshold.checked_sub(1).and_then(|place| times.get(place));
        let time = *last_needed.ok_or(Error::QuorumNotReached { got, threshold })?;
        // Earliest first: the threshold-th is the latest in the earliest quorum. There are as many.
        times.reverse();
        let seen_by = threshold.checked_sub(1).and_then(|before| times.get(before)).copied().unwrap_or(time);
        Ok(Self { signed, time, seen_by, cosignatures })
    }

    /// When: the latest time such that as many witnesses as the quorum needs say that it was then or later. So fewer than that cannot
    /// move it beyond an honest witness's clock, and one that is slow or lies about the past cannot hold it back while enough others
    /// signed. Whoever controls the network can leave cosignatures out, and so slow it down.
    #[must_use]
    pub const fn time(&self) -> Timestamp {
        self.time
    }

    /// By when it had been seen: the earliest time such that as many witnesses as the quorum needs say that they had signed it by then. So
    /// fewer than that cannot move it to before an honest witness's clock, as those who backdate would like; others who sign later do not
    /// make it later.
    #[must_use]
    pub const fn seen_by(&self) -> Timestamp {
        self.seen_by
    }

    /// What the log said.
    #[must_use]
    pub const fn checkpoint(&self) -> &Checkpoint {
        self.signed.checkpoint()
    }

    /// The tree's size and root.
    #[must_use]
    pub const fn head(&self) -> &TreeHead {
        self.signed.head()
    }

    /// The same without witnesses.
    #[must_use]
    pub const fn signed(&self) -> &SignedCheckpoint {
        &self.signed
    }

    /// Who signed, in the quorum's order.
    #[must_use]
    pub fn cosignatures(&self) -> &[Cosignature] {
        &self.cosignatures
    }
}

/// The latest time at which this witness signed; each of its lines must verify.
fn latest(signed: &SignedCheckpoint, witness: &VerifierKey) -> Result<Option<u64>, Error> {
    let text = signed.checkpoint().to_string();
    let mut latest = None;
    for (signature, line) in signed.signatures().iter().zip(1..) {
        if witness.is_named_by(signature) {
            let invalid = || Error::CosignatureInvalid { line, witness: witness.name().to_owned() };
            let time = cosigned(witness, &signature.bytes, &text).ok_or_else(invalid)?;
            latest = latest.max(Some(time));
        }
    }
    Ok(latest)
}

/// The time in a `timestamped_signature`, if it is this witness's (C2SP tlog-cosignature, Format).
fn cosigned(witness: &VerifierKey, bytes: &[u8], text: &str) -> Option<u64> {
    let (time, signature) = bytes.split_first_chunk()?;
    let time = u64::from_be_bytes(*time);
    (time <= MAX_TIME && witness.verifies(message(time, text).as_bytes(), signature)).then_some(time)
}
