//! Keys that sign tokens: PEM, JWK and COSE_Key, and which algorithm each of them may sign with.

use ring::signature::{self as r, RsaPublicKeyComponents, UnparsedPublicKey, VerificationAlgorithm};
use sha2::Digest as _;

use super::super::Subject;
use crate::curves;
use crate::evidence::eat::Algorithm;
use crate::rsa_numbers::RsaNumbers;
use crate::{Limits, der};

mod cose;
mod jwk;
mod pem;

/// Why bytes are not a key that may sign tokens.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The key's own `alg` is one that is refused, or not one for this kind of key.
    #[error("the key says that it is for `{alg}`, and a key of its kind signs no token so")]
    AlgorithmUnsupported {
        /// What it says.
        alg: String,
    },
    /// Neither PEM, nor a JWK, nor a COSE_Key, or one that is not well-formed.
    #[error("not a public key: {detail}")]
    Malformed {
        /// What is wrong.
        detail: &'static str,
    },
    /// A compressed point, one that is not as long as its curve's, or one of Ed25519 that can count as nobody's.
    #[error("the point is not an uncompressed point of its curve that counts")]
    PointUnsupported,
    /// The RSA modulus is not one of 2048 to 4096 bits, or the exponent is even or smaller than 65537.
    #[error("an RSA modulus of {bytes} bytes, or its exponent, is not one that counts")]
    RsaWeak {
        /// Length of the modulus in bytes.
        bytes: usize,
    },
    /// A symmetric key: who can check a MAC can make one.
    #[error("a symmetric key proves nothing about who signed")]
    Symmetric,
    /// The bytes are longer than a public key.
    #[error("{len} bytes, more than {limit}")]
    TooLong {
        /// How many there are.
        len: usize,
        /// The bound.
        limit: usize,
    },
    /// Another kind or curve.
    #[error("the key is neither RSA, nor Ed25519, nor on P-256, P-384 or P-521")]
    Unsupported,
    /// `use`, `key_ops` or their like say that it is not for checking signatures.
    #[error("the key says that it is not for checking signatures")]
    UseUnexpected,
}

impl Error {
    /// Stable name of this fact.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::AlgorithmUnsupported { .. } => "key_algorithm_unsupported",
            Self::Malformed { .. } => "key_malformed",
            Self::PointUnsupported => "key_point_unsupported",
            Self::RsaWeak { .. } => "key_rsa_weak",
            Self::Symmetric => "key_symmetric",
            Self::TooLong { .. } => "key_too_long",
            Self::Unsupported => "key_unsupported",
            Self::UseUnexpected => "key_use_unexpected",
        }
    }
}

impl From<der::Error> for Error {
    fn from(_: der::Error) -> Self {
        Self::Malformed { detail: "not a SubjectPublicKeyInfo in DER" }
    }
}

/// The numbers of a public key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Numbers {
    Ed25519([u8; 32]),
    /// `04 ‖ x ‖ y`.
    P256(Vec<u8>),
    P384(Vec<u8>),
    P521(Vec<u8>),
    Rsa(RsaNumbers),
}

/// A public key that may sign a device's tokens, and on whose word it is that device's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenKey {
    numbers: Numbers,
    /// The one algorithm it says it is for, if it says so.
    alg: Option<Algorithm>,
    subject: Subject,
}

impl TokenKey {
    /// A key that the caller vouches for, as PEM (`PUBLIC KEY`, or a `CERTIFICATE` as mere packing: neither its validity nor its issuer is
    /// looked at), JWK or COSE_Key, told apart by content.
    ///
    /// # Errors
    /// [`Error`].
    pub fn vouched(bytes: &[u8], limits: &Limits) -> Result<Self, Error> {
        Self::parse(bytes, Subject::Vouched, limits)
    }

    /// A key of an enrolled device.
    ///
    /// # Errors
    /// [`Error`].
    pub fn enrolled(bytes: &[u8], device_id: impl Into<String>, limits: &Limits) -> Result<Self, Error> {
        Self::parse(bytes, Subject::Enrolled { device_id: device_id.into() }, limits)
    }

    fn parse(bytes: &[u8], subject: Subject, limits: &Limits) -> Result<Self, Error> {
        let limit = limits.public_key_bytes;
        if bytes.len() > limit {
            return Err(Error::TooLong { len: bytes.len(), limit });
        }
        let (numbers, alg) = match bytes.trim_ascii_start().first() {
            Some(b'-') => (pem::read(bytes)?, None),
            Some(b'{') => jwk::read(bytes, limits)?,
            Some(&der::SEQUENCE) => (pem::subject_public_key(bytes)?, None),
            Some(_) => cose::read(bytes, limits)?,
            None => return Err(Error::Malformed { detail: "there are no bytes" }),
        };
        let key = Self { numbers: numbers.check()?, alg, subject };
        match &key.alg {
            Some(alg) if !key.fits(alg) => Err(Error::AlgorithmUnsupported { alg: alg.to_string() }),
            _ => Ok(key),
        }
    }

