use proptest::prelude::*;

use super::*;

fn hex(text: &str) -> Vec<u8> {
    hex::decode(text.replace(' ', "")).unwrap()
}

fn refused(text: &str) -> Error {
    parse(&hex(text), &Limits::DEFAULT).unwrap_err()
}

#[test]
fn one_of_each_kind() {
    let bytes = hex("88 00 20 42aabb 6161 80 a201f5613af6 c101 fa3f800000");
    let Ok(Value::Array(items)) = parse(&bytes, &Limits::DEFAULT) else { panic!("an array") };
    assert_eq!(items[0].as_integer(), Some(0));
    assert_eq!(items[1].as_integer(), Some(-1));
    assert_eq!(items[2].as_bytes(), Some(&[0xaa, 0xbb][..]));
    assert_eq!(items[3].as_text(), Some("a"));
    assert_eq!(items[4], Value::Array(vec![]));
    assert_eq!(items[5].get(1), Some(&Value::Bool(true)));
    assert_eq!(items[5].get_key(Key::Text(":")), Some(&Value::Null));
    assert_eq!(items[5].get(2), None);
    assert_eq!(items[6], Value::Tag(1, Box::new(Value::Integer(1))));
    assert_eq!(items[7], Value::Float { width: 4, bits: 0x3f80_0000 });
}

#[test]
fn floats_and_simple_values_keep_their_width() {
    for (text, width, bits) in
        [("f93c00", 2, 0x3c00), ("fa3f800000", 4, 0x3f80_0000), ("fb3ff0000000000000", 8, 0x3ff0 << 48)]
    {
        assert_eq!(parse(&hex(text), &Limits::DEFAULT), Ok(Value::Float { width, bits }));
        assert_eq!(encode(&Value::Float { width, bits }), hex(text));
    }
    // Two bytes for a value below 32 are none.
    assert_eq!(refused("f81f"), Error::ReservedEncoding { offset: 0 });
    for (text, value) in [("f7", 23), ("f820", 32), ("f8ff", 255)] {
        assert_eq!(parse(&hex(text), &Limits::DEFAULT), Ok(Value::Simple(value)));
        assert_eq!(encode(&Value::Simple(value)), hex(text));
    }
}

#[test]
fn integers_reach_both_ends() {
    let at = |text: &str| parse(&hex(text), &Limits::DEFAULT).unwrap().as_integer().unwrap();
    assert_eq!(at("1bffffffffffffffff"), i128::from(u64::MAX));
    assert_eq!(at("3bffffffffffffffff"), -1 - i128::from(u64::MAX));
    assert_eq!(at("3863"), -100);
}

#[test]
fn a46_duplicate_key_at_the_top() {
    assert_eq!(refused("a2 01 00 01 00"), Error::DuplicateKey { offset: 3 });
    assert_eq!(refused("a3 6161 00 02 00 6161 01"), Error::DuplicateKey { offset: 6 });
    assert_eq!(refused("a2 41ff 00 41ff 00"), Error::DuplicateKey { offset: 4 });
}

#[test]
fn a46_duplicate_key_deep_inside() {
    // [ { 1: [ 18({ -2: 0, 3: 1, -2: 2 }) ] } ]
    assert_eq!(refused("81 a1 01 81 d2 a3 21 00 03 01 21 02"), Error::DuplicateKey { offset: 10 });
}

#[test]
fn a46_duplicate_key_in_two_encodings() {
    // 1 as one byte and as two: refused as not minimal, and where widths are free, as the duplicate that it is.
    let bytes = hex("a2 01 00 1801 00");
    assert_eq!(parse(&bytes, &Limits::DEFAULT), Err(Error::NotMinimal { offset: 3 }));
    let lax = parse_with(&bytes, &Limits::DEFAULT, Integers::AnyWidth);
    assert_eq!(lax, Err(Error::DuplicateKey { offset: 3 }));
    let bytes = hex("a2 20 00 3b0000000000000000 00");
    let lax = parse_with(&bytes, &Limits::DEFAULT, Integers::AnyWidth);
    assert_eq!(lax, Err(Error::DuplicateKey { offset: 3 }));
}

#[test]
fn a46_the_same_text_and_bytes_are_two_keys() {
    assert!(parse(&hex("a3 01 00 6101 00 4101 00"), &Limits::DEFAULT).is_ok());
}

#[test]
fn a46_keys_that_could_be_equal_in_other_ways_are_refused() {
    // 1.0 as half and single, a bignum, an array, a map, a bool.
    for key in ["f93c00", "fa3f800000", "c24101", "8101", "a10101", "f5", "f6"] {
        assert_eq!(refused(&format!("a1 {key} 00")), Error::KeyTypeUnexpected { offset: 1 }, "{key}");
    }
}

