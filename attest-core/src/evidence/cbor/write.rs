//! CBOR, written: core deterministic encoding (RFC 8949, 4.2.1), so that one document has one sequence of bytes.

use super::{Key, Value};

/// The value's deterministic encoding: shortest heads, definite lengths, the keys of each map in the bytewise order of their encodings.
/// What [`parse`](super::parse) reads is written as a value that reads the same.
#[must_use]
pub fn encode(value: &Value<'_>) -> Vec<u8> {
    let mut out = Vec::with_capacity(encoded_len(value));
    write(&mut out, value);
    out
}

fn write(out: &mut Vec<u8>, value: &Value<'_>) {
    match value {
        Value::Array(items) => {
            head(out, 4, size(items.len()));
            for item in items {
                write(out, item);
            }
        }
        Value::Bool(value) => head(out, 7, if *value { 21 } else { 20 }),
        Value::Bytes(bytes) => string(out, 2, bytes),
        Value::Float { width, bits } => {
            let bits = bits.to_be_bytes();
            let (first, from) = match width {
                2 => (0xf9, 6),
                4 => (0xfa, 4),
                _ => (0xfb, 0),
            };
            out.push(first);
            out.extend(bits.get(from..).unwrap_or_default());
        }
        Value::Integer(value) => integer(out, *value),
        Value::Map(entries) => {
            head(out, 5, size(entries.len()));
            let mut entries: Vec<_> = entries.iter().map(|(key, value)| (key_bytes(key), value)).collect();
            entries.sort_by(|(a, _), (b, _)| a.cmp(b));
            for (key, value) in entries {
                out.extend(key);
                write(out, value);
            }
        }
        Value::Null => head(out, 7, 22),
        Value::Simple(value) => head(out, 7, u64::from(*value)),
        Value::Tag(tag, content) => {
            head(out, 6, *tag);
            write(out, content);
        }
        Value::Text(text) => string(out, 3, text.as_bytes()),
    }
}

fn key_bytes(key: &Key<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    match key {
        Key::Integer(value) => integer(&mut out, *value),
        Key::Bytes(bytes) => string(&mut out, 2, bytes),
        Key::Text(text) => string(&mut out, 3, text.as_bytes()),
    }
    out
}

fn string(out: &mut Vec<u8>, major: u8, bytes: &[u8]) {
    head(out, major, size(bytes.len()));
    out.extend_from_slice(bytes);
}

fn integer(out: &mut Vec<u8>, value: i128) {
    let (major, argument) = argument(value);
    head(out, major, argument);
}

/// Major type 0 or 1 and its argument. CBOR's integers have 64 bits and a sign; nothing larger is ever read or made.
fn argument(value: i128) -> (u8, u64) {
    let (major, value) = if value < 0 { (1, !value) } else { (0, value) };
    (major, u64::try_from(value).unwrap_or(u64::MAX))
}

fn size(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}

/// Major type and argument in the fewest bytes (RFC 8949, 3).
pub(crate) fn head(out: &mut Vec<u8>, major: u8, argument: u64) {
    let major = major << 5;
    if let Ok(small) = u8::try_from(argument) {
        if small < 24 {
            out.push(major | small);
        } else {
            out.extend_from_slice(&[major | 24, small]);
        }
    } else if let Ok(value) = u16::try_from(argument) {
        out.push(major | 25);
        out.extend_from_slice(&value.to_be_bytes());
    } else if let Ok(value) = u32::try_from(argument) {
        out.push(major | 26);
        out.extend_from_slice(&value.to_be_bytes());
    } else {
        out.push(major | 27);
        out.extend_from_slice(&argument.to_be_bytes());
    }
}

/// Length in bytes of a head with this argument.
pub(crate) const fn head_len(argument: u64) -> usize {
    match argument {
        0..=23 => 1,
        24..=0xff => 2,
        0x100..=0xffff => 3,
        0x1_0000..=0xffff_ffff => 5,
        _ => 9,
    }
}

