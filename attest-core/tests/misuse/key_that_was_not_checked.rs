//! A public area is not an attestation key.
use attest_core::authenticate::challenge::Challenge;
use attest_core::authenticate::quote::authenticate;
use attest_core::evidence::tpm::{Attest, Public, Signature};
use attest_core::Timestamp;

fn judge(attest: Attest<'_>, signature: Signature<'_>, key: Public<'_>, challenge: Challenge, now: Timestamp) {
    let _ = authenticate(attest, &signature, &key, challenge, now);
}

fn main() {}
