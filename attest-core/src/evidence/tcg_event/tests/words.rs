//! How events are told, and what of them a digest covers, at each edge.

use super::*;
use crate::evidence::tcg_event::{DevicePath, SbatLevel, SignatureLists};
use crate::evidence::tcg_log::EventType as T;
use crate::evidence::text::Utf16;

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

fn variable(vendor: Guid, name: &str, data: &[u8]) -> Vec<u8> {
    let lengths = [(name.len() as u64).to_le_bytes(), (data.len() as u64).to_le_bytes()].concat();
    [&vendor.0[..], &lengths, &utf16(name), data].concat()
}

/// Family and summary of an event in a register.
fn shown(pcr: u32, event_type: T, data: &[u8]) -> (&'static str, String) {
    let bytes = build::log(&[Made::new(pcr, event_type, data)]);
    let log = log(&bytes);
    (decode(&log.events()[1]).family(), summary(&log.events()[1]))
}

/// What is proven of an event whose digest is that of other bytes.
fn proven(event_type: T, data: &[u8], digested: &[&[u8]]) -> Authenticated {
    let digest = (HashAlg::Sha256.tpm_id(), HashAlg::Sha256.hash(digested).as_bytes().to_vec());
    let made = Made { pcr: 11, event_type, digests: vec![digest], data: data.to_vec() };
    let bytes = build::log(&[made]);
    authenticated(&log(&bytes).events()[1], HashAlg::Sha256)
}

#[test]
fn a33_each_form_is_proven_by_its_own_bytes_alone() {
    let boot = variable(Guid::GLOBAL, "Boot0001", b"option");
    for event_type in [T::EFI_VARIABLE_BOOT, T::EFI_VARIABLE_BOOT2] {
        assert_eq!(proven(event_type, &boot, &[&boot]), Authenticated::WholeData);
        assert_eq!(proven(event_type, &boot, &[b"option"]), Authenticated::VariableData);
        assert_eq!(proven(event_type, &boot, &[b"another"]), Authenticated::No);
    }
    assert_eq!(proven(T::EFI_VARIABLE_DRIVER_CONFIG, &boot, &[b"option"]), Authenticated::No);
    assert_eq!(proven(T::IPL, b"text", &[b"text\0"]), Authenticated::WholeDataAndNul);
    assert_eq!(proven(T::IPL, b"text", &[b"text\0\0"]), Authenticated::No);
    assert_eq!(proven(T::ACTION, b"text", &[b"text\0"]), Authenticated::No);
    // A section's name: 1 to 8 letters of ASCII, with the NUL that ends it.
    let section = |name: &str| proven(T::IPL, &utf16(name), &[name.trim_end_matches('\0').as_bytes(), &[0]]);
    assert_eq!(section(".cmdline\0"), Authenticated::SectionName);
    assert_eq!(section("l\0"), Authenticated::SectionName);
    assert_eq!(section(".cmdline"), Authenticated::No, "nothing ends it");
    assert_eq!(section(".cmdlines\0"), Authenticated::No, "nine letters");
    let latin = utf16("\u{e9}\0");
    assert_eq!(proven(T::IPL, &latin, &[&[0xe9, 0]]), Authenticated::No, "no ASCII");
    assert_eq!(proven(T::IPL, &[0, 0], &[&[0]]), Authenticated::No, "no name");
}

#[test]
fn strings_of_boot_loaders_are_told_by_their_registers() {
    let section = utf16(".linux\0");
    assert_eq!(shown(11, T::IPL, &section), ("stub_section", ".linux".into()));
    assert_eq!(shown(3, T::IPL, &section).0, "stub_section", "a confidential virtual machine's register");
    assert_eq!(shown(12, T::IPL, &section), ("load_options", ".linux".into()));
    assert_eq!(shown(11, T::IPL, &utf16("linux\0")), ("load_options", "linux".into()));
    assert_eq!(shown(9, T::IPL, b"/vmlinuz"), ("grub_file", "/vmlinuz".into()));
    assert_eq!(shown(9, T::IPL, b"vmlinuz"), ("grub_file", "vmlinuz".into()));
    assert_eq!(shown(9, T::IPL, b"\0\0\0").0, "raw");
    assert_eq!(shown(9, T::IPL, b"").0, "raw");
    assert_eq!(shown(3, T::IPL, b"(hd0,1)/vmlinuz"), ("grub_file", "(hd0,1)/vmlinuz".into()));
    assert_eq!(shown(3, T::IPL, b"vmlinuz").0, "raw");
    assert_eq!(shown(4, T::IPL, b"/vmlinuz").0, "raw");
    let tagged = |data: &[u8]| {
        shown(5, T::EVENT_TAG, &[&7_u32.to_le_bytes(), &(data.len() as u32).to_le_bytes(), data].concat()).1
    };
    assert_eq!(tagged(b""), "tag 0x00000007");
    assert_eq!(tagged(b"abc\0"), "tag 0x00000007 (abc)");
    assert_eq!(tagged(&utf16("ab\0")), "tag 0x00000007 (ab)");
    assert_eq!(tagged(&[&utf16("ab\0")[..], b"!"].concat()), "tag 0x00000007 (61006200000021)");
    assert_eq!(tagged(&[0xff, 0xfe, 0x01, 0x02]), "tag 0x00000007 (fffe0102)");
}

