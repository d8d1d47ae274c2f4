//! Rules: a slot may vary only as its rule says, by bytes that the slot's own digest covers. The lies that would use a
//! rule as a door.

use attest_core::Limits;
use attest_core::appraise::{Cause, Code, Status};
use attest_core::reference::golden::{Golden, Order, RuleKind};
use attest_core::reference::learn::Choices;

use super::device::{Event, GPT, NO_ACTION, VARIABLE_AUTHORITY, VARIABLE_BOOT, VARIABLE_CONFIG, hash};
use super::judge::{judge, learned_by};
use super::rule_values::{
    ALL, SHA256_LIST, Values, X509_LIST, certificates, gpt, list, option, passes, refuses, refuses_device,
    revoked, ruled, same_subject, with,
};
use super::sample::{SECURITY, variable};
use super::sequence::booted;

#[test]
fn the_good_boot_passes_and_no_rule_is_used() {
    let verdict = judge(&Values::default().boot(), &ruled(&ALL));
    assert_eq!(verdict.boot.status, Status::Affirming, "{verdict:#?}");
    assert!(verdict.reasons.iter().all(|r| r.code != Code::VariedByRule));
}

#[test]
fn what_may_move_moves() {
    passes(&with(|v| v.dbx = revoked(&[1, 2, 3, 4])));
    passes(&with(|v| v.dbx = [revoked(&[4, 3]), revoked(&[2, 1])].concat()));
    passes(&with(|v| v.dbx = list(SHA256_LIST, 9, &[vec![3; 32], vec![2; 32], vec![1; 32]])));
    passes(&with(|v| v.db = certificates(&["Microsoft UEFI"])));
    passes(&with(|v| v.kek = certificates(&["Microsoft", "maker"])));
    passes(&with(|v| v.sbat = b"sbat,1,2025051000\nshim,4\ngrub,6\ngrub.proxmox,2\n".to_vec()));
    passes(&with(|v| v.gpt = gpt(0xd2, &[(0xe5, 0, "ESP"), (0x0f, 4, "root")])));
    passes(&with(|v| v.order = vec![0, 0, 1, 0]));
    passes(&with(|v| v.entry = option(0xd2, "\\EFI\\debian\\shimx64.efi", b"")));
}

/// Other firmware writes its own boot entries anew; those for files, and their order, an operating system wrote.
#[test]
fn what_an_operating_system_wrote_does_not_follow_other_firmware() {
    let cause_of = |values: &Values, component: &str| {
        let mut log = values.log();
        let version = log.iter_mut().find(|event| event.pcr == 0 && event.kind != NO_ACTION).unwrap();
        version.digests.iter_mut().for_each(|(bank, digest)| *digest = hash(*bank, b"newer"));
        let verdict = judge(&booted(&log), &ruled(&[]));
        verdict.reasons.iter().find(|r| r.component.as_deref() == Some(component)).unwrap().cause
    };
    let (own, firmware) = (Some(Cause::BootOrderChanged), Some(Cause::FirmwareUpdate));
    assert_eq!(cause_of(&with(|v| v.order = vec![0, 0, 1, 0]), "boot.order"), own);
    assert_eq!(cause_of(&with(|v| v.order = vec![1, 0]), "boot.order"), firmware);
    let entry = with(|v| v.entry = option(0xd1, "\\EFI\\debian\\rescue.efi", b""));
    assert_eq!(cause_of(&entry, "boot.entry"), own);
}

#[test]
fn a_dbx_shorter_by_one() {
    let lie = |dbx| {
        refuses(
            &with(|v| v.dbx = dbx),
            "secure_boot.dbx",
            Cause::RevocationListChanged,
            "it lacks sha256:0303",
        )
    };
    lie(revoked(&[1, 2]));
    // As long as before: a repeated one or another one stands in the place of the one that is gone.
    lie(revoked(&[1, 2, 2]));
    lie(revoked(&[1, 2, 9]));
    // The same bytes as a certificate are another signature.
    lie([revoked(&[1, 2]), list(X509_LIST, 7, &[vec![3; 32]])].concat());
}

#[test]
fn no_dbx_at_all() {
    let words = "it lacks";
    refuses(&with(|v| v.dbx = Vec::new()), "secure_boot.dbx", Cause::RevocationListChanged, words);
}

