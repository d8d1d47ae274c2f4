use super::*;
use crate::evidence::tcg_log::EventLog;
use crate::limits::Limits;
use crate::reference::learn::{Boot, Choices, learn};

const LOG: &[u8] = include_bytes!("../../../../tests/fixtures/boots/sb-grub/eventlog.bin");

fn learned() -> Golden {
    let log = EventLog::parse(LOG, &Limits::DEFAULT).unwrap();
    let boot =
        Boot { name: "debian \"12\"", log: &log, userspace: None, evidence: Evidence::Quoted, files: None };
    learn("gateway", &[boot], &Choices::default()).unwrap()
}

fn parse(text: &str) -> Result<Golden, Error> {
    Golden::parse(text, &Limits::DEFAULT)
}

#[test]
fn what_is_written_is_read_again() {
    let mut golden = learned();
    golden.description = Some("line one\nline \u{7f} two".into());
    golden.accepted.push(Accepted { weakness: "test_keys".into(), reason: "a lab".into() });
    golden.workarounds.push(Workaround { quirk: Quirk::Sha1BankMismatch, reason: "model X".into() });
    let digests = vec![HashAlg::Sha256.hash(&[b"old"])];
    golden.superseded.push(Superseded { component: "kernel".into(), digests, reason: "CVE".into() });
    golden.ima = Some(ImaGolden {
        measurement_policy: Some("ima_policy=tcb".into()),
        unknown_files: Response::Warn,
        kexec: Response::Warn,
        files: vec![ImaFile {
            path: "/bin/a b".into(),
            digest: HashAlg::Sha256.hash(&[b"a"]),
            verity: false,
            required: true,
        }],
        ..ImaGolden::strict()
    });
    let base = golden.variants[0].clone();
    let with = base.sequences.iter().find(|s| s.pcr == 9).unwrap().slots[0].clone();
    golden.variants.push(Variant {
        name: "next".into(),
        evidence: Evidence::Reviewed,
        based_on: Some(base.name),
        replace: vec![Replacement { pcr: 9, slot: 0, with }],
        sequences: vec![],
    });
    assert_eq!(parse(&golden.to_toml()), Ok(golden));
}

/// A kernel that GRUB and the firmware see has two digests in one bank: both must still be there when the document is read again.
#[test]
fn superseded_digests_of_one_bank_are_all_written() {
    let mut golden = learned();
    let digests: Vec<Digest> = [&b"image"[..], b"file"].map(|old| HashAlg::Sha256.hash(&[old])).into();
    golden.superseded.push(Superseded {
        component: "kernel".into(),
        digests: digests.clone(),
        reason: "CVE".into(),
    });
    let read = parse(&golden.to_toml()).unwrap();
    let kept: Vec<Digest> = read.superseded.iter().flat_map(|old| old.digests.clone()).collect();
    assert_eq!(kept, digests);
}

#[test]
fn a_learned_document_names_every_component_and_who_measures() {
    let golden = learned();
    assert_eq!(golden.banks, [HashAlg::Sha256, HashAlg::Sha384]);
    assert_eq!(golden.judged, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 14]);
    let variant = &golden.variants[0];
    let names = |pcr: u8| -> Vec<&str> {
        let all = golden.sequences.iter().chain(&variant.sequences);
        let sequence = all.into_iter().find(|s| s.pcr == pcr).unwrap();
        sequence.slots.iter().map(|slot| slot.component.as_str()).collect()
    };
    assert_eq!(names(0), ["firmware.version", "firmware.code", "firmware.code", "separator"]);
    assert_eq!(
        names(4),
        ["boot.action", "separator", "boot_loader.shim", "boot_loader.grub", "kernel", "kernel"]
    );
    assert_eq!(names(9), ["grub.config", "kernel.file", "initrd"]);
    assert_eq!(names(14), ["mok.list", "mok.revoked", "mok.trusted"]);
    assert!(names(8).contains(&"grub.kernel_cmdline"));
    assert_eq!(
        names(7)[..5],
        ["secure_boot.state", "secure_boot.pk", "secure_boot.kek", "secure_boot.db", "secure_boot.dbx"]
    );
    let by = |pcr| variant.sequences.iter().find(|s| s.pcr == pcr).unwrap().measured_by.clone().unwrap();
    assert_eq!(
        (by(8), by(9), by(14)),
        ("boot_loader.grub".into(), "boot_loader.grub".into(), "boot_loader.shim".into())
    );
    let exit = variant.sequences.iter().find(|s| s.pcr == 5).unwrap();
    assert_eq!(exit.slots.iter().filter(|s| s.rule == Some(Rule::ExitBootServicesRepeat)).count(), 1);
}

