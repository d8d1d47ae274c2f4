//! What each type claims its data to be, and how it is shown.

use super::*;
use crate::evidence::tcg_log::EventType as T;

/// The family and summary of one event.
fn shown(event_type: T, data: &[u8]) -> (&'static str, String) {
    let bytes = build::log(&[Made::new(4, event_type, data)]);
    let log = log(&bytes);
    let event = &log.events()[1];
    (decode(event).family(), summary(event))
}

fn number(numbers: &[u64]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_le_bytes()).collect()
}

const GUID: [u8; 16] = [0x11; 16];
const GUID_TEXT: &str = "11111111-1111-1111-1111-111111111111";

#[test]
fn each_type_is_decoded_as_what_it_claims() {
    let blob = number(&[0x82_0000, 917_504]);
    let described = |rest: &[u8]| [&[4][..], b"BIOS", rest].concat();
    let tables = [&number(&[2])[..], &GUID, &number(&[1]), &[0x22; 16], &number(&[2])].concat();
    let both = format!("{GUID_TEXT} 22222222-2222-2222-2222-222222222222");
    let (at, with) = ("917504 bytes at 0x820000", "BIOS, 917504 bytes at 0x820000");
    let cases: Vec<(T, Vec<u8>, &str, String)> = vec![
        (T::NO_ACTION, b"StartupLocality\0\x03".to_vec(), "no_action", "startup locality 3".into()),
        (T::POST_CODE, blob.clone(), "firmware_blob", at.into()),
        (T::POST_CODE, b"ACPI DATA".to_vec(), "text", "ACPI DATA".into()),
        (T::POST_CODE2, described(&blob), "firmware_blob", with.into()),
        (T::EFI_PLATFORM_FIRMWARE_BLOB, blob.clone(), "firmware_blob", at.into()),
        (T::EFI_PLATFORM_FIRMWARE_BLOB2, described(&blob), "firmware_blob", with.into()),
        (T::EFI_HANDOFF_TABLES, tables.clone(), "handoff_tables", format!("tables {both}")),
        (T::TABLE_OF_DEVICES, tables.clone(), "handoff_tables", format!("tables {both}")),
        (T::EFI_HANDOFF_TABLES2, described(&tables), "handoff_tables", format!("tables BIOS {both}")),
        (T::S_CRTM_VERSION, b"1.2".to_vec(), "firmware_version", "1.2".into()),
        // What does not fit its type is shown as bytes.
        (
            T::EFI_PLATFORM_FIRMWARE_BLOB,
            [&blob[..], &[7]].concat(),
            "raw",
            hex::encode([&blob[..], &[7]].concat()),
        ),
        (T::EFI_HANDOFF_TABLES, number(&[3]), "raw", hex::encode(number(&[3]))),
        (T(0x7777), b"x".to_vec(), "raw", "78".into()),
    ];
    for (event_type, data, family, text) in cases {
        assert_eq!(shown(event_type, &data), (family, text), "{event_type}");
    }
    for event_type in [
        T::S_CRTM_CONTENTS,
        T::CPU_MICROCODE,
        T::PLATFORM_CONFIG_FLAGS,
        T::COMPACT_HASH,
        T::NONHOST_CODE,
        T::NONHOST_CONFIG,
        T::NONHOST_INFO,
        T::EFI_HCRTM_EVENT,
        T::IPL_PARTITION_DATA,
        T::OMIT_BOOT_DEVICE_EVENTS,
    ] {
        assert_eq!(shown(event_type, b"words"), ("text", "words".into()), "{event_type}");
    }
}

#[test]
fn free_text_is_read_as_what_it_looks_like() {
    let wide = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    let cases: [(&[u8], &str); 8] = [
        (b"", "(empty)"),
        (&[0, 0], "(empty)"),
        (b"EDK II\0", "EDK II"),
        (&wide("EDK II\0"), "EDK II"),
        (&wide("Größe"), "Größe"),
        (&[0x11; 16], GUID_TEXT),
        (&[0x11; 15], "111111111111111111111111111111"),
        (&[0x41, 0, 0, 0, 0x42, 0], "410000004200"),
    ];
    for (data, text) in cases {
        assert_eq!(shown(T::S_CRTM_VERSION, data).1, text, "{data:?}");
    }
}

