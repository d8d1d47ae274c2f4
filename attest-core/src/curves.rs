//! Which Ed25519 public keys count, and signatures on P-521, which ring does not check: one place for keys of tokens, people, builders, logs
//! and witnesses.

use p521::ecdsa::signature::Verifier as _;

/// Why an Ed25519 public key does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flaw {
    /// Another spelling of a point that has one already (RFC 8032, section 5.1.3: y is below 2^255 - 19).
    NotCanonical,
    /// One of the eight points of small order, for which signatures can be made that fit any message.
    SmallOrder,
}

/// y of the points of order 1, 2, 4 and 8 (the last two), little-endian; x and -x have it in common.
const SMALL_ORDER: [[u8; 32]; 5] = [
    *b"\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
    *b"\xec\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f",
    [0; 32],
    *b"\x26\xe8\x95\x8f\xc2\xb2\x27\xb0\x45\xc3\xf4\x89\xf2\xef\x98\xf0\xd5\xdf\xac\x05\xd3\xc6\x33\x39\xb1\x38\x02\x88\x6d\x53\xfc\x05",
    *b"\xc7\x17\x6a\x70\x3d\x4d\xd8\x4f\xba\x3c\x0b\x76\x0d\x10\x67\x0f\x2a\x20\x53\xfa\x2c\x39\xcc\xc6\x4e\xc7\xfd\x77\x92\xac\x03\x7a",
];

/// What is wrong with an Ed25519 public key; ring takes both kinds. Whether it is a point at all shows at the first verification, which fails
/// if not.
pub(crate) fn ed25519_flaw(key: &[u8; 32]) -> Option<Flaw> {
    let mut y = *key;
    // The highest bit is the sign of x.
    if let Some(highest) = y.last_mut() {
        *highest &= 0x7f;
    }
    // Only the lowest byte of what is not below the prime varies.
    if let [lowest, middle @ .., 0x7f] = &y
        && *lowest >= 0xed
        && middle.iter().all(|byte| *byte == 0xff)
    {
        return Some(Flaw::NotCanonical);
    }
    SMALL_ORDER.contains(&y).then_some(Flaw::SmallOrder)
}

/// Whether this is an ECDSA signature with SHA-512, r ‖ s, by the key with this uncompressed point of P-521.
pub(crate) fn p521_verifies(point: &[u8], message: &[u8], signature: &[u8]) -> bool {
    let key = p521::ecdsa::VerifyingKey::from_sec1_bytes(point);
    let signature = p521::ecdsa::Signature::from_slice(signature);
    matches!((key, signature), (Ok(key), Ok(signature)) if key.verify(message, &signature).is_ok())
}

#[cfg(test)]
mod tests;
