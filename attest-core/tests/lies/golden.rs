//! What a golden document may say, and what it never makes good.

use attest_core::appraise::{Cause, Code, Context, Policy, PolicyError, Status};
use attest_core::reference::ReferenceSet;
use attest_core::reference::golden::{
    Accepted, Error, Evidence, Golden, NotJudged, Order, Replacement, Superseded, Variant,
};
use attest_core::reference::learn::{self, Choices};
use attest_core::{Digest, HashAlg, Limits};

use super::device::{Device, Event, SHA1, SHA256, VARIABLE_CONFIG, hash};
use super::judge::{
    FAMILY, Sent, affirmed, context, find, golden, has, judge, learned, learned_by, refused, refused_only,
};
use super::sample::{Software, good, separator};

fn digest_of(device: &Device, at: usize) -> Digest {
    Digest::new(HashAlg::Sha256, &device.log[at].digests[&SHA256]).unwrap()
}

/// Where the kernel's image stands in the log.
fn kernel_at(device: &Device) -> usize {
    device.log.iter().rposition(|e| e.kind == super::device::APPLICATION).unwrap()
}

fn supersede(golden: &mut Golden, component: &str, digest: Digest) {
    let reason = "CVE-2026-0001".to_owned();
    golden.superseded.push(Superseded { component: component.into(), digests: vec![digest], reason });
}

#[test]
fn superseded_explains_and_never_accounts() {
    let new = Software { kernel: "linux 6.12", initrd: "initrd of linux 6.12", ..Software::default() };
    let mut golden = golden(&[&new.boot()]);
    let old = good();
    let verdict = judge(&old, &golden);
    assert!(!has(&verdict, Code::Superseded), "nobody said so");
    assert!(verdict.causes.iter().all(|c| c.cause != Cause::KernelRollback));
    supersede(&mut golden, "kernel", digest_of(&old, kernel_at(&old)));
    let verdict = judge(&old, &golden);
    refused(&verdict, Code::Superseded);
    assert!(find(&verdict, Code::Superseded)[0].explain.contains("CVE-2026-0001"));
    assert_eq!(verdict.causes[0].cause, Cause::KernelRollback);
    let kernel = u32::try_from(kernel_at(&old) + 1).unwrap();
    let about_it: Vec<Code> =
        verdict.reasons.iter().filter(|r| r.event == Some(kernel)).map(|r| r.code).collect();
    assert_eq!(about_it, [Code::Superseded], "said once, by its name");
    affirmed(&judge(&new.boot(), &golden));
}

/// The digest is superseded, and the variant that has it was left in the document: the newer word counts.
#[test]
fn superseded_digests_in_a_variant_that_was_left_in() {
    let new = Software { kernel: "linux 6.12", ..Software::default() };
    let mut golden = golden(&[&good(), &new.boot()]);
    for (component, at) in [("kernel", kernel_at(&good())), ("firmware.code", 2), ("secure_boot.dbx", 7)] {
        let mut marked = golden.clone();
        supersede(&mut marked, component, digest_of(&good(), at));
        let verdict = judge(&good(), &marked);
        refused_only(&verdict, Code::Superseded);
        assert_eq!(verdict.golden.variant, None, "no variant accounts for it");
        if component == "kernel" {
            assert_eq!(find(&verdict, Code::Superseded).len(), 2, "shim's copy, too");
            affirmed(&judge(&new.boot(), &marked));
        }
    }
    supersede(&mut golden, "anything", HashAlg::Sha256.hash(&[b"anything"]));
    affirmed(&judge(&good(), &golden));
}

