//! Two changes are two causes: neither hides the other.

use attest_core::appraise::{Cause, Verdict};

use super::boot::{Boot, Way, golden};
use super::edits::{Does, EDITS, Edit};
use super::judge::{Sent, context};
use super::single::ways;
use attest_core::appraise::Policy;
use attest_core::reference::ReferenceSet;

/// Changes of which one cannot be made where the other is, or that are one change.
const NOT_TOGETHER: &[(&str, &str)] = &[
    ("firmware updated", "firmware rebuilt"),
    ("firmware updated", "one volume"),
    ("firmware rebuilt", "one volume"),
    ("Secure Boot off", "setup mode"),
    ("Secure Boot off", "SBAT"),
    ("setup mode", "SBAT"),
    ("setup mode", "PK"),
    ("setup mode", "KEK"),
    ("setup mode", "db"),
    ("setup mode", "dbx"),
    ("option ROM changed", "option ROM removed"),
    ("option ROM changed", "option ROM added"),
    ("option ROM added", "option ROM removed"),
    ("kernel newer", "kernel rollback"),
    ("kernel newer", "kernel upgrade"),
    ("kernel rollback", "kernel upgrade"),
    ("boot order", "boot entry added"),
];

/// Changes whose second one leaves nothing of the first: a register that lost an event and was extended, a list that proves nothing.
const NOTHING_TELLS: &[(&str, &str)] =
    &[("option ROM removed", "PCR 2 extended"), ("file changed", "list cut"), ("unknown file", "list cut")];

fn together(one: &Edit, other: &Edit) -> bool {
    !NOT_TOGETHER
        .iter()
        .chain(NOTHING_TELLS)
        .any(|(a, b)| (*a, *b) == (one.name, other.name) || (*b, *a) == (one.name, other.name))
}

/// Where the cause is told: as one, as what another cannot be told from, or as what could hide behind another.
fn is_told(verdict: &Verdict, cause: Cause) -> bool {
    let told = |root: &attest_core::appraise::RootCause| {
        root.cause == cause || root.or == Some(cause) || root.perhaps.contains(&cause)
    };
    verdict.causes.iter().any(told)
}

#[test]
fn all_pairs() {
    let references = [Way::Grub, Way::Uki].map(|way| (way, ReferenceSet::development(golden(way)).unwrap()));
    let (mut wrong, mut judged, mut hiding) = (Vec::new(), 0, Vec::new());
    for (at, one) in EDITS.iter().enumerate() {
        for other in EDITS.iter().skip(at + 1).filter(|other| together(one, other)) {
            for way in ways(one).into_iter().filter(|way| ways(other).contains(way)) {
                let mut boot = Boot::good(way);
                // The file list is cut last, and Secure Boot is switched off last: both look at all that is there.
                for edit in [one, other] {
                    if let Does::Boot(change) = edit.does {
                        change(&mut boot);
                    }
                }
                let mut device = boot.device();
                for edit in [other, one] {
                    if let Does::Device(change) = edit.does {
                        change(&mut device);
                    }
                }
                let references = &references.iter().find(|(known, _)| *known == way).unwrap().1;
                let verdict = Sent::by(&device).judge_by(references, &Policy::default(), &context());
                judged += 1;
                let named = |cause: Cause| verdict.causes.iter().any(|root| root.cause == cause);
                if !named(one.cause) || !named(other.cause) {
                    hiding.push(format!("{} + {}", one.name, other.name));
                }
                let expected = [one, other].map(|e| [Some(e.cause), e.or, e.first]).concat();
                let blamed = verdict.causes.iter().find(|root| !expected.contains(&Some(root.cause)));
                if !is_told(&verdict, one.cause) || !is_told(&verdict, other.cause) || blamed.is_some() {
                    let causes: Vec<String> = verdict
                        .causes
                        .iter()
                        .map(|r| {
                            format!("{} or {:?} {:?} perhaps {:?}", r.cause, r.or, r.component, r.perhaps)
                        })
                        .collect();
                    wrong.push(format!("{} + {} ({way:?}): {causes:#?}", one.name, other.name));
                }
            }
        }
    }
    hiding.sort();
    hiding.dedup();
    // Firmware, boot loader, command line and image change what they measure: what else changed there, nothing tells.
    assert!(hiding.len() < 25, "{hiding:#?}");
    assert!(judged > 900, "{judged}");
    assert!(wrong.is_empty(), "{} of {judged} wrong: {}", wrong.len(), wrong.join("\n"));
}
