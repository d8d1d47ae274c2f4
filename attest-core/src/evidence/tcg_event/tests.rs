mod families;
mod words;

use super::*;
use crate::digest::HashAlg;
use crate::evidence::tcg_log::EventLog;
use crate::evidence::tcg_log::build::{self, Made};
use crate::limits::Limits;
use crate::testing::fixture;

const SB_GRUB: &[u8] = fixture!("boots/sb-grub/eventlog.bin");
const UKI: &[u8] = fixture!("boots/uki-sb/eventlog.bin");
const SB_OFF: &[u8] = fixture!("boots/nosb-grub/eventlog.bin");

fn log(bytes: &[u8]) -> EventLog<'_> {
    EventLog::parse(bytes, &Limits::DEFAULT).unwrap()
}

fn told(bytes: &[u8], index: usize) -> (&'static str, &'static str, String) {
    let log = log(bytes);
    let event = &log.events()[index];
    (decode(event).family(), authenticated(event, HashAlg::Sha256).name(), summary(event))
}

#[test]
fn a_grub_boot_is_told_by_families() {
    let expected = [
        (1, "firmware_version", "whole_data", "(empty)"),
        (2, "firmware_blob", "no", "917504 bytes at 0x820000"),
        (4, "variable", "whole_data", "SecureBoot = on"),
        (5, "variable", "whole_data", "PK: \"Debian UEFI Secure Boot (PK/KEK key)\""),
        (8, "variable", "whole_data", "dbx: 1 hash"),
        (9, "separator", "whole_data", "end of the firmware's part"),
        (10, "variable", "variable_data", "BootOrder: 0001 0000 0002"),
        (
            11,
            "variable",
            "variable_data",
            "Boot0001: \"UEFI Misc Device\" PciRoot(0x0)/Pci(0x1,0x0) and 16 bytes of data",
        ),
        (14, "action", "whole_data", "Calling EFI Application from Boot Option"),
        (22, "authority", "whole_data", "db: \"Microsoft Corporation UEFI CA 2011\""),
        (
            23,
            "partition_table",
            "whole_data",
            "disk 11111111-2222-3333-4444-555555555555, \"ESP\" 66666666-7777-8888-9999-aaaaaaaaaaaa",
        ),
        (
            24,
            "image",
            "no",
            "PciRoot(0x0)/Pci(0x1,0x0)/HD(1,GPT,66666666-7777-8888-9999-aaaaaaaaaaaa,0x800,0x7f000)\
             /\\EFI\\BOOT\\BOOTX64.EFI, 1048504 bytes",
        ),
        (25, "mok", "no", "MokList"),
        (27, "authority", "whole_data", "SbatLevel: sbat,1,2025021800; shim,4; grub,5"),
        (28, "mok", "no", "MokListTrusted = 01"),
        (29, "authority", "whole_data", "MokListRT: \"Debian Secure Boot CA\""),
        (30, "image", "no", "\\EFI\\BOOT\\grubx64.efi, 4183488 bytes"),
        (36, "grub_command", "string_after_prefix", "set timeout=0"),
        (38, "grub_file", "no", "/vmlinuz"),
        (39, "image", "no", "an image of 8247232 bytes, its path is not told"),
        (41, "kernel_cmdline", "string_after_prefix", "/vmlinuz console=ttyS0 rdinit=/init rootfstype=ramfs"),
        (46, "action", "whole_data", "Exit Boot Services Returned with Success"),
    ];
    for (index, family, proven, text) in expected {
        assert_eq!(told(SB_GRUB, index), (family, proven, text.to_owned()), "event {index}");
    }
}

#[test]
fn a_unified_kernel_image_is_told_by_sections_and_tags() {
    assert_eq!(told(UKI, 29), ("stub_section", "section_name", ".cmdline".to_owned()));
    assert_eq!(told(UKI, 30), ("stub_section", "no", ".cmdline".to_owned()));
    assert_eq!(told(UKI, 33), ("tagged", "no", "kernel command line (LOADED_IMAGE::LoadOptions)".to_owned()));
    assert_eq!(told(UKI, 34), ("tagged", "no", "initrd (Linux initrd)".to_owned()));
}

