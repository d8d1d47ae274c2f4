//! Which PCRs, in which banks, may judge.

use attest_core::appraise::{Code, Policy, Status};
use attest_core::{Digest, HashAlg};

use super::device::{Device, SHA1, SHA256, SHA384, hash};
use super::judge::{Sent, affirmed, badness, context, find, golden, has, judge, refused};
use super::sample::{Software, good};

const ALL: [u8; 15] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14];

fn with_banks(banks: &[u16]) -> Device {
    Software { banks: banks.to_vec(), ..Software::default() }.boot()
}

#[test]
fn the_good_device_affirms() {
    let verdict = judge(&good(), &golden(&[&good()]));
    affirmed(&verdict);
    assert_eq!(verdict.runtime.status, Status::None, "no golden values for files");
    assert_eq!(verdict.judged.len(), 11);
    assert!(verdict.judged.iter().all(|judged| judged.bank == "sha256"), "the bank is in the verdict");
    assert_eq!(verdict.golden.variant.as_deref(), Some("boot-1"));
}

#[test]
fn the_good_device_affirms_in_two_banks_and_in_sha384_alone() {
    for banks in [vec![SHA256, SHA384], vec![SHA1, SHA256, SHA384], vec![SHA384]] {
        let device = with_banks(&banks);
        let verdict = judge(&device, &golden(&[&device]));
        affirmed(&verdict);
        assert!(verdict.judged.iter().all(|judged| judged.bank == "sha384"));
    }
}

/// The values are genuine, but stand under another bank's name.
#[test]
fn a01_values_relabelled_as_another_bank() {
    let device = good();
    let mut sent = Sent::by(&device);
    let relabelled = device.pcrs.iter().filter(|((bank, _), _)| *bank == SHA256);
    let sm3 = relabelled.map(|((_, pcr), bytes)| (*pcr, Digest::new(HashAlg::Sm3_256, bytes).unwrap()));
    sent.values = Some(sm3.collect());
    let verdict = sent.judge(&golden(&[&device]), &Policy::default(), &context());
    refused(&verdict, Code::EvidenceNotAuthentic);
    assert_eq!(verdict.reasons[0].detail_code, Some("pcr_missing"));
}

/// Quoted is a bank that root filled, judged would be the one that it resembles.
#[test]
fn a01_the_golden_values_in_a_bank_that_is_not_quoted_do_not_count() {
    let device = with_banks(&[SHA256, SHA384]);
    let golden_in_sha256 = golden(&[&good()]);
    let mut liar = device.clone();
    liar.selection = vec![(SHA384, ALL.to_vec())];
    refused(&judge(&liar, &golden_in_sha256), Code::BankNotGolden);
    // Extra values beside the quoted ones are not looked at.
    let mut sent = Sent::by(&good());
    let mut values = sent.values.clone().unwrap();
    values.insert(4, Digest::zero(HashAlg::Sha384));
    values.insert(23, Digest::ones(HashAlg::Sha256));
    sent.values = Some(values);
    affirmed(&sent.judge(&golden(&[&good()]), &Policy::default(), &context()));
}

#[test]
fn a02_a_quote_that_leaves_out_a_judged_pcr() {
    let golden = golden(&[&good()]);
    for left_out in golden.judged.clone() {
        let mut device = good();
        device.selection[0].1.retain(|pcr| *pcr != left_out);
        let verdict = judge(&device, &golden);
        refused(&verdict, Code::PcrNotQuoted);
        assert_eq!(find(&verdict, Code::PcrNotQuoted)[0].pcr, Some(left_out.into()));
        assert!(verdict.judged.iter().all(|judged| judged.pcr != u32::from(left_out)));
    }
}

#[test]
fn a02_a_quote_of_nothing() {
    for selection in [vec![], vec![(SHA256, vec![])], vec![(SHA1, vec![]), (SHA256, vec![])]] {
        let mut device = good();
        device.selection = selection;
        let verdict = judge(&device, &golden(&[&good()]));
        refused(&verdict, Code::EvidenceNotAuthentic);
        assert_eq!(verdict.reasons[0].detail_code, Some("selection_empty"));
        assert!(verdict.proven.is_none());
    }
}

