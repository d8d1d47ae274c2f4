//! A52: every truncated prefix and every changed byte. A51: what unsigned bytes can make us do.

use attest_core::Limits;
use attest_core::appraise::{Code, Policy, Reason, Severity, Status, Verdict};
use attest_core::reference::ReferenceSet;

use super::device::{Device, SHA256};
use super::judge::{Sent, badness, context, golden_with_files};
use super::sample::Software;

/// A document for one bank, and the device that it is for.
fn setting() -> (Device, ReferenceSet) {
    let device = Software { banks: vec![SHA256], ..Software::default() }.boot();
    let golden = golden_with_files(&[&device]);
    (device, ReferenceSet::development(golden).unwrap())
}

fn verdict(sent: &Sent, references: &ReferenceSet) -> Verdict {
    sent.judge_by(references, &Policy::default(), &context())
}

/// A verdict that is no better, and says nothing good that the honest one does not say.
#[track_caller]
fn no_better(lie: &Verdict, honest: &Verdict, what: &str) {
    assert!(badness(lie.status) >= badness(honest.status), "{what}: {lie:#?}");
    if lie.status == honest.status {
        // A word that no digest covers any more is told; nothing else is new.
        let told = |r: &&Reason| r.code == Code::LogFinding && r.severity == Severity::Info;
        let codes = |v: &Verdict| v.reasons.iter().filter(|r| !told(r)).map(|r| r.code).collect::<Vec<_>>();
        assert_eq!(codes(lie), codes(honest), "{what}");
        assert_eq!((&lie.judged, &lie.components), (&honest.judged, &honest.components), "{what}");
        assert_eq!(lie.proven, honest.proven, "{what}");
        // A word that no digest covers any more is no claim: less may be said, never more.
        for ((name, claim), (_, before)) in lie.trust_vector.claims().iter().zip(honest.trust_vector.claims())
        {
            assert!(*claim >= before, "{what}: {name} {claim}");
        }
        assert_eq!((&lie.golden, &lie.device), (&honest.golden, &honest.device), "{what}");
    } else {
        // What is still said to be proven was proven before; a shorter list is not a better one.
        let judged = |v: &Verdict| v.judged.iter().map(|j| (j.pcr, j.bank)).collect::<Vec<_>>();
        assert!(judged(lie).iter().all(|j| judged(honest).contains(j)), "{what}");
    }
}

#[track_caller]
fn refused(sent: &Sent, references: &ReferenceSet, what: &str) {
    let verdict = verdict(sent, references);
    assert_eq!(verdict.status, Status::Contraindicated, "{what}: {verdict:#?}");
    assert!(verdict.proven.is_none(), "{what}: a quote that was changed proves nothing");
}

/// Another value for the byte at this place: one bit, all bits, or the next number.
fn changed(bytes: &[u8], at: usize) -> [Vec<u8>; 2] {
    [1 << (at % 8), 0xff].map(|mask| {
        let mut bytes = bytes.to_vec();
        bytes[at] ^= mask;
        bytes
    })
}

#[test]
fn a52_every_byte_of_the_quote() {
    let (device, references) = setting();
    let honest = Sent::by(&device);
    for at in 0..honest.attest.len() {
        let cut = Sent { attest: honest.attest[..at].to_vec(), ..honest.clone() };
        refused(&cut, &references, "cut");
        for attest in changed(&honest.attest, at) {
            refused(&Sent { attest, ..honest.clone() }, &references, "changed");
        }
    }
    for byte in [0, 1, 0xff] {
        let attest = [honest.attest.as_slice(), &[byte]].concat();
        refused(&Sent { attest, ..honest.clone() }, &references, "longer");
    }
}

#[test]
fn a52_every_byte_of_the_signature() {
    let (device, references) = setting();
    let honest = Sent::by(&device);
    for at in 0..honest.signature.len() {
        let cut = Sent { signature: honest.signature[..at].to_vec(), ..honest.clone() };
        refused(&cut, &references, "cut");
        for signature in changed(&honest.signature, at) {
            refused(&Sent { signature, ..honest.clone() }, &references, "changed");
        }
    }
    let signature = [honest.signature.as_slice(), &[0]].concat();
    refused(&Sent { signature, ..honest }, &references, "longer");
}

#[test]
fn a52_every_byte_of_the_log() {
    let (device, references) = setting();
    let sent = Sent::by(&device);
    let honest = verdict(&sent, &references);
    assert_eq!(honest.status, Status::Affirming);
    let log = device.log_bytes();
    for at in 0..log.len() {
        let cut = Sent { log: Some(log[..at].to_vec()), ..sent.clone() };
        assert_eq!(verdict(&cut, &references).status, Status::Contraindicated, "cut at {at}");
        for bytes in changed(&log, at) {
            let lie = verdict(&Sent { log: Some(bytes), ..sent.clone() }, &references);
            no_better(&lie, &honest, &format!("byte {at} of the log"));
        }
    }
}

