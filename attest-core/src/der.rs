//! A reader for DER (X.690): only definite, shortest lengths exist for it, so one value has one encoding.

use crate::reader::{Reader, Truncated};

/// INTEGER.
pub(crate) const INTEGER: u8 = 0x02;
/// BOOLEAN.
pub(crate) const BOOLEAN: u8 = 0x01;
/// BIT STRING.
pub(crate) const BIT_STRING: u8 = 0x03;
/// OCTET STRING.
pub(crate) const OCTET_STRING: u8 = 0x04;
/// NULL.
pub(crate) const NULL: u8 = 0x05;
/// OBJECT IDENTIFIER.
pub(crate) const OID: u8 = 0x06;
/// SEQUENCE.
pub(crate) const SEQUENCE: u8 = 0x30;

/// SET.
pub(crate) const SET: u8 = 0x31;

/// Why bytes are not DER, or not the DER asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Error {
    #[error("length at offset {offset} is indefinite, too large or not the shortest")]
    Length { offset: usize },
    #[error("tag {got:#04x} at offset {offset} instead of {wanted:#04x}")]
    Tag { offset: usize, wanted: u8, got: u8 },
    #[error("{count} bytes follow at offset {offset}")]
    Trailing { offset: usize, count: usize },
    #[error(transparent)]
    Truncated(#[from] Truncated),
    #[error("value at offset {offset} is not a DER value of its type")]
    Value { offset: usize },
}

impl Error {
    /// Where it is, in bytes from the start of the input.
    pub(crate) const fn offset(self) -> usize {
        match self {
            Self::Length { offset }
            | Self::Tag { offset, .. }
            | Self::Trailing { offset, .. }
            | Self::Truncated(Truncated { offset, .. })
            | Self::Value { offset } => offset,
        }
    }
}

/// The values of one constructed value, in order.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Der<'a>(Reader<'a>);

/// One value.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tlv<'a> {
    pub(crate) tag: u8,
    /// Where the content begins.
    pub(crate) offset: usize,
    pub(crate) content: &'a [u8],
    /// Tag, length and content.
    pub(crate) whole: &'a [u8],
}

impl<'a> Tlv<'a> {
    /// The values inside.
    pub(crate) const fn inside(self) -> Der<'a> {
        Der(Reader::at(self.content, self.offset))
    }
}

impl<'a> Der<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self(Reader::new(bytes))
    }

    /// The one value that fills `bytes`, with this tag.
    pub(crate) fn only(bytes: &'a [u8], tag: u8) -> Result<Tlv<'a>, Error> {
        let mut der = Self::new(bytes);
        let value = der.expect(tag)?;
        der.finished()?;
        Ok(value)
    }

    /// The one value inside another, with this tag.
    pub(crate) fn only_at(outer: Tlv<'a>, tag: u8) -> Result<Tlv<'a>, Error> {
        let mut der = outer.inside();
        let value = der.expect(tag)?;
        der.finished()?;
        Ok(value)
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The next value, of whatever tag. Tags of more than one byte are not known here.
    pub(crate) fn next(&mut self) -> Result<Tlv<'a>, Error> {
        let (start, from) = (self.0.offset(), self.0.rest());
        let tag = self.0.u8()?;
        if tag & 0x1f == 0x1f {
            return Err(Error::Tag { offset: start, wanted: 0, got: tag });
        }
        let len = self.length()?;
        let offset = self.0.offset();
        let content = self.0.bytes(len)?;
        let taken = self.0.offset().saturating_sub(start);
        Ok(Tlv { tag, offset, content, whole: from.get(..taken).unwrap_or_default() })
    }

    /// The next value, which must have this tag.
    pub(crate) fn expect(&mut self, tag: u8) -> Result<Tlv<'a>, Error> {
        let offset = self.0.offset();
        let value = self.next()?;
        if value.tag != tag {
            return Err(Error::Tag { offset, wanted: tag, got: value.tag });
        }
        Ok(value)
    }

    /// The next value if it has this tag.
    pub(crate) fn optional(&mut self, tag: u8) -> Result<Option<Tlv<'a>>, Error> {
        if self.0.rest().first() == Some(&tag) { self.next().map(Some) } else { Ok(None) }
    }

    /// The next value, an INTEGER that is not negative, as its big-endian bytes without a leading zero; empty for 0.
    pub(crate) fn unsigned(&mut self) -> Result<&'a [u8], Error> {
        let value = self.expect(INTEGER)?;
        match value.content {
            [0] => Ok(&[]),
            [0, rest @ ..] if rest.first().is_some_and(|first| *first >= 0x80) => Ok(rest),
            [first, ..] if (1..0x80).contains(first) => Ok(value.content),
            _ => Err(Error::Value { offset: value.offset }),
        }
    }

    /// The next value, a BIT STRING of whole bytes.
    pub(crate) fn bit_string(&mut self) -> Result<&'a [u8], Error> {
        let value = self.expect(BIT_STRING)?;
        match value.content {
            [0, bytes @ ..] => Ok(bytes),
            _ => Err(Error::Value { offset: value.offset }),
        }
    }

    pub(crate) fn finished(&self) -> Result<(), Error> {
        match self.0.rest().len() {
            0 => Ok(()),
            count => Err(Error::Trailing { offset: self.0.offset(), count }),
        }
    }

    fn length(&mut self) -> Result<usize, Error> {
        let error = Error::Length { offset: self.0.offset() };
        let (len, least) = match self.0.u8()? {
            short @ 0..=0x7f => return Ok(usize::from(short)),
            0x81 => (usize::from(self.0.u8()?), 0x80),
            0x82 => (usize::from(self.0.u16_be()?), 0x100),
            _ => return Err(error),
        };
        if len < least { Err(error) } else { Ok(len) }
    }
}

