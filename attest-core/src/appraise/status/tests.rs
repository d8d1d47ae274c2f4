//! Every row of the table, and what one part's findings do to another's.

use super::*;
use crate::appraise::finding::Code;

fn about(part: Part, severity: Severity) -> Reason {
    Reason::new(Code::LogFinding, severity, part, "")
}

#[test]
fn every_row_of_the_table() {
    use Severity::{Info, Refuse, Warn};
    let rows = [
        (None, false, Status::None),
        (Some(Info), false, Status::None),
        (Some(Warn), false, Status::None),
        (Some(Refuse), false, Status::Contraindicated),
        (None, true, Status::Affirming),
        (Some(Info), true, Status::Affirming),
        (Some(Warn), true, Status::Warning),
        (Some(Refuse), true, Status::Contraindicated),
    ];
    for (worst, is_judged, wanted) in rows {
        assert_eq!(status(Status::Affirming, worst, is_judged), wanted, "{worst:?} {is_judged}");
        let capped = if wanted == Status::Affirming { Status::Warning } else { wanted };
        assert_eq!(status(Status::Warning, worst, is_judged), capped, "{worst:?} {is_judged}");
        let refused = status(Status::Contraindicated, worst, is_judged);
        assert_eq!(refused, Status::Contraindicated, "{worst:?} {is_judged}");
    }
}

#[test]
fn what_refuses_the_evidence_refuses_boot_and_runtime() {
    let reasons = [about(Part::Evidence, Severity::Refuse)];
    assert_eq!(at_best(&reasons), Status::Contraindicated);
    assert_eq!(statuses(&reasons, true), (Status::Contraindicated, Status::Contraindicated));
    assert_eq!(statuses(&reasons, false), (Status::Contraindicated, Status::Contraindicated));
}

#[test]
fn a_warning_about_the_evidence_is_for_people() {
    let reasons = [about(Part::Evidence, Severity::Warn)];
    assert_eq!(at_best(&reasons), Status::Affirming);
    assert_eq!(statuses(&reasons, true), (Status::Affirming, Status::Affirming));
}

#[test]
fn what_bounds_the_whole_lowers_every_judged_part() {
    for code in Code::ALL.iter().copied().filter(|code| code.caps()) {
        let reasons = |severity, part| [Reason::new(code, severity, part, "")];
        let warns = reasons(Severity::Warn, Part::Evidence);
        assert_eq!(at_best(&warns), Status::Warning, "{code}");
        assert_eq!(statuses(&warns, true), (Status::Warning, Status::Warning), "{code}");
        assert_eq!(at_best(&reasons(Severity::Info, Part::Evidence)), Status::Affirming, "{code}");
        assert_eq!(at_best(&reasons(Severity::Warn, Part::Token)), Status::Affirming, "{code}");
    }
}

#[test]
fn runtime_is_never_better_than_the_boot() {
    let warned = [about(Part::Boot, Severity::Warn)];
    assert_eq!(statuses(&warned, true), (Status::Warning, Status::Warning));
    let refused = [about(Part::Boot, Severity::Refuse)];
    assert_eq!(statuses(&refused, true), (Status::Contraindicated, Status::Contraindicated));
    assert_eq!(statuses(&refused, false), (Status::Contraindicated, Status::None), "not judged says nothing");
}

#[test]
fn the_boot_does_not_fall_with_the_runtime_or_a_token() {
    for part in [Part::Runtime, Part::Token] {
        assert_eq!(statuses(&[about(part, Severity::Refuse)], true).0, Status::Affirming);
    }
}
