//! PE/COFF images as UEFI firmware loads them: headers, sections, attribute certificates (Microsoft PE Format).
//!
//! Strict: whatever two readers could read differently is refused, because a digest of it would hold on one firmware and not on the
//! next. Linear in the file but for sorting the sections, whose number is bounded.

mod attach;
mod authenticode;
mod error;
mod signature;
#[cfg(test)]
pub(crate) mod tests;

pub use error::Error;
pub use signature::Signature;

use crate::limits::Limits;
use crate::reader::{Reader, len32};

/// Offset of the field that says where the PE header is.
const E_LFANEW: usize = 0x3c;
/// Size of a section header.
const SECTION_HEADER: usize = 40;
/// Offset of CheckSum from the start of the optional header, alike in PE32 and PE32+.
const CHECKSUM: usize = 64;
/// Index of the certificate table among the data directories.
const CERTIFICATE_TABLE: usize = 4;

/// A well-formed image that borrows its file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image<'a> {
    file: &'a [u8],
    /// COFF machine: 0x8664 is x86-64, 0xaa64 is AArch64.
    machine: u16,
    /// Where CheckSum stands; 4 bytes.
    checksum: usize,
    /// Where the certificate table's directory entry stands; 8 bytes.
    certificate_entry: Option<usize>,
    headers: usize,
    sections: Vec<Section<'a>>,
    /// The COFF string table with its size field; empty without one.
    strings: &'a [u8],
    certificates: &'a [u8],
}

/// One section, in the order of the section table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Section<'a> {
    name: [u8; 8],
    virtual_size: u32,
    raw_offset: usize,
    raw: &'a [u8],
}

impl<'a> Section<'a> {
    /// The name without its padding. A longer one stands in the string table and is a reference here: [`Image::long_section`].
    #[must_use]
    pub fn name(&self) -> &[u8] {
        self.name.split(|byte| *byte == 0).next().unwrap_or_default()
    }

    /// What the section is in memory: its bytes in the file up to VirtualSize, and how many zeros follow them.
    #[must_use]
    pub fn in_memory(&self) -> (&'a [u8], usize) {
        let size = len32(self.virtual_size);
        let bytes = self.raw.get(..size).unwrap_or(self.raw);
        (bytes, size.saturating_sub(bytes.len()))
    }

    /// Where its bytes end in the file.
    const fn raw_end(&self) -> usize {
        self.raw_offset.saturating_add(self.raw.len())
    }
}

/// What the headers say before the sections are looked at.
struct Headers {
    machine: u16,
    section_count: usize,
    section_table: usize,
    /// PointerToSymbolTable and NumberOfSymbols.
    symbols: (u32, u32),
    checksum: usize,
    certificate_entry: Option<usize>,
    size: usize,
    certificates: (u32, u32),
}

impl<'a> Image<'a> {
    /// Reads an image.
    ///
    /// # Errors
    /// [`Error`], with the offset where there is one.
    pub fn parse(file: &'a [u8], limits: &Limits) -> Result<Self, Error> {
        if file.len() > limits.image_bytes {
            return Err(Error::TooLarge { got: file.len(), limit: limits.image_bytes });
        }
        let headers = Headers::read(file)?;
        if headers.section_count > limits.image_sections {
            let (got, limit) = (headers.section_count, limits.image_sections);
            return Err(Error::TooManySections { got, limit });
        }
        let sections = sections(file, &headers)?;
        let end = sections.iter().map(Section::raw_end).max().unwrap_or(0).max(headers.size);
        let certificates = certificates(file, &headers, end)?;
        Ok(Self {
            file,
            machine: headers.machine,
            checksum: headers.checksum,
            certificate_entry: headers.certificate_entry,
            headers: headers.size,
            sections,
            strings: strings(file, &headers),
            certificates,
        })
    }

    /// COFF machine: 0x8664 is x86-64, 0xaa64 is AArch64.
    #[must_use]
    pub const fn machine(&self) -> u16 {
        self.machine
    }

    /// Its sections in the order of the table.
    #[must_use]
    pub fn sections(&self) -> &[Section<'a>] {
        &self.sections
    }

    /// The first section of this name.
    #[must_use]
    pub fn section(&self, name: &[u8]) -> Option<&Section<'a>> {
        self.sections.iter().find(|section| section.name() == name)
    }

    /// The first section of this name of more than 8 bytes. Images should not have such names; those that GNU tools make do.
    #[must_use]
    pub fn long_section(&self, name: &[u8]) -> Option<&Section<'a>> {
        self.sections.iter().find(|section| {
            let digits =
                section.name().strip_prefix(b"/").and_then(|digits| core::str::from_utf8(digits).ok());
            let offset = digits.and_then(|digits| digits.parse::<usize>().ok());
            let found = offset.and_then(|offset| self.strings.get(offset..));
            found.and_then(|text| text.split(|byte| *byte == 0).next()) == Some(name)
        })
    }

    /// Length of the file.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.file.len()
    }

    /// An image is never empty.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.file.is_empty()
    }

    /// Whether it carries an attribute certificate table.
    #[must_use]
    pub const fn is_signed(&self) -> bool {
        !self.certificates.is_empty()
    }
}

