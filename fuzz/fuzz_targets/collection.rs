//! Any bytes as one collection of all that a device sends. What comes out of it stood in it, and none of it is authentic.
#![no_main]

use attest_core::Limits;
use attest_core::evidence::{Bundle, Collection};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let limits = Limits::DEFAULT;
    let Ok(collection) = Collection::parse(bytes, &limits) else { return };
    assert!(collection.tokens().len() <= limits.wrapped_messages);
    let Some(evidence) = collection.evidence() else {
        assert!(!collection.tokens().is_empty(), "neither quote nor token");
        return;
    };
    let parts = [evidence.event_log, evidence.ima, evidence.userspace_log];
    let parts = parts.into_iter().flatten().chain([evidence.attest, evidence.signature]);
    assert!(parts.map(<[u8]>::len).sum::<usize>() < bytes.len(), "more than what was sent");
    assert!(!evidence.attest.is_empty() && !evidence.signature.is_empty());
    let _ = Bundle::parse(evidence, &limits);
});
