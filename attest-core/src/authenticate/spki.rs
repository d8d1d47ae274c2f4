//! Public keys as X.509 and PEM carry them: SubjectPublicKeyInfo (RFC 5280, section 4.1).

use super::signature::VerifyingKey;
use crate::der::{self, Der, tlv};
use crate::evidence::tpm::{EccCurve, PublicKey};
use crate::rsa_numbers::read_public_key;

/// RFC 8017, appendix C.
pub(super) const OID_RSA_ENCRYPTION: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
/// id-RSAES-OAEP: older certificates of endorsement keys have it.
const OID_RSAES_OAEP: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x07];
/// RFC 5480, appendix A.
pub(super) const OID_EC_PUBLIC_KEY: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
pub(super) const OID_P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
pub(super) const OID_P384: &[u8] = &[0x2b, 0x81, 0x04, 0x00, 0x22];

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
    let (algorithm, key) = parts(spki)?;
    read(algorithm, key)
}

/// The same for a key that decrypts: an RSA key may be marked as one for OAEP only (RFC 4055, section 4.1). Its parameters
/// do not bind anyone here, the TPM has its own.
pub(super) fn decryption_key(spki: &[u8]) -> Result<PublicKey<'_>, Error> {
    let (algorithm, key) = parts(spki)?;
    let mut fields = algorithm;
    if fields.expect(der::OID)?.content == OID_RSAES_OAEP {
        fields.optional(der::SEQUENCE)?;
        fields.finished()?;
        return rsa(key);
    }
    read(algorithm, key)
}

/// The SubjectPublicKeyInfo of a key in the form that [`public_key`] reads: one key, one encoding.
pub(super) fn encode(key: &VerifyingKey) -> Vec<u8> {
    let (algorithm, key) = match key {
        VerifyingKey::Ecc { curve, point } => {
            let curve = match curve {
                EccCurve::NistP256 => OID_P256,
                EccCurve::NistP384 => OID_P384,
            };
            ([tlv(der::OID, OID_EC_PUBLIC_KEY), tlv(der::OID, curve)].concat(), point.clone())
        }
        VerifyingKey::Rsa { public_key, .. } => {
            ([tlv(der::OID, OID_RSA_ENCRYPTION), tlv(der::NULL, &[])].concat(), public_key.clone())
        }
    };
    let key = tlv(der::BIT_STRING, &[&[0][..], &key].concat());
    tlv(der::SEQUENCE, &[tlv(der::SEQUENCE, &algorithm), key].concat())
}

/// The key's own bytes, by whose hash it is named (RFC 5280, section 4.2.1.2).
pub(super) fn key_bytes(spki: &[u8]) -> Result<&[u8], Error> {
    Ok(parts(spki)?.1)
}

/// What stands in the AlgorithmIdentifier, and the key's own bytes.
pub(super) fn parts(spki: &[u8]) -> Result<(Der<'_>, &[u8]), der::Error> {
    let mut fields = Der::only(spki, der::SEQUENCE)?.inside();
    let algorithm = fields.expect(der::SEQUENCE)?.inside();
    let key = fields.bit_string()?;
    fields.finished()?;
    Ok((algorithm, key))
}

fn read<'a>(mut algorithm: Der<'a>, key: &'a [u8]) -> Result<PublicKey<'a>, Error> {
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
    let (modulus, exponent) = read_public_key(key)?;
    if exponent.len() > 4 {
        return Err(Error::ExponentTooLarge);
    }
    let exponent =
        exponent.iter().fold(0u32, |sum, byte| sum.wrapping_mul(256).wrapping_add(u32::from(*byte)));
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::fixture;
    use rustls_pki_types::SubjectPublicKeyInfoDer;
    use rustls_pki_types::pem::PemObject as _;

    #[test]
    fn a_key_has_one_encoding_the_one_in_genuine_certificates() {
        for pem in [fixture!("boots/sb-grub/ak-ecc.pem"), fixture!("boots/sb-grub/ak-rsa.pem")] {
            let spki = SubjectPublicKeyInfoDer::from_pem_slice(pem).unwrap();
            let key = VerifyingKey::new(&public_key(&spki).unwrap()).unwrap();
            assert_eq!(encode(&key), &spki[..]);
        }
    }

    #[test]
    fn an_oaep_key_decrypts_and_does_not_sign() {
        let spki = SubjectPublicKeyInfoDer::from_pem_slice(fixture!("boots/sb-grub/ak-rsa.pem")).unwrap();
        let rsa = VerifyingKey::new(&public_key(&spki).unwrap()).unwrap();
        let (_, key) = parts(&spki).unwrap();
        let parameters = tlv(der::SEQUENCE, &[]);
        for parameters in [&parameters[..], &[]] {
            let algorithm = tlv(der::SEQUENCE, &[&tlv(der::OID, OID_RSAES_OAEP)[..], parameters].concat());
            let bits = tlv(der::BIT_STRING, &[&[0][..], key].concat());
            let oaep = tlv(der::SEQUENCE, &[algorithm, bits].concat());
            assert!(VerifyingKey::new(&decryption_key(&oaep).unwrap()).unwrap() == rsa);
            assert_eq!(public_key(&oaep), Err(Error::KeyUnsupported));
        }
    }

    #[test]
    fn an_rsa_exponent_has_at_most_32_bits() {
        let modulus = [&[0x80][..], &[1; 255]].concat();
        let spki = |exponent: &[u8]| {
            let numbers = [der::unsigned(&modulus), der::unsigned(exponent)].concat();
            let key = tlv(der::BIT_STRING, &[&[0][..], &tlv(der::SEQUENCE, &numbers)].concat());
            let algorithm = [tlv(der::OID, OID_RSA_ENCRYPTION), tlv(der::NULL, &[])].concat();
            tlv(der::SEQUENCE, &[tlv(der::SEQUENCE, &algorithm), key].concat())
        };
        let exponent_of = |exponent: &[u8]| match public_key(&spki(exponent)) {
            Ok(PublicKey::Rsa { exponent, .. }) => Ok(exponent),
            Ok(PublicKey::Ecc { .. }) => panic!("an RSA key"),
            Err(error) => Err(error),
        };
        assert_eq!(exponent_of(&[1, 0, 1]), Ok(65537));
        assert_eq!(exponent_of(&[0xfe, 2, 3, 5]), Ok(0xfe02_0305));
        assert_eq!(exponent_of(&[1, 0, 0, 0, 1]), Err(Error::ExponentTooLarge));
    }
}
