//! Conceptual message wrappers (CMW, RFC 9999) taken apart into the messages they hold: records, tags and collections, in CBOR, in JSON, and one in
//! the other.
//!
//! A wrapper is packing. It proves nothing, and its labels are names that nobody signed: errors tell them, and nothing else reads them.

mod cbor;
mod error;
mod json;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::fmt;

use super::cbor::Value;
use super::text::cut;
use crate::Limits;

pub use error::Error;

/// The first and last tag that the TN() transform makes of a content format (RFC 9277, appendix B).
const TAG_FIRST: u64 = 1_668_546_817;
const TAG_LAST: u64 = 1_668_612_095;
/// The name that is no label in a collection: what the collection as a whole is (RFC 9999, section 3.3).
const COLLECTION_TYPE: &str = "__cmwc_t";

/// What a message is, as its wrapper says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Type {
    /// A CoAP content format.
    ContentFormat(i128),
    /// A media type with its parameters.
    Media(String),
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ContentFormat(number) => write!(f, "content format {number}"),
            Self::Media(text) => f.write_str(&cut(text, 64)),
        }
    }
}

impl Type {
    /// The media type without its parameters, in lower case. Of content formats, those of tokens have one (RFC 9782), and those of wrappers
    /// (RFC 9999).
    pub(super) fn media(&self) -> Option<Cow<'static, str>> {
        Some(match self {
            Self::ContentFormat(61) => "application/cwt".into(),
            Self::ContentFormat(263) => "application/eat+cwt".into(),
            Self::ContentFormat(264) => "application/eat+jwt".into(),
            Self::ContentFormat(265) => "application/eat-bun+cbor".into(),
            Self::ContentFormat(266) => "application/eat-bun+json".into(),
            Self::ContentFormat(273) => "application/cmw+cbor".into(),
            Self::ContentFormat(274) => "application/cmw+cose".into(),
            Self::ContentFormat(275) => "application/cmw+json".into(),
            Self::ContentFormat(276) => "application/cmw+jws".into(),
            Self::ContentFormat(_) => return None,
            Self::Media(text) => media_type(text).into(),
        })
    }
}

/// A media type without its parameters, in lower case.
pub(super) fn media_type(text: &str) -> String {
    text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// One message out of its wrapper.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Message<'a> {
    /// The labels that lead to it, the outermost first, with slashes between them; empty for a message alone.
    pub(super) label: String,
    pub(super) kind: Type,
    pub(super) content: Cow<'a, [u8]>,
}

/// A wrapper taken apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Cmw<'a> {
    /// Every message, those of collections in collections in their place.
    pub(super) messages: Vec<Message<'a>>,
    /// What the collections say that they are, in the order in which they stand; nothing for a message alone.
    pub(super) collections: Vec<Option<String>>,
}

/// Takes a wrapper apart, told by its first byte (RFC 9999, section 3.4).
pub(super) fn read<'a>(bytes: &'a [u8], limits: &Limits) -> Result<Cmw<'a>, Error> {
    let mut reading = Reading { limits, out: Cmw::default() };
    reading.bytes(bytes, Place::default())?;
    Ok(reading.out)
}

/// The same of CBOR that was read already.
pub(super) fn of_cbor<'a>(value: &Value<'a>, limits: &Limits) -> Result<Cmw<'a>, Error> {
    let mut reading = Reading { limits, out: Cmw::default() };
    reading.cbor(value, Place::default())?;
    Ok(reading.out)
}

/// The same of JSON that was read already.
pub(super) fn of_json(value: serde_json::Value, limits: &Limits) -> Result<Cmw<'static>, Error> {
    let mut reading = Reading { limits, out: Cmw::default() };
    reading.json(value, Place::default())?;
    Ok(reading.out)
}

