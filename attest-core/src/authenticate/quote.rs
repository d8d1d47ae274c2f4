//! A quote that this key signed over our nonce.

use super::challenge::{self, Challenge, Nonce};
use super::key::{AttestationKey, Subject};
use super::signature;
use crate::evidence::tpm::{Attest, ClockInfo, PcrSelection, Signature, SignatureScheme};
use crate::{HashAlg, Timestamp};

/// Why a quote is not the answer of this key to this challenge.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The evidence is not an answer to this challenge.
    #[error(transparent)]
    Nonce(#[from] challenge::Error),
    /// pcrDigest is not as long as the signing scheme's hash.
    #[error("pcrDigest has {got} bytes, a {alg} digest has {}", alg.size())]
    PcrDigestLength {
        /// The signing scheme's hash.
        alg: HashAlg,
        /// Length of pcrDigest in bytes.
        got: usize,
    },
    /// The key that signed calls itself by another name than the key we know.
    #[error("the quote is by {got}, not by {expected}")]
    QualifiedSignerMismatch {
        /// What it must be, or begin with, in hexadecimal.
        expected: String,
        /// qualifiedSigner in hexadecimal.
        got: String,
    },
    /// No PCR is quoted: such a quote says nothing about the boot.
    #[error("the quote selects no PCR")]
    SelectionEmpty,
    /// Other PCRs are quoted than were asked for.
    #[error("the quote is over {got}, asked for was {expected}")]
    SelectionMismatch {
        /// The selection of the challenge.
        expected: PcrSelection,
        /// The selection that was signed.
        got: PcrSelection,
    },
    /// The signature does not count.
    #[error(transparent)]
    Signature(#[from] signature::Error),
}

impl Error {
    /// Stable name of this fact.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Nonce(error) => error.code(),
            Self::PcrDigestLength { .. } => "pcr_digest_length",
            Self::QualifiedSignerMismatch { .. } => "qualified_signer_mismatch",
            Self::SelectionEmpty => "selection_empty",
            Self::SelectionMismatch { .. } => "selection_mismatch",
            Self::Signature(error) => error.code(),
        }
    }
}

/// This key signed this selection, this PCR digest and our nonce; clock and firmware version are the TPM's own words.
///
/// Made by [`authenticate`] only.
#[derive(Clone, Debug)]
pub struct AuthenticQuote<'a> {
    attest: Attest<'a>,
    nonce: Nonce,
    scheme: SignatureScheme,
    algorithm: String,
    key_name: Option<Vec<u8>>,
    subject: Subject,
}

/// Judges a quote: fresh, over the PCRs asked for, and signed by `key`. The cheap checks come before the signature, and the
/// challenge is spent whatever comes out.
///
/// # Errors
/// [`Error`] names the first check that failed; codes of freshness begin with `nonce_`.
pub fn authenticate<'a>(
    attest: Attest<'a>,
    signature: &Signature<'_>,
    key: &AttestationKey,
    challenge: Challenge,
    now: Timestamp,
) -> Result<AuthenticQuote<'a>, Error> {
    challenge.check_expiry(now)?;
    challenge.nonce().check(attest.extra_data())?;
    check_selection(attest.selection(), challenge.selection())?;
    check_signer(attest.qualified_signer(), key)?;
    let scheme = signature.scheme();
    key.check_scheme(scheme)?;
    if attest.pcr_digest().len() != scheme.hash.size() {
        return Err(Error::PcrDigestLength { alg: scheme.hash, got: attest.pcr_digest().len() });
    }
    key.verify(signature, attest.raw())?;
    Ok(AuthenticQuote {
        nonce: challenge.into_nonce(),
        scheme,
        algorithm: key.algorithm(scheme),
        key_name: key.name().map(<[u8]>::to_vec),
        subject: key.subject().clone(),
        attest,
    })
}

fn check_selection(got: &PcrSelection, expected: Option<&PcrSelection>) -> Result<(), Error> {
    if got.is_empty() {
        return Err(Error::SelectionEmpty);
    }
    match expected {
        Some(expected) if !expected.selects_same(got) => {
            Err(Error::SelectionMismatch { expected: expected.clone(), got: got.clone() })
        }
        _ => Ok(()),
    }
}

/// The qualified name is the enrolled one, or, where only the key is known, at least one by the key's name algorithm: the
/// parents that it also covers are not known then.
fn check_signer(got: &[u8], key: &AttestationKey) -> Result<(), Error> {
    let mismatch = |expected: &[u8]| Error::QualifiedSignerMismatch {
        expected: hex::encode(expected),
        got: hex::encode(got),
    };
    if let Some(expected) = key.qualified_name() {
        return if got == expected { Ok(()) } else { Err(mismatch(expected)) };
    }
    let Some(alg) = key.name_alg() else { return Ok(()) };
    let id = alg.tpm_id().to_be_bytes();
    match got.strip_prefix(&id) {
        Some(digest) if digest.len() == alg.size() => Ok(()),
        _ => Err(mismatch(&id)),
    }
}

impl AuthenticQuote<'_> {
    /// The nonce proven in the evidence.
    #[must_use]
    pub const fn nonce(&self) -> &Nonce {
        &self.nonce
    }

    /// The PCRs that were quoted; never empty.
    #[must_use]
    pub const fn selection(&self) -> &PcrSelection {
        self.attest.selection()
    }

    /// The digest of the quoted PCRs' values, by [`signing_hash`](Self::signing_hash).
    #[must_use]
    pub const fn pcr_digest(&self) -> &[u8] {
        self.attest.pcr_digest()
    }

    /// The hash of the signing scheme, which is that of the PCR digest, too.
    #[must_use]
    pub const fn signing_hash(&self) -> HashAlg {
        self.scheme.hash
    }

    /// The TPM's clock and counters.
    #[must_use]
    pub const fn clock_info(&self) -> ClockInfo {
        self.attest.clock_info()
    }

    /// The vendor's number for the TPM's firmware.
    #[must_use]
    pub const fn firmware_version(&self) -> u64 {
        self.attest.firmware_version()
    }

    /// The signature's algorithm: `ecdsa-p256-sha256`, `rsassa-sha256`.
    #[must_use]
    pub fn algorithm(&self) -> &str {
        &self.algorithm
    }

    /// The qualified name by which the TPM calls the signing key. It also covers the key's parents, so whoever keeps that of a
    /// device's first quote can ask for it in all later ones: [`AttestationKey::with_qualified_name`].
    #[must_use]
    pub const fn qualified_signer(&self) -> &[u8] {
        self.attest.qualified_signer()
    }

    /// The signing key's name; `None` for a PEM key, whose attributes are not proven.
    #[must_use]
    pub fn key_name(&self) -> Option<&[u8]> {
        self.key_name.as_deref()
    }

    /// Whether the key's attributes are known, so that the quote is a TPM's word and not only the key's.
    #[must_use]
    pub const fn attributes_proven(&self) -> bool {
        self.key_name.is_some()
    }

    /// Whose key it is.
    #[must_use]
    pub const fn subject(&self) -> &Subject {
        &self.subject
    }
}

#[cfg(test)]
mod tests;
