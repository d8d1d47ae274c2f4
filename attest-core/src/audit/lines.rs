//! Lines before a note: what requests to witnesses and proofs of logging have in common (C2SP tlog-witness, tlog-proof).

use super::tree::Hash;

/// The most hashes that a proof between any two trees of 64-bit sizes has.
pub(super) const MAX_PROOF: usize = 63;
/// The most bytes that such lines take: their hashes, and a header.
pub(super) const MAX_BYTES: usize = 4 << 10;

/// Why lines are not what they must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Error {
    /// This line, from 1, is missing, does not end, or is something else.
    Malformed(usize),
    /// More hashes than any proof has.
    TooManyHashes,
}

/// Reads lines, each with its newline, from the front of bytes.
pub(super) struct Lines<'a> {
    rest: &'a [u8],
    read: usize,
}

impl<'a> Lines<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, read: 0 }
    }

    /// The line that was read last is not what it must be.
    pub(super) const fn malformed(&self) -> Error {
        Error::Malformed(self.read)
    }

    /// The next line without its newline.
    pub(super) fn next(&mut self) -> Result<&'a str, Error> {
        self.read = self.read.saturating_add(1);
        let end = self.rest.iter().position(|byte| *byte == b'\n').ok_or(self.malformed())?;
        let (line, after) = self.rest.split_at_checked(end).ok_or(self.malformed())?;
        let (_, after) = after.split_first().ok_or(self.malformed())?;
        self.rest = after;
        core::str::from_utf8(line).map_err(|_| self.malformed())
    }

    /// A hash a line, up to an empty line; and all that follows it.
    pub(super) fn hashes_and_rest(mut self) -> Result<(Vec<Hash>, &'a [u8]), Error> {
        let mut hashes = Vec::new();
        loop {
            let line = self.next()?;
            if line.is_empty() {
                return Ok((hashes, self.rest));
            }
            if hashes.len() >= MAX_PROOF {
                return Err(Error::TooManyHashes);
            }
            hashes.push(Hash::from_base64(line).ok_or(self.malformed())?);
        }
    }
}

/// A line for each hash, an empty one, and a note behind them.
pub(super) fn render(head: &str, hashes: &[Hash], note: &[u8]) -> Vec<u8> {
    let hashes: String = hashes.iter().map(|hash| hash.to_base64() + "\n").collect();
    [head.as_bytes(), hashes.as_bytes(), b"\n", note].concat()
}
