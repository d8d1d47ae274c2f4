//! A strictly read value together with where it stands, so that every refusal says where.
//!
//! The strict reader allows one encoding for one value. So lengths follow from values, and offsets need no second reader.

use super::error::Error;
use crate::evidence::cbor::{Integers, Key, Value, encoded_len, head_len, key_len, parse_at};
use crate::limits::Limits;

/// A value and its offset in the whole input.
#[derive(Clone, Copy, Debug)]
pub(super) struct Node<'v, 'a> {
    pub(super) value: &'v Value<'a>,
    pub(super) offset: usize,
}

impl<'v, 'a> Node<'v, 'a> {
    pub(super) fn unexpected(self, what: &'static str, expected: &'static str) -> Error {
        Error::TypeUnexpected { offset: self.offset, what, expected }
    }

    pub(super) fn text(self, what: &'static str) -> Result<&'a str, Error> {
        self.value.as_text().ok_or_else(|| self.unexpected(what, "a text string"))
    }

    pub(super) fn bytes(self, what: &'static str) -> Result<&'a [u8], Error> {
        self.value.as_bytes().ok_or_else(|| self.unexpected(what, "a byte string"))
    }

    pub(super) fn sized(
        self,
        what: &'static str,
        len: usize,
        expected: &'static str,
    ) -> Result<&'a [u8], Error> {
        let bytes = self.bytes(what)?;
        if bytes.len() == len { Ok(bytes) } else { Err(self.unexpected(what, expected)) }
    }

    pub(super) fn bool(self, what: &'static str) -> Result<bool, Error> {
        if let Value::Bool(value) = self.value {
            Ok(*value)
        } else {
            Err(self.unexpected(what, "true or false"))
        }
    }

    pub(super) fn uint(self, what: &'static str) -> Result<u64, Error> {
        let value = self.value.as_integer().and_then(|value| u64::try_from(value).ok());
        value.ok_or_else(|| self.unexpected(what, "an unsigned integer"))
    }

    pub(super) fn integer(self, what: &'static str) -> Result<i128, Error> {
        self.value.as_integer().ok_or_else(|| self.unexpected(what, "an integer"))
    }

    /// The tag and its content, if it is tagged.
    pub(super) fn tagged(self) -> Option<(u64, Self)> {
        let Value::Tag(tag, value) = self.value else { return None };
        Some((*tag, Self { value, offset: self.offset.saturating_add(head_len(*tag)) }))
    }

    pub(super) fn array(self, what: &'static str) -> Result<Vec<Self>, Error> {
        let Value::Array(items) = self.value else { return Err(self.unexpected(what, "an array")) };
        let mut offset = self.after_head(items.len());
        let node = |value| {
            let node = Self { value, offset };
            offset = offset.saturating_add(encoded_len(value));
            node
        };
        Ok(items.iter().map(node).collect())
    }

    /// An array that must hold something: `[ + … ]`.
    pub(super) fn filled(self, what: &'static str) -> Result<Vec<Self>, Error> {
        let items = self.array(what)?;
        if items.is_empty() { Err(Error::Empty { offset: self.offset, what }) } else { Ok(items) }
    }

    /// `[ + x ]`, each read by `read`.
    pub(super) fn list<T>(
        self,
        what: &'static str,
        read: impl Fn(Self) -> Result<T, Error>,
    ) -> Result<Vec<T>, Error> {
        let nodes = self.filled(what)?;
        // Most lists have one item, and one that grows by itself takes room for four.
        let mut items = Vec::with_capacity(nodes.len());
        for node in nodes {
            items.push(read(node)?);
        }
        Ok(items)
    }

    /// One item, or `[ + x ]`.
    pub(super) fn one_or_more<T>(
        self,
        what: &'static str,
        is_one: impl Fn(Self) -> bool,
        read: impl Fn(Self) -> Result<T, Error>,
    ) -> Result<Vec<T>, Error> {
        if is_one(self) { Ok(vec![read(self)?]) } else { self.list(what, read) }
    }

    pub(super) fn pair(self, what: &'static str, expected: &'static str) -> Result<[Self; 2], Error> {
        <[Self; 2]>::try_from(self.array(what)?).map_err(|_| self.unexpected(what, expected))
    }

    pub(super) fn fields(self, map: &'static str) -> Result<Fields<'v, 'a>, Error> {
        let Value::Map(entries) = self.value else { return Err(self.unexpected(map, "a map")) };
        let mut offset = self.after_head(entries.len());
        let field = |(key, value): &'v (Key<'a>, Value<'a>)| {
            let at = offset.saturating_add(key_len(key));
            let field = Field { key: *key, offset, node: Node { value, offset: at }, taken: false };
            offset = at.saturating_add(encoded_len(value));
            field
        };
        Ok(Fields { map, offset: self.offset, fields: entries.iter().map(field).collect() })
    }

