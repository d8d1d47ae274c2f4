//! Why bytes are not an event log.

use crate::reader::Truncated;

/// The bytes are not a well-formed event log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("event {event} at offset {offset}: {kind}")]
pub struct Error {
    /// What is wrong.
    pub kind: ErrorKind,
    /// Where, in bytes from the start of the input.
    pub offset: usize,
    /// In which event, counted from 0, the log's header.
    pub event: u32,
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
    /// The header names no algorithm, or more than any TPM has banks.
    #[error("the header names {count} algorithms, 1 to {most} are possible")]
    AlgorithmCount {
        /// What it says.
        count: u32,
        /// [`Limits::event_log_algorithms`](crate::Limits::event_log_algorithms).
        most: usize,
    },
    /// The header names an algorithm twice.
    #[error("the header names algorithm {id:#06x} twice")]
    AlgorithmRepeated {
        /// TPM_ALG_ID.
        id: u16,
    },
    /// The header gives an algorithm a digest size that is not its own, or that no hash has.
    #[error("the header gives algorithm {id:#06x} digests of {size} bytes")]
    AlgorithmSize {
        /// TPM_ALG_ID.
        id: u16,
        /// Bytes.
        size: u16,
    },
    /// An event carries a digest of an algorithm that the header does not name.
    #[error("a digest of algorithm {id:#06x}, which the header does not name")]
    DigestAlgorithm {
        /// TPM_ALG_ID.
        id: u16,
    },
    /// An event carries more digests than the header names algorithms.
    #[error("{count} digests, the header names {most} algorithms")]
    DigestCount {
        /// What the event says.
        count: u32,
        /// What the header names.
        most: usize,
    },
    /// An event carries two digests of one algorithm.
    #[error("two digests of algorithm {id:#06x}")]
    DigestRepeated {
        /// TPM_ALG_ID.
        id: u16,
    },
    /// There are no bytes at all.
    #[error("the log is empty: it has no bytes")]
    Empty,
    /// There is only padding.
    #[error("{len} bytes, all of them {byte:#04x}: padding, and no event")]
    OnlyPadding {
        /// How many.
        len: usize,
        /// Of what.
        byte: u8,
    },
    /// The Spec ID event stands in another register than 0 (PCR) or 1 (CCEL).
    #[error("the header stands in register {pcr}")]
    HeaderPcr {
        /// What it says.
        pcr: u32,
    },
    /// The Spec ID event has bytes after its vendor information.
    #[error("{len} bytes after the header's vendor information")]
    HeaderTrailing {
        /// How many.
        len: usize,
    },
    /// The Spec ID event is not of type EV_NO_ACTION.
    #[error("the header is of event type {event_type:#010x}, not EV_NO_ACTION")]
    HeaderType {
        /// What it says.
        event_type: u32,
    },
    /// Logs that stand one after the other do not name the same algorithms.
    #[error("concatenated logs name different algorithms")]
    PiecesDiffer,
    /// The input is larger than allowed.
    #[error("{len} bytes, {most} are allowed")]
    TooLarge {
        /// Bytes given.
        len: usize,
        /// [`Limits::event_log_bytes`](crate::Limits::event_log_bytes).
        most: usize,
    },
    /// More events than allowed.
    #[error("more than {most} events")]
    TooManyEvents {
        /// [`Limits::event_log_events`](crate::Limits::event_log_events).
        most: usize,
    },
    /// The bytes end inside an event, or an event claims more than there is.
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
            Self::AlgorithmCount { .. } => "algorithm_count",
            Self::AlgorithmRepeated { .. } => "algorithm_repeated",
            Self::AlgorithmSize { .. } => "algorithm_size",
            Self::DigestAlgorithm { .. } => "digest_algorithm",
            Self::DigestCount { .. } => "digest_count",
            Self::DigestRepeated { .. } => "digest_repeated",
            // Both have no event, which is what a program wants to know.
            Self::Empty | Self::OnlyPadding { .. } => "log_empty",
            Self::HeaderPcr { .. } => "header_pcr",
            Self::HeaderTrailing { .. } => "header_trailing",
            Self::HeaderType { .. } => "header_type",
            Self::PiecesDiffer => "pieces_differ",
            Self::TooLarge { .. } => "log_too_large",
            Self::TooManyEvents { .. } => "too_many_events",
            Self::Truncated { .. } => "truncated",
        }
    }

    pub(super) const fn at(self, offset: usize, event: u32) -> Error {
        Error { kind: self, offset, event }
    }
}

pub(super) const fn truncated(error: Truncated, event: u32) -> Error {
    ErrorKind::Truncated { wanted: error.wanted, left: error.left }.at(error.offset, event)
}
