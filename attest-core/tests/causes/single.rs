//! One change is one cause.

use attest_core::appraise::{Cause, Status};

use super::boot::{Boot, Way, golden, named};
use super::edits::{Does, EDITS, Edit};
use super::judge::judge;

pub fn ways(edit: &Edit) -> Vec<Way> {
    [Way::Grub, Way::Uki].into_iter().filter(|way| edit.way.is_none_or(|only| only == *way)).collect()
}

#[test]
fn the_good_boot_is_affirmed() {
    for way in [Way::Grub, Way::Uki] {
        let verdict = judge(&Boot::good(way).device(), &golden(way));
        assert_eq!(verdict.status, Status::Affirming, "{way:?}: {verdict:#?}");
        assert!(
            verdict.causes.is_empty() && verdict.comparison.is_empty() && verdict.first_difference.is_none()
        );
    }
}

#[test]
fn each_change_is_named() {
    let mut wrong = Vec::new();
    for edit in EDITS {
        for way in ways(edit) {
            let mut boot = Boot::good(way);
            if let Does::Boot(change) = edit.does {
                change(&mut boot);
            }
            let mut device = boot.device();
            if let Does::Device(change) = edit.does {
                change(&mut device);
            }
            let verdict = judge(&device, &golden(way));
            assert_eq!(verdict.status, Status::Contraindicated, "{}", edit.name);
            let component =
                verdict.causes.first().and_then(|root| root.component.clone()).unwrap_or_default();
            let expected: Vec<_> =
                edit.first.map(|first| (first, None)).into_iter().chain([(edit.cause, edit.or)]).collect();
            if named(&verdict) != expected || component != edit.component {
                wrong.push(format!("{} ({way:?}): {:#?}", edit.name, verdict.causes));
            }
        }
    }
    assert!(wrong.is_empty(), "{} wrong: {}", wrong.len(), wrong.join("\n"));
}

/// Whatever a register is for, an extend that no log tells is one.
#[test]
fn an_unlogged_extension_in_each_register() {
    for way in [Way::Grub, Way::Uki] {
        let golden = golden(way);
        for pcr in (0..=15).filter(|pcr| *pcr != 10) {
            let mut device = Boot::good(way).device();
            device.extend(pcr, b"nobody logged this");
            let verdict = judge(&device, &golden);
            let expected = [(Cause::UnloggedExtension, Some(Cause::LogIncomplete))];
            assert_eq!(named(&verdict), expected, "PCR {pcr} {way:?}: {:#?}", verdict.causes);
            assert_eq!(verdict.causes[0].pcr, Some(pcr.into()));
        }
    }
}
