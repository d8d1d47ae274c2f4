//! Firmware code, versions, tables.

use core::fmt;

use super::guid::Guid;
use crate::evidence::text::{Hex, Pieces, Utf8, Utf16};
use crate::reader::Reader;

/// A piece of firmware, told by where it lies (TCG PC Client Platform Firmware Profile, UEFI_PLATFORM_FIRMWARE_BLOB
/// and UEFI_PLATFORM_FIRMWARE_BLOB2). The digest is that of its contents, which are not in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FirmwareBlob<'a> {
    /// What it is, where the event says it.
    pub description: Utf8<'a>,
    /// Its address.
    pub base: u64,
    /// Bytes.
    pub length: u64,
}

impl<'a> FirmwareBlob<'a> {
    /// Without a description.
    pub(super) fn parse(data: &'a [u8]) -> Option<Self> {
        Self::fields(Reader::new(data), Utf8(&[]))
    }

    /// With a description in front.
    pub(super) fn parse2(data: &'a [u8]) -> Option<Self> {
        let (reader, description) = described(data)?;
        Self::fields(reader, description)
    }

    fn fields(mut reader: Reader<'a>, description: Utf8<'a>) -> Option<Self> {
        let (base, length) = (reader.u64_le().ok()?, reader.u64_le().ok()?);
        reader.is_empty().then_some(Self { description, base, length })
    }
}

impl fmt::Display for FirmwareBlob<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.description.bytes().is_empty() {
            write!(f, "{}, ", self.description)?;
        }
        write!(f, "{} bytes at {:#x}", self.length, self.base)
    }
}

/// The description in front of the second forms, after its length in one byte, and what follows it.
fn described(data: &[u8]) -> Option<(Reader<'_>, Utf8<'_>)> {
    let mut reader = Reader::new(data);
    let len = usize::from(reader.u8().ok()?);
    let description = Utf8(reader.bytes(len).ok()?);
    Some((reader, description))
}

/// Tables that the firmware hands over, by GUID (UEFI_HANDOFF_TABLE_POINTERS and its second form).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HandoffTables<'a> {
    /// What they are, where the event says it.
    pub description: Utf8<'a>,
    tables: &'a [u8],
}

impl<'a> HandoffTables<'a> {
    pub(super) fn parse(data: &'a [u8]) -> Option<Self> {
        Self::fields(Reader::new(data), Utf8(&[]))
    }

    pub(super) fn parse2(data: &'a [u8]) -> Option<Self> {
        let (reader, description) = described(data)?;
        Self::fields(reader, description)
    }

    fn fields(mut reader: Reader<'a>, description: Utf8<'a>) -> Option<Self> {
        let count = usize::try_from(reader.u64_le().ok()?).ok()?;
        let tables = reader.bytes(count.checked_mul(24)?).ok()?;
        Some(Self { description, tables })
    }

    /// The GUIDs of the tables.
    pub fn guids(&self) -> impl Iterator<Item = Guid> + use<'a> {
        let (tables, _) = self.tables.as_chunks::<24>();
        tables.iter().filter_map(|table| table.first_chunk().copied().map(Guid))
    }
}

impl fmt::Display for HandoffTables<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("tables")?;
        if !self.description.bytes().is_empty() {
            write!(f, " {}", self.description)?;
        }
        let mut out = Pieces::new(f);
        for guid in self.guids() {
            out.few(*b" ")?;
            guid.write(&mut out)?;
        }
        out.flush()
    }
}

/// Text in an encoding that the specification leaves open: UTF-16, ASCII or plain bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FreeText<'a>(pub &'a [u8]);

impl fmt::Display for FreeText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_text = |byte: &u8| byte.is_ascii_graphic() || *byte == b' ';
        let without_nul = self.0.strip_suffix(&[0]).unwrap_or(self.0);
        let (units, odd) = self.0.as_chunks::<2>();
        match self.0 {
            [] | [0, 0] => f.write_str("(empty)"),
            _ if without_nul.iter().all(is_text) => write!(f, "{}", Utf8(self.0)),
            _ if odd.is_empty() && looks_utf16(units) => write!(f, "{}", Utf16(self.0)),
            data if data.len() == 16 => match data.first_chunk() {
                Some(guid) => write!(f, "{}", Guid(*guid)),
                None => Ok(()),
            },
            data => write!(f, "{}", Hex(data)),
        }
    }
}

/// Whether it is Latin text in UTF-16, which is all that firmware versions and command lines are made of.
pub(super) fn looks_utf16(units: &[[u8; 2]]) -> bool {
    let text = match units {
        [text @ .., [0, 0]] => text,
        text => text,
    };
    let is_text =
        |[low, high]: &[u8; 2]| *high == 0 && (low.is_ascii_graphic() || *low == b' ' || *low >= 0xa0);
    !text.is_empty() && text.iter().all(is_text)
}
