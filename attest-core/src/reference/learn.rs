//! A draft golden document from known-good boots. A draft: people review it, and it is never trusted in silence.

mod doubts;
mod error;
mod measured;
mod rules;

pub use doubts::list_doubt;
pub use error::Error;
pub use measured::{Measured, files_of, ima_files};
pub use rules::{Advice, Proposal, proposals};

use super::component;
use super::golden::{
    Accepted, Evidence, Golden, ImaSigner, NotJudged, Order, Rule, RuleKind, Sequence, Slot, Variant,
    in_variant, may_be_judged,
};
use super::overlay::OverlaySigner;
use crate::digest::{Digest, HashAlg};
use crate::evidence::cel::Record;
use crate::evidence::tcg_log::{Event, EventLog};
use crate::evidence::{Extend, UserspaceLog};
use doubts::{refuse_findings, refuse_list, refuse_weakness};
use rules::Rules;

/// PCRs judged unless told otherwise: the firmware's, and shim's. 11–13 and 15 are added where they have events.
const ALWAYS: [u8; 11] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 14];
const WHERE_USED: [u8; 3] = [11, 12, 13];
/// Extended by user space alone: judged where its log tells of it.
const WHERE_TOLD: u8 = 15;

/// One known-good boot.
#[derive(Clone, Copy, Debug)]
pub struct Boot<'b, 'a> {
    /// What to call it: the name of its variant.
    pub name: &'b str,
    /// Its firmware log.
    pub log: &'b EventLog<'a>,
    /// Its log of user space, if there is one.
    pub userspace: Option<&'b UserspaceLog>,
    /// Whether a quote vouches for the log.
    pub evidence: Evidence,
    /// What IMA measured, if the list is given.
    pub files: Option<&'b Measured>,
}

/// What a person decided.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Choices {
    /// PCRs not to judge, each with a reason.
    pub not_judged: Vec<NotJudged>,
    /// Weaknesses to accept, each with a reason.
    pub accepted: Vec<Accepted>,
    /// Keys whose signature accounts for a file.
    pub signers: Vec<ImaSigner>,
    /// Rules to write for the slots that they may own.
    pub rules: Vec<RuleKind>,
    /// Components whose slots are marked as per_device.
    pub per_device: Vec<String>,
    /// Who may sign overlays.
    pub overlay_signers: Vec<OverlaySigner>,
}

/// Makes a draft: each distinct value of PCR 0–3, 6 and 7 becomes an alternative, each distinct boot a variant.
///
/// # Errors
/// [`Error`]: nothing is learned from a log that would be refused, and no weakness is accepted in silence.
pub fn learn(family: &str, boots: &[Boot<'_, '_>], choices: &Choices) -> Result<Golden, Error> {
    let banks = common_banks(boots)?;
    for boot in boots {
        refuse_findings(boot)?;
        refuse_weakness(boot, choices)?;
        refuse_list(boot)?;
    }
    let judged = judged(boots, choices);
    let mut golden = Golden {
        family: family.to_owned(),
        description: None,
        banks,
        not_judged: not_judged(&judged, choices),
        judged,
        accepted: choices.accepted.clone(),
        workarounds: Vec::new(),
        sequences: Vec::new(),
        variants: Vec::new(),
        superseded: Vec::new(),
        ima: None,
        overlay_signers: choices.overlay_signers.clone(),
        tokens: Vec::new(),
    };
    let names: Vec<Vec<String>> = boots.iter().map(|boot| component::names(boot.log)).collect();
    let rules = Rules::new(boots, &names, &golden.banks, choices)?;
    for (boot, names) in boots.iter().zip(&names) {
        add(&mut golden, boot, names, &rules)?;
    }
    golden.sequences.sort_by_key(|s| s.pcr);
    golden.ima = measured::golden(boots, &golden, choices);
    golden.validate()?;
    Ok(golden)
}