/// The value of this tag and content, at most 65,535 bytes.
pub(crate) fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut out = vec![tag];
    let [.., high, low] = content.len().to_be_bytes();
    match (high, low) {
        (0, 0..=0x7f) => out.push(low),
        (0, _) => out.extend([0x81, low]),
        _ => out.extend([0x82, high, low]),
    }
    out.extend_from_slice(content);
    out
}

/// An INTEGER from the big-endian bytes of a number that is not negative.
pub(crate) fn unsigned(number: &[u8]) -> Vec<u8> {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    let digits = number.get(zeros..).unwrap_or_default();
    // A leading zero keeps the number from reading as negative, and stands alone for 0.
    let zero: &[u8] = if digits.first().is_none_or(|first| *first >= 0x80) { &[0] } else { &[] };
    tlv(INTEGER, &[zero, digits].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_value_has_one_encoding() {
        assert_eq!(Der::only(&[4, 1, 9], 4).unwrap().content, [9]);
        assert_eq!(Der::new(&[4, 0x80, 0, 0]).next().unwrap_err(), Error::Length { offset: 1 });
        assert_eq!(Der::new(&[4, 0x81, 1, 9]).next().unwrap_err(), Error::Length { offset: 1 });
        assert_eq!(Der::new(&[4, 0x82, 0, 1, 9]).next().unwrap_err(), Error::Length { offset: 1 });
        assert_eq!(Der::only(&[4, 1, 9, 0], 4).unwrap_err(), Error::Trailing { offset: 3, count: 1 });
        assert!(matches!(Der::new(&[4, 2, 9]).next(), Err(Error::Truncated(_))));
    }

    #[test]
    fn what_is_written_is_read() {
        for len in [0, 1, 0x7f, 0x80, 0xff, 0x100, 0x1234] {
            let content = vec![7; len];
            assert_eq!(Der::only(&tlv(OCTET_STRING, &content), OCTET_STRING).unwrap().content, content);
        }
        for number in [&[][..], &[0, 0], &[1], &[0x7f], &[0x80], &[0, 0xff, 1]] {
            let digits: Vec<u8> = number.iter().copied().skip_while(|byte| *byte == 0).collect();
            assert_eq!(Der::new(&unsigned(number)).unsigned(), Ok(&digits[..]));
        }
    }

    #[test]
    fn integers_are_minimal_and_not_negative() {
        let read = |bytes: &'static [u8]| Der::new(bytes).unsigned();
        assert_eq!(read(&[2, 1, 0]), Ok(&[][..]));
        assert_eq!(read(&[2, 2, 0, 0x80]), Ok(&[0x80][..]));
        assert_eq!(read(&[2, 2, 0, 0x7f]), Err(Error::Value { offset: 2 }));
        assert_eq!(read(&[2, 1, 0x80]), Err(Error::Value { offset: 2 }));
        assert_eq!(read(&[2, 0]), Err(Error::Value { offset: 2 }));
    }
}
