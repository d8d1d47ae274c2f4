//! Vectors in all three encodings, each refusal by its exact error.

use ciborium::Value as Cbor;
use serde_json::{Value, json};

use super::*;
use crate::HashAlg;
use crate::evidence::tcg_log::EventType;
use crate::evidence::{cbor as strict_cbor, json as strict_json};
use crate::reader::Truncated;

mod content;
mod hostile;
mod ima;

const LIMITS: Limits = Limits::DEFAULT;

fn sha256(data: &[u8]) -> Vec<u8> {
    HashAlg::Sha256.hash(&[data]).as_bytes().to_vec()
}

fn tlv(kind: u8, value: &[u8]) -> Vec<u8> {
    [&[kind][..], &(value.len() as u32).to_be_bytes(), value].concat()
}

/// A record in TLV with a SHA-256 digest of its content's value.
fn tlv_record(recnum: u8, pcr: u8, kind: u8, content: &[u8]) -> Vec<u8> {
    let digests = tlv(3, &tlv(0x0b, &sha256(content)));
    [tlv(0, &[recnum]), tlv(1, &[pcr]), digests, tlv(kind, content)].concat()
}

#[test]
fn a51_a_log_of_the_largest_size_is_read() {
    let log = tlv_record(0, 11, 5, &[tlv(0, &[13]), tlv(1, b"x")].concat());
    let limited = |userspace_log_bytes| parse_tlv(&log, &Limits { userspace_log_bytes, ..LIMITS });
    assert!(limited(log.len()).is_ok());
    let kind = ErrorKind::TooLong { len: log.len(), limit: log.len() - 1 };
    assert_eq!(limited(log.len() - 1), Err(Error { kind, offset: log.len() - 1, record: 0 }));
}

fn tlv_refused(bytes: &[u8]) -> Error {
    parse_tlv(bytes, &LIMITS).unwrap_err()
}

fn json_record(recnum: u64, pcr: u64, data: &[u8]) -> Value {
    json!({
        "recnum": recnum, "pcr": pcr,
        "digests": [{ "hashAlg": "sha256", "digest": hex::encode(sha256(data)) }],
        "content_type": "pcclient_std",
        "content": { "event_type": "EV_IPL", "event_data": hex::encode(data) },
    })
}

fn read_json(records: &[Value]) -> Result<Vec<Record>, Error> {
    parse_json(&serde_json::to_vec(records).unwrap(), &LIMITS)
}

/// What is wrong with a good record in which one field is another.
fn json_with(field: &str, value: Value) -> ErrorKind {
    let mut record = json_record(0, 11, b"x");
    record[field] = value;
    read_json(&[record]).unwrap_err().kind
}

fn json_without(field: &str) -> ErrorKind {
    let mut record = json_record(0, 11, b"x");
    record.as_object_mut().unwrap().remove(field);
    read_json(&[record]).unwrap_err().kind
}

fn int(number: u64) -> Cbor {
    Cbor::Integer(number.into())
}

fn map(entries: Vec<(u64, Cbor)>) -> Cbor {
    Cbor::Map(entries.into_iter().map(|(key, value)| (int(key), value)).collect())
}

fn cbor_fields(recnum: u64, pcr: u64, data: &[u8]) -> Vec<(u64, Cbor)> {
    let digest = map(vec![(0, int(0x0b)), (1, Cbor::Bytes(sha256(data)))]);
    let content = map(vec![(0, int(0xd)), (1, Cbor::Bytes(data.to_vec()))]);
    vec![(0, int(recnum)), (1, int(pcr)), (3, Cbor::Array(vec![digest])), (9, int(5)), (10, content)]
}

fn encoded(value: &Cbor) -> Vec<u8> {
    let mut bytes = Vec::new();
    ciborium::into_writer(value, &mut bytes).unwrap();
    bytes
}

fn cbor_log(records: Vec<Vec<(u64, Cbor)>>) -> Vec<u8> {
    encoded(&Cbor::Array(records.into_iter().map(map).collect()))
}

