//! Golden values learned from one real boot, and what the verdict says about the others: exact status, components and causes, with
//! both keys, both forms of the IMA list, with and without PCR values.
#![allow(
    clippy::allow_attributes,
    clippy::arithmetic_side_effects,
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test reads files, and a panic in it is a failed test"
)]

mod common;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use attest_core::appraise::{Cause, Code, Severity, Status, Verdict};
use attest_core::evidence::ima_log::ImaLog;
use attest_core::evidence::tcg_log::EventLog;
use attest_core::reference::ReferenceSet;
use attest_core::reference::golden::{self, Golden, Replacement, Variant};
use attest_core::reference::learn::{self, Boot, Choices};
use attest_core::{Digest, Limits};

use common::capture::{Capture, references};

const FAMILY: &str = "debian-12-qemu";

/// The boots in the project, and all of them where the wider evidence is.
fn folders() -> Vec<PathBuf> {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/boots");
    let shared = common::shared().map(|shared| shared.join("boots"));
    core::iter::once(own).chain(shared).collect()
}

fn read(folder: &Path, scenario: &str, file: &str) -> Option<Vec<u8>> {
    std::fs::read(folder.join(scenario).join(file)).ok()
}

/// Every way to present a boot's evidence, judged. They all say the same, and so there is one verdict; with the number of ways.
fn judge(folder: &Path, scenario: &str, quotes: &[&str], references: &ReferenceSet) -> Option<Verdict> {
    let mut verdicts: Vec<(String, Verdict)> = Vec::new();
    for quote in quotes {
        let Some(mut capture) = Capture::read(&folder.join(scenario), quote) else { continue };
        let values = capture.pcrs.clone();
        for list in ["ima.bin", "ima.ascii"] {
            let Some(ima) = read(folder, scenario, list) else { continue };
            capture.ima = ima;
            for (pcrs, how) in [(values.clone(), "values"), (None, "derived")] {
                capture.pcrs = pcrs;
                let way = format!("{scenario} {quote} {list} {how}");
                verdicts.push((way, capture.judge(FAMILY, references)));
            }
        }
    }
    let (_, first) = verdicts.first()?.clone();
    for (way, verdict) in &verdicts {
        // Two keys have two names, clocks and banks; what is judged is the same.
        let said = |v: &Verdict| {
            let reasons: Vec<_> =
                v.reasons.iter().map(|r| (r.code, r.pcr, r.event, r.component.clone())).collect();
            (v.status, v.boot.status, v.runtime.status, v.causes.clone(), v.components.clone(), reasons)
        };
        assert_eq!(said(verdict), said(&first), "{way}");
    }
    Some(first)
}

fn learn_from(folder: &Path, scenarios: &[&str], with_files: bool) -> Golden {
    learn_with(folder, scenarios, with_files, &Choices::default())
}

fn learn_with(folder: &Path, scenarios: &[&str], with_files: bool, choices: &Choices) -> Golden {
    let bytes = |file: &str| -> Vec<Vec<u8>> {
        scenarios.iter().map(|scenario| read(folder, scenario, file).expect("a known-good boot")).collect()
    };
    let (logs, lists) = (bytes("eventlog.bin"), bytes("ima.bin"));
    let logs: Vec<_> = logs.iter().map(|log| EventLog::parse(log, &Limits::DEFAULT).expect("log")).collect();
    let files: Vec<_> = lists
        .iter()
        .map(|list| learn::ima_files(&ImaLog::parse(list, &Limits::DEFAULT).expect("list")))
        .collect();
    let boots: Vec<Boot<'_, '_>> = scenarios
        .iter()
        .zip(&logs)
        .zip(&files)
        .map(|((name, log), files)| Boot {
            userspace: None,
            name,
            log,
            evidence: golden::Evidence::Quoted,
            files: with_files.then_some(files),
        })
        .collect();
    learn::learn(FAMILY, &boots, choices).expect("golden")
}

/// PCR and component of every refusing reason.
fn refusals(verdict: &Verdict) -> BTreeSet<(u32, String)> {
    let refusing = verdict.reasons.iter().filter(|r| r.severity == Severity::Refuse);
    refusing.map(|r| (r.pcr.expect("a PCR"), r.component.clone().expect("a component"))).collect()
}

fn causes(verdict: &Verdict) -> Vec<Cause> {
    verdict.causes.iter().map(|root| root.cause).collect()
}

fn named(expected: &[(u32, &str)]) -> BTreeSet<(u32, String)> {
    expected.iter().map(|(pcr, name)| (*pcr, (*name).to_owned())).collect()
}

