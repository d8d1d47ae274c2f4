//! Device paths as text.

use core::fmt;

use super::guid::Guid;
use crate::evidence::text::{Hex, Utf8, Utf16};
use crate::reader::{Reader, Truncated};

/// A device path: nodes of type, subtype, length and data (UEFI 2.10, chapter 10).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DevicePath<'a>(pub &'a [u8]);

/// One node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Node<'a> {
    /// Hardware 1, ACPI 2, messaging 3, media 4, BIOS boot 5, end 0x7f.
    pub kind: u8,
    /// What of that kind.
    pub subkind: u8,
    /// Without the four bytes of its header.
    pub data: &'a [u8],
}

impl<'a> DevicePath<'a> {
    /// Its nodes; stops at the first that does not fit.
    pub fn nodes(&self) -> impl Iterator<Item = Node<'a>> + use<'a> {
        let mut reader = Reader::new(self.0);
        core::iter::from_fn(move || {
            let [kind, subkind] = reader.array().ok()?;
            let len = usize::from(reader.u16_le().ok()?).checked_sub(4)?;
            let data = reader.bytes(len).ok()?;
            Some(Node { kind, subkind, data })
        })
    }

    /// The last file in it, UTF-16: `\EFI\BOOT\BOOTX64.EFI`.
    #[must_use]
    pub fn file(&self) -> Option<Utf16<'a>> {
        let files = self.nodes().filter(|node| (node.kind, node.subkind) == (4, 4));
        files.last().map(|node| Utf16(node.data))
    }
}

/// In the style of UEFI's text representation (UEFI 2.10, 10.6); nodes unknown here as `Path(type,subtype,hex)`.
impl fmt::Display for DevicePath<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        let mut len = 0_usize;
        for node in self.nodes() {
            len = len.saturating_add(node.data.len()).saturating_add(4);
            if node.kind == 0x7f {
                separator = if node.subkind == 1 { "," } else { separator };
                continue;
            }
            write!(f, "{separator}")?;
            if node.text(f).is_err() {
                write!(f, "Path({},{},{})", node.kind, node.subkind, Hex(node.data))?;
            }
            separator = "/";
        }
        if len == self.0.len() { Ok(()) } else { f.write_str("…") }
    }
}

/// The node's data is not what its type says, or the sink is full.
struct Unreadable;

impl From<Truncated> for Unreadable {
    fn from(_: Truncated) -> Self {
        Self
    }
}

impl From<fmt::Error> for Unreadable {
    fn from(_: fmt::Error) -> Self {
        Self
    }
}

impl Node<'_> {
    fn text(&self, f: &mut fmt::Formatter<'_>) -> Result<(), Unreadable> {
        let mut data = Reader::new(self.data);
        // Every field is read before anything is written, so that an unreadable node leaves no half of itself.
        match (self.kind, self.subkind) {
            (1, 1) => {
                let [function, device] = data.array()?;
                write!(f, "Pci({device:#x},{function:#x})")?;
            }
            (1, 3) => {
                let (kind, start, end) = (data.u32_le()?, data.u64_le()?, data.u64_le()?);
                write!(f, "MemoryMapped({kind:#x},{start:#x},{end:#x})")?;
            }
            (1 | 3 | 4, 3 | 4 | 10) if matches!((self.kind, self.subkind), (1, 4) | (3, 10) | (4, 3)) => {
                let guid = Guid(data.array()?);
                let kind = match self.kind {
                    1 => "Hw",
                    3 => "Msg",
                    _ => "Media",
                };
                write!(f, "Ven{kind}({guid}")?;
                if !data.is_empty() {
                    write!(f, ",{}", Hex(data.rest()))?;
                }
                write!(f, ")")?;
            }
            (2, 1) => {
                let (hid, uid) = (data.u32_le()?, data.u32_le()?);
                match hid {
                    0x0a03_41d0 => write!(f, "PciRoot({uid:#x})")?,
                    0x0a08_41d0 => write!(f, "PcieRoot({uid:#x})")?,
                    _ => write!(f, "Acpi({hid:#010x},{uid:#x})")?,
                }
            }
            (3, _) => self.messaging(f, data)?,
            (4, _) => self.media(f, data)?,
            _ => return Err(Unreadable),
        }
        Ok(())
    }

    fn messaging(&self, f: &mut fmt::Formatter<'_>, mut data: Reader<'_>) -> Result<(), Unreadable> {
        match self.subkind {
            1 => {
                let ([primary, slave], lun) = (data.array()?, data.u16_le()?);
                write!(f, "Ata({primary},{slave},{lun})")?;
            }
            2 => {
                let (target, lun) = (data.u16_le()?, data.u16_le()?);
                write!(f, "Scsi({target:#x},{lun:#x})")?;
            }
            5 => {
                let [port, interface] = data.array()?;
                write!(f, "USB({port:#x},{interface:#x})")?;
            }
            11 => {
                let (address, kind) = (data.bytes(32)?, *data.bytes(1)?.first().ok_or(Unreadable)?);
                write!(f, "MAC({},{kind:#x})", Hex(address.get(..6).unwrap_or_default()))?;
            }
            12 => write!(f, "IPv4({})", Hex(self.data))?,
            13 => write!(f, "IPv6({})", Hex(self.data))?,
            18 => {
                let (port, multiplier, lun) = (data.u16_le()?, data.u16_le()?, data.u16_le()?);
                write!(f, "Sata({port:#x},{multiplier:#x},{lun:#x})")?;
            }
            23 => {
                let (namespace, id) = (data.u32_le()?, data.u64_be()?);
                write!(f, "NVMe({namespace:#x},{id:016x})")?;
            }
            24 => write!(f, "Uri({})", Utf8(self.data))?,
            _ => return Err(Unreadable),
        }
        Ok(())
    }

    fn media(&self, f: &mut fmt::Formatter<'_>, mut data: Reader<'_>) -> Result<(), Unreadable> {
        match self.subkind {
            1 => {
                let (number, start, size) = (data.u32_le()?, data.u64_le()?, data.u64_le()?);
                let signature: [u8; 16] = data.array()?;
                let [_format, kind] = data.array()?;
                match kind {
                    2 => write!(f, "HD({number},GPT,{},{start:#x},{size:#x})", Guid(signature))?,
                    _ => write!(f, "HD({number},MBR,{},{start:#x},{size:#x})", Hex(&signature))?,
                }
            }
            2 => {
                let (entry, start, size) = (data.u32_le()?, data.u64_le()?, data.u64_le()?);
                write!(f, "CDROM({entry:#x},{start:#x},{size:#x})")?;
            }
            4 => write!(f, "{}", Utf16(self.data))?,
            6 => write!(f, "FvFile({})", Guid(data.array()?))?,
            7 => write!(f, "Fv({})", Guid(data.array()?))?,
            8 => {
                let (_reserved, start, end) = (data.u32_le()?, data.u64_le()?, data.u64_le()?);
                write!(f, "Offset({start:#x},{end:#x})")?;
            }
            _ => return Err(Unreadable),
        }
        Ok(())
    }
}