fn cbor_with(label: u64, value: Cbor) -> ErrorKind {
    let mut fields = cbor_fields(0, 11, b"x");
    fields.retain(|(known, _)| *known != label);
    fields.push((label, value));
    parse_cbor(&cbor_log(vec![fields]), &LIMITS).unwrap_err().kind
}

#[test]
fn one_log_in_three_encodings_is_the_same_log() {
    let content = [tlv(0, &[0xd]), tlv(1, b"x")].concat();
    let digests = tlv(3, &tlv(0x0b, &sha256(b"x")));
    let in_tlv = [tlv(0, &[0]), tlv(1, &[11]), digests, tlv(5, &content)].concat();
    let in_cbor = cbor_log(vec![cbor_fields(0, 11, b"x")]);
    let of = |records: Vec<Record>| {
        let record = records.into_iter().next().unwrap();
        (record.recnum, record.register, record.digests, record.content)
    };
    let from_json = of(read_json(&[json_record(0, 11, b"x")]).unwrap());
    assert_eq!(of(parse_tlv(&in_tlv, &LIMITS).unwrap()), from_json);
    assert_eq!(of(parse_cbor(&in_cbor, &LIMITS).unwrap()), from_json);
    assert_eq!(from_json.3, Content::PcClient { event_type: Some(EventType::IPL), data: b"x".to_vec() });
}

#[test]
fn an_array_and_a_sequence_of_cbor_records_are_the_same_log() {
    let records = vec![cbor_fields(0, 11, b"a"), cbor_fields(1, 11, b"b")];
    let sequence: Vec<u8> = records.iter().flat_map(|fields| encoded(&map(fields.clone()))).collect();
    let read = |bytes: &[u8]| -> Vec<Content> {
        parse_cbor(bytes, &LIMITS).unwrap().into_iter().map(|record| record.content).collect()
    };
    assert_eq!(read(&sequence), read(&cbor_log(records)));
}

#[test]
fn empty_logs_have_no_records() {
    assert_eq!(parse_json(b" [ ] ", &LIMITS), Ok(vec![]));
    assert_eq!(parse_cbor(&[0x80], &LIMITS), Ok(vec![]));
}

#[test]
fn recnum_counts_within_each_register() {
    let records = [(0, 11), (0, 12), (1, 11), (1, 12)].map(|(num, pcr)| tlv_record(num, pcr, 9, b"x"));
    assert_eq!(parse_tlv(&records.concat(), &LIMITS).unwrap().len(), 4);
}

#[test]
fn recnum_counts_over_the_log() {
    let records = [(0, 11), (1, 12), (2, 11), (3, 12)].map(|(num, pcr)| tlv_record(num, pcr, 9, b"x"));
    assert_eq!(parse_tlv(&records.concat(), &LIMITS).unwrap().len(), 4);
}

#[test]
fn a38_recnum_gap() {
    let offset = tlv_record(0, 11, 9, b"x").len();
    for (numbers, got, expected) in [([0, 2], 2, 1), ([0, 0], 0, 1), ([0, 7], 7, 1)] {
        let records = numbers.map(|number| tlv_record(number, 11, 9, b"x")).concat();
        assert_eq!(tlv_refused(&records), ErrorKind::RecnumGap { got, expected }.at(offset, 1));
    }
    assert_eq!(tlv_refused(&tlv_record(1, 11, 9, b"x")).kind, ErrorKind::RecnumGap { got: 1, expected: 0 });
}

#[test]
fn a38_recnum_by_both_ways_of_counting() {
    // The third record goes on within its register, the fourth over the log: neither way to the end.
    let records = [(0, 11), (0, 12), (1, 11), (3, 12)].map(|(num, pcr)| tlv_record(num, pcr, 9, b"x"));
    let error = tlv_refused(&records.concat());
    assert_eq!((error.kind, error.record), (ErrorKind::RecnumGap { got: 3, expected: 1 }, 3));
}

