//! Encodings that are made to be misread: said twice, written otherwise, without end, cut off.

use proptest::prelude::*;

use super::*;

#[test]
fn a46_json_name_twice() {
    let text = serde_json::to_string(&json_record(0, 11, b"x")).unwrap();
    for name in ["recnum", "\\u0072ecnum"] {
        let twice = format!("[{{\"{name}\":0,{}]", &text[1..]);
        let error = strict_json::Error::DuplicateName { name: "recnum".into() };
        assert_eq!(parse_json(twice.as_bytes(), &LIMITS), Err(ErrorKind::Json(error).at(1, 0)));
    }
}

#[test]
fn a46_cbor_key_twice() {
    let mut log = vec![0x81, 0xa6];
    let one = encoded(&map(cbor_fields(0, 11, b"x")));
    log.extend(&one[1..]);
    let offset = log.len();
    log.extend([0x01, 0x0c]);
    let error = strict_cbor::Error::DuplicateKey { offset };
    assert_eq!(parse_cbor(&log, &LIMITS), Err(ErrorKind::Cbor(error).at(1, 0)));
}

#[test]
fn a46_cbor_in_another_encoding() {
    let one = encoded(&map(cbor_fields(0, 11, b"x")));
    let long_key = [&[0xa5, 0x18, 0x00][..], &one[2..]].concat();
    let error = strict_cbor::Error::NotMinimal { offset: 1 };
    assert_eq!(parse_cbor(&long_key, &LIMITS), Err(ErrorKind::Cbor(error).at(0, 0)));
    let indefinite = [&[0x9f][..], &one, &[0xff]].concat();
    let error = strict_cbor::Error::IndefiniteLength { offset: 0 };
    assert_eq!(parse_cbor(&indefinite, &LIMITS), Err(ErrorKind::Cbor(error).at(0, 0)));
}

#[test]
fn a46_something_follows() {
    let json = [serde_json::to_vec(&[json_record(0, 11, b"x")]).unwrap(), b" {}".to_vec()].concat();
    let offset = json.len() - 2;
    assert_eq!(parse_json(&json, &LIMITS), Err(ErrorKind::TrailingBytes { left: 2 }.at(offset, 0)));
    let cbor = [cbor_log(vec![cbor_fields(0, 11, b"x")]), vec![0xf6]].concat();
    let offset = cbor.len() - 1;
    assert_eq!(parse_cbor(&cbor, &LIMITS), Err(ErrorKind::TrailingBytes { left: 1 }.at(offset, 1)));
    // Within a content of two fields.
    let event = [tlv(0, &[0xd]), tlv(1, b"x"), vec![9]].concat();
    assert_eq!(tlv_refused(&tlv_record(0, 11, 5, &event)).kind, ErrorKind::TrailingBytes { left: 1 });
}

#[test]
fn a47_nesting_of_100_000() {
    for deep in ["[".repeat(100_000), "{\"a\":".repeat(100_000)] {
        let record = format!("[{{\"a\":{deep}");
        assert_eq!(parse_json(record.as_bytes(), &LIMITS).unwrap_err().kind, ErrorKind::RecordCutShort);
        let closed = format!("[{}{}]", "[".repeat(100_000), "]".repeat(100_000));
        let error = ErrorKind::Json(strict_json::Error::TooDeep { limit: 16 });
        assert_eq!(parse_json(closed.as_bytes(), &LIMITS), Err(error.at(1, 0)));
    }
    let deep = [&[0x81, 0xa1, 0x00][..], &[0x81; 100_000]].concat();
    let error = parse_cbor(&deep, &LIMITS).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Cbor(strict_cbor::Error::TooDeep { offset: 18, limit: 16 }));
}

#[test]
fn a47_four_gib_declared() {
    let claim = [&[0_u8][..], &[0xff; 4], &[0]].concat();
    let truncated = Truncated { offset: 5, wanted: 0xffff_ffff, left: 1 };
    assert_eq!(tlv_refused(&claim), ErrorKind::Truncated(truncated).at(5, 0));
    // An array of 2^32 records and none of them.
    let error = parse_cbor(&[0x9b, 0, 0, 0, 1, 0, 0, 0, 0], &LIMITS).unwrap_err();
    assert_eq!(error.code(), "cbor_truncated");
    let many = [&[0x81, 0xa5, 0x00, 0x00, 0x01, 0x0b, 0x03][..], &[0x9a, 0xff, 0xff, 0xff, 0xff]].concat();
    assert_eq!(parse_cbor(&many, &LIMITS).unwrap_err().code(), "cbor_truncated");
}

