//! Wrappers in CBOR.

use super::{COLLECTION_TYPE, Error, Place, Reading, TAG_FIRST, TAG_LAST, Type};
use crate::evidence::cbor::{Key, Value};

/// Tag of an object identifier (RFC 9090).
const TAG_OID: u64 = 111;

impl<'a> Reading<'_, 'a> {
    pub(super) fn cbor(&mut self, value: &Value<'a>, place: Place) -> Result<(), Error> {
        match value {
            Value::Tag(tag @ TAG_FIRST..=TAG_LAST, inner) => self.tagged(*tag, inner, place),
            Value::Map(entries) => self.map(entries, place),
            Value::Array(parts) => {
                let [kind, Value::Bytes(content), indicator @ ..] = parts.as_slice() else {
                    return Err(place.malformed("an array that is no type with its bytes"));
                };
                match indicator {
                    [] => {}
                    [Value::Integer(indicator)] => Self::check_indicator(*indicator, &place)?,
                    _ => {
                        return Err(
                            place.malformed("behind a CMW's bytes stands something else than its indicator")
                        );
                    }
                }
                let kind = match kind {
                    Value::Integer(format) => Type::ContentFormat(*format),
                    Value::Text(text) => Type::Media((*text).to_owned()),
                    _ => return Err(place.malformed("a CMW's type is neither a number nor text")),
                };
                self.message(kind, (*content).into(), place)
            }
            _ => Err(place.malformed("a collection of something else than messages")),
        }
    }

    /// A message by the tag of its content format; a collection stands in its tag as it is (RFC 9999, section 3.2).
    fn tagged(&mut self, tag: u64, inner: &Value<'a>, place: Place) -> Result<(), Error> {
        let kind = Type::ContentFormat(content_format_of(tag));
        match inner {
            Value::Bytes(content) => self.message(kind, (*content).into(), place),
            Value::Map(entries) if kind.media().as_deref() == Some("application/cmw+cbor") => {
                self.map(entries, place)
            }
            _ => Err(place.malformed("a CMW tag around something else than a byte string")),
        }
    }

    fn map(&mut self, entries: &[(Key<'a>, Value<'a>)], place: Place) -> Result<(), Error> {
        self.check_depth(&place)?;
        let kind = entries.iter().find(|(key, _)| *key == Key::Text(COLLECTION_TYPE));
        self.out.collections.push(match kind {
            None => None,
            Some((_, Value::Text(kind))) => Some((*kind).to_owned()),
            Some((_, Value::Tag(TAG_OID, _))) => Some("an object identifier".to_owned()),
            Some(_) => {
                return Err(place.malformed("a collection's type is neither a URI nor an object identifier"));
            }
        });
        let messages = || entries.iter().filter(|(key, _)| *key != Key::Text(COLLECTION_TYPE));
        let is_message =
            |value: &Value<'_>| matches!(value, Value::Array(_) | Value::Map(_) | Value::Tag(..));
        if !messages().all(|(_, value)| is_message(value)) {
            return Err(place.malformed("a CBOR map that is no collection of messages: nobody signed it"));
        }
        for (key, value) in messages() {
            let label = match key {
                Key::Integer(number) => number.to_string(),
                Key::Text(text) => (*text).to_owned(),
                Key::Bytes(_) => return Err(place.malformed("a label is neither a number nor text")),
            };
            self.cbor(value, place.under(&label))?;
        }
        Ok(())
    }
}

/// The content format of a tag, TN() backwards: 255 formats in every 256 tags (RFC 9277, appendix B).
fn content_format_of(tag: u64) -> i128 {
    let n = tag.saturating_sub(TAG_FIRST);
    match (n.div_euclid(256), n.rem_euclid(256)) {
        (_, 255) => -1,
        (block, place) => i128::from(block).saturating_mul(255).saturating_add(i128::from(place)),
    }
}
