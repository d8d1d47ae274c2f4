use super::*;
use crate::evidence::tcg_log::EventLog;
use crate::evidence::tcg_log::build::{self, Made};
use crate::limits::Limits;
use crate::testing::fixture;

const BANKS: [HashAlg; 2] = [HashAlg::Sha256, HashAlg::Sha384];

fn variable(vendor: Guid, name: &str, data: &[u8]) -> Vec<u8> {
    let name: Vec<u8> = name.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let sizes = [(name.len() / 2) as u64, data.len() as u64].map(u64::to_le_bytes).concat();
    [vendor.0.to_vec(), sizes, name, data.to_vec()].concat()
}

fn read(event: Made) -> Result<Whole, Unread> {
    let bytes = build::log_in_banks(&BANKS, &[event]);
    let log = EventLog::parse(&bytes, &Limits::DEFAULT).unwrap();
    Whole::read(&log.events()[1], &BANKS)
}

fn level(data: &[u8]) -> Made {
    let data = variable(Guid::SHIM, "SbatLevel", data);
    Made::in_banks(7, EventType::EFI_VARIABLE_AUTHORITY, &data, &BANKS)
}

const LEVEL: &[u8] = b"sbat,1,2025021800\nshim,4\n";

#[test]
fn every_value_of_a_real_boot_is_read() {
    let log = EventLog::parse(fixture!("boots/sb-grub/eventlog.bin"), &Limits::DEFAULT).unwrap();
    let read: Vec<Whole> = log.events().iter().filter_map(|e| Whole::read(e, &BANKS).ok()).collect();
    let databases: Vec<_> = read
        .iter()
        .filter_map(|w| if let Whole::Signatures(d, s) = w { Some((*d, s.all.len())) } else { None })
        .collect();
    assert_eq!(databases, [(Database::PK, 1), (Database::KEK, 2), (Database::Db, 2), (Database::Dbx, 1)]);
    assert!(read.contains(&Whole::BootOrder { order: vec![1, 0, 2], named: false }));
    assert!(
        matches!(read.iter().find(|w| matches!(w, Whole::SbatLevel(_))), Some(Whole::SbatLevel(l)) if l.date == 2_025_021_800)
    );
    assert_eq!(read.iter().filter(|w| matches!(w, Whole::BootEntry { name: None, .. })).count(), 3);
    assert_eq!(read.iter().filter(|w| matches!(w, Whole::PartitionTable(p) if p.len() == 1)).count(), 1);
    assert_eq!(read.len(), 10);
}

#[test]
fn a33_data_that_does_not_hash_to_its_digest_in_one_bank() {
    assert!(read(level(LEVEL)).is_ok());
    for bank in 0..BANKS.len() {
        let mut lie = level(LEVEL);
        lie.digests[bank].1[0] ^= 1;
        assert_eq!(read(lie), Err(Unread::Unproven));
    }
    let mut other_data = level(LEVEL);
    let at = other_data.data.len() - 2;
    other_data.data[at] = b'9';
    assert_eq!(read(other_data), Err(Unread::Unproven));
    let bytes = build::log_in_banks(&BANKS, &[level(LEVEL)]);
    let log = EventLog::parse(&bytes, &Limits::DEFAULT).unwrap();
    assert_eq!(Whole::read(&log.events()[1], &[]), Err(Unread::Unproven), "no bank proves nothing");
    assert_eq!(Whole::read(&log.events()[1], &[HashAlg::Sha512]), Err(Unread::Unproven));
}

#[test]
fn a29_an_event_of_another_kind() {
    let data = variable(Guid::SHIM, "SbatLevel", LEVEL);
    let other_type = Made::in_banks(7, EventType::EFI_VARIABLE_DRIVER_CONFIG, &data, &BANKS);
    assert_eq!(read(other_type), Err(Unread::Kind));
    let other_pcr = Made::in_banks(6, EventType::EFI_VARIABLE_AUTHORITY, &data, &BANKS);
    assert_eq!(read(other_pcr), Err(Unread::Kind));
    let other_vendor = variable(Guid::GLOBAL, "SbatLevel", LEVEL);
    let other_vendor = Made::in_banks(7, EventType::EFI_VARIABLE_AUTHORITY, &other_vendor, &BANKS);
    assert_eq!(read(other_vendor), Err(Unread::Kind));
    let db = variable(Guid::GLOBAL, "db", &[]);
    assert_eq!(
        read(Made::in_banks(7, EventType::EFI_VARIABLE_DRIVER_CONFIG, &db, &BANKS)),
        Err(Unread::Kind)
    );
}

#[test]
fn a33_bytes_beyond_the_contents_or_the_name() {
    let sealed = |data: &[u8]| read(Made::in_banks(7, EventType::EFI_VARIABLE_AUTHORITY, data, &BANKS));
    let longer = [variable(Guid::SHIM, "SbatLevel", LEVEL), vec![0]].concat();
    assert_eq!(sealed(&longer), Err(Unread::Malformed));
    let hidden = variable(Guid::SHIM, "SbatLevel\0more", LEVEL);
    assert_eq!(sealed(&hidden), Err(Unread::Malformed));
    assert_eq!(read(level(b"shim,4\n")), Err(Unread::Malformed));
}

/// The digest of a boot variable covers its contents alone, or all of it; both are read, and the name counts where it is covered.
#[test]
fn the_name_of_a_boot_variable_counts_only_where_the_digest_covers_it() {
    let data = variable(Guid::GLOBAL, "BootOrder", &[1, 0, 0, 0]);
    let whole = Made::in_banks(1, EventType::EFI_VARIABLE_BOOT, &data, &BANKS);
    assert_eq!(read(whole.clone()), Ok(Whole::BootOrder { order: vec![1, 0], named: true }));
    let contents = Made::in_banks(1, EventType::EFI_VARIABLE_BOOT, &[1, 0, 0, 0], &BANKS);
    let contents = Made { data: data.clone(), ..contents };
    assert_eq!(read(contents.clone()), Ok(Whole::BootOrder { order: vec![1, 0], named: false }));
    let mixed = Made { digests: vec![whole.digests[0].clone(), contents.digests[1].clone()], ..whole };
    assert_eq!(read(mixed), Err(Unread::Unproven), "two banks cover different bytes");
    for lie in [&[1_u8, 0, 1, 0][..], &[1, 0, 2]] {
        let data = variable(Guid::GLOBAL, "BootOrder", lie);
        assert_eq!(
            read(Made::in_banks(1, EventType::EFI_VARIABLE_BOOT, &data, &BANKS)),
            Err(Unread::Malformed)
        );
    }
}

/// Only the contents of boot variables are measured without their name.
#[test]
fn a33_the_contents_of_another_variable_prove_nothing_alone() {
    let lie = Made {
        data: variable(Guid::SHIM, "SbatLevel", LEVEL),
        ..Made::in_banks(7, EventType::EFI_VARIABLE_AUTHORITY, LEVEL, &BANKS)
    };
    assert_eq!(read(lie), Err(Unread::Unproven));
}
