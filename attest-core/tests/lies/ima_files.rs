//! Runtime integrity beyond exact digests: who signed a file, measured buffers, paths, a second kernel.

use attest_core::appraise::{Cause, Code, Status, Verdict};
use attest_core::evidence::ima_log::ImaLog;
use attest_core::reference::golden::{
    Golden, ImaBuffer, ImaFile, ImaPath, ImaSigner, LintCode, PathEffect, Response, SignerKeyGolden,
    Superseded, key_from_pem,
};
use attest_core::reference::learn;
use attest_core::{HashAlg, Limits};

use super::device::{Device, Measurement, SHA256, hash};
use super::judge::{affirmed, find, golden_with_files, judge, refused, refused_only};
use super::sample::good;

pub const SIGNED: &[u8] = include_bytes!("../../../tests/fixtures/ima-signatures/file");

macro_rules! fixture {
    ($name:literal) => {
        include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures/ima-signatures/", $name))
            .as_slice()
    };
}

pub fn field(bytes: &[u8]) -> Vec<u8> {
    [&(bytes.len() as u32).to_le_bytes(), bytes].concat()
}

/// `ima-sig` of a file with this content and signature.
pub fn signed(path: &str, content: &[u8], signature: &[u8]) -> Measurement {
    told("ima-sig", &[b"sha256:\0", &hash(SHA256, content)[..]].concat(), path, signature)
}

pub fn told(template: &'static str, digest: &[u8], name: &str, third: &[u8]) -> Measurement {
    let data = [field(digest), field(&[name.as_bytes(), &[0]].concat()), field(third)].concat();
    Measurement { pcr: 10, template, data, violation: false }
}

pub fn buffer(name: &str, content: &[u8]) -> Measurement {
    told("ima-buf", &[b"sha256:\0", &hash(SHA256, content)[..]].concat(), name, content)
}

fn signer(pem: &[u8]) -> ImaSigner {
    let key = key_from_pem(core::str::from_utf8(pem).unwrap()).unwrap();
    ImaSigner { name: "vendor".into(), keyid: key.keyid(), key: SignerKeyGolden::Spki(key.spki().to_vec()) }
}

pub fn rsa() -> ImaSigner {
    signer(fixture!("rsa2048.pub.pem"))
}

pub fn golden_with(signers: Vec<ImaSigner>) -> Golden {
    let mut golden = golden_with_files(&[&good()]);
    golden.ima.as_mut().unwrap().signers = signers;
    golden
}

pub fn sha256(content: &[u8]) -> String {
    HashAlg::Sha256.hash(&[content]).to_string()
}

pub fn measured(entry: Measurement) -> Device {
    let mut device = good();
    device.ima(entry);
    device
}

#[track_caller]
pub fn refused_for(verdict: &Verdict, detail: &str) {
    refused_only(verdict, Code::FileSignature);
    assert_eq!(verdict.boot.status, Status::Affirming);
    assert_eq!(find(verdict, Code::FileSignature)[0].detail_code, Some(detail));
    let reason = find(verdict, Code::FileSignature)[0];
    assert_eq!((reason.event, reason.cause), (Some(3), Some(Cause::UnknownFile)));
    assert!(reason.got.is_some());
}

pub fn path(pattern: &str, effect: PathEffect) -> ImaPath {
    ImaPath { pattern: pattern.into(), effect, reason: "caches".into() }
}

#[test]
fn a_file_that_a_golden_key_signed_is_golden_at_any_path() {
    for path in ["/usr/bin/tool", "/opt/tool"] {
        let device = measured(signed(path, SIGNED, fixture!("rsa2048-sha256.sig")));
        affirmed(&judge(&device, &golden_with(vec![rsa()])));
        refused_only(&judge(&device, &golden_with(vec![])), Code::FileUnknown);
    }
    let p256 = signer(fixture!("p256.pub.pem"));
    let device = measured(signed("/usr/bin/tool", SIGNED, fixture!("p256-sha256.sig")));
    affirmed(&judge(&device, &golden_with(vec![rsa(), p256.clone()])));
    // fs-verity's, with the digest that fs-verity gives.
    let digest = [b"verity:sha256:\0", &hash(SHA256, SIGNED)[..]].concat();
    let verity = told("ima-sigv2", &digest, "/usr/bin/tool", fixture!("p256-sha256-v3-verity.sig"));
    affirmed(&judge(&measured(verity), &golden_with(vec![p256])));
}

