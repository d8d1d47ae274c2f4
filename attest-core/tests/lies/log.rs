//! What the log says about itself: types, data and markers are hints, and a quirk is tolerated by name alone.

use attest_core::Limits;
use attest_core::appraise::{Cause, Code, Policy, Severity, Status, Verdict};
use attest_core::evidence::tcg_event::{Authenticated, authenticated_everywhere, secure_boot};
use attest_core::evidence::tcg_log::{EventLog, EventType};
use attest_core::reference::ReferenceSet;
use attest_core::reference::golden::{Golden, Quirk, Workaround};
use attest_core::reference::learn;

use super::device::{BLOB, Device, Event, NO_ACTION, SEPARATOR, SHA256, VARIABLE_CONFIG, hash};
use super::judge::{Sent, affirmed, badness, context, find, golden, has, judge, learned, refused};
use super::sample::{Software, good, secure_boot_variable, separator};

/// Every type with a name, and some that are reserved or belong to nobody.
fn types() -> Vec<u32> {
    let known = (0..0x20).chain(0x8000_0000..0x8000_0020).chain(0x8000_00e0..0x8000_00f0);
    let reserved = [0xe0, 0x400, 0x501, 0x7fff_ffff, 0x8000_0100, 0xffff_ffff];
    let known = known.filter(|code| EventType(*code).name().is_some());
    known.chain(reserved).collect()
}

fn quick(device: &Device, golden: &ReferenceSet) -> Verdict {
    Sent::by(device).judge_by(golden, &Policy::default(), &context())
}

fn prepared(golden: &Golden) -> ReferenceSet {
    ReferenceSet::development(golden.clone()).unwrap()
}

#[test]
fn a29_no_type_makes_a_verdict_better() {
    let golden = prepared(&golden(&[&good()]));
    let off = Software { secure_boot: 0, ..Software::default() }.boot();
    let implant = Software { kernel: "implant", cmdline: "init=/bin/sh", ..Software::default() }.boot();
    let mut appended = good();
    appended.repeat(&good().log[30]);
    let mut unlogged = good();
    unlogged.extend(14, b"nobody logged this");
    assert!(types().len() > 40);
    for device in [off, implant, appended, unlogged, good()] {
        let honest = quick(&device, &golden);
        // A refused boot has many ways to be refused; a few types for each event say enough.
        let step = if honest.status == Status::Affirming { 1 } else { 5 };
        let quote = Sent::by(&device);
        for at in 0..device.log.len() {
            for kind in types().into_iter().skip(at % step).step_by(step).chain([NO_ACTION, SEPARATOR]) {
                let mut liar = device.clone();
                liar.log[at].kind = kind;
                let sent = Sent { log: Some(liar.log_bytes()), ..quote.clone() };
                let verdict = sent.judge_by(&golden, &Policy::default(), &context());
                assert!(
                    badness(verdict.status) >= badness(honest.status),
                    "event {at} as {kind:#x}: {verdict:#?}"
                );
                // What is told as not extended is not extended, and nothing else changes what is.
                let was_extended = device.log[at].kind != NO_ACTION;
                if was_extended && kind == NO_ACTION {
                    assert_eq!(verdict.status, Status::Contraindicated, "event {at}");
                }
            }
        }
    }
}

/// An implant's event is told as EV_NO_ACTION, or hidden in a register that does not exist.
#[test]
fn a29_an_extend_told_as_none() {
    let golden = golden(&[&good()]);
    let mut log = good();
    log.measure(4, BLOB, b"implant", b"implant");
    for (kind, pcr) in [(NO_ACTION, 4), (NO_ACTION, u32::MAX), (BLOB, 24), (BLOB, u32::MAX), (SEPARATOR, 99)]
    {
        let mut liar = log.clone();
        let last = liar.log.last_mut().unwrap();
        (last.kind, last.pcr) = (kind, pcr);
        refused(&judge(&liar, &golden), Code::ReplayMismatch);
    }
    // Nothing was extended, and the log speaks of registers that no TPM has.
    for pcr in [24, 25, 0x100, u32::MAX] {
        let mut liar = good();
        liar.write(pcr, BLOB, b"implant", b"implant");
        let verdict = judge(&liar, &golden);
        refused(&verdict, Code::LogFinding);
        assert_eq!(find(&verdict, Code::LogFinding)[0].detail_code, Some("pcr_invalid"));
    }
}

