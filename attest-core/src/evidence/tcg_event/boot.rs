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

impl fmt::Display for LoadOption<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\" {}", self.description, self.path)?;
        match self.optional_data.len() {
            0 => Ok(()),
            len => write!(f, " and {len} bytes of data"),
        }
    }
}
