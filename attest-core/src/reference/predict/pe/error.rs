//! Why a file is not an image, or not one whose hash is beyond doubt.

use crate::reader::Truncated;

/// Why a file is not an image that can be hashed. Offsets and sizes are bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An attribute certificate's length does not fit its table.
    #[error("attribute certificate at offset {offset} says {len} bytes, {left} are left")]
    Certificate {
        /// Where it begins.
        offset: usize,
        /// What its length field says.
        len: usize,
        /// What the table still has.
        left: usize,
    },
    /// The certificate table is not the last thing in the file, or not on a multiple of 8.
    #[error(
        "the certificate table ({size} bytes at offset {offset}) must follow everything else on a multiple of 8 and end with the file ({file} bytes)"
    )]
    CertificateTable {
        /// Where it begins.
        offset: usize,
        /// How long it is.
        size: usize,
        /// How long the file is.
        file: usize,
    },
    /// SizeOfHeaders leaves out a part of the section table, or is larger than the file.
    #[error(
        "the headers are said to take {size} bytes; the section table ends at {table_end}, the file at {file}"
    )]
    HeaderSize {
        /// SizeOfHeaders.
        size: usize,
        /// Where the section table ends.
        table_end: usize,
        /// How long the file is.
        file: usize,
    },
    /// Neither PE32 nor PE32+.
    #[error(
        "optional header at offset {offset} has the magic {magic:#06x}, neither PE32 (0x010b) nor PE32+ (0x020b)"
    )]
    Magic {
        /// Where it is.
        offset: usize,
        /// What stands there.
        magic: u16,
    },
    /// Without a section there is nothing to run.
    #[error("no section")]
    NoSections,
    /// The signature `MZ` or `PE` is missing.
    #[error("no PE image: no signature at offset {offset}")]
    NotAnImage {
        /// Where it should be.
        offset: usize,
    },
    /// Two sections, or a section and the headers, share bytes: what is hashed twice depends on who hashes.
    #[error("section {section} begins at offset {offset}, before the end {end} of what stands before it")]
    Overlap {
        /// Its index in the section table.
        section: usize,
        /// Where it begins.
        offset: usize,
        /// Where the headers or the section before it end.
        end: usize,
    },
    /// A section's bytes are not all in the file.
    #[error("section {section} wants {size} bytes at offset {offset} of a file of {file}")]
    SectionPastEnd {
        /// Its index in the section table.
        section: usize,
        /// Where it begins.
        offset: usize,
        /// How many bytes it wants.
        size: usize,
        /// How long the file is.
        file: usize,
    },
    /// The file is larger than the bound.
    #[error("{got} bytes; at most {limit} are read")]
    TooLarge {
        /// How many.
        got: usize,
        /// The bound.
        limit: usize,
    },
    /// More attribute certificates than anybody needs.
    #[error("more than {limit} attribute certificates")]
    TooManyCertificates {
        /// The bound.
        limit: usize,
    },
    /// More sections than the bound.
    #[error("{got} sections; at most {limit} are read")]
    TooManySections {
        /// How many.
        got: usize,
        /// The bound.
        limit: usize,
    },
    /// A field is missing.
    #[error(transparent)]
    Truncated(#[from] Truncated),
}

impl Error {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Certificate { .. } => "pe_certificate",
            Self::CertificateTable { .. } => "pe_certificate_table",
            Self::HeaderSize { .. } => "pe_header_size",
            Self::Magic { .. } => "pe_magic",
            Self::NoSections => "pe_no_sections",
            Self::NotAnImage { .. } => "pe_not_an_image",
            Self::Overlap { .. } => "pe_overlap",
            Self::SectionPastEnd { .. } => "pe_section_past_end",
            Self::TooLarge { .. } => "pe_too_large",
            Self::TooManyCertificates { .. } => "pe_too_many_certificates",
            Self::TooManySections { .. } => "pe_too_many_sections",
            Self::Truncated(_) => "pe_truncated",
        }
    }
}