#[test]
fn a_reviewed_change_is_three_lines_in_the_comparison() {
    let old = learned();
    let mut new = old.clone();
    let sequences = &old.variants[0].sequences;
    let slot_of = |pcr: u8, component: &str, about: &str| {
        let sequence = sequences.iter().find(|s| s.pcr == pcr).unwrap();
        sequence.slots.iter().position(|s| s.component == component && s.about.contains(about)).unwrap()
    };
    let places =
        [(8, "grub.command", "linux /vmlinuz"), (8, "grub.kernel_cmdline", ""), (9, "grub.config", "")];
    let replace = places.map(|(pcr, component, about)| Replacement {
        pcr,
        slot: slot_of(pcr, component, about),
        with: Slot {
            component: component.into(),
            digests: old.banks.iter().map(|bank| bank.hash(&[component.as_bytes()])).collect(),
            about: "quiet".into(),
            rule: None,
        },
    });
    new.variants.push(Variant {
        name: "quiet".into(),
        evidence: Evidence::Reviewed,
        based_on: Some(old.variants[0].name.clone()),
        replace: replace.into(),
        sequences: vec![],
    });
    let new = parse(&new.to_toml()).unwrap();
    let changes = old.diff(&new);
    assert!(changes.iter().all(|c| c.kind == ChangeKind::Added && c.place.starts_with("variant `quiet`")));
    assert_eq!(new.diff(&new), []);
}

/// One more extend shifts the ones behind it, and changes none.
#[test]
fn an_inserted_slot_is_the_only_one_that_differs() {
    let old = learned();
    let mut new = old.clone();
    let sequence = new.variants[0].sequences.iter_mut().find(|s| s.pcr == 8).unwrap();
    let inserted = Slot { about: "set timeout=5".into(), ..sequence.slots[2].clone() };
    let digests = old.banks.iter().map(|bank| bank.hash(&[b"set timeout=5"])).collect();
    sequence.slots.insert(2, Slot { digests, ..inserted });
    let changes = old.diff(&new);
    let slots: Vec<_> = changes.iter().filter_map(|change| change.slot.as_ref()).collect();
    assert_eq!(slots.len(), 1, "{changes:#?}");
    assert!(slots[0].old.is_none() && slots[0].new.as_ref().unwrap().about == "set timeout=5");
    assert_eq!(changes.len(), 2, "and the number of extends");
    let back = new.diff(&old);
    assert!(back.iter().any(|c| c.kind == ChangeKind::Removed && c.place.contains("slot 02 grub.command")));
}

#[test]
fn every_value_that_judges_shows_in_the_comparison() {
    let old = learned();
    let mut new = old.clone();
    new.sequences[0].slots[0].digests[1] = HashAlg::Sha384.hash(&[b"other"]);
    let changes = old.diff(&new);
    assert_eq!(changes.len(), 1);
    assert_eq!(changes[0].kind, ChangeKind::Changed);
    assert!(changes[0].place.contains("firmware.version"), "{}", changes[0].place);
    new = old.clone();
    new.judged.retain(|pcr| *pcr != 7);
    assert!(old.diff(&new).iter().any(|c| c.kind == ChangeKind::Removed && c.place == "judged PCR 7"));
}

/// A document learned in another folder has other names and nothing else: no more is said than that.
#[test]
fn what_was_learned_under_another_name_is_compared_by_content() {
    let old = learned();
    let mut new = old.clone();
    new.sequences.iter_mut().for_each(|sequence| sequence.name = "elsewhere".into());
    new.variants[0].name = "elsewhere".into();
    let changes = old.diff(&new);
    assert_eq!(changes.len(), 1, "{changes:#?}");
    assert_eq!(changes[0].kind, ChangeKind::Renamed);
    assert!(changes[0].place.contains("PCR 7") && changes[0].place.contains("variant"), "{changes:#?}");
    assert_eq!(changes[0].new.as_deref(), Some("`elsewhere`"));
    let other = old.banks.iter().map(|bank| bank.hash(&[b"other"])).collect();
    let at = new.variants[0].sequences.iter().position(|sequence| sequence.pcr == 9).unwrap();
    new.variants[0].sequences[at].slots[0].digests = other;
    let changes = old.diff(&new);
    assert_eq!(changes.len(), 2, "{changes:#?}");
    assert!(changes[0].new.as_ref().unwrap().contains("below"));
    assert_eq!(changes[1].slot.as_ref().unwrap().pcr, 9);
}

