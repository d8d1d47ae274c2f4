//! What is accepted by its name: buffers that the kernel measured, and patterns of paths, which excuse what they say and no more.

use attest_core::appraise::{Cause, Code, Severity, Status};
use attest_core::reference::golden::{Golden, ImaBuffer, LintCode, PathEffect, Response};
use attest_core::{HashAlg, Limits};

use super::device::Measurement;
use super::judge::{affirmed, find, judge, refused_only};
use super::sample::good;

use super::ima_files::{buffer, golden_with, measured, path, sha256};

#[test]
fn a44_a_buffer_is_golden_by_its_name_and_digest() {
    let mut golden = golden_with(vec![]);
    let known = HashAlg::Sha256.hash(&[b"quiet"]);
    golden.ima.as_mut().unwrap().buffers =
        vec![ImaBuffer { name: "kexec-cmdline".into(), digest: known, about: "quiet".into() }];
    affirmed(&judge(&measured(buffer("kexec-cmdline", b"quiet")), &golden));
    let verdict = judge(&measured(buffer("kexec-cmdline", b"quiet init=/bin/sh")), &golden);
    refused_only(&verdict, Code::BufferUnknown);
    assert_eq!(verdict.causes[0].cause, Cause::KexecOrLostList);
    let reason = find(&verdict, Code::BufferUnknown)[0];
    assert_eq!(reason.component.as_deref(), Some("ima.buffers"));
    assert_eq!(
        (&reason.expected[..], reason.got.clone()),
        (&[sha256(b"quiet")][..], Some(sha256(b"quiet init=/bin/sh")))
    );
    refused_only(&judge(&measured(buffer(".ima", b"quiet")), &golden), Code::BufferUnknown);
    // The bytes shown are not those that were measured.
    let mut lie = buffer("kexec-cmdline", b"quiet");
    let at = lie.data.len() - 5;
    lie.data[at..].copy_from_slice(b"loud!");
    golden.ima.as_mut().unwrap().unknown_files = Response::Warn;
    refused_only(&judge(&measured(lie), &golden), Code::BufferUnknown);
    // A buffer is no file, whatever golden file's name and content it bears, and a file is no buffer.
    refused_only(
        &judge(&measured(buffer("/usr/bin/sh", b"shell")), &golden_with(vec![])),
        Code::BufferUnknown,
    );
    refused_only(
        &judge(&measured(Measurement { template: "ima-sig", ..buffer("kexec-cmdline", b"quiet") }), &{
            golden.ima.as_mut().unwrap().unknown_files = Response::Refuse;
            golden
        }),
        Code::FileUnknown,
    );
}

/// Mount namespaces let an attacker choose paths: a pattern alone is a warning, or says that it is more, and is shown.
#[test]
fn a43a_a_path_alone_accounts_only_where_it_says_so() {
    let device = measured(Measurement::file(b"/var/cache/x/y", b"anything"));
    let with = |effect| {
        let mut golden = golden_with(vec![]);
        golden.ima.as_mut().unwrap().paths = vec![path("/var/cache/**", effect)];
        assert_eq!(Golden::parse(&golden.to_toml(), &Limits::DEFAULT).unwrap(), golden);
        golden
    };
    let verdict = judge(&device, &with(PathEffect::Warn));
    assert_eq!(verdict.runtime.status, Status::Warning);
    assert!(find(&verdict, Code::FileUnknown)[0].explain.contains("caches"));
    let golden = with(PathEffect::AccountsByPathAlone);
    let verdict = judge(&device, &golden);
    affirmed(&verdict);
    let shown = find(&verdict, Code::FileByPathAlone);
    assert!(shown[0].severity == Severity::Info && shown[0].explain.contains("1 entry accounts"));
    assert_eq!(shown[0].component.as_deref(), Some("ima.paths"));
    assert!(
        find(&judge(&good(), &golden), Code::FileByPathAlone).is_empty(),
        "where none did, none is told of"
    );
    assert_eq!(verdict.trust_vector.executables, 3, "approved by nobody who has seen it");
    assert!(golden.check().iter().any(|lint| lint.code == LintCode::PathAlone));
    // What is golden by its digest stays so, and no path excuses another content there.
    let mut golden = golden;
    golden.ima.as_mut().unwrap().paths = vec![path("/usr/bin/*", PathEffect::AccountsByPathAlone)];
    let liar = measured(Measurement::file(b"/usr/bin/sh", b"implant"));
    refused_only(&judge(&liar, &golden), Code::FileChanged);
    for odd in
        [&b"/usr/bin/../../tmp/x"[..], b"/usr/bin/a\nb", b"/usr/bin/deep/er", b"/usr/binx", b"/usr/bin/a\0b"]
    {
        let liar = measured(Measurement::file(odd, b"implant"));
        refused_only(&judge(&liar, &golden), Code::FileUnknown);
    }
}

