//! One good boot with sound values for every rule, and the same with others.

use attest_core::appraise::{Cause, Code, Severity, Status, Verdict};
use attest_core::evidence::tcg_event::Database;
use attest_core::reference::golden::{Golden, RuleKind};
use attest_core::reference::learn::Choices;

use super::device::{Device, Event, GPT, VARIABLE_AUTHORITY, VARIABLE_BOOT, VARIABLE_CONFIG, hash};
use super::judge::{judge, learned_by};
use super::sample::{GLOBAL, SECURITY, SHIM, good, variable};
use super::sequence::booted;

/// EFI_CERT_SHA256_GUID, EFI_CERT_X509_GUID.
pub const SHA256_LIST: [u8; 16] = *b"\x26\x16\xc4\xc1\x4c\x50\x92\x40\xac\xa9\x41\xf9\x36\x93\x43\x28";
pub const X509_LIST: [u8; 16] = *b"\xa1\x59\xc0\xa5\xe4\x94\xa7\x4a\x87\xb5\xab\x15\x5c\x2b\xf0\x72";

pub fn list(kind: [u8; 16], owner: u8, signatures: &[Vec<u8>]) -> Vec<u8> {
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

pub fn revoked(hashes: &[u8]) -> Vec<u8> {
    list(SHA256_LIST, 7, &hashes.iter().map(|byte| vec![*byte; 32]).collect::<Vec<_>>())
}

pub fn certificates(names: &[&str]) -> Vec<u8> {
    names.iter().flat_map(|name| list(X509_LIST, 7, &[name.as_bytes().to_vec()])).collect()
}

pub fn crc32(bytes: &[u8]) -> u32 {
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
pub fn gpt(disk: u8, partitions: &[(u8, u64, &str)]) -> Vec<u8> {
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
pub fn option(disk: u8, file: &str, optional_data: &[u8]) -> Vec<u8> {
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
pub struct Values {
    pub pk: Vec<u8>,
    pub kek: Vec<u8>,
    pub db: Vec<u8>,
    pub dbx: Vec<u8>,
    pub sbat: Vec<u8>,
    pub gpt: Vec<u8>,
    pub order: Vec<u8>,
    pub entry: Vec<u8>,
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
    pub fn events(&self) -> Vec<(u32, u32, Vec<u8>, Vec<u8>)> {
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
    pub fn boot(&self) -> Device {
        booted(&self.log())
    }

    pub fn log(&self) -> Vec<Event> {
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
pub fn same_subject(old: &[u8], new: &[u8]) -> bool {
    let key = |data: &[u8]| {
        let len = usize::try_from(u64::from_le_bytes(data[16..24].try_into().unwrap())).unwrap();
        [data[..24].to_vec(), data[32..32 + 2 * len].to_vec()].concat()
    };
    new.starts_with(b"EFI PART") || key(old) == key(new)
}

pub const ALL: [RuleKind; 8] = [
    RuleKind::DbxAtLeast,
    RuleKind::SbatAtLeast,
    RuleKind::AtMost(Database::Db),
    RuleKind::AtMost(Database::KEK),
    RuleKind::AtMost(Database::PK),
    RuleKind::PartitionTable,
    RuleKind::BootEntry,
    RuleKind::BootOrder,
];

pub fn ruled(rules: &[RuleKind]) -> Golden {
    let choices = Choices { rules: rules.to_vec(), ..Choices::default() };
    learned_by(&[&Values::default().boot()], false, &choices).unwrap()
}

pub fn passes(values: &Values) -> Verdict {
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
pub fn refuses(values: &Values, component: &str, cause: Cause, words: &str) {
    refuses_device(&values.boot(), component, cause, words);
}

pub fn refuses_device(device: &Device, component: &str, cause: Cause, words: &str) {
    let verdict = judge(device, &ruled(&ALL));
    assert_eq!(verdict.boot.status, Status::Contraindicated, "{component} {words}");
    let refusing: Vec<_> = verdict.reasons.iter().filter(|r| r.severity == Severity::Refuse).collect();
    assert!(refusing.iter().all(|r| r.component.as_deref() == Some(component)), "{refusing:#?}");
    assert!(refusing.iter().any(|r| r.cause == Some(cause)), "{refusing:#?}");
    assert!(refusing.iter().any(|r| r.explain.contains(words)), "{words}: {refusing:#?}");
}

pub fn with(change: impl FnOnce(&mut Values)) -> Values {
    let mut values = Values::default();
    change(&mut values);
    values
}
