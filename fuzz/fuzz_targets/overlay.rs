//! Any text as an overlay of a real family. None is accepted, for nobody signed it.
#![no_main]

use std::sync::LazyLock;

use attest_core::evidence::tcg_log::EventLog;
use attest_core::reference::golden::Evidence;
use attest_core::reference::learn::{Boot, Choices, learn};
use attest_core::reference::overlay::{DeviceIds, Overlay, OverlaySigner};
use attest_core::{Limits, Timestamp, reference::ReferenceSet};
use libfuzzer_sys::fuzz_target;

const LOG: &[u8] = include_bytes!("../../tests/fixtures/boots/sb-grub/eventlog.bin");
/// RFC 7515, A.3.
const KEY: &str = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEf83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEXH8UTNG72bfocs3+257rn0s2ldbqkLJK2KRiMohYjlrQ==";

static REFERENCES: LazyLock<ReferenceSet> = LazyLock::new(|| {
    let log = EventLog::parse(LOG, &Limits::DEFAULT).expect("a real log");
    let boot = Boot { name: "boot", log: &log, evidence: Evidence::Quoted, files: None, userspace: None };
    let choices = Choices {
        per_device: vec!["boot.entry".into()],
        overlay_signers: vec![OverlaySigner::from_base64("signer", KEY).expect("a good key")],
        ..Choices::default()
    };
    ReferenceSet::development(learn("fuzz", &[boot], &choices).expect("golden")).expect("golden")
});

fuzz_target!(|text: &str| {
    let device = DeviceIds { ak_name: Some(&[0, 11]), ek_sha256: None };
    let now = Timestamp::from_unix(1_800_000_000);
    assert!(Overlay::verify(text, &REFERENCES, &device, now, &Limits::DEFAULT).is_err());
});
