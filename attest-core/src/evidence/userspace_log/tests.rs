//! systemd's log byte for byte as it writes it, and what a log must not tell.

use proptest::prelude::*;

use super::*;
use crate::HashAlg;
use crate::evidence::Severity;
use crate::evidence::cel::{StateTransition, Systemd};
use crate::evidence::json;

const LIMITS: Limits = Limits::DEFAULT;

/// A record as systemd's `tpm2_userspace_log` writes it: no spaces, this order, a separator before and a line feed behind.
fn record(pcr: u8, kind: &str, string: &str) -> String {
    record_of(&format!("\"pcr\":{pcr}"), &sha256(string), kind, string)
}

fn sha256(string: &str) -> String {
    HashAlg::Sha256.hash(&[string.as_bytes()]).to_string()
}

fn record_of(register: &str, digest: &str, kind: &str, string: &str) -> String {
    format!(
        "\u{1e}{{{register},\"digests\":[{{\"hashAlg\":\"sha256\",\"digest\":\"{digest}\"}}],\"content_type\":\"systemd\",\
         \"content\":{{\"string\":{},\"bootId\":\"189c18dd7ba245f38cf49d9ac154b525\",\"timestamp\":1515761,\
         \"eventType\":\"{kind}\"}}}}\n",
        serde_json::to_string(string).unwrap()
    )
}

fn parse(log: &str) -> Result<UserspaceLog, Error> {
    UserspaceLog::parse(log.as_bytes(), &LIMITS)
}

fn findings(log: &str) -> Vec<(FindingKind, Option<u32>, Option<u8>)> {
    let read = parse(log).unwrap();
    read.findings().iter().map(|finding| (finding.kind.clone(), finding.record, finding.pcr)).collect()
}

#[test]
fn a_record_as_systemd_260_wrote_it() {
    // The separator that systemd-pcrosseparator.service left in PCR 7 of a virtual machine.
    let log = "\u{1e}{\"pcr\":7,\"digests\":[{\"hashAlg\":\"sha256\",\"digest\":\"ff5b9d73dad709633ae76adf444012b57e913a12ed7403c3931145862f35f841\"}],\"content_type\":\"systemd\",\"content\":{\"string\":\"os-separator\",\"bootId\":\"189c18dd7ba245f38cf49d9ac154b525\",\"timestamp\":1515761,\"eventType\":\"os-separator\"}}\n";
    let read = parse(log).unwrap();
    assert_eq!((read.format(), read.records().len()), (Format::Systemd, 1));
    let one = &read.records()[0];
    assert_eq!((one.offset, one.index, one.recnum, one.pcr()), (1, 0, None, Some(7)));
    let expected = Systemd {
        string: Some("os-separator".into()),
        event_type: Some("os-separator".into()),
        boot_id: Some("189c18dd7ba245f38cf49d9ac154b525".into()),
        timestamp: Some(1_515_761),
        nv_index_name: None,
    };
    assert_eq!(one.content, Content::Systemd(Box::new(expected)));
    assert!(one.is_authenticated_everywhere());
    assert_eq!(read.findings(), []);
    assert_eq!(record(7, "os-separator", "os-separator"), log);
}

#[test]
fn told_apart_by_the_first_byte() {
    let format = |bytes: &[u8]| UserspaceLog::parse(bytes, &LIMITS).map(|log| log.format());
    assert_eq!(format(b"[]"), Ok(Format::CelJson));
    assert_eq!(format(b"\n []"), Ok(Format::CelJson));
    assert_eq!(format(&[0x80]), Ok(Format::CelCbor));
    assert_eq!(format(&[0]).unwrap_err().code(), "userspace_log_truncated");
    for bytes in [&b"{}"[..], b"-----BEGIN", b"\x01", b"\xff"] {
        assert_eq!(format(bytes), Err(ErrorKind::FormatUnknown { first: bytes[0] }.at(0, 0)));
    }
}

#[test]
fn formats_are_named() {
    let all = [Format::Systemd, Format::CelTlv, Format::CelJson, Format::CelCbor];
    assert_eq!(all.map(Format::name), ["systemd", "cel-tlv", "cel-json", "cel-cbor"]);
}

#[test]
fn a_log_without_records() {
    assert_eq!(findings(""), [(FindingKind::Empty, None, None)]);
    assert_eq!(findings("[]"), [(FindingKind::Empty, None, None)]);
    assert_eq!(FindingKind::Empty.severity(), Severity::Refuse);
}

