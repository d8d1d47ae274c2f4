//! Boots that are not known to be good: a log that would refuse the device, and a weakness that nobody accepted.

use super::super::component;
use super::{Boot, Choices, Error};
use crate::authenticate::ima::{BootAggregate, ToldAggregate, Unproven};
use crate::authenticate::replay::Replay;
use crate::evidence::tcg_event::SecureBootState;
use crate::evidence::tcg_log::{Event, EventLog, Finding};
use crate::evidence::{Severity, UserspaceLog};

pub(super) fn refuse_findings(boot: &Boot<'_, '_>) -> Result<(), Error> {
    let refused = |code, detail: String, event| {
        Err(Error::LogRefused { boot: boot.name.to_owned(), code, detail, event })
    };
    let told = boot.userspace.map(UserspaceLog::findings).unwrap_or_default();
    if let Some(finding) = told.iter().find(|finding| finding.severity() == Severity::Refuse) {
        return refused(finding.code(), finding.kind.to_string(), finding.record);
    }
    let refuses = |finding: &&Finding| finding.severity() == Severity::Refuse;
    match boot.log.findings().iter().find(refuses) {
        None => Ok(()),
        Some(finding) => refused(finding.code(), finding.kind.to_string(), finding.event),
    }
}

/// The list says itself which boot it is of: the digest of the registers as the kernel found them (Linux, ima_calc_boot_aggregate).
pub(super) fn refuse_list(boot: &Boot<'_, '_>) -> Result<(), Error> {
    match boot_aggregate(boot) {
        Some(BootAggregate::Mismatch { expected, got, .. }) => {
            let (expected, got) = (Box::new(expected), Box::new(got));
            Err(Error::ListOfAnotherBoot { boot: boot.name.to_owned(), expected, got })
        }
        Some(BootAggregate::Match { .. } | BootAggregate::Unproven(_)) | None => Ok(()),
    }
}

/// Why a boot's IMA list does not say that it is of this boot, if there is one that does not.
#[must_use]
pub fn list_doubt(boot: &Boot<'_, '_>) -> Option<Unproven> {
    match boot_aggregate(boot)? {
        BootAggregate::Unproven(why) => Some(why),
        BootAggregate::Match { .. } | BootAggregate::Mismatch { .. } => None,
    }
}

fn boot_aggregate(boot: &Boot<'_, '_>) -> Option<BootAggregate> {
    let told = boot.files?.boot_aggregate;
    let ToldAggregate::Digest(digest) = told else { return Some(told.check(|_, _| None)) };
    let replay = Replay::in_banks(boot.log, |alg| alg == digest.alg());
    let value = |alg, pcr| {
        let is_untold = replay.positions(pcr).is_empty() && replay.banks().next().is_some();
        replay.value(alg, pcr).or_else(|| is_untold.then(|| replay.reset_value(alg, pcr)))
    };
    Some(told.check(value))
}

pub(super) fn refuse_weakness(boot: &Boot<'_, '_>, choices: &Choices) -> Result<(), Error> {
    for weakness in weaknesses(boot.log) {
        if choices.accepted.iter().all(|accepted| accepted.weakness != weakness) {
            return Err(Error::WeaknessNotAccepted { boot: boot.name.to_owned(), weakness });
        }
    }
    Ok(())
}

/// Weaknesses that the log itself shows.
fn weaknesses(log: &EventLog<'_>) -> Vec<&'static str> {
    let mut found = Vec::new();
    if crate::evidence::tcg_event::secure_boot(log) != Some(true) {
        found.push("secure_boot_off");
    }
    let names = component::names(log);
    let is_validation_state = |(event, name): (&Event<'_>, &String)| {
        event.pcr == 14 && event.is_extended() && name == "mok.validation_state"
    };
    if log.events().iter().zip(&names).any(is_validation_state) {
        found.push("shim_validation_off");
    }
    if SecureBootState::of(log).may_hold_test_keys() {
        found.push("test_keys");
    }
    found
}
