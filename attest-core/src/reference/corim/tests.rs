use super::*;
use crate::evidence::cbor::{self, Key, Value, encode};
use crate::limits::Limits;
use crate::{Digest, HashAlg, Timestamp};

mod comparisons;
mod hostile;
mod older;

type V = Value<'static>;

fn int(value: i128) -> V {
    Value::Integer(value)
}

fn text(text: &'static str) -> V {
    Value::Text(text)
}

fn bytes(bytes: &'static [u8]) -> V {
    Value::Bytes(bytes)
}

fn tag(tag: u64, value: V) -> V {
    Value::Tag(tag, Box::new(value))
}

fn array<const N: usize>(items: [V; N]) -> V {
    Value::Array(items.into())
}

fn map<const N: usize>(entries: [(i128, V); N]) -> V {
    Value::Map(entries.map(|(key, value)| (Key::Integer(key), value)).into())
}

fn leaked(value: &V) -> V {
    Value::Bytes(Box::leak(encode(value).into_boxed_slice()))
}

fn environment() -> V {
    map([(0, map([(1, text("ACME")), (2, text("RoadRunner"))]))])
}

fn sha256() -> V {
    array([int(1), bytes(&[7; 32])])
}

fn measurement(values: V) -> V {
    map([(0, text("firmware")), (1, values)])
}

fn comid(triples: V) -> V {
    map([(1, map([(0, text("tag"))])), (4, triples)])
}

fn reference(values: V) -> V {
    comid(map([(0, array([array([environment(), array([measurement(values)])])]))]))
}

fn corim(comid: &V) -> V {
    tag(501, map([(0, text("id")), (1, array([tag(506, leaked(comid))]))]))
}

fn parse(value: &V) -> Result<(), Error> {
    Corim::parse(&encode(value), &Limits::DEFAULT).map(drop)
}

fn values_of(values: V) -> Result<Values<'static>, Error> {
    let bytes = Box::leak(encode(&reference(values)).into_boxed_slice());
    let comid = Comid::parse(bytes, &Limits::DEFAULT)?;
    Ok(comid.triples.references[0].measurements[0].values.clone())
}

fn refused(values: V) -> &'static str {
    values_of(values).unwrap_err().code()
}

#[test]
fn a_corim_with_everything_is_read() {
    let keys = array([tag(554, text("PEM")), tag(558, map([(1, int(2))])), tag(557, sha256())]);
    let triples = map([
        (0, array([array([environment(), array([measurement(map([(2, array([sha256()]))]))])])])),
        (1, array([array([environment(), array([measurement(map([(1, int(4))]))])])])),
        (2, array([array([environment(), array([tag(562, bytes(b"der"))])])])),
        (3, array([array([environment(), keys, map([(0, int(1)), (1, array([tag(560, bytes(b"k"))]))])])])),
        (4, array([array([environment(), array([environment()])])])),
        (5, array([array([environment(), array([environment()])])])),
        (6, array([array([environment(), array([text("swid")])])])),
        (8, array([array([array([environment(), array([])]), array([array([array([]), array([])])])])])),
        (10, array([array([array([]), array([])])])),
        (-1, text("a profile's")),
    ]);
    let entity =
        map([(0, text("ACME")), (1, tag(32, text("https://acme.example"))), (2, array([int(0), int(1)]))]);
    let full = map([
        (0, text("en")),
        (1, map([(0, bytes(&[9; 16])), (1, int(3))])),
        (2, array([entity.clone()])),
        (3, array([map([(0, text("old")), (1, int(1))])])),
        (4, triples),
        (-7, Value::Null),
    ]);
    let locator = map([(0, array([tag(32, text("https://a")), tag(32, text("https://b"))])), (1, sha256())]);
    let outer = tag(
        501,
        map([
            (0, bytes(&[1; 16])),
            (
                1,
                array([
                    tag(506, leaked(&full)),
                    tag(505, bytes(b"s")),
                    tag(508, bytes(b"l")),
                    tag(507, bytes(b"t")),
                    tag(999, bytes(b"?")),
                ]),
            ),
            (2, array([locator])),
            (3, tag(111, bytes(b"\x2a"))),
            (4, map([(0, tag(1, int(100))), (1, tag(1, int(200)))])),
            (5, array([entity])),
            (-1, text("more")),
        ]),
    );
    let written = encode(&outer);
    let corim = Corim::parse(&written, &Limits::DEFAULT).unwrap();
    assert_eq!(corim.id, TagId::Uuid([1; 16]));
    assert_eq!(corim.profile, Some(Profile::Oid(b"\x2a")));
    let kinds: Vec<_> = corim.tags.iter().map(Tag::kind).collect();
    assert_eq!(kinds, ["CoMID", "CoSWID", "list of tags", "trust anchor store", "tag of an unknown kind"]);
    assert_eq!(corim.dependent_rims[0].uris, ["https://a", "https://b"]);
    assert_eq!(corim.dependent_rims[0].thumbprints.len(), 1);
    let at = Timestamp::from_unix;
    assert_eq!(corim.validity, Some(Validity { not_before: Some(at(100)), not_after: at(200) }));
    assert_eq!(corim.entities[0].roles, [0, 1]);
    assert_eq!(corim.extensions[0].place(), "corim-map -1");
    let comid = corim.comids().next().unwrap();
    assert_eq!((comid.language, comid.identity.version), (Some("en"), 3));
    assert_eq!(comid.linked_tags, [(TagId::Text("old"), 1)]);
    assert_eq!(comid.extensions[0].place(), "concise-mid-tag -7");
    let triples = &comid.triples;
    assert_eq!(triples.attest_keys[0].keys.len(), 3);
    assert_eq!(triples.attest_keys[0].element, Some(Element::Number(1)));
    assert_eq!(triples.endorsed[0].measurements[0].values.svn, Some(Svn::Exactly(4)));
    assert_eq!(triples.identity[0].keys, [CryptoKey::CertificateDer(b"der")]);
    let carried: Vec<_> = triples.carried.iter().map(|carried| (carried.kind, carried.count)).collect();
    assert_eq!(carried.len(), 5);
    assert_eq!(carried[4], ("conditional-endorsement-triples", 1));
    assert_eq!(triples.extensions[0].place(), "triples-map -1");
    assert_eq!(comid.environments().count(), 4);
    assert_eq!(comid.triples.references[0].environment.to_string(), "vendor `ACME`, model `RoadRunner`");
}