/// Length in bytes of the encoding of a value that was read strictly: it had only one.
pub(crate) fn encoded_len(value: &Value<'_>) -> usize {
    let sum = |items: &mut dyn Iterator<Item = usize>| items.fold(0, usize::saturating_add);
    let string = |len: usize| head_len(size(len)).saturating_add(len);
    match value {
        Value::Array(items) => {
            head_len(size(items.len())).saturating_add(sum(&mut items.iter().map(encoded_len)))
        }
        Value::Bool(_) | Value::Null => 1,
        Value::Bytes(bytes) => string(bytes.len()),
        Value::Float { width, .. } => usize::from(*width).saturating_add(1),
        Value::Integer(value) => head_len(argument(*value).1),
        Value::Map(entries) => {
            let pairs = entries.iter().map(|(key, value)| key_len(key).saturating_add(encoded_len(value)));
            head_len(size(entries.len())).saturating_add(sum(&mut { pairs }))
        }
        Value::Simple(value) => head_len(u64::from(*value)),
        Value::Tag(tag, content) => head_len(*tag).saturating_add(encoded_len(content)),
        Value::Text(text) => string(text.len()),
    }
}

/// The same for a key.
pub(crate) fn key_len(key: &Key<'_>) -> usize {
    encoded_len(&match key {
        Key::Integer(value) => Value::Integer(*value),
        Key::Bytes(bytes) => Value::Bytes(bytes),
        Key::Text(text) => Value::Text(text),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{Limits, evidence::cbor::parse};

    fn hex_of(value: &Value<'_>) -> String {
        hex::encode(encode(value))
    }

    #[test]
    fn heads_are_the_shortest() {
        let numbers: [(i128, &str); 8] = [
            (23, "17"),
            (24, "1818"),
            (255, "18ff"),
            (256, "190100"),
            (65_536, "1a00010000"),
            (i128::from(u64::MAX), "1bffffffffffffffff"),
            (-500, "3901f3"),
            (-1 - i128::from(u64::MAX), "3bffffffffffffffff"),
        ];
        for (number, expected) in numbers {
            assert_eq!(hex_of(&Value::Integer(number)), expected);
        }
    }

    /// RFC 8949, 4.2.1: the example of its own.
    #[test]
    fn keys_come_in_the_bytewise_order_of_their_encodings() {
        let keys = [Key::Text("aa"), Key::Integer(-1), Key::Text("z"), Key::Integer(100), Key::Integer(10)];
        let map = Value::Map(keys.map(|key| (key, Value::Null)).into());
        assert_eq!(hex_of(&map), "a50af61864f620f6617af6626161f6");
    }

    /// Any value, by way of bytes that this writer makes of numbers from a generator.
    fn build<'a>(seed: &mut impl Iterator<Item = u8>, text: &'a str, depth: u8) -> Value<'a> {
        let kind = seed.next().unwrap_or(0);
        let wide = i128::from(seed.next().unwrap_or(0)) << (seed.next().unwrap_or(0) % 57);
        let few = usize::from(seed.next().unwrap_or(0) % 4);
        match kind % 10 {
            0 => Value::Integer(wide),
            1 => Value::Integer(!wide),
            2 => Value::Bytes(&text.as_bytes()[..few.min(text.len())]),
            3 => Value::Text(text),
            4 if depth > 0 => Value::Array((0..few).map(|_| build(seed, text, depth - 1)).collect()),
            5 if depth > 0 => {
                let keys = (0..few as i128).map(|at| Key::Integer(if at == 0 { wide } else { -at * 300 }));
                Value::Map(keys.map(|key| (key, build(seed, text, depth - 1))).collect())
            }
            6 if depth > 0 => Value::Tag(wide as u64, Box::new(build(seed, text, depth - 1))),
            7 => Value::Float { width: 4, bits: wide as u64 & 0xffff_ffff },
            8 => Value::Simple(if few == 0 { 23 } else { 200 }),
            _ => Value::Bool(few == 0),
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_and_written_the_same(seed in prop::collection::vec(any::<u8>(), 0..200), text in ".{0,40}") {
            let value = build(&mut seed.into_iter(), &text, 5);
            let bytes = encode(&value);
            prop_assert_eq!(bytes.len(), encoded_len(&value));
            let read = parse(&bytes, &Limits::DEFAULT).unwrap();
            prop_assert_eq!(encode(&read), bytes);
        }

        /// Where bytes are read strictly, their length follows from the value: that is what offsets in errors rest on.
        #[test]
        fn a_strictly_read_value_has_one_length(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            if let Ok(value) = parse(&bytes, &Limits::DEFAULT) {
                prop_assert_eq!(encoded_len(&value), bytes.len());
            }
        }
    }
}