#[test]
fn a44_a_signature_over_another_digest() {
    let device = measured(signed("/usr/bin/tool", b"implant", fixture!("rsa2048-sha256.sig")));
    refused_for(&judge(&device, &golden_with(vec![rsa()])), "signature_invalid");
    let digest = [b"sha256:\0", &hash(SHA256, SIGNED)[..]].concat();
    let device = measured(told("ima-sig", &digest, "/usr/bin/tool", fixture!("rsa2048-sha512.sig")));
    refused_for(&judge(&device, &golden_with(vec![rsa()])), "signature_digest_other");
    // No leniency towards unknown files, and no path, excuses a forgery.
    let mut golden = golden_with(vec![rsa()]);
    let ima = golden.ima.as_mut().unwrap();
    ima.unknown_files = Response::Warn;
    ima.paths = vec![path("/usr/bin/*", PathEffect::AccountsByPathAlone)];
    let device = measured(signed("/usr/bin/tool", b"implant", fixture!("rsa2048-sha256.sig")));
    refused_for(&judge(&device, &golden), "signature_invalid");
}

#[test]
fn a44_a_signature_by_an_unknown_key_or_a_replaced_keyring() {
    let device = measured(signed("/usr/bin/tool", SIGNED, fixture!("rsa2048-other-sha256.sig")));
    refused_for(&judge(&device, &golden_with(vec![rsa()])), "signer_unknown");
    let device = measured(signed("/usr/bin/tool", SIGNED, fixture!("rsa2048-replaced-sha256.sig")));
    refused_for(&judge(&device, &golden_with(vec![rsa()])), "signature_invalid");
    // An unknown key makes a file neither better nor worse than none.
    let mut tolerant = golden_with(vec![rsa()]);
    tolerant.ima.as_mut().unwrap().unknown_files = Response::Warn;
    let device = measured(signed("/usr/bin/tool", SIGNED, fixture!("rsa2048-other-sha256.sig")));
    assert_eq!(judge(&device, &tolerant).runtime.status, Status::Warning);
}

#[test]
fn a44_weak_malformed_and_unsupported_signatures_account_for_nothing() {
    let mut short = fixture!("rsa2048-sha256.sig").to_vec();
    short.pop();
    let mut evm = fixture!("rsa2048-sha256.sig").to_vec();
    evm[0] = 5;
    let cases: [(&[u8], &str); 4] = [
        (fixture!("rsa2048-v1.sig"), "signature_version_unsupported"),
        (&short, "signature_length"),
        (&evm, "signature_evm_portable"),
        (&[1, 2, 3], "signature_type_unknown"),
    ];
    for (signature, detail) in cases {
        let device = measured(signed("/usr/bin/tool", SIGNED, signature));
        refused_for(&judge(&device, &golden_with(vec![rsa()])), detail);
    }
    let sha1 = [b"sha1:\0", &hash(super::device::SHA1, SIGNED)[..]].concat();
    let device = measured(told("ima-sig", &sha1, "/usr/bin/tool", fixture!("rsa2048-sha1.sig")));
    refused_for(&judge(&device, &golden_with(vec![rsa()])), "signature_hash_weak");
    // A signature appended to the file is named, and not counted.
    let digest = [b"sha256:\0", &hash(SHA256, SIGNED)[..]].concat();
    let mut module = told("ima-modsig", &digest, "/lib/modules/x.ko", &[]);
    module.data.extend([field(&digest), field(&[0x30, 0])].concat());
    refused_for(&judge(&measured(module), &golden_with(vec![rsa()])), "signature_appended");
}

/// The reviewer pinned this path's content, or withdrew it: whoever signed another one, it is not it.
#[test]
fn a44_a_signature_excuses_neither_a_pinned_path_nor_a_superseded_content() {
    let device = measured(signed("/usr/bin/sh", SIGNED, fixture!("rsa2048-sha256.sig")));
    refused_only(&judge(&device, &golden_with(vec![rsa()])), Code::FileChanged);
    let device = measured(signed("/usr/bin/tool", SIGNED, fixture!("rsa2048-sha256.sig")));
    let mut golden = golden_with(vec![rsa()]);
    golden.superseded.push(Superseded {
        component: "tool".into(),
        digests: vec![HashAlg::Sha256.hash(&[SIGNED])],
        reason: "CVE".into(),
    });
    refused_only(&judge(&device, &golden), Code::Superseded);
}