struct Expected {
    scenario: &'static str,
    /// Exactly what refuses: PCR and component.
    refusals: &'static [(u32, &'static str)],
    /// Exactly the root causes, most telling first.
    causes: &'static [Cause],
}

const CMDLINE: &[(u32, &str)] = &[(8, "grub.command"), (8, "grub.kernel_cmdline"), (9, "grub.config")];

const TABLE: &[Expected] = &[
    Expected { scenario: "sb-grub", refusals: &[], causes: &[] },
    Expected { scenario: "sb-grub-again", refusals: &[], causes: &[] },
    Expected { scenario: "sb-cmdline", refusals: CMDLINE, causes: &[Cause::KernelCmdlineChanged] },
    Expected { scenario: "sb-initrd", refusals: &[(9, "initrd")], causes: &[Cause::InitrdChanged] },
    Expected {
        scenario: "sb-oldkernel",
        refusals: &[(4, "kernel"), (9, "initrd"), (9, "kernel.file")],
        causes: &[Cause::KernelChanged, Cause::InitrdChanged],
    },
    Expected { scenario: "sb-sha384", refusals: &[], causes: &[] },
    Expected { scenario: "ima-ng", refusals: CMDLINE, causes: &[Cause::KernelCmdlineChanged] },
    Expected {
        scenario: "ima-sig",
        // Its initrd holds the signed files.
        refusals: &[(8, "grub.command"), (8, "grub.kernel_cmdline"), (9, "grub.config"), (9, "initrd")],
        causes: &[Cause::InitrdChanged, Cause::KernelCmdlineChanged],
    },
    Expected { scenario: "ima-sha1", refusals: CMDLINE, causes: &[Cause::KernelCmdlineChanged] },
];

#[test]
fn learned_from_one_boot_the_others_are_told_apart() {
    for folder in folders() {
        let references = references(&learn_from(&folder, &["sb-grub"], false));
        let mut judged = 0;
        for expected in TABLE {
            let scenario = expected.scenario;
            let Some(verdict) = judge(&folder, scenario, &["ecc", "rsa"], &references) else { continue };
            judged += 1;
            assert_eq!(refusals(&verdict), named(expected.refusals), "{scenario}: {verdict:#?}");
            assert_eq!(causes(&verdict), expected.causes, "{scenario}");
            let status =
                if expected.refusals.is_empty() { Status::Affirming } else { Status::Contraindicated };
            assert_eq!((verdict.status, verdict.boot.status), (status, status), "{scenario}");
            assert_eq!(verdict.runtime.status, Status::None, "{scenario}: no file is golden");
            let bank = if scenario == "sb-sha384" { "sha384" } else { "sha256" };
            assert!(verdict.judged.iter().all(|judged| judged.bank == bank), "{scenario}");
            assert_eq!(verdict.judged.len(), 11, "{scenario}");
        }
        assert!(judged >= 5, "{judged} boots in {}", folder.display());
    }
}

#[test]
fn boot_aggregate_is_unproven_on_a_tpm_with_sha384_alone() {
    for folder in folders() {
        for with_files in [false, true] {
            let references = references(&learn_from(&folder, &["sb-grub"], with_files));
            let verdict = judge(&folder, "sb-sha384", &["ecc", "rsa"], &references).expect("a boot");
            let unproven =
                verdict.reasons.iter().find(|r| r.code == Code::BootAggregateUnproven).expect("unproven");
            assert_eq!(unproven.severity, Severity::Warn);
            assert_eq!(verdict.boot.status, Status::Affirming);
            let runtime = if with_files { Status::Warning } else { Status::None };
            assert_eq!(verdict.runtime.status, runtime, "{verdict:#?}");
        }
    }
}

#[test]
fn secure_boot_off_is_named_and_what_follows_from_it() {
    for folder in folders() {
        let references = references(&learn_from(&folder, &["sb-grub"], false));
        let Some(verdict) = judge(&folder, "nosb-grub", &["ecc", "rsa"], &references) else { continue };
        assert_eq!(verdict.status, Status::Contraindicated);
        let refusals = refusals(&verdict);
        assert!(refusals.contains(&(7, "secure_boot.state".into())), "{refusals:?}");
        let root = &verdict.causes[0];
        assert_eq!(
            (root.cause, root.component.as_deref()),
            (Cause::SecureBootOff, Some("secure_boot.state"))
        );
        let explained: BTreeSet<u32> = root.explains.iter().map(|e| e.pcr).collect();
        assert!(explained.is_superset(&BTreeSet::from([4, 7])), "{explained:?}");
    }
}