#[test]
fn one_certificate_more() {
    let db =
        |db| refuses(&with(|v| v.db = db), "secure_boot.db", Cause::SecureBootKeysChanged, "not listed: ");
    db(certificates(&["Microsoft UEFI", "Microsoft Windows", "mine"]));
    db(certificates(&["Microsoft UEFI", "mine"]));
    db([certificates(&["Microsoft UEFI"]), revoked(&[1])].concat());
    let kek = with(|v| v.kek = certificates(&["maker", "Microsoft", "mine"]));
    refuses(&kek, "secure_boot.kek", Cause::SecureBootKeysChanged, "not listed: ");
    let pk = with(|v| v.pk = certificates(&["mine"]));
    refuses(&pk, "secure_boot.pk", Cause::SecureBootKeysChanged, "not listed: ");
}

/// Nothing is not fewer: an empty PK is setup mode.
#[test]
fn no_key_at_all() {
    let pk = with(|v| v.pk = Vec::new());
    refuses(&pk, "secure_boot.pk", Cause::SecureBootSetupMode, "it is empty");
    let db = with(|v| v.db = Vec::new());
    refuses(&db, "secure_boot.db", Cause::SecureBootKeysChanged, "it is empty");
}

#[test]
fn an_sbat_generation_lower() {
    let lie = |text: &str, words: &str| {
        let values = with(|v| v.sbat = text.as_bytes().to_vec());
        refuses(&values, "secure_boot.sbat_level", Cause::RevocationListChanged, words);
    };
    lie("sbat,1,2025021800\nshim,3\ngrub,5\n", "it lacks shim,4");
    lie("sbat,1,2025021800\nshim,4\n", "it lacks grub,5");
    lie("sbat,1,2026010100\nshim,4\ngrub,4\n", "it lacks grub,5");
    lie("sbat,1,2021030218\nshim,4\ngrub,5\n", "it lacks sbat");
    // Which of the two would count?
    lie("sbat,1,2025021800\nshim,4\ngrub,5\ngrub,1\n", "does not parse");
}

#[test]
fn a_partition_table_with_another_type_attribute_or_name() {
    let lie = |partitions: &[(u8, u64, &str)]| {
        let values = with(|v| v.gpt = gpt(0xd1, partitions));
        refuses(
            &values,
            "boot.partition_table",
            Cause::PartitionTableChanged,
            "by rule `partition_table`: it",
        );
    };
    lie(&[(0xe6, 0, "ESP"), (0x0f, 4, "root")]);
    lie(&[(0xe5, 1, "ESP"), (0x0f, 4, "root")]);
    lie(&[(0xe5, 0, "ESP"), (0x0f, 4, "roof")]);
    lie(&[(0xe5, 0, "ESP")]);
    lie(&[(0xe5, 0, "ESP"), (0x0f, 4, "root"), (0x0f, 4, "root")]);
    let swapped = with(|v| v.gpt = gpt(0xd1, &[(0x0f, 4, "root"), (0xe5, 0, "ESP")]));
    refuses(&swapped, "boot.partition_table", Cause::PartitionTableChanged, "another order");
}

#[test]
fn a_boot_entry_with_another_file_or_other_data() {
    let lie = |entry| {
        refuses(
            &with(|v| v.entry = entry),
            "boot.entry",
            Cause::BootOrderChanged,
            "more differs than the disk",
        )
    };
    lie(option(0xd1, "\\EFI\\debian\\rescue.efi", b""));
    lie(option(0xd1, "\\EFI\\debian\\shimx64.efi", b"init=/bin/sh"));
    let mut hidden = option(0xd1, "\\EFI\\debian\\shimx64.efi", b"");
    hidden[0] = 9;
    lie(hidden);
}

#[test]
fn a_boot_option_more_or_less() {
    let lie = |order: &[u8], words| {
        refuses(&with(|v| v.order = order.to_vec()), "boot.order", Cause::BootOrderChanged, words)
    };
    lie(&[1, 0, 0, 0, 3, 0], "not listed: Boot0003");
    lie(&[1, 0], "it lacks Boot0000");
    lie(&[1, 0, 3, 0], "it lacks Boot0000");
    lie(&[1, 0, 0, 0, 1, 0], "does not parse");
}

