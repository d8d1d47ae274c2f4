//! Any bytes as a key, a signature and an attestation of OpenSSH, on the wire and as text. Nothing but what the fixtures' keys signed is a
//! signature over their message.
#![no_main]

use std::sync::LazyLock;

use attest_core::Limits;
use attest_core::release::CanonicalKey;
use attest_core::release::ssh::{Presence, PublicKey, Signature, attestation::Attestation};
use libfuzzer_sys::fuzz_target;

macro_rules! fixture {
    ($name:literal) => {
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures/ssh/", $name))
    };
}

static SIGNERS: LazyLock<Vec<CanonicalKey>> = LazyLock::new(|| {
    let lines = [
        fixture!("ecdsa-p256.pub"),
        fixture!("ecdsa-p384.pub"),
        fixture!("ecdsa-p521.pub"),
        fixture!("ed25519.pub"),
        fixture!("sk-ecdsa-p256.pub"),
        fixture!("sk-ed25519.pub"),
        fixture!("sk-ed25519-verified.pub"),
    ];
    let read = |line| PublicKey::parse_line(line, &Limits::DEFAULT).expect("a key").0.canonical().clone();
    lines.map(read).to_vec()
});

fn key(key: &PublicKey) {
    let limits = Limits::DEFAULT;
    let again = PublicKey::from_blob(key.blob(), &limits).expect("it was read from these bytes");
    assert_eq!(again.canonical(), key.canonical());
    let line = key.to_line();
    let (again, comment) = PublicKey::parse_line(&line, &limits).expect("its own line");
    assert_eq!((again.blob(), comment), (key.blob(), ""));
    let spki = CanonicalKey::from_spki_der(&key.canonical().spki_der());
    assert_eq!(spki.as_ref(), Ok(key.canonical()));
}

fn signature(signature: &Signature) {
    let own = signature.key();
    key(own);
    let message = fixture!("message").as_bytes();
    let verified = signature.verify(own, "approve@attest", message, Presence::Unproven);
    if let Ok(verified) = verified {
        assert!(SIGNERS.contains(verified.key().canonical()), "nobody signed this");
        assert!(verified.flags().is_none_or(|flags| flags.user_present()));
    }
}

fuzz_target!(|bytes: &[u8]| {
    let limits = Limits::DEFAULT;
    if let Ok(read) = PublicKey::from_blob(bytes, &limits) {
        assert_eq!(read.blob(), bytes);
        key(&read);
    }
    if let Ok(read) = Signature::from_blob(bytes, &limits) {
        signature(&read);
    }
    if let Ok(attestation) = Attestation::parse(bytes, &limits) {
        let (own, _) = PublicKey::parse_line(fixture!("sk-ed25519.pub"), &limits).expect("a key");
        assert!(attestation.verify(&own, b"challenge").is_err(), "no token made this");
    }
    let Ok(text) = core::str::from_utf8(bytes) else { return };
    if let Ok((read, _)) = PublicKey::parse_line(text, &limits) {
        key(&read);
    }
    if let Ok(read) = Signature::parse(text, &limits) {
        signature(&read);
    }
    let _ = CanonicalKey::from_pem(text, &limits);
});
