//! There is no way to prove evidence without a challenge.
use attest_core::authenticate::{AttestationKey, AuthenticEvidence};
use attest_core::evidence::Bundle;
use attest_core::Timestamp;

fn without(bundle: Bundle<'_>, key: &AttestationKey, now: Timestamp) {
    let _ = AuthenticEvidence::authenticate(bundle, key, None, now);
}

fn main() {}
