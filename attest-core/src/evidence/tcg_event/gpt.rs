//! The partition table as the firmware measured it.

use core::fmt;
use core::str::FromStr;

use super::guid::{Guid, NotAGuid};
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

/// What a partition is, whichever disk it is on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionUse {
    /// What it is for.
    pub kind: Guid,
    /// Attribute bits.
    pub attributes: u64,
    /// Its name; it displays as itself alone.
    pub name: String,
}

/// The partitions of a table that is sound to its last byte, in its order (UEFI 2.10, 5.3.2 and 5.3.3). `None` for any other.
///
/// The header's checksum is that of the header, nothing reserved is set, every partition is in use, in the usable area and ends after it
/// begins, and a name ends with zeros. The checksum of the entries cannot be checked: the firmware measures only those in use.
#[must_use]
pub fn partition_uses(data: &[u8]) -> Option<Vec<PartitionUse>> {
    let gpt = Gpt::parse(data)?;
    let (header, _) = data.split_first_chunk::<HEADER>()?;
    let mut reader = Reader::new(header);
    reader.bytes(8).ok()?;
    let (revision, size) = (reader.u32_le().ok()?, reader.u32_le().ok()?);
    let (checksum, reserved) = (reader.u32_le().ok()?, reader.u32_le().ok()?);
    let (own_block, _other_header) = (reader.u64_le().ok()?, reader.u64_le().ok()?);
    let (first_usable, last_usable) = (reader.u64_le().ok()?, reader.u64_le().ok()?);
    reader.bytes(16).ok()?;
    let _table_block = reader.u64_le().ok()?;
    let most = len32(reader.u32_le().ok()?);
    let is_header = revision == 0x0001_0000 && len32(size) == HEADER && reserved == 0 && own_block == 1;
    let count = gpt.entries.len().checked_div(gpt.entry_size)?;
    if !is_header || crc32_of_header(header) != checksum || count > most {
        return None;
    }
    let mut uses = Vec::new();
    for (partition, entry) in gpt.partitions().zip(gpt.entries.chunks_exact(gpt.entry_size)) {
        let is_in_area = first_usable <= partition.first_lba && partition.last_lba <= last_usable;
        let is_zero = |bytes: &[u8]| bytes.iter().all(|byte| *byte == 0);
        let name_len = partition.name.units().count().checked_mul(2)?;
        if partition.kind == Guid([0; 16])
            || !is_in_area
            || partition.first_lba > partition.last_lba
            || !is_zero(partition.name.0.get(name_len..)?)
            || !is_zero(entry.get(ENTRY..)?)
        {
            return None;
        }
        let name = partition.name.to_string();
        uses.push(PartitionUse { kind: partition.kind, attributes: partition.attributes, name });
    }
    Some(uses)
}

/// EFI_PARTITION_TABLE_HEADER without what is reserved behind it.
const HEADER: usize = 92;
/// EFI_PARTITION_ENTRY.
const ENTRY: usize = 128;

/// The CRC-32 that UEFI uses (UEFI 2.10, 5.3.2, HeaderCRC32) of the header, its own field taken as zero.
fn crc32_of_header(header: &[u8; HEADER]) -> u32 {
    let bytes = header.iter().enumerate().map(|(at, byte)| if (16..20).contains(&at) { 0 } else { *byte });
    !bytes.fold(u32::MAX, |crc, byte| {
        (0..8).fold(
            crc ^ u32::from(byte),
            |crc, _| {
                if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 }
            },
        )
    })
}

/// Type, attributes in hexadecimal, name.
impl fmt::Display for PartitionUse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:016x} {}", self.kind, self.attributes, self.name)
    }
}

impl FromStr for PartitionUse {
    type Err = NotAGuid;

    fn from_str(text: &str) -> Result<Self, NotAGuid> {
        let mut parts = text.splitn(3, ' ');
        let mut next = || parts.next().ok_or(NotAGuid);
        let (kind, attributes, name) = (next()?.parse()?, next()?, next()?.to_owned());
        let attributes = u64::from_str_radix(attributes, 16).map_err(|_| NotAGuid)?;
        let read = Self { kind, attributes, name };
        if read.to_string() == text { Ok(read) } else { Err(NotAGuid) }
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

#[cfg(test)]
#[path = "gpt/tests.rs"]
mod tests;