#[test]
fn a52_every_byte_of_the_list() {
    let (device, references) = setting();
    let sent = Sent::by(&device);
    let honest = verdict(&sent, &references);
    let list = device.ima_bytes();
    for at in 0..list.len() {
        let cut = Sent { ima: Some(list[..at].to_vec()), ..sent.clone() };
        assert_eq!(verdict(&cut, &references).status, Status::Contraindicated, "cut at {at}");
        for bytes in changed(&list, at) {
            let lie = verdict(&Sent { ima: Some(bytes), ..sent.clone() }, &references);
            no_better(&lie, &honest, &format!("byte {at} of the list"));
        }
    }
}

/// Changes of a lying device's bytes help it no further.
#[test]
fn a52_no_byte_makes_a_lie_pass() {
    let (_, references) = setting();
    let software = Software { banks: vec![SHA256], cmdline: "init=/bin/sh", ..Software::default() };
    let sent = Sent::by(&software.boot());
    let honest = verdict(&sent, &references);
    assert_eq!(honest.status, Status::Contraindicated);
    let log = sent.log.clone().unwrap();
    for at in (0..log.len()).step_by(3) {
        let [bytes, _] = changed(&log, at);
        let lie = verdict(&Sent { log: Some(bytes), ..sent.clone() }, &references);
        assert_eq!(lie.status, Status::Contraindicated, "byte {at}");
    }
}

/// The signature is checked before anything that costs more than reading: with a wrong one nothing else is looked at.
#[test]
fn a51_the_signature_comes_before_values_and_logs() {
    let (device, references) = setting();
    let mut sent = Sent::by(&device);
    *sent.signature.last_mut().unwrap() ^= 1;
    let code = |sent: &Sent| verdict(sent, &references).reasons[0].detail_code.unwrap();
    assert_eq!(code(&sent), "signature_invalid");
    // Values that are missing or wrong, logs that do not replay: hashing would tell, and is not reached.
    let other = Software { banks: vec![SHA256], kernel: "implant", ..Software::default() }.boot();
    let values = Sent::by(&other).values;
    for values in [None, Some(attest_core::evidence::pcr_values::PcrValues::new()), values] {
        let lie = Sent { values, log: Some(other.log_bytes()), ima: None, ..sent.clone() };
        assert_eq!(code(&lie), "signature_invalid");
    }
    assert_eq!(code(&Sent { values: None, log: None, ima: None, ..sent.clone() }), "signature_invalid");
    // And before the signature, what costs nothing: the nonce, the selection, the scheme.
    let mut nonce = Sent::by(&device);
    let at = nonce.attest.windows(32).position(|w| w == super::device::NONCE).unwrap();
    nonce.attest[at] ^= 1;
    assert_eq!(code(&nonce), "nonce_mismatch");
}

/// Sizes are bounded before anything is made of them.
#[test]
fn a51_what_is_too_large_is_not_read() {
    let limits = Limits::DEFAULT;
    let (device, references) = setting();
    let honest = Sent::by(&device);
    let mut too_many = device.clone();
    for _ in 0..limits.event_log_events {
        too_many.log.push(device.log[1].clone());
    }
    let lies = [
        (Sent { attest: vec![0; limits.attest_bytes + 1], ..honest.clone() }, "too_long"),
        (Sent { signature: vec![0; limits.signature_bytes + 1], ..honest.clone() }, "too_long"),
        (Sent { log: Some(vec![0; limits.event_log_bytes + 1]), ..honest.clone() }, "log_too_large"),
        (Sent { log: Some(too_many.log_bytes()), ..honest.clone() }, "too_many_events"),
        (Sent { ima: Some(vec![0; limits.ima_bytes + 1]), ..honest.clone() }, "log_too_large"),
    ];
    for (lie, code) in lies {
        refused(&lie, &references, code);
        assert_eq!(verdict(&lie, &references).reasons[0].detail_code, Some(code));
    }
    // 3.2 GB in one event, 4 billion digests, 4 billion algorithms.
    for (place, value) in [(28, u32::MAX), (32 + 16 + 4 + 4, u32::MAX)] {
        let mut log = device.log_bytes();
        log[place..place + 4].copy_from_slice(&value.to_le_bytes());
        refused(&Sent { log: Some(log), ..honest.clone() }, &references, "a count beyond reason");
    }
}
