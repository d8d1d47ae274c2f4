//! The truth table: what findings come to.

use super::finding::{Part, Reason, Severity};
use super::verdict::Status;

/// The truth table of every part: the boot, the runtime, each token. `Warn` about the evidence or the golden values is for people and
/// lowers nothing, but for what bounds the whole by its nature (`Code::caps`); about a part it lowers the part.
///
/// | at best, by the evidence | worst about the part | golden values | status |
/// |---|---|---|---|
/// | contraindicated | any | any | contraindicated |
/// | any | refuse | any | contraindicated |
/// | any | – | no | none |
/// | warning | – | yes | warning |
/// | affirming | warn | yes | warning |
/// | affirming | – | yes | affirming |
pub(super) const fn status(at_best: Status, worst: Option<Severity>, is_judged: bool) -> Status {
    match (at_best, worst, is_judged) {
        (Status::Contraindicated, ..) | (_, Some(Severity::Refuse), _) => Status::Contraindicated,
        (_, _, false) => Status::None,
        (Status::Warning, _, true) | (_, Some(Severity::Warn), true) => Status::Warning,
        (_, Some(Severity::Info) | None, true) => Status::Affirming,
    }
}

/// The best that any part can be, by what is found about the evidence as a whole and about the golden values.
pub(super) fn at_best(reasons: &[Reason]) -> Status {
    let caps = |reason: &Reason| reason.severity == Severity::Warn && reason.code.caps();
    match worst(reasons, Part::Evidence) {
        Some(Severity::Refuse) => Status::Contraindicated,
        _ if reasons.iter().any(|reason| reason.part == Part::Evidence && caps(reason)) => Status::Warning,
        _ => Status::Affirming,
    }
}

/// The statuses of boot and runtime.
pub(super) fn statuses(reasons: &[Reason], ima_is_golden: bool) -> (Status, Status) {
    let at_best = at_best(reasons);
    let boot = status(at_best, worst(reasons, Part::Boot), true);
    let runtime = status(at_best, worst(reasons, Part::Runtime), ima_is_golden);
    // Runtime is never better than the boot that it stands on.
    (boot, if runtime == Status::None { runtime } else { runtime.worst(boot) })
}

fn worst(reasons: &[Reason], part: Part) -> Option<Severity> {
    reasons.iter().filter(|reason| reason.part == part).map(|reason| reason.severity).max()
}

#[cfg(test)]
mod tests;
