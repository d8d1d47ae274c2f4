//! What was asked: a nonce, the PCRs to quote, and until when an answer counts.

use core::fmt;

use subtle::ConstantTimeEq as _;

use crate::Timestamp;
use crate::evidence::tpm::PcrSelection;

/// Why an answer is not an answer to this challenge, or bytes are no nonce. Every code begins with `nonce_`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The answer came too late.
    #[error("the nonce expired at {expired}, it is {now}")]
    NonceExpired {
        /// The last second at which the answer would have counted.
        expired: Timestamp,
        /// The time of the judgement.
        now: Timestamp,
    },
    /// The evidence carries another nonce of the same length.
    #[error("the evidence carries another nonce")]
    NonceMismatch,
    /// There is no nonce where one must be.
    #[error("there is no nonce")]
    NonceMissing,
    /// The bytes are too few to be fresh, or more than a TPM takes.
    #[error("a nonce of {got} bytes, {min} to {max} are needed")]
    NonceSize {
        /// Its length in bytes.
        got: usize,
        /// The fewest.
        min: usize,
        /// The most.
        max: usize,
    },
    /// The evidence carries a nonce of another length: cut, padded, or another one.
    #[error("the evidence carries a nonce of {got} bytes, {expected} were sent")]
    NonceWrongLength {
        /// Length of the nonce sent, in bytes.
        expected: usize,
        /// Length of the nonce in the evidence.
        got: usize,
    },
}

impl Error {
    /// Stable name of this fact.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NonceExpired { .. } => "nonce_expired",
            Self::NonceMismatch => "nonce_mismatch",
            Self::NonceMissing => "nonce_missing",
            Self::NonceSize { .. } => "nonce_size",
            Self::NonceWrongLength { .. } => "nonce_wrong_length",
        }
    }
}

/// Bytes that make evidence fresh. They are random, and nobody else has sent them before.
#[derive(Clone, PartialEq, Eq)]
pub struct Nonce(Vec<u8>);

impl Nonce {
    /// The fewest bytes of a nonce that we issue: 128 bits do not repeat by chance.
    pub const MIN: usize = 16;
    /// The most bytes: what every TPM takes as qualifying data beside a SHA-512 digest.
    pub const MAX: usize = 64;

    /// A nonce to issue, of 16 to 64 bytes.
    ///
    /// # Errors
    /// [`Error::NonceMissing`] without bytes, [`Error::NonceSize`] outside the bounds.
    pub fn new(bytes: &[u8]) -> Result<Self, Error> {
        Self::within(bytes, Self::MIN)
    }

    /// A nonce that someone else issued, of 1 to 64 bytes. Whoever names it answers for its freshness.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn given(bytes: &[u8]) -> Result<Self, Error> {
        Self::within(bytes, 1)
    }

    fn within(bytes: &[u8], min: usize) -> Result<Self, Error> {
        match bytes.len() {
            0 => Err(Error::NonceMissing),
            got if (min..=Self::MAX).contains(&got) => Ok(Self(bytes.to_vec())),
            got => Err(Error::NonceSize { got, min, max: Self::MAX }),
        }
    }

    /// Its bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Whether the evidence carries exactly this nonce; the bytes are compared in constant time.
    ///
    /// # Errors
    /// [`Error::NonceMissing`], [`Error::NonceWrongLength`] or [`Error::NonceMismatch`].
    pub fn check(&self, carried: &[u8]) -> Result<(), Error> {
        if carried.is_empty() {
            return Err(Error::NonceMissing);
        }
        if carried.len() != self.0.len() {
            return Err(Error::NonceWrongLength { expected: self.0.len(), got: carried.len() });
        }
        if bool::from(self.0.ct_eq(carried)) { Ok(()) } else { Err(Error::NonceMismatch) }
    }
}

/// Lower-case hexadecimal.
impl fmt::Debug for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(&self.0))
    }
}

