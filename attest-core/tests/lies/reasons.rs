//! A refusal says where it is, what was there, what would have been right, and why it may be so.

use attest_core::appraise::Explained;
use attest_core::appraise::{Cause, Code, Policy, Reason, Status, Verdict};
use attest_core::authenticate::{AttestationKey, AuthenticEvidence, Challenge, Nonce};
use attest_core::reference::ReferenceSet;
use attest_core::reference::golden::{Quirk, Superseded, Workaround};
use attest_core::{Digest, HashAlg, Limits, Timestamp};

use super::device::{Device, Measurement, SHA1, SHA256, SHA384, hash, size};
use super::judge::{find, golden, golden_with_files, judge};
use super::sample::{Software, good};

/// Component, bank, PCR, event, expected, got and cause.
type Told<'r> = (
    Option<&'r str>,
    Option<&'r str>,
    Option<u32>,
    Option<u32>,
    Vec<&'r str>,
    Option<&'r str>,
    Option<Cause>,
);

fn told(reason: &Reason) -> Told<'_> {
    let expected = reason.expected.iter().map(String::as_str).collect();
    let (component, got) = (reason.component.as_deref(), reason.got.as_deref());
    (component, reason.bank, reason.pcr, reason.event, expected, got, reason.cause)
}

/// The only reason of this code.
#[track_caller]
fn the(verdict: &Verdict, code: Code) -> &Reason {
    let found = find(verdict, code);
    assert_eq!(found.len(), 1, "{code}: {verdict:#?}");
    found[0]
}

fn sha256(device: &Device, at: usize) -> String {
    hex::encode(&device.log[at].digests[&SHA256])
}

fn value(device: &Device, pcr: u8) -> String {
    hex::encode(&device.pcrs[&(SHA256, pcr)])
}

/// Where GRUB measured the initrd.
fn last_of_9(device: &Device) -> usize {
    device.log.iter().rposition(|e| e.pcr == 9).unwrap()
}

/// The index of an event in the log that is sent, whose header is event 0.
fn index(at: usize) -> Option<u32> {
    Some(u32::try_from(at + 1).unwrap())
}

#[test]
fn a_changed_measurement() {
    let liar = Software { initrd: "implant", ..Software::default() }.boot();
    let verdict = judge(&liar, &golden(&[&good()]));
    let at = last_of_9(&liar);
    let (expected, got) = (sha256(&good(), at), sha256(&liar, at));
    let cause = Some(Cause::InitrdChanged);
    assert_eq!(
        told(the(&verdict, Code::GoldenMismatch)),
        (
            Some("initrd"),
            Some("sha256"),
            Some(9),
            index(at),
            vec![expected.as_str()],
            Some(got.as_str()),
            cause
        )
    );
    assert_eq!((verdict.causes[0].cause, verdict.causes[0].pcr), (Cause::InitrdChanged, Some(9)));
    assert_eq!(verdict.causes.len(), 1, "one change is one cause");
    let initrd = verdict.components.iter().find(|c| &*c.name == "initrd").unwrap();
    assert_eq!(initrd.status, Status::Contraindicated);
    let others = verdict.components.iter().filter(|c| &*c.name != "initrd");
    assert!(others.clone().count() > 10);
    others.for_each(|c| assert_eq!(c.status, Status::Affirming, "{}", c.name));
}

#[test]
fn a_superseded_measurement_that_was_left_in() {
    let mut golden = golden(&[&good()]);
    let at = last_of_9(&good());
    let digest = Digest::new(HashAlg::Sha256, &good().log[at].digests[&SHA256]).unwrap();
    let old = Superseded { component: "initrd".into(), digests: vec![digest], reason: "old".into() };
    golden.superseded.push(old);
    let verdict = judge(&good(), &golden);
    let got = sha256(&good(), at);
    let cause = Some(Cause::InitrdChanged);
    assert_eq!(
        told(the(&verdict, Code::Superseded)),
        (Some("initrd"), Some("sha256"), Some(9), index(at), vec![], Some(got.as_str()), cause)
    );
}

#[test]
fn another_startup_locality() {
    let liar = Software { locality: 0, ..Software::default() }.boot();
    let verdict = judge(&liar, &golden(&[&good()]));
    let cause = Some(Cause::FirmwareSettings);
    assert_eq!(
        told(the(&verdict, Code::StartupLocalityMismatch)),
        (Some("firmware.startup_locality"), None, Some(0), None, vec!["3"], Some("0"), cause)
    );
}

