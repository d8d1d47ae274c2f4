//! Words written a piece at a time.
//!
//! Whoever writes a log chooses how much of its text is numbers and escapes. Each on its own through a formatter costs some 50 ns, which
//! makes a megabyte of control characters dearer than many megabytes of plain text.

use core::fmt::{self, Write};

/// Bytes that are handed on at once.
const PIECE: usize = 64;

/// ASCII on its way to a formatter. What is in it when an error ends the writing is lost, and meant to be: the sink is full.
pub(crate) struct Pieces<'f, 'a> {
    out: &'f mut fmt::Formatter<'a>,
    piece: [u8; PIECE],
    len: usize,
}

impl<'f, 'a> Pieces<'f, 'a> {
    pub(crate) const fn new(out: &'f mut fmt::Formatter<'a>) -> Self {
        Self { out, piece: [0; PIECE], len: 0 }
    }

    /// Few bytes of ASCII, whose number is known when this is compiled: a move, and no loop.
    pub(crate) fn few<const N: usize>(&mut self, bytes: [u8; N]) -> fmt::Result {
        let free = self.piece.get_mut(self.len..).and_then(|free| free.first_chunk_mut());
        let Some(free) = free else { return self.ascii(&bytes) };
        *free = bytes;
        self.len = self.len.saturating_add(N);
        Ok(())
    }

    /// Bytes of ASCII.
    pub(crate) fn ascii(&mut self, bytes: &[u8]) -> fmt::Result {
        let mut rest = bytes;
        while !rest.is_empty() {
            if self.len == PIECE {
                self.flush()?;
            }
            let slots = self.piece.get_mut(self.len..).unwrap_or_default();
            let (now, later) = rest.split_at_checked(slots.len()).unwrap_or((rest, &[]));
            slots.iter_mut().zip(now).for_each(|(slot, byte)| *slot = *byte);
            self.len = self.len.saturating_add(now.len());
            rest = later;
        }
        Ok(())
    }

    /// Text that is at hand in whole.
    pub(crate) fn text(&mut self, text: &str) -> fmt::Result {
        self.flush()?;
        self.out.write_str(text)
    }

    pub(crate) fn char(&mut self, char: char) -> fmt::Result {
        self.flush()?;
        self.out.write_char(char)
    }

    /// A number in lower-case hexadecimal, zeros in front up to so many digits.
    pub(crate) fn hex(&mut self, number: u64, least: usize) -> fmt::Result {
        let bytes = number.to_be_bytes();
        let mut text = [0; 16];
        for (pair, byte) in text.as_chunks_mut::<2>().0.iter_mut().zip(bytes) {
            *pair = digits(byte);
        }
        let zeros = usize::try_from(number.leading_zeros() / 4).unwrap_or_default();
        let shown = text.len().saturating_sub(zeros).max(least).max(1);
        self.ascii(text.get(text.len().saturating_sub(shown)..).unwrap_or_default())
    }

    /// Two digits.
    pub(crate) fn byte(&mut self, byte: u8) -> fmt::Result {
        self.few(digits(byte))
    }

    /// Four digits.
    pub(crate) fn word(&mut self, word: u16) -> fmt::Result {
        let [high, low] = word.to_be_bytes().map(digits);
        self.few([high[0], high[1], low[0], low[1]])
    }

    /// Bytes in lower-case hexadecimal, at most 32 of them, as [`Hex`](super::Hex) shows them.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> fmt::Result {
        let shown = bytes.get(..32).unwrap_or(bytes);
        shown.iter().try_for_each(|byte| self.byte(*byte))?;
        if bytes.len() > 32 { self.char('…') } else { Ok(()) }
    }

    /// A number in decimal.
    pub(crate) fn decimal(&mut self, number: u64) -> fmt::Result {
        if let Ok(digit @ 0..=9) = u8::try_from(number) {
            return self.few([b'0'.saturating_add(digit)]);
        }
        let (mut digits, mut rest, mut at) = ([0; 20], number, 20_usize);
        loop {
            at = at.saturating_sub(1);
            if let Some(slot) = digits.get_mut(at) {
                *slot = b'0'.saturating_add(u8::try_from(rest % 10).unwrap_or_default());
            }
            rest /= 10;
            if rest == 0 {
                return self.ascii(digits.get(at..).unwrap_or_default());
            }
        }
    }

    /// Hands on what is left: the last call, or the end is missing.
    pub(crate) fn flush(&mut self) -> fmt::Result {
        let piece = self.piece.get(..core::mem::take(&mut self.len)).unwrap_or_default();
        self.out.write_str(core::str::from_utf8(piece).unwrap_or_default())
    }
}

/// A byte's two digits.
pub(crate) const fn digits(byte: u8) -> [u8; 2] {
    [digit(byte >> 4), digit(byte & 0xf)]
}

/// A digit of a number below 16.
const fn digit(value: u8) -> u8 {
    let base = if value < 10 { b'0' } else { b'a'.saturating_sub(10) };
    base.saturating_add(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Numbers(u64, usize);

    impl fmt::Display for Numbers {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            let mut out = Pieces::new(f);
            out.hex(self.0, self.1)?;
            out.ascii(b" ")?;
            out.decimal(self.0)?;
            out.text("é")?;
            out.char('ß')?;
            out.flush()
        }
    }

    #[test]
    fn bytes_are_those_of_hex() {
        struct Bytes(Vec<u8>);
        impl fmt::Display for Bytes {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let mut out = Pieces::new(f);
                out.bytes(&self.0)?;
                out.flush()
            }
        }
        for len in [0, 1, 31, 32, 33, 60] {
            let bytes: Vec<u8> = (0..len).map(|byte: u8| byte.wrapping_mul(7)).collect();
            assert_eq!(Bytes(bytes.clone()).to_string(), super::super::Hex(&bytes).to_string());
        }
    }

    #[test]
    fn numbers_are_those_of_the_formatter() {
        for number in [0, 1, 9, 10, 15, 16, 255, 256, 65_535, 65_536, 1_000_000_007, u64::MAX] {
            for least in [0, 1, 2, 4, 8, 16] {
                let expected = format!("{number:0least$x} {number}éß");
                assert_eq!(Numbers(number, least).to_string(), expected);
            }
        }
    }

    struct Long(usize);

    impl fmt::Display for Long {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            let mut out = Pieces::new(f);
            out.ascii(b"x")?;
            out.ascii(&vec![b'y'; self.0])?;
            out.ascii(b"z")?;
            out.flush()
        }
    }

    #[test]
    fn pieces_of_every_length_are_whole() {
        for len in [0, 1, 61, 62, 63, 64, 65, 127, 128, 129, 300] {
            assert_eq!(Long(len).to_string(), format!("x{}z", "y".repeat(len)));
        }
    }
}
