//! Bytes that are made to be misread: keys twice, counts and nesting without end, cuts and changes.

use proptest::prelude::*;

use super::*;

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
fn a47_more_items_than_its_bytes_allow() {
    let limits = Limits { golden_items: 0, corim_item_bytes: 4, ..Limits::DEFAULT };
    // Its items stay as they are, keys and the triples around them counted; a name in it grows.
    let of = |name: usize| encode(&reference(map([(11, text(&*"n".repeat(name).leak()))])));
    let items = 25;
    let refused = |written: &[u8]| match Comid::parse(written, &limits) {
        Err(Error::Cbor(cbor::Error::TooManyItems { limit, .. })) => {
            assert_eq!(limit, written.len() / 4);
            true
        }
        other => {
            other.unwrap();
            false
        }
    };
    let first_read = (0..200).find(|name| !refused(&of(*name))).unwrap();
    assert_eq!(of(first_read).len(), 4 * items);
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
