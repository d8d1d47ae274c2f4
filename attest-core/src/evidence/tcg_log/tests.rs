use std::hint::black_box;

use super::build::{Made, header, log, log_in_banks, sha1_event, spec_id};
use super::*;
use crate::authenticate::replay::Replay;
use crate::digest::Digest;
use crate::evidence::Severity;
use crate::testing::fixture;

const SB_GRUB: &[u8] = fixture!("boots/sb-grub/eventlog.bin");
const UKI: &[u8] = fixture!("boots/uki-sb/eventlog.bin");
const SHA256: u16 = 0x000b;
const SHA384: u16 = 0x000c;

fn parse(bytes: &[u8]) -> Result<EventLog<'_>, Error> {
    EventLog::parse(bytes, &Limits::DEFAULT)
}

fn error(bytes: &[u8]) -> &'static str {
    parse(bytes).expect_err("malformed").code()
}

/// Codes, events and registers of the findings, without those about missing separators.
fn findings(bytes: &[u8]) -> Vec<(&'static str, Option<u32>, Option<u32>)> {
    let log = parse(bytes).unwrap();
    let findings = log.findings().iter().filter(|finding| finding.kind != FindingKind::SeparatorMissing);
    findings.map(|finding| (finding.code(), finding.event, finding.pcr)).collect()
}

fn pcr(bytes: &[u8], pcr: u32) -> Option<Digest> {
    Replay::new(&parse(bytes).unwrap()).value(HashAlg::Sha256, pcr)
}

fn extended(start: Digest, data: &[&[u8]]) -> Digest {
    data.iter().fold(start, |value, data| value.extended(HashAlg::Sha256.hash(&[data]).as_bytes()))
}

const ZERO: Digest = Digest::zero(HashAlg::Sha256);

#[test]
fn a_real_log_is_read_whole() {
    let log = parse(SB_GRUB).unwrap();
    assert_eq!(log.format(), Format::CryptoAgile);
    assert_eq!(log.banks(), [HashAlg::Sha1, HashAlg::Sha256, HashAlg::Sha384]);
    assert_eq!((log.events().len(), log.padding(), log.startup_locality()), (47, 0, None));
    assert_eq!(log.findings(), []);
    assert_eq!(log.spec_id().unwrap().version, (2, 0, 0));
    let last = log.events().last().unwrap();
    assert_eq!((last.index, last.pcr, last.event_type), (46, 5, EventType::EFI_ACTION));
    assert_eq!(last.digest(HashAlg::Sha384).unwrap().len(), 48);
    assert_eq!(last.digest(HashAlg::Sha512), None);
    assert_eq!(last.digests().count(), 3);
}

#[test]
fn a34_what_is_listed_is_what_was_replayed() {
    let log = parse(SB_GRUB).unwrap();
    let replay = Replay::new(&log);
    let mut listed = 0;
    for pcr in 0..PCRS {
        let mut value = replay.reset_value(HashAlg::Sha256, pcr);
        for event in replay.extends(pcr) {
            assert_eq!(event.pcr, pcr);
            value = value.extended(event.digest(HashAlg::Sha256).unwrap());
            listed += 1;
        }
        assert_eq!(replay.value(HashAlg::Sha256, pcr).unwrap_or(value), value);
        assert!(replay.positions(pcr).is_sorted());
    }
    assert_eq!(listed, log.events().iter().filter(|event| event.is_extended()).count());
    assert_eq!((replay.positions(24), replay.positions(u32::MAX)), (&[][..], &[][..]));
}

#[test]
fn a52_every_truncated_prefix_is_refused_or_a_shorter_log() {
    for original in [SB_GRUB, UKI] {
        let whole = parse(original).unwrap();
        let ends: Vec<_> = whole.events().iter().skip(1).map(|event| event.offset).collect();
        for len in 0..original.len() {
            match parse(&original[..len]) {
                Ok(shorter) => {
                    assert!(ends.contains(&len), "cut at {len}");
                    assert!(shorter.events().len() < whole.events().len());
                }
                Err(error) => assert!(!ends.contains(&len), "{error}"),
            }
        }
    }
}

