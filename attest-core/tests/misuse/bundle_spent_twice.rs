//! Evidence is proven against one challenge.
use attest_core::authenticate::{AttestationKey, AuthenticEvidence, Challenge};
use attest_core::evidence::Bundle;
use attest_core::Timestamp;

fn twice(bundle: Bundle<'_>, key: &AttestationKey, first: Challenge, second: Challenge, now: Timestamp) {
    let _ = AuthenticEvidence::authenticate(bundle, key, first, now);
    let _ = AuthenticEvidence::authenticate(bundle, key, second, now);
}

fn main() {}