#[test]
fn variables_are_told_by_what_they_hold() {
    let told = |vendor, name: &str, data: &[u8]| {
        shown(7, T::EFI_VARIABLE_DRIVER_CONFIG, &variable(vendor, name, data)).1
    };
    assert_eq!(told(Guid::GLOBAL, "SecureBoot", &[]), "SecureBoot, empty");
    assert_eq!(told(Guid::GLOBAL, "SecureBoot", &[0]), "SecureBoot = off");
    assert_eq!(told(Guid::GLOBAL, "SecureBoot", &[1]), "SecureBoot = on");
    assert_eq!(told(Guid::GLOBAL, "SecureBoot", &[2]), "SecureBoot: 02");
    assert_eq!(told(Guid::GLOBAL, "Other", &[0]), "Other: 00");
    assert_eq!(told(Guid::GLOBAL, "Other", &[1]), "Other: 01");
    assert_eq!(told(Guid::GLOBAL, "Other", b"one\n\ntwo 2\n"), "Other: one; two 2");
    assert_eq!(told(Guid::GLOBAL, "Other", b"one\t"), "Other: 6f6e6509");
    // An authority: with its owner before it, or the certificate alone.
    let der = [&[0x30, 0x82, 0x00, 0x20][..], &[0; 32]].concat();
    let data = [&[7; 16][..], &der].concat();
    let owned = variable(Guid::IMAGE_SECURITY, "db", &data);
    let bare = variable(Guid::IMAGE_SECURITY, "db", &der);
    let variable = |data| crate::evidence::tcg_event::Variable::parse(data).unwrap();
    assert_eq!(variable(&owned).authority(), (Some(Guid([7; 16])), &der[..]));
    assert_eq!(variable(&bare).authority(), (None, &der[..]));
}

#[test]
fn signature_lists_are_counted_and_none_is_made_up() {
    let sha256 = Guid::new(0xc1c4_1626, 0x504c, 0x4092, [0xac, 0xa9, 0x41, 0xf9, 0x36, 0x93, 0x43, 0x28]);
    let list = |size: u32, signatures: &[u8]| {
        let all = signatures.len() as u32 + 28;
        [&sha256.0[..], &all.to_le_bytes(), &[0; 4], &size.to_le_bytes(), signatures].concat()
    };
    let lists = |data: &[u8]| {
        let mut lists = SignatureLists::new(data);
        let all: Vec<_> = lists.by_ref().map(|list| (list.len(), list.is_empty())).collect();
        (all, lists.is_exhausted())
    };
    assert_eq!(lists(&list(48, &[1; 96])), (vec![(2, false)], true));
    assert_eq!(lists(&list(48, &[])), (vec![(0, true)], true));
    // An owner without a signature, a size that does not divide what is there.
    assert_eq!(lists(&list(16, &[1; 32])), (vec![], false));
    assert_eq!(lists(&list(17, &[1; 34])), (vec![(2, false)], true));
    assert_eq!(lists(&list(48, &[1; 95])), (vec![], false));
    assert_eq!(lists(&list(0, &[])), (vec![], false));
}

#[test]
fn small_things_in_words() {
    let level = SbatLevel::parse(b"sbat,1,2025021800\nshim,4\ngrub,5\n").unwrap();
    assert_eq!(level.to_string(), "sbat,1,2025021800; grub,5; shim,4");
    assert_eq!(format!("{:?}", Guid([0x11; 16])), "11111111-1111-1111-1111-111111111111");
    let file = |name: &str| {
        let name = utf16(name);
        [&[4, 4][..], &(name.len() as u16 + 4).to_le_bytes(), &name].concat()
    };
    let path = [file("\\EFI\0"), vec![1, 1, 6, 0, 0, 1], file("\\a.efi\0"), vec![0x7f, 0xff, 4, 0]].concat();
    assert_eq!(DevicePath(&path).file(), Some(Utf16(&utf16("\\a.efi\0"))));
    assert_eq!(DevicePath(&[1, 1, 6, 0, 0, 1]).file(), None);
}
