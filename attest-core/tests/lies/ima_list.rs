//! The IMA list as a whole: whether the quote proves it, how much of it, in which bank, and of which boot.

use attest_core::appraise::{Cause, Code, Policy, Severity, Status};
use attest_core::authenticate::ima::Unproven;
use attest_core::evidence::ima_log::ImaLog;
use attest_core::evidence::tcg_log::EventLog;
use attest_core::reference::learn;
use attest_core::{HashAlg, Limits};

use super::device::{Device, Event, IPL, Measurement, SHA1, SHA256, SHA384, hash};
use super::ima::{file, ima_golden, measured, runtime_refused};
use super::judge::{Sent, affirmed, context, find, golden, golden_with_files, has, judge, learned, refused};
use super::sample::{Software, good};

#[test]
fn a41_an_entry_that_is_not_what_was_extended() {
    for at in 0..good().ima.len() {
        let mut liar = good();
        liar.ima.push(liar.ima[at].clone());
        liar.ima[at].data[12] ^= 1;
        liar.ima.pop();
        refused(&judge(&liar, &ima_golden()), Code::KexecOrLostList);
    }
}

/// The implant's entry carries the template digest of a good file: what the data hashes to is extended, not what is written.
#[test]
fn a41_a_template_digest_that_is_not_that_of_its_data() {
    let mut liar = good();
    liar.ima(file("/tmp/implant", "implant"));
    let mut sent = Sent::by(&liar);
    let bytes = sent.ima.as_mut().unwrap();
    let told = hash(SHA1, &liar.ima[3].data);
    let at = bytes.windows(20).position(|w| w == told).unwrap();
    bytes[at..at + 20].copy_from_slice(&hash(SHA1, &file("/usr/bin/sh", "shell").data));
    let verdict = sent.judge(&ima_golden(), &Policy::default(), &context());
    refused(&verdict, Code::FileUnknown);
}

#[test]
fn a42_a_boot_aggregate_of_another_boot() {
    let other = Software { kernel: "linux 6.12", ..Software::default() }.boot();
    let mut list = good().ima;
    list[0] = other.boot_aggregate();
    for golden in [golden(&[&good()]), ima_golden()] {
        runtime_refused(&judge(&measured(list.clone()), &golden), Code::BootAggregateMismatch);
    }
}

/// Its files would be golden for a boot that never had them.
#[test]
fn a42_a_list_of_another_boot_is_not_learned() {
    let other = Software { kernel: "linux 6.12", ..Software::default() }.boot();
    let mut list = good().ima;
    list[0] = other.boot_aggregate();
    let refusal = learned(&[&good(), &measured(list)], true).unwrap_err();
    let learn::Error::ListOfAnotherBoot { boot, expected, got } = &refusal else { panic!("{refusal:?}") };
    assert_eq!(boot, "boot-2");
    for (of, told) in [(good(), expected), (other, got)] {
        let aggregate = of.boot_aggregate().data;
        assert!(aggregate.windows(32).any(|part| part == told.as_bytes()), "{told}");
    }
    assert_eq!(refusal.code(), "learn_ima_of_another_boot");
    // A register that nothing extended is covered, too.
    let mut unified = Software::default().boot_uki();
    unified.ima = Vec::new();
    let aggregate = unified.boot_aggregate();
    unified.ima(aggregate);
    assert!(learned(&[&unified], true).is_ok());
    unified.ima[0] = good().boot_aggregate();
    assert_eq!(learned(&[&unified], true).unwrap_err().code(), "learn_ima_of_another_boot");
}

