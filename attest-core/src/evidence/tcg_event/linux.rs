//! What boot loaders and the kernel's stub measure: GRUB, shim, systemd-boot, systemd-stub, EFI stub.

use core::fmt;

use super::Decoded;
use super::authenticated::after_prefix;
use super::firmware::looks_utf16;
use crate::evidence::text::{Hex, Utf8, Utf16};
use crate::reader::{Reader, len32};

/// The tag under which the kernel's EFI stub measures the initrd (Linux, drivers/firmware/efi/libstub/efistub.h).
pub const LINUX_INITRD: u32 = 0x8f3b_22ec;
/// The tag under which the kernel's EFI stub measures its command line.
pub const LOAD_OPTIONS: u32 = 0x8f3b_22ed;

/// An EV_EVENT_TAG (TCG_PCClientTaggedEvent): a number, and a name or data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tagged<'a> {
    /// Whose and what.
    pub id: u32,
    /// What stands under the tag.
    pub data: &'a [u8],
}

impl<'a> Tagged<'a> {
    /// The first tagged event in the data.
    pub(super) fn parse(data: &'a [u8]) -> Option<Self> {
        let mut reader = Reader::new(data);
        let id = reader.u32_le().ok()?;
        let size = len32(reader.u32_le().ok()?);
        Some(Self { id, data: reader.bytes(size).ok()? })
    }
}

impl fmt::Display for Tagged<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (units, odd) = self.data.as_chunks::<2>();
        let without_nul = self.data.strip_suffix(&[0]).unwrap_or(self.data);
        match self.id {
            LINUX_INITRD => f.write_str("initrd"),
            LOAD_OPTIONS => f.write_str("kernel command line"),
            _ => write!(f, "tag {:#010x}", self.id),
        }?;
        if self.data.is_empty() {
            Ok(())
        } else if without_nul.iter().all(|byte| byte.is_ascii_graphic() || *byte == b' ') {
            write!(f, " ({})", Utf8(self.data))
        } else if odd.is_empty() && looks_utf16(units) {
            write!(f, " ({})", Utf16(self.data))
        } else {
            write!(f, " ({})", Hex(self.data))
        }
    }
}

/// The variables that shim measures into PCR 14 by contents.
const MOK: [&[u8]; 10] = [
    b"MokList",
    b"MokListX",
    b"MokSBState",
    b"MokDBState",
    b"MokIgnoreDB",
    b"MokListTrusted",
    b"MokPolicy",
    b"HSIStatus",
    b"SbatLevel",
    b"MokListTrustedRT",
];

/// An EV_IPL by its contents: everyone uses this type.
pub(super) fn ipl(pcr: u32, data: &[u8]) -> Decoded<'_> {
    let text = Utf8(data);
    let (units, odd) = data.as_chunks::<2>();
    if let Some(after) = after_prefix(data) {
        let is_kernel = data.starts_with(b"kernel_") || data.starts_with(b"grub_kernel_");
        return if is_kernel {
            Decoded::KernelCmdline(Utf8(after))
        } else {
            Decoded::GrubCommand(Utf8(after))
        };
    }
    if MOK.contains(&text.bytes()) {
        return Decoded::Mok(text);
    }
    if odd.is_empty() && looks_utf16(units) {
        let is_section = units.first() == Some(&[b'.', 0]) && matches!(pcr, 3 | 11);
        return if is_section {
            Decoded::StubSection(Utf16(data))
        } else {
            Decoded::LoadOptions(Utf16(data))
        };
    }
    // PCR 9, and the register of a confidential virtual machine that serves it.
    let is_path = matches!(text.bytes(), [b'/' | b'(' | b'\\', ..]);
    if (pcr == 9 || (pcr == 3 && is_path)) && !text.bytes().is_empty() {
        return Decoded::GrubFile(text);
    }
    Decoded::Raw(data)
}