#[test]
fn a52_every_single_byte_change_is_refused_or_replays_otherwise_unless_no_digest_covers_it() {
    let original = parse(UKI).unwrap();
    // What a replay is made of, without its hashing: the start of PCR 0, and what extends which PCR.
    let values = |log: &EventLog<'_>| {
        let extending = log.events().iter().filter(|event| event.is_extended());
        let digests =
            extending.flat_map(|event| event.digests().map(|(alg, bytes)| (event.pcr, alg, bytes.to_vec())));
        (log.startup_locality(), digests.collect::<Vec<_>>())
    };
    let good = values(&original);
    for at in 0..UKI.len() {
        for change in [1_u8 << (at % 8), 0xff] {
            let mut changed = UKI.to_vec();
            changed[at] ^= change;
            let Ok(log) = parse(&changed) else { continue };
            if values(&log) != good {
                continue;
            }
            // The same replay: only type, data, or header without a digest over it may have changed.
            let event = original.events().iter().rfind(|event| event.offset <= at).unwrap();
            let now = &log.events()[event.index as usize];
            if at < 4 {
                // The header's register makes it a CCEL, which has no registers 5 to 7.
                assert!(log.findings().iter().any(|finding| finding.kind == FindingKind::PcrInvalid));
                continue;
            }
            assert_eq!(now.pcr, event.pcr, "byte {at}");
            let shown = log.findings().iter().any(|finding| finding.kind == FindingKind::NoActionDigest);
            assert!(now.digests().eq(event.digests()) || (at < 28 && shown), "byte {at}");
        }
    }
}

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
fn a35_drtm_pcrs_start_at_all_ones() {
    for (register, start) in
        [(16, ZERO), (17, Digest::ones(HashAlg::Sha256)), (22, Digest::ones(HashAlg::Sha256)), (23, ZERO)]
    {
        let bytes = log(&[Made::new(register, EventType::EVENT_TAG, b"launch")]);
        assert_eq!(pcr(&bytes, register), Some(extended(start, &[b"launch"])), "{register}");
    }
}

#[test]
fn a36_a_bank_that_an_event_leaves_out_cannot_be_judged_in_that_pcr() {
    let both = [HashAlg::Sha1, HashAlg::Sha256];
    let one = |pcr| Made::in_banks(pcr, EventType::IPL, b"one", &both);
    let partial = Made::in_banks(5, EventType::IPL, b"two", &[HashAlg::Sha256]);
    let bytes = log_in_banks(&both, &[one(4), one(5), partial.clone(), partial]);
    assert_eq!(findings(&bytes), [("digest_missing", Some(3), Some(5))], "once for a PCR and bank");
    let log = parse(&bytes).unwrap();
    let replay = Replay::new(&log);
    assert_eq!(replay.value(HashAlg::Sha1, 5), None);
    assert!(replay.is_unjudgeable(HashAlg::Sha1, 5) && !replay.is_unjudgeable(HashAlg::Sha256, 5));
    assert_eq!(replay.value(HashAlg::Sha256, 5), Some(extended(ZERO, &[b"one", b"two", b"two"])));
    assert!(replay.value(HashAlg::Sha1, 4).is_some());
    assert!(replay.is_unjudgeable(HashAlg::Sha512, 4), "a bank that the log does not have");
}

#[test]
fn a37_a_header_that_lies_is_malformed() {
    let with = |count, algorithms: &[(u16, u16)], rest: &[u8]| header(0, &spec_id(count, algorithms, rest));
    let sha256 = (SHA256, 32);
    assert!(parse(&with(1, &[sha256], &[0])).is_ok());
    assert_eq!(error(&with(u32::MAX, &[sha256], &[0])), "algorithm_count");
    assert_eq!(error(&with(0, &[], &[0])), "algorithm_count");
    assert_eq!(error(&with(17, &[sha256; 17], &[0])), "algorithm_count");
    assert_eq!(error(&with(2, &[sha256, sha256], &[0])), "algorithm_repeated");
    assert_eq!(error(&with(1, &[(SHA256, 20)], &[0])), "algorithm_size");
    assert_eq!(error(&with(1, &[(0x0027, 0)], &[0])), "algorithm_size");
    assert_eq!(error(&with(1, &[(0x0027, 65)], &[0])), "algorithm_size");
    assert_eq!(error(&with(2, &[sha256], &[0])), "truncated", "the second algorithm is not there");
    assert_eq!(error(&with(1, &[sha256], &[])), "truncated", "the vendor information's size is not there");
    assert_eq!(error(&with(1, &[sha256], &[5, 1, 2])), "truncated", "vendor information too short");
    assert_eq!(error(&with(1, &[sha256], &[1, 1, 2])), "header_trailing");
    assert_eq!(error(&header(2, &spec_id(1, &[sha256], &[0]))), "header_pcr");
    let other_type = sha1_event(0, EventType::ACTION, &[0; 20], &spec_id(1, &[sha256], &[0]));
    assert_eq!(error(&other_type), "header_type");
    let bytes = with(1, &[sha256], &[3, 7, 8, 9]);
    assert_eq!(parse(&bytes).unwrap().spec_id().unwrap().vendor_info, [7, 8, 9]);
}