/// What says nothing about its boot is learned, and doubted.
#[test]
fn a42_a_list_that_does_not_say_its_boot_is_doubted() {
    let doubt = |device: &Device| {
        let (log, list) = (device.log_bytes(), device.ima_bytes());
        let log = EventLog::parse(&log, &Limits::DEFAULT).unwrap();
        let files = learn::ima_files(&ImaLog::parse(&list, &Limits::DEFAULT).unwrap());
        let evidence = attest_core::reference::golden::Evidence::LogOnly;
        let boot = learn::Boot { name: "x", log: &log, userspace: None, evidence, files: Some(&files) };
        assert!(learn::learn("f", &[boot], &learn::Choices::default()).is_ok());
        learn::list_doubt(&boot)
    };
    assert_eq!(doubt(&good()), None);
    let with_first = |first: Option<Measurement>| {
        measured(first.into_iter().chain(good().ima.into_iter().skip(1)).collect())
    };
    assert_eq!(doubt(&with_first(None)), Some(Unproven::Missing));
    let zero = Measurement::digest(b"boot_aggregate", &[0; 32]);
    assert_eq!(doubt(&with_first(Some(zero))), Some(Unproven::AllZero));
    // In a register that anybody may extend a list says nothing of IMA's.
    let elsewhere = Measurement { pcr: 11, ..good().boot_aggregate() };
    assert_eq!(doubt(&with_first(Some(elsewhere))), Some(Unproven::Missing));
    // The list's bank is one that the log does not have.
    let mut device = Software { banks: vec![SHA1, SHA384], ..Software::default() }.boot();
    device.ima[0] = good().boot_aggregate();
    assert_eq!(doubt(&device), Some(Unproven::NotQuoted { alg: HashAlg::Sha256, pcr: 0 }));
}

#[test]
fn a42_a_boot_aggregate_of_zeros_is_unproven() {
    let mut list = good().ima;
    list[0] = Measurement::digest(b"boot_aggregate", &[0; 32]);
    let verdict = judge(&measured(list), &ima_golden());
    assert_eq!(find(&verdict, Code::BootAggregateUnproven)[0].severity, Severity::Warn);
    assert_eq!((verdict.boot.status, verdict.runtime.status), (Status::Affirming, Status::Warning));
    assert_eq!(verdict.trust_vector.executables, 3);
}

#[test]
fn a42_a_list_without_boot_aggregate_is_unproven() {
    let mut list = good().ima;
    list.remove(0);
    let verdict = judge(&measured(list), &ima_golden());
    assert!(has(&verdict, Code::BootAggregateUnproven));
    assert_eq!(verdict.runtime.status, Status::Warning);
}

#[test]
fn a42_a_boot_aggregate_over_pcrs_that_are_not_quoted_is_unproven() {
    let mut golden = ima_golden();
    golden.judged.retain(|pcr| *pcr != 9);
    let mut device = good();
    device.selection[0].1.retain(|pcr| *pcr != 9);
    let verdict = judge(&device, &golden);
    assert!(has(&verdict, Code::BootAggregateUnproven));
    assert_eq!(verdict.runtime.status, Status::Warning);
}

/// The real list begins with an aggregate that proves nothing, or the wrong thing. A better one is told in a register that nobody
/// quotes, or that root filled.
#[test]
fn a42_a_boot_aggregate_in_another_register() {
    for aggregate in
        [Measurement::digest(b"boot_aggregate", &[0; 32]), Measurement::digest(b"boot_aggregate", &[7; 32])]
    {
        let mut list = good().ima;
        list[0] = aggregate;
        let honest = judge(&measured(list.clone()), &ima_golden());
        assert_ne!(honest.runtime.status, Status::Affirming);
        let forged = Measurement { pcr: 12, ..good().boot_aggregate() };
        // PCR 12 is not quoted; nothing was extended.
        let mut liar = measured(list.clone());
        liar.selection[0].1.retain(|pcr| *pcr != 12);
        liar.ima.insert(0, forged.clone());
        assert_eq!(judge(&liar, &ima_golden()).runtime.status, honest.runtime.status);
        // PCR 12 is quoted and extended.
        list.insert(0, forged);
        let verdict = judge(&measured(list), &ima_golden());
        assert!(
            super::judge::badness(verdict.status) >= super::judge::badness(honest.status),
            "{verdict:#?}"
        );
    }
}

/// The kernel names a file by its last part where the path is too long: `boot_aggregate` is a name that a file can have.
#[test]
fn a42_a_file_called_boot_aggregate() {
    let mut liar = good();
    liar.ima(file("boot_aggregate", "implant"));
    let verdict = judge(&liar, &ima_golden());
    assert_eq!(verdict.runtime.status, Status::Contraindicated, "{verdict:#?}");
}