/// Bytes that hash to the digest, and hold more than the value.
#[test]
fn a33_bytes_that_hash_but_do_not_parse_to_the_last() {
    let sane = Values::default();
    let lies: [(Values, &str, Cause); 7] = [
        (with(|v| v.dbx.push(0)), "secure_boot.dbx", Cause::RevocationListChanged),
        (
            with(|v| v.dbx = [&sane.dbx[..], &[0xff; 30]].concat()),
            "secure_boot.dbx",
            Cause::RevocationListChanged,
        ),
        (with(|v| v.db.push(0)), "secure_boot.db", Cause::SecureBootKeysChanged),
        (with(|v| v.sbat.push(0)), "secure_boot.sbat_level", Cause::RevocationListChanged),
        (with(|v| v.gpt.push(0)), "boot.partition_table", Cause::PartitionTableChanged),
        (with(|v| v.gpt[16] ^= 1), "boot.partition_table", Cause::PartitionTableChanged),
        (with(|v| v.entry[60] ^= 1), "boot.entry", Cause::BootOrderChanged),
    ];
    for (values, component, cause) in lies {
        refuses(&values, component, cause, if component == "boot.entry" { "" } else { "does not parse" });
    }
}

/// The log tells the golden values, and the TPM was extended with others: the words that are not in the digest are nobody's.
#[test]
fn a33_the_log_tells_the_golden_value_and_another_was_measured() {
    let lie = with(|v| v.dbx = revoked(&[1]));
    let (told, measured) = (Values::default().log(), lie.log());
    let mixed: Vec<Event> = told
        .into_iter()
        .zip(measured)
        .map(|(told, measured)| Event { data: told.data, ..measured })
        .collect();
    refuses_device(
        &booted(&mixed),
        "secure_boot.dbx",
        Cause::RevocationListChanged,
        "does not hash to its digest",
    );
}

/// In one bank the golden value, in the other something else.
#[test]
fn a09a_a_bank_that_says_something_else() {
    let good = Values::default();
    let other = with(|v| v.dbx = revoked(&[1, 2, 3, 4])).log();
    for bank in good.log()[0].digests.keys().copied().filter(|bank| *bank != super::device::SHA1) {
        let mut log = other.clone();
        let at = log
            .iter()
            .position(|e| e.pcr == 7 && same_subject(&e.data, &variable(&SECURITY, "dbx", b"")))
            .unwrap();
        log[at].digests.insert(bank, hash(bank, b"anything"));
        refuses_device(
            &booted(&log),
            "secure_boot.dbx",
            Cause::RevocationListChanged,
            "does not hash to its digest",
        );
    }
}

/// A sound value, where another kind of event should stand.
#[test]
fn a29_a_value_in_an_event_of_another_type() {
    for kind in [VARIABLE_AUTHORITY, VARIABLE_BOOT, 0x8000_0008, 1] {
        let mut log = with(|v| v.dbx = revoked(&[1, 2, 3, 4])).log();
        let at = log
            .iter()
            .position(|e| e.pcr == 7 && same_subject(&e.data, &variable(&SECURITY, "dbx", b"")))
            .unwrap();
        log[at].kind = kind;
        let verdict = judge(&booted(&log), &ruled(&ALL));
        assert_eq!(verdict.boot.status, Status::Contraindicated, "type {kind:#x}");
    }
}

/// db stands where dbx should: each is sound, and each rule owns its own.
#[test]
fn a_value_in_another_rules_slot() {
    let mut log = Values::default().log();
    let at = |log: &[Event], name: &str| {
        log.iter()
            .position(|e| e.kind == VARIABLE_CONFIG && same_subject(&e.data, &variable(&SECURITY, name, b"")))
            .unwrap()
    };
    let (db, dbx) = (at(&log, "db"), at(&log, "dbx"));
    log.swap(db, dbx);
    assert_eq!(judge(&booted(&log), &ruled(&ALL)).boot.status, Status::Contraindicated);
}

/// The rule accounts for one extend: a second one, as sound as the first, is one too many.
#[test]
fn a38a_a_value_measured_twice() {
    for (pcr, kind) in [(5, GPT), (1, VARIABLE_BOOT), (7, VARIABLE_AUTHORITY)] {
        let mut log = Values::default().log();
        let at = log.iter().rposition(|e| e.pcr == pcr && e.kind == kind).unwrap();
        log.insert(at, log[at].clone());
        assert_eq!(judge(&booted(&log), &ruled(&ALL)).boot.status, Status::Contraindicated, "PCR {pcr}");
    }
}

#[test]
fn a38_a_value_not_measured() {
    for (pcr, kind) in [(5, GPT), (1, VARIABLE_BOOT), (7, VARIABLE_AUTHORITY), (7, VARIABLE_CONFIG)] {
        let mut log = Values::default().log();
        let at = log.iter().rposition(|e| e.pcr == pcr && e.kind == kind).unwrap();
        log.remove(at);
        assert_eq!(judge(&booted(&log), &ruled(&ALL)).boot.status, Status::Contraindicated, "PCR {pcr}");
    }
}

