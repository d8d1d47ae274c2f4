//! Rules: a slot may vary only as its rule says, by bytes that the slot's own digest covers. One good boot with sound values, and the lies
//! that would use a rule as a door.

use attest_core::appraise::{Cause, Code, Part, Policy, Severity, Status, Verdict};
use attest_core::evidence::tcg_event::Database;
use attest_core::reference::ReferenceSet;
use attest_core::reference::golden::{Golden, Order, Rule, RuleKind};
use attest_core::reference::learn::Choices;
use attest_core::reference::overlay::{Device as Bound, DeviceIds, Draft, Overlay, OverlaySigner};
use attest_core::{Limits, Timestamp};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};

use super::device::{
    Device, Event, GPT, NO_ACTION, VARIABLE_AUTHORITY, VARIABLE_BOOT, VARIABLE_CONFIG, hash,
};
use super::judge::{FAMILY, Sent, context, judge, learned_by};
use super::sample::{GLOBAL, SECURITY, SHIM, good, variable};
use super::sequence::booted;

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

/// EFI_CERT_SHA256_GUID, EFI_CERT_X509_GUID.
const SHA256_LIST: [u8; 16] = *b"\x26\x16\xc4\xc1\x4c\x50\x92\x40\xac\xa9\x41\xf9\x36\x93\x43\x28";
const X509_LIST: [u8; 16] = *b"\xa1\x59\xc0\xa5\xe4\x94\xa7\x4a\x87\xb5\xab\x15\x5c\x2b\xf0\x72";

fn list(kind: [u8; 16], owner: u8, signatures: &[Vec<u8>]) -> Vec<u8> {
    let size = 16 + signatures[0].len();
    let mut out = kind.to_vec();
    for number in [28 + size * signatures.len(), 0, size] {
        out.extend((number as u32).to_le_bytes());
    }
    for signature in signatures {
        out.extend([owner; 16]);
        out.extend(signature);
    }
    out
}

fn revoked(hashes: &[u8]) -> Vec<u8> {
    list(SHA256_LIST, 7, &hashes.iter().map(|byte| vec![*byte; 32]).collect::<Vec<_>>())
}

fn certificates(names: &[&str]) -> Vec<u8> {
    names.iter().flat_map(|name| list(X509_LIST, 7, &[name.as_bytes().to_vec()])).collect()
}

fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 };
        }
    }
    !crc
}

/// UEFI_GPT_DATA: type, attributes and name of each partition; everything else follows from `disk`.
fn gpt(disk: u8, partitions: &[(u8, u64, &str)]) -> Vec<u8> {
    let mut header = b"EFI PART\0\0\x01\0\x5c\0\0\0\0\0\0\0\0\0\0\0".to_vec();
    for block in [1_u64, 999_999, 34, 999_900] {
        header.extend(block.to_le_bytes());
    }
    header.extend([disk; 16]);
    header.extend(2_u64.to_le_bytes());
    for number in [128_u32, 128, u32::from(disk)] {
        header.extend(number.to_le_bytes());
    }
    let checksum = crc32(&header);
    header[16..20].copy_from_slice(&checksum.to_le_bytes());
    header.extend((partitions.len() as u64).to_le_bytes());
    for (at, (kind, attributes, name)) in partitions.iter().enumerate() {
        header.extend([*kind; 16]);
        header.extend([disk; 16]);
        let first = 2048 + at as u64 * 2048 + u64::from(disk);
        for number in [first, first + 2047 - u64::from(disk), *attributes] {
            header.extend(number.to_le_bytes());
        }
        let mut text: Vec<u8> = name.encode_utf16().flat_map(u16::to_le_bytes).collect();
        text.resize(72, 0);
        header.extend(text);
    }
    header
}

/// EFI_LOAD_OPTION of a file on a GPT partition.
fn option(disk: u8, file: &str, optional_data: &[u8]) -> Vec<u8> {
    let mut path = vec![4, 1, 42, 0, 1, 0, 0, 0];
    path.extend([disk; 32]);
    path.extend([2, 2]);
    let text: Vec<u8> = file.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect();
    path.extend([4, 4]);
    path.extend((text.len() as u16 + 4).to_le_bytes());
    path.extend(text);
    path.extend([0x7f, 0xff, 4, 0]);
    let mut out = vec![1, 0, 0, 0];
    out.extend((path.len() as u16).to_le_bytes());
    out.extend([b'd', 0, 0, 0]);
    [out, path, optional_data.to_vec()].concat()
}

