mod bounds;

use super::*;
use crate::digest::HashAlg;
use crate::evidence::Severity;
use crate::evidence::tcg_event::{decode, summary};
use crate::evidence::tcg_log::EventLog;
use crate::evidence::tcg_log::build::{Made, log};
use crate::limits::Limits;

fn tag(kind: u32, data: &[u8]) -> Vec<u8> {
    [&kind.to_le_bytes()[..], &(data.len() as u32).to_le_bytes(), data].concat()
}

fn boundary(inner: &[Vec<u8>]) -> Vec<u8> {
    tag(0x4001_0001, &inner.concat())
}

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect()
}

/// What the boot manager and the loader of a good Windows measure, shortened.
fn good() -> Vec<Made> {
    let revocations =
        [&7_u64.to_le_bytes()[..], &32_u32.to_le_bytes(), &0x0b_u16.to_le_bytes(), &[9; 32]].concat();
    let bootmgr = boundary(&[
        tag(sipa::BOOT_COUNTER, &214_u64.to_le_bytes()),
        tag(sipa::BOOT_DEBUGGING, &[0]),
        tag(sipa::TEST_SIGNING, &[0]),
        tag(sipa::CODE_INTEGRITY, &[1]),
        tag(sipa::BITLOCKER_UNLOCK, &4_u32.to_le_bytes()),
        tag(sipa::BOOT_REVOCATION_LIST, &revocations),
    ]);
    let elam = tag(0x4001_0002, &tag(0x4001_0002, &tag(sipa::ELAM_DRIVER, &utf16("Windows Defender"))));
    let module = tag(
        0x4001_0003,
        &[tag(sipa::MODULE_PATH, &utf16("\\WINDOWS\\winload.efi")), tag(0x0007_0004, &[7; 32])].concat(),
    );
    let loader = boundary(&[
        elam,
        module,
        tag(sipa::KERNEL_DEBUGGING, &[0]),
        tag(sipa::SAFE_MODE, &[0]),
        tag(sipa::WINPE, &[0]),
        tag(sipa::HYPERVISOR_DEBUGGING, &[0]),
        tag(sipa::DATA_EXECUTION_PREVENTION, &1_u64.to_le_bytes()),
        tag(sipa::HYPERVISOR_LAUNCH_TYPE, &1_u64.to_le_bytes()),
        tag(sipa::VSM_LAUNCH_TYPE, &1_u64.to_le_bytes()),
        tag(sipa::HVCI_POLICY, &3_u64.to_le_bytes()),
        tag(sipa::CODE_INTEGRITY, &[1]),
        tag(sipa::BITLOCKER_UNLOCK, &1_u32.to_le_bytes()),
    ]);
    let key = tag(0x0006_0002, &[0x30; 40]);
    vec![
        Made::new(12, EventType::EVENT_TAG, &bootmgr),
        Made::new(14, EventType::EVENT_TAG, &key),
        Made::new(12, EventType::EVENT_TAG, &loader),
        Made::new(12, EventType::SEPARATOR, b"WBCL"),
        Made::new(13, EventType::SEPARATOR, b"WBCL"),
        Made::new(14, EventType::SEPARATOR, b"WBCL"),
    ]
}

/// The state's findings: code and event.
fn findings(events: &[Made]) -> Vec<(&'static str, Option<u32>)> {
    let bytes = log(events);
    let log = EventLog::parse(&bytes, &Limits::DEFAULT).unwrap();
    let boot = WindowsBoot::of(&log).unwrap();
    boot.findings().iter().map(|finding| (finding.code(), finding.event)).collect()
}

fn switches(events: &[Made]) -> Vec<(&'static str, bool)> {
    let bytes = log(events);
    let log = EventLog::parse(&bytes, &Limits::DEFAULT).unwrap();
    let boot = WindowsBoot::of(&log).unwrap();
    Switch::ALL.into_iter().filter_map(|switch| Some((switch.name(), boot.switch(switch)?))).collect()
}

