//! Any bytes as each of the TPM's structures.
#![no_main]

use attest_core::{
    Limits,
    authenticate::AttestationKey,
    evidence::tpm::{Attest, Public, Signature},
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let limits = Limits::DEFAULT;
    if let Ok(attest) = Attest::parse(bytes, &limits) {
        assert_eq!(attest.raw(), bytes, "every byte belongs to the structure");
    }
    let _ = Signature::parse(bytes, &limits);
    if let Ok(public) = Public::parse(bytes, &limits) {
        let _ = public.name();
    }
    let _ = AttestationKey::vouched(bytes, &limits);
});
