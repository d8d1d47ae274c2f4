//! GUIDs as UEFI writes them.

use core::fmt;

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

impl fmt::Display for Guid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a0, a1, a2, a3, b0, b1, c0, c1, d0, d1, rest @ ..] = self.0;
        write!(f, "{:08x}-", u32::from_le_bytes([a0, a1, a2, a3]))?;
        write!(f, "{:04x}-{:04x}-", u16::from_le_bytes([b0, b1]), u16::from_le_bytes([c0, c1]))?;
        write!(f, "{d0:02x}{d1:02x}-")?;
        rest.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Guid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}
