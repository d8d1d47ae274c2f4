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
        assert_eq!(status(false, worst, is_judged), wanted, "{worst:?} {is_judged}");
        assert_eq!(status(true, worst, is_judged), Status::Contraindicated, "{worst:?} {is_judged}");
    }
}

#[test]
fn what_refuses_the_evidence_refuses_boot_and_runtime() {
    let reasons = [about(Part::Evidence, Severity::Refuse)];
    assert!(evidence_refuses(&reasons));
    assert_eq!(statuses(&reasons, true), (Status::Contraindicated, Status::Contraindicated));
    assert_eq!(statuses(&reasons, false), (Status::Contraindicated, Status::Contraindicated));
}

#[test]
fn a_warning_about_the_evidence_is_for_people() {
    let reasons = [about(Part::Evidence, Severity::Warn)];
    assert!(!evidence_refuses(&reasons));
    assert_eq!(statuses(&reasons, true), (Status::Affirming, Status::Affirming));
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
