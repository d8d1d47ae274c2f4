//! Headers, sizes and paddings that lie, and what they may cost.

use super::*;

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
    let words = |bytes: &[u8]| EventLog::parse(bytes, &Limits::DEFAULT).unwrap_err().kind.to_string();
    assert_eq!(words(&[]), "the log is empty: it has no bytes");
    assert_eq!(words(&[0; 65_536]), "65536 bytes, all of them 0x00: padding, and no event");
    assert_eq!(words(&[0xff; 8]), "8 bytes, all of them 0xff: padding, and no event");
    let limits = Limits { findings: 2, ..Limits::DEFAULT };
    let bytes = log(&[]);
    let log = EventLog::parse(&bytes, &limits).unwrap();
    assert_eq!(log.findings().len(), 3);
    assert_eq!(log.findings()[2].kind, FindingKind::TooMany { code: "separator_missing" });
    assert_eq!(log.findings()[2].severity(), Severity::Refuse, "what is left out may refuse");
}

/// The header names two banks and the event has a digest for one: its size and data are no digest for the other, whatever they begin with.
#[test]
fn a37_data_that_looks_like_a_digest_more() {
    let one = Made::in_banks(4, EventType::IPL, &[7; 0x0b], &[HashAlg::Sha1]);
    let both = Made::in_banks(4, EventType::SEPARATOR, &[0; 4], &[HashAlg::Sha1, HashAlg::Sha256]);
    let bytes = log_in_banks(&[HashAlg::Sha1, HashAlg::Sha256], &[one, both]);
    let log = parse(&bytes).unwrap();
    assert_eq!(log.events().len(), 3);
    assert_eq!((log.events()[1].data, log.events()[1].digests().count()), (&[7; 0x0b][..], 1));
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
    // A TPM with this bank alone whose log comes with a buffer's padding.
    for filler in [0x00, 0xff] {
        let padded = [head(0), separator(4), separator(7), vec![filler; 64]].concat();
        let log = parse(&padded).unwrap();
        assert_eq!((log.format(), log.events().len(), log.padding()), (Format::CryptoAgile, 3, 64));
    }
    // The first register that a CCEL has not.
    let fifth = [head(0), separator(4), separator(5), vec![0; 64]].concat();
    assert_eq!(parse(&fifth).unwrap().format(), Format::CryptoAgile);
    let bare = [head(1), separator(1)].concat();
    assert_eq!(parse(&bare).unwrap().format(), Format::Ccel);
    let agile = [head(0), separator(1)].concat();
    assert_eq!(parse(&agile).unwrap().format(), Format::CryptoAgile);
    // Register 1 serves PCR 0, 1 and 7.
    let shared = [head(1), separator(1), separator(1), separator(1), separator(2)].concat();
    assert_eq!(findings(&shared), [("separators_shared", None, Some(1))]);
    let injected = [shared, separator(1)].concat();
    assert_eq!(findings(&injected)[0], ("duplicate_separator", Some(5), Some(1)));
    // Register 3 serves PCR 8 to 15. Configuration after a separator is nothing odd here, for the separators are of several PCRs.
    let eight = [head(1), separator(3).repeat(8)].concat();
    assert!(!findings(&eight).iter().any(|(code, ..)| *code == "duplicate_separator"));
    let nine = [eight, separator(3)].concat();
    assert!(findings(&nine).contains(&("duplicate_separator", Some(9), Some(3))));
    let late = Made::in_banks(0, EventType::S_CRTM_VERSION, b"2.0", &[HashAlg::Sha384]).agile();
    let mixed = [head(1), separator(0), late].concat();
    assert!(!findings(&mixed).iter().any(|(code, ..)| *code == "firmware_event_after_separator"));
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
    let twice = findings(&log(&(0..511).chain([510]).map(made).collect::<Vec<_>>()));
    assert_eq!(twice[0], ("duplicate_variable", Some(512), Some(7)));
    let unasked = findings(&log(&(0..512).chain([511]).map(made).collect::<Vec<_>>()));
    assert_eq!(unasked[0], ("too_many_findings", Some(513), Some(7)), "nobody looked, and it refuses");
}

#[test]
fn a51_separators_too_long_to_hash_are_refused_and_not_hashed() {
    let separator = |data: &[u8]| Made::new(12, EventType::SEPARATOR, data);
    let (most, more) = (vec![7; 4_096], vec![7; 4_097]);
    assert_eq!(findings(&log(&[separator(&most)])), []);
    assert_eq!(findings(&log(&[separator(&more)])), [("too_many_findings", Some(1), Some(12))]);
    // What is left counts for all registers and banks together.
    let other = Made::new(13, EventType::SEPARATOR, b"WBCL");
    let both = findings(&log(&[separator(&most), other]));
    assert_eq!(both, [("too_many_findings", Some(2), Some(13))]);
    let mut lying = separator(&more);
    lying.data[0] = 8;
    assert_eq!(findings(&log(&[lying])), [("too_many_findings", Some(1), Some(12))], "nobody looked");
    // The firmware's own need no hash, and neither does its word that measuring failed.
    let known = findings(&log(&[separator(&most), Made::separator(4)]));
    assert_eq!(known, []);
    let failed = Made { data: more, ..Made::new(4, EventType::SEPARATOR, &[1, 0, 0, 0]) };
    assert_eq!(findings(&log(&[failed])), [("separator_error", Some(1), Some(4))]);
}
