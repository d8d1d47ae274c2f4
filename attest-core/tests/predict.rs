//! Predictions held against real boots: what is computed before an update is what the device measures after it, to the verdict.
#![allow(
    clippy::allow_attributes,
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test reads files, and a panic in it is a failed test"
)]

mod common;

use std::path::{Path, PathBuf};

use attest_core::appraise::{Code, Severity, Status, Verdict};
use attest_core::evidence::tcg_log::EventLog;
use attest_core::reference::golden::{self, Golden};
use attest_core::reference::learn::{self, Boot, Choices};
use attest_core::reference::predict::{Prediction, Replace, Request, Source, WarningCode, predict};
use attest_core::{Digest, HashAlg, Limits};

use common::capture::{Capture, file, references};

const FAMILY: &str = "f";
const SHA256: &[HashAlg] = &[HashAlg::Sha256];

/// The boots in the project.
fn boots() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/boots")
}

/// Boots that differ from a baseline in one thing, kept outside of the project.
fn changes() -> Option<PathBuf> {
    common::shared().map(|shared| shared.join("changes"))
}

fn learn_from(folder: &Path) -> Golden {
    let log = file(folder, "eventlog.bin");
    let log = EventLog::parse(&log, &Limits::DEFAULT).expect("log");
    let name = folder.file_name().and_then(|name| name.to_str()).expect("a name");
    let boot = Boot { name, log: &log, evidence: golden::Evidence::Quoted, files: None, userspace: None };
    learn::learn(FAMILY, &[boot], &Choices::default()).expect("golden")
}

fn judge(folder: &Path, golden: &Golden) -> Verdict {
    let capture = Capture::read(folder, "all").or_else(|| Capture::read(folder, "ecc")).expect("a quote");
    capture.without_values().judge(FAMILY, &references(golden))
}

fn sha256(hex: &str) -> [Digest; 1] {
    [Digest::from_hex(HashAlg::Sha256, hex).expect("digest")]
}

const fn with<'a>(component: &'a str, with: Source<'a>) -> Replace<'a> {
    Replace { component, which: None, with }
}

fn request<'a>(base: &'a Golden, replace: &'a [Replace<'a>]) -> Request<'a> {
    Request {
        base,
        variant: None,
        replace,
        rename: &[],
        keep: &[],
        files: &[],
        name: None,
        banks: None,
        supersede: None,
    }
}

/// The base alone refuses the updated boot; the prediction passes it, and the old boot still; superseding the old one refuses it.
fn holds(base_folder: &Path, updated: &Path, request: &Request<'_>) -> Prediction {
    let what = updated.display();
    assert_eq!(judge(updated, request.base).boot.status, Status::Contraindicated, "{what}: not predicted");
    let prediction = predict(request, &Limits::DEFAULT).unwrap_or_else(|error| panic!("{what}: {error}"));
    // As the document travels.
    let golden = Golden::parse(&prediction.golden.to_toml(), &Limits::DEFAULT).expect("reads back");
    let verdict = judge(updated, &golden);
    assert_eq!(verdict.boot.status, Status::Affirming, "{what}: {:?}", verdict.reasons);
    assert_eq!(judge(base_folder, &golden).boot.status, Status::Affirming, "{what}: the old boot");
    let supersede = Request { supersede: Some("updated"), ..*request };
    let superseded = predict(&supersede, &Limits::DEFAULT).expect("superseded").golden;
    assert_eq!(judge(updated, &superseded).boot.status, Status::Affirming, "{what}: superseded");
    let old = judge(base_folder, &superseded);
    assert_eq!(old.boot.status, Status::Contraindicated, "{what}: the old boot is superseded");
    prediction
}

