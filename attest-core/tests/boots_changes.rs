//! Boots with one planted change each, judged by the boot they were changed from: the cause is named, and nothing else is blamed.
#![allow(
    clippy::allow_attributes,
    clippy::arithmetic_side_effects,
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a panic in it is a failed test"
)]

mod common;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use attest_core::Limits;
use attest_core::appraise::comparison::Relation;
use attest_core::appraise::{Cause, Status, Verdict};
use attest_core::evidence::ima_log::ImaLog;
use attest_core::evidence::tcg_log::EventLog;
use attest_core::reference::golden::{self, Golden};
use attest_core::reference::learn::{self, Boot, Choices};

use common::capture::{Capture, file, references};

const FAMILY: &str = "debian-12-qemu";

/// What the verdict must say of each class of change, besides what `truth.json` says itself.
struct Expected {
    class: &'static str,
    causes: &'static [(Cause, &'static str)],
}

const TABLE: &[Expected] = &[
    Expected { class: "boot-order", causes: &[(Cause::BootOrderChanged, "boot.order")] },
    Expected { class: "cmdline", causes: &[(Cause::KernelCmdlineChanged, "grub.kernel_cmdline")] },
    Expected { class: "db", causes: &[(Cause::SecureBootKeysChanged, "secure_boot.db")] },
    Expected { class: "dbx", causes: &[(Cause::RevocationListChanged, "secure_boot.dbx")] },
    Expected { class: "device", causes: &[] },
    // What user space did differs in files alone, which this golden document does not judge.
    Expected {
        class: "device+cmdline+userspace",
        causes: &[(Cause::KernelCmdlineChanged, "grub.kernel_cmdline")],
    },
    Expected { class: "file", causes: &[(Cause::FileChanged, "ima.files")] },
    Expected { class: "firmware", causes: &[(Cause::FirmwareUpdate, "firmware.")] },
    Expected { class: "gpt", causes: &[(Cause::PartitionTableChanged, "boot.partition_table")] },
    Expected { class: "grub", causes: &[(Cause::BootLoaderChanged, "boot_loader.grub")] },
    Expected { class: "grub-config", causes: &[(Cause::BootConfigChanged, "grub.config")] },
    Expected { class: "initrd", causes: &[(Cause::InitrdChanged, "initrd")] },
    Expected {
        class: "kernel+initrd",
        causes: &[(Cause::KernelChanged, "kernel"), (Cause::InitrdChanged, "initrd")],
    },
    Expected { class: "memory", causes: &[] },
    Expected { class: "mok", causes: &[(Cause::MokChanged, "mok.list")] },
    Expected { class: "none", causes: &[] },
    Expected { class: "option-rom", causes: &[(Cause::OptionRomChange, "option_rom")] },
    Expected { class: "sbat", causes: &[(Cause::RevocationListChanged, "secure_boot.sbat_level")] },
    Expected { class: "secure-boot-off", causes: &[(Cause::SecureBootOff, "secure_boot.state")] },
    Expected { class: "userspace", causes: &[(Cause::UserspaceMeasurementChanged, "userspace")] },
];

#[test]
fn each_planted_change_is_the_cause_and_nothing_else_is() {
    let truths = truths();
    assert_eq!(truths.len(), 24);
    for truth in truths.iter().filter(|truth| truth.baseline != "-") {
        let expected = TABLE.iter().find(|e| e.class == truth.class).expect(&truth.class);
        let golden = learn_from(&truth.baseline, truth.class == "file");
        for quote in ["ecc", "rsa", "all"] {
            let quoted = |pcr: u32| quote == "all" || pcr <= 10 || pcr == 14;
            let verdict = judge(&truth.scenario, quote, &golden);
            let place = format!("{} by {} ({quote}): {:#?}", truth.scenario, truth.baseline, verdict.causes);
            let found: Vec<(Cause, String)> = verdict
                .causes
                .iter()
                .map(|root| (root.cause, root.component.clone().expect("a component")))
                .collect();
            let seen = |pcr: &u32| quoted(*pcr);
            if !truth.pcrs_moved.is_empty() && !truth.pcrs_moved.iter().any(seen) {
                // What is not quoted is not seen.
                assert!(found.is_empty(), "{place}");
                continue;
            }
            assert_eq!(found.len(), expected.causes.len(), "{place}");
            for ((cause, component), (wanted, name)) in found.iter().zip(expected.causes) {
                assert_eq!(cause, wanted, "{place}");
                assert!(component.starts_with(name) || component.contains("initrd"), "{place}");
            }
            let moved: BTreeSet<u32> = verdict
                .causes
                .iter()
                .flat_map(|root| root.pcr.into_iter().chain(root.explains.iter().map(|e| e.pcr)))
                .collect();
            let truly: BTreeSet<u32> = truth.pcrs_moved.iter().copied().filter(seen).collect();
            assert_eq!(moved, truly, "{place}");
            let first = verdict.first_difference.as_ref().and_then(|first| first.event);
            assert_eq!(first, truth.first_event, "{place}");
            let golden_judges_more = golden.judged.iter().any(|pcr| !quoted((*pcr).into()));
            let affirms = truth.pcrs_moved.is_empty() && !golden_judges_more;
            assert_eq!(verdict.status == Status::Affirming, affirms, "{place}");
        }
    }
}