#[test]
fn a30_no_action_with_a_digest_is_not_extended() {
    let golden = golden(&[&good()]);
    let mut device = good();
    let digests = device.log_banks.iter().map(|bank| (*bank, hash(*bank, b"x"))).collect();
    device.log.insert(3, Event { pcr: 4, kind: NO_ACTION, data: b"x".to_vec(), digests });
    let verdict = judge(&device, &golden);
    assert_eq!(verdict.status, Status::Warning, "told, and not extended");
    assert_eq!(find(&verdict, Code::LogFinding)[0].detail_code, Some("no_action_digest"));
    // The TPM was extended with it all the same.
    device.repeat(&good().log[30].clone());
    assert_eq!(judge(&device, &golden).status, Status::Contraindicated);
}

#[test]
fn a30_startup_locality_in_its_place_alone() {
    let golden = golden(&[&good()]);
    let locality = good().log[0].clone();
    let with = |change: &dyn Fn(&mut Vec<Event>)| {
        let mut device = good();
        change(&mut device.log);
        judge(&device, &golden)
    };
    let finding = |verdict: &Verdict, code: &str| {
        assert_eq!(verdict.status, Status::Contraindicated, "{code}");
        let codes: Vec<_> = find(verdict, Code::LogFinding).iter().filter_map(|r| r.detail_code).collect();
        assert!(codes.contains(&code), "{code}: {codes:?}");
    };
    finding(&with(&|log| log[0].pcr = 1), "startup_locality_misplaced");
    finding(&with(&|log| log[0].data.push(0)), "startup_locality_size");
    finding(&with(&|log| log[0].data.truncate(16)), "startup_locality_size");
    finding(&with(&|log| log.insert(1, locality.clone())), "startup_locality_repeated");
    finding(&with(&|log| log.swap(0, 1)), "startup_locality_late");
    for value in [1, 2, 5, 255] {
        finding(&with(&|log| *log[0].data.last_mut().unwrap() = value), "startup_locality_value");
    }
    // A second one with the value that the TPM was not started with.
    let other = Event { data: b"StartupLocality\0\0".to_vec(), ..locality.clone() };
    finding(&with(&|log| log.insert(1, other.clone())), "startup_locality_repeated");
}

#[test]
fn a31_a_second_separator() {
    let golden = golden(&[&good()]);
    for pcr in 0..=7 {
        let mut device = good();
        separator(&mut device, pcr);
        let verdict = judge(&device, &golden);
        refused(&verdict, Code::LogFinding);
        let finding = find(&verdict, Code::LogFinding)[0];
        assert_eq!((finding.detail_code, finding.pcr), (Some("duplicate_separator"), Some(pcr.into())));
        assert!(has(&verdict, Code::EventRepeated), "and the sequence does not fit");
    }
}

#[test]
fn a31_a_separator_of_other_data() {
    for (data, code) in
        [(&[1_u8, 0, 0, 0][..], "separator_error"), (&[0; 5], "separator_data"), (b"evil", "separator_data")]
    {
        // Even a document that was learned so would not help: the boot teaches nothing.
        let mut device = good();
        let at = device.log.iter().rposition(|e| e.pcr == 6).unwrap();
        device.log[at].data = data.to_vec();
        device.log[at].digests = device.log_banks.iter().map(|bank| (*bank, hash(*bank, data))).collect();
        let verdict = judge(&device, &golden(&[&good()]));
        assert!(find(&verdict, Code::LogFinding).iter().any(|r| r.detail_code == Some(code)), "{code}");
        assert_eq!(verdict.status, Status::Contraindicated);
        let refusal = learned(&[&device], false).unwrap_err();
        assert!(
            matches!(refusal, learn::Error::LogRefused { code: found, .. } if found == code),
            "{refusal}"
        );
    }
}

