//! Findings in words, how many of a kind are kept, and the edges of registers.

use super::*;
use crate::evidence::tcg_event::{Database, Switch};
use crate::evidence::tcg_log::inspect::extends_a_separator;

#[test]
fn each_finding_is_told_in_a_sentence_of_its_own() {
    use FindingKind as K;
    let kinds = [
        (
            K::AlgorithmUnknown { id: 0x27 },
            "the log's algorithm 0x0027 is not known; its bank is not replayed",
        ),
        (K::ConcatenatedLogs { count: 3 }, "3 logs one after the other"),
        (
            K::DigestMissing { alg: HashAlg::Sha384 },
            "no sha384 digest; this register cannot be judged in the sha384 bank",
        ),
        (
            K::FirmwareEventAfterSeparator { event_type: EventType::POST_CODE },
            "EV_POST_CODE after the separator that ends the firmware's part",
        ),
        (
            K::FirmwareEventAfterSeparator { event_type: EventType(0x7777) },
            "0x00007777 after the separator that ends the firmware's part",
        ),
        (
            K::LabKey { database: Database::KEK },
            "KEK holds a laboratory's key, whose private half is published",
        ),
        (K::SeparatorDigest { alg: HashAlg::Sha1 }, "the sha1 digest is not that of the separator's data"),
        (K::SeparatorsShared { count: 5 }, "5 separators, as this register serves several PCRs"),
        (K::StartupLocalityValue { locality: 9 }, "StartupLocality 9, only 0, 3 and 4 exist; not applied"),
        (
            K::TestKey { database: Database::Db },
            "db holds a key for tests that was never to be shipped; others have its private half",
        ),
        (K::TooMany { code: "pcr_invalid" }, "more findings pcr_invalid are not listed"),
        (K::WindowsWeakened { switch: Switch::CodeIntegrity }, "Windows: Code Integrity is off"),
    ];
    for (kind, words) in kinds {
        assert_eq!(kind.to_string(), words);
    }
    let plain = [
        K::AuditMode,
        K::AuthorityMissing,
        K::DuplicateSeparator,
        K::DuplicateVariable,
        K::NoActionDigest,
        K::PcrInvalid,
        K::SecureBootUnproven,
        K::SecureBootValue,
        K::SeparatorData,
        K::SeparatorDisguised,
        K::SeparatorError,
        K::SeparatorMissing,
        K::SetupMode,
        K::ShimValidationOff,
        K::StartupLocalityLate,
        K::StartupLocalityMisplaced,
        K::StartupLocalityRepeated,
        K::StartupLocalitySize,
        K::VariableAfterSeparator,
        K::WindowsEventAfterSeparator,
        K::WindowsUnproven,
        K::WindowsUnreadable,
    ];
    let switches = Switch::ALL.map(|switch| K::WindowsWeakened { switch });
    let words: std::collections::BTreeSet<_> =
        plain.iter().chain(&switches).map(ToString::to_string).collect();
    assert_eq!(words.len(), plain.len() + switches.len());
    assert!(words.iter().all(|words| words.len() > 15 && !words.ends_with('.')), "{words:?}");
}

/// Only so many separators of a register are hashed before a signature is checked; those beyond say that nobody looked.
#[test]
fn a51_separators_are_hashed_so_many_times() {
    let told = |count: usize| {
        let bytes = log(&vec![Made { data: vec![0xff; 4], ..Made::separator(9) }; count]);
        let codes = findings(&bytes);
        let of = |code| codes.iter().filter(|(found, ..)| *found == code).count();
        (of("separator_digest"), of("too_many_findings"))
    };
    assert_eq!((told(15), told(16)), ((15, 0), (16, 0)));
    assert_eq!((told(17), told(20)), ((16, 1), (16, 4)));
}

#[test]
fn the_firmwares_registers_end_with_seven_and_those_of_the_tpm_with_23() {
    let odd = |pcr| findings(&log(&[Made::new(pcr, EventType::SEPARATOR, b"odd")])).len();
    assert_eq!([odd(7), odd(8), odd(23)], [1, 0, 0]);
    let bytes = log(&[Made::separator(7), Made::separator(8), Made::separator(23), Made::separator(24)]);
    let log = parse(&bytes).unwrap();
    let of = |of: fn(&Event<'_>) -> bool| log.events()[1..].iter().map(of).collect::<Vec<_>>();
    assert_eq!(of(extends_a_separator), [true, false, false, false]);
    assert_eq!(of(|event| event.is_extended()), [true, true, true, false]);
}
