//! Several logs in one input, each after its length.

use crate::limits::Limits;
use crate::reader::{Reader, Truncated};

/// One log of the input and where it begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Piece<'a> {
    pub(super) offset: usize,
    pub(super) bytes: &'a [u8],
}

/// How the lengths are written.
type Length = for<'a> fn(&mut Reader<'a>) -> Result<u64, Truncated>;

const LENGTHS: [Length; 3] = [
    |reader| reader.u64_le(),
    |reader| reader.u32_le().map(u64::from),
    |reader| reader.u32_be().map(u64::from),
];

/// The smallest event: register, type, SHA-1 digest, size.
const SMALLEST: u64 = 32;

/// The logs in `input` when it is made of lengths and logs throughout; otherwise `None`: it is one log.
///
/// No single log is mistaken for this: it begins with a register, a small number, and a length is at least 32.
pub(super) fn split<'a>(input: &'a [u8], limits: &Limits) -> Option<Vec<Piece<'a>>> {
    let (first, _) = input.split_first_chunk::<4>()?;
    if u64::from(u32::from_le_bytes(*first)) < u64::from(super::PCRS) {
        return None;
    }
    LENGTHS.into_iter().find_map(|length| split_by(input, length, limits))
}

fn split_by<'a>(input: &'a [u8], length: Length, limits: &Limits) -> Option<Vec<Piece<'a>>> {
    let mut reader = Reader::new(input);
    let mut pieces = Vec::new();
    while !reader.is_empty() {
        let len = length(&mut reader).ok().filter(|len| *len >= SMALLEST)?;
        let offset = reader.offset();
        let bytes = reader.bytes(usize::try_from(len).ok()?).ok()?;
        pieces.push(Piece { offset, bytes });
        if pieces.len() > limits.event_log_pieces {
            return None;
        }
    }
    Some(pieces)
}