/// Of two alternatives that are equally far, the one of the same start is compared with.
#[test]
fn the_nearest_alternative_has_the_same_startup_locality() {
    let other = Software { locality: 0, firmware: "firmware volume, version 2", ..Software::default() };
    let golden = golden(&[&good(), &other.boot()]);
    for (locality, nearest) in [(3, &good()), (0, &other.boot())] {
        let newer =
            Software { locality, firmware: "firmware volume, version 3", ..Software::default() }.boot();
        let verdict = judge(&newer, &golden);
        assert!(find(&verdict, Code::StartupLocalityMismatch).is_empty(), "{verdict:#?}");
        assert_eq!(the(&verdict, Code::GoldenMismatch).expected, [sha256(nearest, 2)]);
    }
}

#[test]
fn a_log_that_was_cut_and_a_register_that_was_extended() {
    let golden = golden(&[&good()]);
    let mut cut = good();
    cut.log.remove(cut.find("MokListX"));
    let verdict = judge(&cut, &golden);
    let (quoted, replayed) = (value(&good(), 14), {
        let mut device = Device::new(&[SHA256], 3);
        cut.log.iter().filter(|e| e.pcr == 14).for_each(|e| device.replay(e));
        value(&device, 14)
    });
    let cause = Some(Cause::LogIncomplete);
    assert_eq!(
        told(the(&verdict, Code::ReplayMismatch)),
        (
            Some("userspace"),
            Some("sha256"),
            Some(14),
            Some(25),
            vec![quoted.as_str()],
            Some(replayed.as_str()),
            cause
        )
    );
    assert_eq!(verdict.causes[0].or, Some(Cause::UnloggedExtension), "and what cannot be told from it");
    let mut extended = good();
    extended.extend(8, b"nobody logged this");
    extended.extend(9, b"nobody logged this");
    let verdict = judge(&extended, &golden);
    assert!(find(&verdict, Code::ReplayMismatch).iter().all(|r| r.cause == Some(Cause::UnloggedExtension)));
    let root = &verdict.causes[0];
    assert_eq!((root.cause, root.or), (Cause::UnloggedExtension, Some(Cause::LogIncomplete)));
    assert_eq!((root.pcr, root.component.as_deref()), (Some(8), Some("log")));
    assert_eq!(root.explains, [Explained { pcr: 9, event: None, log: None }]);
}

#[test]
fn a_register_without_events() {
    let mut device = good();
    device.extend(13, b"nobody logged this");
    let verdict = judge(&device, &golden(&[&good()]));
    let quoted = value(&device, 13);
    let cause = Some(Cause::UnloggedExtension);
    assert_eq!(
        told(the(&verdict, Code::PcrWithoutEvents)),
        (Some("userspace"), Some("sha256"), Some(13), None, vec![quoted.as_str()], None, cause)
    );
}

#[test]
fn what_is_not_judged() {
    let mut golden = golden(&[&good()]);
    golden.judged.retain(|pcr| *pcr != 1);
    let verdict = judge(&good(), &golden);
    let first = good().log.iter().position(|e| e.pcr == 1).unwrap();
    let reason = the(&verdict, Code::PcrNotJudged);
    assert_eq!((reason.pcr, reason.event), (Some(1), index(first)));
    assert!(
        verdict.components.iter().all(|c| !c.name.starts_with("boot.order")),
        "no claim is made about it"
    );
}

#[test]
fn what_is_not_quoted_or_too_weak() {
    let golden = golden(&[&good()]);
    let mut device = good();
    device.selection = vec![(SHA1, vec![3]), (SHA256, vec![0, 1, 4, 5, 6, 7, 8, 9, 10, 14])];
    let verdict = judge(&device, &golden);
    assert_eq!(the(&verdict, Code::PcrNotQuoted).pcr, Some(2));
    assert_eq!(the(&verdict, Code::WeakBank).pcr, Some(3));
    let mut tolerant = golden;
    tolerant.workarounds = vec![Workaround { quirk: Quirk::Sha1BankMismatch, reason: "old".into() }];
    let mut quirky = good();
    quirky.selection.insert(0, (SHA1, vec![7]));
    let at = quirky.log.iter().position(|e| e.pcr == 7).unwrap();
    quirky.log[at].digests.insert(SHA1, vec![9; 20]);
    let sent = super::judge::Sent::by(&quirky);
    let policy = Policy::default();
    let verdict = sent.judge(&tolerant, &policy, &super::judge::context());
    let reason = the(&verdict, Code::WorkaroundUsed);
    assert_eq!((reason.bank, reason.pcr), (Some("sha1"), Some(7)));
}

