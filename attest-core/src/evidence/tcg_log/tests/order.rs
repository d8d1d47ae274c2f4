//! Where events may stand, and which of them are extended: EV_NO_ACTION, separators, registers.

use sha2::Digest as _;

use super::*;

#[test]
fn a29_no_flip_of_an_event_type_makes_findings_fewer() {
    let original = parse(SB_GRUB).unwrap();
    let good = Replay::new(&original);
    for event in &original.events()[1..] {
        for event_type in (0..0x20).chain(0x8000_0000..0x8000_0014).chain([0x8000_00e0, 0xffff_ffff]) {
            let mut flipped = SB_GRUB.to_vec();
            flipped[event.offset + 4..event.offset + 8].copy_from_slice(&u32::to_le_bytes(event_type));
            let log = parse(&flipped).unwrap();
            let replay = Replay::new(&log);
            // Not extended any more, so the quote does not fit; or the same replay.
            let same = replay.value(HashAlg::Sha256, event.pcr) == good.value(HashAlg::Sha256, event.pcr);
            assert_eq!(same, event_type != EventType::NO_ACTION.0, "event {}", event.index);
            let becomes_separator = event.event_type != EventType::SEPARATOR && event_type == 4;
            if becomes_separator {
                let refused = log.findings().iter().any(|finding| finding.severity() == Severity::Refuse);
                assert!(refused, "event {}", event.index);
            }
            if event.event_type == EventType::SEPARATOR && event_type != 4 {
                let codes: Vec<_> = log.findings().iter().map(Finding::code).collect();
                // Silent it is missing, and under another type it is found by its digest.
                let tells = event_type != 3 && !matches!(event.pcr, 1 | 6);
                let hidden = if tells { "separator_disguised" } else { "separator_missing" };
                assert!(codes.contains(&hidden), "event {}", event.index);
            }
        }
    }
}

#[test]
fn a30_no_action_is_never_extended() {
    let mut liar = Made::new(0, EventType::NO_ACTION, b"not extended");
    let good = log(&[Made::separator(0)]);
    let lying = log(&[liar.clone(), Made::separator(0)]);
    assert_eq!(findings(&lying), [("no_action_digest", Some(1), Some(0))]);
    assert_eq!(pcr(&lying, 0), pcr(&good, 0));
    // Windows writes its trust point so.
    liar.pcr = u32::MAX;
    assert_eq!(findings(&log(&[liar])), []);
}

#[test]
fn a30_startup_locality_starts_pcr_0() {
    let mut last_byte = [0; 32];
    last_byte[31] = 3;
    let start = Digest::new(HashAlg::Sha256, &last_byte).unwrap();
    let bytes = log(&[Made::no_action(0, b"StartupLocality\0\x03"), Made::separator(0), Made::separator(1)]);
    assert_eq!(parse(&bytes).unwrap().startup_locality(), Some(3));
    assert_eq!(pcr(&bytes, 0), Some(extended(start, &[&[0; 4]])));
    assert_eq!(pcr(&bytes, 1), Some(extended(ZERO, &[&[0; 4]])));
    assert_eq!(Replay::new(&parse(&bytes).unwrap()).reset_value(HashAlg::Sha256, 0), start);
    for locality in [0, 4] {
        let data = [b"StartupLocality\0".as_slice(), &[locality]].concat();
        assert_eq!(parse(&log(&[Made::no_action(0, &data)])).unwrap().startup_locality(), Some(locality));
    }
}

