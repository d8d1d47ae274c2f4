//! The Authenticode hash (Windows Authenticode Portable Executable Signature Format, "Calculating the PE Image Hash"), as the
//! firmware's measured boot takes it (EDK II, DxeTpm2MeasureBootLib).

use super::{Image, Section};
use crate::digest::{Digest, HashAlg};

/// CheckSum: signing changes it.
const CHECKSUM_LEN: usize = 4;
/// The certificate table's directory entry: signing changes it.
const CERTIFICATE_ENTRY_LEN: usize = 8;

impl Image<'_> {
    /// The image's Authenticode hash.
    ///
    /// Of the file as it is: signing pads a file to a multiple of 8 bytes, and the padding is hashed. The hash of a file that is to be
    /// signed yet is the same only if [`Self::is_padded`].
    #[must_use]
    pub fn authenticode(&self, alg: HashAlg) -> Digest {
        alg.hash(&self.hashed())
    }

    /// The hash that a signature is over: of the file as signing leaves it, padded.
    pub(crate) fn authenticode_to_be_signed(&self, alg: HashAlg) -> Digest {
        let padding = if self.is_padded() { 0 } else { missing_to_8(self.file.len()) };
        let mut pieces = self.hashed();
        pieces.push([0; 8].get(..padding).unwrap_or_default());
        alg.hash(&pieces)
    }

    /// Whether signing would leave the bytes that are hashed as they are.
    #[must_use]
    pub const fn is_padded(&self) -> bool {
        self.is_signed() || self.file.len().is_multiple_of(8)
    }

    /// Whether bytes between sections belong to no section. They are left out by the hash, and what follows the last section is then
    /// taken from an earlier place than it stands: readers differ there.
    #[must_use]
    pub fn has_gaps(&self) -> bool {
        let end = self.sections.iter().map(Section::raw_end).max().unwrap_or(0);
        self.sum_of_bytes_hashed() < end
    }

    /// The pieces in order.
    fn hashed(&self) -> Vec<&[u8]> {
        let slice = |from: usize, to: usize| self.file.get(from..to).unwrap_or_default();
        let after_checksum = self.checksum.saturating_add(CHECKSUM_LEN);
        // Steps 3–5: the start of the file up to CheckSum, skip it.
        let mut pieces = vec![slice(0, self.checksum)];
        // Steps 6–7: up to the certificate table's entry, skip it, then the rest of the headers.
        match self.certificate_entry {
            Some(entry) => {
                pieces.push(slice(after_checksum, entry));
                pieces.push(slice(entry.saturating_add(CERTIFICATE_ENTRY_LEN), self.headers));
            }
            None => pieces.push(slice(after_checksum, self.headers)),
        }
        // Steps 9–13: the sections that have bytes, by their place in the file.
        let mut sections: Vec<&Section<'_>> = self.sections.iter().filter(|s| !s.raw.is_empty()).collect();
        sections.sort_by_key(|section| section.raw_offset);
        pieces.extend(sections.iter().map(|section| section.raw));
        // Step 14: what follows, without the certificates. The specification counts bytes, it does not look where the last section ends.
        let end = self.file.len().saturating_sub(self.certificates.len());
        pieces.push(slice(self.sum_of_bytes_hashed(), end));
        pieces
    }

    fn sum_of_bytes_hashed(&self) -> usize {
        self.sections.iter().fold(self.headers, |sum, section| sum.saturating_add(section.raw.len()))
    }
}

/// How many bytes are missing to a multiple of 8.
pub(super) const fn missing_to_8(len: usize) -> usize {
    len.wrapping_neg() % 8
}
