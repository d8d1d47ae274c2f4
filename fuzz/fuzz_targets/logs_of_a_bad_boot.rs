//! A device booted with another kernel command line; its TPM signed for that. Its owner may send any logs: none makes the verdict good.
//!
//! Input: the length of the event log in four bytes, little-endian, the event log, the IMA list.
#![no_main]

use std::sync::OnceLock;

use attest_core::{
    Limits, Timestamp,
    appraise::{Context, Policy},
    authenticate::{AttestationKey, AuthenticEvidence, Challenge, Nonce},
    evidence::{Bundle, Evidence, ima_log::ImaLog, tcg_log::EventLog},
    reference::{ReferenceSet, golden, learn},
};
use libfuzzer_sys::fuzz_target;

macro_rules! boot {
    ($path:literal) => {
        include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures/boots/", $path))
    };
}

fn references() -> &'static ReferenceSet {
    static REFERENCES: OnceLock<ReferenceSet> = OnceLock::new();
    REFERENCES.get_or_init(|| {
        let limits = Limits::DEFAULT;
        let log = EventLog::parse(boot!("sb-grub/eventlog.bin"), &limits).expect("a good log");
        let list = ImaLog::parse(boot!("sb-grub/ima.bin"), &limits).expect("a good list");
        let files = learn::ima_files(&list);
        let boot =
            learn::Boot { name: "good", log: &log, evidence: golden::Evidence::Quoted, files: Some(&files) };
        let golden = learn::learn("gateway", &[boot], &learn::Choices::default()).expect("a good boot");
        ReferenceSet::development(golden).expect("a good document")
    })
}

fuzz_target!(|bytes: &[u8]| {
    let Some((len, rest)) = bytes.split_first_chunk::<4>() else { return };
    let len = usize::try_from(u32::from_le_bytes(*len)).unwrap_or(usize::MAX);
    let Some((event_log, ima)) = rest.split_at_checked(len) else { return };
    let limits = Limits::DEFAULT;
    let evidence = Evidence {
        attest: boot!("sb-cmdline/quote-ecc.attest"),
        signature: boot!("sb-cmdline/quote-ecc.sig"),
        event_log: Some(event_log),
        ima: Some(ima),
        ..Evidence::default()
    };
    let Ok(bundle) = Bundle::parse(evidence, &limits) else { return };
    let key = AttestationKey::vouched(boot!("sb-cmdline/ak-ecc.pub"), &limits).expect("a good key");
    let nonce = hex::decode(boot!("sb-cmdline/nonce.hex").trim_ascii()).expect("a nonce");
    let challenge = Challenge::offline(Nonce::new(&nonce).expect("a nonce"));
    let now = Timestamp::from_unix(0);
    let Ok(evidence) = AuthenticEvidence::authenticate(bundle, &key, challenge, now) else { return };
    let context = Context { family: "gateway".into(), ..Context::default() };
    let verdict = Policy::default().appraise(&evidence, references(), &context);
    assert!(!verdict.is_affirming(), "{verdict:#?}");
});
