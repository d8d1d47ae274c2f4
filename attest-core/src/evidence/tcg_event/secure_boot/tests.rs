mod order;

use super::*;
use crate::HashAlg;
use crate::evidence::Severity;
use crate::evidence::tcg_event::{Guid, findings};
use crate::evidence::tcg_log::build::{Made, log, log_in_banks};
use crate::evidence::tcg_log::{EventLog, EventType};
use crate::limits::Limits;
use crate::testing::fixture;

const UKI: &[u8] = fixture!("boots/uki-sb/eventlog.bin");
const SB_GRUB: &[u8] = fixture!("boots/sb-grub/eventlog.bin");
const SB_OFF: &[u8] = fixture!("boots/nosb-grub/eventlog.bin");
/// "DO NOT TRUST - AMI Test PK", as CERT/CC published it with VU#455367.
const AMI: &[u8] = fixture!("keys/ami-test-pk.der");
const OWNER: [u8; 16] = [7; 16];

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

fn variable(vendor: Guid, name: &str, data: &[u8]) -> Vec<u8> {
    let name = utf16(name);
    [&vendor.0[..], &(name.len() as u64 / 2).to_le_bytes(), &(data.len() as u64).to_le_bytes(), &name, data]
        .concat()
}

fn config(vendor: Guid, name: &str, data: &[u8]) -> Made {
    Made::new(7, EventType::EFI_VARIABLE_DRIVER_CONFIG, &variable(vendor, name, data))
}

fn authority(vendor: Guid, name: &str, data: &[u8]) -> Made {
    Made::new(7, EventType::EFI_VARIABLE_AUTHORITY, &variable(vendor, name, data))
}

/// EFI_SIGNATURE_LIST with one certificate.
fn list(certificate: &[u8]) -> Vec<u8> {
    let x509 = Guid::new(0xa5c0_59a1, 0x94e4, 0x4aa7, [0x87, 0xb5, 0xab, 0x15, 0x5c, 0x2b, 0xf0, 0x72]);
    let size = certificate.len() as u32 + 16;
    [&x509.0[..], &(size + 28).to_le_bytes(), &[0; 4], &size.to_le_bytes(), &OWNER, certificate].concat()
}

/// A certificate of the vendor: the AMI one under another name, with another key.
fn vendor() -> Vec<u8> {
    let mut der = replaced(AMI, b"DO NOT TRUST - AMI Test PK", b"Vendor Ltd. Platform Key..");
    let modulus = der.windows(4).position(|w| w == [0xe7, 0x36, 0x7b, 0x20]).unwrap();
    der[modulus] ^= 0x01;
    der
}

fn replaced(bytes: &[u8], old: &[u8], new: &[u8]) -> Vec<u8> {
    assert_eq!(old.len(), new.len());
    let mut bytes = bytes.to_vec();
    let places: Vec<_> =
        (0..=bytes.len() - old.len()).filter(|at| &bytes[*at..*at + old.len()] == old).collect();
    assert!(!places.is_empty());
    places.into_iter().for_each(|at| bytes[at..at + new.len()].copy_from_slice(new));
    bytes
}

fn boot(pk: &[u8], db: &[u8]) -> Vec<Made> {
    vec![
        config(Guid::GLOBAL, "SecureBoot", &[1]),
        config(Guid::GLOBAL, "PK", pk),
        config(Guid::GLOBAL, "KEK", &list(&vendor())),
        config(Guid::IMAGE_SECURITY, "db", db),
        config(Guid::IMAGE_SECURITY, "dbx", &[]),
        Made::separator(7),
        authority(Guid::IMAGE_SECURITY, "db", &[&OWNER[..], &vendor()].concat()),
        Made::new(4, EventType::EFI_BOOT_SERVICES_APPLICATION, b"image"),
    ]
}

fn good() -> Vec<Made> {
    boot(&list(&vendor()), &list(&vendor()))
}

fn told(events: &[Made]) -> Vec<(&'static str, Option<u32>)> {
    let bytes = log(events);
    let log = EventLog::parse(&bytes, &Limits::DEFAULT).unwrap();
    SecureBootState::of(&log).findings().iter().map(|finding| (finding.code(), finding.event)).collect()
}

/// Switch, mode, and whether test keys may be there.
fn state(events: &[Made]) -> (Option<bool>, Option<&'static str>, bool) {
    let bytes = log(events);
    let log = EventLog::parse(&bytes, &Limits::DEFAULT).unwrap();
    let state = SecureBootState::of(&log);
    (state.secure_boot(), state.mode().map(Mode::name), state.may_hold_test_keys())
}