#[test]
fn a52_record_cut_short() {
    let (one, two) = (record(11, "phase", "enter-initrd"), record(11, "phase", "leave-initrd"));
    let log = format!("{one}{two}");
    for len in 1..log.len() {
        let read = UserspaceLog::parse(&log.as_bytes()[..len], &LIMITS);
        // Without its last line feed alone a record is still whole.
        let whole = [one.len() - 1, one.len(), log.len() - 1].contains(&len);
        assert_eq!(read.is_ok(), whole, "{len}");
        if !whole {
            let error = read.unwrap_err();
            let (record, offset) = if len <= one.len() { (0, 1) } else { (1, one.len() + 1) };
            assert_eq!((error.record, error.offset), (record, offset), "{len}");
        }
    }
    assert_eq!(parse("\u{1e}"), Err(ErrorKind::RecordCutShort.at(1, 0)));
    assert_eq!(parse(&format!("{one}\u{1e}")), Err(ErrorKind::RecordCutShort.at(one.len() + 1, 1)));
    assert_eq!(parse(&format!("\u{1e}{one}")), Err(ErrorKind::RecordCutShort.at(1, 0)));
}

#[test]
fn a46_name_twice_and_something_that_follows() {
    let twice = record(11, "phase", "x").replace("\"pcr\":11", "\"pcr\":11,\"pcr\":12");
    let error = json::Error::DuplicateName { name: "pcr".into() };
    assert_eq!(parse(&twice), Err(ErrorKind::Json(error).at(1, 0)));
    let digests = record(11, "phase", "x").replace("\"hashAlg\"", "\"digest\":\"\",\"hashAlg\"");
    assert_eq!(parse(&digests).unwrap_err().code(), "json_duplicate_name");
    let two = record(11, "phase", "x").replace("}}\n", "}}{}\n");
    assert_eq!(parse(&two).unwrap_err().code(), "json_syntax");
}

#[test]
fn a44_strings_with_newlines_escapes_and_nul() {
    let hostile = "a\n\u{1b}[2Jb\u{0}c\u{202e}";
    let read = parse(&record(11, "phase", hostile)).unwrap();
    let one = &read.records()[0];
    assert!(one.is_authenticated_everywhere(), "what was measured is the string, all of it");
    assert_eq!(one.content.summary(), "a\\u{a}\\u{1b}[2Jb\\u{0}c\\u{202e}");
    // A separator in a string would be a record of its own; JSON does not allow it unescaped.
    let raw = record(11, "phase", "x").replace("\"x\"", "\"x\u{1e}{}\"");
    assert_eq!(parse(&raw), Err(ErrorKind::RecordCutShort.at(1, 0)));
    let finding = parse(
        &record(11, "phase", "x").replace("\"content_type\":\"systemd\"", "\"content_type\":\"\\u001b[31m\""),
    );
    let kind = FindingKind::ContentTypeUnknown { content_type: "\\u{1b}[31m".into() };
    assert_eq!(finding.unwrap().findings()[0].kind, kind);
}

#[test]
fn a33_of_a_volume_key_only_an_hmac_is_measured() {
    let text = "cryptsetup:root:1e023a55-60f9-4b6b-9b80-67438dc5f065";
    let read = parse(&record_of("\"pcr\":15", &"5a".repeat(32), "volume-key", text)).unwrap();
    assert!(!read.records()[0].is_authenticated_everywhere());
    assert_eq!(read.findings(), []);
}

#[test]
fn newer_fields_and_types_are_read_past() {
    let newer =
        record(11, "phase-of-the-moon", "full").replace("\"string\"", "\"moon\":{\"a\":[1]},\"string\"");
    let newer = newer.replace("\u{1e}{", "\u{1e}{\"more\":true,");
    let read = parse(&newer).unwrap();
    assert!(read.records()[0].is_authenticated_everywhere() && read.findings().is_empty());
}

#[test]
fn records_of_other_writers() {
    let other = "\u{1e}{\"pcr\":12,\"digests\":[{\"hashAlg\":\"sha256\",\"digest\":\"";
    let other = format!("{other}{}\"}}]}}\n", "00".repeat(32));
    let read = parse(&other).unwrap();
    assert_eq!(read.records()[0].content, Content::Other { content_type: String::new(), value: None });
    assert_eq!(findings(&other)[0].1, Some(0));
    let missing = record(11, "phase", "x").replace(",\"content\":", ",\"contents\":");
    assert_eq!(parse(&missing), Err(ErrorKind::FieldMissing { field: "content" }.at(1, 0)));
    let number = record(11, "phase", "x").replace("\"string\":\"x\"", "\"string\":1");
    assert_eq!(
        parse(&number).unwrap_err().kind,
        ErrorKind::FieldValue { field: "string", expected: "a string" }
    );
}

#[test]
fn nvpcr_records_are_told_and_counted() {
    let named =
        record_of("\"nv_index\":30474752", &sha256("product-id:missing"), "product-id", "product-id:missing");
    let named = named.replace("\"content\":{", "\"content\":{\"nvIndexName\":\"hardware\",");
    let log = parse(&format!("{named}{named}")).unwrap();
    assert_eq!(log.records()[0].register, Register::NvIndex(0x01d1_0200));
    assert_eq!(log.records()[0].content.summary(), "NvPCR hardware: product-id:missing");
    let of_log = Finding { kind: FindingKind::NvIndexNotQuoted { count: 2 }, record: None, pcr: None };
    assert_eq!(log.findings(), [of_log]);
    assert!((0..24).all(|pcr| log.extends(pcr).next().is_none()));
}

