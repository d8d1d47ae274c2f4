//! Golden values of the boot that a benchmark judges.

use attest_core::evidence::tcg_log::EventLog;
use attest_core::reference::learn::{Boot, Choices, learn};
use attest_core::reference::{ReferenceSet, golden};

pub(crate) fn references(log: &EventLog<'_>) -> ReferenceSet {
    let boot = Boot { name: "bench", log, userspace: None, evidence: golden::Evidence::Quoted, files: None };
    let accepted =
        |weakness: &str| golden::Accepted { weakness: weakness.into(), reason: "a benchmark".into() };
    let choices = Choices {
        accepted: ["secure_boot_off", "test_keys", "shim_validation_off"].map(accepted).into(),
        ..Choices::default()
    };
    ReferenceSet::development(learn("bench", &[boot], &choices).expect("golden")).expect("fits")
}