#[test]
fn a_unified_kernel_image_is_unknown_software() {
    for folder in folders() {
        let references = references(&learn_from(&folder, &["sb-grub"], false));
        for quotes in [&["ecc", "rsa"][..], &["all"]] {
            let Some(verdict) = judge(&folder, "uki-sb", quotes, &references) else { continue };
            assert_eq!(verdict.status, Status::Contraindicated);
            assert!(causes(&verdict).contains(&Cause::UnknownSoftware), "{:?}", causes(&verdict));
            let is_known = |cause: &Cause| matches!(cause, Cause::KernelRollback | Cause::FirmwareUpdate);
            assert!(!causes(&verdict).iter().any(is_known), "no guess: {:?}", causes(&verdict));
        }
    }
}

/// The quote over every bank and PCR 0–14 says the same.
#[test]
fn the_quote_over_all_banks_says_the_same() {
    for folder in folders() {
        let references = references(&learn_from(&folder, &["sb-grub"], false));
        for expected in TABLE {
            let Some(verdict) = judge(&folder, expected.scenario, &["all"], &references) else { continue };
            assert_eq!(refusals(&verdict), named(expected.refusals), "{}: {verdict:#?}", expected.scenario);
            assert!(verdict.judged.iter().all(|judged| judged.bank == "sha384"), "the strongest decides");
        }
    }
}

#[test]
fn learned_from_both_boots_both_pass() {
    for folder in folders() {
        let golden = learn_from(&folder, &["sb-grub", "sb-cmdline"], true);
        assert_eq!(golden.variants.len(), 2);
        for scenario in ["sb-grub", "sb-grub-again", "sb-cmdline"] {
            let verdict =
                judge(&folder, scenario, &["ecc", "rsa", "all"], &references(&golden)).expect("a boot");
            assert_eq!(verdict.status, Status::Affirming, "{scenario}: {verdict:#?}");
            assert_eq!(verdict.runtime.status, Status::Affirming, "{scenario}");
            let variant = if scenario == "sb-cmdline" { "sb-cmdline" } else { "sb-grub" };
            assert_eq!(verdict.golden.variant.as_deref(), Some(variant));
        }
        let verdict = judge(&folder, "sb-initrd", &["ecc", "rsa"], &references(&golden)).expect("a boot");
        assert_eq!(refusals(&verdict), named(&[(9, "initrd")]));
    }
}

/// One reviewed change: a variant that names the three entries that differ.
#[test]
fn one_reviewed_change_of_three_entries_makes_both_pass() {
    for folder in folders() {
        let mut golden = learn_from(&folder, &["sb-grub"], false);
        let other = learn_from(&folder, &["sb-cmdline"], false);
        let pairs = golden.variants[0].sequences.iter().zip(&other.variants[0].sequences);
        let replace: Vec<Replacement> = pairs
            .flat_map(|(old, new)| {
                assert_eq!((old.pcr, old.slots.len()), (new.pcr, new.slots.len()));
                let differs = |(slot, (a, b)): (usize, (&golden::Slot, &golden::Slot))| {
                    (a.digests != b.digests).then(|| Replacement { pcr: new.pcr, slot, with: b.clone() })
                };
                old.slots.iter().zip(&new.slots).enumerate().filter_map(differs).collect::<Vec<_>>()
            })
            .collect();
        assert_eq!(replace.len(), 3);
        golden.variants.push(Variant {
            name: "quiet".into(),
            evidence: golden::Evidence::Reviewed,
            based_on: Some("sb-grub".into()),
            replace,
            sequences: Vec::new(),
        });
        let golden = Golden::parse(&golden.to_toml(), &Limits::DEFAULT).expect("written and read again");
        for scenario in ["sb-grub", "sb-cmdline"] {
            let verdict = judge(&folder, scenario, &["ecc", "rsa"], &references(&golden)).expect("a boot");
            assert_eq!(verdict.status, Status::Affirming, "{scenario}: {verdict:#?}");
        }
    }
}

