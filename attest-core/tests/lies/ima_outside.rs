//! Entries that the list tells in registers of which the quote proves nothing: never judged, and never passed over in silence.

use attest_core::appraise::{Code, Severity, Status, Verdict};
use attest_core::reference::golden::Response;

use super::device::{Device, Measurement, size};
use super::ima_resume::{checkpoint, resumed};
use super::judge::{affirmed, find, golden_with_files, has, judge, refused_only};
use super::sample::good;

fn implant(pcr: u32) -> Measurement {
    Measurement { pcr, ..Measurement::file(b"/bin/implant", b"implant") }
}

fn violation(pcr: u32) -> Measurement {
    Measurement { violation: true, ..implant(pcr) }
}

/// A device whose list has these entries among its own, and that quotes what it quotes.
fn telling(entries: &[Measurement]) -> Device {
    let mut device = good();
    for bank in device.banks() {
        for entry in entries {
            device.pcrs.entry((bank, entry.pcr as u8)).or_insert_with(|| vec![0; size(bank)]);
        }
    }
    entries.iter().for_each(|entry| device.ima(entry.clone()));
    device
}

fn unquoted(mut device: Device, pcr: u8) -> Device {
    device.selection.iter_mut().for_each(|(_, pcrs)| pcrs.retain(|quoted| *quoted != pcr));
    device
}

fn quoted(mut device: Device, pcr: u8) -> Device {
    device.selection.iter_mut().for_each(|(_, pcrs)| pcrs.push(pcr));
    device
}

/// The verdict warns of them once, in these words, and of nothing else about the list.
#[track_caller]
fn warned(verdict: &Verdict, words: &str) {
    let found = find(verdict, Code::ImaPcrNotProven);
    assert_eq!(found.len(), 1, "{verdict:#?}");
    assert_eq!(found[0].severity, Severity::Warn);
    assert!(found[0].explain.ends_with(words), "{}", found[0].explain);
    assert_eq!((verdict.status, verdict.runtime.status), (Status::Warning, Status::Warning), "{verdict:#?}");
    assert_eq!((verdict.trust_vector.executables, verdict.trust_vector.file_system), (3, 0));
}

#[test]
fn a43_an_unknown_file_or_a_violation_in_a_register_that_is_not_quoted() {
    let golden = golden_with_files(&[&good()]);
    for pcr in [11, 12, 15, 16, 23] {
        for entry in [implant(pcr), violation(pcr), Measurement { pcr, ..good().boot_aggregate() }] {
            let verdict = judge(&unquoted(telling(&[entry]), pcr as u8), &golden);
            warned(&verdict, &format!(": 1 in PCR {pcr}"));
            assert_eq!(find(&verdict, Code::ImaPcrNotProven)[0].pcr, Some(pcr));
        }
    }
}

/// Whoever can reset a register can extend it with anything.
#[test]
fn a43_an_unknown_file_in_a_register_that_can_be_reset() {
    let golden = golden_with_files(&[&good()]);
    for pcr in [16, 23] {
        warned(&judge(&quoted(telling(&[implant(pcr)]), pcr as u8), &golden), &format!(": 1 in PCR {pcr}"));
    }
}

/// Anywhere in the list, before what the quote covers and after it.
#[test]
fn entries_outside_are_counted_for_each_register() {
    let golden = golden_with_files(&[&good()]);
    let mut device = unquoted(telling(&[implant(12), implant(23), violation(12)]), 12);
    device.ima.insert(0, implant(15));
    let verdict = judge(&device, &golden);
    warned(
        &verdict,
        "4 entries are not judged, in PCRs that are not quoted or can be reset by the running system: 2 in PCR 12, 1 in PCR 15, 1 in PCR 23",
    );
    assert_eq!(find(&verdict, Code::ImaPcrNotProven)[0].pcr, None);
}

/// A policy may measure into another register: what is quoted is judged as in PCR 10.
#[test]
fn a_register_that_is_quoted_is_judged() {
    let golden = golden_with_files(&[&good()]);
    let honest = Measurement { pcr: 12, ..Measurement::file(b"/usr/bin/sh", b"shell") };
    affirmed(&judge(&telling(&[honest]), &golden));
    let verdict = judge(&telling(&[implant(12)]), &golden);
    refused_only(&verdict, Code::FileUnknown);
    assert!(!has(&verdict, Code::ImaPcrNotProven));
    // Without golden files the runtime is not judged, and this lowers nothing.
    let boot_alone = super::judge::golden(&[&good()]);
    let verdict = judge(&unquoted(telling(&[implant(12)]), 12), &boot_alone);
    assert_eq!((verdict.status, verdict.runtime.status), (Status::Affirming, Status::None));
}

/// What was told in the beginning of a list is not forgotten when its later part is judged.
#[test]
fn a43_entries_outside_in_the_beginning_of_a_list() {
    let mut golden = golden_with_files(&[&good()]);
    golden.ima.as_mut().unwrap().unknown_files = Response::Refuse;
    let mut device = unquoted(telling(&[implant(12)]), 12);
    // The quote covers what stands before the last entry in a register that is quoted.
    device.ima(Measurement::file(b"/usr/bin/sh", b"shell"));
    let now = checkpoint(&device, &golden);
    warned(&resumed(&device, &now, &golden), ": 1 in PCR 12");
    device.ima(violation(12));
    warned(&resumed(&device, &now, &golden), ": 2 in PCR 12");
    device.ima(Measurement::file(b"/usr/bin/sh", b"shell"));
    let verdict = resumed(&device, &now, &golden);
    warned(&verdict, ": 2 in PCR 12");
    warned(&resumed(&device, &verdict.ima_checkpoint.unwrap(), &golden), ": 2 in PCR 12");
    // Those after the checkpoint's place are told by the part.
    let mut late = unquoted(good(), 12);
    let now = checkpoint(&late, &golden);
    late.ima(implant(12));
    warned(&resumed(&late, &now, &golden), ": 1 in PCR 12");
}
