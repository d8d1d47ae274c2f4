//! What is odd or wrong in a well-formed list.

use core::fmt;

use super::{Entry, ImaLog};
use crate::evidence::Severity;
use crate::limits::Limits;

/// Something in a list that a reader must know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What it is.
    pub kind: FindingKind,
    /// The entry it concerns, or the first of several.
    pub entry: Option<u32>,
    /// That entry's register.
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
    /// An ASCII list whose text could be read in several ways; the one that fits the template digest was taken.
    AmbiguousText,
    /// The list does not begin with `boot_aggregate`: nothing ties it to the boot.
    BootAggregateMissing,
    /// Another `boot_aggregate`: a kernel started by kexec goes on with the list of the first.
    BootAggregateRepeated,
    /// A name with control characters, a NUL or a `..` in it.
    OddName,
    /// An entry's template digest is not that of its data.
    TemplateHash,
    /// A template whose fields are not known: its digest counts, its meaning does not.
    TemplateUnknown,
    /// Further findings of one kind are not listed.
    TooMany {
        /// Their code.
        code: &'static str,
    },
    /// Entries that report a violation.
    Violations {
        /// How many.
        count: usize,
    },
}

impl FindingKind {
    /// A stable name for programs, in snake_case.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::AmbiguousText => "ambiguous_text",
            Self::BootAggregateMissing => "boot_aggregate_missing",
            Self::BootAggregateRepeated => "boot_aggregate_repeated",
            Self::OddName => "odd_name",
            Self::TemplateHash => "template_hash_mismatch",
            Self::TemplateUnknown => "template_unknown",
            Self::TooMany { .. } => "too_many_findings",
            Self::Violations { .. } => "violations",
        }
    }

    /// What it does to a verdict.
    #[must_use]
    pub const fn severity(&self) -> Severity {
        match self {
            Self::AmbiguousText
            | Self::BootAggregateMissing
            | Self::BootAggregateRepeated
            | Self::OddName
            | Self::TemplateUnknown
            | Self::Violations { .. } => Severity::Warn,
            // What is not listed may be the one that refuses.
            Self::TemplateHash | Self::TooMany { .. } => Severity::Refuse,
        }
    }
}

/// The finding in one sentence.
impl fmt::Display for FindingKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AmbiguousText => {
                f.write_str("the text can be read in several ways; a binary list is certain")
            }
            Self::BootAggregateMissing => f.write_str("the list does not begin with boot_aggregate"),
            Self::BootAggregateRepeated => {
                f.write_str("another boot_aggregate: a kernel was started by kexec")
            }
            Self::OddName => f.write_str("a name with control characters, a NUL or `..` in it"),
            Self::TemplateHash => f.write_str("the template digest is not that of the entry's data"),
            Self::TemplateUnknown => f.write_str("the template is not known"),
            Self::TooMany { code } => write!(f, "more findings {code} are not listed"),
            Self::Violations { count: 1 } => f.write_str("one entry reports a violation"),
            Self::Violations { count } => write!(f, "{count} entries report violations"),
        }
    }
}

pub(super) fn inspect(log: &ImaLog<'_>, limits: &Limits) -> Vec<Finding> {
    let mut found = Found { findings: Vec::new(), most: limits.findings };
    let alg = log.template_alg();
    let mut violations = (0_usize, None);
    for (position, entry) in log.entries().enumerate() {
        let is_aggregate = entry.is_boot_aggregate();
        match position {
            0 if !is_aggregate => found.add(FindingKind::BootAggregateMissing, &entry),
            1.. if is_aggregate => found.add(FindingKind::BootAggregateRepeated, &entry),
            _ => {}
        }
        if entry.is_violation() {
            violations = (violations.0.saturating_add(1), violations.1.or(Some(entry)));
        } else if entry.template_digest(alg).as_bytes() != entry.template_hash {
            found.add(FindingKind::TemplateHash, &entry);
        }
        if entry.template.fields().is_none() {
            found.add(FindingKind::TemplateUnknown, &entry);
        }
        if entry.name().is_some_and(is_odd) {
            found.add(FindingKind::OddName, &entry);
        }
    }
    for entry in log.ambiguous.iter().filter_map(|at| log.entry(usize::try_from(*at).ok()?)) {
        found.add(FindingKind::AmbiguousText, &entry);
    }
    if let (count, Some(first)) = violations {
        found.add(FindingKind::Violations { count }, &first);
    }
    found.findings
}

/// Whether a name may mean another file than it shows.
fn is_odd(name: &[u8]) -> bool {
    name.iter().any(u8::is_ascii_control) || name.split(|byte| *byte == b'/').any(|part| part == b"..")
}

struct Found {
    findings: Vec<Finding>,
    most: usize,
}

impl Found {
    fn add(&mut self, kind: FindingKind, entry: &Entry<'_>) {
        let kind = match self.findings.len() {
            len if len < self.most => kind,
            len if len == self.most => FindingKind::TooMany { code: kind.code() },
            _ => return,
        };
        self.findings.push(Finding { kind, entry: Some(entry.index), pcr: Some(entry.pcr) });
    }
}