/// The values of one boot that rules may judge.
#[derive(Clone)]
struct Values {
    pk: Vec<u8>,
    kek: Vec<u8>,
    db: Vec<u8>,
    dbx: Vec<u8>,
    sbat: Vec<u8>,
    gpt: Vec<u8>,
    order: Vec<u8>,
    entry: Vec<u8>,
}

impl Default for Values {
    fn default() -> Self {
        Self {
            pk: certificates(&["platform key"]),
            kek: certificates(&["maker", "Microsoft"]),
            db: certificates(&["Microsoft UEFI", "Microsoft Windows"]),
            dbx: revoked(&[1, 2, 3]),
            sbat: b"sbat,1,2025021800\nshim,4\ngrub,5\n".to_vec(),
            gpt: gpt(0xd1, &[(0xe5, 0, "ESP"), (0x0f, 4, "root")]),
            order: vec![1, 0, 0, 0],
            entry: option(0xd1, "\\EFI\\debian\\shimx64.efi", b""),
        }
    }
}

impl Values {
    /// Every value's event, with what is hashed of it.
    fn events(&self) -> Vec<(u32, u32, Vec<u8>, Vec<u8>)> {
        let whole = |pcr, kind, data: Vec<u8>| (pcr, kind, data.clone(), data);
        let config = |vendor, name, data: &[u8]| whole(7, VARIABLE_CONFIG, variable(vendor, name, data));
        vec![
            config(&GLOBAL, "PK", &self.pk),
            config(&GLOBAL, "KEK", &self.kek),
            config(&SECURITY, "db", &self.db),
            config(&SECURITY, "dbx", &self.dbx),
            whole(7, VARIABLE_AUTHORITY, variable(&SHIM, "SbatLevel", &self.sbat)),
            whole(5, GPT, self.gpt.clone()),
            (1, VARIABLE_BOOT, variable(&GLOBAL, "BootOrder", &self.order), self.order.clone()),
            (1, VARIABLE_BOOT, variable(&GLOBAL, "Boot0000", &self.entry), self.entry.clone()),
        ]
    }

    /// The good boot with these values measured honestly.
    fn boot(&self) -> Device {
        booted(&self.log())
    }

    fn log(&self) -> Vec<Event> {
        let mut log = good().log;
        for (pcr, kind, data, content) in self.events() {
            let named = |e: &&mut Event| e.pcr == pcr && e.kind == kind && same_subject(&e.data, &data);
            let event = log.iter_mut().find(named).expect("an event of the good boot");
            event.digests.iter_mut().for_each(|(bank, digest)| *digest = hash(*bank, &content));
            event.data = data;
        }
        log
    }
}

/// The same variable (vendor, lengths of name, name), or the other partition table.
fn same_subject(old: &[u8], new: &[u8]) -> bool {
    let key = |data: &[u8]| {
        let len = usize::try_from(u64::from_le_bytes(data[16..24].try_into().unwrap())).unwrap();
        [data[..24].to_vec(), data[32..32 + 2 * len].to_vec()].concat()
    };
    new.starts_with(b"EFI PART") || key(old) == key(new)
}

fn ruled(rules: &[RuleKind]) -> Golden {
    let choices = Choices { rules: rules.to_vec(), ..Choices::default() };
    learned_by(&[&Values::default().boot()], false, &choices).unwrap()
}

fn passes(values: &Values) -> Verdict {
    let device = values.boot();
    let verdict = judge(&device, &ruled(&ALL));
    assert_eq!(verdict.boot.status, Status::Affirming, "{verdict:#?}");
    // Without the rules the same boot is refused: the rule is what let it pass, and says so.
    let exact = judge(&values.boot(), &ruled(&[]));
    assert_eq!(exact.boot.status, Status::Contraindicated);
    let varied: Vec<_> = verdict.reasons.iter().filter(|r| r.code == Code::VariedByRule).collect();
    assert!(!varied.is_empty() && varied.iter().all(|r| r.severity == Severity::Info));
    for reason in varied {
        // The log's header is event 0.
        let event = &device.log[reason.event.unwrap() as usize - 1];
        assert_eq!(reason.pcr, Some(event.pcr));
        assert!(reason.explain.contains(" allows it: "), "{}", reason.explain);
    }
    verdict
}

/// Refused for this component alone, with this cause and these words.
fn refuses(values: &Values, component: &str, cause: Cause, words: &str) {
    refuses_device(&values.boot(), component, cause, words);
}

