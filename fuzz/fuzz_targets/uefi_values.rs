//! Any bytes as each value that a golden rule may judge. What is read is written as values that read the same; nothing else is.
#![no_main]

use attest_core::evidence::tcg_event::{SbatLevel, Signatures, option_without_disk, partition_uses};
use attest_core::reference::golden::{RuleKind, Terms};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Some(signatures) = Signatures::parse(bytes) {
        for signature in &signatures.all {
            assert_eq!(signature.to_string().parse(), Ok(signature.clone()));
        }
    }
    if let Some(level) = SbatLevel::parse(bytes) {
        let lines = level.lines();
        assert_eq!(SbatLevel::from_lines(lines.iter().map(String::as_str)), Some(level));
    }
    if let Some(uses) = partition_uses(bytes) {
        for partition in &uses {
            assert_eq!(partition.to_string().parse(), Ok(partition.clone()));
        }
    }
    if let Some(option) = option_without_disk(bytes) {
        assert_eq!(option_without_disk(&option), Some(option.clone()));
        assert_eq!(option.len(), bytes.len());
    }
    if let Ok(text) = core::str::from_utf8(bytes) {
        let values: Vec<String> = text.lines().map(ToOwned::to_owned).collect();
        for kind in RuleKind::ALL {
            if let Ok(terms) = Terms::read(kind, &values) {
                assert_eq!(Terms::read(kind, &terms.values()), Ok(terms));
            }
        }
    }
});