#[test]
fn a32_user_space_in_a_pcr_of_the_firmware() {
    let separator = record(4, "os-separator", "os-separator");
    assert_eq!(findings(&separator), []);
    // Another text, a separator that does not hash to its digest, a second one, one after something else.
    for pcr in 0..8 {
        let log = record(pcr, "phase", "x");
        assert_eq!(findings(&log), [(FindingKind::FirmwarePcr, Some(0), Some(pcr))]);
    }
    let lie = record_of("\"pcr\":4", &sha256("x"), "os-separator", "os-separator");
    assert_eq!(findings(&lie), [(FindingKind::FirmwarePcr, Some(0), Some(4))]);
    let again = format!("{separator}{separator}");
    assert_eq!(findings(&again), [(FindingKind::FirmwarePcr, Some(1), Some(4))]);
    assert_eq!(FindingKind::FirmwarePcr.severity(), Severity::Refuse);
    // Where the name says otherwise, the digest decides.
    assert_eq!(findings(&record(7, "phase", "os-separator")), []);
    assert!((8..16).all(|pcr| findings(&record(pcr, "phase", "x")).is_empty()));
}

#[test]
fn a35_pcrs_that_can_be_reset() {
    for pcr in [16, 20, 23] {
        assert_eq!(findings(&record(pcr, "phase", "x")), [(FindingKind::ResettablePcr, Some(0), Some(pcr))]);
    }
}

#[test]
fn a40_two_boots_in_one_log() {
    let other = record(11, "phase", "enter-initrd").replace("189c18dd", "00000000");
    let log = format!("{}{other}", record(11, "phase", "enter-initrd"));
    assert_eq!(findings(&log), [(FindingKind::BootIdChanged, Some(1), Some(11))]);
    assert_eq!(FindingKind::BootIdChanged.severity(), Severity::Refuse);
}

#[test]
fn a40_transitions_that_the_log_tells() {
    let severity = |state| FindingKind::StateTransition(state).severity();
    assert_eq!(severity(StateTransition::Kexec), Severity::Refuse);
    assert_eq!(severity(StateTransition::Suspend), Severity::Warn);
    assert_eq!(severity(StateTransition::Hibernate), Severity::Warn);
}

#[test]
fn a47_findings_are_bounded() {
    let log: String = (0..50).map(|_| record(16, "phase", "x")).collect();
    let limits = Limits { findings: 10, ..LIMITS };
    let read = UserspaceLog::parse(log.as_bytes(), &limits).unwrap();
    assert_eq!(read.findings().len(), 11);
    assert_eq!(read.findings()[10].kind, FindingKind::TooMany { code: "resettable_pcr" });
}

#[test]
fn a47_too_long_and_too_many() {
    let log: String = (0..3).map(|_| record(11, "phase", "x")).collect();
    let limits = Limits { userspace_log_records: 2, ..LIMITS };
    let error = UserspaceLog::parse(log.as_bytes(), &limits).unwrap_err();
    assert_eq!((error.kind, error.record), (ErrorKind::TooManyRecords { limit: 2 }, 2));
    let limits = Limits { userspace_log_bytes: 10, ..LIMITS };
    let error = UserspaceLog::parse(log.as_bytes(), &limits).unwrap_err();
    assert_eq!(error.kind, ErrorKind::TooLong { len: log.len(), limit: 10 });
    let deep = format!("\u{1e}{{\"a\":{}}}", "[".repeat(100_000));
    assert_eq!(parse(&deep).unwrap_err().code(), "json_too_deep");
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(mut bytes in prop::collection::vec(any::<u8>(), 0..200), first in prop::sample::select(vec![0, 0x1e, b'[', 0x81, 0xa5])) {
        bytes.insert(0, first);
        if let Ok(log) = UserspaceLog::parse(&bytes, &LIMITS) {
            for record in log.records() {
                let harmful = record.content.summary().contains(|char: char| char.is_control());
                prop_assert!(!harmful);
            }
        }
    }

    /// A52: whatever one byte of a good log becomes, the log is refused or its records are as many.
    #[test]
    fn a52_every_byte(at in 0_usize..600, byte in any::<u8>()) {
        let mut log = format!("{}{}", record(11, "phase", "enter-initrd"), record(15, "machine-id", "machine-id:0")).into_bytes();
        let at = at % log.len();
        log[at] = byte;
        if let Ok(read) = UserspaceLog::parse(&log, &LIMITS) {
            prop_assert!(read.records().len() <= 2);
        }
    }
}