/// Another kernel that Secure Boot accepts is a rollback where the document says that its digest is superseded.
#[test]
fn a_rollback_is_one_where_the_document_says_so() {
    for folder in folders() {
        let mut golden = learn_from(&folder, &["sb-grub"], false);
        let old = learn_from(&folder, &["sb-oldkernel"], false);
        let pcr_4 = old.variants[0].sequences.iter().find(|s| s.pcr == 4).unwrap();
        let kernel = pcr_4.slots.iter().find(|slot| slot.component == "kernel").unwrap();
        golden.superseded.push(golden::Superseded {
            component: "kernel".into(),
            digests: kernel.digests.clone(),
            reason: "an older kernel".into(),
        });
        let verdict = judge(&folder, "sb-oldkernel", &["ecc", "rsa"], &references(&golden)).expect("a boot");
        assert_eq!(verdict.status, Status::Contraindicated);
        assert_eq!(causes(&verdict)[0], Cause::KernelRollback);
        assert!(verdict.reasons.iter().any(|r| r.code == Code::Superseded));
    }
}

/// A document with `count` variants whose kernels and initrds are other ones; the learned variant stands at `place`.
fn among_many(golden: &Golden, count: usize, place: usize) -> Golden {
    let mut many = golden.clone();
    let real = many.variants.remove(0);
    for at in 0..count {
        let mut other = real.clone();
        other.name = format!("other-{at}");
        for sequence in &mut other.sequences {
            for slot in &mut sequence.slots {
                if slot.component.starts_with("kernel") || slot.component == "initrd" {
                    let banks = slot.digests.iter().map(Digest::alg).collect::<Vec<_>>();
                    slot.digests = banks
                        .iter()
                        .map(|b| b.hash(&[&at.to_be_bytes(), slot.component.as_bytes()]))
                        .collect();
                }
            }
        }
        many.variants.push(other);
    }
    many.variants.insert(place, real);
    many
}

/// Many releases in one document: a good boot finds its own, and a bad one is compared with the one it comes from.
#[test]
fn among_many_variants_the_one_that_fits_is_found() {
    for folder in folders() {
        let golden = among_many(&learn_from(&folder, &["sb-grub"], false), 200, 77);
        let references = references(&golden);
        let verdict = judge(&folder, "sb-grub", &["ecc", "rsa"], &references).expect("a boot");
        assert_eq!(verdict.status, Status::Affirming, "{verdict:#?}");
        assert_eq!(verdict.golden.variant.as_deref(), Some("sb-grub"));
        // Its kernel is in PCR 4, which only one variant of all has.
        let verdict = judge(&folder, "sb-cmdline", &["ecc", "rsa"], &references).expect("a boot");
        assert_eq!(refusals(&verdict), named(CMDLINE));
        assert_eq!(causes(&verdict), [Cause::KernelCmdlineChanged]);
        let verdict = judge(&folder, "sb-initrd", &["ecc", "rsa"], &references).expect("a boot");
        assert_eq!(refusals(&verdict), named(&[(9, "initrd")]));
    }
}

/// Of many, still none may lend its kernel to the command line of another (A38b).
#[test]
fn a38b_among_many_variants_none_lends_a_part_to_another() {
    for folder in folders() {
        let other = learn_from(&folder, &["sb-cmdline"], false).variants.remove(0);
        let mut golden = among_many(&learn_from(&folder, &["sb-grub"], false), 100, 50);
        // The device's PCR 8 and 9 are in a variant whose PCR 4 is another's.
        let mut mixed = other.clone();
        mixed.name = "mixed".into();
        for slot in mixed.sequences.iter_mut().filter(|s| s.pcr == 4).flat_map(|s| &mut s.slots) {
            if slot.component == "kernel" {
                slot.digests = slot.digests.iter().map(|d| d.alg().hash(&[b"another kernel"])).collect();
            }
        }
        golden.variants.push(mixed);
        let verdict = judge(&folder, "sb-cmdline", &["ecc", "rsa"], &references(&golden)).expect("a boot");
        assert_eq!(verdict.status, Status::Contraindicated);
        assert!(verdict.reasons.iter().any(|r| r.code == Code::VariantsMixed), "{verdict:#?}");
    }
}

/// In what one boot of the table differs from another: cmdline, initrd, kernel, each by a number that stands for its content.
const PARTS: &[(&str, [u8; 3])] = &[
    ("sb-grub", [0, 0, 0]),
    ("sb-grub-again", [0, 0, 0]),
    ("sb-sha384", [0, 0, 0]),
    ("sb-cmdline", [1, 0, 0]),
    ("sb-initrd", [0, 1, 0]),
    ("sb-oldkernel", [0, 2, 1]),
    ("ima-ng", [2, 0, 0]),
    ("ima-sig", [3, 3, 0]),
    ("ima-sha1", [4, 0, 0]),
];