#[test]
fn a46_indefinite_lengths() {
    for (text, offset) in
        [("5f4101ff", 0), ("7f6161ff", 0), ("9f01ff", 0), ("bf0100ff", 0), ("81ff", 1), ("a1ff00", 1)]
    {
        assert_eq!(refused(text), Error::IndefiniteLength { offset }, "{text}");
    }
}

#[test]
fn a46_integers_and_lengths_longer_than_needed() {
    let longer = [
        "1817",
        "1900ff",
        "1a0000ffff",
        "1b00000000ffffffff",
        "3817",
        "5801aa",
        "590001aa",
        "780161",
        "980101",
        "b8010101",
        "d80100",
    ];
    for text in longer {
        assert_eq!(refused(text), Error::NotMinimal { offset: 0 }, "{text}");
    }
    // Free widths free integers and lengths, not tags.
    let lax =
        |text: &str| parse_with(&hex(text), &Limits::DEFAULT, Integers::AnyWidth).map(|v| v.as_integer());
    assert_eq!(lax("1b0000000000000001"), Ok(Some(1)));
    let lax = |text: &str| parse_with(&hex(text), &Limits::DEFAULT, Integers::AnyWidth).map(|_| ());
    assert_eq!(lax("5801aa"), Ok(()));
    assert_eq!(lax("d81200"), Err(Error::NotMinimal { offset: 0 }));
}

#[test]
fn a46_trailing_bytes() {
    assert_eq!(refused("01 00"), Error::TrailingBytes { offset: 1, left: 1 });
    assert_eq!(refused("80 80 80"), Error::TrailingBytes { offset: 1, left: 2 });
}

#[test]
fn a46_reserved_encodings() {
    for text in ["1c", "1d", "1e", "1f", "3f", "dc", "df", "fc", "f800", "f81f", "f814"] {
        assert_eq!(refused(text), Error::ReservedEncoding { offset: 0 }, "{text}");
    }
    assert_eq!(parse(&hex("f8ff"), &Limits::DEFAULT), Ok(Value::Simple(255)));
    assert_eq!(refused("62c328"), Error::TextNotUtf8 { offset: 1 });
}

#[test]
fn a47_nesting_of_100_000() {
    for (open, what) in [(0x81, "arrays"), (0xd2, "tags")] {
        let error = parse(&vec![open; 100_000], &Limits::DEFAULT).unwrap_err();
        assert_eq!(error, Error::TooDeep { offset: 16, limit: 16 }, "{what}");
    }
    let maps = hex("a101").repeat(50_000);
    assert_eq!(parse(&maps, &Limits::DEFAULT), Err(Error::TooDeep { offset: 32, limit: 16 }));
    // 16 levels are allowed.
    let mut deepest = vec![0x81; 16];
    deepest.push(0);
    assert!(parse(&deepest, &Limits::DEFAULT).is_ok());
}

#[test]
fn a47_four_gigabytes_declared() {
    for text in
        ["5affffffff", "7affffffff", "9affffffff", "baffffffff", "5bffffffffffffffff", "bbffffffffffffffff"]
    {
        assert!(matches!(refused(text), Error::Truncated(_)), "{text}");
    }
}

#[test]
fn a47_a_million_entries() {
    let mut bytes = hex("9a000f4240");
    bytes.extend(vec![0; 1_000_000]);
    let limit = Limits::DEFAULT.items;
    assert_eq!(parse(&bytes, &Limits::DEFAULT), Err(Error::TooManyItems { offset: 4 + limit, limit }));
}

#[test]
fn every_truncated_prefix_is_an_error() {
    let bytes = hex("a3 01 8218ff 42aabb 6161 c1 1a000f4240 03 a12000");
    assert!(parse(&bytes, &Limits::DEFAULT).is_ok());
    for end in 0..bytes.len() {
        assert!(parse(&bytes[..end], &Limits::DEFAULT).is_err(), "{end}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    /// What is accepted here has one encoding: an independent decoder reads it and writes the same bytes again. Left out: floats, which it
    /// shortens; bignums, which it turns into integers; simple values that it does not know.
    #[test]
    fn what_is_accepted_is_what_ciborium_writes(bytes in proptest::collection::vec(0_u8..=0xdf, 0..64)) {
        let accepted = parse(&bytes, &Limits::DEFAULT).is_ok();
        if accepted && !bytes.iter().any(|b| matches!(b, 0xc2 | 0xc3)) {
            let value: ciborium::Value = ciborium::from_reader(bytes.as_slice()).unwrap();
            let mut written = Vec::new();
            ciborium::into_writer(&value, &mut written).unwrap();
            prop_assert_eq!(written, bytes);
        }
    }
}
