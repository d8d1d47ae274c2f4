//! Rules and overlays on real boots: what is allowed to move moves, and nothing else passes under its cover.
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

use std::path::{Path, PathBuf};

use attest_core::appraise::{Cause, Code, Severity, Status, Verdict};
use attest_core::evidence::tcg_event::{Database, Whole};
use attest_core::evidence::tcg_log::EventLog;
use attest_core::reference::golden::{self, Golden, Rule, RuleKind};
use attest_core::reference::learn::{self, Advice, Boot, Choices};
use attest_core::reference::overlay::OverlaySigner;
use attest_core::{HashAlg, Limits};

use common::capture::{Capture, file, references};

const FAMILY: &str = "debian-12-qemu";

const ALL: [RuleKind; 8] = [
    RuleKind::DbxAtLeast,
    RuleKind::SbatAtLeast,
    RuleKind::AtMost(Database::Db),
    RuleKind::AtMost(Database::KEK),
    RuleKind::AtMost(Database::PK),
    RuleKind::PartitionTable,
    RuleKind::BootEntry,
    RuleKind::BootOrder,
];

/// The boots with one planted change each, where the wider evidence is.
fn changes() -> Option<PathBuf> {
    common::shared().map(|shared| shared.join("changes"))
}

fn own() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/boots")
}

fn try_learn(folder: &Path, scenarios: &[&str], choices: &Choices) -> Result<Golden, learn::Error> {
    with_boots(folder, scenarios, |boots| learn::learn(FAMILY, boots, choices))
}

fn with_boots<T>(folder: &Path, scenarios: &[&str], then: impl FnOnce(&[Boot<'_, '_>]) -> T) -> T {
    let bytes: Vec<Vec<u8>> = scenarios.iter().map(|s| file(&folder.join(s), "eventlog.bin")).collect();
    let logs: Vec<_> = bytes.iter().map(|log| EventLog::parse(log, &Limits::DEFAULT).expect("log")).collect();
    let evidence = golden::Evidence::Quoted;
    let boots: Vec<Boot<'_, '_>> = scenarios
        .iter()
        .zip(&logs)
        .map(|(name, log)| Boot { name, log, evidence, files: None, userspace: None })
        .collect();
    then(&boots)
}

/// Learned, written as a document, and read again.
fn learned(folder: &Path, scenarios: &[&str], rules: &[RuleKind]) -> Golden {
    let choices = Choices { rules: rules.to_vec(), ..Choices::default() };
    let golden = try_learn(folder, scenarios, &choices).expect("golden");
    let text = golden.to_toml();
    assert_eq!(Golden::parse(&text, &Limits::DEFAULT).as_ref(), Ok(&golden), "{text}");
    golden
}

fn judge(folder: &Path, scenario: &str, golden: &Golden) -> Verdict {
    Capture::read(&folder.join(scenario), "all").expect(scenario).judge(FAMILY, &references(golden))
}

/// Each refusing reason: PCR, component, cause.
fn refusals(verdict: &Verdict) -> Vec<(u32, String, Cause)> {
    let refusing = verdict.reasons.iter().filter(|r| r.severity == Severity::Refuse);
    refusing
        .map(|r| (r.pcr.unwrap(), r.component.clone().unwrap(), r.cause.unwrap_or(Cause::UnknownSoftware)))
        .collect()
}

fn varied(verdict: &Verdict) -> Vec<String> {
    let reasons = verdict.reasons.iter().filter(|r| r.code == Code::VariedByRule);
    reasons.map(|r| r.component.clone().unwrap()).collect()
}

fn explained(verdict: &Verdict, component: &str) -> String {
    let mut refusing = verdict.reasons.iter().filter(|r| r.severity == Severity::Refuse);
    refusing.find(|r| r.component.as_deref() == Some(component)).expect(component).explain.clone()
}

fn affirmed(verdict: &Verdict, by_rule: &[&str]) {
    assert_eq!(verdict.boot.status, Status::Affirming, "{verdict:#?}");
    assert_eq!(varied(verdict), by_rule);
}

#[test]
fn rules_pass_what_they_were_learned_from_and_other_boots_of_the_machine() {
    let golden = learned(&own(), &["sb-grub"], &ALL);
    affirmed(&judge(&own(), "sb-grub", &golden), &[]);
    // Another kernel command line: rules on other slots excuse none of it.
    let verdict = judge(&own(), "sb-cmdline", &golden);
    assert_eq!(verdict.boot.status, Status::Contraindicated);
    let components: Vec<_> = refusals(&verdict).into_iter().map(|(_, name, _)| name).collect();
    assert_eq!(components, ["grub.command", "grub.kernel_cmdline", "grub.config"]);
}