/// The document withdraws a content and still has the file, or the buffer, beside it: the newer word counts, as it does for a boot.
#[test]
fn superseded_content_does_not_account_where_its_golden_value_was_left_in() {
    let withdrawn = |golden: &mut Golden, content: &[u8]| {
        let digests = vec![HashAlg::Sha256.hash(&[content])];
        golden.superseded.push(Superseded { component: "x".into(), digests, reason: "CVE".into() });
    };
    let device = measured(signed("/usr/bin/tool", SIGNED, b""));
    let mut golden = golden_with_files(&[&device]);
    affirmed(&judge(&device, &golden));
    withdrawn(&mut golden, SIGNED);
    let verdict = judge(&device, &golden);
    refused_only(&verdict, Code::Superseded);
    let reason = find(&verdict, Code::Superseded)[0];
    assert_eq!(reason.component.as_deref(), Some("ima.files"));
    assert_eq!((reason.cause, reason.got.as_deref()), (Some(Cause::FileChanged), Some(&*sha256(SIGNED))));
    // What is golden there beside it would be expected, and it itself would not.
    assert_eq!(reason.expected, Vec::<String>::new());
    let mut newer = golden.clone();
    let files = &mut newer.ima.as_mut().unwrap().files;
    let at = files.iter().position(|file| file.path == "/usr/bin/tool").unwrap();
    let other = ImaFile { digest: HashAlg::Sha256.hash(&[b"newer"]), ..files[at].clone() };
    files.insert(at, other);
    let verdict = judge(&device, &newer);
    assert_eq!(find(&verdict, Code::Superseded)[0].expected, [sha256(b"newer")]);
    assert!(golden.check().iter().any(|lint| lint.code == LintCode::SupersededStillGolden));

    let device = measured(buffer("kexec-cmdline", b"quiet"));
    let mut golden = golden_with(Vec::new());
    let digest = HashAlg::Sha256.hash(&[b"quiet"]);
    golden.ima.as_mut().unwrap().buffers =
        vec![ImaBuffer { name: "kexec-cmdline".into(), digest, about: "quiet".into() }];
    affirmed(&judge(&device, &golden));
    withdrawn(&mut golden, b"quiet");
    let verdict = judge(&device, &golden);
    refused_only(&verdict, Code::Superseded);
    assert_eq!(find(&verdict, Code::Superseded)[0].component.as_deref(), Some("ima.buffers"));
    assert!(golden.check().iter().any(|lint| lint.code == LintCode::SupersededStillGolden));
}

/// An fs-verity digest is that of a descriptor, which can be written to a file of its own.
#[test]
fn a44_an_fs_verity_digest_is_no_digest_of_content() {
    let content = hash(SHA256, b"descriptor");
    let verity = told("ima-ngv2", &[b"verity:sha256:\0", &content[..]].concat(), "/usr/bin/tool", b"");
    let two = |entry: Measurement| {
        let data = entry.data[..entry.data.len() - 4].to_vec();
        Measurement { template: "ima-ngv2", data, ..entry }
    };
    let (verity, plain) = (
        two(verity),
        two(told("ima-ngv2", &[b"ima:sha256:\0", &content[..]].concat(), "/usr/bin/tool", b"")),
    );
    let golden = golden_with_files(&[&measured(verity.clone())]);
    assert!(golden.ima.as_ref().unwrap().files.iter().any(|file| file.verity));
    assert_eq!(Golden::parse(&golden.to_toml(), &Limits::DEFAULT).unwrap(), golden);
    let of_content = golden_with_files(&[&measured(plain.clone())]);
    affirmed(&judge(&measured(verity.clone()), &golden));
    // The same bytes on both sides: what differs is of what they are the digest.
    for (device, golden, differs) in [
        (plain, &golden, "the digest of its content was measured, and its fs-verity digest is golden"),
        (verity, &of_content, "its fs-verity digest was measured, and that of its content is golden"),
    ] {
        let verdict = judge(&measured(device), golden);
        refused_only(&verdict, Code::FileChanged);
        assert!(find(&verdict, Code::FileChanged)[0].explain.ends_with(differs), "{verdict:#?}");
    }
}