#[test]
fn a43_a_quote_that_lags_judges_its_prefix_alone() {
    let quoted = good();
    let mut later = good();
    later.ima(file("/tmp/implant", "implant"));
    let mut sent = Sent::by(&quoted);
    sent.ima = Some(later.ima_bytes());
    let verdict = sent.judge(&ima_golden(), &Policy::default(), &context());
    affirmed(&verdict);
    let covered = verdict.proven.unwrap().ima.unwrap();
    assert_eq!((covered.entries_covered, covered.entries_left_over), (3, 1), "the rest is told, not judged");
    // What was left over counts for nothing good either: here the required file.
    let mut required = ima_golden();
    required.ima.as_mut().unwrap().files[1].required = true;
    let early = measured(good().ima[..2].to_vec());
    let mut sent = Sent::by(&early);
    sent.ima = Some(good().ima_bytes());
    let verdict = sent.judge(&required, &Policy::default(), &context());
    runtime_refused(&verdict, Code::FileRequiredMissing);
}

/// The quote covers the implant, the list hides it: no prefix fits.
#[test]
fn a43_a_list_that_is_cut_or_skips() {
    let mut device = good();
    device.ima(file("/tmp/implant", "implant"));
    device.ima(file("/usr/bin/sh", "shell"));
    for hidden in 1..device.ima.len() {
        let mut liar = device.clone();
        liar.ima.remove(hidden);
        runtime_refused(&judge(&liar, &ima_golden()), Code::KexecOrLostList);
        let mut cut = device.clone();
        cut.ima.truncate(hidden);
        runtime_refused(&judge(&cut, &ima_golden()), Code::KexecOrLostList);
    }
}

#[test]
fn a43_the_list_of_another_boot_is_not_resumed() {
    let mut device = good();
    device.ima = [good().ima, good().ima].concat();
    let verdict = judge(&device, &ima_golden());
    // The first half is this boot's, the second one is left over.
    assert_eq!(verdict.proven.as_ref().unwrap().ima.unwrap().entries_left_over, 3);
    affirmed(&verdict);
    // Once it is extended, it is a second kernel's.
    let mut kexec = good();
    good().ima.into_iter().for_each(|entry| kexec.ima(entry));
    runtime_refused(&judge(&kexec, &ima_golden()), Code::KexecOrLostList);
    assert_eq!(judge(&kexec, &golden(&[&good()])).status, Status::Contraindicated);
}

/// A list, but the quote does not cover PCR 10: nothing in it is proven.
#[test]
fn a43a_a_list_that_no_quote_covers() {
    let mut device = good();
    device.selection[0].1.retain(|pcr| *pcr != 10);
    let verdict = judge(&device, &ima_golden());
    runtime_refused(&verdict, Code::PcrNotQuoted);
    // Without golden values for files the list is not judged, and says nothing.
    let verdict = judge(&device, &golden(&[&good()]));
    assert_eq!((verdict.status, verdict.runtime.status), (Status::Affirming, Status::None));
}

/// PCR 10 is untouched, and the list speaks of another register.
#[test]
fn a43a_a_list_in_another_register_alone() {
    let list = good().ima.into_iter().map(|entry| Measurement { pcr: 12, ..entry }).collect();
    let verdict = judge(&measured(list), &ima_golden());
    refused(&verdict, Code::ImaMissing);
    assert_eq!(verdict.runtime.status, Status::Contraindicated);
}

/// Root extends a register that the golden boot leaves alone, and tells it as IMA's.
#[test]
fn a38a_ima_entries_explain_no_firmware_register() {
    let software = Software::default();
    let golden = super::judge::golden(&[&software.boot_uki()]);
    assert!(golden.judged.contains(&14) && golden.judged.contains(&8));
    for pcr in [8, 9, 14] {
        let mut liar = software.boot_uki();
        liar.ima(Measurement { pcr, ..file("/usr/bin/sh", "shell") });
        let verdict = judge(&liar, &golden);
        assert_eq!(verdict.boot.status, Status::Contraindicated, "PCR {pcr}: {verdict:#?}");
        let reason = find(&verdict, Code::EventUnexpected)[0];
        assert_eq!((reason.pcr, reason.component.as_deref()), (Some(pcr), Some("userspace.ima")));
        assert_eq!(reason.cause, Some(Cause::UserspaceMeasurementChanged));
        assert!(verdict.causes.iter().any(|root| Some(root.cause) == reason.cause));
        assert!(verdict.judged.iter().all(|judged| judged.pcr != pcr));
    }
}

