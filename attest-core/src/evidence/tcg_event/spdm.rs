//! What the firmware asked a device by SPDM, and measured (TCG PC Client Platform Firmware Profile,
//! DEVICE_SECURITY_EVENT_DATA and DEVICE_SECURITY_EVENT_DATA2).

use core::fmt;

use crate::reader::Reader;

/// The head of such an event: which device, and how far its answer was authenticated. The measurement itself follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeviceSecurity<'a> {
    /// Of the structure.
    pub version: u16,
    /// Whether the device's signature was good: only the second form says it.
    pub auth_state: Option<u8>,
    /// 0 none, 1 PCI, 2 USB.
    pub device_type: u32,
    /// Vendor, device, and class code of a PCI device, where the event ends with its context.
    pub pci: Option<(u16, u16, [u8; 3])>,
    /// What follows the head: measurement or certificate chain, device path, context.
    pub body: &'a [u8],
}

const FIRST: &[u8; 16] = b"SPDM Device Sec\0";
const SECOND: &[u8; 16] = b"SPDM Device Sec2";
const PCI: u32 = 1;

impl<'a> DeviceSecurity<'a> {
    /// The event in these bytes, if its signature and its head fit.
    pub(super) fn parse(data: &'a [u8]) -> Option<Self> {
        let mut reader = Reader::new(data);
        let signature: [u8; 16] = reader.array().ok()?;
        let version = reader.u16_le().ok()?;
        let (auth_state, device_type) = if &signature == FIRST {
            let _length = reader.u16_le().ok()?;
            let _hash = reader.u32_le().ok()?;
            (None, reader.u32_le().ok()?)
        } else if &signature == SECOND {
            let [auth_state, _reserved] = reader.array().ok()?;
            let _length = reader.u32_le().ok()?;
            (Some(auth_state), reader.u32_le().ok()?)
        } else {
            return None;
        };
        let body = reader.rest();
        let pci = (device_type == PCI).then(|| pci(body)).flatten();
        Some(Self { version, auth_state, device_type, pci, body })
    }
}

/// The PCI context at the end: version, length 16, vendor, device, revision, class code, both of the subsystem.
fn pci(body: &[u8]) -> Option<(u16, u16, [u8; 3])> {
    let (_, context) = body.split_at_checked(body.len().checked_sub(16)?)?;
    let mut reader = Reader::new(context);
    let (_version, length) = (reader.u16_le().ok()?, reader.u16_le().ok()?);
    let (vendor, device) = (reader.u16_le().ok()?, reader.u16_le().ok()?);
    let [_revision, class @ ..] = reader.array::<4>().ok()?;
    (length == 16).then_some((vendor, device, class))
}

impl fmt::Display for DeviceSecurity<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.device_type, self.pci) {
            (PCI, Some((vendor, device, [c, b, a]))) => {
                write!(f, "PCI device {vendor:04x}:{device:04x} of class {a:02x}{b:02x}{c:02x}")?;
            }
            (PCI, None) => f.write_str("PCI device")?,
            (2, _) => f.write_str("USB device")?,
            (kind, _) => write!(f, "device of type {kind}")?,
        }
        match self.auth_state {
            None => Ok(()),
            Some(0) => f.write_str(", its signature was good"),
            Some(1) => f.write_str(", without a signature"),
            Some(2) => f.write_str(", its signature was good, but binds nothing"),
            Some(3) => f.write_str(", its signature failed"),
            Some(4) => f.write_str(", its answer was invalid"),
            Some(0xff) => f.write_str(", which does not know SPDM"),
            Some(other) => write!(f, ", authentication state {other:#04x}"),
        }
    }
}