#[test]
fn separators_and_what_is_not_extended_are_named() {
    let manifest = [&b"SP800-155 Event\0"[..], &[1; 4]].concat();
    let cases: [(T, &[u8], &str); 9] = [
        (T::SEPARATOR, &[0; 4], "end of the firmware's part"),
        (T::SEPARATOR, &[0xff; 4], "end of the firmware's part (ffffffff)"),
        (T::SEPARATOR, b"WBCL", "Windows"),
        (T::SEPARATOR, &[1, 0, 0, 0], "the firmware failed to measure (01000000)"),
        (T::NO_ACTION, &manifest, "SP800-155 Event, 20 bytes"),
        (T::NO_ACTION, b"StartupLocality\0\x03\x04", "StartupLocality, 18 bytes"),
        (T::NO_ACTION, &[4, 0, 1, 0xc0, 9], "trust point of Windows, 5 bytes"),
        (T::NO_ACTION, &[0x80; 16], "80808080808080808080808080808080"),
        (T::NO_ACTION, b"short", "73686f7274"),
    ];
    for (event_type, data, text) in cases {
        assert_eq!(shown(event_type, data).1, text, "{data:?}");
    }
}

/// A device path of these nodes, each type, subtype and data, and its end.
fn path(nodes: &[(u8, u8, &[u8])]) -> Vec<u8> {
    let node = |(kind, subkind, data): &(u8, u8, &[u8])| {
        [&[*kind, *subkind][..], &(data.len() as u16 + 4).to_le_bytes(), data].concat()
    };
    nodes.iter().flat_map(node).chain([0x7f, 0xff, 4, 0]).collect()
}

/// How an image with this path is shown, without the image's size.
fn image(path: &[u8]) -> String {
    let data = [&number(&[0x7e00_0000, 4096, 0, path.len() as u64])[..], path].concat();
    shown(T::EFI_BOOT_SERVICES_DRIVER, &data).1.strip_suffix(", 4096 bytes").unwrap().to_owned()
}

#[test]
fn device_paths_are_shown_as_uefi_writes_them() {
    let words = |numbers: &[u32]| numbers.iter().flat_map(|number| number.to_le_bytes()).collect::<Vec<u8>>();
    let halves =
        |numbers: &[u16]| numbers.iter().flat_map(|number| number.to_le_bytes()).collect::<Vec<u8>>();
    let disk = |kind: u8| [&words(&[1])[..], &number(&[0x800, 0x7f000]), &GUID, &[2, kind]].concat();
    let mapped = [&words(&[11])[..], &number(&[0x1000, 0x1fff])].concat();
    let cdrom = [&words(&[1])[..], &number(&[0x10, 0x20])].concat();
    let offset = [&words(&[0])[..], &number(&[0x10, 0x20])].concat();
    let nvme = [&words(&[1])[..], &[0, 0x25, 0x38, 0, 0, 0, 0, 0xab]].concat();
    let mac = [&[0xaa, 0xbb, 0xcc, 0, 0, 1][..], &[0; 26], &[1]].concat();
    let vendor = [&GUID[..], &[0xab]].concat();
    let ones = "11".repeat(16);
    let cases: Vec<(u8, u8, Vec<u8>, String)> = vec![
        (1, 1, vec![2, 0x1f], "Pci(0x1f,0x2)".into()),
        (1, 3, mapped, "MemoryMapped(0xb,0x1000,0x1fff)".into()),
        (1, 4, GUID.to_vec(), format!("VenHw({GUID_TEXT})")),
        (3, 10, vendor.clone(), format!("VenMsg({GUID_TEXT},ab)")),
        (4, 3, vendor, format!("VenMedia({GUID_TEXT},ab)")),
        (2, 1, words(&[0x0a03_41d0, 2]), "PciRoot(0x2)".into()),
        (2, 1, words(&[0x0a08_41d0, 2]), "PcieRoot(0x2)".into()),
        (2, 1, words(&[0x0301_41d0, 0]), "Acpi(0x030141d0,0x0)".into()),
        (3, 1, vec![1, 0, 2, 0], "Ata(1,0,2)".into()),
        (3, 2, halves(&[1, 2]), "Scsi(0x1,0x2)".into()),
        (3, 5, vec![3, 1], "USB(0x3,0x1)".into()),
        (3, 11, mac, "MAC(aabbcc000001,0x1)".into()),
        (3, 12, vec![1, 2], "IPv4(0102)".into()),
        (3, 13, vec![1, 2], "IPv6(0102)".into()),
        (3, 18, halves(&[1, 0xffff, 0]), "Sata(0x1,0xffff,0x0)".into()),
        (3, 23, nvme, "NVMe(0x1,00253800000000ab)".into()),
        (3, 24, b"http://boot".to_vec(), "Uri(http://boot)".into()),
        (4, 1, disk(2), format!("HD(1,GPT,{GUID_TEXT},0x800,0x7f000)")),
        (4, 1, disk(1), format!("HD(1,MBR,{ones},0x800,0x7f000)")),
        (4, 2, cdrom, "CDROM(0x1,0x10,0x20)".into()),
        (4, 6, GUID.to_vec(), format!("FvFile({GUID_TEXT})")),
        (4, 7, GUID.to_vec(), format!("Fv({GUID_TEXT})")),
        (4, 8, offset, "Offset(0x10,0x20)".into()),
        // Not known, or too short for what it says it is.
        (1, 9, vec![7], "Path(1,9,07)".into()),
        (3, 99, vec![7], "Path(3,99,07)".into()),
        (4, 99, vec![7], "Path(4,99,07)".into()),
        (1, 1, vec![7], "Path(1,1,07)".into()),
        (5, 1, vec![7], "Path(5,1,07)".into()),
    ];
    for (kind, subkind, data, text) in cases {
        assert_eq!(image(&path(&[(kind, subkind, &data)])), text, "{kind} {subkind}");
    }
}