#[test]
fn a_new_revocation_passes_under_its_rule_and_refuses_without() {
    let Some(folder) = changes() else { return };
    let exact = learned(&folder, &["base"], &[]);
    let cause = Cause::RevocationListChanged;
    let refused = vec![(7, "secure_boot.dbx".to_owned(), cause)];
    assert_eq!(refusals(&judge(&folder, "dbx-update", &exact)), refused);
    let ruled = learned(&folder, &["base"], &[RuleKind::DbxAtLeast]);
    affirmed(&judge(&folder, "dbx-update", &ruled), &["secure_boot.dbx"]);
    // The other way: the family has the newer dbx, the machine the older one.
    let newer = learned(&folder, &["dbx-update"], &[RuleKind::DbxAtLeast]);
    let verdict = judge(&folder, "base", &newer);
    assert_eq!(refusals(&verdict), refused);
    assert!(explained(&verdict, "secure_boot.dbx").contains("it lacks sha256:"), "{verdict:#?}");
    // Learned from both, what both have is asked for.
    let both = learned(&folder, &["base", "dbx-update"], &[RuleKind::DbxAtLeast]);
    assert_eq!(both.sequences.iter().filter(|s| s.pcr == 7).count(), 1);
    for scenario in ["base", "dbx-update"] {
        assert_eq!(judge(&folder, scenario, &both).boot.status, Status::Affirming);
    }
}

#[test]
fn a_newer_sbat_level_passes_and_an_older_one_refuses() {
    let Some(folder) = changes() else { return };
    let rules = [RuleKind::SbatAtLeast];
    affirmed(
        &judge(&folder, "sbat-level", &learned(&folder, &["base"], &rules)),
        &["secure_boot.sbat_level"],
    );
    let verdict = judge(&folder, "base", &learned(&folder, &["sbat-level"], &rules));
    let refused = vec![(7, "secure_boot.sbat_level".to_owned(), Cause::RevocationListChanged)];
    assert_eq!(refusals(&verdict), refused);
    assert!(explained(&verdict, "secure_boot.sbat_level").contains("grub.proxmox,2"), "{verdict:#?}");
}

#[test]
fn a_partition_more_and_a_partition_less_refuse_under_the_rule() {
    let Some(folder) = changes() else { return };
    let rules = [RuleKind::PartitionTable];
    let refused = vec![(5, "boot.partition_table".to_owned(), Cause::PartitionTableChanged)];
    let verdict = judge(&folder, "gpt-change", &learned(&folder, &["base"], &rules));
    assert_eq!(refusals(&verdict), refused);
    assert!(explained(&verdict, "boot.partition_table").contains("not listed"), "{verdict:#?}");
    let verdict = judge(&folder, "base", &learned(&folder, &["gpt-change"], &rules));
    assert_eq!(refusals(&verdict), refused);
    assert!(explained(&verdict, "boot.partition_table").contains("it lacks"), "{verdict:#?}");
}

#[test]
fn another_boot_entry_refuses_under_every_rule() {
    let Some(folder) = changes() else { return };
    let verdict = judge(&folder, "boot-order", &learned(&folder, &["base"], &ALL));
    let names: Vec<_> = refusals(&verdict).into_iter().map(|(pcr, name, _)| (pcr, name)).collect();
    assert_eq!(names, [(1, "boot.order".into()), (1, "boot.entry".into())]);
    assert!(explained(&verdict, "boot.order").contains("Boot0003"), "{verdict:#?}");
    assert_eq!(
        judge(&folder, "base", &learned(&folder, &["boot-order"], &ALL)).boot.status,
        Status::Contraindicated
    );
}

/// PCR 14 holds the hash of MokList's contents, which are not in the log: no rule can read them.
#[test]
fn a_machine_owner_key_refuses_whatever_the_rules() {
    let Some(folder) = changes() else { return };
    let golden = learned(&folder, &["base"], &ALL);
    let verdict = judge(&folder, "mok-enrol", &golden);
    assert_eq!(refusals(&verdict), [(14, "mok.list".to_owned(), Cause::MokChanged)]);
    assert_eq!(RuleKind::ALL.iter().filter(|kind| kind.owner().0 == 14).count(), 0);
}

/// Every scenario with another change still refuses under all rules, but for those that the rules are for.
#[test]
fn no_rule_passes_another_change() {
    let Some(folder) = changes() else { return };
    let (exact, ruled) = (learned(&folder, &["base"], &[]), learned(&folder, &["base"], &ALL));
    let mut names: Vec<String> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| folder.join(name).join("quote-all.attest").exists())
        .collect();
    names.sort();
    let allowed = ["dbx-update", "sbat-level"];
    let (mut refused, mut passed) = (0, 0);
    for name in &names {
        let (by_digest, by_rule) = (judge(&folder, name, &exact), judge(&folder, name, &ruled));
        let expected =
            if allowed.contains(&name.as_str()) { Status::Affirming } else { by_digest.boot.status };
        assert_eq!(by_rule.boot.status, expected, "{name}: {by_rule:#?}");
        match expected {
            Status::Affirming => passed += 1,
            _ => refused += 1,
        }
    }
    println!("{} boots: {passed} affirmed, {refused} refused, under every rule", names.len());
    assert!(refused >= 15, "{refused} of {}", names.len());
}

