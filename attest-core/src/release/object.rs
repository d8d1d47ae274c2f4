//! Governed objects as bytes: deterministically encoded CBOR (RFC 8949, section 4.2.1), so that an object has one encoding, and the
//! SHA-256 of that is its only name.
//!
//! An object is read strictly, then encoded again: bytes that differ from that in anything are refused. So a changed byte is another
//! object or none, and no reader of the same bytes sees another one.

use core::fmt;

use ciborium::Value;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::evidence::cbor;
use crate::evidence::text::{Text, shortened};
use crate::{Limits, Timestamp};

/// What a governed object says that it is, in its key `format`.
pub trait Object: Serialize + DeserializeOwned {
    /// The name and edition of the format, as `attest-release-request/1`.
    const FORMAT: &'static str;

    /// How long such an object may be.
    #[must_use]
    fn most_bytes(limits: &Limits) -> usize {
        limits.release_object_bytes
    }
}

/// SHA-256 of an object's bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectId([u8; 32]);

/// Why bytes are not the object that was expected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Not CBOR, or not strictly so.
    #[error(transparent)]
    Cbor(#[from] cbor::Error),
    /// Another kind of object, or another edition.
    #[error("format is `{got}`, expected `{expected}`")]
    Format {
        /// What is read here.
        expected: &'static str,
        /// What it says.
        got: String,
    },
    /// The same could be said in these bytes and in others.
    #[error("the encoding is not the deterministic one: it differs from offset {offset} on")]
    NotDeterministic {
        /// The first byte that differs.
        offset: usize,
    },
    /// A field is missing, unknown, or of another type.
    #[error("{detail}")]
    Shape {
        /// Which, and what was expected.
        detail: String,
    },
    /// More than fits.
    #[error("{bytes} bytes, at most {most} expected")]
    TooLarge {
        /// How many there are.
        bytes: usize,
        /// How many fit.
        most: usize,
    },
}

impl Error {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Cbor(error) => error.code(),
            Self::Format { .. } => "object_format",
            Self::NotDeterministic { .. } => "object_not_deterministic",
            Self::Shape { .. } => "object_shape",
            Self::TooLarge { .. } => "object_too_large",
        }
    }
}

/// Reads an object, all of it and nothing else.
///
/// # Errors
/// [`Error`].
pub fn read<T: Object>(bytes: &[u8], limits: &Limits) -> Result<T, Error> {
    let most = T::most_bytes(limits);
    if bytes.len() > most {
        return Err(Error::TooLarge { bytes: bytes.len(), most });
    }
    let strict = cbor::parse(bytes, limits)?;
    // Said before a field of another kind of object is missed.
    match strict.get_key(cbor::Key::Text("format")) {
        Some(cbor::Value::Text(format)) if *format == T::FORMAT => {}
        Some(cbor::Value::Text(format)) => {
            let got = shortened(Text(format), 80);
            return Err(Error::Format { expected: T::FORMAT, got });
        }
        _ => return Err(Error::Shape { detail: "the key `format` is missing".to_owned() }),
    }
    let object: T = ciborium::from_reader(bytes).map_err(|error| Error::Shape { detail: shape(&error) })?;
    let again = write(&object)?;
    if again == bytes {
        return Ok(object);
    }
    let offset = again.iter().zip(bytes).take_while(|(left, right)| left == right).count();
    Err(Error::NotDeterministic { offset })
}

/// The object's bytes.
///
/// # Errors
/// [`Error::Shape`] where a value has no place in CBOR; the objects here have none.
pub fn write<T: Object>(object: &T) -> Result<Vec<u8>, Error> {
    let unwritable = |detail: String| Error::Shape { detail };
    let value = Value::serialized(object).map_err(|error| unwritable(error.to_string()))?;
    let mut bytes = Vec::new();
    ciborium::into_writer(&sorted(value), &mut bytes).map_err(|error| unwritable(error.to_string()))?;
    Ok(bytes)
}

