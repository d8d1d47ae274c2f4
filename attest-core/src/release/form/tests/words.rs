//! What keys are called.

use super::*;
use crate::release::CanonicalKey;

#[test]
fn a_key_is_shown_by_its_algorithm_and_purpose() {
    for (holder, purpose, words) in [
        (Holder::P256, Purpose::Cose, "ReleaseKey(ECDSA on P-256 with SHA-256, Cose)"),
        (Holder::P384, Purpose::Corim, "ReleaseKey(ECDSA on P-384 with SHA-384, Corim)"),
        (Holder::Ed25519, Purpose::Raw, "ReleaseKey(Ed25519, Raw)"),
        (Holder::Rsa, Purpose::Authenticode, "ReleaseKey(RSASSA-PKCS1-v1_5 with SHA-256, Authenticode)"),
        (Holder::Rsa, Purpose::Corim, "ReleaseKey(RSASSA-PSS with SHA-256, Corim)"),
    ] {
        assert_eq!(format!("{:?}", key(holder, purpose)), words);
    }
    let refused = Error::AlgorithmUnexpected { got: -35, key: Scheme::EcdsaP256 };
    let words = "the protected header says algorithm -35, and the key signs with ECDSA on P-256 with SHA-256";
    assert_eq!(refused.to_string(), words);
}

#[test]
fn a_key_without_an_algorithm_is_told_by_its_kind() {
    let pem = core::str::from_utf8(crate::testing::fixture!("ssh/ecdsa-p521.pem")).unwrap();
    let p521 = CanonicalKey::from_pem(pem, &LIMITS).unwrap().spki_der();
    // No key of a curve is padded, and an RSA key that signs raw bytes says how.
    let pss = Some(RsaPadding::Pss);
    for (spki, padding, kind) in [
        (Holder::Ed25519.spki(), pss, "an Ed25519 key"),
        (Holder::P256.spki(), pss, "a P-256 key"),
        (Holder::P384.spki(), pss, "a P-384 key"),
        (p521, None, "a P-521 key"),
        (Holder::Rsa.spki(), None, "an RSA key"),
    ] {
        let refused = ReleaseKey::new(&spki, Purpose::Raw, padding).unwrap_err();
        assert_eq!(refused, Error::KeyForPurpose { key: kind });
        assert_eq!(refused.to_string(), format!("{kind} has no algorithm for this purpose"));
    }
}
