//! A challenge is spent by the first answer: the second one has none.
use attest_core::authenticate::challenge::Challenge;
use attest_core::authenticate::key::AttestationKey;
use attest_core::authenticate::quote::authenticate;
use attest_core::evidence::tpm::{Attest, Signature};
use attest_core::Timestamp;

fn twice(attest: Attest<'_>, signature: Signature<'_>, key: AttestationKey, challenge: Challenge, now: Timestamp) {
    let _ = authenticate(attest.clone(), &signature, &key, challenge, now);
    let _ = authenticate(attest, &signature, &key, challenge, now);
}

fn main() {}