/// Debian's 6.1.0-47 instead of 6.1.0-56, by the digests that are known of it: its image in two banks, its files in one.
#[test]
fn another_kernel_by_its_digests() {
    let (old, new) = (boots().join("sb-grub"), boots().join("sb-oldkernel"));
    let base = learn_from(&old);
    let image = sha256("05c775b0d3b1fa66dc870296b7cdf93d045f3a4ae20ac6089d2edff5b7a283ce");
    let file = sha256("1a29e4786a772be2f50482815d02e2d8537c2ad51f8280a95f29ac630f00cac7");
    let initrd = sha256("dba4efcb324afd48adad77ba9126953d1dcf4ea8731af19fd6afb0337fccca3d");
    let replace = [
        with("kernel", Source::Digests(&image)),
        with("kernel.file", Source::Digests(&file)),
        with("initrd", Source::Digests(&initrd)),
    ];
    let asked = Request { banks: Some(SHA256), ..request(&base, &replace) };
    let prediction = holds(&old, &new, &asked);
    let moved: Vec<_> = prediction.changes.iter().map(|c| (c.pcr, c.component.as_str())).collect();
    assert_eq!(moved, [(4, "kernel"), (4, "kernel"), (9, "kernel.file"), (9, "initrd")]);
    // A part of it is not the update: one variant explains the whole boot.
    let partly = Request { replace: &replace[..2], ..asked };
    let partly = predict(&partly, &Limits::DEFAULT).expect("a prediction").golden;
    assert_eq!(judge(&new, &partly).boot.status, Status::Contraindicated);
}

#[test]
fn another_initrd_by_its_digest() {
    let (old, new) = (boots().join("sb-grub"), boots().join("sb-initrd"));
    let base = learn_from(&old);
    let log = file(&new, "eventlog.bin");
    let log = EventLog::parse(&log, &Limits::DEFAULT).expect("log");
    let event = log.events().iter().rfind(|event| event.pcr == 9).expect("the initrd");
    let digests: Vec<Digest> = base.banks.iter().filter_map(|bank| event.typed_digest(*bank)).collect();
    let replace = [with("initrd", Source::Digests(&digests))];
    holds(&old, &new, &request(&base, &replace));
}

#[test]
fn kernel_older_by_digests() {
    let Some(changes) = changes() else { return };
    let base = learn_from(&changes.join("base"));
    let image = sha256("05c775b0d3b1fa66dc870296b7cdf93d045f3a4ae20ac6089d2edff5b7a283ce");
    let file = sha256("1a29e4786a772be2f50482815d02e2d8537c2ad51f8280a95f29ac630f00cac7");
    let initrd = sha256("5eb8128d60607abe546b820b455f2a4512ce58c15b6a50b097edc981657286f1");
    let replace = [
        with("kernel", Source::Digests(&image)),
        with("kernel.file", Source::Digests(&file)),
        with("initrd", Source::Digests(&initrd)),
    ];
    let asked = Request { banks: Some(SHA256), ..request(&base, &replace) };
    holds(&changes.join("base"), &changes.join("kernel-older"), &asked);
}

#[test]
fn initrd_by_digest() {
    let Some(changes) = changes() else { return };
    let base = learn_from(&changes.join("base"));
    let initrd = sha256("0f68f860c18e35048b702a7aec3bf22f15e293d72e0cac47e4cf9b1b7c90dbc8");
    let replace = [with("initrd", Source::Digests(&initrd))];
    let asked = Request { banks: Some(SHA256), ..request(&base, &replace) };
    holds(&changes.join("base"), &changes.join("initrd"), &asked);
}

#[test]
fn command_line_with_its_configuration() {
    let Some(changes) = changes() else { return };
    let (old, new) = (changes.join("base"), changes.join("cmdline"));
    let base = learn_from(&old);
    let config = file(&new, "grub.cfg");
    let line = "console=ttyS0 rdinit=/init rootfstype=ramfs lockdown=none apparmor=0";
    let replace =
        [with("kernel_cmdline", Source::Text(line)), with("grub.config", Source::File("grub.cfg", &config))];
    holds(&old, &new, &request(&base, &replace));
}

#[test]
fn configuration_with_a_comment() {
    let Some(changes) = changes() else { return };
    let (old, new) = (changes.join("base"), changes.join("grub-cfg-comment"));
    let base = learn_from(&old);
    let config = file(&new, "grub.cfg");
    let replace = [with("grub.config", Source::File("grub.cfg", &config))];
    let prediction = holds(&old, &new, &request(&base, &replace));
    assert_eq!(prediction.warnings.first().map(|w| w.code), Some(WarningCode::GrubCommandsKept));
}

