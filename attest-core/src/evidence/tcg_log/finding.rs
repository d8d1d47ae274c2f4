//! What is odd or wrong in a well-formed log.

use core::fmt;

use super::EventType;
use crate::digest::HashAlg;
use crate::evidence::Severity;
use crate::evidence::tcg_event::{Database, Switch};

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
    /// Images were checked, and started whatever came of it.
    AuditMode,
    /// Secure Boot is on, and no certificate or hash is told by which the loaded images were accepted.
    AuthorityMissing,
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
    /// A key of Secure Boot that is a laboratory's, with its private half in a public package.
    LabKey {
        /// The list that holds it.
        database: Database,
    },
    /// An EV_NO_ACTION event carries a digest that is not zero. It is not extended.
    NoActionDigest,
    /// An event other than EV_NO_ACTION in a register that such a log does not have.
    PcrInvalid,
    /// A variable of Secure Boot whose digest does not cover it: what it says is a hint.
    SecureBootUnproven,
    /// The SecureBoot variable is neither 0 nor 1: neither on nor off.
    SecureBootValue,
    /// A separator whose data is none that firmware writes.
    SeparatorData,
    /// A separator's digest is not that of its data.
    SeparatorDigest {
        /// The bank.
        alg: HashAlg,
    },
    /// An event extends what a separator extends, and its type says another thing.
    SeparatorDisguised,
    /// The firmware says that its measurements failed.
    SeparatorError,
    /// A PCR from 0 to 7 without a separator: where the firmware ended is not told.
    SeparatorMissing,
    /// Several separators in a CCEL register, no more than it serves PCRs.
    SeparatorsShared {
        /// How many.
        count: u32,
    },
    /// There is no platform key: anybody may set the keys of Secure Boot.
    SetupMode,
    /// Shim starts what nobody signed: MokSBState.
    ShimValidationOff,
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
    /// A key of Secure Boot whose private half was leaked, or that says that it is not to be trusted or shipped.
    TestKey {
        /// The list that holds it.
        database: Database,
    },
    /// What PK, KEK and db hold is not proven, and some event of their register is not either: they may hold such a key.
    TestKeyUnproven,
    /// Further findings of one kind are not listed.
    TooMany {
        /// Their code.
        code: &'static str,
    },
    /// A variable of the firmware's configuration measured into PCR 7 after its separator.
    VariableAfterSeparator,
    /// An event of Windows after the separator that ends Windows' part; not read.
    WindowsEventAfterSeparator,
    /// An event of Windows whose digest does not cover it; not read.
    WindowsUnproven,
    /// An event of Windows that is not made of measurements throughout.
    WindowsUnreadable,
    /// A switch of Windows stands where it weakens.
    WindowsWeakened {
        /// Which.
        switch: Switch,
    },
}