#[test]
fn a_good_boot() {
    assert_eq!(told(&good()), []);
    assert_eq!(state(&good()), (Some(true), Some("user"), false));
    let log = EventLog::parse(SB_GRUB, &Limits::DEFAULT).unwrap();
    let state = SecureBootState::of(&log);
    assert_eq!(
        (state.secure_boot(), state.mode(), state.findings().len()),
        (Some(true), Some(Mode::User), 0)
    );
    assert_eq!(state.sbat_level().as_deref(), Some("sbat,1,2025021800; shim,4; grub,5"));
    assert_eq!(state.shim_validation(), None);
    let authorities: Vec<_> = state.authorities().collect();
    let by: Vec<_> =
        authorities.iter().map(|a| (a.variable.as_str(), a.certificate.as_deref(), a.proven)).collect();
    assert_eq!(
        by,
        [
            ("db", Some("\"Microsoft Corporation UEFI CA 2011\""), true),
            ("MokListRT", Some("\"Debian Secure Boot CA\""), true),
        ]
    );
    assert_eq!(state.database(Database::Dbx).unwrap().to_string(), "1 hash");
    assert!(state.database(Database::Dbt).is_none());
}

#[test]
fn setup_mode_is_told_by_an_empty_platform_key() {
    let log = EventLog::parse(SB_OFF, &Limits::DEFAULT).unwrap();
    let off = SecureBootState::of(&log);
    assert_eq!((off.secure_boot(), off.mode()), (Some(false), Some(Mode::Setup)));
    assert_eq!(off.findings().iter().map(|f| f.code()).collect::<Vec<_>>(), ["setup_mode"]);
    assert_eq!(told(&boot(&[], &list(&vendor()))), [("setup_mode", Some(2))]);
}

#[test]
fn modes_that_firmware_measures() {
    for (name, mode, finding) in [
        ("AuditMode", "audit", Some("audit_mode")),
        ("DeployedMode", "deployed", None),
        ("SetupMode", "setup", None),
    ] {
        let mut events = good();
        events.insert(1, config(Guid::GLOBAL, name, &[1]));
        assert_eq!(state(&events).1, Some(mode));
        assert_eq!(told(&events).first().map(|(code, _)| *code), finding);
        events[1] = config(Guid::GLOBAL, name, &[0]);
        assert_eq!(state(&events).1, Some("user"));
    }
}

#[test]
fn a_secure_boot_variable_of_no_or_another_value_is_neither_on_nor_off() {
    for data in [&[][..], &[2], &[1, 0]] {
        let mut events = good();
        events[0] = config(Guid::GLOBAL, "SecureBoot", data);
        assert_eq!(told(&events), [("secure_boot_value", Some(1))]);
        assert_eq!(state(&events).0, None);
    }
}

#[test]
fn a26_test_keys_in_pk_kek_or_db() {
    for (at, name) in [(1, "PK"), (2, "KEK"), (3, "db")] {
        let mut events = good();
        let vendor = if name == "db" { Guid::IMAGE_SECURITY } else { Guid::GLOBAL };
        events[at] = config(vendor, name, &[list(&super::tests::vendor()), list(AMI)].concat());
        assert_eq!(told(&events), [("test_key", Some(at as u32 + 1))]);
        assert!(state(&events).2);
    }
    // What is revoked may be anything.
    let mut events = good();
    events[4] = config(Guid::IMAGE_SECURITY, "dbx", &list(AMI));
    assert_eq!(told(&events), []);
}

#[test]
fn a26_a_test_key_by_its_key_or_its_name() {
    assert_eq!(test_key(AMI), Some(TestKey::Field));
    assert_eq!(test_key(&vendor()), None);
    // The leaked key in a certificate of another name.
    let renamed = replaced(AMI, b"DO NOT TRUST - AMI Test PK", b"Vendor Ltd. Platform Key..");
    assert_eq!(test_key(&renamed), Some(TestKey::Field));
    // Another key under such a name.
    let names: [&[u8; 26]; 3] = [
        b"AMI Test PK - DO NOT SHIP!",
        b"this is a Do Not Trust key",
        b"D\0O\0 \0N\0O\0T\0 \0S\0H\0I\0P\0\0\0\0\0",
    ];
    for name in names {
        let marked = replaced(&vendor(), b"Vendor Ltd. Platform Key..", name);
        assert_eq!(test_key(&marked), Some(TestKey::Field));
    }
    assert_eq!(test_key(b"not DER, but it says DO NOT TRUST"), Some(TestKey::Field));
    assert_eq!(test_key(b""), None);
}

#[test]
fn a26_a_laboratorys_key_is_told_as_one() {
    let log = EventLog::parse(UKI, &Limits::DEFAULT).unwrap();
    let state = SecureBootState::of(&log);
    let codes: Vec<_> = state.findings().iter().map(|finding| (finding.code(), finding.event)).collect();
    assert_eq!(codes, [("lab_key", Some(5)), ("lab_key", Some(6)), ("lab_key", Some(7))]);
    assert!(!state.may_hold_test_keys());
}

