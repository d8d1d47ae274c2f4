//! The truth table: what findings come to.

use super::finding::{Part, Reason, Severity};
use super::verdict::Status;

/// The truth table of every part: the boot, the runtime, each token. `Warn` about the evidence or the golden values is for people and
/// lowers nothing; about a part it lowers the part.
///
/// | worst about evidence | worst about the part | golden values | status |
/// |---|---|---|---|
/// | refuse | any | any | contraindicated |
/// | – | refuse | any | contraindicated |
/// | – | – | no | none |
/// | – | warn | yes | warning |
/// | – | – | yes | affirming |
pub(super) const fn status(evidence_refuses: bool, worst: Option<Severity>, is_judged: bool) -> Status {
    match (evidence_refuses, worst, is_judged) {
        (true, ..) | (_, Some(Severity::Refuse), _) => Status::Contraindicated,
        (_, _, false) => Status::None,
        (_, Some(Severity::Warn), true) => Status::Warning,
        (_, Some(Severity::Info) | None, true) => Status::Affirming,
    }
}

/// Whether the evidence as a whole is refused, and so every part of it.
pub(super) fn evidence_refuses(reasons: &[Reason]) -> bool {
    worst(reasons, Part::Evidence) == Some(Severity::Refuse)
}

/// The statuses of boot and runtime.
pub(super) fn statuses(reasons: &[Reason], ima_is_golden: bool) -> (Status, Status) {
    let refuses = evidence_refuses(reasons);
    let boot = status(refuses, worst(reasons, Part::Boot), true);
    let runtime = status(refuses, worst(reasons, Part::Runtime), ima_is_golden);
    // Runtime is never better than the boot that it stands on.
    (boot, if runtime == Status::None { runtime } else { runtime.worst(boot) })
}

fn worst(reasons: &[Reason], part: Part) -> Option<Severity> {
    reasons.iter().filter(|reason| reason.part == part).map(|reason| reason.severity).max()
}

#[cfg(test)]
mod tests;
