//! Differences side by side: what stands beside what, in which log, and with which cause.

use attest_core::appraise::comparison::{Comparison, Relation};
use attest_core::appraise::{Cause, Code, Part, Policy, Reason, Severity, Status, TrustVector, Verdict};
use attest_core::authenticate::{AttestationKey, AuthenticEvidence, Challenge, Nonce};
use attest_core::reference::ReferenceSet;
use attest_core::reference::golden::Accepted;
use attest_core::reference::learn::Choices;
use attest_core::{Limits, Timestamp};

use super::device::{BLOB, Device, Event, IPL, NONCE, VARIABLE_CONFIG, ak_public};
use super::judge::{
    Sent, affirmed, context, find, golden, golden_with_files, judge, learned_by, refused_only,
};
use super::sample::{Software, good, secure_boot_variable};
use super::sequence::booted;

/// One PCR's comparison.
#[track_caller]
fn compared(verdict: &Verdict, pcr: u32) -> &Comparison {
    let found: Vec<_> = verdict.comparison.iter().filter(|c| c.pcr == pcr).collect();
    assert_eq!(found.len(), 1, "PCR {pcr}: {verdict:#?}");
    found[0]
}

/// What refuses a part of the boot: code, part, cause.
fn refusing(verdict: &Verdict) -> Vec<(Code, Option<&str>, Option<Cause>)> {
    let refuses =
        |r: &&Reason| r.severity == Severity::Refuse && r.part == Part::Boot && r.component.is_some();
    verdict.reasons.iter().filter(refuses).map(|r| (r.code, r.component.as_deref(), r.cause)).collect()
}

/// The good boot's log with one change.
fn edited(edit: impl FnOnce(&mut Vec<Event>)) -> Device {
    let mut log = good().log;
    edit(&mut log);
    booted(&log)
}

fn measured(pcr: u8, kind: u32, data: &[u8], content: &[u8]) -> Event {
    let mut device = good();
    device.measure(pcr, kind, data, content);
    device.log.pop().unwrap()
}

/// Rows follow the device's order: what is more stands before what changed, if it was measured before.
#[test]
fn rows_are_in_the_order_of_the_boot() {
    let golden = golden(&[&good()]);
    let device = edited(|log| {
        let at = log.iter().position(|event| event.data == b"/initrd.img\0").unwrap();
        log[at] = measured(9, IPL, b"/initrd.img\0", b"another initrd");
        log.insert(at, measured(9, BLOB, b"implant", b"implant"));
    });
    let verdict = judge(&device, &golden);
    let rows: Vec<Relation> = compared(&verdict, 9).rows.iter().map(|row| row.relation).collect();
    assert_eq!(rows, [Relation::Same, Relation::Same, Relation::Extra, Relation::Changed]);
    // In the middle it is unexpected, at the end it is appended; each of two in one register has its own cause.
    let initrd = (Code::GoldenMismatch, Some("initrd"), Some(Cause::InitrdChanged));
    let extra = |code| (code, Some("grub.file"), Some(Cause::BootConfigChanged));
    assert_eq!(refusing(&verdict), [extra(Code::EventUnexpected), initrd]);
    let mut device = good();
    device.measure(9, BLOB, b"implant", b"implant");
    assert_eq!(refusing(&judge(&device, &golden)), [extra(Code::EventAppended)]);
    // One that says nothing of itself is not said to.
    let mut device = good();
    device.measure(9, BLOB, b"", b"implant");
    let verdict = judge(&device, &golden);
    assert!(!find(&verdict, Code::EventAppended)[0].explain.contains("says of itself"), "{verdict:#?}");
}

/// Two findings in one register, and two of one name: each keeps its own cause.
#[test]
fn causes_go_with_their_own_difference() {
    let golden = golden(&[&good()]);
    let device = edited(|log| {
        let at = log.iter().position(|event| event.pcr == 7).unwrap();
        for value in [1, 0] {
            let data = secure_boot_variable(value);
            log.insert(at, measured(7, VARIABLE_CONFIG, &data, &data));
        }
        for (data, content) in
            [("(hd0,gpt1)/grub.cfg\0", "another configuration"), ("/initrd.img\0", "another initrd")]
        {
            let at = log.iter().position(|event| event.data == data.as_bytes()).unwrap();
            log[at] = measured(9, IPL, data.as_bytes(), content.as_bytes());
        }
    });
    let (extra, changed, state) = (Code::EventUnexpected, Code::GoldenMismatch, Some("secure_boot.state"));
    let expected = [
        (extra, state, Some(Cause::SecureBootOff)),
        (Code::EventRepeated, state, Some(Cause::SecureBootKeysChanged)),
        (changed, Some("grub.config"), Some(Cause::BootConfigChanged)),
        (changed, Some("initrd"), Some(Cause::InitrdChanged)),
    ];
    assert_eq!(refusing(&judge(&device, &golden)), expected);
}