fn refuses_device(device: &Device, component: &str, cause: Cause, words: &str) {
    let verdict = judge(device, &ruled(&ALL));
    assert_eq!(verdict.boot.status, Status::Contraindicated, "{component} {words}");
    let refusing: Vec<_> = verdict.reasons.iter().filter(|r| r.severity == Severity::Refuse).collect();
    assert!(refusing.iter().all(|r| r.component.as_deref() == Some(component)), "{refusing:#?}");
    assert!(refusing.iter().any(|r| r.cause == Some(cause)), "{refusing:#?}");
    assert!(refusing.iter().any(|r| r.explain.contains(words)), "{words}: {refusing:#?}");
}

fn with(change: impl FnOnce(&mut Values)) -> Values {
    let mut values = Values::default();
    change(&mut values);
    values
}

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

fn refused_document(edit: impl FnOnce(String) -> String) -> &'static str {
    Golden::parse(&edit(ruled(&ALL).to_toml()), &Limits::DEFAULT).unwrap_err().code()
}

/// A rule owns one slot, of the component that it is for.
#[test]
fn a_rule_in_two_slots_or_in_a_slot_that_it_does_not_own() {
    let slot = |rule: &str| format!("rule = \"{rule}\"");
    assert_eq!(refused_document(|t| t.replacen(&slot("kek_at_most"), &slot("db_at_most"), 1)), "golden_rule");
    assert_eq!(
        refused_document(|t| t.replacen(
            "{ component = \"kernel\",",
            "{ component = \"kernel\", rule = \"boot_entry\",",
            1
        )),
        "golden_rule"
    );
    // The same entry again, under the same rule.
    let twice = |text: String| {
        let line = text.lines().find(|l| l.contains("component = \"boot.entry\"")).unwrap().to_owned();
        text.replacen(&line, &format!("{line}\n{line}"), 1)
    };
    assert_eq!(refused_document(twice), "golden_rule");
    assert_eq!(refused_document(|t| t.replacen(&slot("dbx_at_least"), &slot("anything"), 1)), "golden_rule");
    assert_eq!(
        refused_document(|t| t.replacen(&format!("{}, ", slot("dbx_at_least")), "", 1)),
        "golden_rule"
    );
}

#[test]
fn a_rule_without_values_or_of_no_kind() {
    assert_eq!(
        refused_document(|t| t.replacen("kind = \"dbx_at_least\"", "kind = \"dbx_at_most\"", 1)),
        "golden_value"
    );
    assert_eq!(refused_document(|t| t.replacen("sha256:01", "sha256:0", 1)), "golden_rule_value");
    let again = |t: String| {
        let rule = t.find("[[rule]]").unwrap();
        let end = t[rule + 1..].find("[[").unwrap() + rule + 1;
        format!("{}{}{}", &t[..end], &t[rule..end], &t[end..])
    };
    assert_eq!(refused_document(again), "golden_duplicate");
    let reserved = |t: String| t.replacen("name = \"dbx_at_least\"", "name = \"per_device\"", 1);
    assert_eq!(refused_document(reserved), "golden_rule");
    let state = |t: String| {
        t.replacen(
            "{ component = \"secure_boot.state\",",
            "{ component = \"secure_boot.state\", rule = \"per_device\",",
            1,
        )
    };
    assert_eq!(refused_document(state), "golden_rule");
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

struct Family {
    references: ReferenceSet,
    key: EcdsaKeyPair,
    id: String,
}

/// A family whose boot entry differs from device to device.
fn family() -> Family {
    let random = SystemRandom::new();
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
    let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref(), &random).unwrap();
    let prefix = hex::decode("3059301306072a8648ce3d020106082a8648ce3d030107034200").unwrap();
    let spki = [prefix.as_slice(), key.public_key().as_ref()].concat();
    let signer = OverlaySigner::from_spki_der("factory", &spki).unwrap();
    let id = signer.id().to_owned();
    let choices = Choices {
        per_device: vec!["boot.entry".into()],
        overlay_signers: vec![signer],
        ..Choices::default()
    };
    let golden = learned_by(&[&Values::default().boot()], false, &choices).unwrap();
    Family { references: ReferenceSet::development(golden).unwrap(), key, id }
}

const NOW: Timestamp = Timestamp::from_unix(1_800_000_000);