#[test]
fn a46_digest_algorithm_twice() {
    let twice = [tlv(0x0b, &[1; 32]), tlv(0x0b, &[1; 32])].concat();
    let record = [tlv(0, &[0]), tlv(1, &[11]), tlv(3, &twice), tlv(9, b"x")].concat();
    let repeated = ErrorKind::DigestRepeated { alg: "sha256".into() };
    assert_eq!(tlv_refused(&record).kind, repeated);
    let digest = json!({ "hashAlg": "sha256", "digest": "00".repeat(32) });
    let upper = json!({ "hashAlg": "SHA256", "digest": "11".repeat(32) });
    assert_eq!(json_with("digests", json!([digest, upper])), repeated);
    let digest = map(vec![(0, int(0x0b)), (1, Cbor::Bytes(vec![0; 32]))]);
    assert_eq!(cbor_with(3, Cbor::Array(vec![digest.clone(), digest])), repeated);
}

#[test]
fn a37_digest_of_another_length_than_its_algorithms() {
    let size = |len| ErrorKind::DigestSize { alg: "sha256".into(), len };
    for len in [0, 20, 31, 33, 48] {
        let record = [tlv(0, &[0]), tlv(1, &[11]), tlv(3, &tlv(0x0b, &vec![7; len])), tlv(9, b"x")].concat();
        assert_eq!(tlv_refused(&record).kind, size(len));
        let digest = json!([{ "hashAlg": "sha256", "digest": "07".repeat(len) }]);
        assert_eq!(json_with("digests", digest), size(len));
    }
}

#[test]
fn a37_unknown_algorithm_is_kept_out_within_a_bound() {
    let record =
        |len: usize| [tlv(0, &[0]), tlv(1, &[11]), tlv(3, &tlv(0x27, &vec![7; len])), tlv(9, b"x")].concat();
    let read = parse_tlv(&record(32), &LIMITS).unwrap();
    assert!(read[0].digests().is_empty() && !read[0].is_authenticated_everywhere());
    for len in [0, 65] {
        assert_eq!(tlv_refused(&record(len)).kind, ErrorKind::DigestSize { alg: "0x0027".into(), len });
    }
}

#[test]
fn a36_no_digest_in_a_measured_record() {
    let record = [tlv(0, &[0]), tlv(1, &[11]), tlv(3, &[]), tlv(9, b"x")].concat();
    assert_eq!(tlv_refused(&record).kind, ErrorKind::DigestsMissing);
    assert_eq!(json_with("digests", json!([])), ErrorKind::DigestsMissing);
}

#[test]
fn no_digest_where_nothing_was_measured() {
    let end = tlv(2, &[]);
    let record = [tlv(0, &[0]), tlv(1, &[11]), tlv(3, &[]), tlv(4, &end)].concat();
    let read = parse_tlv(&record, &LIMITS).unwrap();
    assert_eq!(read[0].content, Content::Management(vec![Management::FirmwareEnd]));
    assert!(!read[0].is_extended());
    // A time is measured, and so is a transition; a version is not.
    let of = |content: Vec<u8>| {
        let record = tlv_record(0, 11, 4, &content);
        let read = parse_tlv(&record, &LIMITS).unwrap().remove(0);
        (read.is_extended(), read.content)
    };
    let version = [tlv(0, &[1]), tlv(1, &[0])].concat();
    assert_eq!(
        of(tlv(1, &version)),
        (false, Content::Management(vec![Management::Version { major: 1, minor: 0 }]))
    );
    assert_eq!(of(tlv(80, &[0x12, 0x34])), (true, Content::Management(vec![Management::Timestamp(0x1234)])));
    let kexec = Content::Management(vec![Management::StateTransition(StateTransition::Kexec)]);
    assert_eq!(of(tlv(81, &[2])), (true, kexec));
}

#[test]
fn a30_no_action_is_not_extended() {
    let event = |kind: u8| [tlv(0, &[kind]), tlv(1, b"StartupLocality")].concat();
    let read = |kind| parse_tlv(&tlv_record(0, 11, 5, &event(kind)), &LIMITS).unwrap().remove(0);
    assert!(!read(3).is_extended() && read(0xd).is_extended());
    assert!(!read(3).is_authenticated(HashAlg::Sha256));
}

