//! A key that signs whatever it is told to. The encoders are by hand, and share nothing with the readers.
#![allow(dead_code, reason = "each target uses its part")]

use std::sync::LazyLock;

use attest_core::{Limits, authenticate::TokenKey, reference::overlay::OverlaySigner};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};

static SIGNER: LazyLock<EcdsaKeyPair> = LazyLock::new(|| {
    let der = include_bytes!("../../tests/fixtures/keys/p256.pk8");
    EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der, &SystemRandom::new()).expect("a good key")
});

/// Its ES256 signature.
pub fn sign(message: &[u8]) -> [u8; 64] {
    let signature = SIGNER.sign(&SystemRandom::new(), message).expect("a signature");
    signature.as_ref().try_into().expect("64 bytes")
}

/// Its public key as that of a signer of overlays: SubjectPublicKeyInfo.
pub fn overlay_signer() -> OverlaySigner {
    let head = hex::decode("3059301306072a8648ce3d020106082a8648ce3d030107034200").expect("hexadecimal");
    OverlaySigner::from_spki_der("factory", &[&head, SIGNER.public_key().as_ref()].concat())
        .expect("a good key")
}

/// Its public key as that of a root of trust, which the caller vouches for.
pub fn key() -> TokenKey {
    let point = SIGNER.public_key().as_ref();
    // COSE_Key: EC2, P-256, x, y.
    let key = [&[0xa4, 1, 2, 0x20, 1, 0x21][..], &bstr(&point[1..33]), &[0x22], &bstr(&point[33..])].concat();
    TokenKey::vouched(&key, &Limits::DEFAULT).expect("a good key")
}

/// COSE_Sign1 with ES256 over these claims, tagged (RFC 9052, 4.2 and 4.4).
pub fn cwt(claims: &[u8]) -> Vec<u8> {
    let protected = bstr(&[0xa1, 1, 0x26]);
    let signed = [&[0x84, 0x6a][..], b"Signature1", &protected, &bstr(&[]), &bstr(claims)].concat();
    [&[0xd2, 0x84][..], &protected, &[0xa0], &bstr(claims), &bstr(&sign(&signed))].concat()
}

/// A CBOR byte string with its length in the shortest form.
fn bstr(bytes: &[u8]) -> Vec<u8> {
    let len = u32::try_from(bytes.len()).expect("fuzzers send less");
    let [_, _, high, low] = len.to_be_bytes();
    let head = match len {
        0..24 => vec![0x40 | low],
        24..0x100 => vec![0x58, low],
        0x100..0x1_0000 => vec![0x59, high, low],
        _ => [&[0x5a][..], &len.to_be_bytes()].concat(),
    };
    [head, bytes.to_vec()].concat()
}
