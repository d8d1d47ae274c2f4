//! Why bytes are not a canonical event log, nor a userspace log.

use crate::evidence::{cbor, json};
use crate::reader::Truncated;

/// The bytes are not well-formed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("record {record} at offset {offset}: {kind}")]
pub struct Error {
    /// What is wrong.
    pub kind: ErrorKind,
    /// Where, in bytes from the start of the input; for JSON where the record begins.
    pub offset: usize,
    /// In which record, counted from 0.
    pub record: u32,
}

impl Error {
    /// A stable name for programs, in snake_case.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        self.kind.code()
    }
}

/// What is wrong with the bytes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A record is not CBOR as it is read here.
    #[error("{0}")]
    Cbor(cbor::Error),
    /// Two digests of one algorithm.
    #[error("two digests of {alg}")]
    DigestRepeated {
        /// The algorithm.
        alg: String,
    },
    /// A digest whose length is not its algorithm's.
    #[error("a digest of {alg} with {len} bytes")]
    DigestSize {
        /// The algorithm.
        alg: String,
        /// How many bytes there are.
        len: usize,
    },
    /// A measured record without a digest.
    #[error("no digest, though the record was measured")]
    DigestsMissing,
    /// A field that must be there is not.
    #[error("`{field}` is missing")]
    FieldMissing {
        /// Its name.
        field: &'static str,
    },
    /// A field that the format does not have, or not there.
    #[error("unexpected {field}")]
    FieldUnexpected {
        /// Its name or type number, cut after 64 characters.
        field: String,
    },
    /// A field's value is not what it must be.
    #[error("`{field}` is not {expected}")]
    FieldValue {
        /// Its name.
        field: &'static str,
        /// What it must be.
        expected: &'static str,
    },
    /// None of the formats begins like this.
    #[error(
        "neither systemd's log (0x1e) nor a canonical event log in TLV, JSON or CBOR begins with {first:#04x}"
    )]
    FormatUnknown {
        /// The first byte.
        first: u8,
    },
    /// A record is not JSON as it is read here.
    #[error("{0}")]
    Json(json::Error),
    /// A PCR that no TPM has.
    #[error("PCR {pcr} does not exist")]
    PcrOutOfRange {
        /// What the record says.
        pcr: u64,
    },
    /// Records are numbered neither within their register nor over the log: one is missing, repeated or out of order.
    #[error("recnum is {got}, the next one of this register is {expected}")]
    RecnumGap {
        /// What it says.
        got: u64,
        /// What would follow within the register.
        expected: u64,
    },
    /// The input ends within a record.
    #[error("the log ends within a record")]
    RecordCutShort,
    /// More bytes than [`Limits::userspace_log_bytes`](crate::Limits::userspace_log_bytes).
    #[error("{len} bytes, more than {limit}")]
    TooLong {
        /// How many there are.
        len: usize,
        /// The bound.
        limit: usize,
    },
    /// More digests in a record than a TPM has banks.
    #[error("more than {limit} digests")]
    TooManyDigests {
        /// [`Limits::event_log_algorithms`](crate::Limits::event_log_algorithms).
        limit: usize,
    },
    /// More records than [`Limits::userspace_log_records`](crate::Limits::userspace_log_records).
    #[error("more than {limit} records")]
    TooManyRecords {
        /// The bound.
        limit: usize,
    },
    /// Bytes after the end of the log, or of a field.
    #[error("{left} bytes after the end")]
    TrailingBytes {
        /// How many.
        left: usize,
    },
    /// A field claims more bytes than there are.
    #[error(transparent)]
    Truncated(#[from] Truncated),
}

impl ErrorKind {
    /// A stable name for programs, in snake_case.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Cbor(error) => error.code(),
            Self::DigestRepeated { .. } => "userspace_log_digest_repeated",
            Self::DigestSize { .. } => "userspace_log_digest_size",
            Self::DigestsMissing => "userspace_log_digests_missing",
            Self::FieldMissing { .. } => "userspace_log_field_missing",
            Self::FieldUnexpected { .. } => "userspace_log_field_unexpected",
            Self::FieldValue { .. } => "userspace_log_field_value",
            Self::FormatUnknown { .. } => "userspace_log_format_unknown",
            Self::Json(error) => error.code(),
            Self::PcrOutOfRange { .. } => "userspace_log_pcr_out_of_range",
            Self::RecnumGap { .. } => "userspace_log_recnum_gap",
            Self::RecordCutShort => "userspace_log_record_cut_short",
            Self::TooLong { .. } => "userspace_log_too_long",
            Self::TooManyDigests { .. } => "userspace_log_too_many_digests",
            Self::TooManyRecords { .. } => "userspace_log_too_many_records",
            Self::TrailingBytes { .. } => "userspace_log_trailing_bytes",
            Self::Truncated(_) => "userspace_log_truncated",
        }
    }

    /// At this place.
    pub(in crate::evidence) const fn at(self, offset: usize, record: u32) -> Error {
        Error { kind: self, offset, record }
    }

    /// A value that is not what its field must be.
    pub(super) const fn value(field: &'static str, expected: &'static str) -> Self {
        Self::FieldValue { field, expected }
    }
}