/// The banks that a draft from these boots lets judge, weakest first: above SHA-1, and complete in every log.
///
/// # Errors
/// [`Error::NoBoot`] or [`Error::BanksDisjoint`].
pub fn common_banks(boots: &[Boot<'_, '_>]) -> Result<Vec<HashAlg>, Error> {
    let first = boots.first().ok_or(Error::NoBoot)?;
    let in_all = |alg: &HashAlg| boots.iter().all(|boot| boot.log.banks().contains(alg));
    let strong = |alg: &HashAlg| alg.strength() > 0;
    // A bank counts only where every extend has its digest: the firmware then extended it.
    let complete = |alg: &HashAlg| {
        boots
            .iter()
            .all(|b| b.log.events().iter().filter(|e| e.is_extended()).all(|e| e.digest(*alg).is_some()))
            && boots.iter().all(|b| (0..16).flat_map(|pcr| b.records(pcr)).all(|r| r.digest(*alg).is_some()))
    };
    let mut banks: Vec<HashAlg> = first.log.banks().to_vec();
    banks.retain(|alg| strong(alg) && in_all(alg) && complete(alg));
    banks.sort_by_key(|alg| alg.strength());
    if banks.is_empty() { Err(Error::BanksDisjoint) } else { Ok(banks) }
}

impl<'b> Boot<'b, '_> {
    /// What user space extended a PCR with, in order.
    fn records(&self, pcr: u8) -> impl Iterator<Item = &'b Record> {
        self.userspace.into_iter().flat_map(move |log| log.extends(pcr))
    }
}

/// The PCRs that a draft from these boots judges, ascending. A quote vouches for a boot if it covers all of them.
#[must_use]
pub fn judged(boots: &[Boot<'_, '_>], choices: &Choices) -> Vec<u8> {
    let used = |pcr: &u8| {
        let extends = |e: &Event<'_>| e.is_extended() && e.pcr == u32::from(*pcr);
        boots.iter().any(|boot| boot.log.events().iter().any(extends) || boot.records(*pcr).next().is_some())
    };
    // What nobody's log tells of in PCR 15 cannot be judged; what some good boots lack is a sequence of nothing.
    let told = boots.iter().any(|boot| boot.records(WHERE_TOLD).next().is_some());
    let mut judged: Vec<u8> = ALWAYS.into_iter().chain(WHERE_USED.into_iter().filter(used)).collect();
    judged.extend(told.then_some(WHERE_TOLD));
    judged.retain(|pcr| choices.not_judged.iter().all(|not| not.pcr != *pcr));
    judged.sort_unstable();
    judged
}

/// Every PCR that is left out has a reason in the document.
fn not_judged(judged: &[u8], choices: &Choices) -> Vec<NotJudged> {
    let reason = |pcr: u8| match pcr {
        10 => "IMA's: judged by [ima], if at all".to_owned(),
        11..=13 => "no events in the known-good boots".to_owned(),
        _ => "extended by user space, whose log is not judged".to_owned(),
    };
    let chosen = |pcr: u8| choices.not_judged.iter().find(|not| not.pcr == pcr).map(|not| not.reason.clone());
    let left_out = (0..=15).filter(|pcr| !judged.contains(pcr));
    left_out.map(|pcr| NotJudged { pcr, reason: chosen(pcr).unwrap_or_else(|| reason(pcr)) }).collect()
}

fn add(golden: &mut Golden, boot: &Boot<'_, '_>, names: &[String], rules: &Rules<'_>) -> Result<(), Error> {
    let mut sequences = Vec::new();
    for pcr in golden.judged.clone().into_iter().filter(|pcr| may_be_judged(*pcr)) {
        let sequence = sequence(pcr, boot, names, &golden.banks, Some(rules));
        if in_variant(pcr) {
            sequences.push(sequence);
        } else if golden.sequences.iter().all(|known| !known.same_values(&sequence)) {
            golden.sequences.push(Sequence { name: unique_name(golden, pcr, boot.name), ..sequence });
        }
    }
    measured_by(&mut sequences, boot)?;
    let known = golden.variants.iter().any(|variant| {
        variant.sequences.len() == sequences.len()
            && variant.sequences.iter().zip(&sequences).all(|(a, b)| a.same_values(b))
    });
    if !known {
        let mut name = boot.name.to_owned();
        while golden.variants.iter().any(|variant| variant.name == name) {
            name.push('+');
        }
        golden.variants.push(Variant {
            name,
            evidence: boot.evidence,
            based_on: None,
            replace: Vec::new(),
            sequences,
        });
    }
    Ok(())
}

fn unique_name(golden: &Golden, pcr: u8, name: &str) -> String {
    let mut name = name.to_owned();
    while golden.sequences.iter().any(|s| s.pcr == pcr && s.name == name) {
        name.push('+');
    }
    name
}