#[test]
fn a47_too_long_and_too_many() {
    let limits = Limits { userspace_log_bytes: 100, userspace_log_records: 2, ..LIMITS };
    let long = ErrorKind::TooLong { len: 101, limit: 100 }.at(100, 0);
    for parse in [parse_tlv, parse_json, parse_cbor] {
        assert_eq!(parse(&[b' '; 101], &limits), Err(long.clone()));
    }
    let limits = Limits { userspace_log_records: 2, ..LIMITS };
    let three = |number| json_record(number, 11, b"x");
    let json = serde_json::to_vec(&[three(0), three(1), three(2)]).unwrap();
    let error = parse_json(&json, &limits).unwrap_err();
    assert_eq!((error.kind, error.record), (ErrorKind::TooManyRecords { limit: 2 }, 2));
    let sequence: Vec<u8> = (0..3).flat_map(|n| encoded(&map(cbor_fields(n, 11, b"x")))).collect();
    assert_eq!(parse_cbor(&sequence, &limits).unwrap_err().kind, ErrorKind::TooManyRecords { limit: 2 });
    let tlvs: Vec<u8> = (0..3).flat_map(|n| tlv_record(n, 11, 9, b"x")).collect();
    assert_eq!(parse_tlv(&tlvs, &limits).unwrap_err().kind, ErrorKind::TooManyRecords { limit: 2 });
}

/// Fields that nothing knows cost as much as others, and are shorter.
#[test]
fn a47_a_record_of_many_items() {
    let limit = LIMITS.userspace_log_record_items;
    // The record is one, each field two.
    let of = |fields: usize| (0..fields).map(|nth| format!("\"{nth}\":0")).collect::<Vec<_>>().join(",");
    let json = |fields| parse_json(format!("[{{{}}}]", of(fields)).as_bytes(), &LIMITS).unwrap_err().kind;
    assert_eq!(json(limit / 2), ErrorKind::Json(strict_json::Error::TooManyItems { limit }));
    assert_eq!(json(limit / 2 - 1), ErrorKind::FieldMissing { field: "recnum" });
    // The list is none of the record's, which is an array of so many.
    let items = u8::try_from(limit - 1).unwrap();
    let bytes = [&[0x81, 0x98, items][..], &vec![0; items.into()]].concat();
    assert_eq!(parse_cbor(&bytes, &LIMITS).unwrap_err().kind, ErrorKind::value("record", "a map"));
    let limits = Limits { userspace_log_record_items: limit - 1, ..LIMITS };
    let refused = strict_cbor::Error::TooManyItems { offset: bytes.len() - 1, limit: limit - 1 };
    assert_eq!(parse_cbor(&bytes, &limits).unwrap_err().kind, ErrorKind::Cbor(refused));
}

#[test]
fn a47_too_many_digests() {
    let all: Vec<u8> = (0x40..0x51).flat_map(|id| tlv(id, &[1; 32])).collect();
    let record = [tlv(0, &[0]), tlv(1, &[11]), tlv(3, &all), tlv(9, b"x")].concat();
    assert_eq!(tlv_refused(&record).kind, ErrorKind::TooManyDigests { limit: 16 });
}

proptest! {
    /// No bytes make a parser do anything but read or refuse, and what is refused is refused within the input.
    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        for parse in [parse_tlv, parse_json, parse_cbor] {
            if let Err(error) = parse(&bytes, &LIMITS) {
                prop_assert!(error.offset <= bytes.len());
            }
        }
    }

    /// A52: every prefix of a good log is refused, or is the log of fewer records.
    #[test]
    fn a52_every_prefix(len in 0_usize..400) {
        let records: Vec<Vec<u8>> = (0..3).map(|n| tlv_record(n, 11, 9, b"enter-initrd")).collect();
        let ends: Vec<usize> = (0..=3).map(|n| records.iter().take(n).map(Vec::len).sum()).collect();
        let log = records.concat();
        let len = len.min(log.len());
        let read = parse_tlv(&log[..len], &LIMITS);
        prop_assert_eq!(read.is_ok(), ends.contains(&len));
        let json = serde_json::to_vec(&[json_record(0, 11, b"a"), json_record(1, 11, b"b")]).unwrap();
        let len = len.min(json.len() - 1);
        prop_assert!(parse_json(&json[..len], &LIMITS).is_err());
        let cbor = cbor_log(vec![cbor_fields(0, 11, b"a"), cbor_fields(1, 11, b"b")]);
        let len = len.min(cbor.len() - 1).max(1);
        prop_assert!(parse_cbor(&cbor[..len], &LIMITS).is_err());
    }
}