#[test]
fn a31_a_separator_whose_data_is_not_what_was_extended() {
    let golden = golden(&[&good()]);
    for at in 0..good().log.len() {
        let mut device = good();
        if device.log[at].kind != SEPARATOR {
            continue;
        }
        device.log[at].data = vec![0xff; 4];
        let verdict = judge(&device, &golden);
        refused(&verdict, Code::LogFinding);
        assert_eq!(find(&verdict, Code::LogFinding)[0].detail_code, Some("separator_digest"));
    }
}

#[test]
fn a32_configuration_after_the_separator() {
    let golden = golden(&[&good()]);
    let mut device = good();
    let variable = secure_boot_variable(1);
    device.measure(7, VARIABLE_CONFIG, &variable, &variable);
    let verdict = judge(&device, &golden);
    let codes: Vec<_> = find(&verdict, Code::LogFinding).iter().filter_map(|r| r.detail_code).collect();
    assert_eq!(codes, ["variable_after_separator", "duplicate_variable"]);
    assert_eq!(verdict.status, Status::Contraindicated);
}

/// Secure Boot is off, and the log's text says that it is on. The digest is genuine, so the log replays.
#[test]
fn a33_the_secure_boot_variable_says_another_thing_than_its_digest() {
    let golden = golden(&[&good()]);
    let honest = Software { secure_boot: 0, ..Software::default() }.boot();
    let mut liar = honest.clone();
    let at = liar.log.iter().position(|e| e.data == secure_boot_variable(0)).unwrap();
    liar.log[at].data = secure_boot_variable(1);
    let bytes = liar.log_bytes();
    let log = EventLog::parse(&bytes, &Limits::DEFAULT).unwrap();
    assert_eq!(secure_boot(&log), None, "neither on nor off is proven");
    assert_eq!(authenticated_everywhere(&log.events()[at + 1]), Authenticated::No);
    let verdict = judge(&liar, &golden);
    refused(&verdict, Code::GoldenMismatch);
    assert!(
        verdict.causes.iter().all(|c| c.cause != Cause::SecureBootOff),
        "no cause by a text that nothing proves"
    );
    assert!(judge(&honest, &golden).causes.iter().any(|c| c.cause == Cause::SecureBootOff));
    // Nothing is learned from it as if Secure Boot were on.
    let refusal = learned(&[&liar], false).unwrap_err();
    assert!(
        matches!(refusal, learn::Error::WeaknessNotAccepted { weakness: "secure_boot_off", .. }),
        "{refusal}"
    );
}

/// Secure Boot is on with another variable than the golden one, and the log's text says that it is off.
#[test]
fn a33_no_cause_by_a_text_that_nothing_proves() {
    let mut liar = good();
    let at = liar.log.iter().position(|e| e.data == secure_boot_variable(1)).unwrap();
    let measured = [secure_boot_variable(1), vec![0]].concat();
    let before = liar.log.clone();
    liar = Device::new(&liar.banks(), 3);
    for (nth, event) in before.into_iter().enumerate() {
        let content = if nth == at { Some(&measured) } else { None };
        match content {
            Some(content) => liar.measure(7, VARIABLE_CONFIG, &secure_boot_variable(0), content),
            None if event.kind == NO_ACTION => liar.log.push(event),
            None => liar.repeat(&event),
        }
    }
    liar.selection[0].1.retain(|pcr| *pcr != 10);
    let verdict = judge(&liar, &golden(&[&good()]));
    refused(&verdict, Code::GoldenMismatch);
    assert!(verdict.causes.iter().all(|c| c.cause != Cause::SecureBootOff), "{:#?}", verdict.causes);
}