#[test]
fn a37_an_event_that_lies_about_its_digests_is_malformed() {
    let good = Made::separator(0);
    let with = |digests: Vec<(u16, Vec<u8>)>| log(&[Made { digests, ..good.clone() }]);
    let sha256 = (SHA256, vec![1; 32]);
    assert!(parse(&with(vec![sha256.clone()])).is_ok());
    assert!(parse(&with(vec![])).is_ok(), "fewer are real; the bank is then not judged");
    assert_eq!(error(&with(vec![sha256.clone(), sha256.clone()])), "digest_count");
    assert_eq!(error(&with(vec![(SHA384, vec![1; 48])])), "digest_algorithm");
    let two = [HashAlg::Sha256, HashAlg::Sha384];
    let repeated = Made { digests: vec![sha256.clone(), sha256], ..good };
    assert_eq!(error(&log_in_banks(&two, &[repeated])), "digest_repeated");
}

#[test]
fn a37_an_unknown_algorithm_is_skipped_by_its_size_and_reported() {
    let sha3_256 = (0x0027, 32);
    let mut bytes = header(0, &spec_id(2, &[(SHA256, 32), sha3_256], &[0]));
    let mut event = Made::separator(0);
    event.digests.push((0x0027, vec![9; 32]));
    bytes.extend(event.agile());
    assert_eq!(findings(&bytes), [("algorithm_unknown", None, None)]);
    let log = parse(&bytes).unwrap();
    assert_eq!(log.banks(), [HashAlg::Sha256]);
    assert_eq!(log.events()[1].raw_digests().count(), 2);
    assert_eq!(pcr(&bytes, 0), Some(extended(ZERO, &[&[0; 4]])));
}

#[test]
fn a37_a_sha1_log_says_nothing_about_sha256() {
    let digest: [u8; 20] = HashAlg::Sha1.hash(&[&[0; 4]]).as_bytes().try_into().unwrap();
    let locality = sha1_event(0, EventType::NO_ACTION, &[0; 20], b"StartupLocality\0\x03");
    let bytes = [locality, sha1_event(0, EventType::SEPARATOR, &digest, &[0; 4])].concat();
    let log = parse(&bytes).unwrap();
    assert_eq!((log.format(), log.banks()), (Format::Sha1, &[HashAlg::Sha1][..]));
    assert_eq!(log.startup_locality(), Some(3));
    let replay = Replay::new(&log);
    assert_eq!(replay.value(HashAlg::Sha256, 0), None);
    assert!(replay.value(HashAlg::Sha1, 0).is_some());
}

#[test]
fn a51_an_event_of_3_gigabytes_is_refused_at_once() {
    let mut bytes = log(&[Made::separator(0)]);
    let size_at = bytes.len() - 8;
    bytes[size_at..size_at + 4].copy_from_slice(&3_200_000_000_u32.to_le_bytes());
    let error = parse(&bytes).unwrap_err();
    let kind = ErrorKind::Truncated { wanted: 3_200_000_000, left: 4 };
    assert_eq!(error, Error { kind, offset: size_at + 4, event: 1 });
}

