//! How a token is asked for a signature: hashed here, so that the token is sent some bytes and not an image.

use attest_core::release::form::Scheme;
use cryptoki::mechanism::eddsa::{EddsaParams, EddsaSignatureScheme};
use cryptoki::mechanism::rsa::{PkcsMgfType, PkcsPssParams};
use cryptoki::mechanism::{Mechanism, MechanismType};
use ring::digest::{SHA256, SHA384, digest};

/// DigestInfo of SHA-256 without the hash (RFC 8017, 9.2, note 1).
const SHA256_INFO: &[u8] = b"\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20";

/// The mechanism, and what it is given.
pub(super) fn of(scheme: Scheme, to_be_signed: &[u8]) -> (Mechanism<'static>, Vec<u8>) {
    let sha256 = || digest(&SHA256, to_be_signed).as_ref().to_vec();
    match scheme {
        Scheme::EcdsaP256 => (Mechanism::Ecdsa, sha256()),
        Scheme::EcdsaP384 => (Mechanism::Ecdsa, digest(&SHA384, to_be_signed).as_ref().to_vec()),
        // It hashes twice, and so takes all of it.
        Scheme::Ed25519 => {
            (Mechanism::Eddsa(EddsaParams::new(EddsaSignatureScheme::Ed25519)), to_be_signed.to_vec())
        }
        Scheme::RsaPkcs1 => (Mechanism::RsaPkcs, [SHA256_INFO, &sha256()].concat()),
        Scheme::RsaPss => {
            let params = PkcsPssParams {
                hash_alg: MechanismType::SHA256,
                mgf: PkcsMgfType::MGF1_SHA256,
                s_len: 32.into(),
            };
            (Mechanism::RsaPkcsPss(params), sha256())
        }
    }
}