/// The row that tells a cause best is its root, what else it explains follows from it.
#[test]
fn one_row_is_the_root_of_each_cause() {
    let device = Software { kernel: "implant", ..Software::default() }.boot();
    let verdict = judge(&device, &golden(&[&good()]));
    let rows = verdict.comparison.iter().flat_map(|compared| &compared.rows);
    let caused: Vec<_> = rows
        .filter(|row| row.cause.is_some())
        .map(|row| (row.cause, row.device.as_ref().unwrap().component.as_str(), row.follows))
        .collect();
    let changed = Some(Cause::KernelChanged);
    let expected = [(changed, "kernel", false), (changed, "kernel", true), (changed, "kernel.file", true)];
    assert_eq!(caused, expected);
}

/// Another volume, where the golden boot has but one: what it holds besides code is not told.
#[test]
fn the_only_firmware_volume_may_hold_anything() {
    let device = Software { firmware: "firmware volume, version 2", ..Software::default() }.boot();
    let verdict = judge(&device, &golden(&[&good()]));
    let causes: Vec<_> = verdict.causes.iter().map(|root| (root.cause, root.or)).collect();
    assert_eq!(causes, [(Cause::FirmwareUpdate, Some(Cause::HardwareChange))]);
}

/// Secure Boot's variable measured once more says what it says, unless it only says what is so.
#[test]
fn a_second_secure_boot_variable() {
    let golden = golden(&[&good()]);
    let with = |value: u8| {
        let data = secure_boot_variable(value);
        let device = edited(|log| {
            let at = log.iter().position(|event| event.pcr == 7).unwrap();
            log.insert(at, measured(7, VARIABLE_CONFIG, &data, &data));
        });
        judge(&device, &golden).causes[0].cause
    };
    assert_eq!(with(0), Cause::SecureBootOff);
    assert_eq!(with(1), Cause::SecureBootKeysChanged);
    // Neither off nor on is no switch that was moved.
    let verdict = judge(&Software { secure_boot: 2, ..Software::default() }.boot(), &golden);
    let state = verdict.reasons.iter().find(|r| r.component.as_deref() == Some("secure_boot.state")).unwrap();
    assert_eq!(state.cause, Some(Cause::SecureBootKeysChanged));
}

/// shim's switch is its own cause beside another shim, if it is off; and Secure Boot may have been switched on.
#[test]
fn switches_are_read_from_what_was_measured() {
    let verdict = |byte: u8| {
        let mut device = Software { shim: "another shim", ..Software::default() }.boot();
        device.measure(14, IPL, b"MokSBState\0", &[byte]);
        let verdict = judge(&device, &golden(&[&good()]));
        let of = |r: &&Reason| r.component.as_deref() == Some("mok.validation_state");
        verdict.reasons.iter().find(of).unwrap().cause
    };
    assert_eq!(verdict(1), Some(Cause::ShimValidationOff));
    assert_eq!(verdict(0), Some(Cause::BootLoaderChanged));
    let accepted = vec![Accepted { weakness: "secure_boot_off".into(), reason: "a test".into() }];
    let off = Software { secure_boot: 0, ..Software::default() }.boot();
    let golden = learned_by(&[&off], false, &Choices { accepted, ..Choices::default() }).unwrap();
    let verdict = judge(&good(), &golden);
    let state = verdict.reasons.iter().find(|r| r.component.as_deref() == Some("secure_boot.state")).unwrap();
    assert_eq!(state.cause, Some(Cause::FirmwareSettings));
}

/// Sections in another order are the image's doing, and no section is another one; a section that is missing is its own.
#[test]
fn sections_in_another_order() {
    let uki = |sections: &[usize]| {
        let whole = Software::default().boot_uki();
        let at: Vec<usize> = (0..whole.log.len()).filter(|at| whole.log[*at].pcr == 11).collect();
        let mut log: Vec<Event> = whole.log.iter().filter(|event| event.pcr != 11).cloned().collect();
        for (place, section) in sections.iter().enumerate() {
            for part in 0..2 {
                log.insert(at[0] + place * 2 + part, whole.log[at[section * 2 + part]].clone());
            }
        }
        booted(&log)
    };
    let golden = golden(&[&uki(&[0, 1, 2])]);
    affirmed(&judge(&uki(&[0, 1, 2]), &golden));
    let causes = |verdict: &Verdict| verdict.causes.iter().map(|root| root.cause).collect::<Vec<_>>();
    let verdict = judge(&uki(&[0, 2, 1]), &golden);
    assert_eq!(causes(&verdict), [Cause::UkiChanged], "{verdict:#?}");
    let codes: Vec<Code> = refusing(&verdict).iter().map(|reason| reason.0).collect();
    assert!(codes.iter().all(|code| matches!(code, Code::EventMissing | Code::EventReordered)), "{codes:?}");
    let missing = causes(&judge(&uki(&[0, 1]), &golden));
    assert!(missing.contains(&Cause::InitrdChanged), "{missing:?}");
}