impl FindingKind {
    /// A stable name for programs, in snake_case.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::AlgorithmUnknown { .. } => "algorithm_unknown",
            Self::AuditMode => "audit_mode",
            Self::AuthorityMissing => "authority_missing",
            Self::ConcatenatedLogs { .. } => "concatenated_logs",
            Self::DigestMissing { .. } => "digest_missing",
            Self::DuplicateSeparator => "duplicate_separator",
            Self::DuplicateVariable => "duplicate_variable",
            Self::FirmwareEventAfterSeparator { .. } => "firmware_event_after_separator",
            Self::LabKey { .. } => "lab_key",
            Self::NoActionDigest => "no_action_digest",
            Self::PcrInvalid => "pcr_invalid",
            Self::SecureBootUnproven => "secure_boot_unproven",
            Self::SecureBootValue => "secure_boot_value",
            Self::SeparatorData => "separator_data",
            Self::SeparatorDigest { .. } => "separator_digest",
            Self::SeparatorDisguised => "separator_disguised",
            Self::SeparatorError => "separator_error",
            Self::SeparatorMissing => "separator_missing",
            Self::SeparatorsShared { .. } => "separators_shared",
            Self::SetupMode => "setup_mode",
            Self::ShimValidationOff => "shim_validation_off",
            Self::StartupLocalityLate => "startup_locality_late",
            Self::StartupLocalityMisplaced => "startup_locality_misplaced",
            Self::StartupLocalityRepeated => "startup_locality_repeated",
            Self::StartupLocalitySize => "startup_locality_size",
            Self::StartupLocalityValue { .. } => "startup_locality_value",
            Self::TestKey { .. } => "test_key",
            Self::TestKeyUnproven => "test_key_unproven",
            Self::TooMany { .. } => "too_many_findings",
            Self::VariableAfterSeparator => "variable_after_separator",
            Self::WindowsEventAfterSeparator => "windows_event_after_separator",
            Self::WindowsUnproven => "windows_unproven",
            Self::WindowsUnreadable => "windows_unreadable",
            Self::WindowsWeakened { switch } => match switch {
                Switch::BootDebugging => "windows_boot_debugging",
                Switch::CodeIntegrity => "windows_code_integrity_off",
                Switch::FlightSigning => "windows_flight_signing",
                Switch::HypervisorDebugging => "windows_hypervisor_debugging",
                Switch::KernelDebugging => "windows_kernel_debugging",
                Switch::SafeMode => "windows_safe_mode",
                Switch::TestSigning => "windows_test_signing",
                Switch::WinPe => "windows_winpe",
            },
        }
    }

    /// Whether it is about the state of the boot that the log tells of, and not about the log.
    #[must_use]
    pub const fn is_of_the_boot(&self) -> bool {
        matches!(
            self,
            Self::AuditMode
                | Self::AuthorityMissing
                | Self::LabKey { .. }
                | Self::SecureBootUnproven
                | Self::SecureBootValue
                | Self::SetupMode
                | Self::ShimValidationOff
                | Self::TestKey { .. }
                | Self::TestKeyUnproven
                | Self::WindowsEventAfterSeparator
                | Self::WindowsUnproven
                | Self::WindowsUnreadable
                | Self::WindowsWeakened { .. }
        )
    }

    /// What it does to a verdict.
    #[must_use]
    pub const fn severity(&self) -> Severity {
        match self {
            Self::SeparatorsShared { .. } | Self::WindowsWeakened { switch: Switch::FlightSigning } => Severity::Info,
            // Real machines do these, and the replay says what follows.
            Self::AlgorithmUnknown { .. }
            | Self::ConcatenatedLogs { .. }
            | Self::DigestMissing { .. }
            | Self::FirmwareEventAfterSeparator { .. }
            | Self::NoActionDigest
            | Self::SeparatorMissing
            // The log tells one story, of a boot that is weaker than its reader may think.
            | Self::AuditMode
            | Self::AuthorityMissing
            | Self::LabKey { .. }
            | Self::SecureBootUnproven
            | Self::SecureBootValue
            | Self::SetupMode
            | Self::ShimValidationOff
            | Self::TestKey { .. }
            | Self::TestKeyUnproven
            | Self::WindowsEventAfterSeparator
            | Self::WindowsUnproven
            | Self::WindowsUnreadable
            | Self::WindowsWeakened { .. } => Severity::Warn,
            Self::DuplicateSeparator
            | Self::DuplicateVariable
            | Self::PcrInvalid
            | Self::SeparatorData
            | Self::SeparatorDigest { .. }
            | Self::SeparatorDisguised
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
            Self::AuditMode => {
                f.write_str("audit mode: images were started whether or not their signatures were good")
            }
            Self::AuthorityMissing => {
                f.write_str("Secure Boot is on, but nothing is told by which the loaded images were accepted")
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
            Self::LabKey { database } => {
                write!(f, "{} holds a laboratory's key, whose private half is published", database.name())
            }
            Self::NoActionDigest => f.write_str("EV_NO_ACTION with a digest; it is not extended"),
            Self::PcrInvalid => f.write_str("there is no such register"),
            Self::SecureBootUnproven => {
                f.write_str("the digest does not cover this variable: what it says is a hint")
            }
            Self::SecureBootValue => {
                f.write_str("SecureBoot is neither 0 nor 1: neither on nor off is proven")
            }
            Self::SeparatorData => f.write_str("separator data other than 00000000 or ffffffff"),
            Self::SeparatorDigest { alg } => {
                write!(f, "the {alg} digest is not that of the separator's data")
            }
            Self::SeparatorDisguised => f.write_str("a separator's digest under another type"),
            Self::SeparatorError => f.write_str("the firmware reports that measuring failed"),
            Self::SeparatorMissing => f.write_str("no separator: where the firmware ended is not told"),
            Self::SeparatorsShared { count } => {
                write!(f, "{count} separators, as this register serves several PCRs")
            }
            Self::SetupMode => {
                f.write_str("there is no platform key (PK): anybody may set the keys of Secure Boot")
            }
            Self::ShimValidationOff => {
                f.write_str("shim's validation is off (MokSBState): it starts what nobody signed")
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
            Self::TestKey { database } => {
                write!(
                    f,
                    "{} holds a key for tests that was never to be shipped; others have its private half",
                    database.name()
                )
            }
            Self::TestKeyUnproven => f.write_str(
                "not all of PK, KEK and db are proven, and neither is this event: they may hold a key that was never to be shipped",
            ),
            Self::TooMany { code } => write!(f, "more findings {code} are not listed"),
            Self::VariableAfterSeparator => f.write_str("a configuration variable after PCR 7's separator"),
            Self::WindowsEventAfterSeparator => {
                f.write_str("after the separator that ends Windows' part; not read")
            }
            Self::WindowsUnproven => f.write_str("the digest does not cover this event of Windows; not read"),
            Self::WindowsUnreadable => {
                f.write_str("this event of Windows is not made of measurements throughout")
            }
            Self::WindowsWeakened { switch } => f.write_str(match switch {
                Switch::BootDebugging => "Windows: a debugger may attach to the boot loader",
                Switch::CodeIntegrity => "Windows: Code Integrity is off",
                Switch::FlightSigning => "Windows: pre-release signatures count",
                Switch::HypervisorDebugging => "Windows: a debugger may attach to the hypervisor",
                Switch::KernelDebugging => "Windows: a debugger may attach to the kernel",
                Switch::SafeMode => "Windows: started in safe mode",
                Switch::TestSigning => "Windows: test signatures count",
                Switch::WinPe => "Windows: a preinstallation environment (WinPE)",
            }),
        }
    }
}
