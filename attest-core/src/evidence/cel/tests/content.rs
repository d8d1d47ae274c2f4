//! What a record's content says, and whether its digest is of it.

use super::*;

#[test]
fn management_in_json_and_cbor() {
    let json = |content: Value| {
        let mut record = json_record(0, 11, b"x");
        record["content_type"] = json!("cel");
        record["content"] = content;
        read_json(&[record]).map(|mut read| read.remove(0).content).map_err(|error| error.kind)
    };
    let one = |management| Ok(Content::Management(vec![management]));
    assert_eq!(json(json!({ "type": "firmware_end" })), one(Management::FirmwareEnd));
    let version = json!({ "type": "cel_version", "data": { "major": 1, "minor": 1 } });
    assert_eq!(json(version), one(Management::Version { major: 1, minor: 1 }));
    let kexec = Management::StateTransition(StateTransition::Kexec);
    assert_eq!(json(json!({ "type": "state_trans", "data": "kexec" })), one(kexec));
    let unknown = ErrorKind::value("state_trans", "suspend, hibernate or kexec");
    assert_eq!(json(json!({ "type": "state_trans", "data": "off" })), Err(unknown.clone()));
    let cbor = |content| {
        let mut fields = cbor_fields(0, 11, b"x");
        fields.truncate(3);
        fields.extend([(9, int(4)), (10, content)]);
        let read = parse_cbor(&cbor_log(vec![fields]), &LIMITS);
        read.map(|mut read| read.remove(0).content).map_err(|error| error.kind)
    };
    assert_eq!(cbor(map(vec![(0, int(81)), (1, int(2))])), one(kexec));
    assert_eq!(cbor(map(vec![(0, int(2))])), one(Management::FirmwareEnd));
    assert_eq!(cbor(map(vec![(0, int(81)), (1, int(3))])), Err(unknown));
}

#[test]
fn a33_content_counts_only_where_the_digest_is_of_it() {
    let read = parse_tlv(&tlv_record(0, 11, 9, b"enter-initrd"), &LIMITS).unwrap().remove(0);
    assert!(read.is_authenticated(HashAlg::Sha256) && read.is_authenticated_everywhere());
    assert!(!read.is_authenticated(HashAlg::Sha384));
    let mut lie = tlv_record(0, 11, 9, b"enter-initrd");
    *lie.last_mut().unwrap() ^= 1;
    assert!(!parse_tlv(&lie, &LIMITS).unwrap()[0].is_authenticated_everywhere());
    // One bank that agrees does not vouch for another.
    let digests = [tlv(0x0b, &sha256(b"x")), tlv(0x0c, &[7; 48])].concat();
    let record = [tlv(0, &[0]), tlv(1, &[11]), tlv(3, &digests), tlv(9, b"x")].concat();
    let read = parse_tlv(&record, &LIMITS).unwrap().remove(0);
    assert!(read.is_authenticated(HashAlg::Sha256) && !read.is_authenticated_everywhere());
}

#[test]
fn content_hashed_with_its_type_and_length() {
    // As go-eventlog does it for the events of containers.
    let content = tlv(0, b"docker.example/app");
    let whole = tlv(80, &content);
    let record =
        [tlv(0, &[0; 8]), tlv(1, &[13]), tlv(3, &tlv(0x0b, &sha256(&whole))), whole.clone()].concat();
    let read = parse_tlv(&record, &LIMITS).unwrap().remove(0);
    assert!(read.is_authenticated_everywhere());
    assert_eq!(read.content.type_name(), "80");
}