#[test]
fn a_key_known_by_its_digest_is_taken_from_the_list() {
    let certificate = fixture!("p256.crt");
    let key = signer(fixture!("p256.pub.pem"));
    let by_digest = ImaSigner { key: SignerKeyGolden::Sha256(key.key.sha256()), ..key.clone() };
    let mut golden = golden_with(vec![by_digest]);
    let digest = HashAlg::Sha256.hash(&[certificate]);
    golden.ima.as_mut().unwrap().buffers =
        vec![ImaBuffer { name: ".ima".into(), digest, about: String::new() }];
    assert_eq!(Golden::parse(&golden.to_toml(), &Limits::DEFAULT).unwrap(), golden);
    let mut device = good();
    device.ima(buffer(".ima", certificate));
    let measured_key = super::ima_resume::checkpoint(&device, &golden);
    device.ima(signed("/usr/bin/tool", SIGNED, fixture!("p256-sha256.sig")));
    affirmed(&judge(&device, &golden));
    // It is not forgotten where the list is judged in parts.
    affirmed(&super::ima_resume::resumed(&device, &measured_key, &golden));
    // The key is not in the list.
    let device = measured(signed("/usr/bin/tool", SIGNED, fixture!("p256-sha256.sig")));
    refused_for(&judge(&device, &golden), "signer_not_measured");
    // It lies beside another buffer's digest.
    let mut liar = good();
    liar.ima(told("ima-buf", &[b"sha256:\0", &hash(SHA256, b"x")[..]].concat(), ".ima", certificate));
    liar.ima(signed("/usr/bin/tool", SIGNED, fixture!("p256-sha256.sig")));
    let verdict = judge(&liar, &golden);
    refused(&verdict, Code::BufferUnknown);
    assert_eq!(find(&verdict, Code::FileSignature)[0].detail_code, Some("signer_not_measured"));
}

#[test]
fn signers_that_are_none_are_refused() {
    let text = golden_with(vec![rsa()]).to_toml();
    let code = |from: &str, to: &str| {
        assert!(text.contains(from));
        Golden::parse(&text.replacen(from, to, 1), &Limits::DEFAULT).unwrap_err().code()
    };
    assert_eq!(code("keyid = \"", "keyid = \"0"), "golden_value");
    assert_eq!(code("BEGIN PUBLIC KEY", "BEGIN PRIVATE KEY"), "golden_value");
    assert_eq!(code("[[ima.signers]]", "[[ima.signers]]\nkey_sha256 = \"00\""), "golden_value");
    let twice = |name: &str| {
        let mut golden = golden_with(vec![rsa()]);
        let signers = &mut golden.ima.as_mut().unwrap().signers;
        signers.push(ImaSigner { name: name.into(), ..rsa() });
        Golden::parse(&golden.to_toml(), &Limits::DEFAULT).unwrap_err().code()
    };
    assert_eq!(
        (twice("vendor"), twice("other")),
        ("golden_duplicate", "golden_duplicate"),
        "one identifier, one key"
    );
}

/// Learning with a signer leaves its files out, and lists the buffers.
#[test]
fn learning_with_signers_and_buffers() {
    let mut device = measured(signed("/usr/bin/tool", SIGNED, fixture!("rsa2048-sha256.sig")));
    device.ima(signed("/usr/bin/other", b"other", fixture!("rsa2048-sha256.sig")));
    device.ima(buffer("kexec-cmdline", b"quiet"));
    let bytes = device.ima_bytes();
    let list = ImaLog::parse(&bytes, &Limits::DEFAULT).unwrap();
    let learned = learn::files_of(list.entries(), &[rsa()]);
    let paths: Vec<&str> = learned.files.iter().map(|file: &ImaFile| file.path.as_str()).collect();
    assert_eq!(
        paths,
        ["/usr/bin/init", "/usr/bin/other", "/usr/bin/sh"],
        "a signature that does not verify leaves nothing out"
    );
    assert_eq!(learned.buffers[0].name, "kexec-cmdline");
    assert!(learn::ima_files(&list).files.iter().any(|file| file.path == "/usr/bin/tool"));
}

