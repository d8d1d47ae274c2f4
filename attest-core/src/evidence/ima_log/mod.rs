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
mod signature;
mod template;

#[cfg(test)]
mod tests;

pub(crate) use entry::file_data;
pub use entry::{Entry, FileDigest};
pub use error::{Error, ErrorKind};
pub use finding::{Finding, FindingKind};
pub use signature::{FileSignature, SignatureError, SignatureOver};
pub(crate) use template::Plain;
pub use template::{Bytes, DigestOf, Field, Template, TextOf};

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::tcg_log::PCRS;
use crate::digest::HashAlg;
use crate::limits::Limits;
use crate::reader::len32;

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
    /// The PCRs that entries are in, a bit each.
    pcrs: u32,
    /// Where the lines of a text list begin; empty for a binary one.
    lines: Vec<u32>,
    /// Entries whose text can be read in more than one way.
    ambiguous: Vec<u32>,
    /// Entries that are named `boot_aggregate`, as places among the records.
    aggregates: Vec<u32>,
    /// What came before, if this is the later part of a list.
    before: Position,
}

/// A place in a binary list, and what a reader must know to go on from there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// Entries before it.
    pub entries: u32,
    /// Bytes before it.
    pub bytes: u64,
    /// The size of the list's template digests in bytes.
    pub hash_size: u8,
}

/// Where an entry stands in the binary list: twelve bytes, since a list has some hundred thousand of them.
#[derive(Clone, Copy, Debug)]
struct Record {
    at: u32,
    data_len: u32,
    name_len: u8,
    pcr: u8,
    /// The template's place among the kernel's own.
    template: Option<u8>,
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
                let hash_size = binary::hash_size(input)?;
                Self::binary(input, Position { hash_size, ..Position::default() }, limits)
            }
        }
    }

    /// Parses the later part of a binary list, which may have no entry.
    ///
    /// # Errors
    /// [`Error`] when the bytes are no records, or the whole list would not be within the limits.
    pub fn parse_after(before: Position, input: &'a [u8], limits: &Limits) -> Result<Self, Error> {
        let len = usize::try_from(before.bytes).unwrap_or(usize::MAX).saturating_add(input.len());
        if len > limits.ima_bytes {
            return Err(ErrorKind::TooLarge { len, most: limits.ima_bytes }.at(0, before.entries));
        }
        Self::binary(input, before, limits)
    }

    fn binary(input: &'a [u8], before: Position, limits: &Limits) -> Result<Self, Error> {
        let binary::Records { records, pcrs, aggregates } = binary::records(input, before, limits)?;
        Ok(Self {
            format: Format::Binary,
            bytes: Cow::Borrowed(input),
            hash_size: before.hash_size.into(),
            records,
            pcrs,
            lines: Vec::new(),
            ambiguous: Vec::new(),
            aggregates,
            before,
        })
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

    /// How many bytes its binary form has.
    pub(crate) fn size(&self) -> usize {
        self.bytes.len()
    }

    /// Whether it is the later part of a list, and nothing was added to it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Where the entry at this index of the part stands in the whole list, or where the list ends; `None` of a text list, whose bytes
    /// are not the kernel's.
    #[must_use]
    pub fn position(&self, index: usize) -> Option<Position> {
        if self.format != Format::Binary {
            return None;
        }
        let at = match self.records.get(index) {
            Some(record) => u64::from(record.at),
            None => u64::try_from(self.bytes.len()).ok()?,
        };
        Some(Position {
            entries: self.before.entries.checked_add(u32::try_from(index.min(self.len())).ok()?)?,
            bytes: self.before.bytes.checked_add(at)?,
            hash_size: u8::try_from(self.hash_size).ok()?,
        })
    }

    /// What came before, if this is the later part of a list.
    #[must_use]
    pub const fn before(&self) -> Position {
        self.before
    }

    /// Whether an entry is in this PCR.
    #[must_use]
    pub const fn is_in(&self, pcr: u32) -> bool {
        pcr < PCRS && self.pcrs & 1_u32.wrapping_shl(pcr) != 0
    }

    /// The entries in order.
    pub fn entries(&self) -> impl ExactSizeIterator<Item = Entry<'_>> + Clone {
        self.records.iter().enumerate().map(|(index, record)| self.view(index, record))
    }

    /// The register of each entry in order, and whether its template is one that tells of files alone.
    pub(crate) fn registers(&self) -> impl Iterator<Item = (u32, Option<Plain>)> + '_ {
        self.records.iter().map(|record| (record.pcr.into(), Template::plain(record.template)))
    }

    /// One entry.
    #[must_use]
    pub fn entry(&self, index: usize) -> Option<Entry<'_>> {
        Some(self.view(index, self.records.get(index)?))
    }

    /// The entries that are named `boot_aggregate`, as places in the list or its part: the first, and another for each kernel that went on
    /// with the list. Told while the list was read, so that nobody reads all names for it again.
    pub(crate) fn boot_aggregates(&self) -> impl Iterator<Item = usize> + '_ {
        self.aggregates.iter().filter_map(|at| usize::try_from(*at).ok())
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
        let mut names = BTreeSet::new();
        let mut last: &[u8] = &[];
        for entry in self
            .entries()
            .filter(|entry| core::mem::replace(&mut last, entry.template.name) != entry.template.name)
        {
            names.insert(entry.template.name());
        }
        names
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
        let index = u32::try_from(index).unwrap_or(u32::MAX);
        let at = usize::try_from(record.at).unwrap_or(usize::MAX);
        let offset = match self.format {
            Format::Ascii => {
                usize::try_from(index).ok().and_then(|at| self.lines.get(at)).map_or(0, |line| len32(*line))
            }
            Format::Binary => at,
        };
        let view = || {
            let rest = self.bytes.get(at.checked_add(4)?..)?;
            let (template_hash, rest) = rest.split_at_checked(self.hash_size)?;
            let (template, rest) = rest.get(4..)?.split_at_checked(record.name_len.into())?;
            let template = Template::at(template, record.template);
            let data = if template.is_ima() { rest } else { rest.get(4..)? }.get(..len32(record.data_len))?;
            Some((template_hash, template, data))
        };
        // Every record was read from these bytes.
        let (template_hash, template, data) = view().unwrap_or((&[], Template::at(&[], None), &[]));
        Entry {
            index: self.before.entries.saturating_add(index),
            offset,
            pcr: record.pcr.into(),
            template_hash,
            template,
            data,
        }
    }
}
