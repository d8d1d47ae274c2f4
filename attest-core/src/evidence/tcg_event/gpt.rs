//! The partition table as the firmware measured it.

use core::fmt;

use super::guid::Guid;
use crate::evidence::text::Utf16;
use crate::reader::{Reader, len32};

/// A GUID partition table (TCG PC Client Platform Firmware Profile, UEFI_GPT_DATA; UEFI 2.10, 5.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gpt<'a> {
    /// The disk's own GUID.
    pub disk: Guid,
    entry_size: usize,
    entries: &'a [u8],
}

/// One partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Partition<'a> {
    /// What it is for.
    pub kind: Guid,
    /// Its own GUID.
    pub unique: Guid,
    /// Its first block.
    pub first_lba: u64,
    /// Its last block, included.
    pub last_lba: u64,
    /// Attribute bits.
    pub attributes: u64,
    /// Its name, UTF-16.
    pub name: Utf16<'a>,
}

impl<'a> Gpt<'a> {
    /// The table in an event's data, if every byte of it belongs to the table.
    #[must_use]
    pub fn parse(data: &'a [u8]) -> Option<Self> {
        let mut reader = Reader::new(data);
        if reader.bytes(8).ok()? != b"EFI PART" {
            return None;
        }
        // Revision, header size, two checksums, and the blocks of both headers and of the usable area.
        reader.bytes(48).ok()?;
        let disk = Guid(reader.array().ok()?);
        // The block of the table and how many entries it has, used or not.
        reader.bytes(12).ok()?;
        let entry_size = len32(reader.u32_le().ok()?);
        reader.bytes(4).ok()?;
        let count = usize::try_from(reader.u64_le().ok()?).ok()?;
        let entries = reader.bytes(count.checked_mul(entry_size)?).ok()?;
        (entry_size >= 128 && reader.is_empty()).then_some(Self { disk, entry_size, entries })
    }

    /// The partitions in use.
    pub fn partitions(&self) -> impl Iterator<Item = Partition<'a>> + use<'a> {
        self.entries.chunks_exact(self.entry_size).filter_map(|entry| {
            let mut reader = Reader::new(entry);
            Some(Partition {
                kind: Guid(reader.array().ok()?),
                unique: Guid(reader.array().ok()?),
                first_lba: reader.u64_le().ok()?,
                last_lba: reader.u64_le().ok()?,
                attributes: reader.u64_le().ok()?,
                name: Utf16(reader.bytes(72).ok()?),
            })
        })
    }
}

impl fmt::Display for Gpt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "disk {}", self.disk)?;
        for partition in self.partitions() {
            write!(f, ", \"{}\" {}", partition.name, partition.unique)?;
        }
        Ok(())
    }
}