#[test]
fn a51_size_and_count_are_bounded() {
    let limits = Limits { event_log_bytes: 1_000, event_log_events: 3, ..Limits::DEFAULT };
    let parse = |bytes: &[u8]| {
        EventLog::parse(bytes, &limits).map(|log| log.events().len()).map_err(|error| error.code())
    };
    assert_eq!(parse(&[0; 1_001]), Err("log_too_large"));
    assert_eq!(parse(&log(&[Made::separator(0), Made::separator(1)])), Ok(3));
    assert_eq!(
        parse(&log(&[Made::separator(0), Made::separator(1), Made::separator(2)])),
        Err("too_many_events")
    );
    assert_eq!(parse(&[]), Err("log_empty"));
    assert_eq!(parse(&[0xff; 100]), Err("log_empty"), "padding is no log");
    let limits = Limits { findings: 2, ..Limits::DEFAULT };
    let bytes = log(&[]);
    let log = EventLog::parse(&bytes, &limits).unwrap();
    assert_eq!(log.findings().len(), 3);
    assert_eq!(log.findings()[2].kind, FindingKind::TooMany { code: "separator_missing" });
    assert_eq!(log.findings()[2].severity(), Severity::Refuse, "what is left out may refuse");
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

#[test]
fn a_ccel_is_told_by_its_register_or_its_padding() {
    let algorithm = [(SHA384, 48)];
    let head = |register| header(register, &spec_id(1, &algorithm, &[0]));
    let separator =
        |register| Made::in_banks(register, EventType::SEPARATOR, &[0; 4], &[HashAlg::Sha384]).agile();
    for filler in [0x00, 0xff] {
        let padded = [head(0), separator(1), vec![filler; 999]].concat();
        let log = parse(&padded).unwrap();
        assert_eq!((log.format(), log.events().len(), log.padding()), (Format::Ccel, 2, 999));
    }
    let bare = [head(1), separator(1)].concat();
    assert_eq!(parse(&bare).unwrap().format(), Format::Ccel);
    let agile = [head(0), separator(1)].concat();
    assert_eq!(parse(&agile).unwrap().format(), Format::CryptoAgile);
    // Register 1 serves PCR 0, 1 and 7.
    let shared = [head(1), separator(1), separator(1), separator(1), separator(2)].concat();
    assert_eq!(findings(&shared), [("separators_shared", None, Some(1))]);
    let injected = [shared, separator(1)].concat();
    assert_eq!(findings(&injected)[0], ("duplicate_separator", Some(5), Some(1)));
}

#[test]
fn padding_is_one_filler_to_the_end_and_at_least_8_bytes() {
    let good = log(&[Made::separator(0)]);
    let with = |rest: &[u8]| [&good, rest].concat();
    for rest in [&[0_u8; 8][..], &[0xff; 8], &[0; 4_000]] {
        assert_eq!(parse(&with(rest)).unwrap().padding(), rest.len());
    }
    for rest in [&[0_u8; 7][..], &[0xff; 7], &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0]] {
        assert!(parse(&with(rest)).is_err(), "{rest:?}");
    }
}

#[test]
fn a51_zeros_that_are_no_padding_cost_no_more_than_their_length() {
    // Each 16 zeros read as an event without digests and data; the last byte makes them no padding.
    let mut bytes = log(&[]);
    bytes.extend(vec![0; 4_000_000 - bytes.len()]);
    bytes.push(1);
    assert_eq!(error(&bytes), "too_many_events");
}

#[test]
fn logs_after_their_lengths_are_read_one_after_the_other() {
    let first = log(&[Made::separator(0)]);
    let second = log(&[Made::new(8, EventType::IPL, b"later")]);
    let pieces = |prefix: fn(u32) -> Vec<u8>| {
        [&first, &second]
            .iter()
            .flat_map(|log| [prefix(log.len() as u32), log.to_vec()].concat())
            .collect::<Vec<u8>>()
    };
    let prefixes: [fn(u32) -> Vec<u8>; 3] = [
        |len| len.to_le_bytes().to_vec(),
        |len| len.to_be_bytes().to_vec(),
        |len| u64::from(len).to_le_bytes().to_vec(),
    ];
    for prefix in prefixes {
        let bytes = pieces(prefix);
        assert_eq!(findings(&bytes), [("concatenated_logs", None, None)]);
        let log = parse(&bytes).unwrap();
        assert_eq!(log.events().len(), 4);
        assert_eq!(log.events()[3].data, b"later");
        assert_eq!(pcr(&bytes, 8), Some(extended(ZERO, &[b"later"])));
        assert!(parse(&bytes[..bytes.len() - 1]).is_err());
    }
    let other = log_in_banks(&[HashAlg::Sha384], &[]);
    let differ = [
        (first.len() as u32).to_le_bytes().to_vec(),
        first,
        (other.len() as u32).to_le_bytes().to_vec(),
        other,
    ];
    assert_eq!(error(&differ.concat()), "pieces_differ");
}

