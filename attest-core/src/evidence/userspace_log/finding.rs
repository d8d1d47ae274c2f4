//! What is odd or wrong in a well-formed log of user space.

use core::cmp::Ordering;
use core::fmt;
use std::collections::BTreeMap;

use super::{Content, Record, Register};
use crate::evidence::Severity;
use crate::evidence::cel::{Management, StateTransition};
use crate::evidence::text::{Text, shortened};
use crate::limits::Limits;

/// The string that systemd extends into the firmware's PCRs when the operating system begins (systemd-pcrosseparator.service).
const OS_SEPARATOR: &str = "os-separator";

/// Something in a log that a reader must know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What it is.
    pub kind: FindingKind,
    /// The record it concerns, if it is one.
    pub record: Option<u32>,
    /// The PCR it concerns.
    pub pcr: Option<u8>,
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
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FindingKind {
    /// Records of two boots in one log: another kernel was started, or two logs were put together.
    BootIdChanged,
    /// A content type that is not known here.
    ContentTypeUnknown {
        /// Its name or number, made harmless.
        content_type: String,
    },
    /// The log has no record.
    Empty,
    /// A record in a PCR that belongs to the firmware, other than systemd's separator, proven, once and last.
    FirmwarePcr,
    /// Entries of IMA, which are judged in the kernel's own list alone.
    ImaNotJudged {
        /// How many.
        count: usize,
    },
    /// Records in NV indexes, which no quote of PCRs covers.
    NvIndexNotQuoted {
        /// How many.
        count: usize,
    },
    /// A record in a register that a TPM does not have.
    RegisterForeign,
    /// A record in a PCR that the running system can reset.
    ResettablePcr,
    /// The log tells of a sleep or of another kernel.
    StateTransition(StateTransition),
    /// Further findings of one kind are not listed.
    TooMany {
        /// Their code.
        code: &'static str,
    },
}

impl FindingKind {
    /// A stable name for programs, in snake_case.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::BootIdChanged => "boot_id_changed",
            Self::ContentTypeUnknown { .. } => "content_type_unknown",
            Self::Empty => "log_empty",
            Self::FirmwarePcr => "userspace_in_firmware_pcr",
            Self::ImaNotJudged { .. } => "ima_not_judged_here",
            Self::NvIndexNotQuoted { .. } => "nv_index_not_quoted",
            Self::RegisterForeign => "register_foreign",
            Self::ResettablePcr => "resettable_pcr",
            Self::StateTransition(_) => "state_transition",
            Self::TooMany { .. } => "too_many_findings",
        }
    }

    /// What it does to a verdict.
    #[must_use]
    pub const fn severity(&self) -> Severity {
        match self {
            Self::BootIdChanged | Self::Empty | Self::FirmwarePcr | Self::RegisterForeign => Severity::Refuse,
            Self::StateTransition(StateTransition::Kexec) => Severity::Refuse,
            Self::StateTransition(_) | Self::ImaNotJudged { .. } | Self::TooMany { .. } => Severity::Warn,
            Self::ContentTypeUnknown { .. } | Self::NvIndexNotQuoted { .. } | Self::ResettablePcr => {
                Severity::Info
            }
        }
    }
}

impl fmt::Display for FindingKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BootIdChanged => f.write_str(
                "records of two boots in one log of user space: another kernel was started, or two logs were put together",
            ),
            Self::ContentTypeUnknown { content_type } => write!(f, "content of unknown type {content_type}"),
            Self::Empty => f.write_str("the log of user space is empty"),
            Self::FirmwarePcr => {
                f.write_str("user space extends a PCR of the firmware with something else than its one separator")
            }
            Self::ImaNotJudged { count } => {
                write!(f, "{count} entries of IMA, which are judged in the kernel's own list alone: it is wanted")
            }
            Self::NvIndexNotQuoted { count } => {
                write!(f, "{count} record(s) of NV indexes, which a quote of PCRs does not cover")
            }
            Self::RegisterForeign => f.write_str("a record of a register that a TPM does not have"),
            Self::ResettablePcr => f.write_str("a record of a PCR that the running system can reset"),
            Self::StateTransition(state) => write!(f, "the log tells of a transition: {}", state.name()),
            Self::TooMany { code } => write!(f, "more findings of `{code}` are not listed"),
        }
    }
}

