//! CBOR, read strictly (RFC 8949): one encoding for one meaning, so that two readers cannot understand two things.
//!
//! Refused at any depth: a key twice in one map, also in another encoding; indefinite lengths; integers and lengths that are longer than
//! needed; bytes after the end; nesting, sizes and counts above the [`Limits`]. Keys are integers, text or byte strings only, which is
//! what COSE, CWT, EAT and CoRIM use, and what makes "the same key" a plain comparison.

mod error;
#[cfg(test)]
mod tests;
mod write;

pub use error::Error;
pub use write::encode;
pub(crate) use write::{encoded_len, head, head_len, key_len};

use crate::{
    Limits,
    reader::{Reader, Truncated},
};

/// A data item that borrows from the input.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Value<'a> {
    /// Major type 4.
    Array(Vec<Value<'a>>),
    /// `false` or `true`.
    Bool(bool),
    /// Major type 2.
    Bytes(&'a [u8]),
    /// A float: its bits, and its width of 2, 4 or 8 bytes. Nothing here computes with one.
    Float {
        /// Width in bytes.
        width: u8,
        /// The bits, right-aligned.
        bits: u64,
    },
    /// Major types 0 and 1.
    Integer(i128),
    /// Major type 5, in the order of the input.
    Map(Vec<(Key<'a>, Value<'a>)>),
    /// `null`.
    Null,
    /// Another simple value; 23 is `undefined`.
    Simple(u8),
    /// Major type 6.
    Tag(u64, Box<Value<'a>>),
    /// Major type 3.
    Text(&'a str),
}

/// The key of a map entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key<'a> {
    /// An integer label.
    Integer(i128),
    /// A byte string.
    Bytes(&'a [u8]),
    /// A text label.
    Text(&'a str),
}

/// How integers and lengths may be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Integers {
    /// In the fewest bytes (RFC 8949, preferred serialization).
    Minimal,
    /// In any of the widths, lengths included. For profiles that say so by name only: the payload of tokens after RFC 9783, whose
    /// verifier "MUST be a variation-tolerant CBOR decoder" (section 5.1.1).
    AnyWidth,
}

/// Reads exactly one item that fills `bytes`.
///
/// # Errors
/// See [`Error`].
pub fn parse<'a>(bytes: &'a [u8], limits: &Limits) -> Result<Value<'a>, Error> {
    parse_with(bytes, limits, Integers::Minimal)
}

/// [`parse`] with a say in how integers may be written.
///
/// # Errors
/// See [`Error`].
pub fn parse_with<'a>(bytes: &'a [u8], limits: &Limits, integers: Integers) -> Result<Value<'a>, Error> {
    parse_at(bytes, 0, limits, integers)
}

/// [`parse_with`] for bytes that stand at `offset` of a larger input: offsets in errors count from that one's start.
///
/// # Errors
/// See [`Error`].
pub fn parse_at<'a>(
    bytes: &'a [u8],
    offset: usize,
    limits: &Limits,
    integers: Integers,
) -> Result<Value<'a>, Error> {
    let mut parser = Parser { reader: Reader::at(bytes, offset), limits, items: 0, integers };
    let value = parser.value(0)?;
    if parser.reader.is_empty() {
        Ok(value)
    } else {
        Err(Error::TrailingBytes { offset: parser.reader.offset(), left: parser.reader.rest().len() })
    }
}

/// Reads the next item, whatever follows it: one of a sequence (RFC 8742). Offsets in errors are the reader's.
///
/// # Errors
/// See [`Error`].
pub fn next<'a>(reader: &mut Reader<'a>, limits: &Limits) -> Result<Value<'a>, Error> {
    let mut parser = Parser { reader: *reader, limits, items: 0, integers: Integers::Minimal };
    let value = parser.value(0)?;
    *reader = parser.reader;
    Ok(value)
}