/// Of several alternatives each gets the one that has most in common with it, whatever their order.
#[test]
fn the_nearest_stand_for_each_other() {
    let mut old = learned();
    let base = old.variants[0].clone();
    let at = base.sequences.iter().position(|sequence| sequence.pcr == 9).unwrap();
    let with = |name: &str, many: usize| {
        let mut variant = Variant { name: name.into(), ..base.clone() };
        for slot in variant.sequences[at].slots.iter_mut().take(many) {
            slot.digests.iter_mut().for_each(|digest| *digest = digest.alg().hash(&[digest.as_bytes()]));
        }
        variant
    };
    old.variants = vec![with("a", 0), with("b", 2)];
    let mut new = old.clone();
    new.variants = vec![with("y", 3), with("x", 0)];
    let changes = old.diff(&new);
    let renamed: Vec<_> = changes.iter().filter(|c| c.kind == ChangeKind::Renamed).collect();
    assert_eq!(renamed.len(), 2, "{changes:#?}");
    assert_eq!(renamed[0].old.as_deref().zip(renamed[0].new.as_deref()), Some(("`a`", "`x`")));
    assert_eq!(changes.iter().filter(|c| c.slot.is_some()).count(), 1, "{changes:#?}");
}

/// A document without one bank differs in that, not in every slot.
#[test]
fn documents_with_other_banks_are_compared_by_those_they_share() {
    let old = learned();
    let mut new = old.clone();
    new.banks = vec![HashAlg::Sha256];
    let slots = new.sequences.iter_mut().chain(new.variants.iter_mut().flat_map(|v| &mut v.sequences));
    for slot in slots.flat_map(|sequence| &mut sequence.slots) {
        slot.digests.retain(|digest| digest.alg() == HashAlg::Sha256);
    }
    let changes = old.diff(&new);
    assert!(changes.iter().all(|c| c.slot.is_none()), "{changes:#?}");
    assert!(changes.iter().any(|c| c.kind == ChangeKind::Removed && c.place == "digests in sha384"));
    new.sequences[0].slots[0].digests[0] = HashAlg::Sha256.hash(&[b"other"]);
    assert_eq!(old.diff(&new).iter().filter(|c| c.slot.is_some()).count(), 1);
    new.banks = vec![HashAlg::Sha512];
    assert!(
        old.diff(&new).iter().any(|c| c.new.as_ref().is_some_and(|new| new.contains("no bank is in both")))
    );
}

#[test]
fn remarks_for_the_reviewer() {
    let mut golden = learned();
    let codes =
        |golden: &Golden| -> Vec<LintCode> { golden.check().into_iter().map(|lint| lint.code).collect() };
    assert!(!codes(&golden).contains(&LintCode::LogOnly));
    golden.variants[0].evidence = Evidence::LogOnly;
    golden.judged.retain(|pcr| *pcr != 1);
    let kernel =
        golden.variants[0].sequences[0].slots.iter().find(|s| s.component == "kernel").unwrap().digests[0];
    golden.superseded.push(Superseded {
        component: "kernel".into(),
        digests: vec![kernel],
        reason: "CVE".into(),
    });
    let found = golden.check();
    let place = |code| found.iter().find(|l| l.code == code).map(|l| l.place.clone());
    assert_eq!(place(LintCode::LogOnly), Some("variant `debian \"12\"`".into()));
    assert_eq!(place(LintCode::PcrNotJudged), Some("PCR 1".into()));
    assert_eq!(place(LintCode::SupersededStillGolden), Some("kernel".into()));
    golden.variants.clear();
    assert!(codes(&golden).contains(&LintCode::NothingJudged));
}

/// One good document, one edit for each way to be wrong.
/// A megabyte of text could say more slots than memory holds.
#[test]
fn a51_a_long_variant_with_many_heirs() {
    let mut golden = learned();
    let base = golden.variants[0].clone();
    let slots: usize = base.sequences.iter().map(|sequence| sequence.slots.len()).sum();
    let most = Limits::DEFAULT.golden_slots / slots;
    let heir = |nth| Variant {
        name: format!("heir {nth}"),
        based_on: Some(base.name.clone()),
        sequences: vec![],
        replace: vec![],
        evidence: base.evidence,
    };
    golden.variants.extend((1..most).map(heir));
    assert_eq!(golden.check_slots(Limits::DEFAULT.golden_slots), Ok(()));
    golden.variants.extend((most..most + 2).map(heir));
    let refused = golden.validate().unwrap_err();
    assert_eq!(refused.code(), "golden_too_many_slots");
    let got = (most + 2) * slots;
    assert_eq!(refused, Error::TooManySlots { got, limit: Limits::DEFAULT.golden_slots });
    assert_eq!(golden.check_slots(got), Ok(()), "so many, and no more");
}

