//! A public key as the number that it is: what people and builders are counted by, in whatever form it came.

use core::fmt;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ring::signature::{self as r, UnparsedPublicKey, VerificationAlgorithm};

use crate::curves::{self, Flaw};
use crate::{
    Digest, HashAlg, Limits,
    der::{self, Der},
};

#[cfg(test)]
mod tests;

/// SEQUENCE { SEQUENCE { id-Ed25519 }, BIT STRING of 33 bytes, 0 unused bits } (RFC 8410, section 4).
const ED25519_PREFIX: &[u8] = b"\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00";
/// SEQUENCE { SEQUENCE { id-ecPublicKey, prime256v1 }, BIT STRING of 66 bytes, 0 unused bits } (RFC 5480, section 2).
const P256_PREFIX: &[u8] =
    b"\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07\x03\x42\x00";
/// The same for secp384r1.
const P384_PREFIX: &[u8] =
    b"\x30\x76\x30\x10\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x05\x2b\x81\x04\x00\x22\x03\x62\x00";
/// The same for secp521r1.
const P521_PREFIX: &[u8] =
    b"\x30\x81\x9b\x30\x10\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x05\x2b\x81\x04\x00\x23\x03\x81\x86\x00";

/// Why bytes are not a key that counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The y coordinate of an Ed25519 key is not reduced: the same point has another encoding, which is the one.
    #[error("the Ed25519 key is not the canonical encoding of its point")]
    Ed25519NotCanonical,
    /// The point's order divides eight: anyone can sign with it.
    #[error("the Ed25519 key is a point of small order, with which anyone can sign")]
    Ed25519SmallOrder,
    /// Another length than an Ed25519 key has.
    #[error("an Ed25519 key of {len} bytes")]
    Ed25519Length {
        /// How many there are.
        len: usize,
    },
    /// PEM that is not one block of a public key.
    #[error("not one PEM block of a public key")]
    PemUnexpected,
    /// The numbers are not a point of the curve, or its infinity.
    #[error("the point is not on its curve")]
    PointNotOnCurve,
    /// Compressed, hybrid, or of another length than its curve's.
    #[error("the point is not an uncompressed point of its curve")]
    PointNotUncompressed,
    /// Neither Ed25519 nor P-256, P-384, P-521 in their one DER encoding.
    #[error("not a SubjectPublicKeyInfo in DER of an Ed25519, P-256, P-384 or P-521 key")]
    SpkiUnexpected,
    /// More bytes than [`Limits::public_key_bytes`].
    #[error("{len} bytes, more than {limit}")]
    TooLong {
        /// How many there are.
        len: usize,
        /// The bound.
        limit: usize,
    },
}

impl Error {
    /// Stable name of this fact.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Ed25519Length { .. } => "release_key_ed25519_length",
            Self::Ed25519NotCanonical => "release_key_ed25519_not_canonical",
            Self::Ed25519SmallOrder => "release_key_ed25519_small_order",
            Self::PemUnexpected => "release_key_pem_unexpected",
            Self::PointNotOnCurve => "release_key_point_not_on_curve",
            Self::PointNotUncompressed => "release_key_point_not_uncompressed",
            Self::SpkiUnexpected => "release_key_spki_unexpected",
            Self::TooLong { .. } => "release_key_too_long",
        }
    }
}

/// A curve of NIST's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Curve {
    P256,
    P384,
    P521,
}

impl Curve {
    /// Bytes of a coordinate, and of a number of a signature.
    pub(super) const fn field_bytes(self) -> usize {
        match self {
            Self::P256 => 32,
            Self::P384 => 48,
            Self::P521 => 66,
        }
    }
}

/// A61: a public key by its numbers alone. Two of these are equal exactly if they are one key, whatever it is called, whatever protects it
/// (`sk-` or not) and in whatever form it came. It is an Ed25519, P-256, P-384 or P-521 key that a signature can count by.
///
/// That an Ed25519 key is a point of the curve shows at the first verification, which fails if it is none.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CanonicalKey(Numbers);

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Numbers {
    Ed25519([u8; 32]),
    /// `04 ‖ x ‖ y`, on the curve.
    Ecdsa(Curve, Vec<u8>),
}

impl CanonicalKey {
    /// An Ed25519 key (RFC 8032, section 5.1.5), in the canonical encoding of its point, which is not one of small order.
    pub(crate) fn ed25519(bytes: &[u8]) -> Result<Self, Error> {
        let key: [u8; 32] = bytes.try_into().map_err(|_| Error::Ed25519Length { len: bytes.len() })?;
        match curves::ed25519_flaw(&key) {
            Some(Flaw::NotCanonical) => return Err(Error::Ed25519NotCanonical),
            Some(Flaw::SmallOrder) => return Err(Error::Ed25519SmallOrder),
            None => {}
        }
        Ok(Self(Numbers::Ed25519(key)))
    }

    /// A point (SEC 1, section 2.3.3), uncompressed and on the curve.
    pub(crate) fn ecdsa(curve: Curve, point: &[u8]) -> Result<Self, Error> {
        let len = curve.field_bytes().saturating_mul(2).saturating_add(1);
        if point.len() != len || point.first() != Some(&4) {
            return Err(Error::PointNotUncompressed);
        }
        let is_on_curve = match curve {
            Curve::P256 => p256::ecdsa::VerifyingKey::from_sec1_bytes(point).is_ok(),
            Curve::P384 => p384::ecdsa::VerifyingKey::from_sec1_bytes(point).is_ok(),
            Curve::P521 => p521::ecdsa::VerifyingKey::from_sec1_bytes(point).is_ok(),
        };
        if !is_on_curve {
            return Err(Error::PointNotOnCurve);
        }
        Ok(Self(Numbers::Ecdsa(curve, point.to_vec())))
    }