/// Maps in the bytewise order of their encoded keys.
fn sorted(value: Value) -> Value {
    match value {
        Value::Array(items) => Value::Array(items.into_iter().map(sorted).collect()),
        Value::Map(entries) => {
            let with_encoding = |(key, value): (Value, Value)| {
                let mut encoding = Vec::new();
                // Writing a key into a vector cannot fail; one that did would sort first and be refused when it is read again.
                let _ = ciborium::into_writer(&key, &mut encoding);
                (encoding, key, sorted(value))
            };
            let mut entries: Vec<_> = entries.into_iter().map(with_encoding).collect();
            entries.sort_by(|(left, ..), (right, ..)| left.cmp(right));
            Value::Map(entries.into_iter().map(|(_, key, value)| (key, value)).collect())
        }
        Value::Tag(tag, value) => Value::Tag(tag, Box::new(sorted(*value))),
        other => other,
    }
}

fn shape<T: fmt::Debug>(error: &ciborium::de::Error<T>) -> String {
    match error {
        // It may quote what stands in the bytes.
        ciborium::de::Error::Semantic(_, detail) => shortened(Text(detail), 240),
        other => format!("{other:?}"),
    }
}

impl ObjectId {
    /// The name of the object with these bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// The name that is this digest.
    #[must_use]
    pub const fn from_bytes(digest: [u8; 32]) -> Self {
        Self(digest)
    }

    /// The digest.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Reads what `Display` writes.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        let mut id = [0; 32];
        hex::decode_to_slice(text.strip_prefix("sha256:")?, &mut id).ok()?;
        Some(Self(id)).filter(|id| id.to_string() == text)
    }
}

impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("sha256:")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl Serialize for ObjectId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_str(self)
        } else {
            serializer.serialize_bytes(&self.0)
        }
    }
}

impl<'de> Deserialize<'de> for ObjectId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error as _;
        if deserializer.is_human_readable() {
            let text = String::deserialize(deserializer)?;
            return Self::from_text(&text).ok_or_else(|| D::Error::custom("expected sha256: and 64 digits"));
        }
        let Blob(bytes) = Blob::deserialize(deserializer)?;
        let id = bytes.try_into().map_err(|_| D::Error::custom("expected 32 bytes"))?;
        Ok(Self(id))
    }
}

/// Bytes: a byte string in CBOR, base64 in text for people.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Blob(pub Vec<u8>);

impl fmt::Debug for Blob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({} bytes)", crate::evidence::text::Hex(&self.0), self.0.len())
    }
}

impl Serialize for Blob {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use base64::Engine as _;
        if serializer.is_human_readable() {
            return serializer.serialize_str(&base64::engine::general_purpose::STANDARD.encode(&self.0));
        }
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Blob {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use base64::Engine as _;
        use serde::de::Error as _;
        if deserializer.is_human_readable() {
            let text = String::deserialize(deserializer)?;
            let decoded = base64::engine::general_purpose::STANDARD.decode(text);
            return decoded.map(Self).map_err(|_| D::Error::custom("expected base64"));
        }
        struct Bytes;
        impl serde::de::Visitor<'_> for Bytes {
            type Value = Blob;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a byte string")
            }

            fn visit_byte_buf<E>(self, bytes: Vec<u8>) -> Result<Blob, E> {
                Ok(Blob(bytes))
            }
        }
        deserializer.deserialize_byte_buf(Bytes)
    }
}

/// Times as seconds after the epoch in CBOR, as [`crate::time::Utc`] in text for people; years of four digits.
pub(crate) mod moment {
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

    use super::Timestamp;

    /// 9999-12-31T23:59:59Z
    const LAST: u64 = 253_402_300_799;

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands references")]
    pub(crate) fn serialize<S: Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_str(&time.utc())
        } else {
            time.unix().serialize(serializer)
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
        let time = if deserializer.is_human_readable() {
            Timestamp::from_utc(&String::deserialize(deserializer)?)
        } else {
            Some(Timestamp::from_unix(u64::deserialize(deserializer)?))
        };
        time.filter(|time| time.unix() <= LAST)
            .ok_or_else(|| D::Error::custom("expected a time as 2026-11-22T07:03:04Z, years of four digits"))
    }
}

#[cfg(test)]
mod tests;
