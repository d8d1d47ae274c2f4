//! Any bytes as an attestation token (CWT, JWT, bundle, CMW) and as the key that signs one. None is authentic, for nobody signed it.
#![no_main]

use attest_core::authenticate::token::Keys;
use attest_core::authenticate::{AuthenticToken, Challenge, Nonce, TokenKey};
use attest_core::evidence::eat::Token;
use attest_core::{Limits, Timestamp};
use libfuzzer_sys::fuzz_target;

/// RFC 7515, A.3.
const KEY: &[u8] = br#"{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#;

fuzz_target!(|bytes: &[u8]| {
    let limits = Limits::DEFAULT;
    if let Ok(key) = TokenKey::vouched(bytes, &limits) {
        // One key, one identity, and it survives being read again.
        assert_eq!(key.identity(), TokenKey::vouched(bytes, &limits).expect("the same bytes").identity());
    }
    let Ok(token) = Token::parse(bytes, &limits) else { return };
    assert!(
        serde_json_size(token.claims().shown()) < 64 * bytes.len() + 4096,
        "claims larger than what said them"
    );
    let nonce = token.claims().nonce.clone().unwrap_or_else(|| vec![0; 32]);
    let key = TokenKey::vouched(KEY, &limits).expect("a good key");
    let nested = [key.clone()];
    let keys = Keys { own: &key, nested: &nested };
    let challenge = Challenge::offline(Nonce::given(&nonce).expect("8 to 64 bytes"));
    assert!(
        AuthenticToken::authenticate(token, keys, challenge, Timestamp::from_unix(1_790_000_000)).is_err()
    );
});

fn serde_json_size(claims: &serde_json::Map<String, serde_json::Value>) -> usize {
    claims.iter().map(|(name, value)| name.len() + value.to_string().len()).sum()
}
