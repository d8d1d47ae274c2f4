//! Any text as a policy and as a stored checkpoint of an IMA list. What is stored again reads the same.
#![no_main]

use attest_core::{appraise::Policy, authenticate::ImaCheckpoint, reference::golden::may_be_judged};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(policy) = Policy::parse(text) {
        assert!(policy.must_judge().iter().all(|pcr| may_be_judged(*pcr)));
    }
    if let Ok(checkpoint) = ImaCheckpoint::from_store(text.as_bytes()) {
        assert_eq!(ImaCheckpoint::from_store(&checkpoint.to_bytes()), Ok(checkpoint));
    }
});
