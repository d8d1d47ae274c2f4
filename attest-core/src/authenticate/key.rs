//! The attestation key: who signs quotes, and why its signature means "a TPM made this".

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::algorithms::Algorithms;
use super::signature::{self, VerifyingKey};
use super::spki;
use crate::evidence::tpm::{self, Public, Signature, SignatureScheme, SigningAlg};
use crate::{HashAlg, Limits};

/// Why bytes are not a key that can attest.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// decrypt is set: the key could be made to sign what it decrypts.
    #[error("the key may decrypt")]
    AkDecrypts,
    /// The name is not the one that was enrolled.
    #[error("the key's name is {got}, not {expected}")]
    AkNameMismatch {
        /// The name expected, in hexadecimal.
        expected: String,
        /// The key's name, in hexadecimal; empty for a PEM key.
        got: String,
    },
    /// The name is a digest weaker than SHA-256.
    #[error("the key's name is a {alg} digest")]
    AkNameWeak {
        /// The name algorithm.
        alg: HashAlg,
    },
    /// fixedParent is clear: the key can move to another parent.
    #[error("the key can move to another parent")]
    AkNotFixedParent,
    /// fixedTPM is clear: the key can leave its TPM.
    #[error("the key can leave its TPM")]
    AkNotFixedTpm,
    /// restricted is clear: the key signs anything, a forged TPMS_ATTEST included.
    #[error("the key is not restricted: it signs anything")]
    AkNotRestricted,
    /// sign is clear.
    #[error("the key may not sign")]
    AkNotSigning,
    /// sensitiveDataOrigin is clear: the private part was made elsewhere and may be known.
    #[error("the key's private part was made outside the TPM")]
    AkSensitiveDataImported,
    /// A restricted signing key names its scheme, and this one does not.
    #[error("the key names no signature scheme that is supported")]
    SchemeMissing,
    /// The text is not one PEM block `PUBLIC KEY` with a SubjectPublicKeyInfo.
    #[error("not a PEM public key: {detail}")]
    PemMalformed {
        /// What is wrong.
        detail: &'static str,
    },
    /// The bytes are not a public area.
    #[error(transparent)]
    Public(#[from] tpm::Error),
    /// The numbers are not a key that counts.
    #[error(transparent)]
    Signature(#[from] signature::Error),
    /// The PEM block is not a public key.
    #[error(transparent)]
    Spki(#[from] spki::Error),
}

impl Error {
    /// Stable name of this fact.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::AkDecrypts => "ak_decrypts",
            Self::AkNameMismatch { .. } => "ak_name_mismatch",
            Self::AkNameWeak { .. } => "ak_name_weak",
            Self::AkNotFixedParent => "ak_not_fixed_parent",
            Self::AkNotFixedTpm => "ak_not_fixed_tpm",
            Self::AkNotRestricted => "ak_not_restricted",
            Self::AkNotSigning => "ak_not_signing",
            Self::AkSensitiveDataImported => "ak_sensitive_data_imported",
            Self::SchemeMissing => "ak_scheme_missing",
            Self::PemMalformed { .. } => "pem_malformed",
            Self::Public(error) => error.code(),
            Self::Signature(error) => error.code(),
            Self::Spki(error) => error.code(),
        }
    }
}

/// Whose key it is, and on whose word.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Subject {
    /// A device whose key was proven to live in its TPM when it was enrolled.
    Enrolled {
        /// The identifier that the verifier gave to the device.
        device_id: String,
    },
    /// The caller says so; no device is named.
    Vouched,
}

/// A key that may attest. A key in TPM form has had its attributes checked; a PEM key proves none of them.
#[derive(Clone)]
pub struct AttestationKey {
    verifying: VerifyingKey,
    algorithms: &'static Algorithms,
    scheme: Option<SignatureScheme>,
    name: Option<Vec<u8>>,
    name_alg: Option<HashAlg>,
    qualified_name: Option<Vec<u8>>,
    subject: Subject,
}

