//! Wrappers in JSON.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Map, Value};

use super::{COLLECTION_TYPE, Error, Place, Reading, Type};

impl Reading<'_, '_> {
    /// Each text goes as soon as it is decoded: a list of 10 MB is not held three times.
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
        let content = URL_SAFE_NO_PAD.decode(content);
        let content = content.map_err(|_| Error::Base64Malformed { label: place.label.clone() })?;
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
