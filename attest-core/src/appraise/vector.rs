//! The trust vectors of AR4SI from the findings.

use super::boot::Boot;
use super::finding::{Code, Part, Reason, Severity};
use super::verdict::{Status, TrustVector};
use crate::authenticate::{AuthenticEvidence, Subject};
use crate::reference::golden::Golden;

/// The claims about the whole and each part.
pub(super) struct Vectors {
    pub(super) whole: TrustVector,
    pub(super) boot: TrustVector,
    pub(super) runtime: TrustVector,
}

pub(super) const APPROVED: i8 = 2;
pub(super) const APPROVED_BOOT: i8 = 3;
pub(super) const CONTRAINDICATED: i8 = 96;

/// Parts of the boot that are code; everything else is configuration.
fn is_executable(component: &str) -> bool {
    [
        "firmware.code",
        "firmware.version",
        "boot_loader",
        "kernel",
        "initrd",
        "uki",
        "option_rom",
        "boot.driver",
    ]
    .iter()
    .any(|code| component.starts_with(code))
        && !component.contains("cmdline")
}

/// Whose key it is: the same for a quote and for a token (A60).
pub(super) const fn instance_identity(subject: &Subject, revoked: bool) -> i8 {
    match subject {
        _ if revoked => CONTRAINDICATED,
        Subject::Enrolled { .. } => APPROVED,
        Subject::Vouched => 0,
    }
}

pub(super) fn vectors(
    evidence: &AuthenticEvidence<'_>,
    boot: &Boot,
    reasons: &[Reason],
    (boot_status, runtime_status): (Status, Status),
    golden: Option<&Golden>,
) -> Vectors {
    let revoked = reasons.iter().any(|reason| reason.code == Code::Revoked);
    let instance_identity = instance_identity(evidence.quote().subject(), revoked);
    let mut boot_vector = TrustVector { instance_identity, ..TrustVector::default() };
    if boot_status == Status::Contraindicated {
        (boot_vector.configuration, boot_vector.executables) = refused(reasons);
    } else {
        (boot_vector.configuration, boot_vector.executables) = (APPROVED, APPROVED_BOOT);
    }
    let mut runtime_vector = TrustVector { instance_identity, ..TrustVector::default() };
    match runtime_status {
        Status::None => {}
        Status::Contraindicated => {
            (runtime_vector.executables, runtime_vector.file_system) = (CONTRAINDICATED, CONTRAINDICATED);
        }
        Status::Warning => runtime_vector.executables = APPROVED_BOOT,
        Status::Affirming => {
            let measures = |golden| super::runtime::measures_everything(evidence, boot, golden);
            let proven = golden.is_some_and(measures);
            runtime_vector.executables = if proven { APPROVED } else { APPROVED_BOOT };
            runtime_vector.file_system = APPROVED;
        }
    }
    let mut whole = boot_vector;
    if runtime_status != Status::None {
        // 2 only if the boot affirms, too; a refused part is the whole's, and a refused boot refuses the runtime.
        whole.executables = match (boot_status, runtime_status) {
            (_, Status::Contraindicated) => CONTRAINDICATED,
            (Status::Affirming, Status::Affirming) => runtime_vector.executables,
            _ => APPROVED_BOOT,
        };
        whole.file_system = runtime_vector.file_system;
    }
    Vectors { whole, boot: boot_vector, runtime: runtime_vector }
}

/// Configuration and executables of a refused boot: what a finding names is refused, what none names keeps no claim. If none names
/// anything, both are refused.
fn refused(reasons: &[Reason]) -> (i8, i8) {
    let named: Vec<bool> = reasons
        .iter()
        .filter(|r| r.severity == Severity::Refuse && r.part == Part::Boot)
        .map(|r| r.component.as_deref().filter(|c| !matches!(*c, "log" | "userspace")))
        .map(|component| component.map(is_executable))
        .collect::<Option<Vec<bool>>>()
        .unwrap_or_default();
    let claim =
        |is_code: bool| if named.is_empty() || named.contains(&is_code) { CONTRAINDICATED } else { 0 };
    (claim(false), claim(true))
}

#[cfg(test)]
mod tests;