impl AttestationKey {
    /// A key that the caller vouches for, as TPM2B_PUBLIC, TPMT_PUBLIC or PEM, told apart by content.
    ///
    /// # Errors
    /// As [`vouched_tpm`](Self::vouched_tpm) and [`vouched_pem`](Self::vouched_pem).
    pub fn vouched(bytes: &[u8], limits: &Limits) -> Result<Self, Error> {
        match core::str::from_utf8(bytes) {
            Ok(text) if text.trim_start().starts_with(PEM_BEGIN_ANY) => Self::vouched_pem(text, limits),
            _ => Self::vouched_tpm(bytes, limits),
        }
    }

    /// A key in TPM form that the caller vouches for: that it lives in a TPM at all is the caller's word.
    ///
    /// # Errors
    /// [`Error`] names the attribute, the name algorithm, the scheme or the size that does not fit an attestation key.
    pub fn vouched_tpm(public: &[u8], limits: &Limits) -> Result<Self, Error> {
        Self::from_public(&Public::parse(public, limits)?, Subject::Vouched)
    }

    /// A key in PEM form (`PUBLIC KEY`, RFC 7468 section 13) that the caller vouches for. It proves no attributes, so even
    /// that quotes come from a TPM is the caller's word.
    ///
    /// # Errors
    /// [`Error::PemMalformed`], or the size or curve that does not count.
    pub fn vouched_pem(pem: &str, limits: &Limits) -> Result<Self, Error> {
        if pem.len() > limits.public_key_bytes {
            return Err(tpm::Error::TooLong { len: pem.len(), limit: limits.public_key_bytes }.into());
        }
        let spki = pem_block(pem)?;
        Ok(Self {
            verifying: VerifyingKey::new(&spki::public_key(&spki)?)?,
            algorithms: &Algorithms::RING,
            scheme: None,
            name: None,
            name_alg: None,
            qualified_name: None,
            subject: Subject::Vouched,
        })
    }

    /// The key of an enrolled device: its public area, which credential activation has bound to the device's TPM.
    ///
    /// # Errors
    /// As [`vouched_tpm`](Self::vouched_tpm).
    pub fn enrolled(public: &[u8], device_id: impl Into<String>, limits: &Limits) -> Result<Self, Error> {
        let subject = Subject::Enrolled { device_id: device_id.into() };
        Self::from_public(&Public::parse(public, limits)?, subject)
    }

    fn from_public(public: &Public<'_>, subject: Subject) -> Result<Self, Error> {
        check_attributes(public)?;
        let scheme = public.scheme().ok_or(Error::SchemeMissing)?;
        let verifying = VerifyingKey::new(&public.key())?;
        verifying.check_scheme(scheme)?;
        Ok(Self {
            verifying,
            algorithms: &Algorithms::RING,
            scheme: Some(scheme),
            name: Some(public.name()),
            name_alg: Some(public.name_alg()),
            qualified_name: None,
            subject,
        })
    }

    /// This key, if its name is the one expected.
    ///
    /// # Errors
    /// [`Error::AkNameMismatch`], also for a PEM key, which has no name.
    pub fn with_name(self, expected: &[u8]) -> Result<Self, Error> {
        if self.name() == Some(expected) {
            return Ok(self);
        }
        let got = self.name().map(hex::encode).unwrap_or_default();
        Err(Error::AkNameMismatch { expected: hex::encode(expected), got })
    }

    /// This key, whose quotes must name it by this qualified name: so it stays below the parent it was enrolled with. See
    /// [`Public::qualified_name`].
    #[must_use]
    pub fn with_qualified_name(mut self, qualified_name: impl Into<Vec<u8>>) -> Self {
        self.qualified_name = Some(qualified_name.into());
        self
    }

    /// Whether the key's attributes are known: whether a TPM's own words say that it signs only what the TPM made.
    #[must_use]
    pub const fn attributes_proven(&self) -> bool {
        self.name.is_some()
    }

    /// The key's name: the name algorithm's identifier and digest. PEM keys have none.
    #[must_use]
    pub fn name(&self) -> Option<&[u8]> {
        self.name.as_deref()
    }

