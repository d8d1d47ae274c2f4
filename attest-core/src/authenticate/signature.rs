//! Checking a signature: the one place that calls the cryptography for evidence of a TPM.

use super::algorithms::Algorithms;
use crate::HashAlg;
use crate::der;
use crate::evidence::tpm::{EccCurve, PublicKey, Signature, SignatureScheme, SignatureValue, SigningAlg};
use crate::rsa_numbers::{RsaNumbers, Weak};

/// Why a key cannot check signatures, or a signature does not count.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An ECC coordinate is longer than the field.
    #[error("a coordinate of {got} bytes on a curve of {expected}")]
    CoordinateLength {
        /// Length of the field's elements in bytes.
        expected: usize,
        /// Length found.
        got: usize,
    },
    /// The RSA exponent is even or below 65537.
    #[error("RSA exponent {got} is not an odd number of at least 65537")]
    ExponentUnsupported {
        /// The exponent.
        got: u32,
    },
    /// The RSA modulus is even, begins with a zero bit or is not 2048 to 4096 bits long.
    #[error("an RSA modulus of {bytes} bytes that is not a 2048- to 4096-bit modulus")]
    ModulusUnsupported {
        /// Its length in bytes.
        bytes: usize,
    },
    /// The signature's scheme or hash is not the one that the key names.
    #[error("{got} is not the key's scheme {expected}")]
    SchemeMismatch {
        /// The scheme in the key's public area.
        expected: SignatureScheme,
        /// The signature's scheme.
        got: SignatureScheme,
    },
    /// The signature's scheme belongs to the other kind of key.
    #[error("{scheme} cannot be a signature by this kind of key")]
    SchemeNotForKey {
        /// The signature's scheme.
        scheme: SignatureScheme,
    },
    /// This curve with this hash, or this hash at all, is not supported.
    #[error("{scheme} is not supported for this key")]
    SchemeUnsupported {
        /// The signature's scheme.
        scheme: SignatureScheme,
    },
    /// The signature is not by this key over these bytes.
    #[error("the signature is not by this key over these bytes")]
    SignatureInvalid,
    /// The signature is over a SHA-1 digest.
    #[error("the signature is over a SHA-1 digest")]
    SignatureSha1,
}

impl Error {
    /// Stable name of this fact.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::CoordinateLength { .. } => "coordinate_length",
            Self::ExponentUnsupported { .. } => "exponent_unsupported",
            Self::ModulusUnsupported { .. } => "modulus_unsupported",
            Self::SchemeMismatch { .. } => "scheme_mismatch",
            Self::SchemeNotForKey { .. } => "scheme_not_for_key",
            Self::SchemeUnsupported { .. } => "scheme_unsupported",
            Self::SignatureInvalid => "signature_invalid",
            Self::SignatureSha1 => "signature_sha1",
        }
    }
}

/// A public key in the form in which the cryptography takes it, made once per key.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum VerifyingKey {
    /// `04 ‖ x ‖ y`.
    Ecc { curve: EccCurve, point: Vec<u8> },
    /// The numbers, and both as RSAPublicKey (RFC 8017, appendix A.1.1).
    Rsa { numbers: RsaNumbers, public_key: Vec<u8> },
}

impl VerifyingKey {
    /// The key with these numbers, if its size is one that counts.
    pub(crate) fn new(key: &PublicKey<'_>) -> Result<Self, Error> {
        match *key {
            PublicKey::Ecc { curve, x, y } => {
                let mut point = vec![4];
                pad_left(x, curve.field_bytes(), &mut point)?;
                pad_left(y, curve.field_bytes(), &mut point)?;
                Ok(Self::Ecc { curve, point })
            }
            PublicKey::Rsa { exponent, modulus } => {
                let big_endian: Vec<u8> =
                    exponent.to_be_bytes().into_iter().skip_while(|byte| *byte == 0).collect();
                let numbers = RsaNumbers::new(modulus, &big_endian).map_err(|weak| match weak {
                    Weak::Exponent => Error::ExponentUnsupported { got: exponent },
                    Weak::Modulus => Error::ModulusUnsupported { bytes: modulus.len() },
                })?;
                let public_key = numbers.public_key();
                Ok(Self::Rsa { numbers, public_key })
            }
        }
    }

    /// Whether this kind of key can make signatures of this scheme, and we can check them.
    pub(crate) fn check_scheme(&self, scheme: SignatureScheme) -> Result<(), Error> {
        let for_ecc = scheme.alg == SigningAlg::Ecdsa;
        if for_ecc != matches!(self, Self::Ecc { .. }) {
            return Err(Error::SchemeNotForKey { scheme });
        }
        if scheme.hash == HashAlg::Sha1 {
            return Err(Error::SignatureSha1);
        }
        let supported = match self {
            Self::Ecc { curve, .. } => Algorithms::RING.ecdsa(*curve, scheme.hash).is_some(),
            Self::Rsa { .. } => Algorithms::RING.rsa(scheme).is_some(),
        };
        if supported { Ok(()) } else { Err(Error::SchemeUnsupported { scheme }) }
    }

    /// Whether `signature` is by this key over `message`.
    ///
    /// RSAPSS signatures must have a salt as long as the hash, which FIPS 186-5 allows at most and TPMs use; the reference
    /// implementation's older choice, the longest salt that fits, is refused.
    pub(crate) fn verify(
        &self,
        algorithms: &Algorithms,
        signature: &Signature<'_>,
        message: &[u8],
    ) -> Result<(), Error> {
        let scheme = signature.scheme();
        self.check_scheme(scheme)?;
        let unsupported = Error::SchemeUnsupported { scheme };
        let verified = match (self, signature.value()) {
            (Self::Rsa { public_key, .. }, SignatureValue::Rsa(value)) => {
                let algorithm = algorithms.rsa(scheme).ok_or(unsupported)?;
                algorithm.verify_signature(public_key, message, value)
            }
            (Self::Ecc { curve, point }, value) => {
                let der = ecdsa_der(value, *curve).ok_or(Error::SignatureInvalid)?;
                let algorithm = algorithms.ecdsa(*curve, scheme.hash).ok_or(unsupported)?;
                algorithm.verify_signature(point, message, &der)
            }
            (Self::Rsa { .. }, _) => return Err(Error::SchemeNotForKey { scheme }),
        };
        verified.map_err(|rustls_pki_types::InvalidSignature| Error::SignatureInvalid)
    }
}

/// The `ECDSA-Sig-Value` of these numbers; `None` if one is longer than the field or framing is missing.
fn ecdsa_der(value: SignatureValue<'_>, curve: EccCurve) -> Option<Vec<u8>> {
    let field = curve.field_bytes();
    let (r, s) = match value {
        SignatureValue::Ecdsa { r, s } => (r, s),
        SignatureValue::EcdsaBare(bare) if bare.len() == field.checked_mul(2)? => {
            bare.split_at_checked(field)?
        }
        SignatureValue::EcdsaBare(bare) => return Some(bare.to_vec()),
        SignatureValue::Rsa(_) => return None,
    };
    if r.len() > field || s.len() > field {
        return None;
    }
    Some(der::tlv(der::SEQUENCE, &[der::unsigned(r), der::unsigned(s)].concat()))
}

fn pad_left(number: &[u8], width: usize, to: &mut Vec<u8>) -> Result<(), Error> {
    let error = Error::CoordinateLength { expected: width, got: number.len() };
    let zeros = width.checked_sub(number.len()).ok_or(error)?;
    to.extend(core::iter::repeat_n(0, zeros));
    to.extend_from_slice(number);
    Ok(())
}

#[cfg(test)]
mod tests;