/// PCR 8 to 15 count only where a golden image extends them.
#[test]
fn measured_by_is_checked() {
    let golden = golden(&[&good()]);
    for pcr in [8, 9, 14] {
        for by in [None, Some("nobody"), Some("grub.command"), Some("separators")] {
            let mut document = golden.clone();
            let sequence = document.variants[0].sequences.iter_mut().find(|s| s.pcr == pcr).unwrap();
            sequence.measured_by = by.map(ToOwned::to_owned);
            let refusal = ReferenceSet::development(document.clone()).unwrap_err();
            assert_eq!(refusal.code(), "golden_measured_by_missing", "PCR {pcr} by {by:?}");
            assert_eq!(Golden::parse(&document.to_toml(), &Limits::DEFAULT).unwrap_err(), refusal);
        }
    }
    // PCR 4, which says which images ran, is not judged.
    let mut document = golden;
    document.judged.retain(|pcr| *pcr != 4);
    assert_eq!(ReferenceSet::development(document).unwrap_err().code(), "golden_measured_by_missing");
}

/// One reviewed change with three entries: PCR 8 twice, PCR 9 once.
fn reviewed(base: &Golden, from: &Device, to: &Device) -> Golden {
    let mut golden = base.clone();
    let mut replace = Vec::new();
    for pcr in [4_u8, 5, 8, 9, 14] {
        let events =
            |d: &Device| -> Vec<_> { d.log.iter().filter(|e| e.pcr == u32::from(pcr)).cloned().collect() };
        for (slot, (old, new)) in events(from).iter().zip(events(to)).enumerate() {
            if old.digests != new.digests {
                let base = base.variants[0].sequences.iter().find(|s| s.pcr == pcr).unwrap();
                let mut with = base.slots[slot].clone();
                with.digests = vec![Digest::new(HashAlg::Sha256, &new.digests[&SHA256]).unwrap()];
                replace.push(Replacement { pcr, slot, with });
            }
        }
    }
    golden.variants.push(Variant {
        name: "reviewed".into(),
        evidence: Evidence::Reviewed,
        based_on: Some("boot-1".into()),
        replace,
        sequences: Vec::new(),
    });
    golden
}

#[test]
fn one_reviewed_change_accounts_for_the_changed_boot_and_for_nothing_else() {
    let software = Software::default();
    let new = Software { cmdline: "/vmlinuz quiet", grub_cfg: "linux /vmlinuz quiet", ..software.clone() };
    let golden = reviewed(&golden(&[&good()]), &good(), &new.boot());
    assert_eq!(golden.variants[1].replace.len(), 3);
    affirmed(&judge(&good(), &golden));
    let verdict = judge(&new.boot(), &golden);
    affirmed(&verdict);
    assert_eq!(verdict.golden.variant.as_deref(), Some("reviewed"));
    let mixed = Software { grub_cfg: software.grub_cfg, ..new.clone() };
    refused(&judge(&mixed.boot(), &golden), Code::VariantsMixed);
    let implant = Software { initrd: "implant", ..new };
    refused(&judge(&implant.boot(), &golden), Code::GoldenMismatch);
    assert_eq!(Golden::parse(&golden.to_toml(), &Limits::DEFAULT), Ok(golden));
}

#[test]
fn a_reviewed_change_that_does_not_fit_its_base_is_refused() {
    let new = Software { cmdline: "/vmlinuz quiet", ..Software::default() }.boot();
    let golden = reviewed(&golden(&[&good()]), &good(), &new);
    let refuse = |change: &dyn Fn(&mut Variant)| {
        let mut document = golden.clone();
        change(&mut document.variants[1]);
        ReferenceSet::development(document).unwrap_err()
    };
    let replacement = |error: Error| assert!(matches!(error, Error::Replacement { .. }), "{error:?}");
    replacement(refuse(&|v| v.replace[0].slot = 99));
    replacement(refuse(&|v| v.replace[0].pcr = 13));
    replacement(refuse(&|v| v.replace[0].with.component = "kernel".into()));
    assert_eq!(refuse(&|v| v.based_on = Some("nobody".into())).code(), "golden_base_unknown");
    assert_eq!(
        refuse(&|v| v.based_on = Some("reviewed".into())).code(),
        "golden_base_unknown",
        "not on itself"
    );
    assert_eq!(refuse(&|v| v.name = "boot-1".into()).code(), "golden_duplicate");
    assert_eq!(refuse(&|v| v.based_on = None).code(), "golden_no_sequence");
}

