//! SubjectPublicKeyInfo (RFC 5280, section 4.1.2.7), by itself or in a certificate, in PEM (RFC 7468).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{Error, Numbers};
use crate::authenticate::spki::{self, OID_EC_PUBLIC_KEY, OID_P256, OID_P384, OID_RSA_ENCRYPTION};
use crate::authenticate::x509;
use crate::der;
use crate::rsa_numbers::read_public_key;

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
        let spki = if label == CERTIFICATE { x509::subject_public_key_info(&der)? } else { &der };
        return subject_public_key(spki);
    }
    Err(malformed("PEM of something else than a public key or a certificate"))
}

pub(super) fn subject_public_key(bytes: &[u8]) -> Result<Numbers, Error> {
    let (mut algorithm, key) = spki::parts(bytes)?;
    let numbers = match algorithm.expect(der::OID)?.content {
        OID_RSA_ENCRYPTION => {
            if !algorithm.expect(der::NULL)?.content.is_empty() {
                return Err(Error::Malformed { detail: "NULL with something in it" });
            }
            let (n, e) = read_public_key(key)?;
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