#[test]
fn a51_separators_and_variables_without_end_are_refused_and_not_hashed() {
    let mut last = Made::separator(4);
    last.digests[0].1[0] ^= 1;
    let mut events: Vec<_> = (0..16).map(|_| Made::separator(4)).collect();
    events.push(last);
    let found = findings(&log(&events));
    assert!(found.contains(&("too_many_findings", Some(17), Some(4))), "{found:?}");
    assert!(found.iter().all(|(code, ..)| *code != "separator_digest"));
    let variable =
        |nth: u16| [&[7; 16][..], &1_u64.to_le_bytes(), &0_u64.to_le_bytes(), &nth.to_le_bytes()].concat();
    let made = |nth| Made::new(7, EventType::EFI_VARIABLE_DRIVER_CONFIG, &variable(nth));
    let many = findings(&log(&(0..513).map(made).collect::<Vec<_>>()));
    assert_eq!(many[0], ("too_many_findings", Some(513), Some(7)));
    let twice = findings(&log(&(0..512).chain([511]).map(made).collect::<Vec<_>>()));
    assert_eq!(twice[0], ("duplicate_variable", Some(513), Some(7)));
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

#[test]
fn a38_an_event_dropped_repeated_or_moved_changes_the_replay_of_its_pcr() {
    let original = parse(SB_GRUB).unwrap();
    let good = Replay::new(&original);
    let ends: Vec<_> =
        original.events().iter().map(|event| event.offset).skip(1).chain([SB_GRUB.len()]).collect();
    let differs = |bytes: &[u8], pcr| {
        let log = parse(bytes).unwrap();
        Replay::new(&log).value(HashAlg::Sha256, pcr) != good.value(HashAlg::Sha256, pcr)
    };
    for event in &original.events()[1..] {
        let (from, to) = (event.offset, ends[event.index as usize]);
        let dropped = [&SB_GRUB[..from], &SB_GRUB[to..]].concat();
        assert!(differs(&dropped, event.pcr), "event {} dropped", event.index);
        let repeated = [&SB_GRUB[..to], &SB_GRUB[from..]].concat();
        assert!(differs(&repeated, event.pcr), "event {} repeated", event.index);
        // Before the event that extends the same PCR just before it, unless that has the same digest.
        let before = good.extends(event.pcr).take_while(|other| other.index < event.index).last();
        let Some(before) = before else { continue };
        let moved =
            [&SB_GRUB[..before.offset], &SB_GRUB[from..to], &SB_GRUB[before.offset..from], &SB_GRUB[to..]]
                .concat();
        let same = before.digest(HashAlg::Sha256) == event.digest(HashAlg::Sha256);
        assert_eq!(differs(&moved, event.pcr), !same, "event {} moved", event.index);
    }
}

proptest::proptest! {
    #[test]
    fn any_bytes_are_refused_or_read_without_panic(
        bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..600),
        changes in proptest::collection::vec((0..UKI.len(), proptest::prelude::any::<u8>()), 0..20),
    ) {
        let mut changed = UKI.to_vec();
        changes.into_iter().for_each(|(at, value)| changed[at] = value);
        for bytes in [bytes.clone(), [log(&[]), bytes].concat(), changed] {
            let Ok(log) = parse(&bytes) else { continue };
            black_box(Replay::new(&log).values(HashAlg::Sha256).count());
            black_box(crate::evidence::tcg_event::secure_boot(&log));
            for event in log.events() {
                black_box(crate::evidence::tcg_event::authenticated_everywhere(event));
                let summary = crate::evidence::tcg_event::summary(event);
                assert!(!summary.chars().any(char::is_control));
            }
        }
    }
}