/// Reads the head of an array, so that its items can be read one by one with [`next`]: how many it declares; `None`, and nothing is
/// read, where something else stands.
///
/// # Errors
/// See [`Error`].
pub fn array_head(reader: &mut Reader<'_>) -> Result<Option<u64>, Error> {
    if reader.rest().first().is_none_or(|first| first >> 5 != 4) {
        return Ok(None);
    }
    let mut parser =
        Parser { reader: *reader, limits: &Limits::DEFAULT, items: 0, integers: Integers::Minimal };
    let head = parser.head()?;
    *reader = parser.reader;
    Ok(Some(head.argument))
}

impl<'a> Value<'a> {
    /// The value of this integer key, if it is a map that has it.
    #[must_use]
    pub fn get(&self, label: i128) -> Option<&Self> {
        self.get_key(Key::Integer(label))
    }

    /// The value of this key, if it is a map that has it.
    #[must_use]
    pub fn get_key(&self, wanted: Key<'_>) -> Option<&Self> {
        let Self::Map(entries) = self else { return None };
        entries.iter().find_map(|(key, value)| (*key == wanted).then_some(value))
    }

    /// The bytes of a byte string.
    #[must_use]
    pub const fn as_bytes(&self) -> Option<&'a [u8]> {
        if let Self::Bytes(bytes) = self { Some(bytes) } else { None }
    }

    /// The text of a text string.
    #[must_use]
    pub const fn as_text(&self) -> Option<&'a str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    /// The value of an integer.
    #[must_use]
    pub const fn as_integer(&self) -> Option<i128> {
        if let Self::Integer(value) = self { Some(*value) } else { None }
    }
}

/// Entries that memory is asked for ahead. `count` is a claim, the entries are what there is: lists that claim more than they have end the
/// reading, and no more of them are open than may be nested.
const AHEAD: usize = 64;

/// Entries of a map up to which each key is compared with each before it; those of longer ones are sorted.
const COMPARED: usize = 8;

struct Parser<'a, 'l> {
    reader: Reader<'a>,
    limits: &'l Limits,
    items: usize,
    integers: Integers,
}

/// The first byte of an item and the argument that follows it (RFC 8949, 3).
struct Head {
    offset: usize,
    major: u8,
    info: u8,
    argument: u64,
}

