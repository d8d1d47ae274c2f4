//! A cursor over borrowed bytes that can neither panic nor read past the end.

/// The bytes ended, or a length was larger than what is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cut short at offset {offset}: {wanted} bytes wanted, {left} left")]
pub struct Truncated {
    /// Where the missing field begins, in bytes from the start of the input.
    pub offset: usize,
    /// How many bytes the field takes.
    pub wanted: usize,
    /// How many are left.
    pub left: usize,
}

/// Reads fields in order. Nothing is copied and nothing is allocated.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a> {
    bytes: &'a [u8],
    offset: usize,
}

macro_rules! integer {
    ($($name:ident $type:ty, $from:ident, $doc:literal;)*) => {$(
        #[doc = $doc]
        ///
        /// # Errors
        /// [`Truncated`] when fewer bytes are left.
        pub fn $name(&mut self) -> Result<$type, Truncated> {
            Ok(<$type>::$from(self.array()?))
        }
    )*};
}

impl<'a> Reader<'a> {
    /// A reader at the start of `bytes`.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, offset: 0 }
    }

    /// A reader at the start of `bytes`, which stand at `offset` of a larger input, for offsets in errors.
    #[must_use]
    pub const fn at(bytes: &'a [u8], offset: usize) -> Self {
        Self { bytes, offset }
    }

    /// Bytes read so far, or the offset in the larger input.
    #[must_use]
    pub const fn offset(&self) -> usize {
        self.offset
    }

    /// Everything not read yet.
    #[must_use]
    pub const fn rest(&self) -> &'a [u8] {
        self.bytes
    }

    /// Whether everything is read.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The next `len` bytes.
    ///
    /// # Errors
    /// [`Truncated`] when fewer are left.
    pub fn bytes(&mut self, len: usize) -> Result<&'a [u8], Truncated> {
        let Some((head, tail)) = self.bytes.split_at_checked(len) else {
            return Err(Truncated { offset: self.offset, wanted: len, left: self.bytes.len() });
        };
        self.bytes = tail;
        self.offset = self.offset.saturating_add(len);
        Ok(head)
    }

    /// The next `N` bytes as an array.
    ///
    /// # Errors
    /// [`Truncated`] when fewer are left.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], Truncated> {
        let truncated = Truncated { offset: self.offset, wanted: N, left: self.bytes.len() };
        let (head, tail) = self.bytes.split_first_chunk::<N>().ok_or(truncated)?;
        self.bytes = tail;
        self.offset = self.offset.saturating_add(N);
        Ok(*head)
    }

    integer! {
        u8 u8, from_le_bytes, "One byte.";
        u16_be u16, from_be_bytes, "Two bytes, big-endian (TPM structures).";
        u32_be u32, from_be_bytes, "Four bytes, big-endian (TPM structures).";
        u64_be u64, from_be_bytes, "Eight bytes, big-endian (TPM structures).";
        u16_le u16, from_le_bytes, "Two bytes, little-endian (event logs, IMA lists, UEFI).";
        u32_le u32, from_le_bytes, "Four bytes, little-endian (event logs, IMA lists, UEFI).";
        u64_le u64, from_le_bytes, "Eight bytes, little-endian (UEFI).";
    }
}

/// A 32-bit length as a `usize`; on a smaller machine it saturates and then fails as [`Truncated`].
#[must_use]
pub fn len32(len: u32) -> usize {
    usize::try_from(len).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_come_in_order_and_the_end_is_an_error_with_its_place() {
        let mut reader = Reader::new(&[1, 2, 3, 4, 5, 6, 7]);
        assert_eq!(reader.u16_be(), Ok(0x0102));
        assert_eq!(reader.u16_le(), Ok(0x0403));
        assert_eq!(reader.bytes(1), Ok(&[5][..]));
        assert_eq!(reader.u32_be(), Err(Truncated { offset: 5, wanted: 4, left: 2 }));
        assert_eq!(reader.bytes(len32(u32::MAX)).map_err(|e| e.left), Err(2));
        assert_eq!((reader.offset(), reader.rest()), (5, &[6, 7][..]));
    }
}
