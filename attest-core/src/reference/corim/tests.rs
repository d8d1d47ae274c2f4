use proptest::prelude::*;

use super::*;
use crate::evidence::cbor::{self, Key, Value, encode};
use crate::limits::Limits;
use crate::{Digest, HashAlg, Timestamp};

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

#[test]
fn offsets_count_from_the_start_of_the_whole_input() {
    let broken = corim(&reference(map([(11, int(5))])));
    let written = encode(&broken);
    let error = Corim::parse(&written, &Limits::DEFAULT).unwrap_err();
    let at = written.len() - 1;
    assert_eq!(written[at], 5);
    assert_eq!(error, Error::TypeUnexpected { offset: at, what: "name", expected: "a text string" });
    // Not strict CBOR inside a byte string: the offset is not the one inside.
    let inner = Value::Bytes(b"\xa1\x18\x01\x00");
    let written = encode(&tag(501, map([(0, text("id")), (1, array([tag(506, inner)]))])));
    let error = Corim::parse(&written, &Limits::DEFAULT).unwrap_err();
    assert_eq!(error, Error::Cbor(cbor::Error::NotMinimal { offset: written.len() - 3 }));
}

#[test]
fn a46_the_same_key_twice_inside_a_tag() {
    let inner = Value::Bytes(b"\xa2\x01\x00\x01\x00");
    let written = encode(&tag(501, map([(0, text("id")), (1, array([tag(506, inner)]))])));
    let error = Corim::parse(&written, &Limits::DEFAULT).unwrap_err();
    assert_eq!(error, Error::Cbor(cbor::Error::DuplicateKey { offset: written.len() - 2 }));
}

#[test]
fn a47_items_are_counted_over_all_that_is_packed() {
    let limits = Limits { corim_items: 100, ..Limits::DEFAULT };
    let nulls: &'static [u8] = Box::leak(encode(&Value::Array(vec![Value::Null; 60])).into_boxed_slice());
    let many = |tags: usize| {
        let tags = (0..tags).map(|_| tag(506, Value::Bytes(nulls))).collect();
        encode(&tag(501, map([(0, text("id")), (1, Value::Array(tags))])))
    };
    // The first is too little to be a CoMID, the second too much to be read at all.
    assert_eq!(Corim::parse(&many(1), &limits).unwrap_err().code(), "corim_type_unexpected");
    let good = leaked(&reference(map([(1, int(1))])));
    let tags: Vec<V> = (0..20).map(|_| tag(506, good.clone())).collect();
    let written = encode(&tag(501, map([(0, text("id")), (1, Value::Array(tags))])));
    assert!(Corim::parse(&written, &Limits::DEFAULT).is_ok());
    assert_eq!(Corim::parse(&written, &limits).unwrap_err().code(), "cbor_too_many_items");
}

#[test]
fn a47_too_long_too_many_too_deep() {
    let written = encode(&corim(&reference(map([(1, int(1))]))));
    let limits = Limits { golden_bytes: written.len() - 1, ..Limits::DEFAULT };
    assert_eq!(
        Corim::parse(&written, &limits).unwrap_err(),
        Error::TooLarge { got: written.len(), limit: written.len() - 1 }
    );
    assert_eq!(Comid::parse(&written, &limits).unwrap_err().code(), "corim_too_large");
    assert_eq!(SignedCorim::parse(&written, &limits).unwrap_err().code(), "corim_too_large");
    let tags = vec![tag(505, bytes(b"")); Limits::DEFAULT.corim_tags + 1];
    let many = tag(501, map([(0, text("id")), (1, Value::Array(tags))]));
    assert_eq!(parse(&many), Err(Error::TooManyTags { got: 1_025, limit: 1_024 }));
    assert_eq!(
        Corim::parse(&[0xd9, 0x01, 0xf5].repeat(30_000), &Limits::DEFAULT).unwrap_err().code(),
        "cbor_too_deep"
    );
}