#[test]
fn a_judged_pcr_without_sequence_is_refused() {
    let golden = golden(&[&good()]);
    for pcr in [0, 4, 7, 9] {
        let mut document = golden.clone();
        document.sequences.retain(|s| s.pcr != pcr);
        document.variants[0].sequences.retain(|s| s.pcr != pcr);
        assert_eq!(ReferenceSet::development(document).unwrap_err().code(), "golden_no_sequence");
    }
}

#[test]
fn another_family_is_refused() {
    let golden = golden(&[&good()]);
    for family in ["debian-servers", "", "Debian-laptops", "debian-laptops "] {
        let context = Context { family: family.into(), ..Context::default() };
        let verdict = Sent::by(&good()).judge(&golden, &Policy::default(), &context);
        refused_only(&verdict, Code::FamilyMismatch);
        assert_eq!(verdict.boot.status, Status::Contraindicated);
        assert_eq!(verdict.runtime.status, Status::Contraindicated, "for every part");
        assert_eq!((verdict.trust_vector.configuration, verdict.trust_vector.executables), (96, 96));
    }
    // A document for nobody is no document.
    let nobody = Golden { family: String::new(), ..golden };
    assert_eq!(ReferenceSet::development(nobody).unwrap_err().code(), "golden_value");
}

#[test]
fn an_empty_golden_document_refuses_everything() {
    let full = golden(&[&good()]);
    let no_variant = Golden { variants: Vec::new(), ..full.clone() };
    refused(&judge(&good(), &no_variant), Code::GoldenMissing);
    let nothing_judged = Golden { judged: Vec::new(), not_judged: Vec::new(), ..full.clone() };
    refused(&judge(&good(), &nothing_judged), Code::GoldenMissing);
    let empty = Golden { sequences: Vec::new(), variants: Vec::new(), ..nothing_judged };
    refused(&judge(&good(), &empty), Code::GoldenMissing);
    let no_bank = Golden { banks: Vec::new(), ..full };
    refused(&judge(&good(), &no_bank), Code::BankNotGolden);
}

/// Slots that lack the judged bank's digest match nothing.
#[test]
fn a_slot_without_digest_is_no_wildcard() {
    let mut golden = golden(&[&good()]);
    golden.variants[0].sequences[0].slots[2].digests.clear();
    let verdict = judge(&good(), &golden);
    assert_eq!(verdict.status, Status::Contraindicated);
}

#[test]
fn an_empty_policy_refuses_everything() {
    let policy = Policy::parse("format = 'attest-policy/1'\nmust_judge = []").unwrap();
    let verdict = Sent::by(&good()).judge(&golden(&[&good()]), &policy, &context());
    refused_only(&verdict, Code::PolicyEmpty);
}

#[test]
fn policies_that_are_none() {
    let parse = |text: &str| Policy::parse(text).map_err(|error| error.code());
    let good = "format = 'attest-policy/1'\nmust_judge = [0, 4, 7]\n";
    assert_eq!(parse(good).unwrap(), Policy::default());
    assert_eq!(parse("must_judge = [0]"), Err("policy_syntax"));
    assert_eq!(parse("format = 'attest-policy/1'"), Err("policy_syntax"), "what must be judged is said");
    assert_eq!(parse("format = 'attest-policy/2'\nmust_judge = [0]"), Err("policy_format"));
    assert_eq!(parse(&format!("{good}clock_unsave = 'warn'")), Err("policy_syntax"), "nothing is dropped");
    assert_eq!(parse(&format!("{good}clock_unsafe = 'ignore'")), Err("policy_syntax"));
    for pcr in [10, 16, 17, 23, 24, 255] {
        let text = format!("format = 'attest-policy/1'\nmust_judge = [0, {pcr}]");
        assert_eq!(Policy::parse(&text), Err(PolicyError::Pcr { pcr }));
    }
    assert_eq!(parse("format = 'attest-policy/1'\nmust_judge = [256]"), Err("policy_syntax"));
}

