//! Each token's own verdict, and what it does to that of the whole device.

use super::super::finding::{Part, Reason};
use super::super::status::{at_best, status};
use super::super::vector::{APPROVED, APPROVED_BOOT, CONTRAINDICATED};
use super::super::verdict::{Status, SubVerdict, TokenVerdict, TrustVector};
use super::{Judged, Tokens};

impl Tokens {
    /// Each token's own verdict, by the truth table of the parts.
    pub(in crate::appraise) fn verdicts(&self, reasons: &[Reason], identity: i8) -> Vec<TokenVerdict> {
        let at_best = at_best(reasons);
        let one = |judged: &Judged| {
            let is_own =
                |r: &&Reason| r.part == Part::Token && r.token.as_deref() == Some(judged.name.as_str());
            let worst = reasons.iter().filter(is_own).map(|reason| reason.severity).max();
            let status = status(at_best, worst, judged.has_golden);
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

/// AR4SI's claims with the values of a boot's (A60); 0 is no claim.
fn vector(judged: &Judged, status: Status, identity: i8) -> TrustVector {
    let if_judged = |is_judged: bool, claim: i8| if is_judged { claim } else { 0 };
    let (executables, hardware, configuration) = match status {
        Status::None => (0, 0, 0),
        Status::Contraindicated => {
            (CONTRAINDICATED, if_judged(judged.judges_hardware, CONTRAINDICATED), CONTRAINDICATED)
        }
        Status::Affirming | Status::Warning => (
            if_judged(judged.judges_software, APPROVED_BOOT),
            if_judged(judged.judges_hardware, APPROVED),
            APPROVED,
        ),
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