#[test]
fn several_machines_are_compared_and_the_fitting_rule_is_named() {
    let Some(folder) = changes() else { return };
    let advice = |scenario: &str| {
        let golden = learned(&folder, &["base", scenario], &[]);
        let proposals = with_boots(&folder, &["base", scenario], |boots| learn::proposals(boots, &golden));
        proposals.into_iter().map(|p| (p.component, p.values, p.advice)).collect::<Vec<_>>()
    };
    let one = |component: &str, advice| vec![(component.to_owned(), 2, advice)];
    assert_eq!(advice("dbx-update"), one("secure_boot.dbx", Advice::Rule(RuleKind::DbxAtLeast)));
    assert_eq!(advice("sbat-level"), one("secure_boot.sbat_level", Advice::Rule(RuleKind::SbatAtLeast)));
    assert_eq!(advice("mok-enrol"), one("mok.list", Advice::PerDevice));
    assert_eq!(
        advice("gpt-change"),
        one("boot.partition_table", Advice::PerDevice),
        "other partitions: no rule"
    );
    let cmdline = advice("cmdline");
    assert!(cmdline.contains(&("grub.kernel_cmdline".to_owned(), 2, Advice::PerDevice)), "{cmdline:?}");
    assert_eq!(advice("reboot2"), []);
    // What a rule owns is no difference any more.
    let golden = learned(&folder, &["base", "dbx-update"], &[RuleKind::DbxAtLeast]);
    assert_eq!(with_boots(&folder, &["base", "dbx-update"], |boots| learn::proposals(boots, &golden)), []);
}

#[test]
fn a_rule_that_nothing_can_carry_and_a_component_that_is_the_same_everywhere() {
    let none = Choices { rules: vec![RuleKind::AtMost(Database::Dbt)], ..Choices::default() };
    assert_eq!(try_learn(&own(), &["sb-grub"], &none).unwrap_err().code(), "learn_rule_fits_nothing");
    let state = Choices { per_device: vec!["secure_boot.state".into()], ..Choices::default() };
    assert_eq!(try_learn(&own(), &["sb-grub"], &state).unwrap_err().code(), "learn_not_per_device");
}

/// Two machines of one family, marked, make one document: the second one passes with its overlay alone (see the overlay's own tests).
#[test]
fn marked_slots_make_one_variant_of_two_machines() {
    let per_device: Vec<String> =
        ["grub.command", "grub.kernel_cmdline", "grub.config"].map(Into::into).into();
    let choices = Choices { per_device, ..Choices::default() };
    let golden = try_learn(&own(), &["sb-grub", "sb-cmdline"], &choices).unwrap();
    assert_eq!(golden.variants.len(), 1);
    let marked = |slot: &&golden::Slot| slot.rule == Some(Rule::PerDevice);
    assert!(golden.variants[0].sequences.iter().flat_map(|s| &s.slots).filter(marked).count() > 5);
    assert_eq!(judge(&own(), "sb-grub", &golden).boot.status, Status::Affirming);
    let verdict = judge(&own(), "sb-cmdline", &golden);
    assert_eq!(verdict.boot.status, Status::Contraindicated);
    assert!(explained(&verdict, "grub.kernel_cmdline").contains("overlay"), "{verdict:#?}");
}

/// Every measured value in reach that a rule could judge: those that are sound are read, and written and read again by a document.
#[test]
fn values_of_real_logs_are_read() {
    let Some(shared) = common::shared() else { return };
    let (mut read, mut unproven, mut malformed) = (0, 0, 0);
    let mut folders = vec![shared.join("changes"), shared.join("boots"), shared.join("corpus")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            if entry.metadata().unwrap().len() > 4 << 20 {
                continue;
            }
            let bytes = std::fs::read(&path).unwrap();
            let Ok(log) = EventLog::parse(&bytes, &Limits::DEFAULT) else { continue };
            let banks: Vec<HashAlg> =
                log.banks().iter().copied().filter(|bank| bank.strength() > 0).collect();
            for event in log.events() {
                match Whole::read(event, &banks) {
                    Ok(_) => read += 1,
                    Err(attest_core::evidence::tcg_event::Unread::Malformed) => {
                        malformed += 1;
                        println!("malformed: {} event {}", path.display(), event.index);
                    }
                    Err(attest_core::evidence::tcg_event::Unread::Unproven) => unproven += 1,
                    Err(_) => {}
                }
            }
        }
    }
    println!("{read} values read, {unproven} unproven, {malformed} malformed");
    assert!(read > 500, "{read}");
    assert!(malformed * 50 < read, "{malformed} of {read} do not parse to the last byte");
}

#[test]
fn a_signer_is_written_and_read_again() {
    let key = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEf83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEXH8UTNG72bfocs3+257rn0s2ldbqkLJK2KRiMohYjlrQ==";
    let choices = Choices {
        overlay_signers: vec![OverlaySigner::from_base64("the factory \"north\"", key).unwrap()],
        per_device: vec!["boot.entry".into()],
        ..Choices::default()
    };
    let golden = try_learn(&own(), &["sb-grub"], &choices).unwrap();
    assert_eq!(Golden::parse(&golden.to_toml(), &Limits::DEFAULT), Ok(golden));
}