/// A violation's name is in no digest: root can tell any.
#[test]
fn a43a_no_path_excuses_a_violation() {
    let mut golden = golden_with(vec![]);
    golden.ima.as_mut().unwrap().paths = vec![path("/var/log/**", PathEffect::AccountsByPathAlone)];
    let entry = Measurement { violation: true, ..Measurement::digest(b"/var/log/x", &[0; 32]) };
    refused_only(&judge(&measured(entry), &golden), Code::ImaViolation);
}

#[test]
fn patterns_match_what_they_say() {
    let all = |pattern: &str, paths: &[(&str, bool)]| {
        for (name, expected) in paths {
            assert_eq!(
                path(pattern, PathEffect::Warn).matches(name.as_bytes()),
                *expected,
                "{pattern} {name}"
            );
        }
    };
    all("/a/b", &[("/a/b", true), ("/a/bc", false), ("/a", false)]);
    all("/a/*", &[("/a/b", true), ("/a/", true), ("/a/b/c", false), ("/b/a/c", false)]);
    all("/a/*.pyc", &[("/a/b.pyc", true), ("/a/b/c.pyc", false), ("/a/.pyc", true), ("/a/pyc", false)]);
    all("/a/**/z", &[("/a/b/c/z", true), ("/a/z", false), ("/a/b/z", true)]);
    all("/a*a", &[("/aa", true), ("/a", false)]);
    let text = golden_with(vec![]).to_toml();
    let parse = |pattern: &str, reason: &str| {
        let table = format!(
            "{text}\n[[ima.paths]]\npattern = \"{pattern}\"\neffect = \"warn\"\nreason = \"{reason}\"\n"
        );
        Golden::parse(&table, &Limits::DEFAULT).map_err(|error| error.code())
    };
    assert!(parse("/a/*", "why").is_ok());
    for (pattern, reason) in [
        ("/*", "why"),
        ("/**", "why"),
        ("*", "why"),
        ("a/*", "why"),
        ("/a/*/*", "why"),
        ("/a/**/*", "why"),
        ("", "why"),
        ("/a/*", " "),
    ] {
        assert_eq!(parse(pattern, reason).unwrap_err(), "golden_value", "{pattern}");
    }
}

/// The list of findings is bounded: what is left out is counted, and each severity has its own place.
#[test]
fn a51_what_is_tolerated_crowds_out_nothing_that_refuses() {
    let mut golden = golden_with(vec![]);
    golden.ima.as_mut().unwrap().paths = vec![path("/junk/*", PathEffect::Warn)];
    let mut device = good();
    for n in 0..1_005_u32 {
        device.ima(Measurement::file(format!("/junk/{n}").as_bytes(), &n.to_le_bytes()));
    }
    let verdict = judge(&device, &golden);
    assert_eq!((verdict.boot.status, verdict.runtime.status), (Status::Affirming, Status::Warning));
    let found = find(&verdict, Code::FileUnknown);
    assert_eq!((found.len(), found.iter().filter(|reason| reason.left_out.is_some()).count()), (1_001, 1));
    assert_eq!((found[1_000].left_out, found[1_000].severity), (Some(5), Severity::Warn));
    assert!(found[1_000].explain.contains("1005"), "{}", found[1_000].explain);
    device.ima(Measurement::file(b"/tmp/x", b"implant"));
    refused_only(&judge(&device, &golden), Code::FileUnknown);
}
