//! Entries of IMA, as templates and as TLV.

use super::*;
use crate::evidence::userspace_log::{FindingKind, UserspaceLog};

/// The data of an `ima-ng` entry: fields after their lengths, little-endian.
fn ima_ng(path: &str) -> Vec<u8> {
    let digest = [b"sha256:\0".to_vec(), sha256(b"a file")].concat();
    let path = [path.as_bytes(), &[0]].concat();
    let field = |bytes: &[u8]| [&(bytes.len() as u32).to_le_bytes()[..], bytes].concat();
    [field(&digest), field(&path)].concat()
}

fn ima_tlv() -> Vec<Vec<u8>> {
    vec![
        tlv(0, b"/usr/bin/bash"),
        tlv(1, &tlv(0x0b, &sha256(b"a file"))),
        tlv(2, &[3, 2, 4]),
        tlv(5, &[1, 0xed]),
    ]
}

/// One record whose digest is over these bytes, in TLV, JSON and CBOR.
fn records(kind: u8, name: &str, value: &[u8], json: Value, cbor: Cbor, measured: &[u8]) -> [Record; 3] {
    let digest = sha256(measured);
    let in_tlv = [tlv(0, &[0]), tlv(1, &[10]), tlv(3, &tlv(0x0b, &digest)), tlv(kind, value)].concat();
    let mut in_json = json_record(0, 10, measured);
    in_json["content_type"] = name.into();
    in_json["content"] = json;
    let mut in_cbor = cbor_fields(0, 10, measured);
    in_cbor.retain(|(label, _)| ![9, 10].contains(label));
    in_cbor.extend([(9, int(kind.into())), (10, cbor)]);
    let first = |records: Result<Vec<Record>, Error>| records.unwrap().remove(0);
    [
        first(parse_tlv(&in_tlv, &LIMITS)),
        first(read_json(&[in_json])),
        first(parse_cbor(&cbor_log(vec![in_cbor]), &LIMITS)),
    ]
}

fn template_records(name: &str, data: &[u8], measured: &[u8]) -> [Record; 3] {
    let value = [tlv(0, name.as_bytes()), tlv(1, data)].concat();
    let json = json!({ "template_name": name, "template_data": hex::encode(data) });
    let cbor = map(vec![(0, Cbor::Text(name.into())), (1, Cbor::Bytes(data.to_vec()))]);
    records(7, "ima_template", &value, json, cbor, measured)
}

#[test]
fn a_template_entry_is_proven_by_its_data_and_shown_as_a_file() {
    let data = ima_ng("/usr/bin/bash");
    for record in template_records("ima-ng", &data, &data) {
        assert!(record.is_authenticated(HashAlg::Sha256));
        let shown = format!("ima-ng /usr/bin/bash sha256:{}", hex::encode(sha256(b"a file")));
        assert_eq!(record.content.summary(), shown);
    }
    // The name is in no digest, the data is.
    for record in template_records("ima-ng", &ima_ng("/usr/bin/evil"), &data) {
        assert!(!record.is_authenticated(HashAlg::Sha256));
    }
    // The first template: twenty bytes of digest, and a name that is padded to be hashed.
    let name = b"/init";
    let data = [&[7; 20][..], &(name.len() as u32).to_le_bytes(), name].concat();
    let measured = [&[7; 20][..], name, &[0; 251]].concat();
    for record in template_records("ima", &data, &measured) {
        assert!(record.is_authenticated(HashAlg::Sha256));
    }
}

#[test]
fn a_tlv_entry_is_read_and_proven_whole() {
    let value = ima_tlv().concat();
    let all = records(8, "ima_tlv", &value, hex::encode(&value).into(), Cbor::Bytes(value.clone()), &value);
    for record in all {
        assert!(record.is_authenticated(HashAlg::Sha256));
        let Content::ImaTlv(file) = &record.content else { panic!("{:?}", record.content) };
        assert_eq!((file.path.as_str(), file.algorithm.as_str()), ("/usr/bin/bash", "sha256"));
        assert_eq!((&file.digest, file.signature.as_deref()), (&sha256(b"a file"), Some(&[3, 2, 4][..])));
        assert!(record.content.summary().starts_with("/usr/bin/bash sha256:"));
    }
    let over_all =
        [tlv(0, &[0]), tlv(1, &[10]), tlv(3, &tlv(0x0b, &sha256(&tlv(8, &value)))), tlv(8, &value)];
    let record = parse_tlv(&over_all.concat(), &LIMITS).unwrap().remove(0);
    assert!(record.is_authenticated(HashAlg::Sha256), "type and length hashed with the value");
}

#[test]
fn a46_a_tlv_entry_says_each_thing_once_and_nothing_unknown() {
    let refused = |fields: &[Vec<u8>]| tlv_refused(&tlv_record(0, 10, 8, &fields.concat())).kind;
    let [path, hash] = [ima_tlv().remove(0), ima_tlv().remove(1)];
    let unexpected = |field: &str| ErrorKind::FieldUnexpected { field: field.into() };
    assert_eq!(refused(&[path.clone(), hash.clone(), path.clone()]), unexpected("IMA_TLV type 0 twice"));
    assert_eq!(refused(&[path.clone(), hash.clone(), tlv(8, b"x")]), unexpected("IMA_TLV type 8"));
    assert_eq!(refused(core::slice::from_ref(&path)), ErrorKind::FieldMissing { field: "ima_tlv_datahash" });
    assert_eq!(refused(core::slice::from_ref(&hash)), ErrorKind::FieldMissing { field: "ima_tlv_path" });
    let long = tlv(1, &[tlv(0x0b, &sha256(b"x")), vec![0]].concat());
    assert_eq!(refused(&[path, long]), ErrorKind::TrailingBytes { left: 1 });
}

/// They explain PCR 10 and are not judged here: whoever judges files wants the kernel's list.
#[test]
fn entries_of_ima_are_named() {
    let data = ima_ng("/usr/bin/bash");
    let value = [tlv(0, b"ima-ng"), tlv(1, &data)].concat();
    let log = [
        tlv(0, &[0]),
        tlv(1, &[10]),
        tlv(3, &tlv(0x0b, &sha256(&data))),
        tlv(7, &value),
        tlv_record(1, 10, 8, &ima_tlv().concat()),
    ];
    let log = UserspaceLog::parse(&log.concat(), &LIMITS).unwrap();
    let findings: Vec<_> = log.findings().iter().map(|finding| &finding.kind).collect();
    assert_eq!(findings, [&FindingKind::ImaNotJudged { count: 2 }]);
}
