//! What an entry of the list tells without a digest over it: its template's name, and the name of a violation. And names without end.

use attest_core::appraise::{Code, Severity, Status};
use attest_core::reference::golden::{Golden, Response, Superseded};
use attest_core::{Digest, HashAlg};

use super::device::{Measurement, SHA256, hash};
use super::ima::{ima_golden, measured, runtime_refused};
use super::ima_files::field;
use super::judge::{find, judge};
use super::sample::good;

/// Golden values of a roll-out: what nobody knows is told, and no more.
fn tolerant() -> Golden {
    let mut golden = ima_golden();
    golden.ima.as_mut().unwrap().unknown_files = Response::Warn;
    golden
}

fn listed(entry: Measurement) -> super::device::Device {
    let mut device = good();
    device.ima(entry);
    device
}

/// The same bytes under another template: neither a changed golden file nor a superseded content becomes an unknown one.
#[test]
fn a41_a_relabelled_template_hides_neither_path_nor_digest() {
    let plain = |path: &str, content: &[u8]| {
        let digest = field(&[b"sha256:\0", &hash(SHA256, content)[..]].concat());
        [digest, field(&[path.as_bytes(), &[0]].concat())].concat()
    };
    let mut golden = tolerant();
    golden.superseded.push(Superseded {
        component: "old".into(),
        digests: vec![Digest::new(HashAlg::Sha256, &hash(SHA256, b"flawed")).unwrap()],
        reason: "a flaw".into(),
    });
    let unknown = judge(
        &listed(Measurement { pcr: 10, template: "ima-ng", data: plain("/opt/x", b"x"), violation: false }),
        &golden,
    );
    assert_eq!(unknown.runtime.status, Status::Warning, "what is tolerated");
    for (path, content, code) in
        [("/usr/bin/sh", &b"implant"[..], Code::FileChanged), ("/opt/old", b"flawed", Code::Superseded)]
    {
        let told = |template| Measurement { pcr: 10, template, data: plain(path, content), violation: false };
        runtime_refused(&judge(&listed(told("ima-ng")), &golden), code);
        for template in ["zz", "d-modsig|n-ng", "d-ngv2|n-ng", "d|n-ng", "d-ng|sig", "n-ng|n-ng"] {
            let verdict = judge(&listed(told(template)), &golden);
            assert_eq!(verdict.runtime.status, Status::Contraindicated, "{path} {template}");
            let codes = [Code::FileUnreadable, Code::Superseded];
            let refused = verdict.reasons.iter().filter(|reason| reason.severity == Severity::Refuse);
            assert!(refused.into_iter().all(|reason| codes.contains(&reason.code)), "{path} {template}");
        }
    }
    // What fs-verity says, told as a file's own: the hash has no such name.
    let digest = field(&[b"verity:sha256:\0", &hash(SHA256, b"implant")[..]].concat());
    let data = [digest, field(b"/opt/x\0")].concat();
    let told = |template| listed(Measurement { pcr: 10, template, data: data.clone(), violation: false });
    assert_eq!(judge(&told("ima-ngv2"), &golden).runtime.status, Status::Warning);
    runtime_refused(&judge(&told("ima-ng"), &golden), Code::FileUnreadable);
    // A hash that is not known here says nothing of a golden file, and is unknown elsewhere.
    let of = |path: &str| {
        let data =
            [field(b"sha3-256:\0................................"), field(&[path.as_bytes(), &[0]].concat())];
        listed(Measurement { pcr: 10, template: "ima-ng", data: data.concat(), violation: false })
    };
    runtime_refused(&judge(&of("/usr/bin/sh"), &golden), Code::FileUnreadable);
    assert_eq!(find(&judge(&of("/opt/x"), &golden), Code::FileUnknown)[0].severity, Severity::Warn);
}

/// A violation's name is in no digest: that of the boot's own entry excuses nothing.
#[test]
fn a41_a_violation_told_as_boot_aggregate() {
    let mut golden = ima_golden();
    golden.ima.as_mut().unwrap().kexec = Response::Warn;
    let violation = Measurement { violation: true, ..good().boot_aggregate() };
    runtime_refused(&judge(&listed(violation.clone()), &golden), Code::ImaViolation);
    // Nor does it stand for the first entry.
    let mut list = good().ima;
    list[0] = violation;
    let verdict = judge(&measured(list), &golden);
    assert_eq!(verdict.runtime.status, Status::Contraindicated);
    assert!(!find(&verdict, Code::BootAggregateUnproven).is_empty());
}

/// Whoever controls the device makes names as long as a list may be; a verdict, which is stored and signed, does not grow with them.
#[test]
fn a53_names_without_end_are_shortened() {
    let name = vec![0x1b; 200_000];
    let verdict = judge(&listed(Measurement::file(&name, b"implant")), &ima_golden());
    runtime_refused(&verdict, Code::FileUnknown);
    assert!(find(&verdict, Code::FileUnknown)[0].explain.chars().count() < 1_100);
    let violation = Measurement { violation: true, ..Measurement::file(&name, b"implant") };
    let verdict = judge(&listed(violation), &ima_golden());
    assert!(find(&verdict, Code::ImaViolation)[0].explain.chars().count() < 1_200);
}