#[test]
fn device_paths_of_several_parts_and_what_follows_them() {
    let (root, pci) = ((2, 1, &[0xd0, 0x41, 3, 0xa, 0, 0, 0, 0][..]), (1, 1, &[0, 1][..]));
    assert_eq!(image(&path(&[root, pci])), "PciRoot(0x0)/Pci(0x1,0x0)");
    // Another instance of the path, and bytes that are no node.
    assert_eq!(image(&path(&[root, (0x7f, 1, &[]), pci])), "PciRoot(0x0),Pci(0x1,0x0)");
    let short = [&path(&[root])[..], &[1, 1, 3, 0]].concat();
    assert_eq!(image(&short), "PciRoot(0x0)…");
}

/// DEVICE_SECURITY_EVENT_DATA in its two forms, and the PCI context at the end.
#[test]
fn devices_say_what_they_are_and_how_far_they_were_authenticated() {
    let first = |kind: u32| [&b"SPDM Device Sec\0\x01\0\0\0\x0b\0\0\0"[..], &kind.to_le_bytes()].concat();
    let second = |state: u8, kind: u32| {
        [&b"SPDM Device Sec2\x02\0"[..], &[state, 0, 0, 0, 0, 0], &kind.to_le_bytes()].concat()
    };
    let context = |length: u8| vec![0, 0, length, 0, 0x86, 0x80, 0xd3, 0x10, 0, 0, 0, 2, 1, 0, 2, 0];
    let pci = |length: u8| [first(1), b"measurement".to_vec(), context(length)].concat();
    let cases = [
        (pci(16), "PCI device 8086:10d3 of class 020000"),
        (pci(15), "PCI device"),
        (first(1), "PCI device"),
        (first(2), "USB device"),
        (first(7), "device of type 7"),
        (second(0, 2), "USB device, its signature was good"),
        (second(1, 2), "USB device, without a signature"),
        (second(2, 2), "USB device, its signature was good, but binds nothing"),
        (second(3, 2), "USB device, its signature failed"),
        (second(4, 2), "USB device, its answer was invalid"),
        (second(0xff, 2), "USB device, which does not know SPDM"),
        (second(9, 2), "USB device, authentication state 0x09"),
    ];
    for (data, text) in cases {
        for event_type in [T::EFI_SPDM_FIRMWARE_BLOB, T::EFI_SPDM_FIRMWARE_CONFIG] {
            assert_eq!(shown(event_type, &data), ("device", text.to_owned()));
        }
    }
    assert_eq!(shown(T::EFI_SPDM_FIRMWARE_BLOB, b"SPDM Device Sec3\x01\0").0, "raw");
    let policy = secure_boot_variable(&[1]);
    for event_type in [T::EFI_SPDM_DEVICE_POLICY, T::EFI_SPDM_DEVICE_AUTHORITY] {
        assert_eq!(shown(event_type, &policy), ("variable", "SecureBoot = on".into()));
    }
}

/// Banks that are not quoted say nothing; those that are decide together.
#[test]
fn findings_are_told_by_the_banks_that_are_asked() {
    let bytes = SB_OFF;
    let log = log(bytes);
    let everywhere = findings(&log);
    assert_eq!(findings_in(&log, log.banks()), everywhere);
    let empty_pk = {
        let data = [&Guid::GLOBAL.0[..], &number(&[2, 0]), b"P\0K\0"].concat();
        build::log(&[Made::new(7, T::EFI_VARIABLE_DRIVER_CONFIG, &data)])
    };
    let log = EventLog::parse(&empty_pk, &Limits::DEFAULT).unwrap();
    let codes = |banks: &[HashAlg]| findings_in(&log, banks).iter().map(Finding::code).collect::<Vec<_>>();
    assert_eq!(codes(&[HashAlg::Sha256]), ["setup_mode"]);
    assert_eq!(findings(&log), findings_in(&log, &[HashAlg::Sha256]));
}
