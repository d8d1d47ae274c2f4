//! Each token's own verdict, and what it does to that of the whole device.

use super::super::finding::{Part, Reason};
use super::super::status::{evidence_refuses, status};
use super::super::verdict::{Status, SubVerdict, TokenVerdict, TrustVector};
use super::{Judged, Tokens};

impl Tokens {
    /// Each token's own verdict, by the truth table of the parts.
    pub(in crate::appraise) fn verdicts(&self, reasons: &[Reason], identity: i8) -> Vec<TokenVerdict> {
        let evidence_refuses = evidence_refuses(reasons);
        let one = |judged: &Judged| {
            let is_own =
                |r: &&Reason| r.part == Part::Token && r.token.as_deref() == Some(judged.name.as_str());
            let worst = reasons.iter().filter(is_own).map(|reason| reason.severity).max();
            let status = status(evidence_refuses, worst, judged.has_golden);
            TokenVerdict {
                name: judged.name.clone(),
                profile: judged.profile,
                nonce: judged.nonce.clone(),
                verdict: SubVerdict { status, trust_vector: vector(judged, status, identity) },
            }
        };
        self.judged.iter().map(one).collect()
    }
}

/// AR4SI's claims as for a boot (A60): 2 and 3 are approved, 96 contraindicated, 0 is no claim.
fn vector(judged: &Judged, status: Status, identity: i8) -> TrustVector {
    let (executables, hardware, configuration) = match status {
        Status::None => (0, 0, 0),
        Status::Contraindicated => (96, if judged.judges_hardware { 96 } else { 0 }, 96),
        Status::Affirming | Status::Warning => {
            (if judged.judges_software { 3 } else { 0 }, if judged.judges_hardware { 2 } else { 0 }, 2)
        }
    };
    TrustVector {
        instance_identity: identity,
        configuration,
        executables,
        hardware,
        ..TrustVector::default()
    }
}

/// The whole device's claims: of two parts that make a claim, the worse one counts.
pub(in crate::appraise) fn worse(whole: TrustVector, part: TrustVector) -> TrustVector {
    TrustVector {
        instance_identity: whole.instance_identity.max(part.instance_identity),
        configuration: whole.configuration.max(part.configuration),
        executables: whole.executables.max(part.executables),
        file_system: whole.file_system.max(part.file_system),
        runtime_opaque: whole.runtime_opaque.max(part.runtime_opaque),
        hardware: whole.hardware.max(part.hardware),
    }
}
