//! Wrappers in JSON.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Map, Value};

use super::{COLLECTION_TYPE, Error, Place, Reading, Type};

impl Reading<'_, '_> {
    pub(super) fn json(&mut self, value: Value, place: Place) -> Result<(), Error> {
        match value {
            Value::Array(parts) => self.json_record(parts, place),
            Value::Object(members) => self.json_collection(members, place),
            _ => Err(Error::FormUnexpected { label: place.label }),
        }
    }

    fn json_record(&mut self, parts: Vec<Value>, place: Place) -> Result<(), Error> {
        let mut parts = parts.into_iter();
        let three = (parts.next(), parts.next(), parts.next(), parts.next());
        let (Some(Value::String(kind)), Some(Value::String(content)), indicator, None) = three else {
            return Err(place.malformed("a JSON array that is neither a CMW nor a bundle"));
        };
        match indicator {
            None => {}
            Some(Value::Number(number)) => {
                Self::check_indicator(number.as_u64().map_or(-1, i128::from), &place)?;
            }
            Some(_) => {
                return Err(place.malformed("behind a CMW's text stands something else than its indicator"));
            }
        }
        let content =
            decoded(content).ok_or_else(|| Error::Base64Malformed { label: place.label.clone() })?;
        self.message(Type::Media(kind), content.into(), place)
    }

    fn json_collection(&mut self, mut members: Map<String, Value>, place: Place) -> Result<(), Error> {
        self.check_depth(&place)?;
        if members.contains_key("payload")
            && (members.contains_key("signature") || members.contains_key("signatures"))
        {
            let detail =
                "a JWS in its JSON serialization: a token is in the compact one (RFC 7519, section 1)";
            return Err(place.malformed(detail));
        }
        self.out.collections.push(match members.remove(COLLECTION_TYPE) {
            None => None,
            Some(Value::String(kind)) => Some(kind),
            Some(_) => return Err(place.malformed("a collection's type is no text")),
        });
        if !members.values().all(|message| message.is_array() || message.is_object()) {
            let detail = "a JSON object that is no collection of messages: nobody signed it, and a token is a compact JWS or a COSE_Sign1";
            return Err(place.malformed(detail));
        }
        members.into_iter().try_for_each(|(label, value)| self.json(value, place.under(&label)))
    }
}

/// Unpadded base64url with no bits to spare, decoded into the text's own memory: a list of 10 MB is not held a third time.
fn decoded(text: String) -> Option<Vec<u8>> {
    let mut bytes = text.into_bytes();
    let (mut read, mut written) = (0_usize, 0_usize);
    let mut some = [0; 3 << 10];
    while let Some(rest) = bytes.get(read..).filter(|rest| !rest.is_empty()) {
        let quads = rest.get(..4 << 10).unwrap_or(rest);
        read = read.saturating_add(quads.len());
        let len = URL_SAFE_NO_PAD.decode_slice(quads, &mut some).ok()?;
        let end = written.saturating_add(len);
        bytes.get_mut(written..end)?.copy_from_slice(some.get(..len)?);
        written = end;
    }
    bytes.truncate(written);
    Some(bytes)
}
