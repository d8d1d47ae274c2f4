//! Device paths as text.

use core::fmt;

use super::guid::Guid;
use crate::evidence::text::{Pieces, Utf8, Utf16};
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
        let mut out = Pieces::new(f);
        let mut separator: &[u8] = b"";
        let mut len = 0_usize;
        for node in self.nodes() {
            len = len.saturating_add(node.data.len()).saturating_add(4);
            if node.kind == 0x7f {
                separator = if node.subkind == 1 { b"," } else { separator };
                continue;
            }
            out.ascii(separator)?;
            if node.text(&mut out).is_err() {
                out.few(*b"Path(")?;
                out.decimal(node.kind.into())?;
                out.few(*b",")?;
                out.decimal(node.subkind.into())?;
                out.few(*b",")?;
                out.bytes(node.data)?;
                out.few(*b")")?;
            }
            separator = b"/";
        }
        if len != self.0.len() {
            out.char('…')?;
        }
        out.flush()
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

/// What stands between a node's brackets.
enum Field<'a> {
    Bytes(&'a [u8]),
    Decimal(u64),
    Guid(Guid),
    /// With `0x` in front.
    Hex(u64),
    /// With `0x` in front and eight digits.
    Id(u32),
    /// In hexadecimal with so many digits.
    Padded(u64, usize),
    Word(&'static str),
}

/// `Name(field,field)`
fn call(out: &mut Pieces<'_, '_>, name: &str, fields: &[Field<'_>]) -> fmt::Result {
    out.ascii(name.as_bytes())?;
    let mut separator = b"(";
    for field in fields {
        out.few(*separator)?;
        separator = b",";
        match field {
            Field::Bytes(bytes) => out.bytes(bytes)?,
            Field::Decimal(number) => out.decimal(*number)?,
            Field::Guid(guid) => guid.write(out)?,
            Field::Hex(number) => {
                out.few(*b"0x")?;
                out.hex(*number, 1)?;
            }
            Field::Id(number) => {
                out.few(*b"0x")?;
                out.hex((*number).into(), 8)?;
            }
            Field::Padded(number, digits) => out.hex(*number, *digits)?,
            Field::Word(word) => out.ascii(word.as_bytes())?,
        }
    }
    out.few(*b")")
}

impl Node<'_> {
    fn text(&self, out: &mut Pieces<'_, '_>) -> Result<(), Unreadable> {
        let mut data = Reader::new(self.data);
        // Every field is read before anything is written, so that an unreadable node leaves no half of itself.
        match (self.kind, self.subkind) {
            (1, 1) => {
                let [function, device]: [u8; 2] = data.array()?;
                call(out, "Pci", &[Field::Hex(device.into()), Field::Hex(function.into())])?;
            }
            (1, 3) => {
                let (kind, start, end) = (data.u32_le()?, data.u64_le()?, data.u64_le()?);
                call(out, "MemoryMapped", &[Field::Hex(kind.into()), Field::Hex(start), Field::Hex(end)])?;
            }
            (1, 4) => vendor(out, "VenHw", data)?,
            (3, 10) => vendor(out, "VenMsg", data)?,
            (4, 3) => vendor(out, "VenMedia", data)?,
            (2, 1) => {
                let (hid, uid) = (data.u32_le()?, Field::Hex(data.u32_le()?.into()));
                match hid {
                    0x0a03_41d0 => call(out, "PciRoot", &[uid])?,
                    0x0a08_41d0 => call(out, "PcieRoot", &[uid])?,
                    _ => call(out, "Acpi", &[Field::Id(hid), uid])?,
                }
            }
            (3, _) => self.messaging(out, data)?,
            (4, _) => self.media(out, data)?,
            _ => return Err(Unreadable),
        }
        Ok(())
    }

    fn messaging(&self, out: &mut Pieces<'_, '_>, mut data: Reader<'_>) -> Result<(), Unreadable> {
        use Field::{Bytes, Decimal, Hex, Padded};
        match self.subkind {
            1 => {
                let ([primary, slave], lun): ([u8; 2], u16) = (data.array()?, data.u16_le()?);
                call(out, "Ata", &[Decimal(primary.into()), Decimal(slave.into()), Decimal(lun.into())])?;
            }
            2 => {
                let (target, lun) = (data.u16_le()?, data.u16_le()?);
                call(out, "Scsi", &[Hex(target.into()), Hex(lun.into())])?;
            }
            5 => {
                let [port, interface]: [u8; 2] = data.array()?;
                call(out, "USB", &[Hex(port.into()), Hex(interface.into())])?;
            }
            11 => {
                let (address, kind) = (data.bytes(32)?, *data.bytes(1)?.first().ok_or(Unreadable)?);
                call(out, "MAC", &[Bytes(address.get(..6).unwrap_or_default()), Hex(kind.into())])?;
            }
            12 => call(out, "IPv4", &[Bytes(self.data)])?,
            13 => call(out, "IPv6", &[Bytes(self.data)])?,
            18 => {
                let (port, multiplier, lun) = (data.u16_le()?, data.u16_le()?, data.u16_le()?);
                call(out, "Sata", &[Hex(port.into()), Hex(multiplier.into()), Hex(lun.into())])?;
            }
            23 => {
                let (namespace, id) = (data.u32_le()?, data.u64_be()?);
                call(out, "NVMe", &[Hex(namespace.into()), Padded(id, 16)])?;
            }
            24 => {
                out.few(*b"Uri(")?;
                Utf8(self.data).write(out)?;
                out.few(*b")")?;
            }
            _ => return Err(Unreadable),
        }
        Ok(())
    }

    fn media(&self, out: &mut Pieces<'_, '_>, mut data: Reader<'_>) -> Result<(), Unreadable> {
        use Field::{Bytes, Decimal, Hex, Word};
        match self.subkind {
            1 => {
                let (number, start, size) = (data.u32_le()?, data.u64_le()?, data.u64_le()?);
                let signature: [u8; 16] = data.array()?;
                let [_format, kind]: [u8; 2] = data.array()?;
                let (style, id) = match kind {
                    2 => ("GPT", Field::Guid(Guid(signature))),
                    _ => ("MBR", Bytes(&signature)),
                };
                call(out, "HD", &[Decimal(number.into()), Word(style), id, Hex(start), Hex(size)])?;
            }
            2 => {
                let (entry, start, size) = (data.u32_le()?, data.u64_le()?, data.u64_le()?);
                call(out, "CDROM", &[Hex(entry.into()), Hex(start), Hex(size)])?;
            }
            4 => Utf16(self.data).write(out)?,
            6 => call(out, "FvFile", &[Field::Guid(Guid(data.array()?))])?,
            7 => call(out, "Fv", &[Field::Guid(Guid(data.array()?))])?,
            8 => {
                let (_reserved, start, end) = (data.u32_le()?, data.u64_le()?, data.u64_le()?);
                call(out, "Offset", &[Hex(start), Hex(end)])?;
            }
            _ => return Err(Unreadable),
        }
        Ok(())
    }
}

/// A vendor's own node: its GUID, and data where it has any.
fn vendor(out: &mut Pieces<'_, '_>, name: &str, mut data: Reader<'_>) -> Result<(), Unreadable> {
    let guid = Field::Guid(Guid(data.array()?));
    if data.is_empty() {
        call(out, name, &[guid])?;
    } else {
        call(out, name, &[guid, Field::Bytes(data.rest())])?;
    }
    Ok(())
}
