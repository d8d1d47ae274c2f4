//! Claims as they were received, in JSON or CBOR: one reader for both, so that a JWT and a CWT of one meaning cannot be read as two things.

use std::borrow::Cow;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::Value as Json;

use super::cbor::{Key, Value as Cbor};

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

    pub(crate) const fn number(&self) -> Option<i64> {
        self.number
    }

    /// The name for error messages, which hold no data of the token.
    pub(crate) const fn known_name(&self) -> &'static str {
        match &self.name {
            Cow::Borrowed(name) => name,
            Cow::Owned(_) => "",
        }
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

    /// The entries of a map whose keys are text, in the order of their names (JSON) or of the input (CBOR).
    pub(crate) fn members(self) -> Option<Vec<(&'a str, Self)>> {
        match self {
            Self::Json(json) => Some(
                json.as_object()?.iter().map(|(name, value)| (name.as_str(), Self::Json(value))).collect(),
            ),
            Self::Cbor(Cbor::Map(entries)) => entries
                .iter()
                .map(|(key, value)| match key {
                    Key::Text(name) => Some((*name, Self::Cbor(value))),
                    Key::Integer(_) | Key::Bytes(_) => None,
                })
                .collect(),
            Self::Cbor(_) => None,
        }
    }

    /// Whether it is a map or an object.
    pub(crate) const fn is_map(self) -> bool {
        matches!(self, Self::Json(Json::Object(_)) | Self::Cbor(Cbor::Map(_)))
    }

    pub(crate) fn items(self) -> Option<Vec<Self>> {
        match self {
            Self::Json(json) => Some(json.as_array()?.iter().map(Self::Json).collect()),
            Self::Cbor(Cbor::Array(items)) => Some(items.iter().map(Self::Cbor).collect()),
            Self::Cbor(_) => None,
        }
    }
}
