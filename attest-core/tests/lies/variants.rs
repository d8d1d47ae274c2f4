//! One variant explains all registers of a boot together; what root appends later, and parts of two good boots, are none.

use std::collections::BTreeSet;

use attest_core::appraise::{Code, Explanation, Reason, Severity, Status};
use attest_core::reference::golden::{Golden, Sequence};

use super::device::Event;
use super::judge::{affirmed, golden, has, judge, refused};
use super::sample::{Software, good};

use super::sequence::{booted, events, extended, index, named};

/// A document that judges PCR 11 of a boot that never extends it, too.
fn golden_with_pcr_11() -> Golden {
    let mut golden = golden(&[&good()]);
    golden.not_judged.retain(|n| n.pcr != 11);
    golden.judged.push(11);
    golden.judged.sort_unstable();
    let like = golden.variants[0].sequences[0].clone();
    golden.variants[0].sequences.push(Sequence { pcr: 11, slots: Vec::new(), measured_by: None, ..like });
    golden.variants[0].sequences.sort_by_key(|s| s.pcr);
    golden
}

/// Root extends, once the system runs, what the golden document allows elsewhere, and logs it.
#[test]
fn a38a_root_appends_allowed_digests() {
    let golden = golden_with_pcr_11();
    affirmed(&judge(&good(), &golden));
    let allowed: Vec<Event> = extended(&good()).into_iter().map(|at| good().log[at].clone()).collect();
    for pcr in [4, 8, 9, 11, 14] {
        for event in &allowed {
            let mut liar = good();
            liar.repeat(&Event { pcr, ..event.clone() });
            let verdict = judge(&liar, &golden);
            assert_eq!(verdict.status, Status::Contraindicated, "PCR {pcr}");
            assert!(has(&verdict, Code::EventAppended) || has(&verdict, Code::EventRepeated), "{verdict:#?}");
            assert_eq!(named(&verdict), BTreeSet::from([pcr]));
            assert_eq!(events(&verdict), BTreeSet::from([index(liar.log.len() - 1)]));
        }
    }
}

/// A stage is skipped at boot, and root supplies its digest afterwards.
#[test]
fn a38a_a_skipped_stage_supplied_later() {
    let golden = golden(&[&good()]);
    let mut lies = 0;
    for at in extended(&good()) {
        let event = good().log[at].clone();
        let is_last = good().log[at + 1..].iter().all(|later| later.pcr != event.pcr);
        let same_follow =
            good().log[at + 1..].iter().filter(|l| l.pcr == event.pcr).all(|l| l.digests == event.digests);
        if ![4, 8, 9, 14].contains(&event.pcr) || is_last || same_follow {
            continue;
        }
        let mut log = good().log;
        log.remove(at);
        log.push(event.clone());
        let verdict = judge(&booted(&log), &golden);
        assert_eq!(verdict.status, Status::Contraindicated, "event {at}");
        assert_eq!(named(&verdict), BTreeSet::from([event.pcr]));
        lies += 1;
    }
    assert!(lies >= 10, "{lies}");
}

#[test]
fn a38a_pcr_11_of_a_unified_kernel_image() {
    let software = Software::default();
    let golden = golden(&[&software.boot_uki()]);
    assert!(golden.judged.contains(&11));
    affirmed(&judge(&software.boot_uki(), &golden));
    let sections: Vec<Event> = software.boot_uki().log.into_iter().filter(|e| e.pcr == 11).collect();
    for event in &sections {
        let mut liar = software.boot_uki();
        liar.repeat(event);
        refused(&judge(&liar, &golden), Code::EventRepeated);
    }
    let changed = Software { initrd: "implant", ..software.clone() }.boot_uki();
    refused(&judge(&changed, &golden), Code::GoldenMismatch);
}

fn two_boots() -> (Software, Software) {
    let old = Software::default();
    let new = Software {
        kernel: "linux 6.12",
        initrd: "initrd of linux 6.12",
        cmdline: "/vmlinuz quiet",
        ..old.clone()
    };
    (old, new)
}

#[test]
fn a38b_parts_of_two_known_good_boots() {
    let (old, new) = two_boots();
    let golden = golden(&[&old.boot(), &new.boot()]);
    assert_eq!(golden.variants.len(), 2);
    affirmed(&judge(&old.boot(), &golden));
    let verdict = judge(&new.boot(), &golden);
    affirmed(&verdict);
    assert_eq!(verdict.golden.variant.as_deref(), Some("boot-2"));
    let mixed = [
        Software { kernel: new.kernel, ..old.clone() },
        Software { initrd: new.initrd, ..old.clone() },
        Software { cmdline: new.cmdline, ..old.clone() },
        Software { kernel: old.kernel, ..new.clone() },
        Software { initrd: old.initrd, ..new.clone() },
        Software { cmdline: old.cmdline, ..new.clone() },
    ];
    for software in mixed {
        let verdict = judge(&software.boot(), &golden);
        assert_eq!(verdict.status, Status::Contraindicated);
        assert_eq!(verdict.golden.variant, None, "no variant explains it");
    }
    // An initrd that is good with another kernel is told from one that nobody knows.
    let told = |initrd| {
        let verdict = judge(&Software { initrd, ..old.clone() }.boot(), &golden);
        let about =
            |reason: &&Reason| reason.component.as_deref().is_some_and(|name| name.contains("initrd"));
        let reason = verdict.reasons.iter().find(about).expect("the initrd").clone();
        assert_eq!((reason.code, reason.severity), (Code::GoldenMismatch, Severity::Refuse));
        (reason.explanation, reason.explain.contains("in PCR 9 of `boot-2`"))
    };
    assert_eq!(told(new.initrd), (Some(Explanation::GoldenElsewhere), true));
    assert_eq!(told("an initrd of nobody"), (None, false));
    // Every register alone is golden: PCR 4 and 9 of one boot, PCR 8 of the other.
    let verdict = judge(&Software { cmdline: new.cmdline, ..old }.boot(), &golden);
    refused(&verdict, Code::VariantsMixed);
}

/// The boot loader's PCR of one boot, everything else of the other: kernels differ, so PCR 4 and 9 are of different variants.
#[test]
fn variants_explain_together_or_not_at_all() {
    let (old, new) = two_boots();
    let golden = golden(&[&old.boot(), &new.boot()]);
    for pcr in [4, 8, 9] {
        let (from, mut log) = (new.boot().log, old.boot().log);
        let first = log.iter().position(|e| e.pcr == pcr).unwrap();
        log.retain(|e| e.pcr != pcr);
        let others: Vec<Event> = from.into_iter().filter(|e| e.pcr == pcr).collect();
        log.splice(first..first, others);
        let verdict = judge(&booted(&log), &golden);
        refused(&verdict, Code::VariantsMixed);
        assert_eq!(verdict.golden.variant, None);
    }
}
