//! One tree of claims with two renderings, and one reader for both: a JWT and a CWT of one result cannot say two things.

use std::{borrow::Cow, collections::BTreeMap};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::Value as Json;

use crate::evidence::cbor::{Key, Value as Cbor};

/// The name of a claim in JSON and, where it has one, its label in CBOR.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Label {
    name: Cow<'static, str>,
    number: Option<i64>,
}

impl Label {
    /// A claim with a name and a number.
    pub(crate) const fn new(name: &'static str, number: i64) -> Self {
        Self { name: Cow::Borrowed(name), number: Some(number) }
    }

    /// A claim that goes by its name in CBOR too.
    pub(crate) const fn text(name: &'static str) -> Self {
        Self { name: Cow::Borrowed(name), number: None }
    }

    /// A name that is data, such as a component's.
    pub(crate) const fn owned(name: String) -> Self {
        Self { name: Cow::Owned(name), number: None }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The name for error messages, which hold no data of the token.
    pub(crate) const fn known_name(&self) -> &'static str {
        match &self.name {
            Cow::Borrowed(name) => name,
            Cow::Owned(_) => "",
        }
    }
}

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
                let mut encoded: Vec<_> =
                    entries.iter().map(|(label, claim)| (label.encode(), claim)).collect();
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

impl Label {
    fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        match self.number {
            Some(number) => integer(&mut out, number),
            None => text(&mut out, &self.name),
        }
        out
    }
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

/// A value as it was received, in either encoding.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Node<'a> {
    Cbor(&'a Cbor<'a>),
    Json(&'a Json),
}

impl<'a> Node<'a> {
    pub(crate) fn get(self, label: &Label) -> Option<Self> {
        match self {
            Self::Json(json) => json.as_object()?.get(label.name()).map(Self::Json),
            Self::Cbor(cbor) => {
                let key = match label.number {
                    Some(number) => Key::Integer(i128::from(number)),
                    None => Key::Text(label.name()),
                };
                cbor.get_key(key).map(Self::Cbor)
            }
        }
    }

    pub(crate) fn text(self) -> Option<&'a str> {
        match self {
            Self::Json(json) => json.as_str(),
            Self::Cbor(cbor) => cbor.as_text(),
        }
    }

    pub(crate) fn unsigned(self) -> Option<u64> {
        match self {
            Self::Json(json) => json.as_u64(),
            Self::Cbor(cbor) => u64::try_from(cbor.as_integer()?).ok(),
        }
    }

    pub(crate) fn integer(self) -> Option<i64> {
        match self {
            Self::Json(json) => json.as_i64(),
            Self::Cbor(cbor) => i64::try_from(cbor.as_integer()?).ok(),
        }
    }

    pub(crate) fn flag(self) -> Option<bool> {
        match self {
            Self::Json(json) => json.as_bool(),
            Self::Cbor(Cbor::Bool(value)) => Some(*value),
            Self::Cbor(_) => None,
        }
    }

    pub(crate) fn bytes(self) -> Option<Vec<u8>> {
        match self {
            Self::Json(json) => URL_SAFE_NO_PAD.decode(json.as_str()?).ok(),
            Self::Cbor(cbor) => cbor.as_bytes().map(<[u8]>::to_vec),
        }
    }

    /// The index of the registered value in `choices` that this is.
    pub(crate) fn choice<T: Copy>(self, choices: &[(&str, i64, T)]) -> Option<T> {
        choices.iter().find_map(|(name, number, value)| {
            let is = match self {
                Self::Json(json) => json.as_str() == Some(name),
                Self::Cbor(cbor) => cbor.as_integer() == Some(i128::from(*number)),
            };
            is.then_some(*value)
        })
    }

    pub(crate) fn items(self) -> Option<Vec<Self>> {
        match self {
            Self::Json(json) => Some(json.as_array()?.iter().map(Self::Json).collect()),
            Self::Cbor(Cbor::Array(items)) => Some(items.iter().map(Self::Cbor).collect()),
            Self::Cbor(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Limits, evidence::cbor};

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
