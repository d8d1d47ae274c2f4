//! Public keys as X.509 and PEM carry them: SubjectPublicKeyInfo (RFC 5280, section 4.1).

use crate::der::{self, Der};
use crate::evidence::tpm::{EccCurve, PublicKey};

const OID_RSA_ENCRYPTION: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
const OID_EC_PUBLIC_KEY: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
const OID_P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
const OID_P384: &[u8] = &[0x2b, 0x81, 0x04, 0x00, 0x22];

/// Why bytes are not a public key that is supported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The RSA exponent has more than 32 bits.
    #[error("the RSA exponent has more than 32 bits")]
    ExponentTooLarge,
    /// The key is neither RSA nor ECC on P-256 or P-384.
    #[error("the key is neither RSA nor ECC on P-256 or P-384")]
    KeyUnsupported,
    /// The bytes are not a SubjectPublicKeyInfo in DER.
    #[error("not a SubjectPublicKeyInfo in DER")]
    Malformed,
    /// The point is compressed or of another length than its curve's.
    #[error("the point is not an uncompressed point of its curve")]
    PointNotUncompressed,
}

impl Error {
    /// Stable name of this fact.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::ExponentTooLarge => "spki_exponent_too_large",
            Self::KeyUnsupported => "spki_key_unsupported",
            Self::Malformed => "spki_malformed",
            Self::PointNotUncompressed => "spki_point_not_uncompressed",
        }
    }
}

impl From<der::Error> for Error {
    fn from(_: der::Error) -> Self {
        Self::Malformed
    }
}

/// The key in a SubjectPublicKeyInfo that fills `spki` (RFC 3279, section 2.3.1; RFC 5480, section 2).
pub(super) fn public_key(spki: &[u8]) -> Result<PublicKey<'_>, Error> {
    let mut fields = Der::only(spki, der::SEQUENCE)?.inside();
    let mut algorithm = fields.expect(der::SEQUENCE)?.inside();
    let key = fields.bit_string()?;
    fields.finished()?;
    match algorithm.expect(der::OID)?.content {
        OID_RSA_ENCRYPTION => {
            let null = algorithm.expect(der::NULL)?;
            algorithm.finished()?;
            if null.content.is_empty() { rsa(key) } else { Err(Error::Malformed) }
        }
        OID_EC_PUBLIC_KEY => {
            let curve = match algorithm.expect(der::OID)?.content {
                OID_P256 => EccCurve::NistP256,
                OID_P384 => EccCurve::NistP384,
                _ => return Err(Error::KeyUnsupported),
            };
            algorithm.finished()?;
            point(curve, key)
        }
        _ => Err(Error::KeyUnsupported),
    }
}

/// RSAPublicKey (RFC 8017, appendix A.1.1).
fn rsa(key: &[u8]) -> Result<PublicKey<'_>, Error> {
    let mut fields = Der::only(key, der::SEQUENCE)?.inside();
    let (modulus, exponent) = (fields.unsigned()?, fields.unsigned()?);
    fields.finished()?;
    if exponent.len() > 4 {
        return Err(Error::ExponentTooLarge);
    }
    let exponent = exponent.iter().fold(0u32, |sum, byte| sum.wrapping_shl(8) | u32::from(*byte));
    Ok(PublicKey::Rsa { exponent, modulus })
}

/// ECPoint in its uncompressed form (RFC 5480, section 2.2).
fn point(curve: EccCurve, key: &[u8]) -> Result<PublicKey<'_>, Error> {
    let (x, y) = key
        .strip_prefix(&[4])
        .and_then(|both| both.split_at_checked(curve.field_bytes()))
        .filter(|(_, y)| y.len() == curve.field_bytes())
        .ok_or(Error::PointNotUncompressed)?;
    Ok(PublicKey::Ecc { curve, x, y })
}