    /// Whose key it is.
    #[must_use]
    pub const fn subject(&self) -> &Subject {
        &self.subject
    }

    /// The same key, its signatures checked by another implementation than ring.
    #[must_use]
    pub fn with_algorithms(self, algorithms: &'static Algorithms) -> Self {
        Self { algorithms, ..self }
    }

    /// The one scheme the key signs with. PEM keys do not say.
    #[must_use]
    pub const fn scheme(&self) -> Option<SignatureScheme> {
        self.scheme
    }

    /// The algorithm of a signature by this key, as results name it: `ecdsa-p256-sha256`, `rsassa-sha256`.
    #[must_use]
    pub fn algorithm(&self, scheme: SignatureScheme) -> String {
        match (&self.verifying, scheme.alg) {
            (VerifyingKey::Ecc { curve, .. }, SigningAlg::Ecdsa) => {
                format!("ecdsa-{}-{}", curve.name(), scheme.hash)
            }
            _ => scheme.to_string(),
        }
    }

    pub(super) const fn name_alg(&self) -> Option<HashAlg> {
        self.name_alg
    }

    pub(super) fn qualified_name(&self) -> Option<&[u8]> {
        self.qualified_name.as_deref()
    }

    /// Whether this key makes signatures of this scheme: cheap, for before the signature.
    pub(super) fn check_scheme(&self, got: SignatureScheme) -> Result<(), signature::Error> {
        self.verifying.check_scheme(got)?;
        match self.scheme {
            Some(expected) if expected != got => Err(signature::Error::SchemeMismatch { expected, got }),
            _ => Ok(()),
        }
    }

    /// Whether `signature` is by this key, in its scheme, over `message`.
    pub(super) fn verify(&self, signature: &Signature<'_>, message: &[u8]) -> Result<(), signature::Error> {
        self.check_scheme(signature.scheme())?;
        self.verifying.verify(self.algorithms, signature, message)
    }
}

impl core::fmt::Debug for AttestationKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("AttestationKey")
            .field("subject", &self.subject)
            .field("name", &self.name().map(hex::encode))
            .finish_non_exhaustive()
    }
}

/// What makes a key's signature over a TPMS_ATTEST a TPM's word (Part 2, "TPMA_OBJECT").
fn check_attributes(public: &Public<'_>) -> Result<(), Error> {
    let has = public.attributes();
    if !has.restricted() {
        return Err(Error::AkNotRestricted);
    }
    if !has.sign() {
        return Err(Error::AkNotSigning);
    }
    if has.decrypt() {
        return Err(Error::AkDecrypts);
    }
    if !has.fixed_tpm() {
        return Err(Error::AkNotFixedTpm);
    }
    if !has.fixed_parent() {
        return Err(Error::AkNotFixedParent);
    }
    if !has.sensitive_data_origin() {
        return Err(Error::AkSensitiveDataImported);
    }
    if public.name_alg().strength() < HashAlg::Sha256.strength() {
        return Err(Error::AkNameWeak { alg: public.name_alg() });
    }
    Ok(())
}

const PEM_BEGIN_ANY: &str = "-----BEGIN ";
const PEM_BEGIN: &str = "-----BEGIN PUBLIC KEY-----";
const PEM_END: &str = "-----END PUBLIC KEY-----";

/// The bytes of the one block in the text.
fn pem_block(pem: &str) -> Result<Vec<u8>, Error> {
    let malformed = |detail| Error::PemMalformed { detail };
    let body = pem.trim().strip_prefix(PEM_BEGIN).ok_or(malformed("it does not begin as PUBLIC KEY"))?;
    let body = body.strip_suffix(PEM_END).ok_or(malformed("it does not end as PUBLIC KEY"))?;
    let text: String = body.chars().filter(|char| !char.is_ascii_whitespace()).collect();
    STANDARD.decode(text).map_err(|_| malformed("the block is not base64"))
}

#[cfg(test)]
mod tests;