#[test]
fn a_finding_of_the_log() {
    let mut device = good();
    super::sample::separator(&mut device, 5);
    let verdict = judge(&device, &golden(&[&good()]));
    let reason = the(&verdict, Code::LogFinding);
    assert_eq!((reason.pcr, reason.event), (Some(5), index(device.log.len() - 1)));
    assert_eq!(reason.detail_code, Some("duplicate_separator"));
}

#[test]
fn files() {
    let mut golden = golden_with_files(&[&good()]);
    golden.ima.as_mut().unwrap().files[1].required = true;
    let digest = |content: &str| hex::encode(hash(SHA256, content.as_bytes()));
    let mut device = good();
    for (path, content) in [("/usr/bin/sh", "implant"), ("/tmp/implant", "implant"), ("/mnt/init", "init")] {
        device.ima(Measurement::file(path.as_bytes(), content.as_bytes()));
    }
    device.ima(Measurement { violation: true, ..Measurement::digest(b"/var/log/journal", &[0; 32]) });
    let verdict = judge(&device, &golden);
    let (shell, implant, init) = (digest("shell"), digest("implant"), digest("init"));
    let told_as = |code, event, expected, got, cause| {
        let expected = (Some("ima.files"), None, Some(10), Some(event), expected, got, cause);
        assert_eq!(told(the(&verdict, code)), expected);
    };
    let changed = Some(Cause::FileChanged);
    told_as(Code::FileChanged, 3, vec![shell.as_str()], Some(implant.as_str()), changed);
    told_as(Code::FileUnknown, 4, vec![], Some(implant.as_str()), Some(Cause::UnknownFile));
    told_as(Code::FileMoved, 5, vec![], Some(init.as_str()), None);
    told_as(Code::ImaViolation, 6, vec![], None, None);
    let causes: Vec<Cause> = verdict.causes.iter().map(|root| root.cause).collect();
    assert_eq!(causes, [Cause::UnknownFile, Cause::FileChanged]);
    let root = &verdict.causes[1];
    assert_eq!((root.component.as_deref(), root.pcr, root.event), (Some("ima.files"), Some(10), Some(3)));

    let mut missing = good();
    missing.ima.pop();
    missing.pcrs = Software { files: vec![("/usr/bin/init", "init")], ..Software::default() }.boot().pcrs;
    let verdict = judge(&missing, &golden);
    assert_eq!(
        told(the(&verdict, Code::FileRequiredMissing)),
        (Some("ima.files"), None, Some(10), None, vec![shell.as_str()], None, changed)
    );
}

#[test]
fn boot_aggregates() {
    let other = Software { kernel: "linux 6.12", ..Software::default() }.boot();
    let mut device = good();
    for bank in device.banks() {
        device.pcrs.insert((bank, 10), vec![0; size(bank)]);
    }
    device.ima.clear();
    device.ima(other.boot_aggregate());
    let verdict = judge(&device, &golden(&[&good()]));
    let covered = |d: &Device| {
        let values: Vec<u8> = (0..10).flat_map(|pcr| d.pcrs[&(SHA256, pcr)].clone()).collect();
        hex::encode(hash(SHA256, &values))
    };
    let (expected, got) = (covered(&good()), covered(&other));
    assert_eq!(
        told(the(&verdict, Code::BootAggregateMismatch)),
        (
            Some("ima.boot_aggregate"),
            None,
            Some(10),
            Some(0),
            vec![expected.as_str()],
            Some(got.as_str()),
            None
        )
    );
    let mut cut = good();
    cut.ima.pop();
    let roots: Vec<Cause> = judge(&cut, &golden(&[&good()])).causes.iter().map(|root| root.cause).collect();
    assert_eq!(roots, [Cause::KexecOrLostList], "one cause, once");
    device.ima(other.boot_aggregate());
    let verdict = judge(&device, &golden(&[&good()]));
    let reason = the(&verdict, Code::KexecOrLostList);
    assert_eq!((reason.pcr, reason.event), (Some(10), Some(1)));
    assert_eq!(verdict.causes[0].cause, Cause::KexecOrLostList);
}

#[test]
fn a_padded_bank() {
    let mut device = Software { banks: vec![SHA384], ..Software::default() }.boot();
    device.pcrs.insert((SHA384, 10), vec![0; 48]);
    for entry in device.ima.clone() {
        device.extend_digest(SHA384, 10, &[hash(SHA1, &entry.data), vec![0; 28]].concat());
    }
    let verdict = judge(&device, &golden(&[&device]));
    let reason = the(&verdict, Code::ImaPadded);
    assert_eq!((reason.pcr, reason.bank), (Some(10), Some("sha384")));
}