#[test]
fn a_good_windows_says_what_it_is() {
    let bytes = log(&good());
    let parsed = EventLog::parse(&bytes, &Limits::DEFAULT).unwrap();
    let boot = WindowsBoot::of(&parsed).unwrap();
    assert_eq!(boot.findings(), []);
    assert_eq!(
        switches(&good()),
        [
            ("boot_debugging", false),
            ("code_integrity", true),
            ("hypervisor_debugging", false),
            ("kernel_debugging", false),
            ("safe_mode", false),
            ("test_signing", false),
            ("winpe", false),
        ]
    );
    assert_eq!((boot.boot_counter(), boot.data_execution_prevention()), (Some(214), Some(1)));
    assert_eq!(
        (boot.hypervisor_launch_type(), boot.vsm_launch_type(), boot.hvci_policy()),
        (Some(1), Some(1), Some(3))
    );
    assert_eq!(boot.elam(), ["Windows Defender"]);
    let unlocks: Vec<Vec<_>> = boot.unlocks().iter().map(|unlock| unlock.flags().collect()).collect();
    assert_eq!(unlocks, [["tpm"], ["cached"]]);
    assert_eq!(boot.boot_revocations(), Some(Revocations { created: 7, alg: 0x0b, digest: &[9; 32] }));
    assert_eq!(boot.os_revocations(), None);
    assert_eq!(decode(&parsed.events()[1]).family(), "windows");
    assert_eq!(
        summary(&parsed.events()[1]),
        format!(
            "boot debugging off, test signing off, Code Integrity on, BitLocker unlocked by tpm, \
             boot revocation list {}…, boot counter 214",
            "0700000000000000200000000b00".to_owned() + &"09".repeat(18)
        )
    );
    let loader = summary(&parsed.events()[3]);
    assert!(loader.starts_with("driver Windows Defender, kernel"), "{loader}");
    assert!(loader.contains(", path \\WINDOWS\\winload.efi"), "{loader}");
}

#[test]
fn each_switch_that_weakens_is_told_once_with_its_event() {
    for (kind, value, code) in [
        (sipa::BOOT_DEBUGGING, 1, "windows_boot_debugging"),
        (sipa::CODE_INTEGRITY, 0, "windows_code_integrity_off"),
        (sipa::FLIGHT_SIGNING, 1, "windows_flight_signing"),
        (sipa::HYPERVISOR_DEBUGGING, 1, "windows_hypervisor_debugging"),
        (sipa::KERNEL_DEBUGGING, 1, "windows_kernel_debugging"),
        (sipa::SAFE_MODE, 1, "windows_safe_mode"),
        (sipa::TEST_SIGNING, 1, "windows_test_signing"),
        (sipa::WINPE, 1, "windows_winpe"),
    ] {
        let weak = Made::new(12, EventType::EVENT_TAG, &boundary(&[tag(kind, &[value])]));
        let mut events = good();
        events.insert(1, weak.clone());
        events.insert(3, weak);
        assert_eq!(findings(&events), [(code, Some(2))]);
    }
}

/// A stage that says the opposite afterwards takes nothing back.
#[test]
fn a_later_stage_cannot_make_an_earlier_one_good() {
    let debugged = Made::new(12, EventType::EVENT_TAG, &tag(sipa::CODE_INTEGRITY, &[0]));
    let mut events = good();
    events.insert(0, debugged);
    assert!(switches(&events).contains(&("code_integrity", false)));
}

#[test]
fn a33_an_event_of_windows_that_its_digest_does_not_cover_is_not_read() {
    let mut events = good();
    let off = Made::new(12, EventType::EVENT_TAG, &tag(sipa::TEST_SIGNING, &[1]));
    // The log's writer shows a harmless event for what was extended.
    let lie = Made { data: tag(sipa::TEST_SIGNING, &[0]), ..off };
    events[0] = lie.clone();
    events[2] = lie;
    assert_eq!(switches(&events), []);
    assert_eq!(findings(&events), [("windows_unproven", Some(1)), ("windows_unproven", Some(3))]);
}

#[test]
fn a38a_what_is_extended_after_windows_has_ended_its_part_is_not_its_word() {
    let mut events = vec![Made::new(12, EventType::EVENT_TAG, &boundary(&[tag(sipa::TEST_SIGNING, &[1])]))];
    events.extend(good().split_off(3));
    events.push(Made::new(12, EventType::EVENT_TAG, &boundary(&[tag(sipa::CODE_INTEGRITY, &[1])])));
    assert_eq!(switches(&events), [("test_signing", true)]);
    assert_eq!(
        findings(&events),
        [("windows_test_signing", Some(1)), ("windows_event_after_separator", Some(5))]
    );
}

#[test]
fn containers_without_end_and_lengths_that_lie_are_unreadable() {
    let mut nested = tag(sipa::TEST_SIGNING, &[1]);
    for _ in 0..100 {
        nested = tag(0x4001_0001, &nested);
    }
    let cut = [tag(sipa::WINPE, &[0]), vec![2, 0, 5, 0, 0xff, 0xff, 0xff, 0xff]].concat();
    for data in [nested, cut] {
        let events = [Made::new(12, EventType::EVENT_TAG, &data)];
        assert_eq!(findings(&events), [("windows_unreadable", Some(1))]);
        assert!(
            summary(&EventLog::parse(&log(&events), &Limits::DEFAULT).unwrap().events()[1])
                .ends_with("no measurement")
        );
    }
}