#[test]
fn a50_a_signed_corim_is_not_read_as_an_unsigned_one() {
    for signed in [tag(18, array([])), tag(502, tag(18, array([]))), tag(500, tag(502, Value::Null))] {
        assert_eq!(parse(&signed), Err(Error::Signed));
    }
}

#[test]
fn comparisons_of_the_specification() {
    let of = |alg: HashAlg, byte: u8| alg.hash(&[&[byte]]);
    let (a, b) = (of(HashAlg::Sha256, 1), of(HashAlg::Sha256, 2));
    let strong = of(HashAlg::Sha384, 1);
    let known = |digests: &[Digest]| digests.iter().copied().map(TaggedDigest::Known).collect::<Vec<_>>();
    assert!(accepts(&known(&[a]), &[a]));
    assert!(accepts(&known(&[a, strong]), &[a]));
    assert!(accepts(&known(&[a]), &[strong, a]));
    assert!(!accepts(&known(&[a]), &[b]));
    assert!(!accepts(&known(&[a]), &[strong]), "no algorithm in common");
    assert!(!accepts(&known(&[a, strong]), &[a, of(HashAlg::Sha384, 9)]), "one of two differs");
    assert!(!accepts(&[], &[a]));
    assert!(!accepts(&[TaggedDigest::Named("x", b"y")], &[a]));
    assert!(Svn::Exactly(3).accepts(3) && !Svn::Exactly(3).accepts(4));
    assert!(Svn::AtLeast(3).accepts(3) && Svn::AtLeast(3).accepts(4) && !Svn::AtLeast(3).accepts(2));
    let masked = RawValue { value: &[0x12, 0x34], mask: Some(&[0xff, 0x0f]) };
    assert!(masked.accepts(&[0x12, 0xf4]) && !masked.accepts(&[0x12, 0x35]) && !masked.accepts(&[0x12]));
    let whole = RawValue { value: &[0x12], mask: None };
    assert!(whole.accepts(&[0x12]) && !whole.accepts(&[0x13]) && !whole.accepts(&[0x12, 0]));
    assert!(!RawValue { value: &[1, 2], mask: Some(&[0]) }.accepts(&[3, 4]), "a mask of another length");
    let range = IntRange { min: Some(-1), max: Some(1) };
    assert!(range.accepts(-1) && range.accepts(1) && !range.accepts(2) && !range.accepts(-2));
    assert!(IntRange { min: None, max: None }.accepts(i128::MIN));
}

#[test]
fn an_environment_covers_those_that_say_at_least_the_same() {
    let class = |vendor, model| Class { id: None, vendor, model, layer: None, index: None };
    let of = |class, instance| Environment { class, instance, group: None };
    let acme = of(Some(class(Some("ACME"), None)), None);
    let one = of(Some(class(Some("ACME"), Some("RoadRunner"))), Some(Identifier::Bytes(b"1")));
    assert!(acme.covers(&one) && acme.covers(&acme) && !one.covers(&acme));
    assert!(!of(Some(class(Some("Other"), None)), None).covers(&one));
    assert!(!acme.covers(&of(None, Some(Identifier::Bytes(b"1")))));
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = Corim::parse(&bytes, &Limits::DEFAULT);
        let _ = Comid::parse(&bytes, &Limits::DEFAULT);
        let _ = SignedCorim::parse(&bytes, &Limits::DEFAULT);
    }

    /// A good one with one byte changed: read or refused, and where it is refused at a place, the place is inside.
    #[test]
    fn a52_a_changed_byte_or_a_cut(at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<prop::sample::Index>()) {
        let mut written = encode(&corim(&reference(map([(2, array([sha256()])), (1, tag(553, int(7)))]))));
        let whole = written.clone();
        let at = at.index(written.len());
        written[at] = byte;
        for bytes in [&written[..], &whole[..cut.index(whole.len())]] {
            if let Err(error) = Corim::parse(bytes, &Limits::DEFAULT) {
                prop_assert!(error.offset().is_none_or(|offset| offset <= bytes.len()), "{error}");
            }
        }
        let end = cut.index(whole.len());
        prop_assert!(Corim::parse(&whole[..end], &Limits::DEFAULT).is_err());
    }
}
