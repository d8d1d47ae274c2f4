//! GUIDs as UEFI writes them.

use core::fmt;
use core::str::FromStr;

use crate::evidence::text::Pieces;

/// An EFI_GUID: the first three fields little-endian (UEFI 2.10, appendix A).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Guid(pub [u8; 16]);

impl Guid {
    /// The vendor of UEFI's own variables: EFI_GLOBAL_VARIABLE.
    pub const GLOBAL: Self =
        Self::new(0x8be4_df61, 0x93ca, 0x11d2, [0xaa, 0x0d, 0x00, 0xe0, 0x98, 0x03, 0x2b, 0x8c]);
    /// The vendor of `db`, `dbx` and their like: EFI_IMAGE_SECURITY_DATABASE.
    pub const IMAGE_SECURITY: Self =
        Self::new(0xd719_b2cb, 0x3d3a, 0x4596, [0xa3, 0xbc, 0xda, 0xd0, 0x0e, 0x67, 0x65, 0x6f]);
    /// The vendor of shim's variables.
    pub const SHIM: Self =
        Self::new(0x605d_ab50, 0xe046, 0x4300, [0xab, 0xb6, 0x3d, 0xd8, 0x10, 0xdd, 0x8b, 0x23]);

    /// From the fields as they are written.
    #[must_use]
    pub const fn new(a: u32, b: u16, c: u16, rest: [u8; 8]) -> Self {
        let ([a0, a1, a2, a3], [b0, b1], [c0, c1]) = (a.to_le_bytes(), b.to_le_bytes(), c.to_le_bytes());
        let [d0, d1, d2, d3, d4, d5, d6, d7] = rest;
        Self([a0, a1, a2, a3, b0, b1, c0, c1, d0, d1, d2, d3, d4, d5, d6, d7])
    }
}

impl Guid {
    pub(super) fn write(&self, out: &mut Pieces<'_, '_>) -> fmt::Result {
        let [a0, a1, a2, a3, b0, b1, c0, c1, d0, d1, e0, e1, e2, e3, e4, e5] = self.0;
        let words = [[a3, a2], [a1, a0], [b1, b0], [c1, c0], [d0, d1], [e0, e1], [e2, e3], [e4, e5]];
        let [a, aa, b, c, d, e, ee, eee] = words.map(u16::from_be_bytes);
        out.word(a)?;
        out.word(aa)?;
        for word in [b, c, d, e] {
            out.few(*b"-")?;
            out.word(word)?;
        }
        out.word(ee)?;
        out.word(eee)
    }
}

impl fmt::Display for Guid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = Pieces::new(f);
        self.write(&mut out)?;
        out.flush()
    }
}

/// The text is not a GUID in lower case, as it is written here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAGuid;

impl FromStr for Guid {
    type Err = NotAGuid;

    fn from_str(text: &str) -> Result<Self, NotAGuid> {
        let digits: Vec<u8> = text.bytes().filter(|byte| *byte != b'-').collect();
        let bytes = hex::decode(digits).ok().and_then(|bytes| <[u8; 16]>::try_from(bytes).ok());
        let [a0, a1, a2, a3, b0, b1, c0, c1, rest @ ..] = bytes.ok_or(NotAGuid)?;
        let guid = Self::new(
            u32::from_be_bytes([a0, a1, a2, a3]),
            u16::from_be_bytes([b0, b1]),
            u16::from_be_bytes([c0, c1]),
            rest,
        );
        // One way to write it: its own.
        if guid.to_string() == text { Ok(guid) } else { Err(NotAGuid) }
    }
}

impl fmt::Debug for Guid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guid_is_read_in_one_way_of_writing() {
        assert_eq!(Guid::IMAGE_SECURITY.to_string().parse(), Ok(Guid::IMAGE_SECURITY));
        for fault in ["", "D719B2CB-3d3a-4596-a3bc-dad00e67656f", "d719b2cb3d3a4596a3bcdad00e67656f"] {
            assert_eq!(fault.parse::<Guid>(), Err(NotAGuid));
        }
    }
}