impl<'a> Parser<'a, '_> {
    fn value(&mut self, depth: usize) -> Result<Value<'a>, Error> {
        let head = self.head()?;
        Ok(match head.major {
            0 => Value::Integer(i128::from(head.argument)),
            // -1 - n is the bitwise complement of n.
            1 => Value::Integer(!i128::from(head.argument)),
            2 => Value::Bytes(self.string(&head)?),
            3 => Value::Text(self.text(&head)?),
            4 => self.array(&head, depth)?,
            5 => self.map(&head, depth)?,
            6 => Value::Tag(head.argument, Box::new(self.value(self.deeper(&head, depth)?)?)),
            _ => self.simple(&head)?,
        })
    }

    fn array(&mut self, head: &Head, depth: usize) -> Result<Value<'a>, Error> {
        let depth = self.deeper(head, depth)?;
        let count = self.declared(head, 1)?;
        let mut items = Vec::with_capacity(count.min(AHEAD));
        for _ in 0..count {
            items.push(self.value(depth)?);
        }
        Ok(Value::Array(items))
    }

    fn map(&mut self, head: &Head, depth: usize) -> Result<Value<'a>, Error> {
        let depth = self.deeper(head, depth)?;
        let count = self.declared(head, 2)?;
        let mut entries: Vec<(Key<'a>, Value<'a>)> = Vec::with_capacity(count.min(AHEAD));
        // Most maps are too short for a list of their own to be worth it.
        let mut seen = Vec::new();
        for _ in 0..count {
            let offset = self.reader.offset();
            let key = self.key()?;
            if count > COMPARED {
                seen.push((key, offset));
            } else if entries.iter().any(|(other, _)| *other == key) {
                return Err(Error::DuplicateKey { offset });
            }
            entries.push((key, self.value(depth)?));
        }
        seen.sort_unstable();
        match seen.iter().zip(seen.iter().skip(1)).find(|((a, _), (b, _))| a == b) {
            Some((_, (_, offset))) => Err(Error::DuplicateKey { offset: *offset }),
            None => Ok(Value::Map(entries)),
        }
    }

    fn key(&mut self) -> Result<Key<'a>, Error> {
        let head = self.head()?;
        Ok(match head.major {
            0 => Key::Integer(i128::from(head.argument)),
            1 => Key::Integer(!i128::from(head.argument)),
            2 => Key::Bytes(self.string(&head)?),
            3 => Key::Text(self.text(&head)?),
            _ => return Err(Error::KeyTypeUnexpected { offset: head.offset }),
        })
    }

    fn string(&mut self, head: &Head) -> Result<&'a [u8], Error> {
        Ok(self.reader.bytes(usize::try_from(head.argument).unwrap_or(usize::MAX))?)
    }

    fn text(&mut self, head: &Head) -> Result<&'a str, Error> {
        let offset = self.reader.offset();
        core::str::from_utf8(self.string(head)?).map_err(|_| Error::TextNotUtf8 { offset })
    }

    fn simple(&self, head: &Head) -> Result<Value<'a>, Error> {
        let reserved = Error::ReservedEncoding { offset: head.offset };
        Ok(match head.info {
            20 => Value::Bool(false),
            21 => Value::Bool(true),
            22 => Value::Null,
            25 => Value::Float { width: 2, bits: head.argument },
            26 => Value::Float { width: 4, bits: head.argument },
            27 => Value::Float { width: 8, bits: head.argument },
            // Two bytes for a value below 32 are not well-formed (RFC 8949, 3.3).
            24 if head.argument < 32 => return Err(reserved),
            _ => Value::Simple(u8::try_from(head.argument).map_err(|_| reserved)?),
        })
    }

    /// Reads the head of the next item and counts the item.
    fn head(&mut self) -> Result<Head, Error> {
        let offset = self.reader.offset();
        self.items = self.items.saturating_add(1);
        if self.items > self.limits.items {
            return Err(Error::TooManyItems { offset, limit: self.limits.items });
        }
        let first = self.reader.u8()?;
        let (major, info) = (first >> 5, first & 0x1f);
        let (argument, least) = match info {
            0..=23 => (u64::from(info), 0),
            24 => (u64::from(self.reader.u8()?), 24),
            25 => (u64::from(self.reader.u16_be()?), 1 << 8),
            26 => (u64::from(self.reader.u32_be()?), 1 << 16),
            27 => (u64::from_be_bytes(self.reader.array()?), 1 << 32),
            31 if matches!(major, 2..=5 | 7) => return Err(Error::IndefiniteLength { offset }),
            _ => return Err(Error::ReservedEncoding { offset }),
        };
        // A tag's number stays minimal: it says what the bytes are, before any profile is known.
        let may_be_longer = major == 7 || (major != 6 && self.integers == Integers::AnyWidth);
        if argument < least && !may_be_longer {
            return Err(Error::NotMinimal { offset });
        }
        Ok(Head { offset, major, info, argument })
    }

    /// The declared number of entries of an array or map, refused at once if there are not enough bytes for them.
    fn declared(&self, head: &Head, bytes_each: usize) -> Result<usize, Error> {
        let count = usize::try_from(head.argument).unwrap_or(usize::MAX);
        let wanted = count.saturating_mul(bytes_each);
        let left = self.reader.rest().len();
        if wanted > left {
            return Err(Truncated { offset: self.reader.offset(), wanted, left }.into());
        }
        Ok(count)
    }

    fn deeper(&self, head: &Head, depth: usize) -> Result<usize, Error> {
        let limit = self.limits.nesting;
        if depth >= limit {
            return Err(Error::TooDeep { offset: head.offset, limit });
        }
        Ok(depth.saturating_add(1))
    }
}