#[test]
fn a33_keys_that_their_digest_does_not_cover_prove_nothing() {
    for at in [0, 1, 2, 3, 4] {
        let mut events = boot(&list(AMI), &list(&vendor()));
        // The writer of the log shows a harmless key for the one that was measured.
        let shown = good()[at].data.clone();
        events[at].data = [shown, vec![0]].concat();
        events[at].data.pop();
        events[at].digests[0].1[0] ^= 1;
        assert!(told(&events).contains(&("secure_boot_unproven", Some(at as u32 + 1))), "{at}");
        assert!(state(&events).2, "{at}");
        assert_eq!(state(&events).0.is_none(), at == 0);
    }
    let mut events = good();
    events[4].digests[0].1[0] ^= 1;
    assert!(!state(&events).2, "dbx holds no key that decides");
}

#[test]
fn a33_a_bank_that_disagrees_takes_the_proof_away() {
    let banks = [HashAlg::Sha1, HashAlg::Sha256, HashAlg::Sha384];
    let data = variable(Guid::GLOBAL, "PK", &list(AMI));
    let pk = Made::in_banks(7, EventType::EFI_VARIABLE_DRIVER_CONFIG, &data, &banks);
    for (at, proven) in [(0, true), (1, false), (2, false)] {
        let mut pk = pk.clone();
        pk.digests[at].1[0] ^= 1;
        let bytes = log_in_banks(&banks, &[pk]);
        let log = EventLog::parse(&bytes, &Limits::DEFAULT).unwrap();
        let state = SecureBootState::of(&log);
        assert_eq!(state.database(Database::PK).is_some(), proven, "{}", banks[at]);
        assert!(state.may_hold_test_keys(), "proven to be there, or not proven to be absent");
        assert!(SecureBootState::in_banks(&log, &[banks[at]]).database(Database::PK).is_none());
    }
}

#[test]
fn secure_boot_without_any_authority_is_told() {
    let mut events = good();
    events.remove(6);
    assert_eq!(told(&events), [("authority_missing", Some(7))]);
    events[0] = config(Guid::GLOBAL, "SecureBoot", &[0]);
    assert_eq!(told(&events), []);
}

#[test]
fn shims_validation_is_off_by_its_variable_in_either_register() {
    let off = authority(Guid::SHIM, "MokSBState", &[1]);
    let by_content = |byte: u8| {
        let digest = HashAlg::Sha256.hash(&[&[byte]]).as_bytes().to_vec();
        Made { digests: vec![(0x0b, digest)], ..Made::new(14, EventType::IPL, b"MokSBState\0") }
    };
    for event in [off, by_content(1), by_content(9)] {
        let mut events = good();
        events.push(event);
        assert_eq!(told(&events), [("shim_validation_off", Some(9))]);
        // Saying afterwards that it is on takes nothing back.
        events.push(by_content(0));
        let bytes = log(&events);
        let log = EventLog::parse(&bytes, &Limits::DEFAULT).unwrap();
        assert_eq!(SecureBootState::of(&log).shim_validation(), Some(false));
    }
    let mut events = good();
    events.push(by_content(0));
    assert_eq!(told(&events), []);
}

/// Shims before 15 hash one byte less than they log.
#[test]
fn an_older_shims_authority_is_proven_up_to_its_last_byte() {
    let logged = [variable(Guid::SHIM, "Shim", &vendor()), vec![0, 0, 0, 0, 0, 0xaf]].concat();
    let mut event = Made::new(7, EventType::EFI_VARIABLE_AUTHORITY, &logged[..logged.len() - 1]);
    event.data = logged;
    let mut events = good();
    events.push(event.clone());
    let proven = |events: &[Made]| {
        let bytes = log(events);
        let log = EventLog::parse(&bytes, &Limits::DEFAULT).unwrap();
        SecureBootState::of(&log).authorities().last().map(|last| (last.variable, last.proven))
    };
    assert_eq!(proven(&events), Some(("Shim".to_owned(), true)));
    // The byte that is left out must lie behind the variable.
    let whole = variable(Guid::SHIM, "Shim", &vendor());
    let mut cut = Made::new(7, EventType::EFI_VARIABLE_AUTHORITY, &whole[..whole.len() - 1]);
    cut.data = whole;
    events[8] = cut;
    assert_eq!(proven(&events), Some(("Shim".to_owned(), false)));
    events[8] = event;
    events[8].data[40] ^= 1;
    assert!(!proven(&events).unwrap().1);
}

#[test]
fn findings_come_in_the_order_of_events_and_stay_few() {
    let mut events = boot(&[], &list(AMI));
    events.extend((0..100).map(|_| authority(Guid::SHIM, "MokSBState", &[1])));
    let bytes = log(&events);
    let log = EventLog::parse(&bytes, &Limits::DEFAULT).unwrap();
    let all = findings(&log);
    assert_eq!(
        all.iter().map(|f| f.code()).collect::<Vec<_>>(),
        ["setup_mode", "test_key", "shim_validation_off"]
    );
    assert!(all.iter().all(|finding| finding.severity() == Severity::Warn && finding.kind.is_of_the_boot()));
}