    /// What a byte string holds, and where its first byte stands.
    pub(super) fn content(self, what: &'static str) -> Result<(&'a [u8], usize), Error> {
        let bytes = self.bytes(what)?;
        Ok((bytes, self.after_head(bytes.len())))
    }

    fn after_head(self, argument: usize) -> usize {
        self.offset.saturating_add(head_len(u64::try_from(argument).unwrap_or(u64::MAX)))
    }
}

struct Field<'v, 'a> {
    key: Key<'a>,
    offset: usize,
    node: Node<'v, 'a>,
    taken: bool,
}

/// The fields of a map, to be taken one by one; what is left must be accounted for by [`Fields::closed`] or [`Fields::extensions`].
#[must_use]
pub(super) struct Fields<'v, 'a> {
    map: &'static str,
    offset: usize,
    fields: Vec<Field<'v, 'a>>,
}

impl<'v, 'a> Fields<'v, 'a> {
    pub(super) fn take(&mut self, label: i128) -> Option<Node<'v, 'a>> {
        let field = self.fields.iter_mut().find(|field| field.key == Key::Integer(label))?;
        field.taken = true;
        Some(field.node)
    }

    pub(super) fn need(&mut self, label: i128, field: &'static str) -> Result<Node<'v, 'a>, Error> {
        self.take(label).ok_or(Error::FieldMissing { offset: self.offset, map: self.map, field })
    }

    /// `non-empty<…>`: there is at least one field.
    pub(super) fn non_empty(self) -> Result<Self, Error> {
        if self.fields.is_empty() {
            Err(Error::Empty { offset: self.offset, what: self.map })
        } else {
            Ok(self)
        }
    }

    /// All fields, where the keys themselves are data.
    pub(super) fn into_entries(self) -> impl Iterator<Item = (usize, Key<'a>, Node<'v, 'a>)> {
        self.fields.into_iter().map(|field| (field.offset, field.key, field.node))
    }

    /// Nothing else may stand in this map.
    pub(super) fn closed(self) -> Result<(), Error> {
        match self.fields.iter().find(|field| !field.taken) {
            None => Ok(()),
            Some(field) => {
                Err(Error::FieldUnknown { offset: field.offset, map: self.map, label: label(&field.key) })
            }
        }
    }

    /// What else stands in this map, where the specification leaves room for more.
    pub(super) fn extensions(self) -> Vec<Extension<'a>> {
        let left = self.fields.into_iter().filter(|field| !field.taken);
        left.map(|field| Extension { map: self.map, key: field.key, value: field.node.value.clone() })
            .collect()
    }
}

/// A field at one of the specification's extension points. It is kept and named; only a profile can give it a meaning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extension<'a> {
    /// The map in which it stands, by its name in the specification.
    pub map: &'static str,
    /// Its key.
    pub key: Key<'a>,
    /// Its value.
    pub value: Value<'a>,
}

impl Extension<'_> {
    /// Its place in words: `measurement-values-map -1`.
    #[must_use]
    pub fn place(&self) -> String {
        format!("{} {}", self.map, label(&self.key))
    }
}

pub(super) fn label(key: &Key<'_>) -> String {
    match key {
        Key::Integer(value) => value.to_string(),
        Key::Text(text) => format!("`{text}`"),
        Key::Bytes(bytes) => format!("h'{}'", hex::encode(bytes)),
    }
}

/// Reads CBOR inside CBOR under one budget of items for the whole document, however it is packed.
pub(super) struct Budget {
    limits: Limits,
}

impl Budget {
    /// The budget of a document of so many bytes: a value costs the same, however short, and hostile ones are shorter than honest ones.
    pub(super) fn new(len: usize, limits: &Limits) -> Self {
        let share = len.checked_div(limits.corim_item_bytes).unwrap_or(0);
        let items = limits.golden_items.saturating_add(share).min(limits.corim_items);
        Self { limits: Limits { items, ..*limits } }
    }

    /// Reads the item that fills `bytes`, which stand at `offset` of the whole input.
    pub(super) fn parse<'a>(&mut self, bytes: &'a [u8], offset: usize) -> Result<Value<'a>, Error> {
        let value = parse_at(bytes, offset, &self.limits, Integers::Minimal)?;
        self.limits.items = self.limits.items.saturating_sub(count(&value));
        Ok(value)
    }
}

/// Items, keys counted, as the strict reader counts them.
fn count(value: &Value<'_>) -> usize {
    let inside = match value {
        Value::Array(items) => items.iter().fold(0, |sum: usize, item| sum.saturating_add(count(item))),
        Value::Map(entries) => entries
            .iter()
            .fold(0, |sum: usize, (_, value)| sum.saturating_add(count(value)).saturating_add(1)),
        Value::Tag(_, value) => count(value),
        _ => 0,
    };
    inside.saturating_add(1)
}