/// Where the data of an event begins.
fn data_at(log: &EventLog<'_>, input: &[u8], index: usize) -> usize {
    log.events()[index].data.as_ptr() as usize - input.as_ptr() as usize
}

#[test]
fn a33_data_that_does_not_hash_to_its_digest_is_a_hint() {
    let mut hidden = 0;
    for original in [SB_GRUB, UKI] {
        let good = log(original);
        for (index, event) in good.events().iter().enumerate() {
            let proven = authenticated_everywhere(event);
            let from = data_at(&good, original, index);
            for at in from..from + event.data.len() {
                let mut changed = original.to_vec();
                changed[at] ^= 0x01;
                let Ok(changed) = EventLog::parse(&changed, &Limits::DEFAULT) else { continue };
                let now = authenticated_everywhere(&changed.events()[index]);
                match proven {
                    Authenticated::WholeData | Authenticated::WholeDataAndNul => {
                        assert_eq!(now, Authenticated::No, "event {index} byte {at}");
                        hidden += 1;
                    }
                    Authenticated::No => assert_eq!(now, Authenticated::No, "event {index} byte {at}"),
                    // Prefixes and names of variables are not covered, and the rest may then be none of it.
                    _ => assert!(now == proven || now == Authenticated::No),
                }
            }
        }
    }
    assert!(hidden > 5_000, "{hidden}");
}

#[test]
fn a33_no_action_is_never_authenticated_even_with_the_digest_of_its_data() {
    let bytes = build::log(&[Made::new(0, EventType::NO_ACTION, b"trust me")]);
    let log = log(&bytes);
    assert_eq!(authenticated(&log.events()[1], HashAlg::Sha256), Authenticated::No);
    assert_eq!(authenticated_everywhere(&log.events()[1]), Authenticated::No);
}

#[test]
fn a33_every_bank_that_may_judge_must_agree() {
    let both = [HashAlg::Sha1, HashAlg::Sha256, HashAlg::Sha384];
    let made = Made::in_banks(5, EventType::EFI_ACTION, b"an action", &both);
    let told = |wrong: usize| {
        let mut made = made.clone();
        made.digests[wrong].1[0] ^= 1;
        let bytes = build::log_in_banks(&both, &[made]);
        authenticated_everywhere(&log(&bytes).events()[1])
    };
    assert_eq!(told(0), Authenticated::WholeData, "SHA-1 has no say beside stronger banks");
    assert_eq!((told(1), told(2)), (Authenticated::No, Authenticated::No));
}

#[test]
fn a33_quoted_banks_decide_what_an_event_proves() {
    use HashAlg::{Sha1, Sha256, Sha384, Sha512};
    let logged = [Sha1, Sha256, Sha384];
    let proven = |lies: &[HashAlg], quoted: &[HashAlg]| {
        let mut made = Made::in_banks(7, EventType::EFI_ACTION, b"an action", &logged);
        for (alg, digest) in &mut made.digests {
            digest[0] ^= u8::from(lies.iter().any(|lie| lie.tpm_id() == *alg));
        }
        authenticated_in(&log(&build::log_in_banks(&logged, &[made])).events()[1], quoted).is_some()
    };
    assert!(proven(&[Sha384], &[Sha256]), "a lie in a bank that nobody quoted says nothing");
    assert!(!proven(&[Sha384], &[Sha256, Sha384]) && !proven(&[Sha256], &[Sha256, Sha384]));
    assert!(proven(&[], &[Sha256, Sha512]), "a quoted bank that the firmware does not log hides nothing");
    assert!(!proven(&[Sha256], &[Sha256, Sha512]), "and excuses nothing");
    assert!(!proven(&[], &[Sha512]) && !proven(&[], &[]), "no digest, no proof");
    assert!(proven(&[], &[Sha1]) && !proven(&[Sha1], &[Sha1]));
    assert!(
        proven(&[Sha1], &[Sha1, Sha256]) && !proven(&[], &[Sha1, Sha512]),
        "SHA-1 has no say beside others"
    );
}

#[test]
fn secure_boot_is_what_the_variable_proves() {
    assert_eq!(secure_boot(&log(SB_GRUB)), Some(true));
    assert_eq!(secure_boot(&log(SB_OFF)), Some(false));
    assert_eq!(secure_boot_in(&log(SB_GRUB), HashAlg::Sha384), Some(true));
    assert_eq!(secure_boot_in(&log(SB_GRUB), HashAlg::Sha512), None);
}

