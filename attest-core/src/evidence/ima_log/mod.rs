//! IMA measurement lists, binary and ASCII (Linux, security/integrity/ima).
//!
//! A list is a claim by the kernel of the device; it is worth what a quoted PCR confirms. An ASCII list is first
//! rewritten as the binary list that the kernel would have given, since digests are over binary data.

mod ascii;
mod binary;
#[cfg(test)]
pub(crate) mod build;
mod entry;
mod error;
mod finding;
mod template;

#[cfg(test)]
mod tests;

pub use entry::{Entry, FileDigest};
pub use error::{Error, ErrorKind};
pub use finding::{Finding, FindingKind};
pub use template::{Bytes, DigestOf, Field, Template, TextOf};

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::tcg_log::PCRS;
use crate::digest::HashAlg;
use crate::limits::Limits;

/// The PCR that IMA extends unless the kernel is configured otherwise.
pub const IMA_PCR: u32 = 10;
/// The name of the entry over the PCRs of the boot, the first of every list.
pub const BOOT_AGGREGATE: &[u8] = b"boot_aggregate";

/// How a list is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// `ascii_runtime_measurements`.
    Ascii,
    /// `binary_runtime_measurements`.
    Binary,
}

/// A well-formed list, not believed.
#[derive(Clone, Debug)]
pub struct ImaLog<'a> {
    format: Format,
    /// The binary list.
    bytes: Cow<'a, [u8]>,
    hash_size: usize,
    records: Vec<Record>,
    /// Entries whose text can be read in more than one way.
    ambiguous: Vec<u32>,
}

/// Where an entry's parts stand in the binary list.
#[derive(Clone, Copy, Debug)]
struct Record {
    /// In the input as it was given.
    offset: usize,
    pcr: u32,
    hash_at: usize,
    name_at: usize,
    name_len: usize,
    data_at: usize,
    data_len: usize,
}

impl<'a> ImaLog<'a> {
    /// Parses a whole list.
    ///
    /// # Errors
    /// [`Error`] with code, offset and entry when the bytes are no list within the limits.
    pub fn parse(input: &'a [u8], limits: &Limits) -> Result<Self, Error> {
        let (len, most) = (input.len(), limits.ima_bytes);
        if len > most {
            return Err(ErrorKind::TooLarge { len, most }.at(0, 0));
        }
        match input.first() {
            None => Err(ErrorKind::Empty.at(0, 0)),
            // A binary list begins with the number of a PCR, a text with a blank or a digit.
            Some(b' '..) => ascii::parse(input, limits),
            Some(_) => {
                let (records, hash_size) = binary::records(input, limits)?;
                let bytes = Cow::Borrowed(input);
                Ok(Self { format: Format::Binary, bytes, hash_size, records, ambiguous: Vec::new() })
            }
        }
    }

    /// How the list was written.
    #[must_use]
    pub const fn format(&self) -> Format {
        self.format
    }

    /// How many entries.
    #[must_use]
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// A parsed list has entries; this is here because `len` is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// The entries in order.
    pub fn entries(&self) -> impl ExactSizeIterator<Item = Entry<'_>> + Clone {
        self.records.iter().enumerate().map(|(index, record)| self.view(index, record))
    }

    /// One entry.
    #[must_use]
    pub fn entry(&self, index: usize) -> Option<Entry<'_>> {
        Some(self.view(index, self.records.get(index)?))
    }

    /// The hash of the list's own template digests, told by their size.
    #[must_use]
    pub fn template_alg(&self) -> HashAlg {
        match self.hash_size {
            32 => {
                // The only size that two hashes share; the first entry that is no violation decides.
                let first = self.entries().find(|entry| !entry.is_violation());
                let is_sm3 = first.is_some_and(|entry| {
                    entry.template_digest(HashAlg::Sm3_256).as_bytes() == entry.template_hash
                });
                if is_sm3 { HashAlg::Sm3_256 } else { HashAlg::Sha256 }
            }
            48 => HashAlg::Sha384,
            64 => HashAlg::Sha512,
            _ => HashAlg::Sha1,
        }
    }

    /// The names of the templates in use, sorted.
    #[must_use]
    pub fn templates(&self) -> BTreeSet<&str> {
        self.records
            .iter()
            .map(|record| Template(self.slice(record.name_at, record.name_len)).name())
            .collect()
    }

    /// How many entries report a violation.
    #[must_use]
    pub fn violations(&self) -> usize {
        self.entries().filter(Entry::is_violation).count()
    }

    /// What is odd or wrong. Computes every template digest again.
    #[must_use]
    pub fn findings(&self, limits: &Limits) -> Vec<Finding> {
        finding::inspect(self, limits)
    }

    fn view(&self, index: usize, record: &Record) -> Entry<'_> {
        Entry {
            index: u32::try_from(index).unwrap_or(u32::MAX),
            offset: record.offset,
            pcr: record.pcr,
            template_hash: self.slice(record.hash_at, self.hash_size),
            template: Template(self.slice(record.name_at, record.name_len)),
            data: self.slice(record.data_at, record.data_len),
        }
    }

    fn slice(&self, at: usize, len: usize) -> &[u8] {
        self.bytes.get(at..at.saturating_add(len)).unwrap_or_default()
    }
}