/// A golden boot whose log says "off": the digest decides, and the text counts for nothing.
#[test]
fn a33_a_text_that_frightens() {
    let mut device = good();
    let at = device.log.iter().position(|e| e.data == secure_boot_variable(1)).unwrap();
    device.log[at].data = secure_boot_variable(0);
    affirmed(&judge(&device, &golden(&[&good()])));
}

/// Every text of the log is exchanged; the digests stay. The verdict is that of the digests.
#[test]
fn a33_no_text_makes_a_verdict_better() {
    let golden = prepared(&golden(&[&good()]));
    let implant = Software { kernel: "implant", ..Software::default() }.boot();
    for device in [good(), implant] {
        let honest = quick(&device, &golden);
        for at in 1..device.log.len() {
            for other in
                [&good().log[(at * 7) % device.log.len()].data, &good().log[at].data, &vec![], &vec![0; 64]]
            {
                let mut liar = device.clone();
                liar.log[at].data = other.clone();
                let verdict = quick(&liar, &golden);
                assert!(badness(verdict.status) >= badness(honest.status), "event {at}: {verdict:#?}");
                assert_eq!(verdict.judged, honest.judged);
            }
        }
    }
}

/// What an event says of itself is shown as its own words, and harmless in a terminal.
#[test]
fn a33_texts_are_shown_as_the_events_own_words() {
    let mut liar = Software { cmdline: "init=/bin/sh", ..Software::default() }.boot();
    let at = liar.find("kernel_cmdline: ");
    let good_text = good().log[good().find("kernel_cmdline: ")].data.clone();
    liar.log[at].data = good_text;
    let verdict = judge(&liar, &golden(&[&good()]));
    let reason =
        verdict.reasons.iter().find(|r| r.component.as_deref() == Some("grub.kernel_cmdline")).unwrap();
    assert!(reason.explain.contains("the event says of itself, unproven"), "{reason:?}");
    liar.log[at].data = b"kernel_cmdline: \x1b[2J\n\raffirming\0".to_vec();
    let verdict = judge(&liar, &golden(&[&good()]));
    assert!(verdict.reasons.iter().all(|r| !r.explain.chars().any(char::is_control)));
}

fn workaround(quirk: Quirk) -> Workaround {
    Workaround { quirk, reason: "this model does so".into() }
}

#[test]
fn a39_a_missing_separator_is_tolerated_by_name_alone() {
    let mut quirky = good();
    let at = quirky.log.iter().rposition(|e| e.pcr == 6).unwrap();
    quirky.log.remove(at);
    quirky.pcrs.insert((SHA256, 6), vec![0; 32]);
    quirky.pcrs.insert((super::device::SHA1, 6), vec![0; 20]);
    quirky.ima.clear();
    quirky.selection[0].1.retain(|pcr| *pcr != 10);
    let mut golden = golden(&[&quirky]);
    let verdict = judge(&quirky, &golden);
    assert_eq!(verdict.status, Status::Warning);
    assert_eq!(find(&verdict, Code::LogFinding)[0].detail_code, Some("separator_missing"));
    golden.workarounds = vec![workaround(Quirk::SeparatorDuplicate), workaround(Quirk::Sha1BankMismatch)];
    assert_eq!(judge(&quirky, &golden).status, Status::Warning, "another quirk's name");
    golden.workarounds = vec![workaround(Quirk::SeparatorMissing)];
    let verdict = judge(&quirky, &golden);
    affirmed(&verdict);
    assert!(find(&verdict, Code::WorkaroundUsed)[0].explain.contains("separator_missing"), "and is shown");
}

