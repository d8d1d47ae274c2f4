//! What is odd or wrong in a well-formed log.

use core::fmt;

use super::EventType;
use crate::digest::HashAlg;
use crate::evidence::Severity;

/// Something in a log that a reader must know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What it is.
    pub kind: FindingKind,
    /// The event it concerns, if it is one.
    pub event: Option<u32>,
    /// The register it concerns, as the log has it.
    pub pcr: Option<u32>,
}

impl Finding {
    /// A stable name for programs, in snake_case.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        self.kind.code()
    }

    /// What it does to a verdict.
    #[must_use]
    pub const fn severity(&self) -> Severity {
        self.kind.severity()
    }
}

/// What a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FindingKind {
    /// The header names a hash that is not known here; its bank is not replayed.
    AlgorithmUnknown {
        /// TPM_ALG_ID.
        id: u16,
    },
    /// The input held several logs, one after the other.
    ConcatenatedLogs {
        /// How many.
        count: usize,
    },
    /// An extending event has no digest for a bank that the header names: the PCR cannot be judged in that bank.
    DigestMissing {
        /// The bank.
        alg: HashAlg,
    },
    /// A second separator: events can be injected between the two.
    DuplicateSeparator,
    /// A UEFI variable is measured twice into PCR 7.
    DuplicateVariable,
    /// A firmware-type event in PCR 0 after its separator.
    FirmwareEventAfterSeparator {
        /// What it claims to be.
        event_type: EventType,
    },
    /// An EV_NO_ACTION event carries a digest that is not zero. It is not extended.
    NoActionDigest,
    /// An event other than EV_NO_ACTION in a register that such a log does not have.
    PcrInvalid,
    /// A separator whose data is none that firmware writes.
    SeparatorData,
    /// A separator's digest is not that of its data.
    SeparatorDigest {
        /// The bank.
        alg: HashAlg,
    },
    /// The firmware says that its measurements failed.
    SeparatorError,
    /// A PCR from 0 to 7 without a separator: where the firmware ended is not told.
    SeparatorMissing,
    /// Several separators in a CCEL register, no more than it serves PCRs.
    SeparatorsShared {
        /// How many.
        count: u32,
    },
    /// StartupLocality after PCR 0 was extended; not applied.
    StartupLocalityLate,
    /// StartupLocality in another PCR than 0; not applied.
    StartupLocalityMisplaced,
    /// A second StartupLocality; not applied.
    StartupLocalityRepeated,
    /// StartupLocality of another size than 17 bytes; not applied.
    StartupLocalitySize,
    /// StartupLocality other than 0, 3 or 4; not applied.
    StartupLocalityValue {
        /// What it says.
        locality: u8,
    },
    /// Further findings of one kind are not listed.
    TooMany {
        /// Their code.
        code: &'static str,
    },
    /// A variable of the firmware's configuration measured into PCR 7 after its separator.
    VariableAfterSeparator,
}

impl FindingKind {
    /// A stable name for programs, in snake_case.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::AlgorithmUnknown { .. } => "algorithm_unknown",
            Self::ConcatenatedLogs { .. } => "concatenated_logs",
            Self::DigestMissing { .. } => "digest_missing",
            Self::DuplicateSeparator => "duplicate_separator",
            Self::DuplicateVariable => "duplicate_variable",
            Self::FirmwareEventAfterSeparator { .. } => "firmware_event_after_separator",
            Self::NoActionDigest => "no_action_digest",
            Self::PcrInvalid => "pcr_invalid",
            Self::SeparatorData => "separator_data",
            Self::SeparatorDigest { .. } => "separator_digest",
            Self::SeparatorError => "separator_error",
            Self::SeparatorMissing => "separator_missing",
            Self::SeparatorsShared { .. } => "separators_shared",
            Self::StartupLocalityLate => "startup_locality_late",
            Self::StartupLocalityMisplaced => "startup_locality_misplaced",
            Self::StartupLocalityRepeated => "startup_locality_repeated",
            Self::StartupLocalitySize => "startup_locality_size",
            Self::StartupLocalityValue { .. } => "startup_locality_value",
            Self::TooMany { .. } => "too_many_findings",
            Self::VariableAfterSeparator => "variable_after_separator",
        }
    }

    /// What it does to a verdict.
    #[must_use]
    pub const fn severity(&self) -> Severity {
        match self {
            Self::SeparatorsShared { .. } => Severity::Info,
            // Real machines do these, and the replay says what follows.
            Self::AlgorithmUnknown { .. }
            | Self::ConcatenatedLogs { .. }
            | Self::DigestMissing { .. }
            | Self::FirmwareEventAfterSeparator { .. }
            | Self::NoActionDigest
            | Self::SeparatorMissing => Severity::Warn,
            Self::DuplicateSeparator
            | Self::DuplicateVariable
            | Self::PcrInvalid
            | Self::SeparatorData
            | Self::SeparatorDigest { .. }
            | Self::SeparatorError
            | Self::StartupLocalityLate
            | Self::StartupLocalityMisplaced
            | Self::StartupLocalityRepeated
            | Self::StartupLocalitySize
            | Self::StartupLocalityValue { .. }
            // What is not listed may be the one that refuses.
            | Self::TooMany { .. }
            | Self::VariableAfterSeparator => Severity::Refuse,
        }
    }
}

/// The finding in one sentence.
impl fmt::Display for FindingKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AlgorithmUnknown { id } => {
                write!(f, "the log's algorithm {id:#06x} is not known; its bank is not replayed")
            }
            Self::ConcatenatedLogs { count } => write!(f, "{count} logs one after the other"),
            Self::DigestMissing { alg } => {
                write!(f, "no {alg} digest; this register cannot be judged in the {alg} bank")
            }
            Self::DuplicateSeparator => f.write_str("a second separator: events may have been injected"),
            Self::DuplicateVariable => f.write_str("this UEFI variable was measured before"),
            Self::FirmwareEventAfterSeparator { event_type } => {
                write!(f, "{event_type} after the separator that ends the firmware's part")
            }
            Self::NoActionDigest => f.write_str("EV_NO_ACTION with a digest; it is not extended"),
            Self::PcrInvalid => f.write_str("there is no such register"),
            Self::SeparatorData => f.write_str("separator data other than 00000000 or ffffffff"),
            Self::SeparatorDigest { alg } => {
                write!(f, "the {alg} digest is not that of the separator's data")
            }
            Self::SeparatorError => f.write_str("the firmware reports that measuring failed"),
            Self::SeparatorMissing => f.write_str("no separator: where the firmware ended is not told"),
            Self::SeparatorsShared { count } => {
                write!(f, "{count} separators, as this register serves several PCRs")
            }
            Self::StartupLocalityLate => {
                f.write_str("StartupLocality after the first extension; not applied")
            }
            Self::StartupLocalityMisplaced => f.write_str("StartupLocality outside PCR 0; not applied"),
            Self::StartupLocalityRepeated => f.write_str("a second StartupLocality; not applied"),
            Self::StartupLocalitySize => f.write_str("StartupLocality of a wrong size; not applied"),
            Self::StartupLocalityValue { locality } => {
                write!(f, "StartupLocality {locality}, only 0, 3 and 4 exist; not applied")
            }
            Self::TooMany { code } => write!(f, "more findings {code} are not listed"),
            Self::VariableAfterSeparator => f.write_str("a configuration variable after PCR 7's separator"),
        }
    }
}