/// Whether this is a wrapper by its shape: what is none may still be a token.
pub(super) fn is_cbor(value: &Value<'_>) -> bool {
    match value {
        Value::Tag(tag, _) => (TAG_FIRST..=TAG_LAST).contains(tag),
        Value::Map(_) => true,
        Value::Array(parts) => {
            matches!(parts.as_slice(), [_, Value::Bytes(_)] | [_, Value::Bytes(_), Value::Integer(_)])
        }
        _ => false,
    }
}

/// Where a wrapper stands in others.
#[derive(Clone, Debug, Default)]
struct Place {
    label: String,
    depth: usize,
}

impl Place {
    /// In a collection, under this label.
    fn under(&self, label: &str) -> Self {
        let label = cut(label, 64);
        let label = if self.label.is_empty() { label } else { format!("{}/{label}", self.label) };
        Self { label, depth: self.depth.saturating_add(1) }
    }

    /// In a message that is a wrapper.
    fn inside(self) -> Self {
        Self { depth: self.depth.saturating_add(1), ..self }
    }

    fn malformed(&self, detail: &'static str) -> Error {
        Error::Malformed { label: self.label.clone(), detail }
    }
}

struct Reading<'l, 'a> {
    limits: &'l Limits,
    out: Cmw<'a>,
}

impl<'a> Reading<'_, 'a> {
    fn bytes(&mut self, bytes: &'a [u8], place: Place) -> Result<(), Error> {
        match bytes.first() {
            Some(0x80..=0x9b | 0xa0..=0xbb | 0xc0..=0xdb) => {
                let value = super::cbor::parse(bytes, self.limits);
                self.cbor(&value.map_err(|error| Error::Cbor { label: place.label.clone(), error })?, place)
            }
            Some(b'[' | b'{') => {
                let value = super::json::parse(bytes, self.limits);
                self.json(value.map_err(|error| Error::Json { label: place.label.clone(), error })?, place)
            }
            _ => Err(Error::FormUnexpected { label: place.label }),
        }
    }

    /// A record or tag: a message, or a wrapper that is one.
    fn message(&mut self, kind: Type, content: Cow<'a, [u8]>, place: Place) -> Result<(), Error> {
        match kind.media().as_deref() {
            Some("application/cmw+cbor" | "application/cmw+json") => {
                self.check_depth(&place)?;
                match content {
                    Cow::Borrowed(bytes) => self.bytes(bytes, place.inside()),
                    Cow::Owned(bytes) => {
                        let mut within = Reading { limits: self.limits, out: Cmw::default() };
                        within.bytes(&bytes, place.inside())?;
                        self.out.collections.append(&mut within.out.collections);
                        within.out.messages.into_iter().try_for_each(|message| {
                            let content = Cow::Owned(message.content.into_owned());
                            self.add(Message { content, ..message })
                        })
                    }
                }
            }
            // Whose signature that would be, and what for, nobody has said: every message in it has one of its own.
            Some(media @ ("application/cmw+cose" | "application/cmw+jws")) => {
                Err(Error::Signed { label: place.label, media: media.to_owned() })
            }
            _ => self.add(Message { label: place.label, kind, content }),
        }
    }

    fn add(&mut self, message: Message<'a>) -> Result<(), Error> {
        let limit = self.limits.wrapped_messages;
        if self.out.messages.len() >= limit {
            return Err(Error::TooMany { limit });
        }
        self.out.messages.push(message);
        Ok(())
    }

    fn check_depth(&self, place: &Place) -> Result<(), Error> {
        let limit = self.limits.wrappers;
        if place.depth >= limit { Err(Error::TooDeep { limit }) } else { Ok(()) }
    }

    /// The indicator: 1 to 2^32 - 1, and evidence must be among what it says (bit 2; RFC 9999, section 3.1).
    fn check_indicator(indicator: i128, place: &Place) -> Result<(), Error> {
        match u32::try_from(indicator) {
            Ok(bits) if bits & 4 != 0 => Ok(()),
            Ok(bits @ 1..) => Err(Error::IndicatorForeign { label: place.label.clone(), bits }),
            _ => Err(place.malformed("a CMW's indicator is not between 1 and 2^32 - 1")),
        }
    }
}