/// Where the hardware measures the firmware before the CPU runs (_TPM_HASH_START), PCR 0 begins at 4 and the measurement is its first extend
/// (TCG PC Client Platform Firmware Profile, 10.4.1; TPM 2.0 Part 1, 34).
#[test]
fn a30_a_hardware_root_of_trust_starts_pcr_0_at_4() {
    let mut start = [0; 32];
    start[31] = 4;
    let firmware = b"the firmware's first volume";
    // What the TPM holds, by sha2 alone.
    let mut value = start;
    for data in [&firmware[..], b"1.0", &[0; 4]] {
        value = sha2::Sha256::new()
            .chain_update(value)
            .chain_update(sha2::Sha256::digest(data))
            .finalize()
            .into();
    }
    let held = Digest::new(HashAlg::Sha256, &value).unwrap();
    let mut measured = Made::new(0, EventType::EFI_HCRTM_EVENT, firmware);
    // The digest is that of what was measured, and the data is a name.
    measured.data = b"HCRTM".to_vec();
    let events = |told: Option<u8>| {
        let told =
            told.map(|locality| Made::no_action(0, &[b"StartupLocality\0".as_slice(), &[locality]].concat()));
        let rest = [measured.clone(), Made::new(0, EventType::S_CRTM_VERSION, b"1.0"), Made::separator(0)];
        log(&told.into_iter().chain(rest).collect::<Vec<_>>())
    };
    assert_eq!(pcr(&events(Some(4)), 0), Some(held));
    assert_eq!(findings(&events(Some(4))), []);
    // A log that tells of the measurement but not of where it began leads elsewhere, and so does another locality.
    for told in [None, Some(0), Some(3)] {
        let value = pcr(&events(told), 0);
        assert!(value.is_some() && value != Some(held), "{told:?}");
    }
    // Behind the measurement the locality is told too late to count.
    let late = log(&[measured.clone(), Made::no_action(0, b"StartupLocality\0\x04"), Made::separator(0)]);
    assert_eq!(parse(&late).unwrap().startup_locality(), None);
    assert_eq!(findings(&late), [("startup_locality_late", Some(2), Some(0))]);
}

#[test]
fn a30_a_startup_locality_out_of_place_is_refused_and_not_applied() {
    let told = |data: &[u8], pcr| Made::no_action(pcr, data);
    let three: &[u8] = b"StartupLocality\0\x03";
    let cases = [
        ("startup_locality_misplaced", vec![told(three, 1), Made::separator(0)], None),
        ("startup_locality_late", vec![Made::separator(0), told(three, 0)], None),
        ("startup_locality_size", vec![told(b"StartupLocality\0\x03\0", 0), Made::separator(0)], None),
        ("startup_locality_size", vec![told(b"StartupLocality\0", 0), Made::separator(0)], None),
        ("startup_locality_value", vec![told(b"StartupLocality\0\x01", 0), Made::separator(0)], None),
        ("startup_locality_value", vec![told(b"StartupLocality\0\x05", 0), Made::separator(0)], None),
        (
            "startup_locality_repeated",
            vec![told(three, 0), told(b"StartupLocality\0\x04", 0), Made::separator(0)],
            Some(3),
        ),
    ];
    for (code, events, applied) in cases {
        let bytes = log(&events);
        let log = parse(&bytes).unwrap();
        assert_eq!(log.startup_locality(), applied, "{code}");
        let finding = log.findings().iter().find(|finding| finding.code() == code);
        assert_eq!(finding.map(Finding::severity), Some(Severity::Refuse), "{code}");
        if applied.is_none() {
            assert_eq!(pcr(&bytes, 0), Some(extended(ZERO, &[&[0; 4]])), "{code}");
        }
    }
}

#[test]
fn a31_a_second_separator_is_refused() {
    for register in [0, 4, 7, 12] {
        let injected = Made::new(register, EventType::IPL, b"injected");
        let events = [Made::separator(register), injected, Made::separator(register)];
        assert_eq!(findings(&log(&events)), [("duplicate_separator", Some(3), Some(register))]);
    }
}

#[test]
fn a31_separator_data_is_one_of_two_and_matches_its_digest() {
    let separator = |pcr, data: &[u8]| Made::new(pcr, EventType::SEPARATOR, data);
    assert_eq!(findings(&log(&[separator(3, &[0; 4]), separator(4, &[0xff; 4])])), []);
    for data in [&[][..], &[0; 3], &[0; 5], &[2, 0, 0, 0], b"WBCL"] {
        assert_eq!(findings(&log(&[separator(3, data)])), [("separator_data", Some(1), Some(3))]);
    }
    assert_eq!(findings(&log(&[separator(12, b"WBCL")])), [], "Windows ends PCR 12 so");
    let mut lying = separator(3, &[0; 4]);
    lying.data = vec![0xff; 4];
    assert_eq!(findings(&log(&[lying])), [("separator_digest", Some(1), Some(3))]);
    let failed = separator(0, &[1, 0, 0, 0]);
    assert_eq!(findings(&log(std::slice::from_ref(&failed))), [("separator_error", Some(1), Some(0))]);
    let explained = Made { data: b"out of memory".to_vec(), ..failed };
    assert_eq!(findings(&log(&[explained])), [("separator_error", Some(1), Some(0))]);
    let bytes = log(&[]);
    let missing: Vec<_> = parse(&bytes).unwrap().findings().iter().map(|finding| finding.pcr).collect();
    assert_eq!(missing, (0..8).map(Some).collect::<Vec<_>>());
}