fn sequence(
    pcr: u8,
    boot: &Boot<'_, '_>,
    names: &[String],
    banks: &[HashAlg],
    rules: Option<&Rules<'_>>,
) -> Sequence {
    let events = boot.log.events().iter().zip(names);
    let events = events.filter(|(event, _)| event.is_extended() && event.pcr == u32::from(pcr));
    let firmware = events.map(|(event, name)| slot(Extend::Firmware(event), name, banks, rules));
    let userspace = boot
        .records(pcr)
        .map(|record| slot(Extend::Userspace(record), component::of_record(record), banks, rules));
    let slots = without_failed_exits(firmware.chain(userspace).collect());
    Sequence {
        pcr,
        name: String::new(),
        evidence: boot.evidence,
        startup_locality: if pcr == 0 { boot.log.startup_locality().unwrap_or(0) } else { 0 },
        order: Order::Fixed,
        measured_by: None,
        slots: rules::once(slots),
    }
}

/// Leaves out what [`Rule::ExitBootServicesRepeat`] excuses: each invocation with its failure right before another invocation.
fn without_failed_exits(slots: Vec<Slot>) -> Vec<Slot> {
    let failed = |digest: &Digest| *digest == digest.alg().hash(&[Rule::EXIT_BOOT_SERVICES_FAILED]);
    let mut kept: Vec<Slot> = Vec::new();
    for slot in slots {
        if let [.., call, failure] = kept.as_slice()
            && slot.rule == Some(Rule::ExitBootServicesRepeat)
            && call.rule == slot.rule
            && call.digests == slot.digests
            && failure.digests.iter().all(failed)
        {
            kept.truncate(kept.len().saturating_sub(2));
        }
        kept.push(slot);
    }
    kept
}

fn slot(event: Extend<'_, '_>, name: &str, banks: &[HashAlg], rules: Option<&Rules<'_>>) -> Slot {
    Slot {
        component: name.to_owned(),
        digests: banks.iter().filter_map(|bank| event.typed_digest(*bank)).collect(),
        about: component::about_extend(event),
        rule: rules.and_then(|rules| rules.of(event, name, banks)),
    }
}

/// Who extends PCR 8–15: the image of PCR 4 whose business it is.
fn measured_by(sequences: &mut [Sequence], boot: &Boot<'_, '_>) -> Result<(), Error> {
    let pcr4 = sequences.iter().find(|s| s.pcr == 4);
    let images: Vec<String> =
        pcr4.map(|s| s.slots.iter().map(|slot| slot.component.clone()).collect()).unwrap_or_default();
    let first_of =
        |wanted: &[&str]| wanted.iter().find(|w| images.iter().any(|i| i == *w)).map(|w| (*w).to_owned());
    for sequence in sequences.iter_mut().filter(|s| s.pcr >= 8 && !s.slots.is_empty()) {
        let image = match sequence.pcr {
            8 => first_of(&["boot_loader.grub", "boot_loader.systemd_boot", "boot_loader"]),
            9 if sequence
                .slots
                .iter()
                .any(|s| s.component.starts_with("grub.") || s.component == "kernel.file") =>
            {
                first_of(&["boot_loader.grub"])
            }
            9 => first_of(&["kernel", "uki", "boot_loader.grub", "boot_loader.systemd_boot"]),
            // What user space alone extends, the image that starts it extends: its initrd is judged with it.
            11..=13 | 15 if boot.records(sequence.pcr).count() == sequence.slots.len() => {
                first_of(&["uki", "boot_loader.systemd_boot", "kernel"])
            }
            11..=13 => first_of(&["uki", "boot_loader.systemd_boot"]),
            14 => first_of(&["boot_loader.shim"]),
            _ => None,
        };
        let nobody = || Error::NobodyMeasures { boot: boot.name.to_owned(), pcr: sequence.pcr };
        sequence.measured_by = Some(image.ok_or_else(nobody)?);
    }
    Ok(())
}

impl Sequence {
    /// Whether both account for the same extends.
    fn same_values(&self, other: &Self) -> bool {
        // Where a rule with values or an overlay decides, the digests only say from what was learned.
        let is_free = |rule: &Option<Rule>| matches!(rule, Some(Rule::Values(_) | Rule::PerDevice));
        let same = |(a, b): (&Slot, &Slot)| a.rule == b.rule && (is_free(&a.rule) || a.digests == b.digests);
        self.pcr == other.pcr
            && self.startup_locality == other.startup_locality
            && self.slots.len() == other.slots.len()
            && self.slots.iter().zip(&other.slots).all(same)
    }
}