/// Every finding, in order of the records; those of the whole log last.
pub(super) fn inspect(records: &[Record], limits: &Limits) -> Vec<Finding> {
    let mut findings = Findings { all: Vec::new(), counts: BTreeMap::new(), most: limits.findings };
    let mut boot_id: Option<&str> = None;
    let mut separated = [false; 8];
    for record in records {
        findings.of_content(record);
        if let Content::Systemd(systemd) = &record.content
            && let Some(id) = &systemd.boot_id
        {
            if boot_id.is_some_and(|first| first != id) {
                findings.add(FindingKind::BootIdChanged, record);
            }
            boot_id = boot_id.or(Some(id));
        }
        match record.register {
            Register::Pcr(pcr) if record.is_extended() => {
                let separated = separated.get_mut(usize::from(pcr));
                // The firmware's own: digests there are the firmware's to extend, and root could add any other.
                if let Some(separated) = separated {
                    if *separated || !is_os_separator(record) {
                        findings.add(FindingKind::FirmwarePcr, record);
                    }
                    *separated = true;
                } else if matches!(pcr, 16 | 20..) {
                    findings.add(FindingKind::ResettablePcr, record);
                }
            }
            Register::MeasurementRegister(_) => findings.add(FindingKind::RegisterForeign, record),
            Register::Pcr(_) | Register::NvIndex(_) => {}
        }
    }
    let mut all = findings.all;
    let of_log = |kind| Finding { kind, record: None, pcr: None };
    let count = records.iter().filter(|record| matches!(record.register, Register::NvIndex(_))).count();
    if count > 0 {
        all.push(of_log(FindingKind::NvIndexNotQuoted { count }));
    }
    let is_ima =
        |record: &&Record| matches!(record.content, Content::ImaTemplate { .. } | Content::ImaTlv(_));
    let count = records.iter().filter(is_ima).count();
    if count > 0 {
        all.push(of_log(FindingKind::ImaNotJudged { count }));
    }
    if records.is_empty() {
        all.push(of_log(FindingKind::Empty));
    }
    all
}

/// Whether the record is systemd's separator, by its digests.
fn is_os_separator(record: &Record) -> bool {
    let is_text = |digest: &crate::Digest| digest.alg().hash(&[OS_SEPARATOR.as_bytes()]) == *digest;
    !record.digests().is_empty() && record.digests().iter().all(is_text)
}

struct Findings {
    all: Vec<Finding>,
    counts: BTreeMap<&'static str, usize>,
    most: usize,
}

impl Findings {
    fn add(&mut self, kind: FindingKind, record: &Record) {
        self.add_with(kind.code(), record, || kind);
    }

    /// The finding of this code is only made, and its text written, where it is kept.
    fn add_with(&mut self, code: &'static str, record: &Record, kind: impl FnOnce() -> FindingKind) {
        let known = self.counts.entry(code).or_insert(0);
        *known = known.saturating_add(1);
        let kind = match (*known).cmp(&self.most.saturating_add(1)) {
            Ordering::Less => kind(),
            Ordering::Equal => FindingKind::TooMany { code },
            Ordering::Greater => return,
        };
        self.all.push(Finding { kind, record: Some(record.index), pcr: record.pcr() });
    }

    fn of_content(&mut self, record: &Record) {
        match &record.content {
            Content::Management(all) => {
                for one in all {
                    if let Management::StateTransition(state) = one {
                        self.add(FindingKind::StateTransition(*state), record);
                    }
                }
            }
            Content::Other { content_type, .. } => {
                let told = |content_type| FindingKind::ContentTypeUnknown { content_type };
                let code = told(String::new()).code();
                self.add_with(code, record, || told(shortened(Text(content_type), 64)));
            }
            _ => {}
        }
    }
}