#[test]
fn a32_firmware_events_after_the_separator_and_repeated_variables_are_found() {
    let variable = |name: &str, data: &[u8]| {
        let units: Vec<u8> = name.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let lengths = [(name.len() as u64).to_le_bytes(), (data.len() as u64).to_le_bytes()].concat();
        let data = [&[0xaa; 16][..], &lengths, &units, data].concat();
        Made::new(7, EventType::EFI_VARIABLE_DRIVER_CONFIG, &data)
    };
    let (first, second) = (variable("SecureBoot", &[0]), variable("SecureBoot", &[1]));
    let events = [first.clone(), second, variable("PK", &[]), Made::separator(7)];
    assert_eq!(findings(&log(&events)), [("duplicate_variable", Some(2), Some(7))]);
    let events = [Made::separator(7), first];
    assert_eq!(findings(&log(&events)), [("variable_after_separator", Some(2), Some(7))]);
    let events = [Made::separator(0), Made::new(0, EventType::S_CRTM_VERSION, b"2.0")];
    assert_eq!(findings(&log(&events)), [("firmware_event_after_separator", Some(2), Some(0))]);
}

#[test]
fn an_event_in_a_register_that_does_not_exist_is_refused_and_not_extended() {
    for register in [24, 1_000, u32::MAX] {
        let bytes = log(&[Made::new(register, EventType::IPL, b"?")]);
        assert_eq!(findings(&bytes), [("pcr_invalid", Some(1), Some(register))]);
        let log = parse(&bytes).unwrap();
        assert_eq!(Replay::new(&log).extended_pcrs().count(), 0);
    }
}

/// The type is in no hash: who wants to hide a second separator gives it another one.
#[test]
fn a29_a_second_separator_under_another_type() {
    for data in [&[0; 4][..], &[0xff; 4], &[1, 0, 0, 0]] {
        let mut second = Made::new(4, EventType::IPL, data);
        second.data = b"a harmless text".to_vec();
        let bytes = log(&[Made::separator(4), second]);
        let found = findings(&bytes);
        assert!(found.contains(&("separator_disguised", Some(2), Some(4))), "{found:?}");
        assert!(found.contains(&("duplicate_separator", Some(2), Some(4))), "{found:?}");
    }
    // Registers of the operating system may hold such digests.
    // And so may settings: a boot order 0001 0000.
    let bytes = log(&[Made::new(12, EventType::IPL, &[0; 4]), Made::new(1, EventType::IPL, &[1, 0, 0, 0])]);
    assert!(findings(&bytes).iter().all(|(code, ..)| *code == "separator_missing"));
}

/// Neither does hiding the first one let configuration be told after it.
#[test]
fn a29_the_first_separator_under_another_type_still_ends_the_firmwares_part() {
    let mut hidden = Made::separator(7);
    hidden.event_type = EventType::IPL;
    let name: Vec<u8> = "SecureBoot".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let guid = crate::evidence::tcg_event::Guid::GLOBAL.0;
    let variable = [&guid[..], &10_u64.to_le_bytes(), &1_u64.to_le_bytes(), &name, &[1]].concat();
    let on = Made::new(7, EventType::EFI_VARIABLE_DRIVER_CONFIG, &variable);
    let bytes = log(&[hidden, on]);
    assert!(findings(&bytes).contains(&("variable_after_separator", Some(2), Some(7))));
    assert_eq!(crate::evidence::tcg_event::secure_boot(&parse(&bytes).unwrap()), None);
}