#[test]
fn a39_a_second_separator_is_tolerated_by_name_alone_and_only_where_it_is_golden() {
    let mut golden = golden(&[&good()]);
    let mut quirky = good();
    separator(&mut quirky, 6);
    quirky.ima.clear();
    quirky.selection[0].1.retain(|pcr| *pcr != 10);
    golden.workarounds = vec![workaround(Quirk::SeparatorDuplicate)];
    let verdict = judge(&quirky, &golden);
    assert!(has(&verdict, Code::WorkaroundUsed));
    refused(&verdict, Code::EventRepeated);
    let sequence = golden.sequences.iter_mut().find(|s| s.pcr == 6).unwrap();
    sequence.slots.push(sequence.slots[0].clone());
    affirmed(&judge(&quirky, &golden));
    golden.workarounds.clear();
    refused(&judge(&quirky, &golden), Code::LogFinding);
}

#[test]
fn a39_a_sha1_bank_that_disagrees_is_tolerated_by_name_alone() {
    let mut golden = golden(&[&good()]);
    let mut quirky = good();
    quirky.selection.insert(0, (super::device::SHA1, (0..10).collect()));
    quirky.log[3].digests.insert(super::device::SHA1, vec![9; 20]);
    refused(&judge(&quirky, &golden), Code::OtherBankMismatch);
    golden.workarounds = vec![workaround(Quirk::SeparatorDuplicate), workaround(Quirk::SeparatorMissing)];
    refused(&judge(&quirky, &golden), Code::OtherBankMismatch);
    golden.workarounds = vec![workaround(Quirk::Sha1BankMismatch)];
    let verdict = quick(&quirky, &prepared(&golden));
    affirmed(&verdict);
    assert!(has(&verdict, Code::WorkaroundUsed));
    // It excuses no stronger bank, and no register that SHA-1 alone speaks of.
    let mut liar = quirky.clone();
    liar.log[3].digests.insert(SHA256, vec![9; 32]);
    refused(&quick(&liar, &prepared(&golden)), Code::ReplayMismatch);
    let mut alone = quirky;
    alone.selection[1].1.retain(|pcr| *pcr != 7);
    refused(&quick(&alone, &prepared(&golden)), Code::WeakBank);
}

#[test]
fn an_empty_log_and_no_log() {
    let golden = golden(&[&good()]);
    for (log, code) in [(Some(Vec::new()), Code::LogEmpty), (None, Code::LogMissing)] {
        let sent = Sent { log, ..Sent::by(&good()) };
        let verdict = sent.judge(&golden, &Policy::default(), &context());
        refused(&verdict, code);
        assert!(verdict.judged.is_empty());
        assert_eq!(verdict.causes[0].cause, Cause::LogMissing);
    }
    // Nothing was measured, nothing is told: still no boot.
    let mut blank = Device::new(&[SHA256], 0);
    blank.selection = vec![(SHA256, vec![11, 12, 13])];
    let sent = Sent { log: Some(Vec::new()), ..Sent::by(&blank) };
    refused(&sent.judge(&golden, &Policy::default(), &context()), Code::LogEmpty);
}

/// A firmware volume's event after PCR 0's separator is a warning of its own, besides what the digests say.
#[test]
fn a32_a_firmware_event_after_the_separator() {
    let mut device = good();
    device.measure(0, BLOB, &[0; 16], b"late");
    let verdict = judge(&device, &golden(&[&good()]));
    let finding = find(&verdict, Code::LogFinding)[0];
    assert_eq!(
        (finding.detail_code, finding.severity),
        (Some("firmware_event_after_separator"), Severity::Warn)
    );
    refused(&verdict, Code::EventAppended);
}

/// A log of a confidential virtual machine names registers 1 to 4; beside a TPM's quote it would speak of PCRs it does not mean.
#[test]
fn a_ccel_log_beside_a_tpm_quote_is_refused() {
    let mut sent = Sent::by(&good());
    // The header's register is what tells a CCEL log.
    sent.log.as_mut().unwrap()[0] = 1;
    let verdict = sent.judge(&golden(&[&good()]), &Policy::default(), &context());
    refused(&verdict, Code::LogNotOfTpm);
}