#[test]
fn a02_the_policy_asks_for_more_than_the_golden_document_judges() {
    let mut less = golden(&[&good()]);
    less.judged.retain(|pcr| *pcr != 7);
    refused(&judge(&good(), &less), Code::PolicyNotCovered);
}

#[test]
fn a09_sha1_alone_although_the_log_has_sha256() {
    let mut device = good();
    device.selection = vec![(SHA1, ALL.to_vec())];
    let verdict = judge(&device, &golden(&[&good()]));
    refused(&verdict, Code::WeakBank);
    assert!(verdict.judged.is_empty());
}

/// sha256 over what is known, SHA-1 over the PCR that moved.
#[test]
fn a09_the_moved_pcr_in_sha1_alone() {
    let mut device = Software { cmdline: "/vmlinuz init=/bin/sh", ..Software::default() }.boot();
    let moved = [8, 9];
    device.selection =
        vec![(SHA1, moved.to_vec()), (SHA256, ALL.into_iter().filter(|pcr| !moved.contains(pcr)).collect())];
    let verdict = judge(&device, &golden(&[&good()]));
    refused(&verdict, Code::WeakBank);
    assert_eq!(find(&verdict, Code::WeakBank).len(), 2);
}

/// sha384 over PCR 23, which says nothing, beside sha256 over the rest: sha256 decides about the rest.
#[test]
fn a09a_the_bank_is_decided_for_each_pcr() {
    let golden = golden(&[&with_banks(&[SHA256, SHA384])]);
    let quoted_so = |software: &Software| {
        let mut device = software.boot();
        device.selection = vec![(SHA256, ALL.to_vec()), (SHA384, vec![23])];
        device
    };
    let software = Software { banks: vec![SHA256, SHA384], ..Software::default() };
    let verdict = judge(&quoted_so(&software), &golden);
    affirmed(&verdict);
    assert!(verdict.judged.iter().all(|judged| judged.bank == "sha256"));
    let liar = Software { kernel: "implant", ..software };
    refused(&judge(&quoted_so(&liar), &golden), Code::GoldenMismatch);
}

/// The firmware extends SHA-256 alone, the TPM has a SHA-384 bank: root fills it with what a good boot would leave there, and adds
/// the digests to the log.
#[test]
fn a09b_a_bank_that_root_filled() {
    let golden = golden(&[&good()]);
    let mut bad = Software { kernel: "implant", ..Software::default() }.boot();
    let clean = with_banks(&[SHA384]);
    for (place, value) in &clean.pcrs {
        bad.pcrs.insert(*place, value.clone());
    }
    bad.log_banks.push(SHA384);
    for (event, clean) in bad.log.iter_mut().zip(&clean.log) {
        event.digests.insert(SHA384, clean.digests[&SHA384].clone());
    }
    bad.selection = vec![(SHA384, ALL.to_vec())];
    refused(&judge(&bad, &golden), Code::BankNotGolden);
    bad.selection = vec![(SHA256, ALL.to_vec()), (SHA384, ALL.to_vec())];
    refused(&judge(&bad, &golden), Code::GoldenMismatch);
    // SHA-256 over all but what moved.
    bad.selection = vec![(SHA256, vec![0, 1, 2, 3, 5, 6, 7, 8, 10, 14]), (SHA384, ALL.to_vec())];
    refused(&judge(&bad, &golden), Code::BankNotGolden);
}

/// Both banks are golden and quoted, the log agrees with one of them only.
#[test]
fn every_quoted_bank_must_agree() {
    let good = with_banks(&[SHA256, SHA384]);
    let golden = golden(&[&good]);
    for bank in [SHA256, SHA384] {
        let mut liar = good.clone();
        liar.extend_digest(bank, 4, &[1; 48][..super::device::size(bank)]);
        let verdict = judge(&liar, &golden);
        assert_eq!(verdict.status, Status::Contraindicated);
        let code = if bank == SHA256 { Code::OtherBankMismatch } else { Code::ReplayMismatch };
        refused(&verdict, code);
    }
    // The log tells one story in one bank and another in the other; both replay.
    let mut two_tongues = good.clone();
    let at = two_tongues.log.iter().position(|e| e.kind == super::device::APPLICATION).unwrap();
    let other = hash(SHA384, b"another shim");
    two_tongues.log[at].digests.insert(SHA384, other);
    let replayed = replayed(&two_tongues);
    assert_eq!(judge(&replayed, &golden).status, Status::Contraindicated);
}

