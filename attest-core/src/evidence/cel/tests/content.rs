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

#[test]
fn every_kind_of_content_is_read_in_json_and_cbor() {
    let systemd = || Content::of_string("ready".into());
    let management = |one| Content::Management(vec![one]);
    let in_json = [
        ("systemd", json!(hex::encode("ready")), systemd()),
        ("cel", json!({ "type": "cel_timestamp", "data": 7 }), management(Management::Timestamp(7))),
        (
            "pcclient_std",
            json!({ "event_type": 13, "event_data": "78" }),
            Content::PcClient { event_type: Some(EventType::IPL), data: b"x".to_vec() },
        ),
    ];
    for (kind, content, expected) in in_json {
        let mut record = json_record(0, 11, b"x");
        record["content_type"] = json!(kind);
        record["content"] = content;
        assert_eq!(read_json(&[record]).unwrap()[0].content, expected);
    }
    let version = map(vec![(0, int(1)), (1, map(vec![(0, int(1)), (1, int(2))]))]);
    let in_cbor = [
        (9, Cbor::Bytes(b"ready".to_vec()), systemd()),
        (4, version, management(Management::Version { major: 1, minor: 2 })),
        (4, map(vec![(0, int(80)), (1, int(7))]), management(Management::Timestamp(7))),
    ];
    for (kind, content, expected) in in_cbor {
        let mut fields = cbor_fields(0, 11, b"x");
        fields.truncate(3);
        fields.extend([(9, int(kind)), (10, content)]);
        assert_eq!(parse_cbor(&cbor_log(vec![fields]), &LIMITS).unwrap()[0].content, expected);
    }
    let states = [StateTransition::Suspend, StateTransition::Hibernate, StateTransition::Kexec];
    assert_eq!(states.map(StateTransition::name), ["suspend", "hibernate", "kexec"]);
}

/// Where a record ends is found by brackets, and none of those in its strings is one.
#[test]
fn a46_brackets_and_quotes_in_strings_end_no_record() {
    for string in ["]", "}", ",", "[{", "\"]}", "\\\"]", "\\", "\\\\\"", "a\\"] {
        let mut first = json_record(0, 11, b"x");
        first["content_type"] = json!("systemd");
        first["content"] = json!({ "string": string });
        let read = read_json(&[first, json_record(1, 11, b"x")]).unwrap();
        assert_eq!(read.len(), 2);
        let expected = Systemd { string: Some(string.into()), ..Systemd::default() };
        assert_eq!(read[0].content, Content::Systemd(Box::new(expected)), "{string}");
    }
}

/// SHA-1 has no say beside another bank, and speaks for itself where it is alone.
#[test]
fn a33_a_sha1_digest_counts_only_where_there_is_no_other() {
    let sha1 = |of: &[u8]| tlv(4, HashAlg::Sha1.hash(&[of]).as_bytes());
    let covers = |digests: &[Vec<u8>]| {
        let record = [tlv(0, &[0]), tlv(1, &[11]), tlv(3, &digests.concat()), tlv(9, b"x")].concat();
        parse_tlv(&record, &LIMITS).unwrap()[0].is_authenticated_everywhere()
    };
    let sha256_of = |of: &[u8]| tlv(0x0b, &sha256(of));
    assert!(covers(&[sha1(b"x")]) && !covers(&[sha1(b"y")]));
    assert!(covers(&[sha1(b"y"), sha256_of(b"x")]));
    assert!(!covers(&[sha1(b"x"), sha256_of(b"y")]));
    assert!(!covers(&[tlv(0xee, &[7; 32])]), "a hash that is not known covers nothing");
}
