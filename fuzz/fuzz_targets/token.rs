//! Any bytes as a token, as CBOR, as JSON, as a key. None is accepted, for nobody signed it.
#![no_main]

use attest_core::{
    Limits, Timestamp,
    evidence::{cbor, json},
    result::{EarVerifier, Expectations, PublicKey, VerifyingKey},
};
use libfuzzer_sys::fuzz_target;

/// RFC 7515, A.3.
const KEY: &str = r#"{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#;

fuzz_target!(|bytes: &[u8]| {
    let _ = cbor::parse(bytes, &Limits::DEFAULT);
    let _ = cbor::parse_with(bytes, &Limits::DEFAULT, cbor::Integers::AnyWidth);
    let _ = json::parse(bytes, &Limits::DEFAULT);
    let _ = PublicKey::from_spki_der(bytes);
    let key = VerifyingKey::from_jwk(KEY).expect("a good key");
    let verifier = EarVerifier::new(key);
    let (now, any) = (Timestamp::from_unix(1_790_000_000), Expectations::default());
    assert!(verifier.verify_cwt(bytes, now, &any).is_err());
    if let Ok(text) = core::str::from_utf8(bytes) {
        assert!(verifier.verify_jwt(text, now, &any).is_err());
        let _ = VerifyingKey::from_jwks(text);
    }
});