/// Of two golden alternatives the nearer one is compared with; what is there twice is near once.
#[test]
fn the_nearest_alternative_by_what_both_have() {
    let with = |contents: [&str; 3]| {
        let mut log = good().log;
        for content in contents {
            log.push(measured(2, BLOB, b"volume", content.as_bytes()));
        }
        booted(&log)
    };
    let golden = golden(&[&with(["a", "b", "c"]), &with(["a", "a", "d"])]);
    let verdict = judge(&with(["a", "a", "a"]), &golden);
    assert_eq!(compared(&verdict, 2).golden, "boot-2");
}

/// Of many variants those are compared with that have the register which few have, though they are the oldest.
#[test]
fn a_boot_that_is_near_to_the_first_of_many_variants() {
    let boots: Vec<Device> = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11"]
        .map(|initrd| Software { initrd, ..Software::default() }.boot())
        .into();
    let golden = golden(&boots.iter().collect::<Vec<_>>());
    assert!(golden.variants.len() > Limits::DEFAULT.compared);
    let cmdline = "/vmlinuz root=/dev/sda2 init=/bin/sh";
    let verdict = judge(&Software { initrd: "0", cmdline, ..Software::default() }.boot(), &golden);
    assert_eq!(compared(&verdict, 8).golden, "boot-1");
    assert!(verdict.comparison.iter().all(|compared| compared.pcr != 9), "that register is golden");
}

/// More extends than an exact alignment looks at: those that each side has once are found again.
#[test]
fn a_change_in_a_register_of_very_many_extends() {
    let with = |change: bool| {
        let mut log = good().log;
        for n in 0..400 {
            let shift = if change && n == 200 { "more" } else { "" };
            let text = format!("set x={n}{shift}");
            let command =
                |text: &str| measured(8, IPL, format!("grub_cmd: {text}\0").as_bytes(), text.as_bytes());
            log.push(command(&text));
            if change && matches!(n, 0 | 399) {
                log.push(command(&format!("set y={n}")));
            }
        }
        booted(&log)
    };
    let golden = golden(&[&with(false)]);
    const { assert!(400 * 400 > Limits::DEFAULT.aligned_pairs) };
    let verdict = judge(&with(true), &golden);
    let differing = compared(&verdict, 8).rows.iter().filter(|row| row.relation != Relation::Same).count();
    assert_eq!(differing, 3);
}

/// What an overlay's refusal leaves: who the device is, and what the quote proves of itself.
#[test]
fn a_refused_overlay_refuses_boot_and_runtime_and_keeps_the_device() {
    let sent = Sent::by(&good());
    let references = ReferenceSet::development(golden_with_files(&[&good()])).unwrap();
    let key = AttestationKey::enrolled(&ak_public(), "device-7", &Limits::DEFAULT).unwrap();
    let challenge = Challenge::offline(Nonce::new(&NONCE).unwrap());
    let now = Timestamp::from_unix(1_800_000_000);
    let evidence = AuthenticEvidence::authenticate(sent.bundle().unwrap(), &key, challenge, now).unwrap();
    let verdict =
        Policy::default().refuse_overlay("overlay_expired", "it is old", &evidence, &references, &context());
    refused_only(&verdict, Code::OverlayRefused);
    assert_eq!(verdict.reasons[0].detail_code, Some("overlay_expired"));
    assert_eq!(verdict.device.as_deref(), Some("device-7"));
    assert!(verdict.proven.is_some());
    let refused = Status::Contraindicated;
    assert_eq!((verdict.status, verdict.boot.status, verdict.runtime.status), (refused, refused, refused));
    // Its identity is proven all the same, and what it booted is refused.
    let boot =
        TrustVector { instance_identity: 2, configuration: 96, executables: 96, ..TrustVector::default() };
    assert_eq!(verdict.boot.trust_vector, boot);
    let runtime =
        TrustVector { instance_identity: 2, executables: 96, file_system: 96, ..TrustVector::default() };
    assert_eq!(verdict.runtime.trust_vector, runtime);
}

/// What is not judged is named where it is quoted, and only there.
#[test]
fn events_that_nobody_judges() {
    let mut golden = golden(&[&good()]);
    golden.judged.retain(|pcr| *pcr != 14);
    assert_eq!(find(&judge(&good(), &golden), Code::PcrNotJudged)[0].pcr, Some(14));
    let mut device = good();
    device.selection[0].1.retain(|pcr| *pcr != 14);
    assert!(find(&judge(&device, &golden), Code::PcrNotJudged).is_empty());
}

/// A kernel that was withdrawn, and left in the document: the boot went back to it.
#[test]
fn an_old_kernel_that_was_left_in_is_a_rollback() {
    use attest_core::reference::golden::Superseded;
    let mut golden = golden(&[&good()]);
    let kernel = super::device::hash(super::device::SHA256, b"authenticode of linux 6.1");
    let digest = attest_core::Digest::new(attest_core::HashAlg::Sha256, &kernel).unwrap();
    golden.superseded.push(Superseded {
        component: "kernel".into(),
        digests: vec![digest],
        reason: "old".into(),
    });
    let verdict = judge(&good(), &golden);
    assert_eq!(verdict.causes[0].cause, Cause::KernelRollback);
    assert!(find(&verdict, Code::Superseded).iter().all(|r| r.cause == Some(Cause::KernelRollback)));
}