#[test]
fn what_nobody_should_learn_from() {
    let code = |devices: &[&Device]| learned(devices, false).map(|_| ()).map_err(|error| error.code());
    assert_eq!(code(&[&good()]), Ok(()));
    assert_eq!(code(&[]), Err("learn_no_boot"));
    let sha1 = Software { banks: vec![SHA1], ..Software::default() }.boot();
    assert_eq!(code(&[&sha1]), Err("learn_banks_disjoint"));
    let sha384 = Software { banks: vec![super::device::SHA384], ..Software::default() }.boot();
    assert_eq!(code(&[&good(), &sha384]), Err("learn_banks_disjoint"));
    let mut incomplete = good();
    incomplete.log[20].digests.remove(&SHA256);
    assert_eq!(
        code(&[&incomplete]),
        Err("learn_banks_disjoint"),
        "a bank counts where every extend has its digest"
    );
    let mut twice = good();
    separator(&mut twice, 4);
    assert_eq!(code(&[&good(), &twice]), Err("learn_log_refused"));
    let off = Software { secure_boot: 0, ..Software::default() }.boot();
    assert_eq!(code(&[&off]), Err("learn_weakness_not_accepted"));
    let bytes = good().log_bytes();
    let log = attest_core::evidence::tcg_log::EventLog::parse(&bytes, &Limits::DEFAULT).unwrap();
    let boot =
        learn::Boot { name: "boot", log: &log, userspace: None, evidence: Evidence::Quoted, files: None };
    let no_family = learn::learn("", &[boot], &Choices::default()).unwrap_err();
    assert_eq!(no_family.code(), "golden_value", "{no_family}");
}

#[test]
fn weaknesses_are_accepted_by_name_and_stay_in_the_document() {
    let off = Software { secure_boot: 0, ..Software::default() }.boot();
    let mut unvalidated = good();
    unvalidated.measure(14, super::device::IPL, b"MokSBState\0", &[1]);
    let mut test_keys = good();
    let variable = super::sample::variable(&super::sample::GLOBAL, "PK", b"CN=DO NOT TRUST - AMI Test PK");
    let at = test_keys.log.iter().position(|e| e.kind == VARIABLE_CONFIG).unwrap() + 1;
    let good_key = test_keys.log[at].data.clone();
    test_keys.log[at].data = variable.clone();
    test_keys.log[at].digests =
        [SHA1, SHA256].into_iter().map(|bank| (bank, hash(bank, &variable))).collect();
    // The writer of the log shows a good key for the one that was measured.
    let mut hidden = good();
    hidden.log[at] = Event { data: good_key, ..test_keys.log[at].clone() };
    let boots = [
        (off, "secure_boot_off"),
        (unvalidated, "shim_validation_off"),
        (test_keys, "test_keys"),
        (hidden, "test_keys"),
    ];
    for (device, weakness) in boots {
        let refusal = learned(&[&device], false).unwrap_err();
        assert!(matches!(refusal, learn::Error::WeaknessNotAccepted { weakness: w, .. } if w == weakness));
        let accept = |weakness: &str| Choices {
            accepted: vec![Accepted { weakness: weakness.into(), reason: "a lab".into() }],
            ..Choices::default()
        };
        let golden = learned_by(&[&device], false, &accept(weakness)).unwrap();
        assert_eq!(golden.accepted[0].weakness, weakness);
        assert!(learned_by(&[&device], false, &accept("anything")).is_err());
    }
}