/// The overlay of a device with this boot, verified for the device of this name.
fn overlay(family: &Family, device: &Device, ak_name: &[u8]) -> Overlay {
    let sent = Sent::by(device);
    let proven = sent.authenticate().unwrap();
    let bound = Bound::AkName(ak_name.to_vec());
    let draft = Draft::from_boot(&family.references, &proven, bound, (NOW, NOW.plus(60))).unwrap();
    let input = draft.signing_input(&family.id);
    let signature = family.key.sign(&SystemRandom::new(), input.as_bytes()).unwrap();
    let text = Draft::signed(input, signature.as_ref().try_into().unwrap());
    let ids = DeviceIds { ak_name: Some(ak_name), ek_sha256: None };
    Overlay::verify(&text, &family.references, &ids, NOW, &Limits::DEFAULT).unwrap()
}

fn own_name(device: &Device) -> Vec<u8> {
    Sent::by(device).authenticate().unwrap().quote().key_name().unwrap().to_vec()
}

#[test]
fn a_device_passes_with_its_own_overlay_alone() {
    let family = family();
    let device = with(|v| v.entry = option(0xd2, "\\EFI\\debian\\shimx64.efi", b"")).boot();
    let sent = Sent::by(&device);
    let judge = |references: &ReferenceSet| sent.judge_by(references, &Default::default(), &context());
    let without = judge(&family.references);
    assert_eq!(without.boot.status, Status::Contraindicated);
    let overlay = overlay(&family, &device, &own_name(&device));
    let verdict = judge(&family.references.with_overlay(&overlay).unwrap());
    assert_eq!(verdict.boot.status, Status::Affirming, "{verdict:#?}");
    assert_eq!(verdict.golden.overlay_sha256.as_deref(), Some(overlay.sha256()));
    assert_eq!(verdict.family, FAMILY);
    // The same slot holds what the overlay says, and nothing else.
    let other = with(|v| v.entry = option(0xd3, "\\EFI\\debian\\shimx64.efi", b"")).boot();
    let verdict = Sent::by(&other).judge_by(
        &family.references.with_overlay(&overlay).unwrap(),
        &Default::default(),
        &context(),
    );
    assert_eq!(verdict.boot.status, Status::Contraindicated);
}

/// The values were verified for another device, and a program hands them to this one.
#[test]
fn the_overlay_of_another_device() {
    let family = family();
    let device = Values::default().boot();
    let overlay = overlay(&family, &device, &[0, 11, 1, 2, 3]);
    let overlaid = family.references.with_overlay(&overlay).unwrap();
    let verdict = Sent::by(&device).judge_by(&overlaid, &Default::default(), &context());
    assert_eq!(verdict.status, Status::Contraindicated);
    assert!(verdict.reasons.iter().any(|r| r.code == Code::OverlayDeviceMismatch), "{verdict:#?}");
}

/// The quote is good and says so; the overlay is not, and that is what refuses.
#[test]
fn an_overlay_that_does_not_count_has_its_own_code() {
    let family = family();
    let device = Values::default().boot();
    let sent = Sent::by(&device);
    let proven = sent.authenticate().unwrap();
    let context = context();
    let policy = Policy::default();
    let verdict = policy.refuse_overlay("overlay_expired", "over", &proven, &family.references, &context);
    let refusing: Vec<_> = verdict.reasons.iter().filter(|r| r.severity == Severity::Refuse).collect();
    let [reason] = refusing.as_slice() else { panic!("{refusing:#?}") };
    assert_eq!((reason.code, reason.detail_code), (Code::OverlayRefused, Some("overlay_expired")));
    assert_eq!(reason.part, Part::Evidence);
    let statuses = (verdict.status, verdict.boot.status, verdict.runtime.status);
    assert_eq!(statuses, (Status::Contraindicated, Status::Contraindicated, Status::Contraindicated));
    let whole = verdict.trust_vector;
    assert_ne!(whole.instance_identity, 99, "the key is the device's");
    assert_eq!((whole.configuration, whole.executables), (96, 96));
    let ak_name = proven.quote().key_name().map(hex::encode);
    assert_eq!(verdict.proven.unwrap().ak_name, ak_name);
}

#[test]
fn a_marked_slot_without_an_overlay_is_exact() {
    let family = family();
    let marked = |rule: &Option<Rule>| *rule == Some(Rule::PerDevice);
    let slots = family.references.sequences().flat_map(|s| &s.slots).filter(|s| marked(&s.rule)).count();
    assert_eq!(slots, 1);
    let same =
        Sent::by(&Values::default().boot()).judge_by(&family.references, &Default::default(), &context());
    assert_eq!(same.boot.status, Status::Affirming);
}
