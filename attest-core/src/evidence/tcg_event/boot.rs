//! Images that the firmware loaded, and boot options.

use core::fmt;

use super::device_path::DevicePath;
use crate::evidence::text::Utf16;
use crate::reader::Reader;

/// A loaded image (TCG PC Client Platform Firmware Profile, UEFI_IMAGE_LOAD_EVENT).
///
/// Nothing in it is covered by the digest, which is the image's Authenticode hash; the location differs at every boot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImageLoad<'a> {
    /// Where in memory.
    pub location: u64,
    /// Bytes in memory.
    pub length: u64,
    /// The address that the image was linked for.
    pub link_address: u64,
    /// From where it was loaded; empty where the loader does not tell (shim's second measurement of a kernel).
    pub device_path: DevicePath<'a>,
}

impl<'a> ImageLoad<'a> {
    /// The event in these bytes, if the lengths fit.
    #[must_use]
    pub fn parse(data: &'a [u8]) -> Option<Self> {
        let mut reader = Reader::new(data);
        let location = reader.u64_le().ok()?;
        let length = reader.u64_le().ok()?;
        let link_address = reader.u64_le().ok()?;
        let path_len = usize::try_from(reader.u64_le().ok()?).ok()?;
        let device_path = DevicePath(reader.bytes(path_len).ok()?);
        Some(Self { location, length, link_address, device_path })
    }
}

impl fmt::Display for ImageLoad<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.device_path.0.is_empty() {
            return write!(f, "an image of {} bytes, its path is not told", self.length);
        }
        write!(f, "{}, {} bytes", self.device_path, self.length)
    }
}

/// A boot option (UEFI 2.10, 3.1.3, EFI_LOAD_OPTION).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoadOption<'a> {
    /// LOAD_OPTION_ACTIVE is bit 0.
    pub attributes: u32,
    /// What the boot menu shows.
    pub description: Utf16<'a>,
    /// What it starts.
    pub path: DevicePath<'a>,
    /// What it hands over.
    pub optional_data: &'a [u8],
}

impl<'a> LoadOption<'a> {
    /// The option in a variable's contents, if the lengths fit.
    #[must_use]
    pub fn parse(data: &'a [u8]) -> Option<Self> {
        let mut reader = Reader::new(data);
        let attributes = reader.u32_le().ok()?;
        let path_len = usize::from(reader.u16_le().ok()?);
        let (units, _) = reader.rest().as_chunks::<2>();
        let nul = units.iter().position(|unit| *unit == [0, 0])?;
        let description = reader.bytes(nul.checked_add(1)?.checked_mul(2)?).ok()?;
        let path = DevicePath(reader.bytes(path_len).ok()?);
        Some(Self { attributes, description: Utf16(description), path, optional_data: reader.rest() })
    }
}

/// A boot option without what names one disk: in its path's nodes for a GPT partition (UEFI 2.10, 10.3.5.1) the partition's first block,
/// size and GUID are zeros. All else stays: attributes, description, the rest of the path, the partition's number, the data.
///
/// `None` unless every byte belongs to the option and its paths end as they must.
#[must_use]
pub fn option_without_disk(data: &[u8]) -> Option<Vec<u8>> {
    let option = LoadOption::parse(data)?;
    let head = data.len().checked_sub(option.path.0.len())?.checked_sub(option.optional_data.len())?;
    let mut bytes = data.get(..head)?.to_vec();
    let mut reader = Reader::new(option.path.0);
    let mut ended = false;
    while !reader.is_empty() {
        let [kind, subkind] = reader.array().ok()?;
        let len = reader.u16_le().ok()?;
        let node = reader.bytes(usize::from(len).checked_sub(4)?).ok()?;
        // A list of paths, each of which may have several instances (UEFI 2.10, 3.1.3 and 10.3.1).
        ended = (kind, subkind) == END_ENTIRE;
        if kind == END && !(node.is_empty() && matches!((kind, subkind), END_ENTIRE | END_INSTANCE)) {
            return None;
        }
        bytes.extend([kind, subkind]);
        bytes.extend(len.to_le_bytes());
        match node {
            [number @ .., _, _] if (kind, subkind) == HARD_DRIVE && node.ends_with(&GPT_AND_GUID) => {
                let (number, disk) = number.split_first_chunk::<4>()?;
                // First block, size, GUID.
                if disk.len() != 32 {
                    return None;
                }
                bytes.extend(number);
                bytes.extend([0; 32]);
                bytes.extend(GPT_AND_GUID);
            }
            other => bytes.extend(other),
        }
    }
    bytes.extend(option.optional_data);
    ended.then_some(bytes)
}

const END: u8 = 0x7f;
const END_ENTIRE: (u8, u8) = (END, 0xff);
const END_INSTANCE: (u8, u8) = (END, 1);
const HARD_DRIVE: (u8, u8) = (4, 1);
/// Partition format 2, signature type 2.
const GPT_AND_GUID: [u8; 2] = [2, 2];

impl fmt::Display for LoadOption<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\" {}", self.description, self.path)?;
        match self.optional_data.len() {
            0 => Ok(()),
            len => write!(f, " and {len} bytes of data"),
        }
    }
}

#[cfg(test)]
#[path = "boot/tests.rs"]
mod tests;
