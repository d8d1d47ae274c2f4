//! A challenge is answered once.
use attest_core::authenticate::{AttestationKey, AuthenticEvidence, Challenge};
use attest_core::evidence::Bundle;
use attest_core::Timestamp;

fn twice(first: Bundle<'_>, second: Bundle<'_>, key: &AttestationKey, challenge: Challenge, now: Timestamp) {
    let _ = AuthenticEvidence::authenticate(first, key, challenge, now);
    let _ = AuthenticEvidence::authenticate(second, key, challenge, now);
}

fn main() {}
