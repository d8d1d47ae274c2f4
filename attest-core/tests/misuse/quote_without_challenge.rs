//! Evidence is not judged without a nonce of ours.
use attest_core::authenticate::key::AttestationKey;
use attest_core::authenticate::quote::authenticate;
use attest_core::evidence::tpm::{Attest, Signature};
use attest_core::Timestamp;

fn judge(attest: Attest<'_>, signature: Signature<'_>, key: AttestationKey, now: Timestamp) {
    let _ = authenticate(attest, &signature, &key, now);
}

fn main() {}