#[test]
fn every_kind_of_value_is_read() {
    let values = values_of(map([
        (0, map([(0, text("1.0")), (1, int(16384))])),
        (1, tag(553, int(7))),
        (2, array([sha256(), array([text("sha-384"), bytes(&[8; 48])]), array([text("x"), bytes(b"y")])])),
        (3, map([(0, Value::Bool(true)), (3, Value::Bool(false)), (-5, Value::Bool(true))])),
        (4, tag(563, array([bytes(b"ab"), bytes(b"\xff\x00")]))),
        (6, bytes(&[1; 8])),
        (7, tag(54, bytes(&[2; 16]))),
        (8, text("SN")),
        (9, bytes(&[3; 33])),
        (10, bytes(&[4; 16])),
        (11, text("name")),
        (13, array([tag(560, bytes(b"id"))])),
        (14, Value::Map(vec![(Key::Integer(0), array([sha256()])), (Key::Text("x"), array([sha256()]))])),
        (15, tag(564, array([int(-1), Value::Null]))),
        (100, text("psa")),
    ]))
    .unwrap();
    assert_eq!((values.version, values.svn), (Some("1.0"), Some(Svn::AtLeast(7))));
    let algs: Vec<_> = values.digests.iter().map(TaggedDigest::alg_name).collect();
    assert_eq!(algs, ["sha256", "sha384", "x"]);
    assert_eq!(values.known_digests().count(), 2);
    assert_eq!(values.flags, [(0, true), (3, false)]);
    assert_eq!(values.raw_value, Some(RawValue { value: b"ab", mask: Some(b"\xff\x00") }));
    assert_eq!((values.mac_address, values.ip_address), (Some(&[1; 8][..]), Some(&[2; 16][..])));
    assert_eq!((values.serial_number, values.name), (Some("SN"), Some("name")));
    assert_eq!((values.ueid, values.uuid), (Some(&[3; 33][..]), Some([4; 16])));
    assert_eq!(values.crypto_keys, [CryptoKey::Bytes(b"id")]);
    assert_eq!(values.integrity_registers[0].0, Register::Number(0));
    assert_eq!(values.integrity_registers[1].0, Register::Name("x"));
    assert_eq!(values.int_range, Some(IntRange { min: Some(-1), max: None }));
    let places: Vec<_> = values.extensions.iter().map(Extension::place).collect();
    assert_eq!(places, ["flags-map -5", "measurement-values-map 100"]);
}

