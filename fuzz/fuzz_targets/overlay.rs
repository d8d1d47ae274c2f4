//! Any text as an overlay of a real family: as it stands, which nobody signed, and as the payload that a named signer signs. No overlay
//! brings digests for anything but the slots that the document gives away.
//!
//! `$golden` in a payload stands for the document's digest.
#![no_main]

mod signed;

use std::sync::LazyLock;

use attest_core::evidence::tcg_log::EventLog;
use attest_core::reference::golden::Evidence;
use attest_core::reference::learn::{Boot, Choices, learn};
use attest_core::reference::overlay::{Device, DeviceIds, Draft, Overlay};
use attest_core::{Limits, Timestamp, reference::ReferenceSet};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use libfuzzer_sys::fuzz_target;

const LOG: &[u8] = include_bytes!("../../tests/fixtures/boots/sb-grub/eventlog.bin");
const NOW: Timestamp = Timestamp::from_unix(1_800_000_000);

static REFERENCES: LazyLock<ReferenceSet> = LazyLock::new(|| {
    let log = EventLog::parse(LOG, &Limits::DEFAULT).expect("a real log");
    let boot = Boot { name: "boot", log: &log, evidence: Evidence::Quoted, files: None, userspace: None };
    let choices = Choices {
        per_device: vec!["boot.entry".into()],
        overlay_signers: vec![signed::overlay_signer()],
        ..Choices::default()
    };
    ReferenceSet::development(learn("fuzz", &[boot], &choices).expect("golden")).expect("golden")
});

/// The header, as a draft writes it, in base64url.
static HEADER: LazyLock<String> = LazyLock::new(|| {
    let draft = Draft {
        family: String::new(),
        golden_sha256: String::new(),
        device: Device::AkName(Vec::new()),
        issued_at: NOW,
        expires: NOW,
        slots: Vec::new(),
    };
    let input = draft.signing_input(signed::overlay_signer().id());
    input.split('.').next().expect("a header").to_owned()
});

fuzz_target!(|text: &str| {
    let device = DeviceIds { ak_name: Some(&[0, 11]), ek_sha256: None };
    let verify = |text: &str| Overlay::verify(text, &REFERENCES, &device, NOW, &Limits::DEFAULT);
    assert!(verify(text).is_err());

    let golden = REFERENCES.source().document_sha256.as_deref().expect("a digest");
    let payload = text.replace("$golden", golden);
    let input = format!("{}.{}", *HEADER, URL_SAFE_NO_PAD.encode(payload));
    let signature = signed::sign(input.as_bytes());
    let Ok(overlay) = verify(&Draft::signed(input, &signature)) else { return };
    assert!(
        overlay.slots().iter().all(|slot| slot.pcr == 1 && slot.component == "boot.entry"),
        "{overlay:?}"
    );
    let own = REFERENCES.with_overlay(&overlay).expect("it was verified against this set");
    assert_eq!(own.bound_to(), Some(&[0, 11][..]));
});