/// Nothing but signers is something to judge by.
#[test]
fn a43a_signers_alone() {
    let mut golden = golden_with(vec![rsa()]);
    golden.ima.as_mut().unwrap().files.clear();
    let mut device = good();
    let aggregate = good().boot_aggregate();
    device.ima.clear();
    for bank in device.banks() {
        device.pcrs.insert((bank, 10), vec![0; super::device::size(bank)]);
    }
    device.ima(aggregate);
    device.ima(signed("/init", SIGNED, fixture!("rsa2048-sha256.sig")));
    affirmed(&judge(&device, &golden));
    device.ima(Measurement::file(b"/init", b"implant"));
    refused_only(&judge(&device, &golden), Code::FileUnknown);
    golden.ima.as_mut().unwrap().paths = vec![path("/in*", PathEffect::AccountsByPathAlone)];
    golden.ima.as_mut().unwrap().signers.clear();
    refused(&judge(&device, &golden), Code::GoldenMissing);
}

/// A kexec that carried its list over: the first kernel's, then the second's.
#[test]
fn a40_a_second_kernels_list_is_tolerated_by_name_and_of_this_boot() {
    let mut golden = golden_with(vec![]);
    golden.ima.as_mut().unwrap().kexec = Response::Warn;
    let mut device = good();
    device.ima(good().boot_aggregate());
    device.ima(Measurement::file(b"/usr/bin/sh", b"shell"));
    let verdict = judge(&device, &golden);
    assert_eq!((verdict.boot.status, verdict.runtime.status), (Status::Affirming, Status::Warning));
    assert_eq!(find(&verdict, Code::KexecOrLostList)[0].event, Some(3));
    refused_only(&judge(&device, &golden_with(vec![])), Code::KexecOrLostList);
    // What the second kernel measured is judged as any.
    let mut liar = device.clone();
    liar.ima(Measurement::file(b"/tmp/x", b"implant"));
    refused_only(&judge(&liar, &golden), Code::FileUnknown);
    // The second aggregate is another boot's, or a third one's.
    let mut liar = good();
    liar.ima(Measurement::digest(b"boot_aggregate", &[7; 32]));
    refused_only(&judge(&liar, &golden), Code::KexecOrLostList);
    let mut liar = device;
    liar.ima(Measurement::digest(b"boot_aggregate", &[0; 32]));
    refused_only(&judge(&liar, &golden), Code::KexecOrLostList);
}

#[test]
fn a51_signatures_that_do_not_hold_are_bounded_and_others_are_not() {
    let genuine = |n: u32| signed(&format!("/opt/{n}"), SIGNED, fixture!("rsa2048-sha256.sig"));
    let mut golden = golden_with(vec![rsa()]);
    golden.ima.as_mut().unwrap().paths = vec![path("/junk/*", PathEffect::AccountsByPathAlone)];
    let mut device = good();
    let unknown = |n: u32| {
        let mut signature = fixture!("rsa2048-other-sha256.sig").to_vec();
        signature.splice(9..13, n.to_le_bytes());
        signed("/junk/x", SIGNED, &signature)
    };
    // An honest host with more signed files than were once checked, and with as many by keys that are not golden.
    for n in 0..20_001_u32 {
        device.ima(unknown(n));
        device.ima(signed("/junk/x", SIGNED, &n.to_le_bytes()));
    }
    device.ima(genuine(0));
    affirmed(&judge(&device, &golden));
    // Signatures in a golden key's name that it never made.
    let forged = |n: u32| signed("/opt/x", &n.to_le_bytes(), fixture!("rsa2048-sha256.sig"));
    let most = u32::try_from(Limits::DEFAULT.ima_invalid_signatures).unwrap();
    let told = |forgeries: u32, times: u32| {
        let mut liar = good();
        for n in 0..forgeries * times {
            liar.ima(forged(n / times));
        }
        liar.ima(genuine(0));
        let verdict = judge(&liar, &golden);
        refused_only(&verdict, Code::FileSignature);
        find(&verdict, Code::FileSignature).iter().filter_map(|r| r.detail_code).next_back()
    };
    assert_eq!(
        told(most - 1, 2),
        Some("signature_invalid"),
        "the genuine one counts; equal ones are checked once"
    );
    assert_eq!(told(most, 1), Some("signatures_too_many"));
}
