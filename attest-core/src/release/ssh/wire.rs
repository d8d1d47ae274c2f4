//! The data types of the SSH protocol (RFC 4251, section 5), each in its one encoding.

use crate::reader::{Reader, Truncated, len32};

/// Why bytes are not what stands in that place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An mpint below zero; none of the numbers here can be.
    #[error("the number at offset {offset} is negative")]
    MpintNegative {
        /// Where it begins.
        offset: usize,
    },
    /// An mpint with a leading zero that it does not need.
    #[error("the number at offset {offset} is longer than it must be")]
    MpintNotMinimal {
        /// Where it begins.
        offset: usize,
    },
    /// Text that is not printable ASCII.
    #[error("the text at offset {offset} is not printable ASCII")]
    TextNotPrintable {
        /// Where it begins.
        offset: usize,
    },
    /// Bytes follow.
    #[error("{count} bytes follow at offset {offset}")]
    TrailingBytes {
        /// Where they begin.
        offset: usize,
        /// How many.
        count: usize,
    },
    /// The bytes end too early.
    #[error(transparent)]
    Truncated(#[from] Truncated),
}

impl Error {
    /// Stable name of this fact.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::MpintNegative { .. } => "ssh_mpint_negative",
            Self::MpintNotMinimal { .. } => "ssh_mpint_not_minimal",
            Self::TextNotPrintable { .. } => "ssh_text_not_printable",
            Self::TrailingBytes { .. } => "ssh_trailing_bytes",
            Self::Truncated(_) => "ssh_truncated",
        }
    }
}

/// A string: four bytes of length, and so many bytes. What comes back knows its offset.
pub(super) fn string<'a>(reader: &mut Reader<'a>) -> Result<Reader<'a>, Error> {
    let len = len32(reader.u32_be()?);
    let offset = reader.offset();
    Ok(Reader::at(reader.bytes(len)?, offset))
}

/// A string that is a name: printable ASCII (RFC 4251, section 6).
pub(super) fn text<'a>(reader: &mut Reader<'a>) -> Result<&'a str, Error> {
    let string = string(reader)?;
    printable(string.rest()).ok_or(Error::TextNotPrintable { offset: string.offset() })
}

/// The text, if it is printable ASCII.
pub(super) fn printable(bytes: &[u8]) -> Option<&str> {
    let is_printable = bytes.iter().all(|byte| matches!(byte, b' '..=b'~'));
    core::str::from_utf8(bytes).ok().filter(|_| is_printable)
}

/// An mpint that is not negative: its big-endian bytes without a leading zero, none for 0.
pub(super) fn unsigned<'a>(reader: &mut Reader<'a>) -> Result<&'a [u8], Error> {
    let string = string(reader)?;
    let offset = string.offset();
    match string.rest() {
        [0, rest @ ..] if rest.first().is_some_and(|first| *first >= 0x80) => Ok(rest),
        [0, ..] => Err(Error::MpintNotMinimal { offset }),
        [first, ..] if *first >= 0x80 => Err(Error::MpintNegative { offset }),
        number => Ok(number),
    }
}

/// All was read.
pub(super) fn finished(reader: &Reader<'_>) -> Result<(), Error> {
    match reader.rest().len() {
        0 => Ok(()),
        count => Err(Error::TrailingBytes { offset: reader.offset(), count }),
    }
}

/// Appends a string.
pub(super) fn put(out: &mut Vec<u8>, bytes: &[u8]) {
    // What is longer than four bytes can tell does not exist here: everything that is put was read within limits.
    out.extend(u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes());
    out.extend_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_its_own_and_stable() {
        let offset = 7;
        for (error, code) in [
            (Error::MpintNegative { offset }, "ssh_mpint_negative"),
            (Error::MpintNotMinimal { offset }, "ssh_mpint_not_minimal"),
            (Error::TextNotPrintable { offset }, "ssh_text_not_printable"),
            (Error::TrailingBytes { offset, count: 1 }, "ssh_trailing_bytes"),
            (Error::Truncated(Truncated { offset, wanted: 2, left: 1 }), "ssh_truncated"),
        ] {
            assert_eq!(error.code(), code, "{error}");
        }
    }
}