/// Both digests of the image are known, and one of the initrd in it.
#[test]
fn unified_image_with_another_initrd_by_digests() {
    let Some(changes) = changes() else { return };
    let (old, new) = (changes.join("own-uki"), changes.join("own-uki-initrd"));
    let base = learn_from(&old);
    let image = sha256("11b80a07df154180a9318316ec620d1155d358fb6931194022993389ad032c9a");
    let initrd = sha256("0f68f860c18e35048b702a7aec3bf22f15e293d72e0cac47e4cf9b1b7c90dbc8");
    let replace = [
        with("uki", Source::Digests(&image)),
        with("uki.initrd", Source::Digests(&initrd)),
        with("initrd.loaded", Source::Digests(&initrd)),
    ];
    let keep = ["uki.linux", "uki.osrel", "uki.cmdline", "kernel.cmdline"];
    let asked = Request { banks: Some(SHA256), keep: &keep, ..request(&base, &replace) };
    holds(&old, &new, &asked);
}

#[test]
fn sbat_level() {
    let Some(changes) = changes() else { return };
    let (old, new) = (changes.join("base"), changes.join("sbat-level"));
    let base = learn_from(&old);
    let level = b"sbat,1,2025051000\nshim,4\ngrub,5\ngrub.proxmox,2\n";
    let replace = [with("secure_boot.sbat_level", Source::File("level.csv", level))];
    holds(&old, &new, &request(&base, &replace));
}

/// The contents of a variable that a boot measured, as an administrator has them in a file before.
fn variable(folder: &Path, name: &str) -> Vec<u8> {
    use attest_core::evidence::tcg_event::Variable;
    let log = file(folder, "eventlog.bin");
    let log = EventLog::parse(&log, &Limits::DEFAULT).expect("log");
    let variables =
        log.events().iter().filter(|event| event.pcr == 7).filter_map(|e| Variable::parse(e.data));
    variables.filter(|v| v.name.is(name)).map(|v| v.data.to_vec()).next().expect("the variable")
}

#[test]
fn revocation_list() {
    let Some(changes) = changes() else { return };
    let (old, new) = (changes.join("base"), changes.join("dbx-update"));
    let base = learn_from(&old);
    let dbx = variable(&new, "dbx");
    let replace = [with("secure_boot.dbx", Source::File("dbx.esl", &dbx))];
    holds(&old, &new, &request(&base, &replace));
}

/// Another GRUB does other things: its image is predicted, and what it measures besides is not. The warning says so, and the verdict
/// of the first boot names what differs.
#[test]
fn another_grub_is_predicted_as_far_as_its_image_goes() {
    let Some(changes) = changes() else { return };
    let (old, new) = (changes.join("base"), changes.join("grub-newer"));
    let base = learn_from(&old);
    let image = sha256("f5d167748a39cf23f3b87b8492e1b80a35b06bb3568f8d0a626af2b66f2bccbb");
    let replace = [with("boot_loader.grub", Source::Digests(&image))];
    let asked = Request { banks: Some(SHA256), ..request(&base, &replace) };
    let prediction = predict(&asked, &Limits::DEFAULT).expect("a prediction");
    let codes: Vec<_> = prediction.warnings.iter().map(|w| w.code).collect();
    assert_eq!(codes, [WarningCode::BootLoaderBehaviour]);
    let verdict = judge(&new, &prediction.golden);
    assert_eq!(verdict.boot.status, Status::Contraindicated);
    let refusing = verdict.reasons.iter().filter(|reason| reason.severity == Severity::Refuse);
    let refusing: Vec<_> = refusing.map(|r| (r.code, r.component.clone().unwrap_or_default())).collect();
    assert!(refusing.iter().all(|(_, component)| component != "boot_loader.grub"), "{refusing:?}");
    assert!(refusing.contains(&(Code::EventMissing, "grub.command".into())), "{refusing:?}");
}