/// What a finding stands on comes first, however much stands before it, and what is left out is counted.
#[test]
fn a_long_summary_leaves_out_nothing_that_findings_stand_on() {
    let path = |nth: usize| {
        let text = format!("\\WINDOWS\\module{nth:03}.sys");
        tag(sipa::MODULE_PATH, &text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>())
    };
    let weak =
        [sipa::TEST_SIGNING, sipa::BOOT_DEBUGGING, sipa::KERNEL_DEBUGGING, sipa::SAFE_MODE, sipa::WINPE];
    let weak = || weak.into_iter().map(|kind| tag(kind, &[1]));
    let repeated = (0..500).map(|nth| tag(sipa::HVCI_POLICY, &u32::to_le_bytes(nth)));
    let data =
        [(0..100).map(path).collect::<Vec<_>>(), weak().chain(repeated).chain(weak()).collect()].concat();
    let bytes = log(&[Made::new(12, EventType::EVENT_TAG, &boundary(&data))]);
    let log = EventLog::parse(&bytes, &Limits::DEFAULT).unwrap();
    let text = summary(&log.events()[1]);
    let head = "test signing on, boot debugging on, kernel debugging on, safe mode on, WinPE on, HVCI policy 0, HVCI policy 1, \
                path \\WINDOWS\\module000.sys, path \\WINDOWS\\module001.sys, ";
    assert!(text.starts_with(head), "{text}");
    let (shown, more) = text.rsplit_once(" … and ").unwrap();
    assert!(shown.chars().count() <= 400, "{text}");
    let paths = shown.matches("path ").count();
    assert_eq!(more, format!("{} more", 100 - paths + 498));
    assert_eq!(decode(&log.events()[1]).to_string().matches("path ").count(), 100, "in whole");
}

#[test]
fn a47_a_hostile_summary_is_bounded() {
    let value = |kind: u32, nth: u8| tag(kind, &vec![nth; 60_000]);
    let all = [sipa::ELAM_DRIVER, sipa::HVCI_POLICY, sipa::BITLOCKER_UNLOCK, sipa::WINPE];
    let data: Vec<Vec<u8>> = (1..5).flat_map(|nth| all.map(|kind| value(kind, nth))).collect();
    let bytes = log(&[Made::new(12, EventType::EVENT_TAG, &boundary(&data))]);
    let log = EventLog::parse(&bytes, &Limits::DEFAULT).unwrap();
    let text = summary(&log.events()[1]);
    assert!(text.ends_with(" … and 8 more") && text.chars().count() < 8 * 103, "{text}");
}

#[test]
fn tags_of_others_are_not_windows() {
    for (pcr, kind) in [(9, sipa::TEST_SIGNING), (12, 0x8f3b_22ed), (12, 0xf5bc_582a), (12, 0x0000_0007)] {
        let bytes = log(&[Made::new(pcr, EventType::EVENT_TAG, &tag(kind, &[1]))]);
        let log = EventLog::parse(&bytes, &Limits::DEFAULT).unwrap();
        assert_eq!(WindowsBoot::of(&log), None, "{pcr} {kind:#x}");
        assert_eq!(decode(&log.events()[1]).family(), "tagged");
    }
}

/// SHA-1 speaks where it is alone, and not beside a bank that says another thing.
#[test]
fn every_bank_that_may_judge_must_cover_the_event() {
    let data = boundary(&[tag(sipa::TEST_SIGNING, &[1])]);
    let banks = [HashAlg::Sha1, HashAlg::Sha256, HashAlg::Sha384];
    let made = Made::in_banks(12, EventType::EVENT_TAG, &data, &banks);
    for (at, proven) in [(0, true), (1, false), (2, false)] {
        let mut made = made.clone();
        made.digests[at].1[0] ^= 1;
        let bytes = crate::evidence::tcg_log::build::log_in_banks(&banks, &[made]);
        let log = EventLog::parse(&bytes, &Limits::DEFAULT).unwrap();
        let boot = WindowsBoot::of(&log).unwrap();
        assert_eq!(boot.switch(Switch::TestSigning).is_some(), proven, "{}", banks[at]);
        assert_eq!(boot.findings()[0].severity(), Severity::Warn);
    }
}