/// One question to one device. It answers for one judgement: authentication takes it by value, and it cannot be copied.
#[derive(Debug)]
pub struct Challenge {
    nonce: Nonce,
    selection: Option<PcrSelection>,
    expires: Option<Timestamp>,
}

impl Challenge {
    /// A challenge that was sent: this nonce, exactly these PCRs, answered at `expires` at the latest.
    #[must_use]
    pub const fn issued(nonce: Nonce, selection: PcrSelection, expires: Timestamp) -> Self {
        Self { nonce, selection: Some(selection), expires: Some(expires) }
    }

    /// The challenge behind evidence that is judged later and elsewhere: any PCRs, at any time. Which PCRs count is then for
    /// the appraisal to say.
    #[must_use]
    pub const fn offline(nonce: Nonce) -> Self {
        Self { nonce, selection: None, expires: None }
    }

    /// The nonce.
    #[must_use]
    pub const fn nonce(&self) -> &Nonce {
        &self.nonce
    }

    /// The PCRs asked for; `None` if any will do.
    #[must_use]
    pub const fn selection(&self) -> Option<&PcrSelection> {
        self.selection.as_ref()
    }

    pub(super) fn into_nonce(self) -> Nonce {
        self.nonce
    }

    /// Whether an answer still counts.
    ///
    /// # Errors
    /// [`Error::NonceExpired`] after the last second.
    pub fn check_expiry(&self, now: Timestamp) -> Result<(), Error> {
        match self.expires {
            Some(expired) if now > expired => Err(Error::NonceExpired { expired, now }),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONCE: [u8; 20] = [7; 20];

    #[test]
    fn a_nonce_has_16_to_64_bytes() {
        assert_eq!(Nonce::new(&[]), Err(Error::NonceMissing));
        assert_eq!(Nonce::given(&[]), Err(Error::NonceMissing));
        assert_eq!(Nonce::new(&[1; 15]), Err(Error::NonceSize { got: 15, min: 16, max: 64 }));
        assert_eq!(Nonce::given(&[1; 65]), Err(Error::NonceSize { got: 65, min: 1, max: 64 }));
        assert!(Nonce::new(&[1; 16]).is_ok() && Nonce::new(&[1; 64]).is_ok() && Nonce::given(&[1]).is_ok());
    }

    #[test]
    fn a14_wrong_length_prefix_and_zero_padded_nonces_are_refused() {
        let nonce = Nonce::new(&NONCE).unwrap();
        let wrong = |got| Err(Error::NonceWrongLength { expected: 20, got });
        assert_eq!(nonce.check(&NONCE), Ok(()));
        assert_eq!(nonce.check(&[]), Err(Error::NonceMissing));
        assert_eq!(nonce.check(&NONCE[..19]), wrong(19));
        assert_eq!(nonce.check(&[&NONCE[..], &[0]].concat()), wrong(21));
        assert_eq!(nonce.check(&[&[0], &NONCE[..]].concat()), wrong(21));
        for byte in 0..20 {
            let mut other = NONCE;
            other[byte] ^= 0x80;
            assert_eq!(nonce.check(&other), Err(Error::NonceMismatch), "byte {byte}");
        }
    }

    #[test]
    fn a14_an_expired_nonce_is_refused() {
        let at = Timestamp::from_unix;
        let challenge = Challenge::issued(Nonce::new(&NONCE).unwrap(), PcrSelection::default(), at(100));
        assert_eq!(challenge.check_expiry(at(100)), Ok(()));
        let late = Err(Error::NonceExpired { expired: at(100), now: at(101) });
        assert_eq!(challenge.check_expiry(at(101)), late);
    }

    #[test]
    fn every_code_of_freshness_begins_with_nonce() {
        let now = Timestamp::from_unix(0);
        let all = [
            Error::NonceExpired { expired: now, now },
            Error::NonceMismatch,
            Error::NonceMissing,
            Error::NonceSize { got: 1, min: 2, max: 3 },
            Error::NonceWrongLength { expected: 1, got: 2 },
        ];
        assert!(all.iter().all(|error| error.code().starts_with("nonce_")));
    }
}
