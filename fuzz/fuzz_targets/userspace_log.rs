//! Any bytes as a log of user space: systemd's, or a canonical event log in whichever encoding they begin with.
#![no_main]

use attest_core::{HashAlg, Limits, evidence::UserspaceLog, reference::component};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(log) = UserspaceLog::parse(bytes, &Limits::DEFAULT) else { return };
    for record in log.records() {
        let text = record.content.summary();
        assert!(!text.contains(char::is_control), "a terminal would obey {text:?}");
        let _ = (component::of_record(record), record.is_authenticated(HashAlg::Sha256));
        assert!(record.pcr().is_none_or(|pcr| pcr < 24) && record.offset <= bytes.len());
    }
    let told: usize = (0..24).map(|pcr| log.extends(pcr).count()).sum();
    assert!(told <= log.records().len());
});