/// With its log user space is named by what it measured, and the register is proven.
#[test]
fn what_user_space_measured_is_read_from_its_log() {
    let golden = learn_from("own-uki", false);
    let log = read("own-uki-phase", "userspace.log");
    let told = capture("own-uki-phase", "all").with_userspace_log(&log);
    let verdict = told.judge(FAMILY, &references(&golden));
    let root = &verdict.causes[0];
    assert_eq!((root.cause, root.or, root.unproven), (Cause::UserspaceMeasurementChanged, None, false));
    assert_eq!((verdict.causes.len(), root.pcr), (1, Some(11)), "{:#?}", verdict.causes);
    let first = verdict.first_difference.expect("a difference");
    assert_eq!((first.pcr, first.relation), (11, Relation::Extra));
    assert!(first.got.expect("an event").about.contains("enter-initrd"));
}

/// An event that only stands at another index is no difference.
#[test]
fn what_an_option_rom_shifts_is_not_reported() {
    let verdict = judge("option-rom", "ecc", &learn_from("nic-norom", false));
    let first = verdict.first_difference.expect("a difference");
    assert_eq!((first.pcr, first.event, first.component.as_str()), (2, Some(10), "option_rom"));
    assert!(first.expected.is_none() && first.got.is_some());
    let differing =
        verdict.comparison.iter().flat_map(|c| &c.rows).filter(|row| row.relation != Relation::Same);
    assert_eq!(differing.count(), 1);
}

/// The other way round the golden extend is missing: there is no event, but a place.
#[test]
fn what_is_missing_has_a_place() {
    let verdict = judge("nic-norom", "ecc", &learn_from("option-rom", false));
    let first = verdict.first_difference.expect("a difference");
    assert_eq!((first.pcr, first.event, first.relation), (2, None, Relation::Missing));
    assert_eq!(first.position, 17, "PCR 2's next event is its separator");
    assert_eq!(verdict.causes[0].cause, Cause::OptionRomChange);
}

/// What `truth.json` says.
#[derive(Debug)]
struct Truth {
    scenario: String,
    baseline: String,
    class: String,
    pcrs_moved: BTreeSet<u32>,
    first_event: Option<u32>,
}

fn changes() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/changes")
}

fn truths() -> Vec<Truth> {
    let folders = common::folders(&changes());
    folders
        .iter()
        .map(|folder| truth(&std::fs::read(folder.join("truth.json")).expect("truth.json")))
        .collect()
}

fn truth(json: &[u8]) -> Truth {
    let json: serde_json::Value = serde_json::from_slice(json).expect("truth.json");
    let text = |name: &str| json[name].as_str().expect(name).to_owned();
    let number = |value: &serde_json::Value| value.as_u64().map(|n| u32::try_from(n).expect("index"));
    let moved = json["pcrs_moved"].as_array().into_iter().flatten();
    Truth {
        scenario: text("scenario"),
        baseline: text("baseline"),
        class: text("cause_class"),
        pcrs_moved: moved.map(|pcr| number(pcr).expect("a PCR")).collect(),
        first_event: number(&json["first_differing_event"]["this"]["index"]),
    }
}

fn learn_from(scenario: &str, with_files: bool) -> Golden {
    let (log, list) = (read(scenario, "eventlog.bin"), read(scenario, "ima.bin"));
    let log = EventLog::parse(&log, &Limits::DEFAULT).expect("log");
    let files = learn::ima_files(&ImaLog::parse(&list, &Limits::DEFAULT).expect("list"));
    let boot = Boot {
        userspace: None,
        name: scenario,
        log: &log,
        evidence: golden::Evidence::Quoted,
        files: with_files.then_some(&files),
    };
    learn::learn(FAMILY, &[boot], &Choices::default()).expect("golden")
}

fn read(scenario: &str, name: &str) -> Vec<u8> {
    file(&changes().join(scenario), name)
}

fn judge(scenario: &str, quote: &str, golden: &Golden) -> Verdict {
    capture(scenario, quote).judge(FAMILY, &references(golden))
}

fn capture(scenario: &str, quote: &str) -> Capture {
    Capture::read(&changes().join(scenario), quote).expect(scenario)
}