    /// The key in this SubjectPublicKeyInfo (RFC 5280, section 4.1.2.7), DER: Ed25519, P-256, P-384 or P-521.
    ///
    /// # Errors
    /// [`Error`].
    pub fn from_spki_der(der: &[u8]) -> Result<Self, Error> {
        if let Some(key) = der.strip_prefix(ED25519_PREFIX) {
            return Self::ed25519(key);
        }
        let curves = [(Curve::P256, P256_PREFIX), (Curve::P384, P384_PREFIX), (Curve::P521, P521_PREFIX)];
        let found = curves.iter().find_map(|(curve, prefix)| Some((*curve, der.strip_prefix(*prefix)?)));
        let (curve, point) = found.ok_or(Error::SpkiUnexpected)?;
        Self::ecdsa(curve, point)
    }

    /// The same from the one PEM block (RFC 7468, section 13) that the text is.
    ///
    /// # Errors
    /// [`Error`].
    pub fn from_pem(text: &str, limits: &Limits) -> Result<Self, Error> {
        let limit = limits.public_key_bytes;
        if text.len() > limit {
            return Err(Error::TooLong { len: text.len(), limit });
        }
        let body = text.trim_ascii().strip_prefix("-----BEGIN PUBLIC KEY-----");
        let body = body.and_then(|rest| rest.strip_suffix("-----END PUBLIC KEY-----"));
        let body: String =
            body.ok_or(Error::PemUnexpected)?.chars().filter(|char| !char.is_ascii_whitespace()).collect();
        Self::from_spki_der(&STANDARD.decode(body).map_err(|_| Error::PemUnexpected)?)
    }

    /// Its SubjectPublicKeyInfo, DER: each key has one.
    #[must_use]
    pub fn spki_der(&self) -> Vec<u8> {
        match &self.0 {
            Numbers::Ed25519(key) => [ED25519_PREFIX, key].concat(),
            Numbers::Ecdsa(curve, point) => {
                let prefix = match curve {
                    Curve::P256 => P256_PREFIX,
                    Curve::P384 => P384_PREFIX,
                    Curve::P521 => P521_PREFIX,
                };
                [prefix, point].concat()
            }
        }
    }

    /// What kind of key it is, in words.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self.0 {
            Numbers::Ed25519(_) => "Ed25519",
            Numbers::Ecdsa(Curve::P256, _) => "P-256",
            Numbers::Ecdsa(Curve::P384, _) => "P-384",
            Numbers::Ecdsa(Curve::P521, _) => "P-521",
        }
    }

    /// SHA-256 of its SubjectPublicKeyInfo: a short name, as good as the key.
    #[must_use]
    pub fn sha256(&self) -> Digest {
        HashAlg::Sha256.hash(&[&self.spki_der()])
    }

    /// The uncompressed point, unless it is an Ed25519 key.
    pub(super) fn point(&self) -> Option<&[u8]> {
        if let Numbers::Ecdsa(_, point) = &self.0 { Some(point) } else { None }
    }

    /// The curve, unless it is an Ed25519 key.
    pub(super) const fn curve(&self) -> Option<Curve> {
        match &self.0 {
            Numbers::Ed25519(_) => None,
            Numbers::Ecdsa(curve, _) => Some(*curve),
        }
    }

    /// Whether `signature` is this key's over `message`: Ed25519's 64 bytes, or r ‖ s, each as long as the field, with the hash that fits
    /// the curve (SHA-256, SHA-384, SHA-512).
    pub(super) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        let plain = |with: &'static dyn VerificationAlgorithm, key: &[u8]| {
            UnparsedPublicKey::new(with, key).verify(message, signature).is_ok()
        };
        match &self.0 {
            Numbers::Ed25519(key) => plain(&r::ED25519, key),
            Numbers::Ecdsa(Curve::P256, point) => plain(&r::ECDSA_P256_SHA256_FIXED, point),
            Numbers::Ecdsa(Curve::P384, point) => plain(&r::ECDSA_P384_SHA384_FIXED, point),
            Numbers::Ecdsa(Curve::P521, point) => curves::p521_verifies(point, message, signature),
        }
    }

    /// The same for ECDSA signatures in DER (ECDSA-Sig-Value, RFC 3279, section 2.2.3).
    pub(super) fn verifies_der(&self, message: &[u8], signature: &[u8]) -> bool {
        match self.curve() {
            None => self.verifies(message, signature),
            Some(curve) => {
                let numbers = || -> Result<_, der::Error> {
                    let mut numbers = Der::only(signature, der::SEQUENCE)?.inside();
                    let (r, s) = (numbers.unsigned()?, numbers.unsigned()?);
                    numbers.finished()?;
                    Ok((r, s))
                };
                let fixed = numbers().ok().and_then(|(r, s)| fixed(r, s, curve));
                fixed.is_some_and(|fixed| self.verifies(message, &fixed))
            }
        }
    }
}

impl fmt::Debug for CanonicalKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CanonicalKey({}, {})", self.kind(), self.sha256())
    }
}

/// r ‖ s, each padded to the field; `None` if one is longer.
pub(super) fn fixed(r: &[u8], s: &[u8], curve: Curve) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    for number in [r, s] {
        let zeros = curve.field_bytes().checked_sub(number.len())?;
        out.extend(core::iter::repeat_n(0, zeros));
        out.extend_from_slice(number);
    }
    Some(out)
}
