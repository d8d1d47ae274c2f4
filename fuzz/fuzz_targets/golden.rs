//! Any text as a golden document. What is read is written as text that reads the same.
#![no_main]

use attest_core::{Limits, reference::Golden};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Ok(golden) = Golden::parse(text, &Limits::DEFAULT) else { return };
    let _ = golden.check();
    let again = Golden::parse(&golden.to_toml(), &Limits::DEFAULT);
    assert_eq!(again.as_ref(), Ok(&golden));
});