#[test]
fn a33_a_secure_boot_variable_that_was_edited_proves_nothing() {
    let original = log(SB_OFF);
    let variable = original.events().iter().find(|event| {
        matches!(decode(event), Decoded::Variable(variable) if variable.is(Guid::GLOBAL, "SecureBoot"))
    });
    let index = variable.unwrap().index as usize;
    let end = data_at(&original, SB_OFF, index) + original.events()[index].data.len();
    let mut edited = SB_OFF.to_vec();
    assert_eq!(edited[end - 1], 0);
    edited[end - 1] = 1;
    assert_eq!(secure_boot(&log(&edited)), None);
}

fn secure_boot_variable(data: &[u8]) -> Vec<u8> {
    let name: Vec<u8> = "SecureBoot".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let lengths = [10_u64.to_le_bytes(), (data.len() as u64).to_le_bytes()].concat();
    [&Guid::GLOBAL.0[..], &lengths, &name, data].concat()
}

#[test]
fn a_secure_boot_variable_counts_once_and_before_the_separator() {
    let on = Made::new(7, EventType::EFI_VARIABLE_DRIVER_CONFIG, &secure_boot_variable(&[1]));
    let end = Made::new(7, EventType::SEPARATOR, &[0; 4]);
    let state = |events: &[&Made]| {
        let events: Vec<_> = events.iter().map(|event| (*event).clone()).collect();
        secure_boot(&log(&build::log(&events)))
    };
    assert_eq!(state(&[&on, &end]), Some(true));
    assert_eq!(state(&[&end, &on]), None, "after the separator");
    assert_eq!(state(&[&on, &on, &end]), None, "twice");
    assert_eq!(state(&[&on, &end, &on]), None, "again after the separator");
    for data in [&[][..], &[2], &[1, 0]] {
        let odd = Made::new(7, EventType::EFI_VARIABLE_DRIVER_CONFIG, &secure_boot_variable(data));
        assert_eq!(state(&[&odd, &end]), None, "{data:?}");
    }
    let elsewhere = Made::new(1, EventType::EFI_VARIABLE_DRIVER_CONFIG, &secure_boot_variable(&[1]));
    assert_eq!(state(&[&elsewhere, &end]), None);
    let other_type = Made::new(7, EventType::EFI_VARIABLE_BOOT, &secure_boot_variable(&[1]));
    assert_eq!(state(&[&other_type, &end]), None);
}

#[test]
fn a58_hostile_event_data_is_shown_harmless() {
    let data = b"grub_cmd: linux /vmlinuz\x1b]0;owned\x07\n2026-01-01 all is well\0";
    let bytes = build::log(&[Made::new(8, EventType::IPL, data)]);
    let text = summary(&log(&bytes).events()[1]);
    assert_eq!(text, "linux /vmlinuz\\u{1b}]0;owned\\u{7}\\u{a}2026-01-01 all is well");
}

#[test]
fn every_type_over_any_data_decodes_without_panic() {
    let mut samples: Vec<Vec<u8>> = [SB_GRUB, UKI]
        .iter()
        .flat_map(|bytes| log(bytes).events().iter().map(|event| event.data.to_vec()).collect::<Vec<_>>())
        .collect();
    samples.extend((0..80).map(|len| vec![0xff; len]));
    samples.sort();
    samples.dedup();
    let types: Vec<_> = (0..0x20).chain(0x8000_0000..0x8000_0014).chain(0x8000_00e0..0x8000_00e5).collect();
    for data in &samples {
        for cut in [0, 1, data.len() / 2, data.len().saturating_sub(1), data.len()] {
            let made = Made::new(11, EventType::IPL, &data[..cut.min(data.len())]);
            for event_type in &types {
                let made = Made { event_type: EventType(*event_type), ..made.clone() };
                let bytes = build::log(&[made]);
                let log = log(&bytes);
                let text = summary(&log.events()[1]);
                assert!(text.chars().count() <= SUMMARY + 1 && !text.chars().any(char::is_control));
            }
        }
    }
}