    /// Whose key it is.
    #[must_use]
    pub const fn subject(&self) -> &Subject {
        &self.subject
    }

    /// SHA-256 of the key's kind and numbers: one key, one identity, in whatever form it came.
    #[must_use]
    pub fn identity(&self) -> [u8; 32] {
        let mut hash = sha2::Sha256::new();
        let (kind, parts): (&[u8], [&[u8]; 2]) = match &self.numbers {
            Numbers::Ed25519(x) => (b"Ed25519", [x, &[]]),
            Numbers::P256(point) => (b"P-256", [point, &[]]),
            Numbers::P384(point) => (b"P-384", [point, &[]]),
            Numbers::P521(point) => (b"P-521", [point, &[]]),
            Numbers::Rsa(rsa) => (b"RSA", [rsa.modulus(), rsa.exponent()]),
        };
        for part in [kind, parts[0], parts[1]] {
            hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            hash.update(part);
        }
        hash.finalize().into()
    }

    /// A45: whether a signature of this algorithm can be this key's: the algorithm is the key's, never the token's choice. Cheap.
    #[must_use]
    pub fn allows(&self, alg: &Algorithm) -> bool {
        self.fits(alg) && self.alg.as_ref().is_none_or(|own| own == alg)
    }

    fn fits(&self, alg: &Algorithm) -> bool {
        matches!(
            (&self.numbers, alg),
            (Numbers::Ed25519(_), Algorithm::EdDsa)
                | (Numbers::P256(_), Algorithm::Es256)
                | (Numbers::P384(_), Algorithm::Es384)
                | (Numbers::P521(_), Algorithm::Es512)
                | (Numbers::Rsa(_), Algorithm::Ps256 | Algorithm::Ps384 | Algorithm::Ps512)
        )
    }

    /// What algorithms it may sign with, in words.
    pub(super) fn algorithms(&self) -> String {
        let fitting = match &self.numbers {
            Numbers::Ed25519(_) => "EdDSA",
            Numbers::P256(_) => "ES256",
            Numbers::P384(_) => "ES384",
            Numbers::P521(_) => "ES512",
            Numbers::Rsa(_) => "PS256, PS384 or PS512",
        };
        self.alg.as_ref().map_or_else(|| fitting.to_owned(), Algorithm::to_string)
    }

    /// Whether `signature` is this key's over `message`: ECDSA as r ‖ s of the curve's length (RFC 9053, 2.1; RFC 7518, 3.4).
    pub(crate) fn verifies(&self, alg: &Algorithm, message: &[u8], signature: &[u8]) -> bool {
        let plain = |with: &'static dyn VerificationAlgorithm, key: &[u8]| {
            UnparsedPublicKey::new(with, key).verify(message, signature).is_ok()
        };
        match (&self.numbers, alg) {
            (Numbers::Ed25519(x), Algorithm::EdDsa) => plain(&r::ED25519, x),
            (Numbers::P256(point), Algorithm::Es256) => plain(&r::ECDSA_P256_SHA256_FIXED, point),
            (Numbers::P384(point), Algorithm::Es384) => plain(&r::ECDSA_P384_SHA384_FIXED, point),
            (Numbers::P521(point), Algorithm::Es512) => curves::p521_verifies(point, message, signature),
            (Numbers::Rsa(rsa), alg) => {
                let with = match alg {
                    Algorithm::Ps256 => &r::RSA_PSS_2048_8192_SHA256,
                    Algorithm::Ps384 => &r::RSA_PSS_2048_8192_SHA384,
                    Algorithm::Ps512 => &r::RSA_PSS_2048_8192_SHA512,
                    _ => return false,
                };
                let (n, e) = (rsa.modulus(), rsa.exponent());
                RsaPublicKeyComponents { n, e }.verify(with, message, signature).is_ok()
            }
            _ => false,
        }
    }
}

impl Numbers {
    /// An uncompressed point out of its coordinates, each as long as the field (RFC 7518, section 6.2.1.2; RFC 9053, section 7.1.1).
    fn point(x: &[u8], y: &[u8], field_bytes: usize) -> Result<Vec<u8>, Error> {
        if x.len() != field_bytes || y.len() != field_bytes {
            return Err(Error::PointUnsupported);
        }
        Ok([&[4], x, y].concat())
    }

    /// An RSA key, if its numbers are ones that count.
    fn rsa(n: &[u8], e: &[u8]) -> Result<Self, Error> {
        RsaNumbers::new(n, e).map(Self::Rsa).map_err(|_| Error::RsaWeak { bytes: n.len() })
    }

    /// This key, if its point is one that counts.
    fn check(self) -> Result<Self, Error> {
        let counts = match &self {
            Self::Rsa(_) => true,
            Self::Ed25519(key) => curves::ed25519_flaw(key).is_none(),
            Self::P256(point) => point.len() == 65,
            Self::P384(point) => point.len() == 97,
            Self::P521(point) => p521::ecdsa::VerifyingKey::from_sec1_bytes(point).is_ok(),
        };
        if counts { Ok(self) } else { Err(Error::PointUnsupported) }
    }
}