#[test]
fn both_spellings_of_a_mask_mean_the_same() {
    let old = values_of(map([(4, tag(560, bytes(b"ab"))), (5, bytes(b"\xff\x00"))])).unwrap();
    let new = values_of(map([(4, tag(563, array([bytes(b"ab"), bytes(b"\xff\x00")])))])).unwrap();
    assert_eq!(old.raw_value, new.raw_value);
}

#[test]
fn values_of_the_wrong_kind() {
    const TYPE: &str = "corim_type_unexpected";
    assert_eq!(refused(map([])), "corim_empty");
    assert_eq!(refused(map([(2, array([]))])), "corim_empty");
    assert_eq!(refused(map([(3, map([]))])), "corim_empty");
    assert_eq!(refused(map([(14, map([]))])), "corim_empty");
    assert_eq!(refused(map([(14, map([(0, array([]))]))])), "corim_empty");
    for (label, value) in [
        (0, text("1.0")),
        (0, map([(0, int(1))])),
        (1, int(-1)),
        (1, tag(554, int(1))),
        (2, array([array([int(1)])])),
        (2, array([array([Value::Null, bytes(b"")])])),
        (3, map([(0, int(1))])),
        (4, bytes(b"untagged")),
        (4, tag(563, array([bytes(b"a")]))),
        (5, bytes(b"mask alone")),
        (6, bytes(b"12345")),
        (7, tag(52, bytes(&[0; 16]))),
        (7, bytes(&[0; 6])),
        (8, int(1)),
        (9, bytes(&[0; 6])),
        (9, bytes(&[0; 34])),
        (10, bytes(&[0; 15])),
        (13, array([bytes(b"untagged")])),
        (14, map([(-1, array([sha256()]))])),
        (15, tag(564, array([int(1)]))),
        (15, text("1")),
    ] {
        assert_eq!(refused(map([(label, value.clone())])), TYPE, "{label}: {value:?}");
    }
    assert_eq!(refused(map([(0, map([(1, int(1))]))])), "corim_field_missing");
    assert_eq!(refused(map([(0, map([(0, text("1")), (2, int(1))]))])), "corim_field_unknown");
}

#[test]
fn digest_of_another_length() {
    let error = values_of(map([(2, array([array([int(7), bytes(&[0; 32])])]))])).unwrap_err();
    assert!(matches!(error, Error::DigestLength { alg: HashAlg::Sha384, got: 32, .. }), "{error}");
}

/// The comparison would let the author of one list choose which of two digests counts.
#[test]
fn digest_algorithm_twice_also_by_another_name() {
    for second in [int(1), int(-16), text("sha-256")] {
        let twice = map([(2, array([sha256(), array([second, bytes(&[8; 32])])]))]);
        assert_eq!(refused(twice), "corim_digest_algorithm_twice");
    }
    let unknown = || array([text("x"), bytes(b"y")]);
    assert_eq!(refused(map([(2, array([unknown(), unknown()]))])), "corim_digest_algorithm_twice");
}

#[test]
fn raw_value_mask_of_another_length_or_twice() {
    let short = map([(4, tag(563, array([bytes(b"ab"), bytes(b"\xff")])))]);
    assert_eq!(refused(short), "corim_mask_length");
    assert_eq!(refused(map([(4, tag(560, bytes(b"ab"))), (5, bytes(b"\xff"))])), "corim_mask_length");
    let both = map([(4, tag(563, array([bytes(b"a"), bytes(b"\xff")]))), (5, bytes(b"\xff"))]);
    assert_eq!(refused(both), "corim_type_unexpected");
}

#[test]
fn environment_faults() {
    let with = |environment: V| {
        let statement = array([environment, array([measurement(map([(1, int(1))]))])]);
        parse(&corim(&comid(map([(0, array([statement]))])))).map_err(|error| error.code())
    };
    assert_eq!(with(map([])), Err("corim_empty"));
    assert_eq!(with(map([(0, map([]))])), Err("corim_empty"));
    assert_eq!(with(map([(3, int(1))])), Err("corim_field_unknown"));
    assert_eq!(with(map([(0, map([(5, int(1))]))])), Err("corim_field_unknown"));
    assert_eq!(with(map([(1, bytes(&[0; 16]))])), Err("corim_type_unexpected"));
    assert_eq!(with(map([(1, tag(37, bytes(&[0; 15])))])), Err("corim_type_unexpected"));
    assert_eq!(with(map([(0, map([(3, int(-1))]))])), Err("corim_type_unexpected"));
    for instance in [
        tag(37, bytes(&[0; 16])),
        tag(111, bytes(b"\x2a")),
        tag(550, bytes(&[1; 33])),
        tag(551, int(-4)),
        tag(554, text("PEM")),
        tag(560, bytes(b"")),
        tag(12345, Value::Null),
    ] {
        assert_eq!(with(map([(1, instance)])), Ok(()));
    }
}