#[test]
fn documents_that_do_not_fit_together_are_refused() {
    let good = learned().to_toml();
    let edit = |from: &str, to: &str| {
        assert!(good.contains(from), "{from}");
        parse(&good.replacen(from, to, 1)).unwrap_err().code()
    };
    assert_eq!(edit("attest-golden/1", "attest-golden/2"), "golden_format");
    assert_eq!(edit("family =", "famliy ="), "golden_syntax");
    let told = parse(&good.replacen("family =", "famliy =", 1)).unwrap_err().to_string();
    assert!(told.starts_with("line 3, column 1: unknown field `famliy`, expected "), "{told}");
    assert_eq!(edit("banks = [\"sha256\", ", "banks = [\"sha1\", \"sha256\", "), "golden_banks");
    assert_eq!(edit("banks = [\"sha256\", ", "banks = [\"sha256\", \"sha256\", "), "golden_duplicate");
    assert_eq!(edit("banks = [\"sha256\", \"sha384\"]", "banks = []"), "golden_banks");
    assert_eq!(edit("banks = [\"sha256\", \"sha384\"]", "banks = [\"sha256\"]"), "golden_digest");
    assert_eq!(edit("banks = [\"sha256\", ", "banks = [\"sha256\", \"sha512\", "), "golden_digest");
    assert_eq!(edit("judged = [0", "judged = [10, 0"), "golden_pcr");
    assert_eq!(edit("judged = [0", "judged = [16, 0"), "golden_pcr");
    assert_eq!(edit("judged = [0", "judged = [0, 0"), "golden_duplicate");
    assert_eq!(edit("judged = [0", "judged = [12, 0"), "golden_pcr");
    assert_eq!(edit("evidence = \"quoted\"", "evidence = \"trusted\""), "golden_value");
    assert_eq!(edit("measured_by = \"boot_loader.grub\"\n", ""), "golden_measured_by_missing");
    assert_eq!(
        edit("measured_by = \"boot_loader.shim\"", "measured_by = \"nobody\""),
        "golden_measured_by_missing"
    );
    assert_eq!(edit("exit_boot_services_repeat", "anything"), "golden_rule");
    assert_eq!(
        edit(
            "{ component = \"kernel\", ",
            "{ component = \"kernel\", rule = \"exit_boot_services_repeat\", "
        ),
        "golden_rule"
    );
    assert_eq!(edit("sha256 = \"", "sha256 = \"0"), "golden_digest");
    assert_eq!(edit("component = \"kernel\", ", ""), "golden_syntax");
    assert_eq!(edit("[[variant.sequence]]\npcr = 4", "[[variant.sequence]]\npcr = 10"), "golden_pcr");
    assert_eq!(edit("[[sequence]]\npcr = 0", "[[sequence]]\npcr = 4"), "golden_pcr");
    assert_eq!(edit("[[sequence]]\npcr = 6", "[[sequence]]\npcr = 3"), "golden_duplicate");
    let tail = |text: &str| parse(&format!("{good}\n{text}")).unwrap_err().code();
    assert_eq!(
        tail("[[variant]]\nname = \"x\"\nevidence = \"reviewed\"\nbased_on = \"nobody\""),
        "golden_base_unknown"
    );
    assert_eq!(tail("[[superseded]]\ncomponent = \"kernel\"\nreason = \"old\""), "golden_digest");
    assert_eq!(tail("[ima]\nunknown_files = \"ignore\""), "golden_value");
    assert_eq!(tail("[[ima.files]]\npath = \"/a\"\ndigest = \"sha256:00\""), "golden_digest");
    assert_eq!(tail("[[workaround]]\nquirk = \"any\"\nreason = \"\""), "golden_value");
    let small = Limits { golden_bytes: 100, ..Limits::DEFAULT };
    assert_eq!(Golden::parse(&good, &small).unwrap_err().code(), "golden_too_large");
}