/// A bank of zero-padded SHA-1 digests proves no more than SHA-1.
#[test]
fn a09_a_padded_bank_is_a_warning() {
    let software = Software { banks: vec![SHA384], ..Software::default() };
    let mut device = software.boot();
    device.pcrs.insert((SHA384, 10), vec![0; 48]);
    for entry in device.ima.clone() {
        let padded = [hash(SHA1, &entry.data), vec![0; 28]].concat();
        device.extend_digest(SHA384, 10, &padded);
    }
    let verdict = judge(&device, &golden_with_files(&[&software.boot()]));
    assert!(has(&verdict, Code::ImaPadded));
    assert_eq!(verdict.runtime.status, Status::Warning);
}

/// In a padded bank the SHA-1 digest is that of the data, too, and not the one that is written beside it.
#[test]
fn a41_a_template_digest_that_is_not_that_of_its_data_in_a_padded_bank() {
    let software = Software { banks: vec![SHA384], ..Software::default() };
    let mut device = software.boot();
    device.ima(file("/tmp/implant", "implant"));
    device.pcrs.insert((SHA384, 10), vec![0; 48]);
    for entry in device.ima.clone() {
        let padded = [hash(SHA1, &entry.data), vec![0; 28]].concat();
        device.extend_digest(SHA384, 10, &padded);
    }
    let told = hash(SHA1, &device.ima[3].data);
    device.ima[3] = file("/usr/bin/sh", "shell");
    let mut sent = Sent::by(&device);
    let list = sent.ima.as_mut().unwrap();
    let written = hash(SHA1, &device.ima[3].data);
    let at = list.windows(20).rposition(|w| w == written).unwrap();
    list[at..at + 20].copy_from_slice(&told);
    let verdict = sent.judge(&golden_with_files(&[&software.boot()]), &Policy::default(), &context());
    refused(&verdict, Code::KexecOrLostList);
}

/// Every quoted bank must tell the same list.
#[test]
fn the_list_replays_in_every_quoted_bank() {
    let software = Software { banks: vec![SHA256, SHA384], ..Software::default() };
    let golden = golden_with_files(&[&software.boot()]);
    affirmed(&judge(&software.boot(), &golden));
    for bank in [SHA256, SHA384] {
        let mut liar = software.boot();
        liar.extend_digest(bank, 10, &vec![7; super::device::size(bank)]);
        runtime_refused(&judge(&liar, &golden), Code::KexecOrLostList);
    }
}

/// The list is quoted in SHA-1 alone, everything else in SHA-256.
#[test]
fn a09_the_list_in_sha1_alone() {
    let mut device = good();
    device.selection[0].1.retain(|pcr| *pcr != 10);
    device.selection.insert(0, (SHA1, vec![10]));
    runtime_refused(&judge(&device, &ima_golden()), Code::WeakBank);
}

/// What IMA extended is told as the firmware's events, beside a list of nothing but good files.
#[test]
fn a43_the_implants_entry_told_by_the_firmwares_log() {
    let mut device = good();
    device.ima(file("/tmp/implant", "implant"));
    let mut liar = device.clone();
    for entry in &device.ima {
        let digests = device.log_banks.iter().map(|bank| (*bank, hash(*bank, &entry.data))).collect();
        liar.log.push(Event { pcr: 10, kind: IPL, data: b"ima".to_vec(), digests });
    }
    liar.ima = good().ima;
    let verdict = judge(&liar, &ima_golden());
    assert_eq!(verdict.runtime.status, Status::Contraindicated, "{verdict:#?}");
    // Nobody judges files: the list is still a lie.
    let verdict = judge(&liar, &golden(&[&good()]));
    assert_eq!(verdict.status, Status::Contraindicated, "{verdict:#?}");
    // No list at all.
    liar.ima.clear();
    let verdict = judge(&liar, &golden(&[&good()]));
    assert_eq!(verdict.status, Status::Contraindicated, "{verdict:#?}");
}