#[test]
fn comid_faults() {
    let comid_code = |comid: V| parse(&corim(&comid)).map_err(|error| error.code());
    let good = || map([(0, array([array([environment(), array([measurement(map([(1, int(1))]))])])]))]);
    assert_eq!(comid_code(comid(good())), Ok(()));
    assert_eq!(comid_code(map([(4, good())])), Err("corim_field_missing"));
    assert_eq!(comid_code(map([(1, map([(0, text("t"))]))])), Err("corim_field_missing"));
    assert_eq!(comid_code(comid(map([]))), Err("corim_empty"));
    assert_eq!(comid_code(comid(map([(0, array([]))]))), Err("corim_empty"));
    assert_eq!(comid_code(comid(map([(4, array([]))]))), Err("corim_empty"));
    assert_eq!(comid_code(comid(map([(4, array([array([int(1)])]))]))), Err("corim_type_unexpected"));
    assert_eq!(comid_code(comid(map([(0, array([array([environment()])]))]))), Err("corim_type_unexpected"));
    let without = array([array([environment(), array([])])]);
    assert_eq!(comid_code(comid(map([(0, without.clone())]))), Err("corim_empty"));
    assert_eq!(comid_code(comid(map([(3, without)]))), Err("corim_empty"));
    let unknown = map([(0, text("x")), (1, map([(1, int(1))])), (3, int(1))]);
    let unknown = comid(map([(0, array([array([environment(), array([unknown])])]))]));
    assert_eq!(comid_code(unknown), Err("corim_field_unknown"));
    let identity = |identity: V| comid_code(map([(1, identity), (4, good())]));
    assert_eq!(identity(map([(0, bytes(b"short"))])), Err("corim_type_unexpected"));
    assert_eq!(identity(map([(0, text("t")), (1, int(-1))])), Err("corim_type_unexpected"));
    assert_eq!(identity(map([(0, text("t")), (2, int(1))])), Err("corim_field_unknown"));
}

#[test]
fn corim_faults() {
    let comid = || tag(505, bytes(b"opaque"));
    let code = |corim: V| parse(&corim).map_err(|error| error.code());
    let with =
        |label: i128, value: V| code(tag(501, map([(0, text("id")), (1, array([comid()])), (label, value)])));
    assert_eq!(code(tag(501, map([(0, text("id")), (1, array([comid()]))]))), Ok(()));
    assert_eq!(code(tag(500, tag(501, map([(0, text("id")), (1, array([comid()]))])))), Ok(()));
    assert_eq!(code(map([(0, text("id")), (1, array([comid()]))])), Err("corim_type_unexpected"));
    assert_eq!(code(tag(501, map([(1, array([comid()]))]))), Err("corim_field_missing"));
    assert_eq!(code(tag(501, map([(0, text("id"))]))), Err("corim_field_missing"));
    assert_eq!(code(tag(501, map([(0, text("id")), (1, array([]))]))), Err("corim_empty"));
    assert_eq!(
        code(tag(501, map([(0, text("id")), (1, array([bytes(b"untagged")]))]))),
        Err("corim_type_unexpected")
    );
    assert_eq!(with(2, array([map([(1, sha256())])])), Err("corim_field_missing"));
    assert_eq!(with(3, int(1)), Err("corim_type_unexpected"));
    assert_eq!(with(3, tag(33, text("u"))), Err("corim_type_unexpected"));
    assert_eq!(with(4, map([(0, tag(1, int(1)))])), Err("corim_field_missing"));
    assert_eq!(with(4, map([(1, int(1))])), Err("corim_type_unexpected"));
    assert_eq!(with(4, map([(1, tag(1, int(-1)))])), Err("corim_type_unexpected"));
    assert_eq!(with(4, map([(0, tag(1, int(2))), (1, tag(1, int(1)))])), Err("corim_validity_reversed"));
    assert_eq!(with(5, array([map([(0, text("n"))])])), Err("corim_field_missing"));
    assert_eq!(with(-9, Value::Null), Ok(()));
}