/// What the document does not judge it says, with a reason.
#[test]
fn what_is_not_judged_is_named() {
    let choices = Choices {
        not_judged: vec![NotJudged { pcr: 1, reason: "boot order moves".into() }],
        ..Choices::default()
    };
    let golden = learned_by(&[&good()], false, &choices).unwrap();
    assert!(!golden.judged.contains(&1));
    let all: Vec<u8> = golden.not_judged.iter().map(|n| n.pcr).collect();
    assert_eq!(all, [1, 10, 11, 12, 13, 15]);
    assert!(golden.not_judged.iter().all(|n| !n.reason.is_empty()));
    let verdict = judge(&good(), &golden);
    affirmed(&verdict);
    assert_eq!(find(&verdict, Code::PcrNotJudged)[0].pcr, Some(1), "and the verdict says it, too");
}

/// Nobody in PCR 4 is known to make the events of PCR 14.
#[test]
fn a_register_that_nobody_measures_is_not_learned() {
    let mut device = Software::default().boot_uki();
    device.measure(14, super::device::SEPARATOR, &[0; 4], &[0; 4]);
    let refusal = learned(&[&device], false).unwrap_err();
    assert!(matches!(refusal, learn::Error::NobodyMeasures { pcr: 14, .. }), "{refusal}");
    assert_eq!(refusal.code(), "learn_nobody_measures");
}

#[test]
fn values_from_a_log_alone_are_marked_in_every_verdict() {
    let mut golden = golden(&[&good()]);
    assert!(!has(&judge(&good(), &golden), Code::GoldenLogOnly));
    golden.variants[0].evidence = Evidence::LogOnly;
    assert!(has(&judge(&good(), &golden), Code::GoldenLogOnly));
    golden.variants[0].evidence = Evidence::Quoted;
    golden.sequences[0].evidence = Evidence::LogOnly;
    assert!(has(&judge(&good(), &golden), Code::GoldenLogOnly));
}

/// A rule belongs to its own component in PCR 5, and the order is free where the document says so.
#[test]
fn rules_stay_where_they_belong() {
    let mut golden = golden(&[&good()]);
    let carriers = |golden: &Golden| -> Vec<(u8, String)> {
        let all = golden.variants.iter().flat_map(|v| &v.sequences).chain(&golden.sequences);
        let slots = all.flat_map(|s| s.slots.iter().map(move |slot| (s.pcr, slot)));
        slots
            .filter(|(_, slot)| slot.rule.is_some())
            .map(|(pcr, slot)| (pcr, slot.component.clone()))
            .collect()
    };
    assert_eq!(carriers(&golden), [(5, "boot.exit_boot_services".to_owned())]);
    assert!(golden.sequences.iter().all(|s| s.order == Order::Fixed), "learned order is judged");
    golden.family = FAMILY.into();
    let text = golden.to_toml().replace(
        "component = \"separator\"",
        "component = \"separator\", rule = \"exit_boot_services_repeat\"",
    );
    assert_eq!(Golden::parse(&text, &Limits::DEFAULT).unwrap_err().code(), "golden_rule");
}

/// Whoever is learned from writes the texts of the document: they stay texts.
#[test]
fn texts_of_the_log_stay_texts_in_the_document() {
    let evil = [
        "x\"\nrule = \"exit_boot_services_repeat\"\n[[variant]]\nname = \"y",
        "x\"\"\" \\u0022 \\",
        "\u{202e}\u{7f}\u{0}\u{feff}",
        "# ] } = {",
    ];
    for text in evil {
        let mut device = good();
        for at in 0..device.log.len() {
            if device.log[at].kind == super::device::IPL {
                device.log[at].data = format!("kernel_cmdline: {text}\0").into_bytes();
            }
        }
        device.ima(super::device::Measurement::file(text.as_bytes(), b"x"));
        let golden = super::judge::golden_with_files(&[&device]);
        assert_eq!(Golden::parse(&golden.to_toml(), &Limits::DEFAULT), Ok(golden), "{text}");
    }
}
