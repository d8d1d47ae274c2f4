//! JSON, read strictly (RFC 8259): no object has a name twice, at any depth; nothing follows the text; size, nesting and count are bounded.

use core::{
    cell::{Cell, RefCell},
    fmt,
};

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value, map::Entry};

use crate::Limits;

/// Why the bytes are not JSON as it is read here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A name stands in its object already.
    #[error("an object has the name {name:?} twice")]
    DuplicateName {
        /// The name, cut after 64 characters.
        name: String,
    },
    /// Not JSON, or not UTF-8, or something follows.
    #[error("line {line}, column {column}: not JSON")]
    Syntax {
        /// Counted from 1.
        line: usize,
        /// Counted from 1.
        column: usize,
    },
    /// Nested deeper than [`Limits::nesting`].
    #[error("nested deeper than {limit}")]
    TooDeep {
        /// The bound.
        limit: usize,
    },
    /// More bytes than [`Limits::token_bytes`].
    #[error("{len} bytes, more than {limit}")]
    TooLong {
        /// How many there are.
        len: usize,
        /// The bound.
        limit: usize,
    },
    /// More values and names than [`Limits::items`].
    #[error("more than {limit} items")]
    TooManyItems {
        /// The bound.
        limit: usize,
    },
}

impl Error {
    /// Stable text.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::DuplicateName { .. } => "json_duplicate_name",
            Self::Syntax { .. } => "json_syntax",
            Self::TooDeep { .. } => "json_too_deep",
            Self::TooLong { .. } => "json_too_long",
            Self::TooManyItems { .. } => "json_too_many_items",
        }
    }
}

/// Reads exactly one value that fills `bytes` (white space around it aside).
///
/// # Errors
/// See [`Error`].
pub fn parse(bytes: &[u8], limits: &Limits) -> Result<Value, Error> {
    if bytes.len() > limits.token_bytes {
        return Err(Error::TooLong { len: bytes.len(), limit: limits.token_bytes });
    }
    let state = State { limits, items: Cell::new(0), refused: RefCell::new(None) };
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = Strict { depth: 0, state: &state }
        .deserialize(&mut deserializer)
        .and_then(|value| deserializer.end().map(|()| value));
    value.map_err(|error| {
        // serde's errors carry text only; the typed reason was put aside before.
        let syntax = Error::Syntax { line: error.line(), column: error.column() };
        state.refused.take().unwrap_or(syntax)
    })
}

struct State<'l> {
    limits: &'l Limits,
    items: Cell<usize>,
    refused: RefCell<Option<Error>>,
}

impl State<'_> {
    fn refuse<E: serde::de::Error>(&self, error: Error) -> E {
        *self.refused.borrow_mut() = Some(error);
        E::custom("refused")
    }

    fn count<E: serde::de::Error>(&self) -> Result<(), E> {
        let items = self.items.get().saturating_add(1);
        self.items.set(items);
        let limit = self.limits.items;
        if items > limit { Err(self.refuse(Error::TooManyItems { limit })) } else { Ok(()) }
    }
}

/// Reads one value at this depth.
#[derive(Clone, Copy)]
struct Strict<'s> {
    depth: usize,
    state: &'s State<'s>,
}

impl Strict<'_> {
    fn deeper<E: serde::de::Error>(self) -> Result<Self, E> {
        let limit = self.state.limits.nesting;
        if self.depth >= limit {
            return Err(self.state.refuse(Error::TooDeep { limit }));
        }
        Ok(Self { depth: self.depth.saturating_add(1), ..self })
    }
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        self.state.count()?;
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("not a number"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut items = Vec::new();
        while let Some(item) = access.next_element_seed(inner)? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut members = Map::new();
        while let Some(name) = access.next_key::<String>()? {
            self.state.count()?;
            match members.entry(name) {
                Entry::Vacant(place) => {
                    place.insert(access.next_value_seed(inner)?);
                }
                Entry::Occupied(there) => {
                    let name = there.key().chars().take(64).collect();
                    return Err(self.state.refuse(Error::DuplicateName { name }));
                }
            }
        }
        Ok(Value::Object(members))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn refused(text: &str) -> Error {
        parse(text.as_bytes(), &Limits::DEFAULT).unwrap_err()
    }

    #[test]
    fn plain_json_is_read_as_it_stands() {
        let text = r#" {"a":[1,-2,3.5,true,null,"\u00e9\n"],"b":{"c":{}},"d":18446744073709551615} "#;
        let expected: Value = serde_json::from_str(text).unwrap();
        assert_eq!(parse(text.as_bytes(), &Limits::DEFAULT), Ok(expected));
    }

    #[test]
    fn a46_duplicate_names_at_any_depth() {
        assert_eq!(refused(r#"{"exp":1,"exp":2}"#), Error::DuplicateName { name: "exp".into() });
        assert_eq!(refused(r#"[{"a":[{"b":1,"c":2,"b":1}]}]"#), Error::DuplicateName { name: "b".into() });
    }

    #[test]
    fn a46_duplicate_names_in_two_encodings() {
        assert_eq!(refused(r#"{"exp":1,"\u0065xp":2}"#), Error::DuplicateName { name: "exp".into() });
    }

    #[test]
    fn a46_something_follows() {
        assert!(matches!(refused("{} {}"), Error::Syntax { .. }));
        assert!(matches!(refused("{}x"), Error::Syntax { .. }));
        assert!(matches!(refused(""), Error::Syntax { .. }));
        assert!(matches!(parse(b"\"\xff\"", &Limits::DEFAULT), Err(Error::Syntax { .. })));
    }

    #[test]
    fn a47_nesting_of_30_000() {
        assert_eq!(refused(&"[".repeat(30_000)), Error::TooDeep { limit: 16 });
        assert_eq!(refused(&"{\"a\":".repeat(10_000)), Error::TooDeep { limit: 16 });
        let deepest = format!("{}{}", "[".repeat(16), "]".repeat(16));
        assert!(parse(deepest.as_bytes(), &Limits::DEFAULT).is_ok());
    }

    #[test]
    fn a47_too_long_and_too_many() {
        let limit = Limits::DEFAULT.token_bytes;
        assert_eq!(refused(&" ".repeat(limit + 1)), Error::TooLong { len: limit + 1, limit });
        assert_eq!(
            parse(&[&b"null"[..], &vec![b' '; limit - 4]].concat(), &Limits::DEFAULT),
            Ok(Value::Null)
        );
        let mut limits = Limits::DEFAULT;
        limits.items = 10;
        assert!(parse(b"[1,2,3,4,5,6,7,8,9]", &limits).is_ok());
        assert_eq!(parse(b"[1,2,3,4,5,6,7,8,9,0]", &limits), Err(Error::TooManyItems { limit: 10 }));
        assert_eq!(
            parse(br#"{"a":{"b":{"c":{"d":{"e":{}}}}}}"#, &limits),
            Err(Error::TooManyItems { limit: 10 })
        );
    }

    proptest! {
        #[test]
        fn agrees_with_serde_json_or_refuses(text in r#"[\[\]{}:,"a1 .e-]{0,24}"#) {
            if let Ok(value) = parse(text.as_bytes(), &Limits::DEFAULT) {
                prop_assert_eq!(value, serde_json::from_str::<Value>(&text).unwrap());
            }
        }
    }
}
