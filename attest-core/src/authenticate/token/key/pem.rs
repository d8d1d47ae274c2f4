//! SubjectPublicKeyInfo (RFC 5280, section 4.1.2.7), by itself or in a certificate, in PEM (RFC 7468).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{Error, Numbers};
use crate::der::{self, Der};

const OID_RSA_ENCRYPTION: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
const OID_EC_PUBLIC_KEY: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
const OID_P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
const OID_P384: &[u8] = &[0x2b, 0x81, 0x04, 0x00, 0x22];
const OID_P521: &[u8] = &[0x2b, 0x81, 0x04, 0x00, 0x23];
/// RFC 8410, section 3.
const OID_ED25519: &[u8] = &[0x2b, 0x65, 0x70];

const PUBLIC_KEY: &str = "PUBLIC KEY";
const CERTIFICATE: &str = "CERTIFICATE";

/// The key in the one PEM block that the text is.
pub(super) fn read(bytes: &[u8]) -> Result<Numbers, Error> {
    let malformed = |detail| Error::Malformed { detail };
    let text = core::str::from_utf8(bytes).map_err(|_| malformed("PEM is text"))?.trim();
    for label in [PUBLIC_KEY, CERTIFICATE] {
        let (begin, end) = (format!("-----BEGIN {label}-----"), format!("-----END {label}-----"));
        let Some(body) = text.strip_prefix(&begin) else { continue };
        let body =
            body.strip_suffix(&end).ok_or(malformed("there must be one PEM block and nothing else"))?;
        let body: String = body.chars().filter(|char| !char.is_ascii_whitespace()).collect();
        let der = STANDARD.decode(body).map_err(|_| malformed("the PEM block is not base64"))?;
        return if label == CERTIFICATE { certificate(&der) } else { subject_public_key(&der) };
    }
    Err(malformed("PEM of something else than a public key or a certificate"))
}

/// The key of a certificate (RFC 5280, section 4.1): the field behind the subject.
fn certificate(der: &[u8]) -> Result<Numbers, Error> {
    let mut tbs = Der::only(der, der::SEQUENCE)?.inside().expect(der::SEQUENCE)?.inside();
    tbs.optional(0xa0)?;
    tbs.expect(der::INTEGER)?;
    // signature, issuer, validity, subject
    for _ in 0..4 {
        tbs.expect(der::SEQUENCE)?;
    }
    subject_public_key(tbs.expect(der::SEQUENCE)?.whole)
}

pub(super) fn subject_public_key(spki: &[u8]) -> Result<Numbers, Error> {
    let mut fields = Der::only(spki, der::SEQUENCE)?.inside();
    let mut algorithm = fields.expect(der::SEQUENCE)?.inside();
    let key = fields.bit_string()?;
    fields.finished()?;
    let numbers = match algorithm.expect(der::OID)?.content {
        OID_RSA_ENCRYPTION => {
            if !algorithm.expect(der::NULL)?.content.is_empty() {
                return Err(Error::Malformed { detail: "NULL with something in it" });
            }
            let mut numbers = Der::only(key, der::SEQUENCE)?.inside();
            let (n, e) = (numbers.unsigned()?, numbers.unsigned()?);
            numbers.finished()?;
            Numbers::rsa(n, e)?
        }
        OID_EC_PUBLIC_KEY => {
            let uncompressed = key.first() == Some(&4);
            let numbers = match algorithm.expect(der::OID)?.content {
                OID_P256 => Numbers::P256(key.to_vec()),
                OID_P384 => Numbers::P384(key.to_vec()),
                OID_P521 => Numbers::P521(key.to_vec()),
                _ => return Err(Error::Unsupported),
            };
            if !uncompressed {
                return Err(Error::PointUnsupported);
            }
            numbers
        }
        OID_ED25519 => Numbers::Ed25519(key.try_into().map_err(|_| Error::PointUnsupported)?),
        _ => return Err(Error::Unsupported),
    };
    algorithm.finished()?;
    Ok(numbers)
}