#[test]
fn a35_pcr_that_no_tpm_has() {
    assert_eq!(tlv_refused(&tlv_record(0, 24, 9, b"x")).kind, ErrorKind::PcrOutOfRange { pcr: 24 });
    assert_eq!(json_with("pcr", json!(4_294_967_295_u64)), ErrorKind::PcrOutOfRange { pcr: 0xffff_ffff });
    assert_eq!(cbor_with(1, int(24)), ErrorKind::PcrOutOfRange { pcr: 24 });
    assert_eq!(json_with("pcr", json!(-1)), ErrorKind::value("pcr", "a number from 0 to 2^64"));
    assert_eq!(json_with("pcr", json!(11.0)), ErrorKind::value("pcr", "a number from 0 to 2^64"));
    assert_eq!(json_with("pcr", json!("11")), ErrorKind::value("pcr", "a number from 0 to 2^64"));
}

#[test]
fn register_told_twice_or_not_at_all() {
    let beside = ErrorKind::FieldUnexpected { field: "nv_index beside pcr".into() };
    assert_eq!(json_with("nv_index", json!(0x01d1_0200)), beside);
    assert_eq!(cbor_with(2, int(0x01d1_0200)), beside);
    assert_eq!(json_without("pcr"), ErrorKind::FieldMissing { field: "pcr" });
}

#[test]
fn nv_index_is_no_pcr() {
    let mut record = json_record(0, 11, b"x");
    record.as_object_mut().unwrap().remove("pcr");
    record["nv_index"] = json!(0x01d1_0200);
    let read = read_json(&[record]).unwrap().remove(0);
    assert_eq!((read.register, read.pcr()), (Register::NvIndex(0x01d1_0200), None));
    let tlv = [tlv(0, &[0]), tlv(2, &[1, 0xd1, 2, 0]), tlv(3, &tlv(0x0b, &[0; 32])), tlv(9, b"x")].concat();
    assert_eq!(parse_tlv(&tlv, &LIMITS).unwrap()[0].register, Register::NvIndex(0x01d1_0200));
}

#[test]
fn fields_missing_unknown_and_of_another_kind() {
    for field in ["recnum", "digests", "content_type", "content"] {
        assert!(matches!(json_without(field), ErrorKind::FieldMissing { field: f } if f == field), "{field}");
    }
    assert_eq!(json_with("more", json!(1)), ErrorKind::FieldUnexpected { field: "field \"more\"".into() });
    assert_eq!(cbor_with(4, int(1)), ErrorKind::FieldUnexpected { field: "key 4".into() });
    assert_eq!(json_with("content", json!({})), ErrorKind::FieldMissing { field: "event_type" });
    assert_eq!(json_with("digests", json!({})), ErrorKind::value("digests", "an array"));
    assert_eq!(json_with("digests", json!([1])), ErrorKind::value("digests", "an object"));
    let bad = json!([{ "hashAlg": "sha256", "digest": "zz" }]);
    assert_eq!(json_with("digests", bad), ErrorKind::value("digest", "hexadecimal"));
    let more = json!([{ "hashAlg": "sha256", "digest": "00".repeat(32), "x": 1 }]);
    assert_eq!(json_with("digests", more), ErrorKind::FieldUnexpected { field: "field \"x\"".into() });
    let where_content_belongs = tlv_record(0, 11, 3, b"x");
    let field = "type 3 where the content belongs".to_owned();
    assert_eq!(tlv_refused(&where_content_belongs).kind, ErrorKind::FieldUnexpected { field });
    let out_of_order = [tlv(1, &[11]), tlv(0, &[0])].concat();
    assert_eq!(tlv_refused(&out_of_order).kind, ErrorKind::FieldMissing { field: "recnum" });
    let wide = [tlv(0, &[0; 9])].concat();
    assert_eq!(tlv_refused(&wide).kind, ErrorKind::value("recnum", "a number of its size"));
    assert_eq!(parse_json(b"{}", &LIMITS), Err(ErrorKind::value("log", "an array of records").at(0, 0)));
    assert_eq!(parse_json(b"[1]", &LIMITS), Err(ErrorKind::value("record", "an object").at(1, 0)));
}
