//! Sentences say which register, part and value they are about.

use super::*;

#[test]
fn sentences_about_registers_name_them() {
    let all = [
        (pcr_not_quoted(4), "PCR 4 is judged, but the quote does not cover it"),
        (weak_bank(7), "PCR 7 is quoted in the SHA-1 bank alone"),
        (bank_not_golden(4, &[HashAlg::Sha256, HashAlg::Sha384]), "lets judge (sha256, sha384)"),
        (extended_by_ima(11), "entries in PCR 11,"),
        (startup_locality(3, 0), "started from locality 0, the golden boots from locality 3"),
        (variants_mixed(&[(4, "old"), (9, "new")]), "PCR 4 is that of `old`, PCR 9 is that of `new`"),
        (pcr_not_judged(1, 2, "boot.order"), "PCR 1 has 2 events (the first: boot.order)"),
        (
            varied_by_rule("secure_boot.dbx", &Rule::PerDevice),
            "the list of revocations (dbx) is not the one that was learned",
        ),
    ];
    for (text, fragment) in all {
        assert!(text.contains(fragment), "{text}");
    }
}

fn slot(about: &str) -> Slot {
    Slot { component: "kernel".into(), digests: Vec::new(), about: about.into(), rule: None }
}

#[test]
fn each_code_says_how_the_part_differs() {
    let say = |code, superseded| difference(code, "kernel", 4, None, None, superseded);
    let all = [
        (say(Code::Superseded, Some("CVE-1")), "the kernel is an old one that no longer counts (CVE-1)"),
        (say(Code::GoldenMismatch, None), "the kernel is not the golden one"),
        (say(Code::EventMissing, None), "the kernel was not measured into PCR 4,"),
        (say(Code::EventRepeated, None), "into PCR 4 more often than"),
        (say(Code::EventReordered, None), "into PCR 4 at another place than"),
        (say(Code::EventAppended, None), "into PCR 4 after everything"),
        (say(Code::EventUnexpected, None), "into PCR 4, the golden boot has no such event there"),
    ];
    for (text, fragment) in all {
        assert!(text.contains(fragment), "{text}");
    }
    assert!(
        difference(Code::EventMissing, "hardware.tables", 1, None, None, None)
            .starts_with("`hardware.tables` was")
    );
}

#[test]
fn what_the_golden_boot_says_is_told_if_it_says_something() {
    let say = |slot: &Slot| difference(Code::EventMissing, "kernel", 4, Some(slot), None, None);
    assert!(say(&slot("linux 6.1")).ends_with("; the golden boot has: linux 6.1"));
    assert!(say(&slot("")).ends_with("the golden boot has it"));
}
