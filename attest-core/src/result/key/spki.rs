//! SubjectPublicKeyInfo (RFC 5280, 4.1.2.7) of the few kinds that are known here. Elliptic-curve keys have one DER encoding each, so a
//! fixed prefix is the whole parser; only RSA needs to read lengths.

use super::{Error, Kind};
use crate::der::{self, Der};
use crate::rsa_numbers::{RsaNumbers, read_public_key};

// SEQUENCE { SEQUENCE { id-ecPublicKey, prime256v1 }, BIT STRING of 66 bytes, 0 unused bits } (RFC 5480)
pub(super) const P256_PREFIX: &[u8] =
    b"\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07\x03\x42\x00";
// SEQUENCE { SEQUENCE { id-ecPublicKey, secp384r1 }, BIT STRING of 98 bytes, 0 unused bits } (RFC 5480)
const P384_PREFIX: &[u8] =
    b"\x30\x76\x30\x10\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x05\x2b\x81\x04\x00\x22\x03\x62\x00";
// SEQUENCE { SEQUENCE { id-Ed25519 }, BIT STRING of 33 bytes, 0 unused bits } (RFC 8410)
const ED25519_PREFIX: &[u8] = b"\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00";
// SEQUENCE { rsaEncryption, NULL } (RFC 8017, A.1)
const RSA_ALGORITHM: &[u8] = b"\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00";

pub(super) fn read(der: &[u8]) -> Result<Kind, Error> {
    let kind = if let Some(bytes) = der.strip_prefix(P256_PREFIX) {
        point(bytes).map(|(x, y)| Kind::P256 { x, y })
    } else if let Some(bytes) = der.strip_prefix(P384_PREFIX) {
        point(bytes).map(|(x, y)| Kind::P384 { x, y })
    } else if let Some(x) = der.strip_prefix(ED25519_PREFIX) {
        x.try_into().ok().map(|x| Kind::Ed25519 { x })
    } else {
        let (n, e) = rsa_numbers(der).map_err(|_| Error::SpkiUnexpected)?;
        return rsa(n, e);
    };
    kind.ok_or(Error::SpkiUnexpected)
}

/// An uncompressed point: 0x04, x, y.
fn point<const N: usize>(bytes: &[u8]) -> Option<([u8; N], [u8; N])> {
    let (x, y) = bytes.strip_prefix(&[4])?.split_first_chunk()?;
    Some((*x, y.try_into().ok()?))
}

/// An RSA key from its unsigned big-endian numbers.
pub(super) fn rsa(n: &[u8], e: &[u8]) -> Result<Kind, Error> {
    RsaNumbers::new(n, e).map(Kind::Rsa).map_err(|_| Error::RsaWeak { bits: n.len().saturating_mul(8) })
}

fn rsa_numbers(spki: &[u8]) -> Result<(&[u8], &[u8]), der::Error> {
    let outer = Der::only(spki, der::SEQUENCE)?;
    let mut fields = outer.inside();
    let algorithm = fields.expect(der::SEQUENCE)?;
    if algorithm.whole != RSA_ALGORITHM {
        return Err(der::Error::Value { offset: algorithm.offset });
    }
    let key = fields.bit_string()?;
    fields.finished()?;
    read_public_key(key)
}