/// Every boot by every other: the parts that differ are the causes, in both directions, and nothing else is.
#[test]
fn every_boot_by_every_other() {
    for folder in folders() {
        for (golden_name, golden_parts) in PARTS {
            if read(&folder, golden_name, "eventlog.bin").is_none() || *golden_name == "sb-sha384" {
                continue;
            }
            let references = references(&learn_from(&folder, &[golden_name], false));
            for (scenario, parts) in PARTS {
                let Some(verdict) = judge(&folder, scenario, &["ecc", "rsa"], &references) else { continue };
                let ranked =
                    [(2, Cause::KernelChanged), (1, Cause::InitrdChanged), (0, Cause::KernelCmdlineChanged)];
                let expected: Vec<Cause> = ranked
                    .into_iter()
                    .filter(|(part, _)| parts[*part] != golden_parts[*part])
                    .map(|(_, cause)| cause)
                    .collect();
                assert_eq!(causes(&verdict), expected, "{scenario} by {golden_name}: {:#?}", verdict.causes);
                assert_eq!(verdict.is_affirming(), expected.is_empty(), "{scenario} by {golden_name}");
            }
        }
    }
}

/// What differs between two boots of the table, most telling first.
fn changed_parts(one: [u8; 3], other: [u8; 3]) -> Vec<Cause> {
    let ranked = [(2, Cause::KernelChanged), (1, Cause::InitrdChanged), (0, Cause::KernelCmdlineChanged)];
    ranked.into_iter().filter(|(part, _)| one[*part] != other[*part]).map(|(_, cause)| cause).collect()
}

/// Secure Boot off, in setup mode, with another variable store (it moves one firmware volume) and with `linuxefi` in GRUB's
/// configuration: four causes, besides the parts that differ. On again, the keys are what is new.
#[test]
fn secure_boot_off_and_on_by_every_other() {
    let is_part = |cause: &Cause| {
        matches!(cause, Cause::KernelChanged | Cause::InitrdChanged | Cause::KernelCmdlineChanged)
    };
    for folder in folders() {
        let choices = Choices {
            accepted: vec![golden::Accepted { weakness: "secure_boot_off".into(), reason: "a test".into() }],
            ..Choices::default()
        };
        let golden_off = references(&learn_with(&folder, &["nosb-grub"], false, &choices));
        for (name, parts) in PARTS {
            if read(&folder, name, "eventlog.bin").is_none() || *name == "sb-sha384" {
                continue;
            }
            let expected = changed_parts(*parts, [0, 0, 0]);
            let golden_on = references(&learn_from(&folder, &[name], false));
            let Some(off) = judge(&folder, "nosb-grub", &["ecc", "rsa"], &golden_on) else { continue };
            assert_eq!(off.causes[0].component.as_deref(), Some("secure_boot.state"));
            let mut left = causes(&off);
            assert_eq!(
                left.drain(..2).collect::<Vec<_>>(),
                [Cause::SecureBootOff, Cause::SecureBootSetupMode]
            );
            assert_eq!(left.pop(), Some(Cause::FirmwareSettings));
            left.retain(|cause| *cause != Cause::BootConfigChanged);
            assert_eq!(left, expected, "nosb-grub by {name}: {:#?}", off.causes);
            let Some(on) = judge(&folder, name, &["ecc", "rsa"], &golden_off) else { continue };
            let on = causes(&on);
            assert_eq!(on[0], Cause::SecureBootKeysChanged, "{name} by nosb-grub");
            assert_eq!(
                on.iter().copied().filter(is_part).collect::<Vec<_>>(),
                expected,
                "{name} by nosb-grub"
            );
            let others = on[1..].iter().filter(|cause| !is_part(cause));
            // The keys came with a list of revocations.
            let known = [Cause::BootConfigChanged, Cause::FirmwareSettings, Cause::RevocationListChanged];
            assert!(others.clone().all(|cause| known.contains(cause)), "{name} by nosb-grub: {on:?}");
        }
    }
}

/// Another way to boot altogether: neither direction guesses at updates of parts.
#[test]
fn a_boot_loader_where_a_unified_image_is_golden() {
    for folder in folders() {
        let golden = references(&learn_from(&folder, &["uki-sb"], false));
        let Some(verdict) = judge(&folder, "sb-grub", &["ecc", "rsa"], &golden) else { continue };
        let causes = causes(&verdict);
        assert_eq!(causes[0], Cause::SecureBootKeysChanged, "{:#?}", verdict.causes);
        assert!(causes.contains(&Cause::UnknownSoftware), "{:#?}", verdict.causes);
    }
}
