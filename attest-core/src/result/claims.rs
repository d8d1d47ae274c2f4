//! One tree of claims with two renderings, and one reader for both: a JWT and a CWT of one result cannot say two things.

use std::collections::BTreeMap;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::Value as Json;

pub(crate) use crate::evidence::cbor::head;
pub(crate) use crate::evidence::node::{Label, Node};

/// A value with its meaning kept until it is known how it will be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Claim {
    Array(Vec<Claim>),
    Bool(bool),
    /// A byte string; unpadded base64url in JSON.
    Bytes(Vec<u8>),
    /// A registered value: its name in JSON, its number in CBOR.
    Choice(&'static str, i64),
    Integer(i64),
    Map(Vec<(Label, Claim)>),
    Text(String),
    Unsigned(u64),
}

impl Claim {
    pub(crate) fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// The value in JSON, names in alphabetical order (also where serde_json keeps the order of insertion).
    pub(crate) fn to_json(&self) -> Json {
        match self {
            Self::Array(items) => items.iter().map(Self::to_json).collect(),
            Self::Bool(value) => Json::Bool(*value),
            Self::Bytes(bytes) => Json::String(URL_SAFE_NO_PAD.encode(bytes)),
            Self::Choice(name, _) => Json::String((*name).to_owned()),
            Self::Integer(value) => Json::from(*value),
            Self::Map(entries) => {
                let members = entries.iter().map(|(label, claim)| (label.name().to_owned(), claim.to_json()));
                members.collect::<BTreeMap<_, _>>().into_iter().collect()
            }
            Self::Text(text) => Json::String(text.clone()),
            Self::Unsigned(value) => Json::from(*value),
        }
    }

    /// The value in CBOR, deterministically encoded (RFC 8949, 4.2.1).
    pub(crate) fn to_cbor(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.encode(&mut out);
        out
    }

    fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Array(items) => {
                head(out, 4, size(items.len()));
                items.iter().for_each(|item| item.encode(out));
            }
            Self::Bool(value) => out.push(if *value { 0xf5 } else { 0xf4 }),
            Self::Bytes(bytes) => {
                head(out, 2, size(bytes.len()));
                out.extend_from_slice(bytes);
            }
            Self::Choice(_, value) | Self::Integer(value) => integer(out, *value),
            Self::Map(entries) => {
                head(out, 5, size(entries.len()));
                let mut encoded: Vec<_> = entries.iter().map(|(label, claim)| (key(label), claim)).collect();
                encoded.sort_by(|(a, _), (b, _)| a.cmp(b));
                for (key, claim) in encoded {
                    out.extend_from_slice(&key);
                    claim.encode(out);
                }
            }
            Self::Text(value) => text(out, value),
            Self::Unsigned(value) => head(out, 0, *value),
        }
    }
}

fn key(label: &Label) -> Vec<u8> {
    let mut out = Vec::new();
    match label.number() {
        Some(number) => integer(&mut out, number),
        None => text(&mut out, label.name()),
    }
    out
}

fn text(out: &mut Vec<u8>, text: &str) {
    head(out, 3, size(text.len()));
    out.extend_from_slice(text.as_bytes());
}

fn integer(out: &mut Vec<u8>, value: i64) {
    match u64::try_from(value) {
        Ok(value) => head(out, 0, value),
        // -1 - n is the bitwise complement of n.
        Err(_) => head(out, 1, u64::from_ne_bytes((!value).to_ne_bytes())),
    }
}

fn size(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Limits,
        evidence::cbor::{self, Key, Value as Cbor},
    };

    fn sample() -> Claim {
        Claim::Map(vec![
            (Label::text("z"), Claim::Array(vec![Claim::Bool(true), Claim::Bool(false)])),
            (Label::new("high", 1000), Claim::Unsigned(u64::MAX)),
            (Label::new("low", -70_000), Claim::Integer(i64::MIN)),
            (Label::new("one", 1), Claim::Bytes(vec![0xfb, 0xff])),
            (Label::new("tier", 10), Claim::Choice("warning", 32)),
            (Label::owned("a b".into()), Claim::text("x".repeat(300))),
        ])
    }

    #[test]
    fn cbor_is_deterministic_and_passes_the_strict_reader() {
        let bytes = sample().to_cbor();
        let value = cbor::parse(&bytes, &Limits::DEFAULT).unwrap();
        let Cbor::Map(entries) = &value else { panic!("a map") };
        let keys: Vec<_> = entries.iter().map(|(key, _)| *key).collect();
        // Bytewise order of the encoded keys: unsigned, negative, text by length.
        let expected = [
            Key::Integer(1),
            Key::Integer(10),
            Key::Integer(1000),
            Key::Integer(-70_000),
            Key::Text("z"),
            Key::Text("a b"),
        ];
        assert_eq!(keys, expected);
        assert_eq!(value.get(-70_000).and_then(Cbor::as_integer), Some(i128::from(i64::MIN)));
        assert_eq!(value.get(1000).and_then(Cbor::as_integer), Some(i128::from(u64::MAX)));
    }

    #[test]
    fn both_renderings_read_the_same() {
        let (json, bytes) = (sample().to_json(), sample().to_cbor());
        let cbor = cbor::parse(&bytes, &Limits::DEFAULT).unwrap();
        for node in [Node::Json(&json), Node::Cbor(&cbor)] {
            let get = |name, number| node.get(&Label::new(name, number)).unwrap();
            assert_eq!(get("one", 1).bytes().unwrap(), [0xfb, 0xff]);
            assert_eq!(get("tier", 10).choice(&[("none", 0, 'n'), ("warning", 32, 'w')]), Some('w'));
            assert_eq!(get("high", 1000).unsigned(), Some(u64::MAX));
            assert_eq!(get("low", -70_000).integer(), Some(i64::MIN));
            let items = node.get(&Label::text("z")).unwrap().items().unwrap();
            assert_eq!(items.iter().map(|i| i.flag()).collect::<Vec<_>>(), [Some(true), Some(false)]);
            assert_eq!(node.get(&Label::text("a b")).unwrap().text().map(str::len), Some(300));
        }
    }

    #[test]
    fn heads_are_the_shortest() {
        let cases: [(u64, &str); 7] = [
            (23, "17"),
            (24, "1818"),
            (255, "18ff"),
            (256, "190100"),
            (65_535, "19ffff"),
            (65_536, "1a00010000"),
            (1 << 32, "1b0000000100000000"),
        ];
        for (value, expected) in cases {
            assert_eq!(hex::encode(Claim::Unsigned(value).to_cbor()), expected);
        }
        assert_eq!(hex::encode(Claim::Integer(-500).to_cbor()), "3901f3");
    }
}