/// A TPM that was extended exactly as the log says.
fn replayed(device: &Device) -> Device {
    let mut fresh = Device::new(&device.banks(), 3);
    for event in device.log.iter().filter(|e| e.kind != super::device::NO_ACTION) {
        fresh.replay(event);
    }
    let mut told = device.clone();
    for ((bank, pcr), value) in fresh.pcrs {
        if pcr != 10 {
            told.pcrs.insert((bank, pcr), value);
        }
    }
    told
}

#[test]
fn a35_a_value_without_events() {
    let golden = golden(&[&good()]);
    for pcr in [8, 9, 11, 12, 13, 14] {
        let mut device = good();
        device.log.retain(|event| event.pcr != u32::from(pcr));
        if device.log.len() == good().log.len() {
            device.extend(pcr, b"nobody logged this");
        }
        let verdict = judge(&device, &golden);
        refused(&verdict, Code::PcrWithoutEvents);
        assert_eq!(find(&verdict, Code::PcrWithoutEvents)[0].pcr, Some(pcr.into()));
    }
}

#[test]
fn a35_events_without_a_value() {
    let golden = golden(&[&good()]);
    for pcr in [4, 7, 8, 14] {
        let mut device = good();
        for bank in device.banks() {
            device.pcrs.insert((bank, pcr), vec![0; super::device::size(bank)]);
        }
        let verdict = judge(&device, &golden);
        refused(&verdict, Code::ReplayMismatch);
        assert!(verdict.judged.iter().all(|judged| judged.pcr != u32::from(pcr)));
    }
}

/// A TPM whose registers were never extended, beside a golden log.
#[test]
fn a35_all_registers_in_reset() {
    let mut device = Device::new(&[SHA1, SHA256], 3);
    device.log = good().log;
    let verdict = judge(&device, &golden(&[&good()]));
    refused(&verdict, Code::ReplayMismatch);
    assert!(verdict.judged.is_empty());
}

/// DRTM's registers start at ones: zeros are a value that somebody made.
#[test]
fn a35_drtm_registers_start_at_ones() {
    let golden = golden(&[&good()]);
    for pcr in [17, 18, 19] {
        let mut device = good();
        device.selection[0].1.push(pcr);
        affirmed(&judge(&device, &golden));
        device.pcrs.insert((SHA256, pcr), vec![0; 32]);
        refused(&judge(&device, &golden), Code::PcrWithoutEvents);
    }
}

#[test]
fn registers_that_can_be_reset_are_not_judged() {
    let golden = golden(&[&good()]);
    for pcr in [16, 20, 21, 22, 23] {
        let mut device = good();
        device.selection[0].1.push(pcr);
        device.extend(pcr, b"anything");
        affirmed(&Sent::by(&device).judge(&golden, &Policy::default(), &context()));
    }
}

#[test]
fn a36_an_event_without_a_digest_for_the_judged_bank() {
    let device = good();
    let golden = golden(&[&device]);
    for at in 1..device.log.len() {
        // Whether or not the firmware extended it.
        let mut silent = device.clone();
        silent.log[at].digests.remove(&SHA256);
        for extended in [silent.clone(), replayed_without(&silent)] {
            let verdict = judge(&extended, &golden);
            assert_eq!(verdict.status, Status::Contraindicated, "event {at}");
            refused(&verdict, Code::ReplayMismatch);
            assert!(has(&verdict, Code::LogFinding));
        }
    }
    assert_eq!(badness(Status::Affirming), 0);
}

/// What `replayed` leaves when an event lacks a digest: the bank is extended without it.
fn replayed_without(device: &Device) -> Device {
    replayed(device)
}

/// A log of SHA-1 digests for a quote of SHA-256.
#[test]
fn a37_a_log_in_sha1_for_a_quote_in_sha256() {
    let mut device = good();
    device.log_banks = vec![SHA1];
    device.log.iter_mut().for_each(|event| event.digests.retain(|bank, _| *bank == SHA1));
    let verdict = judge(&device, &golden(&[&good()]));
    refused(&verdict, Code::PcrWithoutEvents);
    assert!(verdict.judged.is_empty());
}
