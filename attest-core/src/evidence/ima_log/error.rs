//! Why bytes are not an IMA list.

use crate::reader::Truncated;

/// The bytes are not a well-formed IMA list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("entry {entry} at offset {offset}: {kind}")]
pub struct Error {
    /// What is wrong.
    pub kind: ErrorKind,
    /// Where, in bytes from the start of the input; in an ASCII list where the line begins.
    pub offset: usize,
    /// In which entry, counted from 0.
    pub entry: u32,
}

impl Error {
    /// A stable name for programs, in snake_case.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        self.kind.code()
    }
}

/// What is wrong with the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The numbers are big-endian: what such a kernel hashed is big-endian, too.
    #[error("a big-endian list; the kernel writes a little-endian one with ima_canonical_fmt")]
    BigEndian,
    /// There are no bytes at all.
    #[error("the list is empty")]
    Empty,
    /// The data does not divide into the fields that the template names.
    #[error("the template's fields do not fill its {len} bytes of data")]
    Fields {
        /// Bytes of data.
        len: usize,
    },
    /// A line is not register, template digest, template name and its fields.
    #[error("not a line of a measurement list: {wrong}")]
    Line {
        /// Which part.
        wrong: &'static str,
    },
    /// The register does not exist.
    #[error("there is no PCR {pcr}")]
    PcrInvalid {
        /// What the entry says.
        pcr: u32,
    },
    /// A template's name is none: empty, too long or not printable.
    #[error("not a template's name, {len} bytes")]
    TemplateName {
        /// Bytes that it claims.
        len: u32,
    },
    /// A line names a template whose data cannot be built from text, because its fields are not known.
    #[error("the template is not known, so its data cannot be built from text")]
    TemplateUnknown,
    /// The input is larger than allowed.
    #[error("{len} bytes, {most} are allowed")]
    TooLarge {
        /// Bytes given.
        len: usize,
        /// [`Limits::ima_bytes`](crate::Limits::ima_bytes).
        most: usize,
    },
    /// More entries than allowed.
    #[error("more than {most} entries")]
    TooManyEntries {
        /// [`Limits::ima_entries`](crate::Limits::ima_entries).
        most: usize,
    },
    /// The bytes end inside a record.
    #[error("cut short: {wanted} bytes wanted, {left} left")]
    Truncated {
        /// How many the field takes.
        wanted: usize,
        /// How many are left.
        left: usize,
    },
}

impl ErrorKind {
    /// A stable name for programs, in snake_case.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::BigEndian => "big_endian",
            Self::Empty => "log_empty",
            Self::Fields { .. } => "template_fields",
            Self::Line { .. } => "line",
            Self::PcrInvalid { .. } => "pcr_invalid",
            Self::TemplateName { .. } => "template_name",
            Self::TemplateUnknown => "template_unknown",
            Self::TooLarge { .. } => "log_too_large",
            Self::TooManyEntries { .. } => "too_many_entries",
            Self::Truncated { .. } => "truncated",
        }
    }

    pub(super) const fn at(self, offset: usize, entry: u32) -> Error {
        Error { kind: self, offset, entry }
    }
}

pub(super) const fn truncated(error: Truncated, entry: u32) -> Error {
    ErrorKind::Truncated { wanted: error.wanted, left: error.left }.at(error.offset, entry)
}