/// The verdict names the variant that explains the boot, and its components in the order of the document.
#[test]
fn components_of_a_good_boot() {
    let golden = golden(&[&good()]);
    let verdict = judge(&good(), &golden);
    let names: Vec<&str> = verdict.components.iter().map(|c| &*c.name).collect();
    for name in
        ["firmware.code", "secure_boot.state", "secure_boot.db", "boot_loader.shim", "kernel", "initrd"]
    {
        assert_eq!(names.iter().filter(|n| **n == name).count(), 1, "{name}: {names:?}");
    }
    assert!(!names.contains(&"separator"));
    assert_eq!(names[0], "firmware.version");
}

/// What is known to nobody is a component of the verdict, too, once and refused.
#[test]
fn components_of_a_boot_with_more() {
    let mut device = good();
    device.measure(4, super::device::BLOB, b"implant", b"implant");
    device.measure(4, super::device::BLOB, b"implant", b"another implant");
    let verdict = judge(&device, &golden(&[&good()]));
    let status = |name: &str| -> Vec<Status> {
        verdict.components.iter().filter(|c| &*c.name == name).map(|c| c.status).collect()
    };
    assert_eq!(status("boot.other"), [Status::Contraindicated]);
    assert_eq!(status("kernel"), [Status::Affirming]);
    // A warning about a component refuses it not; a register that is not judged says nothing about it.
    let mut less = golden(&[&good()]);
    less.judged.retain(|pcr| *pcr != 1);
    let verdict = judge(&good(), &less);
    assert!(verdict.components.iter().all(|c| c.status == Status::Affirming && &*c.name != "boot.order"));
    let mut unquoted = good();
    unquoted.selection[0].1.retain(|pcr| *pcr != 14);
    let verdict = judge(&unquoted, &golden(&[&good()]));
    let mok = verdict.components.iter().find(|c| &*c.name == "mok.list").unwrap();
    assert_eq!(mok.status, Status::None, "nothing is said about what was not seen");
}

/// A device is named where its key is enrolled, by the name of the enrolment alone.
#[test]
fn the_device_is_the_enrolled_one() {
    let sent = super::judge::Sent::by(&good());
    let references = ReferenceSet::development(golden(&[&good()])).unwrap();
    let judge_by = |key: &AttestationKey| {
        let challenge = Challenge::offline(Nonce::new(&super::device::NONCE).unwrap());
        let now = Timestamp::from_unix(1_800_000_000);
        let evidence = AuthenticEvidence::authenticate(sent.bundle().unwrap(), key, challenge, now).unwrap();
        Policy::default().appraise(&evidence, &references, &super::judge::context())
    };
    let public = super::device::ak_public();
    let enrolled = judge_by(&AttestationKey::enrolled(&public, "device-7", &Limits::DEFAULT).unwrap());
    assert_eq!(enrolled.device.as_deref(), Some("device-7"));
    assert_eq!(enrolled.trust_vector.instance_identity, 2);
    let vouched = judge_by(&AttestationKey::vouched_tpm(&public, &Limits::DEFAULT).unwrap());
    assert_eq!((vouched.device, vouched.trust_vector.instance_identity), (None, 0));
}

#[test]
fn lists_that_prove_nothing() {
    let golden_files = golden_with_files(&[&good()]);
    let mut unquoted = good();
    unquoted.selection[0].1.retain(|pcr| *pcr != 10);
    let verdict = judge(&unquoted, &golden_files);
    let reason = the(&verdict, Code::PcrNotQuoted);
    assert_eq!((reason.pcr, reason.component.as_deref()), (Some(10), Some("ima")));
    assert!(the(&verdict, Code::BootAggregateUnproven).explain.contains("does not cover PCR 10"));
    // Without PCR 9 it is another reason.
    let mut golden = golden(&[&good()]);
    golden.judged.retain(|pcr| *pcr != 9);
    unquoted.selection[0].1.retain(|pcr| *pcr != 9);
    unquoted.selection[0].1.push(10);
    let verdict = judge(&unquoted, &golden);
    assert!(the(&verdict, Code::BootAggregateUnproven).explain.contains("covers PCR 9 of the sha256 bank"));
    // IMA's measurement, told by the firmware.
    let mut told_there = good();
    told_there.measure(10, super::device::IPL, b"ima", b"ima");
    let verdict = judge(&told_there, &golden_files);
    let reason = the(&verdict, Code::EventUnexpected);
    let at = told_there.log.len() - 1;
    assert_eq!((reason.pcr, reason.event, reason.component.as_deref()), (Some(10), index(at), Some("ima")));
}