impl Headers {
    fn read(file: &[u8]) -> Result<Self, Error> {
        if !file.starts_with(b"MZ") {
            return Err(Error::NotAnImage { offset: 0 });
        }
        let pe = len32(at(file, E_LFANEW)?.u32_le()?);
        let mut reader = at(file, pe)?;
        if reader.array()? != *b"PE\0\0" {
            return Err(Error::NotAnImage { offset: pe });
        }
        let machine = reader.u16_le()?;
        let section_count = usize::from(reader.u16_le()?);
        // TimeDateStamp
        reader.bytes(4)?;
        let symbols = (reader.u32_le()?, reader.u32_le()?);
        let optional_size = usize::from(reader.u16_le()?);
        // Characteristics
        reader.bytes(2)?;
        let start = reader.offset();
        let optional = reader.bytes(optional_size)?;
        let directories = match Reader::at(optional, start).u16_le()? {
            0x10b => 92,
            0x20b => 108,
            magic => return Err(Error::Magic { offset: start, magic }),
        };
        let size = len32(field(optional, start, 60)?.u32_le()?);
        let mut table = field(optional, start, directories)?;
        let count = len32(table.u32_le()?);
        let (certificate_entry, certificates) = if count > CERTIFICATE_TABLE {
            table.bytes(CERTIFICATE_TABLE.saturating_mul(8))?;
            (Some(table.offset()), (table.u32_le()?, table.u32_le()?))
        } else {
            (None, (0, 0))
        };
        let checksum = field(optional, start, CHECKSUM)?.offset();
        Ok(Self {
            machine,
            section_count,
            section_table: start.saturating_add(optional_size),
            symbols,
            checksum,
            certificate_entry,
            size,
            certificates,
        })
    }
}

fn at(file: &[u8], offset: usize) -> Result<Reader<'_>, Error> {
    field(file, 0, offset)
}

/// A reader at an offset of bytes that themselves start at `start` of the file.
fn field(bytes: &[u8], start: usize, offset: usize) -> Result<Reader<'_>, Error> {
    let mut reader = Reader::at(bytes, start);
    reader.bytes(offset)?;
    Ok(reader)
}

/// The section table, and that headers and sections lie one behind the other without sharing a byte.
fn sections<'a>(file: &'a [u8], headers: &Headers) -> Result<Vec<Section<'a>>, Error> {
    if headers.section_count == 0 {
        return Err(Error::NoSections);
    }
    let table_end =
        headers.section_table.saturating_add(headers.section_count.saturating_mul(SECTION_HEADER));
    if table_end > headers.size || headers.size > file.len() {
        return Err(Error::HeaderSize { size: headers.size, table_end, file: file.len() });
    }
    let mut reader = at(file, headers.section_table)?;
    let mut sections = Vec::with_capacity(headers.section_count);
    for index in 0..headers.section_count {
        sections.push(section(file, index, &mut reader)?);
    }
    // As the hash takes them: by their place in the file.
    let mut order: Vec<(usize, &Section<'_>)> =
        sections.iter().enumerate().filter(|(_, section)| !section.raw.is_empty()).collect();
    order.sort_by_key(|(_, section)| section.raw_offset);
    let mut end = headers.size;
    for (index, section) in order {
        if section.raw_offset < end {
            return Err(Error::Overlap { section: index, offset: section.raw_offset, end });
        }
        end = section.raw_end();
    }
    Ok(sections)
}

fn section<'a>(file: &'a [u8], index: usize, table: &mut Reader<'_>) -> Result<Section<'a>, Error> {
    let name = table.array()?;
    let virtual_size = table.u32_le()?;
    // VirtualAddress
    table.bytes(4)?;
    let (size, offset) = (len32(table.u32_le()?), len32(table.u32_le()?));
    // Relocations, line numbers and their counts, Characteristics
    table.bytes(16)?;
    let raw = if size == 0 { Some(&[][..]) } else { file.get(offset..offset.saturating_add(size)) };
    let raw = raw.ok_or(Error::SectionPastEnd { section: index, offset, size, file: file.len() })?;
    Ok(Section { name, virtual_size, raw_offset: offset, raw })
}

/// What follows the symbol table, each symbol taking 18 bytes. It only names sections, so a wrong one is none.
fn strings<'a>(file: &'a [u8], headers: &Headers) -> &'a [u8] {
    let (offset, count) = (len32(headers.symbols.0), len32(headers.symbols.1));
    let from = offset.saturating_add(count.saturating_mul(18));
    if offset == 0 { &[] } else { file.get(from..).unwrap_or_default() }
}

/// The certificate table: behind everything else, on a multiple of 8, up to the end of the file.
fn certificates<'a>(file: &'a [u8], headers: &Headers, data_end: usize) -> Result<&'a [u8], Error> {
    let (offset, size) = (len32(headers.certificates.0), len32(headers.certificates.1));
    if size == 0 {
        return Ok(&[]);
    }
    let table = file.get(offset..).filter(|table| table.len() == size);
    match table {
        Some(table) if offset >= data_end && offset.is_multiple_of(8) => Ok(table),
        _ => Err(Error::CertificateTable { offset, size, file: file.len() }),
    }
}