/// A reviewer asks for one more revocation: the boot that was learned from no longer passes, whatever digest its slot has.
#[test]
fn the_list_decides_and_not_the_digest_it_was_learned_from() {
    let text = ruled(&[RuleKind::DbxAtLeast]).to_toml();
    let third = format!("sha256:{}", "03".repeat(32));
    let more = text.replace(
        &format!("  \"{third}\",\n"),
        &format!("  \"{third}\",\n  \"sha256:{}\",\n", "04".repeat(32)),
    );
    let golden = Golden::parse(&more, &Limits::DEFAULT).unwrap();
    assert_eq!(judge(&Values::default().boot(), &golden).boot.status, Status::Contraindicated);
    let updated = with(|v| v.dbx = revoked(&[1, 2, 3, 4]));
    assert_eq!(judge(&updated.boot(), &golden).boot.status, Status::Affirming);
}

/// Free order before the separator, and rules: each extend still uses one slot.
#[test]
fn rules_and_free_order() {
    let mut golden = ruled(&ALL);
    golden.sequences.iter_mut().filter(|s| s.pcr == 1).for_each(|s| s.order = Order::FreeBeforeSeparator);
    let mut log = with(|v| v.entry = option(0xd2, "\\EFI\\debian\\shimx64.efi", b"")).log();
    let order = log.iter().position(|e| e.pcr == 1).unwrap();
    log.swap(order, order + 1);
    assert_eq!(judge(&booted(&log), &golden).boot.status, Status::Affirming);
    log[order + 1] = log[order].clone();
    assert_eq!(judge(&booted(&log), &golden).boot.status, Status::Contraindicated);
}

/// A digest decides before a rule does: a second entry that only the rule allows finds the rule's slot.
#[test]
fn a_slot_with_a_rule_is_kept_for_what_only_it_can_account_for() {
    let mut golden = ruled(&ALL);
    let first = golden.sequences.iter_mut().find(|s| s.pcr == 1).unwrap();
    first.order = Order::FreeBeforeSeparator;
    let at = first.slots.iter().position(|slot| slot.component == "boot.entry").unwrap();
    let mut exact = first.slots[at].clone();
    exact.rule = None;
    first.slots.insert(at + 1, exact);
    let mut log = Values::default().log();
    let other = with(|v| v.entry = option(0xd2, "\\EFI\\debian\\shimx64.efi", b"")).log();
    let at = log.iter().zip(&other).position(|(own, other)| own.digests != other.digests).unwrap();
    log.insert(at + 1, other[at].clone());
    assert_eq!(judge(&booted(&log), &golden).boot.status, Status::Affirming);
    log[at] = other[at].clone();
    assert_eq!(judge(&booted(&log), &golden).boot.status, Status::Contraindicated);
}

/// A draft that asks for nothing could not be read again.
#[test]
fn a_rule_of_which_nothing_is_listed_is_told_when_it_is_learned() {
    let told = |boots: &[Values], rule| {
        let boots: Vec<_> = boots.iter().map(Values::boot).collect();
        let choices = Choices { rules: vec![rule], ..Choices::default() };
        learned_by(&boots.iter().collect::<Vec<_>>(), false, &choices).unwrap_err().code()
    };
    let none = "learn_rule_fits_nothing";
    assert_eq!(told(&[with(|v| v.dbx = Vec::new())], RuleKind::DbxAtLeast), none);
    let nothing_shared = [with(|v| v.dbx = revoked(&[1])), with(|v| v.dbx = revoked(&[2]))];
    assert_eq!(told(&nothing_shared, RuleKind::DbxAtLeast), none);
    assert_eq!(told(&[with(|v| v.order = Vec::new())], RuleKind::BootOrder), none);
    assert_eq!(told(&[with(|v| v.gpt = gpt(0xd1, &[]))], RuleKind::PartitionTable), none);
}

/// Sequences without rules stay recognisable: they lead to one value each.
#[test]
fn exact_sequences_are_told_apart() {
    let golden = ruled(&ALL);
    let grouped = golden.variants.iter().flat_map(|v| &v.sequences);
    let varied: Vec<u8> =
        golden.sequences.iter().chain(grouped).filter(|s| !s.is_exact()).map(|s| s.pcr).collect();
    assert_eq!(varied, [1, 7, 5]);
}
